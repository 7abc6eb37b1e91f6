/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipencoder.h"
#include "gst-clip/element/gstclipframe.h"
#include "gst-clip/element/gstclipsmoother.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

/* How often `settled` is called again where it asks for it; twice as long each time. */
#define FIRST_RETRY_US 1000
#define LAST_RETRY_US  20000

/* Copies of a frame's results that are made in advance; labels in all of them. */
#define LEAST_COPIES 4
#define MOST_COPIES  512
#define MOST_LABELS  4096

/* A frame on its way: the slot that encodes it and whoever has its ticket hold one each. */
struct _GstClipTicket {
  gatomicrefcount refs;
  gboolean wanted; /* somebody will collect it */
  GstClipFrame frame;
  guint epoch;
  gint64 started;    /* monotonic us */
  GstClockTime took; /* encoder lock until settled; so are the next ones */
  gboolean settled;
  GPtrArray *results; /* NULL: none */
};

/* Whoever moves a slot out of IDLE owns it until the next state. */
typedef enum {
  IDLE,
  PREPARING, /* the thread makes the job */
  LOADING,   /* the streaming thread copies pixels */
  LOADED,    /* the thread may start it */
  STARTED,   /* the device works; the thread may wait for it */
  RUNNING,   /* the thread has it */
} State;

typedef struct {
  State state;     /* encoder lock; the rest is the owner's */
  ClipJob *job;    /* of whole frames */
  GPtrArray *more; /* of ClipJob: for regions; NULL where none were needed */
  ClipJob *used[GST_CLIP_REGIONS_MAX + 1]; /* those of this frame, in the order of its regions */
  guint n_used;
  ClipEngine *engine;
  guint info_count;
  GstClipTicket *ticket;
} Slot;

struct _GstClipEncoder {
  GstElement *element;
  GstClipEncoderFuncs funcs;
  gpointer data;
  GThread *thread; /* made with the first frame; streaming thread and stop only */

  GMutex lock; /* guards the next ones; not held while the engine works */
  GCond cond;
  gboolean stopping, flushing;
  Slot slots[GST_CLIP_ENCODER_DEPTH]; /* used in turn */
  guint oldest, busy;                 /* slots in use */
  ClipFrameInfo info;
  guint info_count; /* 0: no info yet */
  guint epoch;      /* +1 for each discard */
  GPtrArray *newest;
  guint n_wanted;            /* how often the newest were asked for since they came */
  ClipEngine *wanted_engine; /* nullable: the thread shall make jobs for it */
  guint wanted_more;         /* and so many for regions */
  gint64 settle_at;          /* monotonic us when `settled` is to be called; 0: not */
  gint64 settle_pause;       /* us until it is called again */

  gboolean forget_still; /* the picture that is kept has no results (any more) */

  ClipStill *still; /* nullable; of whoever starts jobs: the streaming thread, or ours in latest */
  ClipEngine *still_engine;
  GArray *similarities, *negatives; /* of float; the thread's */
  GArray *scores;                   /* of double; likewise */
  GstClipSmoother *smoother;        /* likewise */
};

void
gst_clip_frame_clear (GstClipFrame *frame)
{
  gst_clip_texts_clear (&frame->texts);
  g_clear_pointer (&frame->regions, g_array_unref);
}

/* Tickets ------------------------------------------------------------------ */

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

static void
ticket_unref (GstClipTicket *ticket)
{
  if (!g_atomic_ref_count_dec (&ticket->refs))
    return;
  gst_clip_frame_clear (&ticket->frame);
  g_clear_pointer (&ticket->results, g_ptr_array_unref);
  g_free (ticket);
}

/* Jobs --------------------------------------------------------------------- */

static const GstClipRegion *
region_of (const GstClipFrame *frame, guint i)
{
  return frame->regions ? &g_array_index (frame->regions, GstClipRegion, i)
                        : &frame->context.region;
}

/* How many jobs @frame needs besides the one of whole frames. */
static guint
count_more (const GstClipFrame *frame)
{
  guint n = 0;

  for (guint i = 0; frame->regions && i < frame->regions->len; i++)
    n += region_of (frame, i)->kind != GST_CLIP_REGION_FRAME;
  return n;
}

static gboolean
job_fits (GstClipEncoder *self, const Slot *slot, ClipEngine *engine)
{
  return slot->job && slot->engine == engine && slot->info_count == self->info_count;
}

static gboolean
jobs_fit (GstClipEncoder *self, const Slot *slot, ClipEngine *engine, guint more)
{
  return job_fits (self, slot, engine) && (slot->more ? slot->more->len : 0) >= more;
}

static void
drop_job (Slot *slot)
{
  g_clear_pointer (&slot->job, clip_job_free);
  g_clear_pointer (&slot->more, g_ptr_array_unref);
  slot->n_used = 0;
  g_clear_pointer (&slot->engine, clip_engine_unref);
}

