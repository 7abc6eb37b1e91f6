/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-encoder: the image encoder, beside OpenBLAS on the same GEMMs.
 *
 * Machines are shared and noisy, so the two are measured in turn, pair by pair, and what counts
 * is the ratio of process CPU seconds within a pair: its median and its spread. On a GPU the
 * ratio means nothing and only the times are printed.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gst-clip/engine/internal.h"
#include "gst-clip/kernels/internal.h"
#include "tests/bench/blas.h"

#define MAX_PAIRS 99
#define MAX_BATCH 64

typedef struct {
  gdouble encode_cpu, encode_wall, encode_gpu, blas_cpu;
} Pair;

typedef struct {
  const ClipRandomModel *model;
  gint pairs, batch;
  ClipPrecision precision;
  gboolean json;
} Options;

static gdouble
seconds (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *)a, y = *(const gdouble *)b;

  return (x > y) - (x < y);
}

typedef struct {
  gdouble min, median, max;
} Spread;

/* Of the field at @offset of every pair, or of the CPU ratio (offset < 0). */
static Spread
spread (const Pair *pairs, guint n, gssize offset)
{
  gdouble values[MAX_PAIRS];

  for (guint i = 0; i < n; i++)
    values[i] = offset < 0 ? pairs[i].encode_cpu / pairs[i].blas_cpu
                           : *(const gdouble *)((const gchar *)&pairs[i] + offset);
  qsort (values, n, sizeof values[0], compare_doubles);
  return (Spread){ values[0], values[n / 2], values[n - 1] };
}

/*
 * What is measured: for one image a job with everything, preprocessing and scoring included; for a
 * batch the tower alone, because jobs have one image.
 */
typedef struct {
  ClipEngine *engine;
  ClipJob *job;
  ClipTexts *texts;
  ClipActivations *activations;
  ClipGpuBuffer *patches, *embeds;
  ClipGpuRecording *rec;
} Work;

static gboolean
work_init_batch (Work *w, const Options *o, GError **error)
{
  ClipEngine *e = w->engine;
  const ClipTowerWeights *t = e->vision;
  const guint32 rows = o->batch * t->tokens;
  g_autofree guint32 *pool_rows = g_new (guint32, o->batch);
  ClipTowerRun run = { .batch = o->batch, .tokens = t->tokens, .pool_rows = pool_rows };

  for (gint i = 0; i < o->batch; i++)
    pool_rows[i] = i * t->tokens;
  w->activations = clip_activations_new (e->kernels, t, o->batch, e->text, NULL, 0, error);
  w->patches = clip_gpu_buffer_new (e->gpu, CLIP_GPU_MEMORY_DEVICE,
                                    clip_matrix_bytes (rows, t->patch_k), "patches", error);
  w->embeds = clip_gpu_buffer_new (e->gpu, CLIP_GPU_MEMORY_DEVICE,
                                   clip_matrix_bytes (o->batch, t->projection), "embeds", error);
  if (!w->activations || !w->patches || !w->embeds)
    return FALSE;
  run.patches = (ClipMatrix){ w->patches->address, rows, t->patch_k, clip_ld (t->patch_k) };
  run.embeds = (ClipMatrix){ w->embeds->address, o->batch, t->projection, clip_ld (t->projection) };
  w->rec = clip_gpu_recording_new (e->gpu, "batch");
  clip_gpu_recording_begin (w->rec);
  clip_gpu_recording_mark (w->rec, "encode");
  clip_tower_record (e->kernels, w->rec, t, w->activations, &run);
  return clip_gpu_recording_end (w->rec, error);
}

static gboolean
work_init_job (Work *w, const Options *o, GError **error)
{
  const guint size = o->model->image;
  const ClipFrameInfo info = { CLIP_PIXEL_RGB, size, size, 1, 1 };
  const gchar *const labels[] = { "a", "b", NULL };
  g_autofree guint8 *pixels = g_malloc ((gsize)size * size * 3);
  const ClipFramePlanes planes = { { pixels }, { size * 3 } };
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_list (labels, NULL, NULL);

  w->texts = clip_texts_new (w->engine, set, NULL, FALSE, NULL, NULL, NULL, NULL, error);
  w->job = w->texts ? clip_job_new (w->engine, &info, error) : NULL;
  if (w->job == NULL)
    return FALSE;
  for (guint i = 0; i < size * size * 3; i++)
    pixels[i] = (guint8)(i * 2654435761u >> 24);
  clip_job_load (w->job, &planes);
  return TRUE;
}

