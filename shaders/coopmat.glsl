/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * coopmat.glsl: cooperative matrices: sum (MAT_M, MAT_N) fp32 += a (MAT_M, MAT_K) fp16 times
 * b (MAT_K, MAT_N) fp16, by all invocations of a subgroup at once. Which of them holds which
 * element is the device's own affair. The including shader defines the three sizes.
 *
 * Memory is an array of uvec4 (8 halves) for a and b, of vec4 for sums; `at` and `ld`, from row to
 * row, count those. The first element and ld are multiples of 16 bytes.
 *
 * -DCLIP_EMULATED, for tests: the same in plain GLSL (tests/kernels/emulated_coopmat.glsl), on
 * devices that have no such matrices, in any shape.
 */
#ifdef CLIP_EMULATED
#include "emulated_coopmat.glsl"
#else
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

#define MATRIX_A   coopmat<float16_t, gl_ScopeSubgroup, MAT_M, MAT_K, gl_MatrixUseA>
#define MATRIX_B   coopmat<float16_t, gl_ScopeSubgroup, MAT_K, MAT_N, gl_MatrixUseB>
#define MATRIX_SUM coopmat<float, gl_ScopeSubgroup, MAT_M, MAT_N, gl_MatrixUseAccumulator>

#define MATRIX_CLEAR(sum)                                                                         \
  sum = coopmat<float, gl_ScopeSubgroup, MAT_M, MAT_N, gl_MatrixUseAccumulator> (0.0)

#define MATRIX_LOAD_A(a, from, at, ld)                                                            \
  coopMatLoad (a, from, at, ld, gl_CooperativeMatrixLayoutRowMajor)
/* from rows of k; from rows of n, that is, b's transpose */
#define MATRIX_LOAD_B(b, from, at, ld)                                                            \
  coopMatLoad (b, from, at, ld, gl_CooperativeMatrixLayoutRowMajor)
#define MATRIX_LOAD_B_TRANSPOSED(b, from, at, ld)                                                 \
  coopMatLoad (b, from, at, ld, gl_CooperativeMatrixLayoutColumnMajor)
#define MATRIX_LOAD_SUM(sum, from, at, ld)                                                        \
  coopMatLoad (sum, from, at, ld, gl_CooperativeMatrixLayoutRowMajor)
#define MATRIX_STORE_SUM(sum, to, at, ld)                                                         \
  coopMatStore (sum, to, at, ld, gl_CooperativeMatrixLayoutRowMajor)

/* sum += a b */
#define MATRIX_MULTIPLY_ADD(sum, a, b) sum = coopMatMulAdd (a, b, sum)
/* sum *= factor, element by element */
#define MATRIX_SCALE(sum, factor) sum = sum * factor

#endif
