/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>

/* batch, tokens, heads, head_dim */
static const CheckCase cases[] = {
  { { 1, 50, 4, 64 } },
  { { 1, 1, 1, 16 } },
  { { 2, 5, 12, 64 } },
  { { 3, 63, 2, 32 } },
  { { 1, 64, 3, 80 } },
  { { 1, 65, 1, 128 } },
  { { 2, 197, 5, 112 } },
  { { 1, 1025, 1, 16 } },
  { { 1, 50, 4, 64 }, CHECK_FILL_ZERO },
  { { 1, 50, 4, 64 }, CHECK_FILL_OUTLIERS },
};

static void
run (Check *check, const CheckCase *c)
{
  const ClipAttention shape = { c->dims[0], c->dims[1], c->dims[2], c->dims[3], FALSE };
  const guint width = shape.heads * shape.head_dim;
  const CheckMatrix q = check_matrix_in (check, "q", shape.batch, width, CHECK_FILL_RANDOM);
  const CheckMatrix kv =
      check_matrix_in (check, "kv", shape.batch * shape.tokens, 2 * width, c->fill);
  const CheckMatrix z = check_matrix_out (check, "z", shape.batch, width, CLIP_ELEMENT_F32);
  const double tolerance = check_roundings (4 + sqrt (shape.tokens) + sqrt (shape.head_dim));
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  ref_matrix_init (&want, shape.batch, width);
  ref_attend (&shape, q.v, q.m.ld, kv.v, kv.m.ld, &want);
  check_flops (check, 4.0 * shape.batch * shape.tokens * width);

  while ((kernels = check_next_variant (check))) {
    check_poison (z.buffer);
    clip_kernel_attend (kernels, check_record (check), &shape, &q.m, &kv.m, &z.m);
    if (check_execute (check))
      check_compare (check, &z, &want, tolerance);
  }
}

const CheckKernel check_attend = {
  .name = "attend",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
