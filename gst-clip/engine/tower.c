/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/tower.h"

#include <string.h>

/* What the record_*() functions share. */
typedef struct {
  ClipKernels *kernels;
  ClipGpuRecording *rec;
  const ClipTowerWeights *tower;
  const ClipActivations *a;
  const ClipTowerRun *run;
  ClipAttention attention;
} Walk;

/* Rows that are only ever multiplied. */
static ClipMatrix
operand (const Walk *w, const ClipGpuBuffer *buffer, guint32 rows, guint32 cols)
{
  ClipMatrix m = clip_activation_matrix (buffer, rows, cols);

  m.type = clip_kernels_operands (w->kernels);
  return m;
}

/* Normalises rows of (rows, width); @known: the GEMM before left their statistics. */
static ClipNorm
norm (const Walk *w, VkDeviceAddress gamma, VkDeviceAddress beta, guint32 rows, gboolean known)
{
  const ClipTowerConfig *c = &w->tower->config;

  return (ClipNorm){
    .gamma = gamma,
    .beta = beta,
    .eps = c->eps,
    .stats = known && w->a->stats ? w->a->stats->address : 0,
    .scratch = operand (w, w->a->y, rows, c->width),
  };
}

static void
linear (const Walk *w, ClipMatrix a, const ClipNorm *a_norm, VkDeviceAddress weights,
        VkDeviceAddress bias, ClipMatrix c, ClipActivation activation)
{
  ClipGemm op = {
    .a = a, .norm = a_norm, .weights = weights, .bias = bias, .c = c, .activation = activation
  };

  clip_kernel_gemm (w->kernels, w->rec, &op);
}

/* c = a weights + bias + residual (nullable); what a norm of c needs to know goes to stats. */
static void
linear_residual (const Walk *w, ClipMatrix a, VkDeviceAddress weights, VkDeviceAddress bias,
                 ClipMatrix c, const ClipMatrix *residual)
{
  ClipGemm op = { .a = a,
                  .weights = weights,
                  .bias = bias,
                  .c = c,
                  .stats = w->a->stats ? w->a->stats->address : 0 };

  if (residual) {
    op.residual = residual->address;
    op.residual_ld = residual->ld;
    op.residual_period = MAX (residual->rows, 1);
  }
  clip_kernel_gemm (w->kernels, w->rec, &op);
}

/* Patch embedding and projection have kernels of their own. */
static Walk
at_an_end (const Walk *w)
{
  Walk end = *w;

  end.kernels = clip_kernels_ends (w->kernels);
  return end;
}

static void
keep_hidden (const Walk *w, guint index)
{
  gsize bytes =
      (gsize)w->run->batch * w->run->tokens * clip_stride (w->tower->config.width) * sizeof (float);

  if (w->run->hidden == NULL)
    return;
  clip_gpu_recording_copy (w->rec, w->a->x, 0, w->run->hidden, index * bytes, bytes);
  clip_gpu_recording_barrier (w->rec);
}

/* x -> z: attention over all tokens, before the output projection. */
static void
record_attention (const Walk *w, guint32 layer, guint32 rows)
{
  const ClipLayerWeights *l = &w->tower->layers[layer];
  const guint32 width = w->tower->attention_width;
  const ClipNorm ln1 = norm (w, l->ln1_gamma, l->ln1_beta, rows, layer > 0);
  ClipMatrix z = operand (w, w->a->z, rows, width);
  ClipGemm qkv = { .a = clip_activation_matrix (w->a->x, rows, w->tower->config.width),
                   .norm = &ln1,
                   .weights = l->qkv_weights,
                   .bias = l->qkv_bias };

  qkv.c.rows = rows;
  qkv.c.cols = 3 * width;
  clip_kernel_qkv (w->kernels, w->rec, &qkv, &w->attention, w->a->scratch->address);
  clip_kernel_attention (w->kernels, w->rec, &w->attention, w->a->scratch->address, &z);
}

