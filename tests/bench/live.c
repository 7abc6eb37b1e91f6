/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-live: is live video held up? 1080p at 30 fps from a live source, ViT-B/32-sized weights,
 * mode=auto; first with identity in clipfilter's place. How many buffers came, and how late they
 * were; held up is what lost a buffer, or what is later than with identity by more than a frame
 * (99th percentile).
 */
#include <gst/gst.h>

#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

#define MOST_BUFFERS 100000
#define FRAME_MS     (1000.0 / 30.0)

typedef struct {
  gchar *model, *json;
  gint buffers;
} Options;

typedef struct {
  GstElement *sink;
  guint count, labelled, room;
  gdouble *late_ms;
} Arrivals;

/* How long after its running time a buffer reaches the sink. */
static GstPadProbeReturn
on_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Arrivals *a = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autoptr (GstClock) clock = gst_element_get_clock (a->sink);
  const GstClockTime base = gst_element_get_base_time (a->sink);

  if (a->count < a->room && clock)
    a->late_ms[a->count] =
        GST_CLOCK_DIFF (base + GST_BUFFER_PTS (buffer), gst_clock_get_time (clock)) / 1e6;
  a->count++;
  a->labelled += gst_buffer_get_custom_meta (buffer, "GstClipLabels") != NULL;
  return GST_PAD_PROBE_OK;
}

static gboolean
play (const gchar *middle, Arrivals *a, GError **error)
{
  g_autofree gchar *line =
      g_strdup_printf ("videotestsrc is-live=true num-buffers=%u ! "
                       "video/x-raw,format=NV12,width=1920,height=1080,framerate=30/1 ! %s ! "
                       "fakesink name=sink sync=true",
                       a->room, middle);
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, error);

  if (!pipeline || *error) /* something is missing, or wrong */
    return FALSE;
  a->sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (a->sink, "sink");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, a, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
      bus, (a->room / 30 + 60) * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (!message)
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "the pipeline hangs");
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, error, NULL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_clear_pointer (&a->sink, gst_object_unref);
  return !*error;
}

/* Returns: the 99th percentile of the lateness, ms. */
static gdouble
report (BenchReport *r, const gchar *element, const Options *o, Arrivals *a)
{
  const guint n = MIN (a->count, a->room);
  const BenchSpread late = bench_spread (a->late_ms, n);
  const gdouble p99 = n ? a->late_ms[n * 99 / 100] : 0;

  bench_print (r, "%-11s %9u %9u %9u %9.1f %9.1f %9.1f\n", element, a->room, a->count, a->labelled,
               late.median, p99, late.max);
  bench_line_begin (r, "live");
  bench_line_string (r, "element", element);
  bench_line_string (r, "model", o->model);
  bench_line_number (r, "sent", a->room);
  bench_line_number (r, "arrived", a->count);
  bench_line_number (r, "labelled", a->labelled);
  bench_line_spread (r, "late_ms", late, 1);
  bench_line_number (r, "late_p99_ms", p99);
  bench_line_end (r);
  return p99;
}

static gboolean
measure (BenchReport *r, const Options *o, const gchar *dir, GError **error)
{
  g_autofree gchar *middle =
      g_strdup_printf ("clipfilter model=%s prompts=\"colour bars;snow\"", dir);
  g_autofree gdouble *late = g_new0 (gdouble, 2 * o->buffers);
  Arrivals control = { .room = o->buffers, .late_ms = late };
  Arrivals clip = { .room = o->buffers, .late_ms = late + o->buffers };

  if (!play ("identity", &control, error) || !play (middle, &clip, error))
    return FALSE;
  const gdouble before = report (r, "identity", o, &control);
  const gdouble behind = report (r, "clipfilter", o, &clip) - before;
  bench_print (r, "%s buffers lost; 99th percentile later by %.1f ms: %s a frame (%.1f ms)\n",
               clip.count < clip.room ? "SOME" : "no", behind,
               behind <= FRAME_MS ? "within" : "MORE THAN", FRAME_MS);
  return TRUE;
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error); /* only to name it */
  g_autoptr (BenchReport) r = gpu ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;
  g_autoptr (BenchModel) model = r ? bench_model_new (o->model, FALSE, error) : NULL;

  if (!model)
    return FALSE;
  bench_print_device (r);
  bench_print (
      r,
      "\nLive video, 1080p NV12 at 30 fps, mode=auto, %s. Late: from a buffer's running time "
      "to its arrival\nat the sink; most of it is the source, which draws.\n"
      "%41s %29s\n%-11s %9s %9s %9s %9s %9s %9s\n",
      o->model, "", "late, ms", "element", "sent", "arrived", "labelled", "median", "p99", "most");
  return measure (r, o, model->dir, error);
}

int
main (int argc, char **argv)
{
  Options o = { .buffers = 300 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model, "architecture (default vit-b-32)", "NAME" },
    { "buffers", 'n', 0, G_OPTION_ARG_INT, &o.buffers, "default 300", "N" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error)) {
    o.buffers = CLAMP (o.buffers, 1, MOST_BUFFERS);
    gst_init (NULL, NULL);
    bench_set_default (&o.model, "vit-b-32");
    if (run (&o, &error))
      return 0;
  }
  g_printerr ("%s\n", error->message);
  g_error_free (error);
  return 1;
}