/* Jobs keep the dead device. The caller owns @mine. */
static void
drop_jobs_of_lost_device (GstClipEncoder *self, Slot *mine)
{
  Slot idle[GST_CLIP_ENCODER_DEPTH] = { 0 };

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < G_N_ELEMENTS (idle); i++)
    if (self->slots[i].state == IDLE) {
      idle[i] = self->slots[i];
      self->slots[i] = (Slot){ IDLE };
    }
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < G_N_ELEMENTS (idle); i++)
    drop_job (&idle[i]);
  drop_job (mine);
}

/* The caller owns the slot; so does that of the next one. */
static gboolean
prepare_more (GstClipEncoder *self, Slot *slot, const ClipFrameInfo *info, guint n)
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

static gboolean
prepare_jobs (GstClipEncoder *self, Slot *slot, ClipEngine *engine, guint more)
{
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&self->lock);
  gboolean fits = job_fits (self, slot, engine);
  ClipFrameInfo info = self->info;
  guint info_count = self->info_count;
  g_mutex_unlock (&self->lock);
  if (fits)
    return prepare_more (self, slot, &info, more);

  drop_job (slot);
  slot->job = clip_job_new (engine, &info, &error);
  slot->engine = clip_engine_ref (engine);
  slot->info_count = info_count;
  if (slot->job)
    clip_job_set_stream (slot->job, self);
  else
    self->funcs.failed (engine, error, self->data);
  return slot->job != NULL && prepare_more (self, slot, &info, more);
}

static void
fail_job (GstClipEncoder *self, Slot *slot, const GError *error)
{
  g_autoptr (ClipEngine) engine = clip_engine_ref (slot->engine);

  g_mutex_lock (&self->lock);
  self->forget_still = TRUE;
  g_mutex_unlock (&self->lock);
  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST))
    drop_jobs_of_lost_device (self, slot);
  self->funcs.failed (engine, error, self->data);
}

/* Which job sees what. A region that is too narrow to be resized is left out, here and in @frame. */
static void
aim_jobs (GstClipEncoder *self, Slot *slot, GstClipFrame *frame)
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

static gboolean
start_jobs (Slot *slot, GError **error)
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

static void
drop_still (GstClipEncoder *self)
{
  g_clear_pointer (&self->still, clip_still_free);
  g_clear_pointer (&self->still_engine, clip_engine_unref);
}

/* Whether the loaded frame is so much like the last encoded one that it is not. If not, it is the one
 * to compare with. What fails here fails again where the frame is encoded, and is told there. */
static gboolean
is_still (GstClipEncoder *self, Slot *slot)
{
  const GstClipFrame *frame = &slot->ticket->frame;
  gdouble change = 1.0;

  if (frame->skip_still <= 0.0 || frame->regions)
    return FALSE;
  if (self->still_engine != slot->engine) {
    drop_still (self);
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
wait_for_result (GstClipEncoder *self, Slot *slot, guint i, GError **error)
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
static GPtrArray *
wait_for_results (GstClipEncoder *self, Slot *slot, GError **error)
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

/* Slots: the next ones are called with the lock held --------------------------- */

static Slot *
oldest_slot (GstClipEncoder *self)
{
  return &self->slots[self->oldest];
}

/* The one to use next. @busy is below the depth. */
static Slot *
next_slot (GstClipEncoder *self)
{
  if (self->busy == 0)
    self->oldest = 0; /* who has no more than one frame on its way needs no more than one job */
  return &self->slots[(self->oldest + self->busy) % GST_CLIP_ENCODER_DEPTH];
}

static Slot *
take_slot (GstClipEncoder *self, State state)
{
  Slot *slot = next_slot (self);

  slot->state = state;
  self->busy++;
  return slot;
}

static void
free_oldest_slot (GstClipEncoder *self)
{
  oldest_slot (self)->state = IDLE;
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
  if (fresh && !ticket->wanted) {
    g_clear_pointer (&self->newest, g_ptr_array_unref);
    self->newest = g_ptr_array_ref (results);
  }
  g_mutex_unlock (&self->lock);
  if (!fresh)
    return;

  self->funcs.done (results, times, self->data);
  g_mutex_lock (&self->lock);
  if (ticket->wanted)
    ticket->results = g_ptr_array_ref (results);
  g_mutex_unlock (&self->lock);
}

static void
encode (GstClipEncoder *self, Slot *slot, gboolean started)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) results = NULL;
  ClipJobTimes times = { 0 };

  if (!started && is_still (self, slot)) {
    self->funcs.still (self->data);
    return;
  }
  if (started || start_jobs (slot, &error))
    results = wait_for_results (self, slot, &error);
  if (results)
    times = clip_job_times (slot->used[0]);
  if (error)
    fail_job (self, slot, error);

  report (self, slot->ticket, results, &times);
}

/* Called with the lock held, returns with it held; so do the next two. */
static void
serve_slot (GstClipEncoder *self, Slot *slot)
{
  gboolean started = slot->state == STARTED;
  GstClipTicket *ticket = slot->ticket;

  slot->state = RUNNING;
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
  ticket_unref (ticket);
  g_mutex_lock (&self->lock);
}

