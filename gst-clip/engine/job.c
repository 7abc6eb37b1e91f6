/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One frame: staging memory, recordings, result. */
#include "gst-clip/engine/internal.h"

void
clip_job_record_hidden (ClipJob *job, ClipGpuRecording *rec, const ClipGpuBuffer *hidden)
{
  ClipEngine *e = job->engine;
  ClipBatchSet *set = clip_batcher_set (e->batcher);
  const ClipMatrix patches = clip_batch_set_patches (set, 0);

  clip_kernel_preprocess (e->kernels, rec, job->pre, &patches, 0);
  clip_batch_set_record (set, e, rec, 1, hidden);
  clip_batcher_unref_set (e->batcher, set);
}

static gboolean
same_place (const ClipJobPlace *a, const ClipJobPlace *b)
{
  return a->serial == b->serial && a->row == b->row;
}

static gboolean
record_load (ClipJob *job, const ClipBatchSet *set, guint row, GError **error)
{
  const ClipMatrix patches = clip_batch_set_patches (set, row);

  clip_gpu_recording_begin (job->load);
  clip_gpu_recording_mark (job->load, "preprocess");
  clip_kernel_preprocess (job->engine->kernels, job->load, job->pre, &patches, 0);
  return clip_gpu_recording_end (job->load, error);
}

static gboolean
record_finish (ClipJob *job, const ClipBatchSet *set, guint row, GError **error)
{
  ClipMatrix embedding = set->head.normalised_matrix;

  embedding.address += (gsize)row * embedding.ld * sizeof (float);
  embedding.rows = 1;
  clip_gpu_recording_begin (job->finish);
  clip_gpu_recording_mark (job->finish, "score");
  clip_head_record_row (&set->head, job->finish, row, job->embedding);
  if (job->scores.texts && job->scores.texts->rows > 0)
    clip_job_scores_record (&job->scores, job->finish, &embedding);
  return clip_gpu_recording_end (job->finish, error);
}

gboolean
clip_job_place (ClipJob *job, const ClipBatchSet *set, guint row, GError **error)
{
  const ClipJobPlace place = { set->serial, row };

  if (!same_place (&job->load_place, &place)) {
    job->load_place.serial = 0;
    if (!record_load (job, set, row, error))
      return FALSE;
    job->load_place = place;
  }
  if (!same_place (&job->finish_place, &place)) {
    job->finish_place.serial = 0;
    if (!record_finish (job, set, row, error))
      return FALSE;
    job->finish_place = place;
  }
  return TRUE;
}

/* Not while others wait for the lock: here pipelines and buffers are made. */
static gboolean
place_early (ClipJob *job, GError **error)
{
  ClipBatcher *batcher = job->engine->batcher;
  ClipBatchSet *set = clip_batcher_set (batcher);
  const guint row = MIN (job->load_place.row, set->capacity - 1);
  gboolean ok = clip_job_place (job, set, row, error);

  clip_batcher_unref_set (batcher, set);
  return ok;
}

static gboolean
make_embedding (ClipJob *job, GError **error)
{
  ClipBatcher *batcher = job->engine->batcher;
  ClipBatchSet *set = clip_batcher_set (batcher);

  job->dim = set->head.raw_matrix.cols;
  job->ld = set->head.raw_matrix.ld;
  job->embedding = clip_gpu_buffer_new (job->engine->gpu, CLIP_GPU_MEMORY_READBACK,
                                        clip_head_row_bytes (&set->head), "embedding", error);
  clip_batcher_unref_set (batcher, set);
  return job->embedding != NULL;
}

/* @pre: (transfer full) (nullable) */
static ClipJob *
job_new (ClipEngine *engine, ClipPreprocess *pre, GError **error)
{
  g_autoptr (ClipJob) job = NULL;

  if (pre == NULL)
    return NULL;
  job = g_new0 (ClipJob, 1);
  job->engine = clip_engine_ref (engine);
  job->link.data = job;
  job->stream = job;
  job->pre = pre;
  clip_batcher_join (engine->batcher);
  if (!make_embedding (job, error))
    return NULL;
  job->load = clip_gpu_recording_new (engine->gpu, "load");
  job->finish = clip_gpu_recording_new (engine->gpu, "finish");
  return g_steal_pointer (&job);
}

ClipJob *
clip_job_new_for_regions (ClipEngine *engine, const ClipFrameInfo *info, GError **error)
{
  const ClipModelConfig *config = clip_model_config (engine->model);

  if (!clip_engine_check (engine, error))
    return NULL;
  return job_new (engine,
                  clip_preprocess_new_for_rects (engine->kernels, &config->preprocess, info, error),
                  error);
}

ClipJob *
clip_job_new (ClipEngine *engine, const ClipFrameInfo *info, GError **error)
{
  g_autoptr (ClipJob) job = NULL;
  const ClipModelConfig *config = clip_model_config (engine->model);

  if (!clip_engine_check (engine, error))
    return NULL;
  job = job_new (engine, clip_preprocess_new (engine->kernels, &config->preprocess, info, error),
                 error);
  if (job == NULL || !place_early (job, error))
    return NULL;
  return g_steal_pointer (&job);
}

void
clip_job_free (ClipJob *job)
{
  if (job == NULL)
    return;
  clip_batcher_leave (job->engine->batcher, job);
  clip_gpu_recording_free (job->load);
  clip_gpu_recording_free (job->finish);
  clip_job_scores_clear (&job->scores);
  clip_gpu_buffer_free (job->embedding);
  clip_preprocess_free (job->pre);
  g_clear_error (&job->error);
  clip_engine_unref (job->engine);
  g_free (job);
}

