/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes wrong: no model, no device, a device that is lost once and twice. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include "gst-clip/engine/model.h"

#include <string.h>

#define STEP    "mode=in-step, scoring=cosine, threshold=0.9, prompts=10"
#define POLL_US 1000

static const struct {
  GQuark (*domain) (void);
  gint code;
  GQuark (*gst_domain) (void);
  gint gst_code;
} open_errors[] = {
  { clip_gpu_error_quark, CLIP_GPU_ERROR_LOADER, gst_library_error_quark, GST_LIBRARY_ERROR_INIT },
  { clip_gpu_error_quark, CLIP_GPU_ERROR_NO_DEVICE, gst_resource_error_quark,
    GST_RESOURCE_ERROR_NOT_FOUND },
  { clip_gpu_error_quark, CLIP_GPU_ERROR_FAILED, gst_library_error_quark,
    GST_LIBRARY_ERROR_FAILED },
  { clip_model_error_quark, CLIP_MODEL_ERROR_INVALID, gst_resource_error_quark,
    GST_RESOURCE_ERROR_OPEN_READ },
  { clip_model_error_quark, CLIP_MODEL_ERROR_IO, gst_resource_error_quark,
    GST_RESOURCE_ERROR_READ },
  { clip_engine_error_quark, CLIP_ENGINE_ERROR_MEMORY, gst_resource_error_quark,
    GST_RESOURCE_ERROR_NO_SPACE_LEFT },
};

/* The error comes first, then the end of the stream; in both modes. */
static void
test_open_fails (void)
{
  for (guint i = 0; i < 2 * G_N_ELEMENTS (open_errors); i++) {
    Stage *stage = stage_new (i % 2 ? "mode=in-step, prompts=a" : "mode=latest, prompts=a");
    fake_fail (FAKE_OPEN, 1, open_errors[i / 2].domain (), open_errors[i / 2].code);
    stage_play (stage);
    stage_expect (stage, GST_MESSAGE_ERROR, open_errors[i / 2].gst_domain (),
                  open_errors[i / 2].gst_code, "made to fail");
    GstFlowReturn ret = GST_FLOW_OK;
    while (ret == GST_FLOW_OK) {
      ret = gst_harness_push (stage->harness, stage_frame (stage, 10));
      g_usleep (POLL_US);
    }
    g_assert_cmpint (ret, ==, GST_FLOW_ERROR);
    stage_free (stage);
  }
}

/* Paths need not be UTF-8, messages must be: other programs read them. */
static void
test_not_utf8 (void)
{
  Stage *stage = stage_new ("mode=latest, prompts=a");
  g_autofree gchar *errors = NULL, *progress = NULL;
  g_autoptr (GstMessage) message = NULL, failed = NULL;

  fake_fail (FAKE_TEXTS, 1, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_IO);
  fake_set_message ("/srv/caf\xe9/clip: no");
  stage_play (stage);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "/srv/caf\xef\xbf\xbd/clip: no");
  message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter-prompts");
  errors = stage_strings (gst_message_get_structure (message), "errors");
  g_assert_cmpstr (errors, ==, "/srv/caf\xef\xbf\xbd/clip: no");
  gst_element_set_state (stage->filter, GST_STATE_READY);
  stage_count (stage, GST_MESSAGE_ANY, NULL);
  fake_fail (FAKE_OPEN, 1, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_IO);
  gst_element_set_state (stage->filter, GST_STATE_PAUSED);
  do {
    GstProgressType type;

    g_clear_pointer (&failed, gst_message_unref);
    g_clear_pointer (&progress, g_free);
    failed = stage_message (stage, GST_MESSAGE_PROGRESS, NULL);
    gst_message_parse_progress (failed, &type, NULL, &progress);
    g_assert_true (g_utf8_validate (progress, -1, NULL));
  } while (!strstr (progress, "clip: no"));
  stage_expect (stage, GST_MESSAGE_ERROR, 0, 0, "/srv/caf\xef\xbf\xbd/clip: no");
  g_object_set (stage->filter, "prompts-file", "/nonexistent/caf\xe9", NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "/nonexistent/caf\xef\xbf\xbd");
  stage_free (stage);
}

