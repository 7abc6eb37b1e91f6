/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Smoothing and hysteresis against a reference that is written out: as a sum over all earlier
 * frames where the element goes from frame to frame. */
#include "gst-clip/element/gstclipsmoother.h"
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"
#include "tests/element/temporal.h"

#include <math.h>

#define MS        GST_MSECOND
#define TAU       (500 * MS)
#define N_LABELS  3
#define N_OTHERS  2
#define N         (N_LABELS + N_OTHERS)
#define MAX_STEPS 2000

/* The reference ------------------------------------------------------------------ */

typedef struct {
  gdouble time; /* s */
  gdouble value[N];
} Step;

/* The input is value[0] until the first frame and then holds value[k] from frame k - 1 to frame k;
 * each part of it counts by the integral of exp (-age / tau) / tau over its time. */
static gdouble
reference (const Step *steps, guint n, guint label, gdouble tau)
{
  const gdouble now = steps[n - 1].time;
  gdouble sum = steps[0].value[label] * exp (-(now - steps[0].time) / tau);

  for (guint k = 1; k < n; k++)
    sum += steps[k].value[label]
           * (exp (-(now - steps[k].time) / tau) - exp (-(now - steps[k - 1].time) / tau));
  return sum;
}

/* Frames ------------------------------------------------------------------------- */

typedef struct {
  GstClipSmoother *smoother;
  GRand *rand;
  Step steps[MAX_STEPS]; /* since the smoother began anew */
  guint n_steps;
  GstClipSmootherInput input;
} Run;

static Run *
run_new (void)
{
  Run *run = g_new0 (Run, 1);

  run->smoother = gst_clip_smoother_new ();
  run->rand = g_rand_new_with_seed (7);
  run->input = (GstClipSmootherInput){
    .serial = 1, .scoring = CLIP_SCORING_SOFTMAX, .n_labels = N_LABELS, .n_others = N_OTHERS
  };
  return run;
}

static void
run_free (Run *run)
{
  gst_clip_smoother_free (run->smoother);
  g_rand_free (run->rand);
  g_free (run);
}

/* A frame of random similarities, compared with the reference. */
static gboolean *
run_frame (Run *run, const GstClipFrameContext *frame)
{
  Step *step = &run->steps[run->n_steps++];
  float values[N];

  g_assert_cmpuint (run->n_steps, <=, MAX_STEPS);
  step->time = (gdouble)frame->position / GST_SECOND;
  for (guint i = 0; i < N; i++)
    step->value[i] = values[i] = (float)g_rand_double_range (run->rand, -1.0, 1.0);
  run->input.similarities = values;
  run->input.others = values + N_LABELS;
  gboolean *accepted = gst_clip_smoother_apply (run->smoother, TAU, frame, &run->input);
  for (guint i = 0; i < N; i++)
    g_assert_cmpfloat_with_epsilon (
        values[i], reference (run->steps, run->n_steps, i, (gdouble)TAU / GST_SECOND), 2e-7);
  return accepted;
}

static void
run_anew (Run *run)
{
  run->n_steps = 0;
}

/* Tests -------------------------------------------------------------------------- */

/* 0: of any length from 1 ms to 400 ms */
static GstClockTime
next_time (Run *run, GstClockTime time, guint fps)
{
  return time
         + (fps ? gst_util_uint64_scale_int (GST_SECOND, 1, fps)
                : (GstClockTime)g_rand_int_range (run->rand, 1, 400) * MS);
}

static void
test_rate (gconstpointer data)
{
  Run *run = run_new ();
  GstClockTime time = 7 * GST_SECOND;

  for (guint i = 0; i < 300; i++) {
    GstClipFrameContext frame = temporal_frame (time);
    run_frame (run, &frame);
    time = next_time (run, time, GPOINTER_TO_UINT (data));
  }
  run_free (run);
}

