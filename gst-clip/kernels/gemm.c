/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GEMM as the engine sees it: checks the operands, then leaves the work to the chosen family.
 */
#include "gst-clip/kernels/internal.h"

gsize
clip_gemm_packed_bytes (ClipKernels *kernels, guint32 n, guint32 k)
{
  g_return_val_if_fail (n > 0 && k > 0, 0);

  return kernels->family->packed_bytes (kernels, n, k);
}

void
clip_gemm_pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
                const float *rows, gpointer packed)
{
  g_return_if_fail (first_row <= n && n_rows <= n - first_row);

  kernels->family->pack (kernels, n, k, first_row, n_rows, rows, packed);
}

gsize
clip_gemm_stats_bytes (ClipKernels *kernels, guint32 m, guint32 n)
{
  return kernels->family->stats_bytes ? kernels->family->stats_bytes (kernels, m, n) : 0;
}

ClipGemm
clip_gemm_normalise (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  const ClipNorm *norm = op->norm;
  ClipGemm plain = *op;

  if (norm == NULL || (norm->stats && kernels->family->stats_bytes))
    return plain;
  clip_kernel_layernorm (kernels, rec, &op->a, norm->gamma, norm->beta, norm->eps, &norm->scratch);
  plain.a = norm->scratch;
  plain.norm = NULL;
  return plain;
}

guint32
clip_gemm_batch_rows (ClipKernels *kernels)
{
  return kernels->family->batch_rows ? kernels->family->batch_rows (kernels) : 0;
}

gboolean
clip_gemm_reads_windows (ClipKernels *kernels)
{
  return kernels->family->windows;
}

gboolean
clip_gemm_takes_lines (ClipKernels *kernels, guint32 width)
{
  return kernels->family->takes_lines && kernels->family->takes_lines (kernels, width);
}

static gboolean
lines_fit (ClipKernels *kernels, const ClipGemm *op)
{
  return op->plain && !(op->residual || op->partial || op->batch)
         && clip_gemm_takes_lines (kernels, op->lines->width);
}

void
clip_kernel_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  const guint32 n = clip_round_up (op->c.cols, CLIP_HEAD_ALIGN);
  ClipGemm plain;

  g_return_if_fail (op->a.rows > 0 && op->a.cols > 0 && op->c.cols > 0);
  g_return_if_fail (op->c.rows == op->a.rows && op->c.ld >= n);
  g_return_if_fail (op->batch || op->lines || op->windows || op->a.ld >= clip_ld (op->a.cols));
  g_return_if_fail (op->a.ld % 4 == 0);
  g_return_if_fail (!op->lines || lines_fit (kernels, op));
  g_return_if_fail (!op->residual || (op->residual_ld >= n && op->residual_period > 0));
  g_return_if_fail (!op->residual || op->residual != op->c.address);
  g_return_if_fail (!op->norm || op->a.type == CLIP_ELEMENT_F32);
  g_return_if_fail (!(op->residual || op->stats) || op->c.type == CLIP_ELEMENT_F32);

  g_return_if_fail (!op->batch || clip_gemm_batch_rows (kernels));
  g_return_if_fail (!op->batch || !(op->residual || op->partial || op->norm || op->stats));
  g_return_if_fail (!op->windows || clip_gemm_reads_windows (kernels));
  g_return_if_fail (!op->windows || !(op->batch || op->partial || op->norm || op->stats));
  g_return_if_fail (!op->windows || op->a.type == CLIP_ELEMENT_F32);
  g_return_if_fail (!(op->partial || op->plain) || !(op->norm || op->stats));
  g_return_if_fail (!op->partial || op->activation == CLIP_ACTIVATION_NONE);
  g_return_if_fail (!op->plain || op->activation == CLIP_ACTIVATION_NONE
                    || op->activation == CLIP_ACTIVATION_GELU);

  plain = clip_gemm_normalise (kernels, rec, op);
  kernels->family->gemm (kernels, rec, &plain);
}
