/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both towers, from pictures and texts to probabilities, against float64 values of Hugging
 * Face transformers. A cosine of 0.99999 would not notice a wrong GELU, so the comparison is
 * the relative L2 error of the embeddings before normalisation.
 */
#include "tests/golden/golden.h"

#include <math.h>
#include <string.h>

#include "tests/common/device.h"

#define EMBED_TOLERANCE       5e-6
#define HIDDEN_TOLERANCE      1e-5
#define PROBABILITY_TOLERANCE 1e-4
#define FP16_TOLERANCE        1e-4 /* of 1 - cosine, as the next one */
#define INT8_TOLERANCE        2e-3

static const ClipGolden goldens[] = {
  { "tiny-awk", "tiny-awk" },
  { "tiny-awk-fp16", "tiny-awk-fp16" },
  { "tiny-awk-bf16", "tiny-awk-bf16" },
  { "tiny-awk-sharded", "tiny-awk" },
  { "tiny-short", "tiny-short" },
  /* Its pictures were squashed, though its folder speaks of a crop (as tiny-rn's does, where they were
   * cropped). */
  { "tiny-hd80-openclip", "tiny-hd80-openclip", "open_clip_config.json", "\"shortest\"",
    "\"squash\"", "tall_37x101" },
  { "tiny-rn", "tiny-rn" },
  { "tiny-siglip", "tiny-siglip", .except = "tall_37x101" },
};

/* Tokens of every prompt as rows of the context length. */
static guint32 *
tokenize (ClipEngine *engine, gchar **prompts, guint32 *n_ids)
{
  guint32 context = clip_model_config (engine->model)->context;
  guint32 *ids = g_new0 (guint32, (gsize)g_strv_length (prompts) * context);

  for (guint i = 0; prompts[i]; i++)
    n_ids[i] =
        clip_model_tokenize (engine->model, prompts[i], -1, ids + (gsize)i * context, NULL, NULL);
  return ids;
}

/* L2-normalised text embeddings of the golden's prompts. */
static float *
encode_prompts (ClipEngine *engine, gchar **prompts)
{
  guint n = g_strv_length (prompts);
  g_autofree guint32 *n_ids = g_new (guint32, n);
  g_autofree guint32 *ids = tokenize (engine, prompts, n_ids);
  float *rows = g_new (float, (gsize)n *clip_model_config (engine->model)->projection);
  g_autoptr (GError) error = NULL;

  clip_encode_texts (engine, n, ids, n_ids, NULL, NULL, rows, NULL, &error);
  g_assert_no_error (error);
  return rows;
}

static float
dot (const float *a, const float *b, guint n)
{
  gdouble sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += (gdouble)a[i] * b[i];
  return (float)sum;
}

