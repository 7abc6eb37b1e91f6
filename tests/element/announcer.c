/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said about regions: who it is about, since when, and when they are gone. */
#include "gst-clip/element/gstclipannouncer.h"
#include "tests/element/stage.h"
#include "tests/element/temporal.h"

#define MS      GST_MSECOND
#define FRAME   (40 * MS)
#define ON      GST_CLIP_MESSAGES_ON_CHANGE
#define NOBODY  GST_CLIP_MESSAGES_NONE
#define NOTHING ""

/* The labels a, b and c; a similarity of 0 or more is accepted. */
typedef struct {
  TemporalTexts texts;
  GstClipAnnouncer *announcer;
  GPtrArray *results;
} Scene;

static Scene *
scene_new (void)
{
  Scene *scene = g_new0 (Scene, 1);

  scene->texts = temporal_texts_new ("a;b;c");
  scene->announcer = gst_clip_announcer_new ();
  scene->results = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_clip_result_unref);
  return scene;
}

static void
scene_free (Scene *scene)
{
  gst_clip_announcer_free (scene->announcer);
  g_ptr_array_unref (scene->results);
  temporal_texts_free (&scene->texts);
  g_free (scene);
}

static void
add (Scene *scene, GstClipFrameContext frame, float a, float b, float c)
{
  const float similarities[] = { a, b, c };
  g_ptr_array_add (scene->results, temporal_result (&scene->texts, &frame, similarities, 0, NULL));
}

/* "REGION[TRACK]: label +appeared -disappeared", one for each message, joined by "; ". */
static gchar *
describe (GPtrArray *structures)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < structures->len; i++) {
    GstStructure *s = g_ptr_array_index (structures, i);
    guint64 track = 0;
    g_string_append_printf (out, "%s%s", i ? "; " : "", gst_structure_get_string (s, "region"));
    if (gst_structure_get_uint64 (s, "tracking-id", &track))
      g_string_append_printf (out, "%" G_GUINT64_FORMAT, track);
    g_string_append_printf (out, ": %s", gst_structure_get_string (s, "label"));
    if (gst_structure_has_field (s, "appeared")) {
      g_autofree gchar *in = stage_strings (s, "appeared");
      g_autofree gchar *gone = stage_strings (s, "disappeared");
      g_string_append_printf (out, " +%s -%s", in, gone);
      g_assert_cmpuint (gst_value_array_get_size (gst_structure_get_value (s, "since")), ==,
                        gst_value_array_get_size (gst_structure_get_value (s, "labels")));
    }
    gst_structure_free (s);
  }
  g_ptr_array_unref (structures);
  return g_string_free (out, FALSE);
}

/* Takes what was added. */
static void
expect (Scene *scene, GstClipMessages messages, GstClockTime time, const gchar *want)
{
  GstClipFrameContext frame = temporal_frame (time);
  g_autofree gchar *got =
      describe (gst_clip_announcer_take (scene->announcer, messages, scene->results, &frame));

  g_assert_cmpstr (got, ==, want);
  g_ptr_array_set_size (scene->results, 0);
}

static void
expect_seen (Scene *scene, GstClockTime time, const GstClipRegion *regions, guint n,
             const gchar *want)
{
  GstClipFrameContext frame = temporal_frame (time);
  g_autofree gchar *got =
      describe (gst_clip_announcer_see (scene->announcer, ON, regions, n, &frame));

  g_assert_cmpstr (got, ==, want);
}

/* Each track changes on its own, whichever place it has in the frame. */
static void
test_tracks (void)
{
  Scene *scene = scene_new ();

  add (scene, temporal_frame (0), 1, -1, -1);
  add (scene, temporal_track (0, 7), -1, 1, -1);
  add (scene, temporal_track (0, 8), -1, 1, 0.5);
  expect (scene, ON, 0, "frame: a +a -; roi7: b +b -; roi8: b +b/c -");
  add (scene, temporal_track (FRAME, 8), -1, -1, 0.5);
  add (scene, temporal_track (FRAME, 7), -1, 0.2, -1);
  add (scene, temporal_frame (FRAME), 1, -1, -1);
  expect (scene, ON, FRAME, "roi8: c + -b");
  add (scene, temporal_track (2 * FRAME, 7), 1, 1, -1);
  expect (scene, ON, 2 * FRAME, "roi7: a +a -");
  scene_free (scene);
}

