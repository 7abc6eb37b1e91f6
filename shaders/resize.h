/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RESIZE_H
#define RESIZE_H

#include "clip.h"

/* Constant 0, PASS */
#define RESIZE_PASS_PIXELS  0
#define RESIZE_PASS_PATCHES 1

/*
 * @src: line i of the source begins at word i * src_stride
 * @dst: PASS_PIXELS: pixels, see resize.comp; PASS_PATCHES: floats, dst_stride from row to row
 * @taps: int[outputs][n_taps], then from word @places on the places of the patches
 * @rgb8: PASS_PATCHES: uint[n_lanes][n_lanes], written always
 * @scale, @bias: of ClipTaps
 * @n_lanes: columns of a line that count
 * @plane: PASS_PATCHES: patch_size^2
 */
struct ResizePush {
  CLIP_ADDRESS (ConstUints) src;
  CLIP_ADDRESS (ConstUints) taps;
  CLIP_ADDRESS (Uints) dst;
  CLIP_ADDRESS (Uints) rgb8;
  uint32_t src_stride;
  uint32_t dst_stride;
  uint32_t scale;
  uint32_t bias;
  uint32_t n_taps;
  uint32_t n_lanes;
  uint32_t places;
  uint32_t plane;
  CLIP_NIBBLES;
};

/* A place is row << RESIZE_PLACE_BITS | column within a channel, of a row or of a column of
 * pixels: the two are added. RESIZE_NO_PLACE: the pixel lies outside the patches. */
#define RESIZE_PLACE_BITS   16
#define RESIZE_NO_PLACE     0xffffffffu

#define RESIZE_PRECISION    22
#define RESIZE_START_BITS   15
/* LLVMPIPE: vectors of 8 columns that a workgroup computes side by side */
#define RESIZE_VECTORS      2

#endif
