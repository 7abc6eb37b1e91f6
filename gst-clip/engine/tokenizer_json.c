/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tokenizer.json of the tokenizers library with a Unigram model (SigLIP's) or with BPE on
 * characters (Gemma's, of SigLIP 2), and what the class named in tokenizer_config.json does to a
 * text besides.
 */
#include <math.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer_private.h"

/* What normalising all added tokens may write: seconds of the slowest steps, for nobody can cancel it. */
#define MAX_WRITTEN (4 * 1024 * 1024)

typedef struct {
  ClipTokenizer *tokenizer;
  const gchar *what;
  guint32 vocab;
  ClipTokenNames names;
  GHashTable *added; /* text -> id */
  gsize written;     /* see MAX_WRITTEN */
} Load;

/* Models ----------------------------------------------------------------- */

/* ["text", score]. @reader: stands behind the bracket */
static gboolean
add_piece (Load *load, ClipJsonReader *reader, GError **error)
{
  guint32 id = clip_unigram_size (load->tokenizer->unigram);
  g_autofree gchar *text = NULL;
  gdouble score = NAN;

  if (clip_json_reader_next (reader) == CLIP_JSON_STRING)
    text = g_strdup (reader->string->str);
  if (text && clip_json_reader_next (reader) == CLIP_JSON_NUMBER)
    score = clip_json_reader_double (reader);
  if (!text || !*text || strlen (text) > CLIP_BPE_MAX_TOKEN_BYTES || !isfinite (score)
      || clip_json_reader_next (reader) != CLIP_JSON_END_ARRAY || id == CLIP_BPE_MAX_TOKENS)
    return clip_tokenizer_invalid (load->what, error,
                                   "token %u should be a string and its score, of at most %d", id,
                                   CLIP_BPE_MAX_TOKENS);
  clip_unigram_add (load->tokenizer->unigram, text, score, CLIP_PIECE_NORMAL);
  return TRUE;
}

static gboolean
load_pieces (Load *load, ClipJsonSpan vocab, GError **error)
{
  g_auto (ClipJsonReader) reader = { 0 };
  ClipJsonToken token;

  clip_json_reader_init (&reader, vocab);
  if (!vocab.begin || clip_json_reader_next (&reader) != CLIP_JSON_BEGIN_ARRAY)
    return clip_tokenizer_invalid (load->what, error, "\"vocab\" should be a list");
  while ((token = clip_json_reader_next (&reader)) == CLIP_JSON_BEGIN_ARRAY) {
    if (!add_piece (load, &reader, error))
      return FALSE;
  }
  return token == CLIP_JSON_END_ARRAY
         || clip_tokenizer_invalid (load->what, error, "\"vocab\" should be a list of pairs");
}

static gboolean
load_unigram (Load *load, JsonObject *model, ClipJsonSpan vocab, GError **error)
{
  ClipTokenizer *tokenizer = load->tokenizer;
  gboolean byte_fallback = FALSE;
  guint64 unknown = G_MAXUINT32;

  if (!clip_json_get_uint (model, load->what, "unk_id", 0, CLIP_BPE_MAX_TOKENS, &unknown, error)
      || !clip_json_get_bool (model, load->what, "byte_fallback", &byte_fallback, error))
    return FALSE;
  tokenizer->unigram = clip_unigram_new (FALSE);
  if (!load_pieces (load, vocab, error))
    return FALSE;
  if (!clip_unigram_seal (tokenizer->unigram, (guint32)unknown, byte_fallback))
    return clip_tokenizer_invalid (load->what, error,
                                   "a token is there twice, a byte is missing, or there is no "
                                   "usable \"unk_id\"");
  tokenizer->max_id = clip_unigram_size (tokenizer->unigram) - 1;
  return TRUE;
}

/* Only what replaces characters by bytes, or by an unknown token, leaves nothing out. */
static gboolean
load_bpe (Load *load, JsonObject *model, const ClipTokenizerFile *file, GError **error)
{
  const gchar *unknown = NULL, *suffix = "", *prefix = "";
  gboolean byte_fallback = FALSE, fuse = FALSE;
  ClipBpe *bpe = load->tokenizer->bpe = clip_bpe_new ();

  if (!clip_json_get_string (model, load->what, "unk_token", &unknown, error)
      || !clip_json_get_string (model, load->what, "end_of_word_suffix", &suffix, error)
      || !clip_json_get_string (model, load->what, "continuing_subword_prefix", &prefix, error)
      || !clip_json_get_bool (model, load->what, "byte_fallback", &byte_fallback, error)
      || !clip_json_get_bool (model, load->what, "fuse_unk", &fuse, error))
    return FALSE;
  if (!file->vocab.begin || !file->merges.begin)
    return clip_tokenizer_invalid (load->what, error, "no \"vocab\" or no \"merges\"");
  if (*suffix || *prefix || !byte_fallback) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: neither CLIP's kind of BPE (suffix </w>) nor Gemma's (byte_fallback)",
                 load->what);
    return FALSE;
  }
  if (!clip_bpe_load_vocab (bpe, file->vocab, load->what, error)
      || !clip_bpe_load_merges (bpe, file->merges, load->what, error))
    return FALSE;
  clip_bpe_seal_characters (bpe, unknown ? clip_bpe_token_id (bpe, unknown) : -1, TRUE, fuse);
  load->tokenizer->max_id = clip_bpe_max_id (bpe);
  return TRUE;
}

