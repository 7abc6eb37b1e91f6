/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pool_tokens.comp: tokens of an attention pool as in tokens.comp, x (batch rows, cols),
 *
 *   y[b, 0] = sum_r x[b, r] / rows + positions[0]
 *   y[b, 1 + r] = x[b, r] + positions[1 + r]
 *
 * of which mean[b] = y[b, 0]; all of them are stored twice as packed weights of products (pool_llvmpipe.c):
 *
 *   keys [batch][(rows + 1) / 16, rounded up][cols][16]    16 tokens side by side
 *   values [batch][cols / 16][depth][16]                   16 columns side by side
 *
 * fp32. An invocation makes 4 columns of a row. Grid: (cols / 4 / 64, rows + 1, batch).
 * Variants: none; a few rows a frame.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "pool_tokens.h"

layout(local_size_x = 64) in;
layout(push_constant, std430) uniform Push {
  PoolTokensPush p;
};

void
main ()
{
  const uint i = gl_GlobalInvocationID.x, token = gl_WorkGroupID.y, b = gl_WorkGroupID.z;
  /* token 0 adds up all rows, the others take theirs */
  const uint first = token > 0 ? token - 1 : 0, count = token > 0 ? 1 : p.rows;
  const uint panels = (p.rows + 16) / 16;
  const uint key = ((b * panels + token / 16) * p.cols + 4 * i) * 16 + token % 16;
  vec4 y = vec4 (0.0);

  if (i >= p.cols / 4)
    return;
  for (uint r = first; r < first + count; r++)
    y += p.x.v[(b * p.rows + r) * (p.x_ld / 4) + i];
  y = y / float (count) + p.positions.v[token * (p.positions_ld / 4) + i];

  [[unroll]] for (uint j = 0; j < 4; j++)
    p.keys.v[key + j * 16] = y[j];
  p.values.v[((b * (p.cols / 16) + i / 4) * p.depth + token) * 4 + i % 4] = y;
  if (token == 0)
    p.mean.v[b * (p.mean_ld / 4) + i] = y;
}
