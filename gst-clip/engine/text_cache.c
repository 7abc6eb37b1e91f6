/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/text_cache.h"

#include <math.h>
#include <string.h>

#define DIGEST    32
#define MAX_BYTES (64 * 1024 * 1024)
#define PREFIX    "texts-"

/* A file is written again when a part of this size of it is new. */
#define WORTH_WRITING 64

typedef struct {
  gchar magic[8];
  guint32 dim, n;
  guint8 key[DIGEST];
} Head;

G_STATIC_ASSERT (sizeof (Head) == 48);

static const gchar magic[8] = { 'C', 'L', 'I', 'P', 'T', 'X', 'T', '1' };

static void
digest (GChecksum *sum, guint8 *out)
{
  gsize n = DIGEST;

  g_checksum_get_digest (sum, out, &n);
  g_checksum_free (sum);
}

static void
digest_of_text (const gchar *text, guint8 *out)
{
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);

  g_checksum_update (sum, (const guchar *)text, (gssize)strlen (text));
  digest (sum, out);
}

/* What an embedding depends on but for text, device and driver. */
static void
make_key (ClipEngine *e, guint8 *key)
{
  const guint32 numbers[] = { CLIP_TEXT_CACHE_VERSION, clip_kernels_weight_type (e->text_kernels),
                              clip_model_config (e->model)->projection };
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);

  g_checksum_update (sum, (const guchar *)CLIP_VERSION, sizeof CLIP_VERSION);
  g_checksum_update (sum, (const guchar *)numbers, sizeof numbers);
  clip_model_fingerprint (e->model, sum);
  digest (sum, key);
}

gchar *
clip_text_cache_kind (ClipEngine *e)
{
  GString *kind = g_string_new (PREFIX);
  guint8 key[DIGEST];

  make_key (e, key);
  for (guint i = 0; i < 8; i++)
    g_string_append_printf (kind, "%02x", key[i]);
  return g_string_free (kind, FALSE);
}

static gsize
row_bytes (ClipEngine *e)
{
  return DIGEST + clip_model_config (e->model)->projection * sizeof (float);
}

/* Reading ------------------------------------------------------------------ */

/* The file with its rows, if it is one for this model. (transfer full) (nullable) */
static GBytes *
read_file (ClipEngine *e, const guint8 **rows, guint32 *n)
{
  g_autofree gchar *kind = clip_text_cache_kind (e);
  g_autoptr (GBytes) bytes = clip_gpu_remembered (e->gpu, kind);
  gsize size = 0;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &size) : NULL;
  guint8 key[DIGEST];
  Head head;

  *n = 0;
  if (size < sizeof head)
    return NULL;
  make_key (e, key);
  memcpy (&head, data, sizeof head);
  if (memcmp (head.magic, magic, sizeof magic) != 0 || memcmp (head.key, key, DIGEST) != 0
      || head.dim != clip_model_config (e->model)->projection
      || (size - sizeof head) / row_bytes (e) != head.n
      || (size - sizeof head) % row_bytes (e) != 0)
    return NULL;
  *rows = data + sizeof head;
  *n = head.n;
  return g_steal_pointer (&bytes);
}

static guint
hash_digest (gconstpointer digest)
{
  guint hash;

  memcpy (&hash, digest, sizeof hash);
  return hash;
}

static gboolean
equal_digests (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, DIGEST) == 0;
}

/* (transfer full): of all rows by the digest that they begin with. */
static GHashTable *
index_rows (ClipEngine *e, const guint8 *rows, guint32 n)
{
  GHashTable *index = g_hash_table_new (hash_digest, equal_digests);

  for (guint32 i = 0; i < n; i++)
    g_hash_table_add (index, (gpointer)(rows + i * row_bytes (e)));
  return index;
}

/* A unit vector, whatever a checksum says. */
static gboolean
is_plausible (const float *values, guint32 dim)
{
  gdouble norm = 0.0;

  for (guint32 i = 0; i < dim; i++)
    norm += (gdouble)values[i] * values[i];
  return fabs (norm - 1.0) < 1e-3; /* FALSE for NaN */
}