/* The first two prompts go all the way through ClipTexts and the score kernel. */
static ClipTexts *
two_texts (ClipEngine *engine, gchar **prompts)
{
  const gchar *const two[] = { prompts[0], prompts[1], NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_list (two, NULL, &error);
  ClipTexts *texts = NULL;

  g_assert_no_error (error);
  texts = clip_texts_new (engine, set, NULL, FALSE, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return texts;
}

static void
check_image (ClipEngine *engine, const gchar *name, guint index, ClipTexts *texts,
             const float *rows, gchar **prompts, const ClipTestNpy *embeds,
             const ClipTestNpy *probs)
{
  g_autoptr (ClipJob) job = golden_job (engine, name);
  g_autoptr (GError) error = NULL;
  guint n = g_strv_length (prompts), dim = embeds->shape[1], got_dim = 0;
  g_autofree float *sims = g_new (float, n);
  g_autofree gdouble *scores = g_new (gdouble, n);
  const float *embedding = NULL;
  float kernel_sims[2];

  clip_job_run (job, texts, kernel_sims, NULL, &error);
  g_assert_no_error (error);
  golden_assert_within (golden_rel_l2 (clip_job_raw_embedding (job), embeds, index * dim, dim),
                        EMBED_TOLERANCE, "%s", name);
  embedding = clip_job_embedding (job, &got_dim);
  g_assert_cmpuint (got_dim, ==, dim);
  for (guint p = 0; p < n; p++)
    sims[p] = dot (embedding, rows + (gsize)p * dim, dim);
  for (guint p = 0; p < 2; p++)
    golden_assert_within (ABS (sims[p] - kernel_sims[p]), 1e-6, "cosine of \"%s\"", prompts[p]);
  clip_score (clip_engine_scoring (engine, CLIP_SCORING_AUTO, n), clip_engine_logit_scale (engine),
              clip_engine_logit_bias (engine), sims, n, NULL, 0, 0, scores);
  for (guint p = 0; p < n; p++)
    golden_assert_within (ABS (scores[p] - clip_test_npy_get (probs, (gsize)index * n + p)),
                          PROBABILITY_TOLERANCE, "probability of \"%.40s\" in %s", prompts[p],
                          name);
}

static void
check_images (gconstpointer data)
{
  const ClipGolden *golden = data;
  g_autoptr (ClipEngine) engine = golden_engine (golden, CLIP_PRECISION_FP32);
  g_autoptr (ClipTestNpy) embeds = NULL, probs = NULL;
  g_auto (GStrv) images = NULL, prompts = NULL;
  g_autoptr (ClipTexts) texts = NULL;
  g_autofree float *rows = NULL;

  if (engine == NULL)
    return;
  embeds = golden_npy (golden, "image_embeds_f64.npy");
  probs = golden_npy (golden, "probs.npy");
  images = golden_strings (golden, "images");
  prompts = golden_strings (golden, "prompts");
  rows = encode_prompts (engine, prompts);
  texts = two_texts (engine, prompts);
  for (guint i = 0; images[i]; i++)
    if (g_strcmp0 (images[i], golden->except) != 0)
      check_image (engine, images[i], i, texts, rows, prompts, embeds, probs);
}

/* In double, where there are such. */
static ClipTestNpy *
text_embeds (const ClipGolden *golden)
{
  return golden_npy (golden, golden_has (golden, "text_embeds_f64.npy") ? "text_embeds_f64.npy"
                                                                        : "text_embeds.npy");
}

static void
check_texts (gconstpointer data)
{
  const ClipGolden *golden = data;
  g_autoptr (ClipEngine) engine = golden_engine (golden, CLIP_PRECISION_FP32);
  g_autoptr (ClipTestNpy) embeds = NULL;
  g_auto (GStrv) prompts = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint32 *ids = NULL, *n_ids = NULL;
  g_autofree float *raw = NULL;
  guint n = 0, dim = 0;

  if (engine == NULL)
    return;
  embeds = text_embeds (golden);
  prompts = golden_strings (golden, "prompts");
  n = g_strv_length (prompts);
  dim = embeds->shape[1];
  n_ids = g_new (guint32, n);
  ids = tokenize (engine, prompts, n_ids);
  raw = g_new (float, (gsize)n *dim);
  clip_encode_texts (engine, n, ids, n_ids, NULL, raw, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    golden_assert_within (golden_rel_l2 (raw + (gsize)i * dim, embeds, (gsize)i * dim, dim),
                          EMBED_TOLERANCE, "\"%.40s\"", prompts[i]);
}

/* 1 - cosine of row @index of @want. */
static gdouble
turned (const float *got, const ClipTestNpy *want, guint index, guint dim)
{
  gdouble ab = 0.0, aa = 0.0, bb = 0.0;

  for (guint k = 0; k < dim; k++) {
    gdouble w = clip_test_npy_get (want, (gsize)index * dim + k);

    ab += got[k] * w;
    aa += (gdouble)got[k] * got[k];
    bb += w * w;
  }
  return 1.0 - ab / sqrt (aa * bb);
}

/* Weights (and operands, where the device's kernels have such) of fewer bits: still the same
 * direction, of every picture and every prompt. */
static void
check_precision (const ClipGolden *golden, ClipPrecision precision, gdouble tolerance)
{
  g_autoptr (ClipEngine) engine = golden_engine (golden, precision);
  g_autoptr (ClipTestNpy) images_want = NULL, texts_want = NULL;
  g_auto (GStrv) images = NULL, prompts = NULL;
  g_autoptr (ClipTexts) texts = NULL;
  g_autofree float *rows = NULL;
  gdouble worst = 0.0;
  guint dim = 0;

  if (engine == NULL)
    return;
  images_want = golden_npy (golden, "image_embeds_f64.npy");
  texts_want = text_embeds (golden);
  images = golden_strings (golden, "images");
  prompts = golden_strings (golden, "prompts");
  texts = two_texts (engine, prompts);
  rows = encode_prompts (engine, prompts);
  dim = images_want->shape[1];
  for (guint i = 0; images[i]; i++) {
    g_autoptr (ClipJob) job = golden_job (engine, images[i]);
    g_autoptr (GError) error = NULL;
    gdouble angle = 0.0;

    if (g_strcmp0 (images[i], golden->except) == 0)
      continue;
    clip_job_run (job, texts, NULL, NULL, &error);
    g_assert_no_error (error);
    angle = turned (clip_job_raw_embedding (job), images_want, i, dim);
    golden_assert_within (angle, tolerance, "%s", images[i]);
    worst = MAX (worst, angle);
  }
  for (guint i = 0; prompts[i]; i++) {
    gdouble angle = turned (rows + (gsize)i * dim, texts_want, i, dim);

    golden_assert_within (angle, tolerance, "\"%.40s\"", prompts[i]);
    worst = MAX (worst, angle);
  }
  g_test_message ("at most %.3g", worst);
}

static void
check_fp16 (gconstpointer golden)
{
  check_precision (golden, CLIP_PRECISION_FP16, FP16_TOLERANCE);
}

static void
check_int8 (gconstpointer golden)
{
  check_precision (golden, CLIP_PRECISION_INT8, INT8_TOLERANCE);
}

/* Compares (layers + 1, 2, tokens, width) of @want with one sequence's rows in @hidden. */
static void
compare_hidden (const ClipTestNpy *want, guint sequence, const float *hidden, gsize layer_stride,
                guint32 ld, guint32 n_rows, const gchar *tower)
{
  gsize tokens = want->shape[2], width = want->shape[3];

  for (guint layer = 0; layer < want->shape[0]; layer++) {
    g_autofree float *rows = g_new (float, n_rows *width);

    for (guint32 r = 0; r < n_rows; r++)
      memcpy (rows + r * width, hidden + layer * layer_stride + (gsize)r * ld,
              width * sizeof (float));
    golden_assert_within (
        golden_rel_l2 (rows, want, ((gsize)layer * want->shape[1] + sequence) * tokens * width,
                       n_rows * width),
        HIDDEN_TOLERANCE, "%s layer %u of sequence %u", tower, layer, sequence);
  }
}

static void
check_text_hidden (gconstpointer data)
{
  const ClipGolden *golden = data;
  g_autoptr (ClipEngine) engine = golden_engine (golden, CLIP_PRECISION_FP32);
  g_autoptr (ClipTestNpy) want = NULL;
  g_auto (GStrv) prompts = NULL;
  g_autoptr (ClipGpuBuffer) hidden = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint32 *ids = NULL, *n_ids = NULL;
  g_autofree float *values = NULL;
  guint32 ld = 0;
  gsize layer = 0;

  if (engine == NULL)
    return;
  want = golden_npy (golden, "text_hidden.npy");
  prompts = golden_strings (golden, "prompts");
  n_ids = g_new (guint32, g_strv_length (prompts));
  ids = tokenize (engine, prompts, n_ids);
  ld = clip_stride (want->shape[3]);
  layer = 2 * want->shape[2] * ld;
  hidden = clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_DEVICE,
                                want->shape[0] * layer * sizeof (float), "hidden", &error);
  g_assert_no_error (error);
  clip_encode_texts (engine, 2, ids, n_ids, NULL, NULL, NULL, hidden, &error);
  g_assert_no_error (error);
  values = g_new (float, want->shape[0] * layer);
  clip_gpu_buffer_download (hidden, 0, values, want->shape[0] * layer * sizeof (float), &error);
  g_assert_no_error (error);
  for (guint s = 0; s < 2; s++)
    compare_hidden (want, s, values + s * want->shape[2] * ld, layer, ld, n_ids[s], "text");
}

static void
check_vision_hidden (gconstpointer data)
{
  const ClipGolden *golden = data;
  g_autoptr (ClipEngine) engine = golden_engine (golden, CLIP_PRECISION_FP32);
  g_autoptr (ClipTestNpy) want = NULL;
  g_auto (GStrv) images = NULL;
  g_autoptr (ClipGpuBuffer) hidden = NULL;
  g_autoptr (ClipGpuRecording) rec = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree float *values = NULL;
  guint32 ld = 0;
  gsize layer = 0, bytes = 0;

  if (engine == NULL)
    return;
  want = golden_npy (golden, "vision_hidden.npy");
  images = golden_strings (golden, "images");
  ld = clip_stride (want->shape[3]);
  layer = want->shape[2] * ld;
  bytes = want->shape[0] * layer * sizeof (float);
  hidden = clip_gpu_buffer_new (engine->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "hidden", &error);
  g_assert_no_error (error);
  rec = clip_gpu_recording_new (engine->gpu, "hidden");
  values = g_new (float, want->shape[0] * layer);

  for (guint s = 0; s < 2; s++) {
    g_autoptr (ClipJob) job = golden_job (engine, images[s]);

    clip_gpu_recording_begin (rec);
    clip_job_record_hidden (job, rec, hidden);
    clip_test_finish (engine->gpu, rec);
    clip_gpu_buffer_download (hidden, 0, values, bytes, &error);
    g_assert_no_error (error);
    compare_hidden (want, s, values, layer, ld, want->shape[2], "vision");
  }
}

static void
add (const ClipGolden *golden, const gchar *what, GTestDataFunc func)
{
  g_autofree gchar *name = g_strdup_printf ("/golden/%s/%s", golden->model, what);

  g_test_add_data_func (name, golden, func);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (goldens); i++) {
    gboolean first = g_str_equal (goldens[i].model, goldens[i].values)
                     && !g_str_has_suffix (goldens[i].model, "16");

    add (&goldens[i], "images", check_images);
    add (&goldens[i], "texts", check_texts);
    if (!first)
      continue;
    add (&goldens[i], "fp16", check_fp16);
    add (&goldens[i], "int8", check_int8);
    /* a ResNet has other stages: resnet.c */
    if (golden_has (&goldens[i], "text_hidden.npy"))
      add (&goldens[i], "text-hidden", check_text_hidden);
    if (golden_has (&goldens[i], "vision_hidden.npy"))
      add (&goldens[i], "vision-hidden", check_vision_hidden);
  }
  return g_test_run ();
}
