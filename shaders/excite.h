/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXCITE_H
#define EXCITE_H

#include "clip.h"

/*
 * @x, @y: pixels, x_ld and y_ld floats apart; @gates: rows of pictures, gates_ld floats apart; multiples of 4
 * @pixels: of a picture; @first_pixel: of a dispatch
 * @channels: a multiple of 4
 */
struct ExcitePush {
  CLIP_ADDRESS (ConstVec4s) x;
  CLIP_ADDRESS (ConstVec4s) gates;
  CLIP_ADDRESS (Vec4s) y;
  uint32_t x_ld;
  uint32_t gates_ld;
  uint32_t y_ld;
  uint32_t pixels;
  uint32_t first_pixel;
  uint32_t channels;
};

#endif
