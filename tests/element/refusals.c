/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values that are refused: told when somebody hears it, and the old ones stay. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include <string.h>

#define BAD    "a|b"
#define REASON "prompts keeps its old value: the prompt \"a|b\""

static void
expect_string (Stage *stage, const gchar *property, const gchar *want)
{
  g_autofree gchar *got = NULL;

  g_object_get (stage->filter, property, &got, NULL);
  g_assert_cmpstr (got, ==, want);
}

/* What cannot be parsed leaves the old value, with a warning that says what to do. */
static void
test_each (void)
{
  Stage *stage = stage_new ("prompts=a;b, negative-prompts=n, template=the {}");
  const gchar *const twice[] = { "a", "a", NULL };

  g_object_set (stage->filter, "prompts", "dog@7", NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                "prompts keeps its old value: the prompt \"dog@7\"");
  g_object_set (stage->filter, "prompt-list", twice, NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "prompt-list keeps its old value");
  g_object_set (stage->filter, "prompts-file", "/nonexistent/prompts", NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "/nonexistent/prompts");
  g_object_set (stage->filter, "negative-prompts", "a=b=c", NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "negative-prompts keeps");
  g_object_set (stage->filter, "negative-prompts", "a dog@0.5", NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "negative prompts are never accepted");
  g_object_set (stage->filter, "template", "no hole", NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "template keeps");

  expect_string (stage, "prompts", "a;b");
  expect_string (stage, "prompts-file", NULL);
  expect_string (stage, "negative-prompts", "n");
  expect_string (stage, "template", "the {}");
  stage_free (stage);
}

static gchar *logged; /* the last warning */

static GLogWriterOutput
keep_warning (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  if (!(level & G_LOG_LEVEL_WARNING))
    return g_log_writer_default (level, fields, n, data);
  for (gsize i = 0; i < n; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0) {
      g_free (logged);
      logged = g_strdup (fields[i].value);
    }
  return G_LOG_WRITER_HANDLED;
}

/* Sets it and expects this in the log. */
static void
set_unheard (Stage *stage, const gchar *property, const gchar *value, const gchar *want)
{
  g_object_set (stage->filter, property, value, NULL);
  g_assert_nonnull (logged);
  if (!strstr (logged, want))
    g_error ("\"%s\" is not in \"%s\"", want, logged);
  g_clear_pointer (&logged, g_free);
}

static void
set_state (GstElement *element, GstState state)
{
  g_assert_cmpint (gst_element_set_state (element, state), !=, GST_STATE_CHANGE_FAILURE);
}

/* Without a bus, as while gst-launch parses: the log, and a message when the element starts, once. */
static void
test_without_bus (void)
{
  Stage *stage = stage_new ("mode=in-step, negative-prompts=n");

  gst_element_set_bus (stage->filter, NULL);
  set_unheard (stage, "prompts", BAD, REASON);
  set_unheard (stage, "template", "no hole", "template keeps");
  gst_element_set_bus (stage->filter, stage->bus);
  set_state (stage->filter, GST_STATE_READY);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 0);
  set_state (stage->filter, GST_STATE_PAUSED);
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                REASON);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "template keeps its old value");
  set_state (stage->filter, GST_STATE_NULL);
  set_state (stage->filter, GST_STATE_PAUSED);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 0);
  set_state (stage->filter, GST_STATE_NULL);
  stage_free (stage);
}

/* A good value of that kind makes up for it. */
static void
test_made_good (void)
{
  Stage *stage = stage_new ("mode=in-step");
  const gchar *const list[] = { "10", NULL };

  gst_element_set_bus (stage->filter, NULL);
  set_unheard (stage, "prompts", BAD, "prompts keeps");
  set_unheard (stage, "negative-prompts", BAD, "negative-prompts keeps");
  g_object_set (stage->filter, "prompt-list", list, "negative-prompts", "n", NULL);
  gst_element_set_bus (stage->filter, stage->bus);
  stage_play (stage);
  g_autofree gchar *label = stage_push_label (stage, 10);
  g_assert_cmpstr (label, ==, "10");
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 0);
  stage_free (stage);
}

/* A bin hands messages on to where they may be lost: it has no bus, or a pipeline's, which drops them
 * when it was stopped. */
static void
test_in_pipeline (void)
{
  Stage *stage = stage_new ("mode=in-step");
  GstElement *pipeline = gst_pipeline_new (NULL), *bin = gst_bin_new (NULL);

  gst_object_unref (stage->bus);
  stage->bus = gst_element_get_bus (pipeline);
  gst_bin_add (GST_BIN (bin), stage->filter);
  set_unheard (stage, "prompts", "dog@8", "dog@8");
  gst_bin_add (GST_BIN (pipeline), bin);
  set_state (pipeline, GST_STATE_READY);
  set_state (pipeline, GST_STATE_NULL);
  set_unheard (stage, "prompts", BAD, "prompts keeps");
  set_state (pipeline, GST_STATE_PAUSED);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, REASON);
  g_object_set (stage->filter, "prompts", "dog@7", NULL); /* heard at once from here on */
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "dog@7");
  set_state (pipeline, GST_STATE_NULL);
  gst_object_ref (stage->filter);
  gst_object_unref (pipeline);
  stage_free (stage);
}

/* Whoever is told that there are no prompts is told why. */
static void
test_no_prompts (void)
{
  Stage *stage = stage_new ("mode=in-step");

  g_object_set (stage->filter, "prompts", BAD, NULL);
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, REASON);
  stage_play (stage);
  gst_buffer_unref (stage_push (stage, 10));
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                "No prompts: frames pass without labels, because `prompts` was refused: the prompt "
                "\"a|b\" has a |");
  stage_free (stage);
}

/* A scoring that the model does not have: once from start to stop. */
static void
test_sigmoid (void)
{
  for (guint siglip = 0; siglip < 2; siglip++) {
    Stage *stage = stage_new ("mode=in-step, scoring=sigmoid, prompts=10");
    if (siglip)
      fake_set_sigmoid (-10.0);
    stage_play (stage);
    gst_buffer_unref (stage_push (stage, 10));
    g_object_set (stage->filter, "prompts", "20", NULL);
    if (!siglip)
      stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                    "scoring=sigmoid is for SigLIP's models: with fake-model");
    stage_wait_prompts (stage, 2);
    g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 0);
    stage_free (stage);
  }
}

int
main (int argc, char **argv)
{
  g_log_set_writer_func (keep_warning, NULL, NULL);
  stage_init (&argc, &argv);
  g_test_add_func ("/refusals/each", test_each);
  g_test_add_func ("/refusals/without-bus", test_without_bus);
  g_test_add_func ("/refusals/made-good", test_made_good);
  g_test_add_func ("/refusals/in-pipeline", test_in_pipeline);
  g_test_add_func ("/refusals/no-prompts", test_no_prompts);
  g_test_add_func ("/refusals/sigmoid", test_sigmoid);
  return g_test_run ();
}
