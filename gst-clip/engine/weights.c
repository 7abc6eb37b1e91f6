/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/weights.h"

#include "gst-clip/engine/convnet.h"

#include <math.h>
#include <string.h>

/* Loader: one tower's tensors on their way to the device. ------------------- */

typedef struct {
  ClipKernels *kernels;
  const ClipModel *model;
  const gchar *prefix; /* "vision_model" or "text_model" */
  ClipTowerWeights *tower;
  ClipPacker packer; /* of what is being loaded: a layer, or the ends */
} Loader;

static gsize
layer_bytes (ClipKernels *kernels, const ClipTowerWeights *t)
{
  const ClipTowerConfig *c = &t->config;

  return 6 * clip_packer_vector_bytes (c->width) + clip_packer_vector_bytes (3 * t->attention_width)
         + clip_packer_vector_bytes (c->mlp)
         + clip_packer_matrix_bytes (kernels, 3 * t->attention_width, c->width)
         + clip_packer_matrix_bytes (kernels, c->width, t->attention_width)
         + clip_packer_matrix_bytes (kernels, c->mlp, c->width)
         + clip_packer_matrix_bytes (kernels, c->width, c->mlp);
}

static gsize
ends_bytes (ClipKernels *kernels, const ClipTowerWeights *t)
{
  ClipKernels *ends = clip_kernels_ends (kernels);
  gsize bytes = 2 * clip_packer_vector_bytes (t->config.width);

  if (t->config.projection)
    bytes += clip_packer_matrix_bytes (ends, t->projection, t->config.width)
             + clip_packer_vector_bytes (t->projection);
  if (t->vision)
    bytes += 2 * clip_packer_vector_bytes (t->config.width)
             + (t->patch_k ? clip_packer_matrix_bytes (ends, t->config.width, t->patch_k) : 0)
             + clip_packer_rows_bytes (t->tokens, t->config.width);
  return bytes;
}

/* A whole tensor of the tower: PREFIX.NAME. (transfer full) */
static float *
read_tensor (Loader *l, const gchar *name, guint64 rows, guint64 per_row, GError **error)
{
  g_autofree gchar *full = g_strdup_printf ("%s.%s", l->prefix, name);

  return clip_weights_read (l->model, full, rows, per_row, error);
}

static VkDeviceAddress
load_vector (Loader *l, const gchar *name, guint32 n, GError **error)
{
  g_autofree float *values = read_tensor (l, name, n, 1, error);

  return values ? clip_packer_vector (&l->packer, values, n, error) : 0;
}

static VkDeviceAddress
load_matrix (Loader *l, const gchar *name, guint32 n, guint32 k, GError **error)
{
  g_autofree float *rows = read_tensor (l, name, n, k, error);

  return rows ? clip_packer_matrix (&l->packer, rows, n, k, error) : 0;
}

/* Layers ---------------------------------------------------------------- */

/* The block behind the layers is that of an attention pool. */
static gboolean
is_pool (const Loader *l, guint layer)
{
  return layer == l->tower->config.layers;
}

static gchar *
layer_name (const Loader *l, guint layer, const gchar *what)
{
  if (!is_pool (l, layer))
    return g_strdup_printf ("encoder.layers.%u.%s", layer, what);
  return g_str_has_prefix (what, "layer_norm1")
             ? g_strconcat ("post_layernorm", what + strlen ("layer_norm1"), NULL)
             : g_strconcat ("head.", what, NULL);
}

static float *
read_layer (Loader *l, guint layer, const gchar *what, guint64 rows, guint64 per_row,
            GError **error)
{
  g_autofree gchar *name = layer_name (l, layer, what);

  return read_tensor (l, name, rows, per_row, error);
}

static VkDeviceAddress
load_layer_vector (Loader *l, guint layer, const gchar *what, guint32 n, GError **error)
{
  g_autofree gchar *name = layer_name (l, layer, what);

  return load_vector (l, name, n, error);
}

static VkDeviceAddress
load_layer_matrix (Loader *l, guint layer, const gchar *what, guint32 n, guint32 k, GError **error)
{
  g_autofree gchar *name = layer_name (l, layer, what);

  return load_matrix (l, name, n, k, error);
}

