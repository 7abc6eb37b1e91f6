/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_loop_wide.comp: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m,n]
 * for llvmpipe from Mesa 26 on where the processor has AVX-512: 32 vector registers, but LLVM makes
 * eight broadcasts, not one vector load, of lanes8() there, because selects by constants become
 * selects by mask registers.
 *
 * Operands, layouts and accumulation as in gemm_straight.comp. A workgroup is one subgroup that
 * makes ROWS x 16 PANELS of c, in chunks of CHUNK steps of k. The broadcasts of a chunk's weights
 * are shared by many rows, so that they hardly count; the sums live on the stack, and the compiler
 * fetches a row's, adds CHUNK products to each and puts them back. CHUNK is short because the
 * code of an iteration has to stay in the instruction cache.
 * The loop ends as in gemm_loop.comp: a driver that masks instead of leaving reads inside of w.
 * Grid: (row tiles, panels / PANELS, batch).
 * Constants: 1 CHUNK, 3 GELU, 4 BATCHED, 6 ROWS, 7 PANELS.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gemm_llvmpipe.h"

layout(local_size_x = 8) in;
layout(constant_id = 1) const uint CHUNK = 8;
layout(constant_id = 7) const uint PANELS = 2;
layout(push_constant, std430) uniform Push {
  GemmLlvmpipePush p;
};

#define CLIP_LANES_BY_MASK
#include "llvmpipe.glsl"
#include "gemm_llvmpipe.glsl"

/* Rows whose values of a are fetched together. */
const uint GROUP = 5;

/* sum += a[.., 0 .. CHUNK - 1] y of rows g GROUP ..; a0: words from p.a to each row */
#define MULTIPLY_GROUP(sum, a0, y, g, k0)                                                          \
  {                                                                                                \
    uvec2 a[GROUP];                                                                                \
    [[unroll]] for (uint r = 0; r < GROUP; r++)                                                    \
      a[r] = place (p.a, a0[(g) * GROUP + r] + (k0));                                              \
    [[unroll]] for (uint k = 0; k < CHUNK; k++)                                                    \
      [[unroll]] for (uint r = 0; r < GROUP; r++) {                                                \
        const float x = ConstVec4s (a[r]).v[k / 4][k % 4];                                         \
        [[unroll]] for (uint i = 0; i < PANELS; i++)                                               \
          sum[i * ROWS + (g) * GROUP + r] =                                                        \
              fma (vec2 (x), y[i * CHUNK + k], sum[i * ROWS + (g) * GROUP + r]);                   \
      }                                                                                            \
  }

void
main ()
{
  const uint m0 = gl_WorkGroupID.x * ROWS, n0 = gl_WorkGroupID.y * PANELS;
  const uint z = BATCHED ? gl_WorkGroupID.z : 0;
  const uint last = HIGH16 (p.c_step) - 1;

  const uint w0 = n0 * (HIGH16 (p.panel) * WEIGHT_WORDS) + z * (HIGH16 (p.step) * 16);
  uint a0[ROWS];
  vec2 sum[PANELS * ROWS];

  [[unroll]] for (uint r = 0; r < ROWS; r++)
    a0[r] = min (m0 + r, p.last_row & 0xfffu) * (LOW16 (p.ld) * 4) + z * (LOW16 (p.step) * 16);
  [[unroll]] for (uint i = 0; i < PANELS * ROWS; i++)
    sum[i] = vec2 (0.0);

  uint chunk = 0;
  [[dont_unroll]] do {
    const uint k0 = min (chunk, last) * CHUNK;
    vec2 y[PANELS * CHUNK];

    [[unroll]] for (uint i = 0; i < PANELS; i++) {
      const uint panel = i * (HIGH16 (p.panel) * WEIGHT_WORDS);
      const uvec2 w = place (p.w, w0 + panel + k0 * WEIGHT_WORDS);
      [[unroll]] for (uint k = 0; k < CHUNK; k++)
        y[i * CHUNK + k] = weights (w, k);
    }
    [[unroll]] for (uint g = 0; g < ROWS / GROUP; g++)
      MULTIPLY_GROUP (sum, a0, y, g, k0);
  } while (++chunk <= last);

  [[unroll]] for (uint i = 0; i < PANELS; i++)
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
      finish (m0 + r, n0 + i, z, 0, sum[i * ROWS + r].x);
      finish (m0 + r, n0 + i, z, 1, sum[i * ROWS + r].y);
    }
}
