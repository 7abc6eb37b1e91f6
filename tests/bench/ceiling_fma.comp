// SPDX-License-Identifier: LGPL-2.1-or-later
// ceiling_fma.comp: what the arithmetic units can do: y[i] = sum of 8 vec4, each after n steps of
//   x = x * scale + offset
// 32 independent chains hide the latency of each. fp32. 64 n operations an invocation.
// Grid: any number of workgroups of 256; y has a float for each invocation.
#version 460
#extension GL_EXT_buffer_reference : require

layout (local_size_x = 256) in;

layout (buffer_reference, std430, buffer_reference_align = 4) writeonly restrict buffer Output {
  float v[];
};
layout (push_constant) uniform Params {
  Output y;
  uint n;
  float scale;
  float offset;
};

void
main ()
{
  vec4 x[8];

  for (uint i = 0; i < 8; i++)
    x[i] = vec4 (gl_LocalInvocationID.x + i) + vec4 (0, 0.25, 0.5, 0.75);
  for (uint k = 0; k < n; k++)
    for (uint i = 0; i < 8; i++)
      x[i] = fma (x[i], vec4 (scale), vec4 (offset));

  vec4 sum = x[0] + x[1] + x[2] + x[3] + x[4] + x[5] + x[6] + x[7];
  y.v[gl_GlobalInvocationID.x] = sum.x + sum.y + sum.z + sum.w;
}