/* What an answer to a change is after a second does not depend on the rate. */
static void
test_step (void)
{
  static const guint rates[] = { 5, 25, 60, 1000 };

  for (guint r = 0; r < G_N_ELEMENTS (rates); r++) {
    Run *run = run_new ();
    float value = 0.0f, other[N_OTHERS] = { 0 };
    run->input.n_labels = 1;
    for (guint i = 0; i <= rates[r]; i++) {
      GstClipFrameContext frame =
          temporal_frame (gst_util_uint64_scale_int (GST_SECOND, i, rates[r]));
      value = i > 0 ? 1.0f : 0.0f;
      run->input.similarities = &value;
      run->input.others = other;
      gst_clip_smoother_apply (run->smoother, TAU, &frame, &run->input);
    }
    g_assert_cmpfloat_with_epsilon (value, 1.0 - exp (-2.0), 1e-6);
    run_free (run);
  }
}

/* A time without frames counts for what it is: nothing begins anew, the old values fade. */
static void
test_gap (void)
{
  static const GstClockTime gaps[] = { 41 * MS, 3 * GST_SECOND, 3600 * GST_SECOND };
  Run *run = run_new ();
  GstClockTime time = 0;

  for (guint i = 0; i < 300; i++) {
    GstClipFrameContext frame = temporal_frame (time);
    gboolean *accepted = run_frame (run, &frame);
    g_assert_cmpint (accepted[1], ==, i > 0); /* that is remembered, however long it takes */
    accepted[1] = TRUE;
    time += i % 100 == 50 ? gaps[i / 100] : 40 * MS;
  }
  run_free (run);
}

/* Everything that has another stretch, whichever way time went. */
static void
test_seek (void)
{
  static const GstClockTime seeks[] = { 0, 5 * GST_SECOND, 5 * GST_SECOND + 40 * MS,
                                        500 * GST_SECOND };
  Run *run = run_new ();

  for (guint s = 0; s < G_N_ELEMENTS (seeks); s++) {
    run_anew (run);
    for (guint i = 0; i < 50; i++) {
      GstClipFrameContext frame = temporal_frame (seeks[s] + i * 40 * MS);
      frame.stretch = s;
      gboolean *accepted = run_frame (run, &frame);
      g_assert_cmpint (accepted[0], ==, i > 0);
      accepted[0] = TRUE;
    }
  }
  run_free (run);
}

static void
test_backwards (void)
{
  Run *run = run_new ();
  GstClipFrameContext frame;

  /* Playing backwards is no jump. */
  for (guint i = 0; i < 50; i++) {
    frame = temporal_frame ((100 - i) * 40 * MS);
    frame.position = -frame.position;
    run_frame (run, &frame);
  }
  /* Time that runs against it is one; so is time that stands still. */
  for (guint i = 0; i < 3; i++) {
    if (i < 2)
      frame.position -= i == 0 ? 40 * MS : 0;
    run_anew (run);
    g_assert_false (run_frame (run, &frame)[2]);
  }
  run_free (run);
}

/* Each value as it is; what was accepted is known all the same. */
static void
test_unknown_time (void)
{
  Run *run = run_new ();

  for (guint i = 0; i < 5; i++) {
    GstClipFrameContext frame = temporal_frame (i * 40 * MS);
    if (i > 0)
      frame.position = GST_CLOCK_STIME_NONE;
    run_anew (run);
    gboolean *accepted = run_frame (run, &frame);
    g_assert_cmpint (accepted[0], ==, i > 0);
    accepted[0] = TRUE;
  }
  run_free (run);
}

static void
test_other_texts (void)
{
  Run *run = run_new ();
  GstClockTime time = 0;

  for (guint change = 0; change < 4; change++) {
    run->input.serial += change == 1;
    run->input.scoring = change >= 2 ? CLIP_SCORING_CONTRAST : CLIP_SCORING_SOFTMAX;
    run->input.n_others -= change == 3;
    run_anew (run);
    for (guint i = 0; i < 20; i++, time += 40 * MS) {
      GstClipFrameContext frame = temporal_frame (time);
      float values[N] = { 0 };
      if (change < 3) {
        gboolean *accepted = run_frame (run, &frame);
        g_assert_cmpint (accepted[0], ==, i > 0);
        accepted[0] = TRUE;
      } else {
        run->input.similarities = values;
        run->input.others = values + N_LABELS;
        gboolean *accepted = gst_clip_smoother_apply (run->smoother, TAU, &frame, &run->input);
        g_assert_false (accepted[0]);
        g_assert_cmpfloat (values[0], ==, 0.0);
      }
    }
  }
  run_free (run);
}

