/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the text tower: whose turn it is, and what comes out. */
#include "gst-clip/engine/internal.h"

#include <string.h>

/* Rows (texts times tokens) of one run: enough to keep a device busy, small enough to cancel. */
#define MAX_TEXTS 16
#define MAX_ROWS  320

/* How often who waits for a turn asks whether it was cancelled, in us. */
#define TURN_POLL (50 * G_TIME_SPAN_MILLISECOND)

static void
choose_shapes (ClipEngine *e)
{
  guint32 context = clip_model_config (e->model)->context;
  const guint32 tokens[CLIP_TEXT_SHAPES] = { MIN (16, context), MIN (32, context), context };

  for (guint i = 0; i < CLIP_TEXT_SHAPES; i++) {
    guint32 n = clip_model_pads (e->model) ? context : tokens[i];

    e->text_shapes[i].tokens = n;
    e->text_shapes[i].batch = CLAMP (MAX_ROWS / n, 1, MAX_TEXTS);
  }
}

gboolean
clip_text_resources_init (ClipEngine *e, GError **error)
{
  guint32 rows = 0;

  choose_shapes (e);
  for (guint i = 0; i < CLIP_TEXT_SHAPES; i++)
    rows = MAX (rows, e->text_shapes[i].batch * e->text_shapes[i].tokens);
  e->cache = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_atomic_rc_box_release);
  e->unsaved_texts =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_atomic_rc_box_release);
  e->text_rec = clip_gpu_recording_new (e->gpu, "text");
  e->text_input =
      clip_gpu_buffer_new (e->gpu, CLIP_GPU_MEMORY_UPLOAD,
                           clip_matrix_bytes (rows, e->text->config.width), "token rows", error);
  return e->text_input && clip_head_init (&e->text_head, e, MAX_TEXTS, TRUE, error);
}

void
clip_text_resources_clear (ClipEngine *e)
{
  g_clear_pointer (&e->text_rec, clip_gpu_recording_free);
  g_clear_pointer (&e->text_input, clip_gpu_buffer_free);
  clip_head_clear (&e->text_head);
  g_clear_pointer (&e->cache, g_hash_table_unref);
  g_clear_pointer (&e->unsaved_texts, g_hash_table_unref);
}

ClipTextRow *
clip_text_row_new (const float *values, guint32 dim, gsize kept)
{
  ClipTextRow *row = g_atomic_rc_box_alloc (sizeof *row + dim * sizeof (float));

  row->kept = kept;
  memcpy (row->values, values, dim * sizeof (float));
  return row;
}

gboolean
clip_text_turn_begin (ClipEngine *e, GList *turn, const ClipCancel *cancel, GError **error)
{
  gboolean ok = TRUE;

  g_mutex_lock (&e->text_lock);
  g_queue_push_tail_link (&e->text_turns, turn);
  while (ok && e->text_turns.head != turn) {
    if (clip_cancelled (cancel, error)) {
      g_queue_unlink (&e->text_turns, turn);
      ok = FALSE;
    } else {
      g_cond_wait_until (&e->text_turn_ended, &e->text_lock, g_get_monotonic_time () + TURN_POLL);
    }
  }
  g_mutex_unlock (&e->text_lock);
  return ok;
}

void
clip_text_turn_end (ClipEngine *e)
{
  g_mutex_lock (&e->text_lock);
  g_queue_pop_head_link (&e->text_turns);
  g_cond_broadcast (&e->text_turn_ended);
  g_mutex_unlock (&e->text_lock);
}

/* Token and position rows of one text; behind its end there is padding, or zeros that nobody sees. */
static gboolean
fill_text (ClipEngine *e, const guint32 *ids, guint32 n, guint32 tokens, float *rows,
           GError **error)
{
  const guint32 n_rows = clip_model_pads (e->model) ? tokens : MIN (n, tokens);
  guint32 width = e->text->config.width, ld = clip_stride (width);

  memset (rows, 0, (gsize)tokens * ld * sizeof (float));
  for (guint32 t = 0; t < n_rows; t++) {
    float *row = rows + (gsize)t * ld;

    if (!clip_model_read (e->model, "text_model.embeddings.token_embedding.weight", ids[t], 1, row,
                          error))
      return FALSE;
    for (guint32 i = 0; i < width; i++)
      row[i] += e->text->host_positions[(gsize)t * width + i];
  }
  return TRUE;
}

typedef struct {
  ClipEngine *engine;
  const guint32 *ids, *n_ids;
  float *raw, *normalised;
  const ClipGpuBuffer *hidden;
} Texts;

