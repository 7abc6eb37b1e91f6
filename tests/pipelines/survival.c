/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Labels get through the elements that usually stand behind an analysis: docs/elements.md has the
 * list. Each is skipped, by name, where the element is not installed. */
#include <gst/gst.h>
#include <string.h>

#define FRAMES 5

typedef struct {
  guint buffers, labelled;
  guint results; /* on the last buffer */
} Seen;

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  Seen *seen = data;
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, "GstClipLabels");
  const GValue *results =
      meta ? gst_structure_get_value (gst_custom_meta_get_structure (meta), "results") : NULL;

  seen->buffers++;
  seen->results = results ? gst_value_array_get_size (results) : 0;
  if (seen->results == 0)
    return;
  const GstStructure *result = gst_value_get_structure (gst_value_array_get_value (results, 0));
  seen->labelled += g_str_equal (gst_structure_get_string (result, "label"), "colour bars");
}

/* Runs clipfilter, then @behind. FALSE where an element is missing. */
static gboolean
run (const gchar *filters, const gchar *behind, Seen *seen)
{
  g_autofree gchar *line = g_strdup_printf (
      "videotestsrc num-buffers=%u ! video/x-raw,format=I420,width=160,height=120 ! %s %s%s "
      "fakesink name=sink signal-handoffs=true",
      FRAMES, filters, behind, *behind ? " !" : "");
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline =
      gst_parse_launch_full (line, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);

  *seen = (Seen){ 0 };
  if (g_error_matches (error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT)) {
    g_test_skip (error->message);
    return FALSE;
  }
  g_assert_no_error (error);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), seen);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 240 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpstr (GST_MESSAGE_TYPE_NAME (message), ==, "eos");
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return TRUE;
}

#define FILTER "clipfilter prompts=\"colour bars;snow\" !"

/* @data: what is behind clipfilter: every buffer has its label. */
static void
test_survives (gconstpointer data)
{
  Seen seen;

  if (!run (FILTER, data, &seen))
    return;
  g_assert_cmpuint (seen.buffers, >=, FRAMES);
  g_assert_cmpuint (seen.labelled, ==, seen.buffers);
}

/* A muxer makes buffers of its own too, such as headers: the frames' are among them. */
static void
test_muxer (void)
{
  Seen seen;

  if (!run (FILTER, "videoconvert ! jpegenc ! matroskamux", &seen))
    return;
  g_assert_cmpuint (seen.labelled, >=, FRAMES);
}

static void
test_two_filters (void)
{
  Seen seen;

  if (!run (FILTER " clipfilter prompts=\"red;green\" !", "queue ! videoscale ! videoconvert",
            &seen))
    return;
  g_assert_cmpuint (seen.labelled, ==, FRAMES);
  g_assert_cmpuint (seen.results, ==, 2);
}

int
main (int argc, char **argv)
{
  static const struct {
    const gchar *name, *behind;
  } cases[] = {
    { "queue", "queue" },
    { "tee", "tee ! queue" },
    { "videorate", "videorate ! video/x-raw,framerate=60/1" },
    { "videoconvert", "videoconvert ! video/x-raw,format=RGB" },
    { "videoscale", "videoscale ! video/x-raw,width=64,height=48" },
    { "videoflip", "videoflip method=clockwise" },
    { "videocrop", "videocrop left=8 top=8" },
    { "jpegenc", "videoconvert ! jpegenc" },
    { "vp8enc", "vp8enc deadline=1" },
    { "vp8dec", "vp8enc deadline=1 ! vp8dec" },
  };

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *path = g_strconcat ("/survival/", cases[i].name, NULL);
    g_test_add_data_func (path, cases[i].behind, test_survives);
  }
  g_test_add_func ("/survival/matroskamux", test_muxer);
  g_test_add_func ("/survival/two-filters", test_two_filters);
  return g_test_run ();
}
