/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipencoder.h: one stream's frames through the engine: in the streaming
 * thread's own time (in-step), or in a thread that takes a frame whenever it is idle (latest).
 */
#pragma once

#include <gst/video/video.h>
#include "gst-clip/element/gstcliploader.h"
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

typedef struct _GstClipEncoder GstClipEncoder;

/** GstClipFrame: what goes with a frame's pixels. Clear with gst_clip_texts_clear (&texts). */
typedef struct {
  GstClipTexts texts; /* whole: engine and texts */
  GstClipScoreParams params;
  GstClipFrameContext context;
} GstClipFrame;

/**
 * GstClipEncoderFuncs: called without any lock, from the thread that encoded.
 * @done: a result that was not discarded
 * @failed: @engine could not encode a frame, or has no memory for one
 */
typedef struct {
  void (*done) (GstClipResult *result, const ClipJobTimes *times, gpointer data);
  void (*failed) (ClipEngine *engine, const GError *error, gpointer data);
} GstClipEncoderFuncs;

/** gst_clip_encoder_new: @element: (borrowed): gives its name to results. */
GstClipEncoder *gst_clip_encoder_new (GstElement *element, const GstClipEncoderFuncs *funcs,
                                      gpointer data);
void gst_clip_encoder_free (GstClipEncoder *encoder);

/** gst_clip_encoder_start: makes it usable after a cancel. */
void gst_clip_encoder_start (GstClipEncoder *encoder);
/** gst_clip_encoder_cancel: wakes whoever drains; does not block. */
void gst_clip_encoder_cancel (GstClipEncoder *encoder);
/** gst_clip_encoder_stop: cancels, waits for the running encoding, frees staging memory. */
void gst_clip_encoder_stop (GstClipEncoder *encoder);

/** gst_clip_encoder_set_info: frames look like this from now on; discards. */
void gst_clip_encoder_set_info (GstClipEncoder *encoder, const ClipFrameInfo *info);

/**
 * gst_clip_encoder_encode: in-step: blocks until @buffer is encoded.
 * @frame: (transfer full)
 * @unreadable: (out): the buffer could not be mapped
 * Returns: (transfer full) (nullable): NULL after a failure, or when discarded meanwhile.
 */
GstClipResult *gst_clip_encoder_encode (GstClipEncoder *encoder, GstClipFrame *frame,
                                        GstBuffer *buffer, const GstVideoInfo *video,
                                        gboolean *unreadable);

/**
 * gst_clip_encoder_offer: latest: takes the pixels of @buffer if the thread is idle, and
 * returns at once in any case.
 * @frame: (transfer full)
 * @unreadable: (out): the buffer could not be mapped
 */
void gst_clip_encoder_offer (GstClipEncoder *encoder, GstClipFrame *frame, GstBuffer *buffer,
                             const GstVideoInfo *video, gboolean *unreadable);

/** gst_clip_encoder_newest: (transfer full) (nullable) */
GstClipResult *gst_clip_encoder_newest (GstClipEncoder *encoder);

/** gst_clip_encoder_discard: forgets the newest result, and those of frames taken so far. */
void gst_clip_encoder_discard (GstClipEncoder *encoder);

/** gst_clip_encoder_set_flushing: while TRUE nothing is waited for. */
void gst_clip_encoder_set_flushing (GstClipEncoder *encoder, gboolean flushing);

/** gst_clip_encoder_drain: blocks until the frame that was taken is encoded and reported. */
void gst_clip_encoder_drain (GstClipEncoder *encoder);

G_END_DECLS
