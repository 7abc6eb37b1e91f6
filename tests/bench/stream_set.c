/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/stream_set.h"

#define WAIT (300 * GST_SECOND)

gboolean
streams_make (Streams *s, guint n, guint frames, const gchar *dir, GError **error)
{
  g_autofree gchar *model = dir ? g_strdup_printf ("model=\"%s\"", dir) : g_strdup ("");

  s->frames = frames;
  for (s->n = 0; s->n < n; s->n++) {
    g_autofree gchar *line =
        g_strdup_printf ("videotestsrc pattern=snow num-buffers=%u ! "
                         "video/x-raw,format=NV12,width=320,height=240 ! "
                         "clipfilter name=filter %s prompts=\"a;b\" mode=in-step ! fakesink",
                         frames, model);

    s->pipelines[s->n] = gst_parse_launch (line, error);
    if (!s->pipelines[s->n])
      return FALSE;
    if (*error) { /* something is missing */
      s->n++;
      return FALSE;
    }
  }
  return TRUE;
}

void
streams_clear (Streams *s)
{
  for (guint i = 0; i < s->n; i++) {
    gst_element_set_state (s->pipelines[i], GST_STATE_NULL);
    gst_object_unref (s->pipelines[i]);
  }
  s->n = 0;
}

/* Waits for EOS, or for ASYNC_DONE: a first frame at the sink. */
static gboolean
wait_for (GstElement *pipeline, GstMessageType type, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (bus, WAIT, type | GST_MESSAGE_ERROR);

  if (message && GST_MESSAGE_TYPE (message) == type)
    return TRUE;
  if (message)
    gst_message_parse_error (message, error, NULL);
  else
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "a pipeline hangs");
  return FALSE;
}

static gboolean
reach (Streams *s, GstState state, GstMessageType type, GError **error)
{
  for (guint i = 0; i < s->n; i++)
    gst_element_set_state (s->pipelines[i], state);
  for (guint i = 0; i < s->n; i++)
    if (!wait_for (s->pipelines[i], type, error))
      return FALSE;
  return TRUE;
}

static GstStructure *
stats (const Streams *s, guint i)
{
  g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (s->pipelines[i]), "filter");
  GstStructure *structure = NULL;

  g_object_get (filter, "stats", &structure, NULL);
  return structure;
}

static guint64
stat_uint64 (const Streams *s, guint i, const gchar *field)
{
  g_autoptr (GstStructure) structure = stats (s, i);
  guint64 value = 0;

  gst_structure_get_uint64 (structure, field, &value);
  return value;
}

static guint64
inferences (const Streams *s)
{
  guint64 sum = 0;

  for (guint i = 0; i < s->n; i++)
    sum += stat_uint64 (s, i, "inferences");
  return sum;
}

/* Behind the first frame others are encoded in advance: until none was for twice as long as one takes. */
static void
settle (const Streams *s)
{
  guint64 before = 0, pause = 0;

  do {
    before = inferences (s);
    for (guint i = 0; i < s->n; i++)
      pause = MAX (pause, 2 * stat_uint64 (s, i, "total-last") / 1000);
    g_usleep (pause + 20000);
  } while (inferences (s) != before);
}

gboolean
streams_preroll (Streams *s, GError **error)
{
  if (!reach (s, GST_STATE_PAUSED, GST_MESSAGE_ASYNC_DONE, error))
    return FALSE;
  settle (s);
  s->before = inferences (s);
  return TRUE;
}

gboolean
streams_play (Streams *s, BenchTimes *times, GError **error)
{
  *times = bench_begin ();
  if (!reach (s, GST_STATE_PLAYING, GST_MESSAGE_EOS, error))
    return FALSE;
  bench_end (times);
  s->played = inferences (s) - s->before;
  return TRUE;
}

gdouble
streams_batch (const Streams *s)
{
  gdouble sum = 0;

  for (guint i = 0; i < s->n; i++) {
    g_autoptr (GstStructure) structure = stats (s, i);
    gdouble mean = 0;

    gst_structure_get_double (structure, "batch-mean", &mean);
    sum += mean / s->n;
  }
  return sum;
}

guint64
streams_memory (const Streams *s)
{
  return stat_uint64 (s, 0, "gpu-memory");
}
