/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/tokenizer.h"

#include <string.h>
#include "gst-clip/engine/tokenizer_private.h"
#include "gst-clip/engine/unicode.h"

/* A text on its way: ids go to @ids until @room is used up, then they are only counted. */
typedef struct {
  const ClipTokenizer *tokenizer;
  guint32 *ids;
  guint32 n_ids, room, n_dropped;
  gsize cut_at;
  GArray *chars;  /* ClipChar: what is between two special tokens */
  GArray *tokens; /* ClipBpeToken: of a word */
  GString *word;
  ClipBpeScratch scratch;
} Encoding;

static void
clear_special (gpointer data)
{
  g_free (((ClipSpecial *)data)->text);
}

ClipTokenizer *
clip_tokenizer_open (const ClipSource *source, GError **error)
{
  g_autoptr (ClipTokenizer) tokenizer = g_new0 (ClipTokenizer, 1);

  tokenizer->bpe = clip_bpe_new ();
  tokenizer->specials = g_array_new (FALSE, FALSE, sizeof (ClipSpecial));
  g_array_set_clear_func (tokenizer->specials, clear_special);
  if (!clip_tokenizer_load (tokenizer, source, error))
    return NULL;
  return g_steal_pointer (&tokenizer);
}

void
clip_tokenizer_free (ClipTokenizer *tokenizer)
{
  if (!tokenizer)
    return;
  clip_bpe_free (tokenizer->bpe);
  g_array_unref (tokenizer->specials);
  g_free (tokenizer);
}

guint32
clip_tokenizer_max_id (const ClipTokenizer *tokenizer)
{
  return tokenizer->max_id;
}

/* @offset: where in the text the token begins */
static void
emit (Encoding *enc, guint32 id, gsize offset)
{
  if (enc->n_ids < enc->room)
    enc->ids[enc->n_ids++] = id;
  else if (enc->n_dropped++ == 0)
    enc->cut_at = offset;
}

/* Words ------------------------------------------------------------------ */

/* Which of the @n characters the byte @at of their UTF-8 belongs to. */
static const ClipChar *
char_at_byte (const ClipChar *chars, gsize n, gsize at)
{
  gsize i = 0;

  for (gsize bytes = 0; i + 1 < n; i++) {
    bytes += (gsize)g_unichar_to_utf8 (chars[i].c, NULL);
    if (bytes > at)
      break;
  }
  return &chars[i];
}

static void
encode_word (Encoding *enc, const ClipChar *chars, gsize n)
{
  gsize begin = 0;

  g_string_truncate (enc->word, 0);
  for (gsize i = 0; i < n; i++) {
    gchar utf8[6];
    g_string_append_len (enc->word, utf8, g_unichar_to_utf8 (chars[i].c, utf8));
  }
  g_array_set_size (enc->tokens, 0);
  clip_bpe_encode (enc->tokenizer->bpe, &enc->scratch, enc->word->str, enc->word->len, enc->tokens);
  for (guint i = 0; i < enc->tokens->len; i++) {
    const ClipBpeToken *token = &g_array_index (enc->tokens, ClipBpeToken, i);
    gboolean first_dropped = enc->n_ids == enc->room && enc->n_dropped == 0;

    emit (enc, token->id, first_dropped ? char_at_byte (chars, n, begin)->offset : 0);
    begin = token->end;
  }
}

/* How many characters of @chars are the ASCII text @word; 0 if they are not. */
static gsize
match (const ClipChar *chars, gsize n, const gchar *word)
{
  gsize i;

  for (i = 0; word[i]; i++) {
    if (i == n || chars[i].c != (guchar)word[i])
      return 0;
  }
  return i;
}

static gsize
match_contraction (const ClipChar *chars, gsize n)
{
  static const gchar *const contractions[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
  gsize length = 0;

  if (chars[0].c != '\'')
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (contractions) && length == 0; i++)
    length = match (chars, n, contractions[i]);
  return length;
}

static gboolean
is_other (gunichar c)
{
  return !clip_unicode_is_letter (c) && !clip_unicode_is_number (c) && !clip_unicode_is_space (c);
}

