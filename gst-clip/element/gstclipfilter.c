/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-clipfilter
 * @title: clipfilter
 * @short_description: labels video frames with text prompts
 *
 * Compares each video frame with text prompts by means of CLIP, which runs in Vulkan compute
 * shaders, and tells which prompts fit: as #GstCustomMeta `GstClipLabels` on the buffers and
 * as element messages `clipfilter` on the bus. Frames pass unchanged and are never copied.
 *
 * The prompts may change at any time. Their texts are encoded by a thread of their own; the
 * old set stays in force until the new one is whole.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -m v4l2src ! clipfilter prompts="a dog;a cat" ! autovideosink
 * ]|
 * Labels the pictures of a camera and prints a message whenever the labels change.
 * |[
 * gst-launch-1.0 -m uridecodebin uri=file:///tmp/film.mkv ! clipfilter \
 *     prompts="goal@0.6=a football player scores|a ball in the net" \
 *     negative-prompts="a football match" messages=every-result ! fakesink
 * ]|
 * One label with a threshold and two wordings, told apart from what else is on screen.
 */
#include "gst-clip/element/gstclipfilter.h"

#include "gst-clip/element/gstclipanalytics.h"
#include "gst-clip/element/gstclipframe.h"
#include "gst-clip/element/gstclipmeta.h"
#include "gst-clip/engine/model.h"

GST_DEBUG_CATEGORY (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

G_DEFINE_FINAL_TYPE (GstClipFilter, gst_clip_filter, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (clipfilter, "clipfilter", GST_RANK_NONE,
                                       GST_TYPE_CLIP_FILTER,
                                       GST_DEBUG_CATEGORY_INIT (gst_clip_debug, "clipfilter", 0,
                                                                "CLIP zero-shot labeller"))

/* Results and failures: from the thread that encoded -------------------------- */

static void
add_times (ClipJobTimes *sum, const ClipJobTimes *times)
{
  sum->load += times->load;
  sum->preprocess += times->preprocess;
  sum->encode += times->encode;
  sum->score += times->score;
  sum->total += times->total;
}

static void
on_result (GstClipResult *result, const ClipJobTimes *times, gpointer data)
{
  GstClipFilter *self = data;
  GstStructure *last = gst_clip_result_structure (result, 0);

  GST_OBJECT_LOCK (self);
  GstStructure *old = self->last_result;
  self->last_result = last;
  self->stats.inferences++;
  self->stats.last = *times;
  add_times (&self->stats.sum, times);
  GstClipMessages messages = self->settings.messages;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, gst_structure_free);

  GstStructure *message = gst_clip_announcer_take (self->announcer, messages, result);
  if (message)
    gst_element_post_message (GST_ELEMENT (self),
                              gst_message_new_element (GST_OBJECT (self), message));
}

static void
on_failure (ClipEngine *engine, const GError *error, gpointer data)
{
  GstClipFilter *self = data;

  GST_WARNING_OBJECT (self, "%s", error->message);
  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST)) {
    gst_clip_loader_device_lost (self->loader, engine, error);
  } else if (g_error_matches (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE)) {
    if (g_atomic_int_compare_and_exchange (&self->warned_not_finite, FALSE, TRUE))
      GST_ELEMENT_WARNING (self, STREAM, FAILED,
                           ("%s: such frames pass without labels", error->message), (NULL));
  } else {
    gst_clip_post_error (GST_ELEMENT (self), error);
    g_atomic_int_set (&self->failed, TRUE);
  }
}

/* Frames --------------------------------------------------------------------- */

static gboolean
upstream_is_live (GstBaseTransform *trans)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (trans), query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  return live;
}

static void
decide_mode (GstClipFilter *self)
{
  GST_OBJECT_LOCK (self);
  GstClipMode mode = self->settings.mode;
  GST_OBJECT_UNLOCK (self);
  if (mode == GST_CLIP_MODE_AUTO)
    mode =
        upstream_is_live (GST_BASE_TRANSFORM (self)) ? GST_CLIP_MODE_LATEST : GST_CLIP_MODE_IN_STEP;
  GST_OBJECT_LOCK (self);
  self->mode_in_effect = mode;
  GST_OBJECT_UNLOCK (self);
}

static gboolean
has_picture (GstBuffer *buffer)
{
  return !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP)
         && !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED)
         && gst_buffer_get_size (buffer) > 0;
}

static GstClipFrameContext
frame_context (GstClipFilter *self, GstBuffer *buffer)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClipFrameContext context = {
    .timestamp = GST_BUFFER_PTS (buffer),
    .duration = GST_BUFFER_DURATION (buffer),
    .stream_time = GST_CLOCK_TIME_NONE,
    .running_time = GST_CLOCK_TIME_NONE,
    .width = GST_VIDEO_INFO_WIDTH (&self->info),
    .height = GST_VIDEO_INFO_HEIGHT (&self->info),
    .region = { .kind = GST_CLIP_REGION_FRAME, .id = -1 },
  };

  context.region.width = context.width;
  context.region.height = context.height;
  if (segment->format == GST_FORMAT_TIME) {
    context.stream_time = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, context.timestamp);
    context.running_time =
        gst_segment_to_running_time (segment, GST_FORMAT_TIME, context.timestamp);
  }
  return context;
}

