/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole model folders: the forms of config.json and preprocessor_config.json, the golden
 * folders, the embedded model. Finding a model: model_find.c. Broken folders: tests/fuzz.
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/model_config.h"
#include "tests/common/random_model.h"

/* Configurations --------------------------------------------------------- */

static gboolean
load_config (const gchar *config_text, const gchar *name, const gchar *text,
             ClipModelConfig *config, GError **error)
{
  g_autofree gchar *folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_autofree gchar *config_path = g_build_filename (folder, "config.json", NULL);
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autoptr (ClipSource) source = NULL;
  gboolean ok;

  g_assert_true (g_file_set_contents (config_path, config_text, -1, NULL));
  if (text)
    g_assert_true (g_file_set_contents (path, text, -1, NULL));
  source = clip_source_open_folder (folder, NULL);
  ok = clip_model_config_load (source, config, error);
  g_unlink (path);
  g_unlink (config_path);
  g_rmdir (folder);
  return ok;
}

static void
load_good (const gchar *config_text, const gchar *preprocessor, ClipModelConfig *config)
{
  g_autoptr (GError) error = NULL;

  load_config (config_text, "preprocessor_config.json", preprocessor, config, &error);
  g_assert_no_error (error);
}

static void
load_bad (const gchar *config_text, const gchar *preprocessor, ClipModelError code)
{
  g_autoptr (GError) error = NULL;
  ClipModelConfig config;

  g_assert_false (
      load_config (config_text, "preprocessor_config.json", preprocessor, &config, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, CLIP_MODEL_ERROR, (gint)code);
}

/* The least that transformers writes: everything is the default, which is ViT-B/32. */
static void
test_minimal_config (void)
{
  ClipModelConfig c;

  load_good ("{\"model_type\": \"clip\"}", NULL, &c);
  g_assert_true (c.vision.width == 768 && c.vision.mlp == 3072 && c.vision.layers == 12);
  g_assert_true (c.vision.heads == 12 && c.vision.head_dim == 64 && c.vision.eps == 1e-5);
  g_assert_true (c.vision.activation == CLIP_ACTIVATION_QUICK_GELU);
  g_assert_true (c.text.width == 512 && c.text.mlp == 2048 && c.text.layers == 12);
  g_assert_true (c.text.heads == 8 && c.text.head_dim == 64 && c.text.eps == 1e-5);
  g_assert_true (c.image_size == 224 && c.patch_size == 32 && c.vision_tokens == 50);
  g_assert_true (c.context == 77 && c.vocab == 49408 && c.projection == 512);
  g_assert_true (c.bos_token_id == 49406 && c.eos_token_id == 49407);
  g_assert_true (c.mean[0] == 0.48145466 && c.std[2] == 0.27577711);
  g_assert_true (c.preprocess.resize == CLIP_RESIZE_SHORTEST_EDGE);
  g_assert_true (c.preprocess.filter == CLIP_FILTER_BICUBIC);
  g_assert_true (c.preprocess.resize_edge == 224 && c.preprocess.crop_size == 224);
  g_assert_true (c.preprocess.crop_rounding == CLIP_CROP_FLOOR);
  g_assert_true (c.preprocess.patch_size == 32 && c.preprocess.token_offset == 1);
}

static void
test_activations (void)
{
  static const struct {
    const gchar *name;
    ClipActivation activation;
  } cases[] = { { "quick_gelu", CLIP_ACTIVATION_QUICK_GELU },
                { "gelu", CLIP_ACTIVATION_GELU },
                { "gelu_new", CLIP_ACTIVATION_GELU_TANH },
                { "gelu_pytorch_tanh", CLIP_ACTIVATION_GELU_TANH } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *text = g_strdup_printf (
        "{\"model_type\":\"clip\",\"vision_config\":{\"hidden_act\":\"%s\"}}", cases[i].name);
    ClipModelConfig c;
    load_good (text, NULL, &c);
    g_assert_cmpint (c.vision.activation, ==, cases[i].activation);
    g_assert_cmpint (c.text.activation, ==, CLIP_ACTIVATION_QUICK_GELU);
  }
  load_bad ("{\"model_type\":\"clip\",\"text_config\":{\"hidden_act\":\"relu\"}}", NULL,
            CLIP_MODEL_ERROR_UNSUPPORTED);
}

/* Old files have each part twice, and the second counts, with the defaults for what it lacks. */
static void
test_old_config (void)
{
  ClipModelConfig c;

  load_good ("{\"model_type\":\"clip\",\"projection_dim\":768,"
             "\"text_config\":{\"hidden_size\":640,\"eos_token_id\":2,\"num_hidden_layers\":3},"
             "\"text_config_dict\":{\"hidden_size\":768,\"num_attention_heads\":12},"
             "\"vision_config\":{\"hidden_size\":1024,\"num_attention_heads\":16},"
             "\"vision_config_dict\":null}",
             NULL, &c);
  g_assert_true (c.text.width == 768 && c.text.heads == 12 && c.text.layers == 12);
  g_assert_true (c.eos_token_id == 49407);
  g_assert_true (c.vision.width == 1024 && c.vision.heads == 16 && c.projection == 768);
  load_good ("{\"model_type\":\"clip\",\"text_config\":{\"eos_token_id\":2}}", NULL, &c);
  g_assert_true (c.eos_token_id == CLIP_EOS_ARGMAX);
}

static void
test_other_families (void)
{
  g_autoptr (GError) error = NULL;
  ClipModelConfig c;

  load_bad ("{\"model_type\":\"siglip2\"}", NULL, CLIP_MODEL_ERROR_UNSUPPORTED);
  load_bad ("{\"model_type\":\"clip_vision_model\"}", NULL, CLIP_MODEL_ERROR_UNSUPPORTED);
  load_bad ("{}", NULL, CLIP_MODEL_ERROR_UNSUPPORTED);
  load_bad ("{\"model_type\":\"clip\",\"vision_config\":{\"num_channels\":4}}", NULL,
            CLIP_MODEL_ERROR_INVALID);
  load_config ("{\"model_type\":\"chinese_clip\"}", "x", NULL, &c, &error);
  g_assert_nonnull (strstr (error->message, "chinese_clip"));
}

/* transformers' SiglipConfig by default: B/16. */
static void
test_siglip (void)
{
  ClipModelConfig c;

  load_good ("{\"model_type\":\"siglip\"}", NULL, &c);
  g_assert_true (c.sigmoid && c.layout == CLIP_LAYOUT_HF && !c.causal);
  g_assert_true (c.vision.width == 768 && c.vision.layers == 12 && c.vision.eps == 1e-6);
  g_assert_true (c.vision.activation == CLIP_ACTIVATION_GELU_TANH);
  g_assert_true (c.vision.pool == CLIP_POOL_MAP && !c.vision.projection);
  g_assert_true (!c.class_token && c.patch_bias && !c.pre_norm && c.vision_tokens == 196);
  g_assert_true (c.text.pool == CLIP_POOL_LAST && c.text.projection && c.text.projection_bias);
  g_assert_true (c.context == 64 && c.vocab == 32000 && c.projection == 768);
  g_assert_true (c.preprocess.resize == CLIP_RESIZE_SQUASH && c.preprocess.token_offset == 0);
  g_assert_true (c.preprocess.resize_edge == 224 && c.mean[0] == 0.5 && c.std[2] == 0.5);
  /* so400m-patch14-384: 4304 is no multiple, 384 neither; as SigLIP 2 is resized. */
  load_good ("{\"model_type\":\"siglip\",\"vision_config\":{\"hidden_size\":1152,"
             "\"intermediate_size\":4304,\"num_hidden_layers\":27,\"num_attention_heads\":16,"
             "\"image_size\":384,\"patch_size\":14},\"text_config\":{\"hidden_size\":768,"
             "\"projection_size\":1152,\"vocab_size\":256000}}",
             "{\"size\":{\"height\":384,\"width\":384},\"resample\":2}", &c);
  g_assert_true (c.vision.head_dim == 72 && c.vision_tokens == 729 && c.projection == 1152);
  g_assert_true (c.preprocess.filter == CLIP_FILTER_BILINEAR && c.preprocess.crop_size == 384);
  load_bad ("{\"model_type\":\"siglip\",\"vision_config\":{\"vision_use_head\":false}}", NULL,
            CLIP_MODEL_ERROR_UNSUPPORTED);
  load_bad ("{\"model_type\":\"siglip\",\"text_config\":{\"projection_size\":512}}", NULL,
            CLIP_MODEL_ERROR_INVALID);
}

/* A remainder of the image that no patch covers is cut off. */
static void
test_patch_remainder (void)
{
  ClipModelConfig c;

  load_good ("{\"model_type\":\"clip\",\"vision_config\":{\"image_size\":53,\"patch_size\":10}}",
             NULL, &c);
  g_assert_cmpuint (c.vision_tokens, ==, 26);
  g_assert_cmpuint (c.preprocess.crop_size, ==, 53);
}

static void
test_preprocessor_forms (void)
{
  static const gchar clip[] = "{\"model_type\":\"clip\"}";
  static const gchar *const plain[] = {
    "{}", "{\"size\":224,\"crop_size\":224}",
    "{\"size\":{\"shortest_edge\":224},\"crop_size\":{\"height\":224,\"width\":224}}",
    "{\"size\":{\"shortest_edge\":224},\"crop_size\":224,\"do_rescale\":true,"
    "\"rescale_factor\":0.00392156862745098}"
  };
  ClipModelConfig c;

  for (guint i = 0; i < G_N_ELEMENTS (plain); i++) {
    load_good (clip, plain[i], &c);
    g_assert_true (c.preprocess.resize == CLIP_RESIZE_SHORTEST_EDGE);
    g_assert_true (c.preprocess.resize_edge == 224 && c.preprocess.crop_size == 224);
    g_assert_true (c.mean[0] == 0.48145466 && c.std[0] == 0.26862954);
  }
  load_good (clip, "{\"size\":256,\"resample\":2}", &c);
  g_assert_true (c.preprocess.resize_edge == 256 && c.preprocess.crop_size == 224);
  g_assert_true (c.preprocess.filter == CLIP_FILTER_BILINEAR);
  load_good (clip, "{\"size\":{\"height\":224,\"width\":224},\"do_center_crop\":false}", &c);
  g_assert_true (c.preprocess.resize == CLIP_RESIZE_SQUASH && c.preprocess.crop_size == 224);
  load_bad (clip, "{\"crop_size\":336}", CLIP_MODEL_ERROR_INVALID);
  load_bad (clip, "{\"size\":{\"height\":224,\"width\":336}}", CLIP_MODEL_ERROR_UNSUPPORTED);
  load_bad (clip, "{\"do_center_crop\":false}", CLIP_MODEL_ERROR_UNSUPPORTED);
  load_bad (clip, "{\"do_resize\":false}", CLIP_MODEL_ERROR_UNSUPPORTED);
  load_bad (clip, "{\"resample\":0}", CLIP_MODEL_ERROR_UNSUPPORTED);
}

/* However the values are scaled, mean and deviation come out for 0..1. */
static void
test_normalization (void)
{
  static const gchar clip[] = "{\"model_type\":\"clip\"}";
  ClipModelConfig c;

  load_good (clip, "{\"do_normalize\":false}", &c);
  g_assert_true (c.mean[1] == 0.0 && c.std[1] == 1.0);
  load_good (
      clip, "{\"do_rescale\":false,\"image_mean\":[127.5,127.5,127.5],\"image_std\":[255,255,255]}",
      &c);
  g_assert_true (fabs (c.mean[0] - 0.5) < 1e-12 && fabs (c.std[0] - 1.0) < 1e-12);
  load_good (
      clip, "{\"rescale_factor\":0.00784313725490196,\"image_mean\":[1,1,1],\"image_std\":[1,1,1]}",
      &c);
  g_assert_true (fabs (c.mean[2] - 0.5) < 1e-12 && fabs (c.std[2] - 0.5) < 1e-12);
  load_bad (clip, "{\"image_mean\":[0.5,0.5]}", CLIP_MODEL_ERROR_INVALID);
  load_bad (clip, "{\"image_std\":[0.5,0,0.5]}", CLIP_MODEL_ERROR_INVALID);
}

/* Newer folders: the same object inside another file. */
static void
test_processor_config (void)
{
  g_autoptr (GError) error = NULL;
  ClipModelConfig c;

  load_config ("{\"model_type\":\"clip\"}", "processor_config.json",
               "{\"image_processor\":{\"size\":300},\"processor_class\":\"CLIPProcessor\"}", &c,
               &error);
  g_assert_no_error (error);
  g_assert_cmpuint (c.preprocess.resize_edge, ==, 300);
}

/* Golden folders --------------------------------------------------------- */

static ClipModel *
open_golden (const gchar *name, GError **error)
{
  const gchar *root = g_getenv ("GST_CLIP_TESTDATA");
  g_autofree gchar *path = root ? g_build_filename (root, "goldens", "models", name, NULL) : NULL;

  if (!path || !g_file_test (path, G_FILE_TEST_IS_DIR)) {
    g_test_skip ("GST_CLIP_TESTDATA has no golden models");
    return NULL;
  }
  return clip_model_open (path, error);
}

static void
test_golden_config (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipModel) model = open_golden ("tiny-awk", &error);
  const ClipModelConfig *c;

  g_assert_no_error (error);
  if (!model)
    return;
  c = clip_model_config (model);
  g_assert_cmpstr (clip_model_name (model), ==, "tiny-awk");
  g_assert_true (c->vision.width == 96 && c->vision.head_dim == 32 && c->vision_tokens == 37);
  g_assert_true (c->text.width == 72 && c->text.head_dim == 18 && c->text.layers == 2);
  g_assert_true (c->text.activation == CLIP_ACTIVATION_GELU && c->projection == 40);
  g_assert_true (c->eos_token_id == CLIP_EOS_ARGMAX && c->vocab == 1000);
  g_assert_cmpfloat_with_epsilon (c->logit_scale, 40.4473, 1e-3);
  g_assert_true (clip_model_has (model, "logit_scale"));
  g_assert_true (clip_model_has (model, "text_model.embeddings.position_ids"));
  g_assert_false (clip_model_has (model, "vision_model.embeddings.patch_embedding.bias"));
}

