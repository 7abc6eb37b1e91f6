/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Embeddings of texts on disk: found again, and never believed where they may not be. */
#include <glib/gstdio.h>
#include <string.h>
#include <utime.h>

#include "gst-clip/engine/text_cache.h"
#include "gst-clip/gpu/internal.h"
#include "tests/common/device.h"
#include "tests/common/random_model.h"
#include "tests/engine/fixture.h"

#define PROMPTS "one;two;three;four=a|b"

static gchar *folder, *cache;

static ClipEngine *
open_engine (const gchar *model)
{
  const ClipEngineConfig config = { .model = model, .caches_texts = TRUE };

  return clip_test_engine (&config);
}

static void
count (const gchar *code, const gchar *text, guint percent, gpointer data)
{
  *(guint *)data += g_str_equal (code, "encode-prompts");
}

/* Whether @prompts had to be encoded by a new engine of @model. @first: (out) (nullable): the first
 * label's cosine with picture 3. */
static gboolean
is_encoded (const gchar *model, const gchar *prompts, float *first)
{
  g_autoptr (ClipEngine) engine = open_engine (model);
  g_autoptr (ClipPromptSet) set = clip_prompt_set_parse (prompts, NULL, NULL);
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree float *sims = g_new (float, clip_prompt_set_size (set));
  guint steps = 0;

  texts = clip_texts_new (engine, set, NULL, FALSE, NULL, NULL, count, &steps, &error);
  g_assert_no_error (error);
  job = fixture_job (engine, 3);
  g_assert_true (clip_job_run (job, texts, sims, NULL, NULL));
  if (first)
    *first = sims[0];
  return steps > 0;
}

static gchar *
cache_file (const gchar *model)
{
  g_autoptr (ClipEngine) engine = open_engine (model);
  g_autofree gchar *kind = clip_text_cache_kind (engine);

  return clip_gpu_cache_path (clip_gpu_info (engine->gpu), kind);
}

static gboolean
have_device (void)
{
  g_autoptr (ClipEngine) engine = open_engine (folder);

  return engine != NULL;
}

