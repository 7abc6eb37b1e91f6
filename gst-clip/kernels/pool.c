/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attention pool as the engine sees it: checks the operands, then leaves the work to the family.
 */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

gsize
clip_pool_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  return kernels->family->pool_bytes ? kernels->family->pool_bytes (kernels, shape) : 0;
}

void
clip_kernel_pool_tokens (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                         const ClipPictures *x, VkDeviceAddress positions, VkDeviceAddress scratch,
                         const ClipMatrix *mean)
{
  const guint32 dim = shape->heads * shape->head_dim;

  g_assert (clip_pool_scratch_bytes (kernels, shape) > 0 && !x->border);
  g_assert (x->batch == shape->batch && x->height * x->width + 1 == shape->tokens);
  g_assert (x->pixels.cols == dim && x->pixels.ld % 4 == 0);
  g_assert (mean->rows == shape->batch && mean->cols == dim && mean->ld % 4 == 0);
  g_assert (shape->tokens <= 65535 && shape->batch <= 65535);

  kernels->family->pool_tokens (kernels, rec, shape, x, positions, scratch, mean);
}

void
clip_kernel_pool (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                  const ClipMatrix *q, VkDeviceAddress keys, VkDeviceAddress values,
                  VkDeviceAddress scratch, const ClipMatrix *z)
{
  const guint32 dim = shape->heads * shape->head_dim;

  g_assert (clip_pool_scratch_bytes (kernels, shape) > 0 && !shape->causal);
  g_assert (q->rows == shape->batch && q->cols == dim && q->ld % 16 == 0);
  g_assert (z->rows == shape->batch && z->cols == dim && z->ld % 16 == 0);

  kernels->family->pool (kernels, rec, shape, q, keys, values, scratch, z);
}
