/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_shared.comp: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m mod period, n],
 * with RELU the larger of that and 0
 *
 * a (M, K) fp32 or fp16, or fp32 that is normalised while it is loaded (norm.glsl), or windows of fp32
 * pictures, read from these (windows.glsl): a convolution; c (M, N) fp32 or fp16; w in panels
 * [N / 64][K][64], zero beyond N and K: fp32, fp16, or int8 with a scale for each n behind. fp32 arithmetic, accumulation and shared memory.
 *
 * A workgroup makes a tile of TILE_M x TILE_N. SPLIT groups of invocations share it: each makes
 * all of it, 4 x 4 an invocation, from its own TILE_K of every SPLIT * TILE_K steps along K:
 *
 *         K = 0      8      16     24     32     40            TILE_K = 8, SPLIT = 4
 *     a    | group 0| group 1| group 2| group 3| group 0| ...  between two barriers: 32 steps
 *
 * A group's tiles of a and w lie k-major in shared memory, so that an invocation reads its 4 rows
 * and its 4 columns as two vec4s for 16 multiply-adds. The tiles of the next DEPTH steps are on
 * their way to registers while one is multiplied: memory takes longer than a step of a small tile.
 * In the end the groups' sums meet in shared memory, as many rows at a time as there are
 * invocations to finish them, one vec4 each.
 *
 * Grid: (ceil (N / TILE_N), ceil (M / TILE_M)). Rows beyond M repeat the last row and are not
 * stored; columns beyond N (a multiple of 16) are zero weights and are not stored.
 * Constants: 0 local size = SPLIT TILE_M TILE_N / 16, 1 TILE_M, 2 TILE_N (at most 64, multiple of
 * 16), 3 TILE_K, 4 SPLIT (K is a multiple of their product), 5 DEPTH, 6 GEMM_SHARED_A_*.
 * Variants: -DCLIP_HALF: fp16 for operands, and for weights unless -DCLIP_I8; gemm_loop and
 * gemm_straight for llvmpipe.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gemm_shared.h"
#include "activation.glsl"
#ifdef CLIP_HALF
#include "half.glsl"
#endif
#define STATS_COLUMNS GEMM_SHARED_STATS_COLUMNS
#include "norm.glsl"
#include "windows.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 256;
layout(constant_id = 1) const uint TILE_M = 64;
layout(constant_id = 2) const uint TILE_N = 64;
layout(constant_id = 3) const uint TILE_K = 16;
layout(constant_id = 4) const uint SPLIT = 1;
layout(constant_id = 5) const uint DEPTH = 1;
layout(constant_id = 6) const uint A = GEMM_SHARED_A_FLOAT;
layout(push_constant, std430) uniform Push {
  GemmSharedPush p;
};

const uint GROUP = THREADS / SPLIT; /* invocations of a group */
const uint STEP = SPLIT * TILE_K;
const uint PANEL = GEMM_SHARED_PANEL / 4;
/* rows of the tiles, in vec4s; one more spreads a transposed store over the banks */
const uint A_LD = TILE_M / 4 + 1, W_LD = TILE_N / 4 + 1;
const uint GROUP_POOL = TILE_K * (A_LD + W_LD);
/* vec4s that a group, and an invocation, fetches in a step */
const uint A_VECTORS = TILE_M * TILE_K / 4, W_VECTORS = TILE_N * TILE_K / 4;
const uint A_FETCHES = (A_VECTORS + GROUP - 1) / GROUP, W_FETCHES = (W_VECTORS + GROUP - 1) / GROUP;
/* rows of the 4 that are finished at once */
const uint ROUND = SPLIT < 4 ? SPLIT : 4;
const uint SUMS_POOL = THREADS * ROUND;

/* One after the other: moments of rows, tiles, sums. In vec4s; THREADS and more. */
shared vec4 pool[GROUP_POOL * SPLIT > SUMS_POOL ? GROUP_POOL * SPLIT : SUMS_POOL];

