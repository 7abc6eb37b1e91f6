/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A FastViT with all its branches, as trained: Vasu et al., FastViT (2023) and MobileCLIP (2024), Hu et al.,
 * Squeeze-and-Excitation Networks (2018); names of timm/models/fastvit.py. What a file has without branches
 * (reparam_conv) is a convolution here too.
 */
#include "tests/engine/reference_map.h"

#include <math.h>

#define TRUNK "visual.trunk."

typedef const ClipModel Model;

static gboolean
has (Model *model, const gchar *prefix, const gchar *name)
{
  g_autofree gchar *full = g_strconcat (prefix, name, NULL);

  return clip_model_has (model, full);
}

static gsize
size_of (RefMap x)
{
  return x.channels * x.side * x.side;
}

static RefMap
copy (RefMap x)
{
  return (RefMap){ x.channels, x.side, g_memdup2 (x.v, size_of (x) * sizeof *x.v) };
}

/* x + factor_c y, in @x; @factor: (nullable). Takes @y. */
static void
add (RefMap x, RefMap y, const float *factor)
{
  g_assert (x.channels == y.channels && x.side == y.side);
  for (gsize i = 0; i < size_of (x); i++)
    x.v[i] += (factor ? factor[i / (x.side * x.side)] : 1.0) * y.v[i];
  g_free (y.v);
}

static void
gelu (RefMap x)
{
  for (gsize i = 0; i < size_of (x); i++)
    x.v[i] = 0.5 * x.v[i] * erfc (-x.v[i] * M_SQRT1_2);
}

/* Convolution and batch norm PREFIX NAME. */
static RefMap
conv_norm (Model *model, const gchar *prefix, const gchar *name, RefMap x, gsize out, gsize taps,
           gsize stride, gsize groups)
{
  g_autofree gchar *conv = g_strconcat (name, ".conv", NULL);
  g_autofree gchar *norm = g_strconcat (name, ".bn", NULL);
  RefMap y = ref_convolve (model, prefix, conv, x, out, taps, stride, groups);

  ref_batch_norm (model, prefix, norm, y);
  return y;
}

/* The sum of whatever branches there are. */
static RefMap
mobile_one (Model *model, const gchar *name, RefMap x, gsize out, gsize taps, gsize stride,
            gsize groups)
{
  RefMap y;

  if (has (model, name, ".reparam_conv.weight"))
    return ref_convolve (model, name, ".reparam_conv", x, out, taps, stride, groups);
  y = ref_map_new (out, x.side / stride);
  if (has (model, name, ".conv_kxk.0.conv.weight"))
    add (y, conv_norm (model, name, ".conv_kxk.0", x, out, taps, stride, groups), NULL);
  if (has (model, name, ".conv_scale.conv.weight"))
    add (y, conv_norm (model, name, ".conv_scale", x, out, 1, stride, groups), NULL);
  if (has (model, name, ".identity.weight")) {
    RefMap z = copy (x);

    ref_batch_norm (model, name, ".identity", z);
    add (y, z, NULL);
  }
  return y;
}

/* x sigmoid (fc2 (relu (fc1 (mean)))), in place */
static void
squeeze (Model *model, const gchar *name, RefMap x, gsize inner)
{
  g_autofree gchar *w1 = g_strconcat (name, ".fc1.weight", NULL);
  g_autofree gchar *b1 = g_strconcat (name, ".fc1.bias", NULL);
  g_autofree gchar *w2 = g_strconcat (name, ".fc2.weight", NULL);
  g_autofree gchar *b2 = g_strconcat (name, ".fc2.bias", NULL);
  g_autofree double *mean = ref_mean (x);
  g_autofree double *hidden = ref_linear (model, w1, b1, mean, inner, x.channels), *gates = NULL;

  for (gsize i = 0; i < inner; i++)
    hidden[i] = fmax (hidden[i], 0.0);
  gates = ref_linear (model, w2, b2, hidden, x.channels, inner);
  for (gsize i = 0; i < size_of (x); i++)
    x.v[i] /= 1.0 + exp (-gates[i / (x.side * x.side)]);
}

