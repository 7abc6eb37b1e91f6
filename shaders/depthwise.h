/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DEPTHWISE_H
#define DEPTHWISE_H

#include "clip.h"

/* Pixels, one beside the other, that a subgroup or an invocation makes. */
#define DEPTHWISE_STRIP 4

/* LLVMPIPE: subgroups of a workgroup, and channels of each */
#define DEPTHWISE_SUBGROUPS 8
#define DEPTHWISE_CHANNELS  16

/*
 * @src, @dst: of the first channel; pixels are src_ld and dst_ld floats apart, multiples of 4
 * @weights: rows of taps, weights_ld floats apart; @bias: of the first channel
 * @size, @out_size: (width, height) of source and result, 16 bits each
 * @channels: a multiple of 16
 * @pad_split: pixels of zeros around the picture; << 16: LLVMPIPE: binary logarithm of how many of a
 *   workgroup's subgroups are strips that follow each other, the others being channels
 */
struct DepthwisePush {
  CLIP_ADDRESS (ConstVec4s) src;
  CLIP_ADDRESS (ConstVec4s) weights;
  CLIP_ADDRESS (ConstVec4s) bias;
  CLIP_ADDRESS (Floats) dst;
  uint32_t src_ld;
  uint32_t dst_ld;
  uint32_t weights_ld;
  uint32_t size;
  uint32_t out_size;
  uint32_t channels;
  uint32_t pad_split;
  CLIP_NIBBLES;
};

#endif
