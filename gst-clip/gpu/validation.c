/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The validation layer: whether to enable it, its messages, names for it to print. */
#include "gst-clip/gpu/internal.h"

#include <string.h>

static gint n_messages; /* atomic, of the whole process */

guint
clip_gpu_validation_messages (void)
{
  return (guint)g_atomic_int_get (&n_messages);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL
on_message (VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types,
            const VkDebugUtilsMessengerCallbackDataEXT *data, void *user_data)
{
  g_atomic_int_inc (&n_messages);
  /* Not g_warning(): a program must be able to count the messages and carry on. */
  g_printerr ("%s: %s\n",
              severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT ? "validation error"
                                                                       : "validation warning",
              data->pMessage);
  return VK_FALSE;
}

static gboolean
layer_present (ClipVk *vk)
{
  guint32 n = 0;

  if (vk->EnumerateInstanceLayerProperties (&n, NULL) != VK_SUCCESS)
    return FALSE;
  g_autofree VkLayerProperties *layers = g_new0 (VkLayerProperties, n);
  if (vk->EnumerateInstanceLayerProperties (&n, layers) != VK_SUCCESS)
    return FALSE;
  for (guint32 i = 0; i < n; i++)
    if (g_str_equal (layers[i].layerName, CLIP_GPU_VALIDATION_LAYER))
      return TRUE;
  return FALSE;
}

void
clip_gpu_validation_init (ClipGpuValidation *validation, ClipVk *vk)
{
  const gchar *value = g_getenv ("GST_CLIP_VALIDATE");

  memset (validation, 0, sizeof *validation);
  if (!value || !*value || g_str_equal (value, "0"))
    return;
  if (!layer_present (vk)) {
    g_warning ("GST_CLIP_VALIDATE is set, but %s is not installed "
               "(Debian, Ubuntu: vulkan-validationlayers)",
               CLIP_GPU_VALIDATION_LAYER);
    return;
  }
  validation->wanted = TRUE;
  validation->messenger = (VkDebugUtilsMessengerCreateInfoEXT){
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT
                       | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
    /* The loader's own talk about broken drivers is of the type GENERAL: not ours. */
    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT
                   | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
    .pfnUserCallback = on_message,
  };
  validation->chain = &validation->messenger;
  if (g_ascii_strcasecmp (value, "gpu") == 0) {
    /* newer layers warn of what they change for it themselves */
    validation->messenger.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    validation->enables[0] = VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT;
    validation->enables[1] = VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_RESERVE_BINDING_SLOT_EXT;
    validation->features = (VkValidationFeaturesEXT){
      .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
      .pNext = validation->chain,
      .enabledValidationFeatureCount = G_N_ELEMENTS (validation->enables),
      .pEnabledValidationFeatures = validation->enables,
    };
    validation->chain = &validation->features;
  }
}

void
clip_gpu_set_name (ClipGpu *gpu, VkObjectType type, guint64 handle, const gchar *name)
{
  if (!gpu->messenger || !gpu->vk.SetDebugUtilsObjectNameEXT || !name)
    return;
  const VkDebugUtilsObjectNameInfoEXT info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
    .objectType = type,
    .objectHandle = handle,
    .pObjectName = name,
  };
  gpu->vk.SetDebugUtilsObjectNameEXT (gpu->device, &info);
}
