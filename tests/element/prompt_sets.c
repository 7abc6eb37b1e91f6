/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Setting prompts: in three forms, well and badly, before and while playing. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define STEP   "mode=in-step, scoring=cosine, threshold=0.9"
#define ROUNDS 1000

static void
expect_read_back (Stage *stage, const gchar *prompts, const gchar *list, const gchar *file)
{
  g_autofree gchar *got_prompts = NULL, *got_file = NULL;
  g_auto (GStrv) got_list = NULL;

  g_object_get (stage->filter, "prompts", &got_prompts, "prompt-list", &got_list, "prompts-file",
                &got_file, NULL);
  g_autofree gchar *joined = got_list ? g_strjoinv ("/", got_list) : NULL;
  g_assert_cmpstr (got_prompts, ==, prompts);
  g_assert_cmpstr (joined, ==, list);
  g_assert_cmpstr (got_file, ==, file);
}

/* The last one set wins, and all forms read back that set. */
static void
test_forms (void)
{
  Stage *stage = stage_new ("prompts=a dog@0.4=x|y;b;;c");
  const gchar *const list[] = { "d;e", "f@1", "image:/x", NULL };
  g_autofree gchar *path = g_build_filename (g_get_tmp_dir (), "clip-prompts-XXXXXX", NULL);
  gint fd = g_mkstemp (path);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  expect_read_back (stage, "a dog@0.4=x|y;b;;c", "a dog/b;c", NULL);
  g_object_set (stage->filter, "prompt-list", list, NULL);
  expect_read_back (stage, "d;;e;f@@1;image::/x", "d;e/f@1/image:/x", NULL);

  g_assert_true (g_file_set_contents (path, "# pets\ndog\ncat; or so\n", -1, NULL));
  g_object_set (stage->filter, "prompts-file", path, NULL);
  expect_read_back (stage, "dog;cat;; or so", "dog/cat; or so", path);
  g_object_set (stage->filter, "prompts", "g", NULL);
  expect_read_back (stage, "g", "g", NULL);
  g_object_set (stage->filter, "prompts-file", NULL, NULL);
  expect_read_back (stage, "g", "g", NULL); /* it was not from a file */
  g_object_set (stage->filter, "prompts", NULL, NULL);
  expect_read_back (stage, NULL, NULL, NULL);
  g_unlink (path);
  stage_free (stage);
}

static gboolean
reload (Stage *stage)
{
  gboolean ok;

  g_signal_emit_by_name (stage->filter, "reload", &ok);
  return ok;
}

/* `reload` reads the file again, with its negatives; what is wrong leaves the old set. */
static void
test_reload (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10, negative-prompts=30");
  g_autofree gchar *path = g_build_filename (g_get_tmp_dir (), "clip-prompts-XXXXXX", NULL);
  g_autofree gchar *negatives = NULL;
  gint fd = g_mkstemp (path);
  GSignalQuery query;

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  g_signal_query (g_signal_lookup ("reload", G_OBJECT_TYPE (stage->filter)), &query);
  g_assert_true (query.signal_flags & G_SIGNAL_ACTION);
  g_assert_false (reload (stage)); /* not from a file */
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                "there is nothing to reload");

  g_assert_true (g_file_set_contents (path, "10", -1, NULL));
  g_object_set (stage->filter, "prompts-file", path, NULL);
  stage_wait_prompts (stage, 3);
  g_assert_true (
      g_file_set_contents (path, "{\"labels\": [\"20\"], \"negatives\": [\"40\"]}", -1, NULL));
  g_assert_true (reload (stage));
  stage_wait_prompts (stage, 4); /* one set: one serial */
  expect_read_back (stage, "20", "20", path);
  g_object_get (stage->filter, "negative-prompts", &negatives, NULL);
  g_assert_cmpstr (negatives, ==, "40");
  g_autofree gchar *label = stage_push_label (stage, 20);
  g_assert_cmpstr (label, ==, "20");

  g_assert_true (g_file_set_contents (path, "{\"labels\": [\"20\", 1]}", -1, NULL));
  g_assert_false (reload (stage));
  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                "labels[1]");
  g_assert_true (g_file_set_contents (path, "# being written\n", -1, NULL));
  g_assert_false (reload (stage));
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, "there is no prompt in it");
  g_unlink (path);
  g_assert_false (reload (stage));
  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, path);
  expect_read_back (stage, "20", "20", path);
  stage_free (stage);
}

