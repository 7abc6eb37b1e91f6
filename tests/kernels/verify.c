/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which family is taken: by name, by measuring, and never one that computes wrongly. */
#include "tests/kernels/families.h"

#define M 40
#define N 64
#define K 64

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

/* @names: of families, in the order of the table */
static void
expect_dropped (const gchar *const *names)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);

  for (; *names; names++)
    g_ptr_array_add (texts, g_strdup_printf ("\"%s\" kernels are not used", *names));
  g_ptr_array_add (texts, NULL);
  expect_warnings ((const gchar *const *)texts->pdata);
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
  clip_gpu_remember (gpu, "choices", "gst-clip choices 2\nfamily=else", 29);
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

static void
add_tests (void)
{
  g_test_add_func ("/verify/right", test_verify);
  g_test_add_func ("/verify/wrong", test_wrong);
  g_test_add_func ("/verify/unsure", test_unsure);
  g_test_add_func ("/verify/llvmpipe", test_llvmpipe);
  g_test_add_func ("/verify/by-name", test_by_name);
  g_test_add_func ("/verify/other-weights", test_other_weights);
}

int
main (int argc, char **argv)
{
  return run_tests (&argc, &argv, add_tests);
}
