/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CLIP's kind of tokenizer: words, each of which is encoded on its own. */
#include <string.h>
#include "gst-clip/engine/tokenizer_private.h"
#include "gst-clip/engine/unicode.h"

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
encode_word (ClipEncoding *enc, GString *word, const ClipChar *chars, gsize n)
{
  gsize begin = 0;

  g_string_truncate (word, 0);
  for (gsize i = 0; i < n; i++) {
    gchar utf8[6];
    g_string_append_len (word, utf8, g_unichar_to_utf8 (chars[i].c, utf8));
  }
  g_array_set_size (enc->tokens, 0);
  clip_bpe_encode (enc->tokenizer->bpe, &enc->scratch, word->str, word->len, enc->tokens);
  for (guint i = 0; i < enc->tokens->len; i++) {
    const ClipBpeToken *token = &g_array_index (enc->tokens, ClipBpeToken, i);
    gboolean first_dropped = enc->n_ids == enc->room && enc->n_dropped == 0;

    clip_encoding_emit (enc, token->id, first_dropped ? char_at_byte (chars, n, begin)->offset : 0);
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
encode_words (ClipEncoding *enc, GString *word, const ClipChar *chars, gsize n)
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
      encode_word (enc, word, chars, length);
      chars += length;
      if (limit == 0)
        n -= length;
      else
        limit -= length;
    } while (limit > 0);
  }
}

/* What is between two special tokens. */
static void
encode_plain (ClipEncoding *enc, GString *word, const gchar *text, gsize from, gsize to)
{
  g_autoptr (GArray) chars = g_array_new (FALSE, FALSE, sizeof (ClipChar));

  clip_unicode_fold (text + from, to - from, from, chars);
  encode_words (enc, word, (const ClipChar *)chars->data, chars->len);
}

void
clip_encode_words (ClipEncoding *enc, const gchar *text, gsize length)
{
  GString *word = g_string_new (NULL);
  gsize from = 0, at = 0, n_bytes;

  while (at < length) {
    const ClipSpecial *special =
        clip_specials_match (&enc->tokenizer->specials, text + at, length - at, &n_bytes);

    if (!special) {
      at++;
      continue;
    }
    encode_plain (enc, word, text, from, at);
    clip_encoding_emit (enc, special->id, at);
    from = at += n_bytes;
  }
  encode_plain (enc, word, text, from, length);
  g_string_free (word, TRUE);
}
