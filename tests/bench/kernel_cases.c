/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/kernel_cases.h"

#include "gst-clip/kernels/preprocess.h"

#define STREAMED_BYTES (64u << 20)
#define MOST_FLOPS     4e9 /* of one run on a CPU: a tenth of a second */
#define HEAD_DIM       64
#define EDGE           224
#define PATCH          32

void
kernel_case_free (KernelCase *c)
{
  if (!c)
    return;
  clip_gpu_recording_free (c->rec);
  clip_preprocess_free (c->preprocess);
  g_ptr_array_unref (c->buffers);
  g_free (c->shape);
  g_free (c);
}

static KernelCase *
case_new (ClipKernels *kernels, const gchar *kernel, gchar *shape)
{
  KernelCase *c = g_new0 (KernelCase, 1);

  c->kernels = kernels;
  c->kernel = kernel;
  c->shape = shape;
  c->repeats = 1;
  c->buffers = g_ptr_array_new_with_free_func ((GDestroyNotify)clip_gpu_buffer_free);
  c->rec = clip_gpu_recording_new (clip_kernels_gpu (kernels), kernel);
  return c;
}

/* Buffers: all belong to the case. 0 with an error. --------------------- */

static VkDeviceAddress
keep (KernelCase *c, ClipGpuBuffer *buffer)
{
  if (!buffer)
    return 0;
  g_ptr_array_add (c->buffers, buffer);
  return buffer->address;
}

/* A matrix of random values; its address is 0 with an error. */
static ClipMatrix
matrix (KernelCase *c, ClipElement type, guint rows, guint cols, GError **error)
{
  ClipGpuBuffer *buffer = bench_buffer_random (clip_kernels_gpu (c->kernels), type,
                                               clip_matrix_bytes (rows, cols), c->kernel, error);

  return (ClipMatrix){ keep (c, buffer), rows, cols, clip_stride (cols), type };
}

/* @packed many times: each a matrix of its own for the memory. */
static VkDeviceAddress
weights (KernelCase *c, guint n, guint k, guint copies, gsize *stride, GError **error)
{
  const gsize bytes = clip_gemm_packed_bytes (c->kernels, n, k);
  g_autofree float *rows = g_new (float, (gsize)n *k);
  g_autofree gpointer packed = g_malloc0 (bytes);

  *stride = (bytes + 255) / 256 * 256;
  bench_random (rows, (gsize)n * k, 1);
  clip_gemm_pack (c->kernels, n, k, 0, n, rows, packed);
  ClipGpuBuffer *buffer =
      clip_gpu_buffer_new (clip_kernels_gpu (c->kernels), CLIP_GPU_MEMORY_DEVICE, *stride * copies,
                           "bench weights", error);
  const VkDeviceAddress address = keep (c, buffer);
  for (guint i = 0; address && i < copies; i++)
    if (!clip_gpu_buffer_upload (buffer, i * *stride, packed, bytes, error))
      return 0;
  return address;
}

static void
begin (KernelCase *c)
{
  clip_gpu_recording_begin (c->rec);
  clip_gpu_recording_mark (c->rec, c->kernel);
}

/* (transfer full): @c, or NULL. */
static KernelCase *
finish (KernelCase *c, GError **error)
{
  if (clip_gpu_recording_end (c->rec, error))
    return c;
  kernel_case_free (c);
  return NULL;
}

static gboolean
run_now (KernelCase *c, GError **error)
{
  BenchTimes unused;

  return clip_gpu_recording_end (c->rec, error)
         && bench_run (clip_kernels_gpu (c->kernels), c->rec, &unused, error);
}

/* Cases ----------------------------------------------------------------- */

