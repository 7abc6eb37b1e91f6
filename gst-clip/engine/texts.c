/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompt sets to rows of embeddings. */
#include "gst-clip/engine/internal.h"
#include "gst-clip/engine/picture_prompts.h"
#include "gst-clip/engine/text_cache.h"

#include <math.h>
#include <string.h>

/* Embeddings kept per engine; beyond it the cache forgets all but those of the newest set. 20,000 rows of 512 are 40 MB. */
#define MAX_CACHED 20000

/* Reading the file again is worth it for one text in so many of it. */
#define WORTH_READING 512

/* Texts that one turn encodes, so that others need not wait long. */
#define PER_TURN 64

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

/* @kept: as in a ClipTextRow. */
typedef struct {
  const gchar *text;
  gsize kept;
  guint32 n_ids;
} Missing;

/* @rows: what this set needs and has, so that the engine's cache may forget it meanwhile. */
typedef struct {
  ClipEngine *engine;
  const ClipCancel *cancel;
  ClipTextWarning warn;
  ClipProgressFunc progress;
  gpointer data;
  GHashTable *pictures;
  guint32 context, dim;
  GHashTable *rows; /* wording, borrowed -> ClipTextRow */
  GArray *missing;  /* of Missing: what was in no cache */
  GArray *ids;      /* uint32[context] of each */
} Batch;

/* Rows ------------------------------------------------------------------- */

/* Of this set or of the engine's cache. Borrowed; (nullable) */
static const ClipTextRow *
find_row (Batch *b, const gchar *text)
{
  ClipTextRow *row = g_hash_table_lookup (b->rows, text);

  if (row)
    return row;
  g_mutex_lock (&b->engine->text_lock);
  row = g_hash_table_lookup (b->engine->cache, text);
  if (row)
    g_hash_table_insert (b->rows, (gpointer)text, g_atomic_rc_box_acquire (row));
  g_mutex_unlock (&b->engine->text_lock);
  return row;
}

/* @row: (transfer full) */
static void
keep_row (Batch *b, const gchar *text, ClipTextRow *row)
{
  g_mutex_lock (&b->engine->text_lock);
  g_hash_table_replace (b->engine->cache, g_strdup (text), g_atomic_rc_box_acquire (row));
  g_mutex_unlock (&b->engine->text_lock);
  g_hash_table_replace (b->rows, (gpointer)text, row);
}

/* Makes room in the engine's cache, but for what this set needs. In a turn. */
static void
forget_others (Batch *b)
{
  ClipEngine *e = b->engine;
  GHashTableIter iter;
  gpointer text, row;

  g_mutex_lock (&e->text_lock);
  if (g_hash_table_size (e->cache) > MAX_CACHED) {
    g_hash_table_remove_all (e->cache);
    g_hash_table_iter_init (&iter, b->rows);
    while (g_hash_table_iter_next (&iter, &text, &row))
      g_hash_table_insert (e->cache, g_strdup (text), g_atomic_rc_box_acquire (row));
  }
  g_mutex_unlock (&e->text_lock);
}

/* Queueing --------------------------------------------------------------- */

static void
warn_if_cut (Batch *b, const gchar *label, const gchar *text, gsize kept)
{
  if (kept == G_MAXSIZE || !b->warn)
    return;
  g_autofree gchar *what = g_strndup (text, kept);
  b->warn (label, text, what, b->data);
}

/* Every set says what of it is cut, also what is known already. */
static gboolean
queue_text (Batch *b, const gchar *label, const gchar *text, GError **error)
{
  const ClipTextRow *row = NULL;
  Missing missing = { text, G_MAXSIZE, 0 };
  guint32 dropped = 0;
  gsize cut = 0;

  if (clip_cancelled (b->cancel, error))
    return FALSE;
  row = find_row (b, text);
  if (row) {
    warn_if_cut (b, label, text, row->kept);
    return TRUE;
  }
  g_array_set_size (b->ids, b->ids->len + b->context);
  missing.n_ids = clip_model_tokenize (b->engine->model, text, -1,
                                       &g_array_index (b->ids, guint32, b->ids->len - b->context),
                                       &dropped, &cut);
  if (dropped > 0)
    missing.kept = cut;
  g_array_append_val (b->missing, missing);
  warn_if_cut (b, label, text, missing.kept);
  return TRUE;
}

