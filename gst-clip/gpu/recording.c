/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/gpu/internal.h"

static const VkPipelineStageFlags work_stages =
    VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
static const VkAccessFlags work_writes = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;

G_GNUC_PRINTF (2, 3)
static void
fail_recording (ClipGpuRecording *rec, const gchar *format, ...)
{
  va_list args;

  if (rec->error)
    return;
  va_start (args, format);
  g_autofree gchar *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (&rec->error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED, "recording \"%s\": %s",
               rec->name, text);
}

gboolean
clip_gpu_recording_failed (ClipGpuRecording *rec)
{
  if (!rec->error && rec->cancel && g_atomic_int_get (rec->cancel))
    g_set_error (&rec->error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED,
                 "recording \"%s\" was cancelled", rec->name);
  return rec->error != NULL;
}

void
clip_gpu_recording_set_steps (ClipGpuRecording *rec, const gint *cancel)
{
  rec->steps = TRUE;
  rec->cancel = cancel;
}

static gboolean
recordable (ClipGpuRecording *rec)
{
  if (!rec->open)
    fail_recording (rec, "it was not begun");
  return !clip_gpu_recording_failed (rec);
}

static void
memory_barrier (ClipGpuRecording *rec, VkPipelineStageFlags to, VkAccessFlags readers)
{
  const VkMemoryBarrier barrier = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = work_writes,
    .dstAccessMask = readers,
  };

  rec->gpu->vk.CmdPipelineBarrier (rec->current, work_stages, to, 0, 1, &barrier, 0, NULL, 0, NULL);
}

static void
work_barrier (ClipGpuRecording *rec)
{
  memory_barrier (rec, work_stages,
                  work_writes | VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT);
  rec->dirty = FALSE;
}

/* At the first begin, so that clip_gpu_recording_new() cannot fail. */
static gboolean
make_pools (ClipGpuRecording *rec, GError **error)
{
  ClipGpu *gpu = rec->gpu;
  const VkCommandPoolCreateInfo pool = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .queueFamilyIndex = gpu->family,
  };
  const VkQueryPoolCreateInfo queries = {
    .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
    .queryType = VK_QUERY_TYPE_TIMESTAMP,
    .queryCount = G_N_ELEMENTS (rec->stages) + 1,
  };

  if (!rec->pool)
    VK_TRY (CreateCommandPool (gpu->device, &pool, NULL, &rec->pool));
  if (!rec->queries && gpu->info.timestamp_period_ns > 0)
    VK_TRY (CreateQueryPool (gpu->device, &queries, NULL, &rec->queries));
  return TRUE;

fail:
  return FALSE;
}

/* Closes the command buffer that is being recorded. */
static gboolean
close_buffer (ClipGpuRecording *rec, GError **error)
{
  ClipGpu *gpu = rec->gpu;

  if (!rec->current)
    return TRUE;
  VkCommandBuffer current = rec->current;
  rec->current = VK_NULL_HANDLE;
  VK_TRY (EndCommandBuffer (current));
  return TRUE;

fail:
  return FALSE;
}

/* Opens the next command buffer with a barrier: what runs before it in the queue, of this
 * recording or another, is then finished and visible. */
static gboolean
open_buffer (ClipGpuRecording *rec, GError **error)
{
  ClipGpu *gpu = rec->gpu;
  ClipGpuPart part = { 0 };
  const VkCommandBufferAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .commandPool = rec->pool,
    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
    .commandBufferCount = 1,
  };
  /* Submitting a recording again before its last run has finished is allowed. */
  const VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
  };

  if (rec->n_used == rec->parts->len) {
    VK_TRY (AllocateCommandBuffers (gpu->device, &info, &part.buffer));
    g_array_append_val (rec->parts, part);
  }
  part.buffer = g_array_index (rec->parts, ClipGpuPart, rec->n_used).buffer;
  VK_TRY (BeginCommandBuffer (part.buffer, &begin));
  g_array_index (rec->parts, ClipGpuPart, rec->n_used++).cost_ns = 0;
  rec->current = part.buffer;
  rec->bound = NULL;
  rec->n_commands = 0;
  work_barrier (rec);
  return TRUE;

fail:
  return FALSE;
}

ClipGpuRecording *
clip_gpu_recording_new (ClipGpu *gpu, const gchar *name)
{
  ClipGpuRecording *rec = g_new0 (ClipGpuRecording, 1);

  rec->gpu = gpu;
  rec->name = g_strdup (name);
  rec->parts = g_array_new (FALSE, FALSE, sizeof (ClipGpuPart));
  return rec;
}

