/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SCORE_H
#define SCORE_H

#include "clip.h"

/* @prompts: P; @cols: C */
struct ScorePush {
  CLIP_ADDRESS (ConstVec4s) e;
  CLIP_ADDRESS (ConstVec4s) t;
  CLIP_ADDRESS (Floats) s;
  uint32_t prompts;
  uint32_t cols;
  uint32_t e_ld;
  uint32_t t_ld;
  uint32_t s_ld;
};

#endif
