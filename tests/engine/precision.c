/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What fp16 and int8 cost: cosines of embeddings with those of fp32, on random weights, on weights
 * with the outliers of trained models, and on the built-in model, which is trained.
 */
#include <math.h>
#include <string.h>

#include "gst-clip/engine/internal.h"
#include "gst-clip/gpu/internal.h"
#include "gst-clip/kernels/internal.h"
#include "tests/common/device.h"
#include "tests/common/random_model.h"

/* What a model's embeddings must keep. @large: only with GST_CLIP_TEST_LARGE, since it takes minutes
 * and 2 GB of disk. */
typedef struct {
  const gchar *name, *model;
  gdouble fp16, int8;
  gboolean large;
} Precision;

static const Precision precisions[] = {
  { "/precision/tiny", "tiny", 0.9999, 0.998 },
  { "/precision/outliers", "outliers", 0.9999, 0.998 },
  { "/precision/wide", "wide", 0.9999, 0.998 },
  { "/precision/built-in", NULL, 0.9999, 0.998 },
  { "/precision/vit-l-14", "vit-l-14", 0.9999, 0.998, TRUE },
};

#define WIDTH  160
#define HEIGHT 120

static const gchar *const prompts[] = { "a dog", "red", "a photo of a zone plate", "snow",
                                        "no 1 is 0 ?" };

/* The engine, or NULL and a skipped test where there is no device, or none for this precision. */
static ClipEngine *
open_engine (const gchar *folder, ClipPrecision precision)
{
  ClipEngineConfig config = { folder, NULL, precision };

  return clip_test_engine (&config);
}

/* Frames that differ much: plain, a gradient, stripes, noise. */
#define N_FRAMES 4

static void
paint (guint frame, guint8 *pixels)
{
  guint32 seed = 7;

  for (guint i = 0; i < WIDTH * HEIGHT; i++) {
    const guint x = i % WIDTH, y = i / WIDTH;

    seed = seed * 1664525u + 1013904223u;
    for (guint c = 0; c < 3; c++) {
      const guint8 values[N_FRAMES] = { 80 * c, x + y * c, (x / 12 + c * y / 20) % 2 * 255,
                                        seed >> (8 * c + 8) };

      pixels[3 * i + c] = values[frame];
    }
  }
}

/* (transfer full): normalised embeddings, float[N_FRAMES][*dim]. */
static float *
encode_frames (ClipEngine *engine, guint *dim)
{
  const ClipFrameInfo info = { CLIP_PIXEL_RGB, WIDTH, HEIGHT, 1, 1, CLIP_MATRIX_BT601, TRUE };
  g_autofree guint8 *pixels = g_malloc (3 * WIDTH * HEIGHT);
  const ClipFramePlanes planes = { { pixels }, { 3 * WIDTH } };
  const gchar *const word[] = { "a", NULL };
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_list (word, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipTexts) texts =
      clip_texts_new (engine, set, NULL, FALSE, NULL, NULL, NULL, NULL, &error);
  g_autoptr (ClipJob) job = clip_job_new (engine, &info, &error);
  float *rows = NULL;

  g_assert_no_error (error);
  for (guint f = 0; f < N_FRAMES; f++) {
    const float *embedding;

    paint (f, pixels);
    clip_job_load (job, &planes);
    clip_job_run (job, texts, NULL, NULL, &error);
    g_assert_no_error (error);
    embedding = clip_job_embedding (job, dim);
    if (rows == NULL)
      rows = g_new (float, N_FRAMES **dim);
    memcpy (rows + f * *dim, embedding, *dim * sizeof (float));
  }
  return rows;
}

/* (transfer full): of @prompts, float[n][*dim]. */
static float *
encode_prompts (ClipEngine *engine, guint *dim)
{
  const guint n = G_N_ELEMENTS (prompts), context = clip_model_config (engine->model)->context;
  g_autofree guint32 *ids = g_new0 (guint32, n * context);
  guint32 n_ids[G_N_ELEMENTS (prompts)];
  g_autoptr (GError) error = NULL;
  float *rows;

  *dim = clip_model_config (engine->model)->projection;
  rows = g_new (float, n **dim);
  for (guint i = 0; i < n; i++)
    n_ids[i] = clip_model_tokenize (engine->model, prompts[i], -1, ids + i * context, NULL, NULL);
  clip_encode_texts (engine, n, ids, n_ids, NULL, NULL, rows, NULL, &error);
  g_assert_no_error (error);
  return rows;
}

