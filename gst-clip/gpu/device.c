/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/gpu/internal.h"

#include <string.h>
#include <unistd.h>

static gboolean
is_owned (const ClipGpu *gpu)
{
  return getpid () == gpu->pid;
}

gboolean
clip_gpu_may_free (ClipGpu *gpu)
{
  return is_owned (gpu) && !g_atomic_int_get (&gpu->hangs);
}

void
clip_gpu_set_lost_error (ClipGpu *gpu, GError **error)
{
  if (g_atomic_int_get (&gpu->hangs))
    g_set_error (
        error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST,
        "%s hangs, or its driver does: it has finished nothing for %.0f s (the kernel's log "
        "may say more)",
        gpu->info.name, (gdouble)gpu->patience_us / G_USEC_PER_SEC);
  else
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST,
                 "the Vulkan device was lost (VK_ERROR_DEVICE_LOST)");
}

gboolean
clip_gpu_usable (ClipGpu *gpu, GError **error)
{
  if (G_UNLIKELY (!is_owned (gpu))) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                 "the Vulkan device was opened before a fork; open it in the child");
    return FALSE;
  }
  if (G_UNLIKELY (clip_gpu_is_lost (gpu))) {
    clip_gpu_set_lost_error (gpu, error);
    return FALSE;
  }
  return TRUE;
}

gboolean
clip_gpu_check (ClipGpu *gpu, const gchar *call, VkResult result, GError **error)
{
  if (G_LIKELY (result == VK_SUCCESS))
    return TRUE;
  if (result == VK_ERROR_DEVICE_LOST)
    g_atomic_int_set (&gpu->lost, TRUE);
  clip_vk_set_error (error, call, result);
  return FALSE;
}

static gboolean
open_device (ClipGpu *gpu, const ClipGpuCandidate *chosen, GError **error)
{
  const float priority = 1.0f;
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroup_size = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
    .subgroupSizeControl = VK_TRUE,
    .computeFullSubgroups = VK_TRUE,
  };
  void *optional = chosen->pin_subgroup ? &subgroup_size : NULL;
#ifdef VK_KHR_cooperative_matrix
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
    .pNext = optional,
    .cooperativeMatrix = VK_TRUE,
  };
  if (chosen->info.caps & CLIP_GPU_CAP_COOPMAT)
    optional = &matrix;
#endif
  VkPhysicalDeviceVulkan12Features f12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
    .pNext = optional,
    .shaderFloat16 = chosen->float16,
    .vulkanMemoryModel = (chosen->info.caps & CLIP_GPU_CAP_COOPMAT) != 0,
    .timelineSemaphore = VK_TRUE,
    .bufferDeviceAddress = VK_TRUE,
  };
  VkPhysicalDeviceVulkan11Features f11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
    .pNext = &f12,
    .storageBuffer16BitAccess = chosen->storage16,
  };
  const VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &f11,
    .features.shaderInt16 = chosen->int16,
    .features.shaderInt64 = chosen->int64,
  };
  const VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueFamilyIndex = chosen->family,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  const VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &features,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
    .enabledExtensionCount = chosen->n_extensions,
    .ppEnabledExtensionNames = chosen->extensions,
  };

  VK_TRY (CreateDevice (chosen->physical, &info, NULL, &gpu->device));
  if (!clip_vk_load_device (&gpu->vk, gpu->device, error))
    goto fail;
  gpu->physical = chosen->physical;
  gpu->family = chosen->family;
  gpu->timestamp_mask = chosen->timestamp_bits >= 64
                            ? G_MAXUINT64
                            : (G_GUINT64_CONSTANT (1) << chosen->timestamp_bits) - 1;
  gpu->memory_budget = chosen->memory_budget;
  gpu->pin_subgroup = chosen->pin_subgroup;
  gpu->min_subgroup = chosen->min_subgroup;
  gpu->max_subgroup = chosen->max_subgroup;
  gpu->vk.GetDeviceQueue (gpu->device, gpu->family, 0, &gpu->queue);
  return TRUE;

fail:
  return FALSE;
}

static gboolean
make_timeline (ClipGpu *gpu, GError **error)
{
  const VkSemaphoreTypeCreateInfo type = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  const VkSemaphoreCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = &type,
  };

  VK_TRY (CreateSemaphore (gpu->device, &info, NULL, &gpu->timeline));
  return TRUE;

fail:
  return FALSE;
}

