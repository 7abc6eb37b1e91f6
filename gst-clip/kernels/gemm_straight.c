/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The family for llvmpipe before Mesa 26: code without loops (gemm_straight.comp).
 */
#include "gst-clip/kernels/gemm_llvmpipe.h"

#include "clip_spv_gemm_straight_f16.h"
#include "clip_spv_gemm_straight_f32.h"
#include "clip_spv_gemm_straight_i8.h"

#define LANES 8
/* Fewer steps leave more partial sums to add up, more outgrow the instruction cache. */
#define MAX_CHUNK 128
/* Up to here what a workgroup costs counts more than how much of it stays in the cache. */
#define FEW_CHUNKS 6

static const ClipGpuShader shaders[] = {
  [CLIP_WEIGHTS_F32] = {
    .name = "gemm_straight_f32",
    .spirv = clip_spv_gemm_straight_f32,
    .spirv_bytes = sizeof (clip_spv_gemm_straight_f32),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = LANES,
  },
  [CLIP_WEIGHTS_F16] = {
    .name = "gemm_straight_f16",
    .spirv = clip_spv_gemm_straight_f16,
    .spirv_bytes = sizeof (clip_spv_gemm_straight_f16),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = LANES,
  },
  [CLIP_WEIGHTS_I8] = {
    .name = "gemm_straight_i8",
    .spirv = clip_spv_gemm_straight_i8,
    .spirv_bytes = sizeof (clip_spv_gemm_straight_i8),
    .push_bytes = sizeof (struct GemmLlvmpipePush),
    .subgroup_size = LANES,
  },
};

/* Subgroups of a workgroup, each with the sums of a tile in shared memory. */
static guint32
max_chunks (ClipKernels *kernels)
{
  const ClipGpuInfo *info = clip_gpu_info (kernels->gpu);
  const guint32 tile_bytes = GEMM_TILE_ROWS * GEMM_PANEL * sizeof (float);

  return MIN (info->max_workgroup_invocations / LANES, info->max_shared_bytes / tile_bytes);
}

/*
 * Of pictures: a workgroup costs as much as two subgroups compute, a panel beyond the last is computed in vain,
 * and more than 32 subgroups gain nothing.
 */
static guint32
choose_few_chunks (guint32 chunks, guint32 panels)
{
  guint32 best = 2, least = G_MAXUINT32;

  for (guint32 n = 2; n <= 16 && n * chunks <= 32; n *= 2) {
    const guint32 groups = clip_divide_up (panels, n), cost = groups * (n * chunks + 2);

    best = cost < least ? n : best;
    least = MIN (cost, least);
  }
  return best;
}

/*
 * Two tiles that share rows of a while these are in the cache gain 4 to 7 %, more gain nothing where there are
 * many chunks. Of a single chunk, which is attention's, four: a workgroup costs more than it computes.
 */
static guint32
choose_panels (ClipKernels *kernels, guint32 chunks, guint32 panels, gboolean pictures)
{
  const guint32 wanted = pictures && chunks <= FEW_CHUNKS ? choose_few_chunks (chunks, panels)
                         : chunks == 1                    ? 4
                                                          : 2;

  return chunks * wanted <= max_chunks (kernels) ? wanted : 1;
}

/* A model's width up to which compiling matters more than running: pipelines are few and short. */
#define NARROW       512
#define NARROW_CHUNK 64
#define SLICE_CHUNKS 4

/* Wide products have a pipeline for each kind of epilogue. */
static guint32
activates (guint32 k, ClipActivation activation, gboolean plain)
{
  if (activation == CLIP_ACTIVATION_GELU)
    return GEMM_ACTIVATES_GELU;
  return activation == CLIP_ACTIVATION_NONE && (plain || k > NARROW) ? GEMM_ACTIVATES_NEVER
                                                                     : GEMM_ACTIVATES_SIGMOID;
}

