/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * excite.comp: the second half of squeeze-and-excitation (Hu, Shen, Sun: Squeeze-and-Excitation Networks,
 * 2018, section 3.2): each channel of a picture is multiplied by a gate of its own:
 *
 *   y[b, i, c] = act (x[b, i, c] sigmoid (gates[b, c]))
 *
 * fp32. An invocation makes 4 channels of a pixel. Grid: (channels / 4 / 64, pixels, batch).
 * Constant 0: ACTIVATION. Variants: none; a few pictures a frame, the smallest of their tower.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "excite.h"
#include "activation.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint ACTIVATION = CLIP_ACTIVATION_ID_NONE;
layout(push_constant, std430) uniform Push {
  ExcitePush p;
};

void
main ()
{
  const uint i = gl_GlobalInvocationID.x, b = gl_WorkGroupID.z;
  const uint row = b * p.pixels + p.first_pixel + gl_WorkGroupID.y;

  if (i >= p.channels / 4)
    return;
  /* clamped: some drivers' exp() overflows to NaN */
  const vec4 gate = 1.0 / (1.0 + exp (min (-p.gates.v[b * (p.gates_ld / 4) + i], 80.0)));
  p.y.v[row * (p.y_ld / 4) + i] = activate (ACTIVATION, p.x.v[row * (p.x_ld / 4) + i] * gate);
}
