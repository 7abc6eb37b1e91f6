/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many streams that share an engine: each gets the labels that it gets alone, whatever the others do. */
#include <gst/gst.h>

#include <stdio.h>

#include "tests/common/random_model.h"

#define EXIT_SKIP  77
#define MAX_LABELS 4
#define FRAMES     24
/* Enough for frames to come faster than they are encoded, so that there are batches. */
#define LAYERS    24
#define TOLERANCE 1e-4
#define WAIT      (120 * GST_SECOND)

static gchar *folder;

typedef struct {
  const gchar *source, *prompts;
  guint n_labels;
} Kind;

static const Kind kinds[] = {
  { "videotestsrc name=source pattern=ball num-buffers=%u ! "
    "video/x-raw,format=NV12,width=320,height=240",
    "a;b", 2 },
  { "videotestsrc name=source pattern=ball motion=hsweep background-color=0xff206040 "
    "num-buffers=%u ! "
    "video/x-raw,format=RGB,width=200,height=300",
    "c;d;e;f", 4 },
  { "videotestsrc name=source pattern=zone-plate kx2=20 ky2=20 kt=1 num-buffers=%u ! "
    "video/x-raw,format=GRAY8,width=640,height=100",
    "a", 1 },
  { "videotestsrc name=source pattern=zone-plate kx2=5 ky2=9 kt=3 num-buffers=%u ! "
    "video/x-raw,format=YUY2,width=64,height=64",
    "g;a;c", 3 },
  { "videotestsrc name=source pattern=ball motion=sweep num-buffers=%u ! "
    "video/x-raw,format=BGRA,width=400,height=224",
    "b;a", 2 },
};
#define N_KINDS G_N_ELEMENTS (kinds)

typedef struct {
  guint number;
  float similarity[MAX_LABELS]; /* by place in the prompts */
} Frame;

typedef struct {
  const Kind *kind;
  GstElement *pipeline, *filter;
  GArray *frames; /* of Frame: those that came out with labels */
  guint buffers;  /* atomic */
  GstClockTime times
      [FRAMES]; /* by number: the source counts its frames; where it makes more, of the first */
} Stream;

/* Streams ------------------------------------------------------------------------ */

/* Of a frame that has come. Times do not tell: those of a live source that begins late are other ones. */
static guint
number_at (const Stream *s, GstClockTime time)
{
  guint i = 0;

  while (i < FRAMES && s->times[i] != time)
    i++;
  return i;
}

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  Stream *s = data;
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, "GstClipLabels");
  Frame frame = { 0 };
  guint64 timestamp = 0;

  if (GST_BUFFER_OFFSET (buffer) < FRAMES)
    s->times[GST_BUFFER_OFFSET (buffer)] = GST_BUFFER_PTS (buffer);
  g_atomic_int_inc (&s->buffers);
  if (!meta)
    return;
  const GValue *results = gst_structure_get_value (gst_custom_meta_get_structure (meta), "results");
  const GstStructure *result = gst_value_get_structure (gst_value_array_get_value (results, 0));
  const GValue *indices = gst_structure_get_value (result, "indices");
  const GValue *similarities = gst_structure_get_value (result, "similarities");
  g_assert_cmpuint (gst_value_array_get_size (indices), ==, s->kind->n_labels);
  gst_structure_get_uint64 (result, "timestamp", &timestamp);
  frame.number = number_at (s, timestamp);
  for (guint i = 0; i < s->kind->n_labels; i++)
    frame.similarity[g_value_get_uint (gst_value_array_get_value (indices, i))] =
        g_value_get_double (gst_value_array_get_value (similarities, i));
  g_array_append_val (s->frames, frame);
}

/* @extra: what stands between the source and clipfilter, or "". */
static void
stream_init (Stream *s, const Kind *kind, guint n_frames, const gchar *extra, const gchar *options)
{
  g_autofree gchar *source = g_strdup_printf (kind->source, n_frames);
  g_autofree gchar *line = g_strdup_printf (
      "%s ! %s clipfilter name=filter model=\"%s\" prompts=\"%s\" mode=in-step scoring=cosine %s ! "
      "fakesink name=sink signal-handoffs=true",
      source, extra, folder, kind->prompts, options);
  g_autoptr (GError) error = NULL;

  *s = (Stream){ .kind = kind };
  s->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  s->filter = gst_bin_get_by_name (GST_BIN (s->pipeline), "filter");
  s->frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (s->pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), s);
}

