/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-streams: pipelines that share one engine: how many frames a second do they label
 * together? Each runs in step, so every frame has its own result. Loading is over, and what each pipeline
 * encodes in advance of its first frame is encoded, before the clock starts. With --processes also: what do they
 * take in one process, and what in one each?
 */
#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"
#include "tests/bench/stream_set.h"

/* Frames that a pipeline may encode in advance. */
#define AHEAD 8

typedef struct {
  gchar *model, *streams, *json;
  gint frames, processes, rounds, child;
} Options;

static gboolean
measure (BenchReport *r, const Options *o, const gchar *dir, guint n, GError **error)
{
  const guint frames = AHEAD + MAX ((guint)o->frames / n, 1);
  Streams s = { .n = 0 };
  BenchTimes times = { 0 };

  if (!streams_make (&s, n, frames, dir, error) || !streams_preroll (&s, error)
      || !streams_play (&s, &times, error)) {
    streams_clear (&s);
    return FALSE;
  }
  const gdouble all = s.played, batch = streams_batch (&s);
  const gdouble memory = streams_memory (&s);

  streams_clear (&s);
  bench_print (r, "%8u %10.2f %14.2f %16.2f %12.2f %10.2f %12.1f\n", n, all / times.wall,
               1e3 * times.wall / all, 1e3 * n * times.wall / all, 1e3 * times.cpu / all, batch,
               memory / 1e6);
  bench_line_begin (r, "streams");
  bench_line_string (r, "model", o->model);
  bench_line_number (r, "streams", n);
  bench_line_number (r, "frames", all);
  bench_line_number (r, "fps", all / times.wall);
  bench_line_number (r, "ms_per_frame", 1e3 * times.wall / all);
  bench_line_number (r, "latency_ms", 1e3 * n * times.wall / all);
  bench_line_number (r, "cpu_ms_per_frame", 1e3 * times.cpu / all);
  bench_line_number (r, "batch", batch);
  bench_line_number (r, "device_bytes", memory);
  bench_line_end (r);
  return TRUE;
}

/* Rounds in turn: one process with all streams, then one process each. */
static gboolean
compare (BenchReport *r, const Options *o, const gchar *dir, GError **error)
{
  g_autofree gchar *program = g_file_read_link ("/proc/self/exe", error);
  const guint n = o->processes, frames = AHEAD + MAX (o->frames / o->processes, 1);
  guint64 played = 0;
  BenchSamples playing = { 0 }, all = { 0 };

  if (!program)
    return FALSE;
  for (gint round = 0; round < o->rounds; round++) {
    StreamProcesses one, each;

    if (!streams_run_processes (program, 1, n, frames, dir, &one, error)
        || !streams_run_processes (program, n, 1, frames, dir, &each, error))
      return FALSE;
    playing.runs[round] = (BenchTimes){ one.playing / one.played, one.wall / one.played };
    playing.other[round] = (BenchTimes){ each.playing / each.played, each.wall / each.played };
    all.runs[round].cpu = one.all / one.frames;
    all.other[round].cpu = each.all / each.frames;
    played = one.played;
    playing.n = all.n = round + 1;
  }
  const BenchSpread ratio = bench_samples_ratio (&playing), whole = bench_samples_ratio (&all);

  bench_print (
      r,
      "\n%u streams, CPU ms a frame of one process and of %u (median of %d rounds)\n"
      "playing: %.1f and %.1f, ratio %.3f / %.3f / %.3f; with opening: %.1f and %.1f, ratio "
      "%.3f / %.3f / %.3f\n",
      n, n, o->rounds, 1e3 * bench_samples_spread (&playing, BENCH_CPU).median,
      1e3 * bench_samples_other (&playing, BENCH_CPU).median, ratio.min, ratio.median, ratio.max,
      1e3 * bench_samples_spread (&all, BENCH_CPU).median,
      1e3 * bench_samples_other (&all, BENCH_CPU).median, whole.min, whole.median, whole.max);
  bench_line_begin (r, "processes");
  bench_line_string (r, "model", o->model);
  bench_line_number (r, "streams", n);
  bench_line_number (r, "frames", played);
  bench_line_spread (r, "one_cpu_ms", bench_samples_spread (&playing, BENCH_CPU), 1e3);
  bench_line_spread (r, "each_cpu_ms", bench_samples_other (&playing, BENCH_CPU), 1e3);
  bench_line_spread (r, "one_wall_ms", bench_samples_spread (&playing, BENCH_WALL), 1e3);
  bench_line_spread (r, "each_wall_ms", bench_samples_other (&playing, BENCH_WALL), 1e3);
  bench_line_spread (r, "ratio", ratio, 1);
  bench_line_spread (r, "whole_ratio", whole, 1);
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
measure_all (BenchReport *r, const Options *o, const gchar *dir, GArray *counts, GError **error)
{
  Streams keeper = { .n = 0 }; /* keeps the engine */
  gboolean ok = streams_make (&keeper, 1, 1, dir, error) && streams_preroll (&keeper, error);

  bench_print (r,
               "\nPipelines that share one engine, mode=in-step, 320x240, %s: %d frames in all.\n"
               "%8s %10s %14s %16s %12s %10s %12s\n%8s %10s %14s %16s %12s %10s %12s\n",
               o->model, o->frames, "", "frames/s,", "ms a frame,", "ms a frame,", "CPU ms",
               "frames", "GPU memory,", "streams", "all", "all", "one stream", "a frame", "a batch",
               "MB");
  for (guint i = 0; ok && i < counts->len; i++)
    ok = measure (r, o, dir, g_array_index (counts, guint, i), error);
  streams_clear (&keeper);
  return ok;
}

static gboolean
run (const Options *o, GError **error)
{
  const gboolean embedded = g_str_equal (o->model, "embedded");
  g_autoptr (GArray) counts = bench_parse_list (o->streams, 1, STREAMS_MAX, error);
  g_autoptr (BenchReport) r = counts ? open_report (o, error) : NULL;
  g_autoptr (BenchModel) model = r && !embedded ? bench_model_new (o->model, FALSE, error) : NULL;
  const gchar *dir = model ? model->dir : NULL;

  if (!r || (!model && !embedded))
    return FALSE;
  bench_print_device (r);
  return measure_all (r, o, dir, counts, error) && (o->processes < 1 || compare (r, o, dir, error));
}

int
main (int argc, char **argv)
{
  Options o = { .frames = 32, .rounds = 3 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model,
      "architecture (default vit-b-32), or embedded", "NAME" },
    { "streams", 0, 0, G_OPTION_ARG_STRING, &o.streams, "default 1,2,4,8,16", "NUMBERS" },
    { "frames", 'n', 0, G_OPTION_ARG_INT, &o.frames, "of all streams together (default 32)", "N" },
    { "processes", 0, 0, G_OPTION_ARG_INT, &o.processes,
      "compare so many streams in one process with as many processes", "N" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &o.rounds, "of that (default 3)", "N" },
    { "child", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &o.child, NULL, NULL },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error)) {
    gst_init (NULL, NULL);
    if (o.child > 0)
      return streams_child (o.child, o.frames, o.model);
    o.rounds = CLAMP (o.rounds, 1, BENCH_MAX_SAMPLES);
    bench_set_default (&o.model, "vit-b-32");
    bench_set_default (&o.streams, "1,2,4,8,16");
    if (run (&o, &error))
      return 0;
  }
  g_printerr ("%s\n", error->message);
  g_error_free (error);
  return 1;
}
