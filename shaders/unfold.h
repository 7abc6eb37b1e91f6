/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UNFOLD_H
#define UNFOLD_H

#include "clip.h"

/* LLVMPIPE: subgroups of a workgroup, one beside the other in the picture */
#define UNFOLD_SUBGROUPS 8

/*
 * @src: of the first picture; pixels are src_ld floats apart, a multiple of 4
 * @dst: of its first row; rows are dst_ld floats apart
 * @height, @width: of the source; @out_width: windows of a row
 * @taps_y: pixels of a window's column; @stride: how far windows are apart
 * @first_x, @first_y: where the first window begins, modulo 2^32: -pad where zeros lie around the picture
 * @channels: floats of a pixel that are copied, a multiple of 16
 * @first_row: of dst, of a dispatch; not LLVMPIPE
 */
struct UnfoldPush {
  CLIP_ADDRESS (ConstVec4s) src;
  CLIP_ADDRESS (Floats) dst;
  uint32_t src_ld;
  uint32_t dst_ld;
  uint32_t height;
  uint32_t width;
  uint32_t out_width;
  uint32_t taps;
  uint32_t taps_y;
  uint32_t stride;
  uint32_t first_x;
  uint32_t first_y;
  uint32_t channels;
  uint32_t first_row;
  CLIP_NIBBLES;
};

#endif