void
clip_text_cache_load (ClipEngine *e, const gchar *const *texts, guint n_texts,
                      const ClipCancel *cancel, ClipTextRow **found)
{
  const guint32 dim = clip_model_config (e->model)->projection;
  const guint8 *rows = NULL;
  guint32 n = 0;
  g_autoptr (GBytes) bytes = e->caches_texts ? read_file (e, &rows, &n) : NULL;
  g_autoptr (GHashTable) index = index_rows (e, rows, n);
  g_autofree float *values = g_new (float, dim);

  e->n_texts_on_disk = n;
  memset (found, 0, n_texts * sizeof *found);
  for (guint i = 0; n > 0 && i < n_texts && !clip_cancelled (cancel, NULL); i++) {
    guint8 wanted[DIGEST];

    digest_of_text (texts[i], wanted);
    const guint8 *row = g_hash_table_lookup (index, wanted);
    if (!row)
      continue;
    memcpy (values, row + DIGEST, dim * sizeof (float));
    if (is_plausible (values, dim))
      found[i] = clip_text_row_new (values, dim, G_MAXSIZE);
  }
}

/* Writing ------------------------------------------------------------------ */

void
clip_text_cache_note (ClipEngine *e, const gchar *text, ClipTextRow *row)
{
  if (e->caches_texts)
    g_hash_table_replace (e->unsaved_texts, g_strdup (text), g_atomic_rc_box_acquire (row));
}

/* New rows first, so that old ones are left out where there is no room. */
static GByteArray *
make_file (ClipEngine *e)
{
  const guint32 dim = clip_model_config (e->model)->projection;
  const gsize max = (MAX_BYTES - sizeof (Head)) / row_bytes (e);
  g_autoptr (GHashTable) new_ones =
      g_hash_table_new_full (hash_digest, equal_digests, g_free, NULL);
  GByteArray *out = g_byte_array_new ();
  Head head = { .dim = dim };
  const guint8 *rows = NULL;
  guint32 n_old = 0;
  GHashTableIter unsaved;
  gpointer text, value;
  g_autoptr (GBytes) old = read_file (e, &rows, &n_old);

  memcpy (head.magic, magic, sizeof magic);
  make_key (e, head.key);
  g_byte_array_append (out, (const guint8 *)&head, sizeof head);
  g_hash_table_iter_init (&unsaved, e->unsaved_texts);
  while (head.n < max && g_hash_table_iter_next (&unsaved, &text, &value)) {
    const ClipTextRow *row = value;
    guint8 *key = g_malloc (DIGEST);

    digest_of_text (text, key);
    g_byte_array_append (out, key, DIGEST);
    g_byte_array_append (out, (const guint8 *)row->values, dim * sizeof (float));
    g_hash_table_add (new_ones, key);
    head.n++;
  }
  for (guint32 i = 0; i < n_old && head.n < max; i++) {
    const guint8 *row = rows + i * row_bytes (e);
    if (g_hash_table_contains (new_ones, row))
      continue;
    g_byte_array_append (out, row, row_bytes (e));
    head.n++;
  }
  memcpy (out->data, &head, sizeof head);
  e->n_texts_on_disk = head.n;
  return out;
}

void
clip_text_cache_store (ClipEngine *e, gboolean now)
{
  g_autofree gchar *kind = NULL;
  g_autoptr (GByteArray) file = NULL;

  if (!e->caches_texts || !e->unsaved_texts || g_hash_table_size (e->unsaved_texts) == 0
      || (!now && g_hash_table_size (e->unsaved_texts) < e->n_texts_on_disk / WORTH_WRITING))
    return;
  kind = clip_text_cache_kind (e);
  file = make_file (e);
  if (clip_gpu_remember (e->gpu, kind, file->data, file->len))
    clip_gpu_forget_oldest (PREFIX, CLIP_TEXT_CACHE_FILES);
  g_hash_table_remove_all (e->unsaved_texts);
}
