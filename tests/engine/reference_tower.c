/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/engine/reference_tower.h"
#include "tests/engine/reference_map.h"

#include <math.h>
#include <string.h>

/* Several sums at once, which compilers turn into vectors. */
#define LANES 8

typedef struct {
  const ClipModel *model;
  const ClipTowerConfig *config;
  const gchar *tower; /* "vision_model" */
  guint32 rows;
  gboolean causal;
} Walk;

static float *
read_named (const ClipModel *model, const gchar *name, guint64 rows, guint64 per_row)
{
  float *values = g_new (float, rows *per_row);
  g_autoptr (GError) error = NULL;

  clip_model_read (model, name, 0, rows, values, &error);
  g_assert_no_error (error);
  return values;
}

static float *
read_part (const Walk *w, const gchar *block, const gchar *name, guint64 rows, guint64 per_row)
{
  g_autofree gchar *full = g_strconcat (w->tower, ".", block, name, NULL);

  return read_named (w->model, full, rows, per_row);
}

static gdouble
dot (const gdouble *x, const float *y, guint32 n)
{
  gdouble sums[LANES] = { 0 }, sum = 0.0;
  guint32 i = 0;

  for (; i + LANES <= n; i += LANES)
    for (guint lane = 0; lane < LANES; lane++)
      sums[lane] += x[i + lane] * y[i + lane];
  for (; i < n; i++)
    sum += x[i] * y[i];
  for (guint lane = 0; lane < LANES; lane++)
    sum += sums[lane];
  return sum;
}

/* y = x W^T + b; @bias: (nullable) */
static gdouble *
multiply (const gdouble *x, guint32 rows, const float *weights, const float *bias, guint32 out,
          guint32 in)
{
  gdouble *y = g_new (gdouble, (gsize)rows * out);

  for (guint32 n = 0; n < out; n++)
    for (guint32 r = 0; r < rows; r++)
      y[(gsize)r * out + n] =
          dot (x + (gsize)r * in, weights + (gsize)n * in, in) + (bias ? bias[n] : 0.0);
  return y;
}

static gdouble *
linear (const Walk *w, const gchar *block, const gchar *name, const gdouble *x, guint32 rows,
        guint32 out, guint32 in)
{
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);
  g_autofree float *weights = read_part (w, block, weight, out, in);
  g_autofree float *biases = read_part (w, block, bias, out, 1);

  return multiply (x, rows, weights, biases, out, in);
}

/* Without a bias: that of keys changes nothing, and some files have none. */
static gdouble *
keys (const Walk *w, const gchar *block, const gdouble *x, guint32 width)
{
  g_autofree float *weights = read_part (w, block, "self_attn.k_proj.weight", width, width);

  return multiply (x, w->rows, weights, NULL, width, width);
}

static gdouble *
normalise (const Walk *w, const gchar *block, const gchar *name, const gdouble *x, guint32 rows)
{
  const guint32 width = w->config->width;
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);
  g_autofree float *gamma = read_part (w, block, weight, width, 1);
  g_autofree float *beta = read_part (w, block, bias, width, 1);
  gdouble *y = g_new (gdouble, (gsize)rows * width);

  for (guint32 r = 0; r < rows; r++) {
    const gdouble *row = x + (gsize)r * width;
    gdouble mean = 0.0, variance = 0.0;

    for (guint32 i = 0; i < width; i++)
      mean += row[i] / width;
    for (guint32 i = 0; i < width; i++)
      variance += (row[i] - mean) * (row[i] - mean) / width;
    for (guint32 i = 0; i < width; i++)
      y[(gsize)r * width + i] =
          (row[i] - mean) / sqrt (variance + w->config->eps) * gamma[i] + beta[i];
  }
  return y;
}

