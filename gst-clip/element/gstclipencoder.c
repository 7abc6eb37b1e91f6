/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipencoder.h"
#include "gst-clip/element/gstclipframe.h"

/* Whoever moves the state out of IDLE owns the job and the frame until it moves it on. */
typedef enum {
  IDLE,
  PREPARING, /* the job is being made */
  LOADING,   /* the streaming thread copies pixels */
  LOADED,    /* the thread may take it */
  RUNNING,
} State;

struct _GstClipEncoder {
  GstElement *element;
  GstClipEncoderFuncs funcs;
  gpointer data;
  GThread *thread; /* made with the first offer; streaming thread and stop only */

  GMutex lock; /* guards the next ones; not held while the engine works */
  GCond cond;
  gboolean stopping, flushing;
  State state;
  ClipFrameInfo info;
  guint info_count; /* 0: no info yet */
  guint epoch;      /* +1 for each discard */
  GstClipResult *newest;
  ClipEngine *wanted_engine; /* nullable: the thread shall make a job for it */

  ClipJob *job; /* these belong to the state's owner */
  ClipEngine *job_engine;
  guint job_info_count;
  GstClipFrame frame;
  guint frame_epoch;
  GArray *similarities, *negatives; /* of float: of the last frame */
  GArray *scores;                   /* of double */
};

static gboolean
job_fits (GstClipEncoder *self, ClipEngine *engine)
{
  return self->job && self->job_engine == engine && self->job_info_count == self->info_count;
}

static void
drop_job (GstClipEncoder *self)
{
  g_clear_pointer (&self->job, clip_job_free);
  g_clear_pointer (&self->job_engine, clip_engine_unref);
}

/* The caller owns the state. */
static gboolean
prepare_job (GstClipEncoder *self, ClipEngine *engine)
{
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&self->lock);
  gboolean fits = job_fits (self, engine);
  ClipFrameInfo info = self->info;
  guint info_count = self->info_count;
  g_mutex_unlock (&self->lock);
  if (fits)
    return TRUE;

  drop_job (self);
  self->job = clip_job_new (engine, &info, &error);
  self->job_engine = clip_engine_ref (engine);
  self->job_info_count = info_count;
  if (!self->job)
    self->funcs.failed (engine, error, self->data);
  return self->job != NULL;
}

static GstClipResult *
run_job (GstClipEncoder *self, GError **error)
{
  GstClipTexts *texts = &self->frame.texts;
  guint n_background = 0;
  guint n = clip_prompt_set_size (clip_texts_prompts (texts->texts));
  guint n_negatives = clip_texts_n_negatives (texts->texts, &n_background);
  g_autofree gchar *source = gst_object_get_name (GST_OBJECT (self->element));
  GstClipInference inference = {
    .texts = texts->texts,
    .serial = texts->serial,
    .model = clip_engine_model_name (texts->engine),
  };

  g_array_set_size (self->similarities, n);
  g_array_set_size (self->negatives, n_negatives + n_background);
  g_array_set_size (self->scores, n);
  clip_job_rank (self->job, self->frame.params.top_k);
  if (!clip_job_run (self->job, texts->texts, (float *)self->similarities->data,
                     (float *)self->negatives->data, error))
    return NULL;
  inference.similarities = (const float *)self->similarities->data;
  inference.negatives = (const float *)self->negatives->data;
  inference.scores = (gdouble *)self->scores->data;
  inference.best = clip_job_best (self->job, &inference.n_best);
  return gst_clip_result_new (source, &inference, &self->frame.params, &self->frame.context, error);
}

/* Encodes the loaded frame and reports. The caller owns the state.
 * Returns: (transfer full) (nullable): NULL also when it was discarded. */
static GstClipResult *
run_frame (GstClipEncoder *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstClipResult) result = run_job (self, &error);
  gboolean fresh = FALSE;

  if (result) {
    ClipJobTimes times = clip_job_times (self->job);
    g_mutex_lock (&self->lock);
    fresh = self->frame_epoch == self->epoch;
    if (fresh) {
      g_clear_pointer (&self->newest, gst_clip_result_unref);
      self->newest = gst_clip_result_ref (result);
    }
    g_mutex_unlock (&self->lock);
    if (fresh)
      self->funcs.done (result, &times, self->data);
  } else {
    if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST))
      drop_job (self); /* it keeps the dead device */
    self->funcs.failed (self->frame.texts.engine, error, self->data);
  }
  gst_clip_texts_clear (&self->frame.texts);
  return fresh ? g_steal_pointer (&result) : NULL;
}

