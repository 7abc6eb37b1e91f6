/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef L2NORM_H
#define L2NORM_H

#include "clip.h"

struct L2normPush {
  CLIP_ADDRESS (ConstFloats) x;
  CLIP_ADDRESS (Floats) y;
  CLIP_ADDRESS (Uints) flags;
  uint32_t cols;
  uint32_t x_ld;
  uint32_t y_ld;
};

#endif
