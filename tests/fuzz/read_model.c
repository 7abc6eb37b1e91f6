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

static gboolean
read_layer (const ClipModel *model, const gchar *tower, guint layer, const ClipTowerConfig *config,
            GError **error)
{
  const guint64 w = config->width, m = config->mlp;
  const struct {
    const gchar *name;
    guint64 rows, row;
  } parts[] = { { "layer_norm1.weight", w, 1 },
                { "layer_norm1.bias", w, 1 },
                { "layer_norm2.weight", w, 1 },
                { "layer_norm2.bias", w, 1 },
                { "self_attn.q_proj.weight", w, w },
                { "self_attn.q_proj.bias", w, 1 },
                { "self_attn.k_proj.weight", w, w },
                { "self_attn.k_proj.bias", w, 1 },
                { "self_attn.v_proj.weight", w, w },
                { "self_attn.v_proj.bias", w, 1 },
                { "self_attn.out_proj.weight", w, w },
                { "self_attn.out_proj.bias", w, 1 },
                { "mlp.fc1.weight", m, w },
                { "mlp.fc1.bias", m, 1 },
                { "mlp.fc2.weight", w, m },
                { "mlp.fc2.bias", w, 1 } };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree gchar *name =
        g_strdup_printf ("%s.encoder.layers.%u.%s", tower, layer, parts[i].name);
    if (!read_tensor (model, name, parts[i].rows, parts[i].row, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
fuzz_read_model (const ClipModel *model, GError **error)
{
  const ClipModelConfig *c = clip_model_config (model);
  const guint64 v = c->vision.width, t = c->text.width;
  const struct {
    const gchar *name;
    guint64 rows, row;
  } tensors[] = { { "logit_scale", 1, 1 },
                  { "vision_model.embeddings.class_embedding", v, 1 },
                  { "vision_model.embeddings.patch_embedding.weight", v,
                    (guint64)3 * c->patch_size * c->patch_size },
                  { "vision_model.embeddings.position_embedding.weight", c->vision_tokens, v },
                  { "vision_model.pre_layrnorm.weight", v, 1 },
                  { "vision_model.pre_layrnorm.bias", v, 1 },
                  { "vision_model.post_layernorm.weight", v, 1 },
                  { "vision_model.post_layernorm.bias", v, 1 },
                  { "visual_projection.weight", c->projection, v },
                  { "text_model.embeddings.token_embedding.weight", c->vocab, t },
                  { "text_model.embeddings.position_embedding.weight", c->context, t },
                  { "text_model.final_layer_norm.weight", t, 1 },
                  { "text_model.final_layer_norm.bias", t, 1 },
                  { "text_projection.weight", c->projection, t } };

  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++) {
    if (!read_tensor (model, tensors[i].name, tensors[i].rows, tensors[i].row, error))
      return FALSE;
  }
  for (guint i = 0; i < c->vision.layers; i++) {
    if (!read_layer (model, "vision_model", i, &c->vision, error))
      return FALSE;
  }
  for (guint i = 0; i < c->text.layers; i++) {
    if (!read_layer (model, "text_model", i, &c->text, error))
      return FALSE;
  }
  return TRUE;
}
