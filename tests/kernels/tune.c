/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choices that are measured: remembered, read back, ignored when odd; the quicker candidate wins; a
 * family that computes wrongly is dropped. Families of this file are the one for any GPU, made slow
 * or wrong on purpose.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "gst-clip/gpu/internal.h"
#include "gst-clip/kernels/gemm_shared.h"
#include "gst-clip/kernels/tune_internal.h"

#define M 40
#define N 64
#define K 64

static ClipGpu *gpu;

/* Families --------------------------------------------------------------- */

/* How often each of the candidates of "choosy" computes the same product. */
static const guint work[] = { 12, 9, 1, 12 };
#define QUICK 2
#define FIRST 0 /* without measuring */

static void
gemm_times (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op, guint times)
{
  for (guint i = 0; i < times; i++)
    clip_family_shared.gemm (kernels, rec, op);
}

static void
gemm_choosy (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  const guint choice = clip_tune_choice (kernels, "work", op->a.rows, op->c.cols, op->a.cols,
                                         G_N_ELEMENTS (work), FIRST);

  gemm_times (kernels, rec, op, work[choice]);
}

static void
gemm_slow (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  gemm_times (kernels, rec, op, 12);
}

static void
gemm_nothing (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
}

/* One row short: the last one is not written. */
static void
gemm_short (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  ClipGemm less = *op;

  less.a.rows = less.c.rows = op->a.rows - 1;
  clip_family_shared.gemm (kernels, rec, &less);
}

static void
gemm_broken (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  clip_gpu_recording_fail (rec,
                           g_error_new (CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED, "does not compile"));
}

static void
gemm_greedy (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  clip_gpu_recording_fail (
      rec, g_error_new (CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY, "does not fit"));
}

static ClipFamily
family (const gchar *name, void (*gemm) (ClipKernels *, ClipGpuRecording *, const ClipGemm *))
{
  ClipFamily f = clip_family_shared;

  f.name = name;
  f.gemm = gemm;
  return f;
}

static ClipKernels *
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

static gboolean
need_gpu (void)
{
  if (!gpu)
    g_test_skip ("no Vulkan device");
  return gpu != NULL;
}

static void
forget (void)
{
  g_autofree gchar *path = clip_gpu_cache_path (clip_gpu_info (gpu), "choices");

  g_unlink (path);
}

/* Tilings ---------------------------------------------------------------- */

static guint
choose (ClipKernels *kernels, guint32 m)
{
  return clip_tune_choice (kernels, "work", m, N, K, G_N_ELEMENTS (work), FIRST);
}

static void
tune (ClipKernels *kernels, guint32 m)
{
  const ClipTuneShape shape = { m, N, K };
  g_autoptr (GError) error = NULL;

  clip_kernels_tune (kernels, &shape, 1, NULL, &error);
  g_assert_no_error (error);
}

static void
test_measured (void)
{
  const ClipFamily choosy = family ("choosy", gemm_choosy), other = family ("other", gemm_choosy);

  if (!need_gpu ())
    return;
  g_autoptr (ClipKernels) kernels = kernels_of (&choosy);
  g_assert_cmpuint (choose (kernels, M), ==, FIRST);
  tune (kernels, M);
  g_assert_cmpuint (choose (kernels, M), ==, QUICK);
  g_assert_cmpuint (choose (kernels, M + 1), ==, FIRST); /* another product */

  /* Read from the file; by this family only, for this table only. */
  g_autoptr (ClipKernels) again = kernels_of (&choosy), stranger = kernels_of (&other);
  g_assert_cmpuint (choose (again, M), ==, QUICK);
  g_assert_cmpuint (choose (stranger, M), ==, FIRST);
  g_assert_cmpuint (clip_tune_choice (again, "work", M, N, K, 3, 1), ==, 1);
  g_assert_cmpuint (clip_tune_choice (again, "gemm", M, N, K, G_N_ELEMENTS (work), 1), ==, 1);

  /* What is remembered is not measured again: a file that says otherwise stays. */
  clip_tuning_set (again->tuning, "choosy f32 work 40x64x64 of 4", "3");
  clip_tuning_store (again->tuning, gpu);
  g_autoptr (ClipKernels) third = kernels_of (&choosy);
  tune (third, M);
  g_assert_cmpuint (choose (third, M), ==, 3);

  /* A second product is added to the first. */
  tune (kernels, M + 1);
  g_autoptr (ClipKernels) fourth = kernels_of (&choosy);
  g_assert_cmpuint (choose (fourth, M + 1), ==, QUICK);
  g_assert_cmpuint (choose (fourth, M), !=, FIRST);
  forget ();
}

