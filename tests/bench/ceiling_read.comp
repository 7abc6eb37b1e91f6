// SPDX-License-Identifier: LGPL-2.1-or-later
// ceiling_read.comp: how fast memory streams: y[i] = sum of the vec4 i, i + G, i + 2 G ... of x,
//   G = all invocations, n vec4 for each of them, four at a time (n is a multiple of 4).
// Grid: any number of workgroups of 256; x has n G vec4, y a float for each invocation.
#version 460
#extension GL_EXT_buffer_reference : require

layout (local_size_x = 256) in;

layout (buffer_reference, std430, buffer_reference_align = 16) readonly restrict buffer Input {
  vec4 v[];
};
layout (buffer_reference, std430, buffer_reference_align = 4) writeonly restrict buffer Output {
  float v[];
};
layout (push_constant) uniform Params {
  Input x;
  Output y;
  uint n;
};

void
main ()
{
  uint all = gl_NumWorkGroups.x * gl_WorkGroupSize.x, at = gl_GlobalInvocationID.x;
  vec4 a = vec4 (0), b = vec4 (0), c = vec4 (0), d = vec4 (0);

  for (uint k = 0; k < n; k += 4) {
    a += x.v[at];
    b += x.v[at + all];
    c += x.v[at + 2 * all];
    d += x.v[at + 3 * all];
    at += 4 * all;
  }
  vec4 sum = a + b + c + d;
  y.v[gl_GlobalInvocationID.x] = sum.x + sum.y + sum.z + sum.w;
}