/* The functions below take @x. */

static RefMap
downsample (Model *model, const gchar *stage, RefMap x, gboolean squeezes)
{
  g_autofree gchar *first = g_strconcat (stage, "downsample.proj.0", NULL);
  g_autofree gchar *second = g_strconcat (stage, "downsample.proj.1", NULL);
  const gsize in = x.channels, out = 2 * in;
  RefMap y;

  if (has (model, first, ".reparam_conv.weight")) {
    y = ref_convolve (model, first, ".reparam_conv", x, out, 7, 2, in);
  } else {
    y = conv_norm (model, first, ".large_conv", x, out, 7, 2, in);
    add (y, conv_norm (model, first, ".small_conv", x, out, 3, 2, in), NULL);
  }
  g_free (x.v);
  if (squeezes) {
    g_autofree gchar *se = g_strconcat (first, ".se", NULL);

    squeeze (model, se, y, out / 4);
  }
  gelu (y);
  y = ref_map_replace (y, mobile_one (model, second, y, out, 1, 1, 1));
  gelu (y);
  return y;
}

/* x + scale (mixer (x) - norm (x)) */
static RefMap
repmixer (Model *model, const gchar *block, RefMap x)
{
  g_autofree gchar *name = g_strconcat (block, "token_mixer", NULL);
  g_autofree gchar *mixer = g_strconcat (name, ".mixer", NULL);
  g_autofree float *scale = NULL;
  RefMap y, z;

  if (has (model, name, ".reparam_conv.weight"))
    return ref_map_replace (
        x, ref_convolve (model, name, ".reparam_conv", x, x.channels, 3, 1, x.channels));
  scale = ref_tensor (model, name, ".layer_scale.gamma", x.channels, 1);
  y = mobile_one (model, mixer, x, x.channels, 3, 1, x.channels);
  z = copy (x);
  ref_batch_norm (model, name, ".norm.identity", z);
  for (gsize i = 0; i < size_of (y); i++)
    y.v[i] -= z.v[i];
  g_free (z.v);
  add (x, y, scale);
  return x;
}

/* Of pixel @i and head @h: softmax of q k / sqrt (32), times v; @qkv: a row of 3 n a pixel */
static void
attend (double *const *qkv, gsize pixels, gsize n, gsize i, gsize h, double *z)
{
  g_autofree double *weights = g_new0 (double, pixels);
  double sum = 0.0, largest = -INFINITY;

  for (gsize t = 0; t < pixels; t++) {
    for (gsize d = 32 * h; d < 32 * h + 32; d++)
      weights[t] += qkv[i][d] * qkv[t][n + d] / sqrt (32.0);
    largest = fmax (largest, weights[t]);
  }
  for (gsize t = 0; t < pixels; t++)
    sum += weights[t] = exp (weights[t] - largest);
  for (gsize d = 32 * h; d < 32 * h + 32; d++) {
    z[d] = 0.0;
    for (gsize t = 0; t < pixels; t++)
      z[d] += weights[t] / sum * qkv[t][2 * n + d];
  }
}

