/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/gemm_coopmat.h"
#include "gst-clip/kernels/pieces.h"

#include "shaders/attention_coopmat.h"

/* Subgroups of a workgroup at most, and multiprocessors, for drivers that do not tell. */
#define MAX_WAVES  4
#define PROCESSORS 64

/* Of its multiply-adds, a product makes so many in the time. */
#define COST_MACS 4

static gsize
plane_bytes (const ClipAttention *shape)
{
  return (gsize)shape->batch * shape->tokens * shape->heads * shape->head_dim * sizeof (guint16);
}

gsize
clip_coopmat_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  const gsize more_rows = ATTENTION_COOPMAT_ROWS * MAX_WAVES;

  return 3 * plane_bytes (shape) + more_rows * shape->heads * shape->head_dim * sizeof (guint16);
}

/* As in the shader. */
static guint32
shared_bytes (ClipKernels *kernels, guint32 head_dim, guint32 waves)
{
  const guint32 keys = ATTENTION_COOPMAT_KEYS;
  const guint32 row = 4 * keys + 16 + 2 * keys + 16 + 4 * clip_coopmat_shape (kernels).n + 16;

  return keys * (2 * head_dim + 16) + ATTENTION_COOPMAT_ROWS * waves * row;
}

static gboolean
fits (ClipKernels *kernels, guint32 head_dim, guint32 waves)
{
  const ClipGpuInfo *info = clip_gpu_info (kernels->gpu);

  return waves * info->matrix_subgroup_size <= info->max_workgroup_invocations
         && shared_bytes (kernels, head_dim, waves) <= info->max_shared_bytes;
}

/* As many as there are queries for: they share what is loaded of keys and values. But fewer where
 * multiprocessors would have no workgroup at all: one picture has a dozen heads. */
guint32
clip_coopmat_choose_waves (ClipKernels *kernels, const ClipAttention *shape)
{
  const guint32 rows = ATTENTION_COOPMAT_ROWS, all = clip_divide_up (shape->tokens, rows);
  const guint32 told = clip_gpu_info (kernels->gpu)->processors;
  const guint64 enough = told ? told : PROCESSORS, parts = (guint64)shape->batch * shape->heads;
  guint32 waves = MAX_WAVES;

  while (waves > 1
         && (waves / 2 >= all || !fits (kernels, shape->head_dim, waves)
             || parts * clip_divide_up (all, waves) < enough))
    waves /= 2;
  return waves;
}

void
clip_coopmat_attention (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                        VkDeviceAddress scratch, const ClipMatrix *z)
{
  const ClipGpuInfo *info = clip_gpu_info (kernels->gpu);
  const ClipGpuMatrixShape mat = clip_coopmat_shape (kernels);
  const guint32 waves = clip_coopmat_choose_waves (kernels, shape),
                queries = waves * ATTENTION_COOPMAT_ROWS;
  const guint32 constants[] = {
    waves * info->matrix_subgroup_size, waves, shape->head_dim, mat.m, mat.n, mat.k
  };
  const struct AttentionCoopmatPush push = {
    .q = scratch,
    .k = scratch + plane_bytes (shape),
    .v = scratch + 2 * plane_bytes (shape),
    .z = z->address,
    .tokens = shape->tokens,
    .ld = shape->heads * shape->head_dim,
    .z_ld = z->ld,
    .causal = shape->causal,
  };
  const guint64 work =
      (guint64)shape->batch * shape->heads * shape->tokens * shape->tokens * shape->head_dim * 2;
  const guint64 cost = clip_cost (kernels, work / 2, work * COST_MACS, 3 * plane_bytes (shape));
  const ClipAttentionPieces pieces = clip_attention_pieces (kernels, shape, cost);

  g_assert (shape->head_dim % CLIP_HEAD_ALIGN == 0 && shape->head_dim <= 128);
  g_assert (shape->tokens > 0 && z->rows == shape->batch * shape->tokens);
  g_assert (z->type == CLIP_ELEMENT_F16 && z->ld >= shape->heads * shape->head_dim);

  for (guint32 s = 0; s < shape->batch; s += pieces.sequences)
    for (guint32 h = 0; h < shape->heads; h += pieces.heads) {
      const guint32 y = MIN (pieces.heads, shape->heads - h);
      const guint32 z_size = MIN (pieces.sequences, shape->batch - s);
      struct AttentionCoopmatPush piece = push;

      CLIP_ATTENTION_FROM (&piece, shape, s, h, sizeof (guint16));
      clip_record (kernels, rec, clip_coopmat (kernels)->attention, constants,
                   G_N_ELEMENTS (constants), &piece, clip_divide_up (shape->tokens, queries), y,
                   z_size, cost * y * z_size / (shape->heads * shape->batch));
    }
  clip_gpu_recording_barrier (rec);
}
