/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-kernels: each kernel's rate at the sizes of the networks, beside what the device could do
 * at best, and products beside OpenBLAS, in turn.
 */
#include <string.h>

#include "tests/bench/common/blas.h"
#include "tests/bench/common/ceiling.h"
#include "tests/bench/common/report.h"
#include "tests/bench/kernel_cases.h"

#define SMALL_RUNS 25

typedef struct {
  gchar *models, *batches, *families, *precisions, *kernels, *json;
  gint runs;
  gdouble seconds;
  gboolean quick;
} Options;

typedef struct {
  const Options *options;
  ClipGpu *gpu;
  gboolean is_cpu;
  BenchReport *report;
  BenchCeiling ceiling;
} Bench;

static gboolean
wanted (const Options *o, const gchar *kernel)
{
  g_auto (GStrv) words = o->kernels ? g_strsplit (o->kernels, ",", -1) : NULL;

  return !words || g_strv_contains ((const gchar *const *)words, kernel);
}

/* Rows ------------------------------------------------------------------ */

static void
print_header (const Bench *b)
{
  bench_print (b->report,
               "\nus a call (median); %s; ceiling: %.0f GFLOP/s fp32, %.0f fp16, %.1f GB/s, %s\n",
               b->is_cpu ? "process CPU" : "device", b->ceiling.flops[CLIP_WEIGHTS_F32] / 1e9,
               b->ceiling.flops[CLIP_WEIGHTS_F16] / 1e9, b->ceiling.bytes / 1e9, b->ceiling.how);
  bench_print (b->report, "%-10s %-27s %-10s %-5s %10s %8s %-8s %7s", "kernel", "size", "family",
               "prec", "us", "rate", "", "/limit");
  bench_print (b->report, b->is_cpu ? " %9s %22s\n" : "\n", "BLAS rate", "CPU / BLAS CPU");
}

static void
report (const Bench *b, const KernelCase *c, const BenchSamples *s, gboolean blas)
{
  const BenchSpread time = bench_seconds (b->gpu, s), ratio = bench_samples_ratio (s);
  const gdouble work = (c->by_bytes ? c->bytes : c->flops) / 1e9;
  const gdouble limit = bench_ceiling_limit (&b->ceiling, c->kernels->weights, c->flops, c->bytes);
  const gchar *unit = c->by_bytes ? "GB/s" : "GFLOP/s";
  BenchReport *r = b->report;

  bench_print (r, "%-10s %-27s %-10s %-5s %10.1f %8.1f %-8s %7.2f", c->kernel, c->shape,
               c->kernels->family->name, bench_precision_name (c->kernels->weights),
               1e6 * time.median / c->repeats, work / time.median, unit, time.median / limit);
  bench_line_begin (r, "kernel");
  bench_line_string (r, "kernel", c->kernel);
  bench_line_string (r, "size", c->shape);
  bench_line_string (r, "family", c->kernels->family->name);
  bench_line_string (r, "precision", bench_precision_name (c->kernels->weights));
  bench_line_number (r, "runs", s->n);
  bench_line_spread (r, "us", time, 1e6 / c->repeats);
  bench_line_number (r, "rate", work / time.median);
  bench_line_string (r, "unit", unit);
  bench_line_number (r, "limit_us", 1e6 * limit / c->repeats);
  bench_line_number (r, "limit_ratio", time.median / limit);
  bench_line_string (r, "ceiling", b->ceiling.how);
  if (blas) {
    const gdouble rate = work / bench_samples_other (s, BENCH_CPU).median;

    bench_print (r, " %9.1f %6.2f /%6.2f /%6.2f", rate, ratio.min, ratio.median, ratio.max);
    bench_line_number (r, "blas_rate", rate);
    bench_line_spread (r, "blas_ratio", ratio, 1);
  }
  bench_line_end (r);
  bench_print (r, "\n");
}

/* Takes @c, NULL with @error set already. */
static gboolean
measure (const Bench *b, KernelCase *c, guint runs, BlasNet *blas, GError **error)
{
  g_autoptr (KernelCase) owned = c;
  BenchSamples samples;

  if (!c
      || !bench_sample (b->gpu, c->rec, runs, b->options->seconds, blas ? blas_net_run : NULL, blas,
                        &samples, error))
    return FALSE;
  report (b, c, &samples, blas != NULL);
  return TRUE;
}

/* Networks -------------------------------------------------------------- */

static gboolean
measure_product (const Bench *b, ClipKernels *kernels, guint m, guint n, guint k, GError **error)
{
  KernelCase *c = kernel_case_gemm (kernels, m, n, k, error);
  BlasNet blas;

  if (!c || !b->is_cpu)
    return measure (b, c, b->options->runs, NULL, error);
  blas = blas_net_new_product (m, n, k, c->repeats);
  const gboolean ok = measure (b, c, b->options->runs, &blas, error);
  blas_net_clear (&blas);
  return ok;
}

