/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/common/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#ifdef CLIP_TEST_HAVE_PNG
#include <png.h>
#endif
#ifdef CLIP_TEST_HAVE_JPEG
#include <jpeglib.h>
#endif

static gboolean
is_png (const gchar *path)
{
  return g_str_has_suffix (path, ".png");
}

static ClipTestImage *
image_new (guint width, guint height, guint channels)
{
  ClipTestImage *image = g_new0 (ClipTestImage, 1);
  image->width = width;
  image->height = height;
  image->channels = channels;
  image->pixels = g_malloc ((gsize)width * height * channels);
  return image;
}

#ifdef CLIP_TEST_HAVE_PNG
static ClipTestImage *
load_png (FILE *file)
{
  ClipTestImage *volatile image = NULL;
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct (png);

  if (setjmp (png_jmpbuf (png))) {
    clip_test_image_free (image);
    image = NULL;
  } else {
    png_init_io (png, file);
    png_read_png (png, info,
                  PNG_TRANSFORM_EXPAND | PNG_TRANSFORM_STRIP_16 | PNG_TRANSFORM_STRIP_ALPHA, NULL);
    guint channels = png_get_channels (png, info);
    png_bytepp rows = png_get_rows (png, info);
    image = image_new (png_get_image_width (png, info), png_get_image_height (png, info), channels);
    gsize row_bytes = (gsize)image->width * channels;
    for (guint y = 0; y < image->height; y++)
      memcpy (image->pixels + y * row_bytes, rows[y], row_bytes);
  }
  png_destroy_read_struct (&png, &info, NULL);
  return image;
}
#else
static ClipTestImage *
load_png (FILE *file)
{
  return NULL;
}
#endif

#ifdef CLIP_TEST_HAVE_JPEG
typedef struct {
  struct jpeg_error_mgr mgr;
  jmp_buf jump;
} JpegError;

static void
on_jpeg_error (j_common_ptr jpeg)
{
  longjmp (((JpegError *)jpeg->err)->jump, 1);
}

static ClipTestImage *
load_jpeg (FILE *file)
{
  ClipTestImage *volatile image = NULL;
  struct jpeg_decompress_struct jpeg;
  JpegError err;

  jpeg.err = jpeg_std_error (&err.mgr);
  err.mgr.error_exit = on_jpeg_error;
  jpeg_create_decompress (&jpeg);
  if (setjmp (err.jump)) {
    clip_test_image_free (image);
    image = NULL;
  } else {
    jpeg_stdio_src (&jpeg, file);
    jpeg_read_header (&jpeg, TRUE);
    if (jpeg.jpeg_color_space != JCS_GRAYSCALE)
      jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress (&jpeg);
    image = image_new (jpeg.output_width, jpeg.output_height, jpeg.output_components);
    gsize row_bytes = (gsize)image->width * image->channels;
    while (jpeg.output_scanline < jpeg.output_height) {
      JSAMPROW row = image->pixels + jpeg.output_scanline * row_bytes;
      jpeg_read_scanlines (&jpeg, &row, 1);
    }
    jpeg_finish_decompress (&jpeg);
  }
  jpeg_destroy_decompress (&jpeg);
  return image;
}
#else
static ClipTestImage *
load_jpeg (FILE *file)
{
  return NULL;
}
#endif

gboolean
clip_test_image_supported (const gchar *path)
{
#ifdef CLIP_TEST_HAVE_PNG
  if (is_png (path))
    return TRUE;
#endif
#ifdef CLIP_TEST_HAVE_JPEG
  if (!is_png (path))
    return TRUE;
#endif
  return FALSE;
}

ClipTestImage *
clip_test_image_load (const gchar *path, GError **error)
{
  FILE *file = fopen (path, "rb");
  ClipTestImage *image = NULL;

  if (file) {
    image = is_png (path) ? load_png (file) : load_jpeg (file);
    fclose (file);
  }
  if (!image)
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: cannot be read as a picture", path);
  return image;
}

ClipTestImage *
clip_test_image_to_rgb (const ClipTestImage *image)
{
  ClipTestImage *rgb = image_new (image->width, image->height, 3);
  guint step = image->channels == 3 ? 1 : 0;
  for (gsize i = 0; i < (gsize)image->width * image->height; i++)
    for (guint c = 0; c < 3; c++)
      rgb->pixels[3 * i + c] = image->pixels[image->channels * i + step * c];
  return rgb;
}

void
clip_test_image_free (ClipTestImage *image)
{
  if (!image)
    return;
  g_free (image->pixels);
  g_free (image);
}
