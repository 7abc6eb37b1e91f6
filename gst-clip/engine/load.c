/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels, weights and activations: in which type the weights are stored, and whether they fit. */
#include "gst-clip/engine/internal.h"
#include "gst-clip/kernels/tune.h"

/* Room for everything that is not weights: activations, staging, other users of the heap. */
#define HEADROOM_BYTES (256u << 20)

typedef struct {
  const ClipEngineReport *to;
  guint done, total; /* layers of both towers */
} Report;

static gboolean
layer_loaded (guint done, guint total, gpointer data)
{
  Report *r = data;

  r->done++;
  clip_engine_report (r->to, "load-model", "Loading the model", 100 * r->done / MAX (r->total, 1));
  return r->to->cancel == NULL || g_atomic_int_get (r->to->cancel) == 0;
}

guint
clip_precision_types (const ClipGpuInfo *info, ClipPrecision precision, ClipWeightType *types)
{
  static const ClipWeightType given[] = { [CLIP_PRECISION_FP32] = CLIP_WEIGHTS_F32,
                                          [CLIP_PRECISION_FP16] = CLIP_WEIGHTS_F16,
                                          [CLIP_PRECISION_INT8] = CLIP_WEIGHTS_I8 };
  const gboolean half = (info->caps & CLIP_GPU_CAP_FP16) != 0;
  /* On GPUs one picture takes as long as its weights take to read, and matrix units multiply nothing
   * else; on processors fp16 is only smaller. */
  const gboolean half_first = half && !info->is_cpu;
  guint n = 0;

  if (precision != CLIP_PRECISION_AUTO) {
    types[n++] = given[precision];
    return n;
  }
  types[n++] = half_first ? CLIP_WEIGHTS_F16 : CLIP_WEIGHTS_F32;
  if (half)
    types[n++] = half_first ? CLIP_WEIGHTS_F32 : CLIP_WEIGHTS_F16;
  return n;
}

static guint64
weights_bytes (ClipKernels *kernels, const ClipModelConfig *config)
{
  return clip_tower_weights_bytes (kernels, config, TRUE)
         + clip_tower_weights_bytes (clip_kernels_ends (kernels), config, FALSE);
}

/* @cause: (nullable) */
static void
set_too_large (ClipEngine *e, ClipPrecision precision, guint64 bytes, const GError *cause,
               GError **error)
{
  static const gchar *const advice[] = {
    [CLIP_PRECISION_AUTO] = "precision=int8, ",
    [CLIP_PRECISION_FP32] = "precision=fp16 (half the size), ",
    [CLIP_PRECISION_FP16] = "precision=int8 (half the size), ",
    [CLIP_PRECISION_INT8] = "",
  };
  const ClipGpuInfo *info = clip_gpu_info (e->gpu);

  g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_MEMORY,
               "the weights of model %s take %" G_GUINT64_FORMAT " MB, %s has %" G_GUINT64_FORMAT
               " MB%s%s; try %sa smaller model or another device",
               clip_model_name (e->model), bytes >> 20, info->name, info->heap_bytes >> 20,
               cause ? ": " : "", cause ? cause->message : "", advice[precision]);
}

/* The width of the images' tower is in most of its products: checking one makes no pipeline that
 * the tower would not. A convolutional one has many; there the texts' width is taken.
 * @kernels: (transfer full) */
static gboolean
take_kernels (ClipEngine *e, ClipKernels *kernels, GError **error)
{
  const ClipModelConfig *config = clip_model_config (e->model);
  const guint32 k =
      config->vision_kind == CLIP_TOWER_VIT ? config->vision.width : config->text.width;

  e->kernels = clip_kernels_verify (kernels, config->vision_tokens, k, error);
  if (e->kernels)
    e->text_kernels = clip_kernels_ends (e->kernels);
  if (e->kernels)
    e->score_kernels = clip_kernels_with_weights (e->kernels, CLIP_WEIGHTS_F32, error);
  return e->score_kernels != NULL;
}

static gboolean
load_weights (ClipEngine *e, const ClipEngineReport *to, GError **error)
{
  const ClipModelConfig *config = clip_model_config (e->model);
  Report r = { .to = to };

  r.total = config->vision.layers + (config->vision.pool == CLIP_POOL_MAP) + config->text.layers;
  for (guint i = 0; i < G_N_ELEMENTS (config->resnet.layers); i++)
    r.total += config->resnet.layers[i];
  clip_engine_report (to, "load-model", "Loading the model", 0);
  e->vision = clip_tower_weights_new (e->kernels, e->model, TRUE, layer_loaded, &r, error);
  if (e->vision == NULL)
    return FALSE;
  e->text = clip_tower_weights_new (e->text_kernels, e->model, FALSE, layer_loaded, &r, error);
  return e->text != NULL;
}

static gboolean
make_activations (ClipEngine *e, GError **error)
{
  e->activations = clip_activations_new (e->kernels, e->vision, 1, e->text_kernels, e->text,
                                         e->text_shapes, CLIP_TEXT_SHAPES, error);
  return e->activations != NULL;
}

/*
 * With one type of weights. @last: there is none to try after it: what the device has in all counts then,
 * since what is left of it is only an estimate.
 */
static gboolean
load_as (ClipEngine *e, ClipPrecision precision, ClipWeightType type, gboolean last,
         const ClipEngineReport *to, GError **error)
{
  ClipKernels *kernels = clip_kernels_new (e->gpu, type, error);
  const guint64 room = last ? clip_gpu_info (e->gpu)->heap_bytes : clip_gpu_memory_left (e->gpu);
  g_autoptr (GError) failure = NULL;
  guint64 bytes;

  if (kernels == NULL)
    return FALSE;
  bytes = weights_bytes (kernels, clip_model_config (e->model));
  if (bytes + HEADROOM_BYTES > room) {
    clip_kernels_free (kernels);
    set_too_large (e, precision, bytes, NULL, error);
    return FALSE;
  }
  if (take_kernels (e, kernels, &failure) && load_weights (e, to, &failure)
      && clip_text_resources_init (e, &failure) && make_activations (e, &failure))
    return TRUE;
  if (g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY))
    set_too_large (e, precision, bytes, failure, error);
  else
    g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

/* Whether the next type may do better: it takes less memory, or other kernels that a driver compiles
 * rightly. */
static gboolean
may_help (const GError *error, ClipWeightType next)
{
  return g_error_matches (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_MEMORY)
             ? next != CLIP_WEIGHTS_F32
             : g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED);
}

gboolean
clip_engine_load (ClipEngine *e, ClipPrecision precision, const ClipEngineReport *to,
                  GError **error)
{
  ClipWeightType types[2];
  const guint n = clip_precision_types (clip_gpu_info (e->gpu), precision, types);

  for (guint i = 0;; i++) {
    g_autoptr (GError) failure = NULL;

    if (load_as (e, precision, types[i], i + 1 == n, to, &failure))
      return TRUE;
    clip_engine_unload (e);
    if (i + 1 == n || !may_help (failure, types[i + 1])) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
    g_info ("precision=auto takes the next type of weights: %s", failure->message);
  }
}

void
clip_engine_unload (ClipEngine *e)
{
  clip_text_resources_clear (e);
  g_clear_pointer (&e->activations, clip_activations_free);
  g_clear_pointer (&e->text, clip_tower_weights_free);
  g_clear_pointer (&e->vision, clip_tower_weights_free);
  g_clear_pointer (&e->score_kernels, clip_kernels_free);
  g_clear_pointer (&e->kernels, clip_kernels_free);
  e->text_kernels = NULL;
}
