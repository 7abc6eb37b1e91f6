/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ATTENTION_SHARED_H
#define ATTENTION_SHARED_H

#include "clip.h"

/* @ld: floats from row to row of q, k and v; @causal: 0 or 1 */
struct AttentionSharedPush {
  CLIP_ADDRESS (ConstVec4s) q;
  CLIP_ADDRESS (ConstVec4s) k;
  CLIP_ADDRESS (ConstVec4s) v;
  CLIP_ADDRESS (Vec4s) z;
  uint32_t tokens;
  uint32_t ld;
  uint32_t z_ld;
  uint32_t causal;
};

#endif