/* One try for each offer, or a job that cannot be made would be tried for ever. */
static void
serve_engine (GstClipEncoder *self)
{
  ClipEngine *engine = g_steal_pointer (&self->wanted_engine);
  const guint more = self->wanted_more;
  Slot *slot = take_slot (self, PREPARING);

  g_mutex_unlock (&self->lock);
  prepare_jobs (self, slot, engine, more);
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
    Slot *slot = oldest_slot (self);

    if (self->settle_at && g_get_monotonic_time () >= self->settle_at)
      serve_settled (self);
    else if (slot->state == LOADED || slot->state == STARTED)
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

static void
need_thread (GstClipEncoder *self)
{
  if (!self->thread)
    self->thread = g_thread_new ("clip-encoder", thread_main, self);
}

/* The streaming thread ----------------------------------------------------------- */

/* Makes @frame the one that the slot encodes, and copies its pixels. The caller owns the slot. */
static gboolean
load_frame (GstClipEncoder *self, Slot *slot, GstClipFrame *frame, GstBuffer *buffer,
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
hand_over (GstClipEncoder *self, Slot *slot, State state)
{
  g_mutex_lock (&self->lock);
  slot->state = state;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static void
give_up (GstClipEncoder *self, Slot *slot)
{
  GstClipTicket *ticket = g_steal_pointer (&slot->ticket);

  g_mutex_lock (&self->lock);
  self->busy--; /* it is the newest one */
  slot->state = IDLE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&ticket, ticket_unref);
}

/* Returns: (nullable): a slot in LOADING. */
static Slot *
wait_for_slot (GstClipEncoder *self)
{
  Slot *slot = NULL;

  g_mutex_lock (&self->lock);
  while (self->busy == GST_CLIP_ENCODER_DEPTH && !self->flushing && !self->stopping)
    g_cond_wait (&self->cond, &self->lock);
  if (!self->flushing && !self->stopping)
    slot = take_slot (self, LOADING);
  g_mutex_unlock (&self->lock);
  return slot;
}

static gboolean
load_and_start (GstClipEncoder *self, Slot *slot, GstClipFrame *frame, GstBuffer *buffer,
                const GstVideoInfo *video, gboolean *still, gboolean *unreadable)
{
  g_autoptr (GError) error = NULL;

  if (!prepare_jobs (self, slot, frame->texts.engine, count_more (frame)))
    return FALSE;
  aim_jobs (self, slot, frame);
  if (slot->n_used == 0)
    return FALSE;
  *unreadable = !load_frame (self, slot, frame, buffer, video, TRUE);
  if (*unreadable)
    return FALSE;
  *still = is_still (self, slot);
  if (*still) {
    self->funcs.still (self->data);
    return FALSE;
  }
  if (start_jobs (slot, &error))
    return TRUE;
  fail_job (self, slot, error);
  return FALSE;
}

GstFlowReturn
gst_clip_encoder_submit (GstClipEncoder *self, GstClipFrame *frame, GstBuffer *buffer,
                         const GstVideoInfo *video, GstClipTicket **ticket, gboolean *still,
                         gboolean *unreadable)
{
  *ticket = NULL;
  *still = *unreadable = FALSE;
  need_thread (self);
  Slot *slot = wait_for_slot (self);
  if (slot && load_and_start (self, slot, frame, buffer, video, still, unreadable)) {
    *ticket = slot->ticket;
    g_atomic_ref_count_inc (&slot->ticket->refs);
    hand_over (self, slot, STARTED);
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
  ticket_unref (ticket);
  return settled ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

void
gst_clip_encoder_forget (GstClipTicket *ticket)
{
  g_clear_pointer (&ticket, ticket_unref);
}

/* Returns: (nullable): a slot in LOADING. Else, where it can be, jobs are asked for. */
static Slot *
idle_slot (GstClipEncoder *self, ClipEngine *engine, guint more)
{
  ClipEngine *old = NULL;
  Slot *slot = NULL;

  g_mutex_lock (&self->lock);
  if (self->busy == 0 && jobs_fit (self, next_slot (self), engine, more)) {
    slot = take_slot (self, LOADING);
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
  need_thread (self);
  Slot *slot = idle_slot (self, frame->texts.engine, count_more (frame));
  if (slot) {
    aim_jobs (self, slot, frame);
    taken = slot->n_used > 0 && load_frame (self, slot, frame, buffer, video, FALSE);
    *unreadable = slot->n_used > 0 && !taken;
    if (taken)
      hand_over (self, slot, LOADED);
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

/* Both --------------------------------------------------------------------- */

static void
discard_locked (GstClipEncoder *self)
{
  self->epoch++;
  self->forget_still = TRUE;
  g_clear_pointer (&self->newest, g_ptr_array_unref);
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
    drop_job (&self->slots[i]); /* waits where it has been started */
    g_clear_pointer (&self->slots[i].ticket, ticket_unref);
    self->slots[i].state = IDLE;
  }
  drop_still (self);
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
