/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstcliploader.h"
#include "gst-clip/element/gstclipmessages.h"
#include "gst-clip/element/gstcliprequest.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

/* A device that is lost twice within this time will be lost again. */
#define LOSS_PERIOD (60 * G_USEC_PER_SEC)

/* FAILING: an error is about to be posted, and only then may the streaming thread return one. */
typedef enum { HEALTHY, FAILING, FAILED } Health;

struct _GstClipLoader {
  GstElement *element;
  GstClipLoaderFuncs funcs;
  gpointer data;
  GThread *thread;
  gchar *model, *device, *group; /* the thread's own while it runs */
  ClipPrecision precision;
  ClipCancel cancel;
  gboolean loading;        /* a progress START without its COMPLETE; the thread's own */
  guint announced_serial;  /* the thread's own */
  gboolean warned_sigmoid; /* the thread's own */

  GMutex lock; /* guards the rest */
  GCond cond;
  gboolean stopping, flushing;
  Health health;
  gboolean first_done; /* the first set is in force, or there was none */
  gboolean regions;
  guint frame_side;
  guint warm_side; /* up to which @current.engine is ready for regions */
  GstClipRequest wanted;
  guint wanted_count, done_count; /* requests made, and how many of them are dealt with */
  gboolean wanted_failed;  /* the newest could not be encoded: @in_force is what to keep to */
  GstClipRequest in_force; /* that @current was made of, also after the device was lost */
  GstClipTexts current;
  gint64 last_loss; /* monotonic time in us; 0: never */
  gint state;       /* GstClipLoaderState: what these amount to; read without the lock */
};

/* Whoever changes @current, @health or @stopping calls this before the lock is released. */
static void
update_state (GstClipLoader *self)
{
  const GstClipLoaderState state = self->health == FAILED && !self->stopping
                                       ? GST_CLIP_LOADER_FAILED
                                   : self->current.texts ? GST_CLIP_LOADER_READY
                                                         : GST_CLIP_LOADER_WITHOUT;

  g_atomic_int_set (&self->state, state);
}

void
gst_clip_texts_clear (GstClipTexts *texts)
{
  g_clear_pointer (&texts->texts, clip_texts_unref);
  g_clear_pointer (&texts->engine, clip_engine_unref);
}

/* Opening ------------------------------------------------------------------ */

static void
set_health (GstClipLoader *self, Health health)
{
  g_mutex_lock (&self->lock);
  self->health = health;
  update_state (self);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static void
fail (GstClipLoader *self, const GError *error)
{
  gboolean cancelled = g_error_matches (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED);

  gst_clip_post_progress (self->element,
                          cancelled ? GST_PROGRESS_TYPE_CANCELED : GST_PROGRESS_TYPE_ERROR,
                          error->message);
  if (!cancelled)
    gst_clip_post_error (self->element, error);
  set_health (self, FAILED);
}

static void
open_engine (GstClipLoader *self)
{
  ClipEngineConfig config = { self->model, self->device, self->precision, self->group, TRUE };
  GstClipProgress progress = { .element = self->element };
  g_autoptr (GError) error = NULL;

  if (!self->loading)
    gst_clip_post_progress (self->element, GST_PROGRESS_TYPE_START, "Opening the model again");
  self->loading = TRUE;
  ClipEngine *engine =
      clip_engine_open (&config, &self->cancel, gst_clip_progress_post, &progress, &error);

  gst_clip_progress_clear (&progress);
  if (!engine) {
    fail (self, error);
    return;
  }
  GST_INFO_OBJECT (self->element, "model %s on %s", clip_engine_model_name (engine),
                   clip_engine_device_name (engine));
  g_mutex_lock (&self->lock);
  self->current.engine = engine;
  self->warm_side = 0;
  g_mutex_unlock (&self->lock);
}

/* Also then regions are encoded, only that the first one of a size may take a second. */
static void
regions_failed (GstClipLoader *self, ClipEngine *engine, const GError *error)
{
  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST))
    gst_clip_loader_device_lost (self, engine, error);
  else if (!g_error_matches (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED))
    GST_WARNING_OBJECT (self->element, "not ready for regions: %s", error->message);
}

