/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resize.comp: one pass of PIL's resize, from lines of RGB8 pixels to lines of RGB8 pixels.
 *
 *   start = clamp ((o * scale + bias) >> 15, 0, last)
 *   out[o][lane] = clamp ((2^21 + sum_t taps[o][t] * in[start + t][lane]) >> 22, 0, 255)
 *
 * for each of the three channels; int32, t = 0 .. n_taps - 1. Lines are what the filter runs
 * across: columns of the picture in the horizontal pass, rows in the vertical one.
 * Constant 0, PASS:
 *   PIXELS: dst[lane * dst_stride + o] = the pixel: rows again
 *   PATCHES: dst[row * dst_stride + column + c * plane] = (channel c - 128) / 128 at the place that
 *   the tables of row o and column lane say
 *   PATCHES_RGB: the same, and rgb8[o * n + lane] = the pixel
 *
 * Variants:
 *   LLVMPIPE: invocations side by side are lanes: they share a window and its weights. Lines lie
 *   in blocks: 8 lanes of line 0, of line 1, ..., the next 8 lanes; so a window is one piece of
 *   memory. Each invocation makes 2 outputs, whose pixels are stored as one 64-bit word.
 *   Constant 1, TAPS, is unrolled (llvmpipe.glsl); constant 2, LOOP, whether that is done
 *   n_taps / TAPS times, which is slower, before Mesa 26 much. Whole workgroups beyond the last
 *   lane, and one output more, are read and in PIXELS written, where the buffers have room.
 *   Grid: (outputs / 2, lanes / 32), four subgroups.
 *   others: invocations side by side are the outputs of a row in PIXELS, whose windows overlap and
 *   whose weights lie tap after tap, taps[t][o]; else lanes. Grid: (invocations / size of a workgroup, rows).
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "resize.h"

layout(constant_id = 0) const uint PASS = RESIZE_PASS_PIXELS;
layout(push_constant, std430) uniform Push {
  ResizePush p;
};

/* p.dst unless PIXELS */
layout(buffer_reference, std430, buffer_reference_align = 4) restrict writeonly buffer Patches {
  float v[];
};

/* n of the push constants */
uint
count ()
{
  return p.n_plane & 0xffffu;
}

/* Where the weights of output 0 begin */
uint
weights ()
{
  return PASS == RESIZE_PASS_PIXELS ? 0 : 2 * count ();
}

uint
start_of (uint o)
{
  const int start = (int (o * p.scale) + int (p.bias)) >> RESIZE_START_BITS;
  return min (uint (max (start, 0)), p.last);
}

ivec3
channels (uint pixel)
{
  return ivec3 (pixel & 255u, (pixel >> 8) & 255u, pixel >> 16);
}

uvec3
levels (ivec3 sum)
{
  return uvec3 (clamp (sum >> RESIZE_PRECISION, 0, 255));
}

uint
pixel_of (uvec3 level)
{
  return level.r | level.g << 8 | level.b << 16;
}

/* @down, @across: places of row o and of column lane */
void
store_patches (uint o, uint lane, uint down, uint across, uvec3 level)
{
  if (lane >= count ())
    return;
  if (PASS == RESIZE_PASS_PATCHES_RGB)
    p.rgb8.v[o * count () + lane] = pixel_of (level);
  if (down == RESIZE_NO_PLACE || across == RESIZE_NO_PLACE)
    return;

  const uint place = down + across;
  const uint i = (place >> RESIZE_PLACE_BITS) * p.dst_stride
                 + (place & ((1u << RESIZE_PLACE_BITS) - 1u));
  const vec3 value = (vec3 (level) - 128.0) / 128.0;
  Patches dst = Patches (p.dst);
  dst.v[i] = value.r;
  dst.v[i + (p.n_plane >> 16)] = value.g;
  dst.v[i + 2 * (p.n_plane >> 16)] = value.b;
}

