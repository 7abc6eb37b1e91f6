/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/accuracy/accuracy.h"

#define WAIT (300 * GST_SECOND)

static gchar *model_name;
static GstElement *keeper; /* holds the model open between two pipelines */

typedef struct {
  const AccPlay *play;
  GstVideoInfo info; /* of what is drawn, or of the frames that come */
  GArray *shown;     /* gboolean a frame, the streaming thread's until the end */
  guint drawn;
} Stream;

static void
result_free (gpointer data)
{
  AccResult *result = data;

  g_free (result->scores);
  g_free (result);
}

/* appsrc asks for a picture. */
static void
on_need_data (GstElement *source, guint length, gpointer data)
{
  Stream *stream = data;
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&stream->info), NULL);
  GstVideoFrame frame;
  gboolean more;
  GstFlowReturn flow;

  if (!gst_video_frame_map (&frame, &stream->info, buffer, GST_MAP_WRITE))
    g_error ("cannot map a buffer that was just made");
  more = stream->play->draw (&frame, stream->drawn, stream->play->data);
  gst_video_frame_unmap (&frame);
  GST_BUFFER_PTS (buffer) = stream->drawn * GST_SECOND;
  GST_BUFFER_DURATION (buffer) = GST_SECOND;
  stream->drawn++;
  if (more)
    g_signal_emit_by_name (source, "push-buffer", buffer, &flow);
  else
    g_signal_emit_by_name (source, "end-of-stream", &flow);
  gst_buffer_unref (buffer);
}

static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Stream *stream = data;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  gboolean shown = TRUE;
  GstVideoFrame frame;
  GstVideoInfo video;

  if (stream->play->watch && caps && gst_video_info_from_caps (&video, caps)
      && gst_video_frame_map (&frame, &video, GST_PAD_PROBE_INFO_BUFFER (info), GST_MAP_READ)) {
    shown = stream->play->watch (&frame, stream->play->data);
    gst_video_frame_unmap (&frame);
  }
  g_array_append_val (stream->shown, shown);
  return GST_PAD_PROBE_OK;
}

static GstElement *
build (Stream *stream, GError **error)
{
  const AccPlay *play = stream->play;
  g_autofree gchar *line =
      g_strdup_printf ("%s ! clipfilter name=filter mode=in-step messages=every-result "
                       "attach-meta=false top-k=10000 "
                       "%s ! fakesink",
                       play->source ? play->source : "appsrc name=pictures format=time",
                       play->options ? play->options : "");
  GstElement *pipeline = gst_parse_launch (line, error);

  if (*error) {
    g_clear_object (&pipeline);
    return NULL;
  }
  g_autoptr (GstElement) filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");
  g_autoptr (GstPad) sink = gst_element_get_static_pad (filter, "sink");
  g_autoptr (GstElement) pictures = gst_bin_get_by_name (GST_BIN (pipeline), "pictures");
  g_object_set (filter, "model", model_name, "prompt-list", play->prompts, NULL);
  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, on_frame, stream, NULL);
  if (pictures && play->draw) {
    gst_video_info_set_format (&stream->info, GST_VIDEO_FORMAT_RGBA, play->width, play->height);
    GST_VIDEO_INFO_FPS_N (&stream->info) = 1;
    GST_VIDEO_INFO_FPS_D (&stream->info) = 1;
    g_autoptr (GstCaps) caps = gst_video_info_to_caps (&stream->info);
    g_object_set (pictures, "caps", caps, NULL);
    g_signal_connect (pictures, "need-data", G_CALLBACK (on_need_data), stream);
  }
  return pipeline;
}

static void
take (const GstStructure *s, const Stream *stream, GPtrArray *results)
{
  const GValue *indices = gst_structure_get_value (s, "indices");
  const GValue *scores = gst_structure_get_value (s, "scores");
  const guint n = gst_value_array_get_size (indices);
  AccResult *result = g_new0 (AccResult, 1);

  result->scores = g_new0 (gdouble, g_strv_length ((GStrv)stream->play->prompts));
  for (guint i = 0; i < n; i++) {
    const guint place = g_value_get_uint (gst_value_array_get_value (indices, i));

    result->scores[place] = g_value_get_double (gst_value_array_get_value (scores, i));
    if (i == 0)
      result->best = place;
  }
  g_ptr_array_add (results, result);
}

/* Returns: FALSE at the end, and with @error. */
static gboolean
handle (GstMessage *message, const Stream *stream, GPtrArray *results, GError **error)
{
  if (!message)
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "no message in %u s",
                 (guint)(WAIT / GST_SECOND));
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, error, NULL);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    return FALSE;
  else if (gst_message_has_name (message, "clipfilter"))
    take (gst_message_get_structure (message), stream, results);
  return !*error;
}

static gboolean
run (GstElement *pipeline, const Stream *stream, GPtrArray *results, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gboolean more = TRUE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (more) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, WAIT, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

    more = handle (message, stream, results, error);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return !*error;
}

GPtrArray *
acc_play (const AccPlay *play, GError **error)
{
  g_autoptr (GPtrArray) results = g_ptr_array_new_with_free_func (result_free);
  g_autoptr (GError) why = NULL;
  g_autoptr (GArray) shown = g_array_new (FALSE, FALSE, sizeof (gboolean));
  Stream stream = { .play = play, .shown = shown };
  g_autoptr (GstElement) pipeline = build (&stream, &why);

  if (pipeline && run (pipeline, &stream, results, &why) && results->len != shown->len)
    g_set_error (&why, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "%u results of %u frames",
                 results->len, shown->len);
  if (why) {
    g_propagate_prefixed_error (error, g_steal_pointer (&why),
                                "%s: ", play->source ? play->source : "drawings");
    return NULL;
  }
  for (guint i = 0; i < results->len; i++)
    ((AccResult *)results->pdata[i])->shown = g_array_index (shown, gboolean, i);
  return g_steal_pointer (&results);
}

gboolean
acc_open (const gchar *model, GError **error)
{
  const gchar *const prompts[] = { "something", NULL };
  const AccPlay play = { .source = "videotestsrc num-buffers=1", .prompts = prompts };
  Stream stream = { .play = &play, .shown = g_array_new (FALSE, FALSE, sizeof (gboolean)) };

  model_name = g_strdup (model);
  keeper = build (&stream, error);
  if (!keeper)
    return FALSE;
  g_autoptr (GstBus) bus = gst_element_get_bus (keeper);
  gst_element_set_state (keeper, GST_STATE_PAUSED);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, WAIT, GST_MESSAGE_ASYNC_DONE | GST_MESSAGE_ERROR);
  /* Its one frame has passed, so the probe's data are not needed any more. */
  g_array_unref (stream.shown);
  if (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_ASYNC_DONE)
    return TRUE;
  if (message)
    gst_message_parse_error (message, error, NULL);
  else
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "the model took too long to open");
  return FALSE;
}

void
acc_close (void)
{
  if (keeper)
    gst_element_set_state (keeper, GST_STATE_NULL);
  g_clear_object (&keeper);
  g_clear_pointer (&model_name, g_free);
}
