/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check.h"

#include <math.h>
#include <string.h>

/* side of the picture, heads, head_dim, batch */
static const CheckCase cases[] = {
  { { 4, 2, 64, 10 } },
  { { 4, 2, 64, 10 }, CHECK_FILL_OUTLIERS },
  { { 7, 3, 64, 2 }, .extra = TRUE },
  { { 1, 1, 16, 1 }, .extra = TRUE },
  { { 9, 4, 16, 2 }, .extra = TRUE },
  { { 12, 17, 16, 2 }, .extra = TRUE },
  { { 7, 4, 32, 2 }, .extra = TRUE },
};

/* Everything of a case that does not depend on the variant. */
typedef struct {
  ClipAttention shape;
  guint dim;
  ClipPictures x;
  CheckMatrix pixels, positions, q, mean, z;
  float *keys, *values; /* (dim, dim): what nn.Linear has */
} Problem;

static float *
weights (Check *check, const gchar *name, guint dim)
{
  CheckRng rng = check_rng (check, name);
  float *w = g_new (float, (gsize)dim *dim);

  check_fill (&rng, CHECK_FILL_RANDOM, 1.f / sqrtf (dim), w, (gsize)dim * dim, dim);
  return w;
}

static void
problem_init (Problem *p, Check *check, const CheckCase *c)
{
  const guint side = c->dims[0], batch = c->dims[3], tokens = side * side + 1;

  p->shape = (ClipAttention){ batch, tokens, c->dims[1], c->dims[2], FALSE };
  p->dim = c->dims[1] * c->dims[2];
  p->pixels = check_matrix_in (check, "x", batch * side * side, p->dim, c->fill);
  p->positions = check_matrix_in (check, "positions", tokens, p->dim, CHECK_FILL_RANDOM);
  p->positions.m.ld = clip_ld (p->dim);
  p->q = check_matrix_in (check, "q", batch, p->dim, CHECK_FILL_RANDOM);
  p->mean = check_matrix_out (check, "mean", batch, p->dim, CLIP_ELEMENT_F32);
  p->z = check_matrix_out (check, "z", batch, p->dim, CLIP_ELEMENT_F32);
  p->x = (ClipPictures){ p->pixels.m, batch, side, side };
  p->keys = weights (check, "keys", p->dim);
  p->values = weights (check, "values", p->dim);
}

static void
problem_clear (Problem *p)
{
  g_free (p->keys);
  g_free (p->values);
}

/* Keys as clip_kernel_pool() has them. (transfer full) */
static float *
columns_of_heads (const Problem *p, const float *keys)
{
  const guint d = p->shape.head_dim;
  float *columns = g_new (float, (gsize)p->dim * p->dim);

  for (gsize h = 0; h < p->shape.heads; h++)
    for (gsize c = 0; c < p->dim; c++)
      for (gsize i = 0; i < d; i++)
        columns[(h * p->dim + c) * d + i] = keys[(h * d + i) * p->dim + c];
  return columns;
}

static void
record (Check *check, ClipKernels *kernels, const Problem *p)
{
  const guint columns = p->shape.heads * p->dim, d = p->shape.head_dim;
  g_autofree float *rows = columns_of_heads (p, p->keys);
  CheckBuffer *keys = check_input (check, "keys", clip_gemm_packed_bytes (kernels, columns, d));
  CheckBuffer *values =
      check_input (check, "values", clip_gemm_packed_bytes (kernels, p->dim, p->dim));
  CheckBuffer *scratch =
      check_output (check, "scratch", clip_pool_scratch_bytes (kernels, &p->shape));

  memset (keys->data, 0, keys->bytes);
  memset (values->data, 0, values->bytes);
  memset (scratch->data, 0, scratch->bytes);
  clip_gemm_pack (kernels, columns, d, 0, columns, rows, keys->data);
  clip_gemm_pack (kernels, p->dim, p->dim, 0, p->dim, p->values, values->data);
  check_poison (p->mean.buffer);
  check_poison (p->z.buffer);
  clip_kernel_pool_tokens (kernels, check_record (check), &p->shape, &p->x, p->positions.m.address,
                           scratch->address, &p->mean.m);
  clip_kernel_pool (kernels, check_record (check), &p->shape, &p->q.m, keys->address,
                    values->address, scratch->address, &p->z.m);
}

/* The weights as the family has rounded them: each key's column of a head is a row of its own. */
static void
round_weights (const Problem *p, ClipWeightType type, float *keys, float *values)
{
  const gsize n = (gsize)p->dim * p->dim, d = p->shape.head_dim;
  g_autofree float *columns = columns_of_heads (p, p->keys);

  memcpy (values, p->values, n * sizeof (float));
  for (gsize i = 0; type == CLIP_WEIGHTS_F16 && i < n; i++) {
    columns[i] = ref_f16 (columns[i]);
    values[i] = ref_f16 (values[i]);
  }
  if (type == CLIP_WEIGHTS_I8) {
    ref_i8 (columns, n / d, d);
    ref_i8 (values, p->dim, p->dim);
  }
  for (gsize i = 0; i < n; i++)
    keys[(i / d / p->dim * d + i % d) * p->dim + i / d % p->dim] = columns[i];
}

/* The first of each picture's rows. */
static void
first_rows (const Problem *p, const RefMatrix *from, RefMatrix *to)
{
  ref_matrix_init (to, p->shape.batch, p->dim);
  for (gsize i = 0; i < to->rows * to->cols; i++) {
    const gsize at = i / p->dim * p->shape.tokens * p->dim + i % p->dim;

    to->value[i] = from->value[at];
    to->scale[i] = from->scale[at];
  }
}

static void
compare_mean (Check *check, const Problem *p, const RefMatrix *tokens)
{
  g_auto (RefMatrix) mean = { 0 };

  first_rows (p, tokens, &mean);
  check_compare (check, &p->mean, &mean, check_roundings (4 + p->shape.tokens / 8));
}

static void
run (Check *check, const CheckCase *c)
{
  Problem p;
  g_auto (RefMatrix) tokens = { 0 }, z = { 0 };
  g_autofree float *keys = NULL, *values = NULL;
  ClipKernels *kernels;

  problem_init (&p, check, c);
  ref_matrix_init (&tokens, (gsize)p.shape.batch * p.shape.tokens, p.dim);
  ref_tokens (p.pixels.v, p.pixels.m.ld, &p.x, p.positions.v, p.positions.m.ld, &tokens);
  ref_matrix_init (&z, p.shape.batch, p.dim);
  keys = g_new (float, (gsize)p.dim *p.dim);
  values = g_new (float, (gsize)p.dim *p.dim);
  check_flops (check, 4.0 * p.shape.batch * p.dim * (p.dim + p.shape.heads * p.shape.tokens));

  while ((kernels = check_next_variant (check))) {
    if (!clip_pool_scratch_bytes (kernels, &p.shape))
      continue;
    record (check, kernels, &p);
    if (!check_execute (check))
      continue;
    round_weights (&p, clip_kernels_weight_type (kernels), keys, values);
    ref_pool (&p.shape, &tokens, p.q.v, p.q.m.ld, keys, values, &z);
    compare_mean (check, &p, &tokens);
    check_compare (check, &p.z, &z, check_roundings (4 + sqrt (p.dim) / 2));
  }
  problem_clear (&p);
}

const CheckKernel check_pool = {
  .name = "pool",
  .variants = CHECK_VARIANTS_MATRIX,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
