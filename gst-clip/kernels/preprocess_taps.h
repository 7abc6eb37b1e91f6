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
 * ClipTapsShape: one pass of a resize. Without padding, so that it may be compared byte by byte.
 * @in_size: samples of the picture's row or column
 * @out_size: samples after the resize; equal to @in_size, the pass copies
 * @lead: samples that lie in memory before the picture's first one, and are none of it
 * @crop_first, @crop_size: the outputs that are kept; those outside 0 .. out_size are black
 * @align: a power of two; ClipTaps.origin becomes a multiple of it
 * @filter: a ClipResizeFilter
 * @few_counts: ClipTaps.n_taps is one of a handful of numbers while it is below a hundred: where code is
 *   compiled for it, and sizes change with every frame
 */
typedef struct {
  guint32 in_size, out_size, lead;
  gint32 crop_first;
  guint32 crop_size, align, filter, few_counts;
} ClipTapsShape;

/**
 * ClipTaps: one pass of a resize, cut down to the outputs that the crop keeps. Immutable and
 * reference counted. Places of samples count from @lead samples before the picture.
 * @n: outputs (the crop's side)
 * @n_taps: weights an output, a multiple of 8; those without a sample are 0
 * @first, @end: the source samples that any output reads: [first, end)
 * @origin: @first rounded down as the shape asks; all positions below count from it
 * @scale, @bias, @last: output o reads the samples origin + s .. s + n_taps - 1, where
 *   s = clamp ((o * scale + bias) >> CLIP_TAPS_START_BITS, 0, last), arithmetic shift. A formula
 *   and not a table, because a shader must know addresses before it loads (shaders/llvmpipe.glsl).
 *   It may start a sample or two early (@lead more at the edge); the weights there are 0.
 * @weights: (array): [n][n_taps], CLIP_TAPS_PRECISION fraction bits
 */
typedef struct {
  gatomicrefcount refs;
  ClipTapsShape shape;
  guint32 n, n_taps;
  guint32 first, end, origin;
  guint32 scale, last;
  gint32 bias;
  gint32 *weights;
} ClipTaps;

/** clip_taps_new: at least one output is not black. (transfer full) */
ClipTaps *clip_taps_new (const ClipTapsShape *shape);
ClipTaps *clip_taps_ref (ClipTaps *taps);
void clip_taps_unref (ClipTaps *taps);

/** Numbers that @few_counts allows for below a hundred. */
#define CLIP_TAPS_FEW 6

/** clip_taps_few_side: length of a side that takes the @i-th of these numbers, from 0, when @edge pixels are
 * made of it. */
guint32 clip_taps_few_side (ClipResizeFilter filter, guint32 edge, guint i);

/** clip_taps_start: where output @o starts to read, counted from @origin. */
guint32 clip_taps_start (const ClipTaps *taps, guint32 o);

/**
 * clip_resize_size:
 * @width, @height: (out): size of the whole picture after resizing, before the crop
 * Returns: FALSE when that is absurd (above 2^24, or smaller than the crop without black being added).
 *
 * CLIP_RESIZE_SHORTEST_EDGE: the shorter edge becomes resize_edge, the other
 * floor (resize_edge * longer / shorter). CLIP_RESIZE_LONGEST_EDGE: the longer edge becomes resize_edge, the
 * other round (shorter / (longer / resize_edge)), half to even, at least 1. With pixels that are not square the width that
 * counts is width * par_n / par_d, not rounded.
 */
gboolean clip_resize_size (const ClipPreprocessSpec *spec, const ClipFrameInfo *info,
                           guint32 *width, guint32 *height);

/** clip_crop_first: first kept sample when @crop of @size are kept in the middle. Negative: so many
 * are added there; where the number of all that are added is odd, one more at the end. */
gint32 clip_crop_first (ClipCropRounding rounding, guint32 size, guint32 crop);

/**
 * ClipTapsCache: taps that were computed before: boxes of detectors change in every frame and come back.
 * Holds a few MiB. Thread: any.
 */
typedef struct _ClipTapsCache ClipTapsCache;

ClipTapsCache *clip_taps_cache_new (void);
void clip_taps_cache_free (ClipTapsCache *cache);
/** clip_taps_cache_get: (transfer full) */
ClipTaps *clip_taps_cache_get (ClipTapsCache *cache, const ClipTapsShape *shape);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTaps, clip_taps_unref)

G_END_DECLS
