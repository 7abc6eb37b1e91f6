/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "normalizer" and "pre_tokenizer" of a tokenizer.json, as the tokenizers library defines them. */
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer_private.h"

/* Sequences within sequences, and steps in all. */
#define MAX_NESTING 8
#define MAX_STEPS   64

/* What the parts of one kind of step go to: one of the two. */
typedef struct {
  ClipNormalizer *normalizer;
  ClipSplitter *splitter;
  const gchar *what;
  guint depth, n;
} Steps;

typedef gboolean (*LoadStep) (Steps *steps, JsonObject *object, GError **error);

typedef struct {
  const gchar *type;
  LoadStep load;
} Kind;

static gboolean
unsupported (const gchar *what, const gchar *part, const gchar *value, GError **error)
{
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: the tokenizer's %s \"%.100s\" is unsupported", what, part, value);
  return FALSE;
}

static gboolean
load_step (Steps *steps, const Kind *kinds, const gchar *part, JsonObject *object, GError **error)
{
  const gchar *type = "";

  if (++steps->n > MAX_STEPS)
    return clip_tokenizer_invalid (steps->what, error, "the %s has more than %d steps", part,
                                   MAX_STEPS);
  if (!clip_json_get_string (object, steps->what, "type", &type, error))
    return FALSE;
  for (; kinds->type; kinds++) {
    if (g_str_equal (kinds->type, type))
      return kinds->load (steps, object, error);
  }
  return unsupported (steps->what, part, type, error);
}

/* @key: the list of a sequence */
static gboolean
load_sequence (Steps *steps, JsonObject *object, const gchar *key, LoadStep load, GError **error)
{
  JsonArray *list = NULL;

  if (++steps->depth > MAX_NESTING)
    return clip_tokenizer_invalid (steps->what, error, "\"%s\" is nested too deeply", key);
  if (!clip_json_get_array (object, steps->what, key, &list, error))
    return FALSE;
  for (guint i = 0; list && i < json_array_get_length (list); i++) {
    JsonNode *node = json_array_get_element (list, i);

    if (!JSON_NODE_HOLDS_OBJECT (node))
      return clip_tokenizer_invalid (steps->what, error, "\"%s\" should hold objects", key);
    if (!load (steps, json_node_get_object (node), error))
      return FALSE;
  }
  steps->depth--;
  return TRUE;
}

/* {"String": ...} or {"Regex": ...}. */
static gboolean
load_pattern (Steps *steps, JsonObject *object, ClipPattern **pattern, GError **error)
{
  const gchar *text = NULL, *regex = NULL;
  JsonObject *part = NULL;

  if (!clip_json_get_object (object, steps->what, "pattern", &part, error))
    return FALSE;
  if (part
      && (!clip_json_get_string (part, steps->what, "String", &text, error)
          || !clip_json_get_string (part, steps->what, "Regex", &regex, error)))
    return FALSE;
  if (((!text || !*text) && !regex) || (text && strlen (text) > CLIP_BPE_MAX_TOKEN_BYTES))
    return clip_tokenizer_invalid (steps->what, error, "a step without a usable \"pattern\"");
  *pattern = regex ? clip_pattern_new_regex (regex) : clip_pattern_new_text (text);
  return *pattern || unsupported (steps->what, "regular expression", regex, error);
}

/* Normalizers ------------------------------------------------------------ */

static gboolean load_normalizer (Steps *steps, JsonObject *object, GError **error);

static gboolean
load_normalizers (Steps *steps, JsonObject *object, GError **error)
{
  return load_sequence (steps, object, "normalizers", load_normalizer, error);
}

static gboolean
load_lowercase (Steps *steps, JsonObject *object, GError **error)
{
  clip_normalizer_add_lowercase (steps->normalizer, FALSE, NULL);
  return TRUE;
}

static gboolean
load_replace (Steps *steps, JsonObject *object, GError **error)
{
  g_autoptr (ClipPattern) pattern = NULL;
  const gchar *content = "";

  if (!load_pattern (steps, object, &pattern, error)
      || !clip_json_get_string (object, steps->what, "content", &content, error))
    return FALSE;
  if (strlen (content) > CLIP_BPE_MAX_TOKEN_BYTES)
    return clip_tokenizer_invalid (steps->what, error, "a replacement of more than %d bytes",
                                   CLIP_BPE_MAX_TOKEN_BYTES);
  clip_normalizer_add_replace (steps->normalizer, g_steal_pointer (&pattern), content);
  return TRUE;
}

static gboolean
load_strip (Steps *steps, JsonObject *object, GError **error)
{
  gboolean left = TRUE, right = TRUE;

  if (!clip_json_get_bool (object, steps->what, "strip_left", &left, error)
      || !clip_json_get_bool (object, steps->what, "strip_right", &right, error))
    return FALSE;
  clip_normalizer_add_strip (steps->normalizer, clip_pattern_new_regex ("\\s+"), left, right);
  return TRUE;
}

