/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attention pool for llvmpipe: products of the GEMM kernels and the softmax of attention's.
 *
 * With one query a picture the weights of keys and values can meet the query's side instead of all tokens,
 * which are then keys and values as they are, the same for all heads; heads are the rows of two products:
 *
 *   u  [heads][pictures][ld]                  u[h,b] = keys_h q[b,h]: a batch over heads
 *   s  [pictures][heads][32 blocks]           s[b] = u[:,b] x[b]T, then in place probabilities
 *   y  as u, in its place                     y[:,b] = s[b] x[b]
 *   z                                         z[b,h] = values_h y[h,b]: a batch over heads
 *
 * Tokens lie there twice, as weights of either product (see attention_llvmpipe.c):
 *
 *   k  [pictures][tokens / 16][dim][16]       panel: 16 tokens, all features
 *   v  [pictures][dim / 16][depth][16]        panel: 16 features, all tokens
 *
 * Tokens of a last panel beyond the last, and those up to depth, are what the memory held first: zero.
 */
#include "gst-clip/kernels/gemm_llvmpipe.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/pool_tokens.h"

#include "clip_spv_pool_tokens.h"

#define LANES   64
#define COST_NS 10 /* for four columns of a token */

/* Rows of u and y lie at most so many pictures apart, or else steps would not fit. */
#define TOGETHER 8

static const ClipGpuShader tokens_shader = {
  .name = "pool_tokens",
  .spirv = clip_spv_pool_tokens,
  .spirv_bytes = sizeof (clip_spv_pool_tokens),
  .push_bytes = sizeof (struct PoolTokensPush),
};

/* In floats; keys, values, scores: from picture to picture. */
typedef struct {
  guint32 dim, ld, panels, depth, blocks, together;
  ClipChunks chunks; /* of depth */
  gsize keys, values, scores;
  gsize v, s, u, all; /* where they begin */
} Layout;

static VkDeviceAddress
at (VkDeviceAddress scratch, gsize floats)
{
  return scratch + floats * sizeof (float);
}

static ClipChunks
chunks_of (ClipKernels *kernels, guint32 k)
{
  return clip_gemm_kernel (kernels)->chunks (kernels, k, CLIP_ACTIVATION_NONE, TRUE);
}

static Layout
layout_of (ClipKernels *kernels, const ClipAttention *shape)
{
  Layout l = {
    .dim = shape->heads * shape->head_dim,
    .panels = clip_divide_up (shape->tokens, GEMM_PANEL),
    .together = MIN (shape->batch, TOGETHER),
    .chunks = clip_gemm_kernel (kernels)->key_chunks (kernels, shape->tokens),
  };

  l.depth = l.chunks.chunk * l.chunks.chunks;
  l.ld = clip_stride (l.dim);
  l.blocks = clip_divide_up (MAX (l.panels * GEMM_PANEL, l.depth), 32);
  l.keys = (gsize)l.panels * GEMM_PANEL * l.dim;
  l.values = (gsize)l.depth * l.dim;
  l.scores = (gsize)shape->heads * l.blocks * 32;
  l.v = shape->batch * l.keys;
  l.s = l.v + shape->batch * l.values;
  l.u = l.s + shape->batch * l.scores;
  l.all = l.u + (gsize)shape->heads * l.together * l.ld;
  return l;
}

gsize
clip_llvmpipe_pool_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  const ClipChunks head = chunks_of (kernels, shape->head_dim);

  /* columns of the next head, or behind the last, are not to be read */
  if (shape->head_dim % GEMM_PANEL || head.chunk * head.chunks > shape->head_dim)
    return 0;
  return layout_of (kernels, shape).all * sizeof (float);
}

void
clip_llvmpipe_pool_tokens (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                           const ClipPictures *x, VkDeviceAddress positions,
                           VkDeviceAddress scratch, const ClipMatrix *mean)
{
  const Layout l = layout_of (kernels, shape);
  const struct PoolTokensPush push = {
    .x = x->pixels.address,
    .positions = positions,
    .mean = mean->address,
    .keys = scratch,
    .values = at (scratch, l.v),
    .rows = shape->tokens - 1,
    .cols = l.dim,
    .x_ld = x->pixels.ld,
    .mean_ld = mean->ld,
    .positions_ld = clip_ld (l.dim),
    .depth = l.depth,
  };

  clip_record (kernels, rec, &tokens_shader, NULL, 0, &push, clip_divide_up (l.dim / 4, LANES),
               shape->tokens, shape->batch,
               (guint64)shape->batch * shape->tokens * 2 * l.dim / 4 * COST_NS);
  clip_gpu_recording_barrier (rec);
}

