/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclippacer.h"

/* A late frame is encoded all the same when the last one was so many encodings ago, and so long. */
#define LATE_COSTS 10
#define LATE_LEAST GST_SECOND

void
gst_clip_pacer_reset (GstClipPacer *self)
{
  *self = (GstClipPacer){
    .last = GST_CLOCK_STIME_NONE,
    .slot = GST_CLOCK_STIME_NONE,
    .cost = self->cost,
  };
}

/* 0: no limit. The slowest rate is that of a frame in 36 years: its double is a number yet. */
static GstClockTimeDiff
period_of (const GstClipPace *pace)
{
  return pace->max_rate > 0.0 ? MIN (GST_SECOND / pace->max_rate, (gdouble)(G_MAXINT64 / 8)) : 0;
}

static gboolean
rate_allows (const GstClipPacer *self, const GstClipPace *pace, GstClockTimeDiff position)
{
  return !GST_CLOCK_STIME_IS_VALID (position) || !GST_CLOCK_STIME_IS_VALID (self->slot)
         || position - self->slot >= period_of (pace);
}

static gboolean
is_too_late (const GstClipPacer *self, const GstClipPace *pace, const GstClipPaceFrame *frame)
{
  return pace->skip_late && frame->late
         && frame->now - self->taken_at < MAX (LATE_COSTS * self->cost, (gint64)LATE_LEAST);
}

void
gst_clip_pacer_count (GstClipPacer *self, GstClockTimeDiff position)
{
  if (self->passed < G_MAXUINT)
    self->passed++;
  if (!GST_CLOCK_STIME_IS_VALID (position))
    return;
  if (GST_CLOCK_STIME_IS_VALID (self->last) && position < self->last)
    self->slot = GST_CLOCK_STIME_NONE; /* of another time */
  self->last = position;
}

gboolean
gst_clip_pacer_wants (const GstClipPacer *self, const GstClipPace *pace,
                      const GstClipPaceFrame *frame)
{
  return !self->started
         || (self->passed >= pace->interval && rate_allows (self, pace, frame->position)
             && !is_too_late (self, pace, frame));
}

void
gst_clip_pacer_took (GstClipPacer *self, const GstClipPace *pace, const GstClipPaceFrame *frame)
{
  const GstClockTimeDiff period = period_of (pace);
  GstClockTimeDiff slot = frame->position;

  /* Where it was due and not where it came, or times that are no multiples of the period would lower
   * the rate; unless the next is due already. */
  if (self->started && period > 0 && GST_CLOCK_STIME_IS_VALID (slot)
      && GST_CLOCK_STIME_IS_VALID (self->slot) && slot - self->slot >= period
      && slot - self->slot < 2 * period)
    slot = self->slot + period;
  self->slot = slot;
  self->passed = 0;
  self->taken_at = frame->now;
  self->started = TRUE;
}

void
gst_clip_pacer_note_cost (GstClipPacer *self, gint64 cost)
{
  self->cost = cost;
}
