/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipencoder.h: one stream's frames through the engine. A thread waits for the device
 * and makes the results; frames come in two ways:
 *   submit, collect  (in-step) every frame is encoded, several are on their way; each has a ticket
 *   offer, newest    (latest)  a frame is taken when nothing else is being encoded
 * A stream uses one of them from start to stop.
 */
#pragma once

#include <gst/video/video.h>
#include "gst-clip/element/gstcliploader.h"
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

typedef struct _GstClipEncoder GstClipEncoder;

/** How many submitted frames may be on their way. */
#define GST_CLIP_ENCODER_DEPTH 3

/**
 * GstClipFrame: what goes with a frame's pixels. Clear with gst_clip_frame_clear().
 * @texts: whole: engine and texts
 * @context: its region is the whole frame
 * @regions: (nullable): of GstClipRegion: what of the frame is encoded, in one batch, in the order of
 *   the results; NULL: the whole frame
 */
typedef struct {
  GstClipTexts texts;
  GstClipScoreParams params;
  GstClipFrameContext context;
  GArray *regions;
  ClipFit fit;
  gdouble
      skip_still;  /* not encoded if it differs by less from the last one that was; 0: always is */
  gboolean forced; /* encoded also then */
} GstClipFrame;

void gst_clip_frame_clear (GstClipFrame *frame);

/** GstClipTicket: stands for a submitted frame. */
typedef struct _GstClipTicket GstClipTicket;

/**
 * GstClipEncoderFuncs: called without any lock, from the thread that encoded, or from the one that
 * submits for what fails at once.
 * @done: results that were not discarded: of GstClipResult, at least one; a region that
 *   failed has none. @tell: FALSE where they answer older prompts than gst_clip_encoder_expect() said
 * @failed: @engine could not encode a frame, or has no memory for one
 * @still: a frame was not encoded because of its skip_still
 * @settled: from the encoder's thread, after a submitted frame is ready to be collected.
 *   Returns: TRUE to be called again soon.
 */
typedef struct {
  void (*done) (GPtrArray *results, const ClipJobTimes *times, gboolean tell, gpointer data);
  void (*failed) (ClipEngine *engine, const GError *error, gpointer data);
  void (*still) (gpointer data);
  gboolean (*settled) (gpointer data);
} GstClipEncoderFuncs;

/** gst_clip_encoder_new: @element: (borrowed): gives its name to results. */
GstClipEncoder *gst_clip_encoder_new (GstElement *element, const GstClipEncoderFuncs *funcs,
                                      gpointer data);
void gst_clip_encoder_free (GstClipEncoder *encoder);

/** gst_clip_encoder_start: makes it usable after a cancel. */
void gst_clip_encoder_start (GstClipEncoder *encoder);
/** gst_clip_encoder_cancel: wakes whoever waits; does not block. */
void gst_clip_encoder_cancel (GstClipEncoder *encoder);
/** gst_clip_encoder_stop: cancels, waits for running encodings, frees staging memory. */
void gst_clip_encoder_stop (GstClipEncoder *encoder);

/** gst_clip_encoder_set_info: frames look like this from now on; discards. */
void gst_clip_encoder_set_info (GstClipEncoder *encoder, const ClipFrameInfo *info);

/**
 * gst_clip_encoder_submit: copies the pixels of @buffer and lets the device encode them. Waits only
 * where GST_CLIP_ENCODER_DEPTH frames are on their way.
 * @frame: (transfer full)
 * @ticket: (out) (transfer full) (nullable): to be collected; NULL after a failure, or if @still
 * @still: (out): it was not encoded because of its skip_still
 * @unreadable: (out): the buffer could not be mapped
 * Returns: GST_FLOW_FLUSHING without a ticket, while flushing or cancelled.
 */
GstFlowReturn gst_clip_encoder_submit (GstClipEncoder *encoder, GstClipFrame *frame,
                                       GstBuffer *buffer, const GstVideoInfo *video,
                                       GstClipTicket **ticket, gboolean *still,
                                       gboolean *unreadable);

/** gst_clip_encoder_is_settled: gst_clip_encoder_collect() would not wait. */
gboolean gst_clip_encoder_is_settled (GstClipEncoder *encoder, GstClipTicket *ticket);

/**
 * gst_clip_encoder_collect: blocks until the frame is encoded.
 * @ticket: (transfer full)
 * @results: (out) (transfer full) (nullable): of GstClipResult; NULL after a failure
 * @took: (out): ns from the copying of its pixels to its results
 * Returns: GST_FLOW_FLUSHING without results, while flushing or cancelled.
 */
GstFlowReturn gst_clip_encoder_collect (GstClipEncoder *encoder, GstClipTicket *ticket,
                                        GPtrArray **results, GstClockTime *took);

/** gst_clip_encoder_forget: nobody will collect @ticket. (transfer full) (nullable) */
void gst_clip_encoder_forget (GstClipTicket *ticket);

/**
 * gst_clip_encoder_offer: takes the pixels of @buffer if nothing is being encoded, and returns at
 * once in any case.
 * @frame: (transfer full)
 * @unreadable: (out): the buffer could not be mapped
 * Returns: TRUE when they were taken.
 */
gboolean gst_clip_encoder_offer (GstClipEncoder *encoder, GstClipFrame *frame, GstBuffer *buffer,
                                 const GstVideoInfo *video, gboolean *unreadable);

/**
 * gst_clip_encoder_newest: the newest results of offered frames, to be attached to one frame.
 * @idle: (out): whether an offer may be taken now
 * Returns: (transfer full) (nullable)
 */
GPtrArray *gst_clip_encoder_newest (GstClipEncoder *encoder, gboolean *idle);

/** gst_clip_encoder_forget_still: the next frame is encoded, however much it is like the last one that was. Any thread. */
void gst_clip_encoder_forget_still (GstClipEncoder *encoder);

/** gst_clip_encoder_discard: forgets the newest results, and those of frames taken so far. */
void gst_clip_encoder_discard (GstClipEncoder *encoder);

/** gst_clip_encoder_expect: when this returns, no `done` with `tell` is under way, and none will be called,
 * for results of prompts with a smaller serial. Waits for no encoding. Thread: not the encoder's. */
void gst_clip_encoder_expect (GstClipEncoder *encoder, guint serial);

/** gst_clip_encoder_set_flushing: while TRUE nothing is waited for. */
void gst_clip_encoder_set_flushing (GstClipEncoder *encoder, gboolean flushing);

/** gst_clip_encoder_drain: blocks until all frames that were taken are encoded and reported. */
void gst_clip_encoder_drain (GstClipEncoder *encoder);

G_END_DECLS
