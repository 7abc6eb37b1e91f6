/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cooperative matrices: which shapes a device has, and in subgroups of what size. */
#include "gst-clip/gpu/internal.h"

#include <stdlib.h>

#ifdef VK_KHR_cooperative_matrix

#define VENDOR_AMD   0x1002
#define VENDOR_INTEL 0x8086

/* Kernels build tiles of 16 x 16 from whole matrices. */
static gboolean
fits (guint32 side)
{
  return side == 8 || side == 16;
}

/* fp16 factors, fp32 sums, one subgroup. */
static gboolean
is_usable (const VkCooperativeMatrixPropertiesKHR *p)
{
  return p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR && p->BType == VK_COMPONENT_TYPE_FLOAT16_KHR
         && p->CType == VK_COMPONENT_TYPE_FLOAT32_KHR
         && p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && p->scope == VK_SCOPE_SUBGROUP_KHR
         && !p->saturatingAccumulation && fits (p->MSize) && fits (p->NSize) && fits (p->KSize);
}

/* Larger ones first: they need fewer loads for each multiplication. */
static gint
compare_shapes (gconstpointer a, gconstpointer b)
{
  const ClipGpuMatrixShape *x = a, *y = b;

  return (gint)(y->m * y->n * y->k) - (gint)(x->m * x->n * x->k);
}

static void
add_shape (ClipGpuInfo *info, const VkCooperativeMatrixPropertiesKHR *p)
{
  for (guint i = 0; i < info->n_matrix_shapes; i++) {
    const ClipGpuMatrixShape *s = &info->matrix_shapes[i];

    if (s->m == p->MSize && s->n == p->NSize && s->k == p->KSize)
      return;
  }
  /* there are no more than 8 whose sides are 8 or 16 */
  info->matrix_shapes[info->n_matrix_shapes++] =
      (ClipGpuMatrixShape){ p->MSize, p->NSize, p->KSize };
}

static void
find_shapes (ClipGpu *gpu, ClipGpuCandidate *candidate)
{
  PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR shapes_of =
      (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)gpu->vk.GetInstanceProcAddr (
          gpu->instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
  ClipGpuInfo *info = &candidate->info;
  guint32 n = 0;

  if (!shapes_of || shapes_of (candidate->physical, &n, NULL) != VK_SUCCESS)
    return;
  g_autofree VkCooperativeMatrixPropertiesKHR *all = g_new0 (VkCooperativeMatrixPropertiesKHR, n);
  for (guint32 i = 0; i < n; i++)
    all[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
  if (shapes_of (candidate->physical, &n, all) != VK_SUCCESS)
    return;
  for (guint32 i = 0; i < n; i++)
    if (is_usable (&all[i]))
      add_shape (info, &all[i]);
  qsort (info->matrix_shapes, info->n_matrix_shapes, sizeof info->matrix_shapes[0], compare_shapes);
}

static gboolean
is_supported (ClipGpu *gpu, ClipGpuCandidate *candidate)
{
  VkPhysicalDeviceCooperativeMatrixPropertiesKHR p = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR,
  };
  VkPhysicalDeviceProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &p,
  };
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR f = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &f,
  };

  if (!clip_gpu_has_extension (gpu, candidate->physical, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME))
    return FALSE;
  gpu->vk.GetPhysicalDeviceProperties2 (candidate->physical, &properties);
  gpu->vk.GetPhysicalDeviceFeatures2 (candidate->physical, &features);
  return f.cooperativeMatrix && (p.cooperativeMatrixSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT);
}

/* Where they are a gain, as far as others have found out: drivers for processors emulate them,
 * AMD's own driver lists them for GPUs that have none, Intel's are slow before Xe2 (16 lanes). */
static gboolean
is_fast (const ClipGpuCandidate *candidate, VkDriverId driver)
{
  if (candidate->info.is_cpu)
    return FALSE;
  if (candidate->info.vendor_id == VENDOR_AMD)
    return driver == VK_DRIVER_ID_MESA_RADV;
  if (candidate->info.vendor_id == VENDOR_INTEL)
    return candidate->min_subgroup == 16;
  return TRUE;
}

ClipGpuCaps
clip_gpu_probe_matrix (ClipGpu *gpu, ClipGpuCandidate *candidate, VkDriverId driver)
{
  ClipGpuInfo *info = &candidate->info;

  /* With other vectors than its usual ones llvmpipe crashes over them (Mesa 26.2). */
  if (driver == VK_DRIVER_ID_MESA_LLVMPIPE && info->subgroup_size != 8)
    return 0;
  if (!candidate->memory_model || !candidate->float16 || !candidate->storage16
      || !candidate->pin_subgroup || !is_supported (gpu, candidate))
    return 0;
  find_shapes (gpu, candidate);
  if (!info->n_matrix_shapes)
    return 0;
  /* Intel's matrices take the smallest subgroups there are, everybody else's the usual ones. */
  if (info->vendor_id == VENDOR_INTEL)
    info->matrix_subgroup_size = candidate->min_subgroup;
  return CLIP_GPU_CAP_COOPMAT | (is_fast (candidate, driver) ? CLIP_GPU_CAP_COOPMAT_FAST : 0);
}

#else

/* These Vulkan headers are older than the extension. */
ClipGpuCaps
clip_gpu_probe_matrix (ClipGpu *gpu, ClipGpuCandidate *candidate, VkDriverId driver)
{
  return 0;
}

#endif
