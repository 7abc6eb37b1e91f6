/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in: formats, strides, colorimetry, what is skipped, and that nothing is copied. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

static const struct {
  const gchar *name;
  ClipPixelFormat format;
} formats[] = {
  { "RGB", CLIP_PIXEL_RGB },
  { "BGR", CLIP_PIXEL_BGR },
  { "RGBx", CLIP_PIXEL_RGBX },
  { "BGRx", CLIP_PIXEL_BGRX },
  { "xRGB", CLIP_PIXEL_XRGB },
  { "xBGR", CLIP_PIXEL_XBGR },
  { "RGBA", CLIP_PIXEL_RGBX },
  { "BGRA", CLIP_PIXEL_BGRX },
  { "ARGB", CLIP_PIXEL_XRGB },
  { "ABGR", CLIP_PIXEL_XBGR },
  { "GRAY8", CLIP_PIXEL_GRAY8 },
  { "I420", CLIP_PIXEL_I420 },
  { "YV12", CLIP_PIXEL_YV12 },
  { "NV12", CLIP_PIXEL_NV12 },
  { "NV21", CLIP_PIXEL_NV21 },
  { "YUY2", CLIP_PIXEL_YUY2 },
  { "UYVY", CLIP_PIXEL_UYVY },
  { "Y42B", CLIP_PIXEL_Y42B },
  { "Y444", CLIP_PIXEL_Y444 },
  { "P010_10LE", CLIP_PIXEL_P010_10LE },
  { "I420_10LE", CLIP_PIXEL_I420_10LE },
  { "I422_10LE", CLIP_PIXEL_I422_10LE },
  { "v210", CLIP_PIXEL_V210 },
};

static void
push_caps (Stage *stage, const gchar *caps_string)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (caps_string);
  GstVideoInfo info;

  g_assert_true (gst_video_info_from_caps (&info, caps));
  gst_harness_set_src_caps (stage->harness, g_steal_pointer (&caps));
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
  gst_buffer_memset (buffer, 0, 10, GST_VIDEO_INFO_SIZE (&info));
  GST_BUFFER_PTS (buffer) = 0;
  g_assert_cmpint (gst_harness_push (stage->harness, buffer), ==, GST_FLOW_OK);
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  g_assert_nonnull (stage_result (out, 0));
}

static void
test_formats (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, prompts=10");
  static const gchar *const features[] = { "", "(meta:GstVideoOverlayComposition)" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    for (guint f = 0; f < G_N_ELEMENTS (features); f++) {
      g_autofree gchar *caps = g_strdup_printf ("video/x-raw%s,format=%s,width=34,height=%u",
                                                features[f], formats[i].name, 18 + 2 * f);
      push_caps (stage, caps);
      ClipFrameInfo info = fake_last_info ();
      g_assert_cmpint (info.format, ==, formats[i].format);
      g_assert_cmpuint (info.width, ==, 34);
      g_assert_cmpuint (info.height, ==, 18 + 2 * f);
    }
  }
  stage_free (stage);
}

/* No format beyond those, and no memory that is not the system's. */
static void
test_template (void)
{
  g_autoptr (GstElement) filter = gst_element_factory_make ("clipfilter", NULL);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (gst_object_ref_sink (filter), "sink");
  g_autoptr (GstCaps) caps = gst_pad_get_pad_template_caps (pad);
  static const gchar *const refused[] = { "video/x-raw,format=GBR", "video/x-raw(memory:GLMemory)",
                                          "video/x-raw(memory:VulkanImage),format=RGBA",
                                          "image/jpeg", "video/x-raw,format=GRAY16_LE" };

  g_assert_cmpuint (gst_caps_get_size (caps), ==, 2);
  for (guint i = 0; i < 2; i++) {
    const GValue *list = gst_structure_get_value (gst_caps_get_structure (caps, i), "format");
    g_assert_cmpuint (gst_value_list_get_size (list), ==, G_N_ELEMENTS (formats));
  }
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GstCaps) other = gst_caps_from_string (refused[i]);
    g_assert_false (gst_caps_can_intersect (caps, other));
  }
}

