/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cosines of an embedding with all texts, and the best of them. */
#include "gst-clip/engine/internal.h"

#include <string.h>

static gboolean
fit (ClipGpuBuffer **buffer, ClipGpu *gpu, ClipGpuMemory memory, gsize bytes, const gchar *name,
     GError **error)
{
  if (*buffer && (*buffer)->size >= bytes)
    return TRUE;
  g_clear_pointer (buffer, clip_gpu_buffer_free);
  *buffer = clip_gpu_buffer_new (gpu, memory, bytes, name, error);
  return *buffer != NULL;
}

static gboolean
make_buffers (ClipJobScores *s, ClipGpu *gpu, const ClipTexts *texts, GError **error)
{
  const gsize best = s->n_best * sizeof (ClipTopk);

  s->best_at = texts->rows * sizeof (float);
  return fit (&s->cosines, gpu, CLIP_GPU_MEMORY_DEVICE, clip_matrix_bytes (1, texts->rows),
              "cosines", error)
         && fit (&s->result, gpu, CLIP_GPU_MEMORY_READBACK, s->best_at + best, "score result",
                 error)
         && (s->n_best == 0
             || fit (&s->ranking, gpu, CLIP_GPU_MEMORY_DEVICE,
                     clip_topk_scratch_bytes (texts->n_labels) + best, "ranking", error));
}

static void
record_best (ClipJobScores *s, ClipGpuRecording *rec)
{
  ClipEngine *e = s->texts->engine;
  const guint32 n_labels = s->texts->n_labels;
  const gsize scratch = clip_topk_scratch_bytes (n_labels);

  clip_kernel_topk (e->score_kernels, rec, s->cosines->address, n_labels, s->n_best,
                    s->ranking->address, s->ranking->address + scratch);
  clip_gpu_recording_copy (rec, s->ranking, scratch, s->result, s->best_at,
                           s->n_best * sizeof (ClipTopk));
}

gboolean
clip_job_scores_fit (ClipJobScores *s, ClipTexts *texts, guint top_k, GError **error)
{
  const gboolean many =
      texts->n_labels > CLIP_RANK_MIN_LABELS && texts->n_labels <= CLIP_TOPK_MAX_N;

  if (s->texts == texts && s->top_k == top_k)
    return TRUE;
  g_clear_pointer (&s->texts, clip_texts_unref);
  s->top_k = top_k;
  s->n_best = many && top_k <= CLIP_RANK_MAX ? top_k : 0;
  if (texts->rows > 0 && !make_buffers (s, texts->engine->gpu, texts, error))
    return FALSE;
  s->texts = clip_texts_ref (texts);
  return TRUE;
}

void
clip_job_scores_record (ClipJobScores *s, ClipGpuRecording *rec, const ClipMatrix *embedding)
{
  ClipEngine *e = s->texts->engine;
  const guint32 n = s->texts->rows;
  const ClipMatrix cosines = { s->cosines->address, 1, n, clip_ld (n) };

  clip_kernel_gemm (
      e->score_kernels, rec,
      &(ClipGemm){ .a = *embedding, .weights = s->texts->buffer->address, .c = cosines });
  clip_gpu_recording_copy (rec, s->cosines, 0, s->result, 0, n * sizeof (float));
  if (s->n_best > 0)
    record_best (s, rec);
}

void
clip_job_scores_read (const ClipJobScores *s, float *similarities, float *negative_similarities)
{
  const ClipTexts *texts = s->texts;
  const float *cosines = s->result->map;

  if (similarities)
    memcpy (similarities, cosines, texts->n_labels * sizeof (float));
  if (negative_similarities)
    memcpy (negative_similarities, cosines + texts->n_labels,
            (texts->n_negatives + texts->n_background) * sizeof (float));
}

void
clip_job_scores_clear (ClipJobScores *s)
{
  clip_texts_unref (s->texts);
  clip_gpu_buffer_free (s->cosines);
  clip_gpu_buffer_free (s->ranking);
  clip_gpu_buffer_free (s->result);
}

gboolean
clip_job_scores_warm_up (ClipEngine *e, GError **error)
{
  const guint32 n = 1, k = 1;
  const gsize scratch = clip_topk_scratch_bytes (n);
  g_autoptr (ClipGpuBuffer) values =
      clip_gpu_buffer_new (e->gpu, CLIP_GPU_MEMORY_DEVICE, n * sizeof (float), "warm-up", error);
  g_autoptr (ClipGpuBuffer) ranking = NULL;
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (e->gpu, "warm-up");
  guint64 value = 0;

  if (values == NULL)
    return FALSE;
  ranking = clip_gpu_buffer_new (e->gpu, CLIP_GPU_MEMORY_DEVICE, scratch + k * sizeof (ClipTopk),
                                 "warm-up", error);
  if (ranking == NULL)
    return FALSE;
  clip_gpu_recording_begin (rec);
  clip_kernel_topk (e->score_kernels, rec, values->address, n, k, ranking->address,
                    ranking->address + scratch);
  if (!clip_gpu_recording_end (rec, error))
    return FALSE;
  value = clip_gpu_submit (e->gpu, &rec, 1, error);
  return value != 0 && clip_gpu_wait (e->gpu, value, G_MAXUINT64, error);
}
