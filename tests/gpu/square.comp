// SPDX-License-Identifier: LGPL-2.1-or-later
// square.comp: y[i] = SCALE * (x[i] + base)^2, i < n; uint32, wrapping
// Grid: ceil(n / 64) workgroups of 64. Needs nothing beyond Vulkan 1.2 with bufferDeviceAddress.
#version 460
#extension GL_EXT_buffer_reference : require

layout (local_size_x = 64) in;
layout (constant_id = 0) const uint SCALE = 1;

layout (buffer_reference, std430, buffer_reference_align = 4) readonly restrict buffer Input {
  uint v[];
};
layout (buffer_reference, std430, buffer_reference_align = 4) writeonly restrict buffer Output {
  uint v[];
};
layout (push_constant) uniform Params {
  Input x;
  Output y;
  uint n;
  uint base;
};

void
main ()
{
  uint i = gl_GlobalInvocationID.x;
  if (i < n) {
    uint a = x.v[i] + base;
    y.v[i] = SCALE * a * a;
  }
}
