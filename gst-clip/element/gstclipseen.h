/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipseen.h: what a buffer's metadata says of its picture, read back for drawing: from
 * GstClipLabels, or else from GstAnalyticsClsMtd, whoever attached them.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/** GstClipSeenLabel: @text: valid UTF-8, owned by the GstClipSeen. */
typedef struct {
  const gchar *text;
  gdouble score; /* 0..1 */
  gboolean accepted;
} GstClipSeenLabel;

/**
 * GstClipSeen: one result.
 * @source: (nullable): name of the element it is from, where that is known
 * @whole: of the whole frame; otherwise of the rectangle @x, @y, @width, @height, in fractions of the
 *   frame's width and height, because a frame may have been scaled since
 * @labels: best first
 */
typedef struct {
  gchar *source;
  gboolean whole;
  gdouble x, y, width, height;
  GArray *labels; /* of GstClipSeenLabel */
} GstClipSeen;

/**
 * gst_clip_seen_read: (transfer container): array of GstClipSeen, in the order of the metadata; empty
 * where there is none. What is not as docs/elements.md has it is left out.
 * @frame_width, @frame_height: of the buffer's picture, for metadata whose coordinates follow it
 */
GPtrArray *gst_clip_seen_read (GstBuffer *buffer, guint frame_width, guint frame_height);

G_END_DECLS
