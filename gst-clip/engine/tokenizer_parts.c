/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of all kinds of tokenizers have in common: names of special tokens, the parts of
 * a BPE model, added tokens. */
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer_private.h"

gboolean
clip_tokenizer_invalid (const gchar *what, GError **error, const gchar *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: %s", what, message);
  return FALSE;
}

JsonObject *
clip_tokenizer_load_file (const ClipSource *source, const gchar *name, gchar **what, GError **error)
{
  g_autoptr (GBytes) bytes = clip_source_load (source, name, CLIP_JSON_MAX_BYTES, error);

  *what = g_build_filename (clip_source_path (source), name, NULL);
  if (!bytes)
    return NULL;
  return clip_json_load (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), *what, error);
}

gboolean
clip_tokenizer_file_load (ClipTokenizerFile *file, const ClipSource *source, GError **error)
{
  static const gchar *const keys[] = { "vocab", "merges", NULL };
  ClipJsonSpan spans[2];
  gconstpointer data;
  gsize size;

  *file = (ClipTokenizerFile){
    .bytes = clip_source_load (source, "tokenizer.json", CLIP_JSON_MAX_BYTES, error),
    .what = g_build_filename (clip_source_path (source), "tokenizer.json", NULL),
  };
  if (!file->bytes)
    return FALSE;
  data = g_bytes_get_data (file->bytes, &size);
  file->root = clip_json_load_without (data, size, file->what, "model", keys, spans, error);
  file->vocab = spans[0];
  file->merges = spans[1];
  return file->root != NULL;
}

void
clip_tokenizer_file_clear (ClipTokenizerFile *file)
{
  g_clear_pointer (&file->root, json_object_unref);
  g_clear_pointer (&file->bytes, g_bytes_unref);
  g_clear_pointer (&file->what, g_free);
}

/* BPE -------------------------------------------------------------------- */

/* "key": id. @reader: stands behind the key */
static gboolean
add_token (ClipBpe *bpe, ClipJsonReader *reader, const gchar *what, GError **error)
{
  g_autofree gchar *text = g_strdup (reader->string->str);
  ClipJsonToken token = clip_json_reader_next (reader);
  guint64 id;

  if (token != CLIP_JSON_NUMBER || !clip_json_reader_uint (reader, &id)
      || id >= CLIP_BPE_MAX_TOKENS)
    return clip_tokenizer_invalid (what, error,
                                   "the id of \"%.100s\" should be an integer in 0..%d", text,
                                   CLIP_BPE_MAX_TOKENS - 1);
  if (strlen (text) > CLIP_BPE_MAX_TOKEN_BYTES)
    return clip_tokenizer_invalid (what, error, "\"%.100s...\" is longer than %d bytes", text,
                                   CLIP_BPE_MAX_TOKEN_BYTES);
  clip_bpe_add_token (bpe, text, (guint32)id);
  return TRUE;
}

gboolean
clip_bpe_load_vocab (ClipBpe *bpe, ClipJsonSpan vocab, const gchar *what, GError **error)
{
  g_auto (ClipJsonReader) reader = { 0 };

  clip_json_reader_init (&reader, vocab);
  if (clip_json_reader_next (&reader) != CLIP_JSON_BEGIN_OBJECT)
    return clip_tokenizer_invalid (what, error, "the vocabulary should be an object");
  for (guint n = 0; clip_json_reader_next (&reader) == CLIP_JSON_KEY; n++) {
    if (n == CLIP_BPE_MAX_TOKENS)
      return clip_tokenizer_invalid (what, error, "more than %d tokens", CLIP_BPE_MAX_TOKENS);
    if (!add_token (bpe, &reader, what, error))
      return FALSE;
  }
  return TRUE;
}

