/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/reference.h"

#include <math.h>
#include <stdlib.h>

void
ref_matrix_init (RefMatrix *m, gsize rows, gsize cols)
{
  m->rows = rows;
  m->cols = cols;
  m->value = g_new0 (double, rows *cols);
  m->scale = g_new0 (double, rows *cols);
}

void
ref_matrix_clear (RefMatrix *m)
{
  g_clear_pointer (&m->value, g_free);
  g_clear_pointer (&m->scale, g_free);
}

float
ref_f16 (float x)
{
  int exponent;
  double ulp;

  if (fabsf (x) >= 65504.f)
    return copysignf (65504.f, x);
  frexp (x, &exponent); /* |x| = 0.5 .. 1 times 2^exponent */
  ulp = ldexp (1.0, MAX (exponent - 11, -24));
  return (float)fmin (fmax (rint (x / ulp) * ulp, -65504.0), 65504.0);
}

void
ref_i8 (float *w, gsize n, gsize k)
{
  for (gsize row = 0; row < n; row++, w += k) {
    double max = 0.0;

    for (gsize i = 0; i < k; i++)
      max = fmax (max, fabsf (w[i]));
    for (gsize i = 0; i < k && max > 0.0; i++)
      w[i] = (float)(rint (w[i] * (127.0 / max)) * (max / 127.0));
  }
}

double
ref_from_f16 (guint16 bits)
{
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1.0 : 1.0;

  if (exponent == 31)
    return fraction ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * ldexp (fraction, -24);
  return sign * ldexp (1024 + fraction, exponent - 25);
}