/* x + out (z) -> x2; x2 + mlp (x2) -> x. */
static void
record_mlp (const Walk *w, const ClipLayerWeights *l, ClipMatrix z, ClipMatrix x, ClipMatrix x2)
{
  const ClipTowerConfig *c = &w->tower->config;
  const ClipNorm ln2 = norm (w, l->ln2_gamma, l->ln2_beta, x.rows, TRUE);
  ClipMatrix h = operand (w, w->a->h, x.rows, c->mlp);

  linear_residual (w, z, l->out_weights, l->out_bias, x2, &x);
  linear (w, x2, &ln2, l->fc1_weights, l->fc1_bias, h, c->activation);
  linear_residual (w, h, l->fc2_weights, l->fc2_bias, x, &x2);
}

/* Rows of the pooled tokens of @from to the first rows of @to. */
static void
pick_rows (const Walk *w, const ClipGpuBuffer *from, const ClipGpuBuffer *to, ClipMatrix rows)
{
  const gsize bytes = rows.ld * clip_element_bytes (rows.type);
  g_autofree ClipGpuRegion *regions = g_new (ClipGpuRegion, w->run->batch);

  for (guint32 b = 0; b < w->run->batch; b++)
    regions[b] = (ClipGpuRegion){ w->run->pool_rows[b] * bytes, b * bytes, bytes };
  clip_gpu_recording_copy_regions (w->rec, from, to, regions, w->run->batch);
}

/*
 * Last layer: only the pooled token of each sequence leaves the tower, so its rows are picked
 * before the output projection: of the residual stream into x2, of z into h (which the MLP
 * overwrites only after z was read). The roles of x and x2 are then swapped.
 */
static ClipMatrix
record_last_layer (const Walk *w, guint32 layer, guint32 rows)
{
  guint32 batch = w->run->batch, width = w->tower->config.width;
  ClipMatrix picked_x = clip_activation_matrix (w->a->x2, batch, width);
  ClipMatrix picked_z = operand (w, w->a->h, batch, w->tower->attention_width);

  record_attention (w, layer, rows);
  pick_rows (w, w->a->x, w->a->x2, picked_x);
  pick_rows (w, w->a->z, w->a->h, picked_z);
  clip_gpu_recording_barrier (w->rec);
  record_mlp (w, &w->tower->layers[layer], picked_z, picked_x,
              clip_activation_matrix (w->a->x, batch, width));
  return picked_x;
}

/*
 * Attention pool: every row of z is the same, the answer to the probe. out (z) -> x2; x2 + mlp (x2) -> x,
 * or where no projection follows to the embeddings.
 */
static void
record_pool (const Walk *w, guint32 rows)
{
  const ClipTowerWeights *t = w->tower;
  const ClipTowerConfig *c = &t->config;
  const ClipLayerWeights *l = &t->layers[c->layers];
  const Walk ends = at_an_end (w);
  const guint32 batch = w->run->batch;
  ClipMatrix z = operand (w, w->a->h, batch, t->attention_width);
  ClipMatrix h = operand (w, w->a->h, batch, c->mlp);
  ClipMatrix x = clip_activation_matrix (w->a->x, batch, c->width),
             x2 = clip_activation_matrix (w->a->x2, batch, c->width);
  ClipNorm ln2 = norm (w, l->ln2_gamma, l->ln2_beta, batch, TRUE);

  record_attention (w, c->layers, rows);
  pick_rows (w, w->a->z, w->a->h, z);
  clip_gpu_recording_barrier (w->rec);
  linear_residual (w, z, l->out_weights, l->out_bias, x2, NULL);
  linear (w, x2, &ln2, l->fc1_weights, l->fc1_bias, h, c->activation);
  linear_residual (w, h, l->fc2_weights, l->fc2_bias, t->projection_weights ? x : w->run->embeds,
                   &x2);
  if (t->projection_weights)
    linear (&ends, x, NULL, t->projection_weights, t->projection_bias, w->run->embeds,
            CLIP_ACTIVATION_NONE);
}

