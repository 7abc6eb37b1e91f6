/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/gemm_shared.h: the tilings of the "shared" family's products.
 */
#pragma once

#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/tune.h"

G_BEGIN_DECLS

/**
 * ClipTiling: what a workgroup of gemm_shared.comp makes.
 * @m, @n: rows and columns of its tile; n is a multiple of 16, at most 64
 * @k: of each group of invocations in a step
 * @split: groups that share K; k * split divides CLIP_LD
 * @depth: steps whose tiles are on their way while one is multiplied
 * @least_m, @most_m: products of so many rows it is good for
 */
typedef struct {
  guint32 m, n, k, split, depth;
  guint32 least_m, most_m;
} ClipTiling;

#define CLIP_SHARED_TILINGS 6

/** clip_shared_tilings: largest tile first. All of them are right for every product. */
extern const ClipTiling clip_shared_tilings[CLIP_SHARED_TILINGS];

/** clip_shared_tiling_fits: whether the device has the invocations and the shared memory for it. */
gboolean clip_shared_tiling_fits (ClipKernels *kernels, const ClipTiling *tiling);

/** clip_shared_choose_tiling: an index of clip_shared_tilings for a product (m, n, k) of such an a: what was measured
 * (tune.h), else what counting workgroups suggests. */
guint clip_shared_choose_tiling (ClipKernels *kernels, ClipGemmA a, guint32 m, guint32 n,
                                 guint32 k);

G_END_DECLS
