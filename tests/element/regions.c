/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Regions of interest that a detector in front has marked: found, encoded, labelled. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include <string.h>

#define STEP "mode=in-step, scoring=cosine, threshold=0.9, prompts=10;60;120;200, "

/* The frame is 16x16 and holds 10, but for 60 right of the middle and 120 in the lower left quarter. */
static GstBuffer *
make_frame (Stage *stage)
{
  GstBuffer *frame = stage_frame (stage, 10);
  GstMapInfo map;

  g_assert_true (gst_buffer_map (frame, &map, GST_MAP_WRITE));
  for (guint y = 0; y < 16; y++)
    for (guint x = 0; x < 16; x++)
      if (x >= 8)
        map.data[y * 16 + x] = 60;
      else if (y >= 8)
        map.data[y * 16 + x] = 120;
  gst_buffer_unmap (frame, &map);
  return frame;
}

static GstVideoRegionOfInterestMeta *
mark (GstBuffer *frame, const gchar *type, gint x, gint y, guint w, guint h)
{
  return gst_buffer_add_video_region_of_interest_meta (frame, type, (guint)x, (guint)y, w, h);
}

/* As DL Streamer's gvatrack does */
static void
track (GstVideoRegionOfInterestMeta *roi, gint id)
{
  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("object_id", "id", G_TYPE_INT, id, NULL));
}

/* (transfer full) */
static GstBuffer *
pass (Stage *stage, GstBuffer *frame)
{
  gst_harness_push (stage->harness, frame);
  return gst_harness_pull (stage->harness);
}

/* "LABEL REGION INDEX X,Y WxH", one a result, joined by "/". (transfer full) */
static gchar *
describe (GstBuffer *buffer)
{
  GString *out = g_string_new (NULL);
  const GstStructure *s;

  for (guint i = 0; (s = stage_result (buffer, i)); i++) {
    guint index, x, y, w, h;
    g_assert_true (gst_structure_get (s, "region-index", G_TYPE_UINT, &index, "x", G_TYPE_UINT, &x,
                                      "y", G_TYPE_UINT, &y, "width", G_TYPE_UINT, &w, "height",
                                      G_TYPE_UINT, &h, NULL));
    g_string_append_printf (out, "%s%s %s %u %u,%u %ux%u", i ? "/" : "",
                            gst_structure_get_string (s, "label"),
                            gst_structure_get_string (s, "region"), index, x, y, w, h);
  }
  return g_string_free (out, FALSE);
}

static void
assert_results (GstBuffer *buffer, const gchar *want)
{
  g_autofree gchar *got = describe (buffer);
  g_assert_cmpstr (got, ==, want);
}

/* (nullable): of the @index-th region's structure `classification` */
static const gchar *
classification (GstBuffer *buffer, guint index)
{
  gpointer state = NULL;
  GstMeta *meta = NULL;

  for (guint i = 0; i <= index; i++)
    meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                             GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
  const GstStructure *s = gst_video_region_of_interest_meta_get_param (
      (GstVideoRegionOfInterestMeta *)meta, "classification");
  return s ? gst_structure_get_string (s, "label") : NULL;
}