static gboolean
queue_set (Batch *b, const ClipPromptSet *set, GError **error)
{
  for (guint i = 0; set && i < clip_prompt_set_size (set); i++) {
    const ClipPrompt *p = clip_prompt_set_get (set, i);

    for (gchar **w = p->wordings; !p->pictures && *w; w++)
      if (!queue_text (b, p->label, *w, error))
        return FALSE;
  }
  return TRUE;
}

/* Encoding --------------------------------------------------------------- */

/* Of what is missing some may be on disk. That is not looked for again for a few texts. In a turn. */
static void
load_missing (Batch *b)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();
  g_autoptr (GArray) kept = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autofree ClipTextRow **rows = NULL;

  for (guint i = 0; i < b->missing->len && !clip_cancelled (b->cancel, NULL); i++) {
    const Missing *m = &g_array_index (b->missing, Missing, i);

    if (find_row (b, m->text))
      continue;
    g_ptr_array_add (texts, (gpointer)m->text);
    g_array_append_val (kept, m->kept);
  }
  if (texts->len == 0 || texts->len < b->engine->n_texts_on_disk / WORTH_READING)
    return;
  rows = g_new (ClipTextRow *, texts->len);
  clip_text_cache_load (b->engine, (const gchar *const *)texts->pdata, texts->len, b->cancel, rows);
  for (guint i = 0; i < texts->len; i++) {
    if (!rows[i])
      continue;
    rows[i]->kept = g_array_index (kept, gsize, i);
    keep_row (b, g_ptr_array_index (texts, i), rows[i]);
  }
}

/* Which of the missing texts, from *@next on, nobody has encoded meanwhile: as many as one turn takes.
 * Moves *@next. */
static guint
choose (Batch *b, guint *next, guint *which)
{
  guint n = 0;

  for (; *next < b->missing->len && n < PER_TURN; ++*next) {
    if (!find_row (b, g_array_index (b->missing, Missing, *next).text))
      which[n++] = *next;
  }
  return n;
}

