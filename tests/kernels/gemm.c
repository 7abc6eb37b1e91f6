/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>
#include <string.h>

/* options: activation, period of the residual (0: none), parts */
enum { ACTIVATION, PERIOD, PARTS };
/* parts: what differs from one whole weight matrix with a bias */
enum { PLAIN = 0, NO_BIAS = 1 << 0, IN_PIECES = 1 << 1 };

#define QUICK          CLIP_ACTIVATION_QUICK_GELU
#define GELU           CLIP_ACTIVATION_GELU
#define TANH           CLIP_ACTIVATION_GELU_TANH
#define PLAIN_RESIDUAL G_MAXUINT

/* M, N, K */
static const CheckCase cases[] = {
  { { 50, 768, 768 }, .tag = "residual", .options = { 0, PLAIN_RESIDUAL } },
  { { 50, 256, 768 }, .tag = "quickgelu", .options = { QUICK } },
  { { 50, 64, 3072 }, .tag = "residual", .options = { 0, PLAIN_RESIDUAL } },
  { { 1, 1, 1 } },
  { { 1, 512, 768 }, .tag = "nobias", .options = { 0, 0, NO_BIAS } },
  { { 1, 10000, 512 }, .tag = "prompts", .options = { 0, 0, NO_BIAS } },
  { { 4, 15, 64 } },
  { { 5, 16, 64 }, .tag = "pieces", .options = { 0, 0, IN_PIECES } },
  { { 6, 17, 64 } },
  { { 9, 63, 65 } },
  { { 11, 65, 127 }, .tag = "gelu", .options = { GELU } },
  { { 63, 64, 64 } },
  { { 64, 64, 128 } },
  { { 65, 66, 130 }, .tag = "tanh-residual", .options = { TANH, PLAIN_RESIDUAL } },
  { { 100, 64, 192 }, .tag = "positions", .options = { 0, 50 } },
  { { 1280, 16, 64 }, .tag = "256tiles" },
  { { 1281, 16, 64 }, .tag = "257tiles" },
  { { 20485, 16, 64 }, .tag = "4097tiles" },
  { { 5, 4080, 64 }, .tag = "255tiles" },
  { { 5, 4096, 64 }, .tag = "256tiles" },
  { { 5, 4112, 64 }, .tag = "257tiles" },
  { { 5, 65552, 64 }, .tag = "4097tiles" },
  { { 10, 32, 256 }, CHECK_FILL_ZERO },
  { { 10, 32, 256 }, CHECK_FILL_CONSTANT },
  { { 10, 32, 256 }, CHECK_FILL_OUTLIERS },
  { { 10, 32, 256 }, CHECK_FILL_TINY },
  { { 10, 32, 256 }, CHECK_FILL_HUGE },
  { { 10, 32, 256 }, CHECK_FILL_HUGE, "quickgelu", { QUICK } },
  { { 10, 32, 256 }, CHECK_FILL_HUGE, "gelu", { GELU } },
  { { 10, 32, 256 }, CHECK_FILL_HUGE, "tanh", { TANH } },
  { { 10, 32, 256 }, CHECK_FILL_OUTLIERS, "quickgelu", { QUICK } },
  { { 10, 32, 256 }, CHECK_FILL_OUTLIERS, "gelu", { GELU } },
  { { 10, 32, 256 }, CHECK_FILL_OUTLIERS, "tanh", { TANH } },
  { { 50, 2304, 768 }, .extra = TRUE },
  { { 50, 3072, 768 }, .tag = "quickgelu", .options = { QUICK }, .extra = TRUE },
  { { 50, 768, 3072 }, .tag = "residual", .options = { 0, PLAIN_RESIDUAL }, .extra = TRUE },
  { { 257, 1024, 1024 }, .tag = "residual", .options = { 0, PLAIN_RESIDUAL }, .extra = TRUE },
  { { 50, 768, 768 }, .tag = "gelu", .options = { GELU }, .extra = TRUE },
  { { 50, 768, 768 }, .tag = "tanh", .options = { TANH }, .extra = TRUE },
  { { 196, 768, 588 }, .tag = "positions", .options = { 0, 196 }, .extra = TRUE },
};

