/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"

#include "shaders/topk.h"

#include "clip_spv_topk.h"

G_STATIC_ASSERT (CLIP_TOPK_MAX_N == TOPK_BLOCK * TOPK_MAX_BLOCKS);

/* Rough times on one core of a desktop CPU, for cutting recordings; on GPUs one workgroup selects, and is no quicker. */
#define NS_PER_VALUE  15
#define NS_PER_SELECT 20000

static const ClipGpuShader topk_shader = {
  .name = "topk",
  .spirv = clip_spv_topk,
  .spirv_bytes = sizeof (clip_spv_topk),
  .push_bytes = sizeof (struct TopkPush),
};

static guint32
n_blocks (guint32 n)
{
  return clip_divide_up (n, TOPK_BLOCK);
}

gsize
clip_topk_scratch_bytes (guint32 n)
{
  return (gsize)n_blocks (n) * 2 * sizeof (guint32);
}

void
clip_kernel_topk (ClipKernels *kernels, ClipGpuRecording *rec, VkDeviceAddress values, guint32 n,
                  guint32 k, VkDeviceAddress scratch, VkDeviceAddress best)
{
  struct TopkPush push = { .values = values, .best = scratch, .dst = scratch, .n = n, .k = k };

  g_assert (n > 0 && n <= CLIP_TOPK_MAX_N && k > 0 && k <= n);

  for (guint32 select = 0; select < 2; select++) {
    if (select)
      push.dst = best;
    clip_record (kernels, rec, &topk_shader, &select, 1, &push, select ? 1 : n_blocks (n), 1, 1,
                 select ? (guint64)k * NS_PER_SELECT : (guint64)n * NS_PER_VALUE);
    clip_gpu_recording_barrier (rec);
  }
}
