/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_loop.comp: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m,n],
 * with RELU the larger of that and 0;
 * for llvmpipe from Mesa 26 on, which makes vector code of loops too when their bounds and
 * addresses are uniform. Right, but slow, before that: see gemm_straight.comp.
 *
 * Operands, layouts and accumulation as in gemm_straight.comp. A workgroup is one subgroup that
 * makes a tile of ROWS rows x 16 columns and walks along K in chunks of CHUNK unrolled steps: a
 * round trip costs some hundred cycles of masks, so that few and long ones are best.
 *
 * The sums start with the biases (not those of int8 weights, which are scaled first) because lanes8() has to be used before the loop: the driver
 * keeps what a loop defines and later code uses in masked registers. Were the loop the first
 * to ask for the lane's number, the conditions of its selects would be such variables, no constants,
 * and nothing would melt.
 *
 * The loop tests at its end and clamps the chunk that it reads: a driver that masks instead of
 * leaving runs the body once more, and must not read beyond w.
 * Grid: (row tiles, panels, batch).
 * Constants: 1 CHUNK, 3 ACTIVATES, 4 BATCHED, 6 ROWS (10 where there are 32 vector registers, else 5).
 */
#version 460
#define CLIP_ADDRESS64
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gemm_llvmpipe.h"

layout(local_size_x = 8) in;
layout(constant_id = 1) const uint CHUNK = 64;
const uint BLOCK = 16; /* steps between two KEEP_ORDERs; 4 and 32 are slower */
/* where the last 1 .. 16 begin: the fewer lie between a KEEP_ORDER and the masks, the better */
const uint LAST_BLOCK = (CHUNK - 1) / BLOCK * BLOCK, LAST_STEPS = CHUNK - LAST_BLOCK;
layout(push_constant, std430) uniform Push {
  GemmLlvmpipePush p;
};

#include "llvmpipe.glsl"
#include "gemm_llvmpipe.glsl"

#define NEVER 0xffffffffu

/*
 * A branch that is never taken (no flags word looks like that), but ends a basic block, because
 * LLVM schedules what it finds in one: left alone it runs along k with two rows after the other,
 * keeps the weights on the stack, and waits for every sum. All sums are used in the branch, or
 * else LLVM would move their computation behind it.
 */
#define KEEP_ORDER(sum)                                                                            \
  if (p.last_row == NEVER) {                                                                       \
    float all = 0.0;                                                                               \
    [[unroll]] for (uint r = 0; r < ROWS; r++)                                                     \
      all += sum[r].x + sum[r].y;                                                                  \
    p.c.v[0] = all;                                                                                \
  }

/* sum = act (sum) + residual, and max (0, sum) with RELU: a NaN stays one */
#define FINISH(sum, m0, n)                                                                         \
  if (activates ())                                                                                \
    [[unroll]] for (uint r = 0; r < ROWS; r++) {                                                   \
      sum[r].x = activate_one (flags () & GEMM_ACTIVATION_MASK, sum[r].x);                         \
      sum[r].y = activate_one (flags () & GEMM_ACTIVATION_MASK, sum[r].y);                         \
    }                                                                                              \
  if ((flags () & GEMM_HAS_RESIDUAL) != 0u)                                                        \
    [[unroll]] for (uint r = 0; r < ROWS; r++)                                                     \
      sum[r] += vec2 (residual_of (m0 + r, n, 0), residual_of (m0 + r, n, 1));                     \
  [[unroll]] for (uint r = 0; r < ROWS; r++) {                                                     \
    sum[r].x = sum[r].x < least () ? least () : sum[r].x;                                          \
    sum[r].y = sum[r].y < least () ? least () : sum[r].y;                                          \
  }

void
main ()
{
  const uint m0 = gl_WorkGroupID.x * ROWS, n = gl_WorkGroupID.y;
  const uint z = BATCHED ? gl_WorkGroupID.z : 0;
  const uint last = HIGH16 (p.c_step) - 1;

  const uint w0 = n * (HIGH16 (p.panel) * WEIGHT_WORDS) + z * (HIGH16 (p.step) * 16);
  const vec2 bias = vec2 (bias_of (n, 0), bias_of (n, 1));
#ifdef CLIP_I8
  const vec2 scale = vec2 (scale_of (n, z, 0), scale_of (n, z, 1));
#endif
  Address a0[ROWS];
  vec2 sum[ROWS];

  [[unroll]] for (uint r = 0; r < ROWS; r++) {
    a0[r] = place (p.a, min (m0 + r, p.last_row & 0xfffu) * (LOW16 (p.ld) * 4)
                            + z * (LOW16 (p.step) * 16));
#ifdef CLIP_I8
    sum[r] = vec2 (0.0);
#else
    sum[r] = bias;
#endif
  }

  uint chunk = 0;
  [[dont_unroll]] do {
    const uint k0 = min (chunk, last) * CHUNK;
    const Address w = place (p.w, w0 + k0 * WEIGHT_WORDS);
    Address a[ROWS];

    [[unroll]] for (uint r = 0; r < ROWS; r++)
      a[r] = place (a0[r], k0);
    [[unroll]] for (uint k = 0; k < LAST_BLOCK; k += BLOCK) {
      MULTIPLY (sum, a, w, k, BLOCK);
      KEEP_ORDER (sum)
    }
    MULTIPLY (sum, a, w, LAST_BLOCK, LAST_STEPS / 8 * 4);
    KEEP_ORDER (sum)
    MULTIPLY (sum, a, w, LAST_BLOCK + LAST_STEPS / 8 * 4, LAST_STEPS - LAST_STEPS / 8 * 4);
    if (chunk == last) {
#ifdef CLIP_I8
      [[unroll]] for (uint r = 0; r < ROWS; r++)
        sum[r] = sum[r] * scale + bias;
#endif
      FINISH (sum, m0, n)
      [[unroll]] for (uint r = 0; r < ROWS; r++) {
        store (m0 + r, n, z, 0, sum[r].x);
        store (m0 + r, n, z, 1, sum[r].y);
      }
    }
  } while (++chunk <= last);
}
