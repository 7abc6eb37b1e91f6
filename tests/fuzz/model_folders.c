/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Model folders that are truncated, corrupted or malicious: each must end in a GError with a
 * CLIP_MODEL_ERROR and a message, nothing else. Meant for AddressSanitizer and
 * UndefinedBehaviorSanitizer, useful without. The seed is fixed: the folders are always the same.
 *
 * Three groups: edits that must be refused (model_edits.h), damage that must be refused
 * (truncation, bad values, odd files; made up to N_REFUSED in all), and random bytes, after
 * which a folder may still be good, but then everything in it must be readable.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gst-clip/engine/model.h"
#include "tests/common/random_model.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/model_edits.h"
#include "tests/fuzz/read_model.h"

#define N_REFUSED 260
#define N_FLIPPED 200

typedef struct {
  gchar *root, *path;                  /* @path: where the damaged folder is */
  FuzzFolder *single, *sharded, *json; /* @json: with tokenizer.json */
  GRand *random;
  guint n_refused;
} Fuzz;

/* Loading ---------------------------------------------------------------- */

static void
tokenize (const ClipModel *model)
{
  static const gchar text[] = "A photo of abba <|endoftext|>, \xff\xfe\0\xe4\xbd\xa0 e\xcc\x81";
  const ClipModelConfig *config = clip_model_config (model);
  g_autofree guint32 *ids = g_new (guint32, config->context);
  guint32 n = clip_model_tokenize (model, text, sizeof text, ids, NULL, NULL);

  g_assert_cmpuint (n, <=, config->context);
  for (guint32 i = 0; i < n; i++)
    g_assert_cmpuint (ids[i], <, config->vocab);
  g_assert_cmpuint (clip_model_eos_index (model, ids, n), <, n);
}

/* The whole of it: open, read every weight, tokenize. @between: (nullable): called in the middle */
static gboolean
load_with (Fuzz *fuzz, void (*between) (Fuzz *), GError **error)
{
  g_autoptr (ClipModel) model = clip_model_open (fuzz->path, error);

  if (!model)
    return FALSE;
  if (between)
    between (fuzz);
  if (!fuzz_read_model (model, error))
    return FALSE;
  tokenize (model);
  return TRUE;
}

/* The folder at @path must be refused. */
static void
refused (Fuzz *fuzz, const gchar *name, void (*between) (Fuzz *))
{
  g_autoptr (GError) error = NULL;

  if (load_with (fuzz, between, &error)) {
    g_test_message ("%s: was accepted", name);
    g_test_fail ();
    return;
  }
  g_assert_nonnull (error);
  g_test_message ("%s: %s", name, error->message);
  g_assert_true (error->domain == CLIP_MODEL_ERROR);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  /* Every message says where. */
  g_assert_nonnull (strstr (error->message, fuzz->path));
  fuzz->n_refused++;
}

static void
write_refused (Fuzz *fuzz, FuzzFolder *folder, const gchar *name)
{
  fuzz_folder_write (folder, fuzz->path);
  refused (fuzz, name, NULL);
}

/* Edits ------------------------------------------------------------------ */

/* Which good folder has @file. */
static FuzzFolder *
base_of (Fuzz *fuzz, const gchar *file)
{
  if (g_hash_table_contains (fuzz->single, file))
    return fuzz->single;
  return g_hash_table_contains (fuzz->sharded, file) ? fuzz->sharded : fuzz->json;
}

static void
test_edits (Fuzz *fuzz)
{
  for (guint i = 0; i < G_N_ELEMENTS (model_edits); i++) {
    const ModelEdit *edit = &model_edits[i];
    g_autoptr (GHashTable) folder = fuzz_folder_copy (base_of (fuzz, edit->file));

    if (g_str_has_suffix (edit->file, ".safetensors"))
      fuzz_replace_header (folder, edit->file, edit->from, edit->to);
    else
      fuzz_replace (folder, edit->file, edit->from, edit->to);
    write_refused (fuzz, folder, edit->name);
  }
}

/* Values ----------------------------------------------------------------- */

