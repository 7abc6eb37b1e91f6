/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipfilterframes.h"

#include <gst/base/gstbasesrc.h>

#include "gst-clip/element/gstclipfilterattach.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

static GstBaseTransformClass *
parent_of (GstBaseTransform *trans)
{
  return g_type_class_peek_parent (GST_BASE_TRANSFORM_GET_CLASS (trans));
}

/* Mode ----------------------------------------------------------------------- */

static gboolean
upstream_is_live (GstClipFilter *self)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  return live;
}

/* The thread of @pad: its own, or FALSE. */
static gboolean
has_task (GstPad *pad)
{
  GST_OBJECT_LOCK (pad);
  gboolean has = GST_PAD_TASK (pad) != NULL;
  GST_OBJECT_UNLOCK (pad);
  return has;
}

/* (transfer full) (nullable): a pad on the other side of @pad's element. */
static GstPad *
inner_pad (GstPad *pad)
{
  GstIterator *links = gst_pad_iterate_internal_links (pad);
  GValue value = G_VALUE_INIT;
  GstPad *inner = NULL;

  if (!links)
    return NULL;
  if (gst_iterator_next (links, &value) == GST_ITERATOR_OK) {
    inner = g_value_dup_object (&value);
    g_value_unset (&value);
  }
  gst_iterator_free (links);
  return inner;
}

/*
 * A GstBaseSrc pushes caps and segments with its `live` lock held, which it needs to be paused. If a
 * held frame were pushed then, and a sink that is paused already did not let it pass, the state
 * could not change any more. A queue in between has a thread without such a lock.
 */
static gboolean
runs_in_source_thread (GstClipFilter *self)
{
  g_autoptr (GstPad) pad = gst_pad_get_peer (GST_BASE_TRANSFORM_SINK_PAD (self));

  while (pad && !has_task (pad)) {
    g_autoptr (GstPad) sink = inner_pad (pad);
    if (sink && has_task (sink))
      return FALSE; /* whoever pulls from there pushes to us */
    g_clear_object (&pad);
    pad = sink ? gst_pad_get_peer (sink) : NULL;
  }
  g_autoptr (GstElement) element = pad ? gst_pad_get_parent_element (pad) : NULL;
  return element && GST_IS_BASE_SRC (element);
}

void
gst_clip_filter_decide_mode (GstClipFilter *self)
{
  if (self->mode_in_effect != GST_CLIP_MODE_AUTO)
    return;
  gboolean live = upstream_is_live (self);
  gboolean source_thread = runs_in_source_thread (self);

  GST_OBJECT_LOCK (self);
  self->live = live;
  self->source_thread = source_thread;
  self->mode_in_effect = self->settings.mode;
  if (self->mode_in_effect == GST_CLIP_MODE_AUTO)
    self->mode_in_effect = live ? GST_CLIP_MODE_LATEST : GST_CLIP_MODE_IN_STEP;
  GST_OBJECT_UNLOCK (self);
}

gboolean
gst_clip_filter_may_hold (GstClipFilter *self)
{
  return self->mode_in_effect == GST_CLIP_MODE_IN_STEP && !self->live && !self->source_thread
         && GST_VIDEO_INFO_FPS_N (&self->info) > 0;
}

/* A frame and its times -------------------------------------------------------- */

static gboolean
has_picture (GstBuffer *buffer)
{
  return !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP)
         && !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED)
         && gst_buffer_get_size (buffer) > 0;
}

static GstClockTimeDiff
position_in (const GstSegment *segment, GstClockTime stream_time)
{
  if (!GST_CLOCK_TIME_IS_VALID (stream_time))
    return GST_CLOCK_STIME_NONE;
  return segment->rate < 0.0 ? -(GstClockTimeDiff)stream_time : (GstClockTimeDiff)stream_time;
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
    .stretch = self->stretch,
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
  context.position = position_in (segment, context.stream_time);
  return context;
}

/* Property values that a control source drives follow the stream. */
static void
sync_properties (GstClipFilter *self, const GstClipFrameContext *frame)
{
  if (GST_CLOCK_TIME_IS_VALID (frame->stream_time))
    gst_object_sync_values (GST_OBJECT (self), frame->stream_time);
}

