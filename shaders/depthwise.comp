/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * depthwise.comp: a convolution of each channel by itself:
 *
 *   dst[oy][ox][c] = act (bias[c] + sum_{ky, kx < TAPS} weights[ky * TAPS + kx][c]
 *                                   src[oy * STRIDE + ky - pad][ox * STRIDE + kx - pad][c])
 *
 * with zeros outside of the picture. fp32. A strip of 4 pixels that lie side by side is made at once, since
 * their windows share most columns: 10 loads for 4 x 7 products of a window's row.
 * Constants: 0 TAPS, 1 STRIDE, 2 ACTIVATION.
 * Variants:
 *   LLVMPIPE (llvmpipe.glsl): a subgroup makes 16 channels of a strip; the 8 of a workgroup are strips and
 *   blocks of channels, as many of each as leave none idle. What would be beyond the right edge or the last
 *   channel moves back and makes the same values again. One picture a dispatch.
 *   Grid: (strips, out_height, channels / 16), both by what a workgroup makes, rounded up.
 *   others: an invocation makes 4 channels of a strip. Grid: (strips * channels / 4 / 64, out_height, batch).
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "depthwise.h"
#include "activation.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint TAPS = 3;
layout(constant_id = 1) const uint STRIDE = 1;
layout(constant_id = 2) const uint ACTIVATION = CLIP_ACTIVATION_ID_NONE;
layout(push_constant, std430) uniform Push {
  DepthwisePush p;
};

const uint STRIP = DEPTHWISE_STRIP;
const uint COLUMNS = (STRIP - 1) * STRIDE + TAPS; /* of the source, that a strip looks at */

/* The tap that output o of a strip has at column i; TAPS or more for none. */
#define TAP(i, o) ((i) - (o) * STRIDE)

#ifdef LLVMPIPE
#include "llvmpipe.glsl"

/* 16 channels, lane l has l and l + 8 */
vec2
lanes16 (Address from)
{
  ConstVec4s v = ConstVec4s (from);
  return vec2 (lanes8 (v.v[0], v.v[1]), lanes8 (v.v[2], v.v[3]));
}

void
main ()
{
  const uint id = uniform_id4 (gl_SubgroupID), split = p.pad_split >> 16;
  const uint width = p.size & 0xffffu, height = p.size >> 16, pad = p.pad_split & 0xffffu;
  const uint strip = (uniform_id8 (gl_WorkGroupID.x) << split) + (id & ((1u << split) - 1u));
  const uint block = (uniform_id8 (gl_WorkGroupID.z) << (3u - split)) + (id >> split);
  const uint ox = min (strip * STRIP, (p.out_size & 0xffffu) - STRIP);
  const uint oy = uniform_id (gl_WorkGroupID.y);
  const uint first = min (block * DEPTHWISE_CHANNELS, p.channels - DEPTHWISE_CHANNELS);
  const uint to = subgroupShuffle ((oy * (p.out_size & 0xffffu) + ox) * p.dst_ld + first, 0u)
                  + gl_SubgroupInvocationID;
  const Address weights = place (uvec2 (p.weights), first);
  const vec2 bias = lanes16 (place (uvec2 (p.bias), first));
  uint column[COLUMNS];
  bool inside[COLUMNS];
  vec2 sum[STRIP];

  /* Clamped, as a selected address is no uniform one; left of the picture x wraps around. */
  [[unroll]] for (uint i = 0; i < COLUMNS; i++) {
    const uint x = ox * STRIDE - pad + i;
    inside[i] = x < width;
    column[i] = min (x, width - 1) * p.src_ld + first;
  }
  [[unroll]] for (uint o = 0; o < STRIP; o++)
    sum[o] = bias;

  [[unroll]] for (uint ky = 0; ky < TAPS; ky++) {
    const uint y = oy * STRIDE - pad + ky;
    const bool in_line = y < height;
    const uint line = min (y, height - 1) * width * p.src_ld;
    vec2 w[TAPS];

    [[unroll]] for (uint kx = 0; kx < TAPS; kx++)
      w[kx] = lanes16 (place (weights, (ky * TAPS + kx) * p.weights_ld));
    [[unroll]] for (uint i = 0; i < COLUMNS; i++) {
      const vec2 loaded = lanes16 (place (uvec2 (p.src), line + column[i]));
      const vec2 x = in_line && inside[i] ? loaded : vec2 (0.0);

      [[unroll]] for (uint o = 0; o < STRIP; o++)
        if (TAP (i, o) < TAPS)
          sum[o] = fma (w[TAP (i, o)], x, sum[o]);
    }
  }
  [[unroll]] for (uint o = 0; o < STRIP; o++) {
    const vec2 y = activate (ACTIVATION, sum[o].xyxy).xy;

    p.dst.v[to + o * p.dst_ld] = y.x;
    p.dst.v[to + o * p.dst_ld + 8] = y.y;
  }
}
#else
void
main ()
{
  const uint width = p.size & 0xffffu, height = p.size >> 16, pad = p.pad_split & 0xffffu;
  const uint out_width = p.out_size & 0xffffu, out_height = p.out_size >> 16;
  const uint vectors = p.channels / 4, c4 = gl_GlobalInvocationID.x % vectors;
  const uint ox = gl_GlobalInvocationID.x / vectors * STRIP, oy = gl_WorkGroupID.y;
  const uint src = gl_WorkGroupID.z * height * width * (p.src_ld / 4) + c4;
  const uint dst = (gl_WorkGroupID.z * out_height + oy) * out_width;
  Vec4s to = Vec4s (p.dst);
  vec4 sum[STRIP];

  if (ox >= out_width)
    return;
  [[unroll]] for (uint o = 0; o < STRIP; o++)
    sum[o] = p.bias.v[c4];
  for (uint ky = 0; ky < TAPS; ky++) {
    const uint y = oy * STRIDE - pad + ky; /* wraps around to something large where it is negative */
    const uint line = src + min (y, height - 1) * width * (p.src_ld / 4);
    vec4 w[TAPS];

    [[unroll]] for (uint kx = 0; kx < TAPS; kx++)
      w[kx] = p.weights.v[(ky * TAPS + kx) * (p.weights_ld / 4) + c4];
    [[unroll]] for (uint i = 0; i < COLUMNS; i++) {
      const uint at = ox * STRIDE - pad + i;
      vec4 x = vec4 (0.0);

      if (y < height && at < width)
        x = p.src.v[line + at * (p.src_ld / 4)];
      [[unroll]] for (uint o = 0; o < STRIP; o++)
        if (TAP (i, o) < TAPS)
          sum[o] = fma (w[TAP (i, o)], x, sum[o]);
    }
  }
  [[unroll]] for (uint o = 0; o < STRIP; o++)
    if (ox + o < out_width)
      to.v[(dst + ox + o) * (p.dst_ld / 4) + c4] = activate (ACTIVATION, sum[o]);
}
#endif
