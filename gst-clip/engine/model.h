/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/model.h: a model folder, read and checked: configuration, tensors, tokenizer.
 *
 * No GPU here. Everything that a hostile folder can hold ends in a GError that names the
 * file (and the tensor or the key), never in a crash. Thread: a ClipModel is immutable
 * after clip_model_open() and may be read from any thread.
 */
#pragma once

#include <glib.h>
#include "gst-clip/engine/layout.h"
#include "gst-clip/kernels/preprocess.h"

G_BEGIN_DECLS

#define CLIP_MODEL_ERROR (clip_model_error_quark ())
GQuark clip_model_error_quark (void);

/**
 * ClipModelError:
 * @NOT_FOUND: a file or folder is missing
 * @INVALID: a file is broken or contradicts another
 * @UNSUPPORTED: well-formed, but of a family or an option that this version cannot run
 * @IO: reading failed
 */
typedef enum {
  CLIP_MODEL_ERROR_NOT_FOUND,
  CLIP_MODEL_ERROR_INVALID,
  CLIP_MODEL_ERROR_UNSUPPORTED,
  CLIP_MODEL_ERROR_IO,
} ClipModelError;

/** ClipTowerKind: @VIT: patches and a transformer; @RESNET: CLIP's ModifiedResNet, see ClipResnetConfig;
 * @FASTVIT: MobileCLIP's, see ClipFastvitConfig */
typedef enum { CLIP_TOWER_VIT, CLIP_TOWER_RESNET, CLIP_TOWER_FASTVIT } ClipTowerKind;

/**
 * ClipPool: which row leaves a tower.
 * @TOKEN: the class token; of a text the one that clip_model_eos_index() finds
 * @FIRST, @LAST: of the whole context, padding included
 * @MAP: attention of one learned query to all rows (SigLIP's head)
 */
typedef enum { CLIP_POOL_TOKEN, CLIP_POOL_FIRST, CLIP_POOL_LAST, CLIP_POOL_MAP } ClipPool;

/**
 * ClipTowerConfig: one transformer. @head_dim = width / heads.
 * @layer_scale: both outputs of a block are multiplied by a vector before they are added
 * @projection, @projection_bias: whether a matrix (and a bias) follows the last norm
 */
typedef struct {
  guint32 width, layers, heads, head_dim, mlp;
  ClipActivation activation;
  gdouble eps;
  ClipPool pool;
  gboolean layer_scale, projection, projection_bias;
} ClipTowerConfig;

/** ClipResnetConfig: blocks of each stage; channels behind the stem; heads of the attention pool, whose
 * rows have 32 * @width features. */
typedef struct {
  guint32 layers[4], width, heads;
} ClipResnetConfig;

/** ClipFastvitConfig: blocks of each stage; channels of the first one, each other having twice as many as the
 * one before. */
typedef struct {
  guint32 layers[4], width;
} ClipFastvitConfig;

/**
 * ClipModelConfig:
 * @file: name of the configuration's file, for messages; static
 * @layout: of the tensors
 * @vision: of a ViT; of the others only @width, that of the last rows, @layers of a FASTVIT (blocks) and
 *   @projection
 * @image_size, @patch_size: pixels (@patch_size of a ViT only, else 0)
 * @class_token, @patch_bias, @pre_norm: what a ViT has beside its patches' matrix
 * @conv_stem: a ViT has no such matrix, but three convolutions (conv_stem.h), and no position of the class token
 * @vision_tokens: (image_size / patch_size)^2, and the class token
 * @context: text positions; @vocab
 * @causal: a token attends to those before it only
 * @eos_token_id: pooling: the first token with this id; CLIP_EOS_ARGMAX: the highest id
 *   (the quirk of configs that say 2, see docs/architecture.md)
 * @pad_token_id: fills the context where rows behind the text matter, see clip_model_pads()
 * @sigmoid: trained with a sigmoid for each pair (SigLIP): its logits are @logit_scale cos + @logit_bias
 * @logit_scale: after exp ()
 * @contrast_threshold: from which score on contrast accepts a label, as the model's makers say; 0: they do not
 * @mean, @std: of pixel values in 0..1
 */
