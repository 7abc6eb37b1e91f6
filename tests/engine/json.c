/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scan in front of json-glib, and the typed getters. */
#include <string.h>
#include "gst-clip/engine/json.h"
#include "gst-clip/engine/model.h"

static void
good (const gchar *text)
{
  g_autofree gchar *shown = g_strescape (text, NULL);
  g_autoptr (GError) error = NULL;

  g_test_message ("%s", shown);
  clip_json_check (text, strlen (text), "test", &error);
  g_assert_no_error (error);
}

static void
bad (const gchar *text)
{
  g_autofree gchar *shown = g_strescape (text, NULL);
  g_autoptr (GError) error = NULL;

  g_test_message ("%s", shown);
  g_assert_false (clip_json_check (text, strlen (text), "some-file", &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID);
  g_assert_true (g_str_has_prefix (error->message, "some-file: "));
}

static void
test_values (void)
{
  good ("{}");
  good (" [ ] ");
  good ("\t{ \"a\" : [ 1 , -2.5e-3 , true , false , null , \"x\" ] }\r\n");
  good ("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}");
  bad ("");
  bad ("   ");
  bad ("{");
  bad ("{\"a\"}");
  bad ("{\"a\":}");
  bad ("{\"a\":1,}");
  bad ("[1,]");
  bad ("[1 2]");
  bad ("[1]]");
  bad ("{a:1}");
  bad ("nul");
  bad ("True");
  bad ("[1] // comment");
  bad ("\xef\xbb\xbf{}"); /* a byte order mark */
}

static void
test_numbers (void)
{
  good ("[0, -0, 10, 0.5, 1e5, 1E+5, 1e-300, 9007199254740992, -9007199254740992]");
  /* Large numbers with a point or an exponent are not integers that could wrap. */
  good ("[1e300, 9007199254740993.0]");
  bad ("[9007199254740993]");
  bad ("[-9007199254740993]");
  bad ("[18446744073709551616]");
  bad ("[18446744073709551617]");
  bad ("[99999999999999999999999999999999999999999999]");
  bad ("[1e309]");
  bad ("[-1e309]");
  bad ("[01]");
  bad ("[+1]");
  bad ("[.5]");
  bad ("[5.]");
  bad ("[1e]");
  bad ("[-]");
  bad ("[0x10]");
  bad ("[NaN]");
  bad ("[Infinity]");
}

static void
test_strings (void)
{
  good ("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"]");
  good ("[\"\xc3\xa9\"]");
  bad ("[\"]");
  bad ("[\"\\\"]");
  bad ("[\"\\x41\"]");
  bad ("[\"\\u12\"]");
  bad ("[\"\\u12g4\"]");
  bad ("[\"\\u0000\"]");
  bad ("[\"\\ud800\"]");
  bad ("[\"\\ud800x\"]");
  bad ("[\"\\ud800\\u0041\"]");
  bad ("[\"\\udc00\"]");
  bad ("[\"a\nb\"]");
  bad ("[\"\xff\"]");
  bad ("[\"\xc3\"]");
  bad ("[\"\xed\xa0\x80\"]"); /* a surrogate in UTF-8 */
}

static void
test_keys (void)
{
  bad ("{\"a\":1,\"a\":2}");
  bad ("{\"a\":1,\"\\u0061\":2}");
  bad ("{\"x\":{\"b\":1,\"c\":2,\"b\":3}}");
  bad ("{\"a\\u0000b\":1}");
}

static void
test_nul_byte (void)
{
  static const gchar text[] = "[1]\0[2]";
  g_autoptr (GError) error = NULL;

  g_assert_false (clip_json_check (text, sizeof text - 1, "test", &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID);
}

/* @depth brackets around nothing */
static gchar *
nested (guint depth)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < depth; i++)
    g_string_append_c (text, '[');
  for (guint i = 0; i < depth; i++)
    g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

static void
test_depth (void)
{
  g_autofree gchar *deep = nested (CLIP_JSON_MAX_DEPTH);
  g_autofree gchar *deeper = nested (CLIP_JSON_MAX_DEPTH + 1);
  g_autofree gchar *bomb = nested (1000000);

  good (deep);
  bad (deeper);
  g_assert_false (clip_json_check (bomb, strlen (bomb), "bomb", NULL));
}

static JsonObject *
load (const gchar *text)
{
  g_autoptr (GError) error = NULL;
  JsonObject *object = clip_json_load (text, strlen (text), "test", &error);

  g_assert_no_error (error);
  return object;
}

static void
test_load (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) object = load ("{\"a\": 1e-05, \"b\": \"\\ud83d\\ude00\"}");

  g_assert_cmpfloat (json_object_get_double_member (object, "a"), ==, 1e-5);
  g_assert_cmpstr (json_object_get_string_member (object, "b"), ==, "\xf0\x9f\x98\x80");
  g_assert_null (clip_json_load ("[1]", 3, "test", &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID);
}

static void
test_getters (void)
{
  g_autoptr (JsonObject) o = load ("{\"i\": 7, \"n\": -7, \"d\": 0.5, \"s\": \"x\", \"b\": true, "
                                   "\"o\": {}, \"a\": [], \"z\": null}");
  guint64 u = 3;
  gint64 i = 3;
  gdouble d = 3;
  gboolean b = FALSE;
  const gchar *s = "default";
  JsonObject *object = NULL;
  JsonArray *array = NULL;

  g_assert_true (clip_json_get_uint (o, "f", "i", 0, 7, &u, NULL) && u == 7);
  g_assert_true (clip_json_get_int (o, "f", "n", -7, 0, &i, NULL) && i == -7);
  g_assert_true (clip_json_get_double (o, "f", "d", 0, 1, &d, NULL) && d == 0.5);
  g_assert_true (clip_json_get_double (o, "f", "i", 0, 10, &d, NULL) && d == 7);
  g_assert_true (clip_json_get_bool (o, "f", "b", &b, NULL) && b);
  g_assert_true (clip_json_get_string (o, "f", "s", &s, NULL) && g_str_equal (s, "x"));
  g_assert_true (clip_json_get_object (o, "f", "o", &object, NULL) && object);
  g_assert_true (clip_json_get_array (o, "f", "a", &array, NULL) && array);
  /* Missing and null: the default stays. */
  u = 3;
  g_assert_true (clip_json_get_uint (o, "f", "missing", 0, 1, &u, NULL) && u == 3);
  g_assert_true (clip_json_get_uint (o, "f", "z", 0, 1, &u, NULL) && u == 3);
  g_assert_true (clip_json_get_string (o, "f", "z", &s, NULL) && g_str_equal (s, "x"));
  /* Out of range, and of another type. */
  g_assert_false (clip_json_get_uint (o, "f", "i", 0, 6, &u, NULL));
  g_assert_false (clip_json_get_uint (o, "f", "i", 8, 9, &u, NULL));
  g_assert_false (clip_json_get_uint (o, "f", "n", 0, 9, &u, NULL));
  g_assert_false (clip_json_get_uint (o, "f", "d", 0, 9, &u, NULL));
  g_assert_false (clip_json_get_uint (o, "f", "b", 0, 9, &u, NULL));
  g_assert_false (clip_json_get_double (o, "f", "d", 0.6, 1, &d, NULL));
  g_assert_false (clip_json_get_double (o, "f", "s", 0, 1, &d, NULL));
  g_assert_false (clip_json_get_bool (o, "f", "i", &b, NULL));
  g_assert_false (clip_json_get_string (o, "f", "i", &s, NULL));
  g_assert_false (clip_json_get_object (o, "f", "a", &object, NULL));
  g_assert_false (clip_json_get_array (o, "f", "o", &array, NULL));
  g_assert_cmpuint (u, ==, 3);
}

/* The large members by their spans, the rest by json-glib; what else has these names stays. */
static void
test_without (void)
{
  static const gchar text[] = "{\"vocab\":[1],\"model\":{\"a\":{\"vocab\":3},\"merges\" : [[\"x\", "
                              "\"y\\u00e9\"]] ,\"vocab\":{\"q:\":1,\"r\":-2.5e1},\"n\":null}}";
  static const gchar *const keys[] = { "vocab", "merges", "missing", NULL };
  g_autoptr (GError) error = NULL;
  ClipJsonSpan spans[3];
  g_autoptr (JsonObject) root =
      clip_json_load_without (text, strlen (text), "test", "model", keys, spans, &error);
  JsonObject *model;

  g_assert_no_error (error);
  g_assert_true (JSON_NODE_HOLDS_ARRAY (json_object_get_member (root, "vocab")));
  model = json_object_get_object_member (root, "model");
  g_assert_true (json_object_get_null_member (model, "vocab"));
  g_assert_true (json_object_get_null_member (model, "merges"));
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (model, "a"), "vocab"),
                   ==, 3);
  g_assert_true (g_str_has_prefix (spans[0].begin, "{\"q:\""));
  g_assert_true (spans[0].end[-1] == '}' && spans[1].begin[0] == '[' && spans[1].end[-1] == ']');
  g_assert_null (spans[2].begin);
}