static guint
n_files (void)
{
  g_autofree gchar *path = g_build_filename (cache, "gst-clip", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const gchar *name;
  guint n = 0;

  while (dir && (name = g_dir_read_name (dir)))
    n += g_str_has_prefix (name, "texts-");
  return n;
}

static void
test_round_trip (void)
{
  float cold, warm;

  if (!have_device ())
    return;
  g_assert_true (is_encoded (folder, PROMPTS, &cold));
  g_assert_false (is_encoded (folder, PROMPTS, &warm));
  g_assert_cmpfloat (cold, ==, warm);
  g_assert_false (is_encoded (folder, "three;b", NULL));
  /* What is new joins what is there. */
  g_assert_true (is_encoded (folder, "three;five", NULL));
  g_assert_false (is_encoded (folder, "five;one", NULL));
  g_assert_cmpuint (n_files (), ==, 1);
}

/* A file of another model, of a changed one, or a damaged one is as good as none. */
static void
test_other_model (void)
{
  g_autofree gchar *other = g_dir_make_tmp ("gst-clip-texts-XXXXXX", NULL);
  g_autofree gchar *weights = g_build_filename (folder, "model.safetensors", NULL);
  const struct utimbuf then = { 1000000000, 1000000000 };
  float here, there;

  if (!have_device ())
    return;
  is_encoded (folder, PROMPTS, &here);
  clip_random_model_write (clip_random_model_find ("tiny"), other, 6, NULL);
  g_assert_true (is_encoded (other, PROMPTS, &there));
  g_assert_cmpfloat (here, !=, there);
  g_assert_false (is_encoded (other, PROMPTS, NULL));
  g_assert_false (is_encoded (folder, PROMPTS, NULL));
  g_assert_cmpint (g_utime (weights, (struct utimbuf *)&then), ==, 0);
  g_assert_true (is_encoded (folder, PROMPTS, NULL));
  clip_random_model_remove (other);
}

/* The same size, the same time: the samples tell. */
static void
test_same_time (void)
{
  g_autofree gchar *weights = g_build_filename (folder, "model.safetensors", NULL);
  const struct utimbuf then = { 1000000000, 1000000000 };
  g_autofree gchar *data = NULL;
  gsize size;

  if (!have_device ())
    return;
  g_assert_cmpint (g_utime (weights, (struct utimbuf *)&then), ==, 0);
  is_encoded (folder, PROMPTS, NULL);
  g_assert_false (is_encoded (folder, PROMPTS, NULL));
  g_assert_true (g_file_get_contents (weights, &data, &size, NULL));
  data[size - 2] ^= 1; /* a low bit of the last weight */
  g_assert_true (g_file_set_contents (weights, data, size, NULL));
  g_assert_cmpint (g_utime (weights, (struct utimbuf *)&then), ==, 0);
  g_assert_true (is_encoded (folder, PROMPTS, NULL));
}

static void
test_damaged (void)
{
  g_autofree gchar *path = NULL, *data = NULL;
  gsize size;

  if (!have_device ())
    return;
  path = cache_file (folder);
  is_encoded (folder, PROMPTS, NULL);
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  for (guint i = 0; i < 3; i++) {
    data[size * i / 3] ^= 0x40;
    g_assert_true (g_file_set_contents (path, data, size, NULL));
    data[size * i / 3] ^= 0x40;
    g_assert_true (is_encoded (folder, PROMPTS, NULL));
    g_assert_false (is_encoded (folder, PROMPTS, NULL)); /* it was replaced */
  }
  g_assert_true (g_file_set_contents (path, data, size / 2, NULL));
  g_assert_true (is_encoded (folder, PROMPTS, NULL));
  g_assert_cmpint (g_chmod (path, 0666), ==, 0); /* anybody may have written it */
  g_assert_true (is_encoded (folder, PROMPTS, NULL));
}

/* A file whose checksum is right but whose numbers are not unit vectors. */
static void
test_implausible (void)
{
  g_autoptr (ClipEngine) engine = NULL;
  g_autofree gchar *kind = NULL;
  g_autofree guint8 *copy = NULL;

  if (!have_device ())
    return;
  is_encoded (folder, "one", NULL);
  engine = open_engine (folder);
  kind = clip_text_cache_kind (engine);
  g_autoptr (GBytes) bytes = clip_gpu_remembered (engine->gpu, kind);
  const gsize size = g_bytes_get_size (bytes);
  copy = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  memset (copy + 48 + 32, 0xff, size - 48 - 32); /* NaNs behind the first digest */
  g_assert_true (clip_gpu_remember (engine->gpu, kind, copy, size));
  g_clear_pointer (&engine, clip_engine_unref);
  g_assert_true (is_encoded (folder, PROMPTS, NULL));
}

static void
test_off (void)
{
  if (!have_device ())
    return;
  is_encoded (folder, PROMPTS, NULL);
  g_setenv ("GST_CLIP_TEXT_CACHE", "off", TRUE);
  g_assert_true (is_encoded (folder, PROMPTS, NULL));
  g_unsetenv ("GST_CLIP_TEXT_CACHE");
  g_assert_false (is_encoded (folder, PROMPTS, NULL));
}

/* There is an end to the number of files. */
static void
test_bounded (void)
{
  if (!have_device ())
    return;
  for (guint seed = 10; seed < 12 + CLIP_TEXT_CACHE_FILES; seed++) {
    g_autofree gchar *other = g_dir_make_tmp ("gst-clip-texts-XXXXXX", NULL);
    clip_random_model_write (clip_random_model_find ("tiny"), other, seed, NULL);
    is_encoded (other, "one", NULL);
    clip_random_model_remove (other);
    g_assert_cmpuint (n_files (), <=, CLIP_TEXT_CACHE_FILES);
  }
  g_assert_cmpuint (n_files (), ==, CLIP_TEXT_CACHE_FILES);
}

static void
remove_cache (void)
{
  g_autofree gchar *path = g_build_filename (cache, "gst-clip", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *file = g_build_filename (path, name, NULL);
    g_unlink (file);
  }
  g_rmdir (path);
  g_rmdir (cache);
}

int
main (int argc, char **argv)
{
  int status = 0;

  /* The driver's own cache stays what it is: nothing is compiled for this. */
  const gchar *usual = g_getenv ("XDG_CACHE_HOME");
  g_autofree gchar *home = g_build_filename (g_get_home_dir (), ".cache", NULL);
  g_setenv ("MESA_SHADER_CACHE_DIR", usual ? usual : home, FALSE);
  cache = g_dir_make_tmp ("gst-clip-cache-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_unsetenv ("GST_CLIP_TEXT_CACHE");
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gst-clip-texts-XXXXXX", NULL);
  clip_random_model_write (clip_random_model_find ("tiny"), folder, 5, NULL);
  g_test_add_func ("/text-cache/round-trip", test_round_trip);
  g_test_add_func ("/text-cache/other-model", test_other_model);
  g_test_add_func ("/text-cache/same-time", test_same_time);
  g_test_add_func ("/text-cache/damaged", test_damaged);
  g_test_add_func ("/text-cache/implausible", test_implausible);
  g_test_add_func ("/text-cache/off", test_off);
  g_test_add_func ("/text-cache/bounded", test_bounded);
  status = g_test_run ();
  clip_random_model_remove (folder);
  remove_cache ();
  g_free (folder);
  g_free (cache);
  return status;
}
