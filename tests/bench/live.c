/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-live: is live video held up? 1080p at 30 fps from a live source, ViT-B/32-sized weights,
 * mode=auto; then the same with identity in clipfilter's place. Prints how many buffers came
 * and how late they were, and fails when one is missing or when clipfilter's buffers are later
 * than identity's by more than a frame (99th percentile).
 */
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <stdlib.h>

#include "tests/common/random_model.h"

#define BUFFERS  300
#define FRAME_MS (1000.0 / 30.0)

typedef struct {
  GstElement *sink;
  guint count, labelled;
  gdouble late_ms[BUFFERS];
} Arrivals;

/* How long after its running time a buffer reaches the sink. */
static GstPadProbeReturn
on_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Arrivals *a = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autoptr (GstClock) clock = gst_element_get_clock (a->sink);
  GstClockTime base = gst_element_get_base_time (a->sink);

  if (a->count < BUFFERS && clock)
    a->late_ms[a->count] =
        GST_CLOCK_DIFF (base + GST_BUFFER_PTS (buffer), gst_clock_get_time (clock)) / 1e6;
  a->count++;
  a->labelled += gst_buffer_get_custom_meta (buffer, "GstClipLabels") != NULL;
  return GST_PAD_PROBE_OK;
}

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *)a, y = *(const gdouble *)b;

  return (x > y) - (x < y);
}

static gboolean
play (const gchar *middle, Arrivals *a)
{
  g_autofree gchar *line =
      g_strdup_printf ("videotestsrc is-live=true num-buffers=%u ! "
                       "video/x-raw,format=NV12,width=1920,height=1080,framerate=30/1 ! %s ! "
                       "fakesink name=sink sync=true",
                       BUFFERS, middle);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstMessage) message = NULL;

  if (error) {
    g_printerr ("%s\n", error->message);
    return FALSE;
  }
  a->sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (a->sink, "sink");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, a, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_clear_pointer (&a->sink, gst_object_unref);
  qsort (a->late_ms, MIN (a->count, BUFFERS), sizeof a->late_ms[0], compare_doubles);
  return message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
}

static void
print (const gchar *name, const Arrivals *a)
{
  g_print ("%-12s %u of %u buffers, %u with labels; lateness ms: median %.1f, p99 %.1f, max %.1f\n",
           name, a->count, BUFFERS, a->labelled, a->late_ms[BUFFERS / 2],
           a->late_ms[BUFFERS * 99 / 100], a->late_ms[BUFFERS - 1]);
}

int
main (int argc, char **argv)
{
  Arrivals clip = { NULL }, control = { NULL };
  g_autofree gchar *dir = NULL, *middle = NULL;
  g_autoptr (GError) error = NULL;
  gboolean ok = FALSE;

  gst_init (&argc, &argv);
  dir = g_dir_make_tmp ("gst-clip-live-XXXXXX", &error);
  if (!dir || !clip_random_model_write (clip_random_model_find ("vit-b-32"), dir, 1, &error)) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  middle = g_strdup_printf ("clipfilter model=%s prompts=\"colour bars;snow\"", dir);
  ok = play ("identity", &control) && play (middle, &clip);
  clip_random_model_remove (dir);
  if (!ok) {
    g_printerr ("the pipeline failed\n");
    return 1;
  }
  print ("identity", &control);
  print ("clipfilter", &clip);
  return clip.count == BUFFERS
                 && clip.late_ms[BUFFERS * 99 / 100]
                        <= control.late_ms[BUFFERS * 99 / 100] + FRAME_MS
             ? 0
             : 1;
}