double
ref_activation (ClipActivation activation, double x)
{
  switch (activation) {
  case CLIP_ACTIVATION_NONE:
    return x;
  case CLIP_ACTIVATION_QUICK_GELU:
    return x / (1.0 + exp (-1.702 * x));
  case CLIP_ACTIVATION_GELU:
    return 0.5 * x * erfc (-x * M_SQRT1_2);
  case CLIP_ACTIVATION_GELU_TANH:
    return 0.5 * x * (1.0 + tanh (sqrt (2.0 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  g_assert_not_reached ();
}

/* Of a row of a and a row of w, and how far off it is where each a is off by its scale. */
static void
dot (const double *a, const double *a_scale, const float *b, gsize n, double *value, double *scale)
{
  double sum = 0.0, magnitude = 0.0;

  for (gsize i = 0; i < n; i++) {
    sum += a[i] * b[i];
    magnitude += a_scale[i] * fabsf (b[i]);
  }
  *value = sum;
  *scale = magnitude;
}

void
ref_gemm_of (const RefMatrix *a, const float *w, const float *bias, const float *residual,
             gsize residual_ld, gsize period, ClipActivation activation, RefMatrix *out)
{
  const gsize k = a->cols;

  for (gsize row = 0; row < out->rows; row++)
    for (gsize col = 0; col < out->cols; col++) {
      double value, scale;

      dot (a->value + row * k, a->scale + row * k, w + col * k, k, &value, &scale);
      if (bias) {
        value += bias[col];
        scale += fabs (bias[col]);
      }
      value = ref_activation (activation, value);
      if (residual) {
        const double r = residual[row % period * residual_ld + col];

        value += r;
        scale += fabs (r);
      }
      out->value[row * out->cols + col] = value;
      out->scale[row * out->cols + col] = scale;
    }
}

void
ref_gemm (const float *a, gsize lda, const float *w, gsize k, const float *bias,
          const float *residual, gsize residual_ld, gsize period, ClipActivation activation,
          RefMatrix *out)
{
  g_auto (RefMatrix) exact = { 0 };

  ref_matrix_init (&exact, out->rows, k);
  for (gsize i = 0; i < exact.rows * k; i++) {
    exact.value[i] = a[i / k * lda + i % k];
    exact.scale[i] = fabs (exact.value[i]);
  }
  ref_gemm_of (&exact, w, bias, residual, residual_ld, period, activation, out);
}

void
ref_relu (RefMatrix *m)
{
  for (gsize i = 0; i < m->rows * m->cols; i++)
    m->value[i] = fmax (m->value[i], 0.0);
}

void
ref_widen (RefMatrix *m, double tolerance)
{
  for (gsize i = 0; i < m->rows * m->cols; i++)
    m->scale[i] += fmax (fabs (m->value[i]), 0x1p-14) * 0x1p-11 / tolerance;
}

/* One query against the keys 0 .. n-1: probabilities @p. Returns how far an error of one
 * rounding of q and k moves a score: a score's error is a probability's relative error. */
static double
softmax_row (const RefMatrix *qkv, gsize q_row, gsize q_col, gsize k_row, gsize k_col,
             gsize head_dim, gsize n, double *p)
{
  const double *q = qkv->value + q_row * qkv->cols + q_col;
  const double *q_scale = qkv->scale + q_row * qkv->cols + q_col;
  double max = -INFINITY, sum = 0.0, worst = 0.0;

  for (gsize key = 0; key < n; key++) {
    const double *k = qkv->value + (k_row + key) * qkv->cols + k_col;
    const double *k_scale = qkv->scale + (k_row + key) * qkv->cols + k_col;
    double score = 0.0, scale = 0.0;

    for (gsize d = 0; d < head_dim; d++) {
      score += q[d] * k[d];
      scale += q_scale[d] * fabs (k[d]) + fabs (q[d]) * k_scale[d];
    }
    p[key] = score;
    max = fmax (max, score);
    worst = fmax (worst, scale);
  }
  for (gsize key = 0; key < n; key++)
    sum += p[key] = exp (p[key] - max);
  for (gsize key = 0; key < n; key++)
    p[key] /= sum;
  return worst;
}

void
ref_attention (const ClipAttention *shape, const RefMatrix *qkv, RefMatrix *z)
{
  const gsize width = (gsize)shape->heads * shape->head_dim;
  g_autofree double *p = g_new (double, shape->tokens);

  for (gsize row = 0; row < z->rows; row++)
    for (gsize head = 0; head < shape->heads; head++) {
      const gsize token = row % shape->tokens, first = row - token, col = head * shape->head_dim;
      const gsize n = shape->causal ? token + 1 : shape->tokens;
      const double score_scale =
          softmax_row (qkv, row, col, first, width + col, shape->head_dim, n, p);

      for (gsize d = 0; d < shape->head_dim; d++) {
        double value = 0.0, scale = 0.0;

        for (gsize key = 0; key < n; key++) {
          const gsize i = (first + key) * qkv->cols + 2 * width + col + d;

          value += p[key] * qkv->value[i];
          scale += p[key] * (qkv->scale[i] + 2.0 * score_scale * fabs (qkv->value[i]));
        }
        z->value[row * width + col + d] = value;
        z->scale[row * width + col + d] = scale;
      }
    }
}

void
ref_layernorm (const float *x, gsize ld, const float *gamma, const float *beta, double eps,
               RefMatrix *y)
{
  for (gsize row = 0; row < y->rows; row++) {
    const float *v = x + row * ld;
    double mean = 0.0, magnitude = 0.0, var = 0.0, rstd;

    for (gsize c = 0; c < y->cols; c++) {
      mean += v[c];
      magnitude += fabs (v[c]);
    }
    mean /= y->cols;
    magnitude /= y->cols; /* what the mean's own error is measured in */
    for (gsize c = 0; c < y->cols; c++)
      var += (v[c] - mean) * (v[c] - mean);
    rstd = 1.0 / sqrt (var / y->cols + eps);

    for (gsize c = 0; c < y->cols; c++) {
      const gsize i = row * y->cols + c;

      y->value[i] = (v[c] - mean) * rstd * gamma[c] + beta[c];
      y->scale[i] = (fabs (v[c]) + magnitude) * rstd * fabs (gamma[c]) + fabs (beta[c]);
    }
  }
}

void
ref_difference (const float *a, const float *b, gsize n, RefMatrix *sums)
{
  for (gsize g = 0; g < sums->cols; g++)
    sums->value[g] = sums->scale[g] = 0.0;
  for (gsize i = 0; i < n; i++) {
    const gsize g = i / 64 % sums->cols; /* the parts are defined by groups of 64 */

    sums->value[g] += fabs ((double)a[i] - b[i]);
    sums->scale[g] += fabs ((double)a[i]) + fabs ((double)b[i]);
  }
}

void
ref_l2norm (const float *x, gsize ld, RefMatrix *y, guint32 *flags)
{
  for (gsize row = 0; row < y->rows; row++) {
    const float *v = x + row * ld;
    double norm = 0.0;

    flags[row] = 0;
    for (gsize c = 0; c < y->cols; c++) {
      norm += (double)v[c] * v[c];
      flags[row] |= !isfinite (v[c]);
    }
    norm = fmax (sqrt (norm), 1e-12);
    for (gsize c = 0; c < y->cols; c++) {
      y->value[row * y->cols + c] = v[c] / norm;
      y->scale[row * y->cols + c] = fabs (v[c] / norm);
    }
  }
}

static const float *sorted_values; /* qsort() has no argument for them; tests have one thread */

static int
compare_topk (const void *a, const void *b)
{
  const guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;
  const float u = sorted_values[x], v = sorted_values[y];

  if (isnan (u) != isnan (v))
    return isnan (u) ? 1 : -1;
  if (!isnan (u) && u != v)
    return u > v ? -1 : 1;
  return x < y ? -1 : x > y;
}

void
ref_topk (const float *values, guint32 n, guint32 k, ClipTopk *best)
{
  g_autofree guint32 *order = g_new (guint32, n);

  for (guint32 i = 0; i < n; i++)
    order[i] = i;
  sorted_values = values;
  qsort (order, n, sizeof *order, compare_topk);
  for (guint32 i = 0; i < k; i++)
    best[i] = (ClipTopk){ order[i], values[order[i]] };
}
