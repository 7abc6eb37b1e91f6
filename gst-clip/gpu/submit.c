/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/gpu/internal.h"

/* A wait is cut into slices so that it notices a loss that another thread saw, and a hang. */
#define SLICE_US 50000
#define SLICE_NS (SLICE_US * G_GUINT64_CONSTANT (1000))

/* How long freeing waits for work on a device that is already lost. */
#define LOST_PATIENCE_US (10 * G_USEC_PER_SEC)

static guint
count_buffers (ClipGpuRecording **recs, guint n, GError **error)
{
  guint total = 0;

  for (guint i = 0; i < n; i++) {
    if (recs[i]->error || recs[i]->open || !recs[i]->n_used) {
      if (recs[i]->error)
        g_propagate_error (error, g_error_copy (recs[i]->error));
      else
        g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                     "recording \"%s\" is submitted but was not ended", recs[i]->name);
      return 0;
    }
    total += recs[i]->n_used;
  }
  return total;
}

static void
note_submitted (ClipGpu *gpu, ClipGpuRecording *rec, guint64 value, gint64 start_us)
{
  rec->value = value;
  if (rec->queries)
    return;
  rec->submitted_us = start_us;
  rec->wall_ns = 0;
  g_ptr_array_remove (gpu->untimed, rec);
  g_ptr_array_add (gpu->untimed, rec);
}

static void
note_finished (ClipGpu *gpu, guint64 value)
{
  gint64 now = g_get_monotonic_time ();

  if (gpu->info.timestamp_period_ns > 0)
    return;
  g_mutex_lock (&gpu->queue_lock);
  for (guint i = gpu->untimed->len; i-- > 0;) {
    ClipGpuRecording *rec = g_ptr_array_index (gpu->untimed, i);
    if (rec->value > value)
      continue;
    rec->wall_ns = (guint64)MAX (now - rec->submitted_us, 1) * 1000;
    g_ptr_array_remove_index_fast (gpu->untimed, i);
  }
  g_mutex_unlock (&gpu->queue_lock);
}

void
clip_gpu_forget (ClipGpu *gpu, ClipGpuRecording *rec)
{
  g_mutex_lock (&gpu->queue_lock);
  g_ptr_array_remove (gpu->untimed, rec);
  rec->wall_ns = 0;
  g_mutex_unlock (&gpu->queue_lock);
}

/* Each command buffer is a batch of its own, with its own signal: drivers would otherwise
 * merge them into one piece of work again. Returns the last one's value, 0 on error. */
static guint64
submit_buffers (ClipGpu *gpu, const VkCommandBuffer *buffers, guint total, ClipGpuRecording **recs,
                guint n, GError **error)
{
  g_autofree VkSubmitInfo *batches = g_new0 (VkSubmitInfo, total);
  g_autofree VkTimelineSemaphoreSubmitInfo *signals = g_new0 (VkTimelineSemaphoreSubmitInfo, total);
  g_autofree guint64 *values = g_new (guint64, total);

  for (guint k = 0; k < total; k++) {
    signals[k].sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO;
    signals[k].signalSemaphoreValueCount = 1;
    signals[k].pSignalSemaphoreValues = &values[k];
    batches[k].sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
    batches[k].pNext = &signals[k];
    batches[k].commandBufferCount = 1;
    batches[k].pCommandBuffers = &buffers[k];
    batches[k].signalSemaphoreCount = 1;
    batches[k].pSignalSemaphores = &gpu->timeline;
  }

  g_mutex_lock (&gpu->queue_lock);
  for (guint k = 0; k < total; k++)
    values[k] = gpu->last_value + 1 + k;
  gint64 start_us = g_get_monotonic_time ();
  VkResult r = gpu->vk.QueueSubmit (gpu->queue, total, batches, VK_NULL_HANDLE);
  if (r == VK_SUCCESS) {
    gpu->last_value += total;
    for (guint i = 0; i < n; i++)
      note_submitted (gpu, recs[i], gpu->last_value, start_us);
  }
  guint64 value = gpu->last_value;
  g_mutex_unlock (&gpu->queue_lock);
  return clip_gpu_check (gpu, "QueueSubmit", r, error) ? value : 0;
}

guint64
clip_gpu_submit (ClipGpu *gpu, ClipGpuRecording **recs, guint n, GError **error)
{
  guint total, k = 0;

  if (!clip_gpu_usable (gpu, error) || !(total = count_buffers (recs, n, error)))
    return 0;
  g_autofree VkCommandBuffer *buffers = g_new (VkCommandBuffer, total);
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < recs[i]->n_used; j++)
      buffers[k++] = g_array_index (recs[i]->buffers, VkCommandBuffer, j);
  return submit_buffers (gpu, buffers, total, recs, n, error);
}

