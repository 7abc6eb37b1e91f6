/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>
#include <string.h>

/* clip_kernel_qkv() and clip_kernel_attention() as a pair: what lies between is the family's own. */

enum { FULL, CAUSAL };
/* how many multiprocessors there seem to be, on which how much a workgroup does may depend */
enum { FEW, MANY };

/* batch, tokens, heads, head_dim, columns of the input */
static const CheckCase cases[] = {
  { { 1, 50, 12, 64, 64 } },
  { { 1, 77, 2, 64, 128 }, .tag = "causal", .options = { CAUSAL } },
  { { 1, 1, 1, 16, 1 } },
  { { 2, 2, 1, 16, 64 }, .tag = "causal", .options = { CAUSAL } },
  { { 3, 7, 2, 32, 65 } },
  { { 2, 16, 3, 48, 64 }, .tag = "causal", .options = { CAUSAL } },
  { { 1, 17, 1, 80, 64 } },
  { { 2, 32, 1, 96, 64 }, .tag = "causal", .options = { CAUSAL } },
  { { 1, 33, 2, 128, 64 } },
  { { 1, 31, 1, 128, 64 }, .tag = "causal", .options = { CAUSAL } },
  { { 2, 63, 1, 64, 64 } },
  { { 1, 64, 1, 64, 64 }, .tag = "causal", .options = { CAUSAL } },
  { { 1, 65, 1, 64, 64 } },
  { { 1, 65, 2, 64, 64 }, .tag = "spread", .options = { FULL, MANY } },
  { { 1, 197, 1, 64, 64 } },
  { { 1, 257, 1, 64, 64 } },
  { { 1, 730, 1, 16, 64 } },
  { { 17, 5, 1, 16, 64 } },
  { { 1, 50, 2, 64, 64 }, CHECK_FILL_ZERO },
  { { 1, 50, 2, 64, 64 }, CHECK_FILL_CONSTANT },
  { { 1, 50, 2, 64, 64 }, CHECK_FILL_OUTLIERS },
  { { 1, 50, 2, 64, 64 }, CHECK_FILL_TINY },
  { { 2, 50, 12, 64, 768 }, .extra = TRUE },
  { { 1, 257, 16, 64, 64 }, .extra = TRUE },
  { { 1, 1041, 2, 32, 64 }, .extra = TRUE },
  { { 1, 577, 2, 64, 64 }, .extra = TRUE },
  { { 2, 77, 8, 64, 512 }, .tag = "causal", .options = { CAUSAL }, .extra = TRUE },
};

/* @a, @z: by type of operands */
typedef struct {
  ClipAttention shape;
  guint k, width;
  CheckMatrix a[2], bias, z[2];
  float *weights;
  gboolean spread;
} Problem;

static void
problem_clear (Problem *problem)
{
  g_free (problem->weights);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Problem, problem_clear)

static void
problem_init (Problem *problem, Check *check, const CheckCase *c)
{
  const guint batch = c->dims[0], tokens = c->dims[1], heads = c->dims[2], head_dim = c->dims[3];
  CheckRng rng = check_rng (check, "weights");
  gsize n_weights;

  problem->shape = (ClipAttention){ batch, tokens, heads, head_dim, c->options[0] == CAUSAL };
  problem->k = c->dims[4];
  problem->spread = c->options[1] == MANY;
  problem->width = heads * head_dim;
  problem->a[0] = check_matrix_in (check, "a", batch * tokens, problem->k, c->fill);
  problem->a[1] = check_matrix_half (check, "a", &problem->a[0]);
  problem->bias = check_vector_in (check, "bias", 3 * problem->width, CHECK_FILL_RANDOM);
  for (guint type = CLIP_ELEMENT_F32; type <= CLIP_ELEMENT_F16; type++)
    problem->z[type] = check_matrix_out (check, "z", batch * tokens, problem->width, type);
  n_weights = (gsize)3 * problem->width * problem->k;
  problem->weights = g_new (float, n_weights);
  /* scores of a few units, so that some keys weigh much more than others */
  check_fill (&rng, CHECK_FILL_RANDOM, 2.f / sqrtf (problem->k), problem->weights, n_weights,
              problem->k);
}