KernelCase *
kernel_case_gemm (ClipKernels *kernels, guint m, guint n, guint k, GError **error)
{
  g_autoptr (KernelCase) c = case_new (kernels, "gemm", g_strdup_printf ("%u x %u x %u", m, n, k));
  const gdouble flops = 2.0 * m * n * k, packed = clip_gemm_packed_bytes (kernels, n, k);
  const gboolean is_cpu = clip_gpu_info (clip_kernels_gpu (kernels))->is_cpu;
  const ClipElement operands = clip_kernels_operands (kernels);
  gsize stride;

  c->repeats = CLAMP (STREAMED_BYTES / packed, 1, 64);
  if (is_cpu)
    c->repeats = CLAMP (MOST_FLOPS / flops, 1, c->repeats);
  c->flops = flops * c->repeats;
  c->bytes = c->repeats * (packed + clip_element_bytes (operands) * m * k + 4.0 * m * n);
  const ClipMatrix a = matrix (c, operands, m, k, error);
  const ClipMatrix out = a.address ? matrix (c, CLIP_ELEMENT_F32, m, n, error) : a;
  const VkDeviceAddress w = out.address ? weights (c, n, k, c->repeats, &stride, error) : 0;
  if (!w)
    return NULL;
  begin (c);
  for (guint i = 0; i < c->repeats; i++)
    clip_kernel_gemm (kernels, c->rec, &(ClipGemm){ .a = a, .weights = w + i * stride, .c = out });
  return finish (g_steal_pointer (&c), error);
}

KernelCase *
kernel_case_attention (ClipKernels *kernels, guint batch, guint tokens, guint heads, GError **error)
{
  g_autoptr (KernelCase) c = case_new (
      kernels, "attention", g_strdup_printf ("%u x %u tokens, %u heads", batch, tokens, heads));
  const guint rows = batch * tokens, width = heads * HEAD_DIM;
  const ClipAttention shape = { batch, tokens, heads, HEAD_DIM, FALSE };
  const ClipMatrix x = matrix (c, clip_kernels_operands (kernels), rows, width, error);
  const ClipMatrix z =
      x.address ? matrix (c, clip_kernels_operands (kernels), rows, width, error) : x;
  gsize stride;
  const VkDeviceAddress w = z.address ? weights (c, 3 * width, width, 1, &stride, error) : 0;
  const VkDeviceAddress scratch =
      w ? keep (c, clip_gpu_buffer_new (clip_kernels_gpu (kernels), CLIP_GPU_MEMORY_DEVICE,
                                        clip_attention_scratch_bytes (kernels, &shape), "scratch",
                                        error))
        : 0;
  if (!scratch)
    return NULL;

  ClipGemm qkv = { .a = x, .weights = w };
  qkv.c.rows = rows;
  qkv.c.cols = 3 * width;
  begin (c);
  clip_kernel_qkv (kernels, c->rec, &qkv, &shape, scratch);
  if (!run_now (c, error))
    return NULL;
  c->repeats = 10;
  c->flops = c->repeats * 4.0 * rows * tokens * width;
  c->bytes = c->repeats * 4.0 * rows * width * clip_element_bytes (x.type);
  begin (c);
  for (guint i = 0; i < c->repeats; i++)
    clip_kernel_attention (kernels, c->rec, &shape, scratch, &z);
  return finish (g_steal_pointer (&c), error);
}

KernelCase *
kernel_case_layernorm (ClipKernels *kernels, guint rows, guint cols, GError **error)
{
  g_autoptr (KernelCase) c =
      case_new (kernels, "layernorm", g_strdup_printf ("%u x %u", rows, cols));
  const ClipMatrix x = matrix (c, CLIP_ELEMENT_F32, rows, cols, error);
  const ClipMatrix y =
      x.address ? matrix (c, clip_kernels_operands (kernels), rows, cols, error) : x;
  const ClipMatrix vectors = y.address ? matrix (c, CLIP_ELEMENT_F32, 1, cols, error) : y;

  if (!vectors.address)
    return NULL;
  c->by_bytes = TRUE;
  c->repeats = 20;
  c->bytes = (gdouble)c->repeats * rows * cols * (4 + clip_element_bytes (y.type));
  c->flops = (gdouble)c->repeats * rows * cols * 8;
  begin (c);
  for (guint i = 0; i < c->repeats; i++)
    clip_kernel_layernorm (kernels, c->rec, &x, vectors.address, vectors.address, 1e-5f, &y);
  return finish (g_steal_pointer (&c), error);
}

