/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/internal.h"

#include <string.h>

/* Both towers on zeros, a command at a time: here drivers may compile for seconds. */
static gboolean
run_towers (ClipEngine *e, const ClipCancel *cancel, GError **error)
{
  const ClipTowerWeights *v = e->vision;
  const guint32 first_row = 0;
  ClipMatrix rows = { 0 };
  g_autoptr (ClipGpuBuffer) patches = clip_tower_input_new (e->kernels, v, 1, &rows, error);
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (e->gpu, "warm-up");
  ClipTowerRun text = { .batch = 1,
                        .tokens = e->text_shapes[0].tokens,
                        .text_input = e->text_input,
                        .pool_rows = &first_row,
                        .embeds = e->text_head.raw_matrix };
  ClipTowerRun vision = {
    .batch = 1, .tokens = v->tokens, .pool_rows = &first_row, .embeds = e->text_head.raw_matrix
  };

  if (patches == NULL)
    return FALSE;
  text.embeds.rows = vision.embeds.rows = 1;
  vision.patches = rows;
  clip_gpu_recording_set_steps (rec, cancel);
  clip_gpu_recording_begin (rec);
  clip_tower_record (e->text_kernels, rec, e->text, e->activations, &text);
  clip_tower_record (e->kernels, rec, v, e->activations, &vision);
  clip_head_record (&e->text_head, e, rec, 1);
  return clip_gpu_recording_end (rec, error) && clip_gpu_run_steps (rec, error);
}

/* One gray frame against one text: what is left is preprocessing and scoring. */
static gboolean
run_frame (ClipEngine *e, const ClipCancel *cancel, GError **error)
{
  const guint32 size = clip_model_config (e->model)->image_size;
  const ClipFrameInfo info = { CLIP_PIXEL_I420, 2 * size, 2 * size, 1, 1 };
  const gsize plane = (gsize)info.width * info.height;
  g_autofree guint8 *gray = g_malloc (plane);
  const ClipFramePlanes planes = { { gray, gray, gray }, { info.width, size, size } };
  const gchar *const words[] = { "a", NULL };
  g_autoptr (ClipPromptSet) word = clip_prompt_set_from_list (words, NULL, error);
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (GError) failure = NULL;

  memset (gray, 128, plane);
  if (word == NULL)
    return FALSE;
  texts = clip_texts_new (e, word, NULL, FALSE, cancel, NULL, NULL, NULL, error);
  if (texts == NULL)
    return FALSE;
  job = clip_job_new (e, &info, error);
  if (job == NULL || clip_cancelled (cancel, error))
    return FALSE;
  clip_job_load (job, &planes);
  if (clip_job_run (job, texts, NULL, NULL, &failure)
      || g_error_matches (failure, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

gboolean
clip_engine_warm_up (ClipEngine *e, const ClipCancel *cancel, GError **error)
{
  gboolean ok = run_towers (e, cancel, error) && (e->batcher = clip_batcher_new (e, error))
                && run_frame (e, cancel, error);

  if (ok)
    clip_gpu_save_cache (e->gpu);
  else if (cancel && g_atomic_int_get (cancel))
    g_clear_error (error);
  return !clip_cancelled (cancel, error) && ok;
}

/* Regions ------------------------------------------------------------------ */

typedef struct {
  ClipEngine *engine;
  ClipPreprocess *pre;
  ClipGpuBuffer *patches;
  ClipMatrix rows;
  ClipGpuRecording *rec;
  guint8 *gray; /* a row */
} Rects;

/* A gray rectangle, whose picture nobody reads. */
static gboolean
run_rect (Rects *r, guint32 width, guint32 height, GError **error)
{
  const ClipRect rect = { 0, 0, width, height };
  const ClipFramePlanes planes = { { r->gray, r->gray, r->gray }, { 0 } };
  const ClipPreprocessSpec *spec = &clip_model_config (r->engine->model)->preprocess;
  gboolean stale;

  if (!clip_preprocess_set_view (r->pre, &rect, CLIP_RESIZE_SQUASH, spec->crop_size, &stale, error))
    return FALSE;
  clip_preprocess_load (r->pre, &planes);
  clip_gpu_recording_begin (r->rec);
  clip_kernel_preprocess (r->engine->kernels, r->rec, r->pre, &r->rows, 0);
  return clip_gpu_recording_end (r->rec, error) && clip_gpu_run_steps (r->rec, error);
}

/* Each length once across and once down, beside a short one. */
static gboolean
run_rects (Rects *r, const guint32 *sides, guint n, const ClipCancel *cancel, GError **error)
{
  for (guint i = 0; i < n; i++)
    if (clip_cancelled (cancel, error) || !run_rect (r, sides[i], 16, error)
        || clip_cancelled (cancel, error) || !run_rect (r, 16, sides[i], error))
      return FALSE;
  return TRUE;
}

gboolean
clip_engine_warm_up_regions (ClipEngine *e, guint side, const ClipCancel *cancel, GError **error)
{
  const ClipPreprocessSpec *spec = &clip_model_config (e->model)->preprocess;
  guint32 sides[CLIP_PREPROCESS_SIDES];
  const guint n = clip_preprocess_rect_sides (e->kernels, spec, side, sides);
  Rects r = { .engine = e };

  if (clip_cancelled (cancel, error))
    return FALSE;
  if (n == 0)
    return TRUE;
  const ClipFrameInfo info = { CLIP_PIXEL_I420, sides[n - 1], sides[n - 1], 1, 1 };
  gboolean ok = clip_engine_check (e, error)
                && (r.pre = clip_preprocess_new_for_rects (e->kernels, spec, &info, error))
                && (r.patches = clip_tower_input_new (e->kernels, e->vision, 1, &r.rows, error));
  r.gray = g_malloc0 (info.width);
  r.rec = clip_gpu_recording_new (e->gpu, "warm-up of regions");
  clip_gpu_recording_set_steps (r.rec, cancel);
  ok = ok && run_rects (&r, sides, n, cancel, error);
  if (ok)
    clip_gpu_save_cache (e->gpu);
  clip_gpu_recording_free (r.rec);
  g_free (r.gray);
  clip_gpu_buffer_free (r.patches);
  clip_preprocess_free (r.pre);
  return ok;
}
