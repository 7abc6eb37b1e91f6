/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The registry of shared engines. One lock guards the table and the reference counts; it is
 * never held while an engine is made: a second caller for the same one waits on a condition.
 */
#include "gst-clip/engine/internal.h"

#include <string.h>
#include <unistd.h>

/* G_DEFINE_QUARK keeps it in a variable that threads write without order. */
GQuark
clip_engine_error_quark (void)
{
  return g_quark_from_static_string ("clip-engine-error-quark");
}

static GMutex registry_lock;
static GCond registry_changed;
static GHashTable *registry; /* key -> ClipEngine, or MAKING while it is being made */
static pid_t registry_pid;   /* whose engines these are */
static gchar making_marker;
#define MAKING ((gpointer)&making_marker)

/* Model folder, device, precision and group decide what is shared. */
static gchar *
engine_key (const ClipEngineConfig *config, const gchar *model_path)
{
  const gchar *device = config->device && *config->device ? config->device : "";

  const gchar *group = config->group ? config->group : "";

  return g_strdup_printf ("%u|%" G_GSIZE_FORMAT "|%s|%s|%s", config->precision, strlen (group),
                          group, device, model_path ? model_path : "");
}

/*
 * Returns a shared engine, or NULL when the caller must make it (the key is then marked).
 * A child process inherits the table of its parent but none of its threads or devices, nor what these were making.
 */
static ClipEngine *
registry_take (const gchar *key, const ClipCancel *cancel, GError **error)
{
  ClipEngine *engine = NULL;

  if (registry == NULL)
    registry = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (registry_pid != getpid ())
    g_hash_table_remove_all (registry);
  registry_pid = getpid ();
  while ((engine = g_hash_table_lookup (registry, key)) == MAKING) {
    gint64 until = g_get_monotonic_time () + 50 * G_TIME_SPAN_MILLISECOND;

    if (clip_cancelled (cancel, error))
      return NULL;
    g_cond_wait_until (&registry_changed, &registry_lock, until);
  }
  if (engine && !clip_gpu_is_lost (engine->gpu)) {
    engine->users++;
    return engine;
  }
  g_hash_table_insert (registry, g_strdup (key), MAKING);
  return NULL;
}

static void
registry_give (const gchar *key, ClipEngine *engine)
{
  g_mutex_lock (&registry_lock);
  if (engine)
    g_hash_table_insert (registry, g_strdup (key), engine);
  else
    g_hash_table_remove (registry, key);
  g_cond_broadcast (&registry_changed);
  g_mutex_unlock (&registry_lock);
}

ClipEngine *
clip_engine_open (const ClipEngineConfig *config, const ClipCancel *cancel,
                  ClipProgressFunc progress, gpointer data, GError **error)
{
  g_autofree gchar *path = NULL, *key = NULL;
  GError *wait_error = NULL;
  ClipEngine *engine = NULL;

  if (config->model && *config->model && !(path = clip_model_find (config->model, error)))
    return NULL;
  key = engine_key (config, path);

  g_mutex_lock (&registry_lock);
  engine = registry_take (key, cancel, &wait_error);
  g_mutex_unlock (&registry_lock);
  if (engine)
    return engine;
  if (wait_error) {
    g_propagate_error (error, wait_error);
    return NULL;
  }

  engine = clip_engine_make (config, path, cancel, progress, data, error);
  if (engine)
    engine->key = g_strdup (key);
  registry_give (key, engine);
  return engine;
}

ClipEngine *
clip_engine_ref (ClipEngine *engine)
{
  g_mutex_lock (&registry_lock);
  engine->users++;
  g_mutex_unlock (&registry_lock);
  return engine;
}

static void
registry_forget (ClipEngine *engine)
{
  if (engine->key && g_hash_table_lookup (registry, engine->key) == engine)
    g_hash_table_remove (registry, engine->key);
  engine->retired = TRUE;
}

void
clip_engine_retire (ClipEngine *engine)
{
  g_mutex_lock (&registry_lock);
  registry_forget (engine);
  g_mutex_unlock (&registry_lock);
}

void
clip_engine_unref (ClipEngine *engine)
{
  gboolean last = FALSE;

  if (engine == NULL)
    return;
  g_mutex_lock (&registry_lock);
  last = --engine->users == 0;
  if (last && !engine->retired)
    registry_forget (engine);
  g_mutex_unlock (&registry_lock);
  if (last)
    clip_engine_destroy (engine);
}

gboolean
clip_engine_check (ClipEngine *engine, GError **error)
{
  if (engine->pid != getpid ()) {
    g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_FORKED,
                 "the process forked after the engine was made; create the element in the child");
    return FALSE;
  }
  if (clip_gpu_is_lost (engine->gpu)) {
    clip_gpu_set_lost_error (engine->gpu, error);
    return FALSE;
  }
  return TRUE;
}

gboolean
clip_cancelled (const ClipCancel *cancel, GError **error)
{
  if (cancel == NULL || g_atomic_int_get (cancel) == 0)
    return FALSE;
  g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED, "cancelled");
  return TRUE;
}

const gchar *
clip_engine_model_name (ClipEngine *engine)
{
  return clip_model_name (engine->model);
}

const gchar *
clip_engine_device_name (ClipEngine *engine)
{
  return clip_gpu_info (engine->gpu)->name;
}

gdouble
clip_engine_logit_scale (ClipEngine *engine)
{
  return clip_model_config (engine->model)->logit_scale;
}

gdouble
clip_engine_logit_bias (ClipEngine *engine)
{
  return clip_model_config (engine->model)->logit_bias;
}

gdouble
clip_engine_contrast_threshold (ClipEngine *engine)
{
  return clip_model_config (engine->model)->contrast_threshold;
}

ClipScoring
clip_engine_scoring (ClipEngine *engine, ClipScoring scoring, guint n_labels)
{
  if (scoring != CLIP_SCORING_AUTO)
    return scoring;
  if (clip_model_config (engine->model)->sigmoid)
    return CLIP_SCORING_SIGMOID;
  return n_labels == 1 ? CLIP_SCORING_CONTRAST : CLIP_SCORING_SOFTMAX;
}

guint64
clip_engine_memory_bytes (ClipEngine *engine)
{
  return clip_gpu_memory_bytes (engine->gpu);
}

ClipGpu *
clip_engine_gpu (ClipEngine *engine)
{
  return engine->gpu;
}
