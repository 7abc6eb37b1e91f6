/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.json of SigLIP and of SigLIP 2 with a fixed resolution ("model_type": "siglip"): Zhai et al., Sigmoid
 * Loss for Language Image Pre-Training (2023), and Tschannen et al., SigLIP 2 (2025). Defaults are those of
 * transformers' SiglipConfig. (SigLIP 2 NaFlex is "siglip2", with patches of any aspect ratio.)
 */
#include "gst-clip/engine/model_config_private.h"

/* No class token and no norm before the layers; a query of its own pools. */
static gboolean
parse_vision (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  guint64 image = 224, patch = 16, channels = 3;
  gboolean head = TRUE;

  config->vision = (ClipTowerConfig){ .width = 768,
                                      .layers = 12,
                                      .heads = 12,
                                      .mlp = 3072,
                                      .activation = CLIP_ACTIVATION_GELU_TANH,
                                      .eps = 1e-6,
                                      .pool = CLIP_POOL_MAP };
  config->patch_bias = TRUE;
  if (!clip_tower_config_parse (object, what, &config->vision, error)
      || !clip_json_get_uint (object, what, "num_channels", 3, 3, &channels, error)
      || !clip_json_get_bool (object, what, "vision_use_head", &head, error)
      || !clip_json_get_uint (object, what, "image_size", 1, CLIP_MAX_IMAGE_SIZE, &image, error)
      || !clip_json_get_uint (object, what, "patch_size", 1, CLIP_MAX_IMAGE_SIZE, &patch, error)
      || !clip_model_config_set_image (config, what, image, patch, error))
    return FALSE;
  if (head)
    return TRUE;
  g_set_error (
      error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
      "%s: \"vision_use_head\" false is unsupported: there is nothing to compare texts with", what);
  return FALSE;
}

/* Tokens see each other and the padding, the last one is pooled. */
static gboolean
parse_text (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  guint64 context = 64, vocab = 32000, projection;

  config->text = (ClipTowerConfig){ .width = 768,
                                    .layers = 12,
                                    .heads = 12,
                                    .mlp = 3072,
                                    .activation = CLIP_ACTIVATION_GELU_TANH,
                                    .eps = 1e-6,
                                    .pool = CLIP_POOL_LAST,
                                    .projection = TRUE,
                                    .projection_bias = TRUE };
  config->causal = FALSE;
  config->bos_token_id = -1;
  config->eos_token_id = CLIP_EOS_ARGMAX;
  config->pad_token_id = 1;
  if (!clip_tower_config_parse (object, what, &config->text, error))
    return FALSE;
  projection = config->text.width;
  if (!clip_json_get_uint (object, what, "max_position_embeddings", 2, CLIP_MAX_CONTEXT, &context,
                           error)
      || !clip_json_get_uint (object, what, "vocab_size", 2, CLIP_MAX_VOCAB, &vocab, error)
      || !clip_json_get_uint (object, what, "projection_size", 1, CLIP_MAX_WIDTH, &projection,
                              error)
      || !clip_json_get_int (object, what, "pad_token_id", -1, G_MAXINT32, &config->pad_token_id,
                             error))
    return FALSE;
  if (projection != config->vision.width) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: texts are projected to %u numbers, pictures have %u", what, (guint)projection,
                 config->vision.width);
    return FALSE;
  }
  config->context = (guint32)context;
  config->vocab = (guint32)vocab;
  return TRUE;
}

gboolean
clip_model_config_parse_siglip (JsonObject *vision, const gchar *vision_what, JsonObject *text,
                                const gchar *text_what, ClipModelConfig *config, GError **error)
{
  config->sigmoid = TRUE;
  if (!parse_vision (vision, vision_what, config, error)
      || !parse_text (text, text_what, config, error))
    return FALSE;
  config->projection = config->vision.width;
  return TRUE;
}
