/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Published values of published weights: embeddings, logits and probabilities that other projects have
 * in their own tests. GST_CLIP_TEST_MODELS names a folder with the models, under the names of
 * gst-clip-fetch or of the hub; a model that is not there is skipped.
 */
#include "tests/golden/golden.h"

#include <math.h>

#define VALUES "data/reference/expected_real_weights.json"

/* Embeddings have lengths of about 10; the values are rounded sums of half a million products. */
#define EMBED_TOLERANCE       2e-3
#define SUM_TOLERANCE         2e-2
#define LOGIT_TOLERANCE       1e-2
#define PROBABILITY_TOLERANCE 1e-3

static const struct {
  const gchar *model, *folders[4];
} folders[] = {
  { "OpenAI CLIP ViT-B/32", { "vit-b-32", "clip-vit-base-patch32" } },
  { "OpenAI CLIP RN50", { "rn50", "resnet50_clip.openai" } },
  { "google/siglip-base-patch16-224", { "siglip-b-16", "siglip-base-patch16-224" } },
};

/* What one record says, in the order of its texts. */
typedef struct {
  JsonObject *record;
  ClipEngine *engine;
  guint n_texts, dim;
  float *texts;       /* n_texts x dim, raw */
  const float *image; /* raw */
  gdouble *logits, *probabilities;
} Record;

