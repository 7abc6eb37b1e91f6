/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/json.h"

#include <math.h>
#include "gst-clip/engine/model.h"

JsonObject *
clip_json_load (const gchar *text, gsize length, const gchar *what, GError **error)
{
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) cause = NULL;
  JsonNode *root;

  if (!clip_json_check (text, length, what, error))
    return NULL;
  parser = json_parser_new_immutable ();
  if (!json_parser_load_from_data (parser, text, (gssize)length, &cause)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: not usable JSON: %s", what,
                 cause->message);
    return NULL;
  }
  root = json_parser_get_root (parser);
  if (!root || !JSON_NODE_HOLDS_OBJECT (root)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: not usable JSON: an object was expected", what);
    return NULL;
  }
  return json_object_ref (json_node_get_object (root));
}

/* The node of @key; NULL where it is missing or null. */
static JsonNode *
member (JsonObject *object, const gchar *key)
{
  JsonNode *node = json_object_get_member (object, key);

  return node && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

static gboolean
wrong_type (const gchar *what, const gchar *key, const gchar *expected, GError **error)
{
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: \"%s\" should be %s", what,
               key, expected);
  return FALSE;
}

static gboolean
holds (JsonNode *node, GType type)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type;
}

gboolean
clip_json_get_int (JsonObject *object, const gchar *what, const gchar *key, gint64 min, gint64 max,
                   gint64 *value, GError **error)
{
  JsonNode *node = member (object, key);
  gint64 number;

  if (!node)
    return TRUE;
  if (!holds (node, G_TYPE_INT64))
    return wrong_type (what, key, "an integer", error);
  number = json_node_get_int (node);
  if (number < min || number > max) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: \"%s\" is %" G_GINT64_FORMAT ", outside %" G_GINT64_FORMAT
                 "..%" G_GINT64_FORMAT,
                 what, key, number, min, max);
    return FALSE;
  }
  *value = number;
  return TRUE;
}

gboolean
clip_json_get_uint (JsonObject *object, const gchar *what, const gchar *key, guint64 min,
                    guint64 max, guint64 *value, GError **error)
{
  gint64 number = 0;

  if (!member (object, key))
    return TRUE;
  if (!clip_json_get_int (object, what, key, (gint64)min, (gint64)max, &number, error))
    return FALSE;
  *value = (guint64)number;
  return TRUE;
}

gboolean
clip_json_get_double (JsonObject *object, const gchar *what, const gchar *key, gdouble min,
                      gdouble max, gdouble *value, GError **error)
{
  JsonNode *node = member (object, key);
  gdouble number;

  if (!node)
    return TRUE;
  if (!clip_json_node_double (node, &number))
    return wrong_type (what, key, "a number", error);
  if (!(number >= min && number <= max)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: \"%s\" is %g, outside %g..%g", what, key, number, min, max);
    return FALSE;
  }
  *value = number;
  return TRUE;
}

gboolean
clip_json_get_bool (JsonObject *object, const gchar *what, const gchar *key, gboolean *value,
                    GError **error)
{
  JsonNode *node = member (object, key);

  if (!node)
    return TRUE;
  if (!holds (node, G_TYPE_BOOLEAN))
    return wrong_type (what, key, "true or false", error);
  *value = json_node_get_boolean (node);
  return TRUE;
}

gboolean
clip_json_get_string (JsonObject *object, const gchar *what, const gchar *key, const gchar **value,
                      GError **error)
{
  JsonNode *node = member (object, key);

  if (!node)
    return TRUE;
  if (!clip_json_node_string (node))
    return wrong_type (what, key, "a string", error);
  *value = clip_json_node_string (node);
  return TRUE;
}

gboolean
clip_json_get_object (JsonObject *object, const gchar *what, const gchar *key, JsonObject **value,
                      GError **error)
{
  JsonNode *node = member (object, key);

  if (!node)
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return wrong_type (what, key, "an object", error);
  *value = json_node_get_object (node);
  return TRUE;
}

gboolean
clip_json_get_array (JsonObject *object, const gchar *what, const gchar *key, JsonArray **value,
                     GError **error)
{
  JsonNode *node = member (object, key);

  if (!node)
    return TRUE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return wrong_type (what, key, "an array", error);
  *value = json_node_get_array (node);
  return TRUE;
}

gboolean
clip_json_node_uint (JsonNode *node, guint64 *value)
{
  if (!holds (node, G_TYPE_INT64) || json_node_get_int (node) < 0)
    return FALSE;
  *value = (guint64)json_node_get_int (node);
  return TRUE;
}

gboolean
clip_json_node_double (JsonNode *node, gdouble *value)
{
  if (holds (node, G_TYPE_INT64))
    *value = (gdouble)json_node_get_int (node);
  else if (holds (node, G_TYPE_DOUBLE))
    *value = json_node_get_double (node);
  else
    return FALSE;
  return TRUE;
}

const gchar *
clip_json_node_string (JsonNode *node)
{
  return holds (node, G_TYPE_STRING) ? json_node_get_string (node) : NULL;
}
