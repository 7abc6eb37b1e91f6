/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers, each with its own VkDeviceMemory: a model has a few hundred at most, and every
 * driver allows 4096. */
#include "gst-clip/gpu/internal.h"

#include <string.h>

#define STAGING_BYTES (8 * 1024 * 1024)
#define ALIGNMENT     256

#define HOST (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)

static const gchar *const memory_names[] = { "device", "upload", "readback" };

/* The first type with all of @wanted, none of @unwanted and nothing unusual (protected, lazily
 * allocated, uncached device memory); in the largest heap that has one. */
static gboolean
find_type (const VkPhysicalDeviceMemoryProperties *memory, VkMemoryPropertyFlags wanted,
           VkMemoryPropertyFlags unwanted, guint32 *type)
{
  const VkMemoryPropertyFlags usual =
      HOST | VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  VkDeviceSize heap = 0;

  for (guint32 i = 0; i < memory->memoryTypeCount; i++) {
    VkMemoryPropertyFlags flags = memory->memoryTypes[i].propertyFlags;
    VkDeviceSize size = memory->memoryHeaps[memory->memoryTypes[i].heapIndex].size;
    if ((flags & wanted) != wanted || (flags & unwanted) || (flags & ~usual) || size <= heap)
      continue;
    heap = size;
    *type = i;
  }
  return heap > 0;
}

static const VkBufferUsageFlags buffer_usage =
    VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT
    | VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;

static gboolean
make_buffer (ClipGpu *gpu, gsize size, VkBuffer *buffer, VkMemoryRequirements *needs,
             GError **error)
{
  const VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .size = size,
    .usage = buffer_usage,
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };

  VK_TRY (CreateBuffer (gpu->device, &info, NULL, buffer));
  gpu->vk.GetBufferMemoryRequirements (gpu->device, *buffer, needs);
  return TRUE;

fail:
  return FALSE;
}

/* Which types a buffer may have is asked with a small one: all of ours have the same usage. */
static gboolean
allowed_types (ClipGpu *gpu, guint32 *bits, GError **error)
{
  VkMemoryRequirements needs;
  VkBuffer buffer = VK_NULL_HANDLE;

  if (!make_buffer (gpu, ALIGNMENT, &buffer, &needs, error))
    return FALSE;
  gpu->vk.DestroyBuffer (gpu->device, buffer, NULL);
  *bits = needs.memoryTypeBits;
  return TRUE;
}

gboolean
clip_gpu_memory_init (ClipGpu *gpu, VkPhysicalDeviceType kind, GError **error)
{
  const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  const VkMemoryPropertyFlags cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  VkPhysicalDeviceMemoryProperties memory;
  guint32 *type = gpu->memory_type;
  guint32 allowed = 0;

  gpu->vk.GetPhysicalDeviceMemoryProperties (gpu->physical, &gpu->memory);
  if (!allowed_types (gpu, &allowed, error))
    return FALSE;
  memory = gpu->memory;
  for (guint32 i = 0; i < memory.memoryTypeCount; i++)
    if (!(allowed & (1u << i)))
      memory.memoryTypes[i].propertyFlags = 0;

  gboolean shared =
      kind == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU || kind == VK_PHYSICAL_DEVICE_TYPE_CPU;
  gboolean ok = FALSE;
  /* Behind a bus a mapping is slow to read from, and staging is as fast to write. */
  if (shared)
    ok = find_type (&memory, local | HOST | cached, 0, &type[CLIP_GPU_MEMORY_DEVICE])
         || find_type (&memory, local | HOST, 0, &type[CLIP_GPU_MEMORY_DEVICE]);
  gpu->map_device = ok && !gpu->quirks.no_mapping;
  ok = ok || find_type (&memory, local, HOST, &type[CLIP_GPU_MEMORY_DEVICE])
       || find_type (&memory, local, 0, &type[CLIP_GPU_MEMORY_DEVICE]);
  ok = ok
       && (find_type (&memory, HOST, local, &type[CLIP_GPU_MEMORY_UPLOAD])
           || find_type (&memory, HOST, 0, &type[CLIP_GPU_MEMORY_UPLOAD]));
  ok = ok
       && (find_type (&memory, HOST | cached, 0, &type[CLIP_GPU_MEMORY_READBACK])
           || find_type (&memory, HOST, 0, &type[CLIP_GPU_MEMORY_READBACK]));
  if (!ok) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE,
                 "%s lacks device-local or host-visible coherent memory", gpu->info.name);
    return FALSE;
  }
  guint32 heap = gpu->memory.memoryTypes[type[CLIP_GPU_MEMORY_DEVICE]].heapIndex;
  gpu->info.heap_bytes = gpu->memory.memoryHeaps[heap].size;
  return TRUE;
}

void
clip_gpu_memory_clear (ClipGpu *gpu)
{
  g_clear_pointer (&gpu->staging_rec, clip_gpu_recording_free);
  g_clear_pointer (&gpu->staging, clip_gpu_buffer_free);
}

