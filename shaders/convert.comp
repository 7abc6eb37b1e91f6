/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * convert.comp: a region of a frame, in its own pixel format -> RGB8, transposed.
 *
 *   dst[x * dst_stride + y] = R | G << 8 | B << 16
 *
 * RGB is copied. YUV, in integers, exactly as docs/kernels.md ("Preprocessing") says:
 *   U, V = chroma at the pixel in sixteenths: bilinear, in quarters down, then in quarters across
 *   R = clamp ((16 Y * LUMA + V * RV + R0) >> 20, 0, 255), G and B alike
 * The rounding and the offsets of Y, U, V are inside R0, G0, B0. Sums may wrap on the way; the
 * result fits 32 bits.
 *
 * Staged rows: chroma at half width has one more sample before the region's first and one after
 * its last (the edge repeated), so that nothing is clamped here but rows.
 *
 * Grid: (rows of the region, groups / lanes); a lane converts 8 neighbours of a row.
 * Variants: LLVMPIPE reads through uniform loads (llvmpipe.glsl) and writes whole groups
 * beyond the region's right edge, where dst has room.
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
layout(local_size_x = 8) in;
#include "llvmpipe.glsl"
#define LANE gl_SubgroupInvocationID

/* src[i + stride * lane] */
uint
load (uint i, uint stride)
{
  return lanes8 (uvec4 (p.src.v[i], p.src.v[i + stride], p.src.v[i + 2 * stride],
                        p.src.v[i + 3 * stride]),
                 uvec4 (p.src.v[i + 4 * stride], p.src.v[i + 5 * stride],
                        p.src.v[i + 6 * stride], p.src.v[i + 7 * stride]));
}
#else
layout(local_size_x = 64) in;
const uint LANES = 64;
#define LANE           gl_LocalInvocationID.x
#define uniform_id(id) (id)

uint
load (uint i, uint stride)
{
  return p.src.v[i + stride * LANE];
}
#endif

int
param (uint i)
{
  return int (p.params.v[i]);
}

/* Component c of a word or of half of it; @bits wide */
uint
component (uint word, uint c, uint bits)
{
  return (word >> p.params.v[CONVERT_PARAM_SHIFT + c]) & ((1u << bits) - 1u);
}

/* ---- luma: 8 samples of row y -------------------------------------------------- */

/* 10 bits a sample in 16, at the bit that the first shift says */
void
luma_16 (uint i, out uint luma[8])
{
  [[unroll]] for (uint k = 0; k < 4; k++) {
    const uint word = load (i + k, 4);
    luma[2 * k] = component (word & 0xffffu, 0, 10);
    luma[2 * k + 1] = component (word >> 16, 0, 10);
  }
}

void
luma_8 (uint i, out uint luma[8])
{
  [[unroll]] for (uint k = 0; k < 2; k++) {
    const uint word = load (i + k, 2);
    [[unroll]] for (uint j = 0; j < 4; j++)
      luma[4 * k + j] = (word >> 8 * j) & 255u;
  }
}

/* every second byte of 4 words */
void
luma_packed (uint i, out uint luma[8])
{
  [[unroll]] for (uint k = 0; k < 4; k++) {
    const uint word = load (i + k, 4);
    luma[2 * k] = component (word, 0, 8);
    luma[2 * k + 1] = component (word >> 16, 0, 8);
  }
}

/* Sample @n of a V210 row: 3 a word, in the order U Y V Y. The one load here whose address
 * differs from lane to lane in no regular way. */
uint
v210 (uint row, uint n)
{
  const uint word = n / 3u;
  return (p.src.v[row + word] >> 10u * (n - 3u * word)) & 1023u;
}

void
luma_v210 (uint row, uint x, out uint luma[8])
{
  [[unroll]] for (uint k = 0; k < 8; k++)
    luma[k] = v210 (row, 2u * (x + k) + 1u - p.params.v[CONVERT_PARAM_V210_ZERO]);
}

/* ---- chroma: 6 samples of one staged row, from one before the first pixel's on --- */

void
chroma_planar (uint i, out uint chroma[6])
{
  const uint before = load (i - 1, 1), here = load (i, 1), after = load (i + 1, 1);

  chroma[0] = before >> 24;
  [[unroll]] for (uint k = 0; k < 4; k++)
    chroma[1 + k] = (here >> 8 * k) & 255u;
  chroma[5] = after & 255u;
}

