/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Token ids against those of Hugging Face's tokenizer: every line of the golden files, the
 * published tokenizer's own test strings, and the prompts of the golden models.
 */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/spiece.h"
#include "gst-clip/engine/tokenizer.h"

#define ROOM 20000

static gchar *
data_path (const gchar *name)
{
  const gchar *root = g_getenv ("GST_CLIP_TESTDATA");
  g_autofree gchar *path = root ? g_build_filename (root, name, NULL) : NULL;

  if (!path || !g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("GST_CLIP_TESTDATA has no such file");
    return NULL;
  }
  return g_steal_pointer (&path);
}

static ClipTokenizer *
open_tokenizer (const gchar *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipSource) source = clip_source_open_folder (folder, &error);
  ClipTokenizer *tokenizer;

  g_assert_no_error (error);
  tokenizer = clip_tokenizer_open (source, G_MAXUINT32, FALSE, &error);
  g_assert_no_error (error);
  return tokenizer;
}

/* json-glib's strings end at a NUL: the lines are parsed with a stand-in for it. */
#define NUL_ESCAPE      "\\u0000"
#define STAND_IN_ESCAPE "\\ue7e7"
#define STAND_IN        "\xee\x9f\xa7"

static JsonNode *
parse (const gchar *text)
{
  GString *safe = g_string_new (text);
  g_autoptr (GError) error = NULL;
  JsonNode *node;

  g_assert_null (strstr (text, STAND_IN_ESCAPE));
  g_string_replace (safe, NUL_ESCAPE, STAND_IN_ESCAPE, 0);
  node = json_from_string (safe->str, &error);
  g_assert_no_error (error);
  g_string_free (safe, TRUE);
  return node;
}

static GString *
with_nul (const gchar *text)
{
  g_auto (GStrv) parts = g_strsplit (text, STAND_IN, -1);
  GString *out = g_string_new (NULL);

  for (guint i = 0; parts[i]; i++) {
    if (i > 0)
      g_string_append_c (out, '\0');
    g_string_append (out, parts[i]);
  }
  return out;
}

/* Whether the string @text_key of @object has the ids @ids_key; @head, @tail: ids to leave out at
 * the ends. */
static gboolean
agrees (const ClipTokenizer *tokenizer, JsonObject *object, const gchar *text_key,
        const gchar *ids_key, guint head, guint tail)
{
  JsonArray *expected = json_object_get_array_member (object, ids_key);
  GString *text = with_nul (json_object_get_string_member (object, text_key));
  g_autofree guint32 *ids = g_new (guint32, ROOM);
  guint32 n_dropped, n = clip_tokenizer_encode (tokenizer, text->str, (gssize)text->len, ROOM, ids,
                                                &n_dropped, NULL);
  gboolean same = n_dropped == 0 && n - head - tail == json_array_get_length (expected);

  for (guint i = 0; same && i < n - head - tail; i++)
    same = ids[i + head] == json_array_get_int_element (expected, i);
  if (!same) {
    g_autofree gchar *shown = g_strescape (text->str, NULL);
    GString *line = g_string_new (NULL);
    for (guint i = head; i < n - tail; i++)
      g_string_append_printf (line, " %u", ids[i]);
    g_test_message ("\"%s\" gives%s", shown, line->str);
    g_string_free (line, TRUE);
  }
  g_string_free (text, TRUE);
  return same;
}

/* @file: JSON lines; @frame: 1 if their ids are without start and end; how many of them there must be at least guards against an empty one */
static void
check_lines (const gchar *folder, const gchar *file, const gchar *ids_key, guint frame,
             guint at_least)
{
  g_autofree gchar *folder_path = data_path (folder), *path = data_path (file);
  g_autoptr (ClipTokenizer) tokenizer = NULL;
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint n = 0, wrong = 0;

  if (!folder_path || !path)
    return;
  tokenizer = open_tokenizer (folder_path);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    g_autoptr (JsonNode) node = *lines[i] ? parse (lines[i]) : NULL;

    if (!node)
      continue;
    wrong += !agrees (tokenizer, json_node_get_object (node), "t", ids_key, frame, frame);
    n++;
  }
  g_test_message ("%u lines, %u wrong", n, wrong);
  g_assert_cmpuint (wrong, ==, 0);
  g_assert_cmpuint (n, >=, at_least);
}

