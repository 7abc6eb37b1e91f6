/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>
#include <string.h>

/* options: activation, period of the residual (0: none), parts */
enum { ACTIVATION, PERIOD, PARTS };
/*
 * parts: what differs from one whole weight matrix with a bias. OPERANDS: a, and c where nothing is
 * added to it, are of clip_kernels_operands(). NORM: a comes from a product before, which leaves
 * statistics, and is normalised; NO_STATS: normalised, but nothing is known about it. ONE_HOT: the
 * weights pick columns, so that no error averages out. RELU: nothing below 0. PARTIAL:
 * it may be made in parts.
 */
enum {
  PLAIN = 0,
  NO_BIAS = 1 << 0,
  IN_PIECES = 1 << 1,
  OPERANDS = 1 << 2,
  NORM = 1 << 3,
  NO_STATS = 1 << 4,
  ONE_HOT = 1 << 5,
  RELU = 1 << 6,
  PARTIAL = 1 << 7,
};

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
  { { 50, 768, 128 }, .tag = "operands", .options = { 0, 0, OPERANDS } },
  { { 9, 63, 65 }, .tag = "operands-gelu", .options = { GELU, 0, OPERANDS } },
  { { 65, 66, 130 }, .tag = "operands-residual", .options = { 0, PLAIN_RESIDUAL, OPERANDS } },
  { { 6209, 65, 64 }, .tag = "operands", .options = { 0, 0, OPERANDS } },
  { { 10, 32, 256 }, CHECK_FILL_HUGE, "operands", { 0, 0, OPERANDS } },
  { { 10, 32, 256 }, CHECK_FILL_TINY, "operands", { 0, 0, OPERANDS } },
  { { 10, 32, 256 }, CHECK_FILL_OUTLIERS, "operands", { 0, 0, OPERANDS } },
  { { 50, 256, 768 }, .tag = "norm", .options = { QUICK, 0, NORM } },
  { { 50, 256, 768 }, .tag = "norm-nostats", .options = { QUICK, 0, NO_STATS } },
  { { 1, 1, 1 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 1, 512, 768 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 3, 20, 17 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 17, 64, 63 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 33, 65, 64 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 65, 33, 65 }, .tag = "norm-residual", .options = { 0, PLAIN_RESIDUAL, NORM } },
  { { 129, 16, 127 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 1600, 33, 66 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 6209, 64, 65 }, .tag = "norm", .options = { 0, 0, NORM } },
  { { 50, 64, 768 }, CHECK_FILL_OFFSET, "norm", { 0, 0, NORM } },
  { { 50, 64, 768 }, CHECK_FILL_OFFSET, "norm-onehot", { 0, 0, NORM | ONE_HOT } },
  { { 50, 64, 768 }, CHECK_FILL_OUTLIERS, "norm-onehot", { 0, 0, NORM | ONE_HOT } },
  { { 50, 64, 700 }, CHECK_FILL_OFFSET, "norm", { 0, 0, NORM } },
  { { 50, 64, 768 }, CHECK_FILL_OUTLIERS, "norm", { 0, 0, NORM } },
  { { 50, 64, 130 }, CHECK_FILL_CONSTANT, "norm", { 0, 0, NORM } },
  { { 50, 64, 130 }, CHECK_FILL_ZERO, "norm", { 0, 0, NORM } },
  { { 50, 64, 130 }, CHECK_FILL_HUGE, "norm", { 0, 0, NORM } },
  { { 50, 64, 130 }, CHECK_FILL_TINY, "norm", { 0, 0, NORM } },
  { { 50, 64, 130 }, CHECK_FILL_OFFSET, "norm-nostats", { 0, 0, NO_STATS } },
  { { 50, 64, 768 }, .tag = "relu", .options = { 0, 0, RELU } },
  { { 65, 66, 130 }, .tag = "residual-relu", .options = { 0, PLAIN_RESIDUAL, RELU } },
  { { 9, 63, 65 }, .tag = "operands-relu", .options = { 0, 0, OPERANDS | RELU } },
  { { 1, 1, 1 }, .tag = "relu", .options = { 0, 0, RELU } },
  { { 10, 32, 256 }, CHECK_FILL_HUGE, "relu", { 0, PLAIN_RESIDUAL, RELU } },
  { { 50, 40, 64 }, .tag = "parts-relu", .options = { 0, PLAIN_RESIDUAL, RELU | PARTIAL } },
  { { 63, 33, 320 }, .tag = "parts-relu", .options = { 0, PLAIN_RESIDUAL, RELU | PARTIAL } },
  { { 9, 63, 500 }, .tag = "parts", .options = { 0, 0, PARTIAL } },
  { { 20, 17, 1728 }, .tag = "parts-relu", .options = { 0, PLAIN_RESIDUAL, RELU | PARTIAL } },
  { { 1, 16, 832 }, .tag = "parts-nobias", .options = { 0, 0, RELU | PARTIAL | NO_BIAS } },
  { { 100, 64, 192 }, .tag = "parts-positions", .options = { 0, 50, PARTIAL } },
  { { 50, 2304, 768 }, .extra = TRUE },
  { { 50, 3072, 768 }, .tag = "quickgelu", .options = { QUICK }, .extra = TRUE },
  { { 50, 768, 3072 }, .tag = "residual", .options = { 0, PLAIN_RESIDUAL }, .extra = TRUE },
  { { 257, 1024, 1024 }, .tag = "residual", .options = { 0, PLAIN_RESIDUAL }, .extra = TRUE },
  { { 50, 768, 768 }, .tag = "gelu", .options = { GELU }, .extra = TRUE },
  { { 50, 768, 768 }, .tag = "tanh", .options = { TANH }, .extra = TRUE },
  { { 196, 768, 588 }, .tag = "positions", .options = { 0, 196 }, .extra = TRUE },
};

