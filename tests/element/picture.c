/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reference pictures: files of several kinds, ways up and sizes, and what is none. */
#include "gst-clip/element/gstclippicture.h"
#include "tests/element/stage.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static gchar *folder;

static gchar *
in_folder (const gchar *name)
{
  return g_build_filename (folder, name, NULL);
}

static gboolean
have (const gchar *element)
{
  g_autoptr (GstElementFactory) factory = gst_element_factory_find (element);
  return factory != NULL;
}

static void
run (GstElement *pipeline)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

static GstPadProbeReturn
draw_corner (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

  for (guint y = 0; y < 16; y++)
    gst_buffer_memset (buffer, y * 80, 255, 16);
  GST_BUFFER_PTS (buffer) = 0;
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  return GST_PAD_PROBE_OK;
}

/* A picture by GStreamer's own encoders. */
static void
write_picture (const gchar *path, const gchar *caps, const gchar *encoder)
{
  g_autofree gchar *line = g_strdup_printf (
      "videotestsrc num-buffers=1 ! video/x-raw,%s ! %s ! filesink name=sink", caps, encoder);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");

  g_object_set (sink, "location", path, NULL);
  run (pipeline);
}

static void
read_ok (const gchar *path, ClipPicture *picture)
{
  g_autoptr (GError) error = NULL;

  memset (picture, 0, sizeof *picture);
  gst_clip_picture_read (path, NULL, picture, &error);
  g_assert_no_error (error);
  g_assert_nonnull (picture->release);
}

static void
read_fails (const gchar *path, const gchar *part)
{
  g_autoptr (GError) error = NULL;
  ClipPicture picture;

  g_assert_false (gst_clip_picture_read (path, NULL, &picture, &error));
  g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, part));
}

static void
write_file (const gchar *path, gconstpointer data, gsize size)
{
  g_assert_true (g_file_set_contents (path, data, size, NULL));
}

/* The colour at a place of an RGB picture. */
static guint
pixel (const ClipPicture *picture, guint x, guint y)
{
  const guint8 *p = picture->planes.data[0] + (gssize)picture->planes.stride[0] * y + 3 * x;

  g_assert_cmpint (picture->info.format, ==, CLIP_PIXEL_RGB);
  return p[0] << 16 | p[1] << 8 | p[2];
}

/* In the format that the decoder gives, whatever the path is made of. */
static void
test_files (void)
{
  static const struct {
    const gchar *name, *caps, *encoder;
    ClipPixelFormat format;
  } files[] = {
    { "plain.png", "format=RGB,width=40,height=30", "pngenc", CLIP_PIXEL_RGB },
    { "grey.png", "format=GRAY8,width=40,height=30", "pngenc", CLIP_PIXEL_GRAY8 },
    { "deep.png", "format=GRAY16_BE,width=40,height=30", "pngenc", CLIP_PIXEL_RGB },
    { "photo.jpg", "format=I420,width=40,height=30", "jpegenc", CLIP_PIXEL_I420 },
    { "= ; | @ %20 \"Ü\" '猫'\\.png", "format=RGBA,width=40,height=30", "pngenc", CLIP_PIXEL_RGBX },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *path = in_folder (files[i].name);
    ClipPicture picture;
    if (!have (files[i].encoder)) {
      g_test_skip ("no encoder of pictures");
      continue;
    }
    write_picture (path, files[i].caps, files[i].encoder);
    read_ok (path, &picture);
    g_test_message ("%s", files[i].name);
    g_assert_cmpint (picture.info.format, ==, files[i].format);
    g_assert_cmpuint (picture.info.width, ==, 40);
    g_assert_cmpuint (picture.info.height, ==, 30);
    g_assert_cmpuint (picture.info.par_n, ==, picture.info.par_d);
    picture.release (picture.owner);
    g_unlink (path);
  }
}

/* A JPEG with Exif's orientation (tag 0x112) behind its first marker. */
static void
write_turned (const gchar *path, const gchar *plain, guint8 orientation)
{
  const guint8 exif[] = { 0xff, 0xe1, 0, 34, 'E', 'x',         'i', 'f', 0,    0,    'M', 'M',
                          0,    42,   0, 0,  0,   8,           0,   1,   0x01, 0x12, 0,   3,
                          0,    0,    0, 1,  0,   orientation, 0,   0,   0,    0,    0,   0 };
  g_autofree gchar *data = NULL;
  gsize size;

  G_STATIC_ASSERT (sizeof exif == 36);
  g_assert_true (g_file_get_contents (plain, &data, &size, NULL));
  g_autoptr (GByteArray) all = g_byte_array_new ();
  g_byte_array_append (all, (guint8 *)data, 2);
  g_byte_array_append (all, exif, sizeof exif);
  g_byte_array_append (all, (guint8 *)data + 2, size - 2);
  write_file (path, all->data, all->len);
}

/* Black but for a white box at the upper left. */
static void
write_corner (const gchar *path)
{
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "fakesrc name=source num-buffers=1 sizetype=fixed filltype=zero sizemax=3840 ! "
      "video/x-raw,format=GRAY8,width=80,height=48,framerate=1/1 ! jpegenc quality=100 ! filesink "
      "name=sink",
      NULL);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstElement) source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (source, "src");

  g_object_set (sink, "location", path, NULL);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, draw_corner, NULL, NULL);
  run (pipeline);
}

