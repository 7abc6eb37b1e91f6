/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/unigram.h"

#include <float.h>
#include <string.h>
#include "gst-clip/engine/prefixes.h"
#include "gst-clip/engine/unicode.h"

#define UNKNOWN_PENALTY 10.0

typedef struct {
  gdouble score;
  ClipPieceKind kind;
} Piece;

struct _ClipUnigram {
  GArray *pieces;
  GHashTable *ids;        /* text -> id, all kinds */
  ClipPrefixes *prefixes; /* those that are found */
  guint n_found;
  guint32 unknown;
  gboolean single, byte_fallback, duplicate;
  gdouble min_score;
  gfloat max_score;
  guint32 bytes[256];
};

/* The best way to cut the text that ends here. */
typedef struct {
  gdouble score;
  gint64 begin; /* of its last piece; -1: none yet */
  guint32 id;
} Best;

ClipUnigram *
clip_unigram_new (gboolean single)
{
  ClipUnigram *unigram = g_new0 (ClipUnigram, 1);

  unigram->single = single;
  unigram->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  unigram->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  unigram->prefixes = clip_prefixes_new ();
  unigram->min_score = DBL_MAX;
  unigram->max_score = FLT_MIN;
  return unigram;
}

void
clip_unigram_free (ClipUnigram *unigram)
{
  if (!unigram)
    return;
  g_array_unref (unigram->pieces);
  g_hash_table_unref (unigram->ids);
  clip_prefixes_free (unigram->prefixes);
  g_free (unigram);
}

void
clip_unigram_add (ClipUnigram *unigram, const gchar *text, gdouble score, ClipPieceKind kind)
{
  Piece piece = { score, kind };
  guint32 id = unigram->pieces->len;

  g_array_append_val (unigram->pieces, piece);
  if (!g_hash_table_insert (unigram->ids, g_strdup (text), GUINT_TO_POINTER (id)))
    unigram->duplicate = TRUE;
  if (kind == CLIP_PIECE_NORMAL) {
    unigram->min_score = MIN (unigram->min_score, score);
    unigram->max_score = MAX (unigram->max_score, (gfloat)score);
  }
  if (kind == CLIP_PIECE_NORMAL || kind == CLIP_PIECE_USER)
    clip_prefixes_add (unigram->prefixes, text, strlen (text), id);
}

gboolean
clip_unigram_seal (ClipUnigram *unigram, guint32 unknown, gboolean byte_fallback)
{
  clip_prefixes_seal (unigram->prefixes);
  unigram->unknown = unknown;
  unigram->byte_fallback = byte_fallback;
  for (guint i = 0; byte_fallback && i < 256; i++) {
    gchar text[8];
    gint64 id;

    g_snprintf (text, sizeof text, "<0x%02X>", i);
    id = clip_unigram_id (unigram, text);
    if (id < 0)
      return FALSE;
    unigram->bytes[i] = (guint32)id;
  }
  return !unigram->duplicate && unknown < unigram->pieces->len;
}

guint32
clip_unigram_size (const ClipUnigram *unigram)
{
  return unigram->pieces->len;
}

gint64
clip_unigram_id (const ClipUnigram *unigram, const gchar *text)
{
  gpointer id;

  if (!g_hash_table_lookup_extended (unigram->ids, text, NULL, &id))
    return -1;
  return GPOINTER_TO_UINT (id);
}

/* A piece from @begin to @end as the last one, if that is better than what is known. */
static void
offer (const ClipUnigram *unigram, Best *best, gsize begin, gsize end, guint32 id, gdouble sum)
{
  if (best[end].begin >= 0 && !(sum > best[end].score))
    return;
  best[end].score = unigram->single ? (float)sum : sum;
  best[end].begin = (gint64)begin;
  best[end].id = id;
}

/* All pieces that begin at @begin, where the character has @n_bytes. */
static void
offer_pieces (const ClipUnigram *unigram, Best *best, const gchar *text, gsize begin, gsize length,
              gsize n_bytes)
{
  ClipPrefixWalk walk = { 0 };
  gboolean known = FALSE;
  gint64 id;

  for (gsize at = begin;
       at < length && clip_prefixes_step (unigram->prefixes, &walk, (guchar)text[at], &id); at++) {
    gsize end = at + 1;
    const Piece *piece;

    if (id < 0)
      continue;
    piece = &g_array_index (unigram->pieces, Piece, id);
    /* sentencepiece's bonus. */
    offer (unigram, best, begin, end, (guint32)id,
           best[begin].score
               + (piece->kind == CLIP_PIECE_USER ? (gfloat)(end - begin) * unigram->max_score - 0.1
                                                 : piece->score));
    known = known || end - begin == n_bytes;
  }
  if (!known) {
    gdouble score = unigram->min_score - UNKNOWN_PENALTY;

    score = unigram->single ? (float)((float)score + (float)best[begin].score)
                            : score + best[begin].score;
    offer (unigram, best, begin, begin + n_bytes, unigram->unknown, score);
  }
}

static void
append_token (GArray *tokens, guint32 id, gsize end)
{
  ClipBpeToken token = { id, end };

  g_array_append_val (tokens, token);
}

/* The pieces from the last one back to the first, turned round. */
static void
collect (const ClipUnigram *unigram, const Best *best, const gchar *text, gsize length,
         GArray *tokens)
{
  g_autoptr (GArray) ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  gboolean after_unknown = FALSE;

  for (gsize end = length; end > 0; end = (gsize)best[end].begin)
    g_array_append_val (ends, end);
  for (guint i = ends->len; i-- > 0;) {
    gsize end = g_array_index (ends, gsize, i);
    const Best *node = &best[end];
    gboolean unknown = node->id == unigram->unknown;

    if (unknown && unigram->byte_fallback) {
      for (gsize at = (gsize)node->begin; at < end; at++)
        append_token (tokens, unigram->bytes[(guchar)text[at]], at + 1);
    } else if (unknown && after_unknown) {
      g_array_index (tokens, ClipBpeToken, tokens->len - 1).end = end;
    } else {
      append_token (tokens, node->id, end);
    }
    after_unknown = unknown;
  }
}

void
clip_unigram_encode (const ClipUnigram *unigram, const gchar *text, gsize length, GArray *tokens)
{
  g_autofree Best *best = g_new (Best, length + 1);
  gsize n_bytes;

  for (gsize i = 0; i <= length; i++)
    best[i] = (Best){ 0, -1, 0 };
  for (gsize at = 0; at < length; at += n_bytes) {
    clip_unicode_decode (text + at, length - at, &n_bytes);
    offer_pieces (unigram, best, text, at, length, n_bytes);
  }
  collect (unigram, best, text, length, tokens);
}