/* The same weights stored in other ways: equal to what the type can hold. */
static void
test_golden_storage (void)
{
  static const struct {
    const gchar *name;
    float relative, absolute;
  } cases[] = { { "tiny-awk-sharded", 0, 0 },
                { "tiny-awk-fp16", 1.0f / 2048, 6e-8f },
                { "tiny-awk-bf16", 1.0f / 256, 0 } };
  static const gchar name[] = "vision_model.encoder.layers.2.mlp.fc2.weight";
  g_autoptr (ClipModel) model = open_golden ("tiny-awk", NULL);
  g_autofree float *expected = g_new (float, 96 * 200), *found = g_new (float, 96 * 200);

  if (!model)
    return;
  g_assert_true (clip_model_read (model, name, 0, 96, expected, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (ClipModel) other = open_golden (cases[i].name, &error);

    g_assert_no_error (error);
    g_assert_true (clip_model_read (other, name, 0, 50, found, NULL));
    g_assert_true (clip_model_read (other, name, 50, 46, found + 50 * 200, NULL));
    for (guint j = 0; j < 96 * 200; j++) {
      float tolerance = fabsf (expected[j]) * cases[i].relative + cases[i].absolute;
      if (!(fabsf (found[j] - expected[j]) <= tolerance))
        g_error ("%s: [%u] is %g, not %g", cases[i].name, j, found[j], expected[j]);
    }
  }
}

static void
test_eos_index (void)
{
  static const guint32 ids[] = { 998, 5, 999, 7, 999 };
  g_autoptr (ClipModel) argmax = open_golden ("tiny-awk", NULL);
  g_autoptr (ClipModel) first = argmax ? open_golden ("tiny-short", NULL) : NULL;

  if (!first)
    return;
  g_assert_cmpuint (clip_model_eos_index (argmax, ids, 5), ==, 2);
  g_assert_cmpuint (clip_model_eos_index (argmax, ids, 2), ==, 0);
  g_assert_cmpuint (clip_model_eos_index (first, ids, 5), ==, 2);
  /* None: transformers then takes the first position, too. */
  g_assert_cmpuint (clip_model_eos_index (first, ids, 2), ==, 0);
}

/* The name goes into messages and metadata, which are UTF-8; a path need not be. */
static void
test_name_of_bytes (void)
{
  g_autofree gchar *folder = g_build_filename (g_get_user_data_dir (), "caf\xe9", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipModel) model = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  clip_random_model_write (clip_random_model_find ("tiny"), folder, 1, &error);
  g_assert_no_error (error);
  model = clip_model_open (folder, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (clip_model_name (model), ==, "caf\xef\xbf\xbd");
  clip_random_model_remove (folder);
}

/* Built in or not, either must work out. */
static void
test_embedded (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipModel) model = clip_model_open (NULL, &error);
  g_autofree guint32 *ids = NULL;
  const ClipModelConfig *c;
  g_autofree float *values = NULL;

  if (!model && g_error_matches (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND)) {
    g_test_skip ("built without the embedded model");
    return;
  }
  g_assert_no_error (error);
  c = clip_model_config (model);
  ids = g_new (guint32, c->context);
  values = g_new (float, (gsize)c->vocab * c->text.width);
  g_assert_cmpstr (clip_model_name (model), ==, "demo");
  g_assert_cmpfloat (c->contrast_threshold, ==, 0.06); /* as the model card says */
  g_assert_cmpuint (clip_model_tokenize (model, "colour bars", -1, ids, NULL, NULL), >=, 3);
  g_assert_true (clip_model_read (model, "text_model.embeddings.token_embedding.weight", 0,
                                  c->vocab, values, &error));
}

int
main (int argc, char **argv)
{
  g_autofree gchar *home = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  int result;

  /* Not the user's; to be set before GLib looks. */
  g_setenv ("XDG_DATA_HOME", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/model/minimal-config", test_minimal_config);
  g_test_add_func ("/engine/model/activations", test_activations);
  g_test_add_func ("/engine/model/old-config", test_old_config);
  g_test_add_func ("/engine/model/other-families", test_other_families);
  g_test_add_func ("/engine/model/siglip", test_siglip);
  g_test_add_func ("/engine/model/patch-remainder", test_patch_remainder);
  g_test_add_func ("/engine/model/preprocessor-forms", test_preprocessor_forms);
  g_test_add_func ("/engine/model/normalization", test_normalization);
  g_test_add_func ("/engine/model/processor-config", test_processor_config);
  g_test_add_func ("/engine/model/golden-config", test_golden_config);
  g_test_add_func ("/engine/model/golden-storage", test_golden_storage);
  g_test_add_func ("/engine/model/eos-index", test_eos_index);
  g_test_add_func ("/engine/model/name-of-bytes", test_name_of_bytes);
  g_test_add_func ("/engine/model/embedded", test_embedded);
  result = g_test_run ();
  g_rmdir (home);
  return result;
}
