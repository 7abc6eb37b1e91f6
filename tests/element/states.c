/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* States: round and round, and out of every wait. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#define ROUNDS      200
#define LONG_WAIT_S 5.0

static void
set_state (GstElement *element, GstState state)
{
  g_assert_cmpint (gst_element_set_state (element, state), !=, GST_STATE_CHANGE_FAILURE);
}

static void
test_alone (void)
{
  Stage *stage = stage_new ("prompts=a;b");
  static const GstState states[] = { GST_STATE_READY,   GST_STATE_PAUSED, GST_STATE_PLAYING,
                                     GST_STATE_PAUSED,  GST_STATE_READY,  GST_STATE_PAUSED,
                                     GST_STATE_PLAYING, GST_STATE_NULL };

  for (guint i = 0; i < ROUNDS * G_N_ELEMENTS (states); i++)
    set_state (stage->filter, states[i % G_N_ELEMENTS (states)]);
  stage_free (stage);
}

/* With frames on the way, and other prompts each time. */
static void
test_pipeline (gconstpointer mode)
{
  fake_reset ();
  g_autofree gchar *launch =
      g_strdup_printf ("fakesrc sizetype=fixed sizemax=256 format=time datarate=6400 ! " STAGE_CAPS
                       " ! clipfilter name=filter mode=%s ! fakesink sync=false",
                       (const gchar *)mode);
  g_autoptr (GstElement) pipeline = gst_parse_launch (launch, NULL);
  g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");

  for (guint i = 0; i < ROUNDS; i++) {
    g_autofree gchar *prompts = g_strdup_printf ("%u;x", i);
    g_object_set (filter, "prompts", prompts, NULL);
    set_state (pipeline, i % 3 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    if (i % 2)
      gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    set_state (pipeline, i % 5 ? GST_STATE_NULL : GST_STATE_READY);
  }
  set_state (pipeline, GST_STATE_NULL);
  g_clear_object (&filter);
  g_clear_object (&pipeline);
  g_assert_cmpuint (fake_alive (), ==, 0);
}

/* Leaving is quick while the engine is being opened or texts are being encoded, also with the
 * streaming thread waiting for them. */
static void
test_leave (gconstpointer data)
{
  FakeGate gate = GPOINTER_TO_INT (data);

  fake_reset ();
  fake_close (gate);
  g_autoptr (GstElement) pipeline =
      gst_parse_launch ("fakesrc sizetype=fixed sizemax=256 format=time datarate=6400 ! " STAGE_CAPS
                        " ! clipfilter prompts=a mode=in-step ! fakesink",
                        NULL);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  set_state (pipeline, GST_STATE_PLAYING);
  fake_wait_inside (gate);
  g_usleep (20 * 1000);
  g_test_timer_start ();
  set_state (pipeline, GST_STATE_READY);
  g_assert_cmpfloat (g_test_timer_elapsed (), <, LONG_WAIT_S);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR)); /* READY to NULL would drop it */
  set_state (pipeline, GST_STATE_NULL);
  g_assert_cmpuint (fake_alive (), ==, 0);
}

/* The encoding of a frame cannot be cut short, but nobody waits for it but the end. */
static gpointer
open_later (gpointer data)
{
  g_usleep (20 * 1000);
  fake_open (FAKE_JOB_RUN);
  return NULL;
}

static void
test_leave_while_encoding (gconstpointer mode)
{
  fake_reset ();
  fake_close (FAKE_JOB_RUN);
  g_autofree gchar *launch =
      g_strdup_printf ("fakesrc sizetype=fixed sizemax=256 format=time datarate=6400 ! " STAGE_CAPS
                       " ! clipfilter prompts=a mode=%s ! fakesink",
                       (const gchar *)mode);
  g_autoptr (GstElement) pipeline = gst_parse_launch (launch, NULL);
  set_state (pipeline, GST_STATE_PLAYING);
  fake_wait_inside (FAKE_JOB_RUN);
  GThread *thread = g_thread_new ("open", open_later, NULL);
  set_state (pipeline, GST_STATE_NULL);
  g_thread_join (thread);
  g_assert_cmpuint (fake_alive (), ==, 0);
}

/* Every progress START has its end, and loading ends before the first frame comes out. */
static void
test_progress (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, prompts=10");
  gint open = 0;
  guint steps = 0;

  gst_buffer_unref (stage_push (stage, 10));
  for (gboolean done = FALSE; !done;) {
    g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_PROGRESS, NULL);
    GstProgressType type;
    gst_message_parse_progress (message, &type, NULL, NULL);
    open += type == GST_PROGRESS_TYPE_START;
    steps += type == GST_PROGRESS_TYPE_CONTINUE;
    done = type == GST_PROGRESS_TYPE_COMPLETE;
    g_assert_cmpint (open, ==, 1);
  }
  g_assert_cmpuint (steps, ==, 3); /* device, model, prompts */

  /* Later sets are not loading. */
  g_object_set (stage->filter, "prompts", "20", NULL);
  stage_wait_prompts (stage, 2);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_PROGRESS, NULL), ==, 0);
  stage_free (stage);
}

/* Everything starts afresh: counters, the mode, the announced labels. */
static void
test_restart (void)
{
  Stage *stage = stage_new ("mode=in-step, scoring=cosine, threshold=0.9, prompts=10");

  for (guint i = 0; i < 2; i++) {
    GstStructure *stats;
    guint64 frames;
    stage->harness = gst_harness_new_with_element (stage->filter, "sink", "src");
    gst_harness_set_src_caps_str (stage->harness, STAGE_CAPS);
    g_autofree gchar *label = stage_push_label (stage, 10);
    g_assert_cmpstr (label, ==, "10");
    gst_message_unref (stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter"));
    g_object_get (stage->filter, "stats", &stats, NULL);
    gst_structure_get_uint64 (stats, "frames", &frames);
    g_assert_cmpuint (frames, ==, 1);
    gst_structure_free (stats);
    gst_harness_teardown (g_steal_pointer (&stage->harness));
    gst_element_set_state (stage->filter, GST_STATE_NULL);
  }
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/states/alone", test_alone);
  g_test_add_data_func ("/states/pipeline/in-step", "in-step", test_pipeline);
  g_test_add_data_func ("/states/pipeline/latest", "latest", test_pipeline);
  g_test_add_data_func ("/states/leave/opening", GINT_TO_POINTER (FAKE_OPEN), test_leave);
  g_test_add_data_func ("/states/leave/texts", GINT_TO_POINTER (FAKE_TEXTS), test_leave);
  g_test_add_data_func ("/states/leave/encoding/in-step", "in-step", test_leave_while_encoding);
  g_test_add_data_func ("/states/leave/encoding/latest", "latest", test_leave_while_encoding);
  g_test_add_func ("/states/progress", test_progress);
  g_test_add_func ("/states/restart", test_restart);
  return g_test_run ();
}
