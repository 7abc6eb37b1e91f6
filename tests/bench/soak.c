/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-soak: does the encoder get slower while it runs? Encodes for a while, each image followed
 * by the same products through OpenBLAS, and divides the median of the last tenth by that of the
 * first. On a CPU device that quotient is divided by OpenBLAS's own: what remains is ours and not
 * the machine's. Exit status 1 when more than 1.05 remains.
 */
#include "tests/bench/common/blas.h"
#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

#define MOST 1.05

typedef struct {
  gchar *model, *precision, *json;
  gdouble minutes;
} Options;

typedef struct {
  GArray *encode, *blas; /* of double: seconds */
} Series;

static gboolean
collect (ClipGpu *gpu, BenchNet *net, gdouble minutes, Series *series, GError **error)
{
  BlasNet blas = blas_net_new (net->shape, 1);
  const gdouble until = bench_wall_seconds () + 60 * minutes;
  const gboolean is_cpu = clip_gpu_info (gpu)->is_cpu;
  gboolean ok = TRUE;

  blas_net_run (&blas);
  while (ok && bench_wall_seconds () < until) {
    BenchTimes encode, other;

    ok = bench_run (gpu, net->rec, &encode, error);
    other = bench_begin ();
    if (is_cpu)
      blas_net_run (&blas);
    bench_end (&other);
    g_array_append_val (series->encode, *(is_cpu ? &encode.cpu : &encode.gpu));
    g_array_append_val (series->blas, other.cpu);
  }
  blas_net_clear (&blas);
  return ok;
}

/* Median of a tenth of the series, by position; at least one value. */
static gdouble
tenth (const GArray *series, gboolean last)
{
  const guint n = MAX (series->len / 10, 1);
  gdouble *values = (gdouble *)series->data + (last ? series->len - n : 0);

  return bench_spread (values, n).median;
}

static gdouble
report (BenchReport *r, const Options *o, const BenchNet *net, gboolean is_cpu, const Series *s)
{
  const gdouble first = tenth (s->encode, FALSE), last = tenth (s->encode, TRUE);
  const gdouble blas_first = tenth (s->blas, FALSE), blas_last = tenth (s->blas, TRUE);
  const gdouble machine = is_cpu ? blas_last / blas_first : 1;
  const gdouble drift = last / first / machine;

  bench_print (r,
               "%s, %s: %u images in %.1f min; first tenth %.3f ms, last tenth %.3f ms; "
               "OpenBLAS %.3f and %.3f ms\nlast / first%s = %.3f: %s %.2f\n",
               net->shape->name, bench_precision_name (net->kernels->weights), s->encode->len,
               o->minutes, 1e3 * first, 1e3 * last, 1e3 * blas_first, 1e3 * blas_last,
               is_cpu ? ", divided by OpenBLAS's" : "", drift,
               drift <= MOST ? "within" : "MORE THAN", MOST);
  bench_line_begin (r, "soak");
  bench_line_string (r, "model", net->shape->name);
  bench_line_string (r, "family", net->kernels->family->name);
  bench_line_string (r, "precision", bench_precision_name (net->kernels->weights));
  bench_line_number (r, "minutes", o->minutes);
  bench_line_number (r, "images", s->encode->len);
  bench_line_number (r, "first_ms", 1e3 * first);
  bench_line_number (r, "last_ms", 1e3 * last);
  bench_line_number (r, "machine", machine);
  bench_line_number (r, "ratio", drift);
  bench_line_end (r);
  return drift;
}

static gboolean
run (const Options *o, gdouble *drift, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error);
  g_autoptr (BenchReport) r = gpu ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;
  g_autoptr (GArray) variants =
      r ? bench_variants (gpu, "best", o->precision ? o->precision : "fp32", error) : NULL;
  g_autoptr (BenchModel) model =
      variants ? bench_model_new (o->model ? o->model : "vit-b-32", FALSE, error) : NULL;
  if (!model)
    return FALSE;

  g_autoptr (ClipKernels) kernels =
      bench_variant_open (gpu, &g_array_index (variants, BenchVariant, 0), error);
  g_autoptr (BenchNet) net = kernels ? bench_net_new (kernels, model, error) : NULL;
  if (!net || !bench_net_set_batch (net, 1, error))
    return FALSE;

  Series series = { g_array_new (FALSE, FALSE, sizeof (gdouble)),
                    g_array_new (FALSE, FALSE, sizeof (gdouble)) };
  bench_print_device (r);
  const gboolean ok = collect (gpu, net, o->minutes, &series, error);
  if (ok)
    *drift = report (r, o, net, clip_gpu_info (gpu)->is_cpu, &series);
  g_array_unref (series.encode);
  g_array_unref (series.blas);
  return ok;
}

int
main (int argc, char **argv)
{
  Options o = { .minutes = 20 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model, "architecture (default vit-b-32)", "NAME" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &o.precision, "fp32 (default), fp16 or int8",
      "NAME" },
    { "minutes", 't', 0, G_OPTION_ARG_DOUBLE, &o.minutes, "default 20", "MINUTES" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  gdouble drift = 0;

  blas_choose (argv);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  if (!run (&o, &drift, &error)) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  return drift <= MOST ? 0 : 1;
}
