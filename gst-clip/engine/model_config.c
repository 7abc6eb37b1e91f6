/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/model_config.h"

#include "gst-clip/engine/json.h"

#define NAME "config.json"

/* Limits: more than any CLIP has, little enough that no product of two overflows 32 bits. */
#define MAX_WIDTH         16384
#define MAX_MLP           65536
#define MAX_LAYERS        256
#define MAX_HEAD_DIM      128
#define MAX_IMAGE_SIZE    4096
#define MAX_VISION_TOKENS 16385
#define MAX_CONTEXT       1024
#define MAX_VOCAB         1000000

#define UNSUPPORTED_FAMILY "unsupported, this version runs Hugging Face CLIPModel folders"

static gboolean
parse_activation (JsonObject *object, const gchar *what, ClipActivation *activation, GError **error)
{
  static const struct {
    const gchar *name;
    ClipActivation activation;
  } activations[] = {
    { "quick_gelu", CLIP_ACTIVATION_QUICK_GELU },
    { "gelu", CLIP_ACTIVATION_GELU },
    { "gelu_python", CLIP_ACTIVATION_GELU },
    { "gelu_new", CLIP_ACTIVATION_GELU_TANH },
    { "gelu_pytorch_tanh", CLIP_ACTIVATION_GELU_TANH },
    { "gelu_fast", CLIP_ACTIVATION_GELU_TANH },
  };
  const gchar *name = "quick_gelu";

  if (!clip_json_get_string (object, what, "hidden_act", &name, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (activations); i++) {
    if (g_str_equal (name, activations[i].name)) {
      *activation = activations[i].activation;
      return TRUE;
    }
  }
  g_set_error (
      error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
      "%s: the \"hidden_act\" \"%.40s\" is unsupported (quick_gelu, gelu, gelu_pytorch_tanh are)",
      what, name);
  return FALSE;
}

/* @tower: has the defaults */
static gboolean
parse_tower (JsonObject *object, const gchar *what, ClipTowerConfig *tower, GError **error)
{
  guint64 width = tower->width, layers = tower->layers, heads = tower->heads, mlp = tower->mlp;

  if (!clip_json_get_uint (object, what, "hidden_size", 1, MAX_WIDTH, &width, error)
      || !clip_json_get_uint (object, what, "num_hidden_layers", 1, MAX_LAYERS, &layers, error)
      || !clip_json_get_uint (object, what, "num_attention_heads", 1, MAX_WIDTH, &heads, error)
      || !clip_json_get_uint (object, what, "intermediate_size", 1, MAX_MLP, &mlp, error)
      || !clip_json_get_double (object, what, "layer_norm_eps", 0, 1, &tower->eps, error)
      || !parse_activation (object, what, &tower->activation, error))
    return FALSE;
  if (width % heads != 0 || width / heads > MAX_HEAD_DIM) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: %u heads do not divide a width of %u into at most %d each", what,
                 (guint)heads, (guint)width, MAX_HEAD_DIM);
    return FALSE;
  }
  tower->width = (guint32)width;
  tower->layers = (guint32)layers;
  tower->heads = (guint32)heads;
  tower->head_dim = (guint32)(width / heads);
  tower->mlp = (guint32)mlp;
  return TRUE;
}

static gboolean
parse_vision (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  guint64 image = 224, patch = 32, channels = 3, side;

  config->vision =
      (ClipTowerConfig){ .width = 768, .layers = 12, .heads = 12, .mlp = 3072, .eps = 1e-5 };
  if (!parse_tower (object, what, &config->vision, error)
      || !clip_json_get_uint (object, what, "num_channels", 3, 3, &channels, error)
      || !clip_json_get_uint (object, what, "image_size", 1, MAX_IMAGE_SIZE, &image, error)
      || !clip_json_get_uint (object, what, "patch_size", 1, MAX_IMAGE_SIZE, &patch, error))
    return FALSE;
  side = image / patch;
  if (side == 0 || side * side + 1 > MAX_VISION_TOKENS) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: patches of %u pixels in images of %u make %u tokens, outside 2..%d", what,
                 (guint)patch, (guint)image, (guint)(side * side + 1), MAX_VISION_TOKENS);
    return FALSE;
  }
  config->image_size = (guint32)image;
  config->patch_size = (guint32)patch;
  config->vision_tokens = (guint32)(side * side + 1);
  return TRUE;
}

