/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * open_clip_config.json: "model_cfg" with the arguments of open_clip's model classes, "preprocess_cfg"
 * with those of its image transform. open_clip refuses arguments that it does not know, and so do we:
 * what an unknown one would do to the result, nobody can say.
 */
#include <string.h>
#include "gst-clip/engine/model_config_private.h"

typedef struct {
  ClipModelConfig *config;
  const gchar *what;
  gboolean quick_gelu;
} Parse;

static gboolean G_GNUC_PRINTF (3, 4)
    unsupported (const gchar *what, GError **error, const gchar *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED, "%s: %s", what, message);
  return FALSE;
}

/* Keys ------------------------------------------------------------------- */

/* Of both towers: what is read, and what has no effect on a result (dropout, tokens that are also
 * put out, what text is trained on). */
static const gchar *const common_keys[] = { "width",         "layers",     "mlp_ratio",
                                            "ls_init_value", "act_kwargs", "norm_kwargs",
                                            "output_tokens", NULL };
static const gchar *const vision_keys[] = { "head_width",
                                            "patch_size",
                                            "image_size",
                                            "patch_dropout",
                                            "no_ln_pre",
                                            "pos_embed_type",
                                            "final_ln_after_pool",
                                            "pool_type",
                                            "attn_pooler_queries",
                                            "attn_pooler_heads",
                                            "n_queries",
                                            "timm_model_name",
                                            "timm_model_pretrained",
                                            "timm_pool",
                                            "timm_proj",
                                            "timm_proj_bias",
                                            "timm_drop",
                                            "timm_drop_path",
                                            NULL };
static const gchar *const text_keys[] = { "context_length",
                                          "vocab_size",
                                          "heads",
                                          "pad_id",
                                          "eos_id",
                                          "no_causal_mask",
                                          "pool_type",
                                          "proj_type",
                                          "proj_bias",
                                          "final_ln_after_pool",
                                          "tokenizer_kwargs",
                                          "tokenizer_mode",
                                          "text_mask",
                                          "hf_tokenizer_name",
                                          "hf_model_pretrained",
                                          "hf_proj_type",
                                          "hf_pooler_type",
                                          "correct_cls_mask",
                                          "proj",
                                          "pooler_type",
                                          "bert_tokenizer",
                                          NULL };

/* What changes the result in ways that are not implemented: refused unless null, false, 0 or "". */
static const gchar *const refused_keys[] = { "attentional_pool",
                                             "input_patchnorm",
                                             "global_average_pool",
                                             "embed_cls",
                                             "use_pad_mask",
                                             "qk_norm",
                                             "scaled_cosine_attn",
                                             "scale_heads",
                                             "scale_attn_inner",
                                             "scale_attn",
                                             "scale_fc",
                                             "hf_model_name",
                                             "eva_model_name",
                                             NULL };

static gboolean
is_falsy (JsonNode *node)
{
  const gchar *text = clip_json_node_string (node);
  gdouble number = 1.0;

  if (JSON_NODE_HOLDS_NULL (node) || (text && !*text))
    return TRUE;
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return !json_node_get_boolean (node);
  return clip_json_node_double (node, &number) && number == 0.0;
}

static gboolean
check_keys (JsonObject *object, const gchar *what, const gchar *const *keys, GError **error)
{
  JsonObjectIter iter;
  const gchar *key;
  JsonNode *node;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &key, &node)) {
    if (g_strv_contains (common_keys, key) || g_strv_contains (keys, key))
      continue;
    if (g_str_equal (key, "block_type") && g_strcmp0 (clip_json_node_string (node), "default") == 0)
      continue;
    if ((g_strv_contains (refused_keys, key) || g_str_equal (key, "block_type")) && is_falsy (node))
      continue;
    return unsupported (what, error, "the option \"%.100s\" is unsupported", key);
  }
  return TRUE;
}

/* Both towers ------------------------------------------------------------ */