guint64
clip_gpu_memory_bytes (ClipGpu *gpu)
{
  return __atomic_load_n (&gpu->bytes, __ATOMIC_RELAXED);
}

/* What is left of a heap. */
static guint64
heap_left (ClipGpu *gpu, guint32 heap)
{
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
  };
  VkPhysicalDeviceMemoryProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
    .pNext = &budget,
  };
  guint64 most = gpu->memory.memoryHeaps[heap].size, used = clip_gpu_memory_bytes (gpu);

  if (gpu->memory_budget && !gpu->info.is_cpu && clip_gpu_usable (gpu, NULL)) {
    gpu->vk.GetPhysicalDeviceMemoryProperties2 (gpu->physical, &properties);
    most = MIN (budget.heapBudget[heap], most);
    used = budget.heapUsage[heap]; /* of this process */
  }
  return most > used ? most - used : 0;
}

guint64
clip_gpu_memory_left (ClipGpu *gpu)
{
  const guint32 type = gpu->memory_type[CLIP_GPU_MEMORY_DEVICE];

  return heap_left (gpu, gpu->memory.memoryTypes[type].heapIndex);
}

static void
set_out_of_memory (ClipGpu *gpu, ClipGpuMemory memory, gsize size, const gchar *name,
                   GError **error)
{
  const VkPhysicalDeviceMemoryProperties *p = &gpu->memory;
  guint32 heap = p->memoryTypes[gpu->memory_type[memory]].heapIndex;
  const GFormatSizeFlags iec = G_FORMAT_SIZE_IEC_UNITS;
  g_autofree gchar *wanted = g_format_size_full (size, iec);
  g_autofree gchar *total = g_format_size_full (p->memoryHeaps[heap].size, iec);
  g_autofree gchar *used = g_format_size_full (clip_gpu_memory_bytes (gpu), iec);
  g_autofree gchar *left = g_format_size_full (heap_left (gpu, heap), iec);

  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY,
               "cannot allocate %s of %s memory for \"%s\": heap %u of %s has %s, %s are in use "
               "here, about %s are left",
               wanted, memory_names[memory], name, heap, gpu->info.name, total, used, left);
}

static gboolean
bind_memory (ClipGpuBuffer *b, guint32 type, gsize bytes, GError **error)
{
  ClipGpu *gpu = b->gpu;
  const VkMemoryAllocateFlagsInfo flags = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
    .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
  };
  const VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = &flags,
    .allocationSize = bytes,
    .memoryTypeIndex = type,
  };
  const VkBufferDeviceAddressInfo where = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
    .buffer = b->buffer,
  };

  VK_TRY (AllocateMemory (gpu->device, &info, NULL, &b->memory));
  b->allocated = bytes;
  __atomic_fetch_add (&gpu->bytes, b->allocated, __ATOMIC_RELAXED);
  VK_TRY (BindBufferMemory (gpu->device, b->buffer, b->memory, 0));
  b->address = gpu->vk.GetBufferDeviceAddress (gpu->device, &where);
  if (!b->address || b->address % ALIGNMENT) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                 "%s gives buffers odd addresses (0x%" G_GINT64_MODIFIER "x)", gpu->info.name,
                 (guint64)b->address);
    goto fail;
  }
  return TRUE;

fail:
  return FALSE;
}

static ClipGpuRecording *
staging_recording (ClipGpu *gpu)
{
  if (!gpu->staging_rec)
    gpu->staging_rec = clip_gpu_recording_new (gpu, "staging");
  clip_gpu_recording_begin (gpu->staging_rec);
  return gpu->staging_rec;
}

static gboolean
staging_run (ClipGpu *gpu, GError **error)
{
  guint64 value;

  if (!clip_gpu_recording_end (gpu->staging_rec, error))
    return FALSE;
  value = clip_gpu_submit (gpu, &gpu->staging_rec, 1, error);
  if (!value)
    return FALSE;
  if (clip_gpu_wait (gpu, value, G_MAXUINT64, error))
    return TRUE;
  clip_gpu_drain (
      gpu, value); /* the caller may free the buffer next, and a loss may be a simulated one */
  return FALSE;
}

static gboolean
zero_fill (ClipGpuBuffer *b, gsize bytes, GError **error)
{
  ClipGpu *gpu = b->gpu;
  gboolean ok;

  if (b->map) {
    memset (b->map, 0, bytes);
    return TRUE;
  }
  /* Not through clip_gpu_recording_fill(), which does not let anybody write the padding. */
  g_mutex_lock (&gpu->staging_lock);
  ClipGpuRecording *rec = staging_recording (gpu);
  const ClipGpuBuffer whole = { .gpu = gpu, .buffer = b->buffer, .size = bytes };
  clip_gpu_recording_fill (rec, &whole, 0, bytes, 0);
  ok = staging_run (gpu, error);
  g_mutex_unlock (&gpu->staging_lock);
  return ok;
}

