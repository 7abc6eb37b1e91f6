/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which physical device to take. */
#include "gst-clip/gpu/internal.h"

#include <string.h>

static guint
rank (VkPhysicalDeviceType type)
{
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return 0;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return 1;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return 2;
  case VK_PHYSICAL_DEVICE_TYPE_CPU:
    return 3;
  default:
    return 4;
  }
}

static gboolean
same_uuid (const gchar *wanted, const gchar *uuid)
{
  guint n = 0;

  for (; *wanted; wanted++) {
    if (*wanted == '-')
      continue;
    if (n >= 32 || g_ascii_tolower (*wanted) != uuid[n])
      return FALSE;
    n++;
  }
  return n == 32;
}

static gboolean
is_index (const gchar *wanted, guint32 n, guint32 *index)
{
  guint64 value;

  /* "4090" is a part of a name where there are fewer devices. */
  if (!g_ascii_string_to_unsigned (wanted, 10, 0, G_MAXUINT32, &value, NULL) || value >= n)
    return FALSE;
  *index = (guint32)value;
  return TRUE;
}

static gboolean
matches (const ClipGpuCandidate *candidate, const gchar *wanted)
{
  if (same_uuid (wanted, candidate->info.uuid))
    return TRUE;
  g_autofree gchar *name = g_ascii_strdown (candidate->info.name, -1);
  g_autofree gchar *part = g_ascii_strdown (wanted, -1);
  return strstr (name, part) != NULL;
}

static gchar *
describe (const ClipGpuCandidate *all, guint32 n)
{
  GString *text = g_string_new (NULL);

  for (guint32 i = 0; i < n; i++) {
    g_string_append_printf (text, "%s%u: %s", i ? "; " : "", i, all[i].info.name);
    if (all[i].info.uuid[0])
      g_string_append_printf (text, " (UUID %s)", all[i].info.uuid);
    if (all[i].missing->len)
      g_string_append_printf (text, " lacks %s", all[i].missing->str);
  }
  return g_string_free (text, FALSE);
}

static void
set_no_device (const ClipGpuCandidate *all, guint32 n, const gchar *wanted, GError **error)
{
  g_autofree gchar *list = describe (all, n);

  if (n == 0)
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "there is no Vulkan device: install the driver of your GPU, or "
                 "mesa-vulkan-drivers (it has one for the CPU too)");
  else if (wanted)
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "no usable Vulkan device matches \"%s\"; the devices here are %s", wanted, list);
  else
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "no Vulkan device has what is needed: %s (mesa-vulkan-drivers has one for "
                 "the CPU)",
                 list);
}

static const ClipGpuCandidate *
best (const ClipGpuCandidate *all, guint32 n, const gchar *wanted)
{
  const ClipGpuCandidate *found = NULL;
  guint32 index = 0;
  gboolean by_index = wanted && is_index (wanted, n, &index);

  for (guint32 i = 0; i < n; i++) {
    if (by_index ? i != index : wanted && !matches (&all[i], wanted))
      continue;
    if (all[i].missing->len) {
      g_info ("Vulkan device %u, %s, is not usable: it lacks %s", i, all[i].info.name,
              all[i].missing->str);
      continue;
    }
    if (!found || rank (all[i].type) < rank (found->type))
      found = &all[i];
  }
  return found;
}

gboolean
clip_gpu_choose (ClipGpu *gpu, const gchar *wanted, ClipGpuCandidate *chosen, GError **error)
{
  VkPhysicalDevice physical[32];
  ClipGpuCandidate all[G_N_ELEMENTS (physical)] = { 0 };
  guint32 n = G_N_ELEMENTS (physical);
  const ClipGpuCandidate *found;
  VkResult r = gpu->vk.EnumeratePhysicalDevices (gpu->instance, &n, physical);

  if (r == VK_ERROR_INITIALIZATION_FAILED) /* what loaders say when every driver failed */
    n = 0;
  else if (r != VK_INCOMPLETE && !clip_gpu_check (gpu, "EnumeratePhysicalDevices", r, error))
    return FALSE;

  for (guint32 i = 0; i < n; i++) {
    all[i].physical = physical[i];
    clip_gpu_probe (gpu, &all[i]);
  }
  found = best (all, n, wanted);
  if (found) {
    *chosen = *found;
    memset (&all[found - all], 0, sizeof all[0]);
  } else {
    set_no_device (all, n, wanted, error);
  }
  for (guint32 i = 0; i < n; i++)
    clip_gpu_candidate_clear (&all[i]);
  return found != NULL;
}
