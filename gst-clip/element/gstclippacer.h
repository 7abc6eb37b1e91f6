/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclippacer.h: which frames are encoded. Knows times and counts only; no clock, no
 * lock: all calls come from the streaming thread.
 *
 * For each frame gst_clip_pacer_count(); where it could be encoded gst_clip_pacer_wants(), and
 * gst_clip_pacer_took() when it is.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstClipPace: what is wished.
 * @interval: every n-th frame, at least 1
 * @max_rate: encodings per second of stream time; 0: no limit
 * @skip_late: not those that are late
 */
typedef struct {
  guint interval;
  gdouble max_rate;
  gboolean skip_late;
} GstClipPace;

/**
 * GstClipPaceFrame:
 * @position: ns of stream time, growing in the direction of playback; GST_CLOCK_STIME_NONE:
 *   unknown, and no limit of the rate
 * @late: downstream would have had it before now
 * @now: ns of a clock that only grows
 */
typedef struct {
  GstClockTimeDiff position;
  gboolean late;
  gint64 now;
} GstClipPaceFrame;

/** GstClipPacer: to be reset before its first use. */
typedef struct {
  gboolean started;      /* one was taken since the reset; else the rest means nothing */
  guint passed;          /* frames since that, this one included */
  GstClockTimeDiff last; /* position of the last frame; NONE: unknown */
  GstClockTimeDiff slot; /* where the one that was taken was due; NONE: unknown */
  gint64 taken_at, cost; /* ns: when it was taken, and how long an encoding takes */
} GstClipPacer;

/** gst_clip_pacer_reset: the next frame is the first of a stream, and is wanted. */
void gst_clip_pacer_reset (GstClipPacer *pacer);

/** gst_clip_pacer_count: here is the next frame. @position: see GstClipPaceFrame */
void gst_clip_pacer_count (GstClipPacer *pacer, GstClockTimeDiff position);

/**
 * gst_clip_pacer_wants: whether the frame that was counted last should be encoded.
 *
 * A stream that is always late, whatever we do, is not left without results: it gets one after ten
 * times as long as an encoding takes.
 */
gboolean gst_clip_pacer_wants (const GstClipPacer *pacer, const GstClipPace *pace,
                               const GstClipPaceFrame *frame);

/** gst_clip_pacer_took: that frame is being encoded. */
void gst_clip_pacer_took (GstClipPacer *pacer, const GstClipPace *pace,
                          const GstClipPaceFrame *frame);

/** gst_clip_pacer_note_cost: ns that an encoding has held up the stream. */
void gst_clip_pacer_note_cost (GstClipPacer *pacer, gint64 cost);

G_END_DECLS
