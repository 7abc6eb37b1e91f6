/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clipoverlay: what it draws, where, and who blends it. */
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <string.h>

#include "gst-clip/element/gstclipmeta.h"
#include "gst-clip/element/gstclipoverlay.h"
#include "gst-clip/element/gstclipvalue.h"

#ifdef HAVE_ANALYTICS
#include <gst/analytics/analytics.h>
#endif

#define GREY      128
#define CAPS      "video/x-raw,format=%s,width=%u,height=%u,framerate=25/1"
#define ATTACHING "video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition)"

/* A harness in front of someone who draws compositions, or not. */
static GstHarness *
start (const gchar *properties, const gchar *format, guint width, guint height, gboolean draws)
{
  GstHarness *h = gst_harness_new ("clipoverlay");
  g_autofree gchar *caps = g_strdup_printf (CAPS, format, width, height);

  if (properties) {
    g_auto (GStrv) pair = g_strsplit (properties, "=", 2);
    gst_util_set_object_arg (G_OBJECT (h->element), pair[0], pair[1]);
  }
  if (draws) {
    gst_harness_set_sink_caps_str (h, ATTACHING ";video/x-raw");
    gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  }
  gst_harness_set_src_caps_str (h, caps);
  return h;
}

static GstBuffer *
grey_frame (const gchar *format, guint width, guint height)
{
  GstVideoInfo info;
  GstBuffer *buffer;

  gst_video_info_set_format (&info, gst_video_format_from_string (format), width, height);
  buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  gst_buffer_memset (buffer, 0, GREY, info.size);
  GST_BUFFER_PTS (buffer) = 0;
  return buffer;
}

static void
attach (GstBuffer *buffer, GstStructure *result)
{
  GValue results = G_VALUE_INIT, value = G_VALUE_INIT;

  g_value_init (&results, GST_TYPE_ARRAY);
  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, result);
  gst_value_array_append_and_take_value (&results, &value);
  gst_clip_meta_add (buffer, &results);
}

/* @region: NULL for the whole frame, else "x y width height" of a frame of 100 x 100 */
static void
add_result (GstBuffer *buffer, const gchar *source, const gchar *label, gdouble score,
            gboolean accepted, const guint *region)
{
  GstStructure *s = gst_structure_new ("clipfilter", "source", G_TYPE_STRING, source, "region",
                                       G_TYPE_STRING, region ? "roi" : "frame", NULL);
  GValue labels = G_VALUE_INIT, scores = G_VALUE_INIT, flags = G_VALUE_INIT;

  g_value_init (&labels, GST_TYPE_ARRAY);
  g_value_init (&scores, GST_TYPE_ARRAY);
  g_value_init (&flags, GST_TYPE_ARRAY);
  gst_clip_array_add_string (&labels, label);
  gst_clip_array_add_double (&scores, score);
  gst_clip_array_add_boolean (&flags, accepted);
  gst_structure_take_value (s, "labels", &labels);
  gst_structure_take_value (s, "scores", &scores);
  gst_structure_take_value (s, "accepted", &flags);
  if (region)
    gst_structure_set (s, "x", G_TYPE_UINT, region[0], "y", G_TYPE_UINT, region[1], "width",
                       G_TYPE_UINT, region[2], "height", G_TYPE_UINT, region[3], "frame-width",
                       G_TYPE_UINT, 100, "frame-height", G_TYPE_UINT, 100, NULL);
  attach (buffer, s);
}

/* How many bytes of a rectangle of a GRAY8 frame are not as they were. */
static guint
changed (GstBuffer *buffer, guint stride, guint x, guint y, guint width, guint height)
{
  GstMapInfo map;
  guint n = 0;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (guint row = y; row < y + height; row++)
    for (guint column = x; column < x + width; column++)
      n += map.data[row * stride + column] != GREY;
  gst_buffer_unmap (buffer, &map);
  return n;
}

/* (transfer full) */
static GstBuffer *
push (GstHarness *h, GstBuffer *buffer)
{
  GstBuffer *out = gst_harness_push_and_pull (h, buffer);

  g_assert_nonnull (out);
  return out;
}

/* Corner --------------------------------------------------------------------------- */

