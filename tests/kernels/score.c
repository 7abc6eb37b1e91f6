/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>

/* embeddings, prompts, columns */
static const CheckCase cases[] = {
  { { 1, 2, 512 } },   { { 32, 80, 512 } },   { { 1, 1, 1 } },
  { { 2, 63, 63 } },   { { 2, 64, 64 } },     { { 3, 65, 65 } },
  { { 1, 257, 768 } }, { { 1, 10000, 512 } }, { { 1, 65535, 4 } },
};

static void
run (Check *check, const CheckCase *c)
{
  const guint n = c->dims[0], prompts = c->dims[1], cols = c->dims[2];
  const CheckMatrix e = check_matrix_in (check, "e", n, cols, c->fill);
  const CheckMatrix t = check_matrix_in (check, "t", prompts, cols, c->fill);
  const CheckMatrix s = check_matrix_out (check, "s", n, prompts);
  g_auto (RefMatrix) want = { 0 };
  ClipKernels *kernels;

  ref_matrix_init (&want, n, prompts);
  ref_score (e.v, e.m.ld, t.v, t.m.ld, cols, &want);
  check_flops (check, 2.0 * n * prompts * cols);

  while ((kernels = check_next_variant (check))) {
    check_poison (s.buffer);
    clip_kernel_score (kernels, check_record (check), &e.m, &t.m, &s.m);
    if (check_execute (check))
      check_compare (check, &s, &want, check_roundings (3 + sqrt (cols) / 2));
  }
}

const CheckKernel check_score = {
  .name = "score",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
