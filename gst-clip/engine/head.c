/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What follows a tower: normalisation and reading back. */
#include "gst-clip/engine/internal.h"

gboolean
clip_head_init (ClipHead *head, ClipEngine *engine, guint32 batch, gboolean read_back,
                GError **error)
{
  guint32 dim = clip_model_config (engine->model)->projection;
  gsize bytes = clip_matrix_bytes (batch, dim);

  head->raw = clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "embeddings", error);
  if (head->raw == NULL)
    return FALSE;
  head->normalised = clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_DEVICE, bytes,
                                          "normalised embeddings", error);
  if (head->normalised == NULL)
    return FALSE;
  head->flags = clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_DEVICE, batch * sizeof (guint32),
                                     "flags", error);
  if (head->flags == NULL)
    return FALSE;
  head->raw_matrix = (ClipMatrix){ head->raw->address, batch, dim, clip_ld (dim) };
  head->normalised_matrix = (ClipMatrix){ head->normalised->address, batch, dim, clip_ld (dim) };
  if (read_back)
    head->result = clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_READBACK,
                                        2 * bytes + batch * sizeof (guint32), "result", error);
  return !read_back || head->result != NULL;
}

void
clip_head_clear (ClipHead *head)
{
  clip_gpu_buffer_free (head->raw);
  clip_gpu_buffer_free (head->normalised);
  clip_gpu_buffer_free (head->flags);
  clip_gpu_buffer_free (head->result);
  *head = (ClipHead){ 0 };
}

void
clip_head_record (ClipHead *head, ClipEngine *engine, ClipGpuRecording *rec, guint32 batch)
{
  ClipMatrix raw = head->raw_matrix, normalised = head->normalised_matrix;
  gsize bytes = (gsize)batch * raw.ld * sizeof (float);

  raw.rows = normalised.rows = batch;
  clip_kernel_l2norm (engine->kernels, rec, &raw, &normalised, head->flags->address);
  if (head->result == NULL)
    return;
  clip_gpu_recording_copy (rec, head->raw, 0, head->result, 0, bytes);
  clip_gpu_recording_copy (rec, head->normalised, 0, head->result, head->raw->size, bytes);
  clip_gpu_recording_copy (rec, head->flags, 0, head->result, 2 * head->raw->size,
                           batch * sizeof (guint32));
}

const float *
clip_head_raw (const ClipHead *head, guint32 row)
{
  return (const float *)head->result->map + (gsize)row * head->raw_matrix.ld;
}

const float *
clip_head_normalised (const ClipHead *head, guint32 row)
{
  return (const float *)((const guint8 *)head->result->map + head->raw->size)
         + (gsize)row * head->raw_matrix.ld;
}

gboolean
clip_head_finite (const ClipHead *head, guint32 row)
{
  return ((const guint32 *)((const guint8 *)head->result->map + 2 * head->raw->size))[row] == 0;
}

static gsize
row_bytes (const ClipHead *head)
{
  return head->raw_matrix.ld * sizeof (float);
}

gsize
clip_head_row_bytes (const ClipHead *head)
{
  return 2 * row_bytes (head) + sizeof (guint32);
}

void
clip_head_record_row (const ClipHead *head, ClipGpuRecording *rec, guint32 row,
                      const ClipGpuBuffer *to)
{
  const gsize bytes = row_bytes (head);

  clip_gpu_recording_copy (rec, head->raw, row * bytes, to, 0, bytes);
  clip_gpu_recording_copy (rec, head->normalised, row * bytes, to, bytes, bytes);
  clip_gpu_recording_copy (rec, head->flags, row * sizeof (guint32), to, 2 * bytes,
                           sizeof (guint32));
}
