/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes out: the meta, the messages, scores and thresholds. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include "gst-clip/element/gstclipmeta.h"

#include <math.h>

#define STEP "mode=in-step, scoring=cosine, threshold=0.9"

/* Name and type of every field, as docs/elements.md promises them. */
static const struct {
  const gchar *name;
  GType (*type) (void);
  GType fundamental;
} fields[] = {
  { "timestamp", NULL, G_TYPE_UINT64 },
  { "stream-time", NULL, G_TYPE_UINT64 },
  { "running-time", NULL, G_TYPE_UINT64 },
  { "duration", NULL, G_TYPE_UINT64 },
  { "source", NULL, G_TYPE_STRING },
  { "model", NULL, G_TYPE_STRING },
  { "prompts-serial", NULL, G_TYPE_UINT },
  { "label", NULL, G_TYPE_STRING },
  { "score", NULL, G_TYPE_DOUBLE },
  { "similarity", NULL, G_TYPE_DOUBLE },
  { "labels", gst_value_array_get_type },
  { "indices", gst_value_array_get_type },
  { "scores", gst_value_array_get_type },
  { "similarities", gst_value_array_get_type },
  { "accepted", gst_value_array_get_type },
  { "region", NULL, G_TYPE_STRING },
  { "region-index", NULL, G_TYPE_UINT },
  { "region-id", NULL, G_TYPE_INT },
  { "region-type", NULL, G_TYPE_STRING },
  { "x", NULL, G_TYPE_UINT },
  { "y", NULL, G_TYPE_UINT },
  { "width", NULL, G_TYPE_UINT },
  { "height", NULL, G_TYPE_UINT },
  { "frame-width", NULL, G_TYPE_UINT },
  { "frame-height", NULL, G_TYPE_UINT },
  { "age", NULL, G_TYPE_UINT64 },
};

static void
test_fields (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10;200");
  g_autoptr (GstBuffer) first = stage_push (stage, 12);
  g_autoptr (GstBuffer) buffer = stage_push (stage, 12);
  const GstStructure *result = stage_result (buffer, 0);

  g_assert_nonnull (result);
  g_assert_cmpstr (gst_structure_get_name (result), ==, "clipfilter");
  g_assert_cmpint (gst_structure_n_fields (result), ==, G_N_ELEMENTS (fields));
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++) {
    GType want = fields[i].type ? fields[i].type () : fields[i].fundamental;
    if (!gst_structure_has_field_typed (result, fields[i].name, want))
      g_error ("field %s is not a %s", fields[i].name, g_type_name (want));
  }

  const gchar *source, *label, *region;
  guint64 timestamp, running_time, duration, age;
  guint width, serial;
  gdouble score, similarity;
  g_assert_true (gst_structure_get (
      result, "timestamp", G_TYPE_UINT64, &timestamp, "running-time", G_TYPE_UINT64, &running_time,
      "duration", G_TYPE_UINT64, &duration, "age", G_TYPE_UINT64, &age, "frame-width", G_TYPE_UINT,
      &width, "prompts-serial", G_TYPE_UINT, &serial, "score", G_TYPE_DOUBLE, &score, "similarity",
      G_TYPE_DOUBLE, &similarity, NULL));
  source = gst_structure_get_string (result, "source");
  label = gst_structure_get_string (result, "label");
  region = gst_structure_get_string (result, "region");
  g_assert_cmpstr (source, ==, "filter");
  g_assert_cmpstr (label, ==, "10");
  g_assert_cmpstr (region, ==, "frame");
  g_assert_cmpuint (timestamp, ==, STAGE_FRAME);
  g_assert_cmpuint (running_time, ==, STAGE_FRAME);
  g_assert_cmpuint (duration, ==, STAGE_FRAME);
  g_assert_cmpuint (age, ==, 0);
  g_assert_cmpuint (width, ==, 16);
  g_assert_cmpuint (serial, ==, 1);
  g_assert_cmpfloat_with_epsilon (similarity, 1.0 - 2.0 / 128.0, 1e-6);
  g_assert_cmpfloat_with_epsilon (score, 1.0 - 1.0 / 128.0, 1e-6);
  stage_free (stage);
}