/* The smallest cosine of two rows; NaN if there is one. */
static gdouble
worst_cosine (const float *a, const float *b, guint n, guint dim)
{
  gdouble worst = 1.0;

  for (guint i = 0; i < n; i++, a += dim, b += dim) {
    gdouble ab = 0.0, aa = 0.0, bb = 0.0;

    for (guint k = 0; k < dim; k++) {
      ab += (gdouble)a[k] * b[k];
      aa += (gdouble)a[k] * a[k];
      bb += (gdouble)b[k] * b[k];
    }
    worst = MIN (ab / sqrt (aa * bb), worst);
    if (isnan (ab))
      return NAN;
  }
  return worst;
}

static void
compare (ClipEngine *exact, ClipEngine *engine, gdouble limit)
{
  guint dim = 0;
  g_autofree float *frames = encode_frames (exact, &dim);
  g_autofree float *other_frames = encode_frames (engine, &dim);
  gdouble cosine = worst_cosine (frames, other_frames, N_FRAMES, dim);
  g_autofree float *texts = encode_prompts (exact, &dim);
  g_autofree float *other_texts = encode_prompts (engine, &dim);
  gdouble text_cosine = worst_cosine (texts, other_texts, G_N_ELEMENTS (prompts), dim);

  g_test_message ("1 - cosine: frames %.3g, texts %.3g", 1.0 - cosine, 1.0 - text_cosine);
  g_assert_true (cosine >= limit);
  g_assert_true (text_cosine >= limit);
  /* else the precision was not what was asked for, or any embedding looks like any other */
  g_assert_true (cosine < 1.0);
  g_assert_true (worst_cosine (frames, frames + dim, N_FRAMES - 1, dim) < 0.95);
  g_assert_true (worst_cosine (texts, texts + dim, G_N_ELEMENTS (prompts) - 1, dim) < 0.95);
}

static void
test_model (gconstpointer data)
{
  const Precision *p = data;
  g_autofree gchar *folder = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipEngine) exact = NULL;

  if (p->large && !g_getenv ("GST_CLIP_TEST_LARGE")) {
    g_test_skip ("GST_CLIP_TEST_LARGE is not set");
    return;
  }
  if (p->model) {
    folder = g_dir_make_tmp ("gst-clip-precision-XXXXXX", &error);
    g_assert_no_error (error);
    clip_random_model_write (clip_random_model_find (p->model), folder, 5, &error);
    g_assert_no_error (error);
  }
  exact = open_engine (folder, CLIP_PRECISION_FP32);
  if (exact) {
    g_autoptr (ClipEngine) fp16 = open_engine (folder, CLIP_PRECISION_FP16);
    g_autoptr (ClipEngine) int8 = open_engine (folder, CLIP_PRECISION_INT8);

    if (fp16) {
      if (g_getenv ("GST_CLIP_KERNELS"))
        g_assert_cmpstr (fp16->kernels->family->name, ==, g_getenv ("GST_CLIP_KERNELS"));
      compare (exact, fp16, p->fp16);
    }
    if (int8)
      compare (exact, int8, p->int8);
  }
  if (folder)
    clip_random_model_remove (folder);
}

