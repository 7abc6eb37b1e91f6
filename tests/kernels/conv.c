/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>
#include <string.h>

/* options: batch, stride, parts */
enum { BATCH, STRIDE, PARTS };
/*
 * parts: NO_PAD: no zeros around the picture, as for patches. OVERLAPPING: the first convolution of a tower: pixels
 * are 4 floats apart, and a column of them, each with the three to its right, is a window. WIDE_RESIDUAL: its rows
 * lie further apart than y's. IMPLICIT: only for families that read windows from pictures: the others have a
 * pipeline for each size, and unfold's own cases.
 */
enum {
  PLAIN = 0,
  RESIDUAL = 1 << 0,
  RELU = 1 << 1,
  FEW = 1 << 2,
  GELU = 1 << 3,
  X_BORDER = 1 << 4,
  Y_BORDER = 1 << 5,
  NO_PAD = 1 << 6,
  OVERLAPPING = 1 << 7,
  WIDE_RESIDUAL = 1 << 8,
  IMPLICIT = 1 << 9,
};

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
  { { 8, 8, 24, 24, 3 }, .options = { 2, 1, RELU | RESIDUAL | WIDE_RESIDUAL | FEW } },
  { { 4, 4, 96, 16, 3 }, .options = { 1, 1, RELU | FEW }, .tag = "parts" },
  { { 3, 5, 200, 64, 1 }, .options = { 2, 1, RESIDUAL | FEW }, .tag = "parts" },
  { { 3, 4, 64, 200, 1 }, .options = { 1, 1, RESIDUAL }, .tag = "panels" },
  { { 3, 4, 160, 328, 1 }, .options = { 1, 1, RELU }, .tag = "panels", .extra = TRUE },
  { { 10, 20, 16, 40, 3 }, .options = { 3, 1, PLAIN }, .tag = "lines" },
  { { 40, 41, 16, 16, 3 }, .options = { 2, 1, RELU }, .tag = "lines" },
  { { 63, 60, 16, 20, 3 }, .options = { 2, 1, RELU }, .tag = "lines-strips" },
  { { 40, 41, 16, 16, 3 }, .options = { 2, 1, RELU | FEW }, .tag = "strips" },
  { { 63, 64, 16, 16, 3 }, .options = { 1, 1, RELU | RESIDUAL }, .tag = "strips" },
  { { 66, 66, 16, 16, 3 }, .options = { 1, 2, RELU }, .tag = "strips" },
  { { 1, 1, 16, 16, 3 }, .options = { 5, 1, IMPLICIT }, .tag = "one-pixel" },
  { { 1, 19, 24, 40, 3 }, .options = { 3, 2, RELU | IMPLICIT }, .tag = "one-line" },
  { { 15, 13, 20, 72, 5 }, .options = { 3, 2, RESIDUAL | IMPLICIT }, .tag = "5x5" },
  { { 10, 13, 33, 66, 3 }, .options = { 2, 3, IMPLICIT }, .tag = "stride3" },
  { { 5, 4, 272, 20, 3 }, .options = { 2, 1, RELU | RESIDUAL | IMPLICIT }, .tag = "deep" },
  { { 8, 12, 48, 64, 2 }, .options = { 3, 2, NO_PAD | IMPLICIT }, .tag = "patches" },
  { { 10, 9, 16, 24, 3 }, .options = { 2, 2, OVERLAPPING | RELU | IMPLICIT }, .tag = "first" },
  { { 23, 21, 16, 72, 3 }, .options = { 3, 2, OVERLAPPING | RELU | IMPLICIT }, .tag = "first" },
  { { 112, 112, 32, 64, 3 }, .options = { 1, 1, RELU }, .tag = "stem", .extra = TRUE },
  { { 56, 56, 64, 64, 3 }, .options = { 1, 1, RELU }, .tag = "layer1", .extra = TRUE },
  { { 14, 14, 256, 256, 3 }, .options = { 1, 1, RELU }, .tag = "layer3", .extra = TRUE },
  { { 131, 130, 16, 16, 3 },
    .options = { 5, 1, RELU | IMPLICIT },
    .tag = "85150rows",
    .extra = TRUE },
  /* of these, families that take no borders see none */
  { { 7, 7, 32, 48, 3 }, .options = { 2, 1, RELU | X_BORDER | Y_BORDER }, .tag = "borders" },
  { { 12, 14, 40, 33, 3 }, .options = { 1, 1, X_BORDER }, .tag = "border", .extra = TRUE },
  { { 40, 41, 32, 48, 3 }, .options = { 2, 1, RELU | X_BORDER }, .tag = "border-dispatches" },
  { { 9, 12, 40, 33, 1 }, .options = { 2, 1, RELU | Y_BORDER }, .tag = "to-border" },
  { { 30, 112, 40, 33, 1 }, .options = { 1, 1, Y_BORDER }, .tag = "to-border-dispatches" },
  { { 14, 14, 32, 48, 3 }, .options = { 3, 2, RELU | Y_BORDER }, .tag = "to-border" },
  { { 66, 66, 32, 48, 3 }, .options = { 1, 2, RELU | Y_BORDER }, .tag = "to-border-strips" },
  { { 6, 10, 16, 16, 3 }, .options = { 1, 1, GELU | X_BORDER }, .tag = "border", .extra = TRUE },
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
  p->residual =
      check_matrix_in (check, "residual", rows,
                       c->options[PARTS] & WIDE_RESIDUAL ? 100 + p->n : p->n, CHECK_FILL_RANDOM);
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
    .residual_ld = c->options[PARTS] & WIDE_RESIDUAL ? p->residual.m.ld : 0,
    .activation = c->options[PARTS] & GELU ? CLIP_ACTIVATION_GELU : CLIP_ACTIVATION_NONE,
    .relu = (c->options[PARTS] & RELU) != 0,
    .few = (c->options[PARTS] & FEW) != 0,
  };
}

