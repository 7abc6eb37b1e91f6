/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GEMM_SHARED_H
#define GEMM_SHARED_H

#include "clip.h"

/* Columns of one panel of packed weights. */
#define GEMM_SHARED_PANEL 64

#ifdef CLIP_HALF
#define GEMM_SHARED_WEIGHTS ConstHalf4s
#else
#define GEMM_SHARED_WEIGHTS ConstVec4s
#endif

/*
 * @m, @n, @k: m >= 1; n rounded up to 16; k rounded up to 32
 * @plane_cols, @plane_rows: column c goes to column c mod plane_cols of row r + (c / plane_cols)
 *   plane_rows: three planes for q, k, v, else one; a multiple of 16
 * @bias, @residual: read where has_bias, has_residual is not 0
 * @activation: CLIP_ACTIVATION_ID_*
 */
struct GemmSharedPush {
  CLIP_ADDRESS (ConstVec4s) a;
  CLIP_ADDRESS (GEMM_SHARED_WEIGHTS) w;
  CLIP_ADDRESS (ConstVec4s) bias;
  CLIP_ADDRESS (ConstVec4s) residual;
  CLIP_ADDRESS (Vec4s) c;
  uint32_t m;
  uint32_t n;
  uint32_t k;
  uint32_t a_ld;
  uint32_t c_ld;
  uint32_t plane_cols;
  uint32_t plane_rows;
  uint32_t residual_ld;
  uint32_t residual_period;
  uint32_t has_bias;
  uint32_t has_residual;
  uint32_t activation;
};

#endif
