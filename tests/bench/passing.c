/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-passing: what a frame costs that is not encoded: the time from the probe on the element's
 * sink pad to the probe on its source pad, in the streaming thread, while mode=latest keeps the
 * encoder busy with earlier frames. Frames that were encoded are known by the timestamps of the
 * results and left out, and so is everything before the first result. identity in clipfilter's
 * place shows what GStreamer itself takes.
 */
#include <gst/gst.h>
#include <time.h>

#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

#define MOST_US 20.0
#define WAIT    (300 * GST_SECOND)

typedef struct {
  gchar *model, *json;
  gint frames;
} Options;

typedef struct {
  GstClockTime pts;
  gdouble wall, cpu; /* seconds; first when it came, then how long it took */
} Passage;

typedef struct {
  GArray *passages;    /* of Passage */
  GHashTable *encoded; /* guint64: PTS */
  GstClockTime first;  /* of a frame that was encoded */
  GstElement *pipeline;
  gint counting; /* atomic: frames count from now on */
  gint left;     /* frames that still count; the streaming thread's */
} Trace;

static gdouble
clock_seconds (clockid_t id)
{
  struct timespec t;

  clock_gettime (id, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static GstPadProbeReturn
on_arrival (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Trace *trace = data;
  const Passage p = { GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info)),
                      clock_seconds (CLOCK_MONOTONIC), clock_seconds (CLOCK_THREAD_CPUTIME_ID) };

  g_array_append_val (trace->passages, p);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
on_departure (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  const gdouble wall = clock_seconds (CLOCK_MONOTONIC),
                cpu = clock_seconds (CLOCK_THREAD_CPUTIME_ID);
  Trace *trace = data;
  Passage *p = &g_array_index (trace->passages, Passage, trace->passages->len - 1);

  p->wall = wall - p->wall;
  p->cpu = cpu - p->cpu;
  if (g_atomic_int_get (&trace->counting) && trace->left-- == 0)
    gst_element_post_message (trace->pipeline,
                              gst_message_new_application (GST_OBJECT (trace->pipeline),
                                                           gst_structure_new_empty ("enough")));
  return GST_PAD_PROBE_OK;
}

static void
add_probes (GstElement *pipeline, Trace *trace)
{
  g_autoptr (GstElement) middle = gst_bin_get_by_name (GST_BIN (pipeline), "middle");
  g_autoptr (GstPad) sink = gst_element_get_static_pad (middle, "sink");
  g_autoptr (GstPad) src = gst_element_get_static_pad (middle, "src");

  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, on_arrival, trace, NULL);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, on_departure, trace, NULL);
}

static void
note_result (GstMessage *message, Trace *trace)
{
  const GstStructure *s = gst_message_get_structure (message);
  guint64 pts;

  if (!gst_structure_has_name (s, "clipfilter") || !gst_structure_get_uint64 (s, "timestamp", &pts))
    return;
  g_hash_table_add (trace->encoded, g_memdup2 (&pts, sizeof pts));
  trace->first = MIN (trace->first, pts);
  g_atomic_int_set (&trace->counting, TRUE);
}

/* Returns: TRUE when @message says that enough frames have passed. */
static gboolean
handle (GstMessage *message, Trace *trace, GError **error)
{
  if (!message)
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "no frame was encoded in time");
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, error, NULL);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT)
    note_result (message, trace);
  else
    return TRUE;
  return FALSE;
}

static gboolean
play (const gchar *middle, Trace *trace, GError **error)
{
  g_autofree gchar *line =
      g_strdup_printf ("videotestsrc is-live=true pattern=black ! "
                       "video/x-raw,format=NV12,width=1920,height=1080,framerate=60/1 ! "
                       "%s name=middle ! fakesink sync=false",
                       middle);
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, error);
  gboolean done = FALSE;

  if (!pipeline || *error) /* something is missing, or wrong */
    return FALSE;
  trace->pipeline = pipeline;
  add_probes (pipeline, trace);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!done && !*error) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, WAIT, GST_MESSAGE_APPLICATION | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);

    done = handle (message, trace, error);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return done;
}