#define SOURCE_K 64
#define EPS      1e-5f
/* of a layernorm: each a is off by so many of its scale, and perhaps all of them in one direction */
#define NORM_ROUNDINGS 8

/*
 * Everything of a case that does not depend on the variant. By type of operands: a, c and rows
 * normalised before. @a is what a product of @source made where it is normalised.
 */
typedef struct {
  CheckMatrix a[2], bias, residual, c[2];
  CheckMatrix partial[2]; /* by type of c */
  CheckMatrix source, start, gamma, beta, scratch[2];
  float *weights, *source_weights; /* (N, K), (K, SOURCE_K) as a model has them */
  guint m, n, k, period;
  ClipActivation activation;
  guint parts;
} Problem;

static void
problem_clear (Problem *problem)
{
  g_free (problem->weights);
  g_free (problem->source_weights);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Problem, problem_clear)

static float *
make_weights (Check *check, const gchar *name, CheckFill fill, gsize n, gsize k)
{
  CheckRng rng = check_rng (check, name);
  float *weights = g_new (float, n *k);

  check_fill (&rng, fill, 1.f / sqrtf (k), weights, n * k, k);
  return weights;
}

/* x = source w + start, where w is 0 if the case wants rows that are all one value. */
static void
norm_init (Problem *problem, Check *check, CheckFill fill)
{
  const guint m = problem->m, k = problem->k;
  const gboolean exact =
      fill == CHECK_FILL_CONSTANT || fill == CHECK_FILL_ZERO || fill == CHECK_FILL_TINY;

  problem->source = check_matrix_in (check, "source", m, SOURCE_K, CHECK_FILL_RANDOM);
  problem->start = check_matrix_in (check, "start", m, k, fill);
  problem->gamma = check_vector_in (check, "gamma", k, CHECK_FILL_RANDOM);
  problem->beta = check_vector_in (check, "beta", k, CHECK_FILL_RANDOM);
  problem->source_weights = make_weights (check, "source weights",
                                          exact ? CHECK_FILL_ZERO : CHECK_FILL_RANDOM, k, SOURCE_K);
  problem->a[0] = check_matrix_out (check, "x", m, k, CLIP_ELEMENT_F32);
  for (guint type = CLIP_ELEMENT_F32; type <= CLIP_ELEMENT_F16; type++)
    problem->scratch[type] = check_matrix_out (check, "scratch", m, k, type);
}

