/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_coopmat.comp: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m mod period, n],
 * with RELU the larger of that and 0
 *
 * a (M, K) fp16, or fp32 that is rounded to fp16 while it is loaded, or fp32 that is normalised
 * first (norm.glsl), or windows of fp32 pictures, read from these (windows.glsl) and rounded: a
 * convolution; w fp16 in slices of panels, [N / 64][K / 32][64][32], zero beyond N and K;
 * c (M, N) fp32 or fp16. Cooperative matrices: fp16 products, fp32 accumulation; all else is fp32.
 *
 * A workgroup makes a tile of TILE_M x TILE_N. Its subgroups lie in a grid of WAVES_M x WAVES_N
 * over the tile, SPLIT deep: each takes 32 of the 32 SPLIT k of a step. Both tiles of a step lie
 * in shared memory as they lie outside, k side by side; the next step's are on their way to
 * registers meanwhile. At the end blocks of 16 x 16 go through shared memory, where SPLIT sums
 * become one and it is known which element is where.
 * Grid: (ceil (N / TILE_N), ceil (M / TILE_M)). Rows beyond M repeat the last, panels beyond N
 * repeat the last: not stored. Slices beyond K repeat the last, with zeros for a.
 * Constants 0..5: local size = subgroup size x WAVES_M WAVES_N SPLIT, TILE_M, TILE_N, WAVES_M,
 * WAVES_N, SPLIT; 6..8: shape of a cooperative matrix, each 8 or 16; 9: GEMM_COOPMAT_A_*.
 * Shared memory: (TILE_M + TILE_N) (64 SPLIT + 16) + 1280 WAVES_M WAVES_N SPLIT bytes.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gemm_coopmat.h"
#include "activation.glsl"
#include "half.glsl"
#define STATS_COLUMNS GEMM_COOPMAT_BLOCK
#include "norm.glsl"
#include "windows.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 256;
layout(constant_id = 1) const uint TILE_M = 128;
layout(constant_id = 2) const uint TILE_N = 128;
layout(constant_id = 3) const uint WAVES_M = 2;
layout(constant_id = 4) const uint WAVES_N = 4;
layout(constant_id = 5) const uint SPLIT = 1;
layout(constant_id = 6) const uint MAT_M = 16;
layout(constant_id = 7) const uint MAT_N = 16;
layout(constant_id = 8) const uint MAT_K = 16;
layout(constant_id = 9) const uint A = GEMM_COOPMAT_A_HALF;
layout(push_constant, std430) uniform Push {
  GemmCoopmatPush p;
};
#include "coopmat.glsl"

const uint SLICE = GEMM_COOPMAT_SLICE, PANEL = GEMM_COOPMAT_PANEL;
const uint STEP = SLICE * SPLIT;
/* In uvec4s, which are 8 halves: rows of a slice; of a step; the same with 16 bytes that spread
 * neighbouring rows over the banks. THREADS is a multiple of STEP_V. */
const uint SLICE_V = SLICE / 8, STEP_V = STEP / 8, LD = STEP_V + 1;
const uint A_WORDS = A == GEMM_COOPMAT_A_HALF ? 1 : 2; /* uvec4s that become one */
const uint A_TOTAL = TILE_M * STEP_V, W_TOTAL = TILE_N * STEP_V;
const uint A_FETCHES = (A_TOTAL + THREADS - 1) / THREADS;
const uint W_FETCHES = (W_TOTAL + THREADS - 1) / THREADS;
const bool A_EXACT = A_TOTAL % THREADS == 0, W_EXACT = W_TOTAL % THREADS == 0;

const uint BLOCK = GEMM_COOPMAT_BLOCK;
const uint BLOCK_LD = BLOCK / 4 + 1, BLOCK_V = BLOCK * BLOCK_LD; /* vec4s */
const uint WAVES = WAVES_M * WAVES_N;
const uint SUB_M = TILE_M / WAVES_M, SUB_N = TILE_N / WAVES_N; /* what a subgroup makes */
const uint ROWS = SUB_M / MAT_M, COLS = SUB_N / MAT_N;         /* in matrices */
/* invocations that share the statistics of a row, as many as there is room for */
const uint ROOM = WAVES * SPLIT * BLOCK_V, SHARERS = THREADS < ROOM ? THREADS : ROOM;
const uint PARTS = SHARERS < TILE_M ? 1 : SHARERS / TILE_M;