static gdouble
activate (ClipActivation activation, gdouble x)
{
  switch (activation) {
  case CLIP_ACTIVATION_QUICK_GELU:
    return x / (1.0 + exp (-1.702 * x));
  case CLIP_ACTIVATION_GELU:
    return 0.5 * x * (1.0 + erf (x / sqrt (2.0)));
  case CLIP_ACTIVATION_GELU_TANH:
    return 0.5 * x * (1.0 + tanh (sqrt (2.0 / G_PI) * (x + 0.044715 * x * x * x)));
  default:
    g_assert_not_reached ();
  }
}

/* softmax (q k / sqrt (d)) v for one query, one head; q, k, v point to the head. */
static void
attend (const Walk *w, const gdouble *q, const gdouble *k, const gdouble *v, guint32 n, gdouble *z)
{
  const guint32 d = w->config->head_dim, ld = w->config->width;
  g_autofree gdouble *p = g_new (gdouble, n);
  gdouble max = -G_MAXDOUBLE, sum = 0.0;

  for (guint32 t = 0; t < n; t++) {
    p[t] = 0.0;
    for (guint32 i = 0; i < d; i++)
      p[t] += q[i] * k[(gsize)t * ld + i] / sqrt (d);
    max = MAX (max, p[t]);
  }
  for (guint32 t = 0; t < n; t++)
    sum += p[t] = exp (p[t] - max);
  memset (z, 0, d * sizeof *z);
  for (guint32 t = 0; t < n; t++)
    for (guint32 i = 0; i < d; i++)
      z[i] += p[t] / sum * v[(gsize)t * ld + i];
}

/* @y: normalised rows. Returns what is behind the output's matrix. */
static gdouble *
attention (const Walk *w, const gchar *block, const gdouble *y)
{
  const guint32 width = w->config->width;
  g_autofree gdouble *q = linear (w, block, "self_attn.q_proj", y, w->rows, width, width);
  g_autofree gdouble *k = keys (w, block, y, width);
  g_autofree gdouble *v = linear (w, block, "self_attn.v_proj", y, w->rows, width, width);
  g_autofree gdouble *z = g_new (gdouble, (gsize)w->rows * width);

  for (guint32 h = 0; h < w->config->heads; h++)
    for (guint32 t = 0; t < w->rows; t++) {
      const gsize at = (gsize)h * w->config->head_dim, row = (gsize)t * width + at;

      attend (w, q + row, k + at, v + at, w->causal ? t + 1 : w->rows, z + row);
    }
  return linear (w, block, "self_attn.out_proj", z, w->rows, width, width);
}

static gdouble *
mlp (const Walk *w, const gchar *block, const gdouble *x, guint32 rows)
{
  const ClipTowerConfig *c = w->config;
  g_autofree gdouble *y = normalise (w, block, "layer_norm2", x, rows);
  g_autofree gdouble *h = linear (w, block, "mlp.fc1", y, rows, c->mlp, c->width);

  for (gsize i = 0; i < (gsize)rows * c->mlp; i++)
    h[i] = activate (c->activation, h[i]);
  return linear (w, block, "mlp.fc2", h, rows, c->width, c->mlp);
}

/* x += scale y; @scale: name of LayerScale's factors, where there are any */
static void
add (const Walk *w, const gchar *block, const gchar *scale, gdouble *x, const gdouble *y)
{
  const guint32 width = w->config->width;
  g_autofree float *factors = w->config->layer_scale ? read_part (w, block, scale, width, 1) : NULL;

  for (gsize i = 0; i < (gsize)w->rows * width; i++)
    x[i] += (factors ? factors[i % width] : 1.0) * y[i];
}

static void
layers (const Walk *w, gdouble *x)
{
  for (guint32 i = 0; i < w->config->layers; i++) {
    g_autofree gchar *block = g_strdup_printf ("encoder.layers.%u.", i);
    g_autofree gdouble *y = normalise (w, block, "layer_norm1", x, w->rows);
    g_autofree gdouble *a = attention (w, block, y);
    g_autofree gdouble *m = NULL;

    add (w, block, "layer_scale1", x, a);
    m = mlp (w, block, x, w->rows);
    add (w, block, "layer_scale2", x, m);
  }
}

