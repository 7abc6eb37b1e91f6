/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a picture stand still? Two pictures as the tower would read them, and their difference. */
#include "gst-clip/engine/batch.h"
#include "gst-clip/engine/internal.h"

/* From black to white in what preprocessing leaves, see clip_kernel_preprocess(). */
#define RANGE (255.0 / 128.0)

/**
 * ClipStill:
 * @pictures: inputs of the tower; [@newest] is the one measured last, the other one is kept
 * @sums, @result: parts of their difference, on the device and mapped
 * @values: numbers in a picture, of which @counting are pixels; the rest is equal in both
 */
struct _ClipStill {
  ClipEngine *engine;
  ClipGpuBuffer *pictures[2];
  ClipMatrix rows[2];
  ClipGpuBuffer *sums, *result;
  ClipGpuRecording *rec;
  guint newest;
  gboolean keeps;
  gsize values, counting;
};

ClipStill *
clip_still_new (ClipEngine *engine, GError **error)
{
  const gsize bytes = CLIP_DIFFERENCE_SUMS * sizeof (float);
  const ClipPreprocessSpec *spec = &clip_model_config (engine->model)->preprocess;
  const guint32 side =
      spec->pixels ? spec->crop_size : spec->crop_size / spec->patch_size * spec->patch_size;
  g_autoptr (ClipStill) still = g_new0 (ClipStill, 1);

  still->engine = clip_engine_ref (engine);
  for (guint i = 0; i < 2; i++) {
    still->pictures[i] =
        clip_tower_input_new (engine->kernels, engine->vision, 1, &still->rows[i], error);
    if (still->pictures[i] == NULL)
      return NULL;
  }
  still->values = (gsize)still->rows[0].rows * still->rows[0].ld;
  still->counting = 3 * (gsize)side * side;
  still->sums = clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "sums", error);
  if (still->sums)
    still->result =
        clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_READBACK, bytes, "difference", error);
  still->rec = clip_gpu_recording_new (engine->gpu, "still");
  return still->result ? g_steal_pointer (&still) : NULL;
}

void
clip_still_free (ClipStill *still)
{
  if (still == NULL)
    return;
  clip_gpu_recording_free (still->rec);
  clip_gpu_buffer_free (still->result);
  clip_gpu_buffer_free (still->sums);
  clip_gpu_buffer_free (still->pictures[0]);
  clip_gpu_buffer_free (still->pictures[1]);
  clip_engine_unref (still->engine);
  g_free (still);
}

static gboolean
record (ClipStill *still, ClipJob *job, GError **error)
{
  ClipKernels *kernels = still->engine->kernels;

  clip_gpu_recording_begin (still->rec);
  clip_kernel_preprocess (kernels, still->rec, job->pre, &still->rows[still->newest], 0);
  clip_kernel_difference (kernels, still->rec, still->rows[0].address, still->rows[1].address,
                          still->values, still->sums->address);
  clip_gpu_recording_copy (still->rec, still->sums, 0, still->result, 0, still->sums->size);
  return clip_gpu_recording_end (still->rec, error);
}

gboolean
clip_still_measure (ClipStill *still, ClipJob *job, gdouble *change, GError **error)
{
  ClipGpu *gpu = still->engine->gpu;
  gdouble sum = 0.0;

  g_return_val_if_fail (job->engine == still->engine && !job->running, FALSE);
  *change = 1.0;
  if (!clip_engine_check (still->engine, error) || !record (still, job, error))
    return FALSE;
  const guint64 value = clip_gpu_submit (gpu, &still->rec, 1, error);
  if (value == 0 || !clip_gpu_wait (gpu, value, G_MAXUINT64, error))
    return FALSE;
  for (guint i = 0; i < CLIP_DIFFERENCE_SUMS; i++)
    sum += ((const float *)still->result->map)[i];
  if (still->keeps)
    *change = sum / (RANGE * still->counting);
  return TRUE;
}

void
clip_still_keep (ClipStill *still)
{
  still->newest = !still->newest;
  still->keeps = TRUE;
}

void
clip_still_forget (ClipStill *still)
{
  still->keeps = FALSE;
}