KernelCase *
kernel_case_l2norm (ClipKernels *kernels, guint rows, guint cols, GError **error)
{
  g_autoptr (KernelCase) c = case_new (kernels, "l2norm", g_strdup_printf ("%u x %u", rows, cols));
  const ClipMatrix x = matrix (c, CLIP_ELEMENT_F32, rows, cols, error);
  const ClipMatrix y = x.address ? matrix (c, CLIP_ELEMENT_F32, rows, cols, error) : x;
  const ClipMatrix flags = y.address ? matrix (c, CLIP_ELEMENT_F32, 1, rows, error) : y;

  if (!flags.address)
    return NULL;
  c->by_bytes = TRUE;
  c->repeats = 20;
  c->bytes = c->repeats * 8.0 * rows * cols;
  c->flops = c->repeats * 4.0 * rows * cols;
  begin (c);
  for (guint i = 0; i < c->repeats; i++)
    clip_kernel_l2norm (kernels, c->rec, &x, &y, flags.address);
  return finish (g_steal_pointer (&c), error);
}

KernelCase *
kernel_case_score (ClipKernels *kernels, guint prompts, guint cols, GError **error)
{
  g_autoptr (KernelCase) c =
      case_new (kernels, "score", g_strdup_printf ("%u prompts of %u", prompts, cols));
  const ClipMatrix e = matrix (c, CLIP_ELEMENT_F32, 1, cols, error);
  const ClipMatrix s = e.address ? matrix (c, CLIP_ELEMENT_F32, 1, prompts, error) : e;
  gsize stride;
  const VkDeviceAddress w = s.address ? weights (c, prompts, cols, 1, &stride, error) : 0;

  if (!w)
    return NULL;
  c->by_bytes = TRUE;
  c->bytes = 4.0 * prompts * cols;
  c->flops = 2.0 * prompts * cols;
  begin (c);
  clip_kernel_gemm (kernels, c->rec, &(ClipGemm){ .a = e, .weights = w, .c = s });
  return finish (g_steal_pointer (&c), error);
}

KernelCase *
kernel_case_preprocess (ClipKernels *kernels, guint width, guint height, GError **error)
{
  g_autoptr (KernelCase) c =
      case_new (kernels, "preprocess", g_strdup_printf ("%u x %u NV12", width, height));
  const ClipPreprocessSpec spec = { .resize_edge = EDGE, .crop_size = EDGE, .patch_size = PATCH };
  const ClipFrameInfo info = { .format = CLIP_PIXEL_NV12,
                               .width = width,
                               .height = height,
                               .par_n = 1,
                               .par_d = 1,
                               .matrix = CLIP_MATRIX_BT709,
                               .chroma_site = CLIP_CHROMA_H_COSITED };
  const gsize luma = (gsize)width * height;
  g_autofree guint8 *frame = g_malloc (2 * luma);
  const ClipFramePlanes planes = { { frame, frame + luma }, { width, width } };
  const ClipMatrix out =
      matrix (c, CLIP_ELEMENT_F32, EDGE / PATCH * (EDGE / PATCH), 3 * PATCH * PATCH, error);

  c->preprocess = out.address ? clip_preprocess_new (kernels, &spec, &info, error) : NULL;
  if (!c->preprocess)
    return NULL;
  for (gsize i = 0; i < 2 * luma; i++)
    frame[i] = (guint8)(i * 2654435761u >> 24);
  clip_preprocess_load (c->preprocess, &planes);
  c->by_bytes = TRUE;
  c->bytes = 1.5 * MIN (width, height) * MIN (width, height) + 4.0 * 3 * EDGE * EDGE;
  begin (c);
  clip_kernel_preprocess (kernels, c->rec, c->preprocess, &out, 0);
  return finish (g_steal_pointer (&c), error);
}
