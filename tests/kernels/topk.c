/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>
#include <string.h>

/* What is behind the last value: better than all of them, and must not be seen. */
#define BEHIND 64

enum { AS_FILLED, SOME_NAN, ALL_NAN, FEW_VALUES, SPECIAL, RISING, FALLING };

/* n, k */
static const CheckCase cases[] = {
  { { 1, 1 } },
  { { 2, 1 } },
  { { 5, 5 } },
  { { 63, 10 } },
  { { 64, 64 } },
  { { 65, 64 } },
  { { 255, 5 } },
  { { 256, 64 } },
  { { 257, 64 } },
  { { 257, 257 } },
  { { 10000, 5 } },
  { { 10000, 64 } },
  { { 65537, 64 } },
  { { 100000, 64 } },
  { { CLIP_TOPK_MAX_N, 64 } },
  { { 1000, 64 }, CHECK_FILL_ZERO },
  { { 1000, 64 }, CHECK_FILL_CONSTANT },
  { { 1000, 64 }, CHECK_FILL_HUGE },
  { { 1000, 64 }, CHECK_FILL_TINY },
  { { 1000, 64 }, .tag = "nans", .options = { SOME_NAN } },
  { { 1000, 64 }, .tag = "only-nans", .options = { ALL_NAN } },
  { { 5000, 64 }, .tag = "ties", .options = { FEW_VALUES } },
  { { 1000, 64 }, .tag = "special", .options = { SPECIAL } },
  { { 1000, 1000 }, .tag = "special", .options = { SPECIAL } },
  { { 5000, 64 }, .tag = "rising", .options = { RISING } },
  { { 5000, 64 }, .tag = "falling", .options = { FALLING } },
};

static void
spoil (const CheckCase *c, float *v)
{
  static const float special[] = { 0.f,      -0.f,      1e-45f, -1e-45f,
                                   INFINITY, -INFINITY, NAN,    0x1.fffffep127f };
  const guint n = c->dims[0];

  for (guint i = 0; i < n; i++)
    switch (c->options[0]) {
    case SOME_NAN: /* fewer numbers than are wanted, of either sign */
      v[i] = i % 20 == 3 ? v[i] : (i % 2 ? NAN : -NAN);
      break;
    case ALL_NAN:
      v[i] = i % 3 ? NAN : -NAN;
      break;
    case FEW_VALUES:
      v[i] = roundf (v[i] * 8.f);
      break;
    case SPECIAL:
      v[i] = special[(i * 2654435761u >> 16) % G_N_ELEMENTS (special)];
      break;
    case RISING: /* the best all in the last block */
      v[i] = (float)i - 2500.f;
      break;
    case FALLING:
      v[i] = 2500.f - (float)i;
      break;
    }
}

static void
compare (Check *check, const ClipTopk *got, const ClipTopk *want, guint k)
{
  for (guint i = 0; i < k; i++)
    if (memcmp (&got[i], &want[i], sizeof got[i]) != 0) {
      check_fail (check, "rank %u: [%u] = %g, want [%u] = %g", i, got[i].index, got[i].value,
                  want[i].index, want[i].value);
      return;
    }
}

static void
run (Check *check, const CheckCase *c)
{
  const guint n = c->dims[0], k = c->dims[1];
  CheckRng rng = check_rng (check, "values");
  CheckBuffer *values = check_input (check, "values", (n + BEHIND) * sizeof (float));
  CheckBuffer *scratch = check_output (check, "scratch", clip_topk_scratch_bytes (n));
  CheckBuffer *best = check_output (check, "best", k * sizeof (ClipTopk));
  g_autofree ClipTopk *want = g_new (ClipTopk, k);
  float *v = values->data;
  ClipKernels *kernels;

  check_fill (&rng, c->fill, 1.f, v, n, n);
  spoil (c, v);
  for (guint i = 0; i < BEHIND; i++)
    v[n + i] = INFINITY;
  ref_topk (v, n, k, want);

  while ((kernels = check_next_variant (check))) {
    check_poison (scratch);
    check_poison (best);
    clip_kernel_topk (kernels, check_record (check), values->address, n, k, scratch->address,
                      best->address);
    if (check_execute (check))
      compare (check, best->data, want, k);
  }
}

const CheckKernel check_topk = {
  .name = "topk",
  .variants = CHECK_VARIANTS_ONE,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
