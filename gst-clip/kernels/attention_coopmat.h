/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/attention_coopmat.h: the attention of the "coopmat" family (gemm_coopmat.c).
 */
#pragma once

#include "gst-clip/kernels/internal.h"

G_BEGIN_DECLS

/** q, k, v: three planes of batch * tokens rows of heads * head_dim halves, and rows that are read
 * and not used. */
gsize clip_attention_coopmat_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape);

void clip_attention_coopmat (ClipKernels *kernels, ClipGpuRecording *rec,
                             const ClipAttention *shape, VkDeviceAddress scratch,
                             const ClipMatrix *z);

G_END_DECLS