gboolean
clip_gpu_run_steps (ClipGpuRecording *rec, GError **error)
{
  ClipGpu *gpu = rec->gpu;

  if (!clip_gpu_usable (gpu, error) || !count_buffers (&rec, 1, error))
    return FALSE;
  for (guint j = 0; j < rec->n_used; j++) {
    guint64 value =
        submit_buffers (gpu, &g_array_index (rec->buffers, VkCommandBuffer, j), 1, &rec, 1, error);

    if (!value || !clip_gpu_wait (gpu, value, G_MAXUINT64, error))
      return FALSE;
    if (clip_gpu_recording_failed (rec)) {
      g_propagate_error (error, g_error_copy (rec->error));
      return FALSE;
    }
  }
  return TRUE;
}

static VkResult
wait_slice (ClipGpu *gpu, guint64 value, guint64 timeout_ns)
{
  const VkSemaphoreWaitInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
    .semaphoreCount = 1,
    .pSemaphores = &gpu->timeline,
    .pValues = &value,
  };

  return gpu->vk.WaitSemaphores (gpu->device, &info, timeout_ns);
}

/* Who waits, and since when it has seen nothing finish. */
typedef struct {
  guint64 reached; /* of the timeline, when it was last looked at */
  gint64 looked_us, idle_us;
} Watch;

static Watch
start_watch (void)
{
  return (Watch){ .looked_us = g_get_monotonic_time () };
}

/* Asked after each slice in vain. */
static gboolean
is_stuck (ClipGpu *gpu, Watch *watch, gint64 patience_us)
{
  const gint64 now = g_get_monotonic_time ();
  guint64 reached = watch->reached;

  gpu->vk.GetSemaphoreCounterValue (gpu->device, gpu->timeline, &reached);
  /* a process that was stopped for a while has not watched the device that long */
  watch->idle_us =
      reached == watch->reached ? watch->idle_us + MIN (now - watch->looked_us, 2 * SLICE_US) : 0;
  watch->looked_us = now;
  watch->reached = reached;
  return watch->idle_us >= patience_us;
}

static void
give_up (ClipGpu *gpu)
{
  g_atomic_int_set (&gpu->hangs, TRUE);
  g_atomic_int_set (&gpu->lost, TRUE);
}

gboolean
clip_gpu_wait (ClipGpu *gpu, guint64 value, guint64 timeout_ns, GError **error)
{
  guint64 start = (guint64)g_get_monotonic_time () * 1000;
  Watch watch = start_watch ();
  VkResult r;

  do {
    guint64 spent = (guint64)g_get_monotonic_time () * 1000 - start;
    guint64 left = timeout_ns > spent ? timeout_ns - spent : 0;
    if (!clip_gpu_usable (gpu, error))
      return FALSE;
    r = wait_slice (gpu, value, MIN (left, SLICE_NS));
    if (left <= SLICE_NS)
      break;
    if (r == VK_TIMEOUT && is_stuck (gpu, &watch, gpu->patience_us))
      give_up (gpu);
  } while (r == VK_TIMEOUT);

  if (r != VK_SUCCESS && r != VK_TIMEOUT && r != VK_ERROR_DEVICE_LOST)
    clip_gpu_drain (gpu, value);
  if (!clip_gpu_check (gpu, "WaitSemaphores", r, error) || !clip_gpu_usable (gpu, error))
    return FALSE;
  note_finished (gpu, value);
  return TRUE;
}

gboolean
clip_gpu_has_reached (ClipGpu *gpu, guint64 value)
{
  if (!clip_gpu_usable (gpu, NULL) || wait_slice (gpu, value, 0) != VK_SUCCESS)
    return FALSE;
  note_finished (gpu, value);
  return TRUE;
}

void
clip_gpu_drain (ClipGpu *gpu, guint64 value)
{
  Watch watch = start_watch ();
  VkResult r = VK_TIMEOUT;

  while (value && !g_atomic_int_get (&gpu->hangs)
         && (r = wait_slice (gpu, value, SLICE_NS)) != VK_SUCCESS) {
    const gint64 patience =
        clip_gpu_is_lost (gpu) ? MIN (gpu->patience_us, LOST_PATIENCE_US) : gpu->patience_us;

    clip_gpu_check (gpu, "WaitSemaphores", r, NULL);
    if (r == VK_ERROR_DEVICE_LOST)
      return; /* nothing of it runs any more */
    if (is_stuck (gpu, &watch, patience)) {
      give_up (gpu);
      g_warning ("%s does not finish its work: what it may still use is not freed", gpu->info.name);
    }
    if (r != VK_TIMEOUT) /* such as a lack of memory: freeing too early would be worse */
      g_usleep (1000);
  }
}