/* `since` is a track's own. */
static void
test_since (void)
{
  Scene *scene = scene_new ();
  guint64 since[2];

  for (guint i = 0; i < 3; i++) {
    GstClipFrameContext frame = temporal_frame (i * FRAME);
    if (i >= 1)
      add (scene, temporal_track (i * FRAME, 7), 1, i == 2 ? 0.5 : -1, -1);
    add (scene, temporal_track (i * FRAME, 8), 1, i == 2 ? 0.5 : -1, -1);
    GPtrArray *out = gst_clip_announcer_take (scene->announcer, ON, scene->results, &frame);
    for (guint m = 0; i == 2 && m < 2; m++) {
      const GValue *times = gst_structure_get_value (g_ptr_array_index (out, m), "since");
      since[m] = g_value_get_uint64 (gst_value_array_get_value (times, 0));
      g_assert_cmpuint (g_value_get_uint64 (gst_value_array_get_value (times, 1)), ==, 2 * FRAME);
      g_assert_cmpuint (g_value_get_uint64 (gst_value_array_get_value (times, 2)), ==,
                        GST_CLOCK_TIME_NONE);
    }
    g_ptr_array_set_size (scene->results, 0);
    g_free (describe (out));
  }
  g_assert_cmpuint (since[0], ==, FRAME);
  g_assert_cmpuint (since[1], ==, 0);
  scene_free (scene);
}

/* A region that is not seen for a second is gone, and its labels with it: once. */
static void
test_gone (void)
{
  Scene *scene = scene_new ();
  GstClipFrameContext frame = temporal_frame (GST_SECOND + MS);

  add (scene, temporal_frame (0), 1, -1, -1);
  add (scene, temporal_track (0, 7), 1, 0.5, -1);
  add (scene, temporal_track (0, 8), -1, -1, -1);
  expect (scene, ON, 0, "frame: a +a -; roi7: a +a/b -");
  add (scene, temporal_frame (GST_SECOND), 1, -1, -1);
  expect (scene, ON, GST_SECOND, NOTHING);
  GPtrArray *out = gst_clip_announcer_see (scene->announcer, ON, NULL, 0, &frame);
  g_assert_cmpuint (out->len, ==, 1);
  guint64 time;
  guint width;
  gst_structure_get (g_ptr_array_index (out, 0), "running-time", G_TYPE_UINT64, &time, "width",
                     G_TYPE_UINT, &width, NULL);
  g_assert_cmpuint (time, ==, GST_SECOND + MS);
  g_assert_cmpuint (width, ==, 32); /* where it was */
  g_autofree gchar *got = describe (out);
  g_assert_cmpstr (got, ==, "roi7:  + -a/b");
  expect_seen (scene, 5 * GST_SECOND, NULL, 0, NOTHING); /* the frame itself is never gone */

  /* It may come back. */
  add (scene, temporal_track (6 * GST_SECOND, 7), 1, -1, -1);
  expect (scene, ON, 6 * GST_SECOND, "roi7: a +a -");
  scene_free (scene);
}

/* Regions that are seen but not encoded stay. */
static void
test_seen (void)
{
  Scene *scene = scene_new ();
  const GstClipRegion region = temporal_track (0, 7).region;

  add (scene, temporal_track (0, 7), 1, -1, -1);
  add (scene, temporal_track (0, 8), 1, -1, -1);
  expect (scene, ON, 0, "roi7: a +a -; roi8: a +a -");
  for (guint i = 1; i < 26; i++)
    expect_seen (scene, i * FRAME, &region, 1, NOTHING);
  expect_seen (scene, 26 * FRAME, &region, 1, "roi8:  + -a");
  /* The encoder is a little behind. */
  add (scene, temporal_track (20 * FRAME, 7), 1, -1, -1);
  expect (scene, ON, 20 * FRAME, NOTHING);
  expect_seen (scene, 51 * FRAME, NULL, 0, NOTHING);
  expect_seen (scene, 52 * FRAME, NULL, 0, "roi7:  + -a");
  scene_free (scene);
}

/* Running time begins anew: nobody is gone because of that, and times are new ones. */
static void
test_restamp (void)
{
  Scene *scene = scene_new ();

  add (scene, temporal_track (100 * GST_SECOND, 7), 1, -1, -1);
  expect (scene, ON, 100 * GST_SECOND, "roi7: a +a -");
  gst_clip_announcer_restamp (scene->announcer);
  expect_seen (scene, 0, NULL, 0, NOTHING);
  expect_seen (scene, GST_SECOND, NULL, 0, NOTHING);
  expect_seen (scene, GST_SECOND + 1, NULL, 0, "roi7:  + -a");
  scene_free (scene);
}

/* The untracked regions of a kind are spoken of together: which of them is which is not known. */
static void
test_untracked (void)
{
  Scene *scene = scene_new ();

  add (scene, temporal_untracked (0, 0), -1, 0.1, -1);
  add (scene, temporal_untracked (0, 1), 0.5, 0.6, -1);
  expect (scene, ON, 0, "roi: b +b/a -");
  add (scene, temporal_untracked (FRAME, 0), 0.5, -1, -1);
  add (scene, temporal_untracked (FRAME, 1), -1, 0.1, -1);
  expect (scene, ON, FRAME, NOTHING); /* the other way round */
  add (scene, temporal_untracked (2 * FRAME, 0), 0.5, -1, -1);
  expect (scene, ON, 2 * FRAME, "roi: a + -b");
  add (scene, temporal_untracked (3 * FRAME, 0), 0.5, -1, -1);
  add (scene, temporal_untracked (3 * FRAME, 1), -1, -1, 0.2);
  expect (scene, ON, 3 * FRAME, "roi: c +c -"); /* fields of the region that brought it */
  expect_seen (scene, GST_SECOND, NULL, 0, NOTHING);
  expect_seen (scene, 2 * GST_SECOND, NULL, 0, "roi:  + -a/c");
  scene_free (scene);
}

