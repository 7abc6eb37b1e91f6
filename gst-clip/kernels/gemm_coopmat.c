/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/gemm_coopmat.h"
#include "gst-clip/kernels/half.h"
#include "gst-clip/kernels/windows.h"

#include "shaders/gemm_coopmat.h"

/* Up to so many rows a layernorm is folded into the product behind it. */
#define MAX_FOLDED_ROWS 512

/* Packing ---------------------------------------------------------------- */

gsize
clip_coopmat_packed_bytes (ClipKernels *kernels, guint32 n, guint32 k)
{
  return (gsize)clip_round_up (n, GEMM_COOPMAT_PANEL) * clip_round_up (k, GEMM_COOPMAT_SLICE)
         * sizeof (guint16);
}

void
clip_coopmat_pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
                   const float *rows, gpointer packed)
{
  const gsize slices = clip_round_up (k, GEMM_COOPMAT_SLICE) / GEMM_COOPMAT_SLICE;

  for (guint32 r = 0; r < n_rows; r++) {
    const guint32 row = first_row + r;
    const gsize panel = row / GEMM_COOPMAT_PANEL, in_panel = row % GEMM_COOPMAT_PANEL;

    for (gsize slice = 0; slice < slices; slice++) {
      const gsize first = slice * GEMM_COOPMAT_SLICE, end = MIN (first + GEMM_COOPMAT_SLICE, k);
      guint16 *to =
          (guint16 *)packed
          + ((panel * slices + slice) * GEMM_COOPMAT_PANEL + in_panel) * GEMM_COOPMAT_SLICE;

      for (gsize i = first; i < end; i++)
        to[i - first] = clip_float_to_half (rows[(gsize)r * k + i]);
    }
  }
}

/* Dispatch --------------------------------------------------------------- */

gsize
clip_coopmat_stats_bytes (ClipKernels *kernels, guint32 m, guint32 n)
{
  return (gsize)m * clip_divide_up (n, GEMM_COOPMAT_BLOCK) * 2 * sizeof (float);
}

static void
dispatch (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
          const struct GemmCoopmatPush *push)
{
  static const guint32 as[] = {
    [CLIP_GEMM_A_FLOAT] = GEMM_COOPMAT_A_FLOAT,
    [CLIP_GEMM_A_HALF] = GEMM_COOPMAT_A_HALF,
    [CLIP_GEMM_A_NORM] = GEMM_COOPMAT_A_NORM,
    [CLIP_GEMM_A_WINDOWS] = GEMM_COOPMAT_A_WINDOWS,
  };
  const ClipGemmA a = clip_gemm_a (op);
  const guint tiling = clip_coopmat_choose_tiling (kernels, a, push->m, push->n, push->k);
  const ClipCoopmatTiling *t = &clip_coopmat_tilings[tiling];
  const ClipGpuInfo *info = clip_gpu_info (kernels->gpu);
  const ClipGpuMatrixShape shape = clip_coopmat_shape (kernels);
  const guint32 constants[] = {
    t->waves_m * t->waves_n * t->split * info->matrix_subgroup_size,
    t->m,
    t->n,
    t->waves_m,
    t->waves_n,
    t->split,
    shape.m,
    shape.n,
    shape.k,
    as[a],
  };
  const guint32 x = clip_divide_up (push->n, t->n), y = clip_divide_up (push->m, t->m);
  const guint64 work = (guint64)push->m * push->n * push->k;

  g_assert (x <= 65535 && y <= 65535);
  g_assert (t->m % (16 * t->waves_m) == 0 && t->n % (16 * t->waves_n) == 0);

  clip_record (kernels, rec, clip_coopmat (kernels)->gemm, constants, G_N_ELEMENTS (constants),
               push, x, y, 1, info->is_cpu ? work / 2 : work / 1000);
  clip_gpu_recording_barrier (rec);
}

