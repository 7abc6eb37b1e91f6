/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/preprocess_taps.h"
#include "gst-clip/kernels/tune_internal.h"

/* Best first. A family belongs here as soon as its file is in meson.build. */
const ClipFamily *const clip_families[] = {
  &clip_family_loop,    &clip_family_straight,
#ifdef CLIP_HAVE_COOPMAT
  &clip_family_coopmat,
#endif
  &clip_family_shared,  NULL,
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

static void
set_family (ClipKernels *kernels, const ClipFamily *family)
{
  const gboolean half = family->half_operands && kernels->weights != CLIP_WEIGHTS_F32
                        && (clip_gpu_info (kernels->gpu)->caps & CLIP_GPU_CAP_FP16);

  kernels->family = family;
  kernels->operands = half ? CLIP_ELEMENT_F16 : CLIP_ELEMENT_F32;
  clip_cost_init (kernels);
  if (kernels->ends)
    set_family (kernels->ends, family);
}

/* What was chosen besides the family. */
static void
set_choices (ClipKernels *kernels, const ClipFamily *const *families, guint caps)
{
  kernels->families = families;
  kernels->caps = caps;
  if (kernels->ends)
    set_choices (kernels->ends, families, caps);
}

static ClipKernels *
kernels_new (ClipGpu *gpu, ClipWeightType weights, const ClipFamily *family)
{
  const ClipGpuInfo *info = clip_gpu_info (gpu);
  ClipKernels *kernels = g_new0 (ClipKernels, 1);

  kernels->gpu = gpu;
  kernels->weights = weights;
  kernels->families = clip_families;
  kernels->caps = info->caps;
  kernels->tiling = -1;
  kernels->taps = clip_taps_cache_new ();
  kernels->llvmpipe = (info->caps & CLIP_GPU_CAP_LLVMPIPE) != 0;
  kernels->wide_registers = kernels->llvmpipe && has_wide_registers ();
  kernels->subgroup = (info->caps & CLIP_GPU_CAP_SUBGROUP) != 0;
  if (weights == CLIP_WEIGHTS_I8)
    kernels->ends = kernels_new (
        gpu, info->caps & CLIP_GPU_CAP_FP16 ? CLIP_WEIGHTS_F16 : CLIP_WEIGHTS_F32, family);
  if (!info->is_cpu)
    kernels->tuning = clip_tuning_load (gpu);
  set_family (kernels, family);
  return kernels;
}

gboolean
clip_family_packs (const ClipFamily *family, ClipWeightType weights)
{
  return (weights != CLIP_WEIGHTS_I8 || family->int8)
         && (weights != CLIP_WEIGHTS_F32 || !family->no_f32);
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
  if (!clip_family_packs (family, weights)) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "the \"%s\" kernels for %s have no %s weights", family->name, info->name,
                 weights == CLIP_WEIGHTS_I8 ? "int8" : "fp32");
    return NULL;
  }
  if (!can_store (gpu, weights, error))
    return NULL;
  return kernels_new (gpu, weights, family);
}

/* The best one for these weights and capabilities. */
static const ClipFamily *
find_family (const ClipFamily *const *families, ClipWeightType weights, guint caps)
{
  while (*families
         && ((((*families)->needs | (*families)->wants) & ~caps)
             || !clip_family_packs (*families, weights)))
    families++;
  return *families;
}

ClipKernels *
clip_kernels_new_from (ClipGpu *gpu, ClipWeightType weights, const ClipFamily *const *families,
                       GError **error)
{
  const ClipGpuInfo *info = clip_gpu_info (gpu);
  const ClipFamily *sure = find_family (families, weights, info->caps);
  const ClipFamily *maybe = find_family (families, weights, info->caps | info->unsure);
  ClipKernels *kernels = NULL;

  if (sure == NULL) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "no matrix kernels%s for %s (capabilities 0x%x)",
                 weights == CLIP_WEIGHTS_I8 ? " with int8 weights" : "", info->name, info->caps);
    return NULL;
  }
  kernels = clip_kernels_new_with_family (gpu, weights, sure, error);
  if (kernels == NULL)
    return NULL;
  set_choices (kernels, families, info->caps);
  if (maybe != sure && clip_tune_family (kernels, maybe, sure) == maybe) {
    set_family (kernels, maybe);
    set_choices (kernels, families, info->caps | info->unsure);
  }
  return kernels;
}

/* GST_CLIP_KERNELS: NULL without an error where it is not set, or has no such weights. */
static const ClipFamily *
wanted_family (ClipWeightType weights, GError **error)
{
  const gchar *name = g_getenv ("GST_CLIP_KERNELS");

  if (name == NULL || *name == '\0')
    return NULL;
  for (const ClipFamily *const *family = clip_families; *family; family++)
    if (g_str_equal ((*family)->name, name))
      return clip_family_packs (*family, weights) ? *family : NULL;
  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
               "GST_CLIP_KERNELS: this build has no \"%s\" kernels", name);
  return NULL;
}

ClipKernels *
clip_kernels_new (ClipGpu *gpu, ClipWeightType weights, GError **error)
{
  GError *failure = NULL;
  const ClipFamily *wanted = wanted_family (weights, &failure);

  if (failure) {
    g_propagate_error (error, failure);
    return NULL;
  }
  return wanted ? clip_kernels_new_with_family (gpu, weights, wanted, error)
                : clip_kernels_new_from (gpu, weights, clip_families, error);
}

ClipKernels *
clip_kernels_with_weights (ClipKernels *kernels, ClipWeightType weights, GError **error)
{
  const ClipFamily *family = clip_family_packs (kernels->family, weights)
                                 ? kernels->family
                                 : find_family (kernels->families, weights, kernels->caps);
  ClipKernels *other = NULL;

  if (family == NULL) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "no matrix kernels with such weights for %s", clip_gpu_info (kernels->gpu)->name);
    return NULL;
  }
  other = clip_kernels_new_with_family (kernels->gpu, weights, family, error);
  if (other)
    set_choices (other, kernels->families, kernels->caps);
  return other;
}
