/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong with a picture: photographs made small, then dark, blurred, ... */
#include "tests/accuracy/accuracy.h"

#include <string.h>

#define SIDE 64 /* noise and blocks are of this size; larger ones are averaged away by the model */

typedef struct {
  GPtrArray *pictures; /* guint8[SIDE * SIDE * 4] */
  guint n_states;
  GRand *rand;
} Album;

/* The last picture of @source in SIDE x SIDE RGBA; (transfer full) (nullable) */
static guint8 *
read_small (const gchar *source, GError **error)
{
  g_autofree gchar *line = g_strdup_printf (
      "%s ! videoconvert ! videoscale method=lanczos ! video/x-raw,format=RGBA,width=%d,height=%d,"
      "pixel-aspect-ratio=1/1 ! fakesink name=sink enable-last-sample=true sync=false",
      source, SIDE, SIDE);
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, error);
  g_autoptr (GstSample) sample = NULL;
  guint8 *pixels = NULL;

  if (!pipeline || *error)
    return NULL;
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_object_get (sink, "last-sample", &sample, NULL);
  if (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, error, NULL);
  else if (sample) {
    pixels = g_malloc (SIDE * SIDE * 4);
    gst_buffer_extract (gst_sample_get_buffer (sample), 0, pixels, SIDE * SIDE * 4);
  } else {
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "%s: no picture", source);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return pixels;
}

static gboolean
draw (GstVideoFrame *frame, guint i, gpointer data)
{
  Album *album = data;
  guint8 *out = GST_VIDEO_FRAME_PLANE_DATA (frame, 0);

  if (i >= album->pictures->len * album->n_states)
    return FALSE;
  memcpy (out, album->pictures->pdata[i / album->n_states], SIDE * SIDE * 4);
  acc_spoil (out, SIDE, SIDE, i % album->n_states, album->rand);
  return TRUE;
}

static gboolean
measure (const gchar *what, Album *album, GError **error)
{
  const AccPlay play = {
    .prompts = acc_states, .draw = draw, .data = album, .width = SIDE, .height = SIDE
  };
  g_autoptr (GPtrArray) results = acc_play (&play, error);
  g_autofree guint *right = g_new0 (guint, album->n_states);
  guint all = 0;

  if (!results)
    return FALSE;
  for (guint i = 0; i < results->len; i++)
    right[i % album->n_states] += ((AccResult *)results->pdata[i])->best == i % album->n_states;
  for (guint s = 0; s < album->n_states; s++) {
    acc_note ("%-24s %3u of %3u", acc_states[s], right[s], album->pictures->len);
    all += right[s];
  }
  acc_report (what, all, results->len, ACC_LEAST (0.75, 0.7));
  return TRUE;
}

gboolean
acc_bad_pictures (const AccOptions *o, GError **error)
{
  const gchar *what = "photographs made dark, over-exposed, blurred, noisy, pixelated, or not";
  g_autoptr (GPtrArray) photos = acc_list_photos (o);
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  Album album = { pictures, g_strv_length ((GStrv)acc_states), rand };

  if (!photos) {
    acc_skip (what, "no labels.tsv; --data DIR names its folder");
    return TRUE;
  }
  for (guint i = 0; i < photos->len; i += o->quick ? 6 : 1) {
    g_autofree gchar *source = acc_photo_source (((AccPhoto *)photos->pdata[i])->path);
    guint8 *small = read_small (source, error);

    if (!small)
      return FALSE;
    g_ptr_array_add (pictures, small);
  }
  return measure (what, &album, error);
}
