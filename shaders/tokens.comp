/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tokens.comp: what the attention pool of a ResNet attends to: the mean and the pixels, with positions
 *
 *   y[b, 0] = sum_r x[b, r] / rows + positions[0]
 *   y[b, 1 + r] = x[b, r] + positions[1 + r]
 *
 * fp32. An invocation makes 4 columns of a row. Grid: (cols / 4 / 64, rows + 1, batch).
 * Variants: none; a few rows a frame.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "tokens.h"

layout(local_size_x = 64) in;
layout(push_constant, std430) uniform Push {
  TokensPush p;
};

void
main ()
{
  const uint i = gl_GlobalInvocationID.x, token = gl_WorkGroupID.y, b = gl_WorkGroupID.z;
  /* token 0 adds up all rows, the others take theirs */
  const uint first = token > 0 ? token - 1 : 0, count = token > 0 ? 1 : p.rows;
  vec4 sum = vec4 (0.0);

  if (i >= p.cols / 4)
    return;
  for (uint r = first; r < first + count; r++)
    sum += p.x.v[(b * p.rows + r) * (p.x_ld / 4) + i];
  p.y.v[(b * (p.rows + 1) + token) * (p.y_ld / 4) + i]
      = sum / float (count) + p.positions.v[token * (p.positions_ld / 4) + i];
}
