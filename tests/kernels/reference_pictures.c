/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/reference.h"

#include <math.h>

/* Row of pixel (y, x) of picture b, or -1 outside. */
static gssize
pixel_row (const ClipPictures *shape, guint b, gssize y, gssize x)
{
  if (y < 0 || x < 0 || y >= shape->height || x >= shape->width)
    return -1;
  return ((gssize)b * shape->height + y) * shape->width + x;
}

static void
put (RefMatrix *m, gsize row, gsize col, double value, double scale)
{
  m->value[row * m->cols + col] = value;
  m->scale[row * m->cols + col] = scale;
}

void
ref_unfold (const float *x, gsize ld, const ClipPictures *shape, const ClipWindow *window,
            RefMatrix *rows)
{
  const gsize channels = clip_channels (shape->pixels.cols);
  const gsize windows = (gsize)window->height * window->width;

  for (gsize row = 0; row < rows->rows; row++)
    for (gsize col = 0; col < rows->cols; col++) {
      const gsize at = row % windows, tap = col / channels;
      const gssize from = pixel_row (
          shape, row / windows,
          (gssize)((window->first + at / window->width) * window->stride + tap % window->taps_y)
              - window->pad,
          (gssize)(at % window->width * window->stride + tap / window->taps_y) - window->pad);

      put (rows, row, col, from < 0 ? 0.0 : x[from * ld + col % channels], 0.0);
    }
}

void
ref_average (const float *x, gsize ld, const ClipPictures *shape, guint size, RefMatrix *y)
{
  const gsize height = shape->height / size, width = shape->width / size;

  for (gsize row = 0; row < y->rows; row++)
    for (gsize col = 0; col < y->cols; col++) {
      const gsize b = row / (height * width), at = row % (height * width);
      double sum = 0.0, scale = 0.0;

      for (guint t = 0; t < size * size; t++) {
        const gssize from =
            pixel_row (shape, b, at / width * size + t / size, at % width * size + t % size);

        sum += x[from * ld + col];
        scale += fabs (x[from * ld + col]);
      }
      put (y, row, col, sum / (size * size), scale / (size * size));
    }
}

void
ref_depthwise (const float *x, gsize ld, const ClipPictures *shape, const ClipWindow *window,
               const float *weights, const float *bias, ClipActivation activation, RefMatrix *y)
{
  const gsize windows = (gsize)window->height * window->width;
  const guint taps = window->taps_y * window->taps_x;

  for (gsize row = 0; row < y->rows; row++)
    for (gsize col = 0; col < y->cols; col++) {
      const gsize at = row % windows;
      double sum = bias[col], scale = fabs (sum);

      for (guint t = 0; t < taps; t++) {
        const gssize from = pixel_row (
            shape, row / windows,
            (gssize)(at / window->width * window->stride + t / window->taps_x) - window->pad,
            (gssize)(at % window->width * window->stride + t % window->taps_x) - window->pad);
        const double term = from < 0 ? 0.0
                                     : (double)weights[t * clip_ld (y->cols) + col]
                                           * x[from * ld + col % shape->pixels.cols];

        sum += term;
        scale += fabs (term);
      }
      put (y, row, col, ref_activation (activation, sum), scale);
    }
}

void
ref_excite (const float *x, gsize ld, const ClipPictures *shape, const float *gates, gsize gates_ld,
            ClipActivation activation, RefMatrix *y)
{
  const gsize pixels = (gsize)shape->height * shape->width;

  for (gsize row = 0; row < y->rows; row++)
    for (gsize col = 0; col < y->cols; col++) {
      const double gate = gates[row / pixels * gates_ld + col], open = 1.0 / (1.0 + exp (-gate));
      const double value = x[row * ld + col] * open;

      /* a rounding of the exponent is a relative error of the sigmoid; further shut makes no difference */
      put (y, row, col, ref_activation (activation, value),
           fabs (value) * (1.0 + fabs (gate)) + fabs (x[row * ld + col]) * 0x1p-90);
    }
}

void
ref_tokens (const float *x, gsize ld, const ClipPictures *shape, const float *positions,
            gsize positions_ld, RefMatrix *y)
{
  const gsize rows = (gsize)shape->height * shape->width;

  for (gsize row = 0; row < y->rows; row++)
    for (gsize col = 0; col < y->cols; col++) {
      const gsize token = row % (rows + 1), first = row / (rows + 1) * rows;
      const double position = positions[token * positions_ld + col];
      double sum = 0.0, scale = 0.0;

      for (gsize r = token ? token - 1 : 0; r < (token ? token : rows); r++) {
        sum += x[(first + r) * ld + col];
        scale += fabs (x[(first + r) * ld + col]);
      }
      if (!token) {
        sum /= rows;
        scale /= rows;
      }
      put (y, row, col, sum + position, scale + fabs (position));
    }
}