static void
problem_init (Problem *problem, Check *check, const CheckCase *c)
{
  const gsize m = c->dims[0], n = c->dims[1], k = c->dims[2];

  problem->m = m;
  problem->n = n;
  problem->k = k;
  problem->activation = c->options[ACTIVATION];
  problem->parts = c->options[PARTS];
  problem->period = MIN (c->options[PERIOD], m);
  if (problem->parts & (NORM | NO_STATS))
    norm_init (problem, check, c->fill);
  else
    problem->a[0] = check_matrix_in (check, "a", m, k, c->fill);
  if (problem->parts & OPERANDS)
    problem->a[1] = check_matrix_half (check, "a", &problem->a[0]);
  problem->bias = check_vector_in (check, "bias", n, CHECK_FILL_RANDOM);
  for (guint type = CLIP_ELEMENT_F32; type <= CLIP_ELEMENT_F16; type++)
    problem->c[type] = check_matrix_out (check, "c", m, n, type);
  for (guint type = 0; problem->parts & PARTIAL && type <= CLIP_ELEMENT_F16; type++)
    problem->partial[type] = check_matrix_out (check, "partial", m, n, type);
  if (problem->period)
    problem->residual = check_matrix_in (check, "residual", problem->period, n, CHECK_FILL_RANDOM);
  problem->weights = make_weights (
      check, "weights", problem->parts & ONE_HOT ? CHECK_FILL_ZERO : CHECK_FILL_RANDOM, n, k);
  for (gsize i = 0; problem->parts & ONE_HOT && i < n; i++)
    problem->weights[i * k + i % k] = 1.f;
}

/* Types of a and of c with these kernels. */
static ClipElement
a_type (const Problem *problem, ClipKernels *kernels)
{
  return problem->parts & OPERANDS ? clip_kernels_operands (kernels) : CLIP_ELEMENT_F32;
}

static ClipElement
c_type (const Problem *problem, ClipKernels *kernels)
{
  return problem->period ? CLIP_ELEMENT_F32 : a_type (problem, kernels);
}

/* Recording -------------------------------------------------------------- */

/* Weights as this variant stores them; packed whole or piecewise, the last piece first. */
static VkDeviceAddress
pack (Check *check, ClipKernels *kernels, const float *weights, guint n, guint k, guint piece)
{
  CheckBuffer *packed = check_input (check, "weights", clip_gemm_packed_bytes (kernels, n, k));

  memset (packed->data, 0, packed->bytes);
  for (guint end = n; end > 0; end -= MIN (piece, end)) {
    const guint first = end - MIN (piece, end);

    clip_gemm_pack (kernels, n, k, first, end - first, weights + (gsize)first * k, packed->data);
  }
  return packed->address;
}

/* The product that makes x, and what there is to normalise it with. */
static ClipNorm
record_source (Check *check, ClipKernels *kernels, const Problem *problem)
{
  const gsize bytes = clip_gemm_stats_bytes (kernels, problem->m, problem->k);
  const gboolean stats = bytes && problem->parts & NORM;
  const ClipGemm op = {
    .a = problem->source.m,
    .weights = pack (check, kernels, problem->source_weights, problem->k, SOURCE_K, problem->k),
    .c = problem->a[0].m,
    .residual = problem->start.m.address,
    .residual_ld = problem->start.m.ld,
    .residual_period = problem->m,
    .stats = stats ? check_output (check, "stats", bytes)->address : 0,
  };

  check_poison (problem->a[0].buffer);
  check_poison (problem->scratch[clip_kernels_operands (kernels)].buffer);
  /* columns beyond K are read, and must be finite */
  for (gsize row = 0; row < problem->m; row++)
    for (gsize col = problem->k; col < problem->a[0].m.ld; col++)
      problem->a[0].v[row * problem->a[0].m.ld + col] = 1e4f;
  clip_kernel_gemm (kernels, check_record (check), &op);
  return (ClipNorm){
    .gamma = problem->gamma.m.address,
    .beta = problem->beta.m.address,
    .eps = EPS,
    .stats = op.stats,
    .scratch = problem->scratch[clip_kernels_operands (kernels)].m,
  };
}

