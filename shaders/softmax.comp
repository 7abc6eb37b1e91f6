/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * softmax.comp: y[h,t,k] = exp (x[h,t,k] - max) / sum over the keys k that t attends to, else 0
 * (k < tokens, and k <= t where causal): the middle of llvmpipe's attention. In place.
 *
 * x (heads, rows, 32 BLOCKS) fp32, no padding; columns beyond `tokens` may hold anything and
 * become 0, which the product with v counts on. fp32; the largest score is subtracted first.
 * Grid: (rows <= 256, heads <= 16): one subgroup a row. Lane l of block i, component j holds
 * key 32 i + 4 l + j, see layernorm_llvmpipe.comp. Constant 0: BLOCKS.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"

#include "softmax.h"

layout(local_size_x = 8) in;
layout(constant_id = 0) const uint BLOCKS = 1;
layout(push_constant, std430) uniform Push {
  SoftmaxPush p;
};

#include "llvmpipe.glsl"

const float LOWEST = -3.4e38;

void
main ()
{
  const uint lane = gl_SubgroupInvocationID;
  const uint row = uniform_id4 (gl_WorkGroupID.y) * p.rows + uniform_id8 (gl_WorkGroupID.x);
  const uint first = row * (BLOCKS * 8);
  const uint keys = p.causal != 0u ? min (p.first_row + gl_WorkGroupID.x + 1, p.tokens) : p.tokens;

  vec4 x[BLOCKS];
  bvec4 seen[BLOCKS];
  float largest = LOWEST, sum = 0.0;

  [[unroll]] for (uint i = 0; i < BLOCKS; i++) {
    const uint v = first + i * 8;
    x[i] = lanes8x4 (p.x.v[v], p.x.v[v + 1], p.x.v[v + 2], p.x.v[v + 3], p.x.v[v + 4],
                     p.x.v[v + 5], p.x.v[v + 6], p.x.v[v + 7]);
    seen[i] = lessThan (32 * i + 4 * lane + uvec4 (0, 1, 2, 3), uvec4 (keys));
    x[i] = mix (vec4 (LOWEST), x[i], seen[i]);
    largest = max (largest, max (max (x[i].x, x[i].y), max (x[i].z, x[i].w)));
  }
  largest = max8 (largest);

  [[unroll]] for (uint i = 0; i < BLOCKS; i++) {
    x[i] = mix (vec4 (0.0), exp (max (x[i] - largest, -100.0)), seen[i]);
    sum += (x[i].x + x[i].y) + (x[i].z + x[i].w);
  }
  const float scale = 1.0 / sum8 (sum);

  /* A store is a loop over lanes: half as many with two values each. */
  [[unroll]] for (uint i = 0; i < BLOCKS; i++) {
    const uvec4 y = floatBitsToUint (x[i] * scale);
    const uint to = (first + i * 8 + lane) * 2;

    p.y.v[to] = packUint2x32 (y.xy);
    p.y.v[to + 1] = packUint2x32 (y.zw);
  }
}