static void
test_nothing_accepted (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10;200");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 100);
  const GstStructure *result = stage_result (buffer, 0);
  gdouble score = -1, similarity = -1;

  g_assert_cmpstr (gst_structure_get_string (result, "label"), ==, "");
  gst_structure_get (result, "score", G_TYPE_DOUBLE, &score, "similarity", G_TYPE_DOUBLE,
                     &similarity, NULL);
  g_assert_cmpfloat (score, ==, 0.0);
  g_assert_cmpfloat (similarity, ==, 0.0);
  g_autofree gchar *labels = stage_strings (result, "labels");
  g_assert_cmpstr (labels, ==, "10/200"); /* best first */
  stage_free (stage);
}

/* Sorted, cut to top-k, thresholds of labels before that of the element. */
static void
test_top_k (void)
{
  Stage *stage = stage_new_playing (STEP ", top-k=2, prompts=0;90@1;100;110@0.1;255@0.2");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 92);
  const GstStructure *result = stage_result (buffer, 0);
  g_autofree gchar *labels = stage_strings (result, "labels");

  g_assert_cmpstr (labels, ==, "90/100");
  /* 90 is the nearest but does not reach its own threshold. */
  g_assert_cmpstr (gst_structure_get_string (result, "label"), ==, "100");
  const GValue *accepted = gst_structure_get_value (result, "accepted");
  g_assert_cmpuint (gst_value_array_get_size (accepted), ==, 2);
  g_assert_false (g_value_get_boolean (gst_value_array_get_value (accepted, 0)));
  g_assert_true (g_value_get_boolean (gst_value_array_get_value (accepted, 1)));
  const GValue *indices = gst_structure_get_value (result, "indices");
  g_assert_cmpuint (g_value_get_uint (gst_value_array_get_value (indices, 0)), ==, 1);
  g_assert_cmpuint (g_value_get_uint (gst_value_array_get_value (indices, 1)), ==, 2);
  stage_free (stage);
}

/* 0 .. 255 in disorder, some with a threshold of their own. */
static gchar *
many_prompts (void)
{
  GString *prompts = g_string_new (NULL);

  for (guint i = 0; i < 256; i++)
    g_string_append_printf (prompts, "%s%u%s", i ? ";" : "", i * 77 % 256,
                            i % 5 == 0 ? "@0.01" : "");
  return g_string_free (prompts, FALSE);
}

static GstStructure *
result_of_many (const gchar *scoring, gdouble scale, guint top_k, gboolean ranking)
{
  g_autofree gchar *prompts = many_prompts ();
  g_autofree gchar *properties = g_strdup_printf ("mode=in-step, top-k=%u", top_k);
  Stage *stage = stage_new (properties);

  fake_set_ranking (ranking);
  gst_util_set_object_arg (G_OBJECT (stage->filter), "scoring", scoring);
  g_object_set (stage->filter, "prompts", prompts, "negative-prompts", "90;110", "logit-scale",
                scale, NULL);
  stage_play (stage);
  g_autoptr (GstBuffer) buffer = stage_push (stage, 100);
  GstStructure *result = gst_structure_copy (stage_result (buffer, 0));
  stage_free (stage);
  return result;
}

static void
expect_order (const GstStructure *result, guint n)
{
  const GValue *indices = gst_structure_get_value (result, "indices");
  gint last_distance = -1, last_index = -1;

  g_assert_cmpuint (gst_value_array_get_size (indices), ==, n);
  for (guint i = 0; i < n; i++) {
    gint index = g_value_get_uint (gst_value_array_get_value (indices, i));
    gint distance = ABS (index * 77 % 256 - 100);
    g_assert_true (distance > last_distance || (distance == last_distance && index > last_index));
    last_distance = distance;
    last_index = index;
  }
}