void
chroma_planar_16 (uint i, out uint chroma[6])
{
  uint word[4];
  [[unroll]] for (uint k = 0; k < 4; k++)
    word[k] = load (i + k - 1, 2);
  [[unroll]] for (uint k = 0; k < 3; k++) {
    chroma[2 * k] = component (word[k] >> 16, 0, 10);
    chroma[2 * k + 1] = component (word[k + 1] & 0xffffu, 0, 10);
  }
}

void
chroma_pairs (uint i, out uint u[6], out uint v[6])
{
  uint word[4];
  [[unroll]] for (uint k = 0; k < 4; k++)
    word[k] = load (i + k - 1, 2);
  [[unroll]] for (uint k = 0; k < 3; k++) {
    u[2 * k] = component (word[k] >> 16, 1, 8);
    v[2 * k] = component (word[k] >> 16, 2, 8);
    u[2 * k + 1] = component (word[k + 1] & 0xffffu, 1, 8);
    v[2 * k + 1] = component (word[k + 1] & 0xffffu, 2, 8);
  }
}

/* a word is a whole pair, or two pixels and their pair */
void
chroma_words (uint i, uint bits, out uint u[6], out uint v[6])
{
  [[unroll]] for (uint k = 0; k < 6; k++) {
    const uint word = load (i + k - 1, 4);
    u[k] = component (word, 1, bits);
    v[k] = component (word, 2, bits);
  }
}

void
chroma_v210 (uint row, uint x, out uint u[6], out uint v[6])
{
  const int last = param (CONVERT_PARAM_V210_LAST);

  [[unroll]] for (uint k = 0; k < 6; k++) {
    const uint pair = uint (clamp (int (x / 2 + k) - 1, 0, last));
    const uint n = 4u * pair - p.params.v[CONVERT_PARAM_V210_ZERO];
    u[k] = v210 (row, n);
    v[k] = v210 (row, n + 2u);
  }
}

/* @row: staged row; @group: of the workgroup's first lane; @x: the lane's first pixel */
void
chroma_row (uint row, uint group, uint x, out uint u[6], out uint v[6])
{
  if (LAYOUT == CONVERT_PLANAR) {
    chroma_planar (p.plane1 + row * p.stride1 + group, u);
    chroma_planar (p.plane2 + row * p.stride1 + group, v);
  } else if (LAYOUT == CONVERT_PLANAR_16) {
    chroma_planar_16 (p.plane1 + row * p.stride1 + 2 * group, u);
    chroma_planar_16 (p.plane2 + row * p.stride1 + 2 * group, v);
  } else if (LAYOUT == CONVERT_PAIRS) {
    chroma_pairs (p.plane1 + row * p.stride1 + 2 * group, u, v);
  } else if (LAYOUT == CONVERT_PAIRS_16) {
    chroma_words (p.plane1 + row * p.stride1 + 4 * group, 10, u, v);
  } else if (LAYOUT == CONVERT_PACKED) {
    chroma_words (p.plane1 + row * p.stride1 + 4 * group, 8, u, v);
  } else {
    chroma_v210 (row * p.stride1, x, u, v);
  }
}

/* Samples between the two chroma rows that row y lies between, in quarters */
void
chroma_down (uint y, uint group, uint x, out uint u[6], out uint v[6])
{
  if (ROWS == CONVERT_ROWS_ALL) {
    chroma_row (y - p.row0, group, x, u, v);
    [[unroll]] for (uint k = 0; k < 6; k++) {
      u[k] *= 4u;
      v[k] *= 4u;
    }
    return;
  }

  const int first = int (p.chroma_row0), last = int (p.chroma_row1);
  const int odd = int (y & 1u), near = int (y >> 1);
  const int other = ROWS == CONVERT_ROWS_COSITED ? near + odd : near - 1 + 2 * odd;
  const uint weight = ROWS == CONVERT_ROWS_COSITED ? uint (2 * odd) : 1u;
  uint other_u[6], other_v[6];

  chroma_row (uint (clamp (near, first, last) - first), group, x, u, v);
  chroma_row (uint (clamp (other, first, last) - first), group, x, other_u, other_v);
  [[unroll]] for (uint k = 0; k < 6; k++) {
    u[k] = u[k] * (4u - weight) + other_u[k] * weight;
    v[k] = v[k] * (4u - weight) + other_v[k] * weight;
  }
}

/* Of 6 samples in quarters, the 8 pixels' in sixteenths */
void
chroma_across (uint c[6], out uint chroma[8])
{
  const uint even = p.params.v[CONVERT_PARAM_H_EVEN], odd = p.params.v[CONVERT_PARAM_H_ODD];

  [[unroll]] for (uint k = 0; k < 4; k++) {
    chroma[2 * k] = c[k] * even + c[k + 1] * (4u - even);
    chroma[2 * k + 1] = c[k + 1] * (4u - odd) + c[k + 2] * odd;
  }
}

