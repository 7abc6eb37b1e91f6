/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/packer.h"

#include <string.h>

#include "gst-clip/engine/engine.h"

#define ALIGN_BYTES 256

static gsize
align (gsize bytes)
{
  return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

gboolean
clip_weights_go_on (ClipWeightsProgress progress, guint done, guint total, gpointer data,
                    GError **error)
{
  if (!progress || progress (done, total, data))
    return TRUE;
  g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED, "loading was cancelled");
  return FALSE;
}

float *
clip_weights_read (const ClipModel *model, const gchar *name, guint64 rows, guint64 per_row,
                   GError **error)
{
  g_autofree float *values = g_try_new (float, MAX (rows * per_row, 1));

  if (values == NULL) {
    g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_MEMORY,
                 "no host memory to read tensor %s", name);
    return NULL;
  }
  if (!clip_model_read (model, name, 0, rows, values, error))
    return NULL;
  return g_steal_pointer (&values);
}

ClipGpuBuffer *
clip_packer_open (ClipPacker *packer, ClipKernels *kernels, gsize bytes, const gchar *name,
                  GError **error)
{
  ClipGpuBuffer *buffer =
      clip_gpu_buffer_new (clip_kernels_gpu (kernels), CLIP_GPU_MEMORY_DEVICE, bytes, name, error);

  *packer = (ClipPacker){ kernels, buffer, 0 };
  return buffer;
}

gsize
clip_packer_rows_bytes (guint32 rows, guint32 cols)
{
  return align ((gsize)rows * clip_ld (cols) * sizeof (float));
}

gsize
clip_packer_vector_bytes (guint32 n)
{
  return clip_packer_rows_bytes (1, n);
}

gsize
clip_packer_matrix_bytes (ClipKernels *kernels, guint32 n, guint32 k)
{
  return align (clip_gemm_packed_bytes (kernels, n, k));
}

static VkDeviceAddress
place (ClipPacker *p, gconstpointer data, gsize size, GError **error)
{
  const VkDeviceAddress address = p->buffer->address + p->used;

  g_assert (p->used + size <= p->buffer->size);
  if (!clip_gpu_buffer_upload (p->buffer, p->used, data, size, error))
    return 0;
  p->used += align (size);
  return address;
}

static gpointer
host_memory (gsize bytes, GError **error)
{
  gpointer memory = g_try_malloc0 (bytes);

  if (memory == NULL)
    g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_MEMORY,
                 "no host memory for %" G_GSIZE_FORMAT " bytes of weights", bytes);
  return memory;
}

VkDeviceAddress
clip_packer_rows (ClipPacker *p, const float *values, guint32 rows, guint32 cols, GError **error)
{
  const gsize bytes = (gsize)rows * clip_ld (cols) * sizeof (float);
  g_autofree float *padded = host_memory (bytes, error);

  if (padded == NULL)
    return 0;
  for (guint32 r = 0; r < rows; r++)
    memcpy (padded + (gsize)r * clip_ld (cols), values + (gsize)r * cols, cols * sizeof (float));
  return place (p, padded, bytes, error);
}

VkDeviceAddress
clip_packer_vector (ClipPacker *p, const float *values, guint32 n, GError **error)
{
  return clip_packer_rows (p, values, 1, n, error);
}

VkDeviceAddress
clip_packer_matrix (ClipPacker *p, const float *rows, guint32 n, guint32 k, GError **error)
{
  const gsize bytes = clip_gemm_packed_bytes (p->kernels, n, k);
  g_autofree gpointer packed = host_memory (bytes, error);

  if (packed == NULL)
    return 0;
  clip_gemm_pack (p->kernels, n, k, 0, n, rows, packed);
  return place (p, packed, bytes, error);
}