shared uvec4 a_tile[TILE_M * LD];
shared uvec4 w_tile[TILE_N * LD];
shared vec4 blocks[WAVES * SPLIT * BLOCK_V]; /* before: moments of TILE_M PARTS parts of rows */

uvec4 a_next[A_FETCHES * A_WORDS];
uvec4 w_next[W_FETCHES];
vec4 gamma_next[2], beta_next[2];
vec2 a_norm[A_FETCHES];
Corner a_corner[A_FETCHES];
uint a_inside; /* a bit for each fetch */

/* Tiles ------------------------------------------------------------------- */

Windows
windows ()
{
  return windows_from (uvec2 (p.gamma), uvec2 (p.beta), uvec2 (p.a_stats));
}

/* Of the rows that this invocation fetches. */
void
find_corners (uint first_row)
{
  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint row = first_row + (f * THREADS + gl_LocalInvocationID.x) / STEP_V;
    a_corner[f] = window_corner (windows (), min (row, p.m - 1), p.a_ld / 4);
  }
}

/* Of fetch f of windows, k from 8 v on, which are of one pixel. */
void
fetch_windows (uint v)
{
  const Tap tap = window_tap (windows (), v * 2, p.a_ld / 4);

  a_inside = 0;
  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const bool inside = window_inside (windows (), a_corner[f], tap);
    const uint at = inside ? a_corner[f].at + tap.at : 0;
    a_inside |= uint (inside) << f;
    [[unroll]] for (uint j = 0; j < A_WORDS; j++)
      a_next[f * A_WORDS + j] = p.a.v[at + j];
  }
}

/* Fetch f of this invocation: of a, 8 k of a row, the same k for every f; of w, 8 k of a row of a
 * slice. */
void
fetch (uint first_row, uint first_col, uint k)
{
  const uint id = gl_LocalInvocationID.x, slices = p.k / SLICE;
  const uint v = k / 8 + id % STEP_V, within = min (v, p.k / 8 - 1);
  const bool beyond = SPLIT > 1 && v >= p.k / 8;

  if (A == GEMM_COOPMAT_A_WINDOWS)
    fetch_windows (v);
  [[unroll]] for (uint f = 0; f < A_FETCHES && A != GEMM_COOPMAT_A_WINDOWS; f++) {
    const uint row = min (first_row + (f * THREADS + id) / STEP_V, p.m - 1);
    [[unroll]] for (uint j = 0; j < A_WORDS; j++) {
      const uvec4 a = p.a.v[(row * (p.a_ld / 8) + within) * A_WORDS + j];
      a_next[f * A_WORDS + j] = beyond ? uvec4 (0) : a;
    }
  }
  [[unroll]] for (uint j = 0; j < 2 && A == GEMM_COOPMAT_A_NORM; j++) {
    const vec4 gamma = p.gamma.v[within * 2 + j], beta = p.beta.v[within * 2 + j];
    gamma_next[j] = beyond ? vec4 (0.0) : gamma;
    beta_next[j] = beyond ? vec4 (0.0) : beta;
  }
  [[unroll]] for (uint f = 0; f < W_FETCHES; f++) {
    const uint i = min (f * THREADS + id, W_TOTAL - 1), in_slice = i % (TILE_N * SLICE_V);
    const uint slice = min (k / SLICE + i / (TILE_N * SLICE_V), slices - 1);
    const uint col = first_col + in_slice / SLICE_V;
    const uint panel = min (col / PANEL, (p.n - 1) / PANEL);
    w_next[f] = p.w.v[((panel * slices + slice) * PANEL + col % PANEL) * SLICE_V
                      + in_slice % SLICE_V];
  }
}

uvec2
to_half (vec4 x)
{
  const f16vec4 h = f16vec4 (half_range (x));

  return uvec2 (packFloat2x16 (h.xy), packFloat2x16 (h.zw));
}

