/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plugin as it is installed, with the real engine, in real pipelines. */
#include <gst/gst.h>
#include <gst/video/video.h>

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SKIP 77
/* A frame that waits for an encoding is later than this only if the machine is very busy; one
 * that waits for the model to be loaded always is. */
#define LATE (400 * GST_MSECOND)

static gchar *model; /* " model=..." or nothing, for a launch line */

typedef struct {
  guint buffers; /* atomic */
  guint labelled;
  GstClockTime latest; /* the greatest lateness */
  gchar *label;        /* of the last buffer */
  gdouble score;       /* of the first label listed */
  guint wrong_ages;
} Seen;

static const GstStructure *
first_result (GstBuffer *buffer)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, "GstClipLabels");

  if (!meta)
    return NULL;
  const GValue *results = gst_structure_get_value (gst_custom_meta_get_structure (meta), "results");
  return gst_value_get_structure (gst_value_array_get_value (results, 0));
}

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  Seen *seen = data;
  const GstStructure *result = first_result (buffer);
  GstClockTime now = gst_element_get_current_running_time (sink);

  g_atomic_int_inc (&seen->buffers);
  if (GST_CLOCK_TIME_IS_VALID (now) && now > GST_BUFFER_PTS (buffer))
    seen->latest = MAX (seen->latest, now - GST_BUFFER_PTS (buffer));
  if (!result)
    return;
  guint64 age = 0, then = 0;
  gst_structure_get (result, "age", G_TYPE_UINT64, &age, "timestamp", G_TYPE_UINT64, &then, NULL);
  seen->wrong_ages += then + age != GST_BUFFER_PTS (buffer);
  seen->labelled++;
  g_free (seen->label);
  seen->label = g_strdup (gst_structure_get_string (result, "label"));
  const GValue *scores = gst_structure_get_value (result, "scores");
  seen->score = g_value_get_double (gst_value_array_get_value (scores, 0));
}

static GstElement *
make (const gchar *launch, Seen *seen)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *line = g_strdup_printf (launch, model);
  GstElement *pipeline = gst_parse_launch (line, &error);

  g_assert_no_error (error);
  *seen = (Seen){ 0 };
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_object_set (sink, "signal-handoffs", TRUE, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), seen);
  return pipeline;
}

/* Plays to the end; any error or warning fails. Returns the number of `clipfilter` messages. */
static guint
play (GstElement *pipeline)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  guint results = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (;;) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop (bus, 120 * GST_SECOND);
    g_assert_nonnull (message);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      break;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR
        || GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
      g_autofree gchar *text = gst_structure_to_string (gst_message_get_structure (message));
      g_error ("%s", text);
    }
    results += gst_message_has_name (message, "clipfilter");
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return results;
}

static void
seen_clear (Seen *seen)
{
  g_clear_pointer (&seen->label, g_free);
}

static void
test_in_step (void)
{
  Seen seen;
  g_autoptr (GstElement) pipeline =
      make ("videotestsrc num-buffers=20 ! clipfilter %s prompts=\"colour bars;snow\" "
            "messages=every-result ! fakesink name=sink",
            &seen);

  g_assert_cmpuint (play (pipeline), ==, 20);
  g_assert_cmpuint (seen.buffers, ==, 20);
  g_assert_cmpuint (seen.labelled, ==, 20);
  g_assert_cmpfloat (seen.score, >=, 0.5);
  seen_clear (&seen);
}

/* Labels get through what usually stands behind an analysis. */
static void
test_survives (void)
{
  Seen seen;
  g_autoptr (GstElement) pipeline = make (
      "videotestsrc num-buffers=10 ! video/x-raw,format=NV12 ! clipfilter %s prompts=\"a;b\" ! "
      "tee ! queue ! videorate ! videoconvert ! videoscale ! "
      "video/x-raw,format=RGB,width=200,height=100 ! fakesink name=sink",
      &seen);

  play (pipeline);
  g_assert_cmpuint (seen.labelled, ==, seen.buffers);
  g_assert_cmpuint (seen.buffers, >=, 10); /* videorate 1.28 repeats the last one */
  seen_clear (&seen);
}

/* "image:PATH" for the property `prompts`. */
static gchar *
picture_prompt (const gchar *path)
{
  GString *prompt = g_string_new ("image:");

  for (; *path; path++) {
    if (strchr (";|=@", *path))
      g_string_append_c (prompt, *path);
    g_string_append_c (prompt, *path);
  }
  return g_string_free (prompt, FALSE);
}

