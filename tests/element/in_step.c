/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* in-step: frames that are held while they are encoded, and what must not be held; latency; which
 * frames are encoded. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#define IN_STEP    "scoring=cosine, threshold=0.9, messages=every-result, mode=in-step, prompts=10;200"
#define POLL_US    1000
#define TOO_LONG_S 20
#define HELD       2 /* docs/elements.md promises this many */

/* What came out, in order: "10" a buffer with this label, "tag", "caps", "eos" and so on. */
typedef struct {
  Stage *stage;
  GMutex lock;
  GCond cond;
  GString *seen;
  guint buffers;
} Watch;

static void
note (Watch *watch, const gchar *what, gboolean is_buffer)
{
  g_mutex_lock (&watch->lock);
  g_string_append_printf (watch->seen, "%s%s", watch->seen->len ? " " : "", what);
  watch->buffers += is_buffer;
  g_cond_broadcast (&watch->cond);
  g_mutex_unlock (&watch->lock);
}

static GstPadProbeReturn
on_output (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER) {
    g_autofree gchar *label = stage_label (GST_PAD_PROBE_INFO_BUFFER (info));
    note (data, label, TRUE);
  } else if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM) {
    if (GST_QUERY_IS_SERIALIZED (GST_PAD_PROBE_INFO_QUERY (info)))
      note (data, gst_query_type_get_name (GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info))),
            FALSE);
  } else {
    note (data, GST_EVENT_TYPE_NAME (GST_PAD_PROBE_INFO_EVENT (info)), FALSE);
  }
  return GST_PAD_PROBE_OK;
}

static Watch *
watch_new (const gchar *properties)
{
  Watch *watch = g_new0 (Watch, 1);

  watch->stage = stage_new (properties);
  stage_play_file (watch->stage);
  g_mutex_init (&watch->lock);
  g_cond_init (&watch->cond);
  watch->seen = g_string_new (NULL);
  gst_pad_add_probe (watch->stage->harness->sinkpad,
                     GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM
                         | GST_PAD_PROBE_TYPE_EVENT_FLUSH | GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM
                         | GST_PAD_PROBE_TYPE_PUSH,
                     on_output, watch, NULL);
  return watch;
}

static void
watch_free (Watch *watch)
{
  stage_free (watch->stage);
  g_string_free (watch->seen, TRUE);
  g_mutex_clear (&watch->lock);
  g_cond_clear (&watch->cond);
  g_free (watch);
}

/* Waits for @n buffers in all, then compares all that came and forgets it. */
static void
watch_expect (Watch *watch, guint n, const gchar *want)
{
  const gint64 end = g_get_monotonic_time () + TOO_LONG_S * G_TIME_SPAN_SECOND;

  g_mutex_lock (&watch->lock);
  while (watch->buffers < n && g_cond_wait_until (&watch->cond, &watch->lock, end))
    ;
  g_assert_cmpstr (watch->seen->str, ==, want);
  g_string_truncate (watch->seen, 0);
  watch->buffers = 0;
  g_mutex_unlock (&watch->lock);
}

static void
watch_push (Watch *watch, guint8 value)
{
  g_assert_cmpint (gst_harness_push (watch->stage->harness, stage_frame (watch->stage, value)), ==,
                   GST_FLOW_OK);
}

/* The first frame passes, with its caps and segment; then encoding stands still and @n are held. */
static void
begin_with_held (Watch *watch, guint n)
{
  watch_push (watch, 10);
  watch_expect (watch, 1, "10");
  fake_close (FAKE_JOB_RUN);
  for (guint i = 0; i < n; i++)
    watch_push (watch, i % 2 ? 10 : 200);
}

static gpointer
push_in_thread (gpointer data)
{
  Watch *watch = data;
  watch_push (watch, 10);
  return NULL;
}

/* Held frames are pushed before what @action sends, which waits for them; @n buffers in all. */
static void
check_order (Watch *watch, GThreadFunc action, guint n, const gchar *want)
{
  GThread *thread = g_thread_new ("action", action, watch);

  g_usleep (20 * POLL_US);
  watch_expect (watch, 0, "");
  fake_open (FAKE_JOB_RUN);
  g_thread_join (thread);
  watch_expect (watch, n, want);
}