/* @left, @right: NULL: they could not be read. @number: for the message, from 1 */
static gboolean
add_merge (ClipBpe *bpe, const gchar *left, const gchar *right, guint number, const gchar *what,
           GError **error)
{
  if (!left || !right || !*left || !*right)
    return clip_tokenizer_invalid (what, error, "merge %u should be two parts and a space", number);
  if (number > CLIP_BPE_MAX_MERGES)
    return clip_tokenizer_invalid (what, error, "more than %d merges", CLIP_BPE_MAX_MERGES);
  if (!clip_bpe_add_merge (bpe, left, right))
    return clip_tokenizer_invalid (
        what, error, "merge %u, \"%.100s %.100s\", is not in the vocabulary", number, left, right);
  return TRUE;
}

/* "left right"; the text is cut at the space. */
static gboolean
add_merge_text (ClipBpe *bpe, gchar *text, guint number, const gchar *what, GError **error)
{
  gchar *space = strchr (text, ' ');

  if (space && strchr (space + 1, ' '))
    space = NULL;
  if (space)
    *space = '\0';
  return add_merge (bpe, text, space ? space + 1 : NULL, number, what, error);
}

/* ["left", "right"], or the older "left right". @left: memory that is used again */
static gboolean
read_merge (ClipBpe *bpe, ClipJsonReader *reader, ClipJsonToken token, GString *left, guint number,
            const gchar *what, GError **error)
{
  const gchar *right = NULL;

  if (token == CLIP_JSON_STRING)
    return add_merge_text (bpe, reader->string->str, number, what, error);
  g_string_truncate (left, 0);
  if (token == CLIP_JSON_BEGIN_ARRAY && clip_json_reader_next (reader) == CLIP_JSON_STRING) {
    g_string_append (left, reader->string->str);
    if (clip_json_reader_next (reader) == CLIP_JSON_STRING)
      right = reader->string->str;
  }
  return add_merge (bpe, left->str, right, number, what, error)
         && (clip_json_reader_next (reader) == CLIP_JSON_END_ARRAY
             || clip_tokenizer_invalid (what, error, "merge %u has more than two parts", number));
}

gboolean
clip_bpe_load_merges (ClipBpe *bpe, ClipJsonSpan merges, const gchar *what, GError **error)
{
  g_auto (ClipJsonReader) reader = { 0 };
  GString *left = g_string_new (NULL);
  ClipJsonToken token;
  guint number = 0;
  gboolean ok;

  clip_json_reader_init (&reader, merges);
  ok = clip_json_reader_next (&reader) == CLIP_JSON_BEGIN_ARRAY
       || clip_tokenizer_invalid (what, error, "\"merges\" should be a list");
  while (ok && (token = clip_json_reader_next (&reader)) != CLIP_JSON_END_ARRAY)
    ok = read_merge (bpe, &reader, token, left, ++number, what, error);
  g_string_free (left, TRUE);
  return ok;
}