static void
test_nothing_to_draw (void)
{
  GstHarness *h = start (NULL, "GRAY8", 320, 240, FALSE);
  g_autoptr (GstBuffer) out = push (h, grey_frame ("GRAY8", 320, 240));

  g_assert_cmpuint (changed (out, 320, 0, 0, 320, 240), ==, 0);
  gst_harness_teardown (h);
}

static void
test_corners (void)
{
  static const struct {
    const gchar *position;
    guint x, y;
  } corners[] = { { "position=top-left", 0, 0 },
                  { "position=top-right", 160, 0 },
                  { "position=bottom-left", 0, 120 },
                  { "position=bottom-right", 160, 120 } };

  for (guint i = 0; i < G_N_ELEMENTS (corners); i++) {
    GstHarness *h = start (corners[i].position, "GRAY8", 320, 240, FALSE);
    GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);
    add_result (buffer, "c", "dog", 0.9, TRUE, NULL);
    g_autoptr (GstBuffer) out = push (h, buffer);
    guint all = changed (out, 320, 0, 0, 320, 240);

    g_assert_cmpuint (all, >, 500);
    g_assert_cmpuint (changed (out, 320, corners[i].x, corners[i].y, 160, 120), ==, all);
    gst_harness_teardown (h);
  }
}

/* A pushed buffer that somebody else holds is not written to. */
static void
test_shared_buffer_is_copied (void)
{
  GstHarness *h = start (NULL, "GRAY8", 320, 240, FALSE);
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);

  add_result (buffer, "c", "dog", 0.9, TRUE, NULL);
  g_autoptr (GstBuffer) out = push (h, gst_buffer_ref (buffer));
  g_assert_cmpuint (changed (buffer, 320, 0, 0, 320, 240), ==, 0);
  g_assert_cmpuint (changed (out, 320, 0, 0, 320, 240), >, 500);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

static guint
drawn_with (const gchar *properties, gdouble score, gboolean accepted, const gchar *label)
{
  GstHarness *h = start (properties, "GRAY8", 320, 240, FALSE);
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);

  add_result (buffer, "c", label, score, accepted, NULL);
  g_autoptr (GstBuffer) out = push (h, buffer);
  guint n = changed (out, 320, 0, 0, 320, 240);
  gst_harness_teardown (h);
  return n;
}

static void
test_what_is_shown (void)
{
  const guint all = drawn_with (NULL, 0.4, FALSE, "dog");

  g_assert_cmpuint (all, >, 0);
  g_assert_cmpuint (drawn_with ("threshold=0.5", 0.4, FALSE, "dog"), ==, 0);
  g_assert_cmpuint (drawn_with ("threshold=0.3", 0.4, FALSE, "dog"), ==, all);
  g_assert_cmpuint (drawn_with ("show-rejected=false", 0.4, FALSE, "dog"), ==, 0);
  g_assert_cmpuint (drawn_with ("show-rejected=false", 0.4, TRUE, "dog"), >, 0);
  g_assert_cmpuint (drawn_with ("show-bars=false", 0.4, FALSE, "dog"), <, all);
  g_assert_cmpuint (drawn_with ("show-scores=false", 0.4, FALSE, "dog"), <, all);
  g_assert_cmpuint (drawn_with ("font-desc=Sans 30", 0.4, FALSE, "dog"), >, all);
}

/* Neither markup nor broken text nor a long one does harm. */
static void
test_odd_texts (void)
{
  g_autofree gchar *long_text = g_strnfill (5000, 'm');
  static const gchar *const texts[] = {
    "", "<b>&amp;", "a\nb\tc", "\xff\xfe", "\xe7\x8c\xab", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_cmpuint (drawn_with (NULL, 0.5, TRUE, texts[i]), >, 0);
  g_assert_cmpuint (drawn_with (NULL, 0.5, TRUE, long_text), >, 0);
  g_assert_cmpuint (drawn_with (NULL, 0.5, TRUE, long_text), <, 320 * 60);
}

static void
test_odd_sizes (void)
{
  static const guint sizes[][2] = { { 1, 1 }, { 2, 300 }, { 300, 2 }, { 17, 13 }, { 4096, 16 } };
  static const guint region[] = { 0, 0, 100, 100 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint j = 0; j < 2; j++) {
      GstHarness *h = start ("position=bottom-right", "GRAY8", sizes[i][0], sizes[i][1], FALSE);
      GstBuffer *buffer = grey_frame ("GRAY8", sizes[i][0], sizes[i][1]);

      add_result (buffer, "c", "a label that is longer", 0.9, TRUE, j ? region : NULL);
      gst_buffer_unref (push (h, buffer));
      gst_harness_teardown (h);
    }
}

static void
test_formats (void)
{
  static const gchar *const formats[] = {
    "I420", "NV12", "YUY2", "RGBA", "BGRx", "RGB", "P010_10LE"
  };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    GstHarness *h = start (NULL, formats[i], 320, 240, FALSE);
    GstBuffer *buffer = grey_frame (formats[i], 320, 240);
    g_autoptr (GstBuffer) before = gst_buffer_copy_deep (buffer);
    GstMapInfo map;

    add_result (buffer, "c", "dog", 0.9, TRUE, NULL);
    g_autoptr (GstBuffer) out = push (h, buffer);
    g_assert_true (gst_buffer_map (before, &map, GST_MAP_READ));
    g_assert_cmpint (gst_buffer_memcmp (out, 0, map.data, map.size), !=, 0);
    gst_buffer_unmap (before, &map);
    gst_harness_teardown (h);
  }
}