static gboolean
encode (Batch *b, const guint *which, guint n, GError **error)
{
  g_autofree guint32 *ids = g_new (guint32, (gsize)n * b->context);
  g_autofree float *rows = g_new (float, (gsize)n * b->dim);
  guint32 n_ids[PER_TURN];

  for (guint i = 0; i < n; i++) {
    n_ids[i] = g_array_index (b->missing, Missing, which[i]).n_ids;
    memcpy (ids + (gsize)i * b->context,
            &g_array_index (b->ids, guint32, (gsize)which[i] * b->context),
            b->context * sizeof *ids);
  }
  if (!clip_encode_texts (b->engine, n, ids, n_ids, b->cancel, NULL, rows, NULL, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    const Missing *m = &g_array_index (b->missing, Missing, which[i]);
    ClipTextRow *row = clip_text_row_new (rows + (gsize)i * b->dim, b->dim, m->kept);

    clip_text_cache_note (b->engine, m->text, row);
    keep_row (b, m->text, row);
  }
  return TRUE;
}

/* One turn, from the missing text *@next on. */
static gboolean
take_turn (Batch *b, guint *next, guint *n, GError **error)
{
  guint which[PER_TURN];
  GList turn = { NULL };
  gboolean ok = TRUE;

  if (!clip_text_turn_begin (b->engine, &turn, b->cancel, error))
    return FALSE;
  if (*next == 0) {
    forget_others (b);
    load_missing (b);
  }
  *n = choose (b, next, which);
  if (*n > 0)
    ok = encode (b, which, *n, error);
  if (ok && *next == b->missing->len)
    clip_text_cache_store (b->engine, FALSE);
  clip_text_turn_end (b->engine);
  return ok;
}

static gboolean
encode_missing (Batch *b, GError **error)
{
  guint n = 0;

  for (guint next = 0; next < b->missing->len;) {
    if (clip_cancelled (b->cancel, error) || !take_turn (b, &next, &n, error))
      return FALSE;
    if (b->progress && n > 0)
      b->progress ("encode-prompts", "Encoding the prompts",
                   (guint)((guint64)100 * next / b->missing->len), b->data);
  }
  return TRUE;
}

/* Averages --------------------------------------------------------------- */

static const float *
embedding_of (const Batch *b, const ClipPrompt *prompt, guint wording)
{
  gconstpointer found =
      g_hash_table_lookup (prompt->pictures ? b->pictures : b->rows, prompt->wordings[wording]);

  return prompt->pictures ? found : ((const ClipTextRow *)found)->values;
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
average_set (const Batch *b, const ClipPromptSet *set, float **row, GError **error)
{
  for (guint i = 0; set && i < clip_prompt_set_size (set); i++, *row += b->dim) {
    if (clip_cancelled (b->cancel, error))
      return FALSE;
    average (b, clip_prompt_set_get (set, i), *row);
  }
  return TRUE;
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
  if (!average_set (b, t->prompts, &row, error) || !average_set (b, t->negatives, &row, error))
    return FALSE;
  for (guint i = 0; i < t->n_background; i++, row += b->dim) {
    const ClipTextRow *known = g_hash_table_lookup (b->rows, clip_background_texts[i]);

    memcpy (row, known->values, b->dim * sizeof (float));
  }

  bytes = clip_gemm_packed_bytes (kernels, rows, b->dim);
  packed = g_malloc0 (bytes);
  clip_gemm_pack (kernels, rows, b->dim, 0, rows, table, packed);
  t->buffer =
      clip_gpu_buffer_new (b->engine->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "text embeddings", error);
  return t->buffer != NULL && clip_gpu_buffer_upload (t->buffer, 0, packed, bytes, error);
}

static gboolean
build (ClipTexts *t, Batch *b, gboolean background, GError **error)
{
  if (!queue_set (b, t->prompts, error) || !queue_set (b, t->negatives, error))
    return FALSE;
  t->n_labels = clip_prompt_set_size (t->prompts);
  t->n_negatives = t->negatives ? clip_prompt_set_size (t->negatives) : 0;
  for (; background && clip_background_texts[t->n_background]; t->n_background++)
    if (!queue_text (b, "background", clip_background_texts[t->n_background], error))
      return FALSE;
  return encode_missing (b, error) && upload_rows (t, b, error)
         && (t->n_labels <= CLIP_RANK_MIN_LABELS || clip_job_scores_warm_up (b->engine, error));
}

ClipTexts *
clip_texts_new (ClipEngine *engine, ClipPromptSet *prompts, ClipPromptSet *negatives,
                gboolean background, const ClipCancel *cancel, ClipTextWarning warn,
                ClipProgressFunc progress, gpointer data, GError **error)
{
  g_autoptr (ClipTexts) texts = NULL;
  const ClipModelConfig *config = clip_model_config (engine->model);
  g_autoptr (GHashTable) rows =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_atomic_rc_box_release);
  g_autoptr (GArray) missing = g_array_new (FALSE, TRUE, sizeof (Missing));
  g_autoptr (GArray) ids = g_array_new (FALSE, TRUE, sizeof (guint32));
  g_autoptr (GHashTable) pictures = NULL;

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
    .rows = rows,
    .missing = missing,
    .ids = ids,
  };
  return build (texts, &batch, background, error) ? g_steal_pointer (&texts) : NULL;
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
