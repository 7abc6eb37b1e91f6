/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstcliplatency.h: the latency to report, from measured times: up at once, down slowly, and
 * only by steps that matter, because each new value makes a pipeline distribute latency anew.
 * No clock, no lock.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/** GstClipLatency: all zero is a new one; ns. */
typedef struct {
  GstClockTime reported; /* what queries are answered with */
  GstClockTime smoothed;
} GstClipLatency;

/** gst_clip_latency_note: a frame has taken @time. Returns: TRUE when @reported has changed. */
gboolean gst_clip_latency_note (GstClipLatency *latency, GstClockTime time);

G_END_DECLS
