/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/model_config_private.h"
#include "gst-clip/engine/tensors.h"

#define NAME "config.json"

#define UNSUPPORTED_FAMILY                                                                         \
  "unsupported (clip, siglip: transformers' CLIPModel and SiglipModel, and open_clip's folders)"

/* @activation: has the default */
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
  const gchar *name = NULL;

  if (!clip_json_get_string (object, what, "hidden_act", &name, error))
    return FALSE;
  if (!name)
    return TRUE;
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

gboolean
clip_tower_config_set (ClipTowerConfig *tower, const gchar *what, guint64 width, guint64 layers,
                       guint64 heads, guint64 mlp, GError **error)
{
  if (width % heads != 0 || width / heads > CLIP_MAX_HEAD_DIM) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: %u heads do not divide a width of %u into at most %d each", what,
                 (guint)heads, (guint)width, CLIP_MAX_HEAD_DIM);
    return FALSE;
  }
  tower->width = (guint32)width;
  tower->layers = (guint32)layers;
  tower->heads = (guint32)heads;
  tower->head_dim = (guint32)(width / heads);
  tower->mlp = (guint32)mlp;
  return TRUE;
}

gboolean
clip_model_config_set_image (ClipModelConfig *config, const gchar *what, guint64 image,
                             guint64 patch, GError **error)
{
  guint64 side = image / patch, tokens = side * side + (config->class_token ? 1 : 0);

  if (side == 0 || tokens > CLIP_MAX_VISION_TOKENS) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: patches of %u pixels in images of %u make %u tokens, outside 2..%d", what,
                 (guint)patch, (guint)image, (guint)tokens, CLIP_MAX_VISION_TOKENS);
    return FALSE;
  }
  config->image_size = (guint32)image;
  config->patch_size = (guint32)patch;
  config->vision_tokens = (guint32)tokens;
  return TRUE;
}

gboolean
clip_tower_config_parse (JsonObject *object, const gchar *what, ClipTowerConfig *tower,
                         GError **error)
{
  guint64 width = tower->width, layers = tower->layers, heads = tower->heads, mlp = tower->mlp;

  if (!clip_json_get_uint (object, what, "hidden_size", 1, CLIP_MAX_WIDTH, &width, error)
      || !clip_json_get_uint (object, what, "num_hidden_layers", 1, CLIP_MAX_LAYERS, &layers, error)
      || !clip_json_get_uint (object, what, "num_attention_heads", 1, CLIP_MAX_WIDTH, &heads, error)
      || !clip_json_get_uint (object, what, "intermediate_size", 1, CLIP_MAX_MLP, &mlp, error)
      || !clip_json_get_double (object, what, "layer_norm_eps", 0, 1, &tower->eps, error)
      || !parse_activation (object, what, &tower->activation, error))
    return FALSE;
  return clip_tower_config_set (tower, what, width, layers, heads, mlp, error);
}

static gboolean
parse_vision (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  guint64 image = 224, patch = 32, channels = 3;

  config->vision = (ClipTowerConfig){ .width = 768,
                                      .layers = 12,
                                      .heads = 12,
                                      .mlp = 3072,
                                      .eps = 1e-5,
                                      .projection = TRUE,
                                      .activation = CLIP_ACTIVATION_QUICK_GELU };
  config->class_token = config->pre_norm = TRUE;
  return clip_tower_config_parse (object, what, &config->vision, error)
         && clip_json_get_uint (object, what, "num_channels", 3, 3, &channels, error)
         && clip_json_get_uint (object, what, "image_size", 1, CLIP_MAX_IMAGE_SIZE, &image, error)
         && clip_json_get_uint (object, what, "patch_size", 1, CLIP_MAX_IMAGE_SIZE, &patch, error)
         && clip_model_config_set_image (config, what, image, patch, error);
}

