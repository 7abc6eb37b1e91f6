/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_loop.comp: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m,n]
 * for llvmpipe from Mesa 26 on, which makes vector code of loops too when their bounds and
 * addresses are uniform. Right, but slow, before that: see gemm_straight.comp.
 *
 * Operands, layouts and accumulation as in gemm_straight.comp. A workgroup is one subgroup that
 * makes a tile of 5 rows x 16 columns and walks along K in chunks of CHUNK unrolled steps: a round
 * trip costs some ninety cycles of masks, so that few and long ones are best.
 *
 * The sums start with the biases because lanes8() has to be used before the loop: the driver
 * keeps what a loop defines and later code uses in masked registers. Were the loop the first
 * to ask for the lane's number, the conditions of its selects would be such variables, no constants,
 * and nothing would melt.
 *
 * The loop tests at its end and clamps the chunk that it reads: a driver that masks instead of
 * leaving runs the body once more, and must not read beyond w.
 * Grid: (row tiles, panels, batch). Constants: 1 CHUNK, 3 GELU, 4 BATCHED.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gemm_llvmpipe.h"

layout(local_size_x = 8) in;
layout(constant_id = 1) const uint CHUNK = 64;
layout(push_constant, std430) uniform Push {
  GemmLlvmpipePush p;
};

#include "llvmpipe.glsl"
#include "gemm_llvmpipe.glsl"

void
main ()
{
  const uint m0 = gl_WorkGroupID.x * ROWS, n = gl_WorkGroupID.y;
  const uint z = BATCHED ? gl_WorkGroupID.z : 0;
  const uint last = HIGH16 (p.c_step) - 1;

  const uint w0 = n * (HIGH16 (p.panel) * WEIGHT_WORDS) + z * (HIGH16 (p.step) * 16);
  const vec2 bias = vec2 (bias_of (n, 0), bias_of (n, 1));
  uint a0[ROWS];
  vec2 sum[ROWS];

  [[unroll]] for (uint r = 0; r < ROWS; r++) {
    a0[r] = min (m0 + r, p.last_row & 0xfffu) * (LOW16 (p.ld) * 4) + z * (LOW16 (p.step) * 16);
    sum[r] = bias;
  }

  uint chunk = 0;
  [[dont_unroll]] do {
    const uint k0 = min (chunk, last) * CHUNK;
    const uvec2 w = place (p.w, w0 + k0 * WEIGHT_WORDS);
    uvec2 a[ROWS];

    [[unroll]] for (uint r = 0; r < ROWS; r++)
      a[r] = place (p.a, a0[r] + k0);
    MULTIPLY (sum, a, w, CHUNK);
  } while (++chunk <= last);

  [[unroll]] for (uint r = 0; r < ROWS; r++) {
    finish_biased (m0 + r, n, z, 0, sum[r].x);
    finish_biased (m0 + r, n, z, 1, sum[r].y);
  }
}
