/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/json.h: JSON from files that nobody vouches for.
 *
 * json-glib recurses without a limit, wraps integers and keeps the last of two equal keys.
 * clip_json_load() therefore reads the text once itself before json-glib sees it. All errors
 * are CLIP_MODEL_ERROR_INVALID and name the file. Thread: any.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/** Limits of clip_json_load(): nesting, values in a file, magnitude of integers. */
#define CLIP_JSON_MAX_DEPTH   64
#define CLIP_JSON_MAX_VALUES  (4 * 1000 * 1000)
#define CLIP_JSON_MAX_INTEGER (G_GUINT64_CONSTANT (1) << 53)

/** CLIP_JSON_MAX_BYTES: largest file that is read as JSON; a safetensors header has its own. */
#define CLIP_JSON_MAX_BYTES (64 * 1000 * 1000)

/**
 * clip_json_check: the scan in front of json-glib: strict JSON in valid UTF-8, nesting and
 * number of values within the limits, integers of at most 2^53 in magnitude, numbers that are
 * finite, no key twice in an object, no U+0000 and no half of a surrogate pair in a string.
 * @what: the file, for the message
 */
gboolean clip_json_check (const gchar *text, gsize length, const gchar *what, GError **error);

/**
 * clip_json_load: checks and parses a text whose root is an object.
 * @what: the file, for the message
 * Returns: (transfer full)
 */
JsonObject *clip_json_load (const gchar *text, gsize length, const gchar *what, GError **error);

/** ClipJsonSpan: a value within a text; both NULL: there is none. */
typedef struct {
  const gchar *begin, *end;
} ClipJsonSpan;

/**
 * clip_json_load_without: the same, but members of one object of the root are left out, because they
 * are large: json-glib takes hundreds of bytes and a microsecond for each value.
 * @object: the member of the root, "model"
 * @keys: (array zero-terminated=1): its members that are left out
 * @spans: (out): where their values are in @text, in the order of @keys; checked like the rest
 */
JsonObject *clip_json_load_without (const gchar *text, gsize length, const gchar *what,
                                    const gchar *object, const gchar *const *keys,
                                    ClipJsonSpan *spans, GError **error);

/** ClipJsonToken: @KEY: a string with a colon behind it; @WORD: true, false or null */
typedef enum {
  CLIP_JSON_END,
  CLIP_JSON_BEGIN_OBJECT,
  CLIP_JSON_END_OBJECT,
  CLIP_JSON_BEGIN_ARRAY,
  CLIP_JSON_END_ARRAY,
  CLIP_JSON_KEY,
  CLIP_JSON_STRING,
  CLIP_JSON_NUMBER,
  CLIP_JSON_WORD,
} ClipJsonToken;

/** ClipJsonReader: reads a text that was checked, token by token. @string: of the last key or string */
typedef struct {
  const gchar *p, *end;
  ClipJsonSpan token;
  GString *string;
} ClipJsonReader;

void clip_json_reader_init (ClipJsonReader *reader, ClipJsonSpan span);
void clip_json_reader_clear (ClipJsonReader *reader);
ClipJsonToken clip_json_reader_next (ClipJsonReader *reader);

/** clip_json_reader_uint, _double: the last number; FALSE if it is not an integer of at least 0. */
gboolean clip_json_reader_uint (const ClipJsonReader *reader, guint64 *value);
gdouble clip_json_reader_double (const ClipJsonReader *reader);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ClipJsonReader, clip_json_reader_clear)

/**
 * clip_json_get_*: typed getters.
 * @what: file (and object), for the message
 * @value: keeps what it had where the key is missing or null: the default
 * Errors: another type, or a value outside @min..@max (for double also: not finite).
 * The string and the object are borrowed from @object.
 */
gboolean clip_json_get_uint (JsonObject *object, const gchar *what, const gchar *key, guint64 min,
                             guint64 max, guint64 *value, GError **error);
gboolean clip_json_get_int (JsonObject *object, const gchar *what, const gchar *key, gint64 min,
                            gint64 max, gint64 *value, GError **error);
gboolean clip_json_get_double (JsonObject *object, const gchar *what, const gchar *key, gdouble min,
                               gdouble max, gdouble *value, GError **error);
gboolean clip_json_get_bool (JsonObject *object, const gchar *what, const gchar *key,
                             gboolean *value, GError **error);
gboolean clip_json_get_string (JsonObject *object, const gchar *what, const gchar *key,
                               const gchar **value, GError **error);
gboolean clip_json_get_object (JsonObject *object, const gchar *what, const gchar *key,
                               JsonObject **value, GError **error);
gboolean clip_json_get_array (JsonObject *object, const gchar *what, const gchar *key,
                              JsonArray **value, GError **error);

/** clip_json_node_uint: whether @node is an integer of at least 0, and which. */
gboolean clip_json_node_uint (JsonNode *node, guint64 *value);

/** clip_json_node_double: whether @node is a number, and which. */
gboolean clip_json_node_double (JsonNode *node, gdouble *value);

/** clip_json_node_string: the string in @node (borrowed), or NULL if it is something else. */
const gchar *clip_json_node_string (JsonNode *node);

G_END_DECLS
