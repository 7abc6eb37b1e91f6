/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipanalytics.h: accepted labels as a GstAnalyticsClsMtd (built with
 * GStreamer >= 1.24; elsewhere nothing happens).
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/** gst_clip_analytics_add: @buffer: writable. No accepted label: no Cls. */
#ifdef HAVE_ANALYTICS
void gst_clip_analytics_add (GstBuffer *buffer, const GstClipResult *result);
#else
static inline void
gst_clip_analytics_add (GstBuffer *buffer, const GstClipResult *result)
{
}
#endif

G_END_DECLS