static void
test_modes (void)
{
  static const struct {
    const gchar *properties, *want;
  } cases[] = {
    { STEP "region=full-frame", "10 frame 0 0,0 16x16" },
    { STEP "region=rois", "60 roi 0 9,2 4x4/120 roi 1 1,9 3x5" },
    { STEP "region=both", "10 frame 0 0,0 16x16/60 roi 0 9,2 4x4/120 roi 1 1,9 3x5" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Stage *stage = stage_new_playing (cases[i].properties);
    GstBuffer *frame = make_frame (stage);
    mark (frame, "face", 9, 2, 4, 4)->id = 7;
    mark (frame, "car", 1, 9, 3, 5);
    g_autoptr (GstBuffer) out = pass (stage, frame);

    assert_results (out, cases[i].want);
    g_assert_cmpstr (classification (out, 0), ==, i ? "60" : NULL);
    g_assert_cmpstr (classification (out, 1), ==, i ? "120" : NULL);
    if (i == 1) {
      gint id;
      g_assert_true (gst_structure_get_int (stage_result (out, 0), "region-id", &id));
      g_assert_cmpint (id, ==, 7);
      g_assert_cmpstr (gst_structure_get_string (stage_result (out, 0), "region-type"), ==, "face");
    }
    stage_free (stage);
  }
}

/* Boxes that stick out are clipped, on all sides; what is outside or empty is left out. */
static void
test_clipped (void)
{
  Stage *stage = stage_new_playing (STEP "region=rois");
  GstBuffer *frame = make_frame (stage);

  mark (frame, "a", -3, -2, 5, 6);
  mark (frame, "b", 14, 15, 100, 100);
  mark (frame, "c", 16, 0, 5, 5);
  mark (frame, "d", -9, 0, 9, 5);
  mark (frame, "e", 3, 3, 0, 4);
  mark (frame, "f", 15, 0, 1, 1);
  g_autoptr (GstBuffer) out = pass (stage, frame);
  assert_results (out, "10 roi 0 0,0 2x4/60 roi 1 14,15 2x1/60 roi 5 15,0 1x1");
  stage_free (stage);
}

static void
test_types_and_sizes (void)
{
  Stage *stage = stage_new_playing (STEP "region=rois, min-size=3");

  g_object_set (stage->filter, "roi-types", "face; car", NULL);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *frame = make_frame (stage);
    mark (frame, "dog", 0, 0, 4, 4);
    mark (frame, "face", 9, 2, 4, 4);
    mark (frame, "car", 0, 9, 2, 5);
    mark (frame, "car", 0, 9, 3, 5);
    g_autoptr (GstBuffer) out = pass (stage, frame);
    assert_results (out, i ? "10 roi 0 0,0 4x4/60 roi 1 9,2 4x4/120 roi 3 0,9 3x5"
                           : "60 roi 1 9,2 4x4/120 roi 3 0,9 3x5");
    g_object_set (stage->filter, "roi-types", NULL, NULL);
  }
  stage_free (stage);
}

/* No region, no work; a region that comes is encoded at once. */
static void
test_nothing (void)
{
  Stage *stage = stage_new_playing (STEP "region=rois");

  for (guint i = 0; i < 3; i++) {
    g_autoptr (GstBuffer) out = pass (stage, make_frame (stage));
    assert_results (out, "");
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 0);
  GstBuffer *frame = make_frame (stage);
  mark (frame, "a", 0, 9, 4, 4);
  g_autoptr (GstBuffer) with = pass (stage, frame);
  assert_results (with, "120 roi 0 0,9 4x4");
  g_autoptr (GstBuffer) gone = pass (stage, make_frame (stage));
  assert_results (gone, "");
  stage_free (stage);
}

/* A tracked region keeps its result for 100 ms; frames are 40 ms. Untracked ones never do. */
static void
test_interval (void)
{
  Stage *stage = stage_new_playing (STEP "region=rois, reclassify-interval=100");
  static const guint runs[] = { 2, 3, 4, 6, 7, 8, 10 };
  static const guint ages[] = { 0, 40, 80, 0, 40, 80, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (runs); i++) {
    GstBuffer *frame = make_frame (stage);
    guint64 age, id;
    guint x;

    track (mark (frame, "a", 9 + (gint)(i % 3), 2, 4, 4), 5);
    mark (frame, "b", 0, 9, 4, 4);
    g_autoptr (GstBuffer) out = pass (stage, frame);
    g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, runs[i]);
    g_assert_true (gst_structure_get (stage_result (out, 0), "age", G_TYPE_UINT64, &age,
                                      "tracking-id", G_TYPE_UINT64, &id, "x", G_TYPE_UINT, &x,
                                      NULL));
    g_assert_cmpuint (age, ==, ages[i] * GST_MSECOND);
    g_assert_cmpuint (id, ==, 5);
    g_assert_cmpuint (x, ==, 9 + i % 3); /* where it is now */
    g_assert_cmpstr (classification (out, 0), ==, "60");
    g_assert_cmpstr (classification (out, 1), ==, "120");
    g_assert_false (gst_structure_has_field (stage_result (out, 1), "tracking-id"));
  }
  /* other prompts are another question */
  g_object_set (stage->filter, "prompts", "61", NULL);
  stage_wait_prompts (stage, 2);
  GstBuffer *frame = make_frame (stage);
  track (mark (frame, "a", 9, 2, 4, 4), 5);
  g_autoptr (GstBuffer) out = pass (stage, frame);
  assert_results (out, "61 roi 0 9,2 4x4");
  stage_free (stage);
}

