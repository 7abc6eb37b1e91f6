/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layernorm_llvmpipe.comp: layernorm.comp without loops, branches and barriers (llvmpipe.glsl).
 *
 * Grid: one workgroup of one subgroup a row. Lane l of vector i, component j holds column
 * 32 i + 4 l + j, so that a lane stores vec4s: a store costs a loop over lanes whatever its width.
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

const uint VECTORS = BLOCKS * 2; /* of 8 lanes x 4 columns */

/* lane l gets src[8 i + l]: eight uniform loads and four selects */
#define LOAD(src, i)                                                                              \
  lanes8x4 (src.v[i], src.v[i + 1], src.v[i + 2], src.v[i + 3], src.v[i + 4], src.v[i + 5],        \
            src.v[i + 6], src.v[i + 7])

void
main ()
{
  const uint row = uniform_id (gl_WorkGroupID.x), lane = gl_SubgroupInvocationID;
  const uint x0 = row * (p.x_ld / 4), y0 = row * (p.y_ld / 4) + lane;

  vec4 x[VECTORS];
  float sum = 0.0;
  [[unroll]] for (uint i = 0; i < VECTORS; i++) {
    x[i] = LOAD (p.x, x0 + 8 * i);
    const uvec4 column = 32 * i + 4 * lane + uvec4 (0, 1, 2, 3);
    x[i] = mix (vec4 (0.0), x[i], lessThan (column, uvec4 (p.cols)));
    sum += (x[i].x + x[i].y) + (x[i].z + x[i].w);
  }
  const float mean = sum8 (sum) / float (p.cols);

  sum = 0.0;
  [[unroll]] for (uint i = 0; i < VECTORS; i++) {
    const uvec4 column = 32 * i + 4 * lane + uvec4 (0, 1, 2, 3);
    x[i] = mix (vec4 (0.0), x[i] - mean, lessThan (column, uvec4 (p.cols)));
    sum += (x[i].x * x[i].x + x[i].y * x[i].y) + (x[i].z * x[i].z + x[i].w * x[i].w);
  }
  const float rstd = inversesqrt (sum8 (sum) / float (p.cols) + p.eps);

  [[unroll]] for (uint i = 0; i < VECTORS; i++)
    p.y.v[y0 + 8 * i] = x[i] * rstd * LOAD (p.gamma, 8 * i) + LOAD (p.beta, 8 * i);
}