static const struct {
  const gchar *caps;
  ClipColorMatrix matrix;
  gboolean full_range;
  ClipChromaSite site;
  guint32 par_n, par_d;
} colours[] = {
  { "format=I420,height=576,colorimetry=bt709,chroma-site=mpeg2", CLIP_MATRIX_BT709, FALSE,
    CLIP_CHROMA_H_COSITED, 1, 1 },
  { "format=I420,height=576,colorimetry=bt601,chroma-site=jpeg", CLIP_MATRIX_BT601, FALSE,
    CLIP_CHROMA_CENTER, 1, 1 },
  { "format=I420,height=576,colorimetry=1:4:0:0,chroma-site=dv", CLIP_MATRIX_BT601, TRUE,
    CLIP_CHROMA_H_COSITED | CLIP_CHROMA_V_COSITED, 1, 1 },
  { "format=I420,height=576,colorimetry=2:6:0:0,chroma-site=v-cosited", CLIP_MATRIX_BT2020, FALSE,
    CLIP_CHROMA_V_COSITED, 1, 1 },
  { "format=I420,height=576,pixel-aspect-ratio=16/15", CLIP_MATRIX_BT601, FALSE, CLIP_CHROMA_CENTER,
    16, 15 },
  { "format=I420,height=720", CLIP_MATRIX_BT709, FALSE, CLIP_CHROMA_H_COSITED, 1, 1 },
};

static void
test_colorimetry (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, prompts=10");

  for (guint i = 0; i < G_N_ELEMENTS (colours); i++) {
    g_autofree gchar *caps = g_strconcat ("video/x-raw,width=64,", colours[i].caps, NULL);
    push_caps (stage, caps);
    ClipFrameInfo info = fake_last_info ();
    g_test_message ("%s", caps);
    g_assert_cmpint (info.matrix, ==, colours[i].matrix);
    g_assert_cmpint (info.full_range, ==, colours[i].full_range);
    g_assert_cmpint (info.chroma_site, ==, colours[i].site);
    g_assert_cmpuint (info.par_n, ==, colours[i].par_n);
    g_assert_cmpuint (info.par_d, ==, colours[i].par_d);
  }
  stage_free (stage);
}

/* A plane that starts elsewhere: GstVideoMeta is believed, not the caps. */
static void
test_video_meta (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, scoring=cosine, threshold=0.9, prompts=10");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 100 + 16 * 40, NULL);
  gsize offset[GST_VIDEO_MAX_PLANES] = { 100 };
  gint stride[GST_VIDEO_MAX_PLANES] = { 40 };

  gst_buffer_memset (buffer, 0, 255, 100);
  gst_buffer_memset (buffer, 100, 10, 16 * 40);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 16, 16,
                                  1, offset, stride);
  gst_harness_push (stage->harness, buffer);
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  g_autofree gchar *label = stage_label (out);
  g_assert_cmpstr (label, ==, "10");
  stage_free (stage);
}

/* A frame that somebody else holds too, in memory that may only be read: labelled without a copy
 * of its pixels. */
static void
test_read_only_memory (void)
{
  static guint8 pixels[16 * 16] = { 10 };
  Stage *stage = stage_new_playing ("mode=in-step, scoring=cosine, threshold=0.9, prompts=10");
  GstBuffer *buffer = gst_buffer_new_wrapped_full (GST_MEMORY_FLAG_READONLY, pixels, sizeof pixels,
                                                   0, sizeof pixels, NULL, NULL);
  g_autoptr (GstBuffer) held = gst_buffer_ref (buffer);
  GstMapInfo map;

  gst_harness_push (stage->harness, buffer);
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  g_autofree gchar *label = stage_label (out);
  g_assert_cmpstr (label, ==, "10");
  g_assert_null (stage_result (held, 0));
  gst_buffer_map (out, &map, GST_MAP_READ);
  g_assert_true (map.data == pixels);
  gst_buffer_unmap (out, &map);
  stage_free (stage);
}

