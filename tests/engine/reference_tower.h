/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/engine/reference_tower.h: both towers in double, written as the papers have them: nothing is folded,
 * nothing is padded, nothing is left out. Radford et al. (2021) for CLIP, Zhai et al. (2023) for SigLIP,
 * Touvron et al., Going deeper with Image Transformers (2021) for LayerScale.
 */
#pragma once

#include "gst-clip/engine/model.h"

G_BEGIN_DECLS

/** reference_image: embedding of a picture of image_size x image_size, before normalisation.
 * @rgb: rows of 3 bytes a pixel. Returns: (transfer full): double[projection] */
gdouble *reference_image (const ClipModel *model, const guint8 *rgb);

/** reference_text: of a text; @ids: as clip_model_tokenize() gives them */
gdouble *reference_text (const ClipModel *model, const guint32 *ids, guint32 n_ids);

G_END_DECLS