/* nn.GELU's "approximate"; QuickGELU has no arguments. */
static gboolean
parse_activation (const Parse *p, JsonObject *object, const gchar *what, ClipTowerConfig *tower,
                  GError **error)
{
  const gchar *approximate = "none";
  JsonObject *args = NULL;

  tower->activation = p->quick_gelu ? CLIP_ACTIVATION_QUICK_GELU : CLIP_ACTIVATION_GELU;
  if (!clip_json_get_object (object, what, "act_kwargs", &args, error))
    return FALSE;
  if (!args || json_object_get_size (args) == 0)
    return TRUE;
  if (!clip_json_get_string (args, what, "approximate", &approximate, error))
    return FALSE;
  if (p->quick_gelu || json_object_get_size (args) > 1
      || !json_object_has_member (args, "approximate")
      || (!g_str_equal (approximate, "none") && !g_str_equal (approximate, "tanh")))
    return unsupported (what, error,
                        "\"act_kwargs\" may have \"approximate\", none or tanh, and "
                        "that not with \"quick_gelu\"");
  if (g_str_equal (approximate, "tanh"))
    tower->activation = CLIP_ACTIVATION_GELU_TANH;
  return TRUE;
}

static gboolean
parse_eps (JsonObject *object, const gchar *what, ClipTowerConfig *tower, GError **error)
{
  JsonObject *args = NULL;

  tower->eps = 1e-5;
  if (!clip_json_get_object (object, what, "norm_kwargs", &args, error))
    return FALSE;
  if (args && json_object_get_size (args) > (json_object_has_member (args, "eps") ? 1 : 0))
    return unsupported (what, error, "\"norm_kwargs\" may only have \"eps\"");
  return !args || clip_json_get_double (args, what, "eps", 0, 1, &tower->eps, error);
}

/* @heads: 0: of @head_width features each */
static gboolean
parse_tower (const Parse *p, JsonObject *object, const gchar *what, guint64 width, guint64 heads,
             guint64 head_width, ClipTowerConfig *tower, GError **error)
{
  guint64 layers = 12;
  gdouble ratio = 4.0, scale = -1.0, mlp;

  if (!clip_json_get_uint (object, what, "width", 1, CLIP_MAX_WIDTH, &width, error)
      || !clip_json_get_uint (object, what, "layers", 1, CLIP_MAX_LAYERS, &layers, error)
      || !clip_json_get_double (object, what, "mlp_ratio", 0.01, 100, &ratio, error)
      || !clip_json_get_double (object, what, "ls_init_value", 0, 1e6, &scale, error)
      || !parse_activation (p, object, what, tower, error)
      || !parse_eps (object, what, tower, error))
    return FALSE;
  mlp = width * ratio;
  if (!(mlp >= 1 && mlp <= CLIP_MAX_MLP) || (heads == 0 && head_width > width)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: \"mlp_ratio\" or \"head_width\" does not fit a width of %u", what,
                 (guint)width);
    return FALSE;
  }
  tower->layer_scale = scale >= 0.0;
  return clip_tower_config_set (tower, what, width, layers, heads ? heads : width / head_width,
                                (guint64)mlp, error);
}

/* Vision ----------------------------------------------------------------- */

/* A number, or [n, n]. */
static gboolean
get_square (JsonObject *object, const gchar *what, const gchar *key, guint64 *edge, GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  guint64 height = 0, width = 0;

  if (!node || !JSON_NODE_HOLDS_ARRAY (node))
    return clip_json_get_uint (object, what, key, 1, CLIP_MAX_IMAGE_SIZE, edge, error);
  if (json_array_get_length (json_node_get_array (node)) != 2
      || !clip_json_node_uint (json_array_get_element (json_node_get_array (node), 0), &height)
      || !clip_json_node_uint (json_array_get_element (json_node_get_array (node), 1), &width)
      || height != width || height < 1 || height > CLIP_MAX_IMAGE_SIZE)
    return unsupported (what, error, "\"%s\" is not a square of 1..%d", key, CLIP_MAX_IMAGE_SIZE);
  *edge = height;
  return TRUE;
}