/* x + scale (attention (norm (x))) */
static RefMap
attention (Model *model, const gchar *block, RefMap x)
{
  g_autofree gchar *qkv_name = g_strconcat (block, "token_mixer.qkv.weight", NULL);
  g_autofree gchar *weight = g_strconcat (block, "token_mixer.proj.weight", NULL);
  g_autofree gchar *bias = g_strconcat (block, "token_mixer.proj.bias", NULL);
  g_autofree float *scale = ref_tensor (model, block, "layer_scale_1.gamma", x.channels, 1);
  const gsize n = x.channels, pixels = x.side * x.side;
  g_autoptr (GPtrArray) qkv = g_ptr_array_new_with_free_func (g_free);
  g_autofree double *row = g_new (double, n), *z = g_new (double, n);
  RefMap y = copy (x);

  ref_batch_norm (model, block, "norm", y);
  for (gsize i = 0; i < pixels; i++) {
    for (gsize c = 0; c < n; c++)
      row[c] = y.v[c * pixels + i];
    g_ptr_array_add (qkv, ref_linear (model, qkv_name, NULL, row, 3 * n, n));
  }
  for (gsize i = 0; i < pixels; i++) {
    g_autofree double *out = NULL;

    for (gsize h = 0; h < n / 32; h++)
      attend ((double **)qkv->pdata, pixels, n, i, h, z);
    out = ref_linear (model, weight, bias, z, n, n);
    for (gsize c = 0; c < n; c++)
      y.v[c * pixels + i] = out[c];
  }
  add (x, y, scale);
  return x;
}

/* x + scale (fc2 (gelu (fc1 (conv (x))))) */
static RefMap
mlp (Model *model, const gchar *block, RefMap x, const gchar *scale_name)
{
  g_autofree float *scale = ref_tensor (model, block, scale_name, x.channels, 1);
  RefMap y = conv_norm (model, block, "mlp.conv", x, x.channels, 7, 1, x.channels);

  y = ref_map_replace (y, ref_convolve (model, block, "mlp.fc1", y, 3 * x.channels, 1, 1, 1));
  gelu (y);
  y = ref_map_replace (y, ref_convolve (model, block, "mlp.fc2", y, x.channels, 1, 1, 1));
  add (x, y, scale);
  return x;
}

static RefMap
positions (Model *model, const gchar *stage, RefMap x)
{
  g_autofree gchar *name = g_strconcat (stage, "pos_emb", NULL);

  if (has (model, name, ".reparam_conv.weight"))
    return ref_map_replace (
        x, ref_convolve (model, name, ".reparam_conv", x, x.channels, 7, 1, x.channels));
  add (x, ref_convolve (model, name, ".pos_enc", x, x.channels, 7, 1, x.channels), NULL);
  return x;
}

static RefMap
one_stage (Model *model, guint stage, guint blocks, RefMap x)
{
  g_autofree gchar *prefix = g_strdup_printf (TRUNK "stages.%u.", stage);

  if (stage > 0)
    x = downsample (model, prefix, x, stage > 1);
  if (stage == 3)
    x = positions (model, prefix, x);
  for (guint i = 0; i < blocks; i++) {
    g_autofree gchar *block = g_strdup_printf ("%sblocks.%u.", prefix, i);

    x = stage == 3 ? attention (model, block, x) : repmixer (model, block, x);
    x = mlp (model, block, x, stage == 3 ? "layer_scale_2.gamma" : "layer_scale.gamma");
  }
  return x;
}

double *
reference_fastvit (Model *model, RefMap x)
{
  const ClipModelConfig *c = clip_model_config (model);
  const gsize width = c->fastvit.width, features = 16 * width;
  g_autofree double *mean = NULL;

  x = ref_map_replace (x, mobile_one (model, TRUNK "stem.0", x, width, 3, 2, 1));
  gelu (x);
  x = ref_map_replace (x, mobile_one (model, TRUNK "stem.1", x, width, 3, 2, width));
  gelu (x);
  x = ref_map_replace (x, mobile_one (model, TRUNK "stem.2", x, width, 1, 1, 1));
  gelu (x);
  for (guint stage = 0; stage < 4; stage++)
    x = one_stage (model, stage, c->fastvit.layers[stage], x);
  x = ref_map_replace (x, mobile_one (model, TRUNK "final_conv", x, features, 3, 1, features / 2));
  squeeze (model, TRUNK "final_conv.se", x, features / 16);
  gelu (x);
  mean = ref_mean (x);
  g_free (x.v);
  return ref_linear (model, TRUNK "head.fc.weight", TRUNK "head.fc.bias", mean, c->projection,
                     features);
}
