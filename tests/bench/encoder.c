/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-encoder: the image encoder by architecture, batch, precision and variant, beside OpenBLAS
 * on the same products and beside what the device could do at best.
 *
 * OpenBLAS runs in turn with the encoder, pair by pair; what counts on a CPU is the ratio of process
 * CPU seconds within a pair. On a GPU that ratio means nothing and is left out. Preprocessing and
 * scoring are not in it: see bench-job.
 */
#include <string.h>

#include "tests/bench/common/blas.h"
#include "tests/bench/common/ceiling.h"
#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

#define MAX_BATCH  64
#define MOST_TWICE 2.1 /* times as long for twice as many images */

typedef struct {
  gchar *models, *batches, *families, *precisions, *json;
  gint pairs;
  gdouble seconds;
  gboolean quick;
} Options;

typedef struct {
  const Options *options;
  ClipGpu *gpu;
  gboolean is_cpu, blas; /* worth comparing with */
  BenchReport *report;
  BenchCeiling ceiling;
  GArray *batches;
} Bench;

/* Rows ------------------------------------------------------------------ */

static void
print_legend (const Bench *b)
{
  const BenchCeiling *c = &b->ceiling;

  bench_print (
      b->report,
      "\nThe image encoder, random weights; medians of the runs. CPU: of this process, all "
      "threads; device:\nthe device's clock (timestamps). ms/image, GFLOP/s and limit go "
      "by %s time.\n"
      "limit: the least time for the operations at %.0f GFLOP/s (fp16 %.0f, int8 %.0f) or "
      "the bytes at %.1f GB/s,\nwhichever is longer; the ceilings were measured just now "
      "(%s).\n",
      b->is_cpu ? "CPU" : "device", c->flops[CLIP_WEIGHTS_F32] / 1e9,
      c->flops[CLIP_WEIGHTS_F16] / 1e9, c->flops[CLIP_WEIGHTS_I8] / 1e9, c->bytes / 1e9, c->how);
  if (b->blas)
    bench_print (b->report, "BLAS: the same products in turn with it, fp32, one thread; %s.\n",
                 blas_name ());
  else if (b->is_cpu)
    bench_print (b->report, "Built without OpenBLAS: no comparison.\n");
}

static void
print_header (const Bench *b)
{
  print_legend (b);
  bench_print (b->report, "\n%44s%-26s %8s %8s %9s %7s", "", "      ms a batch", "", "", "limit,",
               "time");
  bench_print (b->report, b->blas ? "  %17s %23s\n" : "\n", "BLAS, ms a batch", "CPU / BLAS CPU");
  bench_print (b->report, "%-13s %5s %-10s %-9s %4s %8s %8s %8s %8s %8s %9s %7s", "model", "batch",
               "family", "precision", "runs", "wall", "CPU", "device", "ms/image", "GFLOP/s", "ms",
               "/ limit");
  bench_print (b->report, b->blas ? "  %8s %8s %7s %7s %7s\n" : "\n", "wall", "CPU", "least",
               "median", "most");
}

static void
print_row (const Bench *b, const BenchNet *net, const BenchSamples *s, gdouble limit)
{
  const BenchSpread time = bench_seconds (b->gpu, s), ratio = bench_samples_ratio (s);

  bench_print (b->report, "%-13s %5u %-10s %-9s %4u %8.2f %8.2f %8.2f %8.2f %8.1f %9.3f %7.2f",
               net->shape->name, net->batch, net->kernels->family->name,
               bench_precision_name (net->kernels->weights), s->n,
               1e3 * bench_samples_spread (s, BENCH_WALL).median,
               1e3 * bench_samples_spread (s, BENCH_CPU).median,
               1e3 * bench_samples_spread (s, BENCH_GPU).median, 1e3 * time.median / net->batch,
               bench_net_flops (net->shape, net->batch) / time.median / 1e9, 1e3 * limit,
               time.median / limit);
  if (b->blas)
    bench_print (b->report, "  %8.2f %8.2f %7.2f %7.2f %7.2f",
                 1e3 * bench_samples_other (s, BENCH_WALL).median,
                 1e3 * bench_samples_other (s, BENCH_CPU).median, ratio.min, ratio.median,
                 ratio.max);
  bench_print (b->report, "\n");
}

