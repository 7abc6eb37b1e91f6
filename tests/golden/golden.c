/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/golden/golden.h"

#include <math.h>

gchar *
golden_path (const gchar *part, const gchar *name, const gchar *file)
{
  g_autofree gchar *relative = g_build_filename ("goldens", part, name, file, NULL);
  gchar *path = clip_test_data (relative);

  if (path == NULL)
    g_test_skip ("no test data (GST_CLIP_TESTDATA)");
  return path;
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

ClipEngine *
golden_engine (const ClipGolden *golden, ClipPrecision precision)
{
  g_autofree gchar *path = golden_path ("models", golden->model, NULL);
  ClipEngineConfig config = { path, NULL, precision };
  g_autoptr (GError) error = NULL;
  ClipEngine *engine = NULL;

  if (path == NULL)
    return NULL;
  engine = clip_engine_open (&config, NULL, NULL, NULL, &error);
  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER)
      || g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE)) {
    g_test_skip (error->message);
    return NULL;
  }
  g_assert_no_error (error);
  return engine;
}

ClipJob *
golden_job (ClipEngine *engine, const gchar *name)
{
  g_autofree gchar *file = g_strconcat (name, ".png", NULL);
  g_autofree gchar *path = golden_path ("images", file, NULL);
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
