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

#include "gst-clip/element/gstclipfilterframes.h"
#include "gst-clip/element/gstclipfilterprompts.h"
#include "gst-clip/element/gstclipframe.h"
#include "gst-clip/element/gstclipmeta.h"
#include "gst-clip/element/gstclippicture.h"
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
  sum->batch += times->batch;
  sum->load += times->load;
  sum->preprocess += times->preprocess;
  sum->encode += times->encode;
  sum->score += times->score;
  sum->total += times->total;
}

static void
on_results (GPtrArray *results, const ClipJobTimes *times, gboolean tell, gpointer data)
{
  GstClipFilter *self = data;

  GST_OBJECT_LOCK (self);
  self->stats.inferences++;
  self->stats.last = *times;
  add_times (&self->stats.sum, times);
  GST_OBJECT_UNLOCK (self);
  if (!tell)
    return;

  GstStructure *last = gst_clip_result_structure (g_ptr_array_index (results, 0), 0);
  GST_DEBUG_OBJECT (self, "result: %" GST_PTR_FORMAT, last);
  GST_OBJECT_LOCK (self);
  GstStructure *old = self->last_result;
  self->last_result = last;
  GstClipMessages messages = self->settings.messages;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, gst_structure_free);

  const GstClipFrameContext *frame = gst_clip_result_frame (g_ptr_array_index (results, 0));
  gst_clip_post_structures (GST_ELEMENT (self),
                            gst_clip_announcer_take (self->announcer, messages, results, frame));
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

static void
on_still (gpointer data)
{
  GstClipFilter *self = data;

  GST_OBJECT_LOCK (self);
  self->stats.still++;
  GST_OBJECT_UNLOCK (self);
}

/* The message that says so is posted next: from there on results are of these prompts. */
static void
on_in_force (guint serial, guint count, gpointer data)
{
  GstClipFilter *self = data;

  GST_INFO_OBJECT (self, "prompt set %u with %u labels is in force", serial, count);
  gst_clip_encoder_expect (self->encoder, serial);
  if (count > 0)
    return;
  GST_OBJECT_LOCK (self);
  GstStructure *old = g_steal_pointer (&self->last_result);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, gst_structure_free);
}

/* Nothing is encoded any more: nobody else would say that the labels are gone. */
static void
on_emptied (guint serial, gpointer data)
{
  GstClipFilter *self = data;

  GST_OBJECT_LOCK (self);
  GstClipMessages messages = self->settings.messages;
  GST_OBJECT_UNLOCK (self);
  gst_clip_post_structures (GST_ELEMENT (self),
                            gst_clip_announcer_empty (self->announcer, messages, serial));
}

static gboolean
on_settled (gpointer data)
{
  return gst_clip_filter_release (data);
}

/* Caps, queries ---------------------------------------------------------------- */

static gboolean
gst_clip_filter_set_caps (GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  ClipFrameInfo info;
  GstVideoInfo video;

  if (!gst_video_info_from_caps (&video, in) || !gst_clip_frame_info_from_video (&video, &info)) {
    GST_ERROR_OBJECT (self, "cannot read %" GST_PTR_FORMAT, in);
    return FALSE;
  }
  gst_clip_filter_drain (self);
  if (gst_video_info_is_equal (&video, &self->info)) /* only negotiated again */
    return TRUE;
  GST_DEBUG_OBJECT (self, "frames: %" GST_PTR_FORMAT, in);
  gst_clip_filter_forget (self);
  self->warned_unreadable = FALSE;
  self->info = video;
  gst_clip_encoder_set_info (self->encoder, &info);
  gst_clip_loader_set_frame_side (self->loader, MAX (info.width, info.height));
  return TRUE;
}

/* With it upstream would leave the cropping to a sink, and we would look at what nobody sees. */
static void
refuse_crop_meta (GstQuery *query)
{
  guint index;

  while (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, &index))
    gst_query_remove_nth_allocation_meta (query, index);
}

/* Bytes of a frame of the caps that are asked about, which need not be those in use; 0: unknown. */
static guint
asked_size (GstQuery *query)
{
  GstCaps *caps = NULL;
  GstVideoInfo info;

  gst_query_parse_allocation (query, &caps, NULL);
  return caps && gst_video_info_from_caps (&info, caps) ? GST_VIDEO_INFO_SIZE (&info) : 0;
}

