/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_llvmpipe.glsl: what gemm_straight.comp and gemm_loop.comp share: places in memory, one k
 * step, the epilogue. All of it is free of loops and branches once the compiler has unrolled.
 * Included after the push constants `p` and llvmpipe.glsl.
 */
#include "activation.glsl"

layout(constant_id = 3) const uint ACTIVATES = GEMM_ACTIVATES_NEVER;
layout(constant_id = 4) const bool BATCHED = false; /* whether z counts */

layout(constant_id = 6) const uint ROWS = GEMM_TILE_ROWS;

layout(constant_id = 9) const uint LINES = 1; /* pieces of a row of a, of a line of the picture each */

#define LOW16(x)  ((x) & 0xffffu)
#define HIGH16(x) ((x) >> 16)

/* words from place to place in packed weights: 16 columns of one k */
#if defined CLIP_I8
const uint WEIGHT_WORDS = GEMM_PANEL / 4;
#elif defined CLIP_HALF
const uint WEIGHT_WORDS = GEMM_PANEL / 2;
#else
const uint WEIGHT_WORDS = GEMM_PANEL;
#endif

/* row k of a panel's chunk at w: x for columns 0 .. 7, y for columns 8 .. 15, one a lane */
vec2
weights (Address w, uint k)
{
#if defined CLIP_I8
  /* word l of two k: of the first columns l and l + 8, then of the other */
  ConstUvec4s u = ConstUvec4s (w);
  const int both = int (lanes8 (u.v[k / 2 * 2], u.v[k / 2 * 2 + 1]));
  return vec2 (both << (k % 2 == 0 ? 24 : 8) >> 24, both << (k % 2 == 0 ? 16 : 0) >> 24);
#elif defined CLIP_HALF
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
lanes (Address from)
{
  ConstVec4s v = ConstVec4s (from);
  return lanes8 (v.v[0], v.v[1]);
}

/*
 * sum[r] += a[r, first .. first + count - 1] w: count k steps, unrolled (count is a constant, first a
 * multiple of 4); a: one place a row. Before Mesa 26 the driver splits fma() into two.
 */
#define MULTIPLY(sum, a, w, first, count)                                                          \
  {                                                                                                \
    [[unroll]] for (uint k4 = 0; k4 < (count) / 4; k4++) {                                         \
      vec4 x[ROWS];                                                                                \
      [[unroll]] for (uint r = 0; r < ROWS; r++)                                                   \
        x[r] = ConstVec4s (a[r]).v[(first) / 4 + k4];                                              \
      [[unroll]] for (uint j = 0; j < 4; j++) {                                                    \
        const vec2 y = weights (w, (first) + k4 * 4 + j);                                          \
        [[unroll]] for (uint r = 0; r < ROWS; r++)                                                 \
          sum[r] = fma (vec2 (x[r][j]), y, sum[r]);                                                \
      }                                                                                            \
    }                                                                                              \
    [[unroll]] for (uint k = (count) / 4 * 4; k < (count); k++) {                                  \
      const vec2 y = weights (w, (first) + k);                                                     \
      [[unroll]] for (uint r = 0; r < ROWS; r++)                                                   \
        sum[r] = fma (vec2 (ConstFloats (a[r]).v[(first) + k]), y, sum[r]);                        \
    }                                                                                              \
  }

/*
 * With gelu compiled in, that one; else quick_gelu or gelu_tanh, chosen while running: both are
 * x sigmoid (u) and share an exp().
 */
float
activate_one (uint activation, float x)
{
  if (ACTIVATES == GEMM_ACTIVATES_GELU)
    return gelu (x);

  const float b = clamp (x, -30.0, 30.0); /* as in gelu_tanh() */
  const float u = activation == CLIP_ACTIVATION_ID_QUICK_GELU
                      ? 1.702 * x
                      : 1.59576912 * (b + 0.044715 * b * b * b);

  return x / (1.0 + exp (min (-u, 80.0)));
}

uint
flags ()
{
  return p.last_row >> 24;
}

#ifdef PICTURES
/* The line of a picture in which pixel @row is; 0 of what is none. */
uint
line_of (uint row)
{
  return row * LOW16 (p.step) >> GEMM_LINE_SHIFT;
}
#endif

/* of c; rows beyond the last are stored on the last */
uint
stored_row (uint m)
{
  const uint row = min (m, p.last_row >> 12 & 0xfffu);

#ifdef PICTURES
  if (PICTURES)
    return row + line_of (row) * LOW16 (p.c_step);
#endif
  return row;
}

bool
activates ()
{
  return ACTIVATES == GEMM_ACTIVATES_GELU
         || (ACTIVATES != GEMM_ACTIVATES_NEVER
             && (flags () & GEMM_ACTIVATION_MASK) != CLIP_ACTIVATION_ID_NONE);
}

/* bias of columns 8 side .. 8 side + 7 of panel n, one a lane; 0 without */
float
bias_of (uint n, uint side)
{
  const bool has_bias = (flags () & GEMM_HAS_BIAS) != 0u;
  const float bias = lanes (place (p.bias, has_bias ? n * GEMM_PANEL + side * 8 : 0u));
  return has_bias ? bias : 0.0;
}

#ifdef CLIP_I8
/* the same of the scales of sums, which lie behind the panel's weights */
float
scale_of (uint n, uint z, uint side)
{
  const uint panel = HIGH16 (p.panel), first = BATCHED ? 0 : HIGH16 (p.step);
  const uint at = (n * panel + panel - first - GEMM_SCALE_STEPS) * WEIGHT_WORDS + side * 8u;
  return lanes (place (p.w, at + (BATCHED ? z * (HIGH16 (p.step) * 16) : 0)));
}
#endif

/* The same of the residual's row m, which must be known as uniform. It is read in any case: where there
 * is none, the host gives c in its place, and the line is in the cache when it is stored to. */
float
residual_of (uint m, uint n, uint side)
{
  const bool has_residual = (flags () & GEMM_HAS_RESIDUAL) != 0u;
  const uint at = stored_row (m) * (HIGH16 (p.ld) * 4u) + n * GEMM_PANEL + side * 8u;
  const float residual = lanes (place (p.residual, at));
  return has_residual ? residual : 0.0;
}

/* Where row m of panel n of c begins; @row_step: from row to row within 16. */
uint
stored_at (uint m, uint n, uint z, uint row_step)
{
  const uint row = stored_row (m);

  return (row >> 4) * (HIGH16 (p.c_row) * 256u) + (row & 15u) * row_step
         + n * (LINES > 1 ? GEMM_PANEL : LOW16 (p.panel) * 16u) + z * (LOW16 (p.c_step) * 16u);
}

/* what a value is not to be below */
float
least ()
{
  return (flags () & GEMM_RELU) != 0u ? 0.0 : uintBitsToFloat (0xff800000u);
}

/* Stores columns 8 side .. 8 side + 7 of panel n of row m, one a lane. */
void
store (uint m, uint n, uint z, uint side, float y)
{
  const bool apart = (flags () & GEMM_LANES_APART) != 0u;
  const uint column_step = apart ? 16u : 1u, row_step = apart ? 1u : LOW16 (p.c_row) * 16u;
  const uint first = stored_at (m, n, z, row_step) + side * 8u * column_step;

  /* A store is a loop over lanes; the shuffle keeps the address's arithmetic out of it. */
  p.c.v[subgroupShuffle (first, 0u) + gl_SubgroupInvocationID * column_step] = y;
}