/* A third frame waits for the first; they come in order, each with its own label. */
static void
test_order (void)
{
  Watch *watch = watch_new (IN_STEP);

  begin_with_held (watch, HELD);
  GThread *thread = g_thread_new ("push", push_in_thread, watch);
  g_usleep (20 * POLL_US);
  watch_expect (watch, 0, "");
  fake_open (FAKE_JOB_RUN);
  g_thread_join (thread);
  watch_expect (watch, HELD + 1, "200 10 10");
  g_assert_cmpuint (fake_count (FAKE_JOB_NEW), <=, 3);
  watch_free (watch);
}

/* A frame is held for as long as it is being encoded, and not until the next one comes. */
static void
test_nothing_follows (void)
{
  Watch *watch = watch_new (IN_STEP);

  begin_with_held (watch, 1);
  fake_open (FAKE_JOB_RUN);
  watch_expect (watch, 1, "200");
  for (guint i = 0; i < 50; i++) {
    watch_push (watch, i % 2 ? 10 : 200);
    watch_expect (watch, 1, i % 2 ? "10" : "200");
  }
  watch_free (watch);
}

/* Two buffers are all there are: upstream waits for one to come back. */
static void
test_small_pool (void)
{
  Watch *watch = watch_new ("mode=in-step, prompts=10, interval=2");
  g_autoptr (GstBufferPool) pool = gst_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  g_autoptr (GstCaps) caps = gst_caps_from_string (STAGE_CAPS);

  gst_buffer_pool_config_set_params (config, caps, 16 * 16, 2, 2);
  gst_buffer_pool_set_config (pool, config);
  gst_buffer_pool_set_active (pool, TRUE);
  gst_harness_set_drop_buffers (watch->stage->harness, TRUE);
  for (guint i = 0; i < 100; i++) {
    GstBuffer *buffer;
    g_assert_cmpint (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), ==, GST_FLOW_OK);
    GST_BUFFER_PTS (buffer) = i * STAGE_FRAME;
    g_assert_cmpint (gst_harness_push (watch->stage->harness, buffer), ==, GST_FLOW_OK);
  }
  gst_harness_push_event (watch->stage->harness, gst_event_new_eos ());
  g_assert_cmpuint (gst_harness_buffers_received (watch->stage->harness), ==, 100);
  gst_buffer_pool_set_active (pool, FALSE);
  watch_free (watch);
}

/* What comes after held frames -------------------------------------------------------- */

static gpointer
push_tags (gpointer data)
{
  Watch *watch = data;
  gst_harness_push_event (watch->stage->harness, gst_event_new_tag (gst_tag_list_new_empty ()));
  return NULL;
}

static gpointer
push_segment (gpointer data)
{
  Watch *watch = data;
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = GST_SECOND;
  gst_harness_push_event (watch->stage->harness, gst_event_new_segment (&segment));
  return NULL;
}

static gpointer
push_caps (gpointer data)
{
  Watch *watch = data;
  g_autoptr (GstCaps) caps =
      gst_caps_from_string ("video/x-raw,format=GRAY8,width=8,height=32,framerate=25/1");

  gst_harness_push_event (watch->stage->harness, gst_event_new_caps (caps));
  return NULL;
}

static gpointer
push_eos (gpointer data)
{
  Watch *watch = data;
  gst_harness_push_event (watch->stage->harness, gst_event_new_eos ());
  return NULL;
}

static gpointer
send_drain (gpointer data)
{
  Watch *watch = data;
  g_autoptr (GstQuery) query = gst_query_new_drain ();

  gst_pad_peer_query (watch->stage->harness->srcpad, query);
  return NULL;
}

static const struct {
  const gchar *name;
  GThreadFunc send;
  const gchar *want;
} followers[] = {
  { "tags", push_tags, "200 10 tag" },     { "segment", push_segment, "200 10 segment" },
  { "caps", push_caps, "200 10 caps" },    { "eos", push_eos, "200 10 eos" },
  { "drain", send_drain, "200 10 drain" },
};

