/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-live: is live video held up? A live source, mode=latest, and fakesink sync=true: how many
 * buffers came, how late they were, and whether their `age` is true; from the first labelled one on.
 * Beside it identity in clipfilter's place, with threads that burn as much CPU as the device's where
 * the device is the CPU. Held up is what lost a buffer, or what is later than with identity by more
 * than a frame (99th percentile).
 */
#include <gst/gst.h>
#include <stdlib.h>

#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

#define MOST_BUFFERS 100000
#define MOST_ROUNDS  100
#define PATIENCE     (600 * GST_SECOND)

typedef struct {
  gchar *model, *json;
  gint buffers, rounds, width, height, rate;
} Options;

typedef struct {
  GstElement *pipeline, *sink;
  gboolean is_clip;
  gboolean begun;        /* this time it has had a label; identity has none */
  guint counted, enough; /* over all rounds; @enough after this one */
  guint labelled, wrong_ages;
  gdouble *late_ms;
  GHashTable *timestamps; /* guint64: of this round's buffers */
  gint sent, arrived;     /* atomic */
} Arrivals;

static GstPadProbeReturn
on_sent (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  g_atomic_int_inc (&((Arrivals *)data)->sent);
  return GST_PAD_PROBE_OK;
}

/* The result on @buffer; NULL without. */
static const GstStructure *
result_of (GstBuffer *buffer)
{
  GstCustomMeta *meta = gst_meta_get_info ("GstClipLabels")
                            ? gst_buffer_get_custom_meta (buffer, "GstClipLabels")
                            : NULL;
  const GValue *results =
      meta ? gst_structure_get_value (gst_custom_meta_get_structure (meta), "results") : NULL;

  return results ? gst_value_get_structure (gst_value_array_get_value (results, 0)) : NULL;
}

/* The segment begins at 0, so that running time is the timestamp. */
static gboolean
age_is_true (Arrivals *a, const GstStructure *result, guint64 pts)
{
  guint64 age, then;

  return gst_structure_get (result, "age", G_TYPE_UINT64, &age, "timestamp", G_TYPE_UINT64, &then,
                            NULL)
         && then <= pts && age == pts - then && g_hash_table_contains (a->timestamps, &then);
}

static void
finish (Arrivals *a)
{
  gst_element_post_message (
      a->pipeline,
      gst_message_new_application (GST_OBJECT (a->pipeline), gst_structure_new_empty ("enough")));
}

static GstPadProbeReturn
on_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Arrivals *a = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  const GstStructure *result = result_of (buffer);
  g_autoptr (GstClock) clock = gst_element_get_clock (a->sink);
  const guint64 pts = GST_BUFFER_PTS (buffer);

  g_atomic_int_inc (&a->arrived);
  g_hash_table_add (a->timestamps, g_memdup2 (&pts, sizeof pts));
  if (result) {
    a->begun = TRUE;
    a->labelled++;
    a->wrong_ages += !age_is_true (a, result, pts);
  }
  if (a->counted == a->enough || !clock || (a->is_clip && !a->begun))
    return GST_PAD_PROBE_OK;
  a->late_ms[a->counted++] =
      GST_CLOCK_DIFF (gst_element_get_base_time (a->sink) + pts, gst_clock_get_time (clock)) / 1e6;
  if (a->counted == a->enough)
    finish (a);
  return GST_PAD_PROBE_OK;
}

/* Waits for @type. Returns: FALSE after an error. */
static gboolean
wait_for (GstElement *pipeline, GstMessageType type, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, PATIENCE, type | GST_MESSAGE_ERROR);

  if (!message)
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "the pipeline hangs");
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, error, NULL);
  return !*error;
}

static void
probe (GstElement *element, GstPadProbeCallback callback, Arrivals *a)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, a, NULL);
}

static gboolean
play (const gchar *middle, const Options *o, Arrivals *a, GError **error)
{
  g_autofree gchar *line = g_strdup_printf (
      "videotestsrc is-live=true pattern=black ! "
      "video/x-raw,format=NV12,width=%d,height=%d,framerate=%d/1 ! %s name=middle ! "
      "fakesink name=sink sync=true",
      o->width, o->height, o->rate, middle);
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, error);

  if (!pipeline || *error) /* something is missing, or wrong */
    return FALSE;
  g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (pipeline), "middle");
  a->pipeline = pipeline;
  a->begun = FALSE;
  a->enough += o->buffers;
  g_hash_table_remove_all (a->timestamps);
  a->sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  probe (element, on_sent, a);
  probe (a->sink, on_buffer, a);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  if (wait_for (pipeline, GST_MESSAGE_APPLICATION, error)
      && gst_element_send_event (pipeline, gst_event_new_eos ()))
    wait_for (pipeline, GST_MESSAGE_EOS, error);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_clear_pointer (&a->sink, gst_object_unref);
  return !*error;
}

/* Burning CPU ---------------------------------------------------------------------- */

static gint burning; /* atomic */

static gpointer
burn (gpointer data)
{
  volatile gdouble x = 1.0;

  while (g_atomic_int_get (&burning))
    for (guint i = 0; i < 100000; i++)
      x = x * 1.0000001;
  return NULL;
}

