/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layernorm.comp: y[r,c] = (x[r,c] - mean_r) / sqrt (var_r + eps) * gamma[c] + beta[c]
 *
 * x (R, C) fp32, y (R, C) fp32 or -DCLIP_HALF_OUT; gamma, beta float[clip_ld (C)], zero beyond C, so that y is too.
 * fp32; two passes: the variance is the mean of (x - mean)^2.
 * Grid: one workgroup a row. Constant 0: invocations in a workgroup, a power of two.
 * Variants: -DSUBGROUP reduces within subgroups, else in shared memory; -DCLIP_HALF_OUT;
 * layernorm_llvmpipe.comp.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "layernorm.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push {
  LayernormPush p;
};

#include "reduce.glsl"
#ifdef CLIP_HALF_OUT
#include "half.glsl"
#define STORE(i, x) Half4s (p.y).v[i] = f16vec4 (half_range (x))
#else
#define STORE(i, x) Vec4s (p.y).v[i] = x
#endif

/* 1 for the columns of vector i that exist, 0 for padding */
vec4
exists (uint i)
{
  return vec4 (lessThan (4 * i + uvec4 (0, 1, 2, 3), uvec4 (p.cols)));
}

void
main ()
{
  const uint x0 = gl_WorkGroupID.x * (p.x_ld / 4), y0 = gl_WorkGroupID.x * (p.y_ld / 4);
  const uint vectors = (p.cols + 3) / 4, padded = (p.cols + 63) / 64 * 16;
  const uint first = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;

  float sum = 0.0;
  for (uint i = first; i < vectors; i += step)
    sum += dot (p.x.v[x0 + i], exists (i));
  const float mean = workgroup_sum (sum) / float (p.cols);

  sum = 0.0;
  for (uint i = first; i < vectors; i += step) {
    const vec4 d = (p.x.v[x0 + i] - mean) * exists (i);
    sum += dot (d, d);
  }
  const float rstd = inversesqrt (workgroup_sum (sum) / float (p.cols) + p.eps);

  for (uint i = first; i < padded; i += step) {
    const vec4 d = (p.x.v[x0 + i] - mean) * exists (i);
    STORE (y0 + i, d * rstd * p.gamma.v[i] + p.beta.v[i]);
  }
}
