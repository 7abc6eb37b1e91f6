/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>

enum { ALL_FINITE, SOME_NOT };

/* rows, cols */
static const CheckCase cases[] = {
  { { 1, 512 } },
  { { 32, 768 } },
  { { 3, 1 } },
  { { 3, 63 } },
  { { 3, 64 } },
  { { 3, 65 } },
  { { 4, 512 }, CHECK_FILL_ZERO },
  { { 4, 512 }, CHECK_FILL_CONSTANT },
  { { 4, 512 }, CHECK_FILL_OUTLIERS },
  { { 4, 512 }, CHECK_FILL_HUGE },
  { { 4, 512 }, CHECK_FILL_TINY },
  { { 257, 64 } },
  { { 8, 512 }, .tag = "nonfinite", .options = { SOME_NOT } },
};

/* Rows 1, 3, 5 get a NaN, an infinity or one of both in different places. */
static void
spoil (const CheckMatrix *x)
{
  x->v[1 * x->m.ld] = NAN;
  x->v[3 * x->m.ld + x->m.cols - 1] = INFINITY;
  x->v[5 * x->m.ld + x->m.cols / 2] = -INFINITY;
  x->v[5 * x->m.ld + 3] = NAN;
}

static void
compare_flags (Check *check, const guint32 *got, const guint32 *want, guint rows)
{
  for (guint row = 0; row < rows; row++)
    if (got[row] != want[row]) {
      check_fail (check, "flags[%u] = %u, want %u", row, got[row], want[row]);
      return;
    }
}

/* What a row that is not finite becomes does not matter: it is never published. */
static void
ignore_flagged (const CheckMatrix *y, RefMatrix *want, const guint32 *flags)
{
  for (gsize row = 0; row < want->rows; row++)
    for (gsize c = 0; flags[row] && c < want->cols; c++) {
      want->value[row * want->cols + c] = want->scale[row * want->cols + c] = 0.0;
      y->v[row * y->m.ld + c] = 0.f;
    }
}

static void
run (Check *check, const CheckCase *c)
{
  const guint rows = c->dims[0], cols = c->dims[1];
  const CheckMatrix x = check_matrix_in (check, "x", rows, cols, c->fill);
  const CheckMatrix y = check_matrix_out (check, "y", rows, cols, CLIP_ELEMENT_F32);
  CheckBuffer *flags = check_output (check, "flags", rows * sizeof (guint32));
  g_autofree guint32 *want_flags = g_new (guint32, rows);
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  if (c->options[0] == SOME_NOT)
    spoil (&x);
  ref_matrix_init (&want, rows, cols);
  ref_l2norm (x.v, x.m.ld, &want, want_flags);

  while ((kernels = check_next_variant (check))) {
    check_poison (y.buffer);
    check_poison (flags);
    clip_kernel_l2norm (kernels, check_record (check), &x.m, &y.m, flags->address);
    if (!check_execute (check))
      continue;
    compare_flags (check, flags->data, want_flags, rows);
    ignore_flagged (&y, &want, want_flags);
    check_compare (check, &y, &want, check_roundings (6));
    check_zero_columns (check, &y, cols, clip_ld (cols));
  }
}

const CheckKernel check_l2norm = {
  .name = "l2norm",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
