/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/gpu/vulkan.h"

#include <dlfcn.h>
#include <string.h>

#ifdef __APPLE__
#define LOADER "libvulkan.1.dylib"
#else
#define LOADER "libvulkan.so.1"
#endif

/* G_DEFINE_QUARK keeps it in a variable that threads write without order. */
GQuark
clip_gpu_error_quark (void)
{
  return g_quark_from_static_string ("clip-gpu-error-quark");
}

static gboolean
missing_function (const gchar *name, GError **error)
{
  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER,
               "the Vulkan loader or driver has no %s (Vulkan 1.2 is needed)", name);
  return FALSE;
}

gboolean
clip_vk_open (ClipVk *vk, const gchar *library, GError **error)
{
  const gchar *file = library ? library : LOADER;
  void *handle = dlopen (file, RTLD_NOW | RTLD_LOCAL);

  if (!handle) {
    g_debug ("dlopen: %s", dlerror ());
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER,
                 "%s not found: install libvulkan1 (Debian, Ubuntu) or vulkan-loader "
                 "(Fedora, Arch, Alpine)",
                 file);
    return FALSE;
  }
  vk->GetInstanceProcAddr =
      (PFN_vkGetInstanceProcAddr)(void (*) (void))dlsym (handle, "vkGetInstanceProcAddr");
  if (!vk->GetInstanceProcAddr)
    return missing_function ("vkGetInstanceProcAddr", error);

#define X(name)                                                                                    \
  vk->name = (PFN_vk##name)vk->GetInstanceProcAddr (NULL, "vk" #name);                             \
  if (!vk->name)                                                                                   \
    return missing_function ("vk" #name, error);
  CLIP_VK_GLOBAL (X)
#undef X
  return TRUE;
}

gboolean
clip_vk_load_instance (ClipVk *vk, VkInstance instance, GError **error)
{
#define X(name)                                                                                    \
  vk->name = (PFN_vk##name)vk->GetInstanceProcAddr (instance, "vk" #name);                         \
  if (!vk->name)                                                                                   \
    return missing_function ("vk" #name, error);
  CLIP_VK_INSTANCE (X)
#undef X
#define X(name) vk->name = (PFN_vk##name)vk->GetInstanceProcAddr (instance, "vk" #name);
  CLIP_VK_INSTANCE_OPTIONAL (X)
#undef X
  return TRUE;
}

gboolean
clip_vk_load_device (ClipVk *vk, VkDevice device, GError **error)
{
#define X(name)                                                                                    \
  vk->name = (PFN_vk##name)vk->GetDeviceProcAddr (device, "vk" #name);                             \
  if (!vk->name)                                                                                   \
    return missing_function ("vk" #name, error);
  CLIP_VK_DEVICE (X)
#undef X
#define X(name) vk->name = (PFN_vk##name)vk->GetDeviceProcAddr (device, "vk" #name);
  CLIP_VK_DEVICE_OPTIONAL (X)
#undef X
  return TRUE;
}

const gchar *
clip_vk_result_name (VkResult result)
{
  static const struct {
    VkResult result;
    const gchar *name;
  } names[] = {
#define X(name) { name, #name },
    X (VK_SUCCESS) X (VK_NOT_READY) X (VK_TIMEOUT) X (VK_EVENT_SET) X (VK_EVENT_RESET)
        X (VK_INCOMPLETE) X (VK_ERROR_OUT_OF_HOST_MEMORY) X (VK_ERROR_OUT_OF_DEVICE_MEMORY)
            X (VK_ERROR_INITIALIZATION_FAILED) X (VK_ERROR_DEVICE_LOST)
                X (VK_ERROR_MEMORY_MAP_FAILED) X (VK_ERROR_LAYER_NOT_PRESENT)
                    X (VK_ERROR_EXTENSION_NOT_PRESENT) X (VK_ERROR_FEATURE_NOT_PRESENT)
                        X (VK_ERROR_INCOMPATIBLE_DRIVER) X (VK_ERROR_TOO_MANY_OBJECTS)
                            X (VK_ERROR_FORMAT_NOT_SUPPORTED) X (VK_ERROR_FRAGMENTED_POOL)
                                X (VK_ERROR_UNKNOWN) X (VK_ERROR_OUT_OF_POOL_MEMORY)
                                    X (VK_ERROR_INVALID_EXTERNAL_HANDLE) X (VK_ERROR_FRAGMENTATION)
                                        X (VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS)
                                            X (VK_ERROR_INVALID_SHADER_NV)
                                                X (VK_PIPELINE_COMPILE_REQUIRED)
#undef X
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].result == result)
      return names[i].name;

  g_autofree gchar *number = g_strdup_printf ("VkResult %d", (int)result);
  return g_intern_string (number);
}

void
clip_vk_set_error (GError **error, const gchar *call, VkResult result)
{
  ClipGpuError code = CLIP_GPU_ERROR_FAILED;

  if (result == VK_ERROR_DEVICE_LOST)
    code = CLIP_GPU_ERROR_DEVICE_LOST;
  else if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
    code = CLIP_GPU_ERROR_OUT_OF_MEMORY;
  else if (result == VK_TIMEOUT)
    code = CLIP_GPU_ERROR_TIMEOUT;
  g_set_error (error, CLIP_GPU_ERROR, code, "vk%.*s: %s", (int)strcspn (call, " ("), call,
               clip_vk_result_name (result));
}