/* The order of the device is that of sorting by scores, also where these are all 0 or 1. */
static void
test_ranking (void)
{
  static const gchar *const scorings[] = { "softmax", "contrast", "cosine", "sigmoid" };
  static const gdouble scales[] = { 0.001, 10.0, 1000.0 };
  static const guint top_k[] = { 1, 7, 64, 65, 300 };

  for (guint a = 0; a < G_N_ELEMENTS (scorings); a++)
    for (guint b = 0; b < G_N_ELEMENTS (scales); b++)
      for (guint c = 0; c < G_N_ELEMENTS (top_k); c++) {
        GstStructure *ranked = result_of_many (scorings[a], scales[b], top_k[c], TRUE);
        GstStructure *sorted = result_of_many (scorings[a], scales[b], top_k[c], FALSE);

        expect_order (sorted, MIN (top_k[c], 256));
        g_assert_true (gst_structure_is_equal (ranked, sorted));
        gst_structure_free (ranked);
        gst_structure_free (sorted);
      }
}

static gdouble
first_score (Stage *stage, guint8 value)
{
  g_autoptr (GstBuffer) buffer = stage_push (stage, value);
  const GValue *scores = gst_structure_get_value (stage_result (buffer, 0), "scores");
  return g_value_get_double (gst_value_array_get_value (scores, 0));
}

static void
test_scoring (void)
{
  /* Two labels with cosines 1 and 0: softmax by the model's scale, then by ours. */
  Stage *stage = stage_new_playing ("mode=in-step, prompts=0;128");
  g_assert_cmpfloat_with_epsilon (first_score (stage, 0), 1 / (1 + exp (-FAKE_LOGIT_SCALE)), 1e-9);
  g_object_set (stage->filter, "logit-scale", 2.0, NULL);
  g_assert_cmpfloat_with_epsilon (first_score (stage, 0), 1 / (1 + exp (-2)), 1e-9);

  /* A negative of the same cosine halves it. */
  g_object_set (stage->filter, "negative-prompts", "0=a|b", "logit-scale", 0.0, NULL);
  stage_wait_prompts (stage, 2);
  g_assert_cmpfloat_with_epsilon (first_score (stage, 0), 1 / (2 + exp (-FAKE_LOGIT_SCALE)), 1e-9);
  stage_free (stage);

  /* One label alone: contrast with the background, whose two cosines are 0.5. */
  stage = stage_new_playing ("mode=in-step, prompts=0");
  g_assert_cmpfloat_with_epsilon (first_score (stage, 0), 1 / (1 + 2 * exp (-FAKE_LOGIT_SCALE / 2)),
                                  1e-9);
  stage_free (stage);
}

static Stage *
sigmoid_stage (const gchar *properties)
{
  Stage *stage = stage_new (properties);

  fake_set_sigmoid (-8.0);
  stage_play (stage);
  return stage;
}

/* SigLIP: without a word about scoring each label has its own probability, with the model's bias, and is
 * accepted from 0.1 on. */
static void
test_sigmoid (void)
{
  Stage *stage = sigmoid_stage ("mode=in-step, prompts=0;128");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 0);
  const GstStructure *result = stage_result (buffer, 0);
  const GValue *scores = gst_structure_get_value (result, "scores");

  for (guint i = 0; i < 2; i++)
    g_assert_cmpfloat_with_epsilon (
        g_value_get_double (gst_value_array_get_value (scores, i)),
        1 / (1 + exp (-(FAKE_LOGIT_SCALE * (i == 0 ? 1.0 : 0.0) - 8.0))), 1e-9);
  g_assert_cmpstr (gst_structure_get_string (result, "label"), ==, "0");
  g_clear_pointer (&buffer, gst_buffer_unref);

  /* 0.49: accepted, as sigmoids of pairs that fit are small. */
  buffer = stage_push (stage, 26);
  result = stage_result (buffer, 0);
  scores = gst_structure_get_value (result, "scores");
  g_assert_cmpfloat (g_value_get_double (gst_value_array_get_value (scores, 0)), <, 0.5);
  g_assert_cmpstr (gst_structure_get_string (result, "label"), ==, "0");
  stage_free (stage);

  /* One label: no background set is encoded. */
  stage = sigmoid_stage ("mode=in-step, prompts=0");
  g_assert_cmpfloat_with_epsilon (first_score (stage, 0), 1 / (1 + exp (-2.0)), 1e-9);
  stage_free (stage);
}