static void
test_follower (gconstpointer data)
{
  const guint i = GPOINTER_TO_UINT (data);
  Watch *watch = watch_new (IN_STEP);

  begin_with_held (watch, HELD);
  check_order (watch, followers[i].send, HELD, followers[i].want);
  watch_free (watch);
}

static gpointer
push_discont (gpointer data)
{
  Watch *watch = data;
  GstBuffer *buffer = stage_frame (watch->stage, 10);

  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  gst_harness_push (watch->stage->harness, buffer);
  return NULL;
}

/* The mark stays with the buffer that has it. */
static void
test_discont (void)
{
  Watch *watch = watch_new (IN_STEP);

  begin_with_held (watch, HELD);
  check_order (watch, push_discont, HELD + 1, "200 10 10");
  for (guint i = 0; i < 1 + HELD + 1; i++) {
    g_autoptr (GstBuffer) out = gst_harness_pull (watch->stage->harness);
    g_assert_cmpint (GST_BUFFER_IS_DISCONT (out), ==, i == 1 + HELD);
  }
  watch_free (watch);
}

/* A buffer without a picture keeps its place. */
static void
test_gap_buffer (void)
{
  Watch *watch = watch_new (IN_STEP);
  GstBuffer *gap = stage_frame (watch->stage, 10);

  GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
  begin_with_held (watch, 1);
  gst_harness_push (watch->stage->harness, gap);
  g_usleep (20 * POLL_US);
  watch_expect (watch, 0, "");
  fake_open (FAKE_JOB_RUN);
  watch_expect (watch, 2, "200 none");
  watch_free (watch);
}

/* Flush, stop ---------------------------------------------------------------------------- */

static void
count_freed (gpointer data, GstMiniObject *object)
{
  g_atomic_int_inc ((gint *)data);
}

/* A flush drops what is held, and waits for no encoding. */
static void
test_flush (void)
{
  Watch *watch = watch_new (IN_STEP);
  GstHarness *h = watch->stage->harness;
  gint freed = 0;

  begin_with_held (watch, 0);
  for (guint i = 0; i < HELD; i++) {
    GstBuffer *buffer = stage_frame (watch->stage, 200);
    gst_mini_object_weak_ref (GST_MINI_OBJECT (buffer), count_freed, &freed);
    gst_harness_push (h, buffer);
  }
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  g_assert_cmpint (g_atomic_int_get (&freed), ==, HELD);
  watch_expect (watch, 0, "flush-start flush-stop");
  push_segment (watch);
  fake_open (FAKE_JOB_RUN);
  watch->stage->pts = 2 * GST_SECOND;
  watch_push (watch, 10);
  watch_expect (watch, 1, "segment 10");
  watch_free (watch);
}

/* Nor does a change of state have to wait in the chain function. */
static gpointer
open_soon (gpointer data)
{
  g_usleep (20 * POLL_US);
  fake_open (FAKE_JOB_RUN);
  return NULL;
}

static gpointer
push_to_the_end (gpointer data)
{
  Watch *watch = data;
  return GINT_TO_POINTER (gst_harness_push (watch->stage->harness, stage_frame (watch->stage, 10)));
}

static void
test_stop (void)
{
  Watch *watch = watch_new (IN_STEP);

  begin_with_held (watch, HELD);
  GThread *pusher = g_thread_new ("push", push_to_the_end, watch);
  g_usleep (20 * POLL_US);
  GThread *opener = g_thread_new ("open", open_soon, NULL);
  gst_element_set_state (watch->stage->filter, GST_STATE_NULL);
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (pusher)), ==, GST_FLOW_FLUSHING);
  g_thread_join (opener);
  watch_expect (watch, 0, "");
  watch_free (watch);
}

/* What downstream answers to a held frame reaches upstream with the next one. */
static void
test_downstream_eos (void)
{
  Watch *watch = watch_new (IN_STEP);
  GstHarness *h = watch->stage->harness;

  begin_with_held (watch, 1);
  GST_PAD_SET_FLUSHING (h->sinkpad);
  fake_open (FAKE_JOB_RUN);
  GstFlowReturn ret = GST_FLOW_OK;
  for (guint i = 0; i < TOO_LONG_S * 1000 && ret == GST_FLOW_OK; i++) {
    ret = gst_harness_push (h, stage_frame (watch->stage, 10));
    g_usleep (POLL_US);
  }
  g_assert_cmpint (ret, ==, GST_FLOW_FLUSHING);
  watch_free (watch);
}