/* One row through the projection. */
static gdouble *
project (const Walk *w, const gchar *name, const gdouble *row)
{
  const guint32 out = clip_model_config (w->model)->projection, in = w->config->width;
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);
  g_autofree float *weights = NULL, *biases = NULL;

  if (!w->config->projection)
    return g_memdup2 (row, in * sizeof *row);
  weights = read_named (w->model, weight, out, in);
  if (w->config->projection_bias)
    biases = read_named (w->model, bias, out, 1);
  return multiply (row, 1, weights, biases, out, in);
}

/* SigLIP's head: a probe asks all rows; no residual around attention. */
static gdouble *
pool_map (const Walk *w, const gdouble *x)
{
  static const gchar block[] = "head.";
  const guint32 width = w->config->width;
  g_autofree gdouble *y = normalise (w, "", "post_layernorm", x, w->rows);
  g_autofree float *probe = read_part (w, block, "probe", 1, width);
  g_autofree gdouble *query = g_new (gdouble, width), *z = g_new (gdouble, width);
  g_autofree gdouble *q = NULL, *k = NULL, *v = NULL, *a = NULL, *m = NULL;

  for (guint32 i = 0; i < width; i++)
    query[i] = probe[i];
  q = linear (w, block, "self_attn.q_proj", query, 1, width, width);
  k = keys (w, block, y, width);
  v = linear (w, block, "self_attn.v_proj", y, w->rows, width, width);
  for (guint32 h = 0; h < w->config->heads; h++) {
    const gsize at = (gsize)h * w->config->head_dim;

    attend (w, q + at, k + at, v + at, w->rows, z + at);
  }
  a = linear (w, block, "self_attn.out_proj", z, 1, width, width);
  m = mlp (w, block, a, 1);
  for (guint32 i = 0; i < width; i++)
    a[i] += m[i];
  return project (w, "visual_projection", a);
}

static void
gelu (RefMap x)
{
  for (gsize i = 0; i < x.channels * x.side * x.side; i++)
    x.v[i] = 0.5 * x.v[i] * erfc (-x.v[i] * M_SQRT1_2);
}

/* The same through MobileCLIP-B's stem (timm's ConvStem); the class token has no position. */
static gdouble *
embed_through_stem (const Walk *w, const guint8 *rgb)
{
  static const gchar stem[] = "visual.trunk.patch_embed.backbone.";
  const ClipModelConfig *c = clip_model_config (w->model);
  const gsize width = c->vision.width;
  g_autofree float *positions =
      read_part (w, "", "embeddings.position_embedding.weight", w->rows - 1, width);
  g_autofree float *token = read_part (w, "", "embeddings.class_embedding", width, 1);
  gdouble *rows = g_new (gdouble, w->rows * width);
  RefMap x = ref_picture (c, rgb);

  for (guint i = 0; i < 3; i++) {
    g_autofree gchar *conv = g_strdup_printf ("%u.conv", i);
    g_autofree gchar *norm = g_strdup_printf ("%u.bn", i);

    x = ref_map_replace (x, ref_convolve (w->model, stem, conv, x, i < 2 ? width / 4 : width,
                                          i ? 2 : 4, i ? 2 : 4, 1));
    if (i < 2) {
      ref_batch_norm (w->model, stem, norm, x);
      gelu (x);
    }
  }
  g_assert (x.side * x.side + 1 == w->rows);
  for (gsize r = 0; r < w->rows; r++)
    for (gsize i = 0; i < width; i++)
      rows[r * width + i] =
          r == 0 ? token[i] : x.v[i * (w->rows - 1) + r - 1] + positions[(r - 1) * width + i];
  g_free (x.v);
  return rows;
}

