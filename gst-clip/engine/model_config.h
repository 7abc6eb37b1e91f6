/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/model_config.h: config.json and preprocessor_config.json, or open_clip_config.json.
 *
 * Missing keys take the defaults of Hugging Face's CLIPConfig and CLIPImageProcessor, or those of
 * open_clip. Errors are CLIP_MODEL_ERROR and name the file and the key.
 */
#pragma once

#include "gst-clip/engine/model.h"
#include "gst-clip/engine/source.h"

G_BEGIN_DECLS

/**
 * clip_model_config_load: everything of @config but @logit_scale and @logit_bias, which are tensors. A folder with both
 * layouts is read as Hugging Face's, if its config.json is one of transformers' and there are weights for it.
 */
gboolean clip_model_config_load (const ClipSource *source, ClipModelConfig *config, GError **error);

/** clip_preprocess_config_load: @mean, @std and @preprocess, for the image and patch size that
 * @config has already. */
gboolean clip_preprocess_config_load (const ClipSource *source, ClipModelConfig *config,
                                      GError **error);

G_END_DECLS