/* Regions ------------------------------------------------------------------------- */

/* Coordinates are of the frame that was encoded, whatever its size is now. */
static void
test_region_is_rescaled (void)
{
  static const guint region[] = { 50, 50, 25, 25 }; /* of 100 x 100 */
  GstHarness *h = start (NULL, "GRAY8", 400, 400, FALSE);
  GstBuffer *buffer = grey_frame ("GRAY8", 400, 400);

  add_result (buffer, "c", "dog", 0.9, TRUE, region);
  g_autoptr (GstBuffer) out = push (h, buffer);
  g_assert_cmpuint (changed (out, 400, 200, 200, 100, 2), ==, 200); /* upper edge */
  g_assert_cmpuint (changed (out, 400, 200, 298, 100, 2), ==, 200); /* lower edge */
  g_assert_cmpuint (changed (out, 400, 200, 200, 2, 100), ==, 200); /* left edge */
  g_assert_cmpuint (changed (out, 400, 210, 210, 80, 80), ==, 0);   /* inside */
  g_assert_cmpuint (changed (out, 400, 200, 170, 100, 29), >, 200); /* its label, above */
  g_assert_cmpuint (changed (out, 400, 0, 0, 400, 150), ==, 0);     /* and nothing elsewhere */
  gst_harness_teardown (h);
}

/* Frames of SIDE x SIDE, so that a label is higher than the distance of the first region from the edge. */
#define SIDE 400

/* How many bytes of rows of a frame with that region and a label are not as they were. */
static void
count_rows (const guint *region, guint from, guint to, guint *in_rows, guint *in_all)
{
  GstHarness *h = start (NULL, "GRAY8", SIDE, SIDE, FALSE);
  GstBuffer *buffer = grey_frame ("GRAY8", SIDE, SIDE);

  add_result (buffer, "c", "dog", 0.9, TRUE, region);
  g_autoptr (GstBuffer) out = push (h, buffer);
  *in_rows = changed (out, SIDE, 0, from, SIDE, to - from);
  *in_all = changed (out, SIDE, 0, 0, SIDE, SIDE);
  gst_harness_teardown (h);
}

/* A label hides nothing of its region where there is room beside it; where there is none, its bottom. */
static void
test_label_beside_its_region (void)
{
  static const struct {
    guint region[4]; /* of 100 x 100 */
    guint from, to;  /* rows where the label is */
  } cases[] = {
    { { 20, 50, 60, 25 }, 170, 200 }, /* above */
    { { 20, 75, 60, 25 }, 270, 300 }, /* touches the lower edge: above */
    { { 20, 0, 60, 25 }, 100, 130 },  /* touches the upper edge: below */
    { { 20, 2, 60, 25 }, 108, 138 },  /* near the upper edge: below */
    { { 0, 0, 100, 50 }, 200, 230 },  /* as wide as the frame */
    { { 20, 0, 60, 100 }, 370, 398 }, /* as high as the frame: inside, at the bottom */
    { { 20, 2, 60, 97 }, 366, 394 },  /* nearly so */
  };
  const guint line = 2;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const guint *r = cases[i].region;
    const guint edges = 2 * line * (r[2] + r[3]) * SIDE / 100 - 4 * line * line;
    const gboolean inside =
        cases[i].from > r[1] * SIDE / 100 && cases[i].from < (r[1] + r[3]) * SIDE / 100;
    guint label, all;

    count_rows (r, cases[i].from, cases[i].to, &label, &all);
    if (inside)
      label -= 2 * line * (cases[i].to - cases[i].from);
    g_assert_cmpuint (label, >, 500);
    g_assert_cmpuint (all, ==, edges + label); /* and nothing elsewhere */
  }
}