static void
test_clip_lines (void)
{
  check_lines ("data/tokenizer", "goldens/values/tokenizer/clip_tokens.jsonl", "hf", 1, 2500);
}

static void
test_small_lines (void)
{
  check_lines ("goldens/models/tiny-awk", "goldens/values/tokenizer/clip1000_tokens.jsonl", "hf", 1,
               600);
}

/* The same vocabulary as vocab.json and merges.txt instead of tokenizer.json. */
static void
test_small_lines_plain_files (void)
{
  check_lines ("goldens/models/tiny-awk-fp16", "goldens/values/tokenizer/clip1000_tokens.jsonl",
               "hf", 1, 600);
}

static void
test_siglip_lines (void)
{
  check_lines ("goldens/models/tiny-siglip", "goldens/values/tokenizer/siglip600_tokens.jsonl",
               "ids", 0, 600);
}

/* A folder with nothing but the small sentencepiece model. (transfer full) */
static gchar *
spiece_folder (const gchar *model)
{
  gchar *folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "spiece.model", NULL);
  g_autofree gchar *text = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (model, &text, &size, NULL));
  g_assert_true (g_file_set_contents (path, text, (gssize)size, NULL));
  return folder;
}

static void
remove_spiece_folder (const gchar *folder)
{
  g_autofree gchar *path = g_build_filename (folder, "spiece.model", NULL);

  g_unlink (path);
  g_rmdir (folder);
}

/* By SigLIP's rules, whose ids are published without the end token. */
static void
check_siglip_strings (const gchar *folder, JsonArray *cases)
{
  g_autoptr (ClipTokenizer) tokenizer = open_tokenizer (folder);

  for (guint i = 0; i < json_array_get_length (cases); i++) {
    if (!agrees (tokenizer, json_array_get_object_element (cases, i), "text", "ids", 0, 1))
      g_test_fail ();
  }
}

/* By the file's own rules. */
static void
check_plain_strings (const gchar *folder, JsonArray *cases)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipSource) source = clip_source_open_folder (folder, &error);
  g_autoptr (ClipNormalizer) normalizer = clip_normalizer_new ();
  g_autoptr (ClipTraced) text = clip_traced_new (G_MAXSIZE);
  g_autoptr (ClipTraced) scratch = clip_traced_new (G_MAXSIZE);
  ClipSpiece spiece = { 0 };

  clip_spiece_load (&spiece, source, "spiece.model", &error);
  g_assert_no_error (error);
  clip_normalizer_add_spiece (normalizer, &spiece.rules);
  spiece.rules = (ClipSpieceRules){ 0 };
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    JsonArray *ids = json_object_get_array_member (object, "ids");
    const gchar *string = json_object_get_string_member (object, "text");
    g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (ClipBpeToken));

    clip_traced_decode (text, string, strlen (string));
    clip_normalizer_apply (normalizer, text, scratch);
    clip_unigram_encode (spiece.unigram, text->bytes->str, text->bytes->len, tokens);
    g_assert_cmpuint (tokens->len, ==, json_array_get_length (ids));
    for (guint j = 0; j < tokens->len; j++)
      g_assert_cmpuint (g_array_index (tokens, ClipBpeToken, j).id, ==,
                        json_array_get_int_element (ids, j));
  }
  clip_spiece_clear (&spiece);
}