/* With the lock held. */
static gboolean
regions_are_due (GstClipLoader *self)
{
  const gboolean idle = self->done_count == self->wanted_count;

  return self->regions && self->frame_side > self->warm_side && (idle || !self->first_done);
}

/* Called with the lock held, returns with it held. */
static void
prepare_regions (GstClipLoader *self)
{
  ClipEngine *engine = clip_engine_ref (self->current.engine);
  const guint side = self->warm_side = self->frame_side;
  g_autoptr (GError) error = NULL;

  g_mutex_unlock (&self->lock);
  if (self->loading)
    gst_clip_post_progress (self->element, GST_PROGRESS_TYPE_CONTINUE, "Getting ready for regions");
  if (!clip_engine_warm_up_regions (engine, side, &self->cancel, &error))
    regions_failed (self, engine, error);
  clip_engine_unref (engine);
  g_mutex_lock (&self->lock);
}

static void
loading_done (GstClipLoader *self, ClipEngine *engine)
{
  self->loading = FALSE;
  gst_clip_progress_complete (self->element, self->model, engine);
}

/* Prompt sets -------------------------------------------------------------- */

/* The new set is whole, or @texts is NULL for a set without labels. */
static gboolean
swap_in (GstClipLoader *self, ClipEngine *engine, ClipTexts *texts, const GstClipRequest *request)
{
  GstClipRequest was_in_force = { NULL };
  ClipTexts *old = NULL;

  g_mutex_lock (&self->lock);
  gboolean still_ours = self->current.engine == engine; /* not lost meanwhile */
  if (still_ours) {
    old = self->current.texts;
    self->current.texts = texts;
    self->current.scoring = request->scoring;
    self->current.serial = request->serial;
    was_in_force = self->in_force;
    gst_clip_request_copy (&self->in_force, request);
    update_state (self);
  }
  g_mutex_unlock (&self->lock);
  gst_clip_request_clear (&was_in_force);
  g_clear_pointer (still_ours ? &old : &texts, clip_texts_unref);
  return still_ours;
}

/* Says once for each serial how it went; that it cannot be made again after the device was lost, too. */
static void
announce (GstClipLoader *self, const GstClipRequest *request, gboolean in_force, guint count,
          GPtrArray *errors)
{
  const gboolean again = request->serial <= self->announced_serial;

  if (!again || !in_force)
    gst_clip_request_warn (self->element, errors);
  if (again)
    return;
  self->announced_serial = request->serial;
  gst_clip_post_prompts (self->element, request->serial, in_force, count, errors);
}

/* Returns: FALSE: the set cannot be made on any engine; what was in force stays, or comes back. */
static gboolean
encode_failed (GstClipLoader *self, ClipEngine *engine, const GstClipRequest *request,
               GError *error)
{
  g_autoptr (GPtrArray) errors = g_ptr_array_new ();

  if (g_error_matches (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED))
    return TRUE;
  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST)) {
    gst_clip_loader_device_lost (self, engine, error);
    return TRUE;
  }
  g_ptr_array_add (errors, error->message);
  announce (self, request, FALSE, 0, errors);
  return FALSE;
}

static gboolean
encode_set (GstClipLoader *self, ClipEngine *engine, const GstClipRequest *request)
{
  g_autoptr (GPtrArray) errors = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  guint count = request->prompts ? clip_prompt_set_size (request->prompts) : 0;
  ClipTexts *texts = NULL;

  if (count > 0) {
    texts = gst_clip_request_encode (request, engine, &self->cancel,
                                     self->loading ? self->element : NULL, errors, &error);
    if (!texts)
      return encode_failed (self, engine, request, error);
  }
  if (!swap_in (self, engine, texts, request) || request->serial == 0)
    return TRUE;
  self->funcs.in_force (request->serial, count, self->data);
  announce (self, request, TRUE, count, errors);
  if (count == 0)
    self->funcs.emptied (request->serial, self->data);
  return TRUE;
}

