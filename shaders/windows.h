/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WINDOWS_H
#define WINDOWS_H

#include "clip.h"

/*
 * What a product knows of the windows of pictures that are its a, see windows.glsl.
 * @size, @out_size: of a picture, and of its windows: height, width << 16
 * @vectors: of 4 floats: those of a pixel that are multiplied, a multiple of 4
 * @per_vectors: 2^32 / vectors, rounded down, plus 1: v / vectors is the upper half of v per_vectors for
 *   v < 2^32 / vectors, which is what keeps the sum of the rounding, at most v, below a unit
 * @window: taps_y, taps_x << 8, stride << 16, pad << 24
 * @per_taps_y: 2^16 / taps_y, rounded down, plus 1: likewise, for taps < 2^16 / taps_y
 */
struct Windows {
  uint32_t size;
  uint32_t out_size;
  uint32_t vectors;
  uint32_t per_vectors;
  uint32_t window;
  uint32_t per_taps_y;
};

/* Members of a block of push constants: addresses of what normalises a, or, in their place, windows: a product
 * has one or the other at most, and there are no bytes for both. */
#ifdef VULKAN_SHADER
#define CLIP_NORM_OR_WINDOWS                                                                      \
  CLIP_ADDRESS (ConstVec4s) gamma;                                                                \
  CLIP_ADDRESS (ConstVec4s) beta;                                                                 \
  CLIP_ADDRESS (ConstVec2s) a_stats
#else
#define CLIP_NORM_OR_WINDOWS                                                                      \
  union {                                                                                         \
    struct {                                                                                      \
      CLIP_ADDRESS (ConstVec4s) gamma;                                                            \
      CLIP_ADDRESS (ConstVec4s) beta;                                                             \
      CLIP_ADDRESS (ConstVec2s) a_stats;                                                          \
    };                                                                                            \
    struct Windows windows;                                                                       \
  }
#endif

#endif