/* Frames that are not encoded: what is tracked goes with its region, the rest is only told. */
static void
test_carried (void)
{
  Stage *stage = stage_new_playing (STEP "region=both, interval=3");

  for (guint i = 0; i < 3; i++) {
    GstBuffer *frame = make_frame (stage);
    mark (frame, "b", 0, 9, 4, 4);
    track (mark (frame, "a", 9 + (gint)i, 2, 4, 4), 5);
    g_autoptr (GstBuffer) out = pass (stage, frame);
    g_autofree gchar *want =
        i ? g_strdup_printf ("10 frame 0 0,0 16x16/60 roi 1 %u,2 4x4/120 roi 0 0,9 4x4", 9 + i)
          : g_strdup ("10 frame 0 0,0 16x16/120 roi 0 0,9 4x4/60 roi 1 9,2 4x4");
    assert_results (out, want);
    g_assert_cmpstr (classification (out, 0), ==, i ? NULL : "120");
    g_assert_cmpstr (classification (out, 1), ==, "60");
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 3);
  stage_free (stage);
}

/* 64 regions and the frame; what is beyond is left out, with one warning. */
static void
test_many (void)
{
  Stage *stage = stage_new_playing (STEP "region=both, messages=none");

  for (guint n = 64; n <= 66; n++) {
    GstBuffer *frame = make_frame (stage);
    for (guint i = 0; i < n; i++)
      mark (frame, "x", (gint)(i % 14), (gint)(i / 14), 2, 2);
    g_autoptr (GstBuffer) out = pass (stage, frame);
    g_assert_nonnull (stage_result (out, 64));
    g_assert_null (stage_result (out, 65));
    g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 65 * (n - 63));
  }
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 1);
  stage_free (stage);
}

/* Messages are those of each region; a tracked one that is not seen for a second says goodbye. */
static void
test_messages (void)
{
  Stage *stage = stage_new_playing (STEP "region=rois, reclassify-interval=100000");
  guint64 id = 0;

  for (guint i = 0; i < 60; i++) {
    GstBuffer *frame = make_frame (stage);
    if (i < 40)
      track (mark (frame, "a", 9, 2, 4, 4), 5);
    gst_buffer_unref (pass (stage, frame));
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 1);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 1);
  for (guint i = 0; i < 20; i++)
    gst_buffer_unref (pass (stage, make_frame (stage)));
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter");
  const GstStructure *s = gst_message_get_structure (message);
  g_autofree gchar *gone = stage_strings (s, "disappeared");
  g_assert_cmpstr (gone, ==, "60");
  g_assert_true (gst_structure_get_uint64 (s, "tracking-id", &id));
  g_assert_cmpuint (id, ==, 5);
  stage_free (stage);
}

