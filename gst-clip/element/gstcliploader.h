/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstcliploader.h: the thread that makes what frames need: it opens the engine,
 * encodes prompt sets, and rebuilds both after the device was lost.
 *
 * Its lock is never held while the engine works or a message is posted, so that setters and
 * the streaming thread only ever wait for each other's few instructions.
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

typedef struct _GstClipLoader GstClipLoader;

/** GstClipTexts: what a frame is encoded with. Clear with gst_clip_texts_clear(). */
typedef struct {
  ClipEngine *engine;  /* NULL: not open (yet, or the device was lost) */
  ClipTexts *texts;    /* NULL: no prompts, or not encoded yet */
  ClipScoring scoring; /* the one that @texts were made for */
  guint serial;
} GstClipTexts;

void gst_clip_texts_clear (GstClipTexts *texts);

/**
 * GstClipLoaderFuncs: called from the loader's thread, without locks.
 * @in_force: frames are taken with the prompts of @serial from now on; their message comes when this
 *   returns. @count: labels of them
 * @emptied: after that message, where there are no labels
 */
typedef struct {
  void (*in_force) (guint serial, guint count, gpointer data);
  void (*emptied) (guint serial, gpointer data);
} GstClipLoaderFuncs;

/** gst_clip_loader_new: @element: (borrowed): source of the messages; must outlive the loader. */
GstClipLoader *gst_clip_loader_new (GstElement *element, const GstClipLoaderFuncs *funcs,
                                    gpointer data);
void gst_clip_loader_free (GstClipLoader *loader);

/** gst_clip_loader_start: starts the thread, which opens the engine and then encodes what
 * gst_clip_loader_request() asked for last. Strings are copied. */
void gst_clip_loader_start (GstClipLoader *loader, const ClipEngineConfig *config);

/** gst_clip_loader_cancel: makes the thread leave what it does and wakes whoever waits; does
 * not block. Until the next start. */
void gst_clip_loader_cancel (GstClipLoader *loader);

/** gst_clip_loader_stop: cancels, joins the thread and drops engine and texts. */
void gst_clip_loader_stop (GstClipLoader *loader);

/**
 * gst_clip_loader_request: this set is wanted from now on; requests that come faster than
 * texts can be encoded are skipped but for the last. Thread: any; does not block.
 * @prompts, @negatives: (nullable) (transfer none)
 */
void gst_clip_loader_request (GstClipLoader *loader, ClipPromptSet *prompts,
                              ClipPromptSet *negatives, ClipScoring scoring, guint serial);

/**
 * gst_clip_loader_set_regions, gst_clip_loader_set_frame_side: whether regions of frames are encoded, and the
 * longer side of these, 0 while it is not known. The thread then makes what the engine needs for regions of
 * all sizes: before the first set is in force, where it is told in time. Thread: any; do not block.
 */
void gst_clip_loader_set_regions (GstClipLoader *loader, gboolean wanted);
void gst_clip_loader_set_frame_side (GstClipLoader *loader, guint side);

/** gst_clip_loader_set_flushing: while TRUE, gst_clip_loader_wait() returns at once. */
void gst_clip_loader_set_flushing (GstClipLoader *loader, gboolean flushing);

/**
 * gst_clip_loader_wait: blocks until the first set is in force (or there is none to encode).
 * Returns: GST_FLOW_FLUSHING when flushing or cancelled meanwhile; GST_FLOW_ERROR after an
 * error was posted.
 */
GstFlowReturn gst_clip_loader_wait (GstClipLoader *loader);

/** GstClipLoaderState: @WITHOUT: no texts (yet) to encode frames with; @FAILED: an error was posted */
typedef enum {
  GST_CLIP_LOADER_WITHOUT,
  GST_CLIP_LOADER_READY,
  GST_CLIP_LOADER_FAILED,
} GstClipLoaderState;

/** gst_clip_loader_state: what gst_clip_loader_get() would find, without its locks and references. */
GstClipLoaderState gst_clip_loader_state (GstClipLoader *loader);

/** gst_clip_loader_get: what is in force now. @texts: (out): both may be NULL.
 * Returns: GST_FLOW_ERROR after an error was posted. */
GstFlowReturn gst_clip_loader_get (GstClipLoader *loader, GstClipTexts *texts);

/**
 * gst_clip_loader_device_lost: @engine answered CLIP_GPU_ERROR_DEVICE_LOST. The first time a
 * warning is posted and the engine is rebuilt; a second time within a minute is an error.
 */
void gst_clip_loader_device_lost (GstClipLoader *loader, ClipEngine *engine, const GError *error);

G_END_DECLS
