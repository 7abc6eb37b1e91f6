/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emulated_coopmat.glsl: what shaders/coopmat.glsl declares, in plain GLSL and for any shape:
 * every invocation holds and computes the whole matrix. Slow.
 */
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

/* room for the largest shape */
struct Emulated {
  float v[16 * 16];
};

#define MATRIX_A   Emulated
#define MATRIX_B   Emulated
#define MATRIX_SUM Emulated

float
emulated_half (uvec4 halves, uint i)
{
  const vec2 both = unpackHalf2x16 (halves[i / 2]);

  return i % 2 == 0 ? both.x : both.y;
}

#define EMULATED_EACH(i, n) for (uint i = 0; i < n; i++)

#define MATRIX_CLEAR(sum)                                                                         \
  EMULATED_EACH (i_, MAT_M * MAT_N)                                                               \
  sum.v[i_] = 0.0

#define MATRIX_LOAD_A(a, from, at, ld)                                                            \
  EMULATED_EACH (i_, MAT_M * MAT_K)                                                               \
  a.v[i_] = emulated_half (from[(at) + i_ / MAT_K * (ld) + i_ % MAT_K / 8], i_ % 8)

#define MATRIX_LOAD_B(b, from, at, ld)                                                            \
  EMULATED_EACH (i_, MAT_K * MAT_N)                                                               \
  b.v[i_] = emulated_half (from[(at) + i_ / MAT_N * (ld) + i_ % MAT_N / 8], i_ % 8)

#define MATRIX_LOAD_B_TRANSPOSED(b, from, at, ld)                                                 \
  EMULATED_EACH (i_, MAT_K * MAT_N)                                                               \
  b.v[i_ % MAT_K * MAT_N + i_ / MAT_K]                                                            \
      = emulated_half (from[(at) + i_ / MAT_K * (ld) + i_ % MAT_K / 8], i_ % 8)

#define MATRIX_LOAD_SUM(sum, from, at, ld)                                                        \
  EMULATED_EACH (i_, MAT_M * MAT_N)                                                               \
  sum.v[i_] = from[(at) + i_ / MAT_N * (ld) + i_ % MAT_N / 4][i_ % 4]

/* each element by one of the invocations, as a device would */
#define MATRIX_STORE_SUM(sum, to, at, ld)                                                         \
  for (uint i_ = gl_SubgroupInvocationID; i_ < MAT_M * MAT_N; i_ += gl_SubgroupSize)              \
  to[(at) + i_ / MAT_N * (ld) + i_ % MAT_N / 4][i_ % 4] = sum.v[i_]

#define MATRIX_MULTIPLY_ADD(sum, a, b)                                                            \
  EMULATED_EACH (i_, MAT_M * MAT_N)                                                               \
  EMULATED_EACH (k_, MAT_K)                                                                       \
  sum.v[i_] += a.v[i_ / MAT_N * MAT_K + k_] * b.v[k_ * MAT_N + i_ % MAT_N]

#define MATRIX_SCALE(sum, factor)                                                                 \
  EMULATED_EACH (i_, MAT_M * MAT_N)                                                               \
  sum.v[i_] *= factor.v[i_]
