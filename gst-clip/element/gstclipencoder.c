/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipslot.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

/* How often `settled` is called again where it asks for it; twice as long each time. */
#define FIRST_RETRY_US 1000
#define LAST_RETRY_US  20000

/* Copies of a frame's results that are made in advance; labels in all of them. */
#define LEAST_COPIES 4
#define MOST_COPIES  512
#define MOST_LABELS  4096

void
gst_clip_frame_clear (GstClipFrame *frame)
{
  gst_clip_texts_clear (&frame->texts);
  g_clear_pointer (&frame->regions, g_array_unref);
}

void
gst_clip_ticket_unref (GstClipTicket *ticket)
{
  if (!g_atomic_ref_count_dec (&ticket->refs))
    return;
  gst_clip_frame_clear (&ticket->frame);
  g_clear_pointer (&ticket->results, g_ptr_array_unref);
  g_free (ticket);
}

/* Called with the lock held ------------------------------------------------------- */

static GstClipSlot *
oldest_slot (GstClipEncoder *self)
{
  return &self->slots[self->oldest];
}

static void
free_oldest_slot (GstClipEncoder *self)
{
  oldest_slot (self)->state = SLOT_IDLE;
  self->oldest = (self->oldest + 1) % GST_CLIP_ENCODER_DEPTH;
  self->busy--;
  g_cond_broadcast (&self->cond);
}

/* The thread --------------------------------------------------------------------- */

/* Copies to attach, as many as frames passed during the last encoding: here they cost the streaming
 * thread nothing. */
static void
prepare_copies (GstClipEncoder *self, GPtrArray *results, gboolean wanted)
{
  g_mutex_lock (&self->lock);
  guint n = wanted ? 1 : CLAMP (self->n_wanted + 1, LEAST_COPIES, MOST_COPIES);
  if (!wanted)
    self->n_wanted = 0;
  g_mutex_unlock (&self->lock);

  /* Not for ever: a list of thousands is copied when it is needed. */
  GstClipResult *first = g_ptr_array_index (results, 0);
  const guint n_labels = g_strv_length ((gchar **)gst_clip_result_labels (first));
  gst_clip_result_prepare (first, MIN (n, MOST_LABELS / MAX (n_labels, 1)));
}

/* @results: (nullable). What was discarded is not told. The message comes before the buffer. */
static void
report (GstClipEncoder *self, GstClipTicket *ticket, GPtrArray *results, const ClipJobTimes *times)
{
  if (!results)
    return;
  prepare_copies (self, results, ticket->wanted);
  g_mutex_lock (&self->lock);
  gboolean fresh = ticket->epoch == self->epoch;
  const gboolean tell = fresh && ticket->frame.texts.serial >= self->expected;
  if (fresh && !ticket->wanted) {
    g_clear_pointer (&self->newest, g_ptr_array_unref);
    self->newest = g_ptr_array_ref (results);
  }
  self->telling = tell;
  g_mutex_unlock (&self->lock);
  if (!fresh)
    return;

  self->funcs.done (results, times, tell, self->data);
  g_mutex_lock (&self->lock);
  self->telling = FALSE;
  if (ticket->wanted)
    ticket->results = g_ptr_array_ref (results);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static void
encode (GstClipEncoder *self, GstClipSlot *slot, gboolean started)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) results = NULL;
  ClipJobTimes times = { 0 };

  if (!started && gst_clip_slot_is_still (self, slot)) {
    self->funcs.still (self->data);
    return;
  }
  if (started || gst_clip_slot_start (slot, &error))
    results = gst_clip_slot_wait (self, slot, &error);
  if (results)
    times = clip_job_times (slot->used[0]);
  if (error)
    gst_clip_slot_fail (self, slot, error);

  report (self, slot->ticket, results, &times);
}

/* Called with the lock held, returns with it held; so do the next two. */
static void
serve_slot (GstClipEncoder *self, GstClipSlot *slot)
{
  gboolean started = slot->state == SLOT_STARTED;
  GstClipTicket *ticket = slot->ticket;

  slot->state = SLOT_RUNNING;
  gboolean discarded = ticket->epoch != self->epoch;
  g_mutex_unlock (&self->lock);
  if (started || !discarded)
    encode (self, slot, started);
  gst_clip_frame_clear (&ticket->frame); /* whoever collects needs them no more */
  g_mutex_lock (&self->lock);
  ticket->took = (g_get_monotonic_time () - ticket->started) * GST_USECOND;
  ticket->settled = TRUE;
  slot->ticket = NULL;
  if (ticket->wanted) {
    self->settle_at = g_get_monotonic_time ();
    self->settle_pause = FIRST_RETRY_US;
  }
  free_oldest_slot (self);
  g_mutex_unlock (&self->lock);
  gst_clip_ticket_unref (ticket);
  g_mutex_lock (&self->lock);
}

