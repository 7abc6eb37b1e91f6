/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TOKENS_H
#define TOKENS_H

#include "clip.h"

/*
 * @x: rows of one picture after the other, x_ld floats apart
 * @positions: rows + 1 rows, positions_ld floats apart
 * @y: rows + 1 rows a picture, y_ld floats apart
 * @rows: of x, of one picture
 * @cols: a multiple of 4, as are the row strides
 */
struct TokensPush {
  CLIP_ADDRESS (ConstVec4s) x;
  CLIP_ADDRESS (ConstVec4s) positions;
  CLIP_ADDRESS (Vec4s) y;
  uint32_t rows;
  uint32_t cols;
  uint32_t x_ld;
  uint32_t y_ld;
  uint32_t positions_ld;
};

#endif
