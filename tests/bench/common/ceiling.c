/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/common/ceiling.h"

#include "clip_spv_ceiling_fma.h"
#include "clip_spv_ceiling_read.h"

#define WORKGROUP  256
#define LONG_S     5e-3 /* a run this long shows nothing of its start and end */
#define DISPATCHES 1000

typedef struct {
  guint64 y;
  guint32 n;
  float scale, offset;
  guint32 padding;
} FmaPush;

typedef struct {
  guint64 x, y;
  guint32 n, padding;
} ReadPush;

static const ClipGpuShader fma_shader = { "ceiling_fma", clip_spv_ceiling_fma,
                                          sizeof clip_spv_ceiling_fma, sizeof (FmaPush), 0 };
static const ClipGpuShader read_shader = { "ceiling_read", clip_spv_ceiling_read,
                                           sizeof clip_spv_ceiling_read, sizeof (ReadPush), 0 };

/* Records @times dispatches, each with a barrier, and runs them. Returns: seconds by the device's
 * clock, the best of three; 0 with an error. */
static gdouble
time_dispatches (ClipGpu *gpu, const ClipGpuShader *shader, gconstpointer push, guint32 groups,
                 guint times, GError **error)
{
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (gpu, shader->name);
  ClipGpuPipeline *pipeline = clip_gpu_pipeline (gpu, shader, NULL, 0, error);
  gdouble best = G_MAXDOUBLE;

  if (!pipeline)
    return 0;
  clip_gpu_recording_begin (rec);
  clip_gpu_recording_mark (rec, shader->name);
  for (guint i = 0; i < times; i++) {
    clip_gpu_recording_dispatch (rec, pipeline, push, shader->push_bytes, groups, 1, 1, 0);
    clip_gpu_recording_barrier (rec);
  }
  if (!clip_gpu_recording_end (rec, error))
    return 0;
  for (guint i = 0; i < 4; i++) {
    BenchTimes t;

    if (!bench_run (gpu, rec, &t, error))
      return 0;
    if (i > 0) /* the first one compiles */
      best = MIN (best, t.gpu);
  }
  return best;
}

gdouble
bench_gpu_fma (ClipGpu *gpu, gboolean quick, GError **error)
{
  const guint32 groups = quick ? 16 : 4096, most = quick ? 64 : 1u << 20;
  g_autoptr (ClipGpuBuffer) y =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, groups * WORKGROUP * 4, "ceiling", error);
  FmaPush push = { y ? y->address : 0, 64, 0.5f, 0.25f, 0 };
  gdouble s = 0;

  if (!y)
    return 0;
  while ((s = time_dispatches (gpu, &fma_shader, &push, groups, 1, error)) > 0 && s < LONG_S
         && push.n < most)
    push.n *= 2;
  return s > 0 ? 64.0 * push.n * groups * WORKGROUP / s : 0;
}

gdouble
bench_gpu_read (ClipGpu *gpu, gboolean quick, GError **error)
{
  const guint32 groups = quick ? 16 : 2048, invocations = groups * WORKGROUP;
  const guint64 most = MIN (clip_gpu_info (gpu)->heap_bytes / 8, 1024u << 20);
  const guint32 n = quick ? 8 : MAX (most / (16 * invocations) / 4 * 4, 4);
  const gsize bytes = 16ull * n * invocations;
  g_autoptr (ClipGpuBuffer) x =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "ceiling", error);
  g_autoptr (ClipGpuBuffer) y =
      x ? clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, invocations * 4, "ceiling", error)
        : NULL;
  if (!y)
    return 0;

  const ReadPush push = { x->address, y->address, n, 0 };
  const gdouble s = time_dispatches (gpu, &read_shader, &push, groups, 1, error);
  return s > 0 ? bytes / s : 0;
}

gdouble
bench_gpu_dispatch (ClipGpu *gpu, gboolean quick, GError **error)
{
  const guint times = quick ? 10 : DISPATCHES;
  g_autoptr (ClipGpuBuffer) y =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, WORKGROUP * 4, "ceiling", error);
  const FmaPush push = { y ? y->address : 0, 1, 0.5f, 0.25f, 0 };

  return y ? time_dispatches (gpu, &fma_shader, &push, 1, times, error) / times : 0;
}

