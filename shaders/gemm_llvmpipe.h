/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_llvmpipe.h: what gemm_straight.comp and gemm_loop.comp take; docs/kernels.md draws it.
 */
#ifndef GEMM_LLVMPIPE_H
#define GEMM_LLVMPIPE_H

#include "clip.h"

/* Rows and columns of a tile: 5 x 16 sums, two weights and a value fill 16 vector registers. */
#define GEMM_TILE_ROWS 5
#define GEMM_PANEL 16

/* Steps of k that the scales of int8 weights take behind each panel: 16 floats. */
#define GEMM_SCALE_STEPS 4

/* Rows of one dispatch, for `last_row`: a multiple of 5 and 16. */
#define GEMM_MAX_ROWS 4080

/* row / width, for the width of a picture, as row * factor >> this: exact where the host says so. */
#define GEMM_LINE_SHIFT 18

/* Bits of the flags; the low ones hold CLIP_ACTIVATION_ID_*. */
#define GEMM_ACTIVATION_MASK 3u
#define GEMM_HAS_BIAS 4u
#define GEMM_HAS_RESIDUAL 8u
#define GEMM_RELU 32u
#define GEMM_LANES_APART 16u /* of c: columns are 16 floats apart, rows (within 16) neighbours */

/* Specialisation constant 3: what the epilogue can do. */
#define GEMM_ACTIVATES_NEVER 0
#define GEMM_ACTIVATES_SIGMOID 1 /* none, quick_gelu or gelu_tanh, by the flags */
#define GEMM_ACTIVATES_GELU 2

/*
 * Batched: c[z] = act (a[z] w[z] + bias) + residual. Many sizes share a word, because 128 bytes
 * are all that a driver promises: (low half, high half) below, and where they count several
 * floats "by 4".
 * Addresses are plain 64 bits, for place() in gemm_llvmpipe.glsl.
 * @bias: any readable address where the flag is not set; @residual: then rows of something readable
 *   instead, whose values do not count
 * @ld: (a, residual), by 4: from row to row
 * @c_row: (by 16, by 256): from row to row within 16 rows, and from 16 rows to the next
 * @panel: (c by 16, w by 16): from panel to panel of c in floats, of w in weights; where a row of a is
 *   several pieces (LINES), the first is from piece to piece, and panels of c are neighbours
 * @last_row: of a in bits 0 .. 11, of c in bits 12 .. 23: rows beyond are computed from the one
 *   and stored on the other, always the same values; flags in bits 24 .. 31
 * @step: (a, w), by 16: from z to z, of w in words; not batched: (of pictures 2^GEMM_LINE_SHIFT over their width, rounded
 *   up, else 0; step of k that w begins with)
 * @c_step: (by 16: from z to z of c; not batched: rows of c that are left out behind a line of a picture),
 *   (CHUNKS for gemm_loop.comp, the last panel for gemm_straight.comp)
 */
struct GemmLlvmpipePush {
  CLIP_ADDRESS (Address) a;
  CLIP_ADDRESS (Address) w;
  CLIP_ADDRESS (Address) bias;
  CLIP_ADDRESS (Address) residual;
  CLIP_ADDRESS (Floats) c;
  uint32_t ld;
  uint32_t c_row;
  uint32_t panel;
  uint32_t last_row;
  uint32_t step;
  uint32_t c_step;
  CLIP_NIBBLES;
};

#endif