/* Both kinds of positions are a tensor of the file; where there is one token to pool, the norm may
 * come before or after. */
static gboolean
check_vit_options (JsonObject *object, const gchar *what, GError **error)
{
  static const gchar *const positions[] = { "learnable", "sin_cos_2d", NULL };
  static const gchar *const pools[] = { "tok", NULL };

  return clip_config_check_choice (object, what, "pos_embed_type", positions, error)
         && clip_config_check_choice (object, what, "pool_type", pools, error);
}

static gboolean
parse_vit (Parse *p, JsonObject *object, const gchar *what, GError **error)
{
  guint64 image = 224, patch = 16, head_width = 64;
  gboolean no_pre_norm = FALSE;
  ClipModelConfig *config = p->config;

  config->vision_kind = CLIP_TOWER_VIT;
  config->class_token = TRUE;
  config->vision.projection = TRUE;
  if (!check_vit_options (object, what, error)
      || !clip_json_get_uint (object, what, "head_width", 1, CLIP_MAX_WIDTH, &head_width, error)
      || !clip_json_get_bool (object, what, "no_ln_pre", &no_pre_norm, error)
      || !parse_tower (p, object, what, 768, 0, head_width, &config->vision, error)
      || !get_square (object, what, "image_size", &image, error)
      || !get_square (object, what, "patch_size", &patch, error))
    return FALSE;
  config->pre_norm = !no_pre_norm;
  return clip_model_config_set_image (config, what, image, patch, error);
}

/* ModifiedResNet: "layers" is a list of four; there is no "patch_size", or it is null. */
static gboolean
parse_resnet (Parse *p, JsonObject *object, const gchar *what, JsonArray *layers, GError **error)
{
  ClipModelConfig *config = p->config;
  guint64 image = 224, width = 64, head_width = 64, n = 0;

  if (!get_square (object, what, "image_size", &image, error)
      || !clip_json_get_uint (object, what, "width", 2, CLIP_MAX_WIDTH / 32, &width, error)
      || !clip_json_get_uint (object, what, "head_width", 1, CLIP_MAX_WIDTH, &head_width, error))
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    if (json_array_get_length (layers) != 4
        || !clip_json_node_uint (json_array_get_element (layers, i), &n) || n < 1
        || n > CLIP_MAX_LAYERS) {
      g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                   "%s: \"layers\" should be a number, or four of 1..%d", what, CLIP_MAX_LAYERS);
      return FALSE;
    }
    config->resnet.layers[i] = (guint32)n;
  }
  if (image % 32 != 0 || width % 2 != 0 || 32 * width % head_width != 0
      || head_width % CLIP_HEAD_ALIGN != 0) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: a ModifiedResNet with an \"image_size\" of %u, a \"width\" of %u and a "
                 "\"head_width\" of %u is impossible",
                 what, (guint)image, (guint)width, (guint)head_width);
    return FALSE;
  }
  config->vision_kind = CLIP_TOWER_RESNET;
  config->resnet.width = (guint32)width;
  config->resnet.heads = (guint32)(32 * width / head_width);
  config->image_size = (guint32)image;
  config->vision_tokens = (guint32)((image / 32) * (image / 32) + 1);
  config->vision.eps = 1e-5;
  config->vision.projection = config->vision.projection_bias = TRUE;
  return clip_tower_config_set (&config->vision, what, 32 * width, 1, config->resnet.heads,
                                32 * width, error);
}

static gboolean
parse_timm (Parse *p, JsonObject *object, const gchar *what, const gchar *name, GError **error)
{
  guint64 image = 224;

  p->config->layout = CLIP_LAYOUT_OPEN_CLIP_TIMM;
  return get_square (object, what, "image_size", &image, error)
         && clip_model_config_parse_timm (object, what, name, image, p->config, error);
}