/* Nothing is locked when a message is posted: its handler may set the prompts. */
static GstBusSyncReply
correct_prompts (GstBus *bus, GstMessage *message, gpointer filter)
{
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    g_object_set (filter, "prompts", "20", "negative-prompts", "30", NULL);
  return GST_BUS_PASS;
}

static void
test_set_from_handler (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10");

  gst_bus_set_sync_handler (stage->bus, correct_prompts, stage->filter, NULL);
  g_object_set (stage->filter, "prompts", "bad@bad", NULL);
  stage_wait_prompts (stage, 3);
  g_autofree gchar *label = stage_push_label (stage, 20);
  g_assert_cmpstr (label, ==, "20");
  gst_bus_set_sync_handler (stage->bus, NULL, NULL, NULL);
  stage_free (stage);
}

static void
test_template (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10;20=x, template=a {}|the {}, "
                                         "negative-prompts=n");

  stage_wait_prompts (stage, 3); /* prompts, template, negatives */
  g_autofree gchar *first = fake_last_wordings ();
  g_assert_cmpstr (first, ==, "a 10/the 10/x/a n/the n");
  g_object_set (stage->filter, "template", NULL, NULL);
  stage_wait_prompts (stage, 4);
  g_autofree gchar *second = fake_last_wordings ();
  g_assert_cmpstr (second, ==, "10/x/n");
  stage_free (stage);
}

/* The old set stays in force until the new one is whole. */
static void
test_swap (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10");
  g_autofree gchar *before = stage_push_label (stage, 15);

  fake_close (FAKE_TEXTS);
  g_object_set (stage->filter, "prompts", "20", NULL);
  fake_wait_inside (FAKE_TEXTS);
  g_autofree gchar *meanwhile = stage_push_label (stage, 15);
  fake_open (FAKE_TEXTS);
  stage_wait_prompts (stage, 2);
  g_autofree gchar *after = stage_push_label (stage, 15);
  g_assert_cmpstr (before, ==, "10");
  g_assert_cmpstr (meanwhile, ==, "10");
  g_assert_cmpstr (after, ==, "20");
  stage_free (stage);
}

static guint
serial_of (const GstStructure *result)
{
  guint serial = 0;

  g_assert_true (gst_structure_get_uint (result, "prompts-serial", &serial));
  return serial;
}

/* Pushes frames until one has a result of @serial. */
static void
push_until (Stage *stage, guint serial)
{
  for (guint i = 0; i < 10000; i++) {
    g_autoptr (GstBuffer) buffer = stage_push (stage, 15);
    const GstStructure *result = stage_result (buffer, 0);
    if (result && serial_of (result) == serial)
      return;
    g_usleep (1000);
  }
  g_assert_not_reached ();
}

/* All results that have been posted are of @serial. */
static void
expect_told (Stage *stage, guint serial)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (stage->bus, GST_MESSAGE_ELEMENT))) {
    g_assert_cmpuint (serial_of (gst_message_get_structure (message)), ==, serial);
    gst_message_unref (message);
    n++;
  }
  g_assert_cmpuint (n, >, 0);
}

/* A frame that is being encoded when other prompts come into force gets its result, but after the message that
 * says so nothing of the old ones is posted. */
static void
test_old_results_in_step (void)
{
  Stage *stage = stage_new (STEP ", messages=every-result, prompts=10");

  stage_play_file (stage);
  fake_close (FAKE_JOB_RUN);
  g_assert_cmpint (gst_harness_push (stage->harness, stage_frame (stage, 15)), ==, GST_FLOW_OK);
  fake_wait_inside (FAKE_JOB_RUN);
  g_object_set (stage->filter, "prompts", "20", NULL);
  stage_wait_prompts (stage, 2);
  fake_open (FAKE_JOB_RUN);
  g_autoptr (GstBuffer) old = gst_harness_pull (stage->harness);
  g_assert_cmpuint (serial_of (stage_result (old, 0)), ==, 1);
  push_until (stage, 2);
  expect_told (stage, 2);
  stage_free (stage);
}

