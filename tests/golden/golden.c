/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/golden/golden.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "tests/common/device.h"

gchar *
golden_path (const gchar *part, const gchar *name, const gchar *file)
{
  g_autofree gchar *relative = g_build_filename ("goldens", part, name, file, NULL);
  gchar *path = clip_test_data (relative);

  if (path == NULL)
    g_test_skip ("no test data (GST_CLIP_TESTDATA)");
  return path;
}

gboolean
golden_has (const ClipGolden *golden, const gchar *file)
{
  g_autofree gchar *relative = g_build_filename ("goldens", "values", golden->values, file, NULL);
  g_autofree gchar *path = clip_test_data (relative);

  return path != NULL;
}

ClipTestNpy *
golden_npy (const ClipGolden *golden, const gchar *file)
{
  g_autofree gchar *path = golden_path ("values", golden->values, file);
  g_autoptr (GError) error = NULL;
  ClipTestNpy *npy = path ? clip_test_npy_load (path, &error) : NULL;

  g_assert_no_error (error);
  g_assert_nonnull (npy);
  return npy;
}

gchar **
golden_strings (const ClipGolden *golden, const gchar *member)
{
  g_autofree gchar *path = golden_path ("values", golden->values, "golden.json");
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GPtrArray) strings = g_ptr_array_new ();
  JsonArray *array = NULL;

  g_assert_true (path && json_parser_load_from_file (parser, path, NULL));
  array =
      json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), member);
  for (guint i = 0; i < json_array_get_length (array); i++)
    g_ptr_array_add (strings, g_strdup (json_array_get_string_element (array, i)));
  g_ptr_array_add (strings, NULL);
  return (gchar **)g_ptr_array_free (g_steal_pointer (&strings), FALSE);
}

/* Links to all files of @path, but @file is an edited copy. (transfer full): a folder to remove */
static gchar *
edited_folder (const ClipGolden *golden, const gchar *path)
{
  gchar *folder = g_dir_make_tmp ("gst-clip-golden-XXXXXX", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  g_assert_true (folder && dir);
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *from = g_build_filename (path, name, NULL);
    g_autofree gchar *to = g_build_filename (folder, name, NULL);
    g_autofree gchar *text = NULL;

    if (!g_str_equal (name, golden->file)) {
      g_assert_cmpint (symlink (from, to), ==, 0);
      continue;
    }
    g_assert_true (g_file_get_contents (from, &text, NULL, NULL));
    g_assert_nonnull (strstr (text, golden->from));
    {
      g_auto (GStrv) parts = g_strsplit (text, golden->from, 2);
      g_autofree gchar *edited = g_strjoinv (golden->to, parts);

      g_assert_true (g_file_set_contents (to, edited, -1, NULL));
    }
  }
  return folder;
}

static void
remove_folder (const gchar *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename (folder, name, NULL);

    g_unlink (path);
  }
  g_rmdir (folder);
}

ClipEngine *
golden_engine (const ClipGolden *golden, ClipPrecision precision)
{
  g_autofree gchar *path = golden_path ("models", golden->model, NULL);
  g_autofree gchar *edited = path && golden->file ? edited_folder (golden, path) : NULL;
  ClipEngineConfig config = { edited ? edited : path, NULL, precision };
  ClipEngine *engine = NULL;

  if (path == NULL)
    return NULL;
  engine = clip_test_engine (&config);
  if (edited)
    remove_folder (edited);
  return engine;
}

ClipJob *
golden_job (ClipEngine *engine, const gchar *name)
{
  g_autofree gchar *file = g_strconcat (name, ".png", NULL);
  g_autofree gchar *path = golden_path ("images", file, NULL);

  return golden_job_of (engine, path);
}

ClipJob *
golden_job_of (ClipEngine *engine, const gchar *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipTestImage) image = clip_test_image_load (path, &error);
  ClipFrameInfo info = { CLIP_PIXEL_RGB, 0, 0, 1, 1 };
  ClipFramePlanes planes = { { NULL } };
  ClipJob *job = NULL;

  g_assert_no_error (error);
  info.format = image->channels == 1 ? CLIP_PIXEL_GRAY8 : CLIP_PIXEL_RGB;
  info.full_range = TRUE;
  info.width = image->width;
  info.height = image->height;
  planes.data[0] = image->pixels;
  planes.stride[0] = image->width * image->channels;
  job = clip_job_new (engine, &info, &error);
  g_assert_no_error (error);
  clip_job_load (job, &planes);
  return job;
}

gdouble
golden_rel_l2 (const float *got, const ClipTestNpy *want, gsize first, gsize n)
{
  gdouble diff = 0.0, norm = 0.0;

  for (gsize i = 0; i < n; i++) {
    gdouble w = clip_test_npy_get (want, first + i);

    diff += (got[i] - w) * (got[i] - w);
    norm += w * w;
  }
  return sqrt (diff) / sqrt (norm);
}