static gboolean
load_model (Load *load, const ClipTokenizerFile *file, GError **error)
{
  JsonObject *model = NULL;
  const gchar *type = "BPE";

  if (!clip_json_get_object (file->root, load->what, "model", &model, error))
    return FALSE;
  if (!model)
    return clip_tokenizer_invalid (load->what, error, "no \"model\"");
  if (!clip_json_get_string (model, load->what, "type", &type, error))
    return FALSE;
  if (g_str_equal (type, "Unigram"))
    return load_unigram (load, model, file->vocab, error);
  if (g_str_equal (type, "BPE"))
    return load_bpe (load, model, file, error);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: a tokenizer of type \"%.40s\" is unsupported (BPE and Unigram are)", load->what,
               type);
  return FALSE;
}

/* Special tokens --------------------------------------------------------- */

static gint64
id_of (const Load *load, const gchar *text)
{
  const ClipTokenizer *tokenizer = load->tokenizer;
  gpointer id;

  if (g_hash_table_lookup_extended (load->added, text, NULL, &id))
    return GPOINTER_TO_UINT (id);
  return tokenizer->unigram ? clip_unigram_id (tokenizer->unigram, text)
                            : clip_bpe_token_id (tokenizer->bpe, text);
}

/* Tokens of the normalised text are normalised themselves. */
static gboolean
take_late (Load *load, const ClipSpecial *token, GError **error)
{
  ClipTokenizer *tokenizer = load->tokenizer;
  const gsize length = strlen (token->text), room = clip_traced_room (length);
  g_autoptr (ClipTraced) text = clip_traced_new (room);
  g_autoptr (ClipTraced) scratch = clip_traced_new (room);
  ClipSpecial late = *token;

  clip_traced_decode (text, token->text, length);
  load->written += clip_normalizer_apply (tokenizer->after, text, scratch);
  if (load->written > MAX_WRITTEN)
    return clip_tokenizer_invalid (
        load->what, error, "the \"normalizer\" makes more than %d bytes of the added tokens",
        MAX_WRITTEN);
  if (text->bytes->len > CLIP_BPE_MAX_TOKEN_BYTES)
    return clip_tokenizer_invalid (
        load->what, error,
        "the \"normalizer\" makes more than %d bytes of the added token \"%.100s\"",
        CLIP_BPE_MAX_TOKEN_BYTES, token->text);
  late.text = text->bytes->str;
  return clip_specials_add (&tokenizer->late_specials, &late, error);
}

/* Those that the model has no row for (T5's <extra_id_0> and so on) are text like any other. */
static gboolean
take_added (const ClipSpecial *token, gboolean normalized, gpointer data, GError **error)
{
  Load *load = data;
  ClipTokenizer *tokenizer = load->tokenizer;

  if (token->id >= load->vocab)
    return TRUE;
  g_hash_table_replace (load->added, g_strdup (token->text), GUINT_TO_POINTER (token->id));
  tokenizer->max_id = MAX (tokenizer->max_id, token->id);
  return normalized ? take_late (load, token, error)
                    : clip_specials_add (&tokenizer->specials, token, error);
}

