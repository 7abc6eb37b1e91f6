/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything at once, twice for GST_CLIP_STRESS_SECONDS (3): from their own threads properties are set
 * and read, the stream is sought and flushed, caps change and QOS events come, while the pipeline
 * goes up and down through its states and encodings take their time or fail. Nothing may crash or stand still,
 * and no buffer may be lost: between flushes what comes out is what went in, in its order, and
 * nothing that went in overtakes or is overtaken by a serialised event.
 */
#include <stdlib.h>

#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#define DEFAULT_SECONDS 3
#define EVERYTHING                                                                                 \
  (GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH)
#define STUCK_S 60

typedef struct {
  GstElement *pipeline, *source, *caps, *filter;
  GMutex lock;     /* guards the next ones */
  GQueue inside;   /* of GstBuffer *, only compared */
  gboolean looser; /* a flush or a stop: buffers may be dropped */
  guint64 n_in, n_out, n_flushed;

  GMutex turn; /* seeks and states wait for each other: GStreamer 1.22 has deadlocks */
  gint done;   /* atomic; so are the next ones */
  gint live, settings, seeks, new_caps, qos, states;
} Stress;

static gboolean
chance (guint one_in)
{
  return g_random_int_range (0, one_in) == 0;
}

static void
pause_a_bit (guint most_us)
{
  g_usleep (g_random_int_range (0, most_us));
}

/* Counting ------------------------------------------------------------------------- */

static void
set_looser (Stress *s, gboolean looser)
{
  g_mutex_lock (&s->lock);
  s->looser = looser;
  if (!looser) {
    s->n_flushed += s->inside.length;
    g_queue_clear (&s->inside);
  }
  g_mutex_unlock (&s->lock);
}

static GstPadProbeReturn
on_input (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Stress *s = data;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER) {
    g_mutex_lock (&s->lock);
    g_queue_push_tail (&s->inside, GST_PAD_PROBE_INFO_BUFFER (info));
    s->n_in++;
    g_mutex_unlock (&s->lock);
    return GST_PAD_PROBE_OK;
  }
  switch (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))) {
  case GST_EVENT_FLUSH_START:
    set_looser (s, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    set_looser (s, FALSE);
    break;
  default:
    break;
  }
  return GST_PAD_PROBE_OK;
}

/* Where buffers may have been dropped the rest still comes in order. After its EOS downstream refuses
 * what comes, until a flush. */
static void
check_buffer (Stress *s, GstBuffer *buffer)
{
  g_mutex_lock (&s->lock);
  gpointer expected = g_queue_pop_head (&s->inside);
  while (expected && expected != buffer && s->looser) {
    s->n_flushed++;
    expected = g_queue_pop_head (&s->inside);
  }
  if (expected != buffer)
    g_error ("a buffer came out that was not the next one");
  s->n_out++;
  g_mutex_unlock (&s->lock);
}

static void
check_event (Stress *s, GstEvent *event)
{
  g_mutex_lock (&s->lock);
  if (GST_EVENT_IS_SERIALIZED (event) && s->inside.length > 0 && !s->looser)
    g_error ("%s overtook %u buffers", GST_EVENT_TYPE_NAME (event), s->inside.length);
  s->looser = s->looser || GST_EVENT_TYPE (event) == GST_EVENT_EOS;
  g_mutex_unlock (&s->lock);
}

static GstPadProbeReturn
on_output (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER)
    check_buffer (data, GST_PAD_PROBE_INFO_BUFFER (info));
  else
    check_event (data, GST_PAD_PROBE_INFO_EVENT (info));
  return GST_PAD_PROBE_OK;
}

static void
add_probe (Stress *s, GstElement *element, const gchar *name, GstPadProbeType type,
           GstPadProbeCallback callback)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, name);

  gst_pad_add_probe (pad, type, callback, s, NULL);
}

/* Properties: all that may change while playing ---------------------------------------- */

