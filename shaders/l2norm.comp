/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * l2norm.comp: y[r] = x[r] / max (|x[r]|, 1e-12); flags[r] = any value of x[r] is not finite
 *
 * x (R, C), y (R, C) fp32, columns C .. clip_ld (C) - 1 of y become 0; flags uint[R].
 * fp32, scaled by the largest magnitude first, so that no square leaves fp32's range.
 * Grid: one workgroup a row. Variants: none; a few rows a frame.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "l2norm.h"

layout(local_size_x = 64) in;
layout(push_constant, std430) uniform Push {
  L2normPush p;
};

#include "reduce.glsl"

/* By its bits: compilers may assume that isnan() is never true. */
bool
is_finite (float x)
{
  return (floatBitsToUint (x) & 0x7f800000u) != 0x7f800000u;
}

void
main ()
{
  const uint row = gl_WorkGroupID.x, id = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
  const uint x0 = row * p.x_ld, y0 = row * p.y_ld, padded = (p.cols + 63) / 64 * 64;

  float largest = 0.0, bad = 0.0;
  for (uint c = id; c < p.cols; c += step) {
    const float v = p.x.v[x0 + c];
    if (is_finite (v))
      largest = max (largest, abs (v));
    else
      bad = 1.0;
  }
  bad = workgroup_max (bad);
  largest = workgroup_max (largest);
  const float unit = largest > 0.0 ? largest : 1.0;

  float sum = 0.0;
  for (uint c = id; c < p.cols; c += step) {
    const float v = p.x.v[x0 + c] / unit;
    sum += v * v;
  }
  const float norm = max (sqrt (workgroup_sum (sum)), 1e-12 / unit);

  for (uint c = id; c < padded; c += step)
    p.y.v[y0 + c] = c < p.cols ? p.x.v[x0 + c] / unit / norm : 0.0;
  if (id == 0)
    p.flags.v[row] = uint (bad);
}