/*
 * Of DEPTH steps, as they were loaded: a conversion right behind a load would wait for it, and nothing would be on
 * its way any more.
 */
#if defined CLIP_I8
#define W_RAW uint
#elif defined CLIP_HALF
#define W_RAW uvec2
#else
#define W_RAW vec4
#endif
uvec4 a_next[DEPTH * A_FETCHES];
W_RAW w_next[DEPTH * W_FETCHES];
vec4 gamma_next[DEPTH], beta_next[DEPTH];
vec2 a_norm[A_FETCHES];
Corner a_corner[A_FETCHES];
uint a_inside[DEPTH]; /* a bit for each fetch */

vec4
from_half4 (uvec2 x)
{
  return vec4 (unpackHalf2x16 (x.x), unpackHalf2x16 (x.y));
}

vec4
w_value (W_RAW x)
{
#if defined CLIP_I8
  const int i = int (x);
  return vec4 (bitfieldExtract (i, 0, 8), bitfieldExtract (i, 8, 8), bitfieldExtract (i, 16, 8),
               i >> 24);
#elif defined CLIP_HALF
  return from_half4 (x);
#else
  return x;
#endif
}

/* vec4 i of a */
uvec4
load_a (uint i)
{
  if (A == GEMM_SHARED_A_HALF)
    return uvec4 (ConstUvec2s (p.a).v[i], 0, 0);
  return floatBitsToUint (p.a.v[i]);
}

/* fetch f of a, as it is multiplied; d: which of the steps on their way */
vec4
a_value (uint d, uint f)
{
  const uvec4 raw = a_next[d * A_FETCHES + f];

  if (A == GEMM_SHARED_A_HALF)
    return from_half4 (raw.xy);
  if (A == GEMM_SHARED_A_NORM)
    return normalise (uintBitsToFloat (raw), a_norm[f], gamma_next[d], beta_next[d]);
  if (A == GEMM_SHARED_A_WINDOWS)
    return (a_inside[d] >> f & 1u) != 0 ? uintBitsToFloat (raw) : vec4 (0.0);
  return uintBitsToFloat (raw);
}

Windows
windows ()
{
  return windows_from (uvec2 (p.gamma), uvec2 (p.beta), uvec2 (p.a_stats));
}

/* Of the rows that this invocation fetches. */
void
find_corners (uint first_row)
{
  const uint id = gl_LocalInvocationID.x % GROUP;

  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint row = min (first_row + (f * GROUP + id) / (TILE_K / 4), p.m - 1);
    a_corner[f] = window_corner (windows (), row, p.a_ld / 4);
  }
}

/* fetch f of windows: its vec4 of the pictures */
uint
window_at (uint d, uint f, Tap tap)
{
  const bool inside = window_inside (windows (), a_corner[f], tap);

  a_inside[d] |= uint (inside) << f;
  return inside ? a_corner[f].at + tap.at : 0;
}

/*
 * Fetch f of this invocation: of a, row i / (TILE_K / 4) and the 4 k from 4 (i % (TILE_K / 4)); of
 * w, row k and the 4 columns i. All its fetches of a have the same k.
 */
void
fetch (uint d, uint first_row, uint first_col, uint k)
{
  const uint id = gl_LocalInvocationID.x % GROUP, k4 = k / 4 + id % (TILE_K / 4);
  Tap tap;

  if (A == GEMM_SHARED_A_WINDOWS) {
    tap = window_tap (windows (), k4, p.a_ld / 4);
    a_inside[d] = 0;
  }
  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint i = f * GROUP + id, row = first_row + i / (TILE_K / 4);
    if (A_VECTORS % GROUP == 0 || i < A_VECTORS)
      a_next[d * A_FETCHES + f] = load_a (A == GEMM_SHARED_A_WINDOWS
                                              ? window_at (d, f, tap)
                                              : min (row, p.m - 1) * (p.a_ld / 4) + k4);
  }
  if (A == GEMM_SHARED_A_NORM) {
    gamma_next[d] = p.gamma.v[k4];
    beta_next[d] = p.beta.v[k4];
  }
  [[unroll]] for (uint f = 0; f < W_FETCHES; f++) {
    const uint i = f * GROUP + id, row = i / (TILE_N / 4), col4 = first_col / 4 + i % (TILE_N / 4);
    if (W_VECTORS % GROUP == 0 || i < W_VECTORS)
      w_next[d * W_FETCHES + f] = p.w.v[(col4 / PANEL * p.k + k + row) * PANEL + col4 % PANEL];
  }
}