static void
test_reader (void)
{
  static const gchar text[] = "{ \"a:\" : [1, -2.5e1,\"\\u00e9\\n\" , true ], \"b\":{}}";
  static const ClipJsonToken tokens[] = {
    CLIP_JSON_BEGIN_OBJECT, CLIP_JSON_KEY,          CLIP_JSON_BEGIN_ARRAY, CLIP_JSON_NUMBER,
    CLIP_JSON_NUMBER,       CLIP_JSON_STRING,       CLIP_JSON_WORD,        CLIP_JSON_END_ARRAY,
    CLIP_JSON_KEY,          CLIP_JSON_BEGIN_OBJECT, CLIP_JSON_END_OBJECT,  CLIP_JSON_END_OBJECT,
    CLIP_JSON_END,          CLIP_JSON_END
  };
  g_auto (ClipJsonReader) reader = { 0 };
  guint64 number;

  clip_json_reader_init (&reader, (ClipJsonSpan){ text, text + strlen (text) });
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++) {
    g_assert_cmpint (clip_json_reader_next (&reader), ==, tokens[i]);
    if (i == 1)
      g_assert_cmpstr (reader.string->str, ==, "a:");
    if (i == 3)
      g_assert_true (clip_json_reader_uint (&reader, &number) && number == 1);
    if (i == 4)
      g_assert_true (!clip_json_reader_uint (&reader, &number)
                     && clip_json_reader_double (&reader) == -25);
    if (i == 5)
      g_assert_cmpstr (reader.string->str, ==, "\xc3\xa9\n");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/json/values", test_values);
  g_test_add_func ("/engine/json/numbers", test_numbers);
  g_test_add_func ("/engine/json/strings", test_strings);
  g_test_add_func ("/engine/json/keys", test_keys);
  g_test_add_func ("/engine/json/nul-byte", test_nul_byte);
  g_test_add_func ("/engine/json/depth", test_depth);
  g_test_add_func ("/engine/json/load", test_load);
  g_test_add_func ("/engine/json/getters", test_getters);
  g_test_add_func ("/engine/json/without", test_without);
  g_test_add_func ("/engine/json/reader", test_reader);
  return g_test_run ();
}
