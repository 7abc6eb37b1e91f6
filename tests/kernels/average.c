/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

/* height, width, channels, size, batch */
static const CheckCase cases[] = {
  { { 8, 8, 64, 2, 1 } },
  { { 2, 2, 1, 2, 1 } },
  { { 7, 9, 17, 2, 1 } },
  { { 6, 34, 48, 2, 3 } },
  { { 14, 14, 128, 2, 2 } },
  { { 14, 14, 32, 7, 1 } },
  { { 9, 9, 20, 3, 2 } },
  { { 4, 6, 16, 1, 1 } },
  { { 112, 112, 64, 2, 1 }, .tag = "stem", .extra = TRUE },
  { { 516, 512, 16, 2, 1 } },
  { { 2, 4100, 16, 2, 1 } },
  { { 8, 8, 64, 2, 1 }, CHECK_FILL_HUGE },
  { { 8, 8, 64, 2, 1 }, CHECK_FILL_OUTLIERS },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint height = c->dims[0], width = c->dims[1], channels = c->dims[2], size = c->dims[3];
  const guint batch = c->dims[4], out_h = height / size, out_w = width / size;
  const CheckMatrix x = check_matrix_in (check, "x", batch * height * width, channels, c->fill);
  const CheckMatrix y =
      check_matrix_out (check, "y", batch * out_h * out_w, channels, CLIP_ELEMENT_F32);
  const ClipPictures from = { x.m, batch, height, width }, to = { y.m, batch, out_h, out_w };
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  ref_matrix_init (&want, y.m.rows, channels);
  ref_average (x.v, x.m.ld, &from, size, &want);

  while ((kernels = check_next_variant (check))) {
    check_poison (y.buffer);
    clip_kernel_average (kernels, check_record (check), &from, size, &to);
    if (check_execute (check))
      check_compare (check, &y, &want, check_roundings (2 + size));
  }
}

const CheckKernel check_average = {
  .name = "average",
  .variants = CHECK_VARIANTS_ROWS,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
