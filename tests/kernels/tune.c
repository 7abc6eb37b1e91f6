/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choices that are measured: remembered, read back, ignored when odd; the quicker candidate wins, unless it
 * makes something else. tune_time.c has what time that takes.
 */
#include "tests/kernels/families.h"

#define M 40
#define N 64
#define K 64

/* Families --------------------------------------------------------------- */

/* How often each of the candidates of "choosy" computes the same product. */
static const guint work[] = { 12, 9, 1, 12 };
#define QUICK 2
#define FIRST 0 /* without measuring */

/* Whether the quick one begins a row too late. */
static gboolean slips;

static void
gemm_choosy (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  const guint choice = clip_tune_choice (kernels, "work", clip_gemm_a (op), op->a.rows, op->c.cols,
                                         op->a.cols, G_N_ELEMENTS (work), FIRST);

  ClipGemm wanted = *op;

  if (slips && choice == QUICK)
    wanted.a.address += op->a.ld * sizeof (float);
  gemm_times (kernels, rec, &wanted, work[choice]);
}

static void
gemm_broken (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  clip_gpu_recording_fail (rec,
                           g_error_new (CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED, "does not compile"));
}

/* Tilings ---------------------------------------------------------------- */

static guint
choose (ClipKernels *kernels, guint32 m)
{
  return clip_tune_choice (kernels, "work", CLIP_GEMM_A_FLOAT, m, N, K, G_N_ELEMENTS (work), FIRST);
}

static gint64
patient_now (gpointer data)
{
  return 0;
}

static gboolean
patient_run (ClipTrial *trial, ClipGpuRecording *rec, guint products, guint64 *ns, gpointer data,
             GError **error)
{
  const gboolean ok = clip_trial_run (trial, rec, ns, error);

  *ns /= 10;
  return ok;
}

/* Processors are too slow for this, and their drivers' compilers too. */
static const ClipTuneWatch patient = { patient_now, patient_run, NULL };

