/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time: in-step and latest, flushes, new caps, the end of the stream. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#define COMMON      "scoring=cosine, threshold=0.9, messages=every-result, "
#define IN_STEP     COMMON "mode=in-step, prompts=10;200"
#define LATEST      COMMON "mode=latest, prompts=10;200"
#define POLL_US     1000
#define BEGIN_POLLS 500
#define TOO_LONG_S  20

/* Pushes frames until one is taken; it is then being encoded until the gate opens. Returns:
 * (transfer full): that frame as it came out. */
static GstBuffer *
push_until_taken (Stage *stage, guint8 value)
{
  fake_close (FAKE_JOB_RUN);
  for (guint i = 0; i < TOO_LONG_S * 1000; i++) {
    GstBuffer *out = stage_push (stage, value);
    /* Before there is a job none is taken; then, a busy machine may need a while to begin. */
    const guint polls = fake_count (FAKE_JOB_NEW) > 0 ? BEGIN_POLLS : 1;
    for (guint j = 0; j < polls; j++) {
      g_usleep (POLL_US);
      if (fake_is_inside (FAKE_JOB_RUN))
        return out;
    }
    gst_buffer_unref (out);
  }
  g_error ("no frame was taken");
}

static void
finish_encoding (Stage *stage)
{
  fake_open (FAKE_JOB_RUN);
  gst_message_unref (stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter"));
}

static void
test_in_step (void)
{
  Stage *stage = stage_new_playing (IN_STEP);

  for (guint i = 0; i < 10; i++) {
    g_autofree gchar *label = stage_push_label (stage, i % 2 ? 10 : 200);
    g_assert_cmpstr (label, ==, i % 2 ? "10" : "200");
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 10);
  g_assert_cmpuint (fake_count (FAKE_JOB_NEW), ==, 1);
  stage_free (stage);
}

/* Frames come out while the encoding stands still; then they carry its result with its age. */
static void
test_latest (void)
{
  Stage *stage = stage_new_playing (LATEST);
  guint64 age, timestamp;
  g_autoptr (GstBuffer) taken = push_until_taken (stage, 10);

  for (guint i = 0; i < 5; i++) {
    g_autofree gchar *label = stage_push_label (stage, 200);
    g_assert_cmpstr (label, ==, "none");
  }
  finish_encoding (stage);

  fake_close (FAKE_JOB_RUN);
  g_autoptr (GstBuffer) out = stage_push (stage, 200);
  g_autofree gchar *label = stage_label (out);
  g_assert_cmpstr (label, ==, "10");
  gst_structure_get (stage_result (out, 0), "age", G_TYPE_UINT64, &age, "timestamp", G_TYPE_UINT64,
                     &timestamp, NULL);
  g_assert_cmpuint (timestamp, ==, GST_BUFFER_PTS (taken));
  g_assert_cmpuint (age, ==, GST_BUFFER_PTS (out) - GST_BUFFER_PTS (taken));
  g_assert_cmpuint (age, ==, 6 * STAGE_FRAME);
  fake_open (FAKE_JOB_RUN);
  stage_free (stage);
}

/* While a frame is being encoded its buffer is nobody's but downstream's. */
static void
test_latest_keeps_no_buffer (void)
{
  Stage *stage = stage_new_playing (LATEST);
  g_autoptr (GstBuffer) taken = push_until_taken (stage, 10);

  g_assert_cmpint (GST_MINI_OBJECT_REFCOUNT_VALUE (taken), ==, 1);
  g_assert_cmpint (GST_MINI_OBJECT_REFCOUNT_VALUE (gst_buffer_peek_memory (taken, 0)), ==, 1);
  fake_open (FAKE_JOB_RUN);
  stage_free (stage);
}

/* Nothing is waited for while the engine is being opened, either. */
static void
test_latest_while_opening (void)
{
  Stage *stage = stage_new (LATEST);

  fake_close (FAKE_OPEN);
  stage_play (stage);
  fake_wait_inside (FAKE_OPEN);
  for (guint i = 0; i < 5; i++) {
    g_autofree gchar *label = stage_push_label (stage, 10);
    g_assert_cmpstr (label, ==, "none");
  }
  fake_open (FAKE_OPEN);
  stage_free (stage);
}

/* What was taken before a flush, a new stream or new caps is not told after it. */
static void
discard_by_flush (Stage *stage)
{
  GstSegment segment;

  gst_harness_push_event (stage->harness, gst_event_new_flush_start ());
  gst_harness_push_event (stage->harness, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (stage->harness, gst_event_new_segment (&segment));
}

static void
discard_by_stream_start (Stage *stage)
{
  GstSegment segment;

  gst_harness_push_event (stage->harness, gst_event_new_stream_start ("another"));
  gst_harness_set_src_caps_str (stage->harness, STAGE_CAPS);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (stage->harness, gst_event_new_segment (&segment));
}

static void
discard_by_caps (Stage *stage)
{
  gst_harness_set_src_caps_str (stage->harness,
                                "video/x-raw,format=GRAY8,width=8,height=32,framerate=25/1");
}

static void
test_discard (gconstpointer data)
{
  void (*discard) (Stage *) = data;
  Stage *stage = stage_new_playing (LATEST);

  /* A finished result, and a running encoding. */
  gst_buffer_unref (push_until_taken (stage, 10));
  finish_encoding (stage);
  gst_buffer_unref (push_until_taken (stage, 10));
  stage_count (stage, GST_MESSAGE_ELEMENT, NULL);

  discard (stage);
  g_autofree gchar *label = stage_push_label (stage, 200);
  g_assert_cmpstr (label, ==, "none");
  fake_open (FAKE_JOB_RUN);

  /* The next result is of a frame after it. */
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 0);
  for (guint i = 0; i < TOO_LONG_S * 1000 && g_strcmp0 (label, "200") != 0; i++) {
    g_free (label);
    label = stage_push_label (stage, 200);
    g_assert_cmpstr (label, !=, "10");
    g_usleep (POLL_US);
  }
  g_assert_cmpstr (label, ==, "200");
  stage_free (stage);
}

/* Results of prompts that were taken back do not return with the next ones. */
static void
test_discard_by_no_prompts (void)
{
  Stage *stage = stage_new_playing (LATEST);

  gst_buffer_unref (push_until_taken (stage, 10));
  finish_encoding (stage);
  g_object_set (stage->filter, "prompts", NULL, NULL);
  stage_wait_prompts (stage, 2);
  g_autofree gchar *without = stage_push_label (stage, 10);
  g_assert_cmpstr (without, ==, "none");
  fake_close (FAKE_JOB_RUN);
  g_object_set (stage->filter, "prompts", "77", NULL);
  stage_wait_prompts (stage, 3);
  g_autofree gchar *with = stage_push_label (stage, 10);
  g_assert_cmpstr (with, ==, "none");
  fake_open (FAKE_JOB_RUN);
  stage_free (stage);
}

/* A flush ends the wait for the first prompts. */
static gpointer
push_one (gpointer data)
{
  Stage *stage = data;
  return GINT_TO_POINTER (gst_harness_push (stage->harness, stage_frame (stage, 10)));
}

static void
test_flush_while_waiting (void)
{
  Stage *stage = stage_new (IN_STEP);

  fake_close (FAKE_TEXTS);
  stage_play (stage);
  fake_wait_inside (FAKE_TEXTS);
  GThread *thread = g_thread_new ("push", push_one, stage);
  g_usleep (20 * POLL_US);
  gst_harness_push_event (stage->harness, gst_event_new_flush_start ());
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, GST_FLOW_FLUSHING);
  gst_harness_push_event (stage->harness, gst_event_new_flush_stop (TRUE));
  fake_open (FAKE_TEXTS);

  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (stage->harness, gst_event_new_segment (&segment));
  g_autofree gchar *label = stage_push_label (stage, 10);
  g_assert_cmpstr (label, ==, "10");
  stage_free (stage);
}