/* These very buffers go downstream, which answers what they must be like; we only say that some of
 * them stay for a while. Adding GstVideoMeta would promise what downstream may lack. */
static gboolean
gst_clip_filter_propose_allocation (GstBaseTransform *trans, GstQuery *decide, GstQuery *query)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  gboolean answered = GST_BASE_TRANSFORM_CLASS (gst_clip_filter_parent_class)
                          ->propose_allocation (trans, decide, query);

  refuse_crop_meta (query);
  gst_clip_filter_decide_mode (self);
  if (!gst_clip_filter_may_hold (self))
    return answered;
  for (guint i = 0; i < gst_query_get_n_allocation_pools (query); i++) {
    g_autoptr (GstBufferPool) pool = NULL;
    guint size, min, max;

    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &min, &max);
    min += GST_CLIP_FILTER_HELD;
    if (max > 0)
      max = MAX (min, max);
    gst_query_set_nth_allocation_pool (query, i, pool, size, min, max);
  }
  if (gst_query_get_n_allocation_pools (query) > 0)
    return TRUE;
  const guint size = asked_size (query);
  if (size == 0)
    return answered;
  gst_query_add_allocation_pool (query, NULL, size, GST_CLIP_FILTER_HELD, 0);
  return TRUE;
}

/* In-step with a live source: each frame is late by the time that it takes. */
static void
add_latency (GstClipFilter *self, GstQuery *query)
{
  GstClockTime min, max;
  gboolean live;

  gst_query_parse_latency (query, &live, &min, &max);
  GST_OBJECT_LOCK (self);
  const GstClockTime ours = self->latency.reported;
  GST_OBJECT_UNLOCK (self);
  if (!live || ours == 0)
    return;
  min += ours;
  if (GST_CLOCK_TIME_IS_VALID (max))
    max += ours;
  gst_query_set_latency (query, live, min, max);
}

static gboolean
gst_clip_filter_query (GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);

  if (direction == GST_PAD_SINK && GST_QUERY_IS_SERIALIZED (query))
    gst_clip_filter_drain (self);
  gboolean ok =
      GST_BASE_TRANSFORM_CLASS (gst_clip_filter_parent_class)->query (trans, direction, query);
  if (ok && direction == GST_PAD_SRC && GST_QUERY_TYPE (query) == GST_QUERY_LATENCY)
    add_latency (self, query);
  return ok;
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

static void
set_earliest_time (GstClipFilter *self, GstClockTime time)
{
  GST_OBJECT_LOCK (self);
  self->earliest_time = time;
  GST_OBJECT_UNLOCK (self);
}

/* Nothing of before goes with what comes. */
static void
begin_anew (GstClipFilter *self)
{
  gst_clip_encoder_discard (self->encoder);
  gst_clip_filter_forget (self);
  set_earliest_time (self, GST_CLOCK_TIME_NONE);
  self->pushed = GST_FLOW_OK;
}

/* Some elements send the same one again. */
static gboolean
is_another_segment (GstClipFilter *self, GstEvent *event)
{
  const GstSegment *now = &GST_BASE_TRANSFORM (self)->segment;
  GstSegment next;

  gst_event_copy_segment (event, &next);
  next.position = now->position; /* how far it has come */
  return !gst_segment_is_equal (&next, now);
}

static gboolean
gst_clip_filter_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);

  if (GST_EVENT_IS_SERIALIZED (event) && GST_EVENT_TYPE (event) != GST_EVENT_FLUSH_STOP)
    gst_clip_filter_drain (self);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    set_flushing (self, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    begin_anew (self);
    set_flushing (self, FALSE);
    break;
  case GST_EVENT_STREAM_START:
    begin_anew (self);
    gst_clip_announcer_restamp (self->announcer);
    break;
  case GST_EVENT_SEGMENT:
    self->pushed = GST_FLOW_OK;
    if (is_another_segment (self, event))
      self->stretch++;
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

/* Not by GstBaseTransform's own means (its property qos, which is off), as those drop late frames. */
static void
note_qos (GstClipFilter *self, GstEvent *event)
{
  GstClockTimeDiff diff;
  GstClockTime time;

  gst_event_parse_qos (event, NULL, NULL, &diff, &time);
  if (!GST_CLOCK_TIME_IS_VALID (time))
    return;
  if (diff < 0 && (GstClockTime)-diff > time)
    set_earliest_time (self, 0);
  else
    set_earliest_time (self, time + diff);
}

static gboolean
gst_clip_filter_src_event (GstBaseTransform *trans, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_QOS)
    note_qos (GST_CLIP_FILTER (trans), event);
  return GST_BASE_TRANSFORM_CLASS (gst_clip_filter_parent_class)->src_event (trans, event);
}