typedef struct {
  const gchar *file;
  ClipLayout layout;
  ClipTowerKind vision_kind;
  ClipResnetConfig resnet;
  ClipFastvitConfig fastvit;
  ClipTowerConfig vision, text;
  guint32 image_size, patch_size, vision_tokens;
  gboolean class_token, patch_bias, pre_norm, conv_stem;
  guint32 context, vocab;
  gboolean causal;
  gint64 bos_token_id, eos_token_id, pad_token_id;
  guint32 projection;
  gboolean sigmoid;
  gdouble logit_scale, logit_bias;
  gdouble contrast_threshold;
  gdouble mean[3], std[3];
  ClipPreprocessSpec preprocess;
} ClipModelConfig;

#define CLIP_EOS_ARGMAX (-1)

typedef struct _ClipModel ClipModel;

/**
 * clip_model_open:
 * @path: (nullable): a folder; NULL is the embedded demo model, which touches no disk
 *
 * Reads the configuration, the tokenizer and the safetensors headers; checks that every tensor which
 * such a model needs is there with the right shape.
 * Returns: (transfer full): NULL with a CLIP_MODEL_ERROR.
 */
ClipModel *clip_model_open (const gchar *path, GError **error);
void clip_model_free (ClipModel *model);

/**
 * clip_model_find: resolves the `model` property: what has a slash (or is "." or "..") is the path of a
 * folder; a name is searched in GST_CLIP_MODEL_PATH (colon-separated), then as gst-clip/models/NAME in
 * XDG_DATA_HOME and each of XDG_DATA_DIRS, and never in the current folder.
 * Returns: (transfer full): a canonical path; NULL with CLIP_MODEL_ERROR_NOT_FOUND, whose
 * message says where was looked and what to do.
 */
gchar *clip_model_find (const gchar *name, GError **error);

/** clip_model_fingerprint: adds what identifies the model to @sum: of each file that was opened for it
 * the name, size, time of change, and content: whole up to 1 MiB, else its beginning (where safetensors
 * has names and shapes) and 64 samples of 4 KiB. */
void clip_model_fingerprint (const ClipModel *model, GChecksum *sum);

const ClipModelConfig *clip_model_config (const ClipModel *model);

/** clip_model_name: last part of the path, or "demo"; valid UTF-8, whatever the path is. */
const gchar *clip_model_name (const ClipModel *model);

/**
 * clip_model_read:
 * @tensor: name as in engine/layout.h, "vision_model.post_layernorm.weight"
 * @first, @count: range of the first dimension (a 0-dimensional tensor has one row)
 * @out: float[count * product of the other dimensions]
 *
 * Reads with pread in bounded chunks straight into conversion. A value that is not finite
 * is an error that names the tensor and the index.
 */
gboolean clip_model_read (const ClipModel *model, const gchar *tensor, guint64 first, guint64 count,
                          float *out, GError **error);

/** clip_model_has: whether the tensor exists (its shape was checked when it is a known one). */
gboolean clip_model_has (const ClipModel *model, const gchar *tensor);

/**
 * clip_model_tokenize:
 * @text, @length: UTF-8 (invalid bytes become U+FFFD); @length -1 for a terminated string
 * @ids: uint32[context], start and end tokens included, cut to the context (the end token
 *   is always there); filled up with the pad token if clip_model_pads()
 * @n_dropped: (out) (optional): tokens that did not fit
 * @cut_at: (out) (optional): byte offset in @text where the cut is; @length if nothing was cut
 * Returns: number of ids without padding.
 */
guint32 clip_model_tokenize (const ClipModel *model, const gchar *text, gssize length, guint32 *ids,
                             guint32 *n_dropped, gsize *cut_at);

/** clip_model_tokenizer: which one it is, for people. (transfer full) */
gchar *clip_model_tokenizer (const ClipModel *model);

/** clip_model_eos_index: position of the end token, by the config's rule. */
guint32 clip_model_eos_index (const ClipModel *model, const guint32 *ids, guint32 n_ids);

/** clip_model_pool_index: position of the row that is pooled, by the config's rule. */
guint32 clip_model_pool_index (const ClipModel *model, const guint32 *ids, guint32 n_ids);

/**
 * clip_model_pads: whether a text has to be filled up to the whole context with @pad_token_id, because
 * tokens see what comes behind them, or the last row is pooled.
 */
gboolean clip_model_pads (const ClipModel *model);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipModel, clip_model_free)

G_END_DECLS
