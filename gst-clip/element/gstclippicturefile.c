/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclippicturefile.h"

#include <errno.h>
#include <fcntl.h>
#include <gst/tag/tag.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gst-clip/engine/prompts.h"

/* Exif comes first, in one segment of at most 64 KiB; another segment or two may be before it. */
#define HEAD_BYTES (256 * 1024)
/* The end of a picture is here, and perhaps something that was appended. */
#define TAIL_BYTES (64 * 1024)

/* JPEG markers (ITU-T T.81, table B.1). */
#define SOI  0xd8
#define APP1 0xe1
#define EOI  0xd9
#define SOS  0xda

static const guint8 exif_mark[6] = { 'E', 'x', 'i', 'f', 0, 0 };

/* SOF0 to SOF15 without the tables that are among them. */
static gboolean
is_frame_header (guint8 marker)
{
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* What the head of a JPEG says. @exif: NULL where there is none. */
typedef struct {
  const guint8 *exif;
  gsize exif_length;
  guint width, height;
} Jpeg;

/* Big-endian, at any address: GST_READ_UINT16_BE() wants an even one. */
static guint32
read_number (const guint8 *data, guint bytes)
{
  guint32 value = 0;

  for (guint i = 0; i < bytes; i++)
    value = value << 8 | data[i];
  return value;
}

/* Segments are FF, a marker, and a big-endian length that counts itself. */
static Jpeg
scan_jpeg (const guint8 *data, gsize size)
{
  Jpeg jpeg = { NULL };
  gsize at = 2;

  if (size < 4 || data[0] != 0xff || data[1] != SOI)
    return jpeg;
  while (at + 4 <= size && data[at] == 0xff && data[at + 1] != SOS) {
    const gsize bytes = read_number (data + at + 2, 2);
    const guint8 *body = data + at + 4;
    if (bytes < 2 || at + 2 + bytes > size)
      break;
    if (data[at + 1] == APP1 && bytes >= 2 + sizeof exif_mark && !jpeg.exif
        && memcmp (body, exif_mark, sizeof exif_mark) == 0) {
      jpeg.exif = body + sizeof exif_mark;
      jpeg.exif_length = bytes - 2 - sizeof exif_mark;
    } else if (is_frame_header (data[at + 1]) && bytes >= 7) {
      jpeg.height = read_number (body + 1, 2);
      jpeg.width = read_number (body + 3, 2);
    }
    at += 2 + bytes;
  }
  return jpeg;
}

/* (transfer full) (nullable) */
static gchar *
orientation_of (const Jpeg *jpeg)
{
  gchar *orientation = NULL;

  if (!jpeg->exif || jpeg->exif_length == 0)
    return NULL;
  g_autoptr (GstBuffer) buffer = gst_buffer_new_memdup (jpeg->exif, jpeg->exif_length);
  g_autoptr (GstTagList) tags = gst_tag_list_from_exif_buffer_with_tiff_header (buffer);
  if (tags)
    gst_tag_list_get_string (tags, GST_TAG_IMAGE_ORIENTATION, &orientation);
  return orientation;
}

static const guint8 png_begin[8] = { 0x89, 'P', 'N', 'G', 13, 10, 26, 10 };
static const guint8 png_end[8] = { 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82 };
static const guint8 jpeg_begin[3] = { 0xff, SOI, 0xff };
static const guint8 jpeg_end[2] = { 0xff, EOI };

static gboolean
begins (const guint8 *head, gsize size, const guint8 *mark, gsize length)
{
  return size >= length && memcmp (head, mark, length) == 0;
}

static gboolean
is_whole (const guint8 *head, gsize head_size, const guint8 *tail, gsize tail_size)
{
  if (begins (head, head_size, png_begin, sizeof png_begin))
    return memmem (tail, tail_size, png_end, sizeof png_end) != NULL;
  if (begins (head, head_size, jpeg_begin, sizeof jpeg_begin))
    return memmem (tail, tail_size, jpeg_end, sizeof jpeg_end) != NULL;
  return TRUE;
}

/* Decoders that are asked for too much complain in their own ways. */
static gboolean
is_too_large (const guint8 *head, gsize size, const Jpeg *jpeg)
{
  guint side = MAX (jpeg->width, jpeg->height);

  if (begins (head, size, png_begin, sizeof png_begin) && size >= 24)
    side = MAX (read_number (head + 16, 4), read_number (head + 20, 4));
  return side > GST_CLIP_PICTURE_MAX_SIDE;
}

static gboolean
read_part (int fd, off_t offset, guint8 *data, gsize *size)
{
  gsize got = 0;

  while (got < *size) {
    gssize n = pread (fd, data + got, *size - got, offset + got);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    if (n == 0)
      break;
    got += n;
  }
  *size = got;
  return TRUE;
}

gboolean
gst_clip_picture_file_check (const gchar *path, gchar **orientation, GError **error)
{
  g_autofree guint8 *head = g_malloc (HEAD_BYTES), *tail = g_malloc (TAIL_BYTES);
  const gchar *problem = NULL;
  Jpeg jpeg = { NULL };
  gsize size = HEAD_BYTES, tail_size = TAIL_BYTES;
  struct stat st;
  /* Not blocking: it may be a FIFO. */
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

  *orientation = NULL;
  if (fd < 0 || fstat (fd, &st) != 0)
    problem = g_strerror (errno);
  else if (!S_ISREG (st.st_mode))
    problem = "not a file";
  else if (!read_part (fd, 0, head, &size)
           || !read_part (fd, MAX (st.st_size - TAIL_BYTES, 0), tail, &tail_size))
    problem = g_strerror (errno);
  else if (size == 0)
    problem = "the file is empty";
  else if (!is_whole (head, size, tail, tail_size))
    problem = "the picture is cut off: the file has no end";
  if (!problem)
    jpeg = scan_jpeg (head, size);
  if (!problem && is_too_large (head, size, &jpeg))
    problem = GST_CLIP_PICTURE_TOO_LARGE;
  if (!problem)
    *orientation = orientation_of (&jpeg);
  if (fd >= 0)
    close (fd);
  if (problem)
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s: %s%s", path, problem,
                 fd < 0 ? clip_prompt_path_hint (path) : "");
  return problem == NULL;
}