/* Every layer for every token, for the tests that look at the hidden states. */
static ClipMatrix
record_layer_uncut (const Walk *w, guint32 layer, guint32 rows)
{
  guint32 width = w->tower->config.width;
  ClipMatrix x = clip_activation_matrix (w->a->x, rows, width);

  record_attention (w, layer, rows);
  record_mlp (w, &w->tower->layers[layer], operand (w, w->a->z, rows, w->tower->attention_width), x,
              clip_activation_matrix (w->a->x2, rows, width));
  return x;
}

/* Class tokens, which have no position here, and what the stem makes of the pixels. */
static void
record_stem (const Walk *w, ClipMatrix x)
{
  const ClipTowerWeights *t = w->tower;
  const ClipConvStemRun run = { w->run->batch, w->run->patches,          w->a->stem, x,
                                t->positions,  clip_ld (t->config.width) };
  const gsize picture = (gsize)t->tokens * x.ld * sizeof (float);
  g_autofree ClipGpuRegion *regions = g_new (ClipGpuRegion, w->run->batch);

  for (guint32 b = 0; b < w->run->batch; b++)
    regions[b] = (ClipGpuRegion){ t->positions - t->buffer->address, b * picture,
                                  t->config.width * sizeof (float) };
  clip_gpu_recording_copy_regions (w->rec, t->buffer, w->a->x, regions, w->run->batch);
  clip_conv_stem_record (w->kernels, w->rec, t->stem, &run);
}

/* -> x: token rows with positions. */
static void
record_embeddings (const Walk *w, guint32 rows)
{
  const ClipTowerWeights *t = w->tower;
  const Walk ends = at_an_end (w);
  guint32 width = t->config.width;
  ClipMatrix x = clip_activation_matrix (w->a->x, rows, width),
             x2 = clip_activation_matrix (w->a->x2, rows, width);
  ClipMatrix table = { t->positions, t->tokens, width, clip_ld (width) };

  if (!t->vision) {
    clip_gpu_recording_copy (w->rec, w->run->text_input, 0, w->a->x, 0,
                             (gsize)rows * x.ld * sizeof (float));
    clip_gpu_recording_barrier (w->rec);
    return;
  }
  if (t->stem) {
    record_stem (w, x);
    return;
  }
  linear_residual (&ends, w->run->patches, t->patch_weights, 0, t->pre_gamma ? x2 : x, &table);
  if (t->pre_gamma)
    clip_kernel_layernorm (w->kernels, w->rec, &x2, t->pre_gamma, t->pre_beta, t->config.eps, &x);
}

/* Final norm and projection of the pooled rows. */
static void
record_head (const Walk *w, ClipMatrix pooled)
{
  const ClipTowerWeights *t = w->tower;
  const Walk ends = at_an_end (w);
  const ClipNorm post = norm (w, t->post_gamma, t->post_beta, pooled.rows, !w->run->hidden);

  if (t->projection_weights)
    linear (&ends, pooled, &post, t->projection_weights, t->projection_bias, w->run->embeds,
            CLIP_ACTIVATION_NONE);
  else
    clip_kernel_layernorm (w->kernels, w->rec, &pooled, t->post_gamma, t->post_beta, t->config.eps,
                           &w->run->embeds);
}

void
clip_tower_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipTowerWeights *tower,
                   const ClipActivations *a, const ClipTowerRun *run)
{
  if (tower->kind) {
    const ClipImageRun images = { run->batch, run->patches, run->embeds };

    tower->kind->record (kernels, rec, tower->own, a->own, &images);
    return;
  }

  guint32 rows = run->batch * run->tokens, n = tower->config.layers;
  Walk w = {
    kernels, rec, tower,
    a,       run, { run->batch, run->tokens, tower->config.heads, tower->head_dim, tower->causal }
  };
  const gboolean map = tower->config.pool == CLIP_POOL_MAP;
  ClipMatrix pooled = { 0 };

  record_embeddings (&w, rows);
  keep_hidden (&w, 0);
  for (guint i = 0; i < n; i++) {
    if (i + 1 < n || run->hidden || map)
      record_layer_uncut (&w, i, rows);
    else
      pooled = record_last_layer (&w, i, rows);
    keep_hidden (&w, i + 1);
  }
  if (map) {
    record_pool (&w, rows);
    return;
  }
  if (run->hidden) {
    pooled = clip_activation_matrix (a->x2, run->batch, tower->config.width);
    pick_rows (&w, a->x, a->x2, pooled);
    clip_gpu_recording_barrier (rec);
  }
  record_head (&w, pooled);
}

