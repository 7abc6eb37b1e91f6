/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SigLIP as Hugging Face publishes it, but for the tokenizer, which is the one of bytes. */
#include <math.h>

#include "tests/common/random_model_private.h"

static gboolean
pool_tensors (Writer *w, const ClipRandomTower *t, GError **error)
{
  static const gchar prefix[] = "vision_model.head.";
  const guint d = t->width;
  g_autofree gchar *probe = g_strdup_printf ("1,1,%u", d);

  return random_tensor (w, prefix, "probe", probe, d, d, 0.0f, 1.0f, NULL, error)
         && random_matrix (w, prefix, "attention.in_proj_weight", 3 * d, d, error)
         && random_vector (w, prefix, "attention.in_proj_bias", 3 * d, 0.0f, NULL, error)
         && random_linear (w, prefix, "attention.out_proj", d, d, NULL, NULL, error)
         && random_norm (w, prefix, "layernorm", d, NULL, NULL, error)
         && random_linear (w, prefix, "mlp.fc1", t->mlp, d, NULL, NULL, error)
         && random_linear (w, prefix, "mlp.fc2", d, t->mlp, NULL, NULL, error);
}

gboolean
random_siglip_tensors (Writer *w, const ClipRandomModel *m, GError **error)
{
  const guint side = m->image / m->patch, v = m->vision.width, t = m->text.width;
  const guint k = 3 * m->patch * m->patch;
  g_autofree gchar *patch = g_strdup_printf ("%u,3,%u,%u", v, m->patch, m->patch);

  return random_tensor (w, "", "vision_model.embeddings.patch_embedding.weight", patch,
                        (guint64)v * k, k, 0.0f, 1.7f / sqrtf (k), NULL, error)
         && random_vector (w, "vision_model.embeddings.", "patch_embedding.bias", v, 0.1f, NULL,
                           error)
         && random_matrix (w, "vision_model.embeddings.", "position_embedding.weight", side * side,
                           v, error)
         && random_layers (w, "vision_model", &m->vision, error)
         && random_norm (w, "vision_model.", "post_layernorm", v, NULL, NULL, error)
         && pool_tensors (w, &m->vision, error)
         && random_matrix (w, "text_model.embeddings.", "token_embedding.weight", RANDOM_VOCAB, t,
                           error)
         && random_matrix (w, "text_model.embeddings.", "position_embedding.weight", m->context, t,
                           error)
         && random_layers (w, "text_model", &m->text, error)
         && random_norm (w, "text_model.", "final_layer_norm", t, NULL, NULL, error)
         && random_linear (w, "text_model.", "head", m->projection, t, NULL, NULL, error)
         && random_tensor (w, "", "logit_scale", "1", 1, 1, 4.6f, 0.0f, NULL, error)
         && random_tensor (w, "", "logit_bias", "1", 1, 1, -12.5f, 0.0f, NULL, error);
}

gboolean
random_siglip_config (const ClipRandomModel *m, const gchar *dir, GError **error)
{
  g_autofree gchar *config = g_build_filename (dir, "config.json", NULL);
  g_autofree gchar *pre = g_build_filename (dir, "preprocessor_config.json", NULL);
  g_autofree gchar *json = g_strdup_printf (
      "{\"model_type\":\"siglip\",\"architectures\":[\"SiglipModel\"],"
      "\"text_config\":{\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,"
      "\"num_attention_heads\":%u,\"max_position_embeddings\":%u,\"vocab_size\":%u,"
      "\"projection_size\":%u,\"pad_token_id\":1},"
      "\"vision_config\":{\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,"
      "\"num_attention_heads\":%u,\"image_size\":%u,\"patch_size\":%u}}\n",
      m->text.width, m->text.mlp, m->text.layers, m->text.heads, m->context, RANDOM_VOCAB,
      m->projection, m->vision.width, m->vision.mlp, m->vision.layers, m->vision.heads, m->image,
      m->patch);
  g_autofree gchar *pre_json = g_strdup_printf (
      "{\"do_resize\":true,\"size\":{\"height\":%u,\"width\":%u},\"resample\":3,"
      "\"do_normalize\":true,\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5]}\n",
      m->image, m->image);

  return g_file_set_contents (config, json, -1, error)
         && g_file_set_contents (pre, pre_json, -1, error);
}
