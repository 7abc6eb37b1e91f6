/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The family for llvmpipe from Mesa 26 on: one loop over K (gemm_loop.comp, and gemm_loop_wide.comp
 * where the processor has AVX-512).
 */
#include "gst-clip/kernels/gemm_llvmpipe.h"

#include "clip_spv_gemm_loop_f16.h"
#include "clip_spv_gemm_loop_f32.h"
#include "clip_spv_gemm_loop_wide_f16.h"
#include "clip_spv_gemm_loop_wide_f32.h"

#define MAX_CHUNK  64
#define KEY_CHUNK  16
#define WIDE_CHUNK 8

/* Tiles of gemm_loop_wide.comp: of the pooled rows, and of all of them. */
#define FEW_ROWS       10
#define WIDE_ROWS      25
#define VERY_WIDE_ROWS 50

static const ClipGpuShader narrow_shaders[] = {
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
};

static const ClipGpuShader wide_shaders[] = {
  [CLIP_WEIGHTS_F32] = {
    .name = "gemm_loop_wide_f32",
    .spirv = clip_spv_gemm_loop_wide_f32,
    .spirv_bytes = sizeof (clip_spv_gemm_loop_wide_f32),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = 8,
  },
  [CLIP_WEIGHTS_F16] = {
    .name = "gemm_loop_wide_f16",
    .spirv = clip_spv_gemm_loop_wide_f16,
    .spirv_bytes = sizeof (clip_spv_gemm_loop_wide_f16),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = 8,
  },
};

static void
record (ClipKernels *kernels, ClipGpuRecording *rec, gboolean half, const guint32 *constants,
        const struct GemmLlvmpipePush *push, guint32 x, guint32 y, guint32 z, guint64 cost_ns)
{
  const ClipGpuShader *shaders = kernels->wide_registers ? wide_shaders : narrow_shaders;
  const guint32 panels = kernels->wide_registers && y % 2 == 0 ? 2 : 1;
  /* the number of chunks is no constant here: one pipeline serves every multiple of CHUNK */
  const guint32 all[] = { 0, constants[0], 0, constants[2], constants[3], 0, constants[4], panels };

  clip_record (kernels, rec, &shaders[half ? CLIP_WEIGHTS_F16 : CLIP_WEIGHTS_F32], all,
               kernels->wide_registers ? 8 : 5, push, x, y / panels, z, cost_ns);
}

static guint32
max_chunks (ClipKernels *kernels)
{
  return G_MAXUINT16;
}

/* Long iterations are fast where this family is meant to run; elsewhere, in tests, they would only
 * be slow to compile. Powers of two keep pipelines few. */
static ClipChunks
chunks_of (ClipKernels *kernels, guint32 k, ClipActivation activation)
{
  const gboolean fast = (clip_gpu_info (kernels->gpu)->caps & CLIP_GPU_CAP_LLVMPIPE_LOOPS) != 0;
  const guint32 chunk = kernels->wide_registers ? WIDE_CHUNK
                        : fast                  ? MIN (k & -k, MAX_CHUNK)
                                                : KEY_CHUNK;

  return (ClipChunks){ chunk, k / chunk };
}

/* Short ones do for this small part of the work, and waste little. */
static ClipChunks
key_chunks_of (guint32 tokens)
{
  return (ClipChunks){ KEY_CHUNK, (tokens + KEY_CHUNK - 1) / KEY_CHUNK };
}

/* Fifty rows are 8 % faster than twice 25, unless more of them are computed for nothing. */
static guint32
tile_rows (ClipKernels *kernels, guint32 rows)
{
  const guint32 wide = clip_round_up (rows, WIDE_ROWS);
  const guint32 very_wide = clip_round_up (rows, VERY_WIDE_ROWS);

  if (!kernels->wide_registers)
    return GEMM_TILE_ROWS;
  if (rows <= FEW_ROWS)
    return FEW_ROWS;
  return very_wide * 25 <= wide * 27 ? VERY_WIDE_ROWS : WIDE_ROWS;
}

/* Byte offsets within a dispatch have 32 bits. */
static const ClipGemmKernel kernel = {
  .row_tiles = GEMM_MAX_ROWS,
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
  .packed_bytes = clip_llvmpipe_packed_bytes,
  .pack = clip_llvmpipe_pack,
  .gemm = clip_llvmpipe_gemm,
  .scratch_bytes = clip_llvmpipe_scratch_bytes,
  .qkv = clip_llvmpipe_qkv,
  .attention = clip_llvmpipe_attention,
  .data = &kernel,
};
