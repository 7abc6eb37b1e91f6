/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/fastvit.h: the images' tower of MobileCLIP and MobileCLIP2: FastViT as in Vasu et al., FastViT: A
 * Fast Hybrid Vision Transformer using Structural Reparameterization (2023), in the variants MCi of Vasu et
 * al., MobileCLIP (2024), under the names of timm/models/fastvit.py.
 *
 *     pixels -> stem -> 4 stages -> final convolution -> mean -> projection
 *     stage: [7x7 depthwise at stride 2, squeeze-and-excitation, 1x1]  [7x7 depthwise: positions]  blocks
 *     block: 3x3 depthwise, or attention;  7x7 depthwise, 1x1, GELU, 1x1
 *
 * The tower is a list of steps (clip_fastvit_plan()), which says everything about it: names and shapes of
 * tensors, weights, dispatches, memory and operations all follow from it.
 *
 * Algebra done at load, in double: what is trained as several branches side by side (convolutions of 1 and of
 * more taps, batch norms, the input itself) becomes one convolution; so do all batch norms, LayerScale, and
 * mean and std of the pixels. Files may have the branches or what timm's reparameterize() makes of them.
 */
#pragma once

#include "gst-clip/engine/image_tower.h"

G_BEGIN_DECLS

/** Pixels of the picture for one of the last stage, on a side. */
#define CLIP_FASTVIT_STRIDE 32

/** Features of a head of attention. */
#define CLIP_FASTVIT_HEAD_DIM 32

/**
 * ClipFastvitOp:
 * @FIRST: convolution of the pixels
 * @DEPTHWISE: convolution of each channel by itself
 * @POINTWISE: of one pixel: a product
 * @SQUEEZE: squeeze-and-excitation
 * @ATTENTION: of all pixels, batch norm before it
 * @HEAD: the mean of all pixels, projected
 */
typedef enum {
  CLIP_FASTVIT_FIRST,
  CLIP_FASTVIT_DEPTHWISE,
  CLIP_FASTVIT_POINTWISE,
  CLIP_FASTVIT_SQUEEZE,
  CLIP_FASTVIT_ATTENTION,
  CLIP_FASTVIT_HEAD,
} ClipFastvitOp;

/** ClipFastvitForm: what a convolution is in the file; fastvit_fold.c says what each consists of. */
typedef enum {
  CLIP_FASTVIT_PLAIN,
  CLIP_FASTVIT_NORMED,
  CLIP_FASTVIT_MOBILE_ONE,
  CLIP_FASTVIT_LARGE_KERNEL,
  CLIP_FASTVIT_REP_MIXER,
  CLIP_FASTVIT_POSITIONS,
} ClipFastvitForm;

/** ClipFastvitPlace: where pictures are: in one of two buffers for what blocks hand on, or in that for the
 * hidden rows of an MLP. */
typedef enum { CLIP_FASTVIT_A, CLIP_FASTVIT_B, CLIP_FASTVIT_HIDDEN } ClipFastvitPlace;

/**
 * ClipFastvitStep:
 * @name: of its tensors, as in the file
 * @scale: (nullable): LayerScale's tensor
 * @in, @out: channels; @taps of a side, @stride
 * @side: of the pictures that it makes
 * @inner: rows between the two products of SQUEEZE
 * @multiple: of channels that a depthwise convolution made several of: how many. Where the file has the k-th
 *   of channel c at c multiple + k, here it is at k channels + c; so of DEPTHWISE its outputs are, of what
 *   follows the inputs (of SQUEEZE both), until products end it
 * @residual: what is at @kept is added
 * @ends_block: for progress
 * @weights, @bias: once loaded: SQUEEZE and ATTENTION have two
 */
typedef struct {
  ClipFastvitOp op;
  ClipFastvitForm form;
  gchar *name, *scale;
  guint32 in, out, taps, stride, side, inner, multiple;
  ClipActivation activation;
  ClipFastvitPlace from, to, kept;
  gboolean residual, ends_block;
  VkDeviceAddress weights[2], bias[2];
} ClipFastvitStep;

/** clip_fastvit_plan: (element-type ClipFastvitStep) (transfer full): in order, without weights. */
GArray *clip_fastvit_plan (const ClipModelConfig *config);

/** clip_fastvit_channel: where channel @i of the file is, see ClipFastvitStep's @multiple. */
static inline guint32
clip_fastvit_channel (guint32 i, guint32 channels, guint32 multiple)
{
  return i % multiple * (channels / multiple) + i / multiple;
}

/** clip_fastvit_flops: of a picture, as clip_image_flops(). */
gdouble clip_fastvit_flops (const ClipModelConfig *config);

/* Convolutions of the file -------------------------------------------------- */

/** clip_fastvit_visit_conv: the tensors of a step that is a convolution or a product. */
gboolean clip_fastvit_visit_conv (const ClipFastvitStep *step, const ClipTensorVisitor *visitor,
                                  GError **error);

/**
 * clip_fastvit_fold: all branches of a step as one convolution.
 * @weights: (out) (transfer full): double[out][inputs of a group][taps][taps], in the file's order
 * @bias: (out) (transfer full): double[out]
 */
gboolean clip_fastvit_fold (const ClipModel *model, const ClipFastvitStep *step, gdouble **weights,
                            gdouble **bias, GError **error);

/* Weights --------------------------------------------------------------------- */

/**
 * ClipFastvit: immutable after loading.
 * @border: see clip_pixels_border()
 * @steps: (element-type ClipFastvitStep)
 * @buffer: weights; @ends: of the first convolution and the projection
 */
typedef struct {
  guint32 image, projection;
  float border[3];
  GArray *steps;
  ClipGpuBuffer *buffer, *ends;
} ClipFastvit;

/* As in ClipImageTower; the weights are a ClipFastvit. */
guint64 clip_fastvit_bytes (ClipKernels *kernels, const ClipModelConfig *config);
gpointer clip_fastvit_new (ClipKernels *kernels, const ClipModel *model,
                           ClipWeightsProgress progress, gpointer data, GError **error);
void clip_fastvit_free (gpointer fastvit);
gboolean clip_fastvit_foreach_tensor (const ClipModelConfig *config,
                                      const ClipTensorVisitor *visitor, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipFastvit, clip_fastvit_free)

G_END_DECLS
