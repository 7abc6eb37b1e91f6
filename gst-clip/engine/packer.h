/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/packer.h: what loaders of towers have in common: whole tensors from the file, and vectors and
 * packed matrices, one behind the other in a buffer on the device.
 */
#pragma once

#include "gst-clip/engine/model.h"
#include "gst-clip/kernels/kernels.h"

G_BEGIN_DECLS

/**
 * ClipPacker: where the next thing goes.
 * @kernels: that matrices are packed for
 */
typedef struct {
  ClipKernels *kernels;
  ClipGpuBuffer *buffer;
  gsize used;
} ClipPacker;

/** Called after each layer or block; returns FALSE to stop with CLIP_ENGINE_ERROR_CANCELLED. */
typedef gboolean (*ClipWeightsProgress) (guint done, guint total, gpointer data);

/** clip_weights_go_on: asks @progress (nullable). FALSE with CLIP_ENGINE_ERROR_CANCELLED. */
gboolean clip_weights_go_on (ClipWeightsProgress progress, guint done, guint total, gpointer data,
                             GError **error);

/** clip_weights_read: a whole tensor, float[rows][per_row]; @name: see clip_model_read(). (transfer full):
 * NULL with CLIP_ENGINE_ERROR_MEMORY or a CLIP_MODEL_ERROR. */
float *clip_weights_read (const ClipModel *model, const gchar *name, guint64 rows, guint64 per_row,
                          GError **error);

/** clip_packer_open: @packer begins with a new buffer of @bytes, which is the caller's; NULL on error. */
ClipGpuBuffer *clip_packer_open (ClipPacker *packer, ClipKernels *kernels, gsize bytes,
                                 const gchar *name, GError **error);

/** Bytes that each thing takes. */
gsize clip_packer_rows_bytes (guint32 rows, guint32 cols);
gsize clip_packer_vector_bytes (guint32 n);
gsize clip_packer_matrix_bytes (ClipKernels *kernels, guint32 n, guint32 k);

/** clip_packer_rows: float[rows][clip_ld (cols)], zero beyond cols. Returns: its address; 0 on error. */
VkDeviceAddress clip_packer_rows (ClipPacker *packer, const float *values, guint32 rows,
                                  guint32 cols, GError **error);

/** clip_packer_vector: as a bias or a gamma: float[clip_ld (n)], zero beyond n. */
VkDeviceAddress clip_packer_vector (ClipPacker *packer, const float *values, guint32 n,
                                    GError **error);

/** clip_packer_matrix: @rows: float[n][k], which are packed. */
VkDeviceAddress clip_packer_matrix (ClipPacker *packer, const float *rows, guint32 n, guint32 k,
                                    GError **error);

G_END_DECLS
