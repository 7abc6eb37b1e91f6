/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/gpu/internal.h"

#include <string.h>

static gchar *
pipeline_key (const ClipGpuShader *shader, const guint32 *constants, guint n)
{
  GString *key = g_string_new (shader->name);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (key, "%c%u", i ? ',' : ':', constants[i]);
  return g_string_free (key, FALSE);
}

static void
pipeline_free (ClipGpu *gpu, ClipGpuPipeline *pipeline)
{
  gpu->vk.DestroyPipeline (gpu->device, pipeline->pipeline, NULL);
  gpu->vk.DestroyPipelineLayout (gpu->device, pipeline->layout, NULL);
  g_free (pipeline->name);
  g_free (pipeline);
}

static guint32
subgroup_size (ClipGpu *gpu, const ClipGpuShader *shader)
{
  return shader->subgroup_size == CLIP_GPU_SUBGROUP_MATRIX ? gpu->info.matrix_subgroup_size
                                                           : shader->subgroup_size;
}

static gboolean
check_subgroup_size (ClipGpu *gpu, const ClipGpuShader *shader, GError **error)
{
  const guint32 wanted = subgroup_size (gpu, shader);
  guint32 min = gpu->pin_subgroup ? gpu->min_subgroup : gpu->info.subgroup_size;
  guint32 max = gpu->pin_subgroup ? gpu->max_subgroup : gpu->info.subgroup_size;

  if (!shader->subgroup_size
      || (wanted >= min && wanted <= max && wanted && !(wanted & (wanted - 1))))
    return TRUE;
  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
               "it needs subgroups of %u lanes, %s has %u to %u", wanted, gpu->info.name, min, max);
  return FALSE;
}

static gboolean
make_layout (ClipGpu *gpu, ClipGpuPipeline *pipeline, GError **error)
{
  const VkPushConstantRange range = {
    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    .size = pipeline->push_bytes,
  };
  const VkPipelineLayoutCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
    .pushConstantRangeCount = pipeline->push_bytes ? 1 : 0,
    .pPushConstantRanges = &range,
  };

  VK_TRY (CreatePipelineLayout (gpu->device, &info, NULL, &pipeline->layout));
  return TRUE;

fail:
  return FALSE;
}

static gboolean
compile (ClipGpu *gpu, ClipGpuPipeline *pipeline, const ClipGpuShader *shader,
         const guint32 *constants, guint n_constants, GError **error)
{
  VkShaderModule module = VK_NULL_HANDLE;
  VkSpecializationMapEntry entries[CLIP_GPU_MAX_CONSTANTS];
  gboolean full = gpu->pin_subgroup && shader->subgroup_size;
  /* Where there is only one size, demanding it gains nothing and brings the limit
   * maxComputeWorkgroupSubgroups with it. */
  gboolean pin = full && gpu->min_subgroup != gpu->max_subgroup;
  const VkShaderModuleCreateInfo module_info = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
    .codeSize = shader->spirv_bytes,
    .pCode = shader->spirv,
  };
  const VkSpecializationInfo special = {
    .mapEntryCount = n_constants,
    .pMapEntries = entries,
    .dataSize = n_constants * sizeof *constants,
    .pData = constants,
  };
  const VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT size = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
    .requiredSubgroupSize = subgroup_size (gpu, shader),
  };
  gboolean ok = FALSE;

  for (guint32 i = 0; i < n_constants; i++)
    entries[i] = (VkSpecializationMapEntry){ i, i * sizeof *constants, sizeof *constants };
  VK_TRY (CreateShaderModule (gpu->device, &module_info, NULL, &module));
  const VkComputePipelineCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .stage = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
      .pNext = pin ? &size : NULL,
        .flags = full ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT : 0,
      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
      .module = module,
      .pName = "main",
      .pSpecializationInfo = &special,
    },
    .layout = pipeline->layout,
  };
  VK_TRY (CreateComputePipelines (gpu->device, gpu->pipeline_cache, 1, &info, NULL,
                                  &pipeline->pipeline));
  ok = TRUE;

fail:
  gpu->vk.DestroyShaderModule (gpu->device, module, NULL);
  return ok;
}

static gboolean
create (ClipGpu *gpu, ClipGpuPipeline *pipeline, const ClipGpuShader *shader,
        const guint32 *constants, guint n_constants, GError **error)
{
  gint64 start = g_get_monotonic_time ();

  if (!check_subgroup_size (gpu, shader, error) || !make_layout (gpu, pipeline, error)
      || !compile (gpu, pipeline, shader, constants, n_constants, error)) {
    g_prefix_error (error, "pipeline %s: ", pipeline->name);
    return FALSE;
  }
  clip_gpu_set_name (gpu, VK_OBJECT_TYPE_PIPELINE, (guint64)pipeline->pipeline, pipeline->name);
  __atomic_fetch_add (&gpu->pipelines_created, 1, __ATOMIC_RELAXED);
  g_debug ("pipeline %s created in %" G_GINT64_FORMAT " ms", pipeline->name,
           (g_get_monotonic_time () - start) / 1000);
  return TRUE;
}

