/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layernorm_llvmpipe.comp: layernorm.comp without loops, branches and barriers (llvmpipe.glsl).
 *
 * Grid: one workgroup of one subgroup a row. Lane l of vector i holds column 8 i + l.
 * Constant 0: BLOCKS = columns / 64, rounded up; the row stays in registers between the passes.
 * A pipeline per width, of which a model has one or two.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "layernorm.h"

layout(local_size_x = 8) in;
layout(constant_id = 0) const uint BLOCKS = 1;
layout(push_constant, std430) uniform Push {
  LayernormPush p;
};

#include "llvmpipe.glsl"

const uint VECTORS = BLOCKS * 8;

void
main ()
{
  const uint row = uniform_id (gl_WorkGroupID.x), lane = gl_SubgroupInvocationID;
  ConstVec4s from = ConstVec4s (place (uvec2 (p.x), row * p.x_ld));
  /* a store is a loop over lanes: 32-bit indices from one address make it half as long */
  const uint to = gl_WorkGroupID.x * p.y_ld + lane;

  float x[VECTORS];
  float sum = 0.0;
  [[unroll]] for (uint i = 0; i < VECTORS; i++) {
    x[i] = lanes8 (from.v[2 * i], from.v[2 * i + 1]);
    x[i] = 8 * i + lane < p.cols ? x[i] : 0.0;
    sum += x[i];
  }
  const float mean = sum8 (sum) / float (p.cols);

  sum = 0.0;
  [[unroll]] for (uint i = 0; i < VECTORS; i++) {
    x[i] = 8 * i + lane < p.cols ? x[i] - mean : 0.0;
    sum += x[i] * x[i];
  }
  const float rstd = inversesqrt (sum8 (sum) / float (p.cols) + p.eps);

  [[unroll]] for (uint i = 0; i < VECTORS; i++)
    p.y.v[to + 8 * i] = x[i] * rstd * lanes8 (p.gamma.v[2 * i], p.gamma.v[2 * i + 1])
                        + lanes8 (p.beta.v[2 * i], p.beta.v[2 * i + 1]);
}