/* GST_CLIP_PATIENCE: seconds */
static gint64
find_patience (const ClipGpuInfo *info)
{
  const gchar *text = g_getenv ("GST_CLIP_PATIENCE");
  guint64 seconds = 0;

  if (text && *text && g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT32, &seconds, NULL))
    return (gint64)seconds * G_USEC_PER_SEC;
  if (text && *text)
    g_warning ("GST_CLIP_PATIENCE is a number of seconds, 1 or more, not \"%s\"", text);
  return info->is_cpu ? CLIP_GPU_PATIENCE_CPU_US : CLIP_GPU_PATIENCE_US;
}

static ClipGpu *
gpu_alloc (void)
{
  ClipGpu *gpu = g_new0 (ClipGpu, 1);
  const gchar *disable = g_getenv ("GST_CLIP_DISABLE");

  gpu->pid = getpid ();
  gpu->quirks.no_mapping = clip_gpu_has_word (disable, "mapping");
  gpu->quirks.no_timestamps = clip_gpu_has_word (disable, "timestamps");
  gpu->untimed = g_ptr_array_new ();
  g_mutex_init (&gpu->queue_lock);
  g_mutex_init (&gpu->pipeline_lock);
  g_mutex_init (&gpu->staging_lock);
  g_cond_init (&gpu->pipeline_cond);
  return gpu;
}

ClipGpu *
clip_gpu_new (const gchar *wanted, GError **error)
{
  g_autoptr (ClipGpu) gpu = gpu_alloc ();
  ClipGpuCandidate chosen = { 0 };

  gboolean by_environment = !wanted || !*wanted;
  if (by_environment)
    wanted = g_getenv ("GST_CLIP_DEVICE");
  if (wanted && !*wanted)
    wanted = NULL;
  if (!clip_vk_open (&gpu->vk, NULL, error) || !clip_gpu_instance_init (gpu, error))
    return NULL;
  if (!clip_gpu_choose (gpu, wanted, &chosen, error)) {
    if (by_environment && wanted)
      g_prefix_error (error, "GST_CLIP_DEVICE: ");
    return NULL;
  }

  gpu->info = chosen.info;
  chosen.info.name = chosen.info.driver = NULL;
  if (gpu->quirks.no_timestamps)
    gpu->info.timestamp_period_ns = 0;
  gpu->patience_us = find_patience (&gpu->info);
  gboolean ok = open_device (gpu, &chosen, error) && make_timeline (gpu, error)
                && clip_gpu_memory_init (gpu, chosen.type, error)
                && clip_gpu_pipelines_init (gpu, error);
  clip_gpu_candidate_clear (&chosen);
  if (!ok)
    return NULL;
  g_info ("using %s (%s), subgroups of %u, capabilities 0x%x", gpu->info.name, gpu->info.driver,
          gpu->info.subgroup_size, gpu->info.caps);
  return g_steal_pointer (&gpu);
}

void
clip_gpu_free (ClipGpu *gpu)
{
  if (!gpu)
    return;
  /* In a forked child the driver's threads are gone; touching it could hang. */
  if (clip_gpu_may_free (gpu)) {
    if (gpu->device && gpu->vk.DestroyDevice) {
      gpu->vk.DeviceWaitIdle (gpu->device);
      clip_gpu_memory_clear (gpu);
      clip_gpu_pipelines_clear (gpu);
      if (gpu->timeline)
        gpu->vk.DestroySemaphore (gpu->device, gpu->timeline, NULL);
      gpu->vk.DestroyDevice (gpu->device, NULL);
    }
    clip_gpu_instance_clear (gpu);
  }
  g_ptr_array_unref (gpu->untimed);
  g_mutex_clear (&gpu->queue_lock);
  g_mutex_clear (&gpu->pipeline_lock);
  g_mutex_clear (&gpu->staging_lock);
  g_cond_clear (&gpu->pipeline_cond);
  g_free (gpu->info.name);
  g_free (gpu->info.driver);
  g_free (gpu);
}

const ClipGpuInfo *
clip_gpu_info (const ClipGpu *gpu)
{
  return &gpu->info;
}

gboolean
clip_gpu_is_lost (ClipGpu *gpu)
{
  return g_atomic_int_get (&gpu->lost);
}

void
clip_gpu_simulate_loss (ClipGpu *gpu)
{
  g_atomic_int_set (&gpu->lost, TRUE);
}