/* A picture in a file is the same picture in a stream, and another pattern is another one. */
static void
test_picture (void)
{
  g_autofree gchar *path =
      g_build_filename (g_get_tmp_dir (), "clip picture; |=@ XXXXXX.png", NULL);
  gint fd = g_mkstemp (path);
  Seen seen[2];

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  for (guint i = 0; i < 2; i++) {
    g_autofree gchar *line = g_strdup_printf (
        "videotestsrc num-buffers=2 pattern=%s ! video/x-raw,format=RGB,width=320,height=240 ! "
        "clipfilter name=filter %%s scoring=cosine messages=every-result ! fakesink name=sink",
        i ? "smpte" : "circular");
    g_autofree gchar *prompts = picture_prompt (path);
    if (i == 0) {
      g_autoptr (GstElement) writer =
          gst_parse_launch ("videotestsrc num-buffers=1 pattern=circular ! "
                            "video/x-raw,format=RGB,width=320,height=240 ! pngenc ! "
                            "filesink name=sink",
                            NULL);
      if (!writer) {
        g_test_skip ("no encoder of pictures");
        goto out;
      }
      g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (writer), "sink");
      g_object_set (sink, "location", path, NULL);
      play (writer);
    }
    g_autoptr (GstElement) pipeline = make (line, &seen[i]);
    g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");
    g_object_set (filter, "prompts", prompts, NULL);
    g_assert_cmpuint (play (pipeline), ==, 2);
  }
  g_assert_cmpfloat_with_epsilon (seen[0].score, 1.0, 1e-4);
  g_assert_cmpfloat (seen[1].score, <, seen[0].score - 1e-3);
  g_free (seen[0].label);
  g_free (seen[1].label);

out:
  g_unlink (path);
}

/* The same picture in every format has nearly the same scores. */
static void
test_formats (void)
{
  static const gchar *const formats[] = { "RGB",       "BGR",  "RGBx", "BGRx",      "xRGB",
                                          "xBGR",      "RGBA", "BGRA", "ARGB",      "ABGR",
                                          "I420",      "YV12", "NV12", "NV21",      "YUY2",
                                          "UYVY",      "Y42B", "Y444", "P010_10LE", "I420_10LE",
                                          "I422_10LE", "v210", "GRAY8" };
  gdouble reference = 0;

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    Seen seen;
    g_autofree gchar *line = g_strdup_printf (
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=320,height=240 ! videoconvert "
        "! video/x-raw,format=%s ! clipfilter %%s prompts=\"a;b;c\" ! fakesink name=sink",
        formats[i]);
    g_autoptr (GstElement) pipeline = make (line, &seen);
    play (pipeline);
    g_test_message ("%s: %g", formats[i], seen.score);
    g_assert_cmpuint (seen.labelled, ==, 1);
    if (i == 0)
      reference = seen.score;
    /* Grey is another picture; one byte order is the same picture, YUV is rounded. */
    if (strcmp (formats[i], "GRAY8") != 0)
      g_assert_cmpfloat_with_epsilon (seen.score, reference, i < 10 ? 1e-6 : 0.03);
    seen_clear (&seen);
  }
}

/* As gst-launch does: PAUSED, until loading has come to its end. */
static void
wait_loaded (GstElement *pipeline)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  GstProgressType type = GST_PROGRESS_TYPE_START;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  while (type != GST_PROGRESS_TYPE_COMPLETE) {
    g_autoptr (GstMessage) message =
        gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND, GST_MESSAGE_PROGRESS);
    g_assert_nonnull (message);
    gst_message_parse_progress (message, &type, NULL, NULL);
    g_assert_cmpint (type, !=, GST_PROGRESS_TYPE_ERROR);
  }
}

/* Live: no frame waits, none is lost; labels come when the model is there. */
static void
test_live (gconstpointer loaded)
{
  Seen seen;
  g_autoptr (GstElement) pipeline = make (
      "videotestsrc is-live=true num-buffers=60 ! video/x-raw,width=1280,height=720,framerate=30/1 "
      "! clipfilter name=filter %s prompts=\"a;b\" messages=every-result ! "
      "fakesink name=sink sync=true",
      &seen);
  g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");
  GstStructure *stats = NULL;

  if (loaded)
    wait_loaded (pipeline);
  guint results = play (pipeline);
  g_assert_cmpuint (seen.buffers, ==, 60);
  g_assert_cmpuint (seen.latest, <, LATE);
  g_assert_cmpuint (seen.wrong_ages, ==, 0);
  if (loaded) {
    g_assert_cmpuint (results, >, 0);
    g_assert_cmpuint (seen.labelled, >, 0);
  }
  g_object_get (filter, "stats", &stats, NULL);
  g_assert_cmpstr (gst_structure_get_string (stats, "mode"), ==, "latest");
  gst_structure_free (stats);
  seen_clear (&seen);
}

/* Two elements with the same model share one engine. */
static void
test_shared (void)
{
  Seen seen;
  g_autoptr (GstElement) pipeline =
      make ("videotestsrc num-buffers=300 ! clipfilter name=one %1$s prompts=\"a;b\" "
            "! clipfilter name=two %1$s prompts=\"c\" ! fakesink name=sink sync=true",
            &seen);
  guint64 memory[2];

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  g_assert_cmpint (gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE), ==,
                   GST_STATE_CHANGE_SUCCESS);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GstElement) filter =
        gst_bin_get_by_name (GST_BIN (pipeline), i == 0 ? "one" : "two");
    GstStructure *stats;
    g_object_get (filter, "stats", &stats, NULL);
    gst_structure_get_uint64 (stats, "gpu-memory", &memory[i]);
    gst_structure_free (stats);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_assert_cmpuint (memory[0], >, 0);
  g_assert_cmpuint (memory[0], ==, memory[1]);
  seen_clear (&seen);
}

