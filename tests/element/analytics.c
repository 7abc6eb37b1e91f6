/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GstAnalyticsClsMtd read back from the buffers (GStreamer >= 1.24). */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include <gst/analytics/analytics.h>

#define STEP "mode=in-step, scoring=cosine, threshold=0.7, "

/* Number of Cls on @buffer; the last of them in @cls. */
static guint
find_cls (GstBuffer *buffer, GstAnalyticsClsMtd *cls)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  gpointer state = NULL;
  guint n = 0;

  while (meta
         && gst_analytics_relation_meta_iterate (meta, &state,
                                                 gst_analytics_cls_mtd_get_mtd_type (), cls))
    n++;
  return n;
}

/* The accepted labels only, best first, with their scores. */
static void
test_accepted (void)
{
  Stage *stage = stage_new_playing (STEP "prompts=0;10;30;250");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 12);
  GstAnalyticsClsMtd cls;
  static const gchar *const want[] = { "10", "0", "30" };

  g_assert_cmpuint (find_cls (buffer, &cls), ==, 1);
  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&cls), ==, G_N_ELEMENTS (want));
  for (guint i = 0; i < G_N_ELEMENTS (want); i++) {
    gdouble score = 1.0 - ABS (12 - atoi (want[i])) / 256.0;
    GQuark quark = gst_analytics_cls_mtd_get_quark (&cls, i);
    g_assert_cmpstr (g_quark_to_string (quark), ==, want[i]);
    g_assert_cmpfloat_with_epsilon (gst_analytics_cls_mtd_get_level (&cls, i), score, 1e-5);
  }
  stage_free (stage);
}

/* The others do not even become a quark. */
static void
test_none_accepted (void)
{
  Stage *stage = stage_new_playing (STEP "prompts=nobody accepts this");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 12);
  GstAnalyticsClsMtd cls;

  g_assert_nonnull (stage_result (buffer, 0));
  g_assert_cmpuint (find_cls (buffer, &cls), ==, 0);
  g_assert_cmpuint (g_quark_try_string ("nobody accepts this"), ==, 0);
  stage_free (stage);
}

static void
test_top_k (void)
{
  Stage *stage = stage_new_playing (STEP "prompts=0;10;30;250, top-k=2");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 12);
  GstAnalyticsClsMtd cls;

  g_assert_cmpuint (find_cls (buffer, &cls), ==, 1);
  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&cls), ==, 2);
  stage_free (stage);
}

/* What is on the buffer already stays. */
static void
test_joins (void)
{
  Stage *stage = stage_new_playing (STEP "prompts=10");
  GstBuffer *frame = stage_frame (stage, 10);
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (frame);
  GstAnalyticsClsMtd cls;
  gfloat level = 0.5;
  GQuark quark = g_quark_from_string ("earlier");

  g_assert_true (gst_analytics_relation_meta_add_cls_mtd (meta, 1, &level, &quark, &cls));
  gst_harness_push (stage->harness, frame);
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  g_assert_cmpuint (find_cls (out, &cls), ==, 2);
  stage_free (stage);
}

static void
test_off (void)
{
  Stage *stage = stage_new_playing (STEP "prompts=10, attach-meta=false");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 10);
  GstAnalyticsClsMtd cls;

  g_assert_cmpuint (find_cls (buffer, &cls), ==, 0);
  stage_free (stage);
}

/* Detected objects --------------------------------------------------------- */

#define ROIS STEP "prompts=10;60, region=rois"

/* Holds 10, and 60 from (8, 4) on. */
static GstBuffer *
make_frame (Stage *stage)
{
  GstBuffer *frame = stage_frame (stage, 10);
  GstMapInfo map;

  g_assert_true (gst_buffer_map (frame, &map, GST_MAP_WRITE));
  for (guint i = 0; i < 256; i++)
    map.data[i] = i % 16 >= 8 && i / 16 >= 4 ? 60 : 10;
  gst_buffer_unmap (frame, &map);
  return frame;
}

static guint
detect (GstBuffer *frame, const gchar *type, gint x, gint y, gint w, gint h)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (frame);
  GstAnalyticsODMtd od;

  g_assert_true (gst_analytics_relation_meta_add_od_mtd (meta, g_quark_from_string (type), x, y, w,
                                                         h, 0.5, &od));
  return od.id;
}

/* The label of the Cls that @od has both relations to. */
static const gchar *
label_of_od (GstBuffer *buffer, guint od)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd cls, same;
  gpointer state = NULL, state2 = NULL;

  if (!gst_analytics_relation_meta_get_direct_related (meta, od, GST_ANALYTICS_REL_TYPE_CONTAIN,
                                                       gst_analytics_cls_mtd_get_mtd_type (),
                                                       &state, &cls))
    return NULL;
  g_assert_true (gst_analytics_relation_meta_get_direct_related (
      meta, od, GST_ANALYTICS_REL_TYPE_RELATE_TO, gst_analytics_cls_mtd_get_mtd_type (), &state2,
      &same));
  g_assert_cmpuint (cls.id, ==, same.id);
  return g_quark_to_string (gst_analytics_cls_mtd_get_quark (&cls, 0));
}