void
store_tiles (uint d, uint a_tile, uint w_tile)
{
  const uint id = gl_LocalInvocationID.x % GROUP;

  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint i = f * GROUP + id, row = i / (TILE_K / 4), k = i % (TILE_K / 4) * 4;
    if (A_VECTORS % GROUP == 0 || i < A_VECTORS) {
      const vec4 a = a_value (d, f);
      [[unroll]] for (uint j = 0; j < 4; j++)
        pool[a_tile + (k + j) * A_LD + row / 4][row % 4] = a[j];
    }
  }
  [[unroll]] for (uint f = 0; f < W_FETCHES; f++) {
    const uint i = f * GROUP + id;
    if (W_VECTORS % GROUP == 0 || i < W_VECTORS)
      pool[w_tile + i / (TILE_N / 4) * W_LD + i % (TILE_N / 4)] = w_value (w_next[d * W_FETCHES + f]);
  }
}

/* Mean and 1 / standard deviation of the rows that this invocation fetches. */
void
load_norms (uint first_row)
{
  const uint id = gl_LocalInvocationID.x, parts = THREADS / TILE_M;
  const uint from = min (first_row + id % TILE_M, p.m - 1);
  const Moments part = stats_merge (p.a_stats, from, p.a_cols, id / TILE_M, parts);

  pool[id] = vec4 (part.count, part.mean, part.m2, 0.0);
  barrier ();
  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint row = min ((f * GROUP + id % GROUP) / (TILE_K / 4), TILE_M - 1);
    Moments all = Moments (0.0, 0.0, 0.0);
    for (uint i = 0; i < parts; i++) {
      const vec4 m = pool[i * TILE_M + row];
      all = moments_merge (all, Moments (m.x, m.y, m.z));
    }
    a_norm[f] = row_norm (all, p.eps);
  }
  barrier (); /* before tiles take the place of moments */
}

/* Columns col .. col + 3 of row, which exist. */
vec4
finish (uint row, uint col, vec4 sum)
{
#ifdef CLIP_I8
  const uint scales = ((p.n + 63) / 64 * p.k * 64 + col * 4) / 16; /* behind the weights */
  sum *= ConstVec4s (p.w).v[scales];
#endif
  if ((p.flags & GEMM_SHARED_HAS_BIAS) != 0)
    sum += p.bias.v[col / 4];
  sum = activate (p.flags & GEMM_SHARED_ACTIVATION_MASK, sum);
  if ((p.flags & GEMM_SHARED_HAS_RESIDUAL) != 0)
    sum += p.residual.v[(row % p.residual_period * p.residual_ld + col) / 4];
  if ((p.flags & GEMM_SHARED_RELU) != 0)
    sum = relu (sum);
  return sum;
}

void
store (uint row, uint col, vec4 value)
{
  const uint plane = col / p.plane_cols;
  const uint to = ((row + plane * p.plane_rows) * p.c_ld + col - plane * p.plane_cols) / 4;

#ifdef CLIP_HALF
  if ((p.flags & GEMM_SHARED_C_HALF) != 0) {
    Half4s (p.c).v[to] = f16vec4 (half_range (value));
    return;
  }
#endif
  p.c.v[to] = value;
}

#define FINISHED(i) pool[first + i]