/* (transfer full) (nullable) */
static gchar *
model_folder (const gchar *model)
{
  const gchar *root = g_getenv ("GST_CLIP_TEST_MODELS");

  for (guint i = 0; root && i < G_N_ELEMENTS (folders); i++) {
    if (!g_str_equal (folders[i].model, model))
      continue;
    for (guint j = 0; folders[i].folders[j]; j++) {
      g_autofree gchar *path = g_build_filename (root, folders[i].folders[j], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        return g_steal_pointer (&path);
    }
  }
  return NULL;
}

static gdouble
dot (const float *a, const float *b, guint n)
{
  gdouble sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += (gdouble)a[i] * b[i];
  return sum;
}

static gdouble
sum_of (const float *values, guint n)
{
  gdouble sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += values[i];
  return sum;
}

/* An array of @record, if it is there, against values that @get gives. */
static void
check_array (const Record *r, const gchar *key, gdouble (*get) (const Record *r, guint index),
             gdouble tolerance)
{
  JsonArray *array = NULL;

  if (!json_object_has_member (r->record, key))
    return;
  array = json_object_get_array_member (r->record, key);
  for (guint i = 0; i < json_array_get_length (array); i++) {
    const gdouble want = json_array_get_double_element (array, i), got = get (r, i);

    g_test_message ("%s[%u]: %.6f, published %.6f", key, i, got, want);
    golden_assert_within (fabs (got - want), tolerance, "%s[%u]", key, i);
  }
}

static gdouble
get_image (const Record *r, guint i)
{
  return r->image[i];
}

static gdouble
get_text0 (const Record *r, guint i)
{
  return r->texts[i];
}

static gdouble
get_text_sum (const Record *r, guint i)
{
  return sum_of (r->texts + (gsize)i * r->dim, r->dim);
}

static gdouble
get_logit (const Record *r, guint i)
{
  return r->logits[i];
}

static gdouble
get_probability (const Record *r, guint i)
{
  return r->probabilities[i];
}

static void
check_values (const Record *r)
{
  gdouble tolerance = LOGIT_TOLERANCE;

  if (json_object_has_member (r->record, "tolerance"))
    tolerance = json_object_get_double_member (r->record, "tolerance");
  if (json_object_has_member (r->record, "image_embedding_sum"))
    golden_assert_within (fabs (sum_of (r->image, r->dim)
                                - json_object_get_double_member (r->record, "image_embedding_sum")),
                          SUM_TOLERANCE, "image_embedding_sum");
  check_array (r, "image_embedding_first5", get_image, EMBED_TOLERANCE);
  check_array (r, "text0_embedding_first5", get_text0, EMBED_TOLERANCE);
  check_array (r, "text_embedding_sums", get_text_sum, SUM_TOLERANCE);
  check_array (r, "logits_per_image", get_logit, tolerance);
  check_array (r, "probabilities", get_probability, PROBABILITY_TOLERANCE);
  check_array (r, "probabilities_sigmoid", get_probability, PROBABILITY_TOLERANCE);
}

/* Fills @r from the engine: texts, the picture, and what follows from them. */
static void
run (Record *r, ClipJob *job, JsonArray *texts)
{
  const ClipModelConfig *c = clip_model_config (r->engine->model);
  g_autofree guint32 *ids = g_new0 (guint32, (gsize)r->n_texts * c->context);
  g_autofree guint32 *n_ids = g_new (guint32, r->n_texts);
  g_autofree float *normalised = g_new (float, (gsize)r->n_texts * r->dim);
  g_autofree float *similarities = g_new (float, r->n_texts);
  const gchar *const words[] = { "a", NULL };
  g_autoptr (ClipPromptSet) word = clip_prompt_set_from_list (words, NULL, NULL);
  g_autoptr (ClipTexts) any = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < r->n_texts; i++)
    n_ids[i] = clip_model_tokenize (r->engine->model, json_array_get_string_element (texts, i), -1,
                                    ids + (gsize)i * c->context, NULL, NULL);
  clip_encode_texts (r->engine, r->n_texts, ids, n_ids, NULL, r->texts, normalised, NULL, &error);
  g_assert_no_error (error);
  any = clip_texts_new (r->engine, word, NULL, FALSE, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  clip_job_run (job, any, NULL, NULL, &error);
  g_assert_no_error (error);
  r->image = clip_job_raw_embedding (job);
  for (guint i = 0; i < r->n_texts; i++) {
    similarities[i] = (float)dot (clip_job_embedding (job, &(guint){ 0 }),
                                  normalised + (gsize)i * r->dim, r->dim);
    r->logits[i] = c->logit_scale * similarities[i] + c->logit_bias;
  }
  clip_score (clip_engine_scoring (r->engine, CLIP_SCORING_AUTO, r->n_texts), c->logit_scale,
              c->logit_bias, similarities, r->n_texts, NULL, 0, 0, r->probabilities);
}

/* "images/a.png (a remark)" */
static gchar *
picture_path (const gchar *text)
{
  g_autofree gchar *name = g_strndup (text, strcspn (text, " "));
  g_autofree gchar *relative = g_build_filename ("data", name, NULL);

  return clip_test_data (relative);
}

static void
check_record (JsonObject *record, const gchar *folder)
{
  g_autofree gchar *picture = picture_path (json_object_get_string_member (record, "image"));
  JsonArray *texts = json_object_get_array_member (record, "texts");
  const guint n = json_array_get_length (texts);
  const ClipEngineConfig config = { folder, NULL, CLIP_PRECISION_FP32 };
  g_autofree gdouble *logits = g_new (gdouble, n), *probabilities = g_new (gdouble, n);
  g_autofree float *rows = NULL;
  g_autoptr (ClipEngine) engine = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (GError) error = NULL;
  Record r = { record, .n_texts = n, .logits = logits, .probabilities = probabilities };

  if (!picture || !clip_test_image_supported (picture)) {
    g_test_skip ("no picture, or no library to read it");
    return;
  }
  r.engine = engine = clip_engine_open (&config, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  r.dim = clip_model_config (engine->model)->projection;
  r.texts = rows = g_new (float, (gsize)n *r.dim);
  job = golden_job_of (engine, picture);
  run (&r, job, texts);
  check_values (&r);
}

static JsonParser *parser;

static void
test_record (gconstpointer data)
{
  JsonArray *records = json_node_get_array (json_parser_get_root (parser));
  JsonObject *record = json_array_get_object_element (records, GPOINTER_TO_UINT (data));
  g_autofree gchar *folder = model_folder (json_object_get_string_member (record, "model"));

  if (folder)
    check_record (record, folder);
  else
    g_test_skip ("GST_CLIP_TEST_MODELS has no such model");
}

static void
test_nothing (void)
{
  g_test_skip ("no test data (GST_CLIP_TESTDATA)");
}

int
main (int argc, char **argv)
{
  g_autofree gchar *path = NULL;
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  path = clip_test_data (VALUES);
  if (!path) {
    g_test_add_func ("/published/values", test_nothing);
    return g_test_run ();
  }
  parser = json_parser_new ();
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < json_array_get_length (json_node_get_array (json_parser_get_root (parser)));
       i++) {
    JsonObject *record =
        json_array_get_object_element (json_node_get_array (json_parser_get_root (parser)), i);
    g_autofree gchar *name =
        g_strdup_printf ("/published/%u %s", i, json_object_get_string_member (record, "model"));

    g_strdelimit (name + strlen ("/published/"), "/", '-');
    g_test_add_data_func (name, GUINT_TO_POINTER (i), test_record);
  }
  return g_test_run ();
}
