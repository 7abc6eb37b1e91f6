/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ModifiedResNet: Radford et al. (2021), section 2.4. */
#include "tests/engine/reference_map.h"

#include <math.h>

static RefMap
conv_norm (const ClipModel *model, const gchar *prefix, const gchar *conv, const gchar *norm,
           RefMap x, gsize channels, gsize taps, gsize stride, gboolean relu)
{
  RefMap y = ref_convolve (model, prefix, conv, x, channels, taps, stride, 1);

  ref_batch_norm (model, prefix, norm, y);
  for (gsize i = 0; relu && i < y.channels * y.side * y.side; i++)
    y.v[i] = fmax (y.v[i], 0.0);
  return y;
}

static RefMap
pool (RefMap x)
{
  RefMap y = ref_map_new (x.channels, x.side / 2);

  for (gsize i = 0; i < y.channels * y.side * y.side; i++) {
    const gsize c = i / (y.side * y.side), at = i % (y.side * y.side);
    const double *from = x.v + (c * x.side + at / y.side * 2) * x.side + at % y.side * 2;

    y.v[i] = (from[0] + from[1] + from[x.side] + from[x.side + 1]) / 4;
  }
  return y;
}

/* Takes @x. */
static RefMap
block (const ClipModel *model, const gchar *prefix, RefMap x, gsize planes, gsize stride)
{
  RefMap y = conv_norm (model, prefix, "conv1", "bn1", x, planes, 1, 1, TRUE);

  y = ref_map_replace (y, conv_norm (model, prefix, "conv2", "bn2", y, planes, 3, 1, TRUE));
  if (stride > 1) {
    y = ref_map_replace (y, pool (y));
    x = ref_map_replace (x, pool (x));
  }
  y = ref_map_replace (y, conv_norm (model, prefix, "conv3", "bn3", y, 4 * planes, 1, 1, FALSE));
  if (y.channels != x.channels || stride > 1)
    x = ref_map_replace (
        x, conv_norm (model, prefix, "downsample.0", "downsample.1", x, 4 * planes, 1, 1, FALSE));
  for (gsize i = 0; i < y.channels * y.side * y.side; i++)
    y.v[i] = fmax (y.v[i] + x.v[i], 0.0);
  return ref_map_replace (x, y);
}

/* A layer of the attention pool. */
static double *
linear (const ClipModel *model, const gchar *name, const double *x, gsize n, gsize k)
{
  g_autofree gchar *weight = g_strconcat ("visual.attnpool.", name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat ("visual.attnpool.", name, ".bias", NULL);

  return ref_linear (model, weight, bias, x, n, k);
}

/* Of head h: softmax of q k / 8, times v, into @z. */
static void
attend (const double *q, double *const *k, double *const *v, gsize tokens, gsize h, double *z)
{
  g_autofree double *weights = g_new0 (double, tokens);
  double sum = 0.0, largest = -INFINITY;

  for (gsize t = 0; t < tokens; t++) {
    for (gsize d = 64 * h; d < 64 * h + 64; d++)
      weights[t] += q[d] * k[t][d] / 8;
    largest = fmax (largest, weights[t]);
  }
  for (gsize t = 0; t < tokens; t++)
    sum += weights[t] = exp (weights[t] - largest);
  for (gsize d = 64 * h; d < 64 * h + 64; d++) {
    z[d] = 0.0;
    for (gsize t = 0; t < tokens; t++)
      z[d] += weights[t] / sum * v[t][d];
  }
}

/* The embedding of @x. */
static double *
attention_pool (const ClipModel *model, RefMap x, gsize projection)
{
  const gsize pixels = x.side * x.side, tokens = pixels + 1, dim = x.channels;
  g_autofree float *positions =
      ref_tensor (model, "visual.attnpool.", "positional_embedding", tokens, dim);
  g_autofree double *rows = g_new0 (double, tokens *dim), *z = g_new (double, dim), *q = NULL;
  g_autoptr (GPtrArray) k = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) v = g_ptr_array_new_with_free_func (g_free);

  for (gsize c = 0; c < dim; c++)
    for (gsize i = 0; i < pixels; i++) {
      rows[(i + 1) * dim + c] = x.v[c * pixels + i] + positions[(i + 1) * dim + c];
      rows[c] += x.v[c * pixels + i] / pixels;
    }
  for (gsize c = 0; c < dim; c++)
    rows[c] += positions[c];
  q = linear (model, "q_proj", rows, dim, dim);
  for (gsize t = 0; t < tokens; t++) {
    g_ptr_array_add (k, linear (model, "k_proj", rows + t * dim, dim, dim));
    g_ptr_array_add (v, linear (model, "v_proj", rows + t * dim, dim, dim));
  }
  for (gsize h = 0; h < dim / 64; h++)
    attend (q, (double **)k->pdata, (double **)v->pdata, tokens, h, z);
  return linear (model, "c_proj", z, projection, dim);
}

double *
reference_resnet (const ClipModel *model, RefMap x)
{
  const ClipModelConfig *c = clip_model_config (model);
  const gchar *const visual = "visual.";
  const gsize w = c->resnet.width;
  double *embedding;

  x = ref_map_replace (x, conv_norm (model, visual, "conv1", "bn1", x, w / 2, 3, 2, TRUE));
  x = ref_map_replace (x, conv_norm (model, visual, "conv2", "bn2", x, w / 2, 3, 1, TRUE));
  x = ref_map_replace (x, conv_norm (model, visual, "conv3", "bn3", x, w, 3, 1, TRUE));
  x = ref_map_replace (x, pool (x));
  for (guint stage = 0; stage < 4; stage++)
    for (guint i = 0; i < c->resnet.layers[stage]; i++) {
      g_autofree gchar *prefix = g_strdup_printf ("visual.layer%u.%u.", stage + 1, i);

      x = block (model, prefix, x, w << stage, stage > 0 && i == 0 ? 2 : 1);
    }
  embedding = attention_pool (model, x, c->projection);
  g_free (x.v);
  return embedding;
}