ClipGpuPipeline *
clip_gpu_pipeline (ClipGpu *gpu, const ClipGpuShader *shader, const guint32 *constants,
                   guint n_constants, GError **error)
{
  g_autofree gchar *key = NULL;
  ClipGpuPipeline *pipeline;

  g_return_val_if_fail (n_constants <= CLIP_GPU_MAX_CONSTANTS && shader->push_bytes <= 128, NULL);
  if (!clip_gpu_usable (gpu, error))
    return NULL;
  key = pipeline_key (shader, constants, n_constants);

  g_mutex_lock (&gpu->pipeline_lock);
  while ((pipeline = g_hash_table_lookup (gpu->pipelines, key)) && !pipeline->ready)
    g_cond_wait (&gpu->pipeline_cond, &gpu->pipeline_lock);
  if (pipeline) {
    g_mutex_unlock (&gpu->pipeline_lock);
    return pipeline;
  }
  pipeline = g_new0 (ClipGpuPipeline, 1);
  pipeline->name = g_steal_pointer (&key);
  pipeline->push_bytes = shader->push_bytes;
  g_hash_table_insert (gpu->pipelines, pipeline->name, pipeline);
  g_mutex_unlock (&gpu->pipeline_lock);

  gboolean ok = create (gpu, pipeline, shader, constants, n_constants, error);

  /* After a failure a thread that waited tries itself and gets its own error. */
  g_mutex_lock (&gpu->pipeline_lock);
  pipeline->ready = ok;
  if (!ok) {
    g_hash_table_remove (gpu->pipelines, pipeline->name);
    pipeline_free (gpu, pipeline);
    pipeline = NULL;
  }
  g_cond_broadcast (&gpu->pipeline_cond);
  g_mutex_unlock (&gpu->pipeline_lock);
  return pipeline;
}

guint
clip_gpu_pipeline_count (ClipGpu *gpu)
{
  return __atomic_load_n (&gpu->pipelines_created, __ATOMIC_RELAXED);
}

gboolean
clip_gpu_pipelines_init (ClipGpu *gpu, GError **error)
{
  g_autoptr (GBytes) saved = clip_gpu_cache_load (&gpu->info, CLIP_GPU_PIPELINES);
  VkPipelineCacheCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
  };

  gpu->pipelines = g_hash_table_new (g_str_hash, g_str_equal);
  if (saved) {
    info.pInitialData = g_bytes_get_data (saved, &info.initialDataSize);
    if (gpu->vk.CreatePipelineCache (gpu->device, &info, NULL, &gpu->pipeline_cache) == VK_SUCCESS)
      return TRUE;
    info.pInitialData = NULL;
    info.initialDataSize = 0;
  }
  VK_TRY (CreatePipelineCache (gpu->device, &info, NULL, &gpu->pipeline_cache));
  return TRUE;

fail:
  return FALSE;
}

void
clip_gpu_save_cache (ClipGpu *gpu)
{
  guint count = clip_gpu_pipeline_count (gpu);
  gsize size = 0;

  if (count == __atomic_load_n (&gpu->pipelines_saved, __ATOMIC_RELAXED)
      || !clip_gpu_usable (gpu, NULL)
      || gpu->vk.GetPipelineCacheData (gpu->device, gpu->pipeline_cache, &size, NULL) != VK_SUCCESS)
    return;
  g_autofree guint8 *data = g_malloc (size);
  /* Another thread may have grown it meanwhile: then this is VK_INCOMPLETE, and the next
   * call saves. */
  if (gpu->vk.GetPipelineCacheData (gpu->device, gpu->pipeline_cache, &size, data) != VK_SUCCESS)
    return;
  if (clip_gpu_cache_store (&gpu->info, CLIP_GPU_PIPELINES, data, size))
    __atomic_store_n (&gpu->pipelines_saved, count, __ATOMIC_RELAXED);
}

void
clip_gpu_pipelines_clear (ClipGpu *gpu)
{
  GHashTableIter iter;
  gpointer pipeline;

  if (!gpu->pipelines)
    return;
  if (gpu->pipeline_cache)
    clip_gpu_save_cache (gpu);
  g_hash_table_iter_init (&iter, gpu->pipelines);
  while (g_hash_table_iter_next (&iter, NULL, &pipeline)) {
    g_hash_table_iter_steal (&iter);
    pipeline_free (gpu, pipeline);
  }
  g_hash_table_unref (gpu->pipelines);
  gpu->vk.DestroyPipelineCache (gpu->device, gpu->pipeline_cache, NULL);
}
