/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipregions.h: the regions that others have marked on a buffer, and results attached to
 * them.
 */
#pragma once

#include <gst/video/video.h>
#include "gst-clip/element/gstclipenums.h"
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/**
 * GstClipRegionWishes: which regions are looked at.
 * @types: (nullable): of GQuark: only regions that are called so
 * @min_size: pixels of the shorter side, after clipping
 * @interval: ns of stream time for which a tracked region keeps its result; 0: none
 * @fit: how each becomes a square
 */
typedef struct {
  GstClipRegionMode mode;
  GArray *types;
  guint min_size;
  GstClockTime interval;
  ClipFit fit;
} GstClipRegionWishes;

void gst_clip_region_wishes_clear (GstClipRegionWishes *wishes);

/** gst_clip_region_types_parse: "person;car" to quarks. (transfer full) (nullable): NULL: no name in it */
GArray *gst_clip_region_types_parse (const gchar *text);

/**
 * gst_clip_regions_find: the whole frame, if it is wished, then each GstVideoRegionOfInterestMeta, then (built
 * with GStreamer >= 1.24) each GstAnalyticsODMtd, clipped to the frame; what is empty then is
 * left out.
 * @frame: the buffer's, its region is the whole frame
 * @too_many: (out): there are more than GST_CLIP_REGIONS_MAX, the rest is left out
 * Returns: (transfer full): of GstClipRegion
 */
GArray *gst_clip_regions_find (GstBuffer *buffer, const GstClipRegionWishes *wishes,
                               const GstClipFrameContext *frame, gboolean *too_many);

/** gst_clip_regions_clip: @box: x, y, width, height as a detector gives them; FALSE where nothing of
 * it lies in the frame. Fills in the place of @region. */
gboolean gst_clip_regions_clip (GstClipRegion *region, const gint64 box[4],
                                const GstClipFrameContext *frame);

/** gst_clip_regions_attach: accepted labels to @region of @buffer (writable): a GstAnalyticsClsMtd for the
 * frame and for an OD, a structure `classification` for a region of interest. */
void gst_clip_regions_attach (GstBuffer *buffer, const GstClipRegion *region,
                              const GstClipResult *result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GstClipRegionWishes, gst_clip_region_wishes_clear)

G_END_DECLS
