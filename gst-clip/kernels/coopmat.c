/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The family "coopmat". Compiled only where the shader compiler knows cooperative matrices. */
#include "gst-clip/kernels/gemm_coopmat.h"

#include "shaders/attention_coopmat.h"
#include "shaders/gemm_coopmat.h"

#include "clip_spv_attention_coopmat.h"
#include "clip_spv_gemm_coopmat.h"

static const ClipGpuShader gemm = {
  .name = "gemm_coopmat",
  .spirv = clip_spv_gemm_coopmat,
  .spirv_bytes = sizeof (clip_spv_gemm_coopmat),
  .push_bytes = sizeof (struct GemmCoopmatPush),
  .subgroup_size = CLIP_GPU_SUBGROUP_MATRIX,
};

static const ClipGpuShader attention = {
  .name = "attention_coopmat",
  .spirv = clip_spv_attention_coopmat,
  .spirv_bytes = sizeof (clip_spv_attention_coopmat),
  .push_bytes = sizeof (struct AttentionCoopmatPush),
  .subgroup_size = CLIP_GPU_SUBGROUP_MATRIX,
};

static const ClipCoopmat coopmat = { &gemm, &attention };

const ClipFamily clip_family_coopmat = {
  .name = "coopmat",
  .needs = CLIP_GPU_CAP_COOPMAT | CLIP_GPU_CAP_FP16 | CLIP_GPU_CAP_FP16_ARITHMETIC,
  .wants = CLIP_GPU_CAP_COOPMAT_FAST,
  CLIP_COOPMAT_FAMILY,
  .data = &coopmat,
};
