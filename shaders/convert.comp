/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * convert.comp: a region of a frame, in its own pixel format -> RGB8.
 *
 *   pixel (x, y) = R | G << 8 | B << 16
 *
 * RGB is copied. YUV, in integers, exactly as docs/kernels.md ("Preprocessing") says:
 *   U, V = chroma at the pixel in sixteenths: bilinear, in quarters down, then in quarters across
 *   R = clamp ((16 Y * LUMA + V * RV + R0) >> 20, 0, 255), G and B alike
 * The rounding and the offsets of Y, U, V are inside R0, G0, B0. Sums may wrap on the way; the
 * result fits 32 bits. Until then U and V of a pixel are the halves of one word: they are
 * interpolated together, below 2^16 each.
 *
 * A lane converts a group of 4 neighbours in each of 2 rows, which share their chroma rows: the
 * region starts with an even row. Staged rows have one more chroma sample before the region's first
 * and one after its last (the edge repeated), so that nothing is clamped here but rows.
 *
 * Variants:
 *   LLVMPIPE: vectors are loaded through uniform loads (llvmpipe.glsl). A workgroup has 16
 *   subgroups, two side by side. The result lies in blocks of 8 rows, one pixel of each side by
 *   side (resize.comp), and two rows are stored as one 64-bit word: before Mesa 26 a store is a
 *   loop over lanes. Whole workgroups are written, beyond the region's right and lower edges, where
 *   dst has room.
 *   others: dst[y * dst_stride + x], four words a store.
 * Grid: (groups / lanes, pairs of rows / subgroups).
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "convert.h"

layout(constant_id = 0) const uint LAYOUT = CONVERT_GRAY;
layout(constant_id = 1) const uint ROWS = CONVERT_ROWS_ALL;
layout(push_constant, std430) uniform Push {
  ConvertPush p;
};

#ifdef LLVMPIPE
layout(local_size_x = 128) in;
#include "llvmpipe.glsl"
#define LANE gl_SubgroupInvocationID

/* src[i + stride * lane] */
uint
load (uint i, uint stride)
{
  ConstUints from = ConstUints (place (uvec2 (p.src), i));

  return lanes8 (uvec4 (from.v[0], from.v[stride], from.v[2 * stride], from.v[3 * stride]),
                 uvec4 (from.v[4 * stride], from.v[5 * stride], from.v[6 * stride],
                        from.v[7 * stride]));
}

/* src[i + lane / 2], and the word that is next to it on the side of the lane's half */
uvec2
load_half (uint i)
{
  ConstUints from = ConstUints (place (uvec2 (p.src), i - 1));
  const uint before = from.v[0], a = from.v[1], b = from.v[2], c = from.v[3], d = from.v[4],
             after = from.v[5];

  return uvec2 (lanes8 (uvec4 (a, a, b, b), uvec4 (c, c, d, d)),
                lanes8 (uvec4 (before, b, a, c), uvec4 (b, d, c, after)));
}
#else
layout(local_size_x = 64) in;
const uint LANES = 64;
#define LANE gl_LocalInvocationID.x

layout(buffer_reference, std430, buffer_reference_align = 16) restrict writeonly buffer Uvec4s {
  uvec4 v[];
};

uint
load (uint i, uint stride)
{
  return p.src.v[i + stride * LANE];
}

uvec2
load_half (uint i)
{
  const uint own = i + LANE / 2;
  return uvec2 (p.src.v[own], p.src.v[own - 1 + 2 * (LANE & 1u)]);
}
#endif

int
param (uint i)
{
  return int (p.params.v[i]);
}

uvec4
bytes (uint word)
{
  return uvec4 (word, word >> 8, word >> 16, word >> 24) & 255u;
}

/* Component c of a word or of half of it; @bits wide */
uvec4
component (uvec4 word, uint c, uint bits)
{
  return (word >> p.params.v[CONVERT_PARAM_SHIFT + c]) & ((1u << bits) - 1u);
}

/* U and V of 4 pairs, as halves of a word */
uvec4
pairs (uvec4 word, uint bits)
{
  return component (word, 1, bits) | component (word, 2, bits) << 16;
}

/* Sample @n of a V210 row: 3 a word, in the order U Y V Y. The one load here whose address
 * differs from lane to lane in no regular way. */
uint
v210 (uint row, uint n)
{
  const uint word = n / 3u;
  return (p.src.v[row + word] >> 10u * (n - 3u * word)) & 1023u;
}

/* ---- luma: 4 samples of a row; @group: of the subgroup's first lane --------------- */

uvec4
luma_v210 (uint row, uint group)
{
  const uint x = param (CONVERT_PARAM_V210_X) + 4 * (group + LANE);
  uvec4 y;

  [[unroll]] for (uint k = 0; k < 4; k++)
    y[k] = v210 (row, 2u * (x + k) + 1u - p.params.v[CONVERT_PARAM_V210_ZERO]);
  return y;
}

