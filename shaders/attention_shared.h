/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ATTENTION_SHARED_H
#define ATTENTION_SHARED_H

#include "clip.h"

#ifdef CLIP_HALF
#define ATTENTION_SHARED_IN  ConstHalf4s
#define ATTENTION_SHARED_OUT Half4s
#else
#define ATTENTION_SHARED_IN  ConstVec4s
#define ATTENTION_SHARED_OUT Vec4s
#endif

/* @ld, @z_ld: values from row to row of q, k and v, and of z; @causal: 0 or 1 */
struct AttentionSharedPush {
  CLIP_ADDRESS (ATTENTION_SHARED_IN) q;
  CLIP_ADDRESS (ATTENTION_SHARED_IN) k;
  CLIP_ADDRESS (ATTENTION_SHARED_IN) v;
  CLIP_ADDRESS (ATTENTION_SHARED_OUT) z;
  uint32_t tokens;
  uint32_t ld;
  uint32_t z_ld;
  uint32_t causal;
};

#endif
