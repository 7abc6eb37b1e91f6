/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ATTEND_H
#define ATTEND_H

#include "clip.h"

/*
 * @q, @z: a row a sequence, q_ld and z_ld floats apart
 * @kv: a row a token, kv_ld floats apart: keys of all heads, then (heads * head_dim columns further) values
 * @head_dim: a multiple of 4, at most 128
 * The three strides are multiples of 4.
 */
struct AttendPush {
  CLIP_ADDRESS (ConstVec4s) q;
  CLIP_ADDRESS (ConstVec4s) kv;
  CLIP_ADDRESS (Floats) z;
  uint32_t tokens;
  uint32_t heads;
  uint32_t head_dim;
  uint32_t q_ld;
  uint32_t kv_ld;
  uint32_t z_ld;
};

#endif
