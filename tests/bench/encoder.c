/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-encoder: the image encoder, beside OpenBLAS on the same GEMMs.
 *
 * Machines are shared and noisy, so the two are measured in turn, pair by pair, and what counts
 * is the ratio of process CPU seconds within a pair: its median and its spread. On a GPU the
 * ratio means nothing and only the times are printed.
 */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gst-clip/engine/internal.h"
#include "gst-clip/kernels/internal.h"
#include "tests/common/random_model.h"

#define MAX_PAIRS 99

typedef struct {
  gdouble encode_cpu, encode_wall, encode_gpu, blas_cpu;
} Pair;

typedef struct {
  const ClipRandomModel *model;
  gint pairs;
  gboolean json;
} Options;

static gdouble
seconds (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* One GEMM of the network, C (m, n) = A (m, k) W (n, k)^T, with weights of its own. */
typedef struct {
  gint m, n, k;
  float *w;
} Blas;

typedef struct {
  GArray *gemms;
  float *a, *c;
} BlasNet;

static void
blas_add (BlasNet *net, gint m, gint n, gint k)
{
  Blas g = { m, n, k, g_new (float, (gsize)n *k) };
  guint32 seed = 7;

  for (gsize i = 0; i < (gsize)n * k; i++)
    g.w[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f;
  g_array_append_val (net->gemms, g);
}

/* The GEMMs that the encoder runs: for the pooled token only behind the last attention. */
static BlasNet
blas_net (const ClipRandomModel *m)
{
  BlasNet net = { g_array_new (FALSE, FALSE, sizeof (Blas)), NULL, NULL };
  const gint d = m->vision.width, mlp = m->vision.mlp, side = m->image / m->patch;
  const gint tokens = side * side + 1;

  blas_add (&net, tokens, d, 3 * m->patch * m->patch);
  for (guint i = 0; i < m->vision.layers; i++) {
    gint rows = i + 1 < m->vision.layers ? tokens : 1;

    blas_add (&net, tokens, 3 * d, d);
    blas_add (&net, rows, d, d);
    blas_add (&net, rows, mlp, d);
    blas_add (&net, rows, d, mlp);
  }
  blas_add (&net, 1, m->projection, d);
  net.a = g_new0 (float, (gsize)tokens *MAX (mlp, (gint)(3 * m->patch * m->patch)));
  net.c = g_new0 (float, (gsize)tokens *MAX (mlp, 3 * d));
  return net;
}

static gdouble
blas_flops (const BlasNet *net)
{
  gdouble flops = 0.0;

  for (guint i = 0; i < net->gemms->len; i++) {
    const Blas *g = &g_array_index (net->gemms, Blas, i);

    flops += 2.0 * g->m * g->n * g->k;
  }
  return flops;
}

static void
blas_run (const BlasNet *net)
{
  for (guint i = 0; i < net->gemms->len; i++) {
    const Blas *g = &g_array_index (net->gemms, Blas, i);

    cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, g->m, g->n, g->k, 1.0f, net->a, g->k,
                 g->w, g->k, 0.0f, net->c, g->n);
  }
}

static void
blas_clear (BlasNet *net)
{
  for (guint i = 0; i < net->gemms->len; i++)
    g_free (g_array_index (net->gemms, Blas, i).w);
  g_array_unref (net->gemms);
  g_free (net->a);
  g_free (net->c);
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

static void
measure_pair (ClipJob *job, ClipTexts *texts, const BlasNet *net, Pair *pair)
{
  g_autoptr (GError) error = NULL;
  gdouble cpu = seconds (CLOCK_PROCESS_CPUTIME_ID), wall = seconds (CLOCK_MONOTONIC);

  if (!clip_job_run (job, texts, NULL, NULL, &error))
    g_error ("encoding failed: %s", error->message);
  pair->encode_cpu = seconds (CLOCK_PROCESS_CPUTIME_ID) - cpu;
  pair->encode_wall = seconds (CLOCK_MONOTONIC) - wall;
  pair->encode_gpu = clip_job_times (job).encode * 1e-9;
  cpu = seconds (CLOCK_PROCESS_CPUTIME_ID);
  blas_run (net);
  pair->blas_cpu = seconds (CLOCK_PROCESS_CPUTIME_ID) - cpu;
}

static void
print_row (const gchar *name, Spread s, gdouble unit)
{
  g_print ("  %-34s %9.2f %9.2f %9.2f\n", name, s.min * unit, s.median * unit, s.max * unit);
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
             "\"precision\":\"fp32\",\"batch\":1,\"pairs\":%d,\"gflop\":%.3f,"
             "\"cpu_ms\":[%.3f,%.3f,%.3f],\"wall_ms\":[%.3f,%.3f,%.3f],"
             "\"encode_ms\":[%.3f,%.3f,%.3f],\"blas_cpu_ms\":[%.3f,%.3f,%.3f],"
             "\"ratio\":[%.3f,%.3f,%.3f],\"gpu_bytes\":%" G_GUINT64_FORMAT ",\"pipelines\":%u}\n",
             o->model->name, info->name, info->driver, family, o->pairs, flops / 1e9, cpu.min * 1e3,
             cpu.median * 1e3, cpu.max * 1e3, wall.min * 1e3, wall.median * 1e3, wall.max * 1e3,
             gpu.min * 1e3, gpu.median * 1e3, gpu.max * 1e3, blas.min * 1e3, blas.median * 1e3,
             blas.max * 1e3, ratio.min, ratio.median, ratio.max, clip_engine_memory_bytes (engine),
             clip_gpu_pipeline_count (engine->gpu));
    return;
  }
  g_print ("%s, batch 1, fp32, %s kernels on %s (%s)\n", o->model->name, family, info->name,
           info->driver);
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
}