static void
tune (ClipKernels *kernels, guint32 m)
{
  const ClipTuneShape shape = { CLIP_GEMM_A_FLOAT, m, N, K };
  g_autoptr (GError) error = NULL;

  kernels->tuning->watch = &patient;
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
  g_assert_cmpuint (clip_tune_choice (again, "work", CLIP_GEMM_A_FLOAT, M, N, K, 3, 1), ==, 1);
  g_assert_cmpuint (
      clip_tune_choice (again, "gemm", CLIP_GEMM_A_FLOAT, M, N, K, G_N_ELEMENTS (work), 1), ==, 1);

  /* What is remembered is not measured again: a file that says otherwise stays. */
  clip_tuning_set (again->tuning, "choosy f32 work float 40x64x64 of 4", "3");
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
      g_autofree gchar *key = g_strdup_printf ("shared f32 gemm float %ux%ux%u of %u", M, N,
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
    "gst-clip choices 2",
    "gst-clip choices 2\n\n=\n=3\nchoosy f32 work float 40x64x64 of 4\n",
    "gst-clip choices 2\nchoosy f32 work float 40x64x64 of 4=4",
    "gst-clip choices 2\nchoosy f32 work float 40x64x64 of 4=-1",
    "gst-clip choices 2\nchoosy f32 work float 40x64x64 of 4=2x",
    "gst-clip choices 2\nchoosy f32 work float 40x64x64 of 4=99999999999999999999",
    "gst-clip choices 9\nchoosy f32 work float 40x64x64 of 4=2",
    "choosy f32 work float 40x64x64 of 4=2",
    /* what versions before this one have written */
    "gst-clip choices 1\nchoosy f32 work 40x64x64 of 4=2",
    "gst-clip choices 1\nchoosy f32 work float 40x64x64 of 4=2",
  };
  const gchar good[] = "gst-clip choices 2\nchoosy f32 work float 40x64x64 of 4=2";

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
  /* and so for batches of which it is the next larger one that was timed */
  g_assert_cmpuint (choose (kernels, M / 2 + 1), ==, 2);
  g_assert_cmpuint (choose (kernels, M / 2), ==, FIRST);
  g_assert_cmpuint (choose (kernels, M + 1), ==, FIRST);

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
  const ClipTuneShape shape = { CLIP_GEMM_A_FLOAT, M, N, K };
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
  const ClipTuneShape shape = { CLIP_GEMM_A_FLOAT, M, N, K };
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

/* A candidate that does not make what the fallback makes is passed over, however quick. */
static void
test_other_product (void)
{
  const ClipFamily choosy = family ("choosy", gemm_choosy);

  if (!need_gpu ())
    return;
  slips = TRUE;
  g_autoptr (ClipKernels) kernels = kernels_of (&choosy);
  tune (kernels, M);
  g_assert_cmpuint (choose (kernels, M), !=, QUICK);
  expect_warnings ((const gchar *[]){
      "candidate 2 of \"choosy f32 work float 40x64x64 of 4\" is not used", NULL });
  g_assert_nonnull (clip_tuning_get (kernels->tuning, "choosy f32 work float 40x64x64 of 4"));
  slips = FALSE;
  forget ();
}

/* Kinds ------------------------------------------------------------------- */

/* What the last call of gemm_spy() was asked for. */
static ClipGemm seen;
static gboolean seen_stats;

static void
gemm_spy (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  seen = *op;
  seen_stats = op->norm && op->norm->stats;
  clip_tune_choice (kernels, "work", clip_gemm_a (op), op->a.rows, op->c.cols, op->a.cols, 2, 0);
  clip_family_shared.gemm (kernels, rec, op);
}

/* What is timed is the product that a tower makes, with fp16 operands where it has such. */
static void
test_kinds (void)
{
  static const gchar *const names[] = { "float", "half", "norm" };
  const ClipFamily spy = family ("spy", gemm_spy);
  g_autoptr (GError) error = NULL;

  if (!need_gpu ())
    return;
  if (!(clip_gpu_info (gpu)->caps & CLIP_GPU_CAP_FP16)) {
    g_test_skip ("no fp16");
    return;
  }
  g_autoptr (ClipKernels) kernels =
      clip_kernels_new_with_family (gpu, CLIP_WEIGHTS_F16, &spy, &error);
  g_assert_no_error (error);
  if (!kernels->tuning)
    kernels->tuning = clip_tuning_load (gpu);
  kernels->tuning->watch = &patient;
  for (guint a = 0; a < G_N_ELEMENTS (names); a++) {
    const ClipTuneShape shape = { a, M, N, K };
    g_autofree gchar *key = g_strdup_printf ("spy f16 work %s %ux%ux%u of 2", names[a], M, N, K);

    g_assert_true (clip_kernels_tune (kernels, &shape, 1, NULL, &error));
    g_assert_no_error (error);
    g_assert_nonnull (clip_tuning_get (kernels->tuning, key));
    g_assert_cmpint (seen.a.type, ==, a == CLIP_GEMM_A_HALF ? CLIP_ELEMENT_F16 : CLIP_ELEMENT_F32);
    g_assert_cmpint (seen.c.type, ==, a == CLIP_GEMM_A_NORM ? CLIP_ELEMENT_F16 : CLIP_ELEMENT_F32);
    g_assert_cmpint (seen.norm != NULL && seen_stats, ==, a == CLIP_GEMM_A_NORM);
    g_assert_cmpint (seen.residual != 0, ==, a != CLIP_GEMM_A_NORM);
    g_assert_cmpint (seen.stats != 0, ==, a == CLIP_GEMM_A_HALF);
  }
  expect_warnings ((const gchar *[]){ NULL });
  forget ();
}

static void
add_tests (void)
{
  g_test_add_func ("/tune/measured", test_measured);
  g_test_add_func ("/tune/real-tilings", test_real_tilings);
  g_test_add_func ("/tune/odd-files", test_odd_files);
  g_test_add_func ("/tune/not-on-cpus", test_not_on_cpus);
  g_test_add_func ("/tune/stopped", test_stopped);
  g_test_add_func ("/tune/other-product", test_other_product);
  g_test_add_func ("/tune/kinds", test_kinds);
}

int
main (int argc, char **argv)
{
  return run_tests (&argc, &argv, add_tests);
}
