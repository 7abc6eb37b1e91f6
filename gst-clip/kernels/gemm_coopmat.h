/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/gemm_coopmat.h: the family "coopmat", for GPUs with matrix units: products in
 * gemm_coopmat.c, their tilings in gemm_coopmat_tilings.c, attention in attention_coopmat.c.
 */
#pragma once

#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/tune.h"

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

/** clip_coopmat_choose_tiling: an index of clip_coopmat_tilings for a product (m, n, k) of such an a. */
guint clip_coopmat_choose_tiling (ClipKernels *kernels, ClipGemmA a, guint32 m, guint32 n,
                                  guint32 k);

/**
 * ClipCoopmat: the family's @data: its shaders, of shaders/STEM_coopmat.comp, with
 * CLIP_GPU_SUBGROUP_MATRIX.
 * @shape: of their matrices; zero for the first one that the device lists
 */
typedef struct {
  const ClipGpuShader *gemm, *attention;
  ClipGpuMatrixShape shape;
} ClipCoopmat;

static inline const ClipCoopmat *
clip_coopmat (ClipKernels *kernels)
{
  return kernels->family->data;
}

static inline ClipGpuMatrixShape
clip_coopmat_shape (ClipKernels *kernels)
{
  const ClipGpuMatrixShape *shape = &clip_coopmat (kernels)->shape;

  return shape->m ? *shape : clip_gpu_info (kernels->gpu)->matrix_shapes[0];
}

/** clip_coopmat_*: ClipFamily's functions; its @data is a ClipCoopmat. */
gsize clip_coopmat_packed_bytes (ClipKernels *kernels, guint32 n, guint32 k);
void clip_coopmat_pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row,
                        guint32 n_rows, const float *rows, gpointer packed);
void clip_coopmat_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op);
gsize clip_coopmat_stats_bytes (ClipKernels *kernels, guint32 m, guint32 n);
/** q, k, v: three planes of batch * tokens rows of heads * head_dim halves, and rows that are read
 * and not used. */
gsize clip_coopmat_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape);
void clip_coopmat_qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
                       const ClipAttention *shape, VkDeviceAddress scratch);
/** clip_coopmat_choose_waves: subgroups of a workgroup of attention: 4, 2 or 1. */
guint32 clip_coopmat_choose_waves (ClipKernels *kernels, const ClipAttention *shape);
void clip_coopmat_attention (ClipKernels *kernels, ClipGpuRecording *rec,
                             const ClipAttention *shape, VkDeviceAddress scratch,
                             const ClipMatrix *z);

/** CLIP_COOPMAT_FAMILY: what every ClipFamily with these functions says of itself. */
#define CLIP_COOPMAT_FAMILY                                                                        \
  .half_operands = TRUE, .no_f32 = TRUE, .windows = TRUE, .macs_per_ns = 1000,                     \
  .n_tilings = CLIP_COOPMAT_TILINGS, .packed_bytes = clip_coopmat_packed_bytes,                    \
  .pack = clip_coopmat_pack, .gemm = clip_coopmat_gemm, .stats_bytes = clip_coopmat_stats_bytes,   \
  .scratch_bytes = clip_coopmat_scratch_bytes, .qkv = clip_coopmat_qkv,                            \
  .attention = clip_coopmat_attention

G_END_DECLS