/* Returns: FALSE when there is a set to be made on the next engine, or one that was in force before this engine. */
static gboolean
request_done (GstClipLoader *self, ClipEngine *engine, guint count, gboolean ok)
{
  g_mutex_lock (&self->lock);
  gboolean done = self->current.engine == engine;
  if (done && !ok && count == self->wanted_count) {
    done = self->wanted_failed || self->current.texts || !self->in_force.prompts
           || clip_prompt_set_size (self->in_force.prompts) == 0;
    self->wanted_failed = TRUE;
  }
  if (done) {
    self->done_count = count;
    self->first_done = TRUE;
    g_cond_broadcast (&self->cond);
  }
  g_mutex_unlock (&self->lock);
  return done;
}

/* Deals with the newest request. Called with the lock held, returns with it held. */
static void
serve_request (GstClipLoader *self)
{
  guint count = self->wanted_count;
  ClipEngine *engine = clip_engine_ref (self->current.engine);
  GstClipRequest request;

  gst_clip_request_copy (&request, self->wanted_failed ? &self->in_force : &self->wanted);
  g_mutex_unlock (&self->lock);

  if (!self->warned_sigmoid)
    self->warned_sigmoid = gst_clip_request_warn_sigmoid (&request, engine, self->element);
  if (request.prompts)
    request.scoring = gst_clip_request_scoring (&request, engine);
  gboolean ok = encode_set (self, engine, &request);
  if (request_done (self, engine, count, ok) && self->loading && !g_atomic_int_get (&self->cancel))
    loading_done (self, engine);
  gst_clip_request_clear (&request);
  clip_engine_unref (engine);

  g_mutex_lock (&self->lock);
}

