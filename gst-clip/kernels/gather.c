/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"

#include "shaders/gather.h"

#include "clip_spv_gather.h"

static const ClipGpuShader gather_shader = {
  .name = "gather",
  .spirv = clip_spv_gather,
  .spirv_bytes = sizeof (clip_spv_gather),
  .push_bytes = sizeof (struct GatherPush),
};

void
clip_kernel_gather (ClipKernels *kernels, ClipGpuRecording *rec, const ClipMatrix *x,
                    VkDeviceAddress rows, const ClipMatrix *y)
{
  const struct GatherPush push = {
    .x = x->address,
    .rows = rows,
    .y = y->address,
    .x_rows = x->rows,
    .vectors = x->ld / 4,
  };

  g_assert (x->ld == y->ld && x->rows > 0 && y->rows > 0 && y->rows <= 65535);

  clip_record (kernels, rec, &gather_shader, NULL, 0, &push, y->rows, 1, 1,
               (guint64)y->rows * y->ld);
  clip_gpu_recording_barrier (rec);
}
