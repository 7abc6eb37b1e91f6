/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokenizers that encode a whole text, or what their splitter cuts it into. */
#include <string.h>
#include "gst-clip/engine/tokenizer_private.h"
#include "gst-clip/engine/unicode.h"

#define SPACE_SYMBOL "\xe2\x96\x81" /* U+2581 */

typedef struct {
  ClipEncoding *enc;
  ClipTraced *part, *scratch;
  GArray *ends;
  gsize length; /* of the original */
} Sentence;

/* Words ------------------------------------------------------------------ */

static void
encode_word (const ClipTokenizer *tokenizer, ClipEncoding *enc, const gchar *text, gsize length)
{
  g_array_set_size (enc->tokens, 0);
  if (tokenizer->unigram)
    clip_unigram_encode (tokenizer->unigram, text, length, enc->tokens);
  else
    clip_bpe_encode (tokenizer->bpe, &enc->scratch, text, length, enc->tokens);
}

/* Bytes @from to @to of the part. @skip: tokens that are not wanted; (out) what is left of it */
static void
emit_word (Sentence *s, gsize from, gsize to, guint *skip)
{
  gsize begin = from;

  encode_word (s->enc->tokenizer, s->enc, s->part->bytes->str + from, to - from);
  for (guint i = 0; i < s->enc->tokens->len; i++) {
    const ClipBpeToken *token = &g_array_index (s->enc->tokens, ClipBpeToken, i);

    if (*skip > 0)
      --*skip;
    else
      clip_encoding_emit (s->enc, token->id, clip_traced_origin (s->part, begin, s->length));
    begin = from + token->end;
  }
}

/* All of the part, which is normalised. */
static void
emit_part (Sentence *s)
{
  const ClipTokenizer *tokenizer = s->enc->tokenizer;
  guint skip = tokenizer->n_lead;
  gsize from = 0;

  if (!tokenizer->splitter) {
    emit_word (s, 0, s->part->bytes->len, &skip);
    return;
  }
  clip_splitter_apply (tokenizer->splitter, s->part, s->scratch, s->ends);
  for (guint i = 0; i < s->ends->len; i++) {
    gsize to = g_array_index (s->ends, gsize, i);

    emit_word (s, from, to, &skip);
    from = to;
  }
}

/* Parts ------------------------------------------------------------------ */

/* Moves @from forward over white space, or @to backward. */
static gsize
skip_space (const ClipTraced *text, gsize from, gsize to)
{
  gsize n_bytes;

  while (
      from < to
      && clip_unicode_is_space (clip_unicode_decode (text->bytes->str + from, to - from, &n_bytes)))
    from += n_bytes;
  return from;
}

static gsize
trim_space (const ClipTraced *text, gsize from, gsize to)
{
  while (to > from) {
    const gchar *last = g_utf8_prev_char (text->bytes->str + to);
    gsize at = (gsize)(last - text->bytes->str), n_bytes;

    if (!clip_unicode_is_space (clip_unicode_decode (last, to - at, &n_bytes)))
      break;
    to = at;
  }
  return to;
}

typedef void (*Part) (Sentence *s, const ClipTraced *text, gsize from, gsize to, gboolean last);

/* Calls @part for what is between special tokens and emits those. */
static void
split_specials (Sentence *s, const ClipSpecials *specials, const ClipTraced *text, Part part)
{
  gsize length = text->bytes->len, from = 0, at = 0, n_bytes;

  while (at < length) {
    const ClipSpecial *special =
        clip_specials_match (specials, text->bytes->str + at, length - at, &n_bytes);

    if (!special) {
      at += clip_traced_char (text, at);
      continue;
    }
    part (s, text, from, special->strip_left ? trim_space (text, from, at) : at, FALSE);
    clip_encoding_emit (s->enc, special->id, clip_traced_origin (text, at, s->length));
    from = at += n_bytes;
    if (special->strip_right)
      from = at = skip_space (text, at, length);
  }
  part (s, text, from, length, TRUE);
}

static void
encode_normalised (Sentence *s, const ClipTraced *text, gsize from, gsize to, gboolean last)
{
  clip_traced_clear (s->part);
  clip_traced_append_part (s->part, text, from, to);
  emit_part (s);
}

/* Whether nothing but a blank is left of what comes before a special token: SiglipTokenizer puts
 * one in front of every text, and takes it away there. */
static gboolean
is_bare_lead (const Sentence *s)
{
  const gchar *lead = s->enc->tokenizer->lead;
  const GString *bytes = s->part->bytes;
  gsize n = lead ? strlen (lead) : 0;

  return lead && s->enc->n_ids == 0 && bytes->len == n + strlen (SPACE_SYMBOL)
         && memcmp (bytes->str + n, SPACE_SYMBOL, strlen (SPACE_SYMBOL)) == 0;
}

static void
encode_raw (Sentence *s, const ClipTraced *text, gsize from, gsize to, gboolean last)
{
  const ClipTokenizer *tokenizer = s->enc->tokenizer;

  clip_traced_clear (s->part);
  clip_traced_append_part (s->part, text, from, to);
  if (tokenizer->after)
    clip_normalizer_apply (tokenizer->after, s->part, s->scratch);
  if (!last && is_bare_lead (s))
    return;
  if (tokenizer->late_specials.list->len > 0) {
    g_autoptr (ClipTraced) whole = clip_traced_new (s->part->max);

    clip_traced_append_part (whole, s->part, 0, s->part->bytes->len);
    split_specials (s, &tokenizer->late_specials, whole, encode_normalised);
  } else {
    emit_part (s);
  }
}

void
clip_encode_sentences (ClipEncoding *enc, const gchar *text, gsize length)
{
  const gsize room = clip_traced_room (length);
  g_autoptr (ClipTraced) whole = clip_traced_new (room);
  g_autoptr (ClipTraced) part = clip_traced_new (room);
  g_autoptr (ClipTraced) scratch = clip_traced_new (room);
  g_autoptr (GArray) ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  Sentence s = { enc, part, scratch, ends, length };

  clip_traced_decode (whole, text, length);
  if (enc->tokenizer->before)
    clip_normalizer_apply (enc->tokenizer->before, whole, scratch);
  split_specials (&s, &enc->tokenizer->specials, whole, encode_raw);
}

guint
clip_sentence_count (const ClipTokenizer *tokenizer, const gchar *text)
{
  ClipEncoding enc = { .tokenizer = tokenizer };
  guint n;

  enc.tokens = g_array_new (FALSE, FALSE, sizeof (ClipBpeToken));
  encode_word (tokenizer, &enc, text, strlen (text));
  n = enc.tokens->len;
  g_array_unref (enc.tokens);
  clip_bpe_scratch_clear (&enc.scratch);
  return n;
}
