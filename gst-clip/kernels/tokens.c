/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/tokens.h"

#include "clip_spv_tokens.h"

#define LANES   64
#define COST_NS 10 /* for four columns of a row */

static const ClipGpuShader tokens_shader = {
  .name = "tokens",
  .spirv = clip_spv_tokens,
  .spirv_bytes = sizeof (clip_spv_tokens),
  .push_bytes = sizeof (struct TokensPush),
};

void
clip_kernel_tokens (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                    VkDeviceAddress positions, const ClipMatrix *y)
{
  const struct TokensPush push = {
    .x = x->pixels.address,
    .positions = positions,
    .y = y->address,
    .rows = x->height * x->width,
    .cols = clip_round_up (y->cols, 4),
    .x_ld = x->pixels.ld,
    .y_ld = y->ld,
    .positions_ld = clip_ld (y->cols),
  };

  g_assert (x->pixels.cols == y->cols && y->rows == x->batch * (push.rows + 1));
  g_assert (x->pixels.type == CLIP_ELEMENT_F32 && y->type == CLIP_ELEMENT_F32);
  g_assert (MIN (push.x_ld, push.y_ld) >= push.cols && push.x_ld % 4 == 0 && push.y_ld % 4 == 0);
  g_assert (push.rows < 65535 && x->batch <= 65535);

  const guint64 values = (guint64)y->rows * 2 * push.cols;

  clip_record (kernels, rec, &tokens_shader, NULL, 0, &push, clip_divide_up (push.cols / 4, LANES),
               push.rows + 1, x->batch,
               clip_cost (kernels, values / 4 * COST_NS, 0, 2 * values * sizeof (float)));
  clip_gpu_recording_barrier (rec);
}
