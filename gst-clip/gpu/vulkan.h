/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * gpu/vulkan.h: the Vulkan loader, opened at run time, and its function table.
 */
#pragma once

#include "gst-clip/gpu/gpu.h"

G_BEGIN_DECLS

/* Functions that exist without an instance, that belong to an instance, to a device. The last
 * two lists name optional ones, which stay NULL where the loader or driver has none. */
#define CLIP_VK_GLOBAL(X)                                                                          \
  X (EnumerateInstanceVersion)                                                                     \
  X (EnumerateInstanceLayerProperties)                                                             \
  X (EnumerateInstanceExtensionProperties)                                                         \
  X (CreateInstance)

#define CLIP_VK_INSTANCE(X)                                                                        \
  X (DestroyInstance)                                                                              \
  X (EnumeratePhysicalDevices)                                                                     \
  X (EnumerateDeviceExtensionProperties)                                                           \
  X (GetPhysicalDeviceProperties)                                                                  \
  X (GetPhysicalDeviceProperties2)                                                                 \
  X (GetPhysicalDeviceFeatures2)                                                                   \
  X (GetPhysicalDeviceMemoryProperties)                                                            \
  X (GetPhysicalDeviceMemoryProperties2)                                                           \
  X (GetPhysicalDeviceQueueFamilyProperties)                                                       \
  X (CreateDevice)                                                                                 \
  X (GetDeviceProcAddr)

#define CLIP_VK_DEVICE(X)                                                                          \
  X (DestroyDevice)                                                                                \
  X (DeviceWaitIdle)                                                                               \
  X (GetDeviceQueue)                                                                               \
  X (QueueSubmit)                                                                                  \
  X (AllocateMemory)                                                                               \
  X (FreeMemory)                                                                                   \
  X (MapMemory)                                                                                    \
  X (CreateBuffer)                                                                                 \
  X (DestroyBuffer)                                                                                \
  X (GetBufferMemoryRequirements)                                                                  \
  X (BindBufferMemory)                                                                             \
  X (GetBufferDeviceAddress)                                                                       \
  X (CreateShaderModule)                                                                           \
  X (DestroyShaderModule)                                                                          \
  X (CreatePipelineLayout)                                                                         \
  X (DestroyPipelineLayout)                                                                        \
  X (CreateComputePipelines)                                                                       \
  X (DestroyPipeline)                                                                              \
  X (CreatePipelineCache)                                                                          \
  X (DestroyPipelineCache)                                                                         \
  X (GetPipelineCacheData)                                                                         \
  X (CreateSemaphore)                                                                              \
  X (DestroySemaphore)                                                                             \
  X (WaitSemaphores)                                                                               \
  X (GetSemaphoreCounterValue)                                                                     \
  X (CreateQueryPool)                                                                              \
  X (DestroyQueryPool)                                                                             \
  X (GetQueryPoolResults)                                                                          \
  X (CreateCommandPool)                                                                            \
  X (DestroyCommandPool)                                                                           \
  X (ResetCommandPool)                                                                             \
  X (AllocateCommandBuffers)                                                                       \
  X (BeginCommandBuffer)                                                                           \
  X (EndCommandBuffer)                                                                             \
  X (CmdBindPipeline)                                                                              \
  X (CmdPushConstants)                                                                             \
  X (CmdDispatch)                                                                                  \
  X (CmdPipelineBarrier)                                                                           \
  X (CmdCopyBuffer)                                                                                \
  X (CmdFillBuffer)                                                                                \
  X (CmdResetQueryPool)                                                                            \
  X (CmdWriteTimestamp)

#define CLIP_VK_INSTANCE_OPTIONAL(X)                                                               \
  X (CreateDebugUtilsMessengerEXT)                                                                 \
  X (DestroyDebugUtilsMessengerEXT)

#define CLIP_VK_DEVICE_OPTIONAL(X) X (SetDebugUtilsObjectNameEXT)

/**
 * ClipVk: the entry points without their `vk`; `gpu->vk.QueueSubmit (...)`.
 */
typedef struct {
  PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
#define X(name) PFN_vk##name name;
  CLIP_VK_GLOBAL (X)
  CLIP_VK_INSTANCE (X)
  CLIP_VK_DEVICE (X)
  CLIP_VK_INSTANCE_OPTIONAL (X)
  CLIP_VK_DEVICE_OPTIONAL (X)
#undef X
} ClipVk;

/**
 * clip_vk_open: opens the loader and fills the functions of CLIP_VK_GLOBAL.
 * @library: (nullable): file name to open; NULL is the system's loader
 * @error: CLIP_GPU_ERROR_LOADER, with the package that has it
 *
 * The library is never closed: drivers leave threads and thread-local data behind.
 */
gboolean clip_vk_open (ClipVk *vk, const gchar *library, GError **error);

/** clip_vk_load_instance, clip_vk_load_device: fill the rest of the table.
 * FALSE with CLIP_GPU_ERROR_LOADER naming the function that is missing. */
gboolean clip_vk_load_instance (ClipVk *vk, VkInstance instance, GError **error);
gboolean clip_vk_load_device (ClipVk *vk, VkDevice device, GError **error);

/** clip_vk_result_name: "VK_ERROR_DEVICE_LOST"; "VkResult -1234" for those not known. */
const gchar *clip_vk_result_name (VkResult result);

/**
 * clip_vk_set_error: sets @error for a failed call.
 * @call: the call's source text; its function's name goes into the message
 */
void clip_vk_set_error (GError **error, const gchar *call, VkResult result);

G_END_DECLS