static GstClipScoreParams
score_params (GstClipFilter *self, const GstClipTexts *texts)
{
  GST_OBJECT_LOCK (self);
  GstClipScoreParams params = {
    .scoring = texts->scoring,
    .logit_scale = self->settings.logit_scale,
    .threshold = self->settings.threshold,
    .smoothing = self->settings.smoothing * GST_MSECOND,
    .hysteresis = self->settings.hysteresis,
    .top_k = self->settings.top_k,
    .embedding = self->settings.attach_embedding,
  };
  GST_OBJECT_UNLOCK (self);
  if (params.logit_scale == 0.0)
    params.logit_scale = clip_engine_logit_scale (texts->engine);
  params.logit_bias = clip_engine_logit_bias (texts->engine);
  return params;
}

/* Warnings --------------------------------------------------------------------- */

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

static void
warn_unreadable (GstClipFilter *self, GstBuffer *buffer)
{
  GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("A frame cannot be read and gets no labels"),
                       ("%" GST_PTR_FORMAT, buffer));
}

/* Regions ------------------------------------------------------------------------ */

/* (transfer full) (nullable): the frame's; NULL where it is not looked at for regions */
static GArray *
find_regions (GstClipFilter *self, GstBuffer *buffer, const GstClipRegionWishes *wishes,
              const GstClipFrameContext *frame)
{
  gboolean too_many = FALSE;

  if (wishes->mode == GST_CLIP_REGION_MODE_FULL_FRAME)
    return NULL;
  GArray *regions = gst_clip_regions_find (buffer, wishes, frame, &too_many);
  if (too_many && !self->warned_regions) {
    self->warned_regions = TRUE;
    GST_ELEMENT_WARNING (
        self, STREAM, FAILED,
        ("A frame has more than %u regions: the rest gets no labels; the properties "
         "`roi-types` and `min-size` choose",
         GST_CLIP_REGIONS_MAX),
        (NULL));
  }
  GST_OBJECT_LOCK (self);
  GstClipMessages messages = self->settings.messages;
  GST_OBJECT_UNLOCK (self);
  gst_clip_post_structures (GST_ELEMENT (self),
                            gst_clip_announcer_see (self->announcer, messages,
                                                    (const GstClipRegion *)regions->data,
                                                    regions->len, frame));
  return regions;
}

/* What of @regions is to be encoded goes to @frame. FALSE: nothing. */
static gboolean
choose_regions (GstClipFilter *self, GstClipFrame *frame, const GArray *regions,
                GstClockTime interval)
{
  if (!regions)
    return TRUE;
  frame->regions = g_array_new (FALSE, FALSE, sizeof (GstClipRegion));
  for (guint i = 0; i < regions->len; i++)
    if (gst_clip_tracks_is_due (self->tracks, gst_clip_region_at (regions, i), &frame->context,
                                frame->texts.serial, interval))
      g_array_append_val (frame->regions, *gst_clip_region_at (regions, i));
  return frame->regions->len > 0;
}

static void
get_wishes (GstClipFilter *self, GstClipRegionWishes *wishes)
{
  GST_OBJECT_LOCK (self);
  *wishes = self->settings.regions;
  if (wishes->types)
    g_array_ref (wishes->types);
  GST_OBJECT_UNLOCK (self);
}

/* Which frames are encoded ------------------------------------------------------- */

/* Returns: TRUE when the frame is to be encoded, and *@pace and *@at to tell the pacer if it is. */
static gboolean
is_wanted (GstClipFilter *self, GstClipFrame *frame, GstClipPace *pace, GstClipPaceFrame *at)
{
  if (frame->texts.serial != self->encoded_serial)
    gst_clip_pacer_reset (&self->pacer); /* what is carried on answers other prompts */
  GST_OBJECT_LOCK (self);
  *pace = self->settings.pace;
  frame->skip_still = self->settings.skip_still;
  GstClockTime earliest = self->earliest_time;
  GST_OBJECT_UNLOCK (self);
  *at = (GstClipPaceFrame){
    .position = frame->context.position,
    .late = GST_CLOCK_TIME_IS_VALID (earliest)
            && GST_CLOCK_TIME_IS_VALID (frame->context.running_time)
            && frame->context.running_time <= earliest,
    .now = g_get_monotonic_time () * GST_USECOND,
  };
  frame->forced = !self->pacer.started;
  return gst_clip_pacer_wants (&self->pacer, pace, at);
}

