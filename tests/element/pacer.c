/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which frames are encoded, and what latency is reported: with made-up times. */
#include <gst/gst.h>

#include "gst-clip/element/gstcliplatency.h"
#include "gst-clip/element/gstclippacer.h"

#define MS      GST_MSECOND
#define UNKNOWN GST_CLOCK_STIME_NONE

/* Shows the pacer a frame; takes it if it is wanted. */
static gboolean
show (GstClipPacer *pacer, const GstClipPace *pace, GstClockTimeDiff position, gboolean late,
      gint64 now)
{
  const GstClipPaceFrame frame = { position, late, now };

  gst_clip_pacer_count (pacer, position);
  if (!gst_clip_pacer_wants (pacer, pace, &frame))
    return FALSE;
  gst_clip_pacer_took (pacer, pace, &frame);
  return TRUE;
}

/* Shows @n frames, @step apart from @from on. Returns: how many were taken. */
static guint
show_many (GstClipPacer *pacer, const GstClipPace *pace, guint n, GstClockTimeDiff from,
           GstClockTimeDiff step)
{
  guint taken = 0;

  for (guint i = 0; i < n; i++)
    taken += show (pacer, pace, from + i * step, FALSE, 0);
  return taken;
}

static void
test_every_frame (void)
{
  const GstClipPace pace = { .interval = 1 };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  g_assert_cmpuint (show_many (&pacer, &pace, 100, 0, 40 * MS), ==, 100);
  g_assert_true (show (&pacer, &pace, UNKNOWN, FALSE, 0));
}

static void
test_interval (void)
{
  GstClipPace pace = { .interval = 3 };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  for (guint i = 0; i < 30; i++)
    g_assert_cmpint (show (&pacer, &pace, i * 40 * MS, FALSE, 0), ==, i % 3 == 0);
  pace.interval = 1; /* takes effect at once */
  g_assert_true (show (&pacer, &pace, 30 * 40 * MS, FALSE, 0));
}

/* While the encoder is busy frames only pass; the next one after that is wanted. */
static void
test_interval_busy (void)
{
  const GstClipPace pace = { .interval = 3 };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  g_assert_true (show (&pacer, &pace, 0, FALSE, 0));
  for (guint i = 1; i < 8; i++)
    gst_clip_pacer_count (&pacer, i * 40 * MS);
  g_assert_true (show (&pacer, &pace, 8 * 40 * MS, FALSE, 0));
  g_assert_false (show (&pacer, &pace, 9 * 40 * MS, FALSE, 0));
}

/* Also where the period is no multiple of a frame: 10 a second of 25 are 10. */
static void
test_max_rate (void)
{
  static const gdouble rates[] = { 0.5, 1.0, 7.0, 10.0, 12.5, 24.0, 25.0, 60.0 };

  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    const GstClipPace pace = { .interval = 1, .max_rate = rates[i] };
    GstClipPacer pacer = { 0 };

    gst_clip_pacer_reset (&pacer);
    const gdouble taken = show_many (&pacer, &pace, 25 * 100, 0, 40 * MS);
    const gdouble want = 100 * MIN (rates[i], 25.0);
    g_assert_cmpfloat (taken, <=, want + 1);
    g_assert_cmpfloat (taken, >=, want - 1);
  }
}

/* It is stream time that counts, not the number of frames. */
/* So slow that no number of nanoseconds tells it. */
static void
test_max_rate_slowest (void)
{
  static const gdouble rates[] = { 1e-9, 1e-10, 1e-100, G_MINDOUBLE };

  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    const GstClipPace pace = { .interval = 1, .max_rate = rates[i] };
    GstClipPacer pacer = { 0 };

    gst_clip_pacer_reset (&pacer);
    g_assert_cmpuint (show_many (&pacer, &pace, 100, 0, 40 * MS), ==, 1);
  }
}

static void
test_max_rate_gap (void)
{
  const GstClipPace pace = { .interval = 1, .max_rate = 1.0 };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  g_assert_true (show (&pacer, &pace, 0, FALSE, 0));
  g_assert_false (show (&pacer, &pace, 999 * MS, FALSE, 0));
  g_assert_true (show (&pacer, &pace, 60 * GST_SECOND, FALSE, 0));
  g_assert_false (
      show (&pacer, &pace, 60 * GST_SECOND + 999 * MS, FALSE, 0)); /* none is made up for */
  g_assert_true (show (&pacer, &pace, 61 * GST_SECOND, FALSE, 0));
}

/* Positions grow in the direction of playback, also below zero; a jump back starts anew. */
static void
test_max_rate_directions (void)
{
  const GstClipPace pace = { .interval = 1, .max_rate = 5.0 };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  g_assert_cmpuint (show_many (&pacer, &pace, 100, -4000 * (gint64)MS, 40 * MS), ==, 20);
  g_assert_true (show (&pacer, &pace, -4000 * (gint64)MS, FALSE, 0));
  g_assert_false (show (&pacer, &pace, -3960 * (gint64)MS, FALSE, 0));
}

/* Without times there is nothing to measure a rate with. */
static void
test_max_rate_unknown (void)
{
  const GstClipPace pace = { .interval = 2, .max_rate = 1.0 };
  GstClipPacer pacer = { 0 };
  guint taken = 0;

  gst_clip_pacer_reset (&pacer);
  for (guint i = 0; i < 10; i++)
    taken += show (&pacer, &pace, UNKNOWN, FALSE, 0);
  g_assert_cmpuint (taken, ==, 5);
}

