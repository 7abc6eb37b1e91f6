/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipslot.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

/* Jobs: of whole frames, and of regions ---------------------------------------- */

static const GstClipRegion *
region_of (const GstClipFrame *frame, guint i)
{
  return frame->regions ? gst_clip_region_at (frame->regions, i) : &frame->context.region;
}

/* How many jobs @frame needs besides the one of whole frames. */
guint
gst_clip_frame_count_more (const GstClipFrame *frame)
{
  guint n = 0;

  for (guint i = 0; frame->regions && i < frame->regions->len; i++)
    n += region_of (frame, i)->kind != GST_CLIP_REGION_FRAME;
  return n;
}

static gboolean
job_fits (GstClipEncoder *self, const GstClipSlot *slot, ClipEngine *engine)
{
  return slot->job && slot->engine == engine && slot->info_count == self->info_count;
}

gboolean
gst_clip_slot_fits (GstClipEncoder *self, const GstClipSlot *slot, ClipEngine *engine, guint more)
{
  return job_fits (self, slot, engine) && (slot->more ? slot->more->len : 0) >= more;
}

void
gst_clip_slot_drop (GstClipSlot *slot)
{
  g_clear_pointer (&slot->job, clip_job_free);
  g_clear_pointer (&slot->more, g_ptr_array_unref);
  slot->n_used = 0;
  g_clear_pointer (&slot->engine, clip_engine_unref);
}

/* Jobs keep the dead device. The caller owns @mine. */
static void
drop_jobs_of_lost_device (GstClipEncoder *self, GstClipSlot *mine)
{
  GstClipSlot idle[GST_CLIP_ENCODER_DEPTH] = { 0 };

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < G_N_ELEMENTS (idle); i++)
    if (self->slots[i].state == SLOT_IDLE) {
      idle[i] = self->slots[i];
      self->slots[i] = (GstClipSlot){ SLOT_IDLE };
    }
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < G_N_ELEMENTS (idle); i++)
    gst_clip_slot_drop (&idle[i]);
  gst_clip_slot_drop (mine);
}

/* The caller owns the slot; so does that of the next one. */
static gboolean
prepare_more (GstClipEncoder *self, GstClipSlot *slot, const ClipFrameInfo *info, guint n)
{
  g_autoptr (GError) error = NULL;

  if (!slot->more)
    slot->more = g_ptr_array_new_with_free_func ((GDestroyNotify)clip_job_free);
  while (slot->more->len < n) {
    ClipJob *job = clip_job_new_for_regions (slot->engine, info, &error);

    if (!job) {
      self->funcs.failed (slot->engine, error, self->data);
      return FALSE;
    }
    clip_job_set_stream (job, self);
    g_ptr_array_add (slot->more, job);
  }
  return TRUE;
}

gboolean
gst_clip_slot_prepare (GstClipEncoder *self, GstClipSlot *slot, ClipEngine *engine, guint more)
{
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&self->lock);
  gboolean fits = job_fits (self, slot, engine);
  ClipFrameInfo info = self->info;
  guint info_count = self->info_count;
  g_mutex_unlock (&self->lock);
  if (fits)
    return prepare_more (self, slot, &info, more);

  gst_clip_slot_drop (slot);
  slot->job = clip_job_new (engine, &info, &error);
  slot->engine = clip_engine_ref (engine);
  slot->info_count = info_count;
  if (slot->job)
    clip_job_set_stream (slot->job, self);
  else
    self->funcs.failed (engine, error, self->data);
  return slot->job != NULL && prepare_more (self, slot, &info, more);
}

void
gst_clip_slot_fail (GstClipEncoder *self, GstClipSlot *slot, const GError *error)
{
  g_autoptr (ClipEngine) engine = clip_engine_ref (slot->engine);

  gst_clip_encoder_forget_still (self);
  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST))
    drop_jobs_of_lost_device (self, slot);
  self->funcs.failed (engine, error, self->data);
}

/* Which job sees what. A region that is too narrow to be resized is left out, here and in @frame. */
void
gst_clip_slot_aim (GstClipEncoder *self, GstClipSlot *slot, GstClipFrame *frame)
{
  guint more = 0;

  slot->n_used = 0;
  for (guint i = 0; i < (frame->regions ? frame->regions->len : 1);) {
    const GstClipRegion *region = region_of (frame, i);
    const gboolean whole = region->kind == GST_CLIP_REGION_FRAME;
    const ClipRect rect = { region->x, region->y, region->width, region->height };
    ClipJob *job = whole ? slot->job : g_ptr_array_index (slot->more, more++);
    g_autoptr (GError) error = NULL;

    if (clip_job_set_view (job, whole ? NULL : &rect, frame->fit, &error)) {
      slot->used[slot->n_used++] = job;
      i++;
      continue;
    }
    GST_WARNING_OBJECT (self->element, "%ux%u pixels at %u,%u are left out: %s", rect.width,
                        rect.height, rect.x, rect.y, error->message);
    if (!frame->regions)
      return;
    g_array_remove_index (frame->regions, i);
  }
}