/* One item of a template: sets @id to that of a special token, or leaves it for the text. */
static gboolean
template_item (Load *load, JsonNode *node, gint64 *id, gboolean *is_text, GError **error)
{
  JsonObject *item = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonObject *special = NULL, *sequence = NULL;
  const gchar *name = NULL;

  if (item
      && (!clip_json_get_object (item, load->what, "SpecialToken", &special, error)
          || !clip_json_get_object (item, load->what, "Sequence", &sequence, error)))
    return FALSE;
  *is_text = sequence != NULL;
  if (sequence)
    return TRUE;
  if (special && !clip_json_get_string (special, load->what, "id", &name, error))
    return FALSE;
  *id = name ? id_of (load, name) : -1;
  return *id >= 0
         || clip_tokenizer_invalid (load->what, error,
                                    "the \"post_processor\" has a token \"%.100s\" that the "
                                    "vocabulary has not",
                                    name ? name : "");
}

/* "single" of TemplateProcessing: a special token or none, the text, a special token or none. */
static gboolean
load_template (Load *load, JsonObject *processor, GError **error)
{
  ClipTokenizer *tokenizer = load->tokenizer;
  gboolean seen = FALSE, is_text;
  JsonArray *single = NULL;

  if (!clip_json_get_array (processor, load->what, "single", &single, error))
    return FALSE;
  for (guint i = 0; single && i < json_array_get_length (single); i++) {
    gint64 id = -1, *place = seen ? &tokenizer->end_id : &tokenizer->start_id;

    if (!template_item (load, json_array_get_element (single, i), &id, &is_text, error))
      return FALSE;
    if (is_text ? seen : *place >= 0)
      return clip_tokenizer_invalid (load->what, error,
                                     "the \"post_processor\" adds more than one token at an end");
    if (is_text)
      seen = TRUE;
    else
      *place = id;
  }
  return TRUE;
}

static gboolean
load_frame (Load *load, JsonObject *root, GError **error)
{
  JsonObject *processor = NULL, *padding = NULL;
  ClipTokenizer *tokenizer = load->tokenizer;
  const gchar *type = "";
  guint64 pad = 0;

  if (!clip_json_get_object (root, load->what, "post_processor", &processor, error)
      || !clip_json_get_object (root, load->what, "padding", &padding, error))
    return FALSE;
  if (processor && !clip_json_get_string (processor, load->what, "type", &type, error))
    return FALSE;
  if (g_str_equal (type, "TemplateProcessing") && !load_template (load, processor, error))
    return FALSE;
  if (tokenizer->end_id < 0)
    return clip_tokenizer_invalid (load->what, error,
                                   "no \"post_processor\" of the type TemplateProcessing that "
                                   "puts a token at the end");
  tokenizer->pad_id = load->names.pad ? id_of (load, load->names.pad) : -1;
  if (padding) {
    if (!clip_json_get_uint (padding, load->what, "pad_id", 0, CLIP_BPE_MAX_TOKENS - 1, &pad,
                             error))
      return FALSE;
    tokenizer->pad_id = (gint64)pad;
  }
  if (tokenizer->pad_id < 0)
    tokenizer->pad_id = tokenizer->end_id;
  tokenizer->max_id = MAX (tokenizer->max_id, (guint32)tokenizer->pad_id);
  return TRUE;
}

/* Steps ------------------------------------------------------------------ */

/* open_clip_config.json, where it is the model's configuration, says how a text is cleaned:
 * "canonicalize", "lower" or "whitespace" (HFTokenizer of open_clip). */