/* One try for each offer, or a job that cannot be made would be tried for ever. */
static void
serve_engine (GstClipEncoder *self)
{
  ClipEngine *engine = g_steal_pointer (&self->wanted_engine);
  const guint more = self->wanted_more;
  GstClipSlot *slot = gst_clip_encoder_take_slot (self, SLOT_PREPARING);

  g_mutex_unlock (&self->lock);
  gst_clip_slot_prepare (self, slot, engine, more);
  clip_engine_unref (engine);
  g_mutex_lock (&self->lock);
  free_oldest_slot (self);
}

/* Again where it did not help, more and more seldom. */
static void
serve_settled (GstClipEncoder *self)
{
  self->settle_at = 0;
  g_mutex_unlock (&self->lock);
  gboolean again = self->funcs.settled (self->data);
  g_mutex_lock (&self->lock);
  if (!again)
    return;
  self->settle_at = g_get_monotonic_time () + self->settle_pause;
  self->settle_pause = MIN (2 * self->settle_pause, LAST_RETRY_US);
}

static gpointer
thread_main (gpointer data)
{
  GstClipEncoder *self = data;

  g_mutex_lock (&self->lock);
  while (!self->stopping) {
    GstClipSlot *slot = oldest_slot (self);

    if (self->settle_at && g_get_monotonic_time () >= self->settle_at)
      serve_settled (self);
    else if (slot->state == SLOT_LOADED || slot->state == SLOT_STARTED)
      serve_slot (self, slot);
    else if (self->busy == 0 && self->wanted_engine)
      serve_engine (self);
    else if (self->settle_at)
      g_cond_wait_until (&self->cond, &self->lock, self->settle_at);
    else
      g_cond_wait (&self->cond, &self->lock);
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

void
gst_clip_encoder_need_thread (GstClipEncoder *self)
{
  if (!self->thread)
    self->thread = g_thread_new ("clip-encoder", thread_main, self);
}

/* Both --------------------------------------------------------------------- */

static void
discard_locked (GstClipEncoder *self)
{
  self->epoch++;
  self->forget_still = TRUE;
  g_clear_pointer (&self->newest, g_ptr_array_unref);
}

void
gst_clip_encoder_forget_still (GstClipEncoder *self)
{
  g_mutex_lock (&self->lock);
  self->forget_still = TRUE;
  g_mutex_unlock (&self->lock);
}

void
gst_clip_encoder_discard (GstClipEncoder *self)
{
  g_mutex_lock (&self->lock);
  discard_locked (self);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_encoder_set_info (GstClipEncoder *self, const ClipFrameInfo *info)
{
  g_mutex_lock (&self->lock);
  self->info = *info;
  self->info_count++;
  discard_locked (self);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_encoder_expect (GstClipEncoder *self, guint serial)
{
  g_mutex_lock (&self->lock);
  self->expected = serial;
  while (self->telling && !self->stopping)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_encoder_set_flushing (GstClipEncoder *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

GstClipEncoder *
gst_clip_encoder_new (GstElement *element, const GstClipEncoderFuncs *funcs, gpointer data)
{
  GstClipEncoder *self = g_new0 (GstClipEncoder, 1);

  self->element = element;
  self->funcs = *funcs;
  self->data = data;
  self->similarities = g_array_new (FALSE, FALSE, sizeof (float));
  self->negatives = g_array_new (FALSE, FALSE, sizeof (float));
  self->scores = g_array_new (FALSE, FALSE, sizeof (gdouble));
  self->smoother = gst_clip_smoother_new ();
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  return self;
}

void
gst_clip_encoder_start (GstClipEncoder *self)
{
  g_mutex_lock (&self->lock);
  self->stopping = self->flushing = FALSE;
  g_mutex_unlock (&self->lock);
}

void
gst_clip_encoder_cancel (GstClipEncoder *self)
{
  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_encoder_stop (GstClipEncoder *self)
{
  gst_clip_encoder_cancel (self);
  if (self->thread)
    g_thread_join (g_steal_pointer (&self->thread));
  gst_clip_encoder_discard (self);
  g_clear_pointer (&self->wanted_engine, clip_engine_unref);
  for (guint i = 0; i < G_N_ELEMENTS (self->slots); i++) {
    gst_clip_slot_drop (&self->slots[i]); /* waits where it has been started */
    g_clear_pointer (&self->slots[i].ticket, gst_clip_ticket_unref);
    self->slots[i].state = SLOT_IDLE;
  }
  gst_clip_encoder_drop_still (self);
  self->oldest = self->busy = 0;
  self->settle_at = 0;
  gst_clip_smoother_reset (self->smoother);
}

void
gst_clip_encoder_free (GstClipEncoder *self)
{
  gst_clip_encoder_stop (self);
  g_array_unref (self->similarities);
  g_array_unref (self->negatives);
  g_array_unref (self->scores);
  gst_clip_smoother_free (self->smoother);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  g_free (self);
}
