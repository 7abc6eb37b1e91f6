/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompts from JSON, see "Prompts in a file" in docs/elements.md. Strict: a key that is not known is
 * most likely a known one that is misspelt, and would be ignored in silence. */
#include "gst-clip/engine/json.h"
#include "gst-clip/engine/prompts_internal.h"

#include <string.h>

static const gchar *const file_keys[] = { "labels",    "templates", "threshold",
                                          "negatives", "comment",   NULL };
static const gchar *const label_keys[] = { "label", "threshold", "wordings", "comment", NULL };
static const gchar *const negative_keys[] = { "label", "wordings", "comment", NULL };

static gboolean
fail (const gchar *what, const gchar *problem, GError **error)
{
  g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX, "%s: %s", what, problem);
  return FALSE;
}

static gboolean
only_keys (JsonObject *object, const gchar *what, const gchar *const *known, GError **error)
{
  g_autoptr (GList) keys = json_object_get_members (object);

  for (GList *l = keys; l; l = l->next) {
    if (g_strv_contains (known, l->data))
      continue;
    g_autofree gchar *shown = clip_prompt_shown (l->data, strlen (l->data));
    g_autofree gchar *all = g_strjoinv ("\", \"", (gchar **)known);
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "%s: there is no key \"%s\" here, only \"%s\"", what, shown, all);
    return FALSE;
  }
  return TRUE;
}

/* A label, template or wording: (transfer full) (nullable). */
static gchar *
get_text (JsonNode *node, const gchar *what, GError **error)
{
  const gchar *text = clip_json_node_string (node);
  g_autofree gchar *stripped = text ? clip_prompt_strip (text, strlen (text)) : NULL;

  if (!text)
    fail (what, "this should be a string", error);
  else if (!*stripped)
    fail (what, "this is empty: leave it out", error);
  else if (strpbrk (stripped, "\n\r"))
    fail (what, "there is a line break in it: use a space", error);
  else
    return g_steal_pointer (&stripped);
  return NULL;
}

/* A string or an array of them: (transfer full) (nullable). */
static gchar **
get_texts (JsonNode *node, const gchar *what, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  const gboolean is_array = JSON_NODE_HOLDS_ARRAY (node);
  const guint n = is_array ? json_array_get_length (json_node_get_array (node)) : 1;

  if (n == 0) {
    fail (what, "there is nothing in it: leave it out", error);
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    g_autofree gchar *place = is_array ? g_strdup_printf ("%s[%u]", what, i) : g_strdup (what);
    JsonNode *element = is_array ? json_array_get_element (json_node_get_array (node), i) : node;
    gchar *text = get_text (element, place, error);
    if (!text)
      return NULL;
    g_ptr_array_add (texts, text);
  }
  g_ptr_array_add (texts, NULL);
  g_ptr_array_set_free_func (texts, NULL);
  return (gchar **)g_ptr_array_free (g_steal_pointer (&texts), FALSE);
}

static gboolean
get_threshold (JsonObject *object, const gchar *what, gdouble *threshold, GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (clip_json_get_double (object, what, "threshold", 0.0, 1.0, threshold, &cause))
    return TRUE;
  g_set_error_literal (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX, cause->message);
  return FALSE;
}

/* An object of label_keys or negative_keys. */
static gboolean
add_object (ClipPromptBuilder *builder, JsonObject *object, const gchar *what, gdouble threshold,
            const gchar *const *known, GError **error)
{
  g_autofree gchar *label_place = g_strconcat (what, ".label", NULL);
  g_autofree gchar *wordings_place = g_strconcat (what, ".wordings", NULL);
  g_autofree gchar *label = NULL;
  g_auto (GStrv) wordings = NULL;

  if (!only_keys (object, what, known, error) || !get_threshold (object, what, &threshold, error))
    return FALSE;
  if (!json_object_has_member (object, "label"))
    return fail (what, "the key \"label\" is missing", error);
  label = get_text (json_object_get_member (object, "label"), label_place, error);
  if (!label)
    return FALSE;
  if (json_object_has_member (object, "wordings")) {
    wordings = get_texts (json_object_get_member (object, "wordings"), wordings_place, error);
    if (!wordings)
      return FALSE;
  }
  if (clip_prompt_builder_add (builder, label, threshold, (const gchar *const *)wordings, error))
    return TRUE;
  g_prefix_error (error, "%s: ", what);
  return FALSE;
}

/* The array under @key: strings, and objects of @known keys. */
static gboolean
add_array (ClipPromptBuilder *builder, JsonNode *node, const gchar *file, const gchar *key,
           gdouble threshold, const gchar *const *known, GError **error)
{
  g_autofree gchar *what = g_strdup_printf ("%s: %s", file, key);

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return fail (what, "this should be an array", error);
  JsonArray *array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array); i++) {
    g_autofree gchar *place = g_strdup_printf ("%s[%u]", what, i);
    JsonNode *element = json_array_get_element (array, i);
    g_autofree gchar *label = NULL;

    if (JSON_NODE_HOLDS_OBJECT (element)) {
      if (!add_object (builder, json_node_get_object (element), place, threshold, known, error))
        return FALSE;
      continue;
    }
    label = get_text (element, place, error);
    if (!label)
      return FALSE;
    if (!clip_prompt_builder_add (builder, label, threshold, NULL, error)) {
      g_prefix_error (error, "%s: ", place);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
use_templates (JsonObject *root, const gchar *file, ClipPromptBuilder *labels,
               ClipPromptBuilder *negatives, GError **error)
{
  g_autofree gchar *what = g_strdup_printf ("%s: templates", file);
  g_auto (GStrv) templates = NULL;

  if (!json_object_has_member (root, "templates"))
    return TRUE;
  templates = get_texts (json_object_get_member (root, "templates"), what, error);
  if (!templates)
    return FALSE;
  if (clip_prompt_builder_use (labels, templates, error)
      && clip_prompt_builder_use (negatives, templates, error))
    return TRUE;
  g_prefix_error (error, "%s: ", what);
  return FALSE;
}

gboolean
clip_prompt_parse_json (const gchar *text, gsize length, const gchar *file,
                        ClipPromptBuilder *labels, ClipPromptBuilder *negatives,
                        gboolean *has_negatives, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (JsonObject) root = clip_json_load (text, length, file, &cause);
  gdouble threshold = -1.0;

  if (!root) {
    const gboolean bracket = text[strspn (text, " \t\r\n")] == '[';
    g_set_error (
        error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX, "%s%s", cause->message,
        bracket ? " (what begins with [ is read as JSON, which is {\"labels\": [\"a dog\"]} at "
                  "least; where lines are meant, let a comment be the first)"
                : "");
    return FALSE;
  }
  if (!only_keys (root, file, file_keys, error) || !get_threshold (root, file, &threshold, error)
      || !use_templates (root, file, labels, negatives, error))
    return FALSE;
  if (!json_object_has_member (root, "labels"))
    return fail (file, "the key \"labels\" is missing: an array of what to look for", error);
  if (!add_array (labels, json_object_get_member (root, "labels"), file, "labels", threshold,
                  label_keys, error))
    return FALSE;
  *has_negatives = json_object_has_member (root, "negatives");
  return !*has_negatives
         || add_array (negatives, json_object_get_member (root, "negatives"), file, "negatives",
                       -1.0, negative_keys, error);
}