/* Rows of the patches, with positions, the class token (if any) first. */
static gdouble *
embed_image (const Walk *w, const guint8 *rgb)
{
  const ClipModelConfig *c = clip_model_config (w->model);
  const guint32 p = c->patch_size, side = c->image_size / p, width = c->vision.width;
  const guint32 first = c->class_token ? 1 : 0, k = 3 * p * p;
  g_autofree float *weights = read_part (w, "", "embeddings.patch_embedding.weight", width, k);
  g_autofree float *positions =
      read_part (w, "", "embeddings.position_embedding.weight", w->rows, width);
  g_autofree float *bias =
      c->patch_bias ? read_part (w, "", "embeddings.patch_embedding.bias", width, 1) : NULL;
  g_autofree float *token =
      c->class_token ? read_part (w, "", "embeddings.class_embedding", width, 1) : NULL;
  g_autofree gdouble *pixels = g_new (gdouble, (gsize)side * side * k);
  g_autofree gdouble *patches = NULL;
  gdouble *x = g_new (gdouble, (gsize)w->rows * width);

  for (guint32 t = 0; t < side * side; t++)
    for (guint32 i = 0; i < k; i++) {
      const guint32 channel = i / (p * p), row = t / side * p + i / p % p,
                    col = t % side * p + i % p;
      const guint8 v = rgb[((gsize)row * c->image_size + col) * 3 + channel];

      pixels[(gsize)t * k + i] = (v / 255.0 - c->mean[channel]) / c->std[channel];
    }
  patches = multiply (pixels, side * side, weights, bias, width, k);
  for (guint32 r = 0; r < w->rows; r++)
    for (guint32 i = 0; i < width; i++)
      x[(gsize)r * width + i] = positions[(gsize)r * width + i]
                                + (r < first ? token[i] : patches[(gsize)(r - first) * width + i]);
  return x;
}

gdouble *
reference_image (const ClipModel *model, const guint8 *rgb)
{
  const ClipModelConfig *c = clip_model_config (model);
  const Walk w = { model, &c->vision, "vision_model", c->vision_tokens, FALSE };
  g_autofree gdouble *x = NULL, *pooled = NULL;

  if (c->vision_kind == CLIP_TOWER_FASTVIT)
    return reference_fastvit (model, ref_picture (c, rgb));
  x = c->conv_stem ? embed_through_stem (&w, rgb) : embed_image (&w, rgb);
  if (c->pre_norm) {
    gdouble *y = normalise (&w, "", "pre_layrnorm", x, w.rows);

    g_free (x);
    x = y;
  }
  layers (&w, x);
  if (c->vision.pool == CLIP_POOL_MAP)
    return pool_map (&w, x);
  pooled = normalise (&w, "", "post_layernorm", x, 1);
  return project (&w, "visual_projection", pooled);
}

gdouble *
reference_text (const ClipModel *model, const guint32 *ids, guint32 n_ids)
{
  const ClipModelConfig *c = clip_model_config (model);
  const guint32 width = c->text.width;
  /* Behind the end nothing is seen, but for where padding is. */
  const Walk w = { model, &c->text, "text_model", clip_model_pads (model) ? c->context : n_ids,
                   c->causal };
  const guint32 pool = clip_model_pool_index (model, ids, n_ids);
  g_autofree float *positions =
      read_part (&w, "", "embeddings.position_embedding.weight", c->context, width);
  g_autofree float *tokens =
      read_part (&w, "", "embeddings.token_embedding.weight", c->vocab, width);
  g_autofree gdouble *x = g_new (gdouble, (gsize)w.rows * width), *pooled = NULL;

  for (guint32 t = 0; t < w.rows; t++)
    for (guint32 i = 0; i < width; i++)
      x[(gsize)t * width + i] =
          (gdouble)tokens[(gsize)ids[t] * width + i] + positions[(gsize)t * width + i];
  layers (&w, x);
  pooled = normalise (&w, "", "final_layer_norm", x + (gsize)pool * width, 1);
  return project (&w, "text_projection", pooled);
}
