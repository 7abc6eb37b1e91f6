/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all kinds of tokenizers share: which one a folder has, special tokens, the frame of a text. */
#include "gst-clip/engine/tokenizer.h"

#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer_private.h"

#define SPIECE "spiece.model"

/* Special tokens --------------------------------------------------------- */

static void
clear_special (gpointer data)
{
  g_free (((ClipSpecial *)data)->text);
}

void
clip_specials_init (ClipSpecials *specials)
{
  specials->list = g_array_new (FALSE, FALSE, sizeof (ClipSpecial));
  g_array_set_clear_func (specials->list, clear_special);
  specials->prefixes = clip_prefixes_new ();
}

void
clip_specials_clear (ClipSpecials *specials)
{
  g_clear_pointer (&specials->list, g_array_unref);
  g_clear_pointer (&specials->prefixes, clip_prefixes_free);
}

gboolean
clip_specials_add (ClipSpecials *specials, const ClipSpecial *special, GError **error)
{
  ClipSpecial copy = *special;

  if (!*special->text)
    return TRUE;
  if (specials->list->len == CLIP_MAX_SPECIALS) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "the tokenizer has more than %d special tokens", CLIP_MAX_SPECIALS);
    return FALSE;
  }
  copy.text = g_strdup (special->text);
  /* Of equal ones the first stays. */
  clip_prefixes_add (specials->prefixes, copy.text, strlen (copy.text), specials->list->len);
  g_array_append_val (specials->list, copy);
  return TRUE;
}

const ClipSpecial *
clip_specials_match (const ClipSpecials *specials, const gchar *text, gsize length, gsize *n_bytes)
{
  guint32 index;

  *n_bytes = clip_prefixes_longest (specials->prefixes, text, length, &index);
  return *n_bytes > 0 ? &g_array_index (specials->list, ClipSpecial, index) : NULL;
}

/* Opening ---------------------------------------------------------------- */

/* CLIP's own kind: BPE whose words end in </w>. */
static gboolean
is_clip (JsonObject *root)
{
  JsonNode *node = json_object_get_member (root, "model");
  const gchar *suffix = NULL;

  if (node && JSON_NODE_HOLDS_OBJECT (node))
    node = json_object_get_member (json_node_get_object (node), "end_of_word_suffix");
  else
    node = NULL;
  if (node)
    suffix = clip_json_node_string (node);
  return g_strcmp0 (suffix, "</w>") == 0;
}

/* open_clip's folders need not have one, since CLIP's is part of its program. */
static gboolean
no_tokenizer (const ClipSource *source, GError **error)
{
  g_set_error (
      error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND,
      "%s: there is no tokenizer: neither tokenizer.json nor vocab.json with merges.txt nor "
      "spiece.model; for a model that uses CLIP's own, copy tokenizer.json of "
      "openai/clip-vit-base-patch32",
      clip_source_path (source));
  return FALSE;
}

static gboolean
load_files (ClipTokenizer *tokenizer, const ClipSource *source, guint32 vocab, GError **error)
{
  g_auto (ClipTokenizerFile) file = { 0 };

  if (clip_source_has (source, SPIECE))
    return clip_tokenizer_load_spiece (tokenizer, source, SPIECE, error);
  if (!clip_source_has (source, "tokenizer.json") && !clip_source_has (source, "vocab.json"))
    return no_tokenizer (source, error);
  if (!clip_source_has (source, "tokenizer.json"))
    return clip_tokenizer_load_clip (tokenizer, source, NULL, error);
  if (!clip_tokenizer_file_load (&file, source, error))
    return FALSE;
  return is_clip (file.root) ? clip_tokenizer_load_clip (tokenizer, source, &file, error)
                             : clip_tokenizer_load_json (tokenizer, source, &file, vocab, error);
}

static gboolean
finish (ClipTokenizer *tokenizer, const ClipSource *source, guint32 vocab, GError **error)
{
  clip_prefixes_seal (tokenizer->specials.prefixes);
  clip_prefixes_seal (tokenizer->late_specials.prefixes);
  if (tokenizer->lead)
    tokenizer->n_lead = clip_sentence_count (tokenizer, tokenizer->lead);
  if (tokenizer->max_id < vocab)
    return TRUE;
  return clip_tokenizer_invalid (clip_source_path (source), error,
                                 "the tokenizer has the id %u, but the model knows %u tokens only "
                                 "(\"vocab_size\")",
                                 tokenizer->max_id, vocab);
}

