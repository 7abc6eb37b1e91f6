/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/read_model.h"

/* All rows of a tensor, as the engine reads them: some at a time. */
static gboolean
read_tensor (const ClipModel *model, const gchar *name, guint64 rows, guint64 row, GError **error)
{
  const guint64 step = 50;
  g_autofree float *values = g_new (float, MIN (rows, step) * row);

  for (guint64 first = 0; first < rows; first += step) {
    if (!clip_model_read (model, name, first, MIN (step, rows - first), values, error))
      return FALSE;
  }
  return TRUE;
}

typedef struct {
  const gchar *name;
  guint64 rows, row;
  gboolean absent; /* in models of this kind */
} Part;

static gboolean
read_parts (const ClipModel *model, const gchar *prefix, const Part *parts, guint n, GError **error)
{
  for (guint i = 0; i < n; i++) {
    g_autofree gchar *name = g_strconcat (prefix, parts[i].name, NULL);

    if (!parts[i].absent && !read_tensor (model, name, parts[i].rows, parts[i].row, error))
      return FALSE;
  }
  return TRUE;
}

/* A layer, or the block of an attention pool, which has its first norm elsewhere. */
static gboolean
read_block (const ClipModel *model, const gchar *prefix, const ClipTowerConfig *config,
            gboolean pool, GError **error)
{
  const guint64 w = config->width, m = config->mlp;
  const Part parts[] = { { "layer_norm1.weight", w, 1, pool },
                         { "layer_norm1.bias", w, 1, pool },
                         { "layer_scale1", w, 1, pool || !config->layer_scale },
                         { "layer_scale2", w, 1, pool || !config->layer_scale },
                         { "probe", 1, w, !pool },
                         { "layer_norm2.weight", w, 1 },
                         { "layer_norm2.bias", w, 1 },
                         { "self_attn.q_proj.weight", w, w },
                         { "self_attn.q_proj.bias", w, 1 },
                         { "self_attn.k_proj.weight", w, w },
                         { "self_attn.v_proj.weight", w, w },
                         { "self_attn.v_proj.bias", w, 1 },
                         { "self_attn.out_proj.weight", w, w },
                         { "self_attn.out_proj.bias", w, 1 },
                         { "mlp.fc1.weight", m, w },
                         { "mlp.fc1.bias", m, 1 },
                         { "mlp.fc2.weight", w, m },
                         { "mlp.fc2.bias", w, 1 } };

  return read_parts (model, prefix, parts, G_N_ELEMENTS (parts), error);
}

static gboolean
read_layers (const ClipModel *model, const gchar *tower, const ClipTowerConfig *config,
             GError **error)
{
  for (guint i = 0; i < config->layers; i++) {
    g_autofree gchar *prefix = g_strdup_printf ("%s.encoder.layers.%u.", tower, i);

    if (!read_block (model, prefix, config, FALSE, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
fuzz_read_model (const ClipModel *model, GError **error)
{
  const ClipModelConfig *c = clip_model_config (model);
  const guint64 v = c->vision.width, t = c->text.width, p = c->projection;
  const guint64 patch = (guint64)3 * c->patch_size * c->patch_size;
  const Part parts[] = {
    { "logit_scale", 1, 1 },
    { "logit_bias", 1, 1, !c->sigmoid },
    { "vision_model.embeddings.class_embedding", v, 1, !c->class_token },
    { "vision_model.embeddings.patch_embedding.weight", v, patch },
    { "vision_model.embeddings.patch_embedding.bias", v, 1, !c->patch_bias },
    { "vision_model.embeddings.position_embedding.weight", c->vision_tokens, v },
    { "vision_model.pre_layrnorm.weight", v, 1, !c->pre_norm },
    { "vision_model.pre_layrnorm.bias", v, 1, !c->pre_norm },
    { "vision_model.post_layernorm.weight", v, 1 },
    { "vision_model.post_layernorm.bias", v, 1 },
    { "visual_projection.weight", p, v, !c->vision.projection },
    { "visual_projection.bias", p, 1, !c->vision.projection || !c->vision.projection_bias },
    { "text_model.embeddings.token_embedding.weight", c->vocab, t },
    { "text_model.embeddings.position_embedding.weight", c->context, t },
    { "text_model.final_layer_norm.weight", t, 1 },
    { "text_model.final_layer_norm.bias", t, 1 },
    { "text_projection.weight", p, t, !c->text.projection },
    { "text_projection.bias", p, 1, !c->text.projection || !c->text.projection_bias },
  };

  return read_parts (model, "", parts, G_N_ELEMENTS (parts), error)
         && read_layers (model, "vision_model", &c->vision, error)
         && (c->vision.pool != CLIP_POOL_MAP
             || read_block (model, "vision_model.head.", &c->vision, TRUE, error))
         && read_layers (model, "text_model", &c->text, error);
}
