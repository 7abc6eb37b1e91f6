/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/inspect.h: what a model folder holds, and everything that is wrong with it, not only the
 * first thing. Nothing is run, and of the weights only the headers are read. Thread: any.
 */
#pragma once

#include "gst-clip/engine/model.h"

G_BEGIN_DECLS

/**
 * ClipInspection:
 * @path: the folder, or "(built-in model)"
 * @have_config: @config is valid (but for @logit_scale)
 * @weights: (nullable): the file of the weights, or the index of the shards
 * @n_files, @weight_bytes: of the weights
 * @dtypes: (nullable): "F16", or "F32 (390 tensors), F16 (8 tensors)"
 * @image_parameters, @text_parameters: numbers in the files, those that are never read left out
 * @image_flops, @text_flops: of a frame and of a text, additions and multiplications; 0 if unknown
 * @tokenizer: (nullable)
 * @problems: (element-type utf8): empty if clip_model_open() would succeed
 */
typedef struct {
  gchar *path;
  gboolean have_config;
  ClipModelConfig config;
  gchar *weights;
  guint n_files;
  guint64 weight_bytes;
  gchar *dtypes;
  guint64 image_parameters, text_parameters;
  gdouble image_flops, text_flops;
  gchar *tokenizer;
  GPtrArray *problems;
} ClipInspection;

/** clip_inspect: @path: (nullable): NULL is the embedded model. Never fails: a folder that cannot be
 * opened is a problem. (transfer full) */
ClipInspection *clip_inspect (const gchar *path);
void clip_inspection_free (ClipInspection *inspection);

/** clip_inspection_family: "CLIP (ViT)", "SigLIP". Static. */
const gchar *clip_inspection_family (const ClipInspection *inspection);

/** clip_image_flops, clip_text_flops: a multiplication and an addition each count; without norms,
 * activations and softmax, as usual. Of the whole context, and of all tokens also where only one is
 * used. */
gdouble clip_image_flops (const ClipModelConfig *config);
gdouble clip_text_flops (const ClipModelConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipInspection, clip_inspection_free)

G_END_DECLS