/* A large product ------------------------------------------------------- */

static ClipGpuBuffer *
random_weights (ClipKernels *kernels, guint size, GError **error)
{
  const gsize bytes = clip_gemm_packed_bytes (kernels, size, size), n = (gsize)size * size;
  g_autoptr (ClipGpuBuffer) buffer = clip_gpu_buffer_new (
      clip_kernels_gpu (kernels), CLIP_GPU_MEMORY_DEVICE, bytes, "ceiling weights", error);
  g_autofree gpointer packed = g_malloc0 (bytes);
  g_autofree float *rows = g_new (float, n);

  bench_random (rows, n, 1);
  clip_gemm_pack (kernels, size, size, 0, size, rows, packed);
  if (!buffer || !clip_gpu_buffer_upload (buffer, 0, packed, bytes, error))
    return NULL;
  return g_steal_pointer (&buffer);
}

gdouble
bench_gemm_rate (ClipGpu *gpu, ClipWeightType weights, guint size, const gchar **family,
                 GError **error)
{
  g_autoptr (ClipKernels) kernels = clip_kernels_new (gpu, weights, error);
  g_autoptr (ClipGpuBuffer) w = kernels ? random_weights (kernels, size, error) : NULL;
  const gsize bytes = clip_matrix_bytes (size, size);
  g_autoptr (ClipGpuBuffer) a =
      w ? bench_buffer_random (gpu, clip_kernels_operands (kernels), bytes, "ceiling a", error)
        : NULL;
  g_autoptr (ClipGpuBuffer) c =
      a ? clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "ceiling c", error) : NULL;
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (gpu, "large product");
  BenchSamples samples;

  if (!c)
    return 0;
  *family = kernels->family->name;
  const ClipMatrix in = { a->address, size, size, clip_ld (size), clip_kernels_operands (kernels) };
  const ClipMatrix out = { c->address, size, size, clip_ld (size), CLIP_ELEMENT_F32 };
  clip_gpu_recording_begin (rec);
  clip_gpu_recording_mark (rec, "gemm");
  clip_kernel_gemm (kernels, rec, &(ClipGemm){ .a = in, .weights = w->address, .c = out });
  if (!clip_gpu_recording_end (rec, error)
      || !bench_sample (gpu, rec, 9, 2.0, NULL, NULL, &samples, error))
    return 0;
  return 2.0 * size * size * size / bench_seconds (gpu, &samples).median;
}

/* Both ------------------------------------------------------------------ */

static gboolean
measure_gpu (ClipGpu *gpu, gboolean quick, BenchCeiling *c, GError **error)
{
  const gdouble fma = bench_gpu_fma (gpu, quick, error);

  c->how = "shaders";
  c->bytes = fma > 0 ? bench_gpu_read (gpu, quick, error) : 0;
  if (c->bytes == 0)
    return FALSE;
  for (guint w = 0; w < G_N_ELEMENTS (c->flops); w++) {
    const gchar *family;

    c->flops[w] = MAX (fma, bench_gemm_rate (gpu, w, quick ? 128 : 4096, &family, NULL));
  }
  return TRUE;
}

gboolean
bench_ceiling_measure (ClipGpu *gpu, gboolean quick, BenchCeiling *c, GError **error)
{
  if (!clip_gpu_info (gpu)->is_cpu)
    return measure_gpu (gpu, quick, c, error);
  c->how = "C loops, one thread";
  c->flops[0] = c->flops[1] = c->flops[2] = bench_cpu_fma (1, quick);
  c->bytes = bench_cpu_read (1, quick);
  return TRUE;
}

gdouble
bench_ceiling_limit (const BenchCeiling *c, ClipWeightType weights, gdouble flops, gdouble bytes)
{
  return MAX (flops / c->flops[weights], bytes / c->bytes);
}