/* Row of padded head storage that feature @i of a projection goes to. */
static inline guint32
padded_feature (const ClipTowerWeights *t, guint32 i)
{
  return i / t->config.head_dim * t->head_dim + i % t->config.head_dim;
}

/* One of q, k, v into its third of the joint matrix, heads padded, scaled by @scale. */
static gboolean
fill_qkv_part (Loader *l, guint layer, const gchar *what, guint part, gdouble scale, float *joint,
               GError **error)
{
  const ClipTowerWeights *t = l->tower;
  guint32 width = t->config.width;
  g_autofree float *rows = read_layer (l, layer, what, width, width, error);

  if (rows == NULL)
    return FALSE;
  for (guint32 i = 0; i < width; i++) {
    float *to = joint + (gsize)(part * t->attention_width + padded_feature (t, i)) * width;

    for (guint32 k = 0; k < width; k++)
      to[k] = (float)(scale * rows[(gsize)i * width + k]);
  }
  return TRUE;
}

/* The bias of q; in an attention pool the whole query, W_q probe + b_q. (transfer full) */
static float *
read_q_bias (Loader *l, guint layer, GError **error)
{
  const guint32 width = l->tower->config.width;
  g_autofree float *bias = read_layer (l, layer, "self_attn.q_proj.bias", width, 1, error);
  g_autofree float *probe = NULL, *rows = NULL;

  if (bias == NULL || !is_pool (l, layer))
    return g_steal_pointer (&bias);
  probe = read_layer (l, layer, "probe", 1, width, error);
  if (probe == NULL)
    return NULL;
  rows = read_layer (l, layer, "self_attn.q_proj.weight", width, width, error);
  if (rows == NULL)
    return NULL;
  for (guint32 i = 0; i < width; i++) {
    gdouble sum = bias[i];

    for (guint32 k = 0; k < width; k++)
      sum += (gdouble)rows[(gsize)i * width + k] * probe[k];
    bias[i] = (float)sum;
  }
  return g_steal_pointer (&bias);
}

static gboolean
load_qkv (Loader *l, guint layer, ClipLayerWeights *w, GError **error)
{
  const ClipTowerWeights *t = l->tower;
  guint32 width = t->config.width, n = 3 * t->attention_width;
  gdouble scale = 1.0 / sqrt (t->config.head_dim);
  g_autofree float *joint = g_new0 (float, (gsize)n *width);
  g_autofree float *bias = g_new0 (float, n);
  g_autofree float *q_bias = read_q_bias (l, layer, error);

  if (q_bias == NULL
      || (!is_pool (l, layer)
          && !fill_qkv_part (l, layer, "self_attn.q_proj.weight", 0, scale, joint, error))
      || !fill_qkv_part (l, layer, "self_attn.k_proj.weight", 1, 1.0, joint, error)
      || !fill_qkv_part (l, layer, "self_attn.v_proj.weight", 2, 1.0, joint, error))
    return FALSE;
  for (guint32 i = 0; i < width; i++)
    bias[padded_feature (t, i)] = (float)(scale * q_bias[i]);
  w->qkv_weights = clip_packer_matrix (&l->packer, joint, n, width, error);
  if (w->qkv_weights == 0)
    return FALSE;
  w->qkv_bias = clip_packer_vector (&l->packer, bias, n, error);
  return w->qkv_bias != 0;
}

/* LayerScale's factors; ones where there is none. (transfer full) */
static float *
read_scale (Loader *l, guint layer, const gchar *what, GError **error)
{
  const guint32 width = l->tower->config.width;
  float *ones = NULL;

  if (l->tower->config.layer_scale && !is_pool (l, layer))
    return read_layer (l, layer, what, width, 1, error);
  ones = g_new (float, width);
  for (guint32 i = 0; i < width; i++)
    ones[i] = 1.0f;
  return ones;
}

