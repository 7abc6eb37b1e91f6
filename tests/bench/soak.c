/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-soak: does the encoder get slower while it runs? Encodes for a while, each image followed
 * by the same products through OpenBLAS, and divides the median of the last tenth by that of the
 * first. On a CPU device that quotient is divided by OpenBLAS's own: what remains is ours and not
 * the machine's. Exit status 1 when more than 1.05 remains, unless --quick was given.
 */
#include "tests/bench/common/blas.h"
#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

#define MOST 1.05

typedef struct {
  gchar *model, *precision, *json;
  gdouble minutes;
  gboolean quick;
} Options;

typedef struct {
  GArray *encode, *blas; /* of double: seconds */
  guint64 resident[2];   /* bytes, after the first image and after the last */
} Series;

static gboolean
collect (ClipGpu *gpu, BenchNet *net, gdouble minutes, Series *series, GError **error)
{
  BlasNet blas = blas_net_new (net->shape, 1);
  const gdouble until = bench_wall_seconds () + 60 * minutes;
  const gboolean is_cpu = clip_gpu_info (gpu)->is_cpu;
  gboolean ok = TRUE;

  blas_net_run (&blas);
  do {
    BenchTimes encode, other;

    ok = bench_run (gpu, net->rec, &encode, error);
    other = bench_begin ();
    if (is_cpu)
      blas_net_run (&blas);
    bench_end (&other);
    g_array_append_val (series->encode, *(is_cpu ? &encode.cpu : &encode.gpu));
    g_array_append_val (series->blas, other.cpu);
    if (series->encode->len == 1)
      series->resident[0] = bench_resident_bytes ();
  } while (ok && bench_wall_seconds () < until);
  series->resident[1] = bench_resident_bytes ();
  blas_net_clear (&blas);
  return ok;
}

/* Median of tenth @k of the series, by position; at least one value. */
static gdouble
tenth (const GArray *series, guint k)
{
  const guint n = MAX (series->len / 10, 1);
  const guint from = MIN (k * series->len / 10, series->len - n);

  return bench_spread (&g_array_index (series, gdouble, from), n).median;
}

/* Prints every tenth. Returns: what remains of last / first. */
static gdouble
compare (BenchReport *r, const Series *s, gboolean probe, gdouble *machine)
{
  gdouble ms[10], blas[10];

  bench_print (r, probe ? "%6s %10s %10s %8s\n" : "%6s %10s\n", "tenth", "ms", "BLAS ms", "ratio");
  for (guint k = 0; k < 10; k++) {
    ms[k] = 1e3 * tenth (s->encode, k);
    blas[k] = 1e3 * tenth (s->blas, k);
    bench_print (r, probe ? "%6u %10.3f %10.3f %8.3f\n" : "%6u %10.3f\n", k + 1, ms[k], blas[k],
                 ms[k] / blas[k]);
  }
  *machine = probe ? blas[9] / blas[0] : 1;
  return ms[9] / ms[0] / *machine;
}

static gdouble
report (BenchReport *r, const Options *o, const BenchNet *net, const Series *s)
{
  const gboolean is_cpu = clip_gpu_info (clip_kernels_gpu (net->kernels))->is_cpu;
  gdouble machine;

  bench_print (r,
               "\n%s, %s: %u images in %.1f min; medians, %s time; resident %.1f MB, then %.1f\n",
               net->shape->name, bench_precision_name (net->kernels->weights), s->encode->len,
               o->minutes, is_cpu ? "CPU" : "device", s->resident[0] / 1e6, s->resident[1] / 1e6);
  const gdouble drift = compare (r, s, is_cpu && blas_name (), &machine);
  bench_print (r, "last / first%s = %.3f: %s %.2f\n",
               is_cpu && blas_name () ? ", divided by OpenBLAS's" : "", drift,
               drift <= MOST ? "within" : "MORE THAN", MOST);
  bench_line_begin (r, "soak");
  bench_line_string (r, "model", net->shape->name);
  bench_line_string (r, "family", net->kernels->family->name);
  bench_line_string (r, "precision", bench_precision_name (net->kernels->weights));
  bench_line_number (r, "minutes", o->minutes);
  bench_line_number (r, "images", s->encode->len);
  bench_line_number (r, "first_ms", 1e3 * tenth (s->encode, 0));
  bench_line_number (r, "last_ms", 1e3 * tenth (s->encode, 9));
  bench_line_number (r, "machine", machine);
  bench_line_number (r, "ratio", drift);
  bench_line_number (r, "resident_first_bytes", s->resident[0]);
  bench_line_number (r, "resident_last_bytes", s->resident[1]);
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
  const gboolean ok = collect (gpu, net, o->minutes, &series, error) && series.encode->len > 0;
  if (ok)
    *drift = report (r, o, net, &series);
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
    { "quick", 0, 0, G_OPTION_ARG_NONE, &o.quick, "too short to judge: exit status 0", NULL },
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
  return drift <= MOST || o.quick ? 0 : 1;
}
