/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompt sets to rows of embeddings. */
#include "gst-clip/engine/internal.h"
#include "gst-clip/engine/picture_prompts.h"
#include "gst-clip/engine/text_cache.h"

#include <math.h>
#include <string.h>

/* Embeddings kept per engine; beyond it the cache starts afresh. 20,000 rows of 512 are 40 MB. */
#define MAX_CACHED 20000

/* Reading the file again is worth it for one text in so many of it. */
#define WORTH_READING 512

/*
 * What a picture may show when it shows none of the labels: the built-in background set that
 * `contrast` scoring compares with. Broad on purpose: wordings that fit many pictures a little.
 */
const gchar *const clip_background_texts[] = { "a picture",
                                               "a photo of something",
                                               "something",
                                               "nothing",
                                               "an image",
                                               "a random scene",
                                               "an empty scene",
                                               "a blurry picture",
                                               "a texture",
                                               "text",
                                               "a person",
                                               "people",
                                               "an animal",
                                               "an object",
                                               "a room",
                                               "a building",
                                               "a street",
                                               "a landscape",
                                               "the sky",
                                               "food",
                                               "a vehicle",
                                               "a plant",
                                               "a drawing",
                                               "a screenshot",
                                               NULL };

typedef struct {
  ClipEngine *engine;
  const ClipCancel *cancel;
  ClipTextWarning warn;
  ClipProgressFunc progress;
  gpointer data;
  GHashTable *pictures;
  guint32 context, dim;
  /* Texts that the cache has not: */
  GPtrArray *missing; /* (element-type utf8), borrowed */
  GArray *ids;        /* uint32[context] each */
  GArray *n_ids;
} Batch;

static void
queue_text (Batch *b, const gchar *label, const gchar *text)
{
  const ClipModel *model = b->engine->model;
  guint32 n = 0, dropped = 0;
  gsize cut = 0;

  /* Also what the cache has is tokenised: every set says what of it is cut. */
  g_array_set_size (b->ids, b->ids->len + b->context);
  n = clip_model_tokenize (
      model, text, -1, &g_array_index (b->ids, guint32, b->ids->len - b->context), &dropped, &cut);
  if (dropped > 0 && b->warn) {
    g_autofree gchar *kept = g_strndup (text, cut);

    b->warn (label, text, kept, b->data);
  }
  if (g_hash_table_contains (b->engine->cache, text)) {
    g_array_set_size (b->ids, b->ids->len - b->context);
    return;
  }
  g_array_append_val (b->n_ids, n);
  g_ptr_array_add (b->missing, (gpointer)text);
}

static void
queue_set (Batch *b, const ClipPromptSet *set)
{
  for (guint i = 0; set && i < clip_prompt_set_size (set); i++) {
    const ClipPrompt *p = clip_prompt_set_get (set, i);

    for (gchar **w = p->wordings; !p->pictures && *w; w++)
      queue_text (b, p->label, *w);
  }
}

/* Of what is missing some may be on disk. That is not looked for again for a few texts. */
static void
load_missing (Batch *b)
{
  ClipEngine *e = b->engine;
  guint left = 0;

  if (b->missing->len == 0 || b->missing->len < e->n_texts_on_disk / WORTH_READING
      || clip_text_cache_load (e, b->missing) == 0)
    return;
  for (guint i = 0; i < b->missing->len; i++) {
    if (g_hash_table_contains (e->cache, g_ptr_array_index (b->missing, i)))
      continue;
    g_ptr_array_index (b->missing, left) = g_ptr_array_index (b->missing, i);
    g_array_index (b->n_ids, guint32, left) = g_array_index (b->n_ids, guint32, i);
    memmove (&g_array_index (b->ids, guint32, (gsize)left * b->context),
             &g_array_index (b->ids, guint32, (gsize)i * b->context),
             b->context * sizeof (guint32));
    left++;
  }
  g_ptr_array_set_size (b->missing, left);
}

/* Encodes what is missing, a few dozen texts at a time so that it can be cancelled. */
static gboolean
encode_missing (Batch *b, GError **error)
{
  const guint step = 64;
  guint n = b->missing->len;

  for (guint done = 0; done < n; done += step) {
    guint count = MIN (step, n - done);
    g_autofree float *rows = g_new (float, (gsize)count * b->dim);

    if (clip_cancelled (b->cancel, error))
      return FALSE;
    if (!clip_encode_texts (
            b->engine, count, &g_array_index (b->ids, guint32, (gsize)done * b->context),
            &g_array_index (b->n_ids, guint32, done), b->cancel, NULL, rows, NULL, error))
      return FALSE;
    for (guint i = 0; i < count; i++) {
      const gchar *text = g_ptr_array_index (b->missing, done + i);
      g_hash_table_replace (b->engine->cache, g_strdup (text),
                            g_memdup2 (rows + (gsize)i * b->dim, b->dim * sizeof (float)));
      clip_text_cache_note (b->engine, text);
    }
    if (b->progress)
      b->progress ("encode-prompts", "Encoding the prompts", 100 * (done + count) / n, b->data);
  }
  return TRUE;
}

static const float *
embedding_of (const Batch *b, const ClipPrompt *prompt, guint wording)
{
  return g_hash_table_lookup (prompt->pictures ? b->pictures : b->engine->cache,
                              prompt->wordings[wording]);
}