static void
test_old_results_latest (void)
{
  Stage *stage = stage_new_playing (
      "mode=latest, messages=every-result, scoring=cosine, threshold=0.9, prompts=10");

  push_until (stage, 1);
  fake_close (FAKE_JOB_RUN);
  while (!fake_is_inside (FAKE_JOB_RUN)) {
    gst_buffer_unref (stage_push (stage, 15));
    g_usleep (1000);
  }
  g_object_set (stage->filter, "prompts", "20", NULL);
  stage_wait_prompts (stage, 2);
  fake_open (FAKE_JOB_RUN);
  push_until (stage, 2);
  expect_told (stage, 2);
  stage_free (stage);
}

/* Sets that come while one is being encoded are skipped but for the last. */
static void
test_coalesce (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10");

  gst_buffer_unref (stage_push (stage, 10));
  fake_close (FAKE_TEXTS);
  g_object_set (stage->filter, "prompts", "20", NULL);
  fake_wait_inside (FAKE_TEXTS);
  for (guint i = 0; i < 50; i++) {
    g_autofree gchar *prompts = g_strdup_printf ("%u", 30 + i);
    g_object_set (stage->filter, "prompts", prompts, NULL);
  }
  fake_open (FAKE_TEXTS);
  stage_wait_prompts (stage, 52);
  g_assert_cmpuint (fake_count (FAKE_TEXTS), ==, 3);
  g_autofree gchar *label = stage_push_label (stage, 79);
  g_assert_cmpstr (label, ==, "79");
  stage_free (stage);
}

/* The next announcement says this. */
static void
expect_announced (Stage *stage, guint serial, gboolean in_force, guint count, const gchar *errors)
{
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter-prompts");
  const GstStructure *s = gst_message_get_structure (message);
  g_autofree gchar *got_errors = stage_strings (s, "errors");
  guint got_serial, got_count;
  gboolean got_in_force;

  g_assert_true (gst_structure_get (s, "serial", G_TYPE_UINT, &got_serial, "in-force",
                                    G_TYPE_BOOLEAN, &got_in_force, "count", G_TYPE_UINT, &got_count,
                                    NULL));
  g_assert_cmpuint (got_serial, ==, serial);
  g_assert_cmpint (got_in_force, ==, in_force);
  g_assert_cmpuint (got_count, ==, count);
  g_assert_cmpstr (got_errors, ==, errors);
}

