/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/image_tower.h: what a kind of images' tower that is no transformer from end to end gives to those
 * who load and run towers (weights.c, tower.c) and who check files (model_tensors.c): one table each, so
 * that these know no kind but the transformer.
 */
#pragma once

#include "gst-clip/engine/packer.h"

G_BEGIN_DECLS

/**
 * ClipTensorVisitor:
 * @has: whether the file has a tensor of that name, where it may have one or another
 * @func: called with the name, as in the file, and the shape of a tensor; FALSE stops
 */
typedef struct {
  gboolean (*has) (gconstpointer data, const gchar *name);
  gboolean (*func) (gconstpointer data, const gchar *name, const guint64 *dims, guint n_dims,
                    GError **error);
  gconstpointer data;
} ClipTensorVisitor;

/**
 * ClipImageRun:
 * @input: what clip_kernel_preprocess() writes, @batch times, as the tower's input_new() made it
 * @embeds: (batch, projection), before normalisation
 * @stages: (nullable): for tests: buffers that receive the pictures of each stage, as many as the tower says
 */
typedef struct {
  guint32 batch;
  ClipMatrix input;
  ClipMatrix embeds;
  ClipGpuBuffer *const *stages;
} ClipImageRun;

/**
 * ClipImageTower: functions of one kind; @weights and @activations below are its own structs.
 * @bytes: what @weights_new will allocate on the device
 * @weights_new: reads, folds, packs and uploads. Blocks. (transfer full)
 * @foreach_tensor: every tensor that the tower needs
 * @input_new: what it reads, for @batch pictures one after the other; see clip_tower_input_new()
 * @activations_new: for @batch pictures. (transfer full)
 * @activations_bytes: size of those
 * @activations_clear: records zeroing them; no barrier
 * @record: the whole tower, into a recording that was begun
 */
typedef struct {
  guint64 (*bytes) (ClipKernels *kernels, const ClipModelConfig *config);
  gpointer (*weights_new) (ClipKernels *kernels, const ClipModel *model,
                           ClipWeightsProgress progress, gpointer data, GError **error);
  void (*weights_free) (gpointer weights);
  gboolean (*foreach_tensor) (const ClipModelConfig *config, const ClipTensorVisitor *visitor,
                              GError **error);
  ClipGpuBuffer *(*input_new) (ClipKernels *kernels, gconstpointer weights, guint32 batch,
                               ClipMatrix *rows, GError **error);
  gpointer (*activations_new) (ClipKernels *kernels, gconstpointer weights, guint32 batch,
                               GError **error);
  gsize (*activations_bytes) (ClipKernels *kernels, gconstpointer weights, guint32 batch);
  void (*activations_clear) (gconstpointer activations, ClipGpuRecording *rec);
  void (*activations_free) (gpointer activations);
  void (*record) (ClipKernels *kernels, ClipGpuRecording *rec, gconstpointer weights,
                  gconstpointer activations, const ClipImageRun *run);
} ClipImageTower;

extern const ClipImageTower clip_image_tower_resnet;
extern const ClipImageTower clip_image_tower_fastvit;

/** clip_image_tower_of: NULL for a transformer. */
const ClipImageTower *clip_image_tower_of (ClipTowerKind kind);

/* Buffers of activations, of any tower -------------------------------------- */

/** clip_activation_make: @buffer: (out) (transfer full): @bytes on the device, at least 4. */
gboolean clip_activation_make (ClipKernels *kernels, ClipGpuBuffer **buffer, gsize bytes,
                               const gchar *name, GError **error);

/** clip_activation_matrix: a matrix of floats at the beginning of @buffer, which is large enough. */
ClipMatrix clip_activation_matrix (const ClipGpuBuffer *buffer, guint32 rows, guint32 cols);

/** clip_activation_clear: records zeroing it; no barrier. @buffer: (nullable) */
void clip_activation_clear (ClipGpuRecording *rec, const ClipGpuBuffer *buffer);

G_END_DECLS
