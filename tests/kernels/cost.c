/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What dispatches are thought to cost on a GPU, and what follows: how they are cut. */
#include "gst-clip/kernels/gemm_coopmat.h"
#include "tests/kernels/families.h"

#define MS G_GUINT64_CONSTANT (1000000)

/* With tuning, on the device here, which says that it is a GPU. */
static ClipKernels *
kernels_on_gpu (ClipWeightType weights)
{
  g_autoptr (GError) error = NULL;
  ClipKernels *kernels;

  gpu->info.is_cpu = FALSE;
  kernels = clip_kernels_new_with_family (gpu, weights, &clip_family_shared, &error);
  g_assert_no_error (error);
  return kernels;
}

/* Before anything is known, and after a product was timed; in this process and in the next. */
static void
test_rate (void)
{
  if (!need_gpu ())
    return;
  g_autoptr (ClipKernels) kernels = kernels_on_gpu (CLIP_WEIGHTS_F32);
  const guint64 macs = 1000 * MS; /* 20 ms at 50 a ns */
  const guint64 slow = clip_cost (kernels, 1, macs, 0);

  g_assert_cmpuint (slow, >=, 20 * MS);
  g_assert_cmpuint (slow, <, 21 * MS);
  clip_cost_learn (kernels, 1.0 / 10); /* slower than what was taken for slow */
  g_assert_cmpuint (clip_cost (kernels, 1, macs, 0), >, 5 * slow);
  clip_cost_learn (kernels, 1.0 / 4000);
  const guint64 quick = clip_cost (kernels, 1, macs, 0);
  g_assert_cmpuint (quick, <, slow / 30); /* with a reserve of two */
  g_assert_cmpuint (quick, >, slow / 80);
  clip_cost_learn (kernels, 1.0 / 300); /* another shape, which is no news */
  g_assert_cmpuint (clip_cost (kernels, 1, macs, 0), ==, quick);
  clip_cost_learn (kernels, 0.0); /* a clock that stands still */
  g_assert_cmpuint (clip_cost (kernels, 1, macs, 0), ==, quick);

  clip_tuning_store (kernels->tuning, gpu);
  g_autoptr (ClipKernels) later = kernels_on_gpu (CLIP_WEIGHTS_F32);
  g_assert_cmpuint (clip_cost (later, 1, macs, 0), ==, quick);
  g_autoptr (ClipKernels) other = kernels_on_gpu (CLIP_WEIGHTS_I8);
  g_assert_cmpuint (clip_cost (other, 1, macs, 0), ==, slow);
  forget ();
}

/* Memory counts where it takes longer; a processor's costs are what they always were. */
static void
test_bytes (void)
{
  if (!need_gpu ())
    return;
  g_autoptr (ClipKernels) kernels = kernels_on_gpu (CLIP_WEIGHTS_F32);

  g_assert_cmpuint (clip_cost (kernels, 1, 1, 80 * MS), >=, 10 * MS);
  g_assert_cmpuint (clip_cost (kernels, 1, 1000 * MS, 8 * MS), >=, 20 * MS);
  g_assert_cmpuint (clip_cost (kernels, 1, 0, 0), >, 0);
  gpu->info.is_cpu = TRUE;
  g_assert_cmpuint (clip_cost (kernels, 1234, 1000 * MS, 80 * MS), ==, 1234);
  g_assert_cmpuint (clip_cost_pieces (kernels, 1000 * MS), ==, 1);
}

/* Records a product and says in how many command buffers it is. */
static guint
parts_of (ClipKernels *kernels, guint32 m, guint32 n, guint32 k)
{
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (kernels->gpu, "cost");
  const ClipTuneShape shape = { CLIP_GEMM_A_FLOAT, m, n, k, FALSE };
  g_autoptr (GError) error = NULL;

  clip_gpu_recording_begin (rec);
  clip_shape_record (kernels, rec, &shape);
  g_assert_true (clip_gpu_recording_end (rec, &error));
  return rec->n_used;
}

/* A product that takes a slow GPU long is cut; once it is known to be quick it is not. */
static void
test_cut (void)
{
  if (!need_gpu ())
    return;
  g_autoptr (ClipKernels) kernels = kernels_on_gpu (CLIP_WEIGHTS_F32);

  kernels->macs_per_ns = 50;
  g_assert_cmpuint (parts_of (kernels, 64, 768, 768), ==, 1);
  g_assert_cmpuint (parts_of (kernels, 257, 4096, 1024), ==, 2);  /* 21 ms */
  g_assert_cmpuint (parts_of (kernels, 6400, 768, 3072), >=, 15); /* 302 ms */
  kernels->macs_per_ns = 20000;
  g_assert_cmpuint (parts_of (kernels, 6400, 768, 3072), ==, 1);
}

/* Subgroups of attention with cooperative matrices: four share what they load, unless multiprocessors would be idle. */
static void
test_waves (void)
{
  static const ClipCoopmat coopmat = { .shape = { 16, 16, 16 } };
  const ClipFamily family = { .name = "coopmat", .data = &coopmat };
  static const struct {
    guint processors;
    ClipAttention shape;
    guint waves;
  } cases[] = {
    { 132, { 1, 50, 12, 64 }, 1 },  /* 12 workgroups with four */
    { 132, { 32, 50, 12, 64 }, 4 }, /* 384 */
    { 132, { 1, 257, 16, 64 }, 2 }, /* 80, 144 */
    { 24, { 1, 50, 12, 64 }, 2 },   /* 12, 24 */
    { 8, { 1, 50, 12, 64 }, 4 },    { 0, { 1, 50, 12, 64 }, 1 },
    { 8, { 1, 7, 12, 64 }, 1 }, /* one has queries */
    { 132, { 1, 7, 1, 64 }, 1 },
  };

  if (!need_gpu ())
    return;
  const ClipGpuInfo before = gpu->info;
  ClipKernels kernels = { .gpu = gpu, .family = &family };
  gpu->info.max_workgroup_invocations = 256;
  gpu->info.max_shared_bytes = 48 * 1024;
  gpu->info.matrix_subgroup_size = 32;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gpu->info.processors = cases[i].processors;
    g_assert_cmpuint (clip_coopmat_choose_waves (&kernels, &cases[i].shape), ==, cases[i].waves);
  }
  gpu->info.max_workgroup_invocations = 64;
  gpu->info.processors = 8;
  g_assert_cmpuint (clip_coopmat_choose_waves (&kernels, &cases[1].shape), ==, 2);
  gpu->info = before;
}

static void
add_tests (void)
{
  g_test_add_func ("/cost/waves", test_waves);
  g_test_add_func ("/cost/rate", test_rate);
  g_test_add_func ("/cost/bytes", test_bytes);
  g_test_add_func ("/cost/cut", test_cut);
}

int
main (int argc, char **argv)
{
  return run_tests (&argc, &argv, add_tests);
}