/* Of the rows that finish_round() left in the pool: a block an invocation. */
void
store_stats (uint first_row, uint first_col, uint turn)
{
  const uint first = gl_LocalInvocationID.x * (STATS_COLUMNS / 4);
  const uint i = first / GROUP, j = first % GROUP;
  const uint row = first_row + j / (TILE_N / 4) * 4 + turn * ROUND + i;
  const uint col = first_col + j % (TILE_N / 4) * 4;
  Moments block;

  if (first >= GROUP * ROUND || row >= p.m || col >= p.c_cols)
    return;
  const uint cols = min (p.c_cols - col, STATS_COLUMNS);
  MOMENTS_OF_BLOCK (block, FINISHED, cols);
  p.c_stats.v[row * stats_blocks (p.c_cols) + col / STATS_COLUMNS] = vec2 (block.mean, block.m2);
}

/* Rows turn * ROUND and on of each 4; invocation j of a group has columns 4 (j % (TILE_N / 4)). */
void
finish_round (uint first_row, uint first_col, uint turn, vec4 sum[4])
{
  const uint id = gl_LocalInvocationID.x, i = id / GROUP, j = id % GROUP;
  const uint row = first_row + j / (TILE_N / 4) * 4 + turn * ROUND + i;
  const uint col = first_col + j % (TILE_N / 4) * 4;
  vec4 value = sum[turn];

  if (turn > 0)
    barrier (); /* the pool has been read */
  if (SPLIT > 1) {
    [[unroll]] for (uint r = 0; r < ROUND; r++)
      pool[id / GROUP * (GROUP * ROUND) + r * GROUP + j] = sum[turn * ROUND + r];
    barrier ();
    value = vec4 (0.0);
    if (id < GROUP * ROUND)
      [[unroll]] for (uint g = 0; g < SPLIT; g++)
        value += pool[g * (GROUP * ROUND) + id];
  }
  if (id < GROUP * ROUND && row < p.m && col < p.n) {
    value = finish (row, col, value);
    store (row, col, value);
  }
  if ((p.flags & GEMM_SHARED_HAS_STATS) != 0) {
    if (id < GROUP * ROUND)
      pool[id] = value; /* nobody else reads this place */
    barrier ();
    store_stats (first_row, first_col, turn);
  }
}

void
main ()
{
  const uint first_row = gl_WorkGroupID.y * TILE_M, first_col = gl_WorkGroupID.x * TILE_N;
  const uint group = gl_LocalInvocationID.x / GROUP, j = gl_LocalInvocationID.x % GROUP;
  const uint a_tile = group * GROUP_POOL, w_tile = a_tile + TILE_K * A_LD;
  const uint row4 = j / (TILE_N / 4), col4 = j % (TILE_N / 4);

  vec4 sum[4];
  [[unroll]] for (uint i = 0; i < 4; i++)
    sum[i] = vec4 (0.0);

  if (A == GEMM_SHARED_A_WINDOWS)
    find_corners (first_row);
  /* the last steps fetch the last tiles once more rather than beyond the end */
  [[unroll]] for (uint d = 0; d < DEPTH; d++)
    fetch (d, first_row, first_col, min (d * STEP, p.k - STEP) + group * TILE_K);
  if (A == GEMM_SHARED_A_NORM)
    load_norms (first_row);
  for (uint k = 0; k < p.k; k += DEPTH * STEP) {
    [[unroll]] for (uint d = 0; d < DEPTH; d++)
      if (d == 0 || k + d * STEP < p.k) {
        const uint next = min (k + (d + DEPTH) * STEP, p.k - STEP);

        store_tiles (d, a_tile, w_tile);
        barrier ();
        fetch (d, first_row, first_col, next + group * TILE_K);
        [[unroll]] for (uint i = 0; i < TILE_K; i++) {
          const vec4 a = pool[a_tile + i * A_LD + row4], w = pool[w_tile + i * W_LD + col4];
          [[unroll]] for (uint r = 0; r < 4; r++)
            sum[r] += a[r] * w;
        }
        barrier ();
      }
  }

  [[unroll]] for (uint turn = 0; turn < 4 / ROUND; turn++)
    finish_round (first_row, first_col, turn, sum);
}