ClipGpuBuffer *
clip_gpu_buffer_new (ClipGpu *gpu, ClipGpuMemory memory, gsize size, const gchar *name,
                     GError **error)
{
  guint32 type = gpu->memory_type[memory];
  VkDeviceSize heap = gpu->memory.memoryHeaps[gpu->memory.memoryTypes[type].heapIndex].size;
  VkMemoryRequirements needs = { 0 };
  g_autoptr (GError) failure = NULL;
  gsize bytes = 0;

  g_return_val_if_fail (size > 0 && name, NULL);
  if (!clip_gpu_usable (gpu, error))
    return NULL;
  if (size > heap || heap - size < CLIP_GPU_PADDING + ALIGNMENT) {
    set_out_of_memory (gpu, memory, size, name, error);
    return NULL;
  }
  bytes = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + CLIP_GPU_PADDING;

  g_autoptr (ClipGpuBuffer) b = g_new0 (ClipGpuBuffer, 1);
  b->gpu = gpu;
  b->size = size;
  if (!make_buffer (gpu, bytes, &b->buffer, &needs, &failure)
      || !bind_memory (b, type, needs.size, &failure))
    goto fail;
  if (memory != CLIP_GPU_MEMORY_DEVICE || gpu->map_device) {
    VkResult r = gpu->vk.MapMemory (gpu->device, b->memory, 0, VK_WHOLE_SIZE, 0, &b->map);
    if (!clip_gpu_check (gpu, "MapMemory", r, &failure))
      goto fail;
  }
  clip_gpu_set_name (gpu, VK_OBJECT_TYPE_BUFFER, (guint64)b->buffer, name);
  if (!zero_fill (b, bytes, &failure))
    goto fail;
  return g_steal_pointer (&b);

fail:
  if (g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY))
    set_out_of_memory (gpu, memory, size, name, error);
  else
    g_propagate_prefixed_error (error, g_steal_pointer (&failure), "buffer \"%s\": ", name);
  return NULL;
}

void
clip_gpu_buffer_free (ClipGpuBuffer *buffer)
{
  if (!buffer)
    return;
  ClipGpu *gpu = buffer->gpu;
  if (clip_gpu_may_free (gpu)) {
    gpu->vk.DestroyBuffer (gpu->device, buffer->buffer, NULL);
    gpu->vk.FreeMemory (gpu->device, buffer->memory, NULL);
  }
  __atomic_fetch_sub (&gpu->bytes, buffer->allocated, __ATOMIC_RELAXED);
  g_free (buffer);
}

/* One chunk through the staging buffer, in the direction that @data or @out says. */
static gboolean
staged_copy (ClipGpuBuffer *buffer, gsize offset, gconstpointer data, gpointer out, gsize size,
             GError **error)
{
  ClipGpu *gpu = buffer->gpu;
  ClipGpuRecording *rec = staging_recording (gpu);

  if (data) {
    memcpy (gpu->staging->map, data, size);
    clip_gpu_recording_copy (rec, gpu->staging, 0, buffer, offset, size);
  } else {
    clip_gpu_recording_copy (rec, buffer, offset, gpu->staging, 0, size);
  }
  if (!staging_run (gpu, error))
    return FALSE;
  if (out)
    memcpy (out, gpu->staging->map, size);
  return TRUE;
}

static gboolean
transfer (ClipGpuBuffer *buffer, gsize offset, const guint8 *data, guint8 *out, gsize size,
          GError **error)
{
  ClipGpu *gpu = buffer->gpu;
  gboolean ok = TRUE;

  g_return_val_if_fail (offset <= buffer->size && size <= buffer->size - offset, FALSE);
  if (!clip_gpu_usable (gpu, error))
    return FALSE;
  if (buffer->map) {
    if (data)
      memcpy ((guint8 *)buffer->map + offset, data, size);
    else
      memcpy (out, (guint8 *)buffer->map + offset, size);
    return TRUE;
  }
  g_mutex_lock (&gpu->staging_lock);
  if (!gpu->staging)
    gpu->staging =
        clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_READBACK, STAGING_BYTES, "staging", error);
  ok = gpu->staging != NULL;
  for (gsize done = 0; ok && done < size; done += STAGING_BYTES)
    ok = staged_copy (buffer, offset + done, data ? data + done : NULL, out ? out + done : NULL,
                      MIN (size - done, STAGING_BYTES), error);
  g_mutex_unlock (&gpu->staging_lock);
  return ok;
}

gboolean
clip_gpu_buffer_upload (ClipGpuBuffer *buffer, gsize offset, gconstpointer data, gsize size,
                        GError **error)
{
  return transfer (buffer, offset, data, NULL, size, error);
}

gboolean
clip_gpu_buffer_download (ClipGpuBuffer *buffer, gsize offset, gpointer data, gsize size,
                          GError **error)
{
  return transfer (buffer, offset, NULL, data, size, error);
}
