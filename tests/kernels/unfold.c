/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

/* options: batch, stride and pad and the first line, height of the taps */
enum { BATCH, STRIDE_PAD, TAPS_Y };
#define PADDED     16
#define FROM(line) ((line)*256)

/* height, width, channels, taps side by side, floats from pixel to pixel (0: the usual) */
static const CheckCase cases[] = {
  { { 7, 7, 64, 3 }, .options = { 1, PADDED + 1, 3 } },
  { { 6, 9, 32, 3 }, .options = { 1, PADDED + 1, 3 }, .tag = "padded" },
  { { 6, 9, 32, 3 }, .options = { 1, 1, 3 }, .tag = "inside" },
  { { 9, 7, 48, 3 }, .options = { 2, PADDED + 2, 3 }, .tag = "stride2-batch2" },
  { { 8, 8, 16, 3 }, .options = { 3, PADDED + 2, 3 }, .tag = "stride2-batch3" },
  { { 1, 1, 1, 3 }, .options = { 1, PADDED + 1, 3 } },
  { { 3, 2, 17, 3 }, .options = { 1, PADDED + 1, 3 } },
  { { 18, 18, 16, 1, 4 }, .options = { 1, 2, 3 }, .tag = "overlapping" },
  { { 17, 19, 16, 1, 4 }, .options = { 2, 2, 3 }, .tag = "overlapping-odd" },
  { { 7, 7, 64, 3 }, .options = { 1, FROM (3) + PADDED + 1, 3 }, .tag = "lower-half" },
  { { 9, 7, 16, 3 }, .options = { 2, FROM (2) + PADDED + 2, 3 }, .tag = "lower-half-stride2" },
  { { 5, 5, 16, 1 }, .options = { 1, 1, 1 }, .tag = "copy" },
  { { 9, 9, 20, 7 }, .options = { 1, PADDED + 1, 7 }, .tag = "large" },
  { { 56, 56, 64, 3 }, .options = { 1, PADDED + 1, 3 }, .tag = "layer1", .extra = TRUE },
  { { 112, 112, 32, 3 }, .options = { 1, PADDED + 1, 3 }, .tag = "stem", .extra = TRUE },
  { { 257, 256, 16, 3 }, .options = { 1, PADDED + 1, 3 }, .tag = "65792rows" },
  { { 2, 2050, 16, 3 }, .options = { 1, PADDED + 1, 3 }, .tag = "wide" },
  { { 3, 3, 4112, 3 }, .options = { 1, PADDED + 1, 3 }, .tag = "257blocks" },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint first = c->options[STRIDE_PAD] / 256, pad = c->options[STRIDE_PAD] / PADDED % 16;
  const guint stride = c->options[STRIDE_PAD] % PADDED;
  const guint height = c->dims[0], width = c->dims[1], channels = c->dims[2], ld = c->dims[4];
  const guint taps_x = c->dims[3], taps_y = c->options[TAPS_Y], batch = c->options[BATCH];
  /* where pixels overlap, the last one ends where another would */
  const guint x_out = (width + 2 * pad - (ld ? (channels + ld - 1) / ld : taps_x)) / stride + 1;
  const ClipWindow window = {
    taps_y, taps_x, stride, pad, (height + 2 * pad - taps_y) / stride + 1 - first, x_out, first
  };
  const guint windows = batch * window.height * window.width;
  CheckMatrix x =
      check_matrix_in (check, "x", batch * height * width, ld ? ld : channels, CHECK_FILL_RANDOM);
  const CheckMatrix rows = check_matrix_out (
      check, "rows", windows, clip_window_cols (&window, channels), CLIP_ELEMENT_F32);
  ClipPictures pictures = { x.m, batch, height, width };
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  pictures.pixels.cols = channels;
  if (ld)
    pictures.pixels.ld = ld;
  ref_matrix_init (&want, windows, rows.m.cols);
  ref_unfold (x.v, pictures.pixels.ld, &pictures, &window, &want);

  while ((kernels = check_next_variant (check))) {
    check_poison (rows.buffer);
    clip_kernel_unfold (kernels, check_record (check), &pictures, &window, &rows.m);
    if (check_execute (check))
      check_compare (check, &rows, &want, 0.0);
  }
}

const CheckKernel check_unfold = {
  .name = "unfold",
  .variants = CHECK_VARIANTS_ROWS,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
