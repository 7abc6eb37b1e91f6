/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/tower.h: one transformer as dispatches; the block is written once and serves
 * image and text.
 */
#pragma once

#include "gst-clip/engine/weights.h"

G_BEGIN_DECLS

/**
 * ClipActivations: what the layers hand to each other; shared by all recordings of an engine
 * (each opens with a barrier, and one queue runs them in order).
 * @x, @x2: the residual stream, in two places because a GEMM's output must not overlap its
 *   residual; @y: normalised rows; @z: attention; @h: MLP; @scratch: q, k, v and scores
 * @stats: (nullable): of rows of x or x2, for the kernels that normalise while they multiply
 * @stem: (nullable): scratch memory of a ClipConvStem
 * @own: (nullable): of an images' tower of a @kind that is no transformer; the others are the texts' then
 * @pictures: at least so many fit
 */
typedef struct {
  ClipGpuBuffer *x, *x2, *y, *z, *h, *scratch, *stats;
  ClipGpuBuffer *stem[3];
  const ClipImageTower *kind;
  gpointer own;
  guint32 pictures;
} ClipActivations;

/** ClipTextShape: texts are encoded @batch at a time, cut or padded to @tokens rows each. */
typedef struct {
  guint32 batch, tokens;
} ClipTextShape;

/**
 * clip_activations_new: big enough for @vision_batch pictures and for each of @shapes.
 * @text_kernels, @text: (nullable): with which texts are encoded, where there are @shapes
 * Returns: (transfer full): NULL with a ClipGpuError.
 */
ClipActivations *clip_activations_new (ClipKernels *kernels, const ClipTowerWeights *vision,
                                       guint32 vision_batch, ClipKernels *text_kernels,
                                       const ClipTowerWeights *text, const ClipTextShape *shapes,
                                       guint n_shapes, GError **error);
void clip_activations_free (ClipActivations *a);

/** clip_activations_bytes: device memory of those for @batch pictures and no texts. */
gsize clip_activations_bytes (ClipKernels *kernels, const ClipTowerWeights *vision,
                              guint32 vision_batch);

/** clip_activations_hold: whether @batch pictures fit into @a. */
gboolean clip_activations_hold (const ClipActivations *a, ClipKernels *kernels,
                                const ClipTowerWeights *vision, guint32 vision_batch);

/** clip_activations_clear: records zeroing all of them. */
void clip_activations_clear (const ClipActivations *a, ClipGpuRecording *rec);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipActivations, clip_activations_free)

/**
 * ClipTowerRun: one recording of a tower: @batch sequences of @tokens rows.
 * @patches: vision: as clip_tower_input_new() made it and clip_kernel_preprocess() filled it
 * @text_input: text: (batch * tokens, clip_stride (width)) token rows with their positions added
 * @pool_rows: (array length=batch): row of each sequence's pooled token (of an attention pool: any of its
 *   rows); read while recording
 * @embeds: (batch, projection), before normalisation
 * @hidden: (nullable): for tests: receives layers + 1 copies of (batch * tokens, clip_stride (width)), after
 *   the embeddings and after each layer; the last layer then runs for all tokens
 */
typedef struct {
  guint32 batch, tokens;
  ClipMatrix patches;
  const ClipGpuBuffer *text_input;
  const guint32 *pool_rows;
  ClipMatrix embeds;
  const ClipGpuBuffer *hidden;
} ClipTowerRun;

/**
 * clip_tower_input_new: what the images' tower reads, for @batch pictures one after the other: patches,
 * rows of class tokens zero; or what a tower of another kind wants.
 * @rows: (out): of all pictures
 * Returns: (transfer full): NULL with a ClipGpuError.
 */
ClipGpuBuffer *clip_tower_input_new (ClipKernels *kernels, const ClipTowerWeights *tower,
                                     guint32 batch, ClipMatrix *rows, GError **error);

/**
 * clip_tower_record: records the whole tower into @rec (already begun). In the last layer
 * everything behind attention runs for the pooled tokens only.
 */
void clip_tower_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipTowerWeights *tower,
                        const ClipActivations *a, const ClipTowerRun *run);

G_END_DECLS