static void
add_result (GstBuffer *buffer, const gchar *label)
{
  GValue array = G_VALUE_INIT, value = G_VALUE_INIT;

  g_value_init (&array, GST_TYPE_ARRAY);
  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value,
                      gst_structure_new ("clipfilter", "label", G_TYPE_STRING, label, NULL));
  gst_value_array_append_and_take_value (&array, &value);
  gst_clip_meta_add (buffer, &array);
}

static void
test_second_filter_appends (void)
{
  g_autoptr (GstBuffer) buffer = gst_buffer_new ();
  g_autoptr (GstBuffer) copy = NULL;
  add_result (buffer, "a");
  add_result (buffer, "b");
  copy = gst_buffer_copy (buffer);
  g_clear_pointer (&buffer, gst_buffer_unref);
  copy = gst_buffer_make_writable (copy);
  add_result (copy, "c");

  for (guint i = 0; i < 3; i++)
    g_assert_cmpstr (gst_structure_get_string (stage_result (copy, i), "label"), ==,
                     ((const gchar *[]){ "a", "b", "c" })[i]);
  g_assert_null (stage_result (copy, 3));
}

/* The same through two elements, the second of which sees a buffer that somebody else holds. */
static void
test_two_filters (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10");
  GstHarness *second = gst_harness_new_parse (
      "clipfilter name=second mode=in-step scoring=cosine prompts=20 threshold=0.9");
  gst_harness_set_src_caps_str (second, STAGE_CAPS);

  g_autoptr (GstBuffer) one = stage_push (stage, 15);
  gst_harness_push (second, gst_buffer_ref (one));
  g_autoptr (GstBuffer) two = gst_harness_pull (second);
  g_assert_null (stage_result (one, 1));
  g_assert_cmpstr (gst_structure_get_string (stage_result (two, 0), "source"), ==, "filter");
  g_assert_cmpstr (gst_structure_get_string (stage_result (two, 1), "source"), ==, "second");
  gst_harness_teardown (second);
  stage_free (stage);
}

static void
test_attach_meta_off (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10, attach-meta=false");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 10);

  g_assert_null (gst_buffer_get_custom_meta (buffer, GST_CLIP_LABELS_META));
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter");
  stage_free (stage);
}

static void
expect_change (Stage *stage, const gchar *label, const gchar *appeared, const gchar *disappeared,
               guint64 since)
{
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter");
  const GstStructure *s = gst_message_get_structure (message);
  g_autofree gchar *in = stage_strings (s, "appeared");
  g_autofree gchar *out = stage_strings (s, "disappeared");
  const GValue *times = gst_structure_get_value (s, "since");

  g_assert_cmpstr (gst_structure_get_string (s, "label"), ==, label);
  g_assert_cmpstr (in, ==, appeared);
  g_assert_cmpstr (out, ==, disappeared);
  g_assert_cmpuint (gst_value_array_get_size (times), ==,
                    gst_value_array_get_size (gst_structure_get_value (s, "labels")));
  g_assert_cmpuint (g_value_get_uint64 (gst_value_array_get_value (times, 0)), ==, since);
}

static void
push_and_drop (Stage *stage, guint8 value)
{
  gst_buffer_unref (stage_push (stage, value));
}

static void
test_on_change (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10;30;200");

  push_and_drop (stage, 100); /* nothing accepted, as before the first frame */
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 0);
  push_and_drop (stage, 0);
  expect_change (stage, "10", "10", "", STAGE_FRAME);
  push_and_drop (stage, 1); /* the same label with another score */
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 0);
  push_and_drop (stage, 11); /* 10 stays since then, 30 joins */
  expect_change (stage, "10", "30", "", STAGE_FRAME);
  push_and_drop (stage, 210);
  expect_change (stage, "200", "200", "10/30", 4 * STAGE_FRAME);
  push_and_drop (stage, 100);
  expect_change (stage, "", "", "200", GST_CLOCK_TIME_NONE);
  stage_free (stage);
}

