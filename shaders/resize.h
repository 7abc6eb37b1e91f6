/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RESIZE_H
#define RESIZE_H

#include "clip.h"

/* Constant 0, PASS */
#define RESIZE_PASS_PIXELS      0
#define RESIZE_PASS_PATCHES     1
#define RESIZE_PASS_PATCHES_RGB 2 /* both */

/*
 * @src: pixel (line, lane) is word line * src_line + lane * src_stride; LLVMPIPE: src_stride words
 *   from block to block
 * @dst: PASS_PIXELS: pixels, dst_stride words from lane to lane (LLVMPIPE: block to block);
 *   else floats, dst_stride from row to row
 * @taps: int[outputs][n_taps]; before these, not in PASS_PIXELS: places of rows, of columns
 * @rgb8: PASS_PATCHES_RGB: uint[n][n], n outputs and lanes
 * @scale, @bias, @last: of ClipTaps
 * @n_plane: two halves. n, the lower one: invocations side by side that count: lanes, or outputs, see
 *   resize.comp. plane, not in PASS_PIXELS: floats from channel to channel: patch_size^2, or 1 for a picture
 */
struct ResizePush {
  CLIP_ADDRESS (ConstUints) src;
  CLIP_ADDRESS (ConstUints) taps;
  CLIP_ADDRESS (Uints) dst;
  CLIP_ADDRESS (Uints) rgb8;
  uint32_t src_line;
  uint32_t src_stride;
  uint32_t dst_stride;
  uint32_t scale;
  uint32_t bias;
  uint32_t last;
  uint32_t n_taps;
  uint32_t n_plane;
  CLIP_NIBBLES;
};

/* A place is row << RESIZE_PLACE_BITS | column within a channel, of a row or of a column of
 * pixels: the two are added. (Where there are no patches, row is one of the picture.) RESIZE_NO_PLACE: the pixel lies outside the patches. */
#define RESIZE_PLACE_BITS   16
#define RESIZE_NO_PLACE     0xffffffffu

#define RESIZE_PRECISION    22
#define RESIZE_START_BITS   15

/* LLVMPIPE: outputs of an invocation; lanes of a block, which a subgroup filters; subgroups */
#define RESIZE_OUTPUTS      2
#define RESIZE_BLOCK        8
#define RESIZE_SUBGROUPS    4

#endif