/*
 * Normalising while loading saves a dispatch and a barrier; but each column of tiles loads `a` as
 * fp32 then, twice the bytes, and normalises it again. With many rows that costs more. Not
 * measured: by the bytes, for caches of 2 TB/s and a dispatch of 5 us.
 */
static ClipGemm
fold_or_not (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  ClipGemm plain = *op;
  ClipNorm before;

  if (op->norm == NULL || op->a.rows <= MAX_FOLDED_ROWS)
    return plain;
  before = *op->norm;
  before.stats = 0;
  plain.norm = &before;
  return clip_gemm_normalise (kernels, rec, &plain);
}

/* What products with and without planes have in common. */
static struct GemmCoopmatPush
make_push (ClipKernels *kernels, const ClipGemm *op, guint32 n)
{
  struct GemmCoopmatPush push = {
    .a = op->a.address,
    .w = op->weights,
    .bias = op->bias,
    .m = op->a.rows,
    .n = clip_round_up (n, CLIP_HEAD_ALIGN),
    .k = clip_round_up (op->a.cols, GEMM_COOPMAT_SLICE),
    .a_ld = op->a.ld,
    .a_cols = op->a.cols,
    .c_cols = n,
    .residual_period = 1,
    .flags = op->bias ? GEMM_COOPMAT_HAS_BIAS : 0,
  };

  g_assert (op->a.rows > 0);
  g_assert (op->windows || (op->a.ld >= clip_ld (op->a.cols) && op->a.ld % 8 == 0));

  if (op->norm) {
    push.gamma = op->norm->gamma;
    push.beta = op->norm->beta;
    push.a_stats = op->norm->stats;
    push.eps = op->norm->eps;
  }
  if (op->windows)
    push.windows = clip_windows_push (op);
  return push;
}

void
clip_coopmat_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *wanted)
{
  const ClipGemm folded = fold_or_not (kernels, rec, wanted), *op = &folded;
  struct GemmCoopmatPush push = make_push (kernels, op, op->c.cols);

  G_STATIC_ASSERT (CLIP_ACTIVATION_GELU_TANH == CLIP_ACTIVATION_ID_GELU_TANH);
  G_STATIC_ASSERT (CLIP_ACTIVATION_GELU_TANH <= GEMM_COOPMAT_ACTIVATION_MASK);
  g_assert (op->c.rows == op->a.rows && op->c.ld >= push.n);

  push.c = op->c.address;
  push.c_ld = op->c.ld;
  push.c_stats = op->stats;
  push.plane_cols = push.n;
  push.flags |= op->activation | (op->relu ? GEMM_COOPMAT_RELU : 0)
                | (op->stats ? GEMM_COOPMAT_HAS_STATS : 0)
                | (op->c.type == CLIP_ELEMENT_F16 ? GEMM_COOPMAT_C_HALF : 0);
  if (op->residual) {
    g_assert (op->residual_ld % 4 == 0 && op->residual_period > 0);
    push.residual = op->residual;
    push.residual_ld = op->residual_ld;
    push.residual_period = op->residual_period;
    push.flags |= GEMM_COOPMAT_HAS_RESIDUAL;
  }
  dispatch (kernels, rec, op, &push);
}

/* q, k and v go to three planes of batch * tokens rows of heads * head_dim halves. */
void
clip_coopmat_qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *wanted,
                  const ClipAttention *shape, VkDeviceAddress scratch)
{
  const ClipGemm folded = fold_or_not (kernels, rec, wanted), *op = &folded;
  const guint32 width = shape->heads * shape->head_dim;
  struct GemmCoopmatPush push = make_push (kernels, op, 3 * width);

  g_assert (op->a.rows == shape->batch * shape->tokens && width % CLIP_HEAD_ALIGN == 0);

  push.c = scratch;
  push.c_ld = width;
  push.flags |= GEMM_COOPMAT_C_HALF;
  push.plane_cols = width;
  push.plane_rows = op->a.rows;
  dispatch (kernels, rec, op, &push);
}