static gboolean
parse_vision (Parse *p, JsonObject *object, const gchar *what, GError **error)
{
  JsonNode *layers = json_object_get_member (object, "layers");
  const gchar *timm = NULL;

  if (!check_keys (object, what, vision_keys, error)
      || !clip_json_get_string (object, what, "timm_model_name", &timm, error))
    return FALSE;
  if (timm && *timm)
    return parse_timm (p, object, what, timm, error);
  p->config->layout = CLIP_LAYOUT_OPEN_CLIP;
  if (layers && JSON_NODE_HOLDS_ARRAY (layers))
    return parse_resnet (p, object, what, json_node_get_array (layers), error);
  return parse_vit (p, object, what, error);
}

/* Text ------------------------------------------------------------------- */

static gboolean
parse_text_pool (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  static const gchar *const pools[] = { "argmax", "eos", "first", "last", NULL };
  const gchar *pool = "argmax";
  gint64 eos = 2;

  if (!clip_config_check_choice (object, what, "pool_type", pools, error)
      || !clip_json_get_string (object, what, "pool_type", &pool, error)
      || !clip_json_get_int (object, what, "eos_id", 0, G_MAXINT32, &eos, error))
    return FALSE;
  config->text.pool = g_str_equal (pool, "first")  ? CLIP_POOL_FIRST
                      : g_str_equal (pool, "last") ? CLIP_POOL_LAST
                                                   : CLIP_POOL_TOKEN;
  config->eos_token_id = g_str_equal (pool, "eos") ? eos : CLIP_EOS_ARGMAX;
  return TRUE;
}

static gboolean
parse_text_projection (JsonObject *object, const gchar *what, ClipTowerConfig *tower,
                       GError **error)
{
  static const gchar *const types[] = { "linear", "none", NULL };
  const gchar *type = "linear";

  if (!clip_config_check_choice (object, what, "proj_type", types, error)
      || !clip_json_get_string (object, what, "proj_type", &type, error)
      || !clip_json_get_bool (object, what, "proj_bias", &tower->projection_bias, error))
    return FALSE;
  tower->projection = !g_str_equal (type, "none");
  return TRUE;
}

static gboolean
parse_text (Parse *p, JsonObject *object, const gchar *what, GError **error)
{
  guint64 context = 77, vocab = 49408, heads = 8;
  gboolean no_mask = FALSE, after_pool = FALSE;
  ClipModelConfig *config = p->config;

  config->bos_token_id = -1;
  config->pad_token_id = 0;
  if (!check_keys (object, what, text_keys, error)
      || !clip_json_get_uint (object, what, "context_length", 2, CLIP_MAX_CONTEXT, &context, error)
      || !clip_json_get_uint (object, what, "vocab_size", 2, CLIP_MAX_VOCAB, &vocab, error)
      || !clip_json_get_uint (object, what, "heads", 1, CLIP_MAX_WIDTH, &heads, error)
      || !clip_json_get_int (object, what, "pad_id", 0, G_MAXINT32, &config->pad_token_id, error)
      || !clip_json_get_bool (object, what, "no_causal_mask", &no_mask, error)
      || !clip_json_get_bool (object, what, "final_ln_after_pool", &after_pool, error)
      || !parse_tower (p, object, what, 512, heads, 0, &config->text, error)
      || !parse_text_pool (object, what, config, error)
      || !parse_text_projection (object, what, &config->text, error))
    return FALSE;
  config->causal = !no_mask;
  config->context = (guint32)context;
  config->vocab = (guint32)vocab;
  return TRUE;
}

/* The file --------------------------------------------------------------- */