/* Flushing seeks while playing. */
static void
test_seek (void)
{
  Seen seen;
  g_autoptr (GstElement) pipeline =
      make ("videotestsrc num-buffers=200 ! clipfilter %s prompts=\"a;b\" ! "
            "fakesink name=sink",
            &seen);

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  for (guint i = 0; i < 10; i++) {
    gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
                                            GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE,
                                            i * GST_SECOND / 7));
  }
  play (pipeline);
  g_assert_cmpuint (seen.labelled, ==, seen.buffers);
  seen_clear (&seen);
}

/* Round and round, leaving at every moment of loading. */
static void
test_states (void)
{
  for (guint i = 0; i < 12; i++) {
    Seen seen;
    g_autoptr (GstElement) pipeline =
        make ("videotestsrc ! clipfilter %s prompts=\"a;b\" ! fakesink name=sink", &seen);
    gst_element_set_state (pipeline, i % 2 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    g_usleep (i * i * 2000);
    g_test_timer_start ();
    gst_element_set_state (pipeline, GST_STATE_NULL);
    g_assert_cmpfloat (g_test_timer_elapsed (), <, 10.0);
    seen_clear (&seen);
  }
}

static gpointer
change_prompts (gpointer filter)
{
  for (guint i = 0; i < 1000; i++) {
    g_autofree gchar *prompts = g_strdup_printf ("label %u;other", i);
    g_object_set (filter, "prompts", prompts, NULL);
  }
  g_object_set (filter, "prompts", "the last", "scoring", 3, "threshold", 0.0, NULL);
  return NULL;
}

/* A thousand changes while playing: every frame comes out labelled, the last set wins. */
static void
test_prompts (void)
{
  Seen seen;
  g_autoptr (GstElement) pipeline =
      make ("videotestsrc ! clipfilter name=filter %s prompts=\"a;b\" ! fakesink name=sink", &seen);
  g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  guint serial = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GThread *thread = g_thread_new ("prompts", change_prompts, filter);
  while (serial < 1002) {
    g_autoptr (GstMessage) message =
        gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND, GST_MESSAGE_ELEMENT);
    g_assert_nonnull (message);
    if (gst_message_has_name (message, "clipfilter-prompts"))
      gst_structure_get_uint (gst_message_get_structure (message), "serial", &serial);
  }
  g_thread_join (thread);
  guint before = g_atomic_int_get (&seen.buffers);
  while ((guint)g_atomic_int_get (&seen.buffers) < before + 3)
    g_usleep (1000);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_assert_cmpstr (seen.label, ==, "the last");
  g_assert_cmpuint (seen.labelled, ==, seen.buffers);
  seen_clear (&seen);
}

/* A model to play with: that of the test data, else the built-in one. */
static gboolean
find_model (void)
{
  g_autofree gchar *folder =
      g_build_filename (g_getenv ("GST_CLIP_TESTDATA"), "goldens/models/tiny-awk", NULL);
  g_autoptr (GstElement) filter = gst_element_factory_make ("clipfilter", NULL);

  g_assert_nonnull (filter); /* the plugin is broken, or not in GST_PLUGIN_PATH */
  gst_object_ref_sink (filter);
  if (g_file_test (folder, G_FILE_TEST_IS_DIR)) {
    model = g_strdup_printf ("model=\"%s\"", folder);
    return TRUE;
  }
  model = g_strdup ("");
  g_autoptr (GstBus) bus = gst_bus_new ();
  gst_element_set_bus (filter, bus);
  gst_element_set_state (filter, GST_STATE_PAUSED);
  for (;;) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, 120 * GST_SECOND, GST_MESSAGE_PROGRESS | GST_MESSAGE_ERROR);
    GstProgressType type = GST_PROGRESS_TYPE_ERROR;
    if (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS)
      gst_message_parse_progress (message, &type, NULL, NULL);
    if (type == GST_PROGRESS_TYPE_START || type == GST_PROGRESS_TYPE_CONTINUE)
      continue;
    gst_element_set_state (filter, GST_STATE_NULL);
    return type == GST_PROGRESS_TYPE_COMPLETE;
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  if (!find_model ()) {
    printf ("1..0 # SKIP no test data and no built-in model\n");
    return EXIT_SKIP;
  }
  g_test_add_func ("/pipelines/in-step", test_in_step);
  g_test_add_func ("/pipelines/survives", test_survives);
  g_test_add_func ("/pipelines/picture", test_picture);
  g_test_add_func ("/pipelines/formats", test_formats);
  g_test_add_data_func ("/pipelines/live/at-once", NULL, test_live);
  g_test_add_data_func ("/pipelines/live/loaded", "loaded", test_live);
  g_test_add_func ("/pipelines/shared", test_shared);
  g_test_add_func ("/pipelines/seek", test_seek);
  g_test_add_func ("/pipelines/states", test_states);
  g_test_add_func ("/pipelines/prompts", test_prompts);
  int ret = g_test_run ();
  g_free (model);
  return ret;
}
