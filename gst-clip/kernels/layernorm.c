/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"

#include "shaders/layernorm.h"

#include "clip_spv_layernorm_llvmpipe.h"
#include "clip_spv_layernorm_shared.h"
#include "clip_spv_layernorm_shared_f16.h"
#include "clip_spv_layernorm_subgroup.h"
#include "clip_spv_layernorm_subgroup_f16.h"

/* Rows of one dispatch: maxComputeWorkGroupCount is 65535 at least. */
#define MAX_ROWS 65535

static const ClipGpuShader layernorm_llvmpipe = {
  .name = "layernorm_llvmpipe",
  .spirv = clip_spv_layernorm_llvmpipe,
  .spirv_bytes = sizeof (clip_spv_layernorm_llvmpipe),
  .push_bytes = sizeof (struct LayernormPush),
  .subgroup_size = 8,
};

#define GENERIC(array)                                                                             \
  {                                                                                                \
    .name = #array, .spirv = clip_spv_##array, .spirv_bytes = sizeof (clip_spv_##array),           \
    .push_bytes = sizeof (struct LayernormPush),                                                   \
  }

/* By what they write. */
static const ClipGpuShader layernorm_subgroup[] = {
  [CLIP_ELEMENT_F32] = GENERIC (layernorm_subgroup),
  [CLIP_ELEMENT_F16] = GENERIC (layernorm_subgroup_f16),
};

static const ClipGpuShader layernorm_shared[] = {
  [CLIP_ELEMENT_F32] = GENERIC (layernorm_shared),
  [CLIP_ELEMENT_F16] = GENERIC (layernorm_shared_f16),
};

/* The shader and its only constant; see the shaders for what that means. */
static const ClipGpuShader *
choose (ClipKernels *kernels, guint32 cols, ClipElement type, guint32 *constant)
{
  if (kernels->llvmpipe && type == CLIP_ELEMENT_F32) {
    *constant = clip_ld (cols) / CLIP_LD;
    return &layernorm_llvmpipe;
  }
  *constant = cols >= 1024 ? 128 : 64; /* 128 is what every device offers */
  return kernels->subgroup ? &layernorm_subgroup[type] : &layernorm_shared[type];
}

void
clip_kernel_layernorm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipMatrix *x,
                       VkDeviceAddress gamma, VkDeviceAddress beta, float eps, const ClipMatrix *y)
{
  guint32 constant;
  const ClipGpuShader *shader = choose (kernels, x->cols, y->type, &constant);
  struct LayernormPush push = {
    .gamma = gamma,
    .beta = beta,
    .cols = x->cols,
    .x_ld = x->ld,
    .y_ld = y->ld,
    .eps = eps,
    .nibbles = CLIP_NIBBLES_INIT,
  };

  g_assert (x->rows == y->rows && x->cols == y->cols && x->cols > 0);
  g_assert (x->type == CLIP_ELEMENT_F32);
  g_assert (x->ld >= clip_ld (x->cols) && y->ld >= clip_ld (y->cols));

  for (guint32 row = 0; row < x->rows; row += MAX_ROWS) {
    const guint32 n = MIN (x->rows - row, MAX_ROWS);

    push.x = x->address + (guint64)row * x->ld * sizeof (float);
    push.y = y->address + (guint64)row * y->ld * clip_element_bytes (y->type);
    clip_record (
        kernels, rec, shader, &constant, 1, &push, n, 1, 1,
        clip_cost (kernels, (guint64)n * x->ld * 4, 0, (guint64)n * x->ld * 3 * sizeof (float)));
  }
  clip_gpu_recording_barrier (rec);
}