static gboolean
load_prepend (Steps *steps, JsonObject *object, GError **error)
{
  const gchar *content = "";

  if (!clip_json_get_string (object, steps->what, "prepend", &content, error))
    return FALSE;
  if (strlen (content) > CLIP_BPE_MAX_TOKEN_BYTES)
    return clip_tokenizer_invalid (steps->what, error, "a prefix of more than %d bytes",
                                   CLIP_BPE_MAX_TOKEN_BYTES);
  clip_normalizer_add_prepend (steps->normalizer, content);
  return TRUE;
}

static gboolean
load_precompiled (Steps *steps, JsonObject *object, GError **error)
{
  const gchar *text = NULL;
  g_autofree guint8 *data = NULL;
  ClipCharsmap *map;
  gsize size;

  if (!clip_json_get_string (object, steps->what, "precompiled_charsmap", &text, error))
    return FALSE;
  if (!text || !*text)
    return TRUE;
  data = g_base64_decode (text, &size);
  map = clip_charsmap_new (data, size, steps->what, error);
  if (!map)
    return FALSE;
  clip_normalizer_add_charsmap (steps->normalizer, map);
  return TRUE;
}

static gboolean
load_normalizer (Steps *steps, JsonObject *object, GError **error)
{
  static const Kind kinds[] = { { "Sequence", load_normalizers },
                                { "Lowercase", load_lowercase },
                                { "Replace", load_replace },
                                { "Strip", load_strip },
                                { "Prepend", load_prepend },
                                { "Precompiled", load_precompiled },
                                { NULL, NULL } };

  return load_step (steps, kinds, "normalizer", object, error);
}

gboolean
clip_normalizer_load (ClipNormalizer *normalizer, JsonObject *object, const gchar *what,
                      GError **error)
{
  return load_normalizer (&(Steps){ .normalizer = normalizer, .what = what }, object, error);
}

/* Splitters -------------------------------------------------------------- */

static gboolean load_splitter (Steps *steps, JsonObject *object, GError **error);

static gboolean
load_splitters (Steps *steps, JsonObject *object, GError **error)
{
  return load_sequence (steps, object, "pretokenizers", load_splitter, error);
}

static gboolean
load_whitespace_split (Steps *steps, JsonObject *object, GError **error)
{
  clip_splitter_add_split (steps->splitter, clip_pattern_new_regex ("\\s"), CLIP_SPLIT_REMOVED);
  return TRUE;
}

static gboolean
load_split (Steps *steps, JsonObject *object, GError **error)
{
  static const gchar *const names[] = { "Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", NULL };
  g_autoptr (ClipPattern) pattern = NULL;
  const gchar *behaviour = "";
  gboolean invert = FALSE;

  if (!load_pattern (steps, object, &pattern, error)
      || !clip_json_get_string (object, steps->what, "behavior", &behaviour, error)
      || !clip_json_get_bool (object, steps->what, "invert", &invert, error))
    return FALSE;
  for (guint i = 0; names[i] && !invert; i++) {
    if (g_str_equal (names[i], behaviour)) {
      clip_splitter_add_split (steps->splitter, g_steal_pointer (&pattern), (ClipSplitBehaviour)i);
      return TRUE;
    }
  }
  return unsupported (steps->what, "kind of split", invert ? "invert" : behaviour, error);
}

static gboolean
load_metaspace (Steps *steps, JsonObject *object, GError **error)
{
  static const gchar *const schemes[] = { "always", "first", "never", NULL };
  const gchar *replacement = "\xe2\x96\x81", *scheme = NULL;
  gboolean prefix = TRUE, split = TRUE;

  if (!clip_json_get_string (object, steps->what, "replacement", &replacement, error)
      || !clip_json_get_string (object, steps->what, "prepend_scheme", &scheme, error)
      || !clip_json_get_bool (object, steps->what, "add_prefix_space", &prefix, error)
      || !clip_json_get_bool (object, steps->what, "split", &split, error))
    return FALSE;
  /* Files of before 2024 have no scheme but a switch. */
  if (!scheme)
    scheme = prefix ? "always" : "never";
  if (g_utf8_strlen (replacement, -1) != 1)
    return clip_tokenizer_invalid (steps->what, error, "a \"replacement\" is one character");
  for (guint i = 0; schemes[i]; i++) {
    if (g_str_equal (schemes[i], scheme)) {
      clip_splitter_add_metaspace (steps->splitter, replacement, (ClipPrependScheme)i, split);
      return TRUE;
    }
  }
  return unsupported (steps->what, "prepend_scheme", scheme, error);
}

static gboolean
load_splitter (Steps *steps, JsonObject *object, GError **error)
{
  static const Kind kinds[] = { { "Sequence", load_splitters },
                                { "WhitespaceSplit", load_whitespace_split },
                                { "Split", load_split },
                                { "Metaspace", load_metaspace },
                                { NULL, NULL } };

  return load_step (steps, kinds, "pre_tokenizer", object, error);
}

gboolean
clip_splitter_load (ClipSplitter *splitter, JsonObject *object, const gchar *what, GError **error)
{
  return load_splitter (&(Steps){ .splitter = splitter, .what = what }, object, error);
}
