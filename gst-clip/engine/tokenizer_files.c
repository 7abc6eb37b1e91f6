/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tokenizer's files: tokenizer.json, or vocab.json and merges.txt; and which tokens are
 * special, which may be said in three places.
 */
#include <string.h>
#include "gst-clip/engine/json.h"
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer_private.h"

#define START_TOKEN "<|startoftext|>"
#define END_TOKEN   "<|endoftext|>"

/* What the files say of special tokens. The strings are owned. */
typedef struct {
  gchar *start, *end, *unknown;
  GPtrArray *others;
} Names;

static gboolean G_GNUC_PRINTF (3, 4)
    invalid (const gchar *what, GError **error, const gchar *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: %s", what, message);
  return FALSE;
}

static JsonObject *
load_json (const ClipSource *source, const gchar *name, gchar **what, GError **error)
{
  g_autoptr (GBytes) bytes = clip_source_load (source, name, CLIP_JSON_MAX_BYTES, error);

  *what = g_build_filename (clip_source_path (source), name, NULL);
  if (!bytes)
    return NULL;
  return clip_json_load (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), *what, error);
}

/* Vocabulary and merges -------------------------------------------------- */

static gboolean
add_vocab (ClipBpe *bpe, JsonObject *vocab, const gchar *what, GError **error)
{
  JsonObjectIter iter;
  const gchar *text;
  JsonNode *node;

  if (json_object_get_size (vocab) > CLIP_BPE_MAX_TOKENS)
    return invalid (what, error, "more than %d tokens", CLIP_BPE_MAX_TOKENS);
  json_object_iter_init (&iter, vocab);
  while (json_object_iter_next (&iter, &text, &node)) {
    guint64 id;

    if (!clip_json_node_uint (node, &id) || id >= CLIP_BPE_MAX_TOKENS)
      return invalid (what, error, "the id of \"%.100s\" should be an integer in 0..%d", text,
                      CLIP_BPE_MAX_TOKENS - 1);
    if (strlen (text) > CLIP_BPE_MAX_TOKEN_BYTES)
      return invalid (what, error, "\"%.100s...\" is longer than %d bytes", text,
                      CLIP_BPE_MAX_TOKEN_BYTES);
    clip_bpe_add_token (bpe, text, (guint32)id);
  }
  return TRUE;
}

/* @number: for the message, from 1 */
static gboolean
add_merge (ClipBpe *bpe, const gchar *left, const gchar *right, guint number, const gchar *what,
           GError **error)
{
  if (number > CLIP_BPE_MAX_MERGES)
    return invalid (what, error, "more than %d merges", CLIP_BPE_MAX_MERGES);
  if (!clip_bpe_add_merge (bpe, left, right))
    return invalid (what, error, "merge %u, \"%.100s %.100s\", is not in the vocabulary", number,
                    left, right);
  return TRUE;
}

/* "left right"; the text is cut at the space. */
static gboolean
add_merge_text (ClipBpe *bpe, gchar *text, guint number, const gchar *what, GError **error)
{
  gchar *space = strchr (text, ' ');

  if (!space || space == text || !space[1] || strchr (space + 1, ' '))
    return invalid (what, error, "merge %u, \"%.100s\", should be two parts and a space", number,
                    text);
  *space = '\0';
  return add_merge (bpe, text, space + 1, number, what, error);
}

