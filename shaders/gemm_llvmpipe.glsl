/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_llvmpipe.glsl: what gemm_straight.comp and gemm_loop.comp share: places in memory, one k
 * step, the epilogue. All of it is free of loops and branches once the compiler has unrolled.
 * Included after the push constants `p` and llvmpipe.glsl.
 */
#include "activation.glsl"

layout(constant_id = 3) const bool GELU = false;
layout(constant_id = 4) const bool BATCHED = false; /* whether z counts */

layout(constant_id = 6) const uint ROWS = GEMM_TILE_ROWS;

#define LOW16(x)  ((x) & 0xffffu)
#define HIGH16(x) ((x) >> 16)

/* words from place to place in packed weights: 16 columns of one k */
#ifdef CLIP_HALF
const uint WEIGHT_WORDS = GEMM_PANEL / 2;
#else
const uint WEIGHT_WORDS = GEMM_PANEL;
#endif

/* row k of a panel's chunk at w: x for columns 0 .. 7, y for columns 8 .. 15, one a lane */
vec2
weights (uvec2 w, uint k)
{
#ifdef CLIP_HALF
  /* word l holds the fp16 weights of columns l (low half) and l + 8 */
  ConstUvec4s u = ConstUvec4s (w);
  return unpackHalf2x16 (lanes8 (u.v[k * 2], u.v[k * 2 + 1]));
#else
  ConstVec4s v = ConstVec4s (w);
  return vec2 (lanes8 (v.v[k * 4], v.v[k * 4 + 1]), lanes8 (v.v[k * 4 + 2], v.v[k * 4 + 3]));
#endif
}

/* lane l gets float l at `from` */
float
lanes (uvec2 from)
{
  ConstVec4s v = ConstVec4s (from);
  return lanes8 (v.v[0], v.v[1]);
}

/*
 * sum[r] += a[r, 0 .. count - 1] w: count k steps, unrolled; a: one place a row.
 * Before Mesa 26 the driver splits fma() into two.
 */
#define MULTIPLY(sum, a, w, count)                                                                 \
  {                                                                                                \
    [[unroll]] for (uint k4 = 0; k4 < (count) / 4; k4++) {                                         \
      vec4 x[ROWS];                                                                                \
      [[unroll]] for (uint r = 0; r < ROWS; r++)                                                   \
        x[r] = ConstVec4s (a[r]).v[k4];                                                            \
      [[unroll]] for (uint j = 0; j < 4; j++) {                                                    \
        const vec2 y = weights (w, k4 * 4 + j);                                                    \
        [[unroll]] for (uint r = 0; r < ROWS; r++)                                                 \
          sum[r] = fma (vec2 (x[r][j]), y, sum[r]);                                                \
      }                                                                                            \
    }                                                                                              \
    [[unroll]] for (uint k = (count) / 4 * 4; k < (count); k++) {                                  \
      const vec2 y = weights (w, k);                                                               \
      [[unroll]] for (uint r = 0; r < ROWS; r++)                                                   \
        sum[r] = fma (vec2 (ConstFloats (a[r]).v[k]), y, sum[r]);                                  \
    }                                                                                              \
  }

/*
 * With GELU compiled in, that one; else quick_gelu, gelu_tanh or none, chosen while running: those
 * two are x sigmoid (u) and share an exp(). A pipeline less costs 4 % of the kernel's time.
 */
float
activate_or_not (uint activation, float x)
{
  if (GELU)
    return gelu (x);

  const float b = clamp (x, -30.0, 30.0); /* as in gelu_tanh() */
  const float u = activation == CLIP_ACTIVATION_ID_QUICK_GELU
                      ? 1.702 * x
                      : 1.59576912 * (b + 0.044715 * b * b * b);
  const float y = x / (1.0 + exp (min (-u, 80.0)));

  return activation == CLIP_ACTIVATION_ID_NONE ? x : y;
}

/* bias of columns 8 side .. 8 side + 7 of panel n, one a lane; 0 without */
float
bias_of (uint n, uint side)
{
  const bool has_bias = (p.last_row >> 24 & GEMM_HAS_BIAS) != 0u;
  const float bias = lanes (place (p.bias, has_bias ? n * GEMM_PANEL + side * 8 : 0u));
  return has_bias ? bias : 0.0;
}

/*
 * Stores columns 8 side .. 8 side + 7 of panel n of row m, one a lane, from their sums and biases.
 * m, n, z, side need not be known as uniform for the store; for the residual they must.
 */
void
finish_biased (uint m, uint n, uint z, uint side, float sum)
{
  const uint flags = p.last_row >> 24;
  const uint column = n * GEMM_PANEL + side * 8;
  const bool has_residual = (flags & GEMM_HAS_RESIDUAL) != 0u;
  const uint stored = min (m, p.last_row >> 12 & 0xfffu);
  const float residual = lanes (place (p.residual, has_residual ? stored * (HIGH16 (p.ld) * 4u) + column : 0u));
  const bool apart = (flags & GEMM_LANES_APART) != 0u;
  const uint column_step = apart ? 16u : 1u, row_step = apart ? 1u : LOW16 (p.c_row) * 16u;
  const uint first = (stored >> 4) * (HIGH16 (p.c_row) * 256u) + (stored & 15u) * row_step
                     + n * (LOW16 (p.panel) * 16u) + side * 8u * column_step
                     + z * (LOW16 (p.c_step) * 16u);
  float y = activate_or_not (flags & GEMM_ACTIVATION_MASK, sum);

  y = has_residual ? y + residual : y;
  /* A store is a loop over lanes; the shuffle keeps the address's arithmetic out of it. */
  p.c.v[subgroupShuffle (first, 0u) + gl_SubgroupInvocationID * column_step] = y;
}

void
finish (uint m, uint n, uint z, uint side, float sum)
{
  finish_biased (m, n, z, side, sum + bias_of (n, side));
}