/* @regions: (nullable): those that are encoded */
static void
took (GstClipFilter *self, guint serial, const GArray *regions, const GstClipFrameContext *frame,
      const GstClipPace *pace, const GstClipPaceFrame *at)
{
  gst_clip_pacer_took (&self->pacer, pace, at);
  self->encoded_serial = serial;
  for (guint i = 0; regions && i < regions->len; i++)
    gst_clip_tracks_took (self->tracks, gst_clip_region_at (regions, i), frame, serial);
}

/* Returns: TRUE with @frame complete; FALSE with *@ret set when there is nothing to encode with. */
static gboolean
get_texts (GstClipFilter *self, GstClipFrame *frame, GstFlowReturn *ret)
{
  *ret = gst_clip_loader_get (self->loader, &frame->texts);
  if (*ret == GST_FLOW_OK && frame->texts.texts) {
    frame->params = score_params (self, &frame->texts);
    return TRUE;
  }
  gst_clip_texts_clear (&frame->texts);
  gst_clip_pacer_reset (&self->pacer);
  if (*ret == GST_FLOW_OK)
    warn_without_prompts (self);
  return FALSE;
}

/* Latest, and the encoder is idle: it takes the frame if that is wanted. */
static void
offer (GstClipFilter *self, GstClipFrame *frame, GstBuffer *buffer, GstClockTime interval)
{
  gboolean unreadable = FALSE;
  GstClipPaceFrame at;
  GstFlowReturn ret;
  GstClipPace pace;

  if (!get_texts (self, frame, &ret))
    return; /* taken away meanwhile: the next frame sees it */
  const guint serial = frame->texts.serial;
  if (choose_regions (self, frame, self->passage.regions, interval)
      && is_wanted (self, frame, &pace, &at)) {
    g_autoptr (GArray) chosen = frame->regions ? g_array_ref (frame->regions) : NULL;
    if (gst_clip_encoder_offer (self->encoder, frame, buffer, &self->info, &unreadable))
      took (self, serial, chosen, &frame->context, &pace, &at);
  }
  if (unreadable)
    warn_unreadable (self, buffer);
}

/* Latest: nothing is waited for; the newest results there are go with the frame. Most frames only
 * pass: they touch as little as they can, for nothing of ours is in a cache any more. */
static GstFlowReturn
pass_latest (GstClipFilter *self, GstClipFrame *frame, GstBuffer *buffer, GstClockTime interval)
{
  gboolean idle;

  if (gst_clip_loader_state (self->loader) != GST_CLIP_LOADER_READY) {
    gst_clip_encoder_discard (self->encoder); /* or it would come back with the next texts */
    gst_clip_pacer_reset (&self->pacer);
    if (gst_clip_loader_state (self->loader) == GST_CLIP_LOADER_FAILED)
      return GST_FLOW_ERROR;
    warn_without_prompts (self);
    return GST_FLOW_OK;
  }
  g_autoptr (GPtrArray) newest = gst_clip_encoder_newest (self->encoder, &idle);
  if (newest && self->passage.regions)
    gst_clip_tracks_note (self->tracks, newest);
  if (idle)
    offer (self, frame, buffer, interval);
  if (newest)
    gst_clip_filter_attach (self, buffer, self->passage.regions, newest, FALSE, &frame->context);
  return g_atomic_int_get (&self->failed) ? GST_FLOW_ERROR : GST_FLOW_OK;
}

/* The texts are there: sends what is wanted of the frame to the device, and says what becomes of it. */
static GstFlowReturn
submit (GstClipFilter *self, GstClipFrame *frame, GstBuffer *buffer, GstClockTime interval)
{
  GstClipPassage *passage = &self->passage;
  const guint serial = frame->texts.serial;
  gboolean still = FALSE, unreadable = FALSE;
  GstClipPaceFrame at;
  GstClipPace pace;

  passage->kind = GST_CLIP_PASSAGE_CARRY;
  if (!choose_regions (self, frame, passage->regions, interval)) {
    if (passage->regions->len == 0)
      passage->kind = GST_CLIP_PASSAGE_FORGET;
    return GST_FLOW_OK;
  }
  if (!is_wanted (self, frame, &pace, &at))
    return GST_FLOW_OK;
  g_autoptr (GArray) chosen = frame->regions ? g_array_ref (frame->regions) : NULL;
  GstFlowReturn ret = gst_clip_encoder_submit (self->encoder, frame, buffer, &self->info,
                                               &passage->ticket, &still, &unreadable);
  if (!still) {
    took (self, serial, chosen, &frame->context, &pace, &at);
    passage->kind = GST_CLIP_PASSAGE_ENCODE;
  }
  if (unreadable)
    warn_unreadable (self, buffer);
  return ret;
}

