/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attention as the engine sees it: checks the shapes, then leaves the work to the chosen family.
 */
#include "gst-clip/kernels/internal.h"

#define MAX_HEAD_DIM 128

static gboolean
shape_is_valid (const ClipAttention *shape)
{
  return shape->batch > 0 && shape->tokens > 0 && shape->heads > 0 && shape->head_dim > 0
         && shape->head_dim % CLIP_HEAD_ALIGN == 0 && shape->head_dim <= MAX_HEAD_DIM;
}

gsize
clip_attention_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  g_return_val_if_fail (shape_is_valid (shape), 0);

  return kernels->family->scratch_bytes (kernels, shape);
}

void
clip_kernel_qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
                 const ClipAttention *shape, VkDeviceAddress scratch)
{
  ClipGemm plain;

  g_return_if_fail (shape_is_valid (shape));
  g_return_if_fail (op->a.rows == shape->batch * shape->tokens);
  g_return_if_fail (op->a.ld >= clip_ld (op->a.cols) && op->a.ld % 4 == 0);

  plain = clip_gemm_normalise (kernels, rec, op);
  kernels->family->qkv (kernels, rec, &plain, shape, scratch);
}

void
clip_kernel_attention (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                       VkDeviceAddress scratch, const ClipMatrix *z)
{
  g_return_if_fail (shape_is_valid (shape));
  g_return_if_fail (z->rows == shape->batch * shape->tokens);
  g_return_if_fail (z->ld >= shape->heads * shape->head_dim);
  g_return_if_fail (z->type == clip_kernels_operands (kernels));

  kernels->family->attention (kernels, rec, shape, scratch, z);
}