/* The rectangle that was added last: a label. */
static void
last_rectangle (GstBuffer *buffer, GstVideoRectangle *where)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);
  const guint n = gst_video_overlay_composition_n_rectangles (meta->overlay);
  guint w, h;

  gst_video_overlay_rectangle_get_render_rectangle (
      gst_video_overlay_composition_get_rectangle (meta->overlay, n - 1), &where->x, &where->y, &w,
      &h);
  where->w = w;
  where->h = h;
}

/* Labels take other places before they lie on one another: those of the frame, above, below, inside. */
static void
test_labels_beside_each_other (void)
{
  static const guint region[] = { 0, 20, 50, 50 };
  static const gdouble tops[] = { 80, 280, 280, 80 }; /* edges that labels lie at */
  GstHarness *h = start (NULL, "GRAY8", SIDE, SIDE, TRUE);
  GstVideoRectangle label;

  for (guint n = 1; n <= 4; n++) {
    GstBuffer *buffer = grey_frame ("GRAY8", SIDE, SIDE);
    for (guint i = 0; i < n; i++)
      add_result (buffer, "c", "dog", 0.9, TRUE, region);
    g_autoptr (GstBuffer) out = push (h, buffer);
    last_rectangle (out, &label);
    const gdouble middle = label.y + label.h / 2.0 - tops[n - 1];
    g_assert_true (n % 2 ? middle < 0 : middle > 0); /* above: 1, inside: 3 */
    g_assert_cmpfloat (ABS (middle), <, label.h / 2.0 + 2);
  }
  /* A label of the frame lies where the first one did. */
  GstBuffer *buffer = grey_frame ("GRAY8", SIDE, SIDE);
  static const guint below_corner[] = { 0, 9, 50, 50 };
  add_result (buffer, "c", "dog", 0.9, TRUE, below_corner);
  add_result (buffer, "c", "dog", 0.9, TRUE, NULL);
  g_autoptr (GstBuffer) out = push (h, buffer);
  last_rectangle (out, &label);
  g_assert_cmpint (label.y, ==, 236); /* below its region */
  gst_harness_teardown (h);
}

static void
test_regions_can_be_hidden (void)
{
  static const guint region[] = { 10, 50, 25, 25 };
  GstHarness *h = start ("show-regions=false", "GRAY8", 400, 400, FALSE);
  GstBuffer *buffer = grey_frame ("GRAY8", 400, 400);

  add_result (buffer, "c", "dog", 0.9, TRUE, region);
  g_autoptr (GstBuffer) out = push (h, buffer);
  g_assert_cmpuint (changed (out, 400, 0, 0, 400, 400), ==, 0);
  gst_harness_teardown (h);
}

/* Attaching ------------------------------------------------------------------------ */

static GstVideoOverlayComposition *
composition_of (GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);
  return meta ? meta->overlay : NULL;
}

static void
test_downstream_draws (void)
{
  GstHarness *h = start (NULL, "GRAY8", 320, 240, TRUE);
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);
  GstVideoOverlayComposition *first;

  add_result (buffer, "c", "dog", 0.901, TRUE, NULL);
  g_autoptr (GstBuffer) a = push (h, buffer);
  g_assert_cmpuint (changed (a, 320, 0, 0, 320, 240), ==, 0);
  first = composition_of (a);
  g_assert_nonnull (first);
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (first), ==, 1);

  /* What looks the same is drawn once. */
  buffer = grey_frame ("GRAY8", 320, 240);
  add_result (buffer, "c", "dog", 0.902, TRUE, NULL);
  g_autoptr (GstBuffer) b = push (h, buffer);
  g_assert_true (composition_of (b) == first);

  buffer = grey_frame ("GRAY8", 320, 240);
  add_result (buffer, "c", "cat", 0.9, TRUE, NULL);
  g_autoptr (GstBuffer) c = push (h, buffer);
  g_assert_true (composition_of (c) != first);

  g_autoptr (GstBuffer) d = push (h, grey_frame ("GRAY8", 320, 240));
  g_assert_null (composition_of (d));
  gst_harness_teardown (h);
}

