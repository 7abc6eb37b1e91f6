/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclippainter.h: draws results with pango and cairo, as rectangles that a
 * GstVideoOverlayComposition can hold.
 *
 * A GstClipPainter keeps what it drew last and returns it again while nothing has changed. Thread: one at a
 * time.
 */
#pragma once

#include <gst/video/video.h>
#include "gst-clip/element/gstclipenums.h"
#include "gst-clip/element/gstclipseen.h"

G_BEGIN_DECLS

/**
 * GstClipStyle:
 * @font: pango description; without a size that of the frame decides
 * @threshold: labels with lower scores are not drawn
 * @rejected: draw labels that were not accepted, dimmed
 * @bars, @scores: draw a bar for each label; its score as a number
 * @regions: draw boxes of regions
 * @max_labels: of one result
 */
typedef struct {
  gchar *font;
  GstClipCorner corner;
  gdouble threshold;
  gboolean rejected, bars, scores, regions;
  guint max_labels;
} GstClipStyle;

typedef struct _GstClipPainter GstClipPainter;

GstClipPainter *gst_clip_painter_new (void);
void gst_clip_painter_free (GstClipPainter *painter);

/**
 * gst_clip_painter_paint: (transfer full) (nullable): the composition of @all on a frame of @info's size
 * and pixel aspect ratio; NULL where nothing is to be seen.
 * @all: of GstClipSeen
 */
GstVideoOverlayComposition *gst_clip_painter_paint (GstClipPainter *painter, GPtrArray *all,
                                                    const GstClipStyle *style,
                                                    const GstVideoInfo *info);

G_END_DECLS
