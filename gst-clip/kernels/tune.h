/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/tune.h: choices that only measuring decides: which of a family's tilings a product gets, and
 * which family a driver of unknown version. Measured once for each device and driver, and
 * remembered on disk beside the pipeline cache, by the same rules (see clip_gpu_remembered()).
 *
 * A choice never decides whether a result is right: every candidate should be. One whose product differs
 * from the fallback's when it is timed is passed over.
 */
#pragma once

#include "gst-clip/kernels/kernels.h"

G_BEGIN_DECLS

/** ClipGemmA: what the shader of a product does with its `a`: each is a pipeline of its own, and another
 * number of bytes to load. The order is that of the names in tune.c. */
typedef enum {
  CLIP_GEMM_A_FLOAT,   /* fp32 as it lies */
  CLIP_GEMM_A_HALF,    /* fp16 */
  CLIP_GEMM_A_NORM,    /* fp32, normalised while it is loaded */
  CLIP_GEMM_A_WINDOWS, /* pictures, whose windows it is */
} ClipGemmA;

/** clip_gemm_a: of a product as a family dispatches it. */
static inline ClipGemmA
clip_gemm_a (const ClipGemm *op)
{
  if (op->norm)
    return CLIP_GEMM_A_NORM;
  if (op->windows)
    return CLIP_GEMM_A_WINDOWS;
  return op->a.type == CLIP_ELEMENT_F16 ? CLIP_GEMM_A_HALF : CLIP_GEMM_A_FLOAT;
}

/**
 * clip_tune_choice: for families, while they record: which row of a table of candidates to take for a
 * product (m, n, k).
 * @what: short static name of the table, "gemm"; the family and the type of weights are added here
 * @n_candidates: rows of the table. Not all need to run on this device: a family that gets one that
 *   does not takes @fallback
 * @fallback: the family's own guess
 * Returns: the remembered one, or that of the same product of up to twice as many rows, or @fallback. Thread: any, but not during clip_kernels_tune().
 */
guint clip_tune_choice (ClipKernels *kernels, const gchar *what, ClipGemmA a, guint32 m, guint32 n,
                        guint32 k, guint n_candidates, guint fallback);

/**
 * ClipTuneShape: a product that a model makes, see ClipGemm: @a as the model has it, which says what else
 * there is: FLOAT: patches, with a residual; HALF: of type clip_kernels_operands(), with a residual and stats
 * for the norm behind it; NORM: c is of that type.
 * @ends: made by clip_kernels_ends()
 */
typedef struct {
  ClipGemmA a;
  guint32 m, n, k;
  gboolean ends;
} ClipTuneShape;

/**
 * clip_kernels_tune: times the candidates of every choice that recording these products asks for and
 * that is not remembered, and remembers the quickest. Stops after a second, whatever a product costs: of
 * one that is too slow to be timed in it the fallback is remembered; what is left otherwise keeps its
 * fallback, and the next process goes on. Does nothing on CPU devices: there each candidate would cost a
 * second of compiling.
 * @cancel: (nullable): set to 1 to return soon, with CLIP_GPU_ERROR_CANCELLED
 * Returns: FALSE when cancelled or when the device is lost. Other failures are logged, no more.
 * Thread: before anybody else uses @kernels. Blocks.
 */
gboolean clip_kernels_tune (ClipKernels *kernels, const ClipTuneShape *shapes, guint n_shapes,
                            const gint *cancel, GError **error);

/**
 * clip_kernels_verify: one small product of k columns with all that is chosen, compared with the
 * same product in C, exactly: it is one of small integers. With the k of a model it makes no
 * pipeline that the model would not.
 * @kernels: (transfer full)
 * Returns: (transfer full): @kernels if it is right. Else, after a warning, those of the next family
 *   that can run and are right. NULL when there is none, or with another ClipGpuError.
 */
ClipKernels *clip_kernels_verify (ClipKernels *kernels, guint32 m, guint32 k, GError **error);

/** clip_kernels_with_weights: the same choices for another type of weights; the best family that has
 * such where this one does not. (transfer full): NULL when the device cannot read them. */
ClipKernels *clip_kernels_with_weights (ClipKernels *kernels, ClipWeightType weights,
                                        GError **error);

G_END_DECLS