/* What is not held ------------------------------------------------------------------------ */

/* A picture without a rate comes out before the chain function returns. */
static void
test_still_picture (void)
{
  Watch *watch = watch_new (IN_STEP);

  gst_harness_set_src_caps_str (watch->stage->harness,
                                "video/x-raw,format=GRAY8,width=16,height=16,framerate=0/1");
  for (guint i = 0; i < 5; i++) {
    g_autofree gchar *label = stage_push_label (watch->stage, 10);
    g_assert_cmpstr (label, ==, "10");
    g_assert_cmpuint (gst_harness_buffers_in_queue (watch->stage->harness), ==, 0);
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_NEW), ==, 1);
  watch_free (watch);
}

/* In the thread of a source nothing is held either: it may not be able to pause then. */
static GstPadProbeReturn
count_buffers (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  g_atomic_int_inc ((gint *)data);
  return GST_PAD_PROBE_OK;
}

static void
check_source (const gchar *between, const gchar *more, gint want)
{
  g_autofree gchar *line = g_strdup_printf ("videotestsrc ! " STAGE_CAPS " ! %s clipfilter "
                                            "name=filter mode=in-step prompts=10 ! fakesink %s",
                                            between, more);
  fake_reset ();
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, NULL);
  g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (filter, "sink");
  gint came = 0;

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_buffers, &came, NULL);
  fake_close (FAKE_JOB_RUN);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  fake_wait_inside (FAKE_JOB_RUN);
  for (guint i = 0; i < TOO_LONG_S * 1000 && g_atomic_int_get (&came) < want; i++)
    g_usleep (POLL_US);
  g_usleep (20 * POLL_US);
  g_assert_cmpint (g_atomic_int_get (&came), ==, want);
  fake_open (FAKE_JOB_RUN);
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

static void
test_source_thread (void)
{
  check_source ("", "", 1);
  check_source ("identity !", "", 1);
  check_source ("queue !", "", HELD + 1);
  /* The second source pushes with its own thread when it is its turn. */
  check_source ("queue ! concat name=c !", "videotestsrc ! " STAGE_CAPS " ! c.", 1);
  check_source ("queue ! concat name=c !", "videotestsrc ! " STAGE_CAPS " ! queue ! c.", HELD + 1);
}

static gboolean
refuse_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  return GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION
         && gst_pad_query_default (pad, parent, query);
}

static guint
asked_for (Stage *stage)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (STAGE_CAPS);
  g_autoptr (GstQuery) query = gst_query_new_allocation (caps, TRUE);
  guint min = 0;

  gst_pad_peer_query (stage->harness->srcpad, query);
  if (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_parse_nth_allocation_pool (query, 0, NULL, NULL, &min, NULL);
  return min;
}