static void
work_clear (Work *w)
{
  g_clear_pointer (&w->rec, clip_gpu_recording_free);
  g_clear_pointer (&w->patches, clip_gpu_buffer_free);
  g_clear_pointer (&w->embeds, clip_gpu_buffer_free);
  g_clear_pointer (&w->activations, clip_activations_free);
  g_clear_pointer (&w->job, clip_job_free);
  g_clear_pointer (&w->texts, clip_texts_unref);
}

/* Returns: seconds of the tower on the device. */
static gdouble
work_run (Work *w)
{
  g_autoptr (GError) error = NULL;
  const gchar *stage = NULL;
  guint64 value = 0, ns = 0;

  if (w->job) {
    if (!clip_job_run (w->job, w->texts, NULL, NULL, &error))
      g_error ("encoding failed: %s", error->message);
    return clip_job_times (w->job).encode * 1e-9;
  }
  value = clip_gpu_submit (w->engine->gpu, &w->rec, 1, &error);
  if (value == 0 || !clip_gpu_wait (w->engine->gpu, value, G_MAXUINT64, &error))
    g_error ("encoding failed: %s", error->message);
  clip_gpu_recording_get_times (w->rec, &stage, &ns, 1);
  return ns * 1e-9;
}

static void
measure_pair (Work *work, const BlasNet *net, Pair *pair)
{
  gdouble cpu = seconds (CLOCK_PROCESS_CPUTIME_ID), wall = seconds (CLOCK_MONOTONIC);

  pair->encode_gpu = work_run (work);
  pair->encode_cpu = seconds (CLOCK_PROCESS_CPUTIME_ID) - cpu;
  pair->encode_wall = seconds (CLOCK_MONOTONIC) - wall;
  cpu = seconds (CLOCK_PROCESS_CPUTIME_ID);
  blas_net_run (net);
  pair->blas_cpu = seconds (CLOCK_PROCESS_CPUTIME_ID) - cpu;
}

static void
print_row (const gchar *name, Spread s, gdouble unit)
{
  g_print ("  %-34s %9.2f %9.2f %9.2f\n", name, s.min * unit, s.median * unit, s.max * unit);
}

static const gchar *
precision_name (ClipEngine *engine)
{
  return clip_kernels_weight_type (engine->kernels) == CLIP_WEIGHTS_F16 ? "fp16" : "fp32";
}

static void
print_results (const Options *o, ClipEngine *engine, const Pair *p, gdouble flops)
{
  const ClipGpuInfo *info = clip_gpu_info (clip_engine_gpu (engine));
  const gchar *family = engine->kernels->family->name;
  Spread cpu = spread (p, o->pairs, G_STRUCT_OFFSET (Pair, encode_cpu));
  Spread wall = spread (p, o->pairs, G_STRUCT_OFFSET (Pair, encode_wall));
  Spread gpu = spread (p, o->pairs, G_STRUCT_OFFSET (Pair, encode_gpu));
  Spread blas = spread (p, o->pairs, G_STRUCT_OFFSET (Pair, blas_cpu));
  Spread ratio = spread (p, o->pairs, -1);

  if (o->json) {
    g_print ("{\"model\":\"%s\",\"device\":\"%s\",\"driver\":\"%s\",\"family\":\"%s\","
             "\"precision\":\"%s\",\"batch\":%d,\"pairs\":%d,\"gflop\":%.3f,"
             "\"cpu_ms\":[%.3f,%.3f,%.3f],\"wall_ms\":[%.3f,%.3f,%.3f],"
             "\"encode_ms\":[%.3f,%.3f,%.3f],\"blas_cpu_ms\":[%.3f,%.3f,%.3f],"
             "\"ratio\":[%.3f,%.3f,%.3f],\"gpu_bytes\":%" G_GUINT64_FORMAT ",\"pipelines\":%u}\n",
             o->model->name, info->name, info->driver, family, precision_name (engine), o->batch,
             o->pairs, flops / 1e9, cpu.min * 1e3, cpu.median * 1e3, cpu.max * 1e3, wall.min * 1e3,
             wall.median * 1e3, wall.max * 1e3, gpu.min * 1e3, gpu.median * 1e3, gpu.max * 1e3,
             blas.min * 1e3, blas.median * 1e3, blas.max * 1e3, ratio.min, ratio.median, ratio.max,
             clip_engine_memory_bytes (engine), clip_gpu_pipeline_count (engine->gpu));
    return;
  }
  g_print ("%s, batch %d, %s, %s kernels on %s (%s)\n", o->model->name, o->batch,
           precision_name (engine), family, info->name, info->driver);
  g_print ("%.2f GFLOP in GEMMs, %d interleaved pairs, %u pipelines, %" G_GUINT64_FORMAT
           " MB on the device\n",
           flops / 1e9, o->pairs, clip_gpu_pipeline_count (engine->gpu),
           clip_engine_memory_bytes (engine) >> 20);
  g_print ("  %-34s %9s %9s %9s\n", "", "min", "median", "max");
  print_row ("encoder, wall ms", wall, 1e3);
  print_row ("encoder, tower only, ms", gpu, 1e3);
  print_row ("encoder, process CPU ms", cpu, 1e3);
  print_row ("OpenBLAS, one thread, CPU ms", blas, 1e3);
  print_row ("encoder CPU / OpenBLAS CPU", ratio, 1.0);
  if (o->batch > 1)
    print_row ("encoder, wall ms an image", wall, 1e3 / o->batch);
}

