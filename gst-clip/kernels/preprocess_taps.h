/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/preprocess_taps.h: sizes and filter taps of a resize, as PIL computes them.
 * Plain arithmetic on the host; no GPU. Thread: any.
 */
#pragma once

#include "gst-clip/kernels/preprocess.h"

G_BEGIN_DECLS

/** Fraction bits of a weight: 32 - 8 - 2, so that 255 times the sum of |w| stays in 32 bits. */
#define CLIP_TAPS_PRECISION 22
/** Fraction bits of ClipTaps.scale and .bias. */
#define CLIP_TAPS_START_BITS 15

/**
 * ClipTaps: one pass of a resize, cut down to the outputs that the crop keeps.
 * @n: outputs (the crop's side)
 * @n_taps: weights an output, a multiple of 8; those without a sample are 0
 * @first, @end: the source samples that any output reads: [first, end)
 * @origin: @first rounded down as the caller asked; all positions below count from it
 * @scale, @bias: output o reads the samples origin + s .. s + n_taps - 1, where
 *   s = max (0, (o * scale + bias) >> CLIP_TAPS_START_BITS), arithmetic shift. A formula and
 *   not a table, because a shader must know addresses before it loads (shaders/llvmpipe.glsl).
 *   It may start a sample or two early; the weights there are 0.
 * @weights: (array): [n][n_taps], CLIP_TAPS_PRECISION fraction bits
 */
typedef struct {
  guint32 n, n_taps;
  guint32 first, end, origin;
  guint32 scale;
  gint32 bias;
  gint32 *weights;
} ClipTaps;

/**
 * clip_taps_init:
 * @in_size: samples in the source row or column
 * @out_size: samples after the resize; equal to @in_size, the pass copies
 * @crop_first, @crop_size: the outputs that are kept, within 0 .. out_size
 * @align: a power of two; @origin becomes a multiple of it
 */
void clip_taps_init (ClipTaps *taps, guint32 in_size, guint32 out_size, guint32 crop_first,
                     guint32 crop_size, ClipResizeFilter filter, guint32 align);
void clip_taps_clear (ClipTaps *taps);

/** clip_taps_start: where output @o starts to read, counted from @origin. */
guint32 clip_taps_start (const ClipTaps *taps, guint32 o);

/**
 * clip_resize_size:
 * @width, @height: (out): size of the whole picture after resizing, before the crop
 * Returns: FALSE when that is absurd (above 2^24, or smaller than the crop).
 *
 * CLIP_RESIZE_SHORTEST_EDGE: the shorter edge becomes resize_edge, the other
 * floor (resize_edge * longer / shorter). With pixels that are not square the width that
 * counts is width * par_n / par_d, not rounded.
 */
gboolean clip_resize_size (const ClipPreprocessSpec *spec, const ClipFrameInfo *info,
                           guint32 *width, guint32 *height);

/** clip_crop_first: first kept sample when @crop of @size are kept in the middle. */
guint32 clip_crop_first (ClipCropRounding rounding, guint32 size, guint32 crop);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ClipTaps, clip_taps_clear)

G_END_DECLS
