/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipfilterframes.h"

#include "gst-clip/element/gstclipfilterattach.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

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
  params.contrast_threshold = clip_engine_contrast_threshold (texts->engine);
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
  g_autofree gchar *refused =
      gst_clip_refusals_dup (&self->refusals, GST_ELEMENT (self), GST_CLIP_REFUSAL_LABELS);
  if (refused)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("No prompts: frames pass without labels, because %s", refused), (NULL));
  else
    GST_ELEMENT_WARNING (
        self, RESOURCE, SETTINGS,
        ("No prompts: frames pass without labels until the property `prompts` is set, "
         "as in prompts=\"a dog;a cat\""),
        (NULL));
}

static void
warn_unreadable (GstClipFilter *self, GstBuffer *buffer)
{
  if (self->warned_unreadable)
    return;
  self->warned_unreadable = TRUE;
  GST_ELEMENT_WARNING (
      self, STREAM, FORMAT,
      ("A frame cannot be read and gets no labels; others like it pass without a word"),
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

/* For GST_DEBUG=clipfilter:6: what becomes of a frame. */
static void
log_frame (GstClipFilter *self, const GstClipFrameContext *frame, const gchar *what)
{
  GST_LOG_OBJECT (self, "frame at %" GST_TIME_FORMAT ": %s", GST_TIME_ARGS (frame->stream_time),
                  what);
}

static GstClipAsked
asked_of (const GstClipFrame *frame)
{
  return (GstClipAsked){ frame->texts.serial, frame->params, frame->fit };
}

static gboolean
is_same (const GstClipAsked *a, const GstClipAsked *b)
{
  const GstClipScoreParams *p = &a->params, *q = &b->params;

  return a->serial == b->serial && a->fit == b->fit && p->scoring == q->scoring
         && p->logit_scale == q->logit_scale && p->threshold == q->threshold
         && p->smoothing == q->smoothing && p->hysteresis == q->hysteresis && p->top_k == q->top_k
         && p->embedding == q->embedding;
}

/* Returns: TRUE when the frame is to be encoded, and *@pace and *@at to tell the pacer if it is. */
static gboolean
is_wanted (GstClipFilter *self, GstClipFrame *frame, GstClipPace *pace, GstClipPaceFrame *at)
{
  const GstClipAsked asked = asked_of (frame);
  if (asked.serial != self->encoded.serial)
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
  frame->forced = !self->pacer.started || !is_same (&asked, &self->encoded);
  const gboolean wanted = gst_clip_pacer_wants (&self->pacer, pace, at);
  if (!wanted)
    log_frame (self, &frame->context, "passes: not due by interval, max-rate and skip-late");
  return wanted;
}

/* @regions: (nullable): those that are encoded */
static void
took (GstClipFilter *self, const GstClipAsked *asked, const GArray *regions,
      const GstClipFrameContext *frame, const GstClipPace *pace, const GstClipPaceFrame *at)
{
  log_frame (self, frame, "is encoded");
  gst_clip_pacer_took (&self->pacer, pace, at);
  self->encoded = *asked;
  for (guint i = 0; regions && i < regions->len; i++)
    gst_clip_tracks_took (self->tracks, gst_clip_region_at (regions, i), frame, asked->serial);
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
  const GstClipAsked asked = asked_of (frame);
  if (choose_regions (self, frame, self->passage.regions, interval)
      && is_wanted (self, frame, &pace, &at)) {
    g_autoptr (GArray) chosen = frame->regions ? g_array_ref (frame->regions) : NULL;
    if (gst_clip_encoder_offer (self->encoder, frame, buffer, &self->info, &unreadable))
      took (self, &asked, chosen, &frame->context, &pace, &at);
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
    log_frame (self, &frame->context,
               "passes: there are no prompts, or they or the model are not ready yet");
    warn_without_prompts (self);
    return GST_FLOW_OK;
  }
  g_autoptr (GPtrArray) newest = gst_clip_encoder_newest (self->encoder, &idle);
  if (newest && self->passage.regions)
    gst_clip_tracks_note (self->tracks, newest);
  if (idle)
    offer (self, frame, buffer, interval);
  else
    log_frame (self, &frame->context, "passes: the encoder is busy");
  if (newest)
    gst_clip_filter_attach (self, buffer, self->passage.regions, newest, FALSE, &frame->context);
  return g_atomic_int_get (&self->failed) ? GST_FLOW_ERROR : GST_FLOW_OK;
}

/* The texts are there: sends what is wanted of the frame to the device, and says what becomes of it. */
static GstFlowReturn
submit (GstClipFilter *self, GstClipFrame *frame, GstBuffer *buffer, GstClockTime interval)
{
  GstClipPassage *passage = &self->passage;
  const GstClipAsked asked = asked_of (frame);
  gboolean still = FALSE, unreadable = FALSE;
  GstClipPaceFrame at;
  GstClipPace pace;

  passage->kind = GST_CLIP_PASSAGE_CARRY;
  if (!choose_regions (self, frame, passage->regions, interval)) {
    if (passage->regions->len == 0) {
      passage->kind = GST_CLIP_PASSAGE_FORGET;
      gst_clip_encoder_forget_still (self->encoder); /* nor is there anything to carry on */
    }
    return GST_FLOW_OK;
  }
  if (!is_wanted (self, frame, &pace, &at))
    return GST_FLOW_OK;
  g_autoptr (GArray) chosen = frame->regions ? g_array_ref (frame->regions) : NULL;
  GstFlowReturn ret = gst_clip_encoder_submit (self->encoder, frame, buffer, &self->info,
                                               &passage->ticket, &still, &unreadable);
  if (!still) {
    took (self, &asked, chosen, &frame->context, &pace, &at);
    passage->kind = GST_CLIP_PASSAGE_ENCODE;
  } else {
    log_frame (self, &frame->context, "passes: still");
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
