/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** engine/model_config_private.h: shared by the parsers of configurations only. */
#pragma once

#include "gst-clip/engine/json.h"
#include "gst-clip/engine/model_config.h"

G_BEGIN_DECLS

/* Limits: more than any CLIP has, little enough that no product of two overflows 32 bits. */
#define CLIP_MAX_WIDTH         16384
#define CLIP_MAX_MLP           65536
#define CLIP_MAX_LAYERS        256
#define CLIP_MAX_HEAD_DIM      128
#define CLIP_MAX_IMAGE_SIZE    4096
#define CLIP_MAX_VISION_TOKENS 16385
#define CLIP_MAX_CONTEXT       1024
#define CLIP_MAX_VOCAB         1000000

#define CLIP_OPEN_CLIP_CONFIG "open_clip_config.json"

/** clip_tower_config_set: sizes; the error names @what and says which do not fit each other. */
gboolean clip_tower_config_set (ClipTowerConfig *tower, const gchar *what, guint64 width,
                                guint64 layers, guint64 heads, guint64 mlp, GError **error);

/** clip_model_config_set_image: sizes and number of tokens; @config has @class_token already. */
gboolean clip_model_config_set_image (ClipModelConfig *config, const gchar *what, guint64 image,
                                      guint64 patch, GError **error);

/** clip_tower_config_parse: sizes, eps and activation by transformers' keys; @tower has the defaults. */
gboolean clip_tower_config_parse (JsonObject *object, const gchar *what, ClipTowerConfig *tower,
                                  GError **error);

/** clip_model_config_parse_siglip: all of @config but the preprocessing. */
gboolean clip_model_config_parse_siglip (JsonObject *vision, const gchar *vision_what,
                                         JsonObject *text, const gchar *text_what,
                                         ClipModelConfig *config, GError **error);

/**
 * clip_model_config_parse_timm: the images' tower from the name of timm's and from open_clip's
 * "timm_pool", "timm_proj" and "timm_proj_bias".
 * @text: "timm_model_name"; @image: "image_size"
 */
gboolean clip_model_config_parse_timm (JsonObject *object, const gchar *what, const gchar *text,
                                       guint64 image, ClipModelConfig *config, GError **error);

/** clip_model_config_load_open_clip: all of @config from open_clip_config.json. */
gboolean clip_model_config_load_open_clip (const ClipSource *source, ClipModelConfig *config,
                                           GError **error);

/** clip_config_check_choice: that a string is one of @supported, or missing. */
gboolean clip_config_check_choice (JsonObject *object, const gchar *what, const gchar *key,
                                   const gchar *const *supported, GError **error);

/** clip_preprocess_config_parse_open_clip: all of the preprocessing; @object: (nullable): "preprocess_cfg" */
gboolean clip_preprocess_config_parse_open_clip (JsonObject *object, const gchar *what,
                                                 ClipModelConfig *config, GError **error);

/** clip_preprocess_config_init: CLIP's preprocessing for @config's image and patches. */
void clip_preprocess_config_init (ClipModelConfig *config);

/** clip_preprocess_get_triple: three finite numbers in an array; @values has the default. */
gboolean clip_preprocess_get_triple (JsonObject *object, const gchar *what, const gchar *key,
                                     gdouble *values, GError **error);

G_END_DECLS
