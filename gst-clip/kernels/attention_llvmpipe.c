/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attention for llvmpipe: two batched products of the GEMM kernels with a softmax of rows in
 * between, so that there is nothing new to compile but the softmax.
 *
 * The GEMM that makes q, k and v stores k and v as panels of weights: k for scores = q kT, where
 * keys are columns, v for z = p v, where keys are k. q and v are those of all sequences, k is one
 * after the other; behind the last, the scores of the one that is in the making:
 *
 *   q  [batch tokens][heads * head_dim]            rows: a of scores, head h from column h * head_dim
 *   v  [heads * head_dim / 16][batch depth][16]    panel: 16 features, all keys
 *   k  [keys / 16][heads * head_dim][16]           panel: 16 keys, all features of all heads
 *   s  [heads][tokens][32 blocks]                  scores, then in place probabilities: a of p v
 *
 * depth = chunks * chunk >= tokens: what p v multiplies. Columns of p from tokens on are 0; rows
 * of v from there on repeat the last token's, so that they are finite. Keys of k from tokens on are
 * whatever memory held, and make columns of s that the softmax does not look at.
 */
#include "gst-clip/kernels/gemm_llvmpipe.h"

#include "shaders/softmax.h"

#include "clip_spv_softmax.h"

/* As many uniform ids as softmax.comp has digits for. */
#define SOFTMAX_ROWS     256
#define SOFTMAX_MATRICES 16

static const ClipGpuShader softmax_shader = {
  .name = "softmax",
  .spirv = clip_spv_softmax,
  .spirv_bytes = sizeof (clip_spv_softmax),
  .push_bytes = sizeof (struct SoftmaxPush),
  .subgroup_size = 8,
};

#define MAX_SHORT_TEXT 32
#define HEAD_CHUNK     64
#define MAX_CHUNK      128

/*
 * A chunk is a pipeline, and texts have any number of tokens: a few classes keep them few. Short
 * texts share the pipeline of the scores of 64-wide heads, which every published model has. What
 * is longer is an image and always the same.
 */
ClipChunks
clip_llvmpipe_key_chunks (ClipKernels *kernels, guint32 tokens)
{
  static const guint32 classes[] = { 50, 80 };
  const guint32 chunks = clip_divide_up (tokens, MAX_CHUNK);

  if (tokens <= MAX_SHORT_TEXT)
    return (ClipChunks){ HEAD_CHUNK, 1 };
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (tokens <= classes[i])
      return (ClipChunks){ classes[i], 1 };
  return (ClipChunks){ clip_round_up (clip_divide_up (tokens, chunks), 4), chunks };
}

/* Layout, in floats. */
typedef struct {
  guint32 width;     /* heads * head_dim */
  guint32 blocks;    /* of 32 keys */
  ClipChunks chunks; /* of p v */
  guint32 depth;
  gsize v, k, keys, scores; /* where they begin; keys: from sequence to sequence of k */
} Layout;

static Layout
layout_of (ClipKernels *kernels, const ClipAttention *shape)
{
  const guint32 keys = clip_round_up (shape->tokens, GEMM_PANEL);
  Layout l = {
    .width = shape->heads * shape->head_dim,
    .chunks = clip_gemm_kernel (kernels)->key_chunks (kernels, shape->tokens),
  };

  l.depth = l.chunks.chunk * l.chunks.chunks;
  l.blocks = (MAX (MAX (keys, l.depth), 64) + 31) / 32;
  l.v = (gsize)shape->batch * shape->tokens * l.width;
  l.k = l.v + (gsize)shape->batch * l.depth * l.width;
  l.keys = (gsize)keys * l.width;
  l.scores = l.k + shape->batch * l.keys;
  return l;
}

gsize
clip_llvmpipe_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  const Layout l = layout_of (kernels, shape);
  const gsize scores = (gsize)shape->heads * shape->tokens * l.blocks * 32;

  return (l.scores + scores) * sizeof (float);
}

/* q, k and v are three products that differ in where and how they are stored. */
static void
record_plane (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op, guint32 plane,
              ClipPanelGemm *gemm)
{
  const guint32 k = clip_round_up (op->a.cols, CLIP_LD);
  const guint32 width = gemm->panels * GEMM_PANEL;

  gemm->w = op->weights + plane * clip_llvmpipe_packed_bytes (kernels, width, k);
  gemm->bias = op->bias ? op->bias + (gsize)plane * width * sizeof (float) : 0;
  gemm->batch = 1;
  gemm->k = clip_gemm_kernel (kernels)->chunks (kernels, k, CLIP_ACTIVATION_NONE, FALSE);
  gemm->a_ld = op->a.ld;
  gemm->w_panel = clip_llvmpipe_panel_steps (kernels, k);
  gemm->type = kernels->weights;
  clip_panel_gemm (kernels, rec, gemm);
}

/* v of all sequences: at once where their rows follow each other, else each with its padding. */
static void
record_v (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
          const ClipAttention *shape, const Layout *l, VkDeviceAddress scratch)
{
  const guint32 together = l->depth == shape->tokens ? shape->batch : 1;

  for (guint32 b = 0; b < shape->batch; b += together) {
    ClipPanelGemm v = {
      .a = op->a.address + (gsize)b * shape->tokens * op->a.ld * sizeof (float),
      .c = scratch + (l->v + (gsize)b * l->depth * GEMM_PANEL) * sizeof (float),
      .rows = together * l->depth,
      .panels = l->width / GEMM_PANEL,
      .a_rows = together * shape->tokens,
      .c_rows = together * l->depth,
      .c_row = GEMM_PANEL,
      .c_16_rows = 16 * GEMM_PANEL,
      .c_panel = shape->batch * l->depth * GEMM_PANEL,
    };

    record_plane (kernels, rec, op, 2, &v);
  }
}