/* How many buffers stay here is told to who allocates them. */
static void
test_allocation (void)
{
  static const struct {
    const gchar *properties;
    gboolean live;
    guint want;
  } cases[] = {
    { "mode=in-step, prompts=10", FALSE, HELD }, { "prompts=10", FALSE, HELD },
    { "mode=in-step, prompts=10", TRUE, 0 },     { "prompts=10", TRUE, 0 },
    { "mode=latest, prompts=10", FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Stage *stage = stage_new (cases[i].properties);
    guint downstream = 0;

    if (cases[i].live)
      stage_play (stage);
    else
      stage_play_file (stage);
    g_autoptr (GstCaps) caps = gst_caps_from_string (STAGE_CAPS);
    g_autoptr (GstQuery) query = gst_query_new_allocation (caps, TRUE);
    gst_pad_query (stage->harness->sinkpad, query);
    if (gst_query_get_n_allocation_pools (query) > 0)
      gst_query_parse_nth_allocation_pool (query, 0, NULL, NULL, &downstream, NULL);
    g_assert_cmpuint (asked_for (stage), ==, downstream + cases[i].want);
    stage_free (stage);
  }
}

/* A pool is for the caps that are asked about, which need not be those in use. */
static void
test_allocation_size (void)
{
  Stage *stage = stage_new ("mode=in-step, prompts=10");
  g_autoptr (GstCaps) caps =
      gst_caps_from_string ("video/x-raw,format=GRAY8,width=64,height=64,framerate=25/1");
  g_autoptr (GstQuery) query = gst_query_new_allocation (caps, TRUE);
  guint size = 0;

  stage_play_file (stage);
  gst_pad_set_query_function (stage->harness->sinkpad, refuse_query);
  g_assert_true (gst_pad_peer_query (stage->harness->srcpad, query));
  g_assert_cmpuint (gst_query_get_n_allocation_pools (query), ==, 1);
  gst_query_parse_nth_allocation_pool (query, 0, NULL, &size, NULL, NULL);
  g_assert_cmpuint (size, ==, 64 * 64);
  stage_free (stage);
}

/* Nobody is linked for a while, and then somebody is again, without a flush. */
static void
test_linked_again (void)
{
  Stage *stage = stage_new (IN_STEP);
  guint refused = 0;

  stage_play_file (stage);
  gst_harness_set_drop_buffers (stage->harness, TRUE);
  GstPad *src = gst_element_get_static_pad (stage->filter, "src");
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (gst_harness_push (stage->harness, stage_frame (stage, 10)), ==, GST_FLOW_OK);
  gst_pad_unlink (src, stage->harness->sinkpad);
  for (guint i = 0; i < 4 * HELD && refused == 0; i++)
    refused += gst_harness_push (stage->harness, stage_frame (stage, 10)) == GST_FLOW_NOT_LINKED;
  g_assert_cmpuint (refused, ==, 1);
  g_assert_cmpint (gst_pad_link (src, stage->harness->sinkpad), ==, GST_PAD_LINK_OK);
  const guint before = gst_harness_buffers_received (stage->harness);
  for (guint i = 0; i < 4 * HELD; i++)
    gst_harness_push (stage->harness, stage_frame (stage, 10));
  g_assert_cmpuint (gst_harness_buffers_received (stage->harness), >, before);
  gst_object_unref (src);
  stage_free (stage);
}

/* Latency ---------------------------------------------------------------------------------- */

static gpointer
open_when_inside (gpointer data)
{
  fake_wait_inside (FAKE_JOB_RUN);
  return open_soon (data);
}

/* Live: what an encoding takes is reported, and told when it changes. */
static void
test_latency (void)
{
  Stage *stage = stage_new_playing (IN_STEP);

  gst_harness_set_upstream_latency (stage->harness, 7 * GST_MSECOND);
  g_assert_cmpuint (gst_harness_query_latency (stage->harness), ==, 7 * GST_MSECOND);
  fake_close (FAKE_JOB_RUN);
  GThread *opener = g_thread_new ("open", open_when_inside, NULL);
  gst_buffer_unref (stage_push (stage, 10));
  g_thread_join (opener);
  gst_message_unref (stage_message (stage, GST_MESSAGE_LATENCY, NULL));
  g_assert_cmpuint (gst_harness_query_latency (stage->harness), >=, (20 + 7) * GST_MSECOND);
  stage_free (stage);
}

/* Nobody waits in latest; and where nothing is live there is nothing to report. */
static void
test_no_latency (void)
{
  static const gchar *const properties[] = { "mode=latest, prompts=10", IN_STEP };

  for (guint i = 0; i < 2; i++) {
    Stage *stage = stage_new (properties[i]);
    if (i == 0)
      stage_play (stage);
    else
      stage_play_file (stage);
    for (guint n = 0; n < 10; n++)
      gst_harness_push (stage->harness, stage_frame (stage, 10));
    g_assert_cmpuint (gst_harness_query_latency (stage->harness), ==, 0);
    g_assert_cmpuint (stage_count (stage, GST_MESSAGE_LATENCY, NULL), ==, 0);
    stage_free (stage);
  }
}

/* Which frames ----------------------------------------------------------------------------- */

/* The same with and without holding: what is carried on is of the frame before, not of one that
 * happens to be ready. */
static void
test_interval (gconstpointer data)
{
  Stage *stage = stage_new (IN_STEP ", interval=3");

  if (GPOINTER_TO_INT (data))
    stage_play (stage);
  else
    stage_play_file (stage);
  for (guint i = 0; i < 5; i++) {
    stage_check (stage, i % 2 ? 10 : 200, i % 2 ? "10" : "200", 0);
    stage_check (stage, i % 2 ? 200 : 10, i % 2 ? "10" : "200", 1);
    stage_check (stage, 77, i % 2 ? "10" : "200", 2);
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 5);
  stage_free (stage);
}

static void
test_max_rate (void)
{
  Stage *stage = stage_new_playing (IN_STEP ", max-rate=5");

  for (guint i = 0; i < 50; i++)
    gst_buffer_unref (stage_push (stage, 10));
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 10);
  stage_free (stage);
}

