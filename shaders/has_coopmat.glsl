/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does the shader compiler know cooperative matrices? shaders/meson.build asks with this. */
#version 460
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

void
main ()
{
  coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> m;
}
