/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/gpu/common.h: what the programs of this folder share. Each includes it once.
 */
#pragma once

#include <glib/gstdio.h>
#include <stdint.h>
#include <string.h>

#include "gst-clip/gpu/gpu.h"
#include "gst-clip/gpu/internal.h"

#include "clip_spv_square.h"

/* y[i] = constant 0 * (x[i] + base)^2 */
typedef struct {
  VkDeviceAddress x, y;
  guint32 n, base;
} SquareParams;

static const ClipGpuShader square_shader = {
  .name = "square",
  .spirv = clip_spv_square,
  .spirv_bytes = sizeof clip_spv_square,
  .push_bytes = sizeof (SquareParams),
};

/* The device, or NULL after g_test_skip() where there is none. */
static inline ClipGpu *
open_gpu (void)
{
  g_autoptr (GError) error = NULL;
  ClipGpu *gpu = clip_gpu_new (NULL, &error);

  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER)
      || g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE))
    g_test_skip (error->message);
  else
    g_assert_no_error (error);
  return gpu;
}

static inline void
remove_tree (const gchar *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *child = g_build_filename (path, name, NULL);
    if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
      remove_tree (child);
    else
      g_unlink (child);
  }
  g_clear_pointer (&dir, g_dir_close);
  g_rmdir (path);
}

/* Runs the tests with an empty cache directory, which subprocesses share; with a validation
 * layer, any message fails. */
static inline int
run_tests (void)
{
  g_autofree gchar *cache = NULL;

  if (!g_test_subprocess ()) {
    cache = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
    g_assert_nonnull (cache);
    g_setenv ("XDG_CACHE_HOME", cache, TRUE);
    /* Mesa would write there after main(). */
    g_setenv ("MESA_SHADER_CACHE_DISABLE", "true", TRUE);
  }
  int status = g_test_run ();
  if (clip_gpu_validation_messages () > 0) {
    g_printerr ("%u messages of the validation layer\n", clip_gpu_validation_messages ());
    status = 1;
  }
  if (cache)
    remove_tree (cache);
  return status;
}
