/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making an engine: device, weights, pipelines, warm-up; and taking it apart. */
#include "gst-clip/engine/internal.h"
#include "gst-clip/engine/text_cache.h"

#include <unistd.h>

void
clip_engine_report (const ClipEngineReport *r, const gchar *code, const gchar *text, guint percent)
{
  if (r->progress)
    r->progress (code, text, percent, r->data);
}

ClipEngine *
clip_engine_make (const ClipEngineConfig *config, const gchar *model_path, const ClipCancel *cancel,
                  ClipProgressFunc progress, gpointer data, GError **error)
{
  const ClipEngineReport r = { progress, data, cancel };
  ClipEngine *e = g_new0 (ClipEngine, 1);

  e->pid = getpid ();
  e->users = 1;
  g_mutex_init (&e->text_lock);
  g_cond_init (&e->text_turn_ended);
  e->model = clip_model_open (model_path, error);
  if (e->model == NULL || clip_cancelled (cancel, error))
    goto fail;
  clip_engine_report (&r, "open-device", "Opening the Vulkan device", 0);
  e->gpu = clip_gpu_new (config->device && *config->device ? config->device : NULL, error);
  if (e->gpu == NULL || clip_cancelled (cancel, error))
    goto fail;
  clip_engine_report (&r, "open-device", clip_gpu_info (e->gpu)->name, 100);
  if (!clip_engine_load (e, config->precision, &r, error))
    goto fail;
  clip_engine_report (&r, "compile", "Compiling for the device", 0);
  if (!clip_engine_tune (e, cancel, error) || !clip_engine_warm_up (e, cancel, error))
    goto fail;
  clip_engine_report (&r, "compile", "Compiled", 100);
  /* Not before: warming up must not find its texts. */
  e->caches_texts =
      config->caches_texts && g_strcmp0 (g_getenv ("GST_CLIP_TEXT_CACHE"), "off") != 0;
  return e;

fail:
  clip_engine_destroy (e);
  return NULL;
}

void
clip_engine_destroy (ClipEngine *e)
{
  clip_batcher_free (e->batcher);
  clip_text_cache_store (e, TRUE);
  clip_engine_unload (e);
  clip_model_free (e->model);
  clip_gpu_free (e->gpu);
  g_mutex_clear (&e->text_lock);
  g_cond_clear (&e->text_turn_ended);
  g_free (e->key);
  g_free (e);
}
