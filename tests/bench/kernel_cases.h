/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/kernel_cases.h: one kernel at one size, recorded and ready to be timed.
 */
#pragma once

#include "tests/bench/common/device.h"

G_BEGIN_DECLS

/**
 * KernelCase:
 * @shape: for people: "50 x 768 x 768" (m, n, k)
 * @flops, @bytes: of the whole recording: operations; what has to be read and written once
 * @by_bytes: the rate that tells something is GB/s, not GFLOP/s
 * @repeats: how often the kernel is recorded
 */
typedef struct {
  const gchar *kernel;
  gchar *shape;
  gdouble flops, bytes;
  gboolean by_bytes;
  guint repeats;
  ClipKernels *kernels;
  ClipGpuRecording *rec;
  gpointer preprocess;
  GPtrArray *buffers;
} KernelCase;

void kernel_case_free (KernelCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KernelCase, kernel_case_free)

/** kernel_case_gemm: as many times as it takes to stream 64 MB of weights, each time others, as in
 * a network: no weights wait in a cache. */
KernelCase *kernel_case_gemm (ClipKernels *kernels, guint m, guint n, guint k, GError **error);
/** kernel_case_attention: heads of 64; without the product that makes q, k and v. */
KernelCase *kernel_case_attention (ClipKernels *kernels, guint batch, guint tokens, guint heads,
                                   GError **error);
KernelCase *kernel_case_layernorm (ClipKernels *kernels, guint rows, guint cols, GError **error);
KernelCase *kernel_case_l2norm (ClipKernels *kernels, guint rows, guint cols, GError **error);
/** kernel_case_score: one embedding with @prompts prompts. @kernels: of fp32, as the engine's. */
KernelCase *kernel_case_score (ClipKernels *kernels, guint prompts, guint cols, GError **error);
/** kernel_case_preprocess: an NV12 frame to 224 x 224 in patches of 32. */
KernelCase *kernel_case_preprocess (ClipKernels *kernels, guint width, guint height,
                                    GError **error);

G_END_DECLS