static void
set_state (GstClipEncoder *self, State state)
{
  g_mutex_lock (&self->lock);
  self->state = state;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* Makes @frame the one to encode, and copies its pixels. The caller owns the state. */
static gboolean
load_frame (GstClipEncoder *self, GstClipFrame *frame, GstBuffer *buffer, const GstVideoInfo *video)
{
  g_mutex_lock (&self->lock);
  self->frame_epoch = self->epoch;
  g_mutex_unlock (&self->lock);
  if (!gst_clip_frame_load (self->job, buffer, video))
    return FALSE;
  self->frame = *frame;
  frame->texts = (GstClipTexts){ NULL };
  return TRUE;
}

/* In-step ------------------------------------------------------------------ */

GstClipResult *
gst_clip_encoder_encode (GstClipEncoder *self, GstClipFrame *frame, GstBuffer *buffer,
                         const GstVideoInfo *video, gboolean *unreadable)
{
  GstClipResult *result = NULL;

  *unreadable = FALSE;
  set_state (self, RUNNING);
  if (prepare_job (self, frame->texts.engine)) {
    *unreadable = !load_frame (self, frame, buffer, video);
    if (!*unreadable)
      result = run_frame (self);
  }
  set_state (self, IDLE);
  gst_clip_texts_clear (&frame->texts);
  return result;
}

/* Latest ------------------------------------------------------------------- */

/* Called with the lock held, returns with it held; so do the next two. */
static void
serve_frame (GstClipEncoder *self)
{
  gboolean discarded = self->frame_epoch != self->epoch;
  GstClipResult *result = NULL;

  self->state = RUNNING;
  g_mutex_unlock (&self->lock);
  if (discarded)
    gst_clip_texts_clear (&self->frame.texts);
  else
    result = run_frame (self);
  g_clear_pointer (&result, gst_clip_result_unref);
  g_mutex_lock (&self->lock);
  self->state = IDLE;
  g_cond_broadcast (&self->cond);
}

/* One try for each offer, or a job that cannot be made would be tried for ever. */
static void
serve_engine (GstClipEncoder *self)
{
  ClipEngine *engine = g_steal_pointer (&self->wanted_engine);

  self->state = PREPARING;
  g_mutex_unlock (&self->lock);
  prepare_job (self, engine);
  clip_engine_unref (engine);
  g_mutex_lock (&self->lock);
  self->state = IDLE;
  g_cond_broadcast (&self->cond);
}

static gpointer
thread_main (gpointer data)
{
  GstClipEncoder *self = data;

  g_mutex_lock (&self->lock);
  while (!self->stopping) {
    if (self->state == LOADED)
      serve_frame (self);
    else if (self->state == IDLE && self->wanted_engine)
      serve_engine (self);
    else
      g_cond_wait (&self->cond, &self->lock);
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* Returns: TRUE when the state is now LOADING. Else, where it can be, a job is asked for. */
static gboolean
begin_loading (GstClipEncoder *self, ClipEngine *engine)
{
  ClipEngine *old = NULL;

  g_mutex_lock (&self->lock);
  gboolean ready = self->state == IDLE && job_fits (self, engine);
  if (ready) {
    self->state = LOADING;
  } else if (self->state == IDLE) {
    old = self->wanted_engine;
    self->wanted_engine = clip_engine_ref (engine);
    g_cond_broadcast (&self->cond);
  }
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&old, clip_engine_unref);
  return ready;
}

void
gst_clip_encoder_offer (GstClipEncoder *self, GstClipFrame *frame, GstBuffer *buffer,
                        const GstVideoInfo *video, gboolean *unreadable)
{
  *unreadable = FALSE;
  if (!self->thread)
    self->thread = g_thread_new ("clip-encoder", thread_main, self);
  if (begin_loading (self, frame->texts.engine)) {
    *unreadable = !load_frame (self, frame, buffer, video);
    set_state (self, *unreadable ? IDLE : LOADED);
  }
  gst_clip_texts_clear (&frame->texts);
}

GstClipResult *
gst_clip_encoder_newest (GstClipEncoder *self)
{
  g_mutex_lock (&self->lock);
  GstClipResult *newest = self->newest ? gst_clip_result_ref (self->newest) : NULL;
  g_mutex_unlock (&self->lock);
  return newest;
}

void
gst_clip_encoder_drain (GstClipEncoder *self)
{
  g_mutex_lock (&self->lock);
  while ((self->state == LOADED || self->state == RUNNING) && !self->flushing && !self->stopping)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
}

/* Both --------------------------------------------------------------------- */

static void
discard_locked (GstClipEncoder *self)
{
  self->epoch++;
  g_clear_pointer (&self->newest, gst_clip_result_unref);
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
  self->state = IDLE;
  gst_clip_encoder_discard (self);
  g_clear_pointer (&self->wanted_engine, clip_engine_unref);
  gst_clip_texts_clear (&self->frame.texts);
  drop_job (self);
}

void
gst_clip_encoder_free (GstClipEncoder *self)
{
  gst_clip_encoder_stop (self);
  g_array_unref (self->similarities);
  g_array_unref (self->negatives);
  g_array_unref (self->scores);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  g_free (self);
}