/* Scores of a head's query, and the largest sum of magnitudes of one. */
static double
scores_of (const float *q, const float *k, gsize ld, gsize tokens, gsize head_dim, double *scores)
{
  double worst = 0.0;

  for (gsize t = 0; t < tokens; t++) {
    double sum = 0.0, scale = 0.0;

    for (gsize d = 0; d < head_dim; d++) {
      sum += (double)q[d] * k[t * ld + d];
      scale += fabs ((double)q[d] * k[t * ld + d]);
    }
    scores[t] = sum;
    worst = fmax (worst, scale);
  }
  return worst;
}

/* exp (score - largest), and their sum. */
static double
exponentials (double *scores, gsize tokens)
{
  double largest = scores[0], sum = 0.0;

  for (gsize t = 0; t < tokens; t++)
    largest = fmax (largest, scores[t]);
  for (gsize t = 0; t < tokens; t++) {
    scores[t] = exp (scores[t] - largest);
    sum += scores[t];
  }
  return sum;
}

void
ref_attend (const ClipAttention *shape, const float *q, gsize q_ld, const float *kv, gsize kv_ld,
            RefMatrix *z)
{
  const gsize width = (gsize)shape->heads * shape->head_dim;
  g_autofree double *weights = g_new (double, shape->tokens);

  for (gsize b = 0; b < shape->batch; b++)
    for (gsize h = 0; h < shape->heads; h++) {
      const float *k = kv + b * shape->tokens * kv_ld + h * shape->head_dim, *v = k + width;
      /* an error of a score is a relative one of a weight */
      const double worst = scores_of (q + b * q_ld + h * shape->head_dim, k, kv_ld, shape->tokens,
                                      shape->head_dim, weights);
      const double sum = exponentials (weights, shape->tokens);

      for (gsize d = 0; d < shape->head_dim; d++) {
        double value = 0.0, scale = 0.0;

        for (gsize t = 0; t < shape->tokens; t++) {
          value += weights[t] * v[t * kv_ld + d];
          scale += weights[t] * fabsf (v[t * kv_ld + d]);
        }
        put (z, b, h * shape->head_dim + d, value / sum, scale / sum * (1.0 + 2.0 * worst));
      }
    }
}

/* A product of all tokens -> columns @first .. of @qkv. */
static void
put_product (const RefMatrix *tokens, const float *w, gsize first, RefMatrix *qkv)
{
  g_auto (RefMatrix) y = { 0 };

  ref_matrix_init (&y, tokens->rows, tokens->cols);
  ref_gemm_of (tokens, w, NULL, NULL, 0, 1, CLIP_ACTIVATION_NONE, &y);
  for (gsize i = 0; i < y.rows * y.cols; i++) {
    const gsize to = i / y.cols * qkv->cols + first + i % y.cols;

    qkv->value[to] = y.value[i];
    qkv->scale[to] = y.scale[i];
  }
}

void
ref_pool (const ClipAttention *shape, const RefMatrix *tokens, const float *q, gsize q_ld,
          const float *keys, const float *values, RefMatrix *z)
{
  const gsize dim = tokens->cols;
  g_auto (RefMatrix) qkv = { 0 }, all = { 0 };

  ref_matrix_init (&qkv, tokens->rows, 3 * dim);
  ref_matrix_init (&all, tokens->rows, dim);
  put_product (tokens, keys, dim, &qkv);
  put_product (tokens, values, 2 * dim, &qkv);
  for (gsize i = 0; i < shape->batch * dim; i++) {
    const gsize to = i / dim * shape->tokens * qkv.cols + i % dim;

    qkv.value[to] = q[i / dim * q_ld + i % dim];
    qkv.scale[to] = fabs (qkv.value[to]);
  }
  ref_attention (shape, &qkv, &all);
  for (gsize i = 0; i < shape->batch * dim; i++) {
    const gsize from = i / dim * shape->tokens * dim + i % dim;

    put (z, i / dim, i % dim, all.value[from], all.scale[from]);
  }
}