/* What is not finite is not remembered. */
static void
test_not_finite (void)
{
  Run *run = run_new ();

  for (guint i = 0; i < 20; i++) {
    GstClipFrameContext frame = temporal_frame (i * 40 * MS);
    float values[N] = { i % 2 ? 1.0f : NAN, 0.0f, 0.0f, 0.0f, i % 3 ? 1.0f : INFINITY };
    run_frame (run, &frame);
    if (i % 2 && i % 3)
      continue;
    frame.position += MS;
    run->input.similarities = values;
    run->input.others = values + N_LABELS;
    g_assert_null (gst_clip_smoother_apply (run->smoother, TAU, &frame, &run->input));
  }
  run_free (run);
}

/* Regions ------------------------------------------------------------------------ */

/* Three tracks side by side, one of them of an analytics meta with a number that the first one
 * has, too. */
static void
test_tracks (void)
{
  Run *runs[3] = { run_new (), run_new (), run_new () };
  GstClipSmoother *shared = gst_clip_smoother_new ();

  for (guint i = 0; i < 100; i++)
    for (guint t = 0; t < 3; t++) {
      GstClipFrameContext frame = temporal_track (i * 40 * MS, t == 1 ? 8 : 7);
      frame.region.index = (t + i) % 3;
      if (t == 2)
        frame.region.kind = GST_CLIP_REGION_OD;
      gst_clip_smoother_free (g_steal_pointer (&runs[t]->smoother));
      runs[t]->smoother = shared;
      gboolean *accepted = run_frame (runs[t], &frame);
      g_assert_cmpint (accepted[t], ==, i > 0);
      g_assert_cmpint (accepted[(t + 1) % 3], ==, FALSE);
      accepted[t] = TRUE;
      runs[t]->smoother = gst_clip_smoother_new ();
    }
  g_assert_cmpuint (gst_clip_smoother_n_tracks (shared), ==, 3);
  gst_clip_smoother_free (shared);
  for (guint t = 0; t < 3; t++)
    run_free (runs[t]);
}

static void
test_untracked (void)
{
  Run *run = run_new ();

  for (guint i = 0; i < 20; i++) {
    GstClipFrameContext frame = temporal_untracked (i * 40 * MS, 0);
    run_anew (run);
    g_assert_null (run_frame (run, &frame));
  }
  g_assert_cmpuint (gst_clip_smoother_n_tracks (run->smoother), ==, 0);
  run_free (run);
}

/* A track that comes back after a long time is another one; there is an end to their number. */
static void
test_forgets (void)
{
  Run *run = run_new ();
  GstClipFrameContext frame = temporal_track (0, 1);

  run_frame (run, &frame)[0] = TRUE;
  frame = temporal_track (GST_CLIP_SMOOTHER_FORGETS, 1);
  g_assert_true (run_frame (run, &frame)[0]);
  frame = temporal_track (2 * GST_CLIP_SMOOTHER_FORGETS + 1, 1);
  run_anew (run);
  g_assert_false (run_frame (run, &frame)[0]);

  for (guint i = 2; i < 2 * GST_CLIP_SMOOTHER_TRACKS; i++) {
    frame = temporal_track (2 * GST_CLIP_SMOOTHER_FORGETS + i * MS, i);
    run_anew (run);
    run_frame (run, &frame)[0] = TRUE;
    g_assert_cmpuint (gst_clip_smoother_n_tracks (run->smoother), ==,
                      MIN (i, GST_CLIP_SMOOTHER_TRACKS));
  }
  frame.position += MS;
  g_assert_true (run_frame (run, &frame)[0]); /* the newest is among those that stay */

  frame = temporal_track (4 * GST_CLIP_SMOOTHER_FORGETS, 1);
  run_anew (run);
  run_frame (run, &frame);
  g_assert_cmpuint (gst_clip_smoother_n_tracks (run->smoother), ==, 1);
  run_free (run);
}