/* Of frames that passed: microseconds. Returns: the median of the wall times. */
static gdouble
report (BenchReport *r, const Trace *trace, const gchar *element, gboolean only_after_first)
{
  g_autofree gdouble *wall = g_new (gdouble, trace->passages->len);
  g_autofree gdouble *cpu = g_new (gdouble, trace->passages->len);
  guint n = 0;

  for (guint i = 0; i < trace->passages->len; i++) {
    const Passage *p = &g_array_index (trace->passages, Passage, i);

    if (g_hash_table_contains (trace->encoded, &p->pts)
        || (only_after_first && p->pts <= trace->first))
      continue;
    wall[n] = p->wall;
    cpu[n++] = p->cpu;
  }
  const BenchSpread w = bench_spread (wall, n), c = bench_spread (cpu, n);
  const gdouble p99 = n ? wall[n * 99 / 100] : 0;
  bench_print (r, "%-11s %8u %8u %9.1f %9.1f %9.1f %10.1f\n", element, n,
               g_hash_table_size (trace->encoded), 1e6 * w.median, 1e6 * p99, 1e6 * w.max,
               1e6 * c.median);
  bench_line_begin (r, "passing");
  bench_line_string (r, "element", element);
  bench_line_number (r, "frames", n);
  bench_line_number (r, "encoded", g_hash_table_size (trace->encoded));
  bench_line_spread (r, "wall_us", w, 1e6);
  bench_line_number (r, "wall_p99_us", 1e6 * p99);
  bench_line_spread (r, "cpu_us", c, 1e6);
  bench_line_end (r);
  return 1e6 * w.median;
}

static gboolean
trace_element (BenchReport *r, const Options *o, const gchar *name, const gchar *middle,
               gdouble *median, GError **error)
{
  const gboolean is_clip = g_str_equal (name, "clipfilter");
  Trace trace = { g_array_new (FALSE, FALSE, sizeof (Passage)),
                  g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL),
                  GST_CLOCK_TIME_NONE, .counting = !is_clip, .left = o->frames };
  const gboolean ok = play (middle, &trace, error);

  if (ok)
    *median = report (r, &trace, name, is_clip);
  g_array_unref (trace.passages);
  g_hash_table_unref (trace.encoded);
  return ok;
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error); /* only to name it */
  g_autoptr (BenchReport) r = gpu ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;
  g_autoptr (BenchModel) model = r ? bench_model_new (o->model, FALSE, error) : NULL;
  gdouble identity, clip;

  if (!model)
    return FALSE;
  g_autofree gchar *middle = g_strdup_printf (
      "clipfilter model=%s prompts=\"a;b\" mode=latest messages=every-result", model->dir);
  bench_print_device (r);
  bench_print (
      r,
      "\nA frame that is not encoded, us in the element: 1080p NV12 at 60 fps, mode=latest, "
      "%s.\nCPU: of the streaming thread.\n"
      "%29s %29s %10s\n%-11s %8s %8s %9s %9s %9s %10s\n",
      o->model, "", "wall, us", "CPU, us", "element", "passed", "encoded", "median", "p99", "most",
      "median");
  if (!trace_element (r, o, "identity", "identity", &identity, error)
      || !trace_element (r, o, "clipfilter", middle, &clip, error))
    return FALSE;
  bench_print (r, "clipfilter's median: %s %.0f us, and %.1f more than identity's\n",
               clip <= MOST_US ? "within" : "MORE THAN", MOST_US, clip - identity);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options o = { .frames = 600 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model, "architecture (default vit-b-32)", "NAME" },
    { "frames", 'n', 0, G_OPTION_ARG_INT, &o.frames, "default 600", "N" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error)) {
    gst_init (NULL, NULL);
    bench_set_default (&o.model, "vit-b-32");
    if (run (&o, &error))
      return 0;
  }
  g_printerr ("%s\n", error->message);
  g_error_free (error);
  return 1;
}
