/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/common/relayout.h: the folder of a random model once more in open_clip's layout: the same weights
 * under other names, joined and transposed. It knows the layouts from their programs (open_clip's
 * transformer.py, timm's vision_transformer.py and eva.py) and not from the engine, which reads them.
 */
#pragma once

#include "tests/common/random_model.h"

G_BEGIN_DECLS

/**
 * ClipRelayout:
 * @BUILTIN: open_clip's own towers; @CUSTOM: with "text." before the names of texts, LayerScale and no norm
 *   before the layers of the images' tower; vectors are F32
 * @TIMM: SigLIP as timm has it, with names of texts as in CUSTOM
 * @EVA: BUILTIN's texts with an image tower of timm that keeps biases of queries and values apart
 */
typedef enum {
  CLIP_RELAYOUT_BUILTIN,
  CLIP_RELAYOUT_CUSTOM,
  CLIP_RELAYOUT_TIMM,
  CLIP_RELAYOUT_EVA,
} ClipRelayout;

/**
 * clip_relayout_tensors: model.safetensors of @from as open_clip_model.safetensors of @to, which
 * exists. The file must be as clip_random_model_write() makes it, in F16.
 */
gboolean clip_relayout_tensors (const gchar *from, const gchar *to, ClipRelayout layout,
                                GError **error);

/** clip_relayout_tokenizer: vocab.json and merges.txt of @from to @to. */
gboolean clip_relayout_tokenizer (const gchar *from, const gchar *to, GError **error);

G_END_DECLS