/* W_o with its columns spread over padded heads; b_o + W_o b_v. */
static gboolean
load_out (Loader *l, guint layer, ClipLayerWeights *w, GError **error)
{
  const ClipTowerWeights *t = l->tower;
  guint32 width = t->config.width, k = t->attention_width;
  g_autofree float *rows = read_layer (l, layer, "self_attn.out_proj.weight", width, width, error);
  g_autofree float *bias = NULL, *v_bias = NULL, *scale = NULL;
  g_autofree float *spread = g_new0 (float, (gsize)width *k);

  if (rows == NULL)
    return FALSE;
  bias = read_layer (l, layer, "self_attn.out_proj.bias", width, 1, error);
  if (bias == NULL)
    return FALSE;
  v_bias = read_layer (l, layer, "self_attn.v_proj.bias", width, 1, error);
  if (v_bias == NULL)
    return FALSE;
  scale = read_scale (l, layer, "layer_scale1", error);
  if (scale == NULL)
    return FALSE;
  for (guint32 n = 0; n < width; n++) {
    gdouble sum = bias[n];

    for (guint32 i = 0; i < width; i++) {
      spread[(gsize)n * k + padded_feature (t, i)] = scale[n] * rows[(gsize)n * width + i];
      sum += (gdouble)rows[(gsize)n * width + i] * v_bias[i];
    }
    bias[n] = (float)(scale[n] * sum);
  }
  w->out_weights = clip_packer_matrix (&l->packer, spread, width, k, error);
  if (w->out_weights == 0)
    return FALSE;
  w->out_bias = clip_packer_vector (&l->packer, bias, width, error);
  return w->out_bias != 0;
}

static gboolean
load_fc2 (Loader *l, guint layer, ClipLayerWeights *w, GError **error)
{
  const ClipTowerConfig *c = &l->tower->config;
  g_autofree float *rows = read_layer (l, layer, "mlp.fc2.weight", c->width, c->mlp, error);
  g_autofree float *bias = NULL, *scale = NULL;

  if (rows == NULL)
    return FALSE;
  bias = read_layer (l, layer, "mlp.fc2.bias", c->width, 1, error);
  if (bias == NULL)
    return FALSE;
  scale = read_scale (l, layer, "layer_scale2", error);
  if (scale == NULL)
    return FALSE;
  for (guint32 n = 0; n < c->width; n++) {
    bias[n] *= scale[n];
    for (guint32 k = 0; k < c->mlp; k++)
      rows[(gsize)n * c->mlp + k] *= scale[n];
  }
  w->fc2_weights = clip_packer_matrix (&l->packer, rows, c->width, c->mlp, error);
  if (w->fc2_weights == 0)
    return FALSE;
  w->fc2_bias = clip_packer_vector (&l->packer, bias, c->width, error);
  return w->fc2_bias != 0;
}

static gboolean
load_layer (Loader *l, guint layer, GError **error)
{
  const ClipTowerConfig *c = &l->tower->config;
  ClipLayerWeights *w = &l->tower->layers[layer];
  g_autofree gchar *name = g_strdup_printf ("%s layer %u", l->prefix, layer);

  w->buffer =
      clip_packer_open (&l->packer, l->kernels, layer_bytes (l->kernels, l->tower), name, error);
  if (w->buffer == NULL)
    return FALSE;
  return load_qkv (l, layer, w, error) && load_out (l, layer, w, error)
         && (w->ln1_gamma = load_layer_vector (l, layer, "layer_norm1.weight", c->width, error))
         && (w->ln1_beta = load_layer_vector (l, layer, "layer_norm1.bias", c->width, error))
         && (w->ln2_gamma = load_layer_vector (l, layer, "layer_norm2.weight", c->width, error))
         && (w->ln2_beta = load_layer_vector (l, layer, "layer_norm2.bias", c->width, error))
         && (w->fc1_weights =
                 load_layer_matrix (l, layer, "mlp.fc1.weight", c->mlp, c->width, error))
         && (w->fc1_bias = load_layer_vector (l, layer, "mlp.fc1.bias", c->mlp, error))
         && load_fc2 (l, layer, w, error);
}

/* Ends ------------------------------------------------------------------ */

/* clip_pixel_weight() of the patch convolution: @rows is scaled in place; @offset gets the constant part of
 * each output feature. */
