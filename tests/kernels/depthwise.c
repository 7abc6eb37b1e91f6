/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>

/* options: batch, outputs of a channel, activation */
enum { BATCH, MULTIPLE, ACTIVATION };

/* height, width, channels, taps of a side, stride */
static const CheckCase cases[] = {
  { { 8, 8, 64, 3, 1 }, .options = { 1, 1 } },
  { { 9, 13, 32, 3, 1 }, .options = { 2, 1 }, .tag = "odd" },
  { { 16, 16, 32, 7, 1 }, .options = { 1, 1 } },
  { { 5, 6, 48, 7, 1 }, .options = { 3, 1 }, .tag = "all-border" },
  { { 8, 8, 32, 3, 1 }, .options = { 2, 2 }, .tag = "two-outputs" },
  { { 16, 18, 16, 7, 2 }, .options = { 2, 2, CLIP_ACTIVATION_GELU }, .tag = "two-outputs" },
  { { 17, 15, 80, 7, 2 }, .options = { 1, 1 }, .tag = "odd", .extra = TRUE },
  { { 16, 16, 64, 3, 2 }, .options = { 1, 1, CLIP_ACTIVATION_GELU } },
  { { 9, 11, 20, 3, 2 }, .options = { 2, 1, CLIP_ACTIVATION_GELU_TANH }, .extra = TRUE },
  { { 6, 8, 17, 3, 1 }, .options = { 1, 1, CLIP_ACTIVATION_QUICK_GELU }, .extra = TRUE },
  { { 2, 2, 64, 7, 1 }, .options = { 2, 1 }, .tag = "narrower-than-a-strip" },
  { { 1, 1, 1, 3, 1 }, .options = { 1, 1 } },
  { { 12, 12, 16, 5, 1 }, .options = { 1, 1 }, .extra = TRUE },
  { { 10, 10, 16, 9, 3 }, .options = { 1, 1 }, .tag = "generic-only" },
  { { 4, 4, 512, 3, 1 }, .options = { 1, 2 }, .tag = "many-channels" },
  { { 2, 1028, 16, 3, 1 }, .options = { 1, 1 }, .tag = "wide" },
  { { 300, 4, 16, 3, 1 }, .options = { 1, 1 }, .tag = "high" },
  { { 64, 64, 64, 7, 1 }, .options = { 1, 1 }, .tag = "stage0", .extra = TRUE },
  { { 16, 16, 32, 7, 1 }, CHECK_FILL_HUGE, .options = { 1, 1 } },
  { { 16, 16, 32, 7, 1 }, CHECK_FILL_OUTLIERS, .options = { 1, 1 } },
  { { 16, 16, 32, 7, 1 }, CHECK_FILL_TINY, .options = { 1, 1 } },
};

static ClipWindow
window_of (const CheckCase *c)
{
  const guint taps = c->dims[3], stride = c->dims[4], pad = taps / 2;

  return (ClipWindow){ .taps_y = taps,
                       .taps_x = taps,
                       .stride = stride,
                       .pad = pad,
                       .height = (c->dims[0] + 2 * pad - taps) / stride + 1,
                       .width = (c->dims[1] + 2 * pad - taps) / stride + 1 };
}

static void
run (Check *check, const CheckCase *c)
{
  const guint height = c->dims[0], width = c->dims[1], channels = c->dims[2];
  const guint batch = c->options[BATCH], n = channels * c->options[MULTIPLE];
  const ClipWindow window = window_of (c);
  const guint taps = window.taps_y * window.taps_x, rows = batch * window.height * window.width;
  const CheckMatrix x = check_matrix_in (check, "x", batch * height * width, channels, c->fill);
  const CheckMatrix bias = check_vector_in (check, "bias", n, CHECK_FILL_RANDOM);
  const CheckMatrix y = check_matrix_out (check, "y", rows, n, CLIP_ELEMENT_F32);
  CheckBuffer *weights = check_input (check, "weights", taps * clip_ld (n) * sizeof (float));
  const ClipDepthwise op = { .x = { x.m, batch, height, width },
                             .window = window,
                             .weights = weights->address,
                             .bias = bias.m.address,
                             .y = { y.m, batch, window.height, window.width },
                             .activation = (ClipActivation)c->options[ACTIVATION] };
  CheckRng rng = check_rng (check, "weights");
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  for (guint t = 0; t < taps; t++)
    for (guint i = 0; i < clip_ld (n); i++)
      ((float *)weights->data)[t * clip_ld (n) + i] = i < n ? check_rng_float (&rng) : 0.0f;
  ref_matrix_init (&want, rows, n);
  ref_depthwise (x.v, x.m.ld, &op.x, &window, weights->data, bias.v, op.activation, &want);
  check_flops (check, 2.0 * rows * n * taps);

  while ((kernels = check_next_variant (check))) {
    check_poison (y.buffer);
    clip_kernel_depthwise (kernels, check_record (check), &op);
    if (check_execute (check))
      check_compare (check, &y, &want, check_roundings (8 + sqrt (taps)));
  }
}

const CheckKernel check_depthwise = {
  .name = "depthwise",
  .variants = CHECK_VARIANTS_ROWS,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