void
clip_gpu_recording_free (ClipGpuRecording *rec)
{
  if (!rec)
    return;
  ClipGpu *gpu = rec->gpu;
  if (clip_gpu_may_free (gpu)) {
    clip_gpu_drain (gpu, rec->value);
    clip_gpu_forget (gpu, rec);
    gpu->vk.DestroyQueryPool (gpu->device, rec->queries, NULL);
    gpu->vk.DestroyCommandPool (gpu->device, rec->pool, NULL);
  }
  g_array_unref (rec->parts);
  g_clear_error (&rec->error);
  g_free (rec->name);
  g_free (rec);
}

static gboolean
restart (ClipGpuRecording *rec, GError **error)
{
  ClipGpu *gpu = rec->gpu;

  if (!make_pools (rec, error))
    return FALSE;
  VK_TRY (ResetCommandPool (gpu->device, rec->pool, 0));
  if (!open_buffer (rec, error))
    return FALSE;
  if (rec->queries)
    gpu->vk.CmdResetQueryPool (rec->current, rec->queries, 0, G_N_ELEMENTS (rec->stages) + 1);
  return TRUE;

fail:
  return FALSE;
}

void
clip_gpu_recording_begin (ClipGpuRecording *rec)
{
  g_clear_error (&rec->error);
  if (!clip_gpu_usable (rec->gpu, &rec->error))
    return;
  clip_gpu_drain (rec->gpu, rec->value);
  clip_gpu_forget (rec->gpu, rec);
  rec->value = 0;
  rec->n_used = 0;
  rec->n_marks = 0;
  rec->current = VK_NULL_HANDLE;
  rec->open = TRUE;
  rec->apart = FALSE;
  restart (rec, &rec->error);
}

/* Called before a command of that cost. */
static gboolean
make_room (ClipGpuRecording *rec, guint64 cost_ns)
{
  const guint64 before = g_array_index (rec->parts, ClipGpuPart, rec->n_used - 1).cost_ns;
  gboolean full =
      rec->steps ? rec->n_commands > 0 : before > 0 && before + cost_ns > CLIP_GPU_CUT_NS;

  if (full && (!close_buffer (rec, &rec->error) || !open_buffer (rec, &rec->error)))
    return FALSE;
  g_array_index (rec->parts, ClipGpuPart, rec->n_used - 1).cost_ns += cost_ns;
  rec->n_commands++;
  rec->dirty = TRUE;
  return TRUE;
}

static gboolean
check_dispatch (ClipGpuRecording *rec, ClipGpuPipeline *pipeline, guint32 push_bytes, guint32 x,
                guint32 y, guint32 z)
{
  if (!recordable (rec))
    return FALSE;
  if (!pipeline)
    fail_recording (rec, "a dispatch without a pipeline");
  else if (push_bytes != pipeline->push_bytes)
    fail_recording (rec, "%s takes %u bytes of push constants, not %u", pipeline->name,
                    pipeline->push_bytes, push_bytes);
  else if (!x || !y || !z || x > 65535 || y > 65535 || z > 65535)
    fail_recording (rec, "%s: a grid of %u x %u x %u", pipeline->name, x, y, z);
  return !rec->error;
}

void
clip_gpu_recording_dispatch (ClipGpuRecording *rec, ClipGpuPipeline *pipeline, gconstpointer push,
                             guint32 push_bytes, guint32 x, guint32 y, guint32 z, guint64 cost_ns)
{
  ClipVk *vk = &rec->gpu->vk;

  if (!check_dispatch (rec, pipeline, push_bytes, x, y, z) || !make_room (rec, cost_ns))
    return;
  if (rec->bound != pipeline)
    vk->CmdBindPipeline (rec->current, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->pipeline);
  rec->bound = pipeline;
  if (push_bytes)
    vk->CmdPushConstants (rec->current, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                          push_bytes, push);
  vk->CmdDispatch (rec->current, x, y, z);
}

void
clip_gpu_recording_barrier (ClipGpuRecording *rec)
{
  if (recordable (rec) && rec->dirty && !rec->apart)
    work_barrier (rec);
}

void
clip_gpu_recording_apart (ClipGpuRecording *rec, gboolean apart)
{
  rec->apart = apart;
  clip_gpu_recording_barrier (rec);
}

static gboolean
inside (ClipGpuRecording *rec, const ClipGpuBuffer *buffer, gsize offset, gsize size)
{
  if (offset <= buffer->size && size <= buffer->size - offset && size > 0)
    return TRUE;
  fail_recording (rec,
                  "%" G_GSIZE_FORMAT " bytes at %" G_GSIZE_FORMAT
                  " are not inside a buffer of %" G_GSIZE_FORMAT,
                  size, offset, buffer->size);
  return FALSE;
}

