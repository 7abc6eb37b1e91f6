/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef POOL_TOKENS_H
#define POOL_TOKENS_H

#include "clip.h"

/*
 * @x: rows of one picture after the other, x_ld floats apart
 * @positions: rows + 1 rows, positions_ld floats apart
 * @mean: a row a picture, mean_ld floats apart
 * @keys, @values: see there
 * @rows: of x, of one picture
 * @cols: a multiple of 16; row strides are multiples of 4
 * @depth: rows + 1 or more
 */
struct PoolTokensPush {
  CLIP_ADDRESS (ConstVec4s) x;
  CLIP_ADDRESS (ConstVec4s) positions;
  CLIP_ADDRESS (Vec4s) mean;
  CLIP_ADDRESS (Floats) keys;
  CLIP_ADDRESS (Vec4s) values;
  uint32_t rows;
  uint32_t cols;
  uint32_t x_ld;
  uint32_t mean_ld;
  uint32_t positions_ld;
  uint32_t depth;
};

#endif
