/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/bpe.h"

#include <string.h>
#include "gst-clip/engine/unicode.h"

#define NONE (-1)

typedef struct {
  guint32 rank, id; /* @id: of what the pair makes */
} Merge;

struct _ClipBpe {
  GHashTable *ids;    /* text -> id */
  GHashTable *merges; /* a set of MergeEntry* */
  guint32 n_merges, max_id;
  gint64 byte_ids[2][256]; /* [1]: with "</w>"; of characters: [0]: "<0x41>" */
  gboolean characters, fuse;
  gint64 unknown; /* of characters */
};

/* Found by its first member: left id << 32 | right id. */
typedef struct {
  guint64 pair;
  Merge merge;
} MergeEntry;

/* A symbol of the word: a list within an array. @id is NONE once it was joined to its left. */
typedef struct {
  gint64 id;
  gint64 prev, next;
  gsize end;
} Symbol;

/* A pair that may be joined: @at is its left symbol. */
typedef struct {
  guint32 rank, id;
  gsize at;
} Candidate;

/* GLib's own hash of an int64 would give (a, b) and (b, a) the same. */
static guint
pair_hash (gconstpointer key)
{
  return (guint)((*(const guint64 *)key * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)) >> 32);
}

ClipBpe *
clip_bpe_new (void)
{
  ClipBpe *bpe = g_new0 (ClipBpe, 1);

  bpe->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  bpe->merges = g_hash_table_new_full (pair_hash, g_int64_equal, g_free, NULL);
  return bpe;
}

void
clip_bpe_free (ClipBpe *bpe)
{
  if (!bpe)
    return;
  g_hash_table_unref (bpe->ids);
  g_hash_table_unref (bpe->merges);
  g_free (bpe);
}

void
clip_bpe_add_token (ClipBpe *bpe, const gchar *text, guint32 id)
{
  g_hash_table_replace (bpe->ids, g_strdup (text), GUINT_TO_POINTER (id));
  bpe->max_id = MAX (bpe->max_id, id);
}

gint64
clip_bpe_token_id (const ClipBpe *bpe, const gchar *text)
{
  gpointer id;

  if (!g_hash_table_lookup_extended (bpe->ids, text, NULL, &id))
    return NONE;
  return GPOINTER_TO_UINT (id);
}

guint32
clip_bpe_max_id (const ClipBpe *bpe)
{
  return bpe->max_id;
}

static guint64
pair_key (gint64 left, gint64 right)
{
  return (guint64)left << 32 | (guint64)right;
}

gboolean
clip_bpe_add_merge (ClipBpe *bpe, const gchar *left, const gchar *right)
{
  g_autofree gchar *joined = g_strconcat (left, right, NULL);
  gint64 a = clip_bpe_token_id (bpe, left), b = clip_bpe_token_id (bpe, right);
  gint64 ab = clip_bpe_token_id (bpe, joined);
  MergeEntry *entry;

  if (a == NONE || b == NONE || ab == NONE)
    return FALSE;
  entry = g_new (MergeEntry, 1);
  entry->pair = pair_key (a, b);
  entry->merge = (Merge){ .rank = bpe->n_merges++, .id = (guint32)ab };
  g_hash_table_add (bpe->merges, entry);
  return TRUE;
}