void
clip_job_set_stream (ClipJob *job, gconstpointer stream)
{
  job->stream = stream ? stream : job;
}

gboolean
clip_job_set_view (ClipJob *job, const ClipRect *rect, ClipFit fit, GError **error)
{
  static const ClipResizeMode modes[] = {
    [CLIP_FIT_CENTER] = CLIP_RESIZE_SHORTEST_EDGE,
    [CLIP_FIT_SQUASH] = CLIP_RESIZE_SQUASH,
    [CLIP_FIT_LETTERBOX] = CLIP_RESIZE_LONGEST_EDGE,
  };
  const ClipPreprocessSpec *spec = &clip_model_config (job->engine->model)->preprocess;
  const ClipResizeMode mode = fit == CLIP_FIT_AUTO ? spec->resize : modes[fit];
  /* A margin that the model's own way cuts off is none of another way. */
  const guint32 edge = mode == spec->resize ? spec->resize_edge : spec->crop_size;
  gboolean stale = FALSE;
  gboolean ok = clip_preprocess_set_view (job->pre, rect, mode, edge, &stale, error);

  g_assert (!job->running);
  if (stale)
    job->load_place.serial = 0;
  return ok;
}

void
clip_job_load (ClipJob *job, const ClipFramePlanes *planes)
{
  gint64 start = g_get_monotonic_time ();

  clip_preprocess_load (job->pre, planes);
  job->times.load = (g_get_monotonic_time () - start) * 1000;
}

/* Running ------------------------------------------------------------------ */

static gboolean
prepare (ClipJob *job, ClipTexts *texts, GError **error)
{
  g_return_val_if_fail (texts->engine == job->engine && !job->running, FALSE);
  job->scored = FALSE;
  job->started = g_get_monotonic_time ();
  if (job->scores.texts != texts || job->scores.top_k != job->top_k) {
    job->finish_place.serial = 0;
    clip_gpu_recording_begin (job->finish); /* waits for its last run: buffers may be replaced */
    if (!clip_job_scores_fit (&job->scores, texts, job->top_k, error))
      return FALSE;
  }
  return place_early (job, error);
}

gboolean
clip_jobs_start (ClipJob *const *jobs, guint n, ClipTexts *texts, GError **error)
{
  g_return_val_if_fail (n > 0, FALSE);
  if (!clip_engine_check (jobs[0]->engine, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!prepare (jobs[i], texts, error))
      return FALSE;
  for (guint i = 0; i < n; i++) {
    jobs[i]->running = TRUE;
    jobs[i]->scored = texts->rows > 0;
  }
  clip_batcher_start (jobs[0]->engine->batcher, jobs, n);
  return TRUE;
}

gboolean
clip_job_start (ClipJob *job, ClipTexts *texts, GError **error)
{
  return clip_jobs_start (&job, 1, texts, error);
}

static void
take_times (ClipJob *job)
{
  ClipGpuRecording *recs[] = { job->load, job->finish };
  const gchar *stages[2];
  guint64 ns[2];

  job->times.total = (g_get_monotonic_time () - job->started) * 1000;
  job->times.encode = job->encode_ns;
  job->times.batch = job->batch_size;
  for (guint r = 0; r < G_N_ELEMENTS (recs); r++) {
    guint n = clip_gpu_recording_get_times (recs[r], stages, ns, G_N_ELEMENTS (ns));

    for (guint i = 0; i < n; i++)
      if (g_str_equal (stages[i], "preprocess"))
        job->times.preprocess = ns[i];
      else if (g_str_equal (stages[i], "score"))
        job->times.score = ns[i];
  }
}

static gboolean
check_finite (ClipJob *job, GError **error)
{
  if (clip_job_finite (job))
    return TRUE;
  g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE,
               "model %s gave an embedding that is not finite",
               clip_model_name (job->engine->model));
  return FALSE;
}

gboolean
clip_job_wait (ClipJob *job, float *similarities, float *negative_similarities, GError **error)
{
  g_return_val_if_fail (job->running, FALSE);
  job->running = FALSE;
  if (!clip_engine_check (job->engine, error)
      || !clip_batcher_wait (job->engine->batcher, job, error) || !check_finite (job, error)) {
    job->scored = FALSE;
    return FALSE;
  }
  take_times (job);
  if (job->scored)
    clip_job_scores_read (&job->scores, similarities, negative_similarities);
  return TRUE;
}

gboolean
clip_job_run (ClipJob *job, ClipTexts *texts, float *similarities, float *negative_similarities,
              GError **error)
{
  return clip_job_start (job, texts, error)
         && clip_job_wait (job, similarities, negative_similarities, error);
}

/* Results ------------------------------------------------------------------ */

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

gboolean
clip_job_finite (const ClipJob *job)
{
  return ((const guint32 *)job->embedding->map)[2 * job->ld] == 0;
}

const float *
clip_job_embedding (ClipJob *job, guint *dim)
{
  *dim = job->dim;
  return (const float *)job->embedding->map + job->ld;
}

const float *
clip_job_raw_embedding (ClipJob *job)
{
  return job->embedding->map;
}

ClipJobTimes
clip_job_times (ClipJob *job)
{
  return job->times;
}
