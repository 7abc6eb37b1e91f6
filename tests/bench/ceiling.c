/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-ceiling: what this machine can do at best: multiply-adds, memory, the cost of a dispatch,
 * and the largest product's rate through the best family. Everything else is measured against it.
 */
#include "tests/bench/common/ceiling.h"
#include "tests/bench/common/report.h"

typedef struct {
  gchar *json;
  gint size;
  gboolean shaders, quick;
} Options;

static void
put (BenchReport *r, const gchar *what, gdouble value, const gchar *unit, const gchar *how)
{
  bench_print (r, "%-34s %10.2f %-8s %s\n", what, value, unit, how);
  bench_line_begin (r, "ceiling");
  bench_line_string (r, "what", what);
  bench_line_number (r, "value", value);
  bench_line_string (r, "unit", unit);
  bench_line_string (r, "how", how);
  bench_line_end (r);
}

static void
measure_cpu (const Options *o, BenchReport *r)
{
  const guint threads = g_get_num_processors ();

  put (r, "multiply-add, 1 thread", bench_cpu_fma (1, o->quick) / 1e9, "GFLOP/s",
       bench_cpu_fma_name ());
  put (r, "multiply-add, all threads", bench_cpu_fma (threads, o->quick) / 1e9, "GFLOP/s",
       bench_cpu_fma_name ());
  put (r, "memory read, 1 thread", bench_cpu_read (1, o->quick) / 1e9, "GB/s", "C loop");
  put (r, "memory read, all threads", bench_cpu_read (threads, o->quick) / 1e9, "GB/s", "C loop");
}

static gboolean
measure_shaders (const Options *o, ClipGpu *gpu, BenchReport *r, GError **error)
{
  const gdouble fma = bench_gpu_fma (gpu, o->quick, error);
  const gdouble read = fma > 0 ? bench_gpu_read (gpu, o->quick, error) : 0;

  if (read == 0)
    return FALSE;
  put (r, "multiply-add, device", fma / 1e9, "GFLOP/s", "shader, fp32");
  put (r, "memory read, device", read / 1e9, "GB/s", "shader");
  return TRUE;
}

static gboolean
measure_products (const Options *o, ClipGpu *gpu, BenchReport *r, GError **error)
{
  const gint usual = o->quick ? 256 : clip_gpu_info (gpu)->is_cpu ? 1024 : 4096;
  const gint size = o->size > 0 ? o->size : usual;

  for (ClipWeightType w = CLIP_WEIGHTS_F32; w <= CLIP_WEIGHTS_F16; w++) {
    g_autofree gchar *what = g_strdup_printf ("product of %d, %s", size, bench_precision_name (w));
    const gchar *family = NULL;
    const gdouble rate = bench_gemm_rate (gpu, w, size, &family, error);

    if (rate == 0)
      return FALSE;
    put (r, what, rate / 1e9, "GFLOP/s", family);
  }
  return TRUE;
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error);
  g_autoptr (BenchReport) r = gpu ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;

  if (!r)
    return FALSE;
  bench_print_device (r);
  if (clip_gpu_info (gpu)->is_cpu)
    measure_cpu (o, r);
  if ((o->shaders || !clip_gpu_info (gpu)->is_cpu) && !measure_shaders (o, gpu, r, error))
    return FALSE;
  const gdouble dispatch = bench_gpu_dispatch (gpu, o->quick, error);
  if (dispatch == 0)
    return FALSE;
  put (r, "dispatch with a barrier", dispatch * 1e6, "us", "shader, one workgroup");
  return measure_products (o, gpu, r, error);
}

int
main (int argc, char **argv)
{
  Options o = { 0 };
  const GOptionEntry entries[] = {
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { "size", 's', 0, G_OPTION_ARG_INT, &o.size,
      "of the product's matrices (default 4096 on a GPU, 1024 on a CPU)", "N" },
    { "shaders", 0, 0, G_OPTION_ARG_NONE, &o.shaders, "the shaders too where the device is a CPU",
      NULL },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &o.quick, "tiny sizes, for tests", NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  if (run (&o, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
