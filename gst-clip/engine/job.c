/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One frame: staging memory, recordings, result. */
#include "gst-clip/engine/internal.h"

static void
record_tower (ClipJob *job, ClipGpuRecording *rec, const ClipGpuBuffer *hidden)
{
  ClipEngine *e = job->engine;
  const ClipTowerWeights *t = e->vision;
  const guint32 class_token = 0;
  ClipTowerRun run = { .batch = 1,
                       .tokens = t->tokens,
                       .patches = job->patch_rows,
                       .pool_rows = &class_token,
                       .embeds = job->head.raw_matrix,
                       .hidden = hidden };

  clip_gpu_recording_mark (rec, "preprocess");
  clip_kernel_preprocess (e->kernels, rec, job->pre, &job->patch_rows, 0);
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
  job->patches = clip_tower_input_new (engine->kernels, engine->vision, 1, &job->patch_rows, error);
  if (job->patches == NULL)
    return NULL;
  job->encode = clip_gpu_recording_new (engine->gpu, "encode");
  if (!record_encode (job, error))
    return NULL;
  return g_steal_pointer (&job);
}

void
clip_job_free (ClipJob *job)
{
  if (job == NULL)
    return;
  if (job->value)
    g_atomic_int_add (&job->engine->running, -1);
  clip_gpu_recording_free (job->encode);
  clip_job_scores_clear (&job->scores);
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

static gboolean
submit (ClipJob *job, GError **error)
{
  ClipGpuRecording *recs[] = { job->encode, job->scores.rec };

  job->value = clip_gpu_submit (job->engine->gpu, recs, job->scored ? 2 : 1, error);
  return job->value != 0;
}

gboolean
clip_job_start (ClipJob *job, ClipTexts *texts, GError **error)
{
  ClipEngine *e = job->engine;

  g_return_val_if_fail (texts->engine == e && job->value == 0, FALSE);
  job->scored = FALSE;
  job->started = g_get_monotonic_time ();
  if (!clip_engine_check (e, error))
    return FALSE;
  if (texts->rows > 0
      && !clip_job_scores_record (&job->scores, &job->head.normalised_matrix, texts, job->top_k,
                                  error))
    return FALSE;
  job->scored = texts->rows > 0;
  if (!submit (job, error))
    return FALSE;
  job->shared = g_atomic_int_add (&e->running, 1) > 0;
  return TRUE;
}

static gboolean
set_not_finite (ClipJob *job, GError **error)
{
  g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE,
               "model %s gave an embedding that is not finite",
               clip_model_name (job->engine->model));
  return FALSE;
}

/* Activations are shared, and what is not finite stays in their padding: whoever was queued behind
 * it may only have inherited it, and gets a second chance. */
static gboolean
wait_finite (ClipJob *job, GError **error)
{
  ClipEngine *e = job->engine;

  for (guint tries = job->shared ? 2 : 1; tries > 0; tries--) {
    if (!clip_gpu_wait (e->gpu, job->value, G_MAXUINT64, error))
      return FALSE;
    if (clip_head_finite (&job->head, 0))
      return TRUE;
    clip_engine_clear_activations (e);
    if (tries > 1 && !submit (job, error))
      return FALSE;
  }
  return set_not_finite (job, error);
}

gboolean
clip_job_wait (ClipJob *job, float *similarities, float *negative_similarities, GError **error)
{
  gboolean ok = FALSE;

  g_return_val_if_fail (job->value != 0, FALSE);
  ok = clip_engine_check (job->engine, error) && wait_finite (job, error);
  job->value = 0;
  g_atomic_int_add (&job->engine->running, -1);
  if (!ok) {
    job->scored = FALSE;
    return FALSE;
  }

  job->times.total = (g_get_monotonic_time () - job->started) * 1000;
  add_times (&job->times, job->encode);
  if (job->scored) {
    add_times (&job->times, job->scores.rec);
    clip_job_scores_read (&job->scores, similarities, negative_similarities);
  }
  return TRUE;
}

gboolean
clip_job_run (ClipJob *job, ClipTexts *texts, float *similarities, float *negative_similarities,
              GError **error)
{
  return clip_job_start (job, texts, error)
         && clip_job_wait (job, similarities, negative_similarities, error);
}

void
clip_job_rank (ClipJob *job, guint top_k)
{
  job->top_k = top_k;
}

const guint *
clip_job_best (ClipJob *job, guint *n)
{
  const ClipJobScores *s = &job->scores;
  const ClipTopk *best = NULL;

  *n = job->scored ? s->n_best : 0;
  if (*n == 0)
    return NULL;
  best = (const ClipTopk *)((const guint8 *)s->result->map + s->best_at);
  for (guint i = 0; i < *n; i++)
    job->best[i] = best[i].index;
  return job->best;
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