static gboolean
load_merges_txt (ClipBpe *bpe, const ClipSource *source, GError **error)
{
  g_autoptr (GBytes) bytes = clip_source_load (source, "merges.txt", CLIP_JSON_MAX_BYTES, error);
  g_autofree gchar *what = g_build_filename (clip_source_path (source), "merges.txt", NULL);
  const gchar *data;
  gsize size;
  guint number = 0;

  if (!bytes)
    return FALSE;
  data = g_bytes_get_data (bytes, &size);
  if (!g_utf8_validate_len (data, size, NULL))
    return invalid (what, error, "not UTF-8");
  for (gsize at = 0; at < size;) {
    const gchar *newline = memchr (data + at, '\n', size - at);
    gsize length = newline ? (gsize)(newline - data) - at : size - at;
    g_autofree gchar *line = g_strndup (data + at, length);

    at += length + 1;
    if (length > 0 && line[length - 1] == '\r')
      line[length - 1] = '\0';
    if (!*line || g_str_has_prefix (line, "#version"))
      continue;
    if (!add_merge_text (bpe, line, ++number, what, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
load_vocab_json (ClipBpe *bpe, const ClipSource *source, GError **error)
{
  g_autofree gchar *what = NULL;
  g_autoptr (JsonObject) vocab = load_json (source, "vocab.json", &what, error);

  return vocab && add_vocab (bpe, vocab, what, error);
}

/* tokenizer.json --------------------------------------------------------- */

static gboolean
add_json_merge (ClipBpe *bpe, JsonNode *node, guint number, const gchar *what, GError **error)
{
  const gchar *text = clip_json_node_string (node), *left = NULL, *right = NULL;

  if (text) {
    g_autofree gchar *copy = g_strdup (text);
    return add_merge_text (bpe, copy, number, what, error);
  }
  if (JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 2) {
    left = clip_json_node_string (json_array_get_element (json_node_get_array (node), 0));
    right = clip_json_node_string (json_array_get_element (json_node_get_array (node), 1));
  }
  if (!left || !right)
    return invalid (what, error, "merge %u should be two strings", number);
  return add_merge (bpe, left, right, number, what, error);
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

static gboolean
parse_added (JsonObject *root, ClipBpe *bpe, Names *names, const gchar *what, GError **error)
{
  JsonArray *added = NULL;

  if (!clip_json_get_array (root, what, "added_tokens", &added, error))
    return FALSE;
  for (guint i = 0; added && i < json_array_get_length (added); i++) {
    JsonNode *node = json_array_get_element (added, i);
    const gchar *content = NULL;
    guint64 id = G_MAXUINT64;

    if (!JSON_NODE_HOLDS_OBJECT (node))
      return invalid (what, error, "\"added_tokens\" should hold objects");
    if (!clip_json_get_string (json_node_get_object (node), what, "content", &content, error)
        || !clip_json_get_uint (json_node_get_object (node), what, "id", 0, CLIP_BPE_MAX_TOKENS - 1,
                                &id, error))
      return FALSE;
    if (!content || strlen (content) > CLIP_BPE_MAX_TOKEN_BYTES || id == G_MAXUINT64)
      return invalid (what, error, "an added token without a usable \"content\" or \"id\"");
    clip_bpe_add_token (bpe, content, (guint32)id);
    g_ptr_array_add (names->others, g_strdup (content));
  }
  return TRUE;
}

static gboolean
load_tokenizer_json (ClipBpe *bpe, Names *names, const ClipSource *source, GError **error)
{
  g_autofree gchar *what = NULL;
  g_autoptr (JsonObject) root = load_json (source, "tokenizer.json", &what, error);
  JsonObject *model = NULL, *vocab = NULL;
  JsonArray *merges = NULL;

  if (!root || !clip_json_get_object (root, what, "model", &model, error))
    return FALSE;
  if (!model)
    return invalid (what, error, "no \"model\"");
  if (!check_model (model, what, error)
      || !clip_json_get_object (model, what, "vocab", &vocab, error)
      || !clip_json_get_array (model, what, "merges", &merges, error))
    return FALSE;
  if (!vocab || !merges)
    return invalid (what, error, "no \"vocab\" or no \"merges\"");
  if (!add_vocab (bpe, vocab, what, error))
    return FALSE;
  for (guint i = 0; i < json_array_get_length (merges); i++) {
    if (!add_json_merge (bpe, json_array_get_element (merges, i), i + 1, what, error))
      return FALSE;
  }
  return parse_added (root, bpe, names, what, error);
}

/* Special tokens --------------------------------------------------------- */

/* A string, or an object with "content". */
static const gchar *
token_content (JsonNode *node)
{
  JsonNode *content = node;

  if (node && JSON_NODE_HOLDS_OBJECT (node))
    content = json_object_get_member (json_node_get_object (node), "content");
  return content ? clip_json_node_string (content) : NULL;
}

static void
take_name (JsonObject *root, const gchar *key, gchar **name)
{
  const gchar *content = token_content (json_object_get_member (root, key));

  if (content) {
    g_free (*name);
    *name = g_strdup (content);
  }
}

static void
take_names (JsonObject *root, Names *names)
{
  JsonNode *node = json_object_get_member (root, "added_tokens_decoder");
  g_autofree gchar *pad = NULL;
  JsonObjectIter iter;

  take_name (root, "bos_token", &names->start);
  take_name (root, "eos_token", &names->end);
  take_name (root, "unk_token", &names->unknown);
  take_name (root, "pad_token", &pad);
  if (pad)
    g_ptr_array_add (names->others, g_steal_pointer (&pad));
  if (node && JSON_NODE_HOLDS_OBJECT (node)) {
    json_object_iter_init (&iter, json_node_get_object (node));
    while (json_object_iter_next (&iter, NULL, &node)) {
      if (token_content (node))
        g_ptr_array_add (names->others, g_strdup (token_content (node)));
    }
  }
  node = json_object_get_member (root, "additional_special_tokens");
  for (guint i = 0; node && JSON_NODE_HOLDS_ARRAY (node)
                    && i < json_array_get_length (json_node_get_array (node));
       i++) {
    const gchar *content = token_content (json_array_get_element (json_node_get_array (node), i));
    if (content)
      g_ptr_array_add (names->others, g_strdup (content));
  }
}

static gboolean
load_names (const ClipSource *source, Names *names, GError **error)
{
  static const gchar *const files[] = { "special_tokens_map.json", "tokenizer_config.json" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autoptr (JsonObject) root = NULL;
    g_autofree gchar *what = NULL;

    if (!clip_source_has (source, files[i]))
      continue;
    root = load_json (source, files[i], &what, error);
    if (!root)
      return FALSE;
    take_names (root, names);
  }
  return TRUE;
}

static gboolean
add_special (ClipTokenizer *tokenizer, const gchar *text, GError **error)
{
  gint64 id = clip_bpe_token_id (tokenizer->bpe, text);
  ClipSpecial special = { .length = strlen (text), .id = (guint32)id };

  if (id < 0 || !*text)
    return TRUE;
  for (guint i = 0; i < tokenizer->specials->len; i++) {
    if (g_str_equal (g_array_index (tokenizer->specials, ClipSpecial, i).text, text))
      return TRUE;
  }
  if (tokenizer->specials->len == CLIP_MAX_SPECIALS) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "the tokenizer has more than %d special tokens", CLIP_MAX_SPECIALS);
    return FALSE;
  }
  special.text = g_strdup (text);
  g_array_append_val (tokenizer->specials, special);
  tokenizer->special_starts[(guchar)*text] = TRUE;
  return TRUE;
}

static gint
longest_first (gconstpointer a, gconstpointer b)
{
  gsize x = ((const ClipSpecial *)a)->length, y = ((const ClipSpecial *)b)->length;

  return x > y ? -1 : x < y;
}

static gboolean
require_id (const ClipBpe *bpe, const ClipSource *source, const gchar *text, guint32 *id,
            GError **error)
{
  gint64 found = clip_bpe_token_id (bpe, text);

  if (found < 0)
    return invalid (clip_source_path (source), error,
                    "the vocabulary has no \"%.100s\", with which CLIP frames a text", text);
  *id = (guint32)found;
  return TRUE;
}

static gboolean
finish (ClipTokenizer *tokenizer, const ClipSource *source, const Names *names, GError **error)
{
  if (!require_id (tokenizer->bpe, source, names->start, &tokenizer->start_id, error)
      || !require_id (tokenizer->bpe, source, names->end, &tokenizer->end_id, error)
      || !add_special (tokenizer, names->start, error)
      || !add_special (tokenizer, names->end, error)
      || !add_special (tokenizer, names->unknown, error))
    return FALSE;
  for (guint i = 0; i < names->others->len; i++) {
    if (!add_special (tokenizer, names->others->pdata[i], error))
      return FALSE;
  }
  g_array_sort (tokenizer->specials, longest_first);
  clip_bpe_seal (tokenizer->bpe, clip_bpe_token_id (tokenizer->bpe, names->unknown));
  tokenizer->max_id = clip_bpe_max_id (tokenizer->bpe);
  return TRUE;
}

/* open_clip's folders need not have one, since the standard one is in its program. */
static gboolean
no_tokenizer (const ClipSource *source, GError **error)
{
  g_set_error (
      error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND,
      "%s: there is no tokenizer: neither tokenizer.json nor vocab.json with merges.txt; for "
      "a model that uses CLIP's own, copy tokenizer.json of openai/clip-vit-base-patch32",
      clip_source_path (source));
  return FALSE;
}

gboolean
clip_tokenizer_load (ClipTokenizer *tokenizer, const ClipSource *source, GError **error)
{
  Names names = { g_strdup (START_TOKEN), g_strdup (END_TOKEN), g_strdup (END_TOKEN),
                  g_ptr_array_new_with_free_func (g_free) };
  gboolean ok;

  if (!clip_source_has (source, "tokenizer.json") && !clip_source_has (source, "vocab.json"))
    ok = no_tokenizer (source, error);
  else if (clip_source_has (source, "tokenizer.json"))
    ok = load_tokenizer_json (tokenizer->bpe, &names, source, error);
  else
    ok = load_vocab_json (tokenizer->bpe, source, error)
         && load_merges_txt (tokenizer->bpe, source, error);
  ok = ok && load_names (source, &names, error) && finish (tokenizer, source, &names, error);
  g_free (names.start);
  g_free (names.end);
  g_free (names.unknown);
  g_ptr_array_unref (names.others);
  return ok;
}
