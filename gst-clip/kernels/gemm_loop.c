/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The family for llvmpipe from Mesa 26 on: one loop over K (gemm_loop.comp).
 */
#include "gst-clip/kernels/gemm_llvmpipe.h"

#include "clip_spv_gemm_loop_f16.h"
#include "clip_spv_gemm_loop_f32.h"
#include "clip_spv_gemm_loop_i8.h"

/* A tile with 128 steps is 16 KiB of code: half of an instruction cache. */
#define MAX_CHUNK      128
#define SLOW_CHUNK     16
#define SLOW_KEY_CHUNK 32

/* With 32 vector registers: twenty sums. */
#define WIDE_TILE_ROWS 10

static const ClipGpuShader shaders[] = {
  [CLIP_WEIGHTS_F32] = {
    .name = "gemm_loop_f32",
    .spirv = clip_spv_gemm_loop_f32,
    .spirv_bytes = sizeof (clip_spv_gemm_loop_f32),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = 8,
  },
  [CLIP_WEIGHTS_F16] = {
    .name = "gemm_loop_f16",
    .spirv = clip_spv_gemm_loop_f16,
    .spirv_bytes = sizeof (clip_spv_gemm_loop_f16),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = 8,
  },
  [CLIP_WEIGHTS_I8] = {
    .name = "gemm_loop_i8",
    .spirv = clip_spv_gemm_loop_i8,
    .spirv_bytes = sizeof (clip_spv_gemm_loop_i8),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = 8,
  },
};

static void
record (ClipKernels *kernels, ClipGpuRecording *rec, ClipWeightType weights,
        const guint32 *constants, const struct GemmLlvmpipePush *push, guint32 x, guint32 y,
        guint32 z, guint64 cost_ns)
{
  /* the number of chunks is no constant here: one pipeline serves every multiple of CHUNK */
  const guint32 activates =
      constants[2] == CLIP_ACTIVATION_GELU ? GEMM_ACTIVATES_GELU : GEMM_ACTIVATES_SIGMOID;
  const guint32 all[] = { 0, constants[0], 0, activates, constants[3], 0, constants[4] };

  clip_record (kernels, rec, &shaders[weights], all, G_N_ELEMENTS (all), push, x, y, z, cost_ns);
}

static guint32
max_chunks (ClipKernels *kernels)
{
  return G_MAXUINT16;
}

/* Long iterations are fast where this family is meant to run; elsewhere, in tests, they would only
 * be slow to compile. Powers of two keep pipelines few. */
static ClipChunks
chunks_of (ClipKernels *kernels, guint32 k, ClipActivation activation, gboolean plain)
{
  if (plain) /* few different chunks */
    k = clip_round_up (k, CLIP_LD);

  const gboolean fast = (kernels->caps & CLIP_GPU_CAP_LLVMPIPE_LOOPS) != 0;
  const guint32 chunk = fast ? MIN (k & -k, MAX_CHUNK) : SLOW_CHUNK;

  return (ClipChunks){ chunk, k / chunk };
}

static ClipChunks
key_chunks_of (ClipKernels *kernels, guint32 tokens)
{
  if (kernels->caps & CLIP_GPU_CAP_LLVMPIPE_LOOPS)
    return clip_llvmpipe_key_chunks (kernels, tokens);
  return (ClipChunks){ SLOW_KEY_CHUNK, clip_divide_up (tokens, SLOW_KEY_CHUNK) };
}

static guint32
tile_rows (ClipKernels *kernels, guint32 rows)
{
  return kernels->wide_registers ? WIDE_TILE_ROWS : GEMM_TILE_ROWS;
}

/* Byte offsets within a dispatch have 32 bits. */
static const ClipGemmKernel kernel = {
  .row_tiles = GEMM_MAX_ROWS,
  .plain_row_tiles = GEMM_MAX_ROWS,
  .panels = 2048,
  .batch = 64,
  .max_chunks = max_chunks,
  .chunks = chunks_of,
  .key_chunks = key_chunks_of,
  .tile_rows = tile_rows,
  .record = record,
};

const ClipFamily clip_family_loop = {
  .name = "loop",
  .needs = CLIP_GPU_CAP_LLVMPIPE,
  .wants = CLIP_GPU_CAP_LLVMPIPE_LOOPS,
  .int8 = TRUE,
  .packed_bytes = clip_llvmpipe_packed_bytes,
  .pack = clip_llvmpipe_pack,
  .gemm = clip_llvmpipe_gemm,
  .batch_rows = clip_llvmpipe_batch_rows,
  .scratch_bytes = clip_llvmpipe_scratch_bytes,
  .qkv = clip_llvmpipe_qkv,
  .attention = clip_llvmpipe_attention,
  .pool_bytes = clip_llvmpipe_pool_bytes,
  .pool_tokens = clip_llvmpipe_pool_tokens,
  .pool = clip_llvmpipe_pool,
  .data = &kernel,
};