/* Latest: results come later, and find their way by the number. */
static void
test_latest (void)
{
  Stage *stage =
      stage_new_playing ("mode=latest, scoring=cosine, threshold=0.9, prompts=10;60;120, "
                         "region=rois");
  gboolean told = FALSE;

  stage_wait_prompts (stage, 1);
  for (guint i = 0; i < 500 && !told; i++) {
    GstBuffer *frame = make_frame (stage);
    track (mark (frame, "a", 9, 2, 4, 4), 5);
    mark (frame, "b", 0, 9, 4, 4);
    g_autoptr (GstBuffer) out = pass (stage, frame);
    told = stage_result (out, 0) != NULL;
    if (told) {
      assert_results (out, "60 roi 0 9,2 4x4/120 roi 1 0,9 4x4");
      g_assert_cmpstr (classification (out, 0), ==, "60");
      g_assert_cmpstr (classification (out, 1), ==, NULL);
    }
    g_usleep (2000);
  }
  g_assert_true (told);
  g_autoptr (GstBuffer) out = pass (stage, make_frame (stage));
  assert_results (out, "");
  stage_free (stage);
}

/* Two elements: both results stay, on the buffer and on the region. */
static void
test_two (void)
{
  GstHarness *second;
  Stage *stage = stage_new_playing (STEP "region=rois");
  GstElement *other = gst_element_factory_make ("clipfilter", NULL);
  GstBuffer *frame = make_frame (stage);
  gpointer state = NULL;
  guint n = 0;

  gst_util_set_object_arg (G_OBJECT (other), "region", "rois");
  gst_util_set_object_arg (G_OBJECT (other), "mode", "in-step");
  gst_util_set_object_arg (G_OBJECT (other), "scoring", "cosine");
  g_object_set (other, "prompts", "61", NULL);
  second = gst_harness_new_with_element (other, "sink", "src");
  gst_object_unref (other);
  gst_harness_set_src_caps_str (second, STAGE_CAPS);
  mark (frame, "a", 9, 2, 4, 4);
  gst_harness_push (second, pass (stage, frame));
  g_autoptr (GstBuffer) out = gst_harness_pull (second);
  assert_results (out, "60 roi 0 9,2 4x4/61 roi 0 9,2 4x4");

  GstVideoRegionOfInterestMeta *roi =
      (GstVideoRegionOfInterestMeta *)gst_buffer_iterate_meta_filtered (
          out, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
  for (GList *l = roi->params; l; l = l->next)
    n += gst_structure_has_name (l->data, "classification");
  g_assert_cmpuint (n, ==, 2);
  gst_harness_teardown (second);
  stage_free (stage);
}

static void
test_crop (void)
{
  Stage *stage = stage_new_playing (STEP "crop=letterbox");

  gst_buffer_unref (pass (stage, make_frame (stage)));
  g_assert_cmpint (fake_last_fit (), ==, CLIP_FIT_LETTERBOX);
  gst_util_set_object_arg (G_OBJECT (stage->filter), "crop", "squash");
  gst_buffer_unref (pass (stage, make_frame (stage)));
  g_assert_cmpint (fake_last_fit (), ==, CLIP_FIT_SQUASH);
  gst_util_set_object_arg (G_OBJECT (stage->filter), "crop", "auto");
  gst_buffer_unref (pass (stage, make_frame (stage)));
  g_assert_cmpint (fake_last_fit (), ==, CLIP_FIT_AUTO);
  stage_free (stage);
}

/* float32 on the buffer, for the frame and each region; not in messages. */
static void
test_embedding (void)
{
  Stage *stage = stage_new_playing (STEP "region=both, attach-embedding=true");
  static const gfloat pixels[] = { 10, 60 };
  GstBuffer *frame = make_frame (stage);

  mark (frame, "a", 9, 2, 4, 4);
  g_autoptr (GstBuffer) out = pass (stage, frame);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GstBuffer) embedding = NULL;
    gfloat values[FAKE_DIM];
    guint length;

    g_assert_true (gst_structure_get (stage_result (out, i), "embedding", GST_TYPE_BUFFER,
                                      &embedding, "embedding-length", G_TYPE_UINT, &length, NULL));
    g_assert_cmpuint (length, ==, FAKE_DIM);
    g_assert_cmpuint (gst_buffer_extract (embedding, 0, values, sizeof values), ==, sizeof values);
    g_assert_cmpfloat (values[0], ==, pixels[i]);
  }
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter");
  g_assert_false (gst_structure_has_field (gst_message_get_structure (message), "embedding"));

  g_object_set (stage->filter, "attach-embedding", FALSE, NULL);
  g_autoptr (GstBuffer) without = pass (stage, make_frame (stage));
  g_assert_false (gst_structure_has_field (stage_result (without, 0), "embedding"));
  stage_free (stage);
}

