/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GEMM_COOPMAT_H
#define GEMM_COOPMAT_H

#include "clip.h"

/* Packed weights: rows of a panel, and how much of K they have side by side. */
#define GEMM_COOPMAT_PANEL 64
#define GEMM_COOPMAT_SLICE 32

/* Values of the constant A_TYPE: what a holds. */
#define GEMM_COOPMAT_A_HALF  0
#define GEMM_COOPMAT_A_FLOAT 1

/*
 * @a: fp16 or fp32, see A_TYPE; a_ld: its elements from row to row, a multiple of 64
 * @m, @n, @k: m >= 1; n rounded up to 16; k rounded up to GEMM_COOPMAT_SLICE
 * @plane_cols, @plane_rows: column c goes to column c mod plane_cols of row r + (c / plane_cols)
 *   plane_rows: three planes for q, k, v, else one; a multiple of 16
 * @bias, @residual: read where has_bias, has_residual is not 0
 * @half_c: c is fp16
 * @activation: CLIP_ACTIVATION_ID_*
 */
struct GemmCoopmatPush {
  CLIP_ADDRESS (ConstUvec4s) a;
  CLIP_ADDRESS (ConstUvec4s) w;
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
  uint32_t half_c;
  uint32_t activation;
};

#endif
