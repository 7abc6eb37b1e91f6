/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

/* rows, cols */
static const CheckCase cases[] = {
  { { 50, 768 } },
  { { 1, 1 } },
  { { 3, 7 } },
  { { 2, 63 } },
  { { 2, 64 } },
  { { 2, 65 } },
  { { 5, 512 }, CHECK_FILL_OFFSET },
  { { 5, 512 }, CHECK_FILL_OUTLIERS },
  { { 5, 512 }, CHECK_FILL_ZERO },
  { { 5, 512 }, CHECK_FILL_CONSTANT },
  { { 5, 512 }, CHECK_FILL_HUGE },
  { { 5, 512 }, CHECK_FILL_TINY },
  { { 2, 1024 } },
  { { 2, 1152 }, CHECK_FILL_OUTLIERS },
  { { 255, 64 } },
  { { 256, 64 } },
  { { 257, 64 } },
  { { 4097, 64 } },
  { { 65537, 1 } },
  { { 2, 127 }, .extra = TRUE },
  { { 2, 129 }, .extra = TRUE },
  { { 5, 1664 }, .extra = TRUE },
  { { 5, 640 }, .extra = TRUE },
  { { 257, 1024 }, CHECK_FILL_OFFSET, .extra = TRUE },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint rows = c->dims[0], cols = c->dims[1];
  const float eps = 1e-5f;
  const CheckMatrix x = check_matrix_in (check, "x", rows, cols, c->fill);
  const CheckMatrix outputs[] = {
    [CLIP_ELEMENT_F32] = check_matrix_out (check, "y", rows, cols, CLIP_ELEMENT_F32),
    [CLIP_ELEMENT_F16] = check_matrix_out (check, "y", rows, cols, CLIP_ELEMENT_F16),
  };
  const CheckMatrix gamma = check_vector_in (check, "gamma", cols, CHECK_FILL_RANDOM);
  const CheckMatrix beta = check_vector_in (check, "beta", cols, CHECK_FILL_RANDOM);
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  ref_matrix_init (&want, rows, cols);
  ref_layernorm (x.v, x.m.ld, gamma.v, beta.v, eps, &want);
  check_flops (check, 8.0 * rows * cols);

  while ((kernels = check_next_variant (check))) {
    const CheckMatrix *y = &outputs[clip_kernels_operands (kernels)];

    check_poison (y->buffer);
    clip_kernel_layernorm (kernels, check_record (check), &x.m, gamma.m.address, beta.m.address,
                           eps, &y->m);
    if (!check_execute (check))
      continue;
    check_compare (check, y, &want, check_roundings (8));
    check_zero_columns (check, y, cols, clip_ld (cols));
  }
}

const CheckKernel check_layernorm = {
  .name = "layernorm",
  .variants = CHECK_VARIANTS_ROWS_OPERANDS,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