static gboolean
measure_products (const Bench *b, ClipKernels *kernels, const ClipRandomModel *model, guint batch,
                  GError **error)
{
  const guint d = model->vision.width, mlp = model->vision.mlp, side = model->image / model->patch;
  const guint m = batch * (side * side + 1);

  return measure_product (b, kernels, m, 3 * d, d, error)
         && measure_product (b, kernels, m, d, d, error)
         && measure_product (b, kernels, m, mlp, d, error)
         && measure_product (b, kernels, m, d, mlp, error);
}

static gboolean
measure_network (const Bench *b, ClipKernels *kernels, const gchar *name, guint batch,
                 GError **error)
{
  const ClipRandomModel *model = clip_random_model_find (name);

  if (!model) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no architecture \"%s\"", name);
    return FALSE;
  }
  const guint side = model->image / model->patch, tokens = side * side + 1;
  const guint width = model->vision.width;

  if (wanted (b->options, "gemm") && !measure_products (b, kernels, model, batch, error))
    return FALSE;
  if (wanted (b->options, "attention")
      && !measure (b, kernel_case_attention (kernels, batch, tokens, model->vision.heads, error),
                   b->options->runs, NULL, error))
    return FALSE;
  return !wanted (b->options, "layernorm")
         || measure (b, kernel_case_layernorm (kernels, batch * tokens, width, error), SMALL_RUNS,
                     NULL, error);
}

static gboolean
measure_variant (const Bench *b, const BenchVariant *variant, GError **error)
{
  g_autoptr (ClipKernels) kernels = bench_variant_open (b->gpu, variant, error);
  g_auto (GStrv) models = g_strsplit (b->options->models, ",", -1);
  g_autoptr (GArray) batches = bench_parse_list (b->options->batches, 1, 64, error);

  if (!kernels || !batches)
    return FALSE;
  for (guint i = 0; models[i]; i++)
    for (guint j = 0; j < batches->len; j++)
      if (!measure_network (b, kernels, models[i], g_array_index (batches, guint, j), error))
        return FALSE;
  return TRUE;
}

/* What comes before and after the network: one variant. */
static gboolean
measure_ends (const Bench *b, GError **error)
{
  const gboolean quick = b->options->quick;
  g_autoptr (ClipKernels) kernels = clip_kernels_new (b->gpu, CLIP_WEIGHTS_F32, error);

  if (!kernels)
    return FALSE;
  if (wanted (b->options, "l2norm")
      && !measure (b, kernel_case_l2norm (kernels, quick ? 4 : 1024, 512, error), SMALL_RUNS, NULL,
                   error))
    return FALSE;
  if (wanted (b->options, "score")
      && !measure (b, kernel_case_score (kernels, quick ? 100 : 10000, 512, error), SMALL_RUNS,
                   NULL, error))
    return FALSE;
  if (!wanted (b->options, "preprocess"))
    return TRUE;
  return measure (b,
                  kernel_case_preprocess (kernels, quick ? 320 : 1920, quick ? 240 : 1080, error),
                  SMALL_RUNS, NULL, error)
         && (quick
             || measure (b, kernel_case_preprocess (kernels, 3840, 2160, error), SMALL_RUNS, NULL,
                         error));
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error);
  g_autoptr (BenchReport) r = gpu ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;
  g_autoptr (GArray) variants = r ? bench_variants (gpu, o->families, o->precisions, error) : NULL;

  if (!variants)
    return FALSE;
  Bench b = { o, gpu, clip_gpu_info (gpu)->is_cpu, r };
  bench_print_device (r);
  if (!bench_ceiling_measure (gpu, o->quick, &b.ceiling, error))
    return FALSE;
  print_header (&b);
  for (guint i = 0; i < variants->len; i++)
    if (!measure_variant (&b, &g_array_index (variants, BenchVariant, i), error))
      return FALSE;
  return measure_ends (&b, error);
}

int
main (int argc, char **argv)
{
  Options o = { .runs = 9, .seconds = 5 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.models,
      "whose sizes (default vit-b-32,vit-b-16,vit-l-14,vit-l-14-336)", "NAMES" },
    { "batch", 'b', 0, G_OPTION_ARG_STRING, &o.batches, "images at once (default 1)", "NUMBERS" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &o.precisions,
      "of fp32, fp16, int8 (default fp32,fp16)", "NAMES" },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &o.families,
      "best, all, auto (all on a GPU) or a name (default auto)", "NAME" },
    { "kernel", 'k', 0, G_OPTION_ARG_STRING, &o.kernels,
      "of gemm, attention, layernorm, l2norm, score, preprocess (default all)", "NAMES" },
    { "runs", 'n', 0, G_OPTION_ARG_INT, &o.runs, "default 9", "N" },
    { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &o.seconds, "no new run after this long (default 5)",
      "SECONDS" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &o.quick, "tiny sizes, for tests", NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  blas_choose (argv);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  if (o.runs < 1 || o.runs > BENCH_MAX_SAMPLES) {
    g_printerr ("runs must be in 1..%d\n", BENCH_MAX_SAMPLES);
    return 2;
  }
  bench_set_default (&o.models, "vit-b-32,vit-b-16,vit-l-14,vit-l-14-336");
  bench_set_default (&o.batches, "1");
  bench_set_default (&o.precisions, "fp32,fp16");
  bench_set_default (&o.families, "auto");
  if (run (&o, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