static void
record (Check *check, ClipKernels *kernels, const Problem *problem)
{
  const gboolean normed = (problem->parts & (NORM | NO_STATS)) != 0;
  const CheckMatrix *c = &problem->c[c_type (problem, kernels)];
  const ClipNorm norm = normed ? record_source (check, kernels, problem) : (ClipNorm){ 0 };
  const ClipGemm op = {
    .a = problem->a[a_type (problem, kernels)].m,
    .weights = pack (check, kernels, problem->weights, problem->n, problem->k,
                     problem->parts & IN_PIECES ? 3 : problem->n),
    .bias = problem->parts & NO_BIAS ? 0 : problem->bias.m.address,
    .c = c->m,
    .residual = problem->residual.m.address,
    .residual_ld = problem->residual.m.ld,
    .residual_period = problem->period,
    .activation = problem->activation,
    .relu = (problem->parts & RELU) != 0,
    .partial = problem->partial[c_type (problem, kernels)].m.address,
    .norm = normed ? &norm : NULL,
  };

  check_poison (c->buffer);
  if (op.partial)
    check_poison (problem->partial[c_type (problem, kernels)].buffer);
  clip_kernel_gemm (kernels, check_record (check), &op);
}

/* Comparison ------------------------------------------------------------- */

/* As the variant stores them. (transfer full) */
static float *
rounded (const float *weights, ClipWeightType type, gsize n, gsize k)
{
  float *copy = g_memdup2 (weights, n * k * sizeof (float));

  for (gsize i = 0; type == CLIP_WEIGHTS_F16 && i < n * k; i++)
    copy[i] = ref_f16 (copy[i]);
  if (type == CLIP_WEIGHTS_I8)
    ref_i8 (copy, n, k);
  return copy;
}

/* The numbers of @x as they are multiplied: a family may round fp32 to fp16 while it loads. */
static void
reference_read (const CheckMatrix *x, ClipKernels *kernels, RefMatrix *a)
{
  ref_matrix_init (a, x->m.rows, x->m.cols);
  for (gsize i = 0; i < a->rows * a->cols; i++) {
    a->value[i] = check_get (x, i / a->cols, i % a->cols);
    if (kernels->family->no_f32)
      a->value[i] = ref_f16 (a->value[i]);
    a->scale[i] = fabs (a->value[i]);
  }
}

/* a as it is multiplied: the numbers that were read, or normalised ones. Those are off by the
 * roundings of a layernorm, and of fp16 where that is what the family multiplies. */
static void
reference_a (const Problem *problem, ClipKernels *kernels, double tolerance, RefMatrix *a)
{
  const CheckMatrix *x = &problem->a[a_type (problem, kernels)];

  if (!(problem->parts & (NORM | NO_STATS))) {
    reference_read (x, kernels, a);
    return;
  }
  ref_matrix_init (a, problem->m, problem->k);
  ref_layernorm (x->v, x->m.ld, problem->gamma.v, problem->beta.v, EPS, a);
  if (clip_kernels_operands (kernels) == CLIP_ELEMENT_F16)
    ref_widen (a, tolerance);
}

