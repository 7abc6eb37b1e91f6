/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The encoder as the streaming thread sees it: frames go in, results come out. */
#include "gst-clip/element/gstclipslot.h"

#include "gst-clip/element/gstclipframe.h"

/* Called with the lock held ------------------------------------------------------- */

/* The one to use next. @busy is below the depth. */
static GstClipSlot *
next_slot (GstClipEncoder *self)
{
  if (self->busy == 0)
    self->oldest = 0; /* who has no more than one frame on its way needs no more than one job */
  return &self->slots[(self->oldest + self->busy) % GST_CLIP_ENCODER_DEPTH];
}

GstClipSlot *
gst_clip_encoder_take_slot (GstClipEncoder *self, GstClipSlotState state)
{
  GstClipSlot *slot = next_slot (self);

  slot->state = state;
  self->busy++;
  return slot;
}

/* Taking frames ------------------------------------------------------------------- */

static GstClipTicket *
ticket_new (GstClipFrame *frame, guint epoch, gboolean wanted)
{
  GstClipTicket *ticket = g_new0 (GstClipTicket, 1);

  g_atomic_ref_count_init (&ticket->refs);
  ticket->frame = *frame;
  frame->texts = (GstClipTexts){ NULL };
  frame->regions = NULL;
  ticket->epoch = epoch;
  ticket->wanted = wanted;
  return ticket;
}

/* Makes @frame the one that the slot encodes, and copies its pixels. The caller owns the slot. */
static gboolean
load_frame (GstClipEncoder *self, GstClipSlot *slot, GstClipFrame *frame, GstBuffer *buffer,
            const GstVideoInfo *video, gboolean wanted)
{
  gint64 started = g_get_monotonic_time ();

  g_mutex_lock (&self->lock);
  guint epoch = self->epoch;
  g_mutex_unlock (&self->lock);
  if (!gst_clip_frame_load (slot->used, slot->n_used, buffer, video))
    return FALSE;
  slot->ticket = ticket_new (frame, epoch, wanted);
  slot->ticket->started = started;
  return TRUE;
}

static void
hand_over (GstClipEncoder *self, GstClipSlot *slot, GstClipSlotState state)
{
  g_mutex_lock (&self->lock);
  slot->state = state;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static void
give_up (GstClipEncoder *self, GstClipSlot *slot)
{
  GstClipTicket *ticket = g_steal_pointer (&slot->ticket);

  g_mutex_lock (&self->lock);
  self->busy--; /* it is the newest one */
  slot->state = SLOT_IDLE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&ticket, gst_clip_ticket_unref);
}

/* Returns: (nullable): a slot in SLOT_LOADING. */
static GstClipSlot *
wait_for_slot (GstClipEncoder *self)
{
  GstClipSlot *slot = NULL;

  g_mutex_lock (&self->lock);
  while (self->busy == GST_CLIP_ENCODER_DEPTH && !self->flushing && !self->stopping)
    g_cond_wait (&self->cond, &self->lock);
  if (!self->flushing && !self->stopping)
    slot = gst_clip_encoder_take_slot (self, SLOT_LOADING);
  g_mutex_unlock (&self->lock);
  return slot;
}

static gboolean
load_and_start (GstClipEncoder *self, GstClipSlot *slot, GstClipFrame *frame, GstBuffer *buffer,
                const GstVideoInfo *video, gboolean *still, gboolean *unreadable)
{
  g_autoptr (GError) error = NULL;

  if (!gst_clip_slot_prepare (self, slot, frame->texts.engine, gst_clip_frame_count_more (frame)))
    return FALSE;
  gst_clip_slot_aim (self, slot, frame);
  if (slot->n_used == 0)
    return FALSE;
  *unreadable = !load_frame (self, slot, frame, buffer, video, TRUE);
  if (*unreadable)
    return FALSE;
  *still = gst_clip_slot_is_still (self, slot);
  if (*still) {
    self->funcs.still (self->data);
    return FALSE;
  }
  if (gst_clip_slot_start (slot, &error))
    return TRUE;
  gst_clip_slot_fail (self, slot, error);
  return FALSE;
}

