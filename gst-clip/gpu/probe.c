/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one physical device can do, and what it lacks. */
#include "gst-clip/gpu/internal.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const gchar *name;
  ClipGpuCaps cap;
} cap_names[] = {
  { "subgroup", CLIP_GPU_CAP_SUBGROUP },
  { "fp16", CLIP_GPU_CAP_FP16 },
  { "fp16-arithmetic", CLIP_GPU_CAP_FP16_ARITHMETIC },
  { "coopmat", CLIP_GPU_CAP_COOPMAT },
  { "coopmat-fast", CLIP_GPU_CAP_COOPMAT_FAST },
  { "llvmpipe", CLIP_GPU_CAP_LLVMPIPE },
  { "llvmpipe-loops", CLIP_GPU_CAP_LLVMPIPE_LOOPS },
};

/* The answers of the driver, chained once. */
typedef struct {
  VkPhysicalDeviceProperties2 properties;
  VkPhysicalDeviceVulkan11Properties v11;
  VkPhysicalDeviceVulkan12Properties v12;
  VkPhysicalDeviceSubgroupSizeControlPropertiesEXT subgroup_size;
  VkPhysicalDeviceFeatures2 features;
  VkPhysicalDeviceVulkan11Features f11;
  VkPhysicalDeviceVulkan12Features f12;
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT f_subgroup_size;
} Answers;

gboolean
clip_gpu_has_word (const gchar *list, const gchar *word)
{
  gboolean found = FALSE;

  if (!list)
    return FALSE;
  g_auto (GStrv) words = g_strsplit (list, ",", -1);
  for (guint i = 0; words[i]; i++)
    found |= g_ascii_strcasecmp (g_strstrip (words[i]), word) == 0;
  return found;
}

static void
lacks (ClipGpuCandidate *candidate, const gchar *what)
{
  g_string_append_printf (candidate->missing, "%s%s", candidate->missing->len ? ", " : "", what);
}

gboolean
clip_gpu_has_extension (ClipGpu *gpu, VkPhysicalDevice physical, const gchar *name)
{
  guint32 n = 0;

  if (gpu->vk.EnumerateDeviceExtensionProperties (physical, NULL, &n, NULL) != VK_SUCCESS)
    return FALSE;
  g_autofree VkExtensionProperties *list = g_new0 (VkExtensionProperties, n);
  VkResult r = gpu->vk.EnumerateDeviceExtensionProperties (physical, NULL, &n, list);
  if (r != VK_SUCCESS && r != VK_INCOMPLETE)
    return FALSE;
  for (guint32 i = 0; i < n; i++)
    if (g_str_equal (list[i].extensionName, name))
      return TRUE;
  return FALSE;
}

static void
ask (ClipGpu *gpu, VkPhysicalDevice physical, gboolean size_control, Answers *a)
{
  memset (a, 0, sizeof *a);
  a->subgroup_size.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT;
  a->v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES;
  a->v12.pNext = size_control ? &a->subgroup_size : NULL;
  a->v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES;
  a->v11.pNext = &a->v12;
  a->properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  a->properties.pNext = &a->v11;
  gpu->vk.GetPhysicalDeviceProperties2 (physical, &a->properties);

  a->f_subgroup_size.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT;
  a->f12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
  a->f12.pNext = size_control ? &a->f_subgroup_size : NULL;
  a->f11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
  a->f11.pNext = &a->f12;
  a->features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  a->features.pNext = &a->f11;
  gpu->vk.GetPhysicalDeviceFeatures2 (physical, &a->features);
}

/* A family that only computes is not shared with the desktop's compositor. */
static gboolean
find_family (ClipGpu *gpu, ClipGpuCandidate *candidate)
{
  gboolean found = FALSE;
  guint32 n = 0;

  gpu->vk.GetPhysicalDeviceQueueFamilyProperties (candidate->physical, &n, NULL);
  g_autofree VkQueueFamilyProperties *families = g_new0 (VkQueueFamilyProperties, n);
  gpu->vk.GetPhysicalDeviceQueueFamilyProperties (candidate->physical, &n, families);
  for (guint32 i = 0; i < n; i++) {
    gboolean only = !(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT);
    if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || (found && !only))
      continue;
    candidate->family = i;
    candidate->timestamp_bits = families[i].timestampValidBits;
    found = TRUE;
    if (only)
      break;
  }
  return found;
}

