/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gather.comp: y[r] = x[min (rows[r], x_rows - 1)], whole rows, padding columns included
 *
 * x (X, ld), y (R, ld) fp32; rows uint[R]. Nothing is computed.
 * Grid: one workgroup a row. Variants: none.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gather.h"

layout(local_size_x = 64) in;
layout(push_constant, std430) uniform Push {
  GatherPush p;
};

void
main ()
{
  const uint from = min (p.rows.v[gl_WorkGroupID.x], p.x_rows - 1) * p.vectors;
  const uint to = gl_WorkGroupID.x * p.vectors;

  for (uint i = gl_LocalInvocationID.x; i < p.vectors; i += gl_WorkGroupSize.x)
    p.y.v[to + i] = p.x.v[from + i];
}