static gpointer
push_eos (gpointer data)
{
  Stage *stage = data;
  gst_harness_push_event (stage->harness, gst_event_new_eos ());
  return NULL;
}

static gboolean
saw_eos (Stage *stage)
{
  g_autoptr (GstEvent) event = NULL;

  while ((event = gst_harness_try_pull_event (stage->harness))) {
    if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
      return TRUE;
    g_clear_pointer (&event, gst_event_unref);
  }
  return FALSE;
}

/* At EOS the running encoding ends and its message goes out before EOS does. */
static void
test_eos (void)
{
  Stage *stage = stage_new_playing (LATEST);

  gst_buffer_unref (push_until_taken (stage, 10));
  GThread *thread = g_thread_new ("eos", push_eos, stage);
  g_usleep (20 * POLL_US);
  g_assert_false (saw_eos (stage));
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 0);
  fake_open (FAKE_JOB_RUN);
  g_thread_join (thread);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 1);
  g_assert_true (saw_eos (stage));
  stage_free (stage);
}

/* The harness says that it is live. */
static void
test_auto (void)
{
  Stage *stage = stage_new_playing ("prompts=10");
  GstStructure *stats;

  gst_buffer_unref (stage_push (stage, 10));
  g_object_get (stage->filter, "stats", &stats, NULL);
  g_assert_cmpstr (gst_structure_get_string (stats, "mode"), ==, "latest");
  gst_structure_free (stats);
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/stream/in-step", test_in_step);
  g_test_add_func ("/stream/latest", test_latest);
  g_test_add_func ("/stream/latest-keeps-no-buffer", test_latest_keeps_no_buffer);
  g_test_add_func ("/stream/latest-while-opening", test_latest_while_opening);
  g_test_add_data_func ("/stream/discard/flush", discard_by_flush, test_discard);
  g_test_add_data_func ("/stream/discard/stream-start", discard_by_stream_start, test_discard);
  g_test_add_data_func ("/stream/discard/caps", discard_by_caps, test_discard);
  g_test_add_func ("/stream/discard/no-prompts", test_discard_by_no_prompts);
  g_test_add_func ("/stream/flush-while-waiting", test_flush_while_waiting);
  g_test_add_func ("/stream/eos", test_eos);
  g_test_add_func ("/stream/auto", test_auto);
  return g_test_run ();
}
