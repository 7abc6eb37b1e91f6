/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/kernels/reference.h: every kernel in plain C, accumulated in double.
 *
 * Beside each value a function gives its scale: the sum of the magnitudes of the terms that
 * make it up. An honest fp32 implementation is wrong by a few roundings of the scale (not of
 * the value, which may be a small difference of large terms), so that a tolerance is a small
 * number that holds for every fill. Inputs are the floats that the kernel reads.
 */
#pragma once

#include "gst-clip/kernels/kernels.h"
#include "gst-clip/kernels/pictures.h"

G_BEGIN_DECLS

/** RefMatrix: (rows, cols), dense. ref_matrix_init() allocates zeros, ref_matrix_clear() frees. */
typedef struct {
  gsize rows, cols;
  double *value;
  double *scale;
} RefMatrix;

void ref_matrix_init (RefMatrix *m, gsize rows, gsize cols);
void ref_matrix_clear (RefMatrix *m);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RefMatrix, ref_matrix_clear)

/** ref_f16: the fp16 number that is nearest to @x (ties to even), clamped to +-65504. */
float ref_f16 (float x);

/**
 * ref_i8: rounds @n rows of @k weights as CLIP_WEIGHTS_I8 does: to whole multiples of max |row| / 127.
 */
void ref_i8 (float *w, gsize n, gsize k);

/** ref_from_f16: the value of the fp16 number with these bits. */
double ref_from_f16 (guint16 bits);

/** ref_activation: in double. */
double ref_activation (ClipActivation activation, double x);

/**
 * ref_gemm: ClipGemm's formula.
 * @a: (m, k) with row stride @lda; @w: (n, k) dense; @bias: float[n] or NULL
 * @residual: rows of @residual_ld floats or NULL, repeating after @period
 * @out: initialised as (m, n)
 */
void ref_gemm (const float *a, gsize lda, const float *w, gsize k, const float *bias,
               const float *residual, gsize residual_ld, gsize period, ClipActivation activation,
               RefMatrix *out);

/**
 * ref_gemm_of: ref_gemm() of an @a that was computed: its scale goes into that of @out.
 */
void ref_gemm_of (const RefMatrix *a, const float *w, const float *bias, const float *residual,
                  gsize residual_ld, gsize period, ClipActivation activation, RefMatrix *out);

/** ref_relu: what is below 0 becomes 0; scales stay. */
void ref_relu (RefMatrix *m);

/**
 * ref_widen: lets the scale of @m, which is compared with @tolerance, allow for rounding each value
 * to fp16 besides.
 */
void ref_widen (RefMatrix *m, double tolerance);

/**
 * ref_attention: from the (batch * tokens, 3 * heads * head_dim) matrix of q, k and v.
 * @z: initialised as (batch * tokens, heads * head_dim)
 */
void ref_attention (const ClipAttention *shape, const RefMatrix *qkv, RefMatrix *z);

/** ref_layernorm: @x: rows of @ld floats; @y: initialised, its size is that of x. */
void ref_layernorm (const float *x, gsize ld, const float *gamma, const float *beta, double eps,
                    RefMatrix *y);

/** ref_attend: one query a sequence: @q: rows of @q_ld floats, @kv: of keys, then values; @z: initialised */
void ref_attend (const ClipAttention *shape, const float *q, gsize q_ld, const float *kv,
                 gsize kv_ld, RefMatrix *z);

/** ref_unfold: @x: (batch * height * width) rows of @ld floats; @rows: initialised */
void ref_unfold (const float *x, gsize ld, const ClipPictures *shape, const ClipWindow *window,
                 RefMatrix *rows);

/** ref_average: of squares of @size; @y: initialised */
void ref_average (const float *x, gsize ld, const ClipPictures *shape, guint size, RefMatrix *y);

/**
 * ref_depthwise: @weights: rows of taps, clip_ld (columns of y) floats each; @y: initialised
 */
void ref_depthwise (const float *x, gsize ld, const ClipPictures *shape, const ClipWindow *window,
                    const float *weights, const float *bias, ClipActivation activation,
                    RefMatrix *y);

/** ref_excite: @gates: rows of @gates_ld floats, one a picture; @y: initialised */
void ref_excite (const float *x, gsize ld, const ClipPictures *shape, const float *gates,
                 gsize gates_ld, ClipActivation activation, RefMatrix *y);

/** ref_tokens: @positions: rows of @positions_ld floats; @y: initialised */
void ref_tokens (const float *x, gsize ld, const ClipPictures *shape, const float *positions,
                 gsize positions_ld, RefMatrix *y);

/** ref_pool: attention of all @tokens, whose keys and values are made; the first one's query, @q, counts.
 * @keys, @values: float[dim][dim], dim being the tokens' columns; @z: initialised */
void ref_pool (const ClipAttention *shape, const RefMatrix *tokens, const float *q, gsize q_ld,
               const float *keys, const float *values, RefMatrix *z);

/** ref_difference: @sums: (1, CLIP_DIFFERENCE_SUMS). */
void ref_difference (const float *a, const float *b, gsize n, RefMatrix *sums);

/** ref_l2norm: @flags: guint32[rows], 1 where a row has a value that is not finite. */
void ref_l2norm (const float *x, gsize ld, RefMatrix *y, guint32 *flags);

/** ref_topk: @best: of the @k best of float[@n], by sorting all. */
void ref_topk (const float *values, guint32 n, guint32 k, ClipTopk *best);

G_END_DECLS
