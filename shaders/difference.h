/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DIFFERENCE_H
#define DIFFERENCE_H

#include "clip.h"

#define DIFFERENCE_LANES  64
#define DIFFERENCE_GROUPS 64

struct DifferencePush {
  CLIP_ADDRESS (ConstFloats) a;
  CLIP_ADDRESS (ConstFloats) b;
  CLIP_ADDRESS (Floats) sums;
  uint32_t n;
};

#endif
