/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unfold.comp: rows of which a matrix product makes a convolution (im2col):
 *
 *   dst[oy * out_width + ox][(kx * taps_y + ky) * channels + c]
 *     = src[first_y + oy * stride + ky][first_x + ox * stride + kx][c], 0 outside of the picture
 *
 * fp32, copied. One picture a dispatch.
 * Variants:
 *   LLVMPIPE (llvmpipe.glsl): a subgroup copies 16 channels of all TAPS of a window; those of a
 *   workgroup are neighbours, the last one again beyond the right edge: the same values.
 *   Constants: 0 TAPS, 1 TAPS_Y. Grid: (out_width / 8, rounded up; out_height; channels / 16).
 *   others: an invocation copies 4 channels of one tap. Grid: (taps * channels / 4 / 64, rows).
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "unfold.h"

layout(push_constant, std430) uniform Push {
  UnfoldPush p;
};

#ifdef LLVMPIPE
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint TAPS = 9;
layout(constant_id = 1) const uint TAPS_Y = 3;
#include "llvmpipe.glsl"

void
main ()
{
  const uint ox = min (uniform_id8 (gl_WorkGroupID.x) * UNFOLD_SUBGROUPS + uniform_id4 (gl_SubgroupID),
                       p.out_width - 1);
  const uint oy = uniform_id (gl_WorkGroupID.y);
  const uint first = uniform_id8 (gl_WorkGroupID.z) * 16;
  const uint to = subgroupShuffle (((oy * p.out_width + ox) * p.dst_ld + first) / 2, 0u)
                  + gl_SubgroupInvocationID;

  [[unroll]] for (uint t = 0; t < TAPS; t++) {
    /* wraps around to something large where it is negative */
    const uint y = p.first_y + oy * p.stride + t % TAPS_Y;
    const uint x = p.first_x + ox * p.stride + t / TAPS_Y;
    const bool inside = y < p.height && x < p.width;
    /* clamped: a selected address is no uniform one, and ten times as slow */
    const uint pixel = min (y, p.height - 1) * p.width + min (x, p.width - 1);
    ConstVec4s from = ConstVec4s (place (uvec2 (p.src), pixel * p.src_ld + first));

    const vec2 value = vec2 (lanes8 (from.v[0], from.v[1]), lanes8 (from.v[2], from.v[3]));
    Uint64s (p.dst).v[to + t * p.channels / 2] = pairs8 (inside ? value : vec2 (0.0));
  }
}
#else
layout(local_size_x = 64) in;

void
main ()
{
  const uint vectors = p.channels / 4, i = gl_GlobalInvocationID.x;
  const uint row = p.first_row + gl_WorkGroupID.y;
  const uint tap = i / vectors, c4 = i % vectors;
  const uint y = p.first_y + row / p.out_width * p.stride + tap % p.taps_y;
  const uint x = p.first_x + row % p.out_width * p.stride + tap / p.taps_y;

  if (tap >= p.taps)
    return;
  Vec4s dst = Vec4s (p.dst);
  vec4 value = vec4 (0.0);
  if (y < p.height && x < p.width)
    value = p.src.v[(y * p.width + x) * (p.src_ld / 4) + c4];
  dst.v[row * (p.dst_ld / 4) + i] = value;
}
#endif
