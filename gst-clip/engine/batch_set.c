/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What batches share: patches, activations, embeddings, recordings of the tower. */
#include "gst-clip/engine/internal.h"

/* Each buffer is followed by zeros, see ClipGpuBuffer. */
#define BUFFER_OVERHEAD (64u << 10)
#define N_BUFFERS       4 /* of a set, and of activations */
#define N_ACTIVATIONS   8

gsize
clip_batch_set_bytes (const ClipBatchSet *one, ClipEngine *e, guint capacity)
{
  const gsize head = clip_matrix_bytes (capacity, e->vision->projection);
  const gsize picture = (gsize)one->patch_rows.rows * one->patch_rows.ld * sizeof (float);
  gsize bytes =
      one->patches->size + (capacity - 1) * picture + 2 * head + N_BUFFERS * BUFFER_OVERHEAD;

  if (!clip_activations_hold (e->activations, e->kernels, e->vision, capacity))
    bytes +=
        clip_activations_bytes (e->kernels, e->vision, capacity) + N_ACTIVATIONS * BUFFER_OVERHEAD;
  return bytes;
}

ClipMatrix
clip_batch_set_patches (const ClipBatchSet *set, guint row)
{
  ClipMatrix m = set->patch_rows;

  m.rows /= set->capacity;
  m.address += (gsize)row * m.rows * m.ld * sizeof (float);
  return m;
}

void
clip_batch_set_record (const ClipBatchSet *set, ClipEngine *e, ClipGpuRecording *rec, guint n,
                       const ClipGpuBuffer *hidden)
{
  guint32 pool_rows[CLIP_BATCH_MAX];
  ClipTowerRun run = { .batch = n,
                       .tokens = e->vision->tokens,
                       .patches = set->patch_rows,
                       .pool_rows = pool_rows,
                       .embeds = set->head.raw_matrix,
                       .hidden = hidden };

  for (guint i = 0; i < n; i++)
    pool_rows[i] = i * e->vision->tokens;
  run.patches.rows = set->patch_rows.rows / set->capacity * n;
  run.embeds.rows = n;
  clip_gpu_recording_mark (rec, "encode");
  clip_tower_record (e->kernels, rec, e->vision, set->activations, &run);
}

ClipGpuRecording *
clip_batch_set_tower (ClipBatchSet *set, ClipEngine *e, guint flight, guint n, GError **error)
{
  ClipGpuRecording **place = &set->towers[flight][n];
  g_autoptr (ClipGpuRecording) rec = NULL;

  g_assert (n > 0 && n <= set->capacity);
  if (*place)
    return *place;
  rec = clip_gpu_recording_new (e->gpu, "encode");
  clip_gpu_recording_begin (rec);
  clip_batch_set_record (set, e, rec, n, NULL);
  clip_head_record (&set->head, e, rec, n);
  if (!clip_gpu_recording_end (rec, error))
    return NULL;
  return *place = g_steal_pointer (&rec);
}

ClipGpuRecording *
clip_batch_set_clear (ClipBatchSet *set, ClipEngine *e, GError **error)
{
  g_autoptr (ClipGpuRecording) rec = NULL;

  if (set->clear)
    return set->clear;
  rec = clip_gpu_recording_new (e->gpu, "clear");
  clip_gpu_recording_begin (rec);
  clip_activations_clear (set->activations, rec);
  if (!clip_gpu_recording_end (rec, error))
    return NULL;
  return set->clear = g_steal_pointer (&rec);
}

/* On GPUs each size may need kernels of its own: made now, and not while frames wait. */
static gboolean
make_pipelines (ClipBatchSet *set, ClipEngine *e, GError **error)
{
  const gboolean cpu = clip_gpu_info (e->gpu)->is_cpu;

  for (guint n = set->capacity; n > 0; n = cpu ? n / 2 : n - 1)
    if (!clip_batch_set_tower (set, e, 0, n, error))
      return FALSE;
  return TRUE;
}

ClipBatchSet *
clip_batch_set_new (ClipEngine *e, guint capacity, GError **error)
{
  static gint serial = 0;
  g_autoptr (ClipBatchSet) set = g_new0 (ClipBatchSet, 1);

  set->refs = 1;
  set->serial = (guint)g_atomic_int_add (&serial, 1) + 1;
  set->capacity = capacity;
  set->activations = e->activations;
  if (!clip_activations_hold (e->activations, e->kernels, e->vision, capacity)) {
    set->own_activations =
        clip_activations_new (e->kernels, e->vision, capacity, NULL, NULL, NULL, 0, error);
    if (set->own_activations == NULL)
      return NULL;
    set->activations = set->own_activations;
  }
  set->patches = clip_tower_input_new (e->kernels, e->vision, capacity, &set->patch_rows, error);
  if (set->patches == NULL || !clip_head_init (&set->head, e, capacity, FALSE, error)
      || !make_pipelines (set, e, error))
    return NULL;
  return g_steal_pointer (&set);
}

void
clip_batch_set_free (ClipBatchSet *set)
{
  if (set == NULL)
    return;
  for (guint f = 0; f < CLIP_BATCH_FLIGHTS; f++)
    for (guint n = 0; n <= set->capacity; n++)
      clip_gpu_recording_free (set->towers[f][n]);
  clip_gpu_recording_free (set->clear);
  clip_activations_free (set->own_activations);
  clip_gpu_buffer_free (set->patches);
  clip_head_clear (&set->head);
  g_free (set);
}
