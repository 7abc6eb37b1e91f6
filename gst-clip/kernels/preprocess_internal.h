/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What preprocess.c plans and preprocess_record.c records. */
#pragma once

#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/preprocess_formats.h"
#include "gst-clip/kernels/preprocess_taps.h"

#include "shaders/convert.h"
#include "shaders/resize.h"

G_BEGIN_DECLS

/* Lanes of a subgroup of the variants for llvmpipe, and of workgroups there. */
#define LANES_LLVMPIPE  8
#define CONVERT_COLUMNS (CONVERT_ACROSS * LANES_LLVMPIPE * CONVERT_PIXELS)
#define CONVERT_ROWS    (CONVERT_DOWN * CONVERT_PAIR)
#define RESIZE_LANES    (RESIZE_SUBGROUPS * RESIZE_BLOCK)

/*
 * What recordings depend on.
 * @width, @height: the frame that is left when what lies above and left of an aligned place, and what
 *   lies below and right of the rectangle, is cut off
 * @left, @top: where in that the rectangle begins: 0 but where a place is not aligned
 */
typedef struct {
  guint32 width, height, left, top;
  guint32 resize, resize_edge;
} ClipPreprocessShape;

/*
 * @spec: with the resize that is asked for now
 * @info: of whole frames
 * @shape: all zero: nothing can be loaded
 * @x, @y: the aligned place
 * @movable: there has been a rectangle, and there will be others: buffers have room to spare, tables
 *   are written through their mapping, and few pipelines serve all sizes
 * @staged: the needed bytes of the frame
 * @pixels: a strip of the region as RGB8
 * @rows: the same after the horizontal pass
 * @pixel_stride, @row_stride: their words from row to row, or (llvmpipe) from block to block of
 *   RESIZE_BLOCK rows and columns, see resize.comp
 * @strip: rows that are converted and resized across at a time, in llvmpipe a multiple of
 *   RESIZE_LANES
 * @tables: words: parameters of convert.comp, taps of the horizontal pass, places of patches (rows,
 *   then columns), taps of the vertical pass; the members below are where taps and places begin
 */
struct _ClipPreprocess {
  ClipKernels *kernels;
  ClipPreprocessSpec spec;
  ClipFrameInfo info;
  ClipPreprocessShape shape;
  guint32 x, y;
  gboolean movable;
  ClipStaging staging;
  ClipRegion region;
  ClipTaps *across, *down;
  ClipGpuBuffer *staged, *pixels, *rows, *tables;
  guint32 pixel_stride, row_stride, strip;
  gsize across_at, places_at;
};

G_END_DECLS
