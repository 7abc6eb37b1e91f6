/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of CLIP's tokenizer: tokenizer.json, or vocab.json and merges.txt. */
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer_private.h"

#define START_TOKEN "<|startoftext|>"
#define END_TOKEN   "<|endoftext|>"

/* What the tokenizer is made of, and tokens that tokenizer.json adds. */
typedef struct {
  ClipTokenizer *tokenizer;
  ClipTokenNames *names;
} Load;

static gboolean
load_plain_files (ClipBpe *bpe, const ClipSource *source, GError **error)
{
  g_autoptr (GBytes) bytes = clip_source_load (source, "vocab.json", CLIP_JSON_MAX_BYTES, error);
  g_autofree gchar *what = g_build_filename (clip_source_path (source), "vocab.json", NULL);
  const gchar *text;
  gsize size;

  if (!bytes)
    return FALSE;
  text = g_bytes_get_data (bytes, &size);
  return clip_json_check (text, size, what, error)
         && clip_bpe_load_vocab (bpe, (ClipJsonSpan){ text, text + size }, what, error)
         && clip_bpe_load_merge_lines (bpe, source, "merges.txt", error);
}

static gboolean
check_model (JsonObject *model, const gchar *what, GError **error)
{
  const gchar *type = "BPE", *suffix = "", *prefix = "";

  if (!clip_json_get_string (model, what, "type", &type, error)
      || !clip_json_get_string (model, what, "end_of_word_suffix", &suffix, error)
      || !clip_json_get_string (model, what, "continuing_subword_prefix", &prefix, error))
    return FALSE;
  if (g_str_equal (type, "BPE") && g_str_equal (suffix, "</w>") && !*prefix)
    return TRUE;
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: not CLIP's kind of tokenizer (BPE with the suffix </w>)", what);
  return FALSE;
}

/* CLIPTokenizer finds all of them in the text as it is. */
static gboolean
take_added (const ClipSpecial *token, gboolean normalized, gpointer data, GError **error)
{
  Load *load = data;

  clip_bpe_add_token (load->tokenizer->bpe, token->text, token->id);
  g_ptr_array_add (load->names->others, g_strdup (token->text));
  return TRUE;
}

static gboolean
load_json (Load *load, const ClipTokenizerFile *file, GError **error)
{
  ClipBpe *bpe = load->tokenizer->bpe;
  JsonObject *model = NULL;

  if (!clip_json_get_object (file->root, file->what, "model", &model, error))
    return FALSE;
  if (!model || !file->vocab.begin || !file->merges.begin)
    return clip_tokenizer_invalid (file->what, error, "no \"vocab\" or no \"merges\"");
  return check_model (model, file->what, error)
         && clip_bpe_load_vocab (bpe, file->vocab, file->what, error)
         && clip_bpe_load_merges (bpe, file->merges, file->what, error)
         && clip_added_tokens (file->root, file->what, take_added, load, error);
}

static gboolean
add_special (ClipTokenizer *tokenizer, const gchar *text, GError **error)
{
  gint64 id = text ? clip_bpe_token_id (tokenizer->bpe, text) : -1;
  ClipSpecial special = { .text = (gchar *)text, .id = (guint32)id };

  return id < 0 || clip_specials_add (&tokenizer->specials, &special, error);
}

static gboolean
require_id (const ClipBpe *bpe, const ClipSource *source, const gchar *text, gint64 *id,
            GError **error)
{
  *id = clip_bpe_token_id (bpe, text);
  return *id >= 0
         || clip_tokenizer_invalid (clip_source_path (source), error,
                                    "the vocabulary has no \"%.100s\", with which CLIP frames a "
                                    "text",
                                    text);
}

static gboolean
finish (ClipTokenizer *tokenizer, const ClipSource *source, const ClipTokenNames *names,
        GError **error)
{
  const gchar *start = names->start ? names->start : START_TOKEN;
  const gchar *end = names->end ? names->end : END_TOKEN;
  const gchar *unknown = names->unknown ? names->unknown : END_TOKEN;

  if (!require_id (tokenizer->bpe, source, start, &tokenizer->start_id, error)
      || !require_id (tokenizer->bpe, source, end, &tokenizer->end_id, error)
      || !add_special (tokenizer, start, error) || !add_special (tokenizer, end, error)
      || !add_special (tokenizer, unknown, error) || !add_special (tokenizer, names->pad, error))
    return FALSE;
  for (guint i = 0; i < names->others->len; i++) {
    if (!add_special (tokenizer, names->others->pdata[i], error))
      return FALSE;
  }
  clip_bpe_seal (tokenizer->bpe, clip_bpe_token_id (tokenizer->bpe, unknown));
  tokenizer->max_id = clip_bpe_max_id (tokenizer->bpe);
  return TRUE;
}

gboolean
clip_tokenizer_load_clip (ClipTokenizer *tokenizer, const ClipSource *source,
                          const ClipTokenizerFile *file, GError **error)
{
  ClipTokenNames names;
  Load load = { tokenizer, &names };
  gboolean ok;

  tokenizer->bpe = clip_bpe_new ();
  ok = clip_token_names_load (&names, source, error)
       && (file ? load_json (&load, file, error) : load_plain_files (tokenizer->bpe, source, error))
       && finish (tokenizer, source, &names, error);
  clip_token_names_clear (&names);
  return ok;
}
