/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making an engine: device, weights, pipelines, warm-up; and taking it apart. */
#include "gst-clip/engine/internal.h"
#include "gst-clip/engine/text_cache.h"

#include <unistd.h>

/* Room for everything that is not weights: activations, staging, other users of the heap. */
#define HEADROOM_BYTES (256u << 20)

typedef struct {
  ClipProgressFunc progress;
  gpointer data;
  const ClipCancel *cancel;
  guint done, total; /* layers of both towers */
} Report;

static void
report (const Report *r, const gchar *code, const gchar *text, guint percent)
{
  if (r->progress)
    r->progress (code, text, percent, r->data);
}

static gboolean
layer_loaded (guint done, guint total, gpointer data)
{
  Report *r = data;

  r->done++;
  report (r, "load-model", "Loading the model", 100 * r->done / MAX (r->total, 1));
  return r->cancel == NULL || g_atomic_int_get (r->cancel) == 0;
}

static guint64
weights_bytes (ClipKernels *kernels, const ClipModelConfig *config)
{
  return clip_tower_weights_bytes (kernels, config, TRUE)
         + clip_tower_weights_bytes (clip_kernels_ends (kernels), config, FALSE);
}

/* What a precision may be, best first; and what to advise when the last one does not fit. */
typedef struct {
  ClipWeightType types[2];
  guint n;
  const gchar *advice;
} Precision;

static const Precision precisions[] = {
  [CLIP_PRECISION_AUTO] = { { CLIP_WEIGHTS_F32, CLIP_WEIGHTS_F16 }, 2, "precision=int8" },
  [CLIP_PRECISION_FP32] = { { CLIP_WEIGHTS_F32 }, 1, "precision=fp16 (half the size)" },
  [CLIP_PRECISION_FP16] = { { CLIP_WEIGHTS_F16 }, 1, "precision=int8 (half the size)" },
  [CLIP_PRECISION_INT8] = { { CLIP_WEIGHTS_I8 }, 1, NULL },
};

/* Matrix units multiply fp16 alone, many times as fast as the rest of the device multiplies fp32. */
static const Precision auto_with_matrix_units = { { CLIP_WEIGHTS_F16 }, 1, "precision=int8" };

static const Precision *
precision_on (const ClipGpuInfo *info, ClipPrecision precision)
{
  const ClipGpuCaps needed = CLIP_GPU_CAP_COOPMAT | CLIP_GPU_CAP_COOPMAT_FAST | CLIP_GPU_CAP_FP16
                             | CLIP_GPU_CAP_FP16_ARITHMETIC;

  return precision == CLIP_PRECISION_AUTO && (info->caps & needed) == needed
             ? &auto_with_matrix_units
             : &precisions[precision];
}

/* Kernels for the wanted precision whose weights fit into the device's heap. */
static ClipKernels *
choose_kernels (ClipEngine *e, ClipPrecision precision, GError **error)
{
  const ClipGpuInfo *info = clip_gpu_info (e->gpu);
  const ClipModelConfig *config = clip_model_config (e->model);
  const Precision *wanted = precision_on (info, precision);
  const gchar *advice = wanted->advice;
  guint64 bytes = 0;

  for (guint i = 0; i < wanted->n; i++) {
    const ClipWeightType type = wanted->types[i];
    g_autoptr (ClipKernels) kernels = NULL;

    if (i > 0 && type == CLIP_WEIGHTS_F16 && !(info->caps & CLIP_GPU_CAP_FP16))
      break;
    kernels = clip_kernels_new (e->gpu, type, error);
    if (kernels == NULL)
      return NULL;
    bytes = weights_bytes (kernels, config);
    if (bytes + HEADROOM_BYTES <= info->heap_bytes)
      return g_steal_pointer (&kernels);
  }
  g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_MEMORY,
               "the weights of model %s take %" G_GUINT64_FORMAT " MB, %s has %" G_GUINT64_FORMAT
               " MB; try %s%sa smaller model or another device",
               clip_model_name (e->model), bytes >> 20, info->name, info->heap_bytes >> 20,
               advice ? advice : "", advice ? ", " : "");
  return NULL;
}

