/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The family "coopmat" with matrices in plain GLSL: in all the shapes that GPUs have, on devices
 * that have none. What is checked is everything but the matrices themselves.
 */
#include "gst-clip/kernels/gemm_coopmat.h"
#include "tests/kernels/check_internal.h"

#include "shaders/attention_coopmat.h"
#include "shaders/gemm_coopmat.h"

#include "check_spv_attention_emulated.h"
#include "check_spv_gemm_emulated.h"

static const ClipGpuShader gemm = {
  .name = "gemm_emulated",
  .spirv = check_spv_gemm_emulated,
  .spirv_bytes = sizeof (check_spv_gemm_emulated),
  .push_bytes = sizeof (struct GemmCoopmatPush),
  .subgroup_size = CLIP_GPU_SUBGROUP_MATRIX,
};

static const ClipGpuShader attention = {
  .name = "attention_emulated",
  .spirv = check_spv_attention_emulated,
  .spirv_bytes = sizeof (check_spv_attention_emulated),
  .push_bytes = sizeof (struct AttentionCoopmatPush),
  .subgroup_size = CLIP_GPU_SUBGROUP_MATRIX,
};

#define EMULATED(m_, n_, k_)                                                                       \
  {                                                                                                \
    .name = "emulated" #m_ "x" #n_ "x" #k_,                                                        \
    .needs = CLIP_GPU_CAP_FP16 | CLIP_GPU_CAP_FP16_ARITHMETIC | CLIP_GPU_CAP_SUBGROUP,             \
    CLIP_COOPMAT_FAMILY, .data = &(const ClipCoopmat){ &gemm, &attention, { m_, n_, k_ } },        \
  }

static const ClipFamily shapes[] = {
  EMULATED (16, 16, 16), /* most GPUs */
  EMULATED (16, 8, 16),  /* NVIDIA's own shape */
  EMULATED (8, 16, 16),  /* Intel's */
};

const ClipFamily *const check_emulated_families[] = { &shapes[0], &shapes[1], &shapes[2], NULL };