/* New prompts are answered by the next frame. */
static void
test_new_prompts (void)
{
  Stage *stage = stage_new_playing (IN_STEP ", interval=1000");

  stage_check (stage, 10, "10", 0);
  stage_check (stage, 77, "10", 1);
  g_object_set (stage->filter, "prompts", "77;200", NULL);
  stage_wait_prompts (stage, 2);
  stage_check (stage, 77, "77", 0);
  stage_check (stage, 200, "77", 1);
  g_object_set (stage->filter, "prompts", NULL, NULL);
  stage_wait_prompts (stage, 3);
  stage_check (stage, 200, "none", 0);
  g_object_set (stage->filter, "prompts", "200", NULL);
  stage_wait_prompts (stage, 4);
  stage_check (stage, 200, "200", 0);
  stage_free (stage);
}

/* What is carried on outlives a negotiation that changes nothing. */
static void
test_negotiated_again (void)
{
  Stage *stage = stage_new_playing (IN_STEP ", interval=1000");

  stage_check (stage, 10, "10", 0);
  gst_harness_push_upstream_event (stage->harness, gst_event_new_reconfigure ());
  stage_check (stage, 200, "10", 1);
  gst_harness_set_src_caps_str (stage->harness, STAGE_CAPS);
  stage_check (stage, 200, "10", 2);
  gst_harness_set_src_caps_str (stage->harness,
                                "video/x-raw,format=GRAY8,width=8,height=32,framerate=25/1");
  stage_check (stage, 200, "200", 0);
  stage_free (stage);
}

static void
send_qos (Stage *stage, GstClockTime time, GstClockTimeDiff diff)
{
  gst_harness_push_upstream_event (stage->harness,
                                   gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1.0, diff, time));
}

/* Late frames pass, with the last result, until the stream is in time again. */
static void
test_skip_late (void)
{
  Stage *stage = stage_new_playing (IN_STEP);

  stage_check (stage, 10, "10", 0);
  send_qos (stage, 0, 3 * STAGE_FRAME + 1);
  for (guint i = 1; i <= 3; i++)
    stage_check (stage, 200, "10", i);
  stage_check (stage, 200, "200", 0);
  send_qos (stage, stage->pts, STAGE_FRAME);
  stage_check (stage, 10, "200", 1);
  send_qos (stage, stage->pts, -(GstClockTimeDiff)stage->pts); /* plenty of time */
  stage_check (stage, 10, "10", 0);
  send_qos (stage, stage->pts, 10 * GST_SECOND);
  g_object_set (stage->filter, "skip-late", FALSE, NULL);
  stage_check (stage, 200, "200", 0);
  stage_free (stage);
}

static GstPadProbeReturn
note_lateness (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstElement *sink = GST_ELEMENT (GST_PAD_PARENT (pad));
  const GstClockTime pts = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));

  *(GstClockTimeDiff *)data = GST_CLOCK_DIFF (pts, gst_element_get_current_running_time (sink));
  return GST_PAD_PROBE_OK;
}

/* Encoding takes longer than a frame lasts: without skipping the last of these 3 s would be some
 * 4 s late. */
