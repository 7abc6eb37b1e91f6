/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SOFTMAX_H
#define SOFTMAX_H

#include "clip.h"

/*
 * @x, @y: the same address, to read and to write
 * @tokens: keys, > 0; @rows: from matrix to matrix
 * @first_row: number of the row at @x in its matrix
 * @causal: 0 or 1
 */
struct SoftmaxPush {
  CLIP_ADDRESS (ConstVec4s) x;
  CLIP_ADDRESS (Uint64s) y;
  uint32_t tokens;
  uint32_t rows;
  uint32_t first_row;
  uint32_t causal;
  CLIP_NIBBLES;
};

#endif