void
clip_gpu_llvmpipe_caps (const gchar *driver_info, ClipGpuCaps *caps, ClipGpuCaps *unsure)
{
  guint major = 0, minor = 0;
  gboolean known = sscanf (driver_info, "Mesa %u.%u", &major, &minor) == 2;

  *caps = CLIP_GPU_CAP_LLVMPIPE;
  *unsure = 0;
  if (known && major >= 26)
    *caps |= CLIP_GPU_CAP_LLVMPIPE_LOOPS;
  else if (!known || (major == 25 && minor > 0))
    *unsure |= CLIP_GPU_CAP_LLVMPIPE_LOOPS;
}

/* LP_NATIVE_VECTOR_WIDTH changes the subgroup size, and with it all that those kernels rely on. */
static gboolean
is_llvmpipe (const Answers *a)
{
  return a->v12.driverID == VK_DRIVER_ID_MESA_LLVMPIPE && a->v11.subgroupSize == 8;
}

static ClipGpuCaps
find_caps (ClipGpu *gpu, ClipGpuCandidate *candidate, const Answers *a)
{
  const gchar *disable = g_getenv ("GST_CLIP_DISABLE");
  const VkSubgroupFeatureFlags needed = VK_SUBGROUP_FEATURE_BASIC_BIT
                                        | VK_SUBGROUP_FEATURE_SHUFFLE_BIT
                                        | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
  ClipGpuCaps caps = 0, unsure = 0;

  if (is_llvmpipe (a))
    clip_gpu_llvmpipe_caps (a->v12.driverInfo, &caps, &unsure);
  if ((a->v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT)
      && (a->v11.subgroupSupportedOperations & needed) == needed)
    caps |= CLIP_GPU_CAP_SUBGROUP;
  if (candidate->storage16)
    caps |= CLIP_GPU_CAP_FP16;
  if (candidate->float16)
    caps |= CLIP_GPU_CAP_FP16_ARITHMETIC;
  caps |= clip_gpu_probe_matrix (gpu, candidate, a->v12.driverID);
  for (guint i = 0; i < G_N_ELEMENTS (cap_names); i++)
    if (clip_gpu_has_word (disable, cap_names[i].name)) {
      caps &= ~cap_names[i].cap;
      unsure &= ~cap_names[i].cap;
    }
  if (!(caps & CLIP_GPU_CAP_LLVMPIPE)) {
    caps &= ~CLIP_GPU_CAP_LLVMPIPE_LOOPS;
    unsure &= ~CLIP_GPU_CAP_LLVMPIPE_LOOPS;
  }
  if (!(caps & CLIP_GPU_CAP_COOPMAT))
    caps &= ~CLIP_GPU_CAP_COOPMAT_FAST;
  candidate->info.unsure = unsure;
  return caps;
}

/* Multiprocessors, where there is an extension that tells. */
static guint32
count_processors (ClipGpu *gpu, VkPhysicalDevice physical)
{
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nvidia = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV,
  };
  VkPhysicalDeviceShaderCoreProperties2AMD amd = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_2_AMD,
  };
  VkPhysicalDeviceProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
  };

  if (clip_gpu_has_extension (gpu, physical, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME))
    properties.pNext = &nvidia;
  else if (clip_gpu_has_extension (gpu, physical, VK_AMD_SHADER_CORE_PROPERTIES_2_EXTENSION_NAME))
    properties.pNext = &amd;
  else
    return 0;
  gpu->vk.GetPhysicalDeviceProperties2 (physical, &properties);
  return nvidia.shaderSMCount + amd.activeComputeUnitCount;
}