static void
bench (const Options *o, ClipEngine *engine)
{
  const guint size = o->model->image;
  const ClipFrameInfo info = { CLIP_PIXEL_RGB, size, size, 1, 1 };
  const gchar *const labels[] = { "a", "b", NULL };
  g_autofree guint8 *pixels = g_malloc ((gsize)size * size * 3);
  const ClipFramePlanes planes = { { pixels }, { size * 3 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_list (labels, NULL, NULL);
  g_autoptr (ClipTexts) texts =
      clip_texts_new (engine, set, NULL, FALSE, NULL, NULL, NULL, NULL, &error);
  g_autoptr (ClipJob) job = texts ? clip_job_new (engine, &info, &error) : NULL;
  BlasNet net = blas_net (o->model);
  Pair pairs[MAX_PAIRS];

  if (job == NULL)
    g_error ("%s", error->message);
  for (guint i = 0; i < size * size * 3; i++)
    pixels[i] = (guint8)(i * 2654435761u >> 24);
  clip_job_load (job, &planes);
  measure_pair (job, texts, &net, &pairs[0]); /* not counted */
  for (gint i = 0; i < o->pairs; i++)
    measure_pair (job, texts, &net, &pairs[i]);
  print_results (o, engine, pairs, blas_flops (&net));
  blas_clear (&net);
}

static int
run (const Options *o)
{
  g_autofree gchar *dir = g_dir_make_tmp ("gst-clip-bench-XXXXXX", NULL);
  ClipEngineConfig config = { dir, NULL, CLIP_PRECISION_FP32 };
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
  bench (o, engine);
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
  Options o = { NULL, 9, FALSE };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &arch, "architecture (default vit-b-32)", "NAME" },
    { "pairs", 'n', 0, G_OPTION_ARG_INT, &o.pairs, "interleaved pairs (default 9)", "N" },
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
  if (o.model == NULL || o.pairs < 1 || o.pairs > MAX_PAIRS) {
    g_printerr ("unknown architecture, or pairs not in 1..%d\n", MAX_PAIRS);
    return 2;
  }
  return run (&o);
}
