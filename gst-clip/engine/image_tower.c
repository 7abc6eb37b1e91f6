/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/image_tower.h"

const ClipImageTower *
clip_image_tower_of (ClipTowerKind kind)
{
  static const ClipImageTower *const towers[] = {
    [CLIP_TOWER_VIT] = NULL,
    [CLIP_TOWER_RESNET] = &clip_image_tower_resnet,
    [CLIP_TOWER_FASTVIT] = &clip_image_tower_fastvit,
  };

  return towers[kind];
}

/* Buffers ------------------------------------------------------------------- */

gboolean
clip_activation_make (ClipKernels *kernels, ClipGpuBuffer **buffer, gsize bytes, const gchar *name,
                      GError **error)
{
  *buffer = clip_gpu_buffer_new (clip_kernels_gpu (kernels), CLIP_GPU_MEMORY_DEVICE, MAX (bytes, 4),
                                 name, error);
  return *buffer != NULL;
}

ClipMatrix
clip_activation_matrix (const ClipGpuBuffer *buffer, guint32 rows, guint32 cols)
{
  g_assert (clip_matrix_bytes (rows, cols) <= buffer->size);

  return (ClipMatrix){ buffer->address, rows, cols, clip_stride (cols), CLIP_ELEMENT_F32 };
}

void
clip_activation_clear (ClipGpuRecording *rec, const ClipGpuBuffer *buffer)
{
  if (buffer)
    clip_gpu_recording_fill (rec, buffer, 0, buffer->size / 4 * 4, 0);
}