ClipTokenizer *
clip_tokenizer_open (const ClipSource *source, guint32 vocab, gboolean open_clip, GError **error)
{
  g_autoptr (ClipTokenizer) tokenizer = g_new0 (ClipTokenizer, 1);

  tokenizer->open_clip = open_clip;
  tokenizer->start_id = tokenizer->end_id = tokenizer->pad_id = -1;
  clip_specials_init (&tokenizer->specials);
  clip_specials_init (&tokenizer->late_specials);
  if (!load_files (tokenizer, source, vocab, error) || !finish (tokenizer, source, vocab, error))
    return NULL;
  return g_steal_pointer (&tokenizer);
}

void
clip_tokenizer_free (ClipTokenizer *tokenizer)
{
  if (!tokenizer)
    return;
  clip_bpe_free (tokenizer->bpe);
  clip_unigram_free (tokenizer->unigram);
  clip_specials_clear (&tokenizer->specials);
  clip_specials_clear (&tokenizer->late_specials);
  clip_normalizer_free (tokenizer->before);
  clip_normalizer_free (tokenizer->after);
  clip_splitter_free (tokenizer->splitter);
  g_free (tokenizer);
}

guint32
clip_tokenizer_max_id (const ClipTokenizer *tokenizer)
{
  return tokenizer->max_id;
}

gboolean
clip_tokenizer_pads (const ClipTokenizer *tokenizer)
{
  return tokenizer->pad_id >= 0;
}

gchar *
clip_tokenizer_describe (const ClipTokenizer *tokenizer)
{
  const gchar *kind = "BPE on bytes (CLIP)";

  if (tokenizer->unigram)
    kind = "unigram (sentencepiece)";
  else if (tokenizer->sentences)
    kind = "BPE on characters (Gemma)";
  return g_strdup_printf ("%s, %u tokens%s", kind, tokenizer->max_id + 1,
                          tokenizer->pad_id >= 0 ? ", padded" : "");
}

/* Encoding --------------------------------------------------------------- */

void
clip_encoding_emit (ClipEncoding *enc, guint32 id, gsize offset)
{
  if (enc->n_ids < enc->room)
    enc->ids[enc->n_ids++] = id;
  else if (enc->n_dropped++ == 0)
    enc->cut_at = offset;
}

guint32
clip_tokenizer_encode (const ClipTokenizer *tokenizer, const gchar *text, gssize length,
                       guint32 context, guint32 *ids, guint32 *n_dropped, gsize *cut_at)
{
  const guint32 n_start = tokenizer->start_id >= 0, n_end = tokenizer->end_id >= 0;
  gsize n_bytes = length < 0 ? strlen (text) : (gsize)length;
  ClipEncoding enc = { .tokenizer = tokenizer, .ids = ids + n_start, .cut_at = n_bytes };
  guint32 n;

  g_return_val_if_fail (context >= 2, 0);
  enc.room = context - n_start - n_end;
  enc.tokens = g_array_new (FALSE, FALSE, sizeof (ClipBpeToken));
  if (tokenizer->sentences)
    clip_encode_sentences (&enc, text, n_bytes);
  else
    clip_encode_words (&enc, text, n_bytes);
  if (n_start)
    ids[0] = (guint32)tokenizer->start_id;
  n = n_start + enc.n_ids;
  if (n_end && !(tokenizer->end_once && n > 0 && ids[n - 1] == tokenizer->end_id))
    ids[n++] = (guint32)tokenizer->end_id;
  for (guint32 i = n; i < context && tokenizer->pad_id >= 0; i++)
    ids[i] = (guint32)tokenizer->pad_id;
  if (n_dropped)
    *n_dropped = enc.n_dropped;
  if (cut_at)
    *cut_at = enc.cut_at;
  g_array_unref (enc.tokens);
  clip_bpe_scratch_clear (&enc.scratch);
  return n;
}