static void
write_row (const Bench *b, const BenchNet *net, const BenchSamples *s, gdouble limit,
           gdouble blas_flops)
{
  BenchReport *r = b->report;

  bench_line_begin (r, "encoder");
  bench_line_string (r, "model", net->shape->name);
  bench_line_number (r, "batch", net->batch);
  bench_line_string (r, "family", net->kernels->family->name);
  bench_line_string (r, "precision", bench_precision_name (net->kernels->weights));
  bench_line_number (r, "runs", s->n);
  bench_line_number (r, "gflop", bench_net_flops (net->shape, net->batch) / 1e9);
  bench_line_spread (r, "wall_ms", bench_samples_spread (s, BENCH_WALL), 1e3);
  bench_line_spread (r, "cpu_ms", bench_samples_spread (s, BENCH_CPU), 1e3);
  bench_line_spread (r, "device_ms", bench_samples_spread (s, BENCH_GPU), 1e3);
  bench_line_number (r, "ms_per_image", 1e3 * bench_seconds (b->gpu, s).median / net->batch);
  bench_line_number (r, "limit_ms", 1e3 * limit);
  bench_line_number (r, "limit_ratio", bench_seconds (b->gpu, s).median / limit);
  bench_line_string (r, "ceiling", b->ceiling.how);
  if (b->blas) {
    bench_line_number (r, "blas_gflop", blas_flops / 1e9);
    bench_line_spread (r, "blas_cpu_ms", bench_samples_other (s, BENCH_CPU), 1e3);
    bench_line_spread (r, "blas_wall_ms", bench_samples_other (s, BENCH_WALL), 1e3);
    bench_line_spread (r, "blas_ratio", bench_samples_ratio (s), 1);
    bench_line_string (r, "blas", blas_name ());
  }
  bench_line_number (r, "limit_gflops", b->ceiling.flops[net->kernels->weights] / 1e9);
  bench_line_number (r, "limit_gbps", b->ceiling.bytes / 1e9);
  bench_line_number (r, "device_bytes", clip_gpu_memory_bytes (b->gpu));
  bench_line_number (r, "resident_bytes", bench_resident_bytes ());
  bench_line_number (r, "pipelines", clip_gpu_pipeline_count (b->gpu));
  bench_line_end (r);
}

/* Twice the images may not take more than twice the time, and a little. */
static void
check_scaling (const Bench *b, const BenchNet *net, const gdouble *seconds)
{
  for (guint i = 0; i < b->batches->len; i++)
    for (guint j = 0; j < b->batches->len; j++) {
      const guint n = g_array_index (b->batches, guint, i);
      const gdouble ratio = seconds[j] / seconds[i];

      if (g_array_index (b->batches, guint, j) != 2 * n)
        continue;
      bench_print (b->report, "  time of %u images / time of %u = %.2f: %s %.1f\n", 2 * n, n, ratio,
                   ratio <= MOST_TWICE ? "within" : "MORE THAN", MOST_TWICE);
      bench_line_begin (b->report, "scaling");
      bench_line_string (b->report, "model", net->shape->name);
      bench_line_string (b->report, "family", net->kernels->family->name);
      bench_line_string (b->report, "precision", bench_precision_name (net->kernels->weights));
      bench_line_number (b->report, "batch", n);
      bench_line_number (b->report, "ratio", ratio);
      bench_line_end (b->report);
    }
}

/* Measuring ------------------------------------------------------------- */

