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

#define SMALL_RUNS 25 /* of what takes no time */
#define MAX_SIDE   65536

typedef struct {
  gchar *models, *batches, *families, *precisions, *kernels, *json;
  gchar **products;
  gint runs;
  gdouble seconds;
  gboolean quick;
} Options;

typedef struct {
  const Options *options;
  ClipGpu *gpu;
  gboolean is_cpu, blas;
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
  const BenchCeiling *c = &b->ceiling;

  bench_print (
      b->report,
      "\nEach kernel by itself, by %s time, medians of the runs. us: of one call, with its "
      "barrier.\nlimit: the best rate that the ceilings allow, %.0f GFLOP/s (fp16 %.0f, "
      "int8 %.0f) and %.1f GB/s, measured\njust now (%s).\n",
      b->is_cpu ? "CPU" : "device", c->flops[CLIP_WEIGHTS_F32] / 1e9,
      c->flops[CLIP_WEIGHTS_F16] / 1e9, c->flops[CLIP_WEIGHTS_I8] / 1e9, c->bytes / 1e9, c->how);
  if (b->blas)
    bench_print (b->report, "BLAS: the same product in turn with it, fp32, one thread; %s.\n",
                 blas_name ());
  else if (b->is_cpu)
    bench_print (b->report, "Built without OpenBLAS: no comparison.\n");
  bench_print (b->report, b->blas ? "\n%92s %7s  %9s %23s\n" : "\n%92s %7s\n", "", "time", "BLAS",
               "CPU / BLAS CPU");
  bench_print (b->report, "%-10s %-24s %-10s %-9s %4s %10s %8s %8s  %-7s %6s", "kernel", "size",
               "family", "precision", "runs", "us", "rate", "limit", "", "/ limit");
  bench_print (b->report, b->blas ? "  %9s %7s %7s %7s\n" : "\n", "rate", "least", "median",
               "most");
}

/* Billions of what its rate counts. */
static gdouble
work_of (const KernelCase *c)
{
  return (c->by_bytes ? c->bytes : c->flops) / 1e9;
}

static const gchar *
unit_of (const KernelCase *c)
{
  return c->by_bytes ? "GB/s" : "GFLOP/s";
}

static void
print_row (const Bench *b, const KernelCase *c, const BenchSamples *s, gdouble limit, gboolean blas)
{
  const BenchSpread time = bench_seconds (b->gpu, s), ratio = bench_samples_ratio (s);
  const gdouble work = work_of (c);

  bench_print (b->report, "%-10s %-24s %-10s %-9s %4u %10.1f %8.1f %8.1f  %-7s %7.2f", c->kernel,
               c->shape, c->kernels->family->name, bench_precision_name (c->kernels->weights), s->n,
               1e6 * time.median / c->repeats, work / time.median, work / limit, unit_of (c),
               time.median / limit);
  if (blas)
    bench_print (b->report, "  %9.1f %7.2f %7.2f %7.2f",
                 work / bench_samples_other (s, BENCH_CPU).median, ratio.min, ratio.median,
                 ratio.max);
  bench_print (b->report, "\n");
}

static void
write_row (const Bench *b, const KernelCase *c, const BenchSamples *s, gdouble limit, gboolean blas)
{
  const gdouble per_call = 1e6 / c->repeats, seconds = bench_seconds (b->gpu, s).median;
  BenchReport *r = b->report;

  bench_line_begin (r, "kernel");
  bench_line_string (r, "kernel", c->kernel);
  bench_line_string (r, "size", c->shape);
  bench_line_string (r, "family", c->kernels->family->name);
  bench_line_string (r, "precision", bench_precision_name (c->kernels->weights));
  bench_line_number (r, "runs", s->n);
  bench_line_number (r, "calls", c->repeats);
  bench_line_spread (r, "cpu_us", bench_samples_spread (s, BENCH_CPU), per_call);
  bench_line_spread (r, "wall_us", bench_samples_spread (s, BENCH_WALL), per_call);
  bench_line_spread (r, "device_us", bench_samples_spread (s, BENCH_GPU), per_call);
  bench_line_number (r, "rate", work_of (c) / seconds);
  bench_line_string (r, "unit", unit_of (c));
  bench_line_number (r, "limit_rate", work_of (c) / limit);
  bench_line_number (r, "limit_us", per_call * limit);
  bench_line_number (r, "limit_ratio", seconds / limit);
  bench_line_string (r, "ceiling", b->ceiling.how);
  if (blas) {
    bench_line_spread (r, "blas_cpu_us", bench_samples_other (s, BENCH_CPU), per_call);
    bench_line_spread (r, "blas_wall_us", bench_samples_other (s, BENCH_WALL), per_call);
    bench_line_number (r, "blas_rate", work_of (c) / bench_samples_other (s, BENCH_CPU).median);
    bench_line_spread (r, "blas_ratio", bench_samples_ratio (s), 1);
    bench_line_string (r, "blas", blas_name ());
  }
  bench_line_end (r);
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
  const gdouble limit = bench_ceiling_limit (&b->ceiling, c->kernels->weights, c->flops, c->bytes);
  print_row (b, c, &samples, limit, blas != NULL);
  write_row (b, c, &samples, limit, blas != NULL);
  return TRUE;
}

/* Networks -------------------------------------------------------------- */

static gboolean
measure_product (const Bench *b, ClipKernels *kernels, guint m, guint n, guint k, GError **error)
{
  KernelCase *c = kernel_case_gemm (kernels, m, n, k, error);
  BlasNet blas;

  if (!c || !b->blas)
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

/* "M,N,K", instead of the networks'. */
static gboolean
measure_given (const Bench *b, ClipKernels *kernels, const gchar *text, GError **error)
{
  g_autoptr (GArray) sizes = bench_parse_list (text, 1, MAX_SIDE, error);

  if (!sizes)
    return FALSE;
  if (sizes->len != 3) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "a product has three sizes, M,N,K: \"%s\"", text);
    return FALSE;
  }
  const guint *s = (const guint *)sizes->data;
  return measure_product (b, kernels, s[0], s[1], s[2], error);
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
  if (model->resnet.width || model->fastvit.width) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "\"%s\" is no transformer; its products can be given with --gemm", name);
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
  if (b->options->products) {
    for (gchar **p = b->options->products; *p; p++)
      if (!measure_given (b, kernels, *p, error))
        return FALSE;
    return TRUE;
  }
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
  const gboolean is_cpu = clip_gpu_info (gpu)->is_cpu;
  Bench b = { o, gpu, is_cpu, is_cpu && blas_name (), r };
  bench_print_device (r);
  if (!bench_ceiling_measure (gpu, o->quick, &b.ceiling, error))
    return FALSE;
  print_header (&b);
  for (guint i = 0; i < variants->len; i++)
    if (!measure_variant (&b, &g_array_index (variants, BenchVariant, i), error))
      return FALSE;
  return o->products || measure_ends (&b, error);
}

int
main (int argc, char **argv)
{
  Options o = { .seconds = 5 };
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
    { "gemm", 'g', 0, G_OPTION_ARG_STRING_ARRAY, &o.products, "only this product; may be repeated",
      "M,N,K" },
    { "runs", 'n', 0, G_OPTION_ARG_INT, &o.runs, "default 9, 99 on a GPU", "N" },
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
  if (o.runs < 0 || o.runs > BENCH_MAX_SAMPLES) {
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
