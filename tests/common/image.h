/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/common/image.h: reads PNG and JPEG pictures, for tests.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ClipTestImage: 8 bits a channel, rows without padding.
 * @channels: 1 gray, 3 RGB; alpha is dropped, palettes are expanded, no colour management
 */
typedef struct {
  guint width, height, channels;
  guint8 *pixels;
} ClipTestImage;

/** clip_test_image_supported: FALSE when the tests were built without the library for the
 * kind of picture that @path's extension says: skip the test. */
gboolean clip_test_image_supported (const gchar *path);

/** clip_test_image_load: @path ends in .png, .jpg or .jpeg. Errors: G_FILE_ERROR. */
ClipTestImage *clip_test_image_load (const gchar *path, GError **error);

/** clip_test_image_to_rgb: a copy with three channels (gray is repeated). */
ClipTestImage *clip_test_image_to_rgb (const ClipTestImage *image);
void clip_test_image_free (ClipTestImage *image);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTestImage, clip_test_image_free)

G_END_DECLS