static gboolean
parse_text (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  guint64 context = 77, vocab = 49408;

  config->text =
      (ClipTowerConfig){ .width = 512, .layers = 12, .heads = 8, .mlp = 2048, .eps = 1e-5 };
  config->bos_token_id = 49406;
  config->eos_token_id = 49407;
  config->pad_token_id = 1;
  if (!parse_tower (object, what, &config->text, error)
      || !clip_json_get_uint (object, what, "max_position_embeddings", 2, MAX_CONTEXT, &context,
                              error)
      || !clip_json_get_uint (object, what, "vocab_size", 2, MAX_VOCAB, &vocab, error)
      || !clip_json_get_int (object, what, "bos_token_id", -1, G_MAXINT32, &config->bos_token_id,
                             error)
      || !clip_json_get_int (object, what, "eos_token_id", 0, G_MAXINT32, &config->eos_token_id,
                             error)
      || !clip_json_get_int (object, what, "pad_token_id", -1, G_MAXINT32, &config->pad_token_id,
                             error))
    return FALSE;
  /* Configs of before 2023 say 2, which is no CLIP vocabulary's end token; the models then
   * pool where the highest id is. */
  if (config->eos_token_id == 2)
    config->eos_token_id = CLIP_EOS_ARGMAX;
  config->context = (guint32)context;
  config->vocab = (guint32)vocab;
  return TRUE;
}

/* Where "text_config_dict" exists, transformers takes it and the defaults, and nothing of
 * "text_config". @part: (out): borrowed; @empty if there is neither */
static gboolean
choose_part (JsonObject *root, const gchar *what, const gchar *key, JsonObject *empty,
             JsonObject **part, GError **error)
{
  g_autofree gchar *dict_key = g_strconcat (key, "_dict", NULL);
  JsonObject *dict = NULL;

  *part = empty;
  if (!clip_json_get_object (root, what, key, part, error)
      || !clip_json_get_object (root, what, dict_key, &dict, error))
    return FALSE;
  if (dict)
    *part = dict;
  return TRUE;
}

static gboolean
check_family (JsonObject *root, const gchar *what, GError **error)
{
  const gchar *type = NULL;

  if (!clip_json_get_string (root, what, "model_type", &type, error))
    return FALSE;
  if (g_strcmp0 (type, "clip") == 0)
    return TRUE;
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: a model of type \"%.100s\": " UNSUPPORTED_FAMILY, what, type ? type : "(none)");
  return FALSE;
}

static gboolean
parse_config (JsonObject *root, const gchar *what, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *vision_what = g_strconcat (what, ": vision_config", NULL);
  g_autofree gchar *text_what = g_strconcat (what, ": text_config", NULL);
  g_autoptr (JsonObject) empty = json_object_new ();
  JsonObject *vision, *text;
  guint64 projection = 512;

  if (!check_family (root, what, error)
      || !choose_part (root, what, "vision_config", empty, &vision, error)
      || !choose_part (root, what, "text_config", empty, &text, error)
      || !parse_vision (vision, vision_what, config, error)
      || !parse_text (text, text_what, config, error)
      || !clip_json_get_uint (root, what, "projection_dim", 1, MAX_WIDTH, &projection, error))
    return FALSE;
  config->projection = (guint32)projection;
  return TRUE;
}

gboolean
clip_model_config_load (const ClipSource *source, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *what = g_build_filename (clip_source_path (source), NAME, NULL);
  g_autoptr (JsonObject) root = NULL;
  g_autoptr (GBytes) bytes = NULL;

  *config = (ClipModelConfig){ 0 };
  if (!clip_source_has (source, NAME) && clip_source_has (source, "open_clip_config.json")) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: an open_clip model (open_clip_config.json without " NAME
                 "): " UNSUPPORTED_FAMILY,
                 clip_source_path (source));
    return FALSE;
  }
  bytes = clip_source_load (source, NAME, CLIP_JSON_MAX_BYTES, error);
  if (!bytes)
    return FALSE;
  root = clip_json_load (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), what, error);
  return root && parse_config (root, what, config, error)
         && clip_preprocess_config_load (source, config, error);
}