static const gchar *
random_string (const gchar *property)
{
  static const gchar *const prompts[] = {
    "10",
    "200",
    "10;200",
    "1;2;3;4;5;6;7;8",
    "a dog@0.4=a photo of a dog|a puppy",
    "bad@prompt",
    ";;;==",
    "10;nan;200",
    "",
  };
  static const gchar *const templates[] = { "a photo of a {}.", "{}|a {}", "nothing", "" };

  if (chance (8))
    return NULL;
  if (g_str_has_suffix (property, "prompts"))
    return prompts[g_random_int_range (0, G_N_ELEMENTS (prompts))];
  if (g_str_equal (property, "template"))
    return templates[g_random_int_range (0, G_N_ELEMENTS (templates))];
  return "/nonexistent";
}

static void
set_random (Stress *s, GParamSpec *pspec)
{
  GObject *filter = G_OBJECT (s->filter);

  if (G_IS_PARAM_SPEC_STRING (pspec)) {
    g_object_set (filter, pspec->name, random_string (pspec->name), NULL);
  } else if (G_IS_PARAM_SPEC_BOOLEAN (pspec)) {
    g_object_set (filter, pspec->name, chance (2), NULL);
  } else if (G_IS_PARAM_SPEC_UINT (pspec)) {
    GParamSpecUInt *p = G_PARAM_SPEC_UINT (pspec);
    guint value = chance (32) ? p->maximum : p->minimum + g_random_int_range (0, 5);
    g_object_set (filter, pspec->name, MIN (value, p->maximum), NULL);
  } else if (G_IS_PARAM_SPEC_DOUBLE (pspec)) {
    GParamSpecDouble *p = G_PARAM_SPEC_DOUBLE (pspec);
    g_object_set (filter, pspec->name,
                  chance (3) ? p->default_value : g_random_double_range (p->minimum, p->maximum),
                  NULL);
  } else if (G_IS_PARAM_SPEC_ENUM (pspec)) {
    GEnumClass *klass = G_PARAM_SPEC_ENUM (pspec)->enum_class;
    g_object_set (filter, pspec->name, klass->values[g_random_int_range (0, klass->n_values)].value,
                  NULL);
  } else if (pspec->value_type == G_TYPE_STRV) {
    static const gchar *const list[] = { "10", "20", "200", NULL };
    g_object_set (filter, pspec->name, chance (4) ? NULL : list, NULL);
  }
}

static void
get_any (Stress *s, GParamSpec *pspec)
{
  GValue value = G_VALUE_INIT;

  g_object_get_property (G_OBJECT (s->filter), pspec->name, &value);
  g_value_unset (&value);
}

static gpointer
change_properties (gpointer data)
{
  Stress *s = data;
  guint n = 0;
  g_autofree GParamSpec **all = g_object_class_list_properties (G_OBJECT_GET_CLASS (s->filter), &n);

  while (!g_atomic_int_get (&s->done)) {
    GParamSpec *pspec = all[g_random_int_range (0, n)];
    if (pspec->flags & GST_PARAM_MUTABLE_PLAYING)
      set_random (s, pspec);
    else if (pspec->flags & G_PARAM_READABLE)
      get_any (s, pspec);
    g_atomic_int_inc (&s->settings);
    pause_a_bit (2000);
  }
  return NULL;
}

/* Stream -------------------------------------------------------------------------------- */

/* At the pad, because a pipeline keeps its state locked while a seek without flush waits. */
static gpointer
seek (gpointer data)
{
  Stress *s = data;
  g_autoptr (GstPad) pad = gst_element_get_static_pad (s->filter, "src");

  while (!g_atomic_int_get (&s->done)) {
    g_mutex_lock (&s->turn);
    const GstSeekFlags flags = chance (4) ? 0 : GST_SEEK_FLAG_FLUSH;
    /* A live videotestsrc would wait for that time. */
    const gint64 start =
        g_random_int_range (0, 100) * (g_atomic_int_get (&s->live) ? GST_MSECOND : GST_SECOND);
    const gboolean ends = chance (2); /* then comes EOS */
    const gint64 stop = ends ? start + 20 * STAGE_FRAME : -1;
    gst_pad_send_event (pad,
                        gst_event_new_seek (chance (4) ? 2.0 : 1.0, GST_FORMAT_TIME, flags,
                                            GST_SEEK_TYPE_SET, start, GST_SEEK_TYPE_SET, stop));
    g_mutex_unlock (&s->turn);
    g_atomic_int_inc (&s->seeks);
    pause_a_bit (60000);
  }
  return NULL;
}

