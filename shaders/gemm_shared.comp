/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_shared.comp: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m mod period, n]
 *
 * a (M, K), c (M, N) fp32; w in panels [N / 64][K][64], zero beyond N and K, fp32 or -DCLIP_HALF.
 * fp32 accumulation. K goes up in steps of TILE_K: both tiles of a step lie in shared memory,
 * k-major, so that an invocation reads its 4 rows and its 4 columns as two vec4s for 16 FMAs.
 * The next step's tiles are already on their way to registers while one is multiplied.
 * Grid: (ceil (N / TILE_N), ceil (M / TILE_M)). Rows beyond M repeat the last row and are not
 * stored; columns beyond N (a multiple of 16) are zero weights and are not stored.
 * Constants 0..2: local size = TILE_M TILE_N / 16, TILE_M, TILE_N (multiples of 16, at most 64).
 * Shared memory: TILE_K (TILE_M + TILE_N + 8) floats, 8.5 KiB for 64 x 64.
 * Variants: weights in fp16; gemm_loop and gemm_straight for llvmpipe.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gemm_shared.h"
#include "activation.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 256;
layout(constant_id = 1) const uint TILE_M = 64;
layout(constant_id = 2) const uint TILE_N = 64;
layout(push_constant, std430) uniform Push {
  GemmSharedPush p;
};

const uint TILE_K = 16;
/* rows of the tiles, in vec4s; one more spreads a transposed store over the banks */
const uint A_LD = TILE_M / 4 + 1, W_LD = TILE_N / 4 + 1;
/* vec4s that an invocation fetches in a step */
const uint A_FETCHES = TILE_M * TILE_K / 4 / THREADS, W_FETCHES = TILE_N * TILE_K / 4 / THREADS;
const uint PANEL = 64 / 4;

shared vec4 a_tile[TILE_K * A_LD];
shared vec4 w_tile[TILE_K * W_LD];

vec4 a_next[A_FETCHES];
vec4 w_next[W_FETCHES];

/* Fetch f of this invocation: of a, row f_row and the 4 k from 4 f_k; of w, row f_k of a panel. */
void
fetch (uint first_row, uint first_col, uint k)
{
  const uint id = gl_LocalInvocationID.x;

  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint i = f * THREADS + id, row = i / (TILE_K / 4), k4 = i % (TILE_K / 4);
    a_next[f] = p.a.v[min (first_row + row, p.m - 1) * (p.a_ld / 4) + k / 4 + k4];
  }
  [[unroll]] for (uint f = 0; f < W_FETCHES; f++) {
    const uint i = f * THREADS + id, row = i / (TILE_N / 4), col4 = first_col / 4 + i % (TILE_N / 4);
    w_next[f] = vec4 (p.w.v[(col4 / PANEL * p.k + k + row) * PANEL + col4 % PANEL]);
  }
}

void
store_tiles ()
{
  const uint id = gl_LocalInvocationID.x;

  [[unroll]] for (uint f = 0; f < A_FETCHES; f++) {
    const uint i = f * THREADS + id, row = i / (TILE_K / 4), k = i % (TILE_K / 4) * 4;
    [[unroll]] for (uint j = 0; j < 4; j++)
      a_tile[(k + j) * A_LD + row / 4][row % 4] = a_next[f][j];
  }
  [[unroll]] for (uint f = 0; f < W_FETCHES; f++) {
    const uint i = f * THREADS + id;
    w_tile[i / (TILE_N / 4) * W_LD + i % (TILE_N / 4)] = w_next[f];
  }
}

void
store_row (uint row, uint col, vec4 sum)
{
  if (p.has_bias != 0)
    sum += p.bias.v[col / 4];
  sum = activate (p.activation, sum);
  if (p.has_residual != 0)
    sum += p.residual.v[(row % p.residual_period * p.residual_ld + col) / 4];

  const uint plane = col / p.plane_cols;
  p.c.v[((row + plane * p.plane_rows) * p.c_ld + col - plane * p.plane_cols) / 4] = sum;
}

void
main ()
{
  const uint first_row = gl_WorkGroupID.y * TILE_M, first_col = gl_WorkGroupID.x * TILE_N;
  const uint col4 = gl_LocalInvocationID.x % (TILE_N / 4);
  const uint row4 = gl_LocalInvocationID.x / (TILE_N / 4);

  vec4 sum[4];
  [[unroll]] for (uint i = 0; i < 4; i++)
    sum[i] = vec4 (0.0);

  fetch (first_row, first_col, 0);
  for (uint k = 0; k < p.k; k += TILE_K) {
    store_tiles ();
    barrier ();
    /* the last step fetches its own tiles once more rather than beyond the end */
    fetch (first_row, first_col, min (k + TILE_K, p.k - TILE_K));
    [[unroll]] for (uint i = 0; i < TILE_K; i++) {
      const vec4 a = a_tile[i * A_LD + row4], w = w_tile[i * W_LD + col4];
      [[unroll]] for (uint r = 0; r < 4; r++)
        sum[r] += a[r] * w;
    }
    barrier ();
  }

  const uint col = first_col + col4 * 4;
  [[unroll]] for (uint i = 0; i < 4; i++) {
    const uint row = first_row + row4 * 4 + i;
    if (row < p.m && col < p.n)
      store_row (row, col, sum[i]);
  }
}