/* CoCa and other models that have more than two towers. */
static gboolean
check_model (JsonObject *model, const gchar *what, GError **error)
{
  static const gchar *const known[] = { "embed_dim",
                                        "vision_cfg",
                                        "text_cfg",
                                        "quick_gelu",
                                        "custom_text",
                                        "init_logit_scale",
                                        "init_logit_bias",
                                        "nonscalar_logit_scale",
                                        "output_dict",
                                        "cast_dtype",
                                        NULL };
  JsonObjectIter iter;
  const gchar *key;
  JsonNode *node;

  json_object_iter_init (&iter, model);
  while (json_object_iter_next (&iter, &key, &node)) {
    if (!g_strv_contains (known, key) && !is_falsy (node))
      return unsupported (what, error, "\"%.100s\": this kind of model is unsupported", key);
  }
  return TRUE;
}

static gboolean
get_part (JsonObject *root, const gchar *what, const gchar *key, JsonObject **part, GError **error)
{
  *part = NULL;
  if (!clip_json_get_object (root, what, key, part, error))
    return FALSE;
  if (!*part)
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: there is no \"%s\"", what,
                 key);
  return *part != NULL;
}

/* With a bias a model was trained with SigLIP's loss; its first value does not matter. */
static gboolean
has_logit_bias (JsonObject *model)
{
  return json_object_has_member (model, "init_logit_bias")
         && !json_object_get_null_member (model, "init_logit_bias");
}

static gboolean
parse_model (JsonObject *model, const gchar *what, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *vision_what = g_strconcat (what, ": vision_cfg", NULL);
  g_autofree gchar *text_what = g_strconcat (what, ": text_cfg", NULL);
  Parse parse = { config, what, FALSE };
  JsonObject *vision, *text;
  guint64 projection = 0;

  if (!check_model (model, what, error) || !get_part (model, what, "vision_cfg", &vision, error)
      || !get_part (model, what, "text_cfg", &text, error)
      || !clip_json_get_bool (model, what, "quick_gelu", &parse.quick_gelu, error)
      || !clip_json_get_uint (model, what, "embed_dim", 1, CLIP_MAX_WIDTH, &projection, error)
      || !parse_vision (&parse, vision, vision_what, error)
      || !parse_text (&parse, text, text_what, error))
    return FALSE;
  if (projection == 0 || (!config->text.projection && config->text.width != projection)
      || (!config->vision.projection && config->vision.width != projection)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: there is no \"embed_dim\", or a tower without a projection has another width",
                 what);
    return FALSE;
  }
  config->projection = (guint32)projection;
  config->sigmoid = has_logit_bias (model);
  return TRUE;
}

/* Not of open_clip, which does not mind it: {"contrast_threshold": 0..1}, what suits this model. */
static gboolean
parse_scoring (JsonObject *root, const gchar *what, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *scoring_what = g_strconcat (what, ": scoring_cfg", NULL);
  JsonObject *scoring = NULL;

  if (!clip_json_get_object (root, what, "scoring_cfg", &scoring, error))
    return FALSE;
  return !scoring
         || clip_json_get_double (scoring, scoring_what, "contrast_threshold", 0.0, 1.0,
                                  &config->contrast_threshold, error);
}

gboolean
clip_model_config_load_open_clip (const ClipSource *source, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *what =
      g_build_filename (clip_source_path (source), CLIP_OPEN_CLIP_CONFIG, NULL);
  g_autofree gchar *pre_what = g_strconcat (what, ": preprocess_cfg", NULL);
  g_autoptr (GBytes) bytes =
      clip_source_load (source, CLIP_OPEN_CLIP_CONFIG, CLIP_JSON_MAX_BYTES, error);
  g_autoptr (JsonObject) root = NULL;
  JsonObject *model, *preprocess = NULL;

  if (!bytes)
    return FALSE;
  root = clip_json_load (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), what, error);
  if (!root || !get_part (root, what, "model_cfg", &model, error)
      || !clip_json_get_object (root, what, "preprocess_cfg", &preprocess, error))
    return FALSE;
  config->file = CLIP_OPEN_CLIP_CONFIG;
  return parse_model (model, what, config, error) && parse_scoring (root, what, config, error)
         && clip_preprocess_config_parse_open_clip (preprocess, pre_what, config, error);
}
