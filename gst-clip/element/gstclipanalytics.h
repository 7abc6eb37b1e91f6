/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipanalytics.h: GstAnalyticsRelationMeta: detected objects read, accepted labels
 * attached as a GstAnalyticsClsMtd (built with GStreamer >= 1.24; elsewhere nothing happens).
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/** Id of the tensors that are embeddings. */
#define GST_CLIP_TENSOR_ID "clip-embedding"

#ifdef HAVE_ANALYTICS
/** gst_clip_analytics_find: appends each GstAnalyticsODMtd that lies in the frame, clipped to it. It is
 * tracked where a GstAnalyticsTrackingMtd is related to it, in either direction.
 * @regions: of GstClipRegion */
void gst_clip_analytics_find (GstBuffer *buffer, const GstClipFrameContext *frame, GArray *regions);

/** gst_clip_analytics_add: @buffer: writable; @region: of it: of the frame, or an OD, to which the Cls gets
 * the relations CONTAIN and RELATE_TO. No accepted label: no Cls. An embedding, where @result has one, goes as a
 * GstAnalyticsTensorMtd alike (>= 1.28), that of the frame also as a GstTensorMeta (>= 1.26). */
void gst_clip_analytics_add (GstBuffer *buffer, const GstClipRegion *region,
                             const GstClipResult *result);
#else
static inline void
gst_clip_analytics_find (GstBuffer *buffer, const GstClipFrameContext *frame, GArray *regions)
{
}

static inline void
gst_clip_analytics_add (GstBuffer *buffer, const GstClipRegion *region, const GstClipResult *result)
{
}
#endif

G_END_DECLS
