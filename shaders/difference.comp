/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * difference.comp: how much two pictures differ, in parts that the host adds:
 *
 *   sums[g] = sum of |a[i] - b[i]| over all i < n with floor (i / LANES) mod GROUPS = g
 *
 * a, b fp32[n], sums fp32[GROUPS]; fp32, n / (LANES * GROUPS) numbers an invocation, then a tree.
 * Grid: GROUPS workgroups of LANES. Variants: none; one picture a frame, and only where it is asked for.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "difference.h"

layout(local_size_x = DIFFERENCE_LANES) in;
layout(push_constant, std430) uniform Push {
  DifferencePush p;
};

#include "reduce.glsl"

void
main ()
{
  const uint first = gl_WorkGroupID.x * DIFFERENCE_LANES + gl_LocalInvocationID.x;
  float sum = 0.0;

  for (uint i = first; i < p.n; i += DIFFERENCE_LANES * DIFFERENCE_GROUPS)
    sum += abs (p.a.v[i] - p.b.v[i]);
  sum = workgroup_sum (sum);
  if (gl_LocalInvocationID.x == 0)
    p.sums.v[gl_WorkGroupID.x] = sum;
}
