/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipfilterframes.h: frames through clipfilter: which are encoded, which wait for
 * their results, and what is attached.
 *
 * In in-step, where upstream is not live, frames come at a rate and not from a source's own thread, up to
 * GST_CLIP_FILTER_HELD of them are held while the device works, in the order in which they came.
 * Everything here is called with the sink pad's stream lock held, unless said otherwise.
 */
#pragma once

#include "gst-clip/element/gstclipfilter.h"

G_BEGIN_DECLS

/** How many frames may be held between two calls of the chain function. */
#define GST_CLIP_FILTER_HELD (GST_CLIP_ENCODER_DEPTH - 1)

/** These three are GstBaseTransform's. */
GstFlowReturn gst_clip_filter_submit_input_buffer (GstBaseTransform *trans, gboolean discont,
                                                   GstBuffer *input);
GstFlowReturn gst_clip_filter_transform_ip (GstBaseTransform *trans, GstBuffer *buffer);
GstFlowReturn gst_clip_filter_generate_output (GstBaseTransform *trans, GstBuffer **output);

/** gst_clip_filter_decide_mode: once, between start and stop: the mode in effect, and whether
 * upstream is live. Asks upstream. */
void gst_clip_filter_decide_mode (GstClipFilter *self);

/** gst_clip_filter_may_hold: frames of the current caps may be held. */
gboolean gst_clip_filter_may_hold (GstClipFilter *self);

/** gst_clip_filter_drain: pushes all held frames, each when it is encoded. */
void gst_clip_filter_drain (GstClipFilter *self);

/** gst_clip_filter_release: (GstClipEncoderFuncs.settled): pushes held frames that are encoded, so
 * that none waits for a next one that does not come. Thread: the encoder's, without locks.
 * Returns: TRUE when the streaming thread was busy. */
gboolean gst_clip_filter_release (GstClipFilter *self);

/** gst_clip_filter_forget: drops held frames, and all that is remembered of earlier ones. */
void gst_clip_filter_forget (GstClipFilter *self);

G_END_DECLS
