/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipframe.h"

static const struct {
  GstVideoFormat video;
  ClipPixelFormat clip;
} formats[] = {
  { GST_VIDEO_FORMAT_RGB, CLIP_PIXEL_RGB },
  { GST_VIDEO_FORMAT_BGR, CLIP_PIXEL_BGR },
  { GST_VIDEO_FORMAT_RGBx, CLIP_PIXEL_RGBX },
  { GST_VIDEO_FORMAT_BGRx, CLIP_PIXEL_BGRX },
  { GST_VIDEO_FORMAT_xRGB, CLIP_PIXEL_XRGB },
  { GST_VIDEO_FORMAT_xBGR, CLIP_PIXEL_XBGR },
  { GST_VIDEO_FORMAT_RGBA, CLIP_PIXEL_RGBX },
  { GST_VIDEO_FORMAT_BGRA, CLIP_PIXEL_BGRX },
  { GST_VIDEO_FORMAT_ARGB, CLIP_PIXEL_XRGB },
  { GST_VIDEO_FORMAT_ABGR, CLIP_PIXEL_XBGR },
  { GST_VIDEO_FORMAT_GRAY8, CLIP_PIXEL_GRAY8 },
  { GST_VIDEO_FORMAT_I420, CLIP_PIXEL_I420 },
  { GST_VIDEO_FORMAT_YV12, CLIP_PIXEL_YV12 },
  { GST_VIDEO_FORMAT_NV12, CLIP_PIXEL_NV12 },
  { GST_VIDEO_FORMAT_NV21, CLIP_PIXEL_NV21 },
  { GST_VIDEO_FORMAT_YUY2, CLIP_PIXEL_YUY2 },
  { GST_VIDEO_FORMAT_UYVY, CLIP_PIXEL_UYVY },
  { GST_VIDEO_FORMAT_Y42B, CLIP_PIXEL_Y42B },
  { GST_VIDEO_FORMAT_Y444, CLIP_PIXEL_Y444 },
  { GST_VIDEO_FORMAT_P010_10LE, CLIP_PIXEL_P010_10LE },
  { GST_VIDEO_FORMAT_I420_10LE, CLIP_PIXEL_I420_10LE },
  { GST_VIDEO_FORMAT_I422_10LE, CLIP_PIXEL_I422_10LE },
  { GST_VIDEO_FORMAT_v210, CLIP_PIXEL_V210 },
};

/* Height from which video of unknown colorimetry is taken for HD, as GStreamer does. */
#define FIRST_HD_LINE 577

GstCaps *
gst_clip_frame_caps (void)
{
  GstVideoFormat list[G_N_ELEMENTS (formats)];

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    list[i] = formats[i].video;
  GstCaps *caps = gst_video_make_raw_caps (list, G_N_ELEMENTS (list));
  GstCaps *overlaid = gst_video_make_raw_caps_with_features (
      list, G_N_ELEMENTS (list),
      gst_caps_features_new (GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION, NULL));
  /* Without this the texts of an overlay in front of us would be burnt into the frame. */
  return gst_caps_merge (caps, overlaid);
}

static ClipColorMatrix
matrix_of (const GstVideoInfo *video)
{
  switch (video->colorimetry.matrix) {
  case GST_VIDEO_COLOR_MATRIX_BT601:
  case GST_VIDEO_COLOR_MATRIX_FCC: /* differs from BT.601 in the third decimal */
    return CLIP_MATRIX_BT601;
  case GST_VIDEO_COLOR_MATRIX_BT709:
  case GST_VIDEO_COLOR_MATRIX_SMPTE240M: /* likewise from BT.709 */
    return CLIP_MATRIX_BT709;
  case GST_VIDEO_COLOR_MATRIX_BT2020:
    return CLIP_MATRIX_BT2020;
  default:
    return GST_VIDEO_INFO_HEIGHT (video) < FIRST_HD_LINE ? CLIP_MATRIX_BT601 : CLIP_MATRIX_BT709;
  }
}

static ClipChromaSite
chroma_site_of (const GstVideoInfo *video)
{
  GstVideoChromaSite site = GST_VIDEO_INFO_CHROMA_SITE (video);
  ClipChromaSite out = CLIP_CHROMA_CENTER;

  if (site == GST_VIDEO_CHROMA_SITE_UNKNOWN)
    return CLIP_CHROMA_H_COSITED; /* what MPEG-2, H.264 and H.265 mean when they say nothing */
  if (site & GST_VIDEO_CHROMA_SITE_H_COSITED)
    out |= CLIP_CHROMA_H_COSITED;
  if (site & GST_VIDEO_CHROMA_SITE_V_COSITED)
    out |= CLIP_CHROMA_V_COSITED;
  return out;
}

gboolean
gst_clip_frame_info_from_video (const GstVideoInfo *video, ClipFrameInfo *info)
{
  guint i = 0;

  while (i < G_N_ELEMENTS (formats) && formats[i].video != GST_VIDEO_INFO_FORMAT (video))
    i++;
  if (i == G_N_ELEMENTS (formats))
    return FALSE;
  *info = (ClipFrameInfo){
    .format = formats[i].clip,
    .width = GST_VIDEO_INFO_WIDTH (video),
    .height = GST_VIDEO_INFO_HEIGHT (video),
    .par_n = MAX (GST_VIDEO_INFO_PAR_N (video), 1),
    .par_d = MAX (GST_VIDEO_INFO_PAR_D (video), 1),
    .matrix = matrix_of (video),
    .full_range = video->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255,
    .chroma_site = chroma_site_of (video),
  };
  return TRUE;
}

gboolean
gst_clip_frame_load (ClipJob *const *jobs, guint n, GstBuffer *buffer, const GstVideoInfo *video)
{
  GstVideoFrame frame;
  ClipFramePlanes planes = { 0 };

  if (!gst_video_frame_map (&frame, video, buffer, GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF))
    return FALSE;
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (&frame); i++) {
    planes.data[i] = GST_VIDEO_FRAME_PLANE_DATA (&frame, i);
    planes.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i);
  }
  for (guint i = 0; i < n; i++)
    clip_job_load (jobs[i], &planes);
  gst_video_frame_unmap (&frame);
  return TRUE;
}