/* In the source's own thread, because a capsfilter may refuse the caps that a source has just found
 * it to have. */
static GstPadProbeReturn
change_caps (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  static const gchar *const formats[] = { "GRAY8", "RGB", "I420" };
  Stress *s = data;

  if (!chance (30))
    return GST_PAD_PROBE_OK;
  g_autofree gchar *text =
      g_strdup_printf ("video/x-raw,format=%s,width=%d,height=16,framerate=%s",
                       formats[g_random_int_range (0, G_N_ELEMENTS (formats))],
                       g_random_int_range (1, 5) * 16, chance (5) ? "0/1" : "25/1");
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);
  g_object_set (s->caps, "caps", caps, NULL);
  g_atomic_int_inc (&s->new_caps);
  return GST_PAD_PROBE_OK;
}

static gpointer
send_qos (gpointer data)
{
  Stress *s = data;
  g_autoptr (GstPad) pad = gst_element_get_static_pad (s->filter, "src");

  while (!g_atomic_int_get (&s->done)) {
    const GstClockTime time = g_random_int_range (0, 200) * STAGE_FRAME;
    const GstClockTimeDiff diff = g_random_int_range (-10, 10) * STAGE_FRAME;
    gst_pad_send_event (pad, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1.0,
                                                MAX (diff, -(GstClockTimeDiff)time), time));
    g_autoptr (GstQuery) query = gst_query_new_latency ();
    gst_pad_query (pad, query);
    g_atomic_int_inc (&s->qos);
    pause_a_bit (10000);
  }
  return NULL;
}

static gpointer
let_encodings_fail (gpointer data)
{
  Stress *s = data;

  while (!g_atomic_int_get (&s->done)) {
    fake_set_delay (FAKE_JOB_RUN, chance (4) ? 40000 : 2000);
    fake_set_delay (FAKE_TEXTS, chance (4) ? 20000 : 0);
    if (chance (4))
      fake_fail (FAKE_JOB_RUN, 1, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE);
    pause_a_bit (100000);
  }
  return NULL;
}

/* States: the test's own thread ---------------------------------------------------------- */

/* @leaving: the source may have stopped, because events that meet a pad that has just been deactivated fail:
 * any element in clipfilter's place shows that. */
static void
drop_messages (Stress *s, gboolean leaving)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (s->pipeline);

  for (;;) {
    g_autoptr (GstMessage) message = gst_bus_pop (bus);
    if (!message)
      return;
    const gboolean stopped = leaving && GST_MESSAGE_SRC (message) == GST_OBJECT (s->source);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR && !stopped) {
      g_autoptr (GError) error = NULL;
      g_autofree gchar *debug = NULL;
      gst_message_parse_error (message, &error, &debug);
      g_error ("%s: %s", error->message, debug);
    }
  }
}

/* Frames pass, whatever happens. */
static void
wait_for_progress (Stress *s, guint64 frames)
{
  const gint64 end = g_get_monotonic_time () + STUCK_S * G_TIME_SPAN_SECOND;
  guint64 first = 0, now = 0;

  do {
    g_mutex_lock (&s->lock);
    now = s->n_out;
    g_mutex_unlock (&s->lock);
    first = first ? first : now + 1;
    drop_messages (s, FALSE);
    if (g_get_monotonic_time () > end)
      g_error ("stuck: %" G_GUINT64_FORMAT " buffers came out, none for %d s", now, STUCK_S);
    g_usleep (1000);
  } while (now + 1 < first + frames);
}