/* Hysteresis --------------------------------------------------------------------- */

/* Schmitt trigger, written out: on from @high, off below @low. */
static void
test_hysteresis (void)
{
  TemporalTexts texts = temporal_texts_new ("a;b@0.8");
  GRand *rand = g_rand_new_with_seed (3);
  gboolean accepted[2] = { FALSE, FALSE }, want[2] = { FALSE, FALSE };
  guint changes = 0;

  for (guint i = 0; i < 500; i++) {
    GstClipFrameContext frame = temporal_frame (i * 40 * MS);
    float similarities[2];
    for (guint l = 0; l < 2; l++) {
      const gdouble high = l == 0 ? 0.5 : 0.8, low = high - 0.25;
      similarities[l] = (float)g_rand_double_range (rand, -1.0, 1.0);
      gdouble score = (1.0 + similarities[l]) / 2.0;
      gboolean before = want[l];
      want[l] = score >= high ? TRUE : score < low ? FALSE : before;
      changes += want[l] != before;
    }
    g_autoptr (GstClipResult) result =
        temporal_result (&texts, &frame, similarities, 0.25, accepted);
    g_assert_cmpint (accepted[0], ==, want[0]);
    g_assert_cmpint (accepted[1], ==, want[1]);
    g_assert_cmpuint (gst_clip_result_n_accepted (result), ==, want[0] + want[1]);
  }
  g_assert_cmpuint (changes, >, 50);
  g_rand_free (rand);
  temporal_texts_free (&texts);
}

/* Without a memory every frame stands alone. */
static void
test_no_memory (void)
{
  TemporalTexts texts = temporal_texts_new ("a");
  GstClipFrameContext frame = temporal_untracked (0, 0);
  const float high = 0.5f, low = -0.1f;
  g_autoptr (GstClipResult) first = temporal_result (&texts, &frame, &high, 0.9, NULL);
  g_autoptr (GstClipResult) second = temporal_result (&texts, &frame, &low, 0.9, NULL);

  g_assert_cmpuint (gst_clip_result_n_accepted (first), ==, 1);
  g_assert_cmpuint (gst_clip_result_n_accepted (second), ==, 0);
  temporal_texts_free (&texts);
}

/* The element -------------------------------------------------------------------- */

typedef struct {
  Stage *stage;
  Step steps[MAX_STEPS];
  guint n_steps;
  gboolean accepted; /* the first label, by the reference */
} Stream;

/* Pushes a frame of the value @pixel at @time and compares similarity, score and decision. */
static void
stream_push (Stream *stream, GstClockTime time, guint8 pixel, gdouble hysteresis)
{
  Step *step = &stream->steps[stream->n_steps++];

  stream->stage->pts = time;
  g_autoptr (GstBuffer) buffer = stage_push (stream->stage, pixel);
  const GstStructure *result = stage_result (buffer, 0);
  const GValue *similarities = gst_structure_get_value (result, "similarities");
  const GValue *accepted = gst_structure_get_value (result, "accepted");

  step->time = (gdouble)time / GST_SECOND;
  step->value[0] = 1.0 - fabs (pixel - 40.0) / 128.0;
  gdouble want = reference (stream->steps, stream->n_steps, 0, 0.5);
  gdouble score = (1.0 + want) / 2.0;
  stream->accepted = score >= (stream->accepted ? 0.7 - hysteresis : 0.7);
  g_assert_cmpfloat_with_epsilon (g_value_get_double (gst_value_array_get_value (similarities, 0)),
                                  want, 2e-7);
  g_assert_cmpint (g_value_get_boolean (gst_value_array_get_value (accepted, 0)), ==,
                   stream->accepted);
}

