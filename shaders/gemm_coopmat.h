/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GEMM_COOPMAT_H
#define GEMM_COOPMAT_H

#include "clip.h"
#include "windows.h"

/* Packed weights: rows of a panel, and how much of K they have side by side. */
#define GEMM_COOPMAT_PANEL 64
#define GEMM_COOPMAT_SLICE 32

/* Blocks of c that go through shared memory; also columns of a block of statistics (norm.glsl). */
#define GEMM_COOPMAT_BLOCK 16

/* Constant 9: what a is. */
#define GEMM_COOPMAT_A_HALF    0
#define GEMM_COOPMAT_A_FLOAT   1
#define GEMM_COOPMAT_A_NORM    2 /* fp32, normalised as it is loaded */
#define GEMM_COOPMAT_A_WINDOWS 3 /* fp32 pictures, whose windows are a */

/* Bits of flags; the low ones hold CLIP_ACTIVATION_ID_*. */
#define GEMM_COOPMAT_ACTIVATION_MASK 3u
#define GEMM_COOPMAT_HAS_BIAS        4u
#define GEMM_COOPMAT_HAS_RESIDUAL    8u
#define GEMM_COOPMAT_HAS_STATS       16u
#define GEMM_COOPMAT_C_HALF          32u
#define GEMM_COOPMAT_RELU            64u

/*
 * @a: fp16 or fp32, see constant 9; @c: of Half4s with C_HALF
 * @bias, @residual, @c_stats: used where the flag is set; @gamma, @beta, @a_stats where a is
 *   normalised; @windows (windows.h) in their place where a is windows
 * @m, @n, @k: m >= 1; n rounded up to 16; k rounded up to GEMM_COOPMAT_SLICE
 * @a_ld, @c_ld, @residual_ld: values from row to row; a_ld a multiple of 64; of windows from pixel to
 *   pixel, a multiple of 4
 * @a_cols, @c_cols: columns that exist, for what is normalised and for statistics
 * @plane_cols, @plane_rows: column c goes to column c mod plane_cols of row r + (c / plane_cols)
 *   plane_rows: three planes for q, k, v, else one; a multiple of 16
 */
struct GemmCoopmatPush {
  CLIP_ADDRESS (ConstUvec4s) a;
  CLIP_ADDRESS (ConstUvec4s) w;
  CLIP_ADDRESS (ConstVec4s) bias;
  CLIP_ADDRESS (ConstVec4s) residual;
  CLIP_ADDRESS (Vec4s) c;
  CLIP_NORM_OR_WINDOWS;
  CLIP_ADDRESS (Vec2s) c_stats;
  uint32_t m;
  uint32_t n;
  uint32_t k;
  uint32_t a_ld;
  uint32_t a_cols;
  uint32_t c_ld;
  uint32_t c_cols;
  uint32_t plane_cols;
  uint32_t plane_rows;
  uint32_t residual_ld;
  uint32_t residual_period;
  uint32_t flags;
  float eps;
};

#endif
