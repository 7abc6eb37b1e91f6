/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/engine/reference_map.h"

#include <math.h>

RefMap
ref_map_new (gsize channels, gsize side)
{
  return (RefMap){ channels, side, g_new0 (double, channels *side *side) };
}

RefMap
ref_map_replace (RefMap old, RefMap fresh)
{
  g_free (old.v);
  return fresh;
}

RefMap
ref_picture (const ClipModelConfig *config, const guint8 *rgb)
{
  const gsize side = config->image_size;
  RefMap x = ref_map_new (3, side);

  for (gsize i = 0; i < 3 * side * side; i++) {
    const gsize c = i % 3;

    x.v[c * side * side + i / 3] = (rgb[i] / 255.0 - config->mean[c]) / config->std[c];
  }
  return x;
}

float *
ref_tensor (const ClipModel *model, const gchar *prefix, const gchar *name, gsize rows,
            gsize per_row)
{
  g_autofree gchar *full = g_strconcat (prefix, name, NULL);
  float *values = g_new (float, rows *per_row);
  g_autoptr (GError) error = NULL;

  clip_model_read (model, full, 0, rows, values, &error);
  g_assert_no_error (error);
  return values;
}

/* Adds one tap of a filter's channel to a plane. */
static void
add_tap (const RefMap *x, const double *plane, double w, gssize dy, gssize dx, gsize stride,
         RefMap *y, double *out)
{
  for (gsize oy = 0; oy < y->side; oy++) {
    const gssize iy = (gssize)(oy * stride) + dy;

    for (gsize ox = 0; iy >= 0 && iy < (gssize)x->side && ox < y->side; ox++) {
      const gssize ix = (gssize)(ox * stride) + dx;

      if (ix >= 0 && ix < (gssize)x->side)
        out[oy * y->side + ox] += w * plane[iy * x->side + ix];
    }
  }
}

static void
add_bias (const ClipModel *model, const gchar *prefix, const gchar *name, RefMap y)
{
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);
  g_autofree gchar *full = g_strconcat (prefix, bias, NULL);
  g_autofree float *b = NULL;

  if (!clip_model_has (model, full))
    return;
  b = ref_tensor (model, prefix, bias, y.channels, 1);
  for (gsize i = 0; i < y.channels * y.side * y.side; i++)
    y.v[i] += b[i / (y.side * y.side)];
}

RefMap
ref_convolve (const ClipModel *model, const gchar *prefix, const gchar *name, RefMap x,
              gsize channels, gsize taps, gsize stride, gsize groups)
{
  const gsize area = taps * taps, inputs = x.channels / groups, outputs = channels / groups;
  const gssize pad = taps % 2 ? (gssize)(taps / 2) : 0;
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree float *w = ref_tensor (model, prefix, weight, channels, inputs * area);
  RefMap y = ref_map_new (channels, x.side / stride);

  for (gsize n = 0; n < channels; n++)
    for (gsize c = 0; c < inputs; c++)
      for (gsize t = 0; t < area; t++)
        add_tap (&x, x.v + (n / outputs * inputs + c) * x.side * x.side,
                 w[(n * inputs + c) * area + t], (gssize)(t / taps) - pad, (gssize)(t % taps) - pad,
                 stride, &y, y.v + n * y.side * y.side);
  add_bias (model, prefix, name, y);
  return y;
}

void
ref_batch_norm (const ClipModel *model, const gchar *prefix, const gchar *name, RefMap x)
{
  static const gchar *const parts[] = { ".weight", ".bias", ".running_mean", ".running_var" };
  float *p[4];

  for (guint i = 0; i < 4; i++) {
    g_autofree gchar *full = g_strconcat (name, parts[i], NULL);

    p[i] = ref_tensor (model, prefix, full, x.channels, 1);
  }
  for (gsize i = 0; i < x.channels * x.side * x.side; i++) {
    const gsize c = i / (x.side * x.side);

    x.v[i] = (x.v[i] - p[2][c]) / sqrt (p[3][c] + 1e-5) * p[0][c] + p[1][c];
  }
  for (guint i = 0; i < 4; i++)
    g_free (p[i]);
}

double *
ref_linear (const ClipModel *model, const gchar *weight, const gchar *bias, const double *x,
            gsize n, gsize k)
{
  g_autofree float *w = ref_tensor (model, weight, "", n, k);
  g_autofree float *b = bias ? ref_tensor (model, bias, "", n, 1) : NULL;
  double *y = g_new (double, n);

  for (gsize i = 0; i < n; i++) {
    y[i] = b ? b[i] : 0.0;
    for (gsize j = 0; j < k; j++)
      y[i] += w[i * k + j] * x[j];
  }
  return y;
}

double *
ref_mean (RefMap x)
{
  const gsize pixels = x.side * x.side;
  double *mean = g_new0 (double, x.channels);

  for (gsize i = 0; i < x.channels * pixels; i++)
    mean[i / pixels] += x.v[i] / pixels;
  return mean;
}