static void
test_rate_changes (void)
{
  GstClipPace pace = { .interval = 1, .max_rate = 0.01 };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  g_assert_cmpuint (show_many (&pacer, &pace, 25, 0, 40 * MS), ==, 1);
  pace.max_rate = 10.0; /* not first in 100 s */
  g_assert_true (show (&pacer, &pace, 1000 * MS, FALSE, 0));
}

static void
test_late (void)
{
  GstClipPace pace = { .interval = 1, .skip_late = TRUE };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  g_assert_true (show (&pacer, &pace, 0, TRUE, 0)); /* there is no result to carry on */
  gst_clip_pacer_note_cost (&pacer, 300 * MS);
  g_assert_false (show (&pacer, &pace, 40 * MS, TRUE, 300 * MS));
  g_assert_true (show (&pacer, &pace, 80 * MS, FALSE, 300 * MS));
  g_assert_false (show (&pacer, &pace, 120 * MS, TRUE, 600 * MS));
  pace.skip_late = FALSE;
  g_assert_true (show (&pacer, &pace, 160 * MS, TRUE, 600 * MS));
}

/* Always late: still a frame now and then, but no more than a tenth of the time. */
static void
test_always_late (void)
{
  static const gint64 costs[] = { 1 * MS, 300 * MS, 5 * GST_SECOND };

  for (guint c = 0; c < G_N_ELEMENTS (costs); c++) {
    const GstClipPace pace = { .interval = 1, .skip_late = TRUE };
    GstClipPacer pacer = { 0 };
    gint64 now = 0, encoding = 0;

    gst_clip_pacer_reset (&pacer);
    gst_clip_pacer_note_cost (&pacer, costs[c]);
    for (guint i = 0; i < 100000; i++) {
      const gboolean taken = show (&pacer, &pace, i * 40 * MS, TRUE, now);
      now += taken ? costs[c] : MS;
      encoding += taken ? costs[c] : 0;
    }
    g_assert_cmpint (encoding, >, 0);
    g_assert_cmpint (10 * encoding, <=, now + 10 * costs[c]);
  }
}

static void
test_reset (void)
{
  const GstClipPace pace = { .interval = 100, .max_rate = 0.01, .skip_late = TRUE };
  GstClipPacer pacer = { 0 };

  gst_clip_pacer_reset (&pacer);
  g_assert_true (show (&pacer, &pace, 0, FALSE, 0));
  g_assert_false (show (&pacer, &pace, 40 * MS, TRUE, 0));
  gst_clip_pacer_reset (&pacer);
  g_assert_true (show (&pacer, &pace, 80 * MS, TRUE, 0));
}

/* Latency -------------------------------------------------------------------------- */

static void
test_latency_grows (void)
{
  GstClipLatency latency = { 0 };

  g_assert_true (gst_clip_latency_note (&latency, 100 * MS));
  const GstClockTime first = latency.reported;
  g_assert_cmpuint (first, >=, 100 * MS);
  g_assert_cmpuint (first, <=, 150 * MS);
  g_assert_false (gst_clip_latency_note (&latency, 105 * MS)); /* no news */
  g_assert_cmpuint (latency.reported, ==, first);
  g_assert_true (gst_clip_latency_note (&latency, 300 * MS));
  g_assert_cmpuint (latency.reported, >=, 300 * MS);
}

/* One quick frame is no reason, many are; and there are few changes on the way. */
static void
test_latency_shrinks (void)
{
  GstClipLatency latency = { 0 };
  guint changes = 0;

  gst_clip_latency_note (&latency, 1000 * MS);
  g_assert_false (gst_clip_latency_note (&latency, 100 * MS));
  for (guint i = 0; i < 1000; i++)
    changes += gst_clip_latency_note (&latency, 100 * MS);
  g_assert_cmpuint (latency.reported, >=, 100 * MS);
  g_assert_cmpuint (latency.reported, <=, 300 * MS);
  g_assert_cmpuint (changes, >=, 1);
  g_assert_cmpuint (changes, <=, 5);
}

static void
test_latency_is_calm (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  GstClipLatency latency = { 0 };
  guint changes = 0;

  for (guint i = 0; i < 1000; i++)
    changes += gst_clip_latency_note (&latency, g_rand_int_range (rand, 90, 120) * MS);
  g_assert_cmpuint (changes, <=, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pacer/every-frame", test_every_frame);
  g_test_add_func ("/pacer/interval", test_interval);
  g_test_add_func ("/pacer/interval-busy", test_interval_busy);
  g_test_add_func ("/pacer/max-rate", test_max_rate);
  g_test_add_func ("/pacer/max-rate-gap", test_max_rate_gap);
  g_test_add_func ("/pacer/max-rate-slowest", test_max_rate_slowest);
  g_test_add_func ("/pacer/max-rate-directions", test_max_rate_directions);
  g_test_add_func ("/pacer/max-rate-unknown", test_max_rate_unknown);
  g_test_add_func ("/pacer/rate-changes", test_rate_changes);
  g_test_add_func ("/pacer/late", test_late);
  g_test_add_func ("/pacer/always-late", test_always_late);
  g_test_add_func ("/pacer/reset", test_reset);
  g_test_add_func ("/latency/grows", test_latency_grows);
  g_test_add_func ("/latency/shrinks", test_latency_shrinks);
  g_test_add_func ("/latency/is-calm", test_latency_is_calm);
  return g_test_run ();
}
