/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipfilterattach.h: results onto a buffer: which of them belong to it, and to which of its
 * regions.
 */
#pragma once

#include "gst-clip/element/gstclipfilter.h"

G_BEGIN_DECLS

/**
 * gst_clip_filter_attach: where the property `attach-meta` wants it.
 * @buffer: writable
 * @regions: (nullable): array of GstClipRegion of this frame; NULL where only whole frames are encoded
 * @results: (nullable): array of GstClipResult, of this frame, or (@own FALSE) of an earlier one
 * @now: of this frame
 * Thread: streaming.
 */
void gst_clip_filter_attach (GstClipFilter *self, GstBuffer *buffer, const GArray *regions,
                             GPtrArray *results, gboolean own, const GstClipFrameContext *now);

G_END_DECLS
