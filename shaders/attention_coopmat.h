/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ATTENTION_COOPMAT_H
#define ATTENTION_COOPMAT_H

#include "clip.h"

/* Queries of a subgroup, which are also what may be read beyond the last query. */
#define ATTENTION_COOPMAT_ROWS 16
/* Keys of a step. */
#define ATTENTION_COOPMAT_KEYS 32

/* @ld: halves from row to row of q, k and v, a multiple of 16; @z_ld: of z; @causal: 0 or 1 */
struct AttentionCoopmatPush {
  CLIP_ADDRESS (ConstUvec4s) q;
  CLIP_ADDRESS (ConstUvec4s) k;
  CLIP_ADDRESS (ConstUvec4s) v;
  CLIP_ADDRESS (Half4s) z;
  uint32_t tokens;
  uint32_t ld;
  uint32_t z_ld;
  uint32_t causal;
};

#endif