/* Which types of weights a device is given, best first. */
static void
test_types (void)
{
  enum { CPU = TRUE, GPU = FALSE };
  static const struct {
    gboolean is_cpu;
    guint caps;
    ClipPrecision precision;
    guint n;
    ClipWeightType types[2];
  } cases[] = {
    { CPU, CLIP_GPU_CAP_FP16, CLIP_PRECISION_AUTO, 2, { CLIP_WEIGHTS_F32, CLIP_WEIGHTS_F16 } },
    { CPU, 0, CLIP_PRECISION_AUTO, 1, { CLIP_WEIGHTS_F32 } },
    { GPU, CLIP_GPU_CAP_FP16, CLIP_PRECISION_AUTO, 2, { CLIP_WEIGHTS_F16, CLIP_WEIGHTS_F32 } },
    { GPU, 0, CLIP_PRECISION_AUTO, 1, { CLIP_WEIGHTS_F32 } },
    { GPU, CLIP_GPU_CAP_FP16, CLIP_PRECISION_FP32, 1, { CLIP_WEIGHTS_F32 } },
    { GPU, 0, CLIP_PRECISION_FP16, 1, { CLIP_WEIGHTS_F16 } },
    { GPU, CLIP_GPU_CAP_FP16, CLIP_PRECISION_INT8, 1, { CLIP_WEIGHTS_I8 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const ClipGpuInfo info = { .is_cpu = cases[i].is_cpu, .caps = cases[i].caps };
    ClipWeightType types[2];

    g_assert_cmpuint (clip_precision_types (&info, cases[i].precision, types), ==, cases[i].n);
    for (guint k = 0; k < cases[i].n; k++)
      g_assert_cmpint (types[k], ==, cases[i].types[k]);
  }
}

/* Loading on a device that is made to fail ------------------------------------------- */

static ClipVk real;
static VkDeviceSize largest, limit;
static guint bad_pipelines, warnings;

static VKAPI_ATTR VkResult VKAPI_CALL
limited_memory (VkDevice d, const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *c,
                VkDeviceMemory *memory)
{
  largest = MAX (largest, info->allocationSize);
  return info->allocationSize > limit ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                                      : real.AllocateMemory (d, info, c, memory);
}

static VKAPI_ATTR VkResult VKAPI_CALL
failing_pipelines (VkDevice d, VkPipelineCache cache, uint32_t n,
                   const VkComputePipelineCreateInfo *info, const VkAllocationCallbacks *c,
                   VkPipeline *pipelines)
{
  if (bad_pipelines == 0)
    return real.CreateComputePipelines (d, cache, n, info, c, pipelines);
  bad_pipelines--;
  return VK_ERROR_UNKNOWN;
}

/* (nullable): nothing is loaded yet */
static ClipEngine *
bare_engine (void)
{
  g_autoptr (GError) error = NULL;
  ClipGpu *gpu = clip_gpu_new (NULL, &error);
  ClipEngine *e = NULL;

  if (gpu == NULL) {
    g_test_skip (error->message);
    return NULL;
  }
  real = gpu->vk;
  gpu->vk.AllocateMemory = limited_memory;
  gpu->vk.CreateComputePipelines = failing_pipelines;
  largest = 0;
  limit = G_MAXUINT64;
  bad_pipelines = 0;
  e = g_new0 (ClipEngine, 1);
  g_mutex_init (&e->text_lock);
  e->gpu = gpu;
  e->model = clip_model_open (NULL, &error);
  g_assert_no_error (error);
  return e;
}

/* Without room for fp32, which is found out while loading: fp16. Without any, what to do. */
static void
test_no_room (void)
{
  const ClipEngineReport nobody = { NULL };
  ClipEngine *e = bare_engine ();
  g_autoptr (GError) error = NULL;

  if (e == NULL)
    return;
  const ClipGpuInfo *info = clip_gpu_info (e->gpu);
  if (!clip_engine_load (e, CLIP_PRECISION_FP32, &nobody, &error)) {
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
    g_test_skip ("the family that the environment asks for cannot run here");
    clip_engine_destroy (e);
    return;
  }
  clip_engine_unload (e);
  limit = largest - 1;
  if (info->is_cpu && (info->caps & CLIP_GPU_CAP_FP16)) {
    if (clip_engine_load (e, CLIP_PRECISION_AUTO, &nobody, &error))
      g_assert_cmpint (clip_kernels_weight_type (e->kernels), ==, CLIP_WEIGHTS_F16);
    else /* the family that the environment asks for */
      g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
    g_clear_error (&error);
    clip_engine_unload (e);
  }
  g_assert_false (clip_engine_load (e, CLIP_PRECISION_FP32, &nobody, &error));
  g_assert_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "precision=fp16"));
  g_assert_nonnull (strstr (error->message, "cannot allocate"));
  clip_engine_destroy (e);
}

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  if (!(level & G_LOG_LEVEL_WARNING))
    return g_log_writer_default (level, fields, n, data);
  warnings++;
  return G_LOG_WRITER_HANDLED;
}

/* A driver that gets fp16 wrong keeps nobody from fp32. */
static void
test_broken_half (void)
{
  if (g_test_subprocess ()) {
    const ClipEngineReport nobody = { NULL };
    g_autoptr (GError) error = NULL;
    ClipEngine *e = NULL;

    g_setenv ("GST_CLIP_KERNELS", "shared", TRUE); /* behind which there is no other family */
    e = bare_engine ();
    if (e == NULL || !(clip_gpu_info (e->gpu)->caps & CLIP_GPU_CAP_FP16))
      return;
    e->gpu->info.is_cpu = FALSE;
    bad_pipelines = 1;
    g_log_set_writer_func (count_warnings, NULL, NULL);
    clip_engine_load (e, CLIP_PRECISION_AUTO, &nobody, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (warnings, ==, 1);
    g_assert_cmpint (clip_kernels_weight_type (e->kernels), ==, CLIP_WEIGHTS_F32);
    clip_engine_destroy (e);
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/precision/types", test_types);
  g_test_add_func ("/precision/no-room", test_no_room);
  g_test_add_func ("/precision/broken-half", test_broken_half);
  for (guint i = 0; i < G_N_ELEMENTS (precisions); i++)
    g_test_add_data_func (precisions[i].name, &precisions[i], test_model);
  return g_test_run ();
}