/* The tilings of the real family: whichever is chosen, the product is right. */
static void
test_real_tilings (void)
{
  g_autoptr (GError) error = NULL;

  if (!need_gpu ())
    return;
  for (guint forced = 0; forced <= CLIP_SHARED_TILINGS; forced++) {
    ClipKernels *kernels = kernels_of (&clip_family_shared);

    if (forced < CLIP_SHARED_TILINGS) {
      g_autofree gchar *key = g_strdup_printf ("shared f32 gemm %ux%ux%u of %u", M, N,
                                               clip_round_up (K, CLIP_LD), CLIP_SHARED_TILINGS);
      g_autofree gchar *value = g_strdup_printf ("%u", forced);
      clip_tuning_set (kernels->tuning, key, value);
    } else {
      tune (kernels, M);
    }
    kernels = clip_kernels_verify (kernels, M, K, &error);
    g_assert_no_error (error);
    g_assert_true (kernels->family == &clip_family_shared);
    clip_kernels_free (kernels);
  }
  forget ();
}

static void
test_odd_files (void)
{
  const ClipFamily choosy = family ("choosy", gemm_choosy);
  static const gchar *const texts[] = {
    "",
    "gst-clip choices 1",
    "gst-clip choices 1\n\n=\n=3\nchoosy f32 work 40x64x64 of 4\n",
    "gst-clip choices 1\nchoosy f32 work 40x64x64 of 4=4",
    "gst-clip choices 1\nchoosy f32 work 40x64x64 of 4=-1",
    "gst-clip choices 1\nchoosy f32 work 40x64x64 of 4=2x",
    "gst-clip choices 1\nchoosy f32 work 40x64x64 of 4=99999999999999999999",
    "gst-clip choices 9\nchoosy f32 work 40x64x64 of 4=2",
    "choosy f32 work 40x64x64 of 4=2",
  };
  const gchar good[] = "gst-clip choices 1\nchoosy f32 work 40x64x64 of 4=2";

  if (!need_gpu ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    clip_gpu_remember (gpu, "choices", texts[i], strlen (texts[i]) + (i % 2)); /* some with a NUL */
    g_autoptr (ClipKernels) kernels = kernels_of (&choosy);
    g_assert_cmpuint (choose (kernels, M), ==, FIRST);
  }
  clip_gpu_remember (gpu, "choices", good, strlen (good));
  g_autoptr (ClipKernels) kernels = kernels_of (&choosy);
  g_assert_cmpuint (choose (kernels, M), ==, 2);

  /* A damaged one. */
  g_autofree gchar *path = clip_gpu_cache_path (clip_gpu_info (gpu), "choices");
  g_autofree gchar *data = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  data[size - 1] = '3';
  g_assert_true (g_file_set_contents (path, data, (gssize)size, NULL));
  g_autoptr (ClipKernels) again = kernels_of (&choosy);
  g_assert_cmpuint (choose (again, M), ==, FIRST);
  forget ();
}

static void
test_not_on_cpus (void)
{
  const ClipFamily choosy = family ("choosy", gemm_choosy);
  const ClipTuneShape shape = { M, N, K };
  guint before;

  if (!need_gpu ())
    return;
  if (!clip_gpu_info (gpu)->is_cpu) {
    g_test_skip ("the device is no CPU");
    return;
  }
  g_autoptr (ClipKernels) kernels =
      clip_kernels_new_with_family (gpu, CLIP_WEIGHTS_F32, &choosy, NULL);
  before = clip_gpu_pipeline_count (gpu);
  g_assert_true (clip_kernels_tune (kernels, &shape, 1, NULL, NULL));
  g_assert_cmpuint (choose (kernels, M), ==, FIRST);
  g_assert_cmpuint (clip_gpu_pipeline_count (gpu), ==, before);
}

