/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/gemm_coopmat.h: the tilings of the "coopmat" family's products.
 */
#pragma once

#include "gst-clip/kernels/internal.h"

G_BEGIN_DECLS

/**
 * ClipCoopmatTiling: what a workgroup of gemm_coopmat.comp makes.
 * @m, @n: rows and columns of its tile
 * @waves_m, @waves_n: the grid of subgroups over it; a subgroup makes a multiple of 16 x 16
 * @split: such grids, which share K
 * @rate: multiplications at a time, against those of the first tiling, where there is enough to
 *   do: an estimate from the loads that each takes
 */
typedef struct {
  guint32 m, n, waves_m, waves_n, split;
  float rate;
} ClipCoopmatTiling;

#define CLIP_COOPMAT_TILINGS 7

/** clip_coopmat_tilings: all of them are right for every product. */
extern const ClipCoopmatTiling clip_coopmat_tilings[CLIP_COOPMAT_TILINGS];

/** clip_coopmat_tiling_fits: whether the device has the invocations and the shared memory for it. */
gboolean clip_coopmat_tiling_fits (ClipKernels *kernels, const ClipCoopmatTiling *tiling);

/** clip_coopmat_choose_tiling: an index of clip_coopmat_tilings for a product (m, n, k). */
guint clip_coopmat_choose_tiling (ClipKernels *kernels, guint32 m, guint32 n, guint32 k);

/** clip_coopmat_shape: the matrices that the family's kernels are made of on this device. */
static inline const ClipGpuMatrixShape *
clip_coopmat_shape (ClipKernels *kernels)
{
  return &clip_gpu_info (kernels->gpu)->matrix_shapes[0];
}

G_END_DECLS
