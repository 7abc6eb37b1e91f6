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

#include "gst-clip/engine/packer.h"
#include "gst-clip/kernels/pictures.h"

G_BEGIN_DECLS

/** Pixels of the picture for one that the attention pool sees, on a side. */
#define CLIP_RESNET_STRIDE 32

/** ClipResnetConv: @taps: of a side; @weights: (out, clip_conv_k()), @bias */
typedef struct {
  guint32 in, out, taps;
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
 * @border: what the three channels of clip_kernel_preprocess() have where the model sees zero
 * @buffer: stem and attention pool; @ends: its first convolution and the projection
 */
typedef struct {
  guint32 image, side, dim, heads, projection;
  gboolean narrow;
  float border[3];
  ClipResnetConv stem[3];
  ClipResnetBlock *blocks;
  guint n_blocks;
  ClipGpuBuffer *buffer, *ends;
  VkDeviceAddress positions, q_weights, q_bias, kv_weights; /* (dim, dim), (2 * dim, dim) */
  VkDeviceAddress projection_weights, projection_bias;
} ClipResnet;

/** clip_resnet_bytes: what clip_resnet_new() will allocate on the device. */
guint64 clip_resnet_bytes (ClipKernels *kernels, const ClipModelConfig *config);

/** clip_resnet_new: reads, folds, packs and uploads. Blocks. (transfer full) */
ClipResnet *clip_resnet_new (ClipKernels *kernels, const ClipModel *model,
                             ClipWeightsProgress progress, gpointer data, GError **error);
void clip_resnet_free (ClipResnet *resnet);

/** Channels of the first convolution's pixels: 4 of a pixel and those of its three neighbours, which are not
 * copied for it: pixels of the input overlap. */
#define CLIP_RESNET_FIRST_CHANNELS (4 * CLIP_PIXEL_LD)

/**
 * clip_resnet_first_taps_x: the first convolution is one of windows of 3 x 1 such pixels, which hold all that it
 * wants; in a narrow tower of 3 x 3, each for its own 4 channels: more to multiply, but no pipeline of its own.
 */
static inline guint32
clip_resnet_first_taps_x (const ClipResnet *resnet)
{
  return resnet->narrow ? 3 : 1;
}

/** Called with the name, as in the file, and the shape of a tensor. */
typedef gboolean (*ClipResnetTensorFunc) (const gchar *name, const guint64 *dims, guint n_dims,
                                          gpointer data, GError **error);

/** clip_resnet_foreach_tensor: every tensor that the tower needs, until @func returns FALSE. */
gboolean clip_resnet_foreach_tensor (const ClipModelConfig *config, ClipResnetTensorFunc func,
                                     gpointer data, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipResnet, clip_resnet_free)

/* Recording ------------------------------------------------------------- */

/** What can be looked at, for tests: stem's first and last convolution, its pool, the four stages. */
#define CLIP_RESNET_STAGES 7

/**
 * ClipResnetActivations: @p: the block's input and output; @a, @b: between its convolutions;
 * @columns: scratch memory of convolutions; @tokens, @kv: of the attention pool
 */
typedef struct {
  ClipGpuBuffer *p[2], *a, *b, *columns, *tokens, *kv;
} ClipResnetActivations;

/** clip_resnet_activations_new: for @batch pictures. (transfer full) */
ClipResnetActivations *clip_resnet_activations_new (ClipKernels *kernels, const ClipResnet *resnet,
                                                    guint32 batch, GError **error);
/** clip_resnet_activations_bytes: size of those. */
gsize clip_resnet_activations_bytes (ClipKernels *kernels, const ClipResnet *resnet, guint32 batch);
/** clip_resnet_activations_clear: records zeroing them; no barrier. */
void clip_resnet_activations_clear (const ClipResnetActivations *activations,
                                    ClipGpuRecording *rec);
void clip_resnet_activations_free (ClipResnetActivations *activations);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipResnetActivations, clip_resnet_activations_free)

/** clip_resnet_input_new: see clip_tower_input_new(). */
ClipGpuBuffer *clip_resnet_input_new (ClipKernels *kernels, const ClipResnet *resnet, guint32 batch,
                                      ClipMatrix *rows, GError **error);

/**
 * ClipResnetRun:
 * @input: batch times what clip_kernel_preprocess() writes as pixels, with @border around it
 * @embeds: (batch, projection), before normalisation
 * @stages: (nullable): for tests: CLIP_RESNET_STAGES buffers that receive the pictures of each stage
 */
typedef struct {
  guint32 batch;
  ClipMatrix input;
  ClipMatrix embeds;
  ClipGpuBuffer *const *stages;
} ClipResnetRun;

void clip_resnet_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipResnet *resnet,
                         const ClipResnetActivations *a, const ClipResnetRun *run);

G_END_DECLS