/* Bit patterns of NaN and infinities at some place of the last tensor and of the first. */
static void
test_values (Fuzz *fuzz)
{
  static const guint16 patterns[] = { 0x7c00, 0xfc00, 0x7e00, 0xffff, 0x7c01 };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (patterns); i++) {
    g_autoptr (GHashTable) folder = fuzz_folder_copy (fuzz->single);
    GByteArray *bytes = fuzz_folder_get (folder, MODEL);
    g_autofree gchar *header = fuzz_header (folder, MODEL);
    guint16 bits = GUINT16_TO_LE (patterns[i / 2]);
    /* The scale is last. */
    gsize at = i % 2 ? bytes->len - 2
                     : 8 + strlen (header) + 2 * g_rand_int_range (fuzz->random, 0, 12288);

    memcpy (bytes->data + at, &bits, 2);
    write_refused (fuzz, folder,
                   i % 2 ? "a scale that is not finite" : "a weight that is not finite");
  }
}

/* The same bytes called BF16, with an infinity in them. */
static void
test_bfloat_values (Fuzz *fuzz)
{
  g_autoptr (GHashTable) folder = fuzz_folder_copy (fuzz->single);
  GByteArray *bytes;
  g_autofree gchar *header = NULL;

  fuzz_replace_header (folder, MODEL, "\"F16\"", "\"BF16\"");
  bytes = fuzz_folder_get (folder, MODEL);
  header = fuzz_header (folder, MODEL);
  memcpy (bytes->data + 8 + strlen (header) + 100, "\x80\x7f", 2);
  write_refused (fuzz, folder, "an infinite BF16 weight");
}

/* The length in front of a header. */
static void
test_header_lengths (Fuzz *fuzz)
{
  const guint64 lengths[] = {
    0,           1,          2,           100 * 1000 * 1000, 100 * 1000 * 1000 + 1,
    G_MAXUINT32, G_MAXINT64, G_MAXUINT64, G_MAXUINT64 - 7
  };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autoptr (GHashTable) folder = fuzz_folder_copy (fuzz->single);
    guint64 length = GUINT64_TO_LE (lengths[i]);

    memcpy (fuzz_folder_get (folder, MODEL)->data, &length, 8);
    write_refused (fuzz, folder, "a wrong header length");
  }
}

static void
test_sizes (Fuzz *fuzz)
{
  g_autoptr (GHashTable) longer = fuzz_folder_copy (fuzz->single);
  g_autoptr (GHashTable) many = fuzz_folder_copy (fuzz->single);
  GString *list = g_string_new ("[");

  g_byte_array_append (fuzz_folder_get (longer, MODEL), (const guint8 *)"\0\0\0\0", 4);
  write_refused (fuzz, longer, "bytes after the last tensor");
  for (guint i = 0; i < 4100000; i++)
    g_string_append (list, "0,");
  g_string_append (list, "0]");
  fuzz_replace (many, CONFIG, "[\"CLIPModel\"]", list->str);
  write_refused (fuzz, many, "four million values");
  g_string_free (list, TRUE);
}

/* Files that are none ---------------------------------------------------- */

static void
place (Fuzz *fuzz, const gchar *file, gchar **path)
{
  fuzz_folder_write (base_of (fuzz, file), fuzz->path);
  *path = g_build_filename (fuzz->path, file, NULL);
  g_assert_cmpint (g_remove (*path), ==, 0);
}

static void
test_odd_files (Fuzz *fuzz)
{
  static const gchar *const files[] = { MODEL,  CONFIG,  PREPROC, VOCAB,
                                        MERGES, SHARD_2, INDEX,   TOK_JSON };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *a = NULL, *b = NULL, *c = NULL, *d = NULL;

    place (fuzz, files[i], &a);
    g_assert_cmpint (g_mkdir (a, 0700), ==, 0);
    refused (fuzz, "a folder in place of a file", NULL);
    place (fuzz, files[i], &b);
    g_assert_cmpint (symlink (files[i], b), ==, 0);
    refused (fuzz, "a link to itself", NULL);
    place (fuzz, files[i], &c);
    g_assert_cmpint (mkfifo (c, 0600), ==, 0);
    refused (fuzz, "a pipe in place of a file", NULL);
    place (fuzz, files[i], &d);
    g_assert_cmpint (symlink ("nowhere", d), ==, 0);
    refused (fuzz, "a link to nothing", NULL);
  }
}

static void
test_missing_and_empty (Fuzz *fuzz)
{
  static const gchar *const files[] = { MODEL, CONFIG, VOCAB, MERGES, SHARD_1, INDEX };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *path = NULL;

    place (fuzz, files[i], &path);
    refused (fuzz, "a missing file", NULL);
    /* No merges at all is a small vocabulary, not a broken one. */
    if (g_str_equal (files[i], MERGES))
      continue;
    g_assert_true (g_file_set_contents (path, "", 0, NULL));
    refused (fuzz, "an empty file", NULL);
  }
}

