/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAYERNORM_H
#define LAYERNORM_H

#include "clip.h"

/* @cols: C; @x_ld, @y_ld: elements from row to row, multiples of 64 */
struct LayernormPush {
  CLIP_ADDRESS (ConstVec4s) x;
  CLIP_ADDRESS (ConstVec4s) gamma;
  CLIP_ADDRESS (ConstVec4s) beta;
  CLIP_ADDRESS (Floats) y;
  uint32_t cols;
  uint32_t x_ld;
  uint32_t y_ld;
  float eps;
  CLIP_NIBBLES;
};

#endif