static void
stream_clear (Stream *s)
{
  gst_element_set_state (s->pipeline, GST_STATE_NULL);
  gst_object_unref (s->filter);
  gst_object_unref (s->pipeline);
  g_array_unref (s->frames);
}

static void
play (Stream *s)
{
  gst_element_set_state (s->pipeline, GST_STATE_PLAYING);
}

/* Any error or warning fails. */
static void
wait_eos (Stream *s)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (s->pipeline);
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
      bus, WAIT, GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);

  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_EOS)
    g_error ("%s", gst_structure_to_string (gst_message_get_structure (message)));
}

static GstStructure *
stats (Stream *s)
{
  GstStructure *structure = NULL;

  g_object_get (s->filter, "stats", &structure, NULL);
  return structure;
}

static gdouble
batch_mean (Stream *s)
{
  g_autoptr (GstStructure) structure = stats (s);
  gdouble mean = 0;

  g_assert_true (gst_structure_get_double (structure, "batch-mean", &mean));
  return mean;
}

static guint64
gpu_memory (Stream *s)
{
  g_autoptr (GstStructure) structure = stats (s);
  guint64 bytes = 0;

  g_assert_true (gst_structure_get_uint64 (structure, "gpu-memory", &bytes));
  return bytes;
}

/* What each kind says when nobody else is there. */
static Stream alone[N_KINDS];

static void
play_alone (void)
{
  for (guint k = 0; k < N_KINDS; k++) {
    stream_init (&alone[k], &kinds[k], FRAMES, "", "");
    play (&alone[k]);
    wait_eos (&alone[k]);
    g_assert_cmpuint (alone[k].frames->len, ==, FRAMES);
    stream_clear (&(Stream){ .pipeline = gst_object_ref (alone[k].pipeline),
                             .filter = gst_object_ref (alone[k].filter),
                             .frames = g_array_ref (alone[k].frames) });
  }
}

static gdouble
largest_difference (const Stream *s)
{
  const Stream *want = &alone[s->kind - kinds];
  gdouble largest = 0;

  g_assert_cmpuint (s->buffers, ==, FRAMES);
  for (guint i = 0; i < s->frames->len; i++) {
    const Frame *a = &g_array_index (s->frames, Frame, i);

    g_assert_cmpuint (a->number, <, FRAMES);
    const Frame *b = &g_array_index (want->frames, Frame, a->number);
    for (guint k = 0; k < s->kind->n_labels; k++)
      largest = MAX (largest, ABS (a->similarity[k] - b->similarity[k]));
  }
  return largest;
}

/* Tests ---------------------------------------------------------------------------- */

/* Frames of a stream, streams and labels differ from each other by more than what is tolerated: else
 * the others prove nothing. */
static void
test_distinct (void)
{
  for (guint k = 0; k < N_KINDS; k++) {
    const Frame *f = (const Frame *)alone[k].frames->data;
    gdouble moved = 0;

    for (guint i = 1; i < FRAMES; i++)
      moved = MAX (moved, ABS (f[i].similarity[0] - f[0].similarity[0]));
    g_test_message ("kind %u: frames differ by up to %g", k, moved);
    g_assert_cmpfloat (moved, >, 5 * TOLERANCE);
  }
}

/* Returns: frames of a batch. */
static gdouble
check_equal (Stream *streams, guint n)
{
  gdouble mean = 0, largest = 0;

  for (guint i = 0; i < n; i++) {
    g_assert_cmpuint (streams[i].frames->len, ==, FRAMES);
    largest = MAX (largest, largest_difference (&streams[i]));
    mean += batch_mean (&streams[i]) / n;
  }
  g_test_message ("%u streams: largest difference %g, %.2f frames a batch", n, largest, mean);
  g_assert_cmpfloat (largest, <=, TOLERANCE);
  return mean;
}

static void
test_together (void)
{
  Stream streams[2 * N_KINDS];
  const guint n = G_N_ELEMENTS (streams);

  for (guint i = 0; i < n; i++) {
    stream_init (&streams[i], &kinds[i % N_KINDS], FRAMES, "", "");
    gst_element_set_state (streams[i].pipeline, GST_STATE_PAUSED);
  }
  for (guint i = 0; i < n; i++)
    play (&streams[i]);
  for (guint i = 0; i < n; i++)
    wait_eos (&streams[i]);
  g_assert_cmpfloat (check_equal (streams, n), >, 1.0);
  for (guint i = 0; i < n; i++)
    stream_clear (&streams[i]);
}

