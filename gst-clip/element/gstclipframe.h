/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipframe.h: from GStreamer's video frames to the engine's.
 */
#pragma once

#include <gst/video/video.h>
#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

/** gst_clip_frame_caps: what both pads take: every format that preprocessing reads, in system
 * memory, with and without meta:GstVideoOverlayComposition. (transfer full) */
GstCaps *gst_clip_frame_caps (void);

/** gst_clip_frame_info_from_video: FALSE when the format is none of gst_clip_frame_caps(). */
gboolean gst_clip_frame_info_from_video (const GstVideoInfo *video, ClipFrameInfo *info);

/** gst_clip_frame_load: maps @buffer for reading only and copies the pixels that the @n @jobs need;
 * no reference is kept. FALSE when it cannot be mapped as @video. */
gboolean gst_clip_frame_load (ClipJob *const *jobs, guint n, GstBuffer *buffer,
                              const GstVideoInfo *video);

G_END_DECLS