/* A name that leads nowhere is told before anything starts. */
static void
test_no_model (void)
{
  Stage *stage = stage_new ("model=/nonexistent/clip, prompts=a");

  g_assert_cmpint (gst_element_set_state (stage->filter, GST_STATE_READY), ==,
                   GST_STATE_CHANGE_SUCCESS);
  g_assert_cmpint (gst_element_set_state (stage->filter, GST_STATE_PAUSED), ==,
                   GST_STATE_CHANGE_FAILURE);
  stage_expect (stage, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
                "/nonexistent/clip");
  gst_element_set_state (stage->filter, GST_STATE_NULL);
  stage_free (stage);
}

/* The details of an error say what is set. */
static void
test_details (void)
{
  Stage *stage = stage_new ("model=/nonexistent/clip, device=some-device, prompts=a");
  g_autofree gchar *details = NULL;

  g_assert_cmpint (gst_element_set_state (stage->filter, GST_STATE_PAUSED), ==,
                   GST_STATE_CHANGE_FAILURE);
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ERROR, NULL);
  gst_message_parse_error (message, NULL, &details);
  g_assert_nonnull (strstr (details, "model: /nonexistent/clip, device: some-device"));
  gst_element_set_state (stage->filter, GST_STATE_NULL);
  stage_free (stage);
}

/* Pushes frames until one comes out with this label; none is lost meanwhile. */
static void
push_until (Stage *stage, const gchar *want)
{
  for (;;) {
    g_autofree gchar *label = stage_push_label (stage, 10);
    if (g_strcmp0 (label, want) == 0)
      return;
    g_assert_cmpstr (label, ==, "none");
    g_usleep (POLL_US);
  }
}

static void
lose_device (Stage *stage)
{
  fake_fail (FAKE_JOB_RUN, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
}

/* Lost once: a warning, frames without labels, and then labels again from a new engine. */
static void
test_device_lost (void)
{
  Stage *stage = stage_new_playing (STEP);

  push_until (stage, "10");
  stage_count (stage, GST_MESSAGE_ANY, NULL);
  fake_close (FAKE_OPEN);
  lose_device (stage);
  for (guint i = 0; i < 5; i++) {
    g_autofree gchar *label = stage_push_label (stage, 10);
    g_assert_cmpstr (label, ==, "none");
  }
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED,
                "made to fail");
  fake_open (FAKE_OPEN);
  push_until (stage, "10");
  g_assert_cmpuint (fake_count (FAKE_OPEN), ==, 2);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ERROR, NULL), ==, 0);
  stage_free (stage);
}

static void
test_device_lost_twice (void)
{
  Stage *stage = stage_new_playing (STEP);

  push_until (stage, "10");
  lose_device (stage);
  gst_buffer_unref (stage_push (stage, 10));
  push_until (stage, "10");
  lose_device (stage);
  gst_buffer_unref (stage_push (stage, 10)); /* the frame itself still passes */
  g_assert_cmpint (gst_harness_push (stage->harness, stage_frame (stage, 10)), ==, GST_FLOW_ERROR);
  stage_expect (stage, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED,
                "made to fail");
  g_assert_cmpuint (fake_count (FAKE_OPEN), ==, 2);
  stage_free (stage);
}

