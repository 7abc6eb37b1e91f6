/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ResNets as open_clip publishes them. */
#include <math.h>

#include "tests/common/random_model_private.h"

/* Convolutions ------------------------------------------------------------ */

typedef gboolean (*ConvFunc) (const ClipRandomConv *conv, gpointer data);

static gboolean
call (const gchar *prefix, const gchar *name, const gchar *norm, guint out, guint in, guint taps,
      guint side, ConvFunc func, gpointer data)
{
  g_autofree gchar *conv_name = g_strconcat (prefix, name, NULL);
  g_autofree gchar *norm_name = g_strconcat (prefix, norm, NULL);
  const ClipRandomConv conv = { conv_name, norm_name, out, in, taps, side };

  return func (&conv, data);
}

static gboolean
block (const gchar *prefix, guint in, guint planes, guint stride, guint side, ConvFunc func,
       gpointer data)
{
  return call (prefix, "conv1", "bn1", planes, in, 1, side, func, data)
         && call (prefix, "conv2", "bn2", planes, planes, 3, side, func, data)
         && call (prefix, "conv3", "bn3", 4 * planes, planes, 1, side / stride, func, data)
         && ((stride == 1 && in == 4 * planes)
             || call (prefix, "downsample.0", "downsample.1", 4 * planes, in, 1, side / stride,
                      func, data));
}

gboolean
clip_random_resnet_convs (const ClipRandomModel *m, ConvFunc func, gpointer data)
{
  const guint w = m->resnet.width;
  guint in = w, side = m->image / 2;

  if (!call ("visual.", "conv1", "bn1", w / 2, 3, 3, side, func, data)
      || !call ("visual.", "conv2", "bn2", w / 2, w / 2, 3, side, func, data)
      || !call ("visual.", "conv3", "bn3", w, w / 2, 3, side, func, data))
    return FALSE;
  side /= 2;
  for (guint stage = 0; stage < 4; stage++)
    for (guint i = 0; i < m->resnet.layers[stage]; i++) {
      const guint stride = stage > 0 && i == 0 ? 2 : 1;
      g_autofree gchar *prefix = g_strdup_printf ("visual.layer%u.%u.", stage + 1, i);

      if (!block (prefix, in, w << stage, stride, side, func, data))
        return FALSE;
      in = 4 * w << stage;
      side /= stride;
    }
  return TRUE;
}

/* Tensors ----------------------------------------------------------------- */

typedef struct {
  Writer *w;
  GError **error;
} Convs;

/* Gains that keep a sum of many blocks near 1. */
static gboolean
conv_tensors (const ClipRandomConv *c, gpointer data)
{
  const Convs *convs = data;
  const guint k = c->in * c->taps * c->taps;
  g_autofree gchar *shape = g_strdup_printf ("%u,%u,%u,%u", c->out, c->in, c->taps, c->taps);
  g_autofree gchar *weight = g_strconcat (c->name, ".weight", NULL);
  g_autofree gchar *mean = g_strconcat (c->norm, ".running_mean", NULL);
  g_autofree gchar *var = g_strconcat (c->norm, ".running_var", NULL);

  return random_tensor (convs->w, "", weight, shape, (guint64)c->out * k, k, 0.0f, 1.7f / sqrtf (k),
                        NULL, convs->error)
         && random_norm (convs->w, "", c->norm, c->out, NULL, NULL, convs->error)
         && random_vector (convs->w, "", mean, c->out, 0.0f, NULL, convs->error)
         && random_vector (convs->w, "", var, c->out, 1.0f, NULL, convs->error);
}

static gboolean
pool_tensors (Writer *w, const ClipRandomModel *m, GError **error)
{
  const gchar *const p = "visual.attnpool.";
  const guint d = 32 * m->resnet.width, side = m->image / 32;

  return random_matrix (w, p, "positional_embedding", side * side + 1, d, error)
         && random_linear (w, p, "q_proj", d, d, NULL, NULL, error)
         && random_linear (w, p, "k_proj", d, d, NULL, NULL, error)
         && random_linear (w, p, "v_proj", d, d, NULL, NULL, error)
         && random_linear (w, p, "c_proj", m->projection, d, NULL, NULL, error);
}

static gboolean
text_layer (Writer *w, const gchar *prefix, guint layer, const ClipRandomTower *t, GError **error)
{
  g_autofree gchar *p = g_strdup_printf ("%stransformer.resblocks.%u.", prefix, layer);

  return random_norm (w, p, "ln_1", t->width, NULL, NULL, error)
         && random_matrix (w, p, "attn.in_proj_weight", 3 * t->width, t->width, error)
         && random_vector (w, p, "attn.in_proj_bias", 3 * t->width, 0.0f, NULL, error)
         && random_linear (w, p, "attn.out_proj", t->width, t->width, NULL, NULL, error)
         && random_norm (w, p, "ln_2", t->width, NULL, NULL, error)
         && random_linear (w, p, "mlp.c_fc", t->mlp, t->width, NULL, NULL, error)
         && random_linear (w, p, "mlp.c_proj", t->width, t->mlp, NULL, NULL, error);
}

gboolean
random_open_clip_text (Writer *w, const ClipRandomModel *m, const gchar *prefix, GError **error)
{
  const guint t = m->text.width;

  for (guint i = 0; i < m->text.layers; i++) {
    if (!text_layer (w, prefix, i, &m->text, error))
      return FALSE;
  }
  return random_matrix (w, prefix, "token_embedding.weight", RANDOM_VOCAB, t, error)
         && random_matrix (w, prefix, "positional_embedding", m->context, t, error)
         && random_norm (w, prefix, "ln_final", t, NULL, NULL, error)
         && random_matrix (w, prefix, "text_projection", t, m->projection, error)
         && random_tensor (w, "", "logit_scale", "", 1, 1, 4.6f, 0.0f, NULL, error);
}

gboolean
random_open_clip_tensors (Writer *w, const ClipRandomModel *m, GError **error)
{
  Convs convs = { w, error };

  return clip_random_resnet_convs (m, conv_tensors, &convs) && pool_tensors (w, m, error)
         && random_open_clip_text (w, m, "", error);
}

gboolean
random_open_clip_config (const ClipRandomModel *m, const gchar *dir, GError **error)
{
  g_autofree gchar *path = g_build_filename (dir, "open_clip_config.json", NULL);
  const guint *n = m->resnet.layers;
  g_autofree gchar *json = g_strdup_printf (
      "{\"model_cfg\":{\"embed_dim\":%u,\"quick_gelu\":true,"
      "\"vision_cfg\":{\"image_size\":%u,\"layers\":[%u,%u,%u,%u],\"width\":%u,"
      "\"patch_size\":null},"
      "\"text_cfg\":{\"context_length\":%u,\"vocab_size\":%u,\"width\":%u,\"heads\":%u,"
      "\"layers\":%u,\"mlp_ratio\":%u}},"
      "\"preprocess_cfg\":{\"mean\":[0.48145466,0.4578275,0.40821073],"
      "\"std\":[0.26862954,0.26130258,0.27577711],\"interpolation\":\"bicubic\","
      "\"resize_mode\":\"shortest\",\"size\":[%u,%u]}}\n",
      m->projection, m->image, n[0], n[1], n[2], n[3], m->resnet.width, m->context, RANDOM_VOCAB,
      m->text.width, m->text.heads, m->text.layers, m->text.mlp / m->text.width, m->image,
      m->image);

  return g_file_set_contents (path, json, -1, error);
}
