/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MobileCLIP as open_clip publishes it: names and shapes of timm/models/fastvit.py. */
#include <math.h>

#include "tests/common/random_model_private.h"

#define TRUNK "visual.trunk."

/* A tensor around @mean. */
static gboolean
values (Writer *w, const gchar *prefix, const gchar *name, const gchar *shape, guint64 count,
        float mean, float spread, GError **error)
{
  return random_tensor (w, prefix, name, shape, count, (guint)count, mean, spread, NULL, error);
}

static gboolean
vector (Writer *w, const gchar *prefix, const gchar *name, guint n, float mean, float spread,
        GError **error)
{
  g_autofree gchar *shape = g_strdup_printf ("%u", n);

  return values (w, prefix, name, shape, n, mean, spread, error);
}

/* What a trained one may have: nothing near 0 or 1. */
static gboolean
batch_norm (Writer *w, const gchar *name, guint n, GError **error)
{
  return vector (w, name, ".weight", n, 0.7f, 0.3f, error)
         && vector (w, name, ".bias", n, 0.0f, 0.2f, error)
         && vector (w, name, ".running_mean", n, 0.0f, 0.3f, error)
         && vector (w, name, ".running_var", n, 1.0f, 0.5f, error);
}

/* @in: of a group */
static gboolean
conv_weight (Writer *w, const gchar *name, guint out, guint in, guint taps, GError **error)
{
  const guint k = in * taps * taps;
  g_autofree gchar *shape = g_strdup_printf ("%u,%u,%u,%u", out, in, taps, taps);

  return values (w, name, ".weight", shape, (guint64)out * k, 0.0f, 1.7f / sqrtf (k), error);
}

static gboolean
conv_bias (Writer *w, const gchar *prefix, const gchar *part, guint out, guint in, guint taps,
           GError **error)
{
  g_autofree gchar *name = g_strconcat (prefix, part, NULL);

  return conv_weight (w, name, out, in, taps, error)
         && vector (w, name, ".bias", out, 0.0f, 0.2f, error);
}

static gboolean
conv_norm (Writer *w, const gchar *prefix, const gchar *part, guint out, guint in, guint taps,
           GError **error)
{
  g_autofree gchar *conv = g_strconcat (prefix, part, ".conv", NULL);
  g_autofree gchar *norm = g_strconcat (prefix, part, ".bn", NULL);

  return conv_weight (w, conv, out, in, taps, error) && batch_norm (w, norm, out, error);
}

static gboolean
norm_of (Writer *w, const gchar *prefix, const gchar *part, guint n, GError **error)
{
  g_autofree gchar *name = g_strconcat (prefix, part, NULL);

  return batch_norm (w, name, n, error);
}

/* @in: of a group; @identity: whether the input is added */
static gboolean
mobile_one (Writer *w, const gchar *name, guint out, guint in, guint taps, gboolean identity,
            GError **error)
{
  if (w->model->fastvit.merged)
    return conv_bias (w, name, ".reparam_conv", out, in, taps, error);
  return conv_norm (w, name, ".conv_kxk.0", out, in, taps, error)
         && (taps == 1 || conv_norm (w, name, ".conv_scale", out, in, 1, error))
         && (!identity || norm_of (w, name, ".identity", out, error));
}

static gboolean
squeeze (Writer *w, const gchar *name, guint n, guint inner, GError **error)
{
  return conv_bias (w, name, ".fc1", inner, n, 1, error)
         && conv_bias (w, name, ".fc2", n, inner, 1, error);
}

static gboolean
layer_scale (Writer *w, const gchar *block, const gchar *name, guint n, GError **error)
{
  g_autofree gchar *shape = g_strdup_printf ("%u,1,1", n);

  return values (w, block, name, shape, n, 0.4f, 0.2f, error);
}

static gboolean
repmixer (Writer *w, const gchar *block, guint n, GError **error)
{
  g_autofree gchar *mixer = g_strconcat (block, "token_mixer", NULL);
  g_autofree gchar *inner = g_strconcat (mixer, ".mixer", NULL);

  if (w->model->fastvit.merged)
    return conv_bias (w, mixer, ".reparam_conv", n, 1, 3, error);
  return norm_of (w, mixer, ".norm.identity", n, error)
         && mobile_one (w, inner, n, 1, 3, TRUE, error)
         && layer_scale (w, mixer, ".layer_scale.gamma", n, error);
}

static gboolean
attention (Writer *w, const gchar *block, guint n, GError **error)
{
  return norm_of (w, block, "norm", n, error)
         && random_matrix (w, block, "token_mixer.qkv.weight", 3 * n, n, error)
         && random_linear (w, block, "token_mixer.proj", n, n, NULL, NULL, error)
         && layer_scale (w, block, "layer_scale_1.gamma", n, error);
}

static gboolean
a_block (Writer *w, const gchar *block, guint n, gboolean attends, GError **error)
{
  return (attends ? attention (w, block, n, error) : repmixer (w, block, n, error))
         && conv_norm (w, block, "mlp.conv", n, 1, 7, error)
         && conv_bias (w, block, "mlp.fc1", 3 * n, n, 1, error)
         && conv_bias (w, block, "mlp.fc2", n, 3 * n, 1, error)
         && layer_scale (w, block, attends ? "layer_scale_2.gamma" : "layer_scale.gamma", n, error);
}

static gboolean
downsample (Writer *w, const gchar *stage, guint out, gboolean squeezes, GError **error)
{
  g_autofree gchar *first = g_strconcat (stage, "downsample.proj.0", NULL);
  g_autofree gchar *se = g_strconcat (first, ".se", NULL);
  g_autofree gchar *second = g_strconcat (stage, "downsample.proj.1", NULL);
  const gboolean ok = w->model->fastvit.merged
                          ? conv_bias (w, first, ".reparam_conv", out, 1, 7, error)
                          : conv_norm (w, first, ".large_conv", out, 1, 7, error)
                                && conv_norm (w, first, ".small_conv", out, 1, 3, error);

  return ok && (!squeezes || squeeze (w, se, out, out / 4, error))
         && mobile_one (w, second, out, out, 1, TRUE, error);
}