/* As many threads as lavapipe has. */
static guint
device_threads (const ClipGpuInfo *info)
{
  const gchar *set = g_getenv ("LP_NUM_THREADS");

  if (!info->is_cpu)
    return 0;
  return set ? (guint)MAX (atoi (set), 0) : g_get_num_processors ();
}

static gboolean
play_control (const Options *o, guint n_threads, Arrivals *a, GError **error)
{
  g_autofree GThread **threads = g_new (GThread *, n_threads + 1);

  g_atomic_int_set (&burning, TRUE);
  for (guint i = 0; i < n_threads; i++)
    threads[i] = g_thread_new ("burn", burn, NULL);
  const gboolean ok = play ("identity", o, a, error);
  g_atomic_int_set (&burning, FALSE);
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (threads[i]);
  return ok;
}

/* Report ----------------------------------------------------------------------------- */

/* Returns: the 99th percentile of the lateness, ms. */
static gdouble
report (BenchReport *r, const gchar *element, const Options *o, Arrivals *a)
{
  const guint n = a->counted;
  const BenchSpread late = bench_spread (a->late_ms, n);
  const gdouble p99 = n ? a->late_ms[n * 99 / 100] : 0;

  bench_print (r, "%-11s %9d %9d %9u %9u %9.1f %9.1f %9.1f\n", element, a->sent, a->arrived,
               a->labelled, a->wrong_ages, late.median, p99, late.max);
  bench_line_begin (r, "live");
  bench_line_string (r, "element", element);
  bench_line_string (r, "model", o->model);
  bench_line_number (r, "sent", a->sent);
  bench_line_number (r, "arrived", a->arrived);
  bench_line_number (r, "labelled", a->labelled);
  bench_line_number (r, "wrong_ages", a->wrong_ages);
  bench_line_spread (r, "late_ms", late, 1);
  bench_line_number (r, "late_p99_ms", p99);
  bench_line_end (r);
  return p99;
}

static gboolean
measure (BenchReport *r, const Options *o, guint n_threads, const gchar *dir, GError **error)
{
  g_autofree gchar *middle =
      g_strdup_printf ("clipfilter mode=latest model=%s prompts=\"colour bars;snow\"", dir);
  const gsize room = (gsize)o->rounds * o->buffers;
  g_autofree gdouble *late = g_new0 (gdouble, 2 * room);
  g_autoptr (GHashTable) timestamps =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  Arrivals control = { .late_ms = late, .timestamps = timestamps };
  Arrivals clip = { .late_ms = late + room, .timestamps = timestamps, .is_clip = TRUE };
  const gdouble frame_ms = 1000.0 / o->rate;

  for (gint i = 0; i < o->rounds; i++) /* in turn, as others may use the machine too */
    if (!play_control (o, n_threads, &control, error) || !play (middle, o, &clip, error))
      return FALSE;
  const gdouble before = report (r, "identity", o, &control);
  const gdouble behind = report (r, "clipfilter", o, &clip) - before;
  bench_print (r,
               "%s buffers lost, %s ages; 99th percentile later by %.1f ms: %s a frame (%.1f ms)\n",
               clip.arrived < clip.sent ? "SOME" : "no", clip.wrong_ages ? "WRONG" : "true", behind,
               behind <= frame_ms ? "within" : "MORE THAN", frame_ms);
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
  const guint n_threads = device_threads (clip_gpu_info (gpu));
  bench_print_device (r);
  bench_print (
      r,
      "\nLive video, %dx%d NV12 at %d fps, mode=latest, %s; identity beside %u burning threads.\n"
      "Late: from a buffer's running time to its arrival at the sink.\n"
      "%51s %29s\n%-11s %9s %9s %9s %9s %9s %9s %9s\n",
      o->width, o->height, o->rate, o->model, n_threads, "", "late, ms", "element", "sent",
      "arrived", "labelled", "bad ages", "median", "p99", "most");
  return measure (r, o, n_threads, model->dir, error);
}

int
main (int argc, char **argv)
{
  Options o = { .buffers = 300, .rounds = 3, .width = 1280, .height = 720, .rate = 60 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model, "architecture (default vit-b-32)", "NAME" },
    { "buffers", 'n', 0, G_OPTION_ARG_INT, &o.buffers, "in a round, default 300", "N" },
    { "rounds", 'r', 0, G_OPTION_ARG_INT, &o.rounds, "default 3", "N" },
    { "width", 0, 0, G_OPTION_ARG_INT, &o.width, "default 1280", "N" },
    { "height", 0, 0, G_OPTION_ARG_INT, &o.height, "default 720", "N" },
    { "rate", 0, 0, G_OPTION_ARG_INT, &o.rate, "frames a second, default 60", "N" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error)) {
    o.buffers = CLAMP (o.buffers, 1, MOST_BUFFERS);
    o.rounds = CLAMP (o.rounds, 1, MOST_ROUNDS);
    gst_init (NULL, NULL);
    bench_set_default (&o.model, "vit-b-32");
    if (run (&o, &error))
      return 0;
  }
  g_printerr ("%s\n", error->message);
  g_error_free (error);
  return 1;
}
