/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One frame: staging memory, recordings, result. */
#include "gst-clip/engine/internal.h"

#include <string.h>

static void
record_tower (ClipJob *job, ClipGpuRecording *rec, const ClipGpuBuffer *hidden)
{
  ClipEngine *e = job->engine;
  const ClipTowerWeights *t = e->vision;
  ClipMatrix patches = { job->patches->address, t->tokens, t->patch_k, clip_stride (t->patch_k) };
  const guint32 class_token = 0;
  ClipTowerRun run = { .batch = 1,
                       .tokens = t->tokens,
                       .patches = patches,
                       .pool_rows = &class_token,
                       .embeds = job->head.raw_matrix,
                       .hidden = hidden };

  clip_gpu_recording_mark (rec, "preprocess");
  clip_kernel_preprocess (e->kernels, rec, job->pre, &patches, 0);
  clip_gpu_recording_mark (rec, "encode");
  clip_tower_record (e->kernels, rec, t, e->activations, &run);
}

void
clip_job_record_hidden (ClipJob *job, ClipGpuRecording *rec, const ClipGpuBuffer *hidden)
{
  record_tower (job, rec, hidden);
}

static gboolean
record_encode (ClipJob *job, GError **error)
{
  clip_gpu_recording_begin (job->encode);
  record_tower (job, job->encode, NULL);
  clip_head_record (&job->head, job->engine, job->encode, 1);
  return clip_gpu_recording_end (job->encode, error);
}

ClipJob *
clip_job_new (ClipEngine *engine, const ClipFrameInfo *info, GError **error)
{
  g_autoptr (ClipJob) job = NULL;
  const ClipModelConfig *config = clip_model_config (engine->model);

  if (!clip_engine_check (engine, error))
    return NULL;
  job = g_new0 (ClipJob, 1);
  job->engine = clip_engine_ref (engine);
  job->pre = clip_preprocess_new (engine->kernels, &config->preprocess, info, error);
  if (job->pre == NULL || !clip_head_init (&job->head, engine, 1, error))
    return NULL;
  job->patches = clip_gpu_buffer_new (
      engine->gpu, CLIP_GPU_MEMORY_DEVICE,
      clip_matrix_bytes (engine->vision->tokens, engine->vision->patch_k), "patches", error);
  if (job->patches == NULL)
    return NULL;
  job->encode = clip_gpu_recording_new (engine->gpu, "encode");
  job->score = clip_gpu_recording_new (engine->gpu, "score");
  if (!record_encode (job, error))
    return NULL;
  return g_steal_pointer (&job);
}

void
clip_job_free (ClipJob *job)
{
  if (job == NULL)
    return;
  clip_gpu_recording_free (job->encode);
  clip_gpu_recording_free (job->score);
  clip_texts_unref (job->score_texts);
  clip_gpu_buffer_free (job->scores);
  clip_gpu_buffer_free (job->score_result);
  clip_gpu_buffer_free (job->patches);
  clip_head_clear (&job->head);
  clip_preprocess_free (job->pre);
  clip_engine_unref (job->engine);
  g_free (job);
}

void
clip_job_load (ClipJob *job, const ClipFramePlanes *planes)
{
  gint64 start = g_get_monotonic_time ();

  clip_preprocess_load (job->pre, planes);
  job->times.load = (g_get_monotonic_time () - start) * 1000;
}

/* Cosines with every text; recorded anew only when the texts change. */
static gboolean
record_score (ClipJob *job, ClipTexts *texts, GError **error)
{
  ClipEngine *e = job->engine;
  guint32 n = texts->rows;
  gsize bytes = clip_matrix_bytes (1, n);
  ClipMatrix scores = { 0, 1, n, clip_ld (n) };

  if (job->score_texts == texts)
    return TRUE;
  g_clear_pointer (&job->score_texts, clip_texts_unref);
  if (job->scores == NULL || job->scores->size < bytes) {
    g_clear_pointer (&job->scores, clip_gpu_buffer_free);
    g_clear_pointer (&job->score_result, clip_gpu_buffer_free);
    job->scores = clip_gpu_buffer_new (e->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "scores", error);
    if (job->scores == NULL)
      return FALSE;
    job->score_result =
        clip_gpu_buffer_new (e->gpu, CLIP_GPU_MEMORY_READBACK, bytes, "score result", error);
    if (job->score_result == NULL)
      return FALSE;
  }
  scores.address = job->scores->address;
  clip_gpu_recording_begin (job->score);
  clip_gpu_recording_mark (job->score, "score");
  clip_kernel_gemm (e->score_kernels, job->score,
                    &(ClipGemm){ .a = job->head.normalised_matrix,
                                 .weights = texts->buffer->address,
                                 .c = scores });
  clip_gpu_recording_copy (job->score, job->scores, 0, job->score_result, 0, n * sizeof (float));
  if (!clip_gpu_recording_end (job->score, error))
    return FALSE;
  job->score_texts = clip_texts_ref (texts);
  return TRUE;
}

static void
add_times (ClipJobTimes *times, ClipGpuRecording *rec)
{
  const gchar *stages[8];
  guint64 ns[8];
  guint n = clip_gpu_recording_get_times (rec, stages, ns, G_N_ELEMENTS (ns));

  for (guint i = 0; i < n; i++) {
    if (g_str_equal (stages[i], "preprocess"))
      times->preprocess = ns[i];
    else if (g_str_equal (stages[i], "encode"))
      times->encode = ns[i];
    else if (g_str_equal (stages[i], "score"))
      times->score = ns[i];
  }
}

gboolean
clip_job_run (ClipJob *job, ClipTexts *texts, float *similarities, float *negative_similarities,
              GError **error)
{
  ClipEngine *e = job->engine;
  gboolean scored = texts->rows > 0;
  ClipGpuRecording *recs[] = { job->encode, job->score };
  gint64 start = g_get_monotonic_time ();
  guint64 value = 0;

  g_return_val_if_fail (texts->engine == e, FALSE);
  if (!clip_engine_check (e, error) || (scored && !record_score (job, texts, error)))
    return FALSE;
  value = clip_gpu_submit (e->gpu, recs, scored ? 2 : 1, error);
  if (value == 0 || !clip_gpu_wait (e->gpu, value, G_MAXUINT64, error))
    return FALSE;

  job->times.total = (g_get_monotonic_time () - start) * 1000;
  add_times (&job->times, job->encode);
  if (scored)
    add_times (&job->times, job->score);
  if (!clip_head_finite (&job->head, 0)) {
    clip_engine_clear_activations (e);
    g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE,
                 "model %s gave an embedding that is not finite", clip_model_name (e->model));
    return FALSE;
  }
  if (scored && similarities)
    memcpy (similarities, job->score_result->map, texts->n_labels * sizeof (float));
  if (scored && negative_similarities)
    memcpy (negative_similarities, (const float *)job->score_result->map + texts->n_labels,
            (texts->n_negatives + texts->n_background) * sizeof (float));
  return TRUE;
}

const float *
clip_job_embedding (ClipJob *job, guint *dim)
{
  *dim = job->head.normalised_matrix.cols;
  return clip_head_normalised (&job->head, 0);
}

const float *
clip_job_raw_embedding (ClipJob *job)
{
  return clip_head_raw (&job->head, 0);
}

ClipJobTimes
clip_job_times (ClipJob *job)
{
  return job->times;
}