/* Caps that pass anything do not mean that somebody draws. */
static void
test_caps_alone_do_not_count (void)
{
  GstHarness *h = gst_harness_new ("clipoverlay");
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);
  g_autofree gchar *caps = g_strdup_printf (CAPS, "GRAY8", 320, 240);

  gst_harness_set_sink_caps (h, gst_caps_new_any ());
  gst_harness_set_src_caps_str (h, caps);
  add_result (buffer, "c", "dog", 0.9, TRUE, NULL);
  g_autoptr (GstBuffer) out = push (h, buffer);
  g_assert_null (composition_of (out));
  g_assert_cmpuint (changed (out, 320, 0, 0, 320, 240), >, 0);
  gst_harness_teardown (h);
}

static GstVideoOverlayComposition *
white_square (void)
{
  g_autoptr (GstBuffer) pixels = gst_buffer_new_allocate (NULL, 16 * 16 * 4, NULL);
  GstVideoOverlayRectangle *rectangle;
  GstVideoOverlayComposition *composition;

  gst_buffer_memset (pixels, 0, 255, 16 * 16 * 4);
  gst_buffer_add_video_meta (pixels, GST_VIDEO_FRAME_FLAG_NONE,
                             GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 16, 16);
  rectangle = gst_video_overlay_rectangle_new_raw (pixels, 200, 200, 16, 16,
                                                   GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  composition = gst_video_overlay_composition_new (rectangle);
  gst_video_overlay_rectangle_unref (rectangle);
  return composition;
}

/* What another overlay has attached upstream is kept. */
static void
test_upstream_overlay (gconstpointer draws)
{
  GstHarness *h = gst_harness_new ("clipoverlay");
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);
  GstVideoOverlayComposition *theirs = white_square ();

  gst_harness_set_sink_caps_str (h, draws ? ATTACHING : "video/x-raw");
  if (draws)
    gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_src_caps_str (h, ATTACHING ",format=GRAY8,width=320,height=240,framerate=25/1");
  gst_buffer_add_video_overlay_composition_meta (buffer, theirs);
  gst_video_overlay_composition_unref (theirs);
  add_result (buffer, "c", "dog", 0.9, TRUE, NULL);
  g_autoptr (GstBuffer) out = push (h, buffer);
  if (draws) {
    g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (composition_of (out)), ==, 2);
  } else {
    g_assert_null (composition_of (out));
    g_assert_cmpuint (changed (out, 320, 200, 200, 16, 16), ==, 256);
    g_assert_cmpuint (changed (out, 320, 0, 0, 160, 120), >, 0);
  }
  gst_harness_teardown (h);
}

/* Labels do not follow a cropping that upstream leaves to a sink. */
static void
test_crop_meta (void)
{
  GstHarness *h = gst_harness_new ("clipoverlay");
  g_autoptr (GstCaps) caps =
      gst_caps_from_string ("video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
  g_autoptr (GstQuery) query = gst_query_new_allocation (caps, TRUE);

  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_CROP_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str (h, "video/x-raw");
  gst_harness_set_src_caps_str (h, "video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
  gst_buffer_unref (push (h, grey_frame ("GRAY8", 320, 240)));
  gst_pad_peer_query (h->srcpad, query);
  g_assert_false (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL));
  gst_harness_teardown (h);
}

/* A source that counts bytes: there is no time to speak of. */
static void
test_bytes (void)
{
  GstHarness *h = gst_harness_new ("clipoverlay");
  GstSegment segment;

  gst_harness_set_sink_caps_str (h, "video/x-raw");
  gst_harness_set_src_caps_str (h, "video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  gst_buffer_unref (push (h, grey_frame ("GRAY8", 320, 240)));
  gst_harness_teardown (h);
}

/* Others' metadata ------------------------------------------------------------------- */

/* Fields of the wrong type are left out, and nothing happens. */
static void
test_broken_results (void)
{
  GstHarness *h = start (NULL, "GRAY8", 320, 240, FALSE);
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);

  attach (buffer, gst_structure_new_empty ("clipfilter"));
  attach (buffer, gst_structure_new ("clipfilter", "region", G_TYPE_INT, 3, "labels", G_TYPE_STRING,
                                     "dog", NULL));
  g_autoptr (GstBuffer) out = push (h, buffer);
  g_assert_cmpuint (changed (out, 320, 0, 0, 320, 240), ==, 0);
  gst_harness_teardown (h);
}

static void
test_two_filters (void)
{
  GstHarness *h = start (NULL, "GRAY8", 320, 240, TRUE);
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);
  gint one, two;

  add_result (buffer, "a", "dog", 0.9, TRUE, NULL);
  g_autoptr (GstBuffer) x = push (h, buffer);
  buffer = grey_frame ("GRAY8", 320, 240);
  add_result (buffer, "a", "dog", 0.9, TRUE, NULL);
  add_result (buffer, "b", "day", 0.9, TRUE, NULL);
  g_autoptr (GstBuffer) y = push (h, buffer);
  guint w1, h1, w2, h2;
  gst_video_overlay_rectangle_get_render_rectangle (
      gst_video_overlay_composition_get_rectangle (composition_of (x), 0), &one, &two, &w1, &h1);
  gst_video_overlay_rectangle_get_render_rectangle (
      gst_video_overlay_composition_get_rectangle (composition_of (y), 0), &one, &two, &w2, &h2);
  g_assert_cmpuint (h2, >=, 3 * h1); /* two headings, two labels */
  gst_harness_teardown (h);
}

