/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/weights.h: a tower's weights, folded, packed and uploaded.
 *
 * Algebra done here, in double, so that no kernel has to (see docs/architecture.md):
 * W_q and b_q are scaled by 1/sqrt(head_dim); b_k is dropped (softmax does not see it);
 * b_o += W_o b_v (rows of the attention weights sum to 1); heads are padded to a
 * multiple of CLIP_HEAD_ALIGN features with zero weights; mean and std of the pixels
 * go into the patch weights and the position table, and so does a bias of the patches; where a block's
 * outputs are scaled (LayerScale), rows of W_o, W_2 and their biases are. An attention pool (SigLIP's
 * head) is one more block whose queries do not depend on the rows: W_q is 0 and b_q the query of its probe,
 * so that the same kernels compute it, each row's result being the same.
 */
#pragma once

#include "gst-clip/engine/model.h"
#include "gst-clip/engine/conv_stem.h"
#include "gst-clip/engine/image_tower.h"

G_BEGIN_DECLS

/** ClipLayerWeights: addresses into @buffer; shapes as in kernels.h. */
typedef struct {
  ClipGpuBuffer *buffer;
  VkDeviceAddress ln1_gamma, ln1_beta, ln2_gamma, ln2_beta;
  VkDeviceAddress qkv_weights, qkv_bias; /* (3 * attention width, width) */
  VkDeviceAddress out_weights, out_bias; /* (width, attention width) */
  VkDeviceAddress fc1_weights, fc1_bias; /* (mlp, width) */
  VkDeviceAddress fc2_weights, fc2_bias; /* (width, mlp) */
} ClipLayerWeights;

/**
 * ClipTowerWeights: one tower; immutable after loading.
 * @head_dim: padded; @attention_width = heads * head_dim
 * @n_blocks, @layers: those of @config, and behind them the block of a CLIP_POOL_MAP, whose first norm is the
 *   tower's last
 * @patch_weights, @positions: vision only; @positions is a table of (tokens, width) with the class
 *   embedding (if any) in row 0 and the pixels' mean folded in
 * @stem: (nullable): in the place of @patch_weights
 * @pre_gamma, @pre_beta: vision only, 0 without a norm before the layers
 * @projection_weights, @projection_bias: 0 where there is none
 * @kind: (nullable): of an images' tower that is no transformer, whose weights are @own; of the others only
 *   @config, @vision and @projection are set then
 * @host_positions: text only, float[context][width]; token rows are gathered on the host
 */
typedef struct {
  ClipTowerConfig config;
  gboolean vision, causal;
  guint32 n_blocks, tokens, head_dim, attention_width, patch_k, projection;
  ClipLayerWeights *layers;
  ClipGpuBuffer *buffer; /* what is not in a layer */
  VkDeviceAddress patch_weights, positions, pre_gamma, pre_beta;
  VkDeviceAddress post_gamma, post_beta, projection_weights, projection_bias;
  float *host_positions;
  ClipConvStem *stem;
  const ClipImageTower *kind;
  gpointer own;
} ClipTowerWeights;

/** clip_tower_weights_bytes: what clip_tower_weights_new() will allocate on the device. */
guint64 clip_tower_weights_bytes (ClipKernels *kernels, const ClipModelConfig *config,
                                  gboolean vision);

/** clip_tower_weights_new: reads, folds, packs and uploads. Blocks. (transfer full) */
ClipTowerWeights *clip_tower_weights_new (ClipKernels *kernels, const ClipModel *model,
                                          gboolean vision, ClipWeightsProgress progress,
                                          gpointer data, GError **error);
void clip_tower_weights_free (ClipTowerWeights *weights);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTowerWeights, clip_tower_weights_free)

G_END_DECLS