/* What fetch f brought, as it is multiplied. */
uvec4
operand (uint f)
{
  vec4 x[2];

  if (A == GEMM_COOPMAT_A_HALF)
    return a_next[f];
  [[unroll]] for (uint j = 0; j < 2; j++) {
    x[j] = uintBitsToFloat (a_next[f * A_WORDS + j * (A_WORDS - 1)]);
    if (A == GEMM_COOPMAT_A_NORM)
      x[j] = normalise (x[j], a_norm[f], gamma_next[j], beta_next[j]);
    if (A == GEMM_COOPMAT_A_WINDOWS && (a_inside >> f & 1u) == 0)
      x[j] = vec4 (0.0);
  }
  return uvec4 (to_half (x[0]), to_half (x[1]));
}

void
store_tiles ()
{
  const uint id = gl_LocalInvocationID.x;

  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint i = f * THREADS + id;
    const uvec4 a = operand (f);

    if (A_EXACT || i < A_TOTAL)
      a_tile[i / STEP_V * LD + i % STEP_V] = a;
  }
  [[unroll]] for (uint f = 0; f < W_FETCHES; f++) {
    const uint i = f * THREADS + id, in_slice = i % (TILE_N * SLICE_V);

    if (W_EXACT || i < W_TOTAL)
      w_tile[in_slice / SLICE_V * LD + i / (TILE_N * SLICE_V) * SLICE_V + in_slice % SLICE_V]
          = w_next[f];
  }
}

/* Mean and 1 / standard deviation of the rows that this invocation fetches. */
void
load_norms (uint first_row)
{
  const uint id = gl_LocalInvocationID.x;

  for (uint i = id; i < TILE_M * PARTS; i += THREADS) {
    const uint row = min (first_row + i % TILE_M, p.m - 1);
    const Moments part = stats_merge (p.a_stats, row, p.a_cols, i / TILE_M, PARTS);
    blocks[i] = vec4 (part.count, part.mean, part.m2, 0.0);
  }
  barrier ();
  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint row = min ((f * THREADS + id) / STEP_V, TILE_M - 1);
    Moments all = Moments (0.0, 0.0, 0.0);
    for (uint i = 0; i < PARTS; i++) {
      const vec4 m = blocks[i * TILE_M + row];
      all = moments_merge (all, Moments (m.x, m.y, m.z));
    }
    a_norm[f] = row_norm (all, p.eps);
  }
}

/* Epilogue ---------------------------------------------------------------- */

/* Columns col .. col + 3 of row, which exist. */
vec4
finish (uint row, uint col, vec4 sum)
{
  if ((p.flags & GEMM_COOPMAT_HAS_BIAS) != 0)
    sum += p.bias.v[col / 4];
  sum = activate (p.flags & GEMM_COOPMAT_ACTIVATION_MASK, sum);
  if ((p.flags & GEMM_COOPMAT_HAS_RESIDUAL) != 0)
    sum += p.residual.v[(row % p.residual_period * p.residual_ld + col) / 4];
  if ((p.flags & GEMM_COOPMAT_RELU) != 0)
    sum = relu (sum);
  return sum;
}

void
store (uint row, uint col, vec4 value)
{
  const uint plane = col / p.plane_cols;
  const uint to = ((row + plane * p.plane_rows) * p.c_ld + col - plane * p.plane_cols) / 4;

  if ((p.flags & GEMM_COOPMAT_C_HALF) != 0)
    Half4s (p.c).v[to] = f16vec4 (half_range (value));
  else
    p.c.v[to] = value;
}

/* Where row r of the block of subgroup `wave` of the tile is, which is at (row, col) of its part. */
uvec2
position (uvec2 part, uint wave, uint r)
{
  return part + uvec2 (wave / WAVES_N * SUB_M + r, wave % WAVES_N * SUB_N);
}

#define FINISHED(i) blocks[wave * BLOCK_V + r * BLOCK_LD + i]

