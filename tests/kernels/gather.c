/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

/* rows of y, columns, rows of x */
static const CheckCase cases[] = {
  { { 1, 768, 50 } }, { { 32, 768, 1600 } }, { { 3, 1, 1 } },    { { 5, 63, 4 } },
  { { 5, 65, 4 } },   { { 257, 64, 300 } },  { { 4097, 3, 9 } },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint n = c->dims[0], cols = c->dims[1], x_rows = c->dims[2];
  const CheckMatrix x = check_matrix_in (check, "x", x_rows, cols, CHECK_FILL_RANDOM);
  const CheckMatrix y = check_matrix_out (check, "y", n, cols);
  CheckBuffer *rows = check_input (check, "rows", n * sizeof (guint32));
  CheckRng rng = check_rng (check, "rows");
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  for (guint i = 0; i < n; i++)
    ((guint32 *)rows->data)[i] = check_rng_next (&rng) % x_rows;
  ((guint32 *)rows->data)[n / 2] = G_MAXUINT32; /* clamped */
  ref_matrix_init (&want, n, cols);
  ref_gather (x.v, x.m.ld, x_rows, rows->data, &want);

  while ((kernels = check_next_variant (check))) {
    check_poison (y.buffer);
    clip_kernel_gather (kernels, check_record (check), &x.m, rows->address, &y.m);
    if (check_execute (check))
      check_compare (check, &y, &want, 0.0);
  }
}

const CheckKernel check_gather = {
  .name = "gather",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
