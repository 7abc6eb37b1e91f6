/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>
#include <string.h>

/* options: batch, stride, parts */
enum { BATCH, STRIDE, PARTS };
/*
 * parts: NO_PAD: no zeros around the picture, as for patches. OVERLAPPING: the first convolution of a tower: pixels
 * are 4 floats apart, and a column of them, each with the three to its right, is a window.
 */
enum { PLAIN = 0, RESIDUAL = 1, RELU = 2, FEW = 4, GELU = 8, NO_PAD = 16, OVERLAPPING = 32 };

#define PIXEL_LD 4

/* height, width, channels, outputs, taps of a side */
static const CheckCase cases[] = {
  { { 7, 7, 32, 48, 3 }, .options = { 1, 1, RELU } },
  { { 9, 6, 17, 20, 3 }, .options = { 2, 2, RELU | RESIDUAL } },
  { { 5, 7, 40, 33, 1 }, .options = { 3, 1, RELU | RESIDUAL } },
  { { 5, 7, 40, 33, 1 }, .options = { 2, 2, PLAIN } },
  { { 9, 9, 16, 40, 3 }, .options = { 1, 2, GELU }, .extra = TRUE },
  { { 10, 10, 64, 48, 1 }, .options = { 2, 1, GELU }, .extra = TRUE },
  { { 6, 10, 16, 16, 3 }, .options = { 2, 1, GELU }, .tag = "gelu-lines" },
  { { 5, 7, 40, 33, 1 }, .options = { 1, 1, GELU | RESIDUAL }, .extra = TRUE },
  { { 8, 8, 24, 24, 3 }, .options = { 2, 1, RELU | RESIDUAL | FEW } },
  { { 4, 4, 96, 16, 3 }, .options = { 1, 1, RELU | FEW }, .tag = "parts" },
  { { 3, 5, 200, 64, 1 }, .options = { 2, 1, RESIDUAL | FEW }, .tag = "parts" },
  { { 10, 20, 16, 40, 3 }, .options = { 3, 1, PLAIN }, .tag = "lines" },
  { { 40, 41, 16, 16, 3 }, .options = { 2, 1, RELU }, .tag = "lines" },
  { { 63, 60, 16, 20, 3 }, .options = { 2, 1, RELU }, .tag = "lines-strips" },
  { { 40, 41, 16, 16, 3 }, .options = { 2, 1, RELU | FEW }, .tag = "strips" },
  { { 63, 64, 16, 16, 3 }, .options = { 1, 1, RELU | RESIDUAL }, .tag = "strips" },
  { { 66, 66, 16, 16, 3 }, .options = { 1, 2, RELU }, .tag = "strips" },
  { { 1, 1, 16, 16, 3 }, .options = { 5, 1, FEW }, .tag = "one-pixel" },
  { { 1, 19, 24, 40, 3 }, .options = { 3, 2, RELU | FEW }, .tag = "one-line" },
  { { 15, 13, 20, 72, 5 }, .options = { 3, 2, RESIDUAL | FEW }, .tag = "5x5" },
  { { 10, 13, 33, 66, 3 }, .options = { 2, 3, FEW }, .tag = "stride3" },
  { { 5, 4, 272, 20, 3 }, .options = { 2, 1, RELU | RESIDUAL | FEW }, .tag = "deep" },
  { { 8, 12, 48, 64, 2 }, .options = { 3, 2, NO_PAD | FEW }, .tag = "patches" },
  { { 10, 9, 16, 24, 3 }, .options = { 2, 2, OVERLAPPING | RELU | FEW }, .tag = "first" },
  { { 23, 21, 16, 72, 3 }, .options = { 3, 2, OVERLAPPING | RELU | FEW }, .tag = "first" },
  { { 112, 112, 32, 64, 3 }, .options = { 1, 1, RELU }, .tag = "stem", .extra = TRUE },
  { { 56, 56, 64, 64, 3 }, .options = { 1, 1, RELU }, .tag = "layer1", .extra = TRUE },
  { { 14, 14, 256, 256, 3 }, .options = { 1, 1, RELU }, .tag = "layer3", .extra = TRUE },
  { { 131, 130, 16, 16, 3 }, .options = { 5, 1, RELU | FEW }, .tag = "85150rows", .extra = TRUE },
};

/* Everything of a case that does not depend on the variant. */
typedef struct {
  CheckMatrix x, bias, residual, y;
  ClipConv op;
  float *weights; /* (N, K), as clip_kernel_unfold() orders K */
  guint n, k;
} Problem;

static ClipWindow
window_of (const CheckCase *c)
{
  const guint parts = c->options[PARTS], stride = c->options[STRIDE], taps = c->dims[4];
  const guint pad = parts & (NO_PAD | OVERLAPPING) ? 0 : taps / 2;
  const guint across = parts & OVERLAPPING ? c->dims[2] / PIXEL_LD : taps; /* pixels */

  return (ClipWindow){ .taps_y = taps,
                       .taps_x = parts & OVERLAPPING ? 1 : taps,
                       .stride = stride,
                       .pad = pad,
                       .height = (c->dims[0] + 2 * pad - taps) / stride + 1,
                       .width = (c->dims[1] + 2 * pad - across) / stride + 1 };
}