/* Lost while texts are being encoded: the set that was asked for is in force in the end. */
static void
test_device_lost_in_texts (void)
{
  Stage *stage = stage_new_playing (STEP);

  push_until (stage, "10");
  fake_fail (FAKE_TEXTS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  g_object_set (stage->filter, "prompts", "11", NULL);
  stage_wait_prompts (stage, 2);
  push_until (stage, "11");
  g_assert_cmpuint (fake_count (FAKE_OPEN), ==, 2);
  stage_free (stage);
}

/* A set that could not be encoded is not tried again after a loss: what was in force comes back, silently. */
static void
test_device_lost_after_failure (void)
{
  Stage *stage = stage_new_playing (STEP);

  push_until (stage, "10");
  fake_fail (FAKE_TEXTS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  g_object_set (stage->filter, "prompts", "12", NULL);
  stage_wait_prompts (stage, 2);
  lose_device (stage);
  gst_buffer_unref (stage_push (stage, 10));
  push_until (stage, "10");
  g_assert_cmpuint (fake_count (FAKE_OPEN), ==, 2);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter-prompts"), ==, 0);
  g_object_set (stage->filter, "prompts", "11", NULL);
  stage_wait_prompts (stage, 3);
  push_until (stage, "11");
  stage_free (stage);
}

/* A set that is new to the new engine, which cannot encode it: likewise. */
static void
test_device_lost_before_failure (void)
{
  Stage *stage = stage_new_playing (STEP);

  push_until (stage, "10");
  fake_close (FAKE_OPEN);
  lose_device (stage);
  gst_buffer_unref (stage_push (stage, 10));
  fake_fail (FAKE_TEXTS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  g_object_set (stage->filter, "prompts", "12", NULL);
  fake_open (FAKE_OPEN);
  stage_wait_prompts (stage, 2);
  push_until (stage, "10");
  g_assert_cmpuint (fake_count (FAKE_OPEN), ==, 2);
  stage_free (stage);
}

/* Nor is it silent when what was in force cannot come back. */
static void
test_device_lost_for_good (void)
{
  Stage *stage = stage_new_playing (STEP);

  push_until (stage, "10");
  fake_close (FAKE_OPEN);
  lose_device (stage);
  gst_buffer_unref (stage_push (stage, 10));
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "until the model is loaded again");
  fake_fail (FAKE_TEXTS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  fake_open (FAKE_OPEN);
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                "made to fail");
  stage_free (stage);
}

static void
test_device_lost_latest (void)
{
  Stage *stage = stage_new_playing ("mode=latest, scoring=cosine, threshold=0.9, prompts=10");

  push_until (stage, "10");
  lose_device (stage);
  while (fake_count (FAKE_OPEN) < 2) {
    gst_buffer_unref (stage_push (stage, 10));
    g_usleep (POLL_US);
  }
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "made to fail");
  push_until (stage, "10");
  stage_free (stage);
}

/* Any other failure of a frame, or of its staging memory, ends the stream with its error. */
static void
test_fatal (gconstpointer data)
{
  Stage *stage = stage_new (STEP);

  fake_fail (GPOINTER_TO_INT (data), 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  stage_play (stage);
  g_assert_cmpint (gst_harness_push (stage->harness, stage_frame (stage, 10)), ==, GST_FLOW_ERROR);
  stage_expect (stage, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
                "made to fail");
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/failures/open", test_open_fails);
  g_test_add_func ("/failures/no-model", test_no_model);
  g_test_add_func ("/failures/details", test_details);
  g_test_add_func ("/failures/not-utf8", test_not_utf8);
  g_test_add_func ("/failures/device-lost", test_device_lost);
  g_test_add_func ("/failures/device-lost-twice", test_device_lost_twice);
  g_test_add_func ("/failures/device-lost-in-texts", test_device_lost_in_texts);
  g_test_add_func ("/failures/device-lost-after-failure", test_device_lost_after_failure);
  g_test_add_func ("/failures/device-lost-before-failure", test_device_lost_before_failure);
  g_test_add_func ("/failures/device-lost-for-good", test_device_lost_for_good);
  g_test_add_func ("/failures/device-lost-latest", test_device_lost_latest);
  g_test_add_data_func ("/failures/fatal/run", GINT_TO_POINTER (FAKE_JOB_RUN), test_fatal);
  g_test_add_data_func ("/failures/fatal/new", GINT_TO_POINTER (FAKE_JOB_NEW), test_fatal);
  return g_test_run ();
}
