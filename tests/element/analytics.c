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

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/analytics/accepted", test_accepted);
  g_test_add_func ("/analytics/none-accepted", test_none_accepted);
  g_test_add_func ("/analytics/top-k", test_top_k);
  g_test_add_func ("/analytics/joins", test_joins);
  g_test_add_func ("/analytics/off", test_off);
  return g_test_run ();
}