static void
test_stopped (void)
{
  const ClipFamily choosy = family ("choosy", gemm_choosy), broken = family ("broken", gemm_broken);
  const ClipTuneShape shape = { M, N, K };
  const gint cancel = 1;
  g_autoptr (GError) error = NULL;

  if (!need_gpu ())
    return;
  g_autoptr (ClipKernels) kernels = kernels_of (&choosy);
  g_assert_false (clip_kernels_tune (kernels, &shape, 1, &cancel, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpuint (choose (kernels, M), ==, FIRST);

  /* What does not run is not timed, and that is all. */
  g_autoptr (ClipKernels) none = kernels_of (&broken);
  g_assert_true (clip_kernels_tune (none, &shape, 1, NULL, &error));
  g_assert_no_error (error);

  g_autoptr (ClipGpu) lost = clip_gpu_new (NULL, NULL);
  g_autoptr (ClipKernels) dead =
      clip_kernels_new_with_family (lost, CLIP_WEIGHTS_F32, &choosy, NULL);
  if (!dead->tuning)
    dead->tuning = clip_tuning_load (lost);
  clip_gpu_simulate_loss (lost);
  g_assert_false (clip_kernels_tune (dead, &shape, 1, NULL, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  g_clear_pointer (&dead, clip_kernels_free);
}

/* Families ---------------------------------------------------------------- */

static void
test_verify (void)
{
  static const ClipWeightType weights[] = { CLIP_WEIGHTS_F32, CLIP_WEIGHTS_F16, CLIP_WEIGHTS_I8 };
  static const guint rows[] = { 1, 8, 50, 77 };

  if (!need_gpu ())
    return;
  for (guint w = 0; w < G_N_ELEMENTS (weights); w++)
    for (guint r = 0; r < G_N_ELEMENTS (rows); r++) {
      g_autoptr (GError) error = NULL;
      ClipKernels *kernels = clip_kernels_new (gpu, weights[w], &error);
      const ClipFamily *best;

      if (!kernels && weights[w] == CLIP_WEIGHTS_F16)
        continue;
      g_assert_no_error (error);
      best = kernels->family;
      kernels = clip_kernels_verify (kernels, rows[r], 192, &error);
      g_assert_no_error (error);
      g_assert_true (kernels->family == best);
      g_assert_cmpint (kernels->weights, ==, weights[w]);
      clip_kernels_free (kernels);
    }
}

/* Warnings since the last call of expect_dropped (), a line each. */
static GString *warnings;

static GLogWriterOutput
keep_warnings (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  for (gsize i = 0; i < n && (level & G_LOG_LEVEL_WARNING); i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_string_append_printf (warnings, "%s\n", (const gchar *)fields[i].value);
  return g_log_writer_default (level, fields, n, data);
}

/* @names: of families, in the order of the table */
static void
expect_dropped (const gchar *const *names)
{
  g_auto (GStrv) lines = g_strsplit (warnings->str, "\n", -1);
  guint n = 0;

  for (; names[n]; n++) {
    g_autofree gchar *quoted = g_strdup_printf ("\"%s\" kernels are not used", names[n]);
    g_assert_nonnull (lines[n]);
    g_assert_nonnull (strstr (lines[n], quoted));
  }
  g_assert_true (lines[n] == NULL || *lines[n] == '\0');
  g_string_truncate (warnings, 0);
}

static void
test_wrong (void)
{
  const ClipFamily nothing = family ("nothing", gemm_nothing), less = family ("less", gemm_short);
  const ClipFamily broken = family ("broken", gemm_broken);
  const ClipFamily greedy = family ("greedy", gemm_greedy);
  ClipFamily absent = family ("absent", gemm_slow);
  const ClipFamily *const all[] = { &nothing, &less, &broken, &absent, &clip_family_shared, NULL };
  const ClipFamily *const bad[] = { &nothing, &less, NULL };
  const ClipFamily *const full[] = { &greedy, &clip_family_shared, NULL };
  g_autoptr (GError) error = NULL;
  ClipKernels *kernels;

  if (!need_gpu ())
    return;
  absent.needs = 1u << 30;
  kernels = clip_kernels_new_from (gpu, CLIP_WEIGHTS_F32, all, &error);
  g_assert_no_error (error);
  g_assert_true (kernels->family == &nothing);
  kernels = clip_kernels_verify (kernels, M, K, &error);
  expect_dropped ((const gchar *[]){ "nothing", "less", "broken", NULL });
  g_assert_no_error (error);
  g_assert_true (kernels->family == &clip_family_shared);
  clip_kernels_free (kernels);

  kernels = clip_kernels_new_from (gpu, CLIP_WEIGHTS_F32, bad, &error);
  g_assert_null (clip_kernels_verify (kernels, M, K, &error));
  expect_dropped ((const gchar *[]){ "nothing", "less", NULL });
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED);
  g_clear_error (&error);

  /* No memory is no reason to take others. */
  kernels = clip_kernels_new_from (gpu, CLIP_WEIGHTS_F32, full, NULL);
  g_assert_null (clip_kernels_verify (kernels, M, K, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
}

static const ClipFamily *
chosen_from (const ClipFamily *const *families)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipKernels) kernels = clip_kernels_new_from (gpu, CLIP_WEIGHTS_F32, families, &error);

  g_assert_no_error (error);
  return kernels->family;
}

#define ODD_CAP (1u << 29)

/* A device that may have a capability or not. */
static void
test_unsure (void)
{
  ClipFamily quick = clip_family_shared, slow = family ("slow", gemm_slow);
  ClipFamily wrong = family ("wrong", gemm_nothing);
  const ClipFamily *const quick_first[] = { &quick, &slow, NULL };
  const ClipFamily *const slow_first[] = { &slow, &quick, NULL };
  const ClipFamily *const wrong_first[] = { &wrong, &quick, NULL };
  g_autoptr (GError) error = NULL;
  ClipKernels *kernels;

  if (!need_gpu ())
    return;
  quick.name = "quick";
  gpu->info.unsure |= ODD_CAP;

  quick.wants = ODD_CAP;
  g_assert_true (chosen_from (quick_first) == &quick);
  quick.gemm = gemm_slow; /* remembered: not measured again */
  slow.gemm = clip_family_shared.gemm;
  g_assert_true (chosen_from (quick_first) == &quick);
  forget ();
  g_assert_true (chosen_from (quick_first) == &slow);
  g_assert_true (chosen_from (quick_first) == &slow);
  quick.wants = 0;
  slow.wants = ODD_CAP;
  g_assert_true (chosen_from (slow_first) == &slow); /* remembered by name */
  clip_gpu_remember (gpu, "choices", "gst-clip choices 1\nfamily=else", 29);
  g_assert_true (chosen_from (slow_first) == &slow); /* measured */
  forget ();

  /* Nobody is as quick as who does nothing; it is found out, and remembered. */
  quick.gemm = clip_family_shared.gemm;
  wrong.wants = ODD_CAP;
  for (guint i = 0; i < 2; i++) {
    g_assert_true (chosen_from (wrong_first) == (i == 0 ? &wrong : &quick));
    kernels = clip_kernels_new_from (gpu, CLIP_WEIGHTS_F32, wrong_first, &error);
    kernels = clip_kernels_verify (kernels, M, K, &error);
    expect_dropped ((const gchar *[]){ i == 0 ? "wrong" : NULL, NULL });
    g_assert_no_error (error);
    g_assert_true (kernels->family == &quick);
    clip_kernels_free (kernels);
  }
  forget ();
  gpu->info.unsure &= ~ODD_CAP;
}

/* Where the version does tell, measuring comes to the same. */
static void
test_llvmpipe (void)
{
  const guint loops = CLIP_GPU_CAP_LLVMPIPE_LOOPS;
  const ClipGpuCaps caps = gpu ? clip_gpu_info (gpu)->caps : 0;

  if (!need_gpu ())
    return;
  if (!(caps & CLIP_GPU_CAP_LLVMPIPE) || (clip_gpu_info (gpu)->unsure & loops)
      || g_getenv ("GST_CLIP_DISABLE")) {
    g_test_skip ("no llvmpipe of a known version");
    return;
  }
  const ClipFamily *known = chosen_from (clip_families);
  gpu->info.caps &= ~loops;
  gpu->info.unsure |= loops;
  g_autoptr (ClipKernels) kernels = clip_kernels_new (gpu, CLIP_WEIGHTS_F32, NULL);
  g_assert_true (kernels->family == known);
  g_assert_cmpuint (kernels->caps & loops, ==, caps & loops);
  gpu->info.unsure &= ~loops;
  gpu->info.caps = caps;
  forget ();
}

static void
test_by_name (void)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("GST_CLIP_KERNELS", "shared", TRUE);
  g_autoptr (ClipKernels) named = clip_kernels_new (gpu, CLIP_WEIGHTS_F32, &error);
  g_assert_no_error (error);
  g_assert_true (named->family == &clip_family_shared);

  g_setenv ("GST_CLIP_KERNELS", "none of them", TRUE);
  g_assert_null (clip_kernels_new (gpu, CLIP_WEIGHTS_F32, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
  g_assert_nonnull (strstr (error->message, "none of them"));
  g_clear_error (&error);

  g_unsetenv ("GST_CLIP_KERNELS");
  g_autoptr (ClipKernels) best = clip_kernels_new (gpu, CLIP_WEIGHTS_F16, &error);
  g_assert_no_error (error);
  if (clip_gpu_info (gpu)->is_cpu) /* which may have cooperative matrices, but only to test them */
    g_assert_cmpstr (best->family->name, !=, "coopmat");
}

/* Weights that a family has not are another one's. */
static void
test_other_weights (void)
{
  const ClipGpuCaps needs = CLIP_GPU_CAP_FP16;
  ClipFamily half = clip_family_shared;
  const ClipFamily *const families[] = { &half, &clip_family_shared, NULL };
  g_autoptr (GError) error = NULL;

  if (!(clip_gpu_info (gpu)->caps & needs)) {
    g_test_skip ("no fp16");
    return;
  }
  half.no_f32 = TRUE;
  g_autoptr (ClipKernels) kernels = clip_kernels_new_from (gpu, CLIP_WEIGHTS_F16, families, &error);
  g_assert_no_error (error);
  g_assert_true (kernels->family == &half);
  g_autoptr (ClipKernels) other = clip_kernels_with_weights (kernels, CLIP_WEIGHTS_F32, &error);
  g_assert_no_error (error);
  g_assert_true (other->family == &clip_family_shared);
}

int
main (int argc, char **argv)
{
  g_autofree gchar *cache = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_autofree gchar *folder = g_build_filename (cache, "gst-clip", NULL);
  int status;

  g_test_init (&argc, &argv, NULL);
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  warnings = g_string_new (NULL);
  g_log_set_writer_func (keep_warnings, NULL, NULL);
  gpu = clip_gpu_new (NULL, NULL);
  g_test_add_func ("/tune/measured", test_measured);
  g_test_add_func ("/tune/real-tilings", test_real_tilings);
  g_test_add_func ("/tune/odd-files", test_odd_files);
  g_test_add_func ("/tune/not-on-cpus", test_not_on_cpus);
  g_test_add_func ("/tune/stopped", test_stopped);
  g_test_add_func ("/tune/verify", test_verify);
  g_test_add_func ("/tune/wrong", test_wrong);
  g_test_add_func ("/tune/unsure", test_unsure);
  g_test_add_func ("/tune/llvmpipe", test_llvmpipe);
  g_test_add_func ("/tune/by-name", test_by_name);
  g_test_add_func ("/tune/other-weights", test_other_weights);
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
