/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipturn.h: turning and mirroring of RGB pictures.
 */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

/**
 * gst_clip_turn: @turn: one of the eight that a tag can mean.
 * @buffer: RGB as @info says
 * @turned: (out): what the result is like; its pixel aspect ratio is turned as well
 * Returns: (transfer full) (nullable): NULL where @buffer cannot be mapped.
 */
GstBuffer *gst_clip_turn (GstBuffer *buffer, const GstVideoInfo *info,
                          GstVideoOrientationMethod turn, GstVideoInfo *turned);

G_END_DECLS