static gboolean
gst_clip_filter_start (GstBaseTransform *trans)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  g_autofree gchar *model = NULL, *device = NULL, *group = NULL;
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  self->stats = (GstClipStats){ 0 };
  g_clear_pointer (&self->last_result, gst_structure_free);
  self->mode_in_effect = GST_CLIP_MODE_AUTO;
  self->live = FALSE;
  self->latency = (GstClipLatency){ 0 };
  self->earliest_time = GST_CLOCK_TIME_NONE;
  model = g_strdup (self->settings.model);
  device = g_strdup (self->settings.device);
  group = g_strdup (self->settings.share_group);
  ClipEngineConfig config = { model, device, self->settings.precision, group };
  GST_OBJECT_UNLOCK (self);
  self->warned_no_prompts = self->warned_not_finite = self->failed = FALSE;
  self->warned_regions = self->warned_unreadable = FALSE;
  self->pushed = GST_FLOW_OK;
  gst_clip_filter_forget (self);
  gst_clip_refusals_tell (&self->refusals, GST_ELEMENT (self));

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
  gst_clip_filter_forget (self);
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
  gst_clip_tracks_free (self->tracks);
  gst_clip_filter_clear_settings (self);
  gst_clip_refusals_clear (&self->refusals);
  g_clear_pointer (&self->last_result, gst_structure_free);
  g_mutex_clear (&self->prompts_lock);
  G_OBJECT_CLASS (gst_clip_filter_parent_class)->finalize (object);
}

static void
gst_clip_filter_init (GstClipFilter *self)
{
  static const GstClipEncoderFuncs funcs = { on_results, on_failure, on_still, on_settled };
  static const GstClipLoaderFuncs loader_funcs = { on_in_force, on_emptied };
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);

  g_mutex_init (&self->prompts_lock);
  gst_video_info_init (&self->info);
  gst_clip_filter_init_settings (self);
  self->loader = gst_clip_loader_new (GST_ELEMENT (self), &loader_funcs, self);
  self->encoder = gst_clip_encoder_new (GST_ELEMENT (self), &funcs, self);
  self->announcer = gst_clip_announcer_new ();
  self->tracks = gst_clip_tracks_new ();

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
  clip_set_picture_reader (gst_clip_picture_read);
  /**
   * GstClipFilter::reload:
   * @clipfilter: the element
   *
   * Reads the file of the property `prompts-file` again. May be emitted in any state, from any
   * thread; does not wait for the new prompts to be encoded.
   *
   * Returns: %FALSE where the old prompts stay in force, with a warning on the bus: the file cannot
   * be read or is wrong, or the prompts are not from a file.
   */
  g_signal_new_class_handler (
      "reload", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
      G_CALLBACK (gst_clip_filter_reload), NULL, NULL, NULL, G_TYPE_BOOLEAN, 0);

  gst_element_class_set_static_metadata (
      element_class, "CLIP zero-shot labeller", "Filter/Analyzer/Video",
      "Labels video frames with text prompts, by CLIP on Vulkan", "The gst-clip authors");
  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  element_class->change_state = gst_clip_filter_change_state;

  trans_class->passthrough_on_same_caps = FALSE;
  trans_class->transform_ip_on_passthrough = FALSE;
  trans_class->start = gst_clip_filter_start;
  trans_class->stop = gst_clip_filter_stop;
  trans_class->set_caps = gst_clip_filter_set_caps;
  trans_class->sink_event = gst_clip_filter_sink_event;
  trans_class->src_event = gst_clip_filter_src_event;
  trans_class->query = gst_clip_filter_query;
  trans_class->propose_allocation = gst_clip_filter_propose_allocation;
  trans_class->submit_input_buffer = gst_clip_filter_submit_input_buffer;
  trans_class->generate_output = gst_clip_filter_generate_output;
  trans_class->transform_ip = gst_clip_filter_transform_ip;
}
