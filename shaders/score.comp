/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * score.comp: s[b,p] = sum_c e[b,c] t[p,c]
 *
 * e (B, C), t (P, C), s (B, P) fp32; fp32 accumulation in four partial sums.
 * An invocation makes one score and reads its prompt's row in vec4s: the rows of a workgroup's
 * prompts are contiguous, and stay in cache from one vec4 to the next.
 * Grid: (ceil (P / 64), B). Variants: none; C multiplications a prompt are nothing.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "score.h"

layout(local_size_x = 64) in;
layout(push_constant, std430) uniform Push {
  ScorePush p;
};

void
main ()
{
  const uint prompt = gl_GlobalInvocationID.x;
  const uint e0 = gl_WorkGroupID.y * (p.e_ld / 4);
  const uint t0 = min (prompt, p.prompts - 1) * (p.t_ld / 4); /* surplus ones redo the last */
  const uint whole = p.cols / 4;

  vec4 sum = vec4 (0.0);
  for (uint i = 0; i < whole; i++)
    sum += p.e.v[e0 + i] * p.t.v[t0 + i];
  /* padding columns are finite, but not zero */
  const vec4 tail = vec4 (lessThan (uvec4 (0, 1, 2, 3), uvec4 (p.cols % 4)));
  if (p.cols % 4 != 0)
    sum += tail * p.e.v[e0 + whole] * p.t.v[t0 + whole];

  if (prompt < p.prompts)
    p.s.v[gl_WorkGroupID.y * p.s_ld + prompt] = (sum.x + sum.y) + (sum.z + sum.w);
}
