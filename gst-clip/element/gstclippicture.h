/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclippicture.h: reference pictures of prompts (`image:PATH`), decoded by whatever
 * GStreamer has for them, so that they go the way of a frame.
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

/**
 * gst_clip_picture_read: a ClipPictureReader: the first picture of a file, upright by its orientation
 * tag. What the engine reads stays in its format, the rest becomes RGB; alpha is ignored.
 * Blocks for at most half a minute; leaves soon when cancelled. Thread: any.
 */
gboolean gst_clip_picture_read (const gchar *path, const ClipCancel *cancel, ClipPicture *picture,
                                GError **error);

G_END_DECLS
