/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipturn.h"

#include <string.h>

/* The pixel (x, y) of the result is the pixel (a, b) of a picture whose columns and rows are those of
 * the source, exchanged first if @swap, then counted from the other end if @right or @down. */
typedef struct {
  gboolean swap, right, down;
} Turn;

static Turn
turn_of (GstVideoOrientationMethod method)
{
  switch (method) {
  case GST_VIDEO_ORIENTATION_90R:
    return (Turn){ TRUE, FALSE, TRUE };
  case GST_VIDEO_ORIENTATION_180:
    return (Turn){ FALSE, TRUE, TRUE };
  case GST_VIDEO_ORIENTATION_90L:
    return (Turn){ TRUE, TRUE, FALSE };
  case GST_VIDEO_ORIENTATION_HORIZ:
    return (Turn){ FALSE, TRUE, FALSE };
  case GST_VIDEO_ORIENTATION_VERT:
    return (Turn){ FALSE, FALSE, TRUE };
  case GST_VIDEO_ORIENTATION_UL_LR:
    return (Turn){ TRUE, FALSE, FALSE };
  case GST_VIDEO_ORIENTATION_UR_LL:
    return (Turn){ TRUE, TRUE, TRUE };
  default:
    return (Turn){ FALSE, FALSE, FALSE };
  }
}

static void
turn_pixels (const GstVideoFrame *in, GstVideoFrame *out, Turn turn)
{
  const guint8 *source = GST_VIDEO_FRAME_PLANE_DATA (in, 0);
  guint8 *target = GST_VIDEO_FRAME_PLANE_DATA (out, 0);
  const gint in_stride = GST_VIDEO_FRAME_PLANE_STRIDE (in, 0);
  const gint out_stride = GST_VIDEO_FRAME_PLANE_STRIDE (out, 0);
  const gint width = GST_VIDEO_FRAME_WIDTH (in), height = GST_VIDEO_FRAME_HEIGHT (in);

  for (gint y = 0; y < GST_VIDEO_FRAME_HEIGHT (out); y++) {
    for (gint x = 0; x < GST_VIDEO_FRAME_WIDTH (out); x++) {
      gint column = turn.swap ? y : x, row = turn.swap ? x : y;
      if (turn.right)
        column = width - 1 - column;
      if (turn.down)
        row = height - 1 - row;
      memcpy (target + (gsize)y * out_stride + 3 * x, source + (gsize)row * in_stride + 3 * column,
              3);
    }
  }
}

GstBuffer *
gst_clip_turn (GstBuffer *buffer, const GstVideoInfo *info, GstVideoOrientationMethod method,
               GstVideoInfo *turned)
{
  const Turn turn = turn_of (method);
  GstVideoFrame in, out;

  gst_video_info_set_format (turned, GST_VIDEO_FORMAT_RGB, turn.swap ? info->height : info->width,
                             turn.swap ? info->width : info->height);
  turned->par_n = turn.swap ? info->par_d : info->par_n;
  turned->par_d = turn.swap ? info->par_n : info->par_d;
  if (!gst_video_frame_map (&in, info, buffer, GST_MAP_READ))
    return NULL;
  GstBuffer *result = gst_buffer_new_allocate (NULL, turned->size, NULL);
  if (gst_video_frame_map (&out, turned, result, GST_MAP_WRITE)) {
    turn_pixels (&in, &out, turn);
    gst_video_frame_unmap (&out);
  } else {
    gst_clear_buffer (&result);
  }
  gst_video_frame_unmap (&in);
  return result;
}
