/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clip.glsl: what every shader includes: extensions, and the types of buffers.
 *
 * There are no descriptors: a buffer is an address in the push constants. Each type below
 * states the alignment that the C side guarantees, and who may write. Indices are 32 bits.
 */
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

#include "clip.h"

layout(buffer_reference, std430, buffer_reference_align = 4) restrict readonly buffer ConstUints {
  uint v[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) restrict readonly buffer ConstFloats {
  float v[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) restrict readonly buffer ConstVec2s {
  vec2 v[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) restrict readonly buffer ConstVec4s {
  vec4 v[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) restrict readonly buffer ConstUvec2s {
  uvec2 v[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) restrict readonly buffer ConstUvec4s {
  uvec4 v[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) restrict readonly buffer ConstHalf4s {
  f16vec4 v[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) restrict writeonly buffer Uints {
  uint v[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) restrict writeonly buffer Floats {
  float v[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) restrict writeonly buffer Uint64s {
  uint64_t v[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) restrict writeonly buffer Vec2s {
  vec2 v[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) restrict writeonly buffer Vec4s {
  vec4 v[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) restrict writeonly buffer Half4s {
  f16vec4 v[];
};
