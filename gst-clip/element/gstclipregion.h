/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipregion.h: the part of a frame that a result is about.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  GST_CLIP_REGION_FRAME, /* all of it */
  GST_CLIP_REGION_ROI,   /* a GstVideoRegionOfInterestMeta */
  GST_CLIP_REGION_OD,    /* a GstAnalyticsODMtd */
} GstClipRegionKind;

/**
 * GstClipRegion: as in the fields of the structure `clipfilter`, see docs/elements.md.
 * @index: among the regions of this frame and kind
 * @id: the meta's own id, which need not be unique; -1 for the frame
 * @type: what the detector calls it; 0 for the frame and where it says nothing
 * @tracked: @tracking_id stays the same from frame to frame
 * @x, @y, @width, @height: pixels of the frame, inside it
 */
typedef struct {
  GstClipRegionKind kind;
  guint index;
  gint id;
  GQuark type;
  gboolean tracked;
  guint64 tracking_id;
  guint x, y, width, height;
} GstClipRegion;

G_END_DECLS
