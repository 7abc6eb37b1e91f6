/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclippicturefile.h: what decoders do not tell of a picture: that its file is cut off (pngdec
 * and jpegdec then give what they have, or memory as it was), and which way up a JPEG is (they leave that
 * to jpegparse, which not every installation has).
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/** Wider or higher pictures are refused. */
#define GST_CLIP_PICTURE_MAX_SIDE  16384
#define GST_CLIP_PICTURE_TOO_LARGE "the picture has more than 16384 columns or rows"

/**
 * gst_clip_picture_file_check: that @path is a file, as far as PNG and JPEG go whole and not too
 * large, and how it is turned.
 * @orientation: (out) (transfer full) (nullable): as GST_TAG_IMAGE_ORIENTATION; NULL where the file is
 *   no JPEG or does not say
 * Errors: CLIP_PROMPTS_ERROR_FILE, with the path.
 */
gboolean gst_clip_picture_file_check (const gchar *path, gchar **orientation, GError **error);

G_END_DECLS