void
clip_gpu_recording_copy (ClipGpuRecording *rec, const ClipGpuBuffer *src, gsize src_offset,
                         const ClipGpuBuffer *dst, gsize dst_offset, gsize size)
{
  const ClipGpuRegion region = { src_offset, dst_offset, size };

  clip_gpu_recording_copy_regions (rec, src, dst, &region, 1);
}

void
clip_gpu_recording_copy_regions (ClipGpuRecording *rec, const ClipGpuBuffer *src,
                                 const ClipGpuBuffer *dst, const ClipGpuRegion *regions, guint n)
{
  g_autofree VkBufferCopy *copies = g_new (VkBufferCopy, n);

  if (!recordable (rec))
    return;
  for (guint i = 0; i < n; i++) {
    const ClipGpuRegion *r = &regions[i];

    if (!inside (rec, src, r->from, r->size) || !inside (rec, dst, r->to, r->size))
      return;
    copies[i] = (VkBufferCopy){ r->from, r->to, r->size };
  }
  if (n > 0 && make_room (rec, 0))
    rec->gpu->vk.CmdCopyBuffer (rec->current, src->buffer, dst->buffer, n, copies);
}

void
clip_gpu_recording_fill (ClipGpuRecording *rec, const ClipGpuBuffer *dst, gsize offset, gsize size,
                         guint32 value)
{
  if (!recordable (rec) || !inside (rec, dst, offset, size))
    return;
  if (offset % 4 || size % 4)
    fail_recording (rec, "a fill that is not a multiple of 4 bytes");
  else if (make_room (rec, 0))
    rec->gpu->vk.CmdFillBuffer (rec->current, dst->buffer, offset, size, value);
}

static void
write_timestamp (ClipGpuRecording *rec, guint32 index)
{
  rec->gpu->vk.CmdWriteTimestamp (rec->current, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, rec->queries,
                                  index);
}

void
clip_gpu_recording_mark (ClipGpuRecording *rec, const gchar *stage)
{
  if (!recordable (rec))
    return;
  if (rec->n_marks == G_N_ELEMENTS (rec->stages)) {
    fail_recording (rec, "more than %u marks", rec->n_marks);
    return;
  }
  if (rec->queries)
    write_timestamp (rec, rec->n_marks);
  rec->stages[rec->n_marks++] = stage;
}

void
clip_gpu_recording_fail (ClipGpuRecording *rec, GError *error)
{
  if (rec->error)
    g_error_free (error);
  else
    rec->error = error;
}

gboolean
clip_gpu_recording_end (ClipGpuRecording *rec, GError **error)
{
  if (recordable (rec)) {
    if (rec->queries && rec->n_marks)
      write_timestamp (rec, rec->n_marks);
    memory_barrier (rec, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    close_buffer (rec, &rec->error);
  }
  rec->open = FALSE;
  if (!rec->error)
    return TRUE;
  g_propagate_error (error, g_error_copy (rec->error));
  return FALSE;
}

static guint
host_times (ClipGpuRecording *rec, const gchar **stages, guint64 *ns)
{
  ClipGpu *gpu = rec->gpu;

  g_mutex_lock (&gpu->queue_lock);
  stages[0] = "total";
  ns[0] = rec->wall_ns;
  g_mutex_unlock (&gpu->queue_lock);
  return ns[0] > 0 ? 1 : 0;
}

guint64
clip_gpu_ticks_ns (const ClipGpu *gpu, guint64 from, guint64 to)
{
  /* the counter may have passed its end in between */
  const gdouble ns = (gdouble)((to - from) & gpu->timestamp_mask) * gpu->info.timestamp_period_ns;

  return ns < (gdouble)G_MAXUINT64 ? (guint64)ns : G_MAXUINT64;
}

guint
clip_gpu_recording_get_times (ClipGpuRecording *rec, const gchar **stages, guint64 *ns, guint max)
{
  ClipGpu *gpu = rec->gpu;
  guint64 ticks[G_N_ELEMENTS (rec->stages) + 1];
  guint n = MIN (rec->n_marks, max);

  if (max == 0 || !rec->value || !clip_gpu_usable (gpu, NULL))
    return 0;
  if (!rec->queries)
    return host_times (rec, stages, ns);
  /* Without the WAIT flag: VK_NOT_READY when the submission is still running. */
  if (n == 0
      || gpu->vk.GetQueryPoolResults (gpu->device, rec->queries, 0, n + 1, sizeof ticks, ticks,
                                      sizeof *ticks, VK_QUERY_RESULT_64_BIT)
             != VK_SUCCESS)
    return 0;
  for (guint i = 0; i < n; i++) {
    stages[i] = rec->stages[i];
    ns[i] = clip_gpu_ticks_ns (gpu, ticks[i], ticks[i + 1]);
  }
  return n;
}
