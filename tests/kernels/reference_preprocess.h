/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/kernels/reference_preprocess.h: preprocessing in plain C, one pixel after the other,
 * from the formulas of docs/kernels.md. Shares no code with gst-clip/kernels/.
 */
#pragma once

#include "gst-clip/kernels/preprocess.h"

G_BEGIN_DECLS

/**
 * RefPlane: what a plane of a frame needs.
 * @row_bytes: bytes of a row that hold pixels (whole units: 4 bytes for two pixels of YUY2, 16
 *   for six of v210)
 */
typedef struct {
  guint32 row_bytes, rows;
} RefPlane;

/** ref_planes: Returns: how many planes @info's frames have. */
guint ref_planes (const ClipFrameInfo *info, RefPlane planes[3]);

/** ref_convert: @rgb: uint8[height][width][3], by the integer formula. */
void ref_convert (const ClipFrameInfo *info, const ClipFramePlanes *planes, guint8 *rgb);

/** ref_convert_double: the same in floating point, not rounded, clamped to 0 .. 255. YUV only. */
void ref_convert_double (const ClipFrameInfo *info, const ClipFramePlanes *planes, double *rgb);

/** ref_resize: PIL's Image.resize(). Returns: (transfer full): uint8[to_height][to_width][3]. */
guint8 *ref_resize (const guint8 *rgb, guint32 width, guint32 height, guint32 to_width,
                    guint32 to_height, ClipResizeFilter filter);

/**
 * ref_preprocess: @rect: (nullable): of the frame.
 * The rectangle is cut out as if it were a frame of its own. Where it does not begin with a whole group of
 * pixels (two where chroma is subsampled, six in v210), the cut begins with the group, and the pixels
 * before the rectangle are dropped after conversion.
 * Returns: (transfer full): uint8[crop][crop][3].
 */
guint8 *ref_preprocess (const ClipPreprocessSpec *spec, const ClipFrameInfo *info,
                        const ClipFramePlanes *planes, const ClipRect *rect);

G_END_DECLS
