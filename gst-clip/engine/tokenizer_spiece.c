/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spiece.model by the rules of Hugging Face's SiglipTokenizer: the text, in lower case, with a
 * blank in front, is cut at special tokens; each part loses its punctuation and is encoded with
 * "<unk>" in front, whose tokens are dropped, because sentencepiece strips leading blanks.
 */
#include <string.h>
#include "gst-clip/engine/spiece.h"
#include "gst-clip/engine/tokenizer_private.h"

#define SPACE_SYMBOL "\xe2\x96\x81" /* U+2581 */
#define END_TOKEN    "</s>"
#define LEAD         "<unk>"

/* @id: (out): -1 if the token has none */
static gboolean
add_special (ClipTokenizer *tokenizer, const gchar *text, gint64 *id, GError **error)
{
  ClipSpecial special = { .text = (gchar *)text };
  gint64 found = clip_unigram_id (tokenizer->unigram, text);

  if (id)
    *id = found;
  special.id = (guint32)found;
  return found < 0 || clip_specials_add (&tokenizer->specials, &special, error);
}

static gboolean
add_specials (ClipTokenizer *tokenizer, const ClipTokenNames *names, const gchar *what,
              GError **error)
{
  const gchar *end = names->end ? names->end : END_TOKEN;

  if (!add_special (tokenizer, end, &tokenizer->end_id, error)
      || !add_special (tokenizer, names->pad ? names->pad : END_TOKEN, &tokenizer->pad_id, error)
      || !add_special (tokenizer, names->unknown ? names->unknown : LEAD, NULL, error))
    return FALSE;
  for (guint i = 0; i < names->others->len; i++) {
    if (!add_special (tokenizer, names->others->pdata[i], NULL, error))
      return FALSE;
  }
  if (tokenizer->end_id < 0)
    return clip_tokenizer_invalid (what, error, "there is no \"%.100s\", with which a text ends",
                                   end);
  if (tokenizer->pad_id < 0)
    return clip_tokenizer_invalid (what, error,
                                   "there is no \"%.100s\", with which texts are "
                                   "padded",
                                   names->pad ? names->pad : END_TOKEN);
  return TRUE;
}

static gboolean
add_steps (ClipTokenizer *tokenizer, const ClipSource *source, ClipSpiece *spiece,
           const ClipTokenNames *names, GError **error)
{
  gboolean cleaned;

  tokenizer->before = clip_normalizer_new ();
  if (!clip_tokenizer_add_cleaning (tokenizer, source, &cleaned, error))
    return FALSE;
  clip_normalizer_add_replace (tokenizer->before, clip_pattern_new_text (SPACE_SYMBOL), " ");
  clip_normalizer_add_prepend (tokenizer->before, SPACE_SYMBOL);
  if (names->lower != 0)
    clip_normalizer_add_lowercase (tokenizer->before, TRUE, tokenizer->specials.prefixes);
  tokenizer->after = clip_normalizer_new ();
  clip_normalizer_add_canonical (tokenizer->after);
  tokenizer->lead = LEAD;
  clip_normalizer_add_prepend (tokenizer->after, tokenizer->lead);
  spiece->rules.dummy_prefix = FALSE;
  clip_normalizer_add_spiece (tokenizer->after, &spiece->rules);
  spiece->rules.map = NULL;
  spiece->rules.verbatim = NULL;
  return TRUE;
}

gboolean
clip_tokenizer_load_spiece (ClipTokenizer *tokenizer, const ClipSource *source, const gchar *name,
                            GError **error)
{
  g_autofree gchar *what = g_build_filename (clip_source_path (source), name, NULL);
  ClipSpiece spiece = { 0 };
  ClipTokenNames names;
  gboolean ok;

  ok = clip_token_names_load (&names, source, error)
       && clip_spiece_load (&spiece, source, name, error);
  if (ok) {
    tokenizer->sentences = TRUE;
    tokenizer->end_once = TRUE;
    tokenizer->unigram = g_steal_pointer (&spiece.unigram);
    tokenizer->max_id = clip_unigram_size (tokenizer->unigram) - 1;
    ok = add_specials (tokenizer, &names, what, error)
         && add_steps (tokenizer, source, &spiece, &names, error);
  }
  clip_spiece_clear (&spiece);
  clip_token_names_clear (&names);
  return ok;
}