/* The length of the word at chars[0], which is no space: a contraction, letters, one digit or
 * a run of anything else. */
static gsize
match_word (const ClipChar *chars, gsize n)
{
  gsize length = match_contraction (chars, n);
  gboolean (*in_class) (gunichar);

  if (length > 0)
    return length;
  if (clip_unicode_is_number (chars[0].c))
    return 1;
  in_class = clip_unicode_is_letter (chars[0].c) ? clip_unicode_is_letter : is_other;
  for (length = 1; length < n && in_class (chars[length].c);)
    length++;
  return length;
}

/* A special token that became one only in lower case is no special token, but the words end
 * where it ends. */
static gsize
match_false_special (const ClipChar *chars, gsize n)
{
  gsize length = 0;

  if (chars[0].c == '<')
    length = match (chars, n, "<|startoftext|>");
  if (chars[0].c == '<' && length == 0)
    length = match (chars, n, "<|endoftext|>");
  return length;
}

static void
encode_words (Encoding *enc, const ClipChar *chars, gsize n)
{
  while (n > 0) {
    gsize limit = match_false_special (chars, n), length;

    if (clip_unicode_is_space (chars[0].c)) {
      chars++;
      n--;
      continue;
    }
    n -= limit;
    do {
      length = match_word (chars, limit ? limit : n);
      encode_word (enc, chars, length);
      chars += length;
      if (limit == 0)
        n -= length;
      else
        limit -= length;
    } while (limit > 0);
  }
}

/* Special tokens --------------------------------------------------------- */

static const ClipSpecial *
special_at (const ClipTokenizer *tokenizer, const gchar *text, gsize length)
{
  if (!tokenizer->special_starts[(guchar)*text])
    return NULL;
  for (guint i = 0; i < tokenizer->specials->len; i++) {
    const ClipSpecial *special = &g_array_index (tokenizer->specials, ClipSpecial, i);

    if (special->length <= length && memcmp (text, special->text, special->length) == 0)
      return special;
  }
  return NULL;
}

static void
encode_plain (Encoding *enc, const gchar *text, gsize from, gsize to)
{
  g_array_set_size (enc->chars, 0);
  clip_unicode_fold (text + from, to - from, from, enc->chars);
  encode_words (enc, (const ClipChar *)enc->chars->data, enc->chars->len);
}

static void
encode_text (Encoding *enc, const gchar *text, gsize length)
{
  gsize from = 0, at = 0;

  while (at < length) {
    const ClipSpecial *special = special_at (enc->tokenizer, text + at, length - at);

    if (!special) {
      at++;
      continue;
    }
    encode_plain (enc, text, from, at);
    emit (enc, special->id, at);
    from = at += special->length;
  }
  encode_plain (enc, text, from, length);
}

guint32
clip_tokenizer_encode (const ClipTokenizer *tokenizer, const gchar *text, gssize length,
                       guint32 context, guint32 *ids, guint32 *n_dropped, gsize *cut_at)
{
  gsize n = length < 0 ? strlen (text) : (gsize)length;
  Encoding enc = { .tokenizer = tokenizer, .ids = ids + 1, .cut_at = n };

  g_return_val_if_fail (context >= 2, 0);
  enc.room = context - 2;
  enc.chars = g_array_new (FALSE, FALSE, sizeof (ClipChar));
  enc.tokens = g_array_new (FALSE, FALSE, sizeof (ClipBpeToken));
  enc.word = g_string_new (NULL);
  encode_text (&enc, text, n);
  ids[0] = tokenizer->start_id;
  ids[1 + enc.n_ids] = tokenizer->end_id;
  if (n_dropped)
    *n_dropped = enc.n_dropped;
  if (cut_at)
    *cut_at = enc.cut_at;
  g_array_unref (enc.chars);
  g_array_unref (enc.tokens);
  g_string_free (enc.word, TRUE);
  clip_bpe_scratch_clear (&enc.scratch);
  return enc.n_ids + 2;
}