/* Whether all that such a pipeline makes has neighbouring columns, see PAIRS. The keys of attention
 * have not; they share the pipeline without activations, in narrow models the only one. */
static gboolean
pairs (guint32 k, ClipActivation activation, gboolean plain)
{
  return plain || activation == CLIP_ACTIVATION_GELU
         || (k > NARROW && activation != CLIP_ACTIVATION_NONE);
}

static void
record (ClipKernels *kernels, ClipGpuRecording *rec, ClipWeightType weights,
        const guint32 *constants, const struct GemmLlvmpipePush *push, guint32 x, guint32 y,
        guint32 z, guint64 cost_ns)
{
  const guint32 chunks = constants[1],
                panels = choose_panels (kernels, chunks, y, constants[5] && !constants[7]);
  const guint32 k = constants[0] * chunks;
  const gboolean plain = constants[3] || constants[5];
  const guint32 all[] = { LANES * chunks * panels,
                          constants[0],
                          chunks,
                          activates (k, constants[2], plain),
                          constants[3],
                          panels,
                          constants[4],
                          pairs (k, constants[2], plain),
                          constants[5],
                          constants[6] };
  struct GemmLlvmpipePush own = *push;

  own.c_step = (push->c_step & G_MAXUINT16) | (y - 1) << 16;
  clip_record (kernels, rec, &shaders[weights], all, G_N_ELEMENTS (all), &own, x,
               clip_divide_up (y, panels), z, cost_ns);
}

/*
 * In the fewest chunks; with GELU two at least, but of pictures, which have so many rows that a workgroup for
 * itself matters more. Narrow models have little to compute and are compiled all the same: half
 * the chunk is half the wait for 12 % of the speed.
 */
static ClipChunks
chunks_of (ClipKernels *kernels, guint32 k, ClipActivation activation, gboolean plain)
{
  const guint32 max = k <= NARROW && !plain ? NARROW_CHUNK : MAX_CHUNK;
  guint32 chunk = MIN (activation == CLIP_ACTIVATION_GELU && !plain ? k / 2 : k, max);

  while (k % chunk || chunk % 4)
    chunk--;
  return (ClipChunks){ chunk, k / chunk };
}

/* Two pipelines for any K: their chunks compile in half a second each. */
static ClipChunks
slice (ClipKernels *kernels, guint32 k)
{
  return (ClipChunks){ NARROW_CHUNK, k >= SLICE_CHUNKS * NARROW_CHUNK ? SLICE_CHUNKS : 1 };
}

static guint32
tile_rows (ClipKernels *kernels, guint32 rows)
{
  return GEMM_TILE_ROWS;
}

/* The largest ids that the shader's table can spell. */
static const ClipGemmKernel kernel = {
  .row_tiles = 16,
  .plain_row_tiles = 256,
  .panels = 256,
  .batch = 16,
  .max_chunks = max_chunks,
  .chunks = chunks_of,
  .key_chunks = clip_llvmpipe_key_chunks,
  .slice = slice,
  .tile_rows = tile_rows,
  .record = record,
};

const ClipFamily clip_family_straight = {
  .name = "straight",
  .needs = CLIP_GPU_CAP_LLVMPIPE,
  .int8 = TRUE,
  .packed_bytes = clip_llvmpipe_packed_bytes,
  .pack = clip_llvmpipe_pack,
  .gemm = clip_llvmpipe_gemm,
  .batch_rows = clip_llvmpipe_batch_rows,
  .takes_lines = clip_llvmpipe_takes_lines,
  .scratch_bytes = clip_llvmpipe_scratch_bytes,
  .qkv = clip_llvmpipe_qkv,
  .attention = clip_llvmpipe_attention,
  .pool_bytes = clip_llvmpipe_pool_bytes,
  .pool_tokens = clip_llvmpipe_pool_tokens,
  .pool = clip_llvmpipe_pool,
  .data = &kernel,
};
