/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"

#include "shaders/difference.h"

#include "clip_spv_difference.h"

G_STATIC_ASSERT (DIFFERENCE_GROUPS == CLIP_DIFFERENCE_SUMS);

/* Nanoseconds for a number on a CPU. */
#define COST_NS 2

static const ClipGpuShader difference_shader = {
  .name = "difference",
  .spirv = clip_spv_difference,
  .spirv_bytes = sizeof (clip_spv_difference),
  .push_bytes = sizeof (struct DifferencePush),
};

void
clip_kernel_difference (ClipKernels *kernels, ClipGpuRecording *rec, VkDeviceAddress a,
                        VkDeviceAddress b, guint32 n, VkDeviceAddress sums)
{
  const struct DifferencePush push = { .a = a, .b = b, .sums = sums, .n = n };

  g_assert (n > 0 && n <= G_MAXUINT32 - DIFFERENCE_LANES * DIFFERENCE_GROUPS);
  clip_record (kernels, rec, &difference_shader, NULL, 0, &push, DIFFERENCE_GROUPS, 1, 1,
               clip_cost (kernels, (guint64)n * COST_NS, 0, (guint64)n * 2 * sizeof (float)));
  clip_gpu_recording_barrier (rec);
}