/* Input ------------------------------------------------------------------ */

ClipGpuBuffer *
clip_tower_input_new (ClipKernels *kernels, const ClipTowerWeights *t, guint32 batch,
                      ClipMatrix *rows, GError **error)
{
  ClipGpu *gpu = clip_kernels_gpu (kernels);
  const guint32 n = batch * (t->stem ? t->stem->side * t->stem->side : t->tokens);
  const guint32 k = t->stem ? 3 * CLIP_CONV_STEM_PATCH * CLIP_CONV_STEM_PATCH : t->patch_k;
  ClipGpuBuffer *buffer = NULL;

  if (t->kind)
    return t->kind->input_new (kernels, t->own, batch, rows, error);
  buffer =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, clip_matrix_bytes (n, k), "patches", error);
  if (buffer)
    *rows = clip_activation_matrix (buffer, n, k);
  return buffer;
}

/* Activations ----------------------------------------------------------- */

typedef struct {
  guint32 rows, width, attention_width, mlp;
  gsize scratch, stats;
} Need;

static Need
tower_need (ClipKernels *kernels, const ClipTowerWeights *t, guint32 batch, guint32 tokens)
{
  ClipAttention shape = { batch, tokens, t->config.heads, t->head_dim, t->causal };
  Need need = { batch * tokens,
                t->config.width,
                t->attention_width,
                MAX (t->config.mlp, t->attention_width),
                clip_attention_scratch_bytes (kernels, &shape),
                clip_gemm_stats_bytes (kernels, batch * tokens, t->config.width) };

  return need;
}

/* The larger of what the two towers need. */
static gboolean
make (ClipKernels *kernels, ClipGpuBuffer **buffer, gsize a, gsize b, const gchar *name,
      GError **error)
{
  return clip_activation_make (kernels, buffer, MAX (a, b), name, error);
}

static gboolean
make_stem (ClipKernels *kernels, ClipActivations *a, const ClipConvStem *stem, guint32 batch,
           GError **error)
{
  gsize bytes[G_N_ELEMENTS (a->stem)];

  if (stem == NULL)
    return TRUE;
  clip_conv_stem_scratch (kernels, stem, batch, bytes);
  for (guint i = 0; i < G_N_ELEMENTS (bytes); i++)
    if (!make (kernels, &a->stem[i], bytes[i], 0, "stem", error))
      return FALSE;
  return TRUE;
}

ClipActivations *
clip_activations_new (ClipKernels *kernels, const ClipTowerWeights *vision, guint32 vision_batch,
                      ClipKernels *text_kernels, const ClipTowerWeights *text,
                      const ClipTextShape *shapes, guint n_shapes, GError **error)
{
  g_autoptr (ClipActivations) a = g_new0 (ClipActivations, 1);
  Need v = { 0 }, t = { 0 };
  gsize width_v = 0, width_t = 0;

  a->pictures = vision_batch;
  if (vision->kind) {
    a->kind = vision->kind;
    a->own = vision->kind->activations_new (kernels, vision->own, vision_batch, error);
    if (a->own == NULL)
      return NULL;
  } else {
    v = tower_need (kernels, vision, vision_batch, vision->tokens);
  }
  width_v = clip_matrix_bytes (v.rows, v.width);
  for (guint i = 0; i < n_shapes; i++) {
    Need n = tower_need (text_kernels, text, shapes[i].batch, shapes[i].tokens);
    gsize scratch = MAX (t.scratch, n.scratch), stats = MAX (t.stats, n.stats);
    guint32 rows = MAX (t.rows, n.rows);

    t = n;
    t.scratch = scratch;
    t.stats = stats;
    t.rows = rows;
  }
  width_t = clip_matrix_bytes (t.rows, t.width);
  if (!make (kernels, &a->x, width_v, width_t, "activations x", error)
      || !make (kernels, &a->x2, width_v, width_t, "activations x2", error)
      || !make (kernels, &a->y, width_v, width_t, "activations y", error)
      || !make (kernels, &a->z, clip_matrix_bytes (v.rows, v.attention_width),
                clip_matrix_bytes (t.rows, t.attention_width), "activations z", error)
      || !make (kernels, &a->h, clip_matrix_bytes (v.rows, v.mlp),
                clip_matrix_bytes (t.rows, t.mlp), "activations h", error)
      || !make (kernels, &a->scratch, v.scratch, t.scratch, "attention", error)
      || (MAX (v.stats, t.stats) > 0
          && !make (kernels, &a->stats, v.stats, t.stats, "activations statistics", error))
      || !make_stem (kernels, a, vision->stem, vision_batch, error))
    return NULL;
  return g_steal_pointer (&a);
}