/* Prompts that are taken away take all labels with them: of the frame, then of regions. */
static void
test_empty (void)
{
  Scene *scene = scene_new ();

  add (scene, temporal_track (0, 7), 1, 0.5, -1);
  add (scene, temporal_track (0, 8), -1, -1, -1);
  add (scene, temporal_frame (0), -1, 1, -1);
  expect (scene, ON, 0, "roi7: a +a/b -; frame: b +b -");
  add (scene, temporal_frame (FRAME), -1, 1, -1);
  expect (scene, ON, FRAME, NOTHING);
  GPtrArray *out = gst_clip_announcer_empty (scene->announcer, ON, 9);
  g_assert_cmpuint (out->len, ==, 2);
  for (guint i = 0; i < 2; i++) {
    guint64 time;
    guint serial;
    gst_structure_get (g_ptr_array_index (out, i), "running-time", G_TYPE_UINT64, &time,
                       "prompts-serial", G_TYPE_UINT, &serial, NULL);
    g_assert_cmpuint (time, ==, i == 0 ? FRAME : 0); /* when they were there last */
    g_assert_cmpuint (serial, ==, 9);
  }
  g_autofree gchar *got = describe (out);
  g_assert_cmpstr (got, ==, "frame:  + -b; roi7:  + -a/b");

  g_autofree gchar *again = describe (gst_clip_announcer_empty (scene->announcer, ON, 10));
  g_assert_cmpstr (again, ==, NOTHING);
  add (scene, temporal_track (2 * FRAME, 7), 1, -1, -1);
  expect (scene, ON, 2 * FRAME, "roi7: a +a -");
  g_autofree gchar *untold = describe (gst_clip_announcer_empty (scene->announcer, NOBODY, 11));
  g_assert_cmpstr (untold, ==, NOTHING);
  add (scene, temporal_track (3 * FRAME, 7), 1, -1, -1);
  expect (scene, ON, 3 * FRAME, "roi7: a +a -");
  scene_free (scene);
}

/* Other settings keep the books without telling. */
static void
test_settings (void)
{
  Scene *scene = scene_new ();

  add (scene, temporal_track (0, 7), 1, -1, -1);
  add (scene, temporal_track (0, 8), -1, -1, -1);
  expect (scene, GST_CLIP_MESSAGES_EVERY_RESULT, 0, "roi7: a; roi8: ");
  add (scene, temporal_track (FRAME, 7), 1, -1, -1);
  expect (scene, NOBODY, FRAME, NOTHING);
  add (scene, temporal_track (2 * FRAME, 7), 1, 1, -1);
  expect (scene, ON, 2 * FRAME, "roi7: a +b -");
  gst_clip_announcer_reset (scene->announcer);
  add (scene, temporal_track (3 * FRAME, 7), 1, -1, -1);
  expect (scene, ON, 3 * FRAME, "roi7: a +a -");
  scene_free (scene);
}

/* A tracker that gives new numbers all the time: the oldest regions go, with a message. */
static void
test_many (void)
{
  Scene *scene = scene_new ();
  guint gone = 0;

  add (scene, temporal_frame (0), 1, -1, -1);
  expect (scene, ON, 0, "frame: a +a -");
  for (guint i = 0; i < 3 * GST_CLIP_ANNOUNCER_REGIONS; i++) {
    GstClipFrameContext frame = temporal_frame (i);
    add (scene, temporal_track (i, i), 1, -1, -1);
    GPtrArray *out = gst_clip_announcer_take (scene->announcer, ON, scene->results, &frame);
    g_assert_cmpuint (out->len, <=, 2);
    gone += out->len - 1;
    g_ptr_array_set_size (scene->results, 0);
    g_free (describe (out));
  }
  g_assert_cmpuint (gone, ==, 2 * GST_CLIP_ANNOUNCER_REGIONS + 1); /* the frame has a place too */
  scene_free (scene);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/announcer/tracks", test_tracks);
  g_test_add_func ("/announcer/since", test_since);
  g_test_add_func ("/announcer/gone", test_gone);
  g_test_add_func ("/announcer/seen", test_seen);
  g_test_add_func ("/announcer/restamp", test_restamp);
  g_test_add_func ("/announcer/untracked", test_untracked);
  g_test_add_func ("/announcer/empty", test_empty);
  g_test_add_func ("/announcer/settings", test_settings);
  g_test_add_func ("/announcer/many", test_many);
  return g_test_run ();
}