static void
test_unreadable (Fuzz *fuzz)
{
  g_autofree gchar *path = g_build_filename (fuzz->path, MODEL, NULL);

  if (geteuid () == 0) {
    g_test_message ("unreadable files: skipped, root can read everything");
    return;
  }
  fuzz_folder_write (fuzz->single, fuzz->path);
  g_assert_cmpint (g_chmod (path, 0), ==, 0);
  refused (fuzz, "an unreadable file", NULL);
}

/* Truncation ------------------------------------------------------------- */

static void
cut_model (Fuzz *fuzz)
{
  g_autofree gchar *path = g_build_filename (fuzz->path, MODEL, NULL);
  struct stat info;

  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpint (truncate (path, g_rand_int_range (fuzz->random, 0, (gint)info.st_size)), ==, 0);
}

/* Between opening and reading. */
static void
test_shrinking (Fuzz *fuzz)
{
  for (guint i = 0; i < 10; i++) {
    fuzz_folder_write (fuzz->single, fuzz->path);
    refused (fuzz, "a file that shrinks while it is read", cut_model);
  }
}

typedef struct {
  Fuzz *fuzz;
  gint stop;
} Cutter;

static gpointer
cut_repeatedly (gpointer data)
{
  Cutter *cutter = data;
  g_autofree gchar *path = g_build_filename (cutter->fuzz->path, MODEL, NULL);

  g_usleep (500);
  while (!g_atomic_int_get (&cutter->stop)) {
    struct stat info;
    if (stat (path, &info) == 0 && truncate (path, info.st_size * 9 / 10) != 0)
      break;
    g_usleep (100);
  }
  return NULL;
}

/* From another thread, whenever it happens to be: the folder may still be read to its end. */
static void
test_shrinking_thread (Fuzz *fuzz)
{
  for (guint i = 0; i < 10; i++) {
    g_autoptr (GError) error = NULL;
    Cutter cutter = { fuzz, 0 };
    GThread *thread;

    fuzz_folder_write (fuzz->single, fuzz->path);
    thread = g_thread_new ("cutter", cut_repeatedly, &cutter);
    if (!load_with (fuzz, NULL, &error))
      g_assert_true (error->domain == CLIP_MODEL_ERROR);
    g_atomic_int_set (&cutter.stop, 1);
    g_thread_join (thread);
  }
}

/* Any file but merges.txt, where the end of a line is a good end, at any place. */
static void
test_truncated (Fuzz *fuzz)
{
  static const gchar *const files[] = { MODEL, CONFIG,  PREPROC, VOCAB,
                                        INDEX, SHARD_1, SHARD_2, TOK_JSON };

  for (guint i = 0; fuzz->n_refused < N_REFUSED || i < 3 * G_N_ELEMENTS (files); i++) {
    const gchar *file = files[i % G_N_ELEMENTS (files)];
    g_autoptr (GHashTable) folder = fuzz_folder_copy (base_of (fuzz, file));
    GByteArray *bytes = fuzz_folder_get (folder, file);
    g_autofree gchar *name = NULL;
    /* A line feed after the last brace may go. */
    guint size = (guint)g_rand_int_range (fuzz->random, 0, (gint)bytes->len - 1);

    name = g_strdup_printf ("%s cut to %u of %u bytes", file, size, bytes->len);
    g_byte_array_set_size (bytes, size);
    write_refused (fuzz, folder, name);
  }
}

/* Random bytes ----------------------------------------------------------- */

static void
test_flipped (Fuzz *fuzz)
{
  static const gchar *const files[] = { MODEL,  CONFIG, PREPROC, VOCAB,
                                        MERGES, INDEX,  SHARD_1, TOK_JSON };
  const gchar *rounds = g_getenv ("GST_CLIP_FUZZ_ROUNDS");
  guint64 n_rounds = rounds ? g_ascii_strtoull (rounds, NULL, 10) : N_FLIPPED;
  guint n_loaded = 0;

  for (guint64 i = 0; i < n_rounds; i++) {
    const gchar *file = files[i % G_N_ELEMENTS (files)];
    g_autoptr (GHashTable) folder = fuzz_folder_copy (base_of (fuzz, file));
    GByteArray *bytes = fuzz_folder_get (folder, file);
    g_autoptr (GError) error = NULL;
    guint n = (guint)g_rand_int_range (fuzz->random, 1, 8);
    /* Most of a .safetensors file is weights; its header is where it can hurt. */
    gint limit = (gint)MIN (bytes->len, 12000);

    for (guint j = 0; j < n; j++)
      bytes->data[g_rand_int_range (fuzz->random, 0, limit)] ^=
          (guint8)(1 << g_rand_int_range (fuzz->random, 0, 8));
    fuzz_folder_write (folder, fuzz->path);
    if (load_with (fuzz, NULL, &error))
      n_loaded++;
    else
      g_assert_true (error->domain == CLIP_MODEL_ERROR);
  }
  g_test_message ("%u of %" G_GUINT64_FORMAT " folders with random bytes could be loaded", n_loaded,
                  n_rounds);
}