static gboolean
bench (const Options *o, ClipEngine *engine, GError **error)
{
  Work work = { .engine = engine };
  BlasNet net = { 0 };
  Pair pairs[MAX_PAIRS];
  gboolean ok = o->batch == 1 ? work_init_job (&work, o, error) : work_init_batch (&work, o, error);

  if (ok) {
    net = blas_net_new (o->model, o->batch);
    measure_pair (&work, &net, &pairs[0]); /* not counted */
    for (gint i = 0; i < o->pairs; i++)
      measure_pair (&work, &net, &pairs[i]);
    print_results (o, engine, pairs, blas_net_flops (&net));
    blas_net_clear (&net);
  }
  work_clear (&work);
  return ok;
}

static int
run (const Options *o)
{
  g_autofree gchar *dir = g_dir_make_tmp ("gst-clip-bench-XXXXXX", NULL);
  ClipEngineConfig config = { dir, NULL, o->precision };
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipEngine) engine = NULL;
  gdouble start = 0.0;

  if (!clip_random_model_write (o->model, dir, 1, &error))
    goto fail;
  start = seconds (CLOCK_MONOTONIC);
  engine = clip_engine_open (&config, NULL, NULL, NULL, &error);
  if (engine == NULL)
    goto fail;
  g_printerr ("%s: opened, loaded and compiled in %.2f s\n", o->model->name,
              seconds (CLOCK_MONOTONIC) - start);
  if (!bench (o, engine, &error))
    goto fail;
  clip_random_model_remove (dir);
  return 0;

fail:
  g_printerr ("%s: %s\n", o->model->name, error->message);
  clip_random_model_remove (dir);
  return 1;
}

/* OpenBLAS chooses its kernels when it is loaded, and takes the slowest on processors that it
 * does not know: an opponent must be at its best. */
static void
choose_blas (char **argv)
{
  if (g_getenv ("OPENBLAS_NUM_THREADS"))
    return;
  g_setenv ("OPENBLAS_NUM_THREADS", "1", TRUE);
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    g_setenv ("OPENBLAS_CORETYPE", "Haswell", FALSE);
#endif
  execv ("/proc/self/exe", argv);
}

int
main (int argc, char **argv)
{
  g_autofree gchar *arch = NULL;
  g_autofree gchar *precision = NULL;
  Options o = { NULL, 9, 1, CLIP_PRECISION_FP32, FALSE };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &arch, "architecture (default vit-b-32)", "NAME" },
    { "pairs", 'n', 0, G_OPTION_ARG_INT, &o.pairs, "interleaved pairs (default 9)", "N" },
    { "batch", 'b', 0, G_OPTION_ARG_INT, &o.batch, "images at once (default 1)", "N" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &precision, "fp32 (default) or fp16", "NAME" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &o.json, "one JSON object a line", NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  choose_blas (argv);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  o.model = clip_random_model_find (arch ? arch : "vit-b-32");
  if (o.model == NULL || o.pairs < 1 || o.pairs > MAX_PAIRS || o.batch < 1 || o.batch > MAX_BATCH
      || (precision && strcmp (precision, "fp16") && strcmp (precision, "fp32"))) {
    g_printerr ("unknown architecture or precision, pairs not in 1..%d, or batch not in 1..%d\n",
                MAX_PAIRS, MAX_BATCH);
    return 2;
  }
  o.precision =
      precision && strcmp (precision, "fp16") == 0 ? CLIP_PRECISION_FP16 : CLIP_PRECISION_FP32;
  return run (&o);
}