static void
fold_pixels (const ClipModelConfig *config, guint32 width, guint32 patch_k, float *rows,
             gdouble *offset)
{
  guint32 area = patch_k / 3;

  for (guint32 n = 0; n < width; n++) {
    offset[n] = 0.0;
    for (guint32 k = 0; k < patch_k; k++) {
      float *w = &rows[(gsize)n * patch_k + k];

      *w = (float)clip_pixel_weight (config, k / area, *w, &offset[n]);
    }
  }
}

/* @offset: what every patch gets beside its position */
static gboolean
load_positions (Loader *l, const gdouble *offset, GError **error)
{
  ClipTowerWeights *t = l->tower;
  const gboolean class_token = clip_model_config (l->model)->class_token;
  const guint32 skipped =
      clip_model_config (l->model)->conv_stem ? 1 : 0; /* rows without a position */
  guint32 width = t->config.width;
  g_autofree float *table = g_new0 (float, (gsize)t->tokens *width);
  g_autofree float *class_row = NULL, *rows = NULL;

  if (class_token && !(class_row = read_tensor (l, "embeddings.class_embedding", width, 1, error)))
    return FALSE;
  rows = read_tensor (l, "embeddings.position_embedding.weight", t->tokens - skipped, width, error);
  if (rows == NULL)
    return FALSE;
  for (guint32 r = 0; r < t->tokens; r++)
    for (guint32 i = 0; i < width; i++)
      table[(gsize)r * width + i] =
          (float)((r < skipped ? 0.0 : rows[(gsize)(r - skipped) * width + i])
                  + (class_token && r == 0 ? class_row[i] : offset[i]));
  t->positions = clip_packer_rows (&l->packer, table, t->tokens, width, error);
  return t->positions != 0;
}

static gboolean
load_stem (Loader *l, GError **error)
{
  ClipTowerWeights *t = l->tower;
  g_autofree gdouble *offset = g_new0 (gdouble, t->config.width);

  t->stem = clip_conv_stem_new (l->kernels, l->model, offset, error);
  return t->stem && load_positions (l, offset, error);
}

static gboolean
load_patches (Loader *l, GError **error)
{
  ClipTowerWeights *t = l->tower;
  const ClipModelConfig *config = clip_model_config (l->model);
  guint32 width = t->config.width;
  g_autofree float *rows =
      read_tensor (l, "embeddings.patch_embedding.weight", width, t->patch_k, error);
  g_autofree gdouble *offset = g_new0 (gdouble, width);
  g_autofree float *bias = NULL;

  if (rows == NULL)
    return FALSE;
  if (config->patch_bias
      && !(bias = read_tensor (l, "embeddings.patch_embedding.bias", width, 1, error)))
    return FALSE;
  fold_pixels (config, width, t->patch_k, rows, offset);
  for (guint32 i = 0; bias && i < width; i++)
    offset[i] += bias[i];
  t->patch_weights = clip_packer_matrix (&l->packer, rows, width, t->patch_k, error);
  return t->patch_weights != 0 && load_positions (l, offset, error);
}

static gboolean
load_projection (Loader *l, GError **error)
{
  ClipTowerWeights *t = l->tower;
  const gchar *weight = t->vision ? "visual_projection.weight" : "text_projection.weight";
  const gchar *bias = t->vision ? "visual_projection.bias" : "text_projection.bias";
  g_autofree float *rows = NULL, *bias_values = NULL;

  if (!t->config.projection)
    return TRUE;
  rows = g_new (float, (gsize)t->projection * t->config.width);
  if (!clip_model_read (l->model, weight, 0, t->projection, rows, error))
    return FALSE;
  t->projection_weights =
      clip_packer_matrix (&l->packer, rows, t->projection, t->config.width, error);
  if (t->projection_weights == 0 || !t->config.projection_bias)
    return t->projection_weights != 0;
  bias_values = g_new (float, t->projection);
  if (!clip_model_read (l->model, bias, 0, t->projection, bias_values, error))
    return FALSE;
  t->projection_bias = clip_packer_vector (&l->packer, bias_values, t->projection, error);
  return t->projection_bias != 0;
}

static gboolean
load_pre_norm (Loader *l, GError **error)
{
  ClipTowerWeights *t = l->tower;

  return !clip_model_config (l->model)->pre_norm
         || ((t->pre_gamma = load_vector (l, "pre_layrnorm.weight", t->config.width, error))
             && (t->pre_beta = load_vector (l, "pre_layrnorm.bias", t->config.width, error)));
}

