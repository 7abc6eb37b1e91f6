/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a name to a model's folder, and what is said where there is none, or not what it should be. */
#include <glib/gstdio.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/source.h"

static gchar *
make_folder (const gchar *parent, const gchar *name)
{
  gchar *path = g_build_filename (parent, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  return path;
}

/* An empty folder and those above it that are empty then. */
static void
remove_folders (const gchar *path)
{
  g_autofree gchar *at = g_strdup (path);

  while (!g_str_equal (at, g_get_user_data_dir ()) && g_rmdir (at) == 0) {
    gchar *above = g_path_get_dirname (at);
    g_free (at);
    at = above;
  }
}

static void
found_at (const gchar *name, const gchar *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *found = clip_model_find (name, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, path);
}

static void
test_find (void)
{
  g_autofree gchar *data = g_build_filename (g_get_user_data_dir (), "gst-clip", "models", NULL);
  g_autofree gchar *own = g_build_filename (g_get_user_data_dir (), "own", NULL);
  g_autofree gchar *second = make_folder (data, "second");
  g_autofree gchar *both = make_folder (data, "both");
  g_autofree gchar *first = make_folder (own, "both");
  g_autofree gchar *dotted = g_build_filename (own, ".", "..", "own", "both", NULL);
  g_autofree gchar *list = g_strconcat ("/nonexistent::", own, NULL);
  g_autoptr (GError) error = NULL;

  found_at ("second", second);
  found_at ("both", both);
  g_setenv ("GST_CLIP_MODEL_PATH", list, TRUE);
  found_at ("both", first);
  found_at ("second", second);
  found_at (first, first);
  found_at (dotted, first);
  g_assert_null (clip_model_find ("neither", &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "neither"));
  g_assert_nonnull (strstr (error->message, own));
  g_assert_nonnull (strstr (error->message, data));
  g_clear_error (&error);
  g_assert_null (clip_model_find ("./neither", &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND);
  g_assert_null (clip_model_find ("", NULL));
  g_unsetenv ("GST_CLIP_MODEL_PATH");
  remove_folders (second);
  remove_folders (both);
  remove_folders (first);
}

/* The message says @parts, a list that ends with NULL. */
static void G_GNUC_NULL_TERMINATED
not_found (const gchar *name, ...)
{
  g_autoptr (GError) error = NULL;
  const gchar *part;
  va_list parts;

  g_assert_null (clip_model_find (name, &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND);
  g_test_message ("%s", error->message);
  va_start (parts, name);
  while ((part = va_arg (parts, const gchar *)))
    g_assert_nonnull (strstr (error->message, part));
  va_end (parts);
}

/* Each mistake has its remedy. */
static void
test_find_remedies (void)
{
  g_autofree gchar *data = g_build_filename (g_get_user_data_dir (), "gst-clip", "models", NULL);
  g_autofree gchar *file = g_build_filename (g_get_user_data_dir (), "some-file", NULL);
  g_autofree gchar *folder = NULL;

  not_found ("vit-b-32", "no model \"vit-b-32\" in ", data,
             "; gst-clip-fetch vit-b-32 downloads it", NULL);
  not_found ("ViT-B/32", "\"ViT-B/32\"", "if you mean \"vit-b-32\", gst-clip-fetch vit-b-32", NULL);
  not_found ("vit_b32", "if you mean \"vit-b-32\", gst-clip-fetch vit-b-32", NULL);
  not_found ("ViT-L/14@336px", "if you mean \"vit-l-14-336\"", NULL);
  not_found ("my-model", "gst-clip-fetch --list", NULL);
  not_found ("owner/a-name", "gst-clip-fetch owner/a-name downloads it, for model=a-name", NULL);
  not_found ("~/models/clip", "~ is the shell's", NULL);
  not_found ("~user", "~ is the shell's", NULL);
  not_found ("", "empty", NULL);
  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  not_found (file, "is a file; name its folder", NULL);
  g_assert_cmpint (g_unlink (file), ==, 0);
  folder = make_folder (data, "vit-b-32");
  not_found ("VIT-B-32", "did you mean \"vit-b-32\", which is installed?", NULL);
  not_found ("timm/vit-b-32", "\"vit-b-32\" is installed", NULL);
  remove_folders (folder);
}

/* A folder of the current one is none of the installed, whatever it is called. */
static void
test_find_here (void)
{
  g_autofree gchar *data = g_build_filename (g_get_user_data_dir (), "gst-clip", "models", NULL);
  g_autofree gchar *before = g_get_current_dir ();
  g_autofree gchar *installed = make_folder (data, "twice");
  g_autofree gchar *here = make_folder (g_get_user_data_dir (), "twice");
  g_autofree gchar *other = make_folder (g_get_user_data_dir (), "other");

  g_assert_cmpint (g_chdir (g_get_user_data_dir ()), ==, 0);
  found_at ("twice", installed);
  found_at ("./twice", here);
  found_at (".", g_get_user_data_dir ());
  not_found ("other", "the folder in the current one is ./other", NULL);
  g_assert_cmpint (g_chdir (before), ==, 0);
  remove_folders (installed);
  remove_folders (here);
  remove_folders (other);
}

static void
test_missing (void)
{
  g_autofree gchar *cached = make_folder (g_get_user_data_dir (), "snapshots");
  g_autoptr (GError) error = NULL;

  g_assert_null (clip_model_open ("/nonexistent/model", &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (clip_model_open (g_get_user_data_dir (), &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "neither config.json nor open_clip_config.json"));
  g_assert_nonnull (strstr (error->message, "snapshots/COMMIT"));
  g_clear_error (&error);
  g_assert_null (clip_model_open (cached, &error));
  g_assert_null (strstr (error->message, "snapshots/COMMIT"));
  remove_folders (cached);
}

/* What git without LFS, or a wrong link, leaves in the place of a file. */
static void
test_placeholders (void)
{
  static const struct {
    const gchar *content, *says;
  } cases[] = { { "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 6\n",
                  "a Git LFS pointer" },
                { "<!doctype html>\n<html></html>", "a web page" },
                { "<?xml version='1.0'?><Error/>", "in XML" } };
  static const gchar *const names[] = { "config.json", "model.safetensors", "spiece.model" };

  for (guint i = 0; i < G_N_ELEMENTS (cases) * G_N_ELEMENTS (names); i++) {
    const gchar *name = names[i % G_N_ELEMENTS (names)];
    const guint c = i / G_N_ELEMENTS (names);
    g_autofree gchar *path = g_build_filename (g_get_user_data_dir (), name, NULL);
    g_autoptr (ClipSource) source = clip_source_open_folder (g_get_user_data_dir (), NULL);
    g_autoptr (GError) error = NULL;

    g_assert_true (g_file_set_contents (path, cases[c].content, -1, NULL));
    g_assert_null (clip_source_open (source, name, &error));
    g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID);
    g_test_message ("%s", error->message);
    g_assert_true (g_str_has_prefix (error->message, path));
    g_assert_nonnull (strstr (error->message, cases[c].says));
    g_assert_cmpint (g_unlink (path), ==, 0);
  }
}

int
main (int argc, char **argv)
{
  g_autofree gchar *home = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  int result;

  /* Not the user's; to be set before GLib looks. */
  g_setenv ("XDG_DATA_HOME", home, TRUE);
  g_unsetenv ("GST_CLIP_MODEL_PATH");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/model/find", test_find);
  g_test_add_func ("/engine/model/find-remedies", test_find_remedies);
  g_test_add_func ("/engine/model/find-here", test_find_here);
  g_test_add_func ("/engine/model/missing", test_missing);
  g_test_add_func ("/engine/model/placeholders", test_placeholders);
  result = g_test_run ();
  g_rmdir (home);
  return result;
}
