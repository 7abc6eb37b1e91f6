/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-streams: pipelines that share one engine: how many frames a second do they label
 * together? Each runs in step, so every frame waits for its own result. Loading is over, and
 * each pipeline's first frame encoded, before the clock starts.
 */
#include <gst/gst.h>

#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

#define MAX_STREAMS 64
#define WAIT        (300 * GST_SECOND)

typedef struct {
  gchar *model, *streams, *json;
  gint frames;
} Options;

typedef struct {
  GstElement *pipelines[MAX_STREAMS];
  guint n;
} Streams;

/* Noise: no frame is like the one before. */
static gboolean
streams_make (Streams *s, guint n, guint frames, const gchar *dir, GError **error)
{
  for (s->n = 0; s->n < n; s->n++) {
    g_autofree gchar *line =
        g_strdup_printf ("videotestsrc pattern=snow num-buffers=%u ! "
                         "video/x-raw,format=NV12,width=320,height=240 ! "
                         "clipfilter model=%s prompts=\"a;b\" mode=in-step ! fakesink",
                         frames + 1, dir);

    s->pipelines[s->n] = gst_parse_launch (line, error);
    if (!s->pipelines[s->n])
      return FALSE;
    if (*error) { /* something is missing */
      s->n++;
      return FALSE;
    }
  }
  return TRUE;
}

static void
streams_clear (Streams *s)
{
  for (guint i = 0; i < s->n; i++) {
    gst_element_set_state (s->pipelines[i], GST_STATE_NULL);
    gst_object_unref (s->pipelines[i]);
  }
  s->n = 0;
}

/* Waits for EOS, or for ASYNC_DONE: a first frame at the sink. */
static gboolean
wait_for (GstElement *pipeline, GstMessageType type, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (bus, WAIT, type | GST_MESSAGE_ERROR);

  if (message && GST_MESSAGE_TYPE (message) == type)
    return TRUE;
  if (message)
    gst_message_parse_error (message, error, NULL);
  else
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "a pipeline hangs");
  return FALSE;
}

static gboolean
streams_reach (Streams *s, GstState state, GstMessageType type, GError **error)
{
  for (guint i = 0; i < s->n; i++)
    gst_element_set_state (s->pipelines[i], state);
  for (guint i = 0; i < s->n; i++)
    if (!wait_for (s->pipelines[i], type, error))
      return FALSE;
  return TRUE;
}

static gboolean
measure (BenchReport *r, const Options *o, const gchar *dir, guint n, GError **error)
{
  const guint frames = MAX ((guint)o->frames / n, 2);
  Streams s = { .n = 0 };
  gboolean ok = streams_make (&s, n, frames, dir, error)
                && streams_reach (&s, GST_STATE_PAUSED, GST_MESSAGE_ASYNC_DONE, error);
  BenchTimes times = bench_begin ();

  ok = ok && streams_reach (&s, GST_STATE_PLAYING, GST_MESSAGE_EOS, error);
  bench_end (&times);
  streams_clear (&s);
  if (!ok)
    return FALSE;

  const gdouble all = (gdouble)n * frames;
  bench_print (r, "%8u %10.2f %14.2f %16.2f %12.2f\n", n, all / times.wall, 1e3 * times.wall / all,
               1e3 * times.wall / frames, 1e3 * times.cpu / all);
  bench_line_begin (r, "streams");
  bench_line_string (r, "model", o->model);
  bench_line_number (r, "streams", n);
  bench_line_number (r, "frames", all);
  bench_line_number (r, "fps", all / times.wall);
  bench_line_number (r, "ms_per_frame", 1e3 * times.wall / all);
  bench_line_number (r, "latency_ms", 1e3 * times.wall / frames);
  bench_line_number (r, "cpu_ms_per_frame", 1e3 * times.cpu / all);
  bench_line_end (r);
  return TRUE;
}

static BenchReport *
open_report (const Options *o, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error); /* only to name it */

  return gpu ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (GArray) counts = bench_parse_list (o->streams, 1, MAX_STREAMS, error);
  g_autoptr (BenchReport) r = counts ? open_report (o, error) : NULL;
  g_autoptr (BenchModel) model = r ? bench_model_new (o->model, FALSE, error) : NULL;
  Streams keeper = { .n = 0 };

  if (!model)
    return FALSE;
  /* One that stays keeps the engine. */
  gboolean ok = streams_make (&keeper, 1, 1, model->dir, error)
                && streams_reach (&keeper, GST_STATE_PAUSED, GST_MESSAGE_ASYNC_DONE, error);
  bench_print_device (r);
  bench_print (r,
               "\nPipelines that share one engine, mode=in-step, 320x240, %s: %d frames in all.\n"
               "%8s %10s %14s %16s %12s\n%8s %10s %14s %16s %12s\n",
               o->model, o->frames, "", "frames/s,", "ms a frame,", "ms a frame,", "CPU ms",
               "streams", "all", "all", "one stream", "a frame");
  for (guint i = 0; ok && i < counts->len; i++)
    ok = measure (r, o, model->dir, g_array_index (counts, guint, i), error);
  streams_clear (&keeper);
  return ok;
}

int
main (int argc, char **argv)
{
  Options o = { .frames = 32 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model, "architecture (default vit-b-32)", "NAME" },
    { "streams", 0, 0, G_OPTION_ARG_STRING, &o.streams, "default 1,2,4,8,16", "NUMBERS" },
    { "frames", 'n', 0, G_OPTION_ARG_INT, &o.frames, "of all streams together (default 32)", "N" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error)) {
    gst_init (NULL, NULL);
    bench_set_default (&o.model, "vit-b-32");
    bench_set_default (&o.streams, "1,2,4,8,16");
    if (run (&o, &error))
      return 0;
  }
  g_printerr ("%s\n", error->message);
  g_error_free (error);
  return 1;
}
