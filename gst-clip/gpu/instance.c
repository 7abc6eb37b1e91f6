/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/gpu/internal.h"

static gboolean
has_extension (ClipVk *vk, const gchar *layer, const gchar *name)
{
  guint32 n = 0;

  if (vk->EnumerateInstanceExtensionProperties (layer, &n, NULL) != VK_SUCCESS)
    return FALSE;
  g_autofree VkExtensionProperties *list = g_new0 (VkExtensionProperties, n);
  VkResult r = vk->EnumerateInstanceExtensionProperties (layer, &n, list);
  if (r != VK_SUCCESS && r != VK_INCOMPLETE)
    return FALSE;
  for (guint32 i = 0; i < n; i++)
    if (g_str_equal (list[i].extensionName, name))
      return TRUE;
  return FALSE;
}

/* 1.3 where the loader has it, because some drivers offer subgroup size control only as a part
 * of it; nothing else of 1.3 is used. */
static guint32
api_version (ClipVk *vk)
{
  guint32 version = VK_API_VERSION_1_0;

  if (vk->EnumerateInstanceVersion (&version) != VK_SUCCESS)
    return VK_API_VERSION_1_0;
  return MIN (version, VK_API_VERSION_1_3);
}

gboolean
clip_gpu_instance_init (ClipGpu *gpu, GError **error)
{
  ClipGpuValidation validation;
  const gchar *layers[] = { CLIP_GPU_VALIDATION_LAYER };
  const gchar *extensions[3];
  guint32 n_extensions = 0;
  VkInstanceCreateFlags flags = 0;
  const VkApplicationInfo app = {
    .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
    .pApplicationName = "gst-clip",
    .pEngineName = "gst-clip",
    .apiVersion = api_version (&gpu->vk),
  };

  if (app.apiVersion < VK_API_VERSION_1_2) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER,
                 "the Vulkan loader is of version %u.%u, 1.2 is needed",
                 VK_API_VERSION_MAJOR (app.apiVersion), VK_API_VERSION_MINOR (app.apiVersion));
    return FALSE;
  }
  clip_gpu_validation_init (&validation, &gpu->vk);
  if (validation.wanted)
    extensions[n_extensions++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  if (validation.chain == &validation.features)
    extensions[n_extensions++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
  /* Without this the loader hides MoltenVK. */
  if (has_extension (&gpu->vk, NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
    extensions[n_extensions++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
    flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
  }

  const VkInstanceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
    .pNext = validation.chain,
    .flags = flags,
    .pApplicationInfo = &app,
    .enabledLayerCount = validation.wanted ? 1 : 0,
    .ppEnabledLayerNames = layers,
    .enabledExtensionCount = n_extensions,
    .ppEnabledExtensionNames = extensions,
  };
  VkResult r = gpu->vk.CreateInstance (&info, NULL, &gpu->instance);
  if (r == VK_ERROR_INCOMPATIBLE_DRIVER) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "no Vulkan driver is installed: install the one of your GPU, or "
                 "mesa-vulkan-drivers (it has one for the CPU too)");
    return FALSE;
  }
  if (!clip_gpu_check (gpu, "CreateInstance", r, error)
      || !clip_vk_load_instance (&gpu->vk, gpu->instance, error))
    return FALSE;
  if (validation.wanted && gpu->vk.CreateDebugUtilsMessengerEXT)
    gpu->vk.CreateDebugUtilsMessengerEXT (gpu->instance, &validation.messenger, NULL,
                                          &gpu->messenger);
  return TRUE;
}

void
clip_gpu_instance_clear (ClipGpu *gpu)
{
  if (gpu->messenger)
    gpu->vk.DestroyDebugUtilsMessengerEXT (gpu->instance, gpu->messenger, NULL);
  if (gpu->instance && gpu->vk.DestroyInstance)
    gpu->vk.DestroyInstance (gpu->instance, NULL);
}
