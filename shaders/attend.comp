/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attend.comp: attention with one query a sequence: z[b,h] = sum_t softmax_t (q[b,h] k[b,t,h]) v[b,t,h]
 *
 * q (B, H D), kv (B T, 2 H D), z (B, H D), fp32. Online softmax over 64 tokens at a time: an invocation
 * has the score of one of them, then sums up every 64th feature. 1/sqrt(D) is in q.
 * Grid: (heads, batch). Variants: none; one row a picture.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "attend.h"

layout(local_size_x = 64) in;
layout(push_constant, std430) uniform Push {
  AttendPush p;
};

#include "reduce.glsl"

const float LOWEST = -3.4e38;
const uint TILE = gl_WorkGroupSize.x;

shared float weight[TILE];

float
score (uint head, uint token)
{
  const uint q0 = (gl_WorkGroupID.y * p.q_ld + head * p.head_dim) / 4;
  const uint k0 = ((gl_WorkGroupID.y * p.tokens + token) * p.kv_ld + head * p.head_dim) / 4;
  float sum = 0.0;

  for (uint i = 0; i < p.head_dim / 4; i++)
    sum += dot (p.q.v[q0 + i], p.kv.v[k0 + i]);
  return sum;
}

/* sum_t weight[t] v[first + t][feature] */
float
weighted (uint head, uint first, uint count, uint feature)
{
  ConstFloats v = ConstFloats (p.kv);
  const uint v0 = (gl_WorkGroupID.y * p.tokens + first) * p.kv_ld + (p.heads + head) * p.head_dim
                  + feature;
  float sum = 0.0;

  for (uint t = 0; t < count; t++)
    sum += weight[t] * v.v[v0 + t * p.kv_ld];
  return sum;
}

void
main ()
{
  const uint head = gl_WorkGroupID.x, id = gl_LocalInvocationID.x;
  float largest = LOWEST, total = 0.0, z[2] = float[] (0.0, 0.0);

  for (uint first = 0; first < p.tokens; first += TILE) {
    const uint count = min (p.tokens - first, TILE);
    const float s = id < count ? score (head, first + id) : LOWEST;
    const float before = largest;

    largest = max (largest, workgroup_max (s));
    const float w = id < count ? exp (s - largest) : 0.0;
    const float factor = exp (before - largest);
    total = total * factor + workgroup_sum (w);
    weight[id] = w;
    barrier ();
    [[unroll]] for (uint i = 0; i < 2; i++)
      if (id + i * TILE < p.head_dim)
        z[i] = z[i] * factor + weighted (head, first, count, id + i * TILE);
    barrier (); /* weight has been read */
  }
  [[unroll]] for (uint i = 0; i < 2; i++)
    if (id + i * TILE < p.head_dim)
      p.z.v[gl_WorkGroupID.y * p.z_ld + head * p.head_dim + id + i * TILE] = z[i] / total;
}