static void
test_objects (void)
{
  Stage *stage = stage_new_playing (ROIS);
  GstBuffer *frame = make_frame (stage);
  const guint a = detect (frame, "face", -2, -3, 6, 6), b = detect (frame, "car", 9, 5, 3, 30),
              c = detect (frame, "car", 20, 5, 3, 3);
  gint id;

  g_object_set (stage->filter, "roi-types", "car;face", NULL);
  gst_harness_push (stage->harness, frame);
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  g_assert_cmpstr (label_of_od (out, a), ==, "10");
  g_assert_cmpstr (label_of_od (out, b), ==, "60");
  g_assert_null (label_of_od (out, c));
  const GstStructure *s = stage_result (out, 1);
  g_assert_cmpstr (gst_structure_get_string (s, "region"), ==, "od");
  g_assert_cmpstr (gst_structure_get_string (s, "region-type"), ==, "car");
  g_assert_true (gst_structure_get_int (s, "region-id", &id));
  g_assert_cmpuint (id, ==, b);
  g_assert_null (stage_result (out, 2));
  stage_free (stage);
}

/* The frame's own Cls has no relation, the others have one each. */
static void
test_both (void)
{
  Stage *stage = stage_new_playing (STEP "prompts=10;60, region=both");
  GstBuffer *frame = make_frame (stage);
  const guint od = detect (frame, "car", 9, 5, 3, 3);
  GstAnalyticsClsMtd cls;

  gst_harness_push (stage->harness, frame);
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  g_assert_cmpuint (find_cls (out, &cls), ==, 2);
  g_assert_cmpstr (label_of_od (out, od), ==, "60");
  stage_free (stage);
}

/* A tracking related in either direction makes a tracked region. */
static void
test_tracking (void)
{
  Stage *stage = stage_new_playing (ROIS ", reclassify-interval=10000");

  for (guint i = 0; i < 4; i++) {
    GstBuffer *frame = make_frame (stage);
    const guint od = detect (frame, "car", 9, 5, 3, 3);
    GstAnalyticsTrackingMtd tracking;
    guint64 id = 0;

    gst_analytics_relation_meta_add_tracking_mtd (gst_buffer_get_analytics_relation_meta (frame),
                                                  77, 0, &tracking);
    gst_analytics_relation_meta_set_relation (gst_buffer_get_analytics_relation_meta (frame),
                                              GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                              i % 2 ? od : tracking.id, i % 2 ? tracking.id : od);
    gst_harness_push (stage->harness, frame);
    g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
    g_assert_cmpstr (label_of_od (out, od), ==, "60");
    g_assert_true (gst_structure_get_uint64 (stage_result (out, 0), "tracking-id", &id));
    g_assert_cmpuint (id, ==, 77);
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 1);
  stage_free (stage);
}

#if GST_CHECK_VERSION(1, 26, 0)
/* The frame's embedding is a tensor of the buffer; an object's is related to it (1.28). */
static void
test_embedding (void)
{
  Stage *stage = stage_new_playing (STEP "prompts=10;60, region=both, attach-embedding=true");
  GstBuffer *frame = make_frame (stage);
  const guint od = detect (frame, "car", 9, 5, 3, 3);
  GstMapInfo map;

  gst_harness_push (stage->harness, frame);
  g_autoptr (GstBuffer) out = gst_harness_pull (stage->harness);
  GstTensorMeta *meta = gst_buffer_get_tensor_meta (out);
  g_assert_nonnull (meta);
  g_assert_cmpuint (meta->num_tensors, ==, 1);
  const GstTensor *tensor = gst_tensor_meta_get (meta, 0);
  g_assert_cmpstr (g_quark_to_string (tensor->id), ==, "clip-embedding");
  g_assert_cmpint (tensor->data_type, ==, GST_TENSOR_DATA_TYPE_FLOAT32);
  g_assert_cmpuint (tensor->num_dims, ==, 1);
  g_assert_cmpuint (tensor->dims[0], ==, FAKE_DIM);
  g_assert_true (gst_buffer_map (tensor->data, &map, GST_MAP_READ));
  g_assert_cmpfloat (((const gfloat *)map.data)[0], ==, 10);
  gst_buffer_unmap (tensor->data, &map);
#if GST_CHECK_VERSION(1, 28, 0)
  GstAnalyticsTensorMtd mtd;
  gpointer state = NULL;
  g_assert_true (gst_analytics_relation_meta_get_direct_related (
      gst_buffer_get_analytics_relation_meta (out), od, GST_ANALYTICS_REL_TYPE_RELATE_TO,
      gst_analytics_tensor_mtd_get_mtd_type (), &state, &mtd));
  tensor = gst_analytics_tensor_mtd_get_tensor (&mtd);
  g_assert_true (gst_buffer_map (tensor->data, &map, GST_MAP_READ));
  g_assert_cmpfloat (((const gfloat *)map.data)[0], ==, 60);
  gst_buffer_unmap (tensor->data, &map);
#endif
  g_assert_cmpuint (od, ==, 0);
  stage_free (stage);
}
#endif

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/analytics/accepted", test_accepted);
  g_test_add_func ("/analytics/none-accepted", test_none_accepted);
  g_test_add_func ("/analytics/top-k", test_top_k);
  g_test_add_func ("/analytics/joins", test_joins);
  g_test_add_func ("/analytics/off", test_off);
  g_test_add_func ("/analytics/objects", test_objects);
  g_test_add_func ("/analytics/both", test_both);
  g_test_add_func ("/analytics/tracking", test_tracking);
#if GST_CHECK_VERSION(1, 26, 0)
  g_test_add_func ("/analytics/embedding", test_embedding);
#endif
  return g_test_run ();
}
