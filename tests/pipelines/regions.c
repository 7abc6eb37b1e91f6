/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A region's result is that of cropping with videocrop first, with the real engine. */
#include <gst/gst.h>
#include <gst/video/video.h>

#include <math.h>

#define EXIT_SKIP 77
#define WIDTH     320
#define HEIGHT    240
#define LABELS    4

static const GstVideoRectangle boxes[] = {
  { 40, 30, 120, 90 },
  { 0, 0, 320, 240 },
  { 200, 100, 40, 140 },
  { 318, 238, 2, 2 },
};

static GstPadProbeReturn
mark (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++)
    gst_buffer_add_video_region_of_interest_meta (buffer, "thing", boxes[i].x, boxes[i].y,
                                                  boxes[i].w, boxes[i].h);
  info->data = buffer;
  return GST_PAD_PROBE_OK;
}

/* Cosines by place in the prompt set, of each result of the last buffer. */
typedef struct {
  guint n;
  gdouble similarities[G_N_ELEMENTS (boxes)][LABELS];
} Seen;

static void
read_result (const GstStructure *result, gdouble *similarities)
{
  const GValue *indices = gst_structure_get_value (result, "indices");
  const GValue *values = gst_structure_get_value (result, "similarities");

  g_assert_cmpuint (gst_value_array_get_size (indices), ==, LABELS);
  for (guint i = 0; i < LABELS; i++)
    similarities[g_value_get_uint (gst_value_array_get_value (indices, i))] =
        g_value_get_double (gst_value_array_get_value (values, i));
}

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, "GstClipLabels");
  Seen *seen = data;

  g_assert_nonnull (meta);
  const GValue *results = gst_structure_get_value (gst_custom_meta_get_structure (meta), "results");
  seen->n = gst_value_array_get_size (results);
  g_assert_cmpuint (seen->n, <=, G_N_ELEMENTS (boxes));
  for (guint i = 0; i < seen->n; i++)
    read_result (gst_value_get_structure (gst_value_array_get_value (results, i)),
                 seen->similarities[i]);
}

static void
play (const gchar *format, const gchar *between, Seen *seen)
{
  g_autofree gchar *line = g_strdup_printf (
      "videotestsrc num-buffers=2 pattern=smpte ! video/x-raw,format=%s,width=%u,height=%u,"
      "framerate=5/1 ! identity name=mark ! %s prompts=\"a dog;red;bars;snow\" mode=in-step ! "
      "fakesink name=sink signal-handoffs=true",
      format, WIDTH, HEIGHT, between);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);

  g_assert_no_error (error);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstElement) identity = gst_bin_get_by_name (GST_BIN (pipeline), "mark");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (identity, "src");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, mark, NULL, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), seen);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 240 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

static void
test_videocrop (gconstpointer data)
{
  const gchar *format = data;
  Seen regions = { 0 };

  play (format, "clipfilter region=rois", &regions);
  g_assert_cmpuint (regions.n, ==, G_N_ELEMENTS (boxes));
  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++) {
    const GstVideoRectangle *b = &boxes[i];
    g_autofree gchar *crop =
        g_strdup_printf ("videocrop left=%d top=%d right=%d bottom=%d ! clipfilter", b->x, b->y,
                         WIDTH - b->x - b->w, HEIGHT - b->y - b->h);
    Seen cropped = { 0 };

    play (format, crop, &cropped);
    g_assert_cmpuint (cropped.n, ==, 1);
    for (guint l = 0; l < LABELS; l++)
      g_assert_cmpfloat_with_epsilon (regions.similarities[i][l], cropped.similarities[0][l], 1e-5);
    /* and not just anything */
    g_assert_cmpfloat (fabs (regions.similarities[i][1] - regions.similarities[(i + 1) % 4][1]), >,
                       1e-4);
  }
}

/* (transfer full) (nullable) */
static GstElement *
need (const gchar *name)
{
  GstElement *element = gst_element_factory_make (name, NULL);

  if (element)
    gst_object_ref_sink (element);
  else
    g_printerr ("the element %s is missing\n", name);
  return element;
}

int
main (int argc, char **argv)
{
  static const gchar *const formats[] = { "RGB", "I420", "NV12", "YUY2", "GRAY8" };

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_autoptr (GstElement) filter = need ("clipfilter");
  g_autoptr (GstElement) crop = need ("videocrop");
  if (!filter || !crop)
    return EXIT_SKIP;
  if (gst_element_set_state (filter, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE)
    return EXIT_SKIP;
  /* it stays: the engine, which all share, is opened once */
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_autofree gchar *name = g_strdup_printf ("/regions/videocrop/%s", formats[i]);
    g_test_add_data_func (name, formats[i], test_videocrop);
  }
  const int status = g_test_run ();
  gst_element_set_state (filter, GST_STATE_NULL);
  return status;
}