static gboolean
a_stage (Writer *w, guint stage, GError **error)
{
  const ClipRandomFastvit *f = &w->model->fastvit;
  g_autofree gchar *prefix = g_strdup_printf (TRUNK "stages.%u.", stage);
  g_autofree gchar *positions = g_strconcat (prefix, "pos_emb", NULL);
  const guint n = f->width << stage;

  if (stage > 0 && !downsample (w, prefix, n, stage > 1, error))
    return FALSE;
  if (stage == 3
      && !conv_bias (w, positions, f->merged ? ".reparam_conv" : ".pos_enc", n, 1, 7, error))
    return FALSE;
  for (guint i = 0; i < f->layers[stage]; i++) {
    g_autofree gchar *block = g_strdup_printf ("%sblocks.%u.", prefix, i);

    if (!a_block (w, block, n, stage == 3, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
random_fastvit_tensors (Writer *w, const ClipRandomModel *m, GError **error)
{
  const guint width = m->fastvit.width, features = 16 * width;

  if (!mobile_one (w, TRUNK "stem.0", width, 3, 3, FALSE, error)
      || !mobile_one (w, TRUNK "stem.1", width, 1, 3, FALSE, error)
      || !mobile_one (w, TRUNK "stem.2", width, width, 1, TRUE, error))
    return FALSE;
  for (guint stage = 0; stage < 4; stage++)
    if (!a_stage (w, stage, error))
      return FALSE;
  return mobile_one (w, TRUNK "final_conv", features, 1, 3, FALSE, error)
         && squeeze (w, TRUNK "final_conv.se", features, features / 16, error)
         && random_linear (w, TRUNK, "head.fc", m->projection, features, NULL, NULL, error)
         && random_open_clip_text (w, m, "text.", error);
}

/* MobileCLIP-B: timm's vision_transformer.py, its stem from vision_transformer_hybrid.py. */
static gboolean
mci_block (Writer *w, guint block, const ClipRandomTower *t, GError **error)
{
  g_autofree gchar *p = g_strdup_printf (TRUNK "blocks.%u.", block);

  return random_norm (w, p, "norm1", t->width, NULL, NULL, error)
         && random_linear (w, p, "attn.qkv", 3 * t->width, t->width, NULL, NULL, error)
         && random_linear (w, p, "attn.proj", t->width, t->width, NULL, NULL, error)
         && random_norm (w, p, "norm2", t->width, NULL, NULL, error)
         && random_linear (w, p, "mlp.fc1", t->mlp, t->width, NULL, NULL, error)
         && random_linear (w, p, "mlp.fc2", t->width, t->mlp, NULL, NULL, error);
}

gboolean
random_mci_tensors (Writer *w, const ClipRandomModel *m, GError **error)
{
  const gchar *const stem = TRUNK "patch_embed.backbone.";
  const guint width = m->vision.width, side = m->image / 16;
  g_autofree gchar *token = g_strdup_printf ("1,1,%u", width);
  g_autofree gchar *positions = g_strdup_printf ("1,%u,%u", side * side, width);

  if (!values (w, TRUNK, "cls_token", token, width, 0.0f, 0.5f, error)
      || !values (w, TRUNK, "pos_embed", positions, side * side * width, 0.0f, 0.5f, error)
      || !conv_norm (w, stem, "0", width / 4, 3, 4, error)
      || !conv_norm (w, stem, "1", width / 4, width / 4, 2, error)
      || !conv_bias (w, stem, "2.conv", width, width / 4, 2, error))
    return FALSE;
  for (guint i = 0; i < m->vision.layers; i++)
    if (!mci_block (w, i, &m->vision, error))
      return FALSE;
  return random_norm (w, TRUNK, "norm", width, NULL, NULL, error)
         && random_linear (w, TRUNK, "head", m->projection, width, NULL, NULL, error)
         && random_open_clip_text (w, m, "text.", error);
}

gboolean
random_fastvit_config (const ClipRandomModel *m, const gchar *dir, GError **error)
{
  g_autofree gchar *path = g_build_filename (dir, "open_clip_config.json", NULL);
  g_autofree gchar *json = g_strdup_printf (
      "{\"model_cfg\":{\"embed_dim\":%u,"
      "\"vision_cfg\":{\"timm_model_name\":\"%s\",\"timm_model_pretrained\":false,"
      "\"timm_pool\":\"%s\",\"timm_proj\":null,\"timm_drop\":0.0,\"timm_drop_path\":0.0,"
      "\"image_size\":%u},"
      "\"text_cfg\":{\"context_length\":%u,\"vocab_size\":%u,\"width\":%u,\"heads\":%u,"
      "\"layers\":%u,\"mlp_ratio\":%u,\"no_causal_mask\":%s},\"custom_text\":true},"
      "\"preprocess_cfg\":{\"mean\":[0.0,0.0,0.0],\"std\":[1.0,1.0,1.0],"
      "\"interpolation\":\"bilinear\",\"resize_mode\":\"shortest\",\"size\":[%u,%u]}}\n",
      m->projection, m->mci ? m->mci : m->fastvit.name, m->mci ? "token" : "avg", m->image,
      m->context, RANDOM_VOCAB, m->text.width, m->text.heads, m->text.layers,
      m->text.mlp / m->text.width, m->mci ? "false" : "true", m->image, m->image);

  return g_file_set_contents (path, json, -1, error);
}