/* With fp16 operands q, k and v are such too: rounded, which their scales then allow for. */
static void
reference (const Problem *problem, ClipKernels *kernels, double tolerance, RefMatrix *want)
{
  const gsize n = 3 * (gsize)problem->width, rows = want->rows, k = problem->k;
  const ClipWeightType type = clip_kernels_weight_type (kernels);
  const ClipElement operands = clip_kernels_operands (kernels);
  g_autofree float *weights = g_memdup2 (problem->weights, n * k * sizeof (float));
  g_auto (RefMatrix) a = { 0 }, qkv = { 0 };

  for (gsize i = 0; type == CLIP_WEIGHTS_F16 && i < n * k; i++)
    weights[i] = ref_f16 (weights[i]);
  if (type == CLIP_WEIGHTS_I8)
    ref_i8 (weights, n, k);
  ref_matrix_init (&a, rows, k);
  for (gsize i = 0; i < rows * k; i++) {
    a.value[i] = check_get (&problem->a[operands], i / k, i % k);
    a.scale[i] = fabs (a.value[i]);
  }
  ref_matrix_init (&qkv, rows, n);
  ref_gemm_of (&a, weights, problem->bias.v, NULL, 0, 1, CLIP_ACTIVATION_NONE, &qkv);
  if (operands == CLIP_ELEMENT_F16)
    ref_widen (&qkv, tolerance);
  ref_attention (&problem->shape, &qkv, want);
}

static void
record (Check *check, ClipKernels *kernels, const Problem *problem)
{
  ClipGpuInfo *info = (ClipGpuInfo *)clip_gpu_info (kernels->gpu);
  const guint32 processors = info->processors;
  const guint n = 3 * problem->width;
  CheckBuffer *packed =
      check_input (check, "weights", clip_gemm_packed_bytes (kernels, n, problem->k));
  CheckBuffer *scratch =
      check_output (check, "scratch", clip_attention_scratch_bytes (kernels, &problem->shape));
  const ClipElement operands = clip_kernels_operands (kernels);
  const ClipGemm op = {
    .a = problem->a[operands].m,
    .weights = packed->address,
    .bias = problem->bias.m.address,
  };

  memset (packed->data, 0, packed->bytes);
  clip_gemm_pack (kernels, n, problem->k, 0, n, problem->weights, packed->data);
  clip_kernel_qkv (kernels, check_record (check), &op, &problem->shape, scratch->address);
  info->processors = problem->spread ? 1000 : 1;
  clip_kernel_attention (kernels, check_record (check), &problem->shape, scratch->address,
                         &problem->z[operands].m);
  info->processors = processors;
}

static void
run (Check *check, const CheckCase *c)
{
  g_auto (Problem) problem = { 0 };
  g_auto (RefMatrix) want = { 0 };
  gint known = -1; /* what the reference was computed for */
  ClipKernels *kernels;
  double tolerance;

  problem_init (&problem, check, c);
  tolerance = check_roundings (2 + sqrt (problem.k) / 4);
  ref_matrix_init (&want, problem.a[0].m.rows, problem.width);
  check_flops (check, 2.0 * problem.a[0].m.rows * problem.width
                          * (3.0 * problem.k + 2.0 * problem.shape.tokens));

  while ((kernels = check_next_variant (check))) {
    const ClipElement operands = clip_kernels_operands (kernels);
    const gint needed = 2 * clip_kernels_weight_type (kernels) + operands;

    check_poison (problem.z[operands].buffer);
    record (check, kernels, &problem);
    if (!check_execute (check))
      continue;
    if (known != needed)
      reference (&problem, kernels, tolerance, &want);
    known = needed;
    check_compare (check, &problem.z[operands], &want, tolerance);
  }
}

static gboolean
is_light (const CheckCase *c)
{
  return c->dims[1] <= 7;
}

/* One and several subgroups, one step along the keys and two. */
static gboolean
is_small (const CheckCase *c)
{
  return c->dims[3] == 48 || (c->dims[1] >= 63 && c->dims[1] <= 65);
}

const CheckKernel check_attention = {
  .name = "attention",
  .variants = CHECK_VARIANTS_MATRIX,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .is_light = is_light,
  .is_small = is_small,
  .run = run,
};
