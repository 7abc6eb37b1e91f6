/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The family for any GPU: GEMM in tiles of shared memory (this file), attention_shared.c.
 */
#include "gst-clip/kernels/gemm_shared.h"
#include "gst-clip/kernels/attention_shared.h"
#include "gst-clip/kernels/half.h"
#include "gst-clip/kernels/quantise.h"
#include "gst-clip/kernels/windows.h"

#include "shaders/gemm_shared.h"

#include "clip_spv_gemm_shared_f16.h"
#include "clip_spv_gemm_shared_f32.h"
#include "clip_spv_gemm_shared_i8.h"
#include "clip_spv_gemm_shared_i8_half.h"

#define SHADER(array)                                                                              \
  {                                                                                                \
    .name = #array, .spirv = clip_spv_##array, .spirv_bytes = sizeof (clip_spv_##array),           \
    .push_bytes = sizeof (struct GemmSharedPush),                                                  \
  }

/* By type of weights and of operands; fp16 for one needs no more of a device than for both. */
static const ClipGpuShader shaders[3][2] = {
  [CLIP_WEIGHTS_F32] = { [CLIP_ELEMENT_F32] = SHADER (gemm_shared_f32) },
  [CLIP_WEIGHTS_F16] = { [CLIP_ELEMENT_F16] = SHADER (gemm_shared_f16) },
  [CLIP_WEIGHTS_I8] = { [CLIP_ELEMENT_F32] = SHADER (gemm_shared_i8),
                        [CLIP_ELEMENT_F16] = SHADER (gemm_shared_i8_half) },
};

/* Packing ---------------------------------------------------------------- */

static gsize
panels_values (guint32 n, guint32 k)
{
  return (gsize)clip_round_up (n, GEMM_SHARED_PANEL) * clip_round_up (k, CLIP_LD);
}

static gsize
packed_bytes (ClipKernels *kernels, guint32 n, guint32 k)
{
  static const gsize sizes[] = {
    [CLIP_WEIGHTS_F32] = 4, [CLIP_WEIGHTS_F16] = 2, [CLIP_WEIGHTS_I8] = 1
  };
  const gsize scales = kernels->weights == CLIP_WEIGHTS_I8
                           ? clip_round_up (n, GEMM_SHARED_PANEL) * sizeof (float)
                           : 0;

  return panels_values (n, k) * sizes[kernels->weights] + scales;
}

/* To every GEMM_SHARED_PANEL-th value of @packed from @first on; scales lie behind all panels. */
static void
pack_i8 (guint32 n, guint32 k, guint32 row, gsize first, const float *from, gpointer packed)
{
  g_autofree gint8 *values = g_new (gint8, k);
  float *scales = (float *)((guint8 *)packed + panels_values (n, k));

  scales[row] = clip_quantise_row (from, k, values);
  for (guint32 i = 0; i < k; i++)
    ((gint8 *)packed)[first + (gsize)i * GEMM_SHARED_PANEL] = values[i];
}

static void
pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
      const float *rows, gpointer packed)
{
  const gsize padded_k = clip_round_up (k, CLIP_LD);

  for (guint32 r = 0; r < n_rows; r++) {
    const guint32 row = first_row + r;
    const gsize first =
        row / GEMM_SHARED_PANEL * padded_k * GEMM_SHARED_PANEL + row % GEMM_SHARED_PANEL;
    const float *from = rows + (gsize)r * k;

    if (kernels->weights == CLIP_WEIGHTS_I8)
      pack_i8 (n, k, row, first, from, packed);
    else if (kernels->weights == CLIP_WEIGHTS_F16)
      for (guint32 i = 0; i < k; i++)
        ((guint16 *)packed)[first + (gsize)i * GEMM_SHARED_PANEL] = clip_float_to_half (from[i]);
    else
      for (guint32 i = 0; i < k; i++)
        ((float *)packed)[first + (gsize)i * GEMM_SHARED_PANEL] = from[i];
  }
}

/* Dispatch --------------------------------------------------------------- */

static gsize
stats_bytes (ClipKernels *kernels, guint32 m, guint32 n)
{
  return (gsize)m * clip_round_up (n, GEMM_SHARED_STATS_COLUMNS) / GEMM_SHARED_STATS_COLUMNS * 2
         * sizeof (float);
}