/* ------------------------------------------------------------------------ */

static guint
count_open_files (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (dir && g_dir_read_name (dir))
    n++;
  return n;
}

/* vocab.json and merges.txt as one tokenizer.json. */
static void
add_tokenizer_json (FuzzFolder *folder)
{
  GByteArray *vocab = fuzz_folder_get (folder, VOCAB);
  g_autofree gchar *json = g_strdup_printf (
      "{\"added_tokens\":[{\"id\":513,\"content\":\"<|endoftext|>\",\"special\":true}],"
      "\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"vocab\":%.*s,"
      "\"merges\":[[\"a\",\"b\"],\"ab b</w>\"]}}",
      (gint)vocab->len, (const gchar *)vocab->data);

  fuzz_folder_set (folder, TOK_JSON, json, strlen (json));
  g_hash_table_remove (folder, VOCAB);
  g_hash_table_remove (folder, MERGES);
}

static void
set_up (Fuzz *fuzz)
{
  g_autoptr (GError) error = NULL;

  fuzz->random = g_rand_new_with_seed (20240117);
  fuzz->root = g_dir_make_tmp ("gst-clip-fuzz-XXXXXX", &error);
  g_assert_no_error (error);
  fuzz->path = g_build_filename (fuzz->root, "model", NULL);
  clip_random_model_write (clip_random_model_find ("tiny"), fuzz->path, 1, &error);
  g_assert_no_error (error);
  fuzz->single = fuzz_folder_read (fuzz->path);
  fuzz_replace (fuzz->single, VOCAB, "\"<|startoftext|>\"",
                "\"ab\":1,\"abb</w>\":2,\"<|startoftext|>\"");
  fuzz_replace (fuzz->single, MERGES, "0.2\n", "0.2\na b\nab b</w>\n");
  fuzz->sharded = fuzz_folder_copy (fuzz->single);
  fuzz_shard (fuzz->sharded);
  fuzz->json = fuzz_folder_copy (fuzz->single);
  add_tokenizer_json (fuzz->json);
}

/* What everything else is a damaged copy of must be good, or nothing is tested. */
static void
test_undamaged (Fuzz *fuzz)
{
  FuzzFolder *const folders[] = { fuzz->single, fuzz->sharded, fuzz->json };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autoptr (GError) error = NULL;
    fuzz_folder_write (folders[i], fuzz->path);
    load_with (fuzz, NULL, &error);
    g_assert_no_error (error);
  }
}

static void
test_all (void)
{
  Fuzz fuzz = { 0 };
  guint n_open = count_open_files ();

  set_up (&fuzz);
  test_undamaged (&fuzz);
  test_edits (&fuzz);
  test_values (&fuzz);
  test_bfloat_values (&fuzz);
  test_header_lengths (&fuzz);
  test_sizes (&fuzz);
  test_odd_files (&fuzz);
  test_missing_and_empty (&fuzz);
  test_unreadable (&fuzz);
  test_shrinking (&fuzz);
  test_truncated (&fuzz);
  g_test_message ("%u folders were refused", fuzz.n_refused);
  g_assert_cmpuint (fuzz.n_refused, >=, N_REFUSED);
  test_shrinking_thread (&fuzz);
  test_flipped (&fuzz);
  g_assert_cmpuint (count_open_files (), ==, n_open);

  fuzz_remove_tree (fuzz.path);
  g_rmdir (fuzz.root);
  g_hash_table_unref (fuzz.single);
  g_hash_table_unref (fuzz.sharded);
  g_hash_table_unref (fuzz.json);
  g_rand_free (fuzz.random);
  g_free (fuzz.path);
  g_free (fuzz.root);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fuzz/model-folders", test_all);
  return g_test_run ();
}