static void
seek_to (Stage *stage, gboolean flush, GstClockTime start)
{
  GstSegment segment;

  if (flush) {
    gst_harness_push_event (stage->harness, gst_event_new_flush_start ());
    gst_harness_push_event (stage->harness, gst_event_new_flush_stop (TRUE));
  }
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = segment.time = start;
  gst_harness_push_event (stage->harness, gst_event_new_segment (&segment));
}

static void
push_gap (Stage *stage)
{
  GstBuffer *gap = stage_frame (stage, 255);

  GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
  gst_harness_push (stage->harness, gap);
  gst_buffer_unref (gst_harness_pull (stage->harness));
}

/* Random pictures at a variable rate, with a gap, a segment that is sent twice, a seek that flushes
 * and one that does not. */
static void
test_element (void)
{
  Stream *stream = g_new0 (Stream, 1);
  GRand *rand = g_rand_new_with_seed (11);
  GstClockTime time = 10 * GST_SECOND;

  stream->stage = stage_new_playing ("mode=in-step, scoring=cosine, threshold=0.7, smoothing=500, "
                                     "hysteresis=0.15, prompts=40");
  seek_to (stream->stage, FALSE, 0);
  for (guint i = 0; i < 400; i++) {
    if (i == 100 || i == 200) {
      time = (i == 100 ? 3 : 80) * GST_SECOND;
      seek_to (stream->stage, i == 100, time);
      stream->n_steps = 0;
      stream->accepted = FALSE;
    } else if (i == 250) {
      seek_to (stream->stage, FALSE, 80 * GST_SECOND);
    } else if (i == 300) {
      push_gap (stream->stage);
      time += 2 * GST_SECOND;
    }
    stream_push (stream, time, g_rand_int_range (rand, 0, 256), 0.15);
    time += g_rand_int_range (rand, 1, 200) * MS;
  }
  g_rand_free (rand);
  stage_free (stream->stage);
  g_free (stream);
}

/* A pipeline --------------------------------------------------------------------- */

typedef struct {
  Step steps[MAX_STEPS];
  guint n_steps, n_checked;
} Watch;

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  Watch *watch = data;
  const GstStructure *result = stage_result (buffer, 0);
  const GValue *similarities = gst_structure_get_value (result, "similarities");
  Step *step = &watch->steps[watch->n_steps++];
  guint64 time;
  guint8 pixel;

  g_assert_cmpuint (watch->n_steps, <, MAX_STEPS);
  gst_buffer_extract (buffer, 0, &pixel, 1);
  gst_structure_get_uint64 (result, "stream-time", &time);
  step->time = (gdouble)time / GST_SECOND;
  step->value[0] = 1.0 - fabs (pixel - 40.0) / 128.0;
  g_assert_cmpfloat_with_epsilon (g_value_get_double (gst_value_array_get_value (similarities, 0)),
                                  reference (watch->steps, watch->n_steps, 0, 0.5), 2e-7);
  watch->n_checked++;
}

static GstPadProbeReturn
on_flush (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_FLUSH_STOP)
    ((Watch *)data)->n_steps = 0;
  return GST_PAD_PROBE_OK;
}

static void
play_part (GstElement *pipeline, GstClockTime from, GstClockTime to)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);

  g_assert_true (gst_element_seek (pipeline, 1.0, GST_FORMAT_TIME,
                                   GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, GST_SEEK_TYPE_SET,
                                   from, GST_SEEK_TYPE_SET, to));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
}