/* Property values that a control source drives follow the stream. */
static GstClipScoreParams
score_params (GstClipFilter *self, const GstClipFrame *frame)
{
  if (GST_CLOCK_TIME_IS_VALID (frame->context.stream_time))
    gst_object_sync_values (GST_OBJECT (self), frame->context.stream_time);

  GST_OBJECT_LOCK (self);
  GstClipScoreParams params = {
    .scoring = frame->texts.scoring,
    .logit_scale = self->settings.logit_scale,
    .threshold = self->settings.threshold,
    .top_k = self->settings.top_k,
  };
  GST_OBJECT_UNLOCK (self);
  if (params.logit_scale == 0.0)
    params.logit_scale = clip_engine_logit_scale (frame->texts.engine);
  return params;
}

static GstClockTime
age_of (const GstClipResult *result, const GstClipFrameContext *now)
{
  const GstClipFrameContext *then = gst_clip_result_frame (result);

  if (GST_CLOCK_TIME_IS_VALID (now->running_time) && GST_CLOCK_TIME_IS_VALID (then->running_time)
      && now->running_time > then->running_time)
    return now->running_time - then->running_time;
  return 0;
}

static void
attach (GstClipFilter *self, GstBuffer *buffer, const GstClipResult *result,
        const GstClipFrameContext *now)
{
  GST_OBJECT_LOCK (self);
  gboolean wanted = self->settings.attach_meta;
  GST_OBJECT_UNLOCK (self);
  if (!wanted)
    return;
  gst_clip_meta_add (buffer, gst_clip_result_structure (result, age_of (result, now)));
  gst_clip_analytics_add (buffer, result);
}

static void
warn_without_prompts (GstClipFilter *self)
{
  GST_OBJECT_LOCK (self);
  gboolean none = !self->settings.prompts || clip_prompt_set_size (self->settings.prompts) == 0;
  GST_OBJECT_UNLOCK (self);
  if (!none || self->warned_no_prompts)
    return;
  self->warned_no_prompts = TRUE;
  GST_ELEMENT_WARNING (
      self, RESOURCE, SETTINGS,
      ("No prompts: frames pass without labels until the property `prompts` is set, "
       "as in prompts=\"a dog;a cat\""),
      (NULL));
}

/* Encodes @buffer, or offers it. (transfer full) (nullable) */
static GstClipResult *
result_for (GstClipFilter *self, GstClipFrame *frame, GstBuffer *buffer)
{
  gboolean unreadable;
  GstClipResult *result;

  if (self->mode_in_effect == GST_CLIP_MODE_LATEST) {
    gst_clip_encoder_offer (self->encoder, frame, buffer, &self->info, &unreadable);
    result = gst_clip_encoder_newest (self->encoder);
  } else {
    result = gst_clip_encoder_encode (self->encoder, frame, buffer, &self->info, &unreadable);
  }
  if (unreadable)
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("A frame cannot be read and gets no labels"),
                         ("%" GST_PTR_FORMAT, buffer));
  return result;
}

static GstFlowReturn
gst_clip_filter_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  GstClipFrame frame = { .context = frame_context (self, buffer) };
  GstFlowReturn ret = GST_FLOW_OK;

  GST_OBJECT_LOCK (self);
  self->stats.frames++;
  GST_OBJECT_UNLOCK (self);
  if (!has_picture (buffer))
    return GST_FLOW_OK;
  if (self->mode_in_effect == GST_CLIP_MODE_AUTO)
    decide_mode (self);
  if (self->mode_in_effect == GST_CLIP_MODE_IN_STEP)
    ret = gst_clip_loader_wait (self->loader);
  if (ret == GST_FLOW_OK)
    ret = gst_clip_loader_get (self->loader, &frame.texts);
  if (ret != GST_FLOW_OK || !frame.texts.texts) {
    gst_clip_texts_clear (&frame.texts);
    gst_clip_encoder_discard (self->encoder); /* or it would come back with the next texts */
    if (ret == GST_FLOW_OK)
      warn_without_prompts (self);
    return ret;
  }

  frame.params = score_params (self, &frame);
  g_autoptr (GstClipResult) result = result_for (self, &frame, buffer);
  if (result)
    attach (self, buffer, result, &frame.context);
  return g_atomic_int_get (&self->failed) ? GST_FLOW_ERROR : GST_FLOW_OK;
}

static gboolean
gst_clip_filter_set_caps (GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  ClipFrameInfo info;

  if (!gst_video_info_from_caps (&self->info, in)
      || !gst_clip_frame_info_from_video (&self->info, &info)) {
    GST_ERROR_OBJECT (self, "cannot read %" GST_PTR_FORMAT, in);
    return FALSE;
  }
  gst_clip_encoder_set_info (self->encoder, &info);
  return TRUE;
}