static gboolean
measure_batch (const Bench *b, BenchNet *net, guint batch, gdouble *seconds, GError **error)
{
  BenchSamples samples;
  BlasNet blas = { 0 };
  gdouble blas_flops = 0;

  if (!bench_net_set_batch (net, batch, error))
    return FALSE;
  if (b->blas) {
    blas = blas_net_new (net->shape, batch);
    blas_flops = blas_net_flops (&blas);
  }
  const gboolean ok = bench_sample (b->gpu, net->rec, b->options->pairs, b->options->seconds,
                                    b->blas ? blas_net_run : NULL, &blas, &samples, error);
  if (b->blas)
    blas_net_clear (&blas);
  if (!ok)
    return FALSE;
  const gdouble limit =
      bench_ceiling_limit (&b->ceiling, net->kernels->weights, bench_net_flops (net->shape, batch),
                           bench_net_bytes (net));
  *seconds = bench_seconds (b->gpu, &samples).median;
  print_row (b, net, &samples, limit);
  write_row (b, net, &samples, limit, blas_flops);
  return TRUE;
}

static gboolean
measure_variant (const Bench *b, const BenchModel *model, const BenchVariant *variant,
                 GError **error)
{
  g_autoptr (ClipKernels) kernels = bench_variant_open (b->gpu, variant, error);
  g_autoptr (BenchNet) net = kernels ? bench_net_new (kernels, model, error) : NULL;
  g_autofree gdouble *seconds = g_new0 (gdouble, b->batches->len);

  if (!net)
    return FALSE;
  for (guint i = 0; i < b->batches->len; i++)
    if (!measure_batch (b, net, g_array_index (b->batches, guint, i), &seconds[i], error))
      return FALSE;
  check_scaling (b, net, seconds);
  return TRUE;
}

static gboolean
measure_model (const Bench *b, const gchar *name, GError **error)
{
  const Options *o = b->options;
  g_autoptr (BenchModel) model = bench_model_new (name, FALSE, error);
  g_autoptr (GArray) variants =
      model ? bench_variants (b->gpu, o->families, o->precisions, error) : NULL;

  for (guint i = 0; variants && i < variants->len; i++)
    if (!measure_variant (b, model, &g_array_index (variants, BenchVariant, i), error))
      return FALSE;
  return variants != NULL;
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error);
  g_autoptr (BenchReport) report =
      gpu ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;
  g_autoptr (GArray) batches = bench_parse_list (o->batches, 1, MAX_BATCH, error);
  g_auto (GStrv) models = g_strsplit (o->models, ",", -1);

  if (!report || !batches)
    return FALSE;
  const gboolean is_cpu = clip_gpu_info (gpu)->is_cpu;
  Bench b = { o, gpu, is_cpu, is_cpu && blas_name (), report, .batches = batches };
  bench_print_device (report);
  if (!bench_ceiling_measure (gpu, o->quick, &b.ceiling, error))
    return FALSE;
  print_header (&b);
  for (guint i = 0; models[i]; i++)
    if (!measure_model (&b, models[i], error))
      return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options o = { 0 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.models, "architectures (default vit-b-32)",
      "NAMES" },
    { "batch", 'b', 0, G_OPTION_ARG_STRING, &o.batches, "images at once (default 1)", "NUMBERS" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &o.precisions, "of fp32, fp16, int8 (default fp32)",
      "NAMES" },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &o.families,
      "best, all, auto (all on a GPU) or a name (default best)", "NAME" },
    { "pairs", 'n', 0, G_OPTION_ARG_INT, &o.pairs,
      "runs, each followed by OpenBLAS (default 9; 99 on a GPU)", "N" },
    { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &o.seconds, "no new pair after this long",
      "SECONDS" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &o.quick, "a rough ceiling, for tests", NULL },
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
  if (o.pairs < 0 || o.pairs > BENCH_MAX_SAMPLES) {
    g_printerr ("pairs must be in 1..%d\n", BENCH_MAX_SAMPLES);
    return 2;
  }
  bench_set_default (&o.models, "vit-b-32");
  bench_set_default (&o.batches, "1");
  bench_set_default (&o.precisions, "fp32");
  bench_set_default (&o.families, "best");
  if (run (&o, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