static gboolean
run (const Texts *x, guint32 batch, guint32 tokens, const guint32 *pool_rows, GError **error)
{
  ClipEngine *e = x->engine;
  ClipTowerRun tower = { .batch = batch,
                         .tokens = tokens,
                         .text_input = e->text_input,
                         .pool_rows = pool_rows,
                         .embeds = e->text_head.raw_matrix,
                         .hidden = x->hidden };
  guint64 value = 0;

  tower.embeds.rows = batch;
  clip_gpu_recording_begin (e->text_rec);
  clip_tower_record (e->text_kernels, e->text_rec, e->text, e->activations, &tower);
  clip_head_record (&e->text_head, e, e->text_rec, batch);
  if (!clip_gpu_recording_end (e->text_rec, error))
    return FALSE;
  value = clip_gpu_submit (e->gpu, &e->text_rec, 1, error);
  return value != 0 && clip_gpu_wait (e->gpu, value, G_MAXUINT64, error);
}

static gboolean
all_finite (ClipEngine *e, guint32 batch)
{
  for (guint32 b = 0; b < batch; b++)
    if (!clip_head_finite (&e->text_head, b))
      return FALSE;
  return TRUE;
}

/* What is not finite may be a picture's NaNs in the activations: once more on cleared ones, which are
 * clear for others afterwards too. */
static gboolean
run_again (ClipEngine *e, GError **error)
{
  g_autoptr (ClipGpuRecording) clear = clip_gpu_recording_new (e->gpu, "clear");
  ClipGpuRecording *recs[] = { clear, e->text_rec, clear };
  guint64 value = 0;

  clip_gpu_recording_begin (clear);
  clip_activations_clear (e->activations, clear);
  if (!clip_gpu_recording_end (clear, error))
    return FALSE;
  value = clip_gpu_submit (e->gpu, recs, G_N_ELEMENTS (recs), error);
  return value != 0 && clip_gpu_wait (e->gpu, value, G_MAXUINT64, error);
}

/* Embeddings of row @b of the batch, which is text @index. */
static gboolean
take_result (const Texts *x, guint index, guint32 b, GError **error)
{
  ClipEngine *e = x->engine;
  const gsize dim = e->text->projection;

  if (!clip_head_finite (&e->text_head, b)) {
    g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE,
                 "model %s gave a text embedding that is not finite", clip_model_name (e->model));
    return FALSE;
  }
  if (x->raw)
    memcpy (x->raw + index * dim, clip_head_raw (&e->text_head, b), dim * sizeof (float));
  if (x->normalised)
    memcpy (x->normalised + index * dim, clip_head_normalised (&e->text_head, b),
            dim * sizeof (float));
  return TRUE;
}

/* Encodes the texts @which[0 .. batch-1] together. */
static gboolean
encode_batch (const Texts *x, const guint *which, guint32 batch, guint32 tokens, GError **error)
{
  ClipEngine *e = x->engine;
  guint32 context = clip_model_config (e->model)->context;
  guint32 ld = clip_stride (e->text->config.width), pool_rows[MAX_TEXTS];

  for (guint32 b = 0; b < batch; b++) {
    const guint32 *ids = x->ids + (gsize)which[b] * context;
    guint32 n = x->n_ids[which[b]];

    pool_rows[b] = b * tokens + clip_model_pool_index (e->model, ids, n);
    if (!fill_text (e, ids, n, tokens, (float *)e->text_input->map + (gsize)b * tokens * ld, error))
      return FALSE;
  }
  if (!run (x, batch, tokens, pool_rows, error)
      || (!all_finite (e, batch) && !run_again (e, error)))
    return FALSE;
  for (guint32 b = 0; b < batch; b++)
    if (!take_result (x, which[b], b, error))
      return FALSE;
  return TRUE;
}

/* Smallest shape that holds the text up to the token that is pooled. */
static guint
shape_of (ClipEngine *e, const guint32 *ids, guint32 n)
{
  guint32 need = clip_model_pool_index (e->model, ids, n) + 1;
  guint shape = 0;

  while (shape + 1 < CLIP_TEXT_SHAPES && e->text_shapes[shape].tokens < need)
    shape++;
  return shape;
}

gboolean
clip_encode_texts (ClipEngine *e, guint n, const guint32 *ids, const guint32 *n_ids,
                   const ClipCancel *cancel, float *raw, float *normalised,
                   const ClipGpuBuffer *hidden, GError **error)
{
  const Texts x = { e, ids, n_ids, raw, normalised, hidden };
  guint32 context = clip_model_config (e->model)->context;
  guint which[MAX_TEXTS];

  for (guint shape = 0; shape < CLIP_TEXT_SHAPES; shape++) {
    guint batch = 0;

    for (guint i = 0; i < n; i++) {
      guint wanted =
          hidden ? CLIP_TEXT_SHAPES - 1 : shape_of (e, ids + (gsize)i * context, n_ids[i]);

      if (wanted == shape)
        which[batch++] = i;
      if (batch == 0 || (batch < e->text_shapes[shape].batch && i + 1 < n))
        continue;
      if (clip_cancelled (cancel, error)
          || !encode_batch (&x, which, batch, e->text_shapes[shape].tokens, error))
        return FALSE;
      batch = 0;
    }
  }
  return TRUE;
}