/* Events and states ------------------------------------------------------------ */

static void
set_flushing (GstClipFilter *self, gboolean flushing)
{
  gst_clip_loader_set_flushing (self->loader, flushing);
  gst_clip_encoder_set_flushing (self->encoder, flushing);
  gst_clip_encoder_discard (self->encoder);
  gst_clip_announcer_restamp (self->announcer);
}

static gboolean
gst_clip_filter_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    set_flushing (self, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    set_flushing (self, FALSE);
    break;
  case GST_EVENT_STREAM_START:
    gst_clip_encoder_discard (self->encoder);
    gst_clip_announcer_restamp (self->announcer);
    break;
  case GST_EVENT_EOS:
  case GST_EVENT_SEGMENT_DONE:
    gst_clip_encoder_drain (self->encoder);
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_clip_filter_parent_class)->sink_event (trans, event);
}

static gboolean
gst_clip_filter_start (GstBaseTransform *trans)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  g_autofree gchar *model = NULL, *device = NULL;
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  self->stats = (GstClipStats){ 0 };
  g_clear_pointer (&self->last_result, gst_structure_free);
  self->mode_in_effect = GST_CLIP_MODE_AUTO;
  model = g_strdup (self->settings.model);
  device = g_strdup (self->settings.device);
  ClipEngineConfig config = { model, device, self->settings.precision };
  GST_OBJECT_UNLOCK (self);
  self->warned_no_prompts = self->warned_not_finite = self->failed = FALSE;

  /* The rest of loading has its own thread; a wrong name can be told at once. */
  g_autofree gchar *path = model ? clip_model_find (model, &error) : NULL;
  if (error) {
    gst_clip_post_error (GST_ELEMENT (self), error);
    return FALSE;
  }
  gst_clip_announcer_reset (self->announcer);
  gst_clip_encoder_start (self->encoder);
  gst_clip_loader_start (self->loader, &config);
  return TRUE;
}

static gboolean
gst_clip_filter_stop (GstBaseTransform *trans)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);

  gst_clip_loader_cancel (self->loader);
  gst_clip_encoder_stop (self->encoder);
  gst_clip_loader_stop (self->loader);
  return TRUE;
}

static GstStateChangeReturn
gst_clip_filter_change_state (GstElement *element, GstStateChange transition)
{
  GstClipFilter *self = GST_CLIP_FILTER (element);

  /* The pads are deactivated next, which waits for the streaming thread: let it go. */
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    gst_clip_loader_cancel (self->loader);
    gst_clip_encoder_cancel (self->encoder);
  }
  return GST_ELEMENT_CLASS (gst_clip_filter_parent_class)->change_state (element, transition);
}

/* Class ------------------------------------------------------------------------ */

static void
gst_clip_filter_finalize (GObject *object)
{
  GstClipFilter *self = GST_CLIP_FILTER (object);

  gst_clip_encoder_free (self->encoder);
  gst_clip_loader_free (self->loader);
  gst_clip_announcer_free (self->announcer);
  gst_clip_filter_clear_settings (self);
  g_clear_pointer (&self->last_result, gst_structure_free);
  g_mutex_clear (&self->prompts_lock);
  G_OBJECT_CLASS (gst_clip_filter_parent_class)->finalize (object);
}

static void
gst_clip_filter_init (GstClipFilter *self)
{
  static const GstClipEncoderFuncs funcs = { on_result, on_failure };
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);

  g_mutex_init (&self->prompts_lock);
  gst_clip_filter_init_settings (self);
  self->loader = gst_clip_loader_new (GST_ELEMENT (self));
  self->encoder = gst_clip_encoder_new (GST_ELEMENT (self), &funcs, self);
  self->announcer = gst_clip_announcer_new ();

  gst_base_transform_set_in_place (trans, TRUE);
  gst_base_transform_set_passthrough (trans, FALSE);
  gst_base_transform_set_gap_aware (trans, TRUE);
}

static void
gst_clip_filter_class_init (GstClipFilterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);
  g_autoptr (GstCaps) caps = gst_clip_frame_caps ();

  object_class->finalize = gst_clip_filter_finalize;
  gst_clip_filter_install_properties (object_class);

  gst_element_class_set_static_metadata (
      element_class, "CLIP zero-shot labeller", "Filter/Analyzer/Video",
      "Labels video frames with text prompts, by CLIP on Vulkan", "The gst-clip authors");
  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  element_class->change_state = gst_clip_filter_change_state;

  /* propose_allocation stays the base class's: it asks downstream, which gets these very
   * buffers. Adding GstVideoMeta to the answer would promise what downstream may lack. */
  trans_class->passthrough_on_same_caps = FALSE;
  trans_class->transform_ip_on_passthrough = FALSE;
  trans_class->start = gst_clip_filter_start;
  trans_class->stop = gst_clip_filter_stop;
  trans_class->set_caps = gst_clip_filter_set_caps;
  trans_class->sink_event = gst_clip_filter_sink_event;
  trans_class->transform_ip = gst_clip_filter_transform_ip;
}
