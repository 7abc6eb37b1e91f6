/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"

/* Best first. A family belongs here as soon as its file is in meson.build. */
const ClipFamily *const clip_families[] = {
  &clip_family_loop,
  &clip_family_straight,
  &clip_family_shared,
  NULL,
};

/* llvmpipe's code runs on this processor. */
static gboolean
has_wide_registers (void)
{
#if defined(__x86_64__)
  return __builtin_cpu_supports ("avx512vl");
#else
  return FALSE;
#endif
}

static ClipKernels *
kernels_new (ClipGpu *gpu, ClipWeightType weights, const ClipFamily *family)
{
  const guint caps = clip_gpu_info (gpu)->caps;
  ClipKernels *kernels = g_new0 (ClipKernels, 1);

  kernels->gpu = gpu;
  kernels->weights = weights;
  kernels->family = family;
  kernels->tiling = -1;
  kernels->llvmpipe = (caps & CLIP_GPU_CAP_LLVMPIPE) != 0;
  kernels->operands =
      family->half_operands && weights != CLIP_WEIGHTS_F32 && (caps & CLIP_GPU_CAP_FP16)
          ? CLIP_ELEMENT_F16
          : CLIP_ELEMENT_F32;
  kernels->wide_registers = kernels->llvmpipe && has_wide_registers ();
  kernels->subgroup = (caps & CLIP_GPU_CAP_SUBGROUP) != 0;
  if (weights == CLIP_WEIGHTS_I8)
    kernels->ends =
        kernels_new (gpu, caps & CLIP_GPU_CAP_FP16 ? CLIP_WEIGHTS_F16 : CLIP_WEIGHTS_F32, family);
  return kernels;
}

static gboolean
can_store (ClipGpu *gpu, ClipWeightType weights, GError **error)
{
  const ClipGpuInfo *info = clip_gpu_info (gpu);

  /* int8 is read as words */
  if (weights != CLIP_WEIGHTS_F16 || (info->caps & CLIP_GPU_CAP_FP16))
    return TRUE;
  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
               "%s cannot read fp16 weights (no storageBuffer16BitAccess)", info->name);
  return FALSE;
}

ClipKernels *
clip_kernels_new_with_family (ClipGpu *gpu, ClipWeightType weights, const ClipFamily *family,
                              GError **error)
{
  const ClipGpuInfo *info = clip_gpu_info (gpu);
  const guint missing = family->needs & ~(guint)info->caps;

  if (missing) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "%s lacks the capabilities 0x%x of the \"%s\" kernels", info->name, missing,
                 family->name);
    return NULL;
  }
  if (weights == CLIP_WEIGHTS_I8 && !family->int8) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "the \"%s\" kernels for %s have no int8 weights", family->name, info->name);
    return NULL;
  }
  if (!can_store (gpu, weights, error))
    return NULL;
  return kernels_new (gpu, weights, family);
}

ClipKernels *
clip_kernels_new (ClipGpu *gpu, ClipWeightType weights, GError **error)
{
  const guint caps = clip_gpu_info (gpu)->caps;

  for (const ClipFamily *const *family = clip_families; *family; family++)
    if (!(((*family)->needs | (*family)->wants) & ~caps)
        && (weights != CLIP_WEIGHTS_I8 || (*family)->int8))
      return clip_kernels_new_with_family (gpu, weights, *family, error);

  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
               "no matrix kernels%s for %s (capabilities 0x%x)",
               weights == CLIP_WEIGHTS_I8 ? " with int8 weights" : "", clip_gpu_info (gpu)->name,
               caps);
  return NULL;
}
