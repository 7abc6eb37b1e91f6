/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/layout.h: where published files keep the tensors that the engine reads.
 *
 * The engine knows one set of names: those of Hugging Face's CLIPModel, and beside them
 *   encoder.layers.N.layer_scale1, .layer_scale2      factors of a block's two outputs
 *   vision_model.head.probe                           (1, width): the query of an attention pool
 *   vision_model.head.NAME                            the pool's block, names as in encoder.layers.N
 *   visual_projection.bias, text_projection.bias
 * What else a tower needs keeps the name that its files give it (visual.layer1.0.conv1.weight).
 * A layout says which tensor of the file that is, which rows of it, and whether it lies transposed.
 * Thread: any; there is no state.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ClipLayout:
 * @HF: transformers' CLIPModel and SiglipModel
 * @OPEN_CLIP: open_clip with its own towers (visual.transformer.resblocks, visual.layer1)
 * @OPEN_CLIP_TIMM: open_clip with an image tower of timm (visual.trunk)
 */
typedef enum {
  CLIP_LAYOUT_HF,
  CLIP_LAYOUT_OPEN_CLIP,
  CLIP_LAYOUT_OPEN_CLIP_TIMM,
} ClipLayout;

/**
 * ClipPlace: a tensor of ours in a file.
 * @name: (owned): the file's tensor
 * @part, @parts: it is the @part-th of so many equal parts of the first dimension
 * @transposed: the file has (columns, rows)
 * @ones: so many dimensions of 1 come first in the file
 */
typedef struct {
  gchar *name;
  guint part, parts;
  gboolean transposed;
  guint ones;
} ClipPlace;

/** ClipLayoutHas: whether the files have a tensor of that name. */
typedef gboolean (*ClipLayoutHas) (gconstpointer data, const gchar *name);

/**
 * clip_layout_find: where our @tensor is. Some have several names, among which that wins which the
 * file has.
 * Returns: whether it is there; @place is filled in any case, for a message with the most likely name.
 */
gboolean clip_layout_find (ClipLayout layout, const gchar *tensor, ClipLayoutHas has,
                           gconstpointer data, ClipPlace *place);
void clip_place_clear (ClipPlace *place);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ClipPlace, clip_place_clear)

G_END_DECLS