/* In-step: the frame is on its way to the device; complete() has the rest. */
static GstFlowReturn
begin_in_step (GstClipFilter *self, GstClipFrame *frame, GstBuffer *buffer, GstClockTime interval)
{
  GstFlowReturn ret = gst_clip_loader_wait (self->loader);

  if (ret != GST_FLOW_OK)
    return ret;
  if (get_texts (self, frame, &ret))
    return submit (self, frame, buffer, interval);
  self->passage.kind = GST_CLIP_PASSAGE_FORGET;
  return ret;
}

GstFlowReturn
gst_clip_filter_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  GstClipFrame frame = { .context = frame_context (self, buffer) };

  self->passage = (GstClipPassage){ .kind = GST_CLIP_PASSAGE_PLAIN, .context = frame.context };
  GST_OBJECT_LOCK (self);
  self->stats.frames++;
  GST_OBJECT_UNLOCK (self);
  if (!has_picture (buffer))
    return GST_FLOW_OK;
  gst_clip_filter_decide_mode (self);
  sync_properties (self, &frame.context);
  gst_clip_pacer_count (&self->pacer, frame.context.position);

  g_auto (GstClipRegionWishes) wishes;
  get_wishes (self, &wishes);
  frame.fit = wishes.fit;
  self->passage.regions = find_regions (self, buffer, &wishes, &frame.context);
  GstFlowReturn ret = self->mode_in_effect == GST_CLIP_MODE_LATEST
                          ? pass_latest (self, &frame, buffer, wishes.interval)
                          : begin_in_step (self, &frame, buffer, wishes.interval);
  gst_clip_frame_clear (&frame);
  return ret;
}

/* Completing and holding ----------------------------------------------------------- */

static void
note_latency (GstClipFilter *self, GstClockTime time)
{
  GST_OBJECT_LOCK (self);
  gboolean changed = self->live && gst_clip_latency_note (&self->latency, time);
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

/* Waits for the frame's own results, which are carried on from here. */
static GstFlowReturn
collect (GstClipFilter *self, GstClipPassage *passage)
{
  GPtrArray *results = NULL;
  GstClockTime time = 0;

  if (passage->ticket) {
    GstFlowReturn ret = gst_clip_encoder_collect (self->encoder, g_steal_pointer (&passage->ticket),
                                                  &results, &time);
    if (ret != GST_FLOW_OK)
      return ret;
    gst_clip_pacer_note_cost (&self->pacer, time);
    note_latency (self, time);
  }
  g_clear_pointer (&self->carried, g_ptr_array_unref);
  self->carried = results;
  if (results)
    gst_clip_tracks_note (self->tracks, results);
  return GST_FLOW_OK;
}

/* @passage: (transfer full). *@buffer is NULL unless the frame may go on. */
static GstFlowReturn
complete (GstClipFilter *self, GstClipPassage *passage, GstBuffer **buffer)
{
  GstFlowReturn ret = GST_FLOW_OK;

  *buffer = g_steal_pointer (&passage->buffer);
  if (passage->kind == GST_CLIP_PASSAGE_FORGET)
    g_clear_pointer (&self->carried, g_ptr_array_unref);
  if (passage->kind == GST_CLIP_PASSAGE_ENCODE)
    ret = collect (self, passage);
  if (ret == GST_FLOW_OK && g_atomic_int_get (&self->failed))
    ret = GST_FLOW_ERROR;
  if (ret != GST_FLOW_OK)
    gst_clear_buffer (buffer);
  else if (passage->kind >= GST_CLIP_PASSAGE_CARRY)
    gst_clip_filter_attach (self, *buffer, passage->regions, self->carried,
                            passage->kind == GST_CLIP_PASSAGE_ENCODE, &passage->context);
  g_clear_pointer (&passage->regions, g_array_unref);
  return ret;
}

static void
clear_passage (GstClipPassage *passage)
{
  gst_clear_buffer (&passage->buffer);
  g_clear_pointer (&passage->ticket, gst_clip_encoder_forget);
  g_clear_pointer (&passage->regions, g_array_unref);
}

static void
free_passage (gpointer data)
{
  clear_passage (data);
  g_free (data);
}

/* Returns: TRUE when the first held frame need not be waited for. */
static gboolean
first_is_settled (GstClipFilter *self)
{
  const GstClipPassage *first = g_queue_peek_head (&self->held);

  return first && (!first->ticket || gst_clip_encoder_is_settled (self->encoder, first->ticket));
}

static GstFlowReturn
complete_first (GstClipFilter *self, GstBuffer **buffer)
{
  GstClipPassage *first = g_queue_pop_head (&self->held);
  GstFlowReturn ret = complete (self, first, buffer);

  free_passage (first);
  return ret;
}

GstFlowReturn
gst_clip_filter_submit_input_buffer (GstBaseTransform *trans, gboolean discont, GstBuffer *input)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);

  /* The base class marks the next buffer that it pushes, which must be this one; and new caps
   * must not overtake held frames. */
  if (GST_BUFFER_IS_DISCONT (input) || gst_pad_needs_reconfigure (trans->srcpad))
    gst_clip_filter_drain (self);
  if (self->pushed != GST_FLOW_OK) {
    gst_buffer_unref (input);
    return self->pushed;
  }
  return parent_of (trans)->submit_input_buffer (trans, discont, input);
}