static void
go_down_and_up (Stress *s)
{
  static const GstState downs[] = { GST_STATE_READY, GST_STATE_NULL };
  static const gchar *const modes[] = { "auto", "in-step", "latest" };
  const gboolean live = chance (3);

  set_looser (s, TRUE);
  gst_element_set_state (s->pipeline, downs[g_random_int_range (0, G_N_ELEMENTS (downs))]);
  set_looser (s, FALSE);
  drop_messages (s, TRUE);
  gst_util_set_object_arg (G_OBJECT (s->filter), "mode",
                           modes[g_random_int_range (0, G_N_ELEMENTS (modes))]);
  g_object_set (s->source, "is-live", live, NULL);
  g_atomic_int_set (&s->live, live);
  gst_element_set_state (s->pipeline, GST_STATE_PLAYING);
  gst_element_get_state (s->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
}

/* Also while frames are held by a sink that does not play. */
static void
stop_and_go (Stress *s)
{
  gst_element_set_state (s->pipeline, GST_STATE_PAUSED);
  pause_a_bit (20000);
  gst_element_set_state (s->pipeline, GST_STATE_PLAYING);
}

static void
change_states (Stress *s, gint64 end)
{
  while (g_get_monotonic_time () < end) {
    g_mutex_lock (&s->turn);
    if (chance (2))
      stop_and_go (s);
    else
      go_down_and_up (s);
    g_mutex_unlock (&s->turn);
    g_atomic_int_inc (&s->states);
    wait_for_progress (s, g_random_int_range (1, 20));
  }
}

/* @between: elements in front of clipfilter */
static void
set_up (Stress *s, const gchar *between)
{
  g_autofree gchar *line = g_strdup_printf (
      "videotestsrc name=source pattern=solid-color ! "
      "capsfilter name=caps caps-change-mode=delayed caps=" STAGE_CAPS " ! %s "
      "clipfilter name=filter prompts=10;200 messages=every-result ! fakesink sync=false",
      between);

  fake_reset ();
  s->pipeline = gst_parse_launch (line, NULL);
  s->source = gst_bin_get_by_name (GST_BIN (s->pipeline), "source");
  s->caps = gst_bin_get_by_name (GST_BIN (s->pipeline), "caps");
  s->filter = gst_bin_get_by_name (GST_BIN (s->pipeline), "filter");
  g_mutex_init (&s->lock);
  g_mutex_init (&s->turn);
  add_probe (s, s->source, "src", GST_PAD_PROBE_TYPE_BUFFER, change_caps);
  add_probe (s, s->filter, "sink", EVERYTHING, on_input);
  add_probe (s, s->filter, "src", EVERYTHING, on_output);
}

static void
tear_down (Stress *s)
{
  set_looser (s, TRUE);
  gst_element_set_state (s->pipeline, GST_STATE_NULL);
  g_queue_clear (&s->inside);
  gst_object_unref (s->source);
  gst_object_unref (s->caps);
  gst_object_unref (s->filter);
  gst_object_unref (s->pipeline);
  g_mutex_clear (&s->lock);
  g_mutex_clear (&s->turn);
  g_assert_cmpuint (fake_alive (), ==, 0);
}

static void
test_everything (gconstpointer between)
{
  static const GThreadFunc troubles[] = { change_properties, change_properties, seek, send_qos,
                                          let_encodings_fail };
  const gchar *seconds = g_getenv ("GST_CLIP_STRESS_SECONDS");
  GThread *threads[G_N_ELEMENTS (troubles)];
  Stress s = { 0 };

  set_up (&s, between);
  gst_element_set_state (s.pipeline, GST_STATE_PLAYING);
  wait_for_progress (&s, 1);
  for (guint i = 0; i < G_N_ELEMENTS (troubles); i++)
    threads[i] = g_thread_new ("trouble", troubles[i], &s);
  change_states (&s, g_get_monotonic_time ()
                         + (seconds ? atoi (seconds) : DEFAULT_SECONDS) * G_TIME_SPAN_SECOND);
  g_atomic_int_set (&s.done, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (troubles); i++)
    g_thread_join (threads[i]);
  g_mutex_lock (&s.lock);
  g_test_message ("%" G_GUINT64_FORMAT " buffers, %" G_GUINT64_FORMAT " dropped by flushes, "
                  "%u encoded; %d settings, %d seeks, %d caps, %d QOS events, %d states",
                  s.n_out, s.n_flushed, fake_count (FAKE_JOB_RUN), g_atomic_int_get (&s.settings),
                  g_atomic_int_get (&s.seeks), g_atomic_int_get (&s.new_caps),
                  g_atomic_int_get (&s.qos), g_atomic_int_get (&s.states));
  g_mutex_unlock (&s.lock);
  tear_down (&s);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  /* With a thread of its own in front of it clipfilter holds frames. */
  g_test_add_data_func ("/stress/source", "", test_everything);
  g_test_add_data_func ("/stress/queue", "queue max-size-buffers=2 !", test_everything);
  return g_test_run ();
}