/* A batch over heads, with packed weights of @n rows of @k for each: rows of a and of c are pictures. */
static ClipPanelGemm
of_heads (ClipKernels *kernels, const ClipAttention *shape, guint32 pictures, VkDeviceAddress w,
          guint32 n, guint32 k)
{
  return (ClipPanelGemm){
    .w = w,
    .rows = pictures,
    .panels = n / GEMM_PANEL,
    .batch = shape->heads,
    .k = chunks_of (kernels, k),
    .a_rows = pictures,
    .w_panel = clip_llvmpipe_panel_steps (kernels, k),
    .c_rows = pictures,
    .c_panel = GEMM_PANEL,
    .w_step = n * clip_llvmpipe_panel_steps (kernels, k),
    .type = kernels->weights,
    .plain = TRUE,
  };
}

static void
record_u (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape, const Layout *l,
          VkDeviceAddress q, guint32 q_ld, VkDeviceAddress keys, VkDeviceAddress u, guint32 n)
{
  ClipPanelGemm op = of_heads (kernels, shape, n, keys, l->dim, shape->head_dim);

  op.a = q;
  op.a_ld = q_ld;
  op.a_step = shape->head_dim;
  op.c = u;
  op.c_row = l->ld;
  op.c_16_rows = l->ld * 16;
  op.c_step = n * l->ld;
  clip_panel_gemm (kernels, rec, &op);
  clip_gpu_recording_barrier (rec);
}

static void
record_z (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape, const Layout *l,
          VkDeviceAddress y, VkDeviceAddress values, VkDeviceAddress z, guint32 z_ld, guint32 n)
{
  ClipPanelGemm op = of_heads (kernels, shape, n, values, shape->head_dim, l->dim);

  op.a = y;
  op.a_ld = l->ld;
  op.a_step = n * l->ld;
  op.c = z;
  op.c_row = z_ld;
  op.c_16_rows = z_ld * 16;
  op.c_step = shape->head_dim;
  clip_panel_gemm (kernels, rec, &op);
  clip_gpu_recording_barrier (rec);
}

/* A product whose rows are heads and whose weights are tokens. */
static void
record_tokens_product (ClipKernels *kernels, ClipGpuRecording *rec, guint32 heads,
                       VkDeviceAddress a, guint32 a_ld, VkDeviceAddress w, guint32 w_panel,
                       ClipChunks k, VkDeviceAddress c, guint32 c_ld, guint32 panels)
{
  clip_panel_gemm (kernels, rec,
                   &(ClipPanelGemm){
                       .a = a,
                       .w = w,
                       .c = c,
                       .rows = heads,
                       .panels = panels,
                       .batch = 1,
                       .k = k,
                       .a_rows = heads,
                       .a_ld = a_ld,
                       .w_panel = w_panel,
                       .c_rows = heads,
                       .c_row = c_ld,
                       .c_16_rows = c_ld * 16,
                       .c_panel = GEMM_PANEL,
                       .type = CLIP_WEIGHTS_F32,
                       .plain = TRUE,
                   });
}

/* u -> y in its place, for pictures @first .. @first + @n - 1. */
static void
record_middle (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
               const Layout *l, VkDeviceAddress scratch, guint32 first, guint32 n)
{
  const guint32 s_ld = l->blocks * 32, u_ld = n * l->ld;
  const VkDeviceAddress s = at (scratch, l->s + first * l->scores);

  for (guint32 i = 0; i < n; i++)
    record_tokens_product (kernels, rec, shape->heads, at (scratch, l->u + (gsize)i * l->ld), u_ld,
                           at (scratch, (first + i) * l->keys), l->dim, chunks_of (kernels, l->dim),
                           at (s, i * l->scores), s_ld, l->panels);
  clip_gpu_recording_barrier (rec);
  clip_llvmpipe_softmax (kernels, rec, s, l->blocks, n, shape->heads, shape->tokens, FALSE);
  for (guint32 i = 0; i < n; i++)
    record_tokens_product (kernels, rec, shape->heads, at (s, i * l->scores), s_ld,
                           at (scratch, l->v + (first + i) * l->values), l->depth, l->chunks,
                           at (scratch, l->u + (gsize)i * l->ld), u_ld, l->dim / GEMM_PANEL);
  clip_gpu_recording_barrier (rec);
}

void
clip_llvmpipe_pool (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                    const ClipMatrix *q, VkDeviceAddress keys, VkDeviceAddress values,
                    VkDeviceAddress scratch, const ClipMatrix *z)
{
  const Layout l = layout_of (kernels, shape);
  const VkDeviceAddress u = at (scratch, l.u);

  for (guint32 b = 0; b < shape->batch; b += l.together) {
    const guint32 n = MIN (l.together, shape->batch - b);

    record_u (kernels, rec, shape, &l, at (q->address, (gsize)b * q->ld), q->ld, keys, u, n);
    record_middle (kernels, rec, shape, &l, scratch, b, n);
    record_z (kernels, rec, shape, &l, u, values, at (z->address, (gsize)b * z->ld), z->ld, n);
  }
}