static gboolean
open_clip_cleaning (const ClipSource *source, gchar **clean, GError **error)
{
  static const gchar *const path[] = { "model_cfg", "text_cfg", "tokenizer_kwargs" };
  g_autoptr (JsonObject) root = NULL;
  g_autofree gchar *what = NULL;
  const gchar *name = "whitespace";
  JsonObject *object;

  object = root = clip_tokenizer_load_file (source, "open_clip_config.json", &what, error);
  for (guint i = 0; object && i < G_N_ELEMENTS (path); i++) {
    JsonObject *next = NULL;

    if (!clip_json_get_object (object, what, path[i], &next, error))
      return FALSE;
    object = next;
  }
  if (!root || (object && !clip_json_get_string (object, what, "clean", &name, error)))
    return FALSE;
  *clean = g_strdup (name);
  return TRUE;
}

gboolean
clip_tokenizer_add_cleaning (ClipTokenizer *tokenizer, const ClipSource *source, gboolean *done,
                             GError **error)
{
  g_autofree gchar *clean = NULL;
  ClipNormalizer *before = tokenizer->before;

  *done = tokenizer->open_clip;
  if (!tokenizer->open_clip)
    return TRUE;
  if (!open_clip_cleaning (source, &clean, error))
    return FALSE;
  if (g_str_equal (clean, "canonicalize")) {
    clip_normalizer_add_replace (before, clip_pattern_new_text ("_"), " ");
    clip_normalizer_add_canonical (before);
    clip_normalizer_add_lowercase (before, TRUE, NULL);
    return TRUE;
  }
  clip_normalizer_add_replace (before, clip_pattern_new_python_spaces (), " ");
  clip_normalizer_add_strip (before, clip_pattern_new_python_spaces (), TRUE, TRUE);
  if (g_str_equal (clean, "lower"))
    clip_normalizer_add_lowercase (before, TRUE, NULL);
  return TRUE;
}

/* What Hugging Face's classes do that tokenizer.json does not say: SiglipTokenizer removes
 * punctuation; Siglip2Tokenizer, which the published folders call Gemma's, has lower case. */
static void
add_class_steps (Load *load)
{
  const gchar *name = load->names.tokenizer_class ? load->names.tokenizer_class : "";
  ClipTokenizer *tokenizer = load->tokenizer;

  if (load->names.lower == 1 || g_str_has_prefix (name, "Siglip")
      || (load->names.lower < 0 && g_str_has_prefix (name, "Gemma")))
    clip_normalizer_add_lowercase (tokenizer->after, g_str_has_prefix (name, "SiglipTokenizer"),
                                   NULL);
  if (g_str_has_prefix (name, "SiglipTokenizer"))
    clip_normalizer_add_canonical (tokenizer->after);
}

static gboolean
load_steps (Load *load, const ClipSource *source, JsonObject *root, GError **error)
{
  JsonObject *normalizer = NULL, *splitter = NULL;
  ClipTokenizer *tokenizer = load->tokenizer;
  gboolean cleaned = FALSE;

  tokenizer->before = clip_normalizer_new ();
  tokenizer->after = clip_normalizer_new ();
  if (!clip_tokenizer_add_cleaning (tokenizer, source, &cleaned, error)
      || !clip_json_get_object (root, load->what, "normalizer", &normalizer, error)
      || !clip_json_get_object (root, load->what, "pre_tokenizer", &splitter, error))
    return FALSE;
  if (!cleaned)
    add_class_steps (load);
  if (normalizer && !clip_normalizer_load (tokenizer->after, normalizer, load->what, error))
    return FALSE;
  if (!splitter)
    return TRUE;
  tokenizer->splitter = clip_splitter_new ();
  return clip_splitter_load (tokenizer->splitter, splitter, load->what, error);
}

gboolean
clip_tokenizer_load_json (ClipTokenizer *tokenizer, const ClipSource *source,
                          const ClipTokenizerFile *file, guint32 vocab, GError **error)
{
  Load load = { .tokenizer = tokenizer, .what = file->what, .vocab = vocab };
  gboolean ok;

  load.added = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  tokenizer->sentences = TRUE;
  ok = clip_token_names_load (&load.names, source, error) && load_model (&load, file, error)
       && load_steps (&load, source, file->root, error)
       && clip_added_tokens (file->root, file->what, take_added, &load, error)
       && load_frame (&load, file->root, error);
  clip_token_names_clear (&load.names);
  g_hash_table_unref (load.added);
  return ok;
}
