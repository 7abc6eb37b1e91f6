/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/attend.h"

#include "clip_spv_attend.h"

#define MAX_HEAD_DIM 128
#define COST_NS      2 /* for a feature of a token */

static const ClipGpuShader attend_shader = {
  .name = "attend",
  .spirv = clip_spv_attend,
  .spirv_bytes = sizeof (clip_spv_attend),
  .push_bytes = sizeof (struct AttendPush),
};

void
clip_kernel_attend (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                    const ClipMatrix *q, const ClipMatrix *kv, const ClipMatrix *z)
{
  const guint32 width = shape->heads * shape->head_dim;
  const struct AttendPush push = {
    .q = q->address,
    .kv = kv->address,
    .z = z->address,
    .tokens = shape->tokens,
    .heads = shape->heads,
    .head_dim = shape->head_dim,
    .q_ld = q->ld,
    .kv_ld = kv->ld,
    .z_ld = z->ld,
  };

  g_assert (q->rows == shape->batch && q->cols == width && q->ld % 4 == 0);
  g_assert (kv->rows == shape->batch * shape->tokens && kv->cols == 2 * width && kv->ld % 4 == 0);
  g_assert (z->rows == shape->batch && z->cols == width && z->ld >= width);
  g_assert (shape->head_dim % 4 == 0 && shape->head_dim <= MAX_HEAD_DIM && !shape->causal);
  g_assert (q->type == CLIP_ELEMENT_F32 && kv->type == CLIP_ELEMENT_F32
            && z->type == CLIP_ELEMENT_F32);
  g_assert (shape->heads <= 65535 && shape->batch <= 65535);

  const guint64 values = (guint64)kv->rows * kv->cols;

  clip_record (kernels, rec, &attend_shader, NULL, 0, &push, shape->heads, shape->batch, 1,
               clip_cost (kernels, values * COST_NS, 0, values * sizeof (float)));
  clip_gpu_recording_barrier (rec);
}