/* The width of the images' tower is in most of its products: checking one makes no pipeline that
 * the tower would not. A convolutional one has many; there the texts' width is taken. */
static gboolean
make_kernels (ClipEngine *e, ClipPrecision precision, GError **error)
{
  const ClipModelConfig *config = clip_model_config (e->model);
  const guint32 k =
      config->vision_kind == CLIP_TOWER_VIT ? config->vision.width : config->text.width;
  ClipKernels *kernels = choose_kernels (e, precision, error);

  e->kernels = kernels ? clip_kernels_verify (kernels, config->vision_tokens, k, error) : NULL;
  if (e->kernels)
    e->text_kernels = clip_kernels_ends (e->kernels);
  if (e->kernels)
    e->score_kernels = clip_kernels_with_weights (e->kernels, CLIP_WEIGHTS_F32, error);
  return e->score_kernels != NULL;
}

static gboolean
load_weights (ClipEngine *e, Report *r, GError **error)
{
  const ClipModelConfig *config = clip_model_config (e->model);

  r->total = config->vision.layers + (config->vision.pool == CLIP_POOL_MAP) + config->text.layers;
  for (guint i = 0; i < G_N_ELEMENTS (config->resnet.layers); i++)
    r->total += config->resnet.layers[i];
  report (r, "load-model", "Loading the model", 0);
  e->vision = clip_tower_weights_new (e->kernels, e->model, TRUE, layer_loaded, r, error);
  if (e->vision == NULL)
    return FALSE;
  e->text = clip_tower_weights_new (e->text_kernels, e->model, FALSE, layer_loaded, r, error);
  return e->text != NULL;
}

static gboolean
make_activations (ClipEngine *e, GError **error)
{
  e->activations = clip_activations_new (e->kernels, e->vision, 1, e->text_kernels, e->text,
                                         e->text_shapes, CLIP_TEXT_SHAPES, error);
  return e->activations != NULL;
}

ClipEngine *
clip_engine_make (const ClipEngineConfig *config, const gchar *model_path, const ClipCancel *cancel,
                  ClipProgressFunc progress, gpointer data, GError **error)
{
  Report r = { progress, data, cancel };
  ClipEngine *e = g_new0 (ClipEngine, 1);

  e->pid = getpid ();
  e->users = 1;
  g_mutex_init (&e->text_lock);
  e->model = clip_model_open (model_path, error);
  if (e->model == NULL || clip_cancelled (cancel, error))
    goto fail;
  report (&r, "open-device", "Opening the Vulkan device", 0);
  e->gpu = clip_gpu_new (config->device && *config->device ? config->device : NULL, error);
  if (e->gpu == NULL || clip_cancelled (cancel, error))
    goto fail;
  report (&r, "open-device", clip_gpu_info (e->gpu)->name, 100);
  if (!make_kernels (e, config->precision, error) || !load_weights (e, &r, error)
      || !clip_text_resources_init (e, error) || !make_activations (e, error))
    goto fail;
  report (&r, "compile", "Compiling for the device", 0);
  if (!clip_engine_tune (e, cancel, error) || !clip_engine_warm_up (e, cancel, error))
    goto fail;
  report (&r, "compile", "Compiled", 100);
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
  clip_text_resources_clear (e);
  clip_activations_free (e->activations);
  clip_tower_weights_free (e->text);
  clip_tower_weights_free (e->vision);
  clip_kernels_free (e->score_kernels);
  clip_kernels_free (e->kernels);
  clip_model_free (e->model);
  clip_gpu_free (e->gpu);
  g_mutex_clear (&e->text_lock);
  g_free (e->key);
  g_free (e);
}