GstFlowReturn
gst_clip_encoder_submit (GstClipEncoder *self, GstClipFrame *frame, GstBuffer *buffer,
                         const GstVideoInfo *video, GstClipTicket **ticket, gboolean *still,
                         gboolean *unreadable)
{
  *ticket = NULL;
  *still = *unreadable = FALSE;
  gst_clip_encoder_need_thread (self);
  GstClipSlot *slot = wait_for_slot (self);
  if (slot && load_and_start (self, slot, frame, buffer, video, still, unreadable)) {
    *ticket = slot->ticket;
    g_atomic_ref_count_inc (&slot->ticket->refs);
    hand_over (self, slot, SLOT_STARTED);
  } else if (slot) {
    give_up (self, slot);
  }
  gst_clip_frame_clear (frame);
  return slot ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

gboolean
gst_clip_encoder_is_settled (GstClipEncoder *self, GstClipTicket *ticket)
{
  g_mutex_lock (&self->lock);
  gboolean settled = ticket->settled;
  g_mutex_unlock (&self->lock);
  return settled;
}

GstFlowReturn
gst_clip_encoder_collect (GstClipEncoder *self, GstClipTicket *ticket, GPtrArray **results,
                          GstClockTime *took)
{
  g_mutex_lock (&self->lock);
  while (!ticket->settled && !self->flushing && !self->stopping)
    g_cond_wait (&self->cond, &self->lock);
  gboolean settled = ticket->settled;
  *results = settled ? g_steal_pointer (&ticket->results) : NULL;
  *took = settled ? ticket->took : 0;
  g_mutex_unlock (&self->lock);
  gst_clip_ticket_unref (ticket);
  return settled ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

void
gst_clip_encoder_forget (GstClipTicket *ticket)
{
  g_clear_pointer (&ticket, gst_clip_ticket_unref);
}

/* Returns: (nullable): a slot in SLOT_LOADING. Else, where it can be, jobs are asked for. */
static GstClipSlot *
idle_slot (GstClipEncoder *self, ClipEngine *engine, guint more)
{
  ClipEngine *old = NULL;
  GstClipSlot *slot = NULL;

  g_mutex_lock (&self->lock);
  if (self->busy == 0 && gst_clip_slot_fits (self, next_slot (self), engine, more)) {
    slot = gst_clip_encoder_take_slot (self, SLOT_LOADING);
  } else if (self->busy == 0) {
    old = self->wanted_engine;
    self->wanted_engine = clip_engine_ref (engine);
    self->wanted_more = more;
    g_cond_broadcast (&self->cond);
  }
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&old, clip_engine_unref);
  return slot;
}

gboolean
gst_clip_encoder_offer (GstClipEncoder *self, GstClipFrame *frame, GstBuffer *buffer,
                        const GstVideoInfo *video, gboolean *unreadable)
{
  gboolean taken = FALSE;

  *unreadable = FALSE;
  gst_clip_encoder_need_thread (self);
  GstClipSlot *slot = idle_slot (self, frame->texts.engine, gst_clip_frame_count_more (frame));
  if (slot) {
    gst_clip_slot_aim (self, slot, frame);
    taken = slot->n_used > 0 && load_frame (self, slot, frame, buffer, video, FALSE);
    *unreadable = slot->n_used > 0 && !taken;
    if (taken)
      hand_over (self, slot, SLOT_LOADED);
    else
      give_up (self, slot);
  }
  gst_clip_frame_clear (frame);
  return taken;
}

GPtrArray *
gst_clip_encoder_newest (GstClipEncoder *self, gboolean *idle)
{
  g_mutex_lock (&self->lock);
  GPtrArray *newest = self->newest ? g_ptr_array_ref (self->newest) : NULL;
  *idle = self->busy == 0;
  self->n_wanted++;
  g_mutex_unlock (&self->lock);
  return newest;
}

void
gst_clip_encoder_drain (GstClipEncoder *self)
{
  g_mutex_lock (&self->lock);
  while (self->busy > 0 && !self->flushing && !self->stopping)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
}