/* The blocks that the subgroups have just left, one each: those of a split are parts of one sum. */
void
store_blocks (uvec2 part)
{
  const uint vectors = BLOCK / 4;

  for (uint i = gl_LocalInvocationID.x; i < WAVES * BLOCK * vectors; i += THREADS) {
    const uint wave = i / (BLOCK * vectors), r = i / vectors % BLOCK, c = i % vectors;
    const uvec2 at = position (part, wave, r) + uvec2 (0, 4 * c);
    vec4 sum = FINISHED (c);

    [[unroll]] for (uint s = 1; s < SPLIT; s++)
      sum += blocks[(s * WAVES + wave) * BLOCK_V + r * BLOCK_LD + c];
    if (at.x < p.m && at.y < p.n) {
      sum = finish (at.x, at.y, sum);
      store (at.x, at.y, sum);
    }
    FINISHED (c) = sum; /* nobody else reads this place before the next barrier */
  }
}

void
store_stats (uvec2 part)
{
  for (uint i = gl_LocalInvocationID.x; i < WAVES * BLOCK; i += THREADS) {
    const uint wave = i / BLOCK, r = i % BLOCK;
    const uvec2 at = position (part, wave, r);

    if (at.x < p.m && at.y < p.c_cols) {
      const uint cols = min (p.c_cols - at.y, STATS_COLUMNS);
      Moments block;

      MOMENTS_OF_BLOCK (block, FINISHED, cols);
      p.c_stats.v[at.x * stats_blocks (p.c_cols) + at.y / STATS_COLUMNS]
          = vec2 (block.mean, block.m2);
    }
  }
}

void
main ()
{
  const uint first_row = gl_WorkGroupID.y * TILE_M, first_col = gl_WorkGroupID.x * TILE_N;
  const uint wave = gl_SubgroupID % WAVES, slice = gl_SubgroupID / WAVES;
  const uint sub_row = wave / WAVES_N * SUB_M, sub_col = wave % WAVES_N * SUB_N;
  const uint last = (p.k - 1) / STEP * STEP;

  MATRIX_SUM sum[ROWS * COLS];
  [[unroll]] for (uint i = 0; i < ROWS * COLS; i++)
    MATRIX_CLEAR (sum[i]);

  if (A == GEMM_COOPMAT_A_WINDOWS)
    find_corners (first_row);
  fetch (first_row, first_col, 0);
  if (A == GEMM_COOPMAT_A_NORM)
    load_norms (first_row);
  for (uint k = 0; k < p.k; k += STEP) {
    store_tiles ();
    barrier ();
    /* the last step fetches its own tiles once more rather than beyond the end */
    fetch (first_row, first_col, min (k + STEP, last));
    /* two turns; unrolled by us, small shapes would take minutes to compile on a CPU */
    for (uint kk = 0; kk < SLICE_V; kk += MAT_K / 8) {
      const uint v = slice * SLICE_V + kk;
      MATRIX_A a[ROWS];
      MATRIX_B w;

      [[unroll]] for (uint r = 0; r < ROWS; r++)
        MATRIX_LOAD_A (a[r], a_tile, (sub_row + r * MAT_M) * LD + v, LD);
      [[unroll]] for (uint c = 0; c < COLS; c++) {
        MATRIX_LOAD_B_TRANSPOSED (w, w_tile, (sub_col + c * MAT_N) * LD + v, LD);
        [[unroll]] for (uint r = 0; r < ROWS; r++)
          MATRIX_MULTIPLY_ADD (sum[r * COLS + c], a[r], w);
      }
    }
    barrier ();
  }

  [[unroll]] for (uint row = 0; row < SUB_M; row += BLOCK)
    [[unroll]] for (uint col = 0; col < SUB_N; col += BLOCK) {
      const uvec2 part = uvec2 (first_row + row, first_col + col);

      [[unroll]] for (uint r = 0; r < BLOCK; r += MAT_M)
        [[unroll]] for (uint c = 0; c < BLOCK; c += MAT_N)
          MATRIX_STORE_SUM (sum[(row + r) / MAT_M * COLS + (col + c) / MAT_N], blocks,
                            gl_SubgroupID * BLOCK_V + r * BLOCK_LD + c / 4, BLOCK_LD);
      barrier ();
      store_blocks (part);
      barrier ();
      if ((p.flags & GEMM_COOPMAT_HAS_STATS) != 0) {
        store_stats (part);
        barrier (); /* before the next blocks come */
      }
    }
}