/* Real seeks, forwards and back, with frames that are lost by chance on their way. */
static void
test_pipeline (void)
{
  g_autoptr (GError) error = NULL;
  Watch *watch = g_new0 (Watch, 1);

  fake_reset ();
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "videotestsrc pattern=snow ! video/x-raw,format=GRAY8,width=16,height=16,framerate=60/1 ! "
      "identity drop-probability=0.4 ! clipfilter name=filter mode=in-step scoring=cosine "
      "smoothing=500 prompts=40 ! fakesink name=sink signal-handoffs=true",
      &error);
  g_assert_no_error (error);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (sink, "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), watch);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_FLUSH, on_flush, watch, NULL);

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_get_state (pipeline, NULL, NULL, 60 * GST_SECOND);
  play_part (pipeline, 5 * GST_SECOND, 8 * GST_SECOND);
  play_part (pipeline, 20 * GST_SECOND, 22 * GST_SECOND);
  play_part (pipeline, GST_SECOND, 3 * GST_SECOND);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_assert_cmpuint (watch->n_checked, >, 150);
  g_free (watch);
}

/* The device's ranking is of one frame: labels are listed by smoothed similarities. */
static void
test_order (void)
{
  Stage *stage = stage_new ("mode=in-step, scoring=cosine, smoothing=1000, top-k=2, "
                            "prompts=100;200;0");

  fake_set_ranking (TRUE);
  stage_play (stage);
  for (guint i = 0; i < 10; i++)
    gst_buffer_unref (stage_push (stage, 0));
  g_autoptr (GstBuffer) buffer = stage_push (stage, 210);
  g_autofree gchar *labels = stage_strings (stage_result (buffer, 0), "labels");
  g_assert_cmpstr (labels, ==, "0/100");
  g_object_set (stage->filter, "smoothing", 0, NULL);
  g_autoptr (GstBuffer) next = stage_push (stage, 210);
  g_autofree gchar *plain = stage_strings (stage_result (next, 0), "labels");
  g_assert_cmpstr (plain, ==, "200/100");
  stage_free (stage);
}

/* Negative prompts are smoothed as well: scores are those of the similarities that are shown. */
static void
test_negatives (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, scoring=softmax, smoothing=1000, prompts=0, "
                                    "negative-prompts=128");
  gdouble w = exp (-0.04), score, s, n;

  gst_buffer_unref (stage_push (stage, 0));
  g_autoptr (GstBuffer) buffer = stage_push (stage, 128);
  s = w * 1.0;
  n = (1.0 - w) * 1.0;
  score = g_value_get_double (
      gst_value_array_get_value (gst_structure_get_value (stage_result (buffer, 0), "scores"), 0));
  g_assert_cmpfloat_with_epsilon (score, 1.0 / (1.0 + exp (FAKE_LOGIT_SCALE * (n - s))), 1e-6);
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_data_func ("/smoothing/rate/5", GUINT_TO_POINTER (5), test_rate);
  g_test_add_data_func ("/smoothing/rate/25", GUINT_TO_POINTER (25), test_rate);
  g_test_add_data_func ("/smoothing/rate/60", GUINT_TO_POINTER (60), test_rate);
  g_test_add_data_func ("/smoothing/rate/variable", GUINT_TO_POINTER (0), test_rate);
  g_test_add_func ("/smoothing/step", test_step);
  g_test_add_func ("/smoothing/gap", test_gap);
  g_test_add_func ("/smoothing/seek", test_seek);
  g_test_add_func ("/smoothing/backwards", test_backwards);
  g_test_add_func ("/smoothing/unknown-time", test_unknown_time);
  g_test_add_func ("/smoothing/other-texts", test_other_texts);
  g_test_add_func ("/smoothing/not-finite", test_not_finite);
  g_test_add_func ("/smoothing/tracks", test_tracks);
  g_test_add_func ("/smoothing/untracked", test_untracked);
  g_test_add_func ("/smoothing/forgets", test_forgets);
  g_test_add_func ("/smoothing/hysteresis", test_hysteresis);
  g_test_add_func ("/smoothing/no-memory", test_no_memory);
  g_test_add_func ("/smoothing/element", test_element);
  g_test_add_func ("/smoothing/pipeline", test_pipeline);
  g_test_add_func ("/smoothing/order", test_order);
  g_test_add_func ("/smoothing/negatives", test_negatives);
  return g_test_run ();
}
