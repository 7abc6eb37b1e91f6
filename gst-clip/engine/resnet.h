/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/resnet.h: the images' tower of CLIP's ResNets: a ModifiedResNet as in Radford et al., Learning
 * Transferable Visual Models From Natural Language Supervision (2021), section 2.4: a stem of three
 * convolutions, average pools in front of (and not strides in) convolutions, an attention pool.
 *
 * Algebra done at load, in double: each batch norm goes into its convolution (w gamma / sqrt (var +
 * eps), beta - mean gamma / sqrt (var + eps)), mean and std of the pixels go into the first one, whose
 * picture has a border of what is zero after normalisation; the attention pool's as in weights.h.
 */
#pragma once

#include "gst-clip/engine/image_tower.h"
#include "gst-clip/kernels/pictures.h"

G_BEGIN_DECLS

/** Pixels of the picture for one that the attention pool sees, on a side. */
#define CLIP_RESNET_STRIDE 32

/** ClipResnetConv: @taps: of a side; @bordered: reads pictures with a border; @weights: (out, clip_conv_k()) */
typedef struct {
  guint32 in, out, taps;
  gboolean bordered;
  VkDeviceAddress weights, bias;
} ClipResnetConv;

/** ClipResnetBlock: @down: of what is added; @down.out 0: the block's input as it is. */
typedef struct {
  ClipGpuBuffer *buffer;
  ClipResnetConv conv1, conv2, conv3, down;
  guint32 stride;
} ClipResnetBlock;

/**
 * ClipResnet: immutable after loading.
 * @image: side of the picture
 * @side: of what the attention pool sees; side^2 + 1 tokens of @dim features in @heads heads
 * @narrow: see ClipConv's few
 * @folds: keys and values of the attention pool are for clip_kernel_pool(), else for clip_kernel_attend()
 * @border: what the three channels of clip_kernel_preprocess() have where the model sees zero
 * @buffer: stem and attention pool; @ends: its first convolution and the projection
 */
typedef struct {
  guint32 image, side, dim, heads, projection;
  gboolean narrow, folds;
  float border[3];
  ClipResnetConv stem[3];
  ClipResnetBlock *blocks;
  guint n_blocks;
  ClipGpuBuffer *buffer, *ends;
  VkDeviceAddress positions, q_weights, q_bias; /* (dim, dim) */
  VkDeviceAddress kv_weights;                   /* (2 * dim, dim); where the pool folds: */
  VkDeviceAddress keys, values;
  VkDeviceAddress projection_weights, projection_bias;
} ClipResnet;

/** clip_resnet_window: of a convolution on a picture of so many pixels a side. */
static inline ClipWindow
clip_resnet_window (const ClipResnetConv *c, guint32 side)
{
  return (ClipWindow){ .taps_y = c->taps,
                       .taps_x = c->taps,
                       .stride = 1,
                       .pad = c->taps / 2,
                       .height = side,
                       .width = side };
}

/** clip_resnet_pool_shape: attention of @batch pictures. */
static inline ClipAttention
clip_resnet_pool_shape (const ClipResnet *r, guint32 batch)
{
  return (ClipAttention){ batch, r->side * r->side + 1, r->heads, r->dim / r->heads, FALSE };
}

/* As in ClipImageTower; the weights are a ClipResnet. */
guint64 clip_resnet_bytes (ClipKernels *kernels, const ClipModelConfig *config);
gpointer clip_resnet_new (ClipKernels *kernels, const ClipModel *model,
                          ClipWeightsProgress progress, gpointer data, GError **error);
void clip_resnet_free (gpointer resnet);
gboolean clip_resnet_foreach_tensor (const ClipModelConfig *config,
                                     const ClipTensorVisitor *visitor, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipResnet, clip_resnet_free)

/* Recording ------------------------------------------------------------- */

/** ClipImageRun's stages: stem's first (not where it has a border) and last convolution, its pool, the four
 * stages. */
#define CLIP_RESNET_STAGES 7

G_END_DECLS
