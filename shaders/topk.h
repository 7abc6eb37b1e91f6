/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TOPK_H
#define TOPK_H

#include "clip.h"

/* Invocations of a workgroup; values of a block; blocks that fit into shared memory. */
#define TOPK_LANES      64
#define TOPK_BLOCK      256
#define TOPK_MAX_BLOCKS 512

/*
 * @values: float[n], read as bits
 * @best: SELECT: (key, index) of the best value of each block
 * @dst: without SELECT what @best is; with it (index, bits of the value), best first
 * @n, @k: see clip_kernel_topk()
 */
struct TopkPush {
  CLIP_ADDRESS (ConstUints) values;
  CLIP_ADDRESS (ConstUints) best;
  CLIP_ADDRESS (Uints) dst;
  uint32_t n;
  uint32_t k;
};

#endif
