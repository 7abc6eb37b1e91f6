/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GATHER_H
#define GATHER_H

#include "clip.h"

/* @x_rows: rows of x, > 0; @vectors: vec4s of a row, padding included */
struct GatherPush {
  CLIP_ADDRESS (ConstVec4s) x;
  CLIP_ADDRESS (ConstUints) rows;
  CLIP_ADDRESS (Vec4s) y;
  uint32_t x_rows;
  uint32_t vectors;
};

#endif