/* Live: whichever frames are encoded. */
static void
test_latest (void)
{
  Stream streams[2 * N_KINDS];
  const guint n = G_N_ELEMENTS (streams);
  guint results = 0;

  for (guint i = 0; i < n; i++) {
    stream_init (&streams[i], &kinds[i % N_KINDS], FRAMES, "", "mode=latest");
    g_autoptr (GstElement) source = gst_bin_get_by_name (GST_BIN (streams[i].pipeline), "source");
    g_object_set (source, "is-live", TRUE, NULL);
  }
  Stream keeper; /* who has the engine open, so that there are labels from the first frames on */
  stream_init (&keeper, &kinds[0], 1, "", "");
  play (&keeper);
  wait_eos (&keeper);
  for (guint i = 0; i < n; i++)
    play (&streams[i]);
  for (guint i = 0; i < n; i++) {
    wait_eos (&streams[i]);
    g_assert_cmpfloat (largest_difference (&streams[i]), <=, TOLERANCE);
    results += streams[i].frames->len;
  }
  g_test_message ("%u frames of %u with labels", results, n * FRAMES);
  g_assert_cmpuint (results, >, 0);
  for (guint i = 0; i < n; i++)
    stream_clear (&streams[i]);
  stream_clear (&keeper);
}

/* Several in one pipeline. */
static void
test_one_pipeline (void)
{
  Stream streams[3];
  GstElement *whole = gst_pipeline_new (NULL);

  for (guint i = 0; i < 3; i++) {
    stream_init (&streams[i], &kinds[i], FRAMES, "", "");
    gst_bin_add (GST_BIN (whole), streams[i].pipeline);
  }
  Stream all = { .pipeline = whole };
  play (&all);
  wait_eos (&all);
  check_equal (streams, 3);
  gst_element_set_state (whole, GST_STATE_NULL);
  for (guint i = 0; i < 3; i++) {
    gst_object_unref (streams[i].filter);
    g_array_unref (streams[i].frames);
  }
  gst_object_unref (whole);
}

/* What the others do meanwhile, over and over ----------------------------------------- */

typedef struct {
  gint stop; /* atomic */
  guint rounds;
  void (*round) (GRand *rand);
} Trouble;

/* Leaves with frames on their way. */
static void
stop_round (GRand *rand)
{
  Stream s;

  stream_init (&s, &kinds[g_rand_int_range (rand, 0, N_KINDS)], 1000, "", "");
  play (&s);
  g_usleep (g_rand_int_range (rand, 0, 30000));
  stream_clear (&s);
}

/* Ends with an error in the middle. */
static void
error_round (GRand *rand)
{
  Stream s;
  g_autofree gchar *extra =
      g_strdup_printf ("identity error-after=%d !", g_rand_int_range (rand, 2, 8));

  stream_init (&s, &kinds[g_rand_int_range (rand, 0, N_KINDS)], 1000, extra, "");
  play (&s);
  g_autoptr (GstBus) bus = gst_element_get_bus (s.pipeline);
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (bus, WAIT, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  stream_clear (&s);
}

/* Another size with each frame or so, and flushing seeks in between. */
static void
caps_round (GRand *rand)
{
  static const Kind kind = { "videotestsrc name=source pattern=ball num-buffers=%u", "a;b", 2 };
  Stream s;

  stream_init (&s, &kind, 1000, "capsfilter name=caps caps=video/x-raw,width=320,height=240 !", "");
  g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (s.pipeline), "caps");
  play (&s);
  for (guint i = 0; i < 6; i++) {
    g_autoptr (GstCaps) caps = gst_caps_new_simple (
        "video/x-raw", "width", G_TYPE_INT, 64 + 2 * g_rand_int_range (rand, 0, 200), "height",
        G_TYPE_INT, 64 + 2 * g_rand_int_range (rand, 0, 200), NULL);

    g_object_set (filter, "caps", caps, NULL);
    g_usleep (g_rand_int_range (rand, 0, 10000));
    if (i % 2)
      gst_element_seek_simple (s.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0);
  }
  stream_clear (&s);
}

