/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/preprocess_formats.h: how pixel formats lie in memory, which of a frame's bytes a region
 * needs, and copying those to staging memory. Host only. Thread: any.
 */
#pragma once

#include "gst-clip/kernels/preprocess.h"

G_BEGIN_DECLS

/** Words of convert.comp's parameter block, CONVERT_PARAMS there. */
#define CLIP_CONVERT_PARAMS 16

/** A region starts with a whole word of half a plane's bytes, and with a pair of rows. */
#define CLIP_REGION_ALIGN_X 8
#define CLIP_REGION_ALIGN_Y 2

/** ClipRegion: pixels [x0, x1) x [y0, y1) of a frame; @x0 and @y0 are aligned. */
typedef struct {
  guint32 x0, x1, y0, y1;
} ClipRegion;

/**
 * ClipStagedPlane: which units of a plane are copied where. A unit is the smallest run of bytes
 * that holds whole pixels.
 * @offset, @stride: bytes in staging memory, multiples of 16; a row's first copied unit goes to
 *   offset + row * stride + lead
 * @lead: bytes of a row before the first copied unit
 * @unit_bytes: bytes of a unit
 * @first_unit, @n_units, @first_row, @n_rows: what is copied; nothing else of the plane is read
 * @repeat_left, @repeat_right: the frame's edge: put one more copy of the outermost unit there
 */
typedef struct {
  gsize offset, stride, lead;
  guint32 unit_bytes;
  guint32 first_unit, n_units, first_row, n_rows;
  gboolean repeat_left, repeat_right;
} ClipStagedPlane;

/**
 * ClipStaging: the plan of a region's copy, and what convert.comp must know to read it.
 * @layout, @rows: constants of convert.comp
 * @chroma: bytes from the start of staging memory to the first and second chroma component at the
 *   region's first column, in the first staged row
 */
typedef struct {
  guint n_planes;
  ClipStagedPlane planes[3];
  gsize bytes;
  guint32 layout, rows;
  gsize chroma[2];
  guint32 params[CLIP_CONVERT_PARAMS];
} ClipStaging;

/** clip_format_align: (inout): rounds a place down to one where a frame of @format can be cut: whole
 * units, and all of the chroma that they share. */
void clip_format_align (ClipPixelFormat format, guint32 *x, guint32 *y);

/** clip_format_offset: the planes of what lies right of and below the aligned place (x, y). */
ClipFramePlanes clip_format_offset (ClipPixelFormat format, const ClipFramePlanes *planes,
                                    guint32 x, guint32 y);

/** clip_staging_plan: @region lies within the frame. */
void clip_staging_plan (ClipStaging *staging, const ClipFrameInfo *info, const ClipRegion *region);

/** clip_staging_copy: @to: staging->bytes bytes. Reads each needed byte of the frame once. */
void clip_staging_copy (const ClipStaging *staging, const ClipFramePlanes *planes, guint8 *to);

G_END_DECLS
