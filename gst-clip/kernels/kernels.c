/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/preprocess_taps.h"
#include "gst-clip/kernels/tune_internal.h"

void
clip_kernels_free (ClipKernels *kernels)
{
  if (!kernels)
    return;
  clip_kernels_free (kernels->ends);
  clip_tuning_free (kernels->tuning);
  clip_taps_cache_free (kernels->taps);
  g_free (kernels);
}

ClipGpu *
clip_kernels_gpu (ClipKernels *kernels)
{
  return kernels->gpu;
}

ClipWeightType
clip_kernels_weight_type (ClipKernels *kernels)
{
  return kernels->weights;
}

ClipElement
clip_kernels_operands (ClipKernels *kernels)
{
  return kernels->operands;
}

ClipKernels *
clip_kernels_ends (ClipKernels *kernels)
{
  return kernels->ends ? kernels->ends : kernels;
}

void
clip_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGpuShader *shader,
             const guint32 *constants, guint n_constants, gconstpointer push, guint32 x, guint32 y,
             guint32 z, guint64 cost_ns)
{
  GError *error = NULL;
  ClipGpuPipeline *pipeline = NULL;

  if (clip_gpu_recording_failed (rec))
    return;
  pipeline = clip_gpu_pipeline (kernels->gpu, shader, constants, n_constants, &error);
  if (!pipeline) {
    clip_gpu_recording_fail (rec, error);
    return;
  }
  clip_gpu_recording_dispatch (rec, pipeline, push, shader->push_bytes, x, y, z, cost_ns);
}