static void
reference (const Problem *problem, ClipKernels *kernels, double tolerance, RefMatrix *want)
{
  const gsize n = problem->n, k = problem->k;
  g_autofree float *weights = rounded (problem->weights, clip_kernels_weight_type (kernels), n, k);
  g_auto (RefMatrix) a = { 0 };

  reference_a (problem, kernels, tolerance, &a);
  ref_gemm_of (&a, weights, problem->parts & NO_BIAS ? NULL : problem->bias.v,
               problem->period ? problem->residual.v : NULL, problem->residual.m.ld,
               problem->period, problem->activation, want);
  if (problem->parts & RELU)
    ref_relu (want);
}

/* The product before: what it made is the a of the other, as it is. */
static void
check_source (Check *check, ClipKernels *kernels, const Problem *problem)
{
  g_autofree float *weights =
      rounded (problem->source_weights, clip_kernels_weight_type (kernels), problem->k, SOURCE_K);
  g_auto (RefMatrix) a = { 0 };
  g_auto (RefMatrix) want = { 0 };

  reference_read (&problem->source, kernels, &a);
  ref_matrix_init (&want, problem->m, problem->k);
  ref_gemm_of (&a, weights, NULL, problem->start.v, problem->start.m.ld, problem->m,
               CLIP_ACTIVATION_NONE, &want);
  check_compare (check, &problem->a[0], &want, check_roundings (8 + sqrt (SOURCE_K)));
}

/* Columns up to the next multiple of 16 hold 0, or what the residual has there. */
static void
check_padding (Check *check, const Problem *problem, const CheckMatrix *c)
{
  const guint end = clip_round_up (problem->n, 16);

  if (!problem->period)
    check_zero_columns (check, c, problem->n, end);
  for (gsize row = 0; problem->period && row < problem->m; row++)
    for (gsize col = problem->n; col < end; col++) {
      const double got = check_get (c, row, col);
      const gsize from = row % problem->period * problem->residual.m.ld + col;
      const float residual = problem->residual.v[from];
      const float want = problem->parts & RELU ? MAX (residual, 0.f) : residual;

      if (!(got == want)) {
        check_fail (check, "c[%zu,%zu] = %g in padding, want the residual's %g", row, col, got,
                    want);
        return;
      }
    }
}

static void
run (Check *check, const CheckCase *c)
{
  g_auto (Problem) problem = { 0 };
  g_auto (RefMatrix) want = { 0 };
  gint known = -1; /* what the reference was computed for */
  ClipKernels *kernels;

  problem_init (&problem, check, c);
  ref_matrix_init (&want, problem.m, problem.n);
  check_flops (check, 2.0 * problem.m * problem.n * problem.k);

  while ((kernels = check_next_variant (check))) {
    const gboolean normed = (problem.parts & (NORM | NO_STATS)) != 0;
    const gint needed = 4 * clip_kernels_weight_type (kernels) + 2 * kernels->family->no_f32
                        + a_type (&problem, kernels);
    const double tolerance = check_roundings (8 + sqrt (problem.k) + (normed ? NORM_ROUNDINGS : 0));
    const CheckMatrix *got = &problem.c[c_type (&problem, kernels)];

    record (check, kernels, &problem);
    if (!check_execute (check))
      continue;
    if (normed)
      check_source (check, kernels, &problem);
    if (normed || known != needed)
      reference (&problem, kernels, tolerance, &want);
    known = needed;
    check_compare (check, got, &want, tolerance);
    check_padding (check, &problem, got);
  }
}

/* Everything else shares a pipeline or two. */
static gboolean
is_light (const CheckCase *c)
{
  return c->options[ACTIVATION] != GELU;
}

static gboolean
is_small (const CheckCase *c)
{
  return c->dims[0] <= 100 && c->dims[1] <= 100 && c->dims[2] <= 192;
}

const CheckKernel check_gemm = {
  .name = "gemm",
  .variants = CHECK_VARIANTS_GEMM,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .is_light = is_light,
  .is_small = is_small,
  .run = run,
};