/* What regions of all sizes need is made before the first frame is encoded, once for a size of frames, and
 * never where no regions are asked for. */
static void
test_made_ready (void)
{
  Stage *stage = stage_new (STEP "region=full-frame");

  fake_close (FAKE_OPEN);
  stage_play (stage);
  fake_open (FAKE_OPEN);
  gst_buffer_unref (pass (stage, make_frame (stage)));
  stage_wait_prompts (stage, 1);
  g_assert_cmpuint (fake_count (FAKE_REGIONS), ==, 0);
  gst_util_set_object_arg (G_OBJECT (stage->filter), "region", "both"); /* while playing */
  while (fake_count (FAKE_REGIONS) == 0)
    g_usleep (1000);
  stage_free (stage);

  stage = stage_new (STEP "region=rois");
  fake_close (FAKE_OPEN);
  stage_play (stage);
  fake_open (FAKE_OPEN);
  gst_buffer_unref (pass (stage, make_frame (stage)));
  g_assert_cmpuint (fake_count (FAKE_REGIONS), ==, 1);
  g_assert_cmpuint (fake_last_side (), ==, 16);
  gst_harness_set_src_caps_str (stage->harness,
                                "video/x-raw,format=GRAY8,width=16,height=32,framerate=25/1");
  while (fake_last_side () != 32)
    g_usleep (1000);
  stage_free (stage);
}

/* A failure there is none of frames; a lost device is noticed. */
static void
test_not_made_ready (void)
{
  Stage *stage = stage_new (STEP "region=both");

  fake_close (FAKE_OPEN);
  fake_fail (FAKE_REGIONS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  stage_play (stage);
  fake_open (FAKE_OPEN);
  g_autoptr (GstBuffer) out = pass (stage, make_frame (stage));
  assert_results (out, "10 frame 0 0,0 16x16");
  g_assert_cmpuint (fake_count (FAKE_REGIONS), ==, 1);
  stage_free (stage);

  stage = stage_new (STEP "region=both");
  fake_close (FAKE_OPEN);
  fake_fail (FAKE_REGIONS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  stage_play (stage);
  fake_open (FAKE_OPEN);
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED,
                "made to fail");
  g_autoptr (GstBuffer) after = pass (stage, make_frame (stage));
  assert_results (after, "10 frame 0 0,0 16x16");
  g_assert_cmpuint (fake_count (FAKE_OPEN), ==, 2);
  g_assert_cmpuint (fake_count (FAKE_REGIONS), ==, 2);
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/regions/modes", test_modes);
  g_test_add_func ("/regions/clipped", test_clipped);
  g_test_add_func ("/regions/types-and-sizes", test_types_and_sizes);
  g_test_add_func ("/regions/nothing", test_nothing);
  g_test_add_func ("/regions/interval", test_interval);
  g_test_add_func ("/regions/carried", test_carried);
  g_test_add_func ("/regions/many", test_many);
  g_test_add_func ("/regions/messages", test_messages);
  g_test_add_func ("/regions/latest", test_latest);
  g_test_add_func ("/regions/two", test_two);
  g_test_add_func ("/regions/crop", test_crop);
  g_test_add_func ("/regions/embedding", test_embedding);
  g_test_add_func ("/regions/made-ready", test_made_ready);
  g_test_add_func ("/regions/not-made-ready", test_not_made_ready);
  return g_test_run ();
}