static void
test_recovers (void)
{
  GstClockTimeDiff late = 0;
  gint came = 0;

  fake_reset ();
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "videotestsrc num-buffers=75 ! " STAGE_CAPS " ! queue max-size-buffers=2 ! "
      "clipfilter mode=in-step prompts=10 ! fakesink name=sink sync=true qos=true",
      NULL);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (sink, "sink");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_buffers, &came, NULL);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_lateness, &late, NULL);

  fake_set_delay (FAKE_JOB_RUN, 200000); /* 100 ms on average */
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) end = gst_bus_timed_pop_filtered (bus, TOO_LONG_S * 2 * GST_SECOND,
                                                           GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (end);
  g_assert_cmpint (GST_MESSAGE_TYPE (end), ==, GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_test_message ("%u of %d encoded, the last frame %" G_GINT64_FORMAT " ms late",
                  fake_count (FAKE_JOB_RUN), came, late / 1000000);
  g_assert_cmpint (came, ==, 75); /* none is dropped */
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), >=, 3);
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), <, 60);
  g_assert_cmpint (late, <, 2 * GST_SECOND);
}

/* After a flush there is a new time to be late by. */
static void
test_skip_late_flush (void)
{
  Stage *stage = stage_new_playing (IN_STEP);
  GstSegment segment;

  stage_check (stage, 10, "10", 0);
  send_qos (stage, 0, 100 * GST_SECOND);
  gst_harness_push_event (stage->harness, gst_event_new_flush_start ());
  gst_harness_push_event (stage->harness, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (stage->harness, gst_event_new_segment (&segment));
  stage_check (stage, 200, "200", 0);
  stage_check (stage, 10, "10", 0);
  stage_free (stage);
}

/* latest: frames that could be taken, and are not wanted. */
static void
test_latest_interval (void)
{
  Stage *stage =
      stage_new_playing ("scoring=cosine, threshold=0.9, mode=latest, prompts=10, interval=1000, "
                         "messages=every-result");

  for (guint i = 0; i < TOO_LONG_S * 1000 && fake_count (FAKE_JOB_RUN) == 0; i++) {
    gst_buffer_unref (stage_push (stage, 10));
    g_usleep (POLL_US);
  }
  gst_message_unref (stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter"));
  for (guint i = 0; i < 20; i++) {
    g_autofree gchar *label = stage_push_label (stage, 77);
    g_assert_cmpstr (label, ==, "10");
    g_usleep (POLL_US);
  }
  g_assert_cmpuint (fake_count (FAKE_JOB_RUN), ==, 1);
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/in-step/order", test_order);
  g_test_add_func ("/in-step/nothing-follows", test_nothing_follows);
  g_test_add_func ("/in-step/small-pool", test_small_pool);
  for (guint i = 0; i < G_N_ELEMENTS (followers); i++) {
    g_autofree gchar *path = g_strconcat ("/in-step/before/", followers[i].name, NULL);
    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_follower);
  }
  g_test_add_func ("/in-step/discont", test_discont);
  g_test_add_func ("/in-step/gap-buffer", test_gap_buffer);
  g_test_add_func ("/in-step/flush", test_flush);
  g_test_add_func ("/in-step/stop", test_stop);
  g_test_add_func ("/in-step/downstream-eos", test_downstream_eos);
  g_test_add_func ("/in-step/still-picture", test_still_picture);
  g_test_add_func ("/in-step/source-thread", test_source_thread);
  g_test_add_func ("/in-step/allocation", test_allocation);
  g_test_add_func ("/in-step/allocation-size", test_allocation_size);
  g_test_add_func ("/in-step/linked-again", test_linked_again);
  g_test_add_func ("/in-step/latency", test_latency);
  g_test_add_func ("/in-step/no-latency", test_no_latency);
  g_test_add_data_func ("/which/interval/live", GINT_TO_POINTER (TRUE), test_interval);
  g_test_add_data_func ("/which/interval/held", GINT_TO_POINTER (FALSE), test_interval);
  g_test_add_func ("/which/max-rate", test_max_rate);
  g_test_add_func ("/which/new-prompts", test_new_prompts);
  g_test_add_func ("/which/negotiated-again", test_negotiated_again);
  g_test_add_func ("/which/skip-late", test_skip_late);
  g_test_add_func ("/which/recovers", test_recovers);
  g_test_add_func ("/which/skip-late-flush", test_skip_late_flush);
  g_test_add_func ("/which/latest-interval", test_latest_interval);
  return g_test_run ();
}
