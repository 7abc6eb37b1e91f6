/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skip-still: pictures that are not encoded because they are like the last one that was. The fake engine's change is
 * that of the value, of 255. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#define STILL      "scoring=cosine, messages=every-result, mode=in-step, prompts=10;200, skip-still=0.05"
#define POLL_US    1000
#define TOO_LONG_S 20

static guint64
count_still (Stage *stage)
{
  GstStructure *stats;
  guint64 still = 0;

  g_object_get (stage->filter, "stats", &stats, NULL);
  gst_structure_get_uint64 (stats, "still", &still);
  gst_structure_free (stats);
  return still;
}

/* Compared with the last encoded picture, so that what changes slowly is seen in the end. */
static void
test_still (gconstpointer data)
{
  Stage *stage = stage_new ("scoring=cosine, threshold=0.5, messages=every-result, mode=in-step, "
                            "prompts=10;200, skip-still=0.05");

  if (GPOINTER_TO_INT (data))
    stage_play (stage);
  else
    stage_play_file (stage);
  stage_check (stage, 10, "10", 0);
  stage_check (stage, 20, "10", 1); /* 0.039 */
  stage_check (stage, 10, "10", 2);
  stage_check (stage, 23, "10", 0); /* 0.051 */
  stage_check (stage, 30, "10", 1);
  stage_check (stage, 200, "200", 0);
  stage_check (stage, 200, "200", 1);
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 3);
  g_assert_cmpuint (count_still (stage), ==, 4);

  g_object_set (stage->filter, "prompts", "10;190", NULL); /* is answered all the same */
  stage_wait_prompts (stage, 2);
  stage_check (stage, 200, "190", 0);
  stage_check (stage, 200, "190", 1);
  g_object_set (stage->filter, "skip-still", 0.0, NULL);
  stage_check (stage, 200, "190", 0);
  stage_free (stage);
}

/* A picture without a result is no reason not to encode the next one. */
static void
test_failure (void)
{
  Stage *stage = stage_new_playing (STILL ", threshold=0.9");

  stage_check (stage, 10, "10", 0);
  fake_fail (FAKE_JOB_RUN, 1, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE);
  stage_check (stage, 200, "none", 0);
  stage_check (stage, 200, "200", 0);
  stage_check (stage, 200, "200", 1);
  stage_free (stage);
}

static void
test_latest (void)
{
  Stage *stage = stage_new_playing ("scoring=cosine, threshold=0.5, mode=latest, prompts=10;200, "
                                    "messages=every-result, skip-still=0.05");

  for (guint i = 0; i < TOO_LONG_S * 1000 && count_still (stage) < 10; i++) {
    gst_buffer_unref (stage_push (stage, 10));
    g_usleep (POLL_US);
  }
  g_assert_cmpuint (count_still (stage), >=, 10);
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 1);
  g_autofree gchar *label = stage_push_label (stage, 10);
  g_assert_cmpstr (label, ==, "10");
  for (guint i = 0; i < TOO_LONG_S * 1000 && fake_count (FAKE_JOB_RUN) < 2; i++) {
    gst_buffer_unref (stage_push (stage, 200));
    g_usleep (POLL_US);
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 2);
  stage_free (stage);
}

/* What was encoded meanwhile without a comparison is what labels are carried on from. */
static void
test_off_and_on (void)
{
  Stage *stage = stage_new_playing (STILL ", threshold=0.9");

  stage_check (stage, 10, "10", 0);
  g_object_set (stage->filter, "skip-still", 0.0, NULL);
  stage_check (stage, 200, "200", 0);
  g_object_set (stage->filter, "skip-still", 0.05, NULL);
  stage_check (stage, 10, "10", 0);
  stage_check (stage, 10, "10", 1);
  stage_free (stage);
}

/* Frames without the regions that are asked for leave nothing to carry on. */
static void
test_regions (void)
{
  Stage *stage = stage_new_playing (STILL ", threshold=0.9");

  stage_check (stage, 10, "10", 0);
  gst_util_set_object_arg (G_OBJECT (stage->filter), "region", "rois");
  stage_check (stage, 10, "none", 0);
  gst_util_set_object_arg (G_OBJECT (stage->filter), "region", "full-frame");
  stage_check (stage, 10, "10", 0);
  stage_check (stage, 10, "10", 1);
  stage_free (stage);
}

/* Another question is answered by encoding once more. */
static void
test_settings (void)
{
  static const struct {
    const gchar *name, *value;
  } settings[] = {
    { "threshold", "0" },           { "top-k", "1" },
    { "logit-scale", "7" },         { "hysteresis", "0.1" },
    { "attach-embedding", "true" }, { "crop", "squash" },
    { "smoothing", "10" },
  };
  Stage *stage = stage_new_playing (STILL ", threshold=0.9");

  stage_check (stage, 10, "10", 0);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++) {
    stage_check (stage, 10, "10", 1);
    gst_util_set_object_arg (G_OBJECT (stage->filter), settings[i].name, settings[i].value);
    stage_check (stage, 10, "10", 0);
  }
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_data_func ("/still/live", GINT_TO_POINTER (TRUE), test_still);
  g_test_add_data_func ("/still/held", GINT_TO_POINTER (FALSE), test_still);
  g_test_add_func ("/still/failure", test_failure);
  g_test_add_func ("/still/latest", test_latest);
  g_test_add_func ("/still/off-and-on", test_off_and_on);
  g_test_add_func ("/still/regions", test_regions);
  g_test_add_func ("/still/settings", test_settings);
  return g_test_run ();
}