static gpointer
thread_main (gpointer data)
{
  GstClipLoader *self = data;

  g_mutex_lock (&self->lock);
  while (!self->stopping) {
    if (self->health == HEALTHY && !self->current.engine) {
      g_mutex_unlock (&self->lock);
      open_engine (self);
      g_mutex_lock (&self->lock);
    } else if (self->health == HEALTHY && regions_are_due (self)) {
      prepare_regions (self);
    } else if (self->health == HEALTHY && self->done_count != self->wanted_count) {
      serve_request (self);
    } else {
      g_cond_wait (&self->cond, &self->lock);
    }
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* For other threads -------------------------------------------------------- */

GstClipLoader *
gst_clip_loader_new (GstElement *element, const GstClipLoaderFuncs *funcs, gpointer data)
{
  GstClipLoader *self = g_new0 (GstClipLoader, 1);

  self->element = element;
  self->funcs = *funcs;
  self->data = data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  return self;
}

void
gst_clip_loader_free (GstClipLoader *self)
{
  gst_clip_loader_stop (self);
  gst_clip_request_clear (&self->wanted);
  gst_clip_request_clear (&self->in_force);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  g_free (self);
}

void
gst_clip_loader_start (GstClipLoader *self, const ClipEngineConfig *config)
{
  g_return_if_fail (self->thread == NULL);

  self->model = g_strdup (config->model);
  self->device = g_strdup (config->device);
  self->group = g_strdup (config->group);
  self->precision = config->precision;
  self->cancel = 0;
  self->loading = TRUE;
  self->announced_serial = 0;
  self->warned_sigmoid = FALSE;
  g_mutex_lock (&self->lock);
  self->stopping = self->flushing = self->first_done = FALSE;
  self->health = HEALTHY;
  update_state (self);
  self->wanted_failed = FALSE;
  gst_clip_request_clear (&self->in_force);
  self->done_count = self->wanted_count - 1; /* also an empty set is looked at once */
  self->last_loss = 0;
  g_mutex_unlock (&self->lock);
  /* Before the thread exists, so that whoever changes our state sees it in time. */
  gst_clip_post_progress (self->element, GST_PROGRESS_TYPE_START, "Opening the model");
  self->thread = g_thread_new ("clip-loader", thread_main, self);
}

void
gst_clip_loader_cancel (GstClipLoader *self)
{
  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  /* Not earlier: who fails for it must not be taken for one who failed. */
  g_atomic_int_set (&self->cancel, 1);
  update_state (self);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_loader_stop (GstClipLoader *self)
{
  GstClipTexts old;

  if (!self->thread)
    return;
  gst_clip_loader_cancel (self);
  g_thread_join (g_steal_pointer (&self->thread));
  if (self->loading && self->health == HEALTHY)
    gst_clip_post_progress (self->element, GST_PROGRESS_TYPE_CANCELED, "Loading was cancelled");
  g_mutex_lock (&self->lock);
  old = self->current;
  self->current = (GstClipTexts){ NULL };
  update_state (self);
  g_mutex_unlock (&self->lock);
  gst_clip_texts_clear (&old);
  g_clear_pointer (&self->model, g_free);
  g_clear_pointer (&self->device, g_free);
  g_clear_pointer (&self->group, g_free);
}

void
gst_clip_loader_request (GstClipLoader *self, ClipPromptSet *prompts, ClipPromptSet *negatives,
                         ClipScoring scoring, guint serial)
{
  g_mutex_lock (&self->lock);
  gst_clip_request_clear (&self->wanted);
  gst_clip_request_set (&self->wanted, prompts, negatives, scoring, serial);
  self->wanted_count++;
  self->wanted_failed = FALSE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_loader_set_regions (GstClipLoader *self, gboolean wanted)
{
  g_mutex_lock (&self->lock);
  self->regions = wanted;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_loader_set_frame_side (GstClipLoader *self, guint side)
{
  g_mutex_lock (&self->lock);
  self->frame_side = side;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_loader_set_flushing (GstClipLoader *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

GstFlowReturn
gst_clip_loader_wait (GstClipLoader *self)
{
  GstFlowReturn ret = GST_FLOW_OK;

  g_mutex_lock (&self->lock);
  while (!self->first_done && self->health != FAILED && !self->flushing && !self->stopping)
    g_cond_wait (&self->cond, &self->lock);
  if (self->flushing || self->stopping)
    ret = GST_FLOW_FLUSHING;
  else if (self->health == FAILED)
    ret = GST_FLOW_ERROR;
  g_mutex_unlock (&self->lock);
  return ret;
}

GstClipLoaderState
gst_clip_loader_state (GstClipLoader *self)
{
  return g_atomic_int_get (&self->state);
}

GstFlowReturn
gst_clip_loader_get (GstClipLoader *self, GstClipTexts *texts)
{
  g_mutex_lock (&self->lock);
  *texts = self->current;
  if (texts->engine)
    clip_engine_ref (texts->engine);
  if (texts->texts)
    clip_texts_ref (texts->texts);
  gboolean failed = self->health == FAILED && !self->stopping;
  g_mutex_unlock (&self->lock);
  return failed ? GST_FLOW_ERROR : GST_FLOW_OK;
}

void
gst_clip_loader_device_lost (GstClipLoader *self, ClipEngine *engine, const GError *error)
{
  GstClipTexts lost = { NULL };
  gint64 now = g_get_monotonic_time ();
  gboolean again = FALSE;

  g_mutex_lock (&self->lock);
  if (self->current.engine == engine) {
    lost = self->current;
    self->current = (GstClipTexts){ NULL };
    self->done_count = self->wanted_count - 1;
    again = self->last_loss != 0 && now - self->last_loss < LOSS_PERIOD;
    self->last_loss = now;
    if (again)
      self->health = FAILING; /* keeps the thread from opening it a third time */
    update_state (self);
    clip_engine_retire (engine);
    g_cond_broadcast (&self->cond);
  }
  g_mutex_unlock (&self->lock);

  if (lost.engine && again) {
    gst_clip_post_error (self->element, error);
    set_health (self, FAILED);
  } else if (lost.engine) {
    GST_ELEMENT_WARNING (
        self->element, RESOURCE, FAILED,
        ("%s: frames pass without labels until the model is loaded again", error->message), (NULL));
  }
  gst_clip_texts_clear (&lost);
}
