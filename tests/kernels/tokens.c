/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

/* height, width, channels, batch */
static const CheckCase cases[] = {
  { { 7, 7, 256, 1 } },
  { { 1, 1, 1, 1 } },
  { { 2, 2, 257, 2 } },
  { { 3, 5, 63, 3 } },
  { { 9, 9, 2560, 1 } },
  { { 7, 7, 64, 1 }, CHECK_FILL_OFFSET },
  { { 7, 7, 64, 1 }, CHECK_FILL_HUGE },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint pixels = c->dims[0] * c->dims[1], channels = c->dims[2], batch = c->dims[3];
  const CheckMatrix x = check_matrix_in (check, "x", batch * pixels, channels, c->fill);
  CheckMatrix positions =
      check_matrix_in (check, "positions", pixels + 1, channels, CHECK_FILL_RANDOM);
  const CheckMatrix y =
      check_matrix_out (check, "y", batch * (pixels + 1), channels, CLIP_ELEMENT_F32);
  const ClipPictures pictures = { x.m, batch, c->dims[0], c->dims[1] };
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  positions.m.ld = clip_ld (channels);
  ref_matrix_init (&want, y.m.rows, channels);
  ref_tokens (x.v, x.m.ld, &pictures, positions.v, positions.m.ld, &want);

  while ((kernels = check_next_variant (check))) {
    check_poison (y.buffer);
    clip_kernel_tokens (kernels, check_record (check), &pictures, positions.m.address, &y.m);
    if (check_execute (check))
      check_compare (check, &y, &want, check_roundings (4 + pixels / 8));
  }
}

const CheckKernel check_tokens = {
  .name = "tokens",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