/* 4 bytes, every second byte of 2 words, or 4 times 10 bits in 16 */
uvec4
luma_row (uint row, uint group)
{
  if (LAYOUT == CONVERT_V210)
    return luma_v210 (row * p.stride0, group);
  if (LAYOUT != CONVERT_PLANAR_16 && LAYOUT != CONVERT_PAIRS_16 && LAYOUT != CONVERT_PACKED)
    return bytes (load (row * p.stride0 + group, 1));

  /* PACKED rows begin before the first pixel, with what its chroma needs */
  const uint start = (LAYOUT == CONVERT_PACKED ? p.plane1 : 0) + row * p.stride0 + 2 * group;
  const uint a = load (start, 2), b = load (start + 1, 2);
  return component (uvec4 (a, a >> 16, b, b >> 16), 0, LAYOUT == CONVERT_PACKED ? 8 : 10);
}

/* ---- chroma: 4 samples of a staged row, from one before the first pixel's on ------ */

/* Two lanes share a word */
uvec4
chroma_planar (uint i)
{
  const uvec2 word = load_half (i);
  return bytes ((LANE & 1u) != 0u ? word.x >> 8 | word.y << 24 : word.x << 8 | word.y >> 24);
}

/* Two samples or pairs in each of the words around */
uvec4
halves (uint i)
{
  const uint own = load (i, 1);
  return uvec4 (load (i - 1, 1) >> 16, own, own >> 16, load (i + 1, 1));
}

/* A pair in each */
uvec4
words (uint i, uint stride)
{
  return uvec4 (load (i - 1, stride), load (i, stride), load (i + 1, stride), load (i + 2, stride));
}

uvec4
chroma_v210 (uint row, uint group)
{
  const int last = param (CONVERT_PARAM_V210_LAST);
  const int first = param (CONVERT_PARAM_V210_X) / 2 + 2 * int (group + LANE) - 1;
  uvec4 c;

  [[unroll]] for (int k = 0; k < 4; k++) {
    const uint n = 4u * uint (clamp (first + k, 0, last)) - p.params.v[CONVERT_PARAM_V210_ZERO];
    c[k] = v210 (row, n) | v210 (row, n + 2u) << 16;
  }
  return c;
}

uvec4
chroma_row (uint row, uint group)
{
  const uint i = p.plane1 + row * p.stride1, j = p.plane2 + row * p.stride1;

  if (LAYOUT == CONVERT_PLANAR)
    return chroma_planar (i + group / 2) | chroma_planar (j + group / 2) << 16;
  if (LAYOUT == CONVERT_PLANAR_16)
    return component (halves (i + group), 0, 10) | component (halves (j + group), 0, 10) << 16;
  if (LAYOUT == CONVERT_PAIRS)
    return pairs (halves (i + group), 8);
  if (LAYOUT == CONVERT_PAIRS_16)
    return pairs (words (i + 2 * group, 2), 10);
  if (LAYOUT == CONVERT_PACKED)
    return pairs (words (i + 2 * group, 2), 8);
  return chroma_v210 (row * p.stride1, group);
}

/* The chroma rows of a pair of rows of pixels, in quarters */
void
chroma_down (uint pair, uint rows[2], uint group, out uvec4 c[2])
{
  if (ROWS == CONVERT_ROWS_ALL) {
    [[unroll]] for (uint i = 0; i < 2; i++)
      c[i] = 4u * chroma_row (rows[i], group);
    return;
  }

  const int near = int (p.chroma_row + pair), last = int (p.chroma_last);
  const uvec4 here = chroma_row (uint (min (near, last)), group);
  const uvec4 below = chroma_row (uint (min (near + 1, last)), group);

  if (ROWS == CONVERT_ROWS_COSITED) {
    c[0] = 4u * here;
    c[1] = 2u * (here + below);
  } else {
    const uvec4 above = chroma_row (uint (clamp (near - 1, 0, last)), group);
    c[0] = 3u * here + above;
    c[1] = 3u * here + below;
  }
}

/* From samples in quarters to pixels in sixteenths */
uvec4
chroma_across (uvec4 c)
{
  const uint even = p.params.v[CONVERT_PARAM_H_EVEN], odd = p.params.v[CONVERT_PARAM_H_ODD];

  return uvec4 (c.x * even + c.y * (4u - even), c.y * (4u - odd) + c.z * odd,
                c.y * even + c.z * (4u - even), c.z * (4u - odd) + c.w * odd);
}

/* ---- pixels ---------------------------------------------------------------------- */

uvec4
levels (ivec4 sum)
{
  return uvec4 (clamp (sum >> CONVERT_FRACTION, 0, 255));
}

