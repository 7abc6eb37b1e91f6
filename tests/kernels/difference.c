/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

/* numbers */
static const CheckCase cases[] = {
  { { 150528 } },
  { { 1 } },
  { { 63 } },
  { { 64 } },
  { { 65 } },
  { { 4095 } },
  { { 4096 } },
  { { 4097 } },
  { { 338688 }, CHECK_FILL_OFFSET },
  { { 8192 }, CHECK_FILL_ZERO },
  { { 8192 }, CHECK_FILL_CONSTANT },
  { { 8192 }, CHECK_FILL_OUTLIERS },
  { { 8192 }, CHECK_FILL_TINY },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint n = c->dims[0];
  const CheckMatrix a = check_matrix_in (check, "a", 1, n, c->fill);
  const CheckMatrix b = check_matrix_in (check, "b", 1, n, CHECK_FILL_RANDOM);
  const CheckMatrix sums =
      check_matrix_out (check, "sums", 1, CLIP_DIFFERENCE_SUMS, CLIP_ELEMENT_F32);
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  ref_matrix_init (&want, 1, CLIP_DIFFERENCE_SUMS);
  ref_difference (a.v, b.v, n, &want);
  while ((kernels = check_next_variant (check))) {
    check_poison (sums.buffer);
    clip_kernel_difference (kernels, check_record (check), a.m.address, b.m.address, n,
                            sums.m.address);
    if (check_execute (check))
      check_compare (check, &sums, &want, check_roundings (8 + n / 4096));
  }
}

const CheckKernel check_difference = {
  .name = "difference",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