gboolean
gst_clip_slot_start (GstClipSlot *slot, GError **error)
{
  const GstClipFrame *frame = &slot->ticket->frame;

  /* What the device ranks are the similarities of this frame alone. */
  for (guint i = 0; i < slot->n_used; i++)
    clip_job_rank (slot->used[i], frame->params.smoothing > 0 ? 0 : frame->params.top_k);
  return clip_jobs_start (slot->used, slot->n_used, frame->texts.texts, error);
}

static gboolean *
smooth (GstClipEncoder *self, const GstClipFrame *frame, const GstClipFrameContext *context)
{
  return gst_clip_smoother_apply (self->smoother, frame->params.smoothing, context,
                                  &(GstClipSmootherInput){
                                      .serial = frame->texts.serial,
                                      .scoring = frame->params.scoring,
                                      .n_labels = self->similarities->len,
                                      .n_others = self->negatives->len,
                                      .similarities = (float *)self->similarities->data,
                                      .others = (float *)self->negatives->data,
                                  });
}

void
gst_clip_encoder_drop_still (GstClipEncoder *self)
{
  g_clear_pointer (&self->still, clip_still_free);
  g_clear_pointer (&self->still_engine, clip_engine_unref);
}

/* Whether the loaded frame is so much like the last encoded one that it is not. If not, it is the one
 * to compare with. What fails here fails again where the frame is encoded, and is told there. */
gboolean
gst_clip_slot_is_still (GstClipEncoder *self, GstClipSlot *slot)
{
  const GstClipFrame *frame = &slot->ticket->frame;
  gdouble change = 1.0;

  if (frame->skip_still <= 0.0 || frame->regions) {
    gst_clip_encoder_forget_still (
        self); /* what is kept is not the last one that was encoded any more */
    return FALSE;
  }
  if (self->still_engine != slot->engine) {
    gst_clip_encoder_drop_still (self);
    self->still = clip_still_new (slot->engine, NULL);
    self->still_engine = clip_engine_ref (slot->engine);
  }
  g_mutex_lock (&self->lock);
  gboolean forget = self->forget_still;
  self->forget_still = FALSE;
  g_mutex_unlock (&self->lock);
  if (self->still && forget)
    clip_still_forget (self->still);
  if (!self->still || !clip_still_measure (self->still, slot->job, &change, NULL))
    return FALSE;
  if (change < frame->skip_still && !frame->forced)
    return TRUE;
  clip_still_keep (self->still);
  return FALSE;
}

/* (transfer full) (nullable): of region @i */
static GstClipResult *
wait_for_result (GstClipEncoder *self, GstClipSlot *slot, guint i, GError **error)
{
  const GstClipFrame *frame = &slot->ticket->frame;
  const GstClipTexts *texts = &frame->texts;
  guint n_background = 0;
  guint n = clip_prompt_set_size (clip_texts_prompts (texts->texts));
  guint n_negatives = clip_texts_n_negatives (texts->texts, &n_background);
  g_autofree gchar *source = gst_object_get_name (GST_OBJECT (self->element));
  GstClipFrameContext context = frame->context;
  ClipJob *job = slot->used[i];
  GstClipInference inference = {
    .texts = texts->texts,
    .serial = texts->serial,
    .model = clip_engine_model_name (texts->engine),
  };

  context.region = *region_of (frame, i);
  g_array_set_size (self->similarities, n);
  g_array_set_size (self->negatives, n_negatives + n_background);
  g_array_set_size (self->scores, n);
  if (!clip_job_wait (job, (float *)self->similarities->data, (float *)self->negatives->data,
                      error))
    return NULL;
  inference.similarities = (const float *)self->similarities->data;
  inference.negatives = (const float *)self->negatives->data;
  inference.scores = (gdouble *)self->scores->data;
  inference.best = clip_job_best (job, &inference.n_best);
  if (frame->params.embedding)
    inference.embedding = clip_job_embedding (job, &inference.embedding_length);
  inference.accepted = smooth (self, frame, &context);
  return gst_clip_result_new (source, &inference, &frame->params, &context, error);
}

/* (transfer full) (nullable): one a region of the frame, but for those that failed; @error: why the
 * first of these did. */
GPtrArray *
gst_clip_slot_wait (GstClipEncoder *self, GstClipSlot *slot, GError **error)
{
  GPtrArray *results = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_clip_result_unref);

  for (guint i = 0; i < slot->n_used; i++) {
    GstClipResult *result = wait_for_result (self, slot, i, *error ? NULL : error);

    if (result)
      g_ptr_array_add (results, result);
  }
  if (results->len > 0)
    return results;
  g_ptr_array_unref (results);
  return NULL;
}