static gboolean
load_ends (Loader *l, GError **error)
{
  ClipTowerWeights *t = l->tower;
  guint32 width = t->config.width;
  const gchar *gamma = t->vision ? "post_layernorm.weight" : "final_layer_norm.weight";
  const gchar *beta = t->vision ? "post_layernorm.bias" : "final_layer_norm.bias";

  t->buffer = clip_packer_open (&l->packer, clip_kernels_ends (l->kernels),
                                ends_bytes (l->kernels, t), l->prefix, error);
  if (t->buffer == NULL)
    return FALSE;
  /* That of an attention pool is in its block. */
  if (t->config.pool != CLIP_POOL_MAP
      && (!(t->post_gamma = load_vector (l, gamma, width, error))
          || !(t->post_beta = load_vector (l, beta, width, error))))
    return FALSE;
  if (!load_projection (l, error))
    return FALSE;
  if (t->vision)
    return load_pre_norm (l, error)
           && (clip_model_config (l->model)->conv_stem ? load_stem (l, error)
                                                       : load_patches (l, error));
  t->host_positions =
      read_tensor (l, "embeddings.position_embedding.weight", t->tokens, width, error);
  return t->host_positions != NULL;
}

/* Public ---------------------------------------------------------------- */

static void
init_shapes (ClipTowerWeights *t, const ClipModelConfig *config, gboolean vision)
{
  t->vision = vision;
  t->kind = vision ? clip_image_tower_of (config->vision_kind) : NULL;
  t->causal = !vision && config->causal;
  t->config = vision ? config->vision : config->text;
  t->n_blocks = t->config.layers + (t->config.pool == CLIP_POOL_MAP ? 1 : 0);
  t->tokens = vision ? config->vision_tokens : config->context;
  t->head_dim = clip_round_up (t->config.head_dim, CLIP_HEAD_ALIGN);
  t->attention_width = t->config.heads * t->head_dim;
  t->patch_k = config->conv_stem ? 0 : 3 * config->patch_size * config->patch_size;
  t->projection = config->projection;
}

guint64
clip_tower_weights_bytes (ClipKernels *kernels, const ClipModelConfig *config, gboolean vision)
{
  ClipTowerWeights t = { 0 };

  init_shapes (&t, config, vision);
  if (t.kind)
    return t.kind->bytes (kernels, config);
  return ends_bytes (kernels, &t) + (guint64)t.n_blocks * layer_bytes (kernels, &t)
         + (vision && config->conv_stem ? clip_conv_stem_bytes (kernels, config) : 0);
}

ClipTowerWeights *
clip_tower_weights_new (ClipKernels *kernels, const ClipModel *model, gboolean vision,
                        ClipWeightsProgress progress, gpointer data, GError **error)
{
  g_autoptr (ClipTowerWeights) t = g_new0 (ClipTowerWeights, 1);
  Loader l = { kernels, model, vision ? "vision_model" : "text_model", t, { NULL } };

  init_shapes (t, clip_model_config (model), vision);
  if (t->kind) {
    t->own = t->kind->weights_new (kernels, model, progress, data, error);
    return t->own ? g_steal_pointer (&t) : NULL;
  }
  t->layers = g_new0 (ClipLayerWeights, t->n_blocks);
  if (!load_ends (&l, error))
    return NULL;
  for (guint i = 0; i < t->n_blocks; i++)
    if (!load_layer (&l, i, error)
        || !clip_weights_go_on (progress, i + 1, t->n_blocks, data, error))
      return NULL;
  return g_steal_pointer (&t);
}

void
clip_tower_weights_free (ClipTowerWeights *weights)
{
  if (weights == NULL)
    return;
  for (guint i = 0; weights->layers && i < weights->n_blocks; i++)
    clip_gpu_buffer_free (weights->layers[i].buffer);
  g_free (weights->layers);
  clip_conv_stem_free (weights->stem);
  if (weights->own)
    weights->kind->weights_free (weights->own);
  clip_gpu_buffer_free (weights->buffer);
  g_free (weights->host_positions);
  g_free (weights);
}