static void
problem_init (Problem *p, Check *check, const CheckCase *c)
{
  const guint batch = c->options[BATCH], height = c->dims[0], width = c->dims[1];
  const gboolean overlapping = (c->options[PARTS] & OVERLAPPING) != 0;
  const guint channels = c->dims[2];
  const ClipWindow window = window_of (c);
  const guint rows = batch * window.height * window.width;
  CheckRng rng = check_rng (check, "weights");

  p->n = c->dims[3];
  p->k = clip_conv_k (&window, channels);
  p->x = check_matrix_in (check, "x", batch * height * width, overlapping ? PIXEL_LD : channels,
                          CHECK_FILL_RANDOM);
  p->x.m.cols = channels;
  if (overlapping)
    p->x.m.ld = PIXEL_LD;
  p->bias = check_vector_in (check, "bias", p->n, CHECK_FILL_RANDOM);
  p->residual = check_matrix_in (check, "residual", rows, p->n, CHECK_FILL_RANDOM);
  p->y = check_matrix_out (check, "y", rows, p->n, CLIP_ELEMENT_F32);
  p->weights = g_new (float, (gsize)p->n * p->k);
  check_fill (&rng, CHECK_FILL_RANDOM, 1.f / sqrtf (p->k), p->weights, (gsize)p->n * p->k, p->k);
  /* columns of channels that there are not */
  for (gsize i = 0; p->k > channels && i < (gsize)p->n * p->k; i++)
    if (i % p->k % clip_channels (channels) >= channels)
      p->weights[i] = 0.f;
  p->op = (ClipConv){
    .x = { p->x.m, batch, height, width },
    .window = window,
    .bias = p->bias.m.address,
    .y = { p->y.m, batch, window.height, window.width },
    .residual = c->options[PARTS] & RESIDUAL ? p->residual.m.address : 0,
    .activation = c->options[PARTS] & GELU ? CLIP_ACTIVATION_GELU : CLIP_ACTIVATION_NONE,
    .relu = (c->options[PARTS] & RELU) != 0,
    .few = (c->options[PARTS] & FEW) != 0,
  };
}

static void
record (Check *check, ClipKernels *kernels, const Problem *p)
{
  CheckBuffer *packed =
      check_input (check, "weights", clip_gemm_packed_bytes (kernels, p->n, p->k));
  CheckBuffer *scratch = check_output (
      check, "scratch",
      clip_conv_scratch_bytes (kernels, &p->op.window, p->op.x.pixels.cols, p->n, p->op.x.batch));
  ClipConv op = p->op;

  memset (packed->data, 0, packed->bytes);
  memset (scratch->data, 0, scratch->bytes);
  clip_gemm_pack (kernels, p->n, p->k, 0, p->n, p->weights, packed->data);
  op.weights = packed->address;
  check_poison (p->y.buffer);
  clip_kernel_conv (kernels, check_record (check), &op, scratch->address);
}

/* The unfolded picture as it is multiplied. */
static void
reference (const Problem *p, ClipKernels *kernels, RefMatrix *want)
{
  const ClipWeightType type = clip_kernels_weight_type (kernels);
  g_autofree float *weights = g_memdup2 (p->weights, (gsize)p->n * p->k * sizeof (float));
  g_auto (RefMatrix) a = { 0 };

  ref_matrix_init (&a, want->rows, clip_window_cols (&p->op.window, p->op.x.pixels.cols));
  ref_unfold (p->x.v, p->x.m.ld, &p->op.x, &p->op.window, &a);
  a.cols = p->k; /* of a plain product those that there are, see below */
  for (gsize i = 0; i < want->rows * p->k; i++) {
    const gsize row = i / p->k, col = i % p->k;
    const gsize from = row * clip_window_cols (&p->op.window, p->op.x.pixels.cols) + col;

    a.value[i] = kernels->family->no_f32 ? ref_f16 (a.value[from]) : a.value[from];
    a.scale[i] = fabs (a.value[i]);
  }
  for (gsize i = 0; type == CLIP_WEIGHTS_F16 && i < (gsize)p->n * p->k; i++)
    weights[i] = ref_f16 (weights[i]);
  if (type == CLIP_WEIGHTS_I8)
    ref_i8 (weights, p->n, p->k);
  ref_gemm_of (&a, weights, p->bias.v, p->op.residual ? p->residual.v : NULL, p->residual.m.ld,
               want->rows, p->op.activation, want);
  if (p->op.relu)
    ref_relu (want);
}

static void
run (Check *check, const CheckCase *c)
{
  Problem problem = { .n = 0 };
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  problem_init (&problem, check, c);
  ref_matrix_init (&want, problem.y.m.rows, problem.n);
  check_flops (check, 2.0 * want.rows * problem.n * problem.k);

  while ((kernels = check_next_variant (check))) {
    record (check, kernels, &problem);
    if (!check_execute (check))
      continue;
    reference (&problem, kernels, &want);
    check_compare (check, &problem.y, &want, check_roundings (8 + sqrt (problem.k)));
  }
  g_free (problem.weights);
}

/* gelu keeps the older LLVM of a driver that such a family is not meant for busy for minutes. */
static gboolean
is_light (const CheckCase *c)
{
  return !(c->options[PARTS] & GELU);
}

static gboolean
is_small (const CheckCase *c)
{
  return c->dims[0] * c->dims[1] <= 100;
}

const CheckKernel check_conv = {
  .name = "conv",
  .variants = CHECK_VARIANTS_GEMM,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .is_light = is_light,
  .is_small = is_small,
  .run = run,
};