/* Borders --------------------------------------------------------------------- */

/* The row of a bordered picture's pixels where line @line of all pictures together begins. */
static gsize
bordered_line (const ClipPictures *p, guint line)
{
  return ((gsize)(line / p->height) * (p->height + 1) + line % p->height + 1) * (p->width + 1) + 1;
}

/* @p without its border and with @v as its values -> @buffer, around which there are NaNs. */
static ClipPictures
add_border (const ClipPictures *p, const float *v, CheckBuffer *buffer)
{
  const gsize ld = clip_channels (p->pixels.cols);
  float *to = buffer->data;
  ClipPictures bordered = *p;

  bordered.border = TRUE;
  bordered.pixels.address = buffer->address;
  bordered.pixels.rows = clip_bordered_rows (p->batch, p->height, p->width);
  bordered.pixels.ld = ld;
  memset (to, 0, buffer->bytes);
  for (guint i = 0; v && i < p->pixels.rows; i++)
    for (gsize c = 0; c < p->pixels.cols; c++)
      to[(bordered_line (p, i / p->width) + i % p->width) * ld + c] = v[i * p->pixels.ld + c];
  return bordered;
}

/* The values of @from -> @v, as they are without a border; which must still be zero. */
static void
take_border (Check *check, const ClipPictures *p, CheckBuffer *from, float *v)
{
  const gsize ld = clip_channels (p->pixels.cols);
  float *values = from->data;

  for (guint i = 0; i < p->pixels.rows; i++) {
    float *pixel = values + (bordered_line (p, i / p->width) + i % p->width) * ld;

    memcpy (v + i * p->pixels.ld, pixel, p->pixels.cols * sizeof (float));
    memset (pixel, 0, ld * sizeof (float));
  }
  for (gsize i = 0; i < from->bytes / sizeof (float); i++)
    if (!(values[i] == 0.f)) {
      check_fail (check, "pixel %zu of the border is %g", i / ld, values[i]);
      return;
    }
}

static CheckBuffer *
bordered_buffer (Check *check, const gchar *name, const ClipPictures *p, gboolean input)
{
  const gsize bytes = clip_bordered_rows (p->batch, p->height, p->width)
                      * clip_channels (p->pixels.cols) * sizeof (float);

  return input ? check_input (check, name, bytes) : check_output (check, name, bytes);
}

/* The order of weights for pictures with a border. (transfer full) */
static float *
by_lines (const Problem *p)
{
  const guint step = p->k / 9;
  float *weights = g_new (float, (gsize)p->n * p->k);

  for (gsize i = 0; i < (gsize)p->n * p->k; i++) {
    const gsize tap = i % p->k / step;

    weights[i] = p->weights[i - i % p->k + (tap % 3 * 3 + tap / 3) * step + i % step];
  }
  return weights;
}

/* Whether the family wants pictures like y with a border. */
static gboolean
wants_y_border (ClipKernels *kernels, const Problem *p)
{
  const ClipWindow next = { 3, 3, 1, 1, p->op.y.height, p->op.y.width };

  return clip_conv_bordered (kernels, &next, p->n, FALSE);
}

/* Running --------------------------------------------------------------------- */

/* @y: (nullable): y with a border, in place of y. */
static void
record (Check *check, ClipKernels *kernels, const Problem *p, gboolean x_border, CheckBuffer *y)
{
  g_autofree float *weights =
      x_border ? by_lines (p) : g_memdup2 (p->weights, (gsize)p->n * p->k * sizeof (float));
  CheckBuffer *packed =
      check_input (check, "weights", clip_gemm_packed_bytes (kernels, p->n, p->k));
  CheckBuffer *scratch = check_output (
      check, "scratch",
      clip_conv_scratch_bytes (kernels, &p->op.window, p->op.x.pixels.cols, p->n, p->op.x.batch));
  ClipConv op = p->op;

  memset (packed->data, 0, packed->bytes);
  memset (scratch->data, 0, scratch->bytes);
  clip_gemm_pack (kernels, p->n, p->k, 0, p->n, weights, packed->data);
  op.weights = packed->address;
  if (x_border)
    op.x = add_border (&p->op.x, p->x.v, bordered_buffer (check, "bordered x", &p->op.x, TRUE));
  if (y)
    op.y = add_border (&p->op.y, NULL, y);
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
    if (c->options[PARTS] & IMPLICIT && !clip_gemm_reads_windows (kernels))
      continue;

    const gboolean x_border =
        c->options[PARTS] & X_BORDER
        && clip_conv_bordered (kernels, &problem.op.window, c->dims[2], FALSE);
    CheckBuffer *y = c->options[PARTS] & Y_BORDER && wants_y_border (kernels, &problem)
                         ? bordered_buffer (check, "bordered y", &problem.op.y, FALSE)
                         : NULL;

    record (check, kernels, &problem, x_border, y);
    if (!check_execute (check))
      continue;
    if (y)
      take_border (check, &problem.op.y, y, problem.y.v);
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
  .variants = CHECK_VARIANTS_CONV,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .is_light = is_light,
  .is_small = is_small,
  .run = run,
};