GstFlowReturn
gst_clip_filter_generate_output (GstBaseTransform *trans, GstBuffer **output)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  GstFlowReturn ret = parent_of (trans)->generate_output (trans, output);

  if (ret != GST_FLOW_OK) {
    clear_passage (&self->passage);
    return ret;
  }
  if (*output) {
    self->passage.buffer = g_steal_pointer (output);
    if (!gst_clip_filter_may_hold (self))
      return complete (self, &self->passage, output);
    g_queue_push_tail (&self->held, g_memdup2 (&self->passage, sizeof self->passage));
    self->passage = (GstClipPassage){ 0 };
  }
  if (self->held.length > GST_CLIP_FILTER_HELD || first_is_settled (self))
    return complete_first (self, output);
  return GST_FLOW_OK;
}

/* What the chain function would have been told by downstream, it is told the next time. */
static void
push_first (GstClipFilter *self)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstBuffer *buffer = NULL;

  self->pushed = complete_first (self, &buffer);
  if (self->pushed == GST_FLOW_OK)
    self->pushed = gst_pad_push (trans->srcpad, buffer);
  if (self->pushed != GST_FLOW_OK)
    g_queue_clear_full (&self->held, free_passage);
}

void
gst_clip_filter_drain (GstClipFilter *self)
{
  while (self->held.length > 0)
    push_first (self);
}

gboolean
gst_clip_filter_release (GstClipFilter *self)
{
  GstPad *sink = GST_BASE_TRANSFORM_SINK_PAD (self);

  GST_OBJECT_LOCK (self);
  gboolean never_holds = self->live || self->source_thread;
  GST_OBJECT_UNLOCK (self);
  if (never_holds)
    return FALSE;
  /* It may be waiting for us, so that we must not wait for it. */
  if (!g_rec_mutex_trylock (GST_PAD_GET_STREAM_LOCK (sink)))
    return TRUE;
  while (first_is_settled (self))
    push_first (self);
  g_rec_mutex_unlock (GST_PAD_GET_STREAM_LOCK (sink));
  return FALSE;
}

void
gst_clip_filter_forget (GstClipFilter *self)
{
  g_queue_clear_full (&self->held, free_passage);
  clear_passage (&self->passage);
  g_clear_pointer (&self->carried, g_ptr_array_unref);
  gst_clip_pacer_reset (&self->pacer);
  gst_clip_tracks_reset (self->tracks);
  self->encoded_serial = 0;
  self->stretch++;
}