#ifdef HAVE_ANALYTICS
static void
test_classification (void)
{
  GstHarness *h = start (NULL, "GRAY8", 320, 240, FALSE);
  GstBuffer *buffer = grey_frame ("GRAY8", 320, 240);
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd cls;
  GstAnalyticsODMtd object;

  g_assert_true (gst_analytics_relation_meta_add_one_cls_mtd (
      meta, 0.9, g_quark_from_static_string ("dog"), &cls));
  g_assert_true (gst_analytics_relation_meta_add_od_mtd (
      meta, g_quark_from_static_string ("animal"), 200, 100, 80, 80, 0.9, &object));
  g_assert_true (gst_analytics_relation_meta_set_relation (
      meta, GST_ANALYTICS_REL_TYPE_CONTAIN | GST_ANALYTICS_REL_TYPE_RELATE_TO, object.id, cls.id));
  g_autoptr (GstBuffer) out = push (h, buffer);
  g_assert_cmpuint (changed (out, 320, 200, 100, 80, 2), ==, 160);
  g_assert_cmpuint (changed (out, 320, 0, 0, 160, 60), ==, 0);
  gst_harness_teardown (h);
}
#endif

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gst_clip_meta_register ();
  GST_ELEMENT_REGISTER (clipoverlay, NULL);

  g_test_add_func ("/overlay/nothing-to-draw", test_nothing_to_draw);
  g_test_add_func ("/overlay/corners", test_corners);
  g_test_add_func ("/overlay/shared-buffer-is-copied", test_shared_buffer_is_copied);
  g_test_add_func ("/overlay/what-is-shown", test_what_is_shown);
  g_test_add_func ("/overlay/odd-texts", test_odd_texts);
  g_test_add_func ("/overlay/odd-sizes", test_odd_sizes);
  g_test_add_func ("/overlay/formats", test_formats);
  g_test_add_func ("/overlay/region-is-rescaled", test_region_is_rescaled);
  g_test_add_func ("/overlay/label-beside-its-region", test_label_beside_its_region);
  g_test_add_func ("/overlay/labels-beside-each-other", test_labels_beside_each_other);
  g_test_add_func ("/overlay/regions-can-be-hidden", test_regions_can_be_hidden);
  g_test_add_func ("/overlay/downstream-draws", test_downstream_draws);
  g_test_add_func ("/overlay/caps-alone-do-not-count", test_caps_alone_do_not_count);
  g_test_add_data_func ("/overlay/upstream-overlay-passed-on", GINT_TO_POINTER (1),
                        test_upstream_overlay);
  g_test_add_data_func ("/overlay/upstream-overlay-blended", NULL, test_upstream_overlay);
  g_test_add_func ("/overlay/crop-meta", test_crop_meta);
  g_test_add_func ("/overlay/bytes", test_bytes);
  g_test_add_func ("/overlay/broken-results", test_broken_results);
  g_test_add_func ("/overlay/two-filters", test_two_filters);
#ifdef HAVE_ANALYTICS
  g_test_add_func ("/overlay/classification", test_classification);
#endif
  return g_test_run ();
}