/* Mean of the normalised embeddings of a label's wordings, normalised again. */
static void
average (const Batch *b, const ClipPrompt *prompt, float *row)
{
  g_autofree gdouble *sum = g_new0 (gdouble, b->dim);
  gdouble norm = 0.0;

  if (prompt->wordings[1] == NULL) {
    memcpy (row, embedding_of (b, prompt, 0), b->dim * sizeof (float));
    return;
  }
  for (guint w = 0; prompt->wordings[w]; w++) {
    const float *e = embedding_of (b, prompt, w);

    for (guint i = 0; i < b->dim; i++)
      sum[i] += e[i];
  }
  for (guint i = 0; i < b->dim; i++)
    norm += sum[i] * sum[i];
  norm = MAX (sqrt (norm), 1e-12);
  for (guint i = 0; i < b->dim; i++)
    row[i] = (float)(sum[i] / norm);
}

static gboolean
upload_rows (ClipTexts *t, const Batch *b, GError **error)
{
  ClipKernels *kernels = b->engine->score_kernels;
  const guint32 rows = t->n_labels + t->n_negatives + t->n_background;
  g_autofree float *table = NULL;
  g_autofree gpointer packed = NULL;
  float *row = NULL;
  gsize bytes = 0;

  t->rows = rows;
  if (rows == 0)
    return TRUE;
  row = table = g_new (float, (gsize)rows * b->dim);
  for (guint i = 0; i < t->n_labels; i++, row += b->dim)
    average (b, clip_prompt_set_get (t->prompts, i), row);
  for (guint i = 0; i < t->n_negatives; i++, row += b->dim)
    average (b, clip_prompt_set_get (t->negatives, i), row);
  for (guint i = 0; i < t->n_background; i++, row += b->dim)
    memcpy (row, g_hash_table_lookup (b->engine->cache, clip_background_texts[i]),
            b->dim * sizeof (float));

  bytes = clip_gemm_packed_bytes (kernels, rows, b->dim);
  packed = g_malloc0 (bytes);
  clip_gemm_pack (kernels, rows, b->dim, 0, rows, table, packed);
  t->buffer =
      clip_gpu_buffer_new (b->engine->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "text embeddings", error);
  return t->buffer != NULL && clip_gpu_buffer_upload (t->buffer, 0, packed, bytes, error);
}

/* Caller holds text_lock. */
static gboolean
build (ClipTexts *t, Batch *b, gboolean background, GError **error)
{
  if (g_hash_table_size (b->engine->cache) > MAX_CACHED) {
    clip_text_cache_store (b->engine, TRUE);
    g_hash_table_remove_all (b->engine->cache);
  }
  queue_set (b, t->prompts);
  queue_set (b, t->negatives);
  t->n_labels = clip_prompt_set_size (t->prompts);
  t->n_negatives = t->negatives ? clip_prompt_set_size (t->negatives) : 0;
  for (; background && clip_background_texts[t->n_background]; t->n_background++)
    queue_text (b, "background", clip_background_texts[t->n_background]);
  load_missing (b);
  gboolean encoded = encode_missing (b, error);
  clip_text_cache_store (b->engine, FALSE); /* also what there is of it */
  return encoded && upload_rows (t, b, error)
         && (t->n_labels <= CLIP_RANK_MIN_LABELS || clip_job_scores_warm_up (b->engine, error));
}

ClipTexts *
clip_texts_new (ClipEngine *engine, ClipPromptSet *prompts, ClipPromptSet *negatives,
                gboolean background, const ClipCancel *cancel, ClipTextWarning warn,
                ClipProgressFunc progress, gpointer data, GError **error)
{
  g_autoptr (ClipTexts) texts = NULL;
  const ClipModelConfig *config = clip_model_config (engine->model);
  g_autoptr (GPtrArray) missing = g_ptr_array_new ();
  g_autoptr (GArray) ids = g_array_new (FALSE, TRUE, sizeof (guint32));
  g_autoptr (GArray) n_ids = g_array_new (FALSE, TRUE, sizeof (guint32));
  g_autoptr (GHashTable) pictures = NULL;
  gboolean ok = FALSE;

  if (!clip_engine_check (engine, error))
    return NULL;
  texts = g_new0 (ClipTexts, 1);
  texts->refs = 1;
  texts->engine = clip_engine_ref (engine);
  texts->prompts = clip_prompt_set_ref (prompts);
  texts->negatives = negatives ? clip_prompt_set_ref (negatives) : NULL;
  pictures = clip_picture_prompts_encode (engine, prompts, negatives, cancel, error);
  if (!pictures)
    return NULL;
  Batch batch = {
    .engine = engine,
    .cancel = cancel,
    .warn = warn,
    .progress = progress,
    .data = data,
    .pictures = pictures,
    .context = config->context,
    .dim = config->projection,
    .missing = missing,
    .ids = ids,
    .n_ids = n_ids,
  };
  g_mutex_lock (&engine->text_lock);
  ok = build (texts, &batch, background, error);
  g_mutex_unlock (&engine->text_lock);
  return ok ? g_steal_pointer (&texts) : NULL;
}

ClipTexts *
clip_texts_ref (ClipTexts *texts)
{
  g_atomic_int_inc (&texts->refs);
  return texts;
}

void
clip_texts_unref (ClipTexts *texts)
{
  if (texts == NULL || !g_atomic_int_dec_and_test (&texts->refs))
    return;
  clip_gpu_buffer_free (texts->buffer);
  clip_prompt_set_unref (texts->prompts);
  g_clear_pointer (&texts->negatives, clip_prompt_set_unref);
  clip_engine_unref (texts->engine);
  g_free (texts);
}

ClipPromptSet *
clip_texts_prompts (ClipTexts *texts)
{
  return texts->prompts;
}

ClipPromptSet *
clip_texts_negatives (ClipTexts *texts)
{
  return texts->negatives;
}

guint
clip_texts_n_negatives (ClipTexts *texts, guint *n_background)
{
  *n_background = texts->n_background;
  return texts->n_negatives;
}