gboolean
clip_bpe_load_merge_lines (ClipBpe *bpe, const ClipSource *source, const gchar *name,
                           GError **error)
{
  g_autoptr (GBytes) bytes = clip_source_load (source, name, CLIP_JSON_MAX_BYTES, error);
  g_autofree gchar *what = g_build_filename (clip_source_path (source), name, NULL);
  const gchar *data;
  gsize size;
  guint number = 0;

  if (!bytes)
    return FALSE;
  data = g_bytes_get_data (bytes, &size);
  if (!g_utf8_validate_len (data, size, NULL))
    return clip_tokenizer_invalid (what, error, "not UTF-8");
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

/* Added tokens ----------------------------------------------------------- */

static gboolean
take_added (JsonObject *object, const gchar *what, ClipAddedToken take, gpointer data,
            GError **error)
{
  gboolean normalized = FALSE;
  const gchar *content = NULL;
  guint64 id = G_MAXUINT64;
  ClipSpecial special = { 0 };

  if (!clip_json_get_string (object, what, "content", &content, error)
      || !clip_json_get_uint (object, what, "id", 0, CLIP_BPE_MAX_TOKENS - 1, &id, error)
      || !clip_json_get_bool (object, what, "lstrip", &special.strip_left, error)
      || !clip_json_get_bool (object, what, "rstrip", &special.strip_right, error)
      || !clip_json_get_bool (object, what, "normalized", &normalized, error))
    return FALSE;
  if (!content || strlen (content) > CLIP_BPE_MAX_TOKEN_BYTES || id == G_MAXUINT64)
    return clip_tokenizer_invalid (what, error,
                                   "an added token without a usable \"content\" or \"id\"");
  special.text = (gchar *)content;
  special.id = (guint32)id;
  return take (&special, normalized, data, error);
}

gboolean
clip_added_tokens (JsonObject *root, const gchar *what, ClipAddedToken take, gpointer data,
                   GError **error)
{
  JsonArray *added = NULL;

  if (!clip_json_get_array (root, what, "added_tokens", &added, error))
    return FALSE;
  for (guint i = 0; added && i < json_array_get_length (added); i++) {
    JsonNode *node = json_array_get_element (added, i);

    if (!JSON_NODE_HOLDS_OBJECT (node))
      return clip_tokenizer_invalid (what, error, "\"added_tokens\" should hold objects");
    if (!take_added (json_node_get_object (node), what, take, data, error))
      return FALSE;
  }
  return TRUE;
}

/* Names ------------------------------------------------------------------ */

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
take_others (JsonObject *root, GPtrArray *others)
{
  JsonNode *node = json_object_get_member (root, "added_tokens_decoder");
  JsonObjectIter iter;

  if (node && JSON_NODE_HOLDS_OBJECT (node)) {
    json_object_iter_init (&iter, json_node_get_object (node));
    while (json_object_iter_next (&iter, NULL, &node)) {
      if (token_content (node))
        g_ptr_array_add (others, g_strdup (token_content (node)));
    }
  }
  node = json_object_get_member (root, "additional_special_tokens");
  for (guint i = 0; node && JSON_NODE_HOLDS_ARRAY (node)
                    && i < json_array_get_length (json_node_get_array (node));
       i++) {
    const gchar *content = token_content (json_array_get_element (json_node_get_array (node), i));
    if (content)
      g_ptr_array_add (others, g_strdup (content));
  }
}

static gboolean
take_names (JsonObject *root, ClipTokenNames *names, const gchar *what, GError **error)
{
  gboolean lower = names->lower == 1;

  take_name (root, "bos_token", &names->start);
  take_name (root, "eos_token", &names->end);
  take_name (root, "unk_token", &names->unknown);
  take_name (root, "pad_token", &names->pad);
  take_name (root, "tokenizer_class", &names->tokenizer_class);
  take_others (root, names->others);
  if (!json_object_has_member (root, "do_lower_case"))
    return TRUE;
  if (!clip_json_get_bool (root, what, "do_lower_case", &lower, error))
    return FALSE;
  names->lower = lower;
  return TRUE;
}

gboolean
clip_token_names_load (ClipTokenNames *names, const ClipSource *source, GError **error)
{
  static const gchar *const files[] = { "special_tokens_map.json", "tokenizer_config.json" };

  *names = (ClipTokenNames){ .others = g_ptr_array_new_with_free_func (g_free), .lower = -1 };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autoptr (JsonObject) root = NULL;
    g_autofree gchar *what = NULL;

    if (!clip_source_has (source, files[i]))
      continue;
    root = clip_tokenizer_load_file (source, files[i], &what, error);
    if (!root || !take_names (root, names, what, error))
      return FALSE;
  }
  return TRUE;
}

void
clip_token_names_clear (ClipTokenNames *names)
{
  g_free (names->start);
  g_free (names->end);
  g_free (names->unknown);
  g_free (names->pad);
  g_free (names->tokenizer_class);
  g_clear_pointer (&names->others, g_ptr_array_unref);
}
