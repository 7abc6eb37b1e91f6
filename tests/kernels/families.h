/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/kernels/families.h: what programs about families share that are the one for any GPU, made slow or wrong
 * on purpose. Each includes it once.
 */
#pragma once

#include <glib/gstdio.h>
#include <string.h>

#include "gst-clip/gpu/internal.h"
#include "gst-clip/kernels/gemm_shared.h"
#include "gst-clip/kernels/tune_internal.h"

static ClipGpu *gpu;

/* Warnings since they were last looked at, a line each. */
static GString *warnings;

/* The family for any GPU with another product. */
static inline ClipFamily
family (const gchar *name, void (*gemm) (ClipKernels *, ClipGpuRecording *, const ClipGemm *))
{
  ClipFamily f = clip_family_shared;

  f.name = name;
  f.gemm = gemm;
  return f;
}

/* Of fp32, with tuning. (transfer full) */
static inline ClipKernels *
kernels_of (const ClipFamily *f)
{
  g_autoptr (GError) error = NULL;
  ClipKernels *kernels = clip_kernels_new_with_family (gpu, CLIP_WEIGHTS_F32, f, &error);

  g_assert_no_error (error);
  /* as on a GPU */
  if (!kernels->tuning)
    kernels->tuning = clip_tuning_load (gpu);
  return kernels;
}

static inline gboolean
need_gpu (void)
{
  if (!gpu)
    g_test_skip ("no Vulkan device");
  return gpu != NULL;
}

/* What is remembered. */
static inline void
forget (void)
{
  g_autofree gchar *path = clip_gpu_cache_path (clip_gpu_info (gpu), "choices");

  g_unlink (path);
}

static inline void
gemm_times (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op, guint times)
{
  for (guint i = 0; i < times; i++)
    clip_family_shared.gemm (kernels, rec, op);
}

static inline GLogWriterOutput
keep_warnings (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  for (gsize i = 0; i < n && (level & G_LOG_LEVEL_WARNING); i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_string_append_printf (warnings, "%s\n", (const gchar *)fields[i].value);
  return g_log_writer_default (level, fields, n, data);
}

/* One warning for each of @texts, in that order, which has it. */
static inline void
expect_warnings (const gchar *const *texts)
{
  g_auto (GStrv) lines = g_strsplit (warnings->str, "\n", -1);
  guint n = 0;

  for (; texts[n]; n++) {
    g_assert_nonnull (lines[n]);
    g_assert_nonnull (strstr (lines[n], texts[n]));
  }
  g_assert_true (lines[n] == NULL || *lines[n] == '\0');
  g_string_truncate (warnings, 0);
}

/* With an empty cache directory. */
static inline int
run_tests (int *argc, char ***argv, void (*add) (void))
{
  g_autofree gchar *cache = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_autofree gchar *folder = g_build_filename (cache, "gst-clip", NULL);
  int status;

  g_test_init (argc, argv, NULL);
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  warnings = g_string_new (NULL);
  g_log_set_writer_func (keep_warnings, NULL, NULL);
  gpu = clip_gpu_new (NULL, NULL);
  add ();
  status = g_test_run ();
  if (gpu) {
    g_autofree gchar *pipelines = clip_gpu_cache_path (clip_gpu_info (gpu), CLIP_GPU_PIPELINES);
    clip_gpu_free (gpu);
    g_unlink (pipelines);
  }
  g_rmdir (folder);
  g_rmdir (cache);
  g_string_free (warnings, TRUE);
  return status || clip_gpu_validation_messages () > 0;
}