#define N_SIZES 10

/* In the order of ClipActivations. */
static void
vision_sizes (ClipKernels *kernels, const ClipTowerWeights *vision, guint32 batch,
              gsize sizes[N_SIZES])
{
  const Need v = tower_need (kernels, vision, batch, vision->tokens);
  const gsize width = clip_matrix_bytes (v.rows, v.width);
  const gsize all[] = { width,
                        width,
                        width,
                        clip_matrix_bytes (v.rows, v.attention_width),
                        clip_matrix_bytes (v.rows, v.mlp),
                        v.scratch,
                        v.stats };

  memset (sizes, 0, N_SIZES * sizeof *sizes);
  memcpy (sizes, all, sizeof all);
  if (vision->stem)
    clip_conv_stem_scratch (kernels, vision->stem, batch, sizes + G_N_ELEMENTS (all));
}

gsize
clip_activations_bytes (ClipKernels *kernels, const ClipTowerWeights *vision, guint32 vision_batch)
{
  gsize sizes[N_SIZES], sum = 0;

  if (vision->kind)
    return vision->kind->activations_bytes (kernels, vision->own, vision_batch);
  vision_sizes (kernels, vision, vision_batch, sizes);
  for (guint i = 0; i < N_SIZES; i++)
    sum += sizes[i];
  return sum;
}

gboolean
clip_activations_hold (const ClipActivations *a, ClipKernels *kernels,
                       const ClipTowerWeights *vision, guint32 vision_batch)
{
  const ClipGpuBuffer *all[N_SIZES] = { a->x,       a->x2,    a->y,       a->z,       a->h,
                                        a->scratch, a->stats, a->stem[0], a->stem[1], a->stem[2] };
  gsize sizes[N_SIZES];

  if (vision->kind || vision_batch <= a->pictures)
    return vision_batch <= a->pictures;
  vision_sizes (kernels, vision, vision_batch, sizes);
  for (guint i = 0; i < N_SIZES; i++)
    if (sizes[i] > (all[i] ? all[i]->size : 0))
      return FALSE;
  return TRUE;
}

void
clip_activations_clear (const ClipActivations *a, ClipGpuRecording *rec)
{
  const ClipGpuBuffer *all[] = { a->x,       a->x2,    a->y,       a->z,       a->h,
                                 a->scratch, a->stats, a->stem[0], a->stem[1], a->stem[2] };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    clip_activation_clear (rec, all[i]);
  if (a->own)
    a->kind->activations_clear (a->own, rec);
  clip_gpu_recording_barrier (rec);
}

void
clip_activations_free (ClipActivations *a)
{
  if (a == NULL)
    return;
  clip_gpu_buffer_free (a->x);
  clip_gpu_buffer_free (a->x2);
  clip_gpu_buffer_free (a->y);
  clip_gpu_buffer_free (a->z);
  clip_gpu_buffer_free (a->h);
  clip_gpu_buffer_free (a->scratch);
  clip_gpu_buffer_free (a->stats);
  for (guint i = 0; i < G_N_ELEMENTS (a->stem); i++)
    clip_gpu_buffer_free (a->stem[i]);
  if (a->own)
    a->kind->activations_free (a->own);
  g_free (a);
}