/* A set that is empty is in force, one that cannot be encoded is not. */
static void
test_announced (void)
{
  Stage *stage = stage_new_playing ("mode=in-step, prompts=a;b;c");

  expect_announced (stage, 1, TRUE, 3, "");
  fake_fail (FAKE_TEXTS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  g_object_set (stage->filter, "prompts", "d", NULL);
  expect_announced (stage, 2, FALSE, 0, "made to fail");
  g_object_set (stage->filter, "prompts", "", NULL);
  expect_announced (stage, 3, TRUE, 0, "");
  stage_free (stage);
}

/* A text that is too long: a warning that shows where the model ceases to see it, and no more of it. */
static void
test_too_long (void)
{
  GString *text = g_string_new ("zz");

  while (text->len < 4000) /* 77 bytes end inside one of them */
    g_string_append (text, "ü");
  g_autofree gchar *properties =
      g_strdup_printf ("mode=in-step, prompts=a;long==long=%s", text->str);
  /* "long==long" is the label "long=long". */
  Stage *stage = stage_new_playing (properties);

  stage_expect (stage, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                "the prompt \"long=long\" is too long for the model, which only sees \"zzü");
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter-prompts");
  g_autofree gchar *errors = stage_strings (gst_message_get_structure (message), "errors");
  g_assert_nonnull (strstr (errors, "and not \"üü"));
  g_assert_nonnull (strstr (errors, "ü…\": shorten it"));
  g_assert_true (g_utf8_validate (errors, -1, NULL));
  g_assert_cmpint (g_utf8_strlen (errors, -1), <, 250);
  g_string_free (text, TRUE);
  stage_free (stage);
}

/* Of a long beginning that the model sees its end is shown. */
static void
test_too_long_in_ascii (void)
{
  g_autofree gchar *text = g_strnfill (FAKE_TEXT_BYTES + 1, 'w');
  g_autofree gchar *shown = g_strnfill (60, 'w');
  g_autofree gchar *properties = g_strdup_printf ("mode=in-step, prompts=%s", text);
  g_autofree gchar *want =
      g_strdup_printf ("the prompt \"%s…\" is too long for the model, which only "
                       "sees \"…%s\" and not \"w\": shorten it",
                       shown, shown);
  Stage *stage = stage_new_playing (properties);

  stage_expect (stage, GST_MESSAGE_WARNING, 0, 0, want);
  stage_free (stage);
}

/* A set that cannot be encoded: the old one stays. */
static void
test_encoding_fails (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10");

  gst_buffer_unref (stage_push (stage, 10));
  stage_wait_prompts (stage, 1);
  fake_fail (FAKE_TEXTS, 1, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  g_object_set (stage->filter, "prompts", "20", NULL);
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter-prompts");
  g_autofree gchar *errors = stage_strings (gst_message_get_structure (message), "errors");
  g_assert_cmpstr (errors, ==, "made to fail");
  g_autofree gchar *label = stage_push_label (stage, 10);
  g_assert_cmpstr (label, ==, "10");
  stage_free (stage);
}

static void
test_none (void)
{
  Stage *stage = stage_new_playing (STEP);

  for (guint i = 0; i < 3; i++) {
    g_autofree gchar *label = stage_push_label (stage, 10);
    g_assert_cmpstr (label, ==, "none");
  }
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 1);
  g_object_set (stage->filter, "prompts", "10", NULL);
  stage_wait_prompts (stage, 1);
  g_autofree gchar *label = stage_push_label (stage, 10);
  g_assert_cmpstr (label, ==, "10");
  g_object_set (stage->filter, "prompts", "", NULL);
  stage_wait_prompts (stage, 2);
  g_autofree gchar *last = stage_push_label (stage, 10);
  g_assert_cmpstr (last, ==, "none");
  stage_free (stage);
}

/* The labels of an emptied set disappear, behind the message that says so; once. */
static void
test_emptied (gconstpointer mode)
{
  g_autofree gchar *properties =
      g_strdup_printf ("mode=%s, scoring=cosine, threshold=0.9, prompts=15", (const gchar *)mode);
  Stage *stage = stage_new_playing (properties);
  g_autoptr (GstStructure) last = NULL;

  push_until (stage, 1);
  stage_count (stage, GST_MESSAGE_ANY, NULL);
  g_object_set (stage->filter, "prompts", "", NULL);
  stage_wait_prompts (stage, 2);
  g_object_get (stage->filter, "last-result", &last, NULL);
  g_assert_null (last);
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter");
  const GstStructure *s = gst_message_get_structure (message);
  g_autofree gchar *gone = stage_strings (s, "disappeared");
  g_autofree gchar *appeared = stage_strings (s, "appeared");
  g_assert_cmpstr (gone, ==, "15");
  g_assert_cmpstr (appeared, ==, "");
  g_assert_cmpstr (gst_structure_get_string (s, "label"), ==, "");
  g_assert_cmpuint (serial_of (s), ==, 2);

  g_object_set (stage->filter, "prompts", NULL, NULL); /* nothing is left to disappear */
  stage_wait_prompts (stage, 3);
  g_object_set (stage->filter, "prompts", "15", NULL);
  stage_wait_prompts (stage, 4);
  push_until (stage, 4);
  g_autoptr (GstMessage) back = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter");
  g_autofree gchar *again = stage_strings (gst_message_get_structure (back), "appeared");
  g_assert_cmpstr (again, ==, "15");
  stage_free (stage);
}

/* No result of the set that was emptied is told behind that. */
static void
test_emptied_while_encoding (void)
{
  Stage *stage = stage_new (STEP ", prompts=15");

  stage_play_file (stage);
  push_until (stage, 1);
  fake_close (FAKE_JOB_RUN);
  g_assert_cmpint (gst_harness_push (stage->harness, stage_frame (stage, 15)), ==, GST_FLOW_OK);
  fake_wait_inside (FAKE_JOB_RUN);
  g_object_set (stage->filter, "prompts", "", NULL);
  stage_wait_prompts (stage, 2);
  gst_message_unref (stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter"));
  fake_open (FAKE_JOB_RUN);
  g_autoptr (GstBuffer) old = gst_harness_pull (stage->harness);
  g_assert_cmpuint (serial_of (stage_result (old, 0)), ==, 1);
  g_autofree gchar *label = stage_push_label (stage, 15);
  g_assert_cmpstr (label, ==, "none");
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, NULL), ==, 0);
  stage_free (stage);
}

