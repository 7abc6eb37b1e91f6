/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"

#include "shaders/l2norm.h"

#include "clip_spv_l2norm.h"

static const ClipGpuShader l2norm_shader = {
  .name = "l2norm",
  .spirv = clip_spv_l2norm,
  .spirv_bytes = sizeof (clip_spv_l2norm),
  .push_bytes = sizeof (struct L2normPush),
};

void
clip_kernel_l2norm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipMatrix *x,
                    const ClipMatrix *y, VkDeviceAddress flags)
{
  const struct L2normPush push = {
    .x = x->address,
    .y = y->address,
    .flags = flags,
    .cols = x->cols,
    .x_ld = x->ld,
    .y_ld = y->ld,
  };

  g_assert (x->rows == y->rows && x->cols == y->cols && x->cols > 0);
  g_assert (x->rows > 0 && x->rows <= 65535);

  clip_record (kernels, rec, &l2norm_shader, NULL, 0, &push, x->rows, 1, 1,
               clip_cost (kernels, (guint64)x->rows * x->ld * 20, 0,
                          (guint64)x->rows * x->ld * 3 * sizeof (float)));
  clip_gpu_recording_barrier (rec);
}