static void
test_skipped (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, prompts=10");
  static const GstBufferFlags flags[] = { GST_BUFFER_FLAG_GAP, GST_BUFFER_FLAG_CORRUPTED };

  gst_buffer_unref (stage_push (stage, 10));
  for (guint i = 0; i < 3; i++) {
    GstBuffer *buffer = i < 2 ? stage_frame (stage, 10) : gst_buffer_new ();
    if (i < 2)
      GST_BUFFER_FLAG_SET (buffer, flags[i]);
    GstBufferFlags before = GST_BUFFER_FLAGS (buffer) & ~GST_BUFFER_FLAG_TAG_MEMORY;
    g_assert_cmpint (gst_harness_push (stage->harness, buffer), ==, GST_FLOW_OK);
    g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
    g_assert_null (stage_result (out, 0));
    g_assert_cmphex (GST_BUFFER_FLAGS (out) & ~GST_BUFFER_FLAG_TAG_MEMORY, ==, before);
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 1);
  stage_free (stage);
}

/* A buffer that is too small for its caps gets a warning and no labels, and passes. */
static void
test_too_small (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, prompts=10");

  gst_harness_push (stage->harness, gst_buffer_new_allocate (NULL, 7, NULL));
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  g_assert_null (stage_result (out, 0));
  stage_expect (stage, GST_MESSAGE_WARNING, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "frame");
  for (guint i = 0; i < 3; i++) {
    gst_harness_push (stage->harness, gst_buffer_new_allocate (NULL, 7, NULL));
    gst_buffer_unref (gst_harness_pull (stage->harness));
  }
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 0); /* once is enough */
  stage_free (stage);
}

/* Downstream gets these very buffers: what it does not support must not be promised. */
static void
test_allocation (void)
{
  for (guint with_meta = 0; with_meta < 2; with_meta++) {
    Stage *stage = stage_new_playing ("mode=in-step, prompts=10");
    g_autoptr (GstCaps) caps = gst_caps_from_string (STAGE_CAPS);
    g_autoptr (GstQuery) query = gst_query_new_allocation (caps, TRUE);

    if (with_meta)
      gst_harness_add_propose_allocation_meta (stage->harness, GST_VIDEO_META_API_TYPE, NULL);
    gst_buffer_unref (stage_push (stage, 10));
    gst_pad_peer_query (stage->harness->srcpad, query);
    g_assert_cmpint (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL), ==,
                     with_meta);
    stage_free (stage);
  }
}

/* Nor that it crops, for which upstream would leave what is cut off in the frames. */
static void
test_crop_meta (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, prompts=10");
  g_autoptr (GstCaps) caps = gst_caps_from_string (STAGE_CAPS);
  g_autoptr (GstQuery) query = gst_query_new_allocation (caps, TRUE);

  gst_harness_add_propose_allocation_meta (stage->harness, GST_VIDEO_CROP_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (stage->harness, GST_VIDEO_META_API_TYPE, NULL);
  gst_buffer_unref (stage_push (stage, 10));
  gst_pad_peer_query (stage->harness->srcpad, query);
  g_assert_false (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL));
  g_assert_true (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/frames/formats", test_formats);
  g_test_add_func ("/frames/template", test_template);
  g_test_add_func ("/frames/colorimetry", test_colorimetry);
  g_test_add_func ("/frames/video-meta", test_video_meta);
  g_test_add_func ("/frames/read-only-memory", test_read_only_memory);
  g_test_add_func ("/frames/skipped", test_skipped);
  g_test_add_func ("/frames/too-small", test_too_small);
  g_test_add_func ("/frames/allocation", test_allocation);
  g_test_add_func ("/frames/crop-meta", test_crop_meta);
  return g_test_run ();
}
