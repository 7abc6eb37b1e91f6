/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GEMM_SHARED_H
#define GEMM_SHARED_H

#include "clip.h"
#include "windows.h"

/* Columns of one panel of packed weights. */
#define GEMM_SHARED_PANEL 64

/* Columns of one block of statistics: what every tiling's width is a multiple of. */
#define GEMM_SHARED_STATS_COLUMNS 16

/* Constant 6: what a is. */
#define GEMM_SHARED_A_FLOAT   0
#define GEMM_SHARED_A_HALF    1
#define GEMM_SHARED_A_NORM    2 /* fp32, normalised as it is loaded */
#define GEMM_SHARED_A_WINDOWS 3 /* fp32 pictures, whose windows are a */

/* Bits of flags; the low ones hold CLIP_ACTIVATION_ID_*. */
#define GEMM_SHARED_ACTIVATION_MASK 3u
#define GEMM_SHARED_HAS_BIAS        4u
#define GEMM_SHARED_HAS_RESIDUAL    8u
#define GEMM_SHARED_HAS_STATS       16u
#define GEMM_SHARED_C_HALF          32u
#define GEMM_SHARED_RELU            64u

#if defined CLIP_I8
#define GEMM_SHARED_WEIGHTS ConstUints
#elif defined CLIP_HALF
#define GEMM_SHARED_WEIGHTS ConstUvec2s
#else
#define GEMM_SHARED_WEIGHTS ConstVec4s
#endif

/*
 * @a, @c: of other types where they are fp16
 * @bias, @residual, @c_stats: used where the flag is set; @gamma, @beta, @a_stats where a is
 *   normalised: see norm.glsl; @windows (windows.h) in their place where a is windows
 * @m, @n, @k: m >= 1; n rounded up to 16; k rounded up to 64
 * @a_ld, @c_ld, @residual_ld: values from row to row; @a_ld of windows from pixel to pixel
 * @a_cols, @c_cols: columns that exist, for what is normalised and for statistics
 * @plane_cols, @plane_rows: column c goes to column c mod plane_cols of row r + (c / plane_cols)
 *   plane_rows: three planes for q, k, v, else one; a multiple of 16
 */
struct GemmSharedPush {
  CLIP_ADDRESS (ConstVec4s) a;
  CLIP_ADDRESS (GEMM_SHARED_WEIGHTS) w;
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