static void
fill_info (ClipGpuCandidate *candidate, const Answers *a)
{
  const VkPhysicalDeviceProperties *p = &a->properties.properties;
  ClipGpuInfo *info = &candidate->info;

  info->driver = g_strdup_printf ("%s %s", a->v12.driverName, a->v12.driverInfo);
  for (guint i = 0; i < VK_UUID_SIZE; i++)
    g_snprintf (info->uuid + 2 * i, 3, "%02x", a->v11.deviceUUID[i]);
  memcpy (info->pipeline_cache_uuid, p->pipelineCacheUUID, VK_UUID_SIZE);
  info->subgroup_size = info->matrix_subgroup_size = a->v11.subgroupSize;
  info->max_workgroup_invocations = p->limits.maxComputeWorkGroupInvocations;
  info->max_shared_bytes = p->limits.maxComputeSharedMemorySize;
  info->max_push_bytes = p->limits.maxPushConstantsSize;
  info->timestamp_period_ns = candidate->timestamp_bits ? p->limits.timestampPeriod : 0.0;
}

static void
add_extension (ClipGpuCandidate *candidate, const gchar *name)
{
  g_assert (candidate->n_extensions < G_N_ELEMENTS (candidate->extensions));
  candidate->extensions[candidate->n_extensions++] = name;
}

static void
probe_subgroup_size (ClipGpuCandidate *candidate, const Answers *a)
{
  candidate->pin_subgroup =
      a->f_subgroup_size.subgroupSizeControl && a->f_subgroup_size.computeFullSubgroups
      && (a->subgroup_size.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT);
  candidate->min_subgroup = a->subgroup_size.minSubgroupSize;
  candidate->max_subgroup = a->subgroup_size.maxSubgroupSize;
}

void
clip_gpu_probe (ClipGpu *gpu, ClipGpuCandidate *candidate)
{
  VkPhysicalDevice physical = candidate->physical;
  VkPhysicalDeviceProperties p;
  Answers a;

  candidate->missing = g_string_new (NULL);
  gpu->vk.GetPhysicalDeviceProperties (physical, &p);
  candidate->type = p.deviceType;
  candidate->info.name = g_strdup (p.deviceName);
  candidate->info.is_cpu = p.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  candidate->info.vendor_id = p.vendorID;
  candidate->info.device_id = p.deviceID;
  candidate->info.driver_version = p.driverVersion;
  if (p.apiVersion < VK_API_VERSION_1_2) {
    /* The structures below do not exist for it. */
    lacks (candidate, "Vulkan 1.2");
    return;
  }

  gboolean extension =
      clip_gpu_has_extension (gpu, physical, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  ask (gpu, physical, extension || p.apiVersion >= VK_API_VERSION_1_3, &a);
  if (!a.f12.bufferDeviceAddress)
    lacks (candidate, "bufferDeviceAddress");
  if (!a.f12.timelineSemaphore)
    lacks (candidate, "timelineSemaphore");
  if (!find_family (gpu, candidate))
    lacks (candidate, "a compute queue");

  candidate->storage16 = a.f11.storageBuffer16BitAccess;
  candidate->float16 = a.f12.shaderFloat16;
  candidate->memory_model = a.f12.vulkanMemoryModel;
  candidate->int16 = a.features.features.shaderInt16;
  candidate->int64 = a.features.features.shaderInt64;
  probe_subgroup_size (candidate, &a);
  if (candidate->pin_subgroup && extension)
    add_extension (candidate, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  candidate->memory_budget =
      clip_gpu_has_extension (gpu, physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  if (candidate->memory_budget)
    add_extension (candidate, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  /* MoltenVK; a device that has it demands that it is enabled. */
  if (clip_gpu_has_extension (gpu, physical, "VK_KHR_portability_subset"))
    add_extension (candidate, "VK_KHR_portability_subset");
  fill_info (candidate, &a);
  candidate->info.processors = count_processors (gpu, physical);
  candidate->info.caps = find_caps (gpu, candidate, &a);
#ifdef VK_KHR_cooperative_matrix
  if (candidate->info.caps & CLIP_GPU_CAP_COOPMAT)
    add_extension (candidate, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
#endif
}

void
clip_gpu_candidate_clear (ClipGpuCandidate *candidate)
{
  g_clear_pointer (&candidate->info.name, g_free);
  g_clear_pointer (&candidate->info.driver, g_free);
  if (candidate->missing)
    g_string_free (g_steal_pointer (&candidate->missing), TRUE);
}
