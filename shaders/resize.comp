/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resize.comp: one pass of PIL's resize, from lines of RGB8 pixels to lines of RGB8 pixels.
 *
 *   start = max (0, (o * scale + bias) >> 15)
 *   out[o][lane] = clamp ((2^21 + sum_t taps[o][t] * in[start + t][lane]) >> 22, 0, 255)
 *
 * for each of the three channels; int32, t = 0 .. n_taps - 1. Lines are what the filter runs
 * across: columns of the picture in the horizontal pass (whose input convert.comp transposes), rows
 * in the vertical one. So neighbouring lanes always read neighbouring words.
 * Constant 0, PASS:
 *   PIXELS: dst[lane * dst_stride + o] = the pixel, transposed back into rows
 *   PATCHES: dst[row * dst_stride + column + c * plane] = (channel c - 128) / 128 at the place that
 *   the tables of row o and column lane say, and rgb8[o * n_lanes + lane] = the pixel
 *
 * Grid: (outputs, lanes of a line / lanes of a workgroup).
 * Variants: LLVMPIPE has no loop: constant 1, TAPS = n_taps, is unrolled (llvmpipe.glsl). It reads
 * and, in PIXELS, writes whole vectors beyond n_lanes, where the buffers have room.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "resize.h"

layout(constant_id = 0) const uint PASS = RESIZE_PASS_PIXELS;
layout(push_constant, std430) uniform Push {
  ResizePush p;
};

/* p.dst of the last pass */
layout(buffer_reference, std430, buffer_reference_align = 4) restrict writeonly buffer Patches {
  float v[];
};

#ifdef LLVMPIPE
layout(local_size_x = 8) in;
layout(constant_id = 1) const uint TAPS = 8;
#include "llvmpipe.glsl"
#define LANE    gl_SubgroupInvocationID
#define VECTORS RESIZE_VECTORS

uint
load (uint i)
{
  return lanes8 (uvec4 (p.src.v[i], p.src.v[i + 1], p.src.v[i + 2], p.src.v[i + 3]),
                 uvec4 (p.src.v[i + 4], p.src.v[i + 5], p.src.v[i + 6], p.src.v[i + 7]));
}
#else
layout(local_size_x = 64) in;
#define TAPS    p.n_taps
#define LANES   64
#define VECTORS 1
#define LANE           gl_LocalInvocationID.x
#define uniform_id(id) (id)

uint
load (uint i)
{
  return p.src.v[i + LANE];
}
#endif

void
store_patches (uint o, uint lane, uvec3 level)
{
  const uint down = p.taps.v[p.places + o], across = p.taps.v[p.places + p.n_lanes + lane];
  if (down == RESIZE_NO_PLACE || across == RESIZE_NO_PLACE)
    return;

  const uint place = down + across;
  const uint i = (place >> RESIZE_PLACE_BITS) * p.dst_stride
                 + (place & ((1u << RESIZE_PLACE_BITS) - 1u));
  const vec3 value = (vec3 (level) - 128.0) / 128.0;
  Patches dst = Patches (p.dst);
  dst.v[i] = value.r;
  dst.v[i + p.plane] = value.g;
  dst.v[i + 2 * p.plane] = value.b;
}

void
store (uint o, uint lane, ivec3 sum)
{
  const uvec3 level = uvec3 (clamp (sum >> RESIZE_PRECISION, 0, 255));
  const uint pixel = level.r | level.g << 8 | level.b << 16;

  if (PASS == RESIZE_PASS_PIXELS) {
    p.dst.v[lane * p.dst_stride + o] = pixel;
  } else if (lane < p.n_lanes) {
    p.rgb8.v[o * p.n_lanes + lane] = pixel;
    store_patches (o, lane, level);
  }
}

void
main ()
{
  const uint o = uniform_id (gl_WorkGroupID.x);
  const uint lane0 = uniform_id (gl_WorkGroupID.y) * LANES * VECTORS;
  const int start = max ((int (o * p.scale) + int (p.bias)) >> RESIZE_START_BITS, 0);
  ivec3 sum[VECTORS];

#ifndef LLVMPIPE
  if (lane0 + LANE >= p.n_lanes)
    return;
#endif

  [[unroll]] for (uint i = 0; i < VECTORS; i++)
    sum[i] = ivec3 (1 << (RESIZE_PRECISION - 1));

#ifdef LLVMPIPE
  [[unroll]]
#endif
  for (uint t = 0; t < TAPS; t++) {
    const int weight = int (p.taps.v[o * TAPS + t]);
    const uint line = (uint (start) + t) * p.src_stride + lane0;
    [[unroll]] for (uint i = 0; i < VECTORS; i++) {
      const uint pixel = load (line + 8 * i);
      sum[i] += weight * ivec3 (pixel & 255u, (pixel >> 8) & 255u, pixel >> 16);
    }
  }

  [[unroll]] for (uint i = 0; i < VECTORS; i++)
    store (o, lane0 + 8 * i + LANE, sum[i]);
}