static gboolean
parse_text (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  guint64 context = 77, vocab = 49408;

  config->text = (ClipTowerConfig){ .width = 512,
                                    .layers = 12,
                                    .heads = 8,
                                    .mlp = 2048,
                                    .eps = 1e-5,
                                    .projection = TRUE,
                                    .activation = CLIP_ACTIVATION_QUICK_GELU };
  config->causal = TRUE;
  config->bos_token_id = 49406;
  config->eos_token_id = 49407;
  config->pad_token_id = 1;
  if (!clip_tower_config_parse (object, what, &config->text, error)
      || !clip_json_get_uint (object, what, "max_position_embeddings", 2, CLIP_MAX_CONTEXT,
                              &context, error)
      || !clip_json_get_uint (object, what, "vocab_size", 2, CLIP_MAX_VOCAB, &vocab, error)
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

/* What to do about types that are nearly right. */
static const gchar *
family_hint (const gchar *type)
{
  static const struct {
    const gchar *type, *hint;
  } hints[] = {
    { "siglip2", "; SigLIP 2 with a fixed resolution is siglip, this is NaFlex" },
    { "clip_vision_model", "; this is the images' tower alone, a CLIPModel has both" },
    { "clip_text_model", "; this is the texts' tower alone, a CLIPModel has both" },
    { "siglip_vision_model", "; this is the images' tower alone, a SiglipModel has both" },
    { "siglip_text_model", "; this is the texts' tower alone, a SiglipModel has both" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (hints); i++) {
    if (g_strcmp0 (type, hints[i].type) == 0)
      return hints[i].hint;
  }
  return "";
}

/* @siglip: (out): else it is a CLIPModel */
static gboolean
parse_family (JsonObject *root, const gchar *what, gboolean *siglip, GError **error)
{
  const gchar *type = NULL;

  if (!clip_json_get_string (root, what, "model_type", &type, error))
    return FALSE;
  *siglip = g_strcmp0 (type, "siglip") == 0;
  if (*siglip || g_strcmp0 (type, "clip") == 0)
    return TRUE;
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: the \"model_type\" \"%.100s\" is " UNSUPPORTED_FAMILY "%s", what,
               type ? type : "(none)", family_hint (type));
  return FALSE;
}

static gboolean
parse_clip (JsonObject *root, const gchar *what, JsonObject *vision, const gchar *vision_what,
            JsonObject *text, const gchar *text_what, ClipModelConfig *config, GError **error)
{
  guint64 projection = 512;

  if (!parse_vision (vision, vision_what, config, error)
      || !parse_text (text, text_what, config, error)
      || !clip_json_get_uint (root, what, "projection_dim", 1, CLIP_MAX_WIDTH, &projection, error))
    return FALSE;
  config->projection = (guint32)projection;
  return TRUE;
}

static gboolean
parse_config (JsonObject *root, const gchar *what, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *vision_what = g_strconcat (what, ": vision_config", NULL);
  g_autofree gchar *text_what = g_strconcat (what, ": text_config", NULL);
  g_autoptr (JsonObject) empty = json_object_new ();
  JsonObject *vision, *text;
  gboolean siglip;

  if (!parse_family (root, what, &siglip, error)
      || !choose_part (root, what, "vision_config", empty, &vision, error)
      || !choose_part (root, what, "text_config", empty, &text, error))
    return FALSE;
  if (siglip)
    return clip_model_config_parse_siglip (vision, vision_what, text, text_what, config, error);
  return parse_clip (root, what, vision, vision_what, text, text_what, config, error);
}

static gboolean
load_hf (const ClipSource *source, JsonObject *root, const gchar *what, ClipModelConfig *config,
         GError **error)
{
  config->file = NAME;
  config->layout = CLIP_LAYOUT_HF;
  return parse_config (root, what, config, error)
         && clip_preprocess_config_load (source, config, error);
}

/* Hubs keep several layouts in one folder. timm's config.json has no model_type, and transformers'
 * weights may be missing or pickles. */
static gboolean
is_open_clip (const ClipSource *source, JsonObject *root)
{
  return clip_source_has (source, CLIP_OPEN_CLIP_CONFIG)
         && (!root || !json_object_has_member (root, "model_type")
             || (!clip_tensors_present (source, CLIP_LAYOUT_HF)
                 && clip_tensors_present (source, CLIP_LAYOUT_OPEN_CLIP)));
}

/* Neither configuration is there: it may be a folder beside the right one. */
static gboolean
no_model (const ClipSource *source, GError **error)
{
  const gchar *path = clip_source_path (source);

  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND,
               "%s: no model here: neither " NAME " nor " CLIP_OPEN_CLIP_CONFIG "%s", path,
               clip_source_has (source, "snapshots")
                   ? "; of the Hugging Face cache name the folder snapshots/COMMIT in it"
                   : "");
  return FALSE;
}

gboolean
clip_model_config_load (const ClipSource *source, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *what = g_build_filename (clip_source_path (source), NAME, NULL);
  g_autoptr (JsonObject) root = NULL;
  g_autoptr (GBytes) bytes = NULL;

  *config = (ClipModelConfig){ 0 };
  if (!clip_source_has (source, NAME) && !clip_source_has (source, CLIP_OPEN_CLIP_CONFIG))
    return no_model (source, error);
  if (clip_source_has (source, NAME)) {
    bytes = clip_source_load (source, NAME, CLIP_JSON_MAX_BYTES, error);
    if (!bytes)
      return FALSE;
    root = clip_json_load (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), what, error);
    if (!root)
      return FALSE;
  }
  if (is_open_clip (source, root))
    return clip_model_config_load_open_clip (source, config, error);
  return load_hf (source, root, what, config, error);
}
