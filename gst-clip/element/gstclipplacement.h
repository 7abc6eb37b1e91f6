/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipplacement.h: where the labels of a region go. Geometry only.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** GstClipBox: a rectangle of the frame, in units of square pixels. */
typedef struct {
  gdouble x, y, width, height;
} GstClipBox;

/**
 * gst_clip_place_beside: moves @panel, whose width and height are set, to the first of these places that is in
 * the frame and free: above @region, below it, inside at its bottom, inside at its top. Where all are taken
 * it is the first that is in the frame; the last resort is the upper edge. Starts at the region's left edge,
 * or further left where it would stick out of the frame.
 * @region: of the frame
 * @taken: of GstClipBox: panels that were placed before
 */
void gst_clip_place_beside (GstClipBox *panel, const GstClipBox *region, gdouble frame_width,
                            gdouble frame_height, const GArray *taken);

G_END_DECLS
