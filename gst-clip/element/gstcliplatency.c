/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstcliplatency.h"

/* Of what is measured: room for the next frame, which takes a bit longer. */
#define WITH_ROOM(time) ((time) + (time) / 4)
/* How slowly a smaller time is believed. */
#define SLOWNESS 32

gboolean
gst_clip_latency_note (GstClipLatency *self, GstClockTime time)
{
  if (time >= self->smoothed)
    self->smoothed = time;
  else
    self->smoothed -= (self->smoothed - time) / SLOWNESS;

  /* Too little makes frames late; less than half would do: time that nobody needs. */
  if (self->smoothed <= self->reported && 2 * WITH_ROOM (self->smoothed) >= self->reported)
    return FALSE;
  self->reported = WITH_ROOM (self->smoothed);
  return TRUE;
}