/* Everything of a case that does not depend on the variant. */
typedef struct {
  CheckMatrix a, bias, residual, c;
  float *weights; /* (N, K) as a model has them */
  guint m, n, k, period;
  ClipActivation activation;
  guint parts;
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
  const gsize m = c->dims[0], n = c->dims[1], k = c->dims[2];
  CheckRng rng = check_rng (check, "weights");

  problem->m = m;
  problem->n = n;
  problem->k = k;
  problem->activation = c->options[ACTIVATION];
  problem->parts = c->options[PARTS];
  problem->period = MIN (c->options[PERIOD], m);
  problem->a = check_matrix_in (check, "a", m, k, c->fill);
  problem->bias = check_vector_in (check, "bias", n, CHECK_FILL_RANDOM);
  problem->c = check_matrix_out (check, "c", m, n, CLIP_ELEMENT_F32);
  if (problem->period)
    problem->residual = check_matrix_in (check, "residual", problem->period, n, CHECK_FILL_RANDOM);
  problem->weights = g_new (float, n *k);
  check_fill (&rng, CHECK_FILL_RANDOM, 1.f / sqrtf (k), problem->weights, n * k, k);
}

/* Weights as this variant stores them; packed whole or piecewise, the last piece first. */
static CheckBuffer *
pack (Check *check, ClipKernels *kernels, const Problem *problem)
{
  const guint n = problem->n, k = problem->k;
  const guint piece = problem->parts & IN_PIECES ? 3 : n;
  CheckBuffer *packed = check_input (check, "weights", clip_gemm_packed_bytes (kernels, n, k));

  memset (packed->data, 0, packed->bytes);
  for (guint end = n; end > 0; end -= MIN (piece, end)) {
    const guint first = end - MIN (piece, end);

    clip_gemm_pack (kernels, n, k, first, end - first, problem->weights + (gsize)first * k,
                    packed->data);
  }
  return packed;
}

static void
reference (const Problem *problem, ClipWeightType type, RefMatrix *want)
{
  const gsize n_weights = (gsize)problem->n * problem->k;
  g_autofree float *weights = g_memdup2 (problem->weights, n_weights * sizeof (float));

  for (gsize i = 0; type == CLIP_WEIGHTS_F16 && i < n_weights; i++)
    weights[i] = ref_f16 (weights[i]);
  ref_gemm (problem->a.v, problem->a.m.ld, weights, problem->k,
            problem->parts & NO_BIAS ? NULL : problem->bias.v,
            problem->period ? problem->residual.v : NULL, problem->residual.m.ld, problem->period,
            problem->activation, want);
}

/* Columns up to the next multiple of 16 hold 0, or what the residual has there. */
static void
check_padding (Check *check, const Problem *problem)
{
  const guint end = clip_round_up (problem->n, 16);

  if (!problem->period)
    check_zero_columns (check, &problem->c, problem->n, end);
  for (gsize row = 0; problem->period && row < problem->m; row++)
    for (gsize col = problem->n; col < end; col++) {
      const float got = problem->c.v[row * problem->c.m.ld + col];
      const gsize from = row % problem->period * problem->residual.m.ld + col;

      if (!(got == problem->residual.v[from])) {
        check_fail (check, "c[%zu,%zu] = %g in padding, want the residual's %g", row, col, got,
                    problem->residual.v[from]);
        return;
      }
    }
}

static void
run (Check *check, const CheckCase *c)
{
  g_auto (Problem) problem = { 0 };
  g_auto (RefMatrix) want = { 0 };
  gint reference_type = -1;
  ClipKernels *kernels;

  problem_init (&problem, check, c);
  ref_matrix_init (&want, problem.m, problem.n);
  check_flops (check, 2.0 * problem.m * problem.n * problem.k);

  while ((kernels = check_next_variant (check))) {
    const ClipWeightType type = clip_kernels_weight_type (kernels);
    const ClipGemm op = {
      .a = problem.a.m,
      .weights = pack (check, kernels, &problem)->address,
      .bias = problem.parts & NO_BIAS ? 0 : problem.bias.m.address,
      .c = problem.c.m,
      .residual = problem.residual.m.address,
      .residual_ld = problem.residual.m.ld,
      .residual_period = problem.period,
      .activation = problem.activation,
    };

    check_poison (problem.c.buffer);
    clip_kernel_gemm (kernels, check_record (check), &op);
    if (!check_execute (check))
      continue;
    if (reference_type != (gint)type)
      reference (&problem, type, &want);
    reference_type = type;
    check_compare (check, &problem.c, &want, check_roundings (8 + sqrt (problem.k)));
    check_padding (check, &problem);
  }
}

/* Everything else shares a pipeline or two. */
static gboolean
is_light (const CheckCase *c)
{
  return c->options[ACTIVATION] != GELU;
}

const CheckKernel check_gemm = {
  .name = "gemm",
  .variants = CHECK_VARIANTS_MATRIX,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .is_light = is_light,
  .run = run,
};