static gpointer
make_trouble (gpointer data)
{
  Trouble *t = data;
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (t->round));

  while (!g_atomic_int_get (&t->stop)) {
    t->round (rand);
    t->rounds++;
  }
  g_rand_free (rand);
  return NULL;
}

static void
test_undisturbed (gconstpointer round)
{
  Trouble trouble = { .round = (void (*) (GRand *))round };
  GThread *thread = g_thread_new ("trouble", make_trouble, &trouble);

  for (guint repeat = 0; repeat < 4; repeat++) {
    Stream streams[3];

    for (guint i = 0; i < 3; i++) {
      stream_init (&streams[i], &kinds[(i + repeat) % N_KINDS], FRAMES, "", "");
      play (&streams[i]);
    }
    for (guint i = 0; i < 3; i++) {
      wait_eos (&streams[i]);
      g_assert_cmpuint (streams[i].frames->len, ==, FRAMES);
      g_assert_cmpfloat (largest_difference (&streams[i]), <=, TOLERANCE);
    }
    for (guint i = 0; i < 3; i++)
      stream_clear (&streams[i]);
  }
  g_atomic_int_set (&trouble.stop, 1);
  g_thread_join (thread);
  g_test_message ("%u rounds", trouble.rounds);
}

/* Groups have an engine each, which shows in the memory. */
static void
test_share_group (void)
{
  static const gchar *const options[] = { "share-group=a", "share-group=a", "share-group=b", "" };
  Stream streams[4];
  guint64 bytes[4];

  for (guint i = 0; i < 4; i++) {
    stream_init (&streams[i], &kinds[0], 3, "", options[i]);
    gst_element_set_state (streams[i].pipeline, GST_STATE_PAUSED);
    g_assert_cmpint (gst_element_get_state (streams[i].pipeline, NULL, NULL, GST_CLOCK_TIME_NONE),
                     ==, GST_STATE_CHANGE_SUCCESS);
  }
  for (guint i = 0; i < 4; i++)
    bytes[i] = gpu_memory (&streams[i]);
  g_assert_cmpuint (bytes[0], ==, bytes[1]);
  g_assert_cmpuint (bytes[2], ==, bytes[3]);
  g_assert_cmpuint (bytes[0], >, bytes[2]); /* the frames of two */
  for (guint i = 0; i < 4; i++)
    stream_clear (&streams[i]);
}

static gboolean
has_device (void)
{
  Stream s;
  g_autoptr (GError) error = NULL;

  stream_init (&s, &kinds[0], 1, "", "");
  g_autoptr (GstBus) bus = gst_element_get_bus (s.pipeline);
  play (&s);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, WAIT, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  stream_clear (&s);
  if (error && !g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND)
      && !g_error_matches (error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT))
    g_error ("%s", error->message);
  return error == NULL;
}

int
main (int argc, char **argv)
{
  ClipRandomModel slow = *clip_random_model_find ("tiny");
  g_autoptr (GError) error = NULL;
  int ret = EXIT_SKIP;

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  folder = g_dir_make_tmp ("gst-clip-streams-XXXXXX", &error);
  g_assert_no_error (error);
  slow.vision.layers = LAYERS;
  clip_random_model_write (&slow, folder, 5, &error);
  g_assert_no_error (error);
  if (has_device ()) {
    play_alone ();
    g_test_add_func ("/streams/distinct", test_distinct);
    g_test_add_func ("/streams/together", test_together);
    g_test_add_func ("/streams/latest", test_latest);
    g_test_add_func ("/streams/one-pipeline", test_one_pipeline);
    g_test_add_data_func ("/streams/undisturbed/stop", stop_round, test_undisturbed);
    g_test_add_data_func ("/streams/undisturbed/error", error_round, test_undisturbed);
    g_test_add_data_func ("/streams/undisturbed/caps", caps_round, test_undisturbed);
    g_test_add_func ("/streams/share-group", test_share_group);
    ret = g_test_run ();
    for (guint k = 0; k < N_KINDS; k++)
      stream_clear (&alone[k]);
  } else {
    printf ("1..0 # SKIP no device\n");
  }
  clip_random_model_remove (folder);
  g_free (folder);
  return ret;
}
