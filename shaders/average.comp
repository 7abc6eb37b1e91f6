/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * average.comp: the mean of squares of pixels, channel by channel:
 *
 *   dst[oy][ox][c] = sum_{i, j < size} src[oy * size + i][ox * size + j][c] / size^2
 *
 * fp32. Pixels that do not fill a square are left out. One picture a dispatch.
 * Variants:
 *   LLVMPIPE (llvmpipe.glsl): squares of 2 x 2. A subgroup makes 16 channels of a pixel; those of a
 *   workgroup are neighbours, the last one again beyond the right edge: the same values.
 *   Grid: (out_width / 8 rounded up, out_height, channels / 16).
 *   others: an invocation makes 4 channels. Grid: (channels / 4 / 64, rows).
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "average.h"

layout(local_size_x = 64) in;
layout(push_constant, std430) uniform Push {
  AveragePush p;
};

#ifdef LLVMPIPE
#include "llvmpipe.glsl"

void
main ()
{
  const uint ox = min (uniform_id8 (gl_WorkGroupID.x) * AVERAGE_SUBGROUPS + uniform_id4 (gl_SubgroupID),
                       p.out_width - 1);
  const uint oy = uniform_id (gl_WorkGroupID.y);
  const uint first = uniform_id (gl_WorkGroupID.z) * AVERAGE_CHANNELS;
  const uint to = subgroupShuffle ((oy * p.out_width + ox) * p.dst_ld + first, 0u)
                  + gl_SubgroupInvocationID;
  float sum[AVERAGE_CHANNELS / 8];

  [[unroll]] for (uint i = 0; i < AVERAGE_CHANNELS / 8; i++)
    sum[i] = 0.0;
  [[unroll]] for (uint t = 0; t < 4; t++) {
    const uint pixel = (oy * 2 + t / 2) * p.width + ox * 2 + t % 2;
    ConstVec4s from = ConstVec4s (place (uvec2 (p.src), pixel * p.src_ld + first));

    [[unroll]] for (uint i = 0; i < AVERAGE_CHANNELS / 8; i++)
      sum[i] += lanes8 (from.v[2 * i], from.v[2 * i + 1]);
  }
  [[unroll]] for (uint i = 0; i < AVERAGE_CHANNELS / 8; i++)
    p.dst.v[to + 8 * i] = 0.25 * sum[i];
}
#else
void
main ()
{
  const uint i = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
  const uint y = row / p.out_width * p.size, x = row % p.out_width * p.size;
  vec4 sum = vec4 (0.0);

  if (i >= p.channels / 4)
    return;
  for (uint t = 0; t < p.size * p.size; t++) {
    const uint pixel = (y + t / p.size) * p.width + x + t % p.size;
    sum += p.src.v[pixel * (p.src_ld / 4) + i];
  }
  Vec4s dst = Vec4s (p.dst);
  dst.v[row * (p.dst_ld / 4) + i] = sum / float (p.size * p.size);
}
#endif