/* ---- pixels ---------------------------------------------------------------------- */

void
yuv_pixels (uint y, uint group, uint x, out uint pixels[8])
{
  const uint row = y - p.row0;
  uint luma[8], u[8], v[8];

  if (LAYOUT == CONVERT_PLANAR_16 || LAYOUT == CONVERT_PAIRS_16)
    luma_16 (row * p.stride0 + 4 * group, luma);
  else if (LAYOUT == CONVERT_PACKED)
    luma_packed (p.plane1 + row * p.stride0 + 4 * group, luma);
  else if (LAYOUT == CONVERT_V210)
    luma_v210 (row * p.stride0, x, luma);
  else
    luma_8 (row * p.stride0 + 2 * group, luma);

  if (LAYOUT == CONVERT_FULL) {
    luma_8 (p.plane1 + row * p.stride1 + 2 * group, u);
    luma_8 (p.plane2 + row * p.stride1 + 2 * group, v);
    [[unroll]] for (uint k = 0; k < 8; k++) {
      u[k] *= 16u;
      v[k] *= 16u;
    }
  } else {
    uint near_u[6], near_v[6];
    chroma_down (y, group, x, near_u, near_v);
    chroma_across (near_u, u);
    chroma_across (near_v, v);
  }

  [[unroll]] for (uint k = 0; k < 8; k++) {
    const int l = int (16u * luma[k]) * param (CONVERT_PARAM_LUMA);
    const int cu = int (u[k]), cv = int (v[k]);
    const ivec3 rgb
        = l
          + ivec3 (cv * param (CONVERT_PARAM_RV) + param (CONVERT_PARAM_R0),
                   cu * param (CONVERT_PARAM_GU) + cv * param (CONVERT_PARAM_GV)
                       + param (CONVERT_PARAM_G0),
                   cu * param (CONVERT_PARAM_BU) + param (CONVERT_PARAM_B0));
    const uvec3 level = uvec3 (clamp (rgb >> CONVERT_FRACTION, 0, 255));
    pixels[k] = level.r | level.g << 8 | level.b << 16;
  }
}

/* 24 bytes; SHIFT says where the first, second and third byte go */
void
rgb24_pixels (uint i, out uint pixels[8])
{
  uint word[6];
  [[unroll]] for (uint k = 0; k < 6; k++)
    word[k] = load (i + k, 6);
  [[unroll]] for (uint k = 0; k < 8; k++) {
    pixels[k] = 0u;
    [[unroll]] for (uint c = 0; c < 3; c++) {
      const uint at = 3u * k + c;
      const uint level = (word[at / 4u] >> 8u * (at % 4u)) & 255u;
      pixels[k] |= level << p.params.v[CONVERT_PARAM_SHIFT + c];
    }
  }
}

void
rgb32_pixels (uint i, out uint pixels[8])
{
  [[unroll]] for (uint k = 0; k < 8; k++) {
    const uint word = load (i + k, 8);
    pixels[k] = component (word, 0, 8) | component (word, 1, 8) << 8 | component (word, 2, 8) << 16;
  }
}

void
gray_pixels (uint i, out uint pixels[8])
{
  luma_8 (i, pixels);
  [[unroll]] for (uint k = 0; k < 8; k++)
    pixels[k] *= 0x010101u;
}

void
main ()
{
  const uint row = uniform_id (gl_WorkGroupID.x);
  const uint group = uniform_id (gl_WorkGroupID.y) * LANES;
  uint pixels[8];

#ifndef LLVMPIPE
  if (group + LANE >= p.groups)
    return;
#endif

  if (LAYOUT == CONVERT_GRAY)
    gray_pixels (row * p.stride0 + 2 * group, pixels);
  else if (LAYOUT == CONVERT_RGB24)
    rgb24_pixels (row * p.stride0 + 6 * group, pixels);
  else if (LAYOUT == CONVERT_RGB32)
    rgb32_pixels (row * p.stride0 + 8 * group, pixels);
  else
    yuv_pixels (row + p.row0, group, param (CONVERT_PARAM_V210_X) + 8 * (group + LANE), pixels);

  const uint x = 8 * (group + LANE);
  [[unroll]] for (uint k = 0; k < 8; k++)
    p.dst.v[(x + k) * p.dst_stride + row] = pixels[k];
}