/* @luma in levels, @chroma in sixteenths */
uvec4
yuv_pixels (uvec4 luma, uvec4 chroma)
{
  const ivec4 y = ivec4 (16u * luma) * param (CONVERT_PARAM_LUMA);
  const ivec4 u = ivec4 (chroma & 0xffffu), v = ivec4 (chroma >> 16);
  const uvec4 r = levels (y + v * param (CONVERT_PARAM_RV) + param (CONVERT_PARAM_R0));
  const uvec4 g = levels (y + u * param (CONVERT_PARAM_GU) + v * param (CONVERT_PARAM_GV)
                          + param (CONVERT_PARAM_G0));
  const uvec4 b = levels (y + u * param (CONVERT_PARAM_BU) + param (CONVERT_PARAM_B0));

  return r | g << 8 | b << 16;
}

/* 12 bytes; SHIFT says where the first, second and third byte of a pixel go */
uvec4
rgb24_pixels (uint i)
{
  const uint a = load (i, 3), b = load (i + 1, 3), c = load (i + 2, 3);
  const uvec4 word = uvec4 (a, a >> 24 | b << 8, b >> 16 | c << 16, c >> 8);

  return (word & 255u) << p.params.v[CONVERT_PARAM_SHIFT]
         | (word >> 8 & 255u) << p.params.v[CONVERT_PARAM_SHIFT + 1]
         | (word >> 16 & 255u) << p.params.v[CONVERT_PARAM_SHIFT + 2];
}

uvec4
rgb32_pixels (uint i)
{
  const uvec4 word = uvec4 (load (i, 4), load (i + 1, 4), load (i + 2, 4), load (i + 3, 4));
  return component (word, 0, 8) | component (word, 1, 8) << 8 | component (word, 2, 8) << 16;
}

void
pixels_of_rows (uint pair, uint rows[2], uint group, out uvec4 pixels[2])
{
  uvec4 chroma[2];

  if (LAYOUT >= CONVERT_PLANAR)
    chroma_down (pair, rows, group, chroma);

  [[unroll]] for (uint i = 0; i < 2; i++) {
    const uint row = rows[i], row0 = row * p.stride0;
    if (LAYOUT == CONVERT_GRAY)
      pixels[i] = bytes (load (row0 + group, 1)) * 0x010101u;
    else if (LAYOUT == CONVERT_RGB24)
      pixels[i] = rgb24_pixels (row0 + 3 * group);
    else if (LAYOUT == CONVERT_RGB32)
      pixels[i] = rgb32_pixels (row0 + 4 * group);
    else if (LAYOUT == CONVERT_FULL)
      pixels[i] = yuv_pixels (luma_row (row, group),
                              bytes (load (p.plane1 + row * p.stride1 + group, 1)) << 4
                                  | bytes (load (p.plane2 + row * p.stride1 + group, 1)) << 20);
    else
      pixels[i] = yuv_pixels (luma_row (row, group), chroma_across (chroma[i]));
  }
}

#ifdef LLVMPIPE
void
main ()
{
  const uint across = uniform_id4 (gl_SubgroupID % CONVERT_ACROSS);
  const uint down = uniform_id4 (gl_SubgroupID / CONVERT_ACROSS);
  const uint group = (uniform_id (gl_WorkGroupID.x) * CONVERT_ACROSS + across) * LANES;
  const uint to = uniform_id (gl_WorkGroupID.y) * CONVERT_DOWN + down, pair = p.first_pair + to;
  const uint rows[2] = { min (2 * pair, p.last_row), min (2 * pair + 1, p.last_row) };
  uvec4 pixels[2];

  pixels_of_rows (pair, rows, group, pixels);

  /* in 64-bit words: 4 a column of a block */
  const uint block = to / 4 * p.dst_stride + 4 * LANES * group + 2 * (to % 4);
  Uint64s dst = Uint64s (place (uvec2 (p.dst), block));
  [[unroll]] for (uint k = 0; k < 4; k++)
    dst.v[16 * LANE + 4 * k] = packUint2x32 (uvec2 (pixels[0][k], pixels[1][k]));
}
#else
void
main ()
{
  const uint group = gl_WorkGroupID.x * LANES, pair = gl_WorkGroupID.y;
  const uint rows[2] = { 2 * pair, min (2 * pair + 1, p.last_row) };
  uvec4 pixels[2];

  if (group + LANE >= p.groups)
    return;
  pixels_of_rows (pair, rows, group, pixels);

  Uvec4s dst = Uvec4s (p.dst);
  dst.v[rows[0] * (p.dst_stride / 4) + group + LANE] = pixels[0];
  if (rows[1] > rows[0])
    dst.v[rows[1] * (p.dst_stride / 4) + group + LANE] = pixels[1];
}
#endif
