/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/conv_stem.h: what MobileCLIP-B's transformer has in the place of one patch embedding: three
 * convolutions whose windows do not overlap (timm/models/vision_transformer_hybrid.py: ConvStem,
 * vit_base_mci_224), of 4, 2 and 2 pixels, so of patches of 16 in all:
 *
 *     pixels -> 4x4, batch norm, GELU -> 2x2, batch norm, GELU -> 2x2, bias
 *
 * Batch norms, mean and std of the pixels are folded at load; the last bias goes into the table of positions.
 */
#pragma once

#include "gst-clip/engine/image_tower.h"
#include "gst-clip/kernels/pictures.h"

G_BEGIN_DECLS

/** Pixels of a side of what preprocessing makes patches of: the first convolution's windows. */
#define CLIP_CONV_STEM_PATCH 4

/**
 * ClipConvStem: @side: windows of the first convolution on a side; @width: outputs of the last one, the others
 * having a quarter
 * @weights, @bias: no bias of the last one
 */
typedef struct {
  guint32 side, width;
  ClipGpuBuffer *buffer;
  VkDeviceAddress weights[3], bias[2];
} ClipConvStem;

/** clip_conv_stem_foreach_tensor: see ClipImageTower. */
gboolean clip_conv_stem_foreach_tensor (const ClipModelConfig *config,
                                        const ClipTensorVisitor *visitor, GError **error);

/** clip_conv_stem_bytes: what clip_conv_stem_new() will allocate on the device. */
gsize clip_conv_stem_bytes (ClipKernels *kernels, const ClipModelConfig *config);

/** clip_conv_stem_new: @offset: (inout): gdouble[width], to which the last bias is added. (transfer full) */
ClipConvStem *clip_conv_stem_new (ClipKernels *kernels, const ClipModel *model, gdouble *offset,
                                  GError **error);
void clip_conv_stem_free (ClipConvStem *stem);

/** clip_conv_stem_scratch: bytes of the memory that it works in, for @batch pictures: outputs of the first
 * and of the second convolution, scratch memory of convolutions. */
void clip_conv_stem_scratch (ClipKernels *kernels, const ClipConvStem *stem, guint32 batch,
                             gsize bytes[3]);

/**
 * ClipConvStemRun:
 * @patches: (batch * side^2, 48)
 * @scratch: buffers as clip_conv_stem_scratch() says, zero-filled before their first use
 * @x: rows of all pictures; each has one of a class token, then its patches
 * @positions: rows of the same for one picture, @positions_ld floats apart
 */
typedef struct {
  guint32 batch;
  ClipMatrix patches;
  ClipGpuBuffer *const *scratch;
  ClipMatrix x;
  VkDeviceAddress positions;
  guint32 positions_ld;
} ClipConvStemRun;

/** clip_conv_stem_record: everything of x but the rows of class tokens. */
void clip_conv_stem_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConvStem *stem,
                            const ClipConvStemRun *run);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipConvStem, clip_conv_stem_free)

G_END_DECLS
