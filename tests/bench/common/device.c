/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/common/device.h"

#include <string.h>

#define CPU_RUNS      9
#define GPU_RUNS      99
#define GPU_WARM_UP_S 0.3

static const gchar *const precision_names[] = {
  [CLIP_WEIGHTS_F32] = "fp32",
  [CLIP_WEIGHTS_F16] = "fp16",
  [CLIP_WEIGHTS_I8] = "int8",
};

const gchar *
bench_precision_name (ClipWeightType weights)
{
  return precision_names[weights];
}

/* Variants -------------------------------------------------------------- */

static gboolean
add_best (ClipGpu *gpu, ClipWeightType weights, GArray *variants, GError **error)
{
  g_autoptr (ClipKernels) best = clip_kernels_new (gpu, weights, error);

  if (!best)
    return FALSE;
  g_array_append_vals (variants, &(BenchVariant){ best->family, weights }, 1);
  return TRUE;
}

static gboolean
add_families (ClipGpu *gpu, const gchar *name, ClipWeightType weights, GArray *variants,
              GError **error)
{
  const gboolean is_cpu = clip_gpu_info (gpu)->is_cpu;
  const gboolean all = !strcmp (name, "all") || (!strcmp (name, "auto") && !is_cpu);

  if (!strcmp (name, "best") || (!strcmp (name, "auto") && is_cpu))
    return add_best (gpu, weights, variants, error);
  for (const ClipFamily *const *f = clip_families; *f; f++) {
    if (!all && strcmp (name, (*f)->name))
      continue;
    g_autoptr (ClipKernels) kernels =
        clip_kernels_new_with_family (gpu, weights, *f, all ? NULL : error);
    if (kernels)
      g_array_append_vals (variants, &(BenchVariant){ *f, weights }, 1);
    else if (!all)
      return FALSE;
  }
  return TRUE;
}

GArray *
bench_variants (ClipGpu *gpu, const gchar *families, const gchar *precisions, GError **error)
{
  g_auto (GStrv) words = g_strsplit (precisions, ",", -1);
  g_autoptr (GArray) variants = g_array_new (FALSE, FALSE, sizeof (BenchVariant));

  for (guint i = 0; words[i]; i++) {
    guint p = 0;

    while (p < G_N_ELEMENTS (precision_names) && strcmp (words[i], precision_names[p]))
      p++;
    if (p == G_N_ELEMENTS (precision_names)) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no precision \"%s\"",
                   words[i]);
      return NULL;
    }
    if (!add_families (gpu, families, p, variants, error))
      return NULL;
  }
  if (variants->len == 0) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no family \"%s\"", families);
    return NULL;
  }
  return g_steal_pointer (&variants);
}

ClipKernels *
bench_variant_open (ClipGpu *gpu, const BenchVariant *variant, GError **error)
{
  return clip_kernels_new_with_family (gpu, variant->weights, variant->family, error);
}

/* Runs ------------------------------------------------------------------ */

gboolean
bench_run (ClipGpu *gpu, ClipGpuRecording *rec, BenchTimes *times, GError **error)
{
  const gchar *stages[64];
  guint64 ns[64];

  *times = bench_begin ();
  const guint64 value = clip_gpu_submit (gpu, &rec, 1, error);
  if (value == 0 || !clip_gpu_wait (gpu, value, G_MAXUINT64, error))
    return FALSE;
  bench_end (times);
  const guint n = clip_gpu_recording_get_times (rec, stages, ns, G_N_ELEMENTS (ns));
  for (guint i = 0; i < n; i++)
    times->gpu += ns[i] * 1e-9;
  return TRUE;
}

BenchSpread
bench_seconds (ClipGpu *gpu, const BenchSamples *samples)
{
  return bench_samples_spread (samples, clip_gpu_info (gpu)->is_cpu ? BENCH_CPU : BENCH_GPU);
}

/* Once, or on a GPU until its clocks have had the time to rise. */
static gboolean
warm_up (ClipGpu *gpu, ClipGpuRecording *rec, GError **error)
{
  const gdouble until = bench_wall_seconds () + (clip_gpu_info (gpu)->is_cpu ? 0 : GPU_WARM_UP_S);
  BenchTimes unused;

  do {
    if (!bench_run (gpu, rec, &unused, error))
      return FALSE;
  } while (bench_wall_seconds () < until);
  return TRUE;
}

gboolean
bench_sample (ClipGpu *gpu, ClipGpuRecording *rec, guint n, gdouble seconds, BenchOther other,
              gpointer data, BenchSamples *samples, GError **error)
{
  const gdouble start = bench_wall_seconds ();

  samples->n = 0;
  if (n == 0)
    n = clip_gpu_info (gpu)->is_cpu ? CPU_RUNS : GPU_RUNS;
  if (!warm_up (gpu, rec, error))
    return FALSE;
  if (other)
    other (data);
  while (samples->n < MIN (n, BENCH_MAX_SAMPLES)) {
    const guint i = samples->n++;

    if (!bench_run (gpu, rec, &samples->runs[i], error))
      return FALSE;
    samples->other[i] = bench_begin ();
    if (other)
      other (data);
    bench_end (&samples->other[i]);
    if (seconds > 0 && bench_wall_seconds () - start > seconds)
      break;
  }
  return TRUE;
}

/* Data ------------------------------------------------------------------ */

void
bench_random (float *values, gsize n, guint32 seed)
{
  for (gsize i = 0; i < n; i++)
    values[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f;
}

/* Halves of either sign, 0.5 and more but below 1. */
static void
random_halves (guint16 *values, gsize n, guint32 seed)
{
  for (gsize i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = 14 << 10 | (seed >> 16 & 0x83ff);
  }
}

ClipGpuBuffer *
bench_buffer_random (ClipGpu *gpu, ClipElement type, gsize bytes, const gchar *name, GError **error)
{
  g_autoptr (ClipGpuBuffer) buffer =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, bytes, name, error);
  g_autofree gpointer values = g_malloc (bytes);

  if (type == CLIP_ELEMENT_F16)
    random_halves (values, bytes / 2, 1);
  else
    bench_random (values, bytes / 4, 1);
  if (!buffer || !clip_gpu_buffer_upload (buffer, 0, values, bytes, error))
    return NULL;
  return g_steal_pointer (&buffer);
}