static gpointer
change_prompts (gpointer data)
{
  Stage *stage = data;

  for (guint i = 1; i <= ROUNDS; i++) {
    g_autofree gchar *prompts = g_strdup_printf ("%u;200", i < ROUNDS ? i % 100 : 150);
    if (i % 10 == 5)
      g_object_set (stage->filter, "prompts", "bad@bad", NULL);
    g_object_set (stage->filter, "prompts", prompts, NULL);
  }
  return NULL;
}

/* A thousand changes from another thread while playing: no buffer is lost, the last set wins. */
static void
test_thousand (gconstpointer mode)
{
  g_autofree gchar *properties =
      g_strdup_printf ("mode=%s, scoring=cosine, threshold=0.9, prompts=0", (const gchar *)mode);
  Stage *stage = stage_new_playing (properties);
  GThread *thread = g_thread_new ("change", change_prompts, stage);
  g_autofree gchar *label = NULL;

  for (guint i = 0; i < ROUNDS; i++)
    gst_buffer_unref (stage_push (stage, i % 100)); /* one in, one out */
  g_thread_join (thread);
  stage_wait_prompts (stage, ROUNDS + 1);
  expect_read_back (stage, "150;200", "150/200", NULL);
  for (guint i = 0; i < 10000 && g_strcmp0 (label, "150") != 0; i++) {
    g_free (label);
    label = stage_push_label (stage, 150);
    g_usleep (strcmp (mode, "latest") == 0 ? 1000 : 0);
  }
  g_assert_cmpstr (label, ==, "150");
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/prompt-sets/forms", test_forms);
  g_test_add_func ("/prompt-sets/reload", test_reload);
  g_test_add_func ("/prompt-sets/set-from-handler", test_set_from_handler);
  g_test_add_func ("/prompt-sets/template", test_template);
  g_test_add_func ("/prompt-sets/swap", test_swap);
  g_test_add_func ("/prompt-sets/old-results-in-step", test_old_results_in_step);
  g_test_add_func ("/prompt-sets/old-results-latest", test_old_results_latest);
  g_test_add_func ("/prompt-sets/coalesce", test_coalesce);
  g_test_add_func ("/prompt-sets/announced", test_announced);
  g_test_add_func ("/prompt-sets/too-long", test_too_long);
  g_test_add_func ("/prompt-sets/too-long/ascii", test_too_long_in_ascii);
  g_test_add_func ("/prompt-sets/encoding-fails", test_encoding_fails);
  g_test_add_func ("/prompt-sets/none", test_none);
  g_test_add_data_func ("/prompt-sets/emptied/in-step", "in-step", test_emptied);
  g_test_add_data_func ("/prompt-sets/emptied/latest", "latest", test_emptied);
  g_test_add_func ("/prompt-sets/emptied/while-encoding", test_emptied_while_encoding);
  g_test_add_data_func ("/prompt-sets/thousand/in-step", "in-step", test_thousand);
  g_test_add_data_func ("/prompt-sets/thousand/latest", "latest", test_thousand);
  return g_test_run ();
}
