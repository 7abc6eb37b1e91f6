/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The family for llvmpipe before Mesa 26: code without loops (gemm_straight.comp).
 */
#include "gst-clip/kernels/gemm_llvmpipe.h"

#include "clip_spv_gemm_straight_f16.h"
#include "clip_spv_gemm_straight_f32.h"

#define LANES 8

static const ClipGpuShader shaders[] = {
  [CLIP_WEIGHTS_F32] = {
    .name = "gemm_straight_f32",
    .spirv = clip_spv_gemm_straight_f32,
    .spirv_bytes = sizeof (clip_spv_gemm_straight_f32),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = LANES,
  },
  [CLIP_WEIGHTS_F16] = {
    .name = "gemm_straight_f16",
    .spirv = clip_spv_gemm_straight_f16,
    .spirv_bytes = sizeof (clip_spv_gemm_straight_f16),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = LANES,
  },
};

static void
record (ClipKernels *kernels, ClipGpuRecording *rec, gboolean half, const guint32 *constants,
        const struct GemmLlvmpipePush *push, guint32 x, guint32 y, guint32 z, guint64 cost_ns)
{
  const guint32 chunks = constants[1];
  const guint32 all[] = { LANES * chunks, constants[0], chunks, constants[2], constants[3] };

  g_assert (all[0] <= clip_gpu_info (kernels->gpu)->max_workgroup_invocations);

  clip_record (kernels, rec, &shaders[half ? CLIP_WEIGHTS_F16 : CLIP_WEIGHTS_F32], all,
               G_N_ELEMENTS (all), push, x, y, z, cost_ns);
}

/* 128 steps: fewer leave more partial sums to add up, more outgrow the instruction cache. */
static const ClipGemmKernel kernel = {
  .limits = { .row_tiles = 16, .panels = 256, .batch = 16, .chunk = 128 },
  .record = record,
};

static void
gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  clip_llvmpipe_gemm (kernels, rec, &kernel, op);
}

static gsize
scratch_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  return clip_llvmpipe_scratch_bytes (&kernel, shape);
}

static void
qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op, const ClipAttention *shape,
     VkDeviceAddress scratch)
{
  clip_llvmpipe_qkv (kernels, rec, &kernel, op, shape, scratch);
}

static void
attention (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
           VkDeviceAddress scratch, const ClipMatrix *z)
{
  clip_llvmpipe_attention (kernels, rec, &kernel, shape, scratch, z);
}

const ClipFamily clip_family_straight = {
  .name = "straight",
  .needs = CLIP_GPU_CAP_LLVMPIPE,
  .packed_bytes = clip_llvmpipe_packed_bytes,
  .pack = clip_llvmpipe_pack,
  .gemm = gemm,
  .scratch_bytes = scratch_bytes,
  .qkv = qkv,
  .attention = attention,
};
