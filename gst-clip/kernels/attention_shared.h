/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/attention_shared.h: the attention of the "shared" family (gemm_shared.c).
 */
#pragma once

#include "gst-clip/kernels/internal.h"

G_BEGIN_DECLS

/** q, k, v: three planes of batch * tokens rows of heads * head_dim operands. */
gsize clip_attention_shared_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape);

void clip_attention_shared (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                            VkDeviceAddress scratch, const ClipMatrix *z);

G_END_DECLS