#ifdef LLVMPIPE
layout(local_size_x = 32) in;
layout(constant_id = 1) const uint TAPS = 8;
layout(constant_id = 2) const bool LOOP = false;
#include "llvmpipe.glsl"

/* from[i + lane]; @i is a constant */
uint
load (ConstUints from, uint i)
{
  return lanes8 (uvec4 (from.v[i], from.v[i + 1], from.v[i + 2], from.v[i + 3]),
                 uvec4 (from.v[i + 4], from.v[i + 5], from.v[i + 6], from.v[i + 7]));
}

/* Adds TAPS products; @o: output, @t: the first tap */
void
add_taps (uint o, uint t, uvec2 block, inout ivec3 sum)
{
  ConstUints taps = ConstUints (place (uvec2 (p.taps), weights () + o * p.n_taps + t));
  ConstUints from = ConstUints (place (block, (start_of (o) + t) * RESIZE_BLOCK));

  [[unroll]] for (uint i = 0; i < TAPS; i++)
    sum += int (taps.v[i]) * channels (load (from, i * RESIZE_BLOCK));
}

void
main ()
{
  const uint o = RESIZE_OUTPUTS * uniform_id (gl_WorkGroupID.x);
  const uint n = RESIZE_SUBGROUPS * uniform_id (gl_WorkGroupID.y) + uniform_id4 (gl_SubgroupID);
  const uvec2 block = place (uvec2 (p.src), n * p.src_stride);
  ivec3 sum[RESIZE_OUTPUTS];
  uint t = 0;

  [[unroll]] for (uint i = 0; i < RESIZE_OUTPUTS; i++)
    sum[i] = ivec3 (1 << (RESIZE_PRECISION - 1));
  do {
    [[unroll]] for (uint i = 0; i < RESIZE_OUTPUTS; i++)
      add_taps (o + i, t, block, sum[i]);
    t += TAPS;
  } while (LOOP && t < p.n_taps);

  if (PASS == RESIZE_PASS_PIXELS) {
    const uvec2 pixels = uvec2 (pixel_of (levels (sum[0])), pixel_of (levels (sum[1])));
    const uint to = o / RESIZE_BLOCK * p.dst_stride + n * (RESIZE_BLOCK * RESIZE_BLOCK)
                    + o % RESIZE_BLOCK;
    Uint64s dst = Uint64s (place (uvec2 (p.dst), to));
    dst.v[gl_SubgroupInvocationID * (RESIZE_BLOCK / 2)] = packUint2x32 (pixels);
  } else {
    const uint column = n * RESIZE_BLOCK + gl_SubgroupInvocationID;
    const uint across = load (ConstUints (place (uvec2 (p.taps), count () + n * RESIZE_BLOCK)), 0);
    store_patches (o, column, p.taps.v[o], across, levels (sum[0]));
    if (o + 1 < count ())
      store_patches (o + 1, column, p.taps.v[o + 1], across, levels (sum[1]));
  }
}
#else
layout(local_size_x = 64) in;

void
main ()
{
  const uint x = gl_GlobalInvocationID.x, y = gl_WorkGroupID.y;
  const uint o = PASS == RESIZE_PASS_PIXELS ? x : y, lane = PASS == RESIZE_PASS_PIXELS ? y : x;
  uint from = start_of (o) * p.src_line + lane * p.src_stride;
  ivec3 sum = ivec3 (1 << (RESIZE_PRECISION - 1));

  if (x >= count ())
    return;
  for (uint t = 0; t < p.n_taps; t++) {
    const uint weight = PASS == RESIZE_PASS_PIXELS ? t * count () + o : o * p.n_taps + t;
    sum += int (p.taps.v[weights () + weight]) * channels (p.src.v[from]);
    from += p.src_line;
  }

  if (PASS == RESIZE_PASS_PIXELS)
    p.dst.v[lane * p.dst_stride + o] = pixel_of (levels (sum));
  else
    store_patches (o, lane, p.taps.v[o], p.taps.v[count () + lane], levels (sum));
}
#endif