/* Labels that are no longer asked for disappear with the first result of the new set. */
static void
test_on_change_of_prompts (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10");

  push_and_drop (stage, 10);
  expect_change (stage, "10", "10", "", 0);
  g_object_set (stage->filter, "prompts", "11", NULL);
  stage_wait_prompts (stage, 2);
  push_and_drop (stage, 10);
  expect_change (stage, "11", "11", "10", STAGE_FRAME);
  stage_free (stage);
}

static void
test_every_and_none (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10, messages=every-result");

  for (guint i = 0; i < 4; i++)
    push_and_drop (stage, 10);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 4);
  g_object_set (stage->filter, "messages", 0, NULL);
  push_and_drop (stage, 200);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 0);
  stage_free (stage);
}

/* The message carries what the meta carries. */
static void
test_message_equals_meta (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10;20, messages=every-result");
  g_autoptr (GstBuffer) buffer = stage_push (stage, 10);
  g_autoptr (GstMessage) message = stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter");
  GstStructure *last = NULL;

  g_assert_true (
      gst_structure_is_equal (gst_message_get_structure (message), stage_result (buffer, 0)));
  g_object_get (stage->filter, "last-result", &last, NULL);
  g_assert_true (gst_structure_is_equal (last, stage_result (buffer, 0)));
  gst_structure_free (last);
  stage_free (stage);
}

static void
test_not_finite (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10;nan");

  for (guint i = 0; i < 3; i++) {
    g_autofree gchar *label = stage_push_label (stage, 10);
    g_assert_cmpstr (label, ==, "none");
  }
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_WARNING, NULL), ==, 1);
  g_assert_cmpuint (stage_count (stage, GST_MESSAGE_ELEMENT, "clipfilter"), ==, 0);
  stage_free (stage);
}

static void
test_stats (void)
{
  Stage *stage = stage_new_playing (STEP ", prompts=10");
  GstStructure *stats = NULL;
  guint64 frames, inferences, encode, total, memory;
  GstBuffer *gap = stage_frame (stage, 0);

  push_and_drop (stage, 10);
  push_and_drop (stage, 10);
  GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
  gst_harness_push (stage->harness, gap);
  g_object_get (stage->filter, "stats", &stats, NULL);
  g_assert_true (gst_structure_get (stats, "frames", G_TYPE_UINT64, &frames, "inferences",
                                    G_TYPE_UINT64, &inferences, "encode-last", G_TYPE_UINT64,
                                    &encode, "total-mean", G_TYPE_UINT64, &total, "gpu-memory",
                                    G_TYPE_UINT64, &memory, NULL));
  g_assert_cmpuint (frames, ==, 3);
  g_assert_cmpuint (inferences, ==, 2);
  g_assert_cmpuint (encode, ==, 3);
  g_assert_cmpuint (total, ==, 10);
  g_assert_cmpuint (memory, ==, 12345);
  g_assert_cmpstr (gst_structure_get_string (stats, "mode"), ==, "in-step");
  g_assert_cmpstr (gst_structure_get_string (stats, "device"), ==, "fake-device");
  g_assert_cmpstr (gst_structure_get_string (stats, "model"), ==, "fake-model");
  gst_structure_free (stats);
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/results/fields", test_fields);
  g_test_add_func ("/results/nothing-accepted", test_nothing_accepted);
  g_test_add_func ("/results/top-k", test_top_k);
  g_test_add_func ("/results/ranking", test_ranking);
  g_test_add_func ("/results/scoring", test_scoring);
  g_test_add_func ("/results/sigmoid", test_sigmoid);
  g_test_add_func ("/results/second-filter-appends", test_second_filter_appends);
  g_test_add_func ("/results/two-filters", test_two_filters);
  g_test_add_func ("/results/attach-meta-off", test_attach_meta_off);
  g_test_add_func ("/results/on-change", test_on_change);
  g_test_add_func ("/results/on-change-of-prompts", test_on_change_of_prompts);
  g_test_add_func ("/results/every-and-none", test_every_and_none);
  g_test_add_func ("/results/message-equals-meta", test_message_equals_meta);
  g_test_add_func ("/results/not-finite", test_not_finite);
  g_test_add_func ("/results/stats", test_stats);
  return g_test_run ();
}
