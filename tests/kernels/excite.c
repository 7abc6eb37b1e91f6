/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

/* height, width, channels, batch, activation */
static const CheckCase cases[] = {
  { { 8, 8, 64, 1, CLIP_ACTIVATION_GELU } },
  { { 3, 5, 17, 3, CLIP_ACTIVATION_NONE } },
  { { 1, 1, 1, 1, CLIP_ACTIVATION_GELU } },
  { { 4, 7, 320, 2, CLIP_ACTIVATION_GELU } },
  { { 6, 6, 48, 2, CLIP_ACTIVATION_QUICK_GELU }, .extra = TRUE },
  { { 300, 250, 4, 1, CLIP_ACTIVATION_NONE }, .tag = "75000pixels" },
  { { 8, 8, 64, 1, CLIP_ACTIVATION_GELU }, CHECK_FILL_HUGE },
  { { 8, 8, 64, 1, CLIP_ACTIVATION_GELU }, CHECK_FILL_OUTLIERS },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint height = c->dims[0], width = c->dims[1], channels = c->dims[2], batch = c->dims[3];
  const ClipActivation activation = (ClipActivation)c->dims[4];
  const guint rows = batch * height * width;
  const CheckMatrix x = check_matrix_in (check, "x", rows, channels, c->fill);
  const CheckMatrix gates = check_matrix_in (check, "gates", batch, channels, CHECK_FILL_RANDOM);
  const CheckMatrix y = check_matrix_out (check, "y", rows, channels, CLIP_ELEMENT_F32);
  const ClipPictures from = { x.m, batch, height, width }, to = { y.m, batch, height, width };
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  /* shut, open, and beyond what exp() can hold */
  for (guint i = 0; i < batch * channels; i++)
    gates.v[i / channels * gates.m.ld + i % channels] *= i % 5 == 4 ? 200.0f : 6.0f;
  ref_matrix_init (&want, rows, channels);
  ref_excite (x.v, x.m.ld, &from, gates.v, gates.m.ld, activation, &want);

  while ((kernels = check_next_variant (check))) {
    check_poison (y.buffer);
    clip_kernel_excite (kernels, check_record (check), &from, &gates.m, activation, &to);
    if (check_execute (check))
      check_compare (check, &y, &want, check_roundings (8));
  }
}

const CheckKernel check_excite = {
  .name = "excite",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