void
clip_llvmpipe_qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
                   const ClipAttention *shape, VkDeviceAddress scratch)
{
  const Layout l = layout_of (kernels, shape);
  const guint32 tokens = shape->tokens, rows = shape->batch * tokens;
  ClipPanelGemm q = {
    .a = op->a.address,
    .c = scratch,
    .rows = rows,
    .panels = l.width / GEMM_PANEL,
    .a_rows = rows,
    .c_rows = rows,
    .c_row = l.width,
    .c_16_rows = l.width * 16,
    .c_panel = GEMM_PANEL,
  };

  record_plane (kernels, rec, op, 0, &q);
  for (guint32 b = 0; b < shape->batch; b++) {
    ClipPanelGemm k = q;

    k.a += (gsize)b * tokens * op->a.ld * sizeof (float);
    k.c += (l.k + b * l.keys) * sizeof (float);
    k.rows = k.a_rows = k.c_rows = tokens;
    k.c_panel = GEMM_PANEL * GEMM_PANEL;
    k.lanes_apart = TRUE;
    record_plane (kernels, rec, op, 1, &k);
  }
  record_v (kernels, rec, op, shape, &l, scratch);
  clip_gpu_recording_barrier (rec);
}

void
clip_llvmpipe_softmax (ClipKernels *kernels, ClipGpuRecording *rec, VkDeviceAddress scores,
                       guint32 blocks, guint32 matrices, guint32 rows, guint32 tokens,
                       gboolean causal)
{
  const gsize row_bytes = blocks * 32 * sizeof (float);

  for (guint32 m = 0; m < matrices; m += SOFTMAX_MATRICES)
    for (guint32 row = 0; row < rows; row += SOFTMAX_ROWS) {
      const VkDeviceAddress first = scores + ((gsize)m * rows + row) * row_bytes;
      const struct SoftmaxPush push = {
        .x = first,
        .y = first,
        .tokens = tokens,
        .rows = rows,
        .first_row = row,
        .causal = causal,
        .nibbles = CLIP_NIBBLES_INIT,
      };
      const guint32 x = MIN (SOFTMAX_ROWS, rows - row);
      const guint32 y = MIN (SOFTMAX_MATRICES, matrices - m);

      clip_record (kernels, rec, &softmax_shader, &blocks, 1, &push, x, y, 1,
                   (guint64)x * y * blocks * 64);
    }
  clip_gpu_recording_barrier (rec);
}

static void
record_scores (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
               const Layout *l, VkDeviceAddress q, VkDeviceAddress k, VkDeviceAddress scores)
{
  const guint32 ld = l->blocks * 32;

  clip_panel_gemm (kernels, rec,
                   &(ClipPanelGemm){
                       .a = q,
                       .w = k,
                       .c = scores,
                       .rows = shape->tokens,
                       .panels = clip_divide_up (shape->tokens, GEMM_PANEL),
                       .batch = shape->heads,
                       .k = clip_gemm_kernel (kernels)->chunks (kernels, shape->head_dim,
                                                                CLIP_ACTIVATION_NONE, FALSE),
                       .a_rows = shape->tokens,
                       .a_ld = l->width,
                       .w_panel = l->width,
                       .c_rows = shape->tokens,
                       .c_row = ld,
                       .c_16_rows = ld * 16,
                       .c_panel = GEMM_PANEL,
                       .a_step = shape->head_dim,
                       .w_step = shape->head_dim * GEMM_PANEL,
                       .c_step = shape->tokens * ld,
                   });
  clip_gpu_recording_barrier (rec);
}

static void
record_values (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
               const Layout *l, VkDeviceAddress v, VkDeviceAddress scores, VkDeviceAddress z,
               guint32 z_ld)
{
  const guint32 ld = l->blocks * 32;

  clip_panel_gemm (kernels, rec,
                   &(ClipPanelGemm){
                       .a = scores,
                       .w = v,
                       .c = z,
                       .rows = shape->tokens,
                       .panels = shape->head_dim / GEMM_PANEL,
                       .batch = shape->heads,
                       .k = l->chunks,
                       .a_rows = shape->tokens,
                       .a_ld = ld,
                       .w_panel = shape->batch * l->depth,
                       .c_rows = shape->tokens,
                       .c_row = z_ld,
                       .c_16_rows = z_ld * 16,
                       .c_panel = GEMM_PANEL,
                       .a_step = shape->tokens * ld,
                       .w_step = shape->head_dim * shape->batch * l->depth,
                       .c_step = shape->head_dim,
                   });
  clip_gpu_recording_barrier (rec);
}

void
clip_llvmpipe_attention (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                         VkDeviceAddress scratch, const ClipMatrix *z)
{
  const Layout l = layout_of (kernels, shape);
  const VkDeviceAddress scores = scratch + l.scores * sizeof (float);

  for (guint32 b = 0; b < shape->batch; b++) {
    const VkDeviceAddress q = scratch + (gsize)b * shape->tokens * l.width * sizeof (float);
    const VkDeviceAddress k = scratch + (l.k + b * l.keys) * sizeof (float);
    const VkDeviceAddress v = scratch + (l.v + (gsize)b * l.depth * GEMM_PANEL) * sizeof (float);

    record_scores (kernels, rec, shape, &l, q, k, scores);
    clip_llvmpipe_softmax (kernels, rec, scores, l.blocks, shape->heads, shape->tokens,
                           shape->tokens, shape->causal);
    record_values (kernels, rec, shape, &l, v, scores,
                   z->address + (gsize)b * shape->tokens * z->ld * sizeof (float), z->ld);
  }
}