static void
test_sentencepiece_strings (void)
{
  g_autofree gchar *model = data_path ("data/tokenizer/test_sentencepiece_unigram_1000.model");
  g_autofree gchar *path = data_path ("data/tokenizer/sentencepiece_expected_ids.json");
  g_autofree gchar *text = NULL, *folder = NULL;
  g_autoptr (JsonNode) node = NULL;
  guint n_checked = 0;
  JsonObjectIter iter;
  const gchar *name;
  JsonNode *cases;

  if (!model || !path)
    return;
  folder = spiece_folder (model);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  node = parse (text);
  json_object_iter_init (&iter, json_node_get_object (node));
  /* Those of SigLIP's own model, which is not there, are left out. */
  while (json_object_iter_next (&iter, &name, &cases)) {
    if (strstr (name, "unigram_1000.model, SigLIP"))
      check_siglip_strings (folder, json_node_get_array (cases));
    else if (strstr (name, "unigram_1000.model, plain"))
      check_plain_strings (folder, json_node_get_array (cases));
    else
      continue;
    n_checked += json_array_get_length (json_node_get_array (cases));
  }
  g_assert_cmpuint (n_checked, ==, 5);
  remove_spiece_folder (folder);
}

static void
test_published_strings (void)
{
  g_autofree gchar *folder = data_path ("data/tokenizer");
  g_autofree gchar *path = data_path ("data/tokenizer/clip_expected_ids.json");
  g_autoptr (ClipTokenizer) tokenizer = NULL;
  g_autofree gchar *text = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonArray *cases;

  if (!folder || !path)
    return;
  tokenizer = open_tokenizer (folder);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  node = parse (text);
  cases = json_node_get_array (node);
  g_assert_cmpuint (json_array_get_length (cases), ==, 25);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);

    if (!agrees (tokenizer, object, "text", "ids", 0, 0)) {
      g_test_message ("case %s", json_object_get_string_member (object, "case"));
      g_test_fail ();
    }
  }
}

static void
check_prompt (const ClipModel *model, const gchar *text, JsonArray *expected)
{
  guint32 ids[1024], n = clip_model_tokenize (model, text, -1, ids, NULL, NULL);

  g_assert_cmpuint (n, ==, json_array_get_length (expected));
  for (guint i = 0; i < n; i++) {
    if (ids[i] != json_array_get_int_element (expected, i))
      g_test_message ("\"%s\": id %u", text, i);
    g_assert_cmpuint (ids[i], ==, json_array_get_int_element (expected, i));
  }
}

/* Through the model: cut to its context. */
static void
test_model_prompts (gconstpointer data)
{
  g_autofree gchar *name = g_strdup_printf ("goldens/models/%s", (const gchar *)data);
  g_autofree gchar *value = g_strdup_printf ("goldens/values/%s/golden.json", (const gchar *)data);
  g_autofree gchar *folder = data_path (name), *path = data_path (value);
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipModel) model = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autofree gchar *text = NULL;
  JsonArray *prompts, *ids;

  if (!folder || !path)
    return;
  model = clip_model_open (folder, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  node = parse (text);
  prompts = json_object_get_array_member (json_node_get_object (node), "prompts");
  ids = json_object_get_array_member (json_node_get_object (node), "input_ids");
  g_assert_cmpuint (json_array_get_length (prompts), >, 10);
  for (guint i = 0; i < json_array_get_length (prompts); i++)
    check_prompt (model, json_array_get_string_element (prompts, i),
                  json_array_get_array_element (ids, i));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/golden/tokenizer/clip", test_clip_lines);
  g_test_add_func ("/golden/tokenizer/small", test_small_lines);
  g_test_add_func ("/golden/tokenizer/small-plain-files", test_small_lines_plain_files);
  g_test_add_func ("/golden/tokenizer/published", test_published_strings);
  g_test_add_func ("/golden/tokenizer/siglip", test_siglip_lines);
  g_test_add_func ("/golden/tokenizer/sentencepiece", test_sentencepiece_strings);
  g_test_add_data_func ("/golden/tokenizer/tiny-awk", "tiny-awk", test_model_prompts);
  g_test_add_data_func ("/golden/tokenizer/tiny-short", "tiny-short", test_model_prompts);
  g_test_add_data_func ("/golden/tokenizer/tiny-siglip", "tiny-siglip", test_model_prompts);
  return g_test_run ();
}
