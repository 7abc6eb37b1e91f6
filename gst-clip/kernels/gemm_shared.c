/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The family for any GPU: GEMM in tiles of shared memory (this file), attention_shared.c.
 */
#include "gst-clip/kernels/attention_shared.h"
#include "gst-clip/kernels/half.h"
#include "gst-clip/kernels/tune.h"

#include "shaders/gemm_shared.h"

#include "clip_spv_gemm_shared_f16.h"
#include "clip_spv_gemm_shared_f32.h"

#define K_STEP 32 /* a multiple of the shader's TILE_K */

static const ClipGpuShader shaders[] = {
  [CLIP_WEIGHTS_F32] = {
    .name = "gemm_shared_f32",
    .spirv = clip_spv_gemm_shared_f32,
    .spirv_bytes = sizeof (clip_spv_gemm_shared_f32),
    .push_bytes = sizeof (struct GemmSharedPush),
  },
  [CLIP_WEIGHTS_F16] = {
    .name = "gemm_shared_f16",
    .spirv = clip_spv_gemm_shared_f16,
    .spirv_bytes = sizeof (clip_spv_gemm_shared_f16),
    .push_bytes = sizeof (struct GemmSharedPush),
  },
};

/* Packing ---------------------------------------------------------------- */

static gsize
packed_bytes (ClipKernels *kernels, guint32 n, guint32 k)
{
  const gsize size = kernels->weights == CLIP_WEIGHTS_F16 ? 2 : 4;

  return (gsize)clip_round_up (n, GEMM_SHARED_PANEL) * clip_round_up (k, K_STEP) * size;
}

static void
pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
      const float *rows, gpointer packed)
{
  const gsize padded_k = clip_round_up (k, K_STEP);

  for (guint32 r = 0; r < n_rows; r++) {
    const guint32 row = first_row + r;
    const gsize first =
        row / GEMM_SHARED_PANEL * padded_k * GEMM_SHARED_PANEL + row % GEMM_SHARED_PANEL;
    const float *from = rows + (gsize)r * k;

    if (kernels->weights == CLIP_WEIGHTS_F16)
      for (guint32 i = 0; i < k; i++)
        ((guint16 *)packed)[first + (gsize)i * GEMM_SHARED_PANEL] = clip_float_to_half (from[i]);
    else
      for (guint32 i = 0; i < k; i++)
        ((float *)packed)[first + (gsize)i * GEMM_SHARED_PANEL] = from[i];
  }
}

/* Dispatch --------------------------------------------------------------- */

/* 64 x 64 where that keeps a GPU busy, quarters of it where there would be few. */
static guint32
choose_tile (ClipKernels *kernels, guint32 m, guint32 n, guint32 k)
{
  static const guint32 tiles[] = { 64, 32 };
  const guint64 large = (guint64)((m + 63) / 64) * ((n + 63) / 64);

  return tiles[clip_tune_choice (kernels, "gemm", m, n, k, G_N_ELEMENTS (tiles),
                                 large >= 64 && m > 32 ? 0 : 1)];
}

static void
dispatch (ClipKernels *kernels, ClipGpuRecording *rec, struct GemmSharedPush *push)
{
  const guint32 tile = choose_tile (kernels, push->m, push->n, push->k);
  const guint32 constants[] = { tile * tile / 16, tile, tile };
  const guint32 x = (push->n + tile - 1) / tile, y = (push->m + tile - 1) / tile;
  const guint64 work = (guint64)push->m * push->n * push->k;

  g_assert (x <= 65535 && y <= 65535);

  clip_record (kernels, rec, &shaders[kernels->weights], constants, G_N_ELEMENTS (constants), push,
               x, y, 1, clip_gpu_info (kernels->gpu)->is_cpu ? work * 10 : work / 50);
  clip_gpu_recording_barrier (rec);
}

static struct GemmSharedPush
make_push (const ClipGemm *op, guint32 n)
{
  g_assert (op->a.rows > 0 && op->a.ld >= clip_ld (op->a.cols));

  return (struct GemmSharedPush){
    .a = op->a.address,
    .w = op->weights,
    .bias = op->bias,
    .m = op->a.rows,
    .n = clip_round_up (n, 16),
    .k = clip_round_up (op->a.cols, K_STEP),
    .a_ld = op->a.ld,
    .residual_period = 1,
    .has_bias = op->bias != 0,
  };
}

static void
gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  struct GemmSharedPush push = make_push (op, op->c.cols);

  g_assert (op->c.rows == op->a.rows && op->c.ld >= push.n);
  G_STATIC_ASSERT (CLIP_ACTIVATION_GELU_TANH == CLIP_ACTIVATION_ID_GELU_TANH);

  push.c = op->c.address;
  push.c_ld = op->c.ld;
  push.plane_cols = push.n;
  push.activation = op->activation;
  push.has_residual = op->residual != 0;
  if (op->residual) {
    g_assert (op->residual_ld % 4 == 0 && op->residual_period > 0);
    push.residual = op->residual;
    push.residual_ld = op->residual_ld;
    push.residual_period = op->residual_period;
  }
  dispatch (kernels, rec, &push);
}

/* q, k and v go to three planes of batch * tokens rows of heads * head_dim floats. */
static void
qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op, const ClipAttention *shape,
     VkDeviceAddress scratch)
{
  const guint32 width = shape->heads * shape->head_dim;
  struct GemmSharedPush push = make_push (op, 3 * width);

  g_assert (op->a.rows == shape->batch * shape->tokens && width % CLIP_HEAD_ALIGN == 0);

  push.c = scratch;
  push.c_ld = width;
  push.plane_cols = width;
  push.plane_rows = op->a.rows;
  dispatch (kernels, rec, &push);
}

const ClipFamily clip_family_shared = {
  .name = "shared",
  .needs = 0,
  .packed_bytes = packed_bytes,
  .pack = pack,
  .gemm = gemm,
  .scratch_bytes = clip_attention_shared_scratch_bytes,
  .qkv = qkv,
  .attention = clip_attention_shared,
};