/* Bytes that stand for themselves in the vocabulary. */
static gboolean
is_printable (guint byte)
{
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

void
clip_bpe_seal (ClipBpe *bpe, gint64 unknown)
{
  gunichar next = 0x100;

  for (guint byte = 0; byte < 256; byte++) {
    gunichar c = is_printable (byte) ? byte : next++;
    gchar text[6 + sizeof "</w>"];
    gint n = g_unichar_to_utf8 (c, text);

    for (guint last = 0; last < 2; last++) {
      gint64 *id = &bpe->byte_ids[last][byte];
      strcpy (text + n, last ? "</w>" : "");
      *id = clip_bpe_token_id (bpe, text);
      if (*id == NONE)
        *id = unknown;
    }
  }
}

void
clip_bpe_seal_characters (ClipBpe *bpe, gint64 unknown, gboolean byte_fallback, gboolean fuse)
{
  bpe->characters = TRUE;
  bpe->unknown = unknown;
  bpe->fuse = fuse;
  for (guint byte = 0; byte < 256; byte++) {
    gchar text[8];

    g_snprintf (text, sizeof text, "<0x%02X>", byte);
    bpe->byte_ids[0][byte] = byte_fallback ? clip_bpe_token_id (bpe, text) : NONE;
  }
}

/* The queue: a binary heap, lowest rank first, then leftmost ------------- */

static gboolean
before (const Candidate *a, const Candidate *b)
{
  return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void
queue_push (GArray *queue, Candidate candidate)
{
  Candidate *heap;
  guint i = queue->len;

  g_array_append_val (queue, candidate);
  heap = (Candidate *)queue->data;
  for (; i > 0 && before (&candidate, &heap[(i - 1) / 2]); i = (i - 1) / 2)
    heap[i] = heap[(i - 1) / 2];
  heap[i] = candidate;
}

static Candidate
queue_pop (GArray *queue)
{
  Candidate *heap = (Candidate *)queue->data;
  Candidate top = heap[0], last = heap[queue->len - 1];
  guint i = 0, n = queue->len - 1;

  for (;;) {
    guint child = 2 * i + 1;

    if (child + 1 < n && before (&heap[child + 1], &heap[child]))
      child++;
    if (child >= n || !before (&heap[child], &last))
      break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  g_array_set_size (queue, n);
  return top;
}

/* Words ------------------------------------------------------------------ */

static const Merge *
find_merge (const ClipBpe *bpe, gint64 left, gint64 right)
{
  guint64 key = pair_key (left, right);
  const MergeEntry *entry = g_hash_table_lookup (bpe->merges, &key);

  return entry ? &entry->merge : NULL;
}

/* Queues the pair whose left symbol is @at, if it can be joined. */
static void
consider (const ClipBpe *bpe, ClipBpeScratch *scratch, gint64 at)
{
  const Symbol *symbols = (const Symbol *)scratch->symbols->data;
  const Merge *merge;

  if (at == NONE || symbols[at].next == NONE)
    return;
  merge = find_merge (bpe, symbols[at].id, symbols[symbols[at].next].id);
  if (merge)
    queue_push (scratch->queue, (Candidate){ merge->rank, merge->id, (gsize)at });
}

/* Appends a symbol to the list; nothing for NONE. */
static void
add_symbol (GArray *symbols, gint64 id, gsize end)
{
  Symbol symbol = { id, (gint64)symbols->len - 1, (gint64)symbols->len + 1, end };

  if (id != NONE)
    g_array_append_val (symbols, symbol);
}

static void
split_bytes (const ClipBpe *bpe, GArray *symbols, const gchar *word, gsize length)
{
  for (gsize i = 0; i < length; i++)
    add_symbol (symbols, bpe->byte_ids[i + 1 == length][(guchar)word[i]], i + 1);
}

/* A character that is not in the vocabulary. @after_unknown: whether the one before was neither
 * there nor had it bytes. Returns: the same of this one. */
static gboolean
add_strange (const ClipBpe *bpe, GArray *symbols, const gchar *c, gsize n_bytes, gsize end,
             gboolean after_unknown)
{
  gboolean have_bytes = TRUE;

  for (gsize i = 0; i < n_bytes; i++)
    have_bytes = have_bytes && bpe->byte_ids[0][(guchar)c[i]] != NONE;
  for (gsize i = 0; have_bytes && i < n_bytes; i++)
    add_symbol (symbols, bpe->byte_ids[0][(guchar)c[i]], end - n_bytes + i + 1);
  if (have_bytes)
    return FALSE;
  if (after_unknown && bpe->fuse && bpe->unknown != NONE)
    g_array_index (symbols, Symbol, symbols->len - 1).end = end;
  else
    add_symbol (symbols, bpe->unknown, end);
  return TRUE;
}

static void
split_characters (const ClipBpe *bpe, GArray *symbols, const gchar *word, gsize length)
{
  gboolean unknown = FALSE;
  gsize n_bytes;

  for (gsize at = 0; at < length; at += n_bytes) {
    gchar text[7] = { 0 };
    gint64 id;

    clip_unicode_decode (word + at, length - at, &n_bytes);
    memcpy (text, word + at, n_bytes);
    id = clip_bpe_token_id (bpe, text);
    if (id == NONE) {
      unknown = add_strange (bpe, symbols, word + at, n_bytes, at + n_bytes, unknown);
      continue;
    }
    add_symbol (symbols, id, at + n_bytes);
    unknown = FALSE;
  }
}

/* The symbols that a word begins as. */
static void
split (const ClipBpe *bpe, GArray *symbols, const gchar *word, gsize length)
{
  g_array_set_size (symbols, 0);
  if (bpe->characters)
    split_characters (bpe, symbols, word, length);
  else
    split_bytes (bpe, symbols, word, length);
  if (symbols->len > 0)
    g_array_index (symbols, Symbol, symbols->len - 1).next = NONE;
}

/* Joins the symbol @at with the next. */
static void
join (ClipBpeScratch *scratch, gsize at, guint32 id)
{
  Symbol *symbols = (Symbol *)scratch->symbols->data;
  Symbol *left = &symbols[at], *right = &symbols[left->next];

  left->id = id;
  left->end = right->end;
  left->next = right->next;
  right->id = NONE;
  if (left->next != NONE)
    symbols[left->next].prev = (gint64)at;
}

/* Whether the pair is still what it was when it was queued. */
static gboolean
is_current (const ClipBpe *bpe, const ClipBpeScratch *scratch, const Candidate *candidate)
{
  const Symbol *symbols = (const Symbol *)scratch->symbols->data;
  const Symbol *left = &symbols[candidate->at];
  const Merge *merge;

  if (left->id == NONE || left->next == NONE)
    return FALSE;
  merge = find_merge (bpe, left->id, symbols[left->next].id);
  return merge && merge->id == candidate->id;
}

void
clip_bpe_encode (const ClipBpe *bpe, ClipBpeScratch *scratch, const gchar *word, gsize length,
                 GArray *tokens)
{
  const Symbol *symbols;

  if (!scratch->symbols) {
    scratch->symbols = g_array_new (FALSE, FALSE, sizeof (Symbol));
    scratch->queue = g_array_new (FALSE, FALSE, sizeof (Candidate));
  }
  split (bpe, scratch->symbols, word, length);
  for (guint i = 0; i < scratch->symbols->len; i++)
    consider (bpe, scratch, i);
  while (scratch->queue->len > 0) {
    Candidate candidate = queue_pop (scratch->queue);

    if (!is_current (bpe, scratch, &candidate))
      continue;
    join (scratch, candidate.at, candidate.id);
    consider (bpe, scratch, g_array_index (scratch->symbols, Symbol, candidate.at).prev);
    consider (bpe, scratch, (gint64)candidate.at);
  }
  symbols = (const Symbol *)scratch->symbols->data;
  for (gint64 i = scratch->symbols->len > 0 ? 0 : NONE; i != NONE; i = symbols[i].next) {
    ClipBpeToken token = { (guint32)symbols[i].id, symbols[i].end };
    g_array_append_val (tokens, token);
  }
}

void
clip_bpe_scratch_clear (ClipBpeScratch *scratch)
{
  g_clear_pointer (&scratch->symbols, g_array_unref);
  g_clear_pointer (&scratch->queue, g_array_unref);
}
