/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef AVERAGE_H
#define AVERAGE_H

#include "clip.h"

/* LLVMPIPE: subgroups of a workgroup, one beside the other in the picture; channels of each */
#define AVERAGE_SUBGROUPS 8
#define AVERAGE_CHANNELS  16

/*
 * @src, @dst: of the first pixel; pixels are src_ld and dst_ld floats apart, multiples of 4
 * @width: of the source; @out_width: of the result
 * @size: of the squares
 * @channels: a multiple of 16
 */
struct AveragePush {
  CLIP_ADDRESS (ConstVec4s) src;
  CLIP_ADDRESS (Floats) dst;
  uint32_t src_ld;
  uint32_t dst_ld;
  uint32_t width;
  uint32_t out_width;
  uint32_t size;
  uint32_t channels;
  CLIP_NIBBLES;
};

#endif