static void
dispatch (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
          const struct GemmSharedPush *push)
{
  static const guint32 as[] = {
    [CLIP_GEMM_A_FLOAT] = GEMM_SHARED_A_FLOAT,
    [CLIP_GEMM_A_HALF] = GEMM_SHARED_A_HALF,
    [CLIP_GEMM_A_NORM] = GEMM_SHARED_A_NORM,
    [CLIP_GEMM_A_WINDOWS] = GEMM_SHARED_A_WINDOWS,
  };
  const ClipGemmA a = clip_gemm_a (op);
  const guint tiling = clip_shared_choose_tiling (kernels, a, push->m, push->n, push->k);
  const ClipTiling *t = &clip_shared_tilings[tiling];
  const guint32 constants[] = {
    t->m * t->n / 16 * t->split, t->m, t->n, t->k, t->split, t->depth, as[a]
  };
  const guint32 x = clip_divide_up (push->n, t->n), y = clip_divide_up (push->m, t->m);
  const guint64 work = (guint64)push->m * push->n * push->k;

  g_assert (x <= 65535 && y <= 65535);

  clip_record (kernels, rec, &shaders[kernels->weights][kernels->operands], constants,
               G_N_ELEMENTS (constants), push, x, y, 1,
               clip_gpu_info (kernels->gpu)->is_cpu ? work * 10 : work / 50);
  clip_gpu_recording_barrier (rec);
}

/* What products with and without planes have in common. */
static struct GemmSharedPush
make_push (ClipKernels *kernels, const ClipGemm *op, guint32 n)
{
  struct GemmSharedPush push = {
    .a = op->a.address,
    .w = op->weights,
    .bias = op->bias,
    .m = op->a.rows,
    .n = clip_round_up (n, CLIP_HEAD_ALIGN),
    .k = clip_round_up (op->a.cols, CLIP_LD),
    .a_ld = op->a.ld,
    .a_cols = op->a.cols,
    .c_cols = n,
    .residual_period = 1,
    .flags = op->bias ? GEMM_SHARED_HAS_BIAS : 0,
  };

  g_assert (op->a.rows > 0 && (op->windows || op->a.ld >= push.k));
  g_assert (op->a.type == CLIP_ELEMENT_F32 || kernels->operands == CLIP_ELEMENT_F16);

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

static void
gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  struct GemmSharedPush push = make_push (kernels, op, op->c.cols);

  G_STATIC_ASSERT (CLIP_ACTIVATION_GELU_TANH == CLIP_ACTIVATION_ID_GELU_TANH);
  G_STATIC_ASSERT (CLIP_ACTIVATION_GELU_TANH <= GEMM_SHARED_ACTIVATION_MASK);
  g_assert (op->c.rows == op->a.rows && op->c.ld >= push.n);
  g_assert (op->c.type == CLIP_ELEMENT_F32 || kernels->operands == CLIP_ELEMENT_F16);

  push.c = op->c.address;
  push.c_ld = op->c.ld;
  push.c_stats = op->stats;
  push.plane_cols = push.n;
  push.flags |= op->activation | (op->relu ? GEMM_SHARED_RELU : 0)
                | (op->stats ? GEMM_SHARED_HAS_STATS : 0)
                | (op->c.type == CLIP_ELEMENT_F16 ? GEMM_SHARED_C_HALF : 0);
  if (op->residual) {
    g_assert (op->residual_ld % 4 == 0 && op->residual_period > 0);
    push.residual = op->residual;
    push.residual_ld = op->residual_ld;
    push.residual_period = op->residual_period;
    push.flags |= GEMM_SHARED_HAS_RESIDUAL;
  }
  dispatch (kernels, rec, op, &push);
}

/* q, k and v go to three planes of batch * tokens rows of heads * head_dim operands. */
static void
qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op, const ClipAttention *shape,
     VkDeviceAddress scratch)
{
  const guint32 width = shape->heads * shape->head_dim;
  struct GemmSharedPush push = make_push (kernels, op, 3 * width);

  g_assert (op->a.rows == shape->batch * shape->tokens && width % CLIP_HEAD_ALIGN == 0);

  push.c = scratch;
  push.c_ld = width;
  push.plane_cols = width;
  push.plane_rows = op->a.rows;
  push.flags |= kernels->operands == CLIP_ELEMENT_F16 ? GEMM_SHARED_C_HALF : 0;
  dispatch (kernels, rec, op, &push);
}

const ClipFamily clip_family_shared = {
  .name = "shared",
  .needs = 0,
  .half_operands = TRUE,
  .int8 = TRUE,
  .windows = TRUE,
  .n_tilings = CLIP_SHARED_TILINGS,
  .packed_bytes = packed_bytes,
  .pack = pack,
  .gemm = gemm,
  .stats_bytes = stats_bytes,
  .scratch_bytes = clip_attention_shared_scratch_bytes,
  .qkv = qkv,
  .attention = clip_attention_shared,
};