/* Where the upper left corner of the picture in the file is when it is upright, by the table of
 * orientations in Exif 2.32, 4.6.4: row 0 and column 0 are seen top left, top right, bottom right,
 * bottom left, left top, right top, right bottom, left bottom. */
static void
test_orientation (void)
{
  static const struct {
    gboolean swap, right, bottom;
  } ways[] = { { 0, 0, 0 }, { 0, 1, 0 }, { 0, 1, 1 }, { 0, 0, 1 },
               { 1, 0, 0 }, { 1, 1, 0 }, { 1, 1, 1 }, { 1, 0, 1 } };
  g_autofree gchar *plain = in_folder ("plain.jpg"), *turned = in_folder ("turned.jpg");

  if (!have ("jpegenc")) {
    g_test_skip ("no encoder of pictures");
    return;
  }
  write_corner (plain);
  for (guint8 o = 1; o <= 8; o++) {
    ClipPicture picture;
    write_turned (turned, plain, o);
    read_ok (turned, &picture);
    g_test_message ("%u", o);
    g_assert_cmpuint (picture.info.width, ==, ways[o - 1].swap ? 48 : 80);
    g_assert_cmpuint (picture.info.height, ==, ways[o - 1].swap ? 80 : 48);
    if (o > 1) {
      const guint x = ways[o - 1].right ? picture.info.width - 5 : 4;
      const guint y = ways[o - 1].bottom ? picture.info.height - 5 : 4;
      for (guint corner = 0; corner < 4; corner++) {
        const guint cx = corner & 1 ? picture.info.width - 1 - x : x;
        const guint cy = corner & 2 ? picture.info.height - 1 - y : y;
        g_assert_cmpint (corner == 0, ==, pixel (&picture, cx, cy) > 0xf0f0f0);
      }
    }
    picture.release (picture.owner);
  }
  g_unlink (plain);
  g_unlink (turned);
}

static void
test_bad_files (void)
{
  g_autofree gchar *missing = in_folder ("missing.png"), *text = in_folder ("text.png");
  g_autofree gchar *empty = in_folder ("empty.png"), *fifo = in_folder ("fifo.png");
  g_autofree gchar *cut = in_folder ("cut.png"), *noise = in_folder ("noise.jpg");
  guint8 bytes[1000];
  gsize size;

  read_fails (missing, "No such file");
  read_fails ("~/picture.png", "~ is the shell's");
  read_fails (folder, "not a file");
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  read_fails (fifo, "not a file");
  write_file (empty, "", 0);
  read_fails (empty, "empty");
  write_file (text, "this is no picture\n", 19);
  read_fails (text, "not a picture");
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = i * 37;
  write_file (noise, bytes, sizeof bytes);
  read_fails (noise, "");
  if (have ("pngenc")) {
    g_autofree gchar *data = NULL;
    write_picture (cut, "format=RGB,width=40,height=30", "pngenc");
    g_assert_true (g_file_get_contents (cut, &data, NULL, NULL));
    write_file (cut, data, 60);
    read_fails (cut, "cut off");
    write_picture (cut, "format=I420,width=40,height=30", "jpegenc");
    g_free (data);
    g_assert_true (g_file_get_contents (cut, &data, &size, NULL));
    write_file (cut, data, size - 2);
    read_fails (cut, "cut off");
    g_unlink (cut);
  }
  g_unlink (fifo);
  g_unlink (empty);
  g_unlink (text);
  g_unlink (noise);
}

/* The header of a picture that nobody has the memory for: told before it is allocated. */
static void
test_huge (void)
{
  /* IHDR of 40000 x 40000, an IDAT with nothing in it, IEND */
  guint8 png[] = { 0x89, 'P', 'N', 'G', 13,  10,   26,   10,   0,    0, 0,    13,
                   'I',  'H', 'D', 'R', 0,   0,    0x9c, 0x40, 0,    0, 0x9c, 0x40,
                   8,    2,   0,   0,   0,   0,    0,    0,    0,    0, 0,    0,
                   0,    'I', 'D', 'A', 'T', 0x35, 0xaf, 0x06, 0x1e, 0, 0,    0,
                   0,    'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82 };
  g_autofree gchar *path = in_folder ("huge.png");
  guint32 crc = 0xffffffff;

  if (!have ("pngdec")) {
    g_test_skip ("no decoder of pictures");
    return;
  }
  for (guint i = 12; i < 29; i++) { /* CRC-32 of type and data, as in PNG's annex D */
    crc ^= png[i];
    for (guint bit = 0; bit < 8; bit++)
      crc = crc & 1 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
  }
  const guint32 end = GUINT32_TO_BE (~crc);
  memcpy (png + 29, &end, sizeof end); /* at an odd address */
  write_file (path, png, sizeof png);
  read_fails (path, "more than 16384");
  g_unlink (path);
}

static void
test_cancel (void)
{
  g_autofree gchar *path = in_folder ("cancelled.txt");
  g_autoptr (GError) error = NULL;
  ClipCancel cancel = 1;
  ClipPicture picture;

  write_file (path, "something", 9);
  g_assert_false (gst_clip_picture_read (path, &cancel, &picture, &error));
  g_assert_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  folder = g_dir_make_tmp ("clip-picture-XXXXXX", NULL);
  g_test_add_func ("/picture/files", test_files);
  g_test_add_func ("/picture/orientation", test_orientation);
  g_test_add_func ("/picture/bad-files", test_bad_files);
  g_test_add_func ("/picture/huge", test_huge);
  g_test_add_func ("/picture/cancel", test_cancel);
  int failures = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return failures;
}
