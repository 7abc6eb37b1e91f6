/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/convnet.h"

#include <math.h>
#include <string.h>

#define EPS 1e-5

/* Batch norms ------------------------------------------------------------- */

static const gchar *const parts[] = { ".weight", ".bias", ".running_mean", ".running_var" };

gboolean
clip_batch_norm_visit (const ClipTensorVisitor *v, const gchar *name, guint32 n, GError **error)
{
  const guint64 dims = n;

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree gchar *full = g_strconcat (name, parts[i], NULL);

    if (!v->func (v->data, full, &dims, 1, error))
      return FALSE;
  }
  return TRUE;
}

static float *
read_part (const ClipModel *model, const gchar *name, const gchar *part, guint32 n, GError **error)
{
  g_autofree gchar *full = g_strconcat (name, part, NULL);

  return clip_weights_read (model, full, n, 1, error);
}

gboolean
clip_batch_norm_read (const ClipModel *model, const gchar *name, guint32 n, gdouble *gain,
                      gdouble *offset, GError **error)
{
  g_autofree float *gamma = read_part (model, name, parts[0], n, error);
  g_autofree float *beta = gamma ? read_part (model, name, parts[1], n, error) : NULL;
  g_autofree float *mean = beta ? read_part (model, name, parts[2], n, error) : NULL;
  g_autofree float *var = mean ? read_part (model, name, parts[3], n, error) : NULL;

  if (var == NULL)
    return FALSE;
  for (guint32 i = 0; i < n; i++) {
    if (!(var[i] >= 0.0f)) {
      g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                   "tensor \"%s.running_var\" has %g, which is no variance", name, var[i]);
      return FALSE;
    }
    gain[i] = gamma[i] / sqrt (var[i] + EPS);
    offset[i] = beta[i] - mean[i] * gain[i];
  }
  return TRUE;
}

/* Weights ------------------------------------------------------------------ */

float *
clip_conv_rows (const gdouble *weights, guint32 out, guint32 in, guint32 taps, guint32 k,
                gboolean by_lines)
{
  const guint32 area = taps * taps, step = k / area;
  float *rows = g_new0 (float, (gsize)out *k);

  for (guint32 n = 0; n < out; n++)
    for (guint32 i = 0; i < in; i++)
      for (guint32 t = 0; t < area; t++) {
        const guint32 at = by_lines ? t : t % taps * taps + t / taps;

        rows[(gsize)n * k + at * step + i] = (float)weights[((gsize)n * in + i) * area + t];
      }
  return rows;
}

/* Pixels ------------------------------------------------------------------ */

void
clip_pixels_border (const ClipModelConfig *config, float border[3])
{
  for (guint i = 0; i < 3; i++)
    border[i] = (float)((255.0 * config->mean[i] - 128.0) / 128.0);
}

ClipGpuBuffer *
clip_pixels_new (ClipKernels *kernels, guint32 side, const float border[3], guint32 batch,
                 ClipMatrix *rows, GError **error)
{
  const gsize line = side + 2, pixels = batch * line * line;
  const gsize bytes = pixels * CLIP_PIXEL_LD * sizeof (float);
  g_autoptr (ClipGpuBuffer) buffer = NULL;
  g_autofree float *values = g_new0 (float, pixels *CLIP_PIXEL_LD);

  for (gsize i = 0; i < pixels; i++)
    memcpy (values + i * CLIP_PIXEL_LD, border, 3 * sizeof (float));
  *rows = (ClipMatrix){ 0, (guint32)pixels, 3, CLIP_PIXEL_LD };
  buffer = clip_gpu_buffer_new (clip_kernels_gpu (kernels), CLIP_GPU_MEMORY_DEVICE, bytes, "pixels",
                                error);
  if (buffer == NULL || !clip_gpu_buffer_upload (buffer, 0, values, bytes, error))
    return NULL;
  rows->address = buffer->address;
  return g_steal_pointer (&buffer);
}

/* The first convolution ----------------------------------------------------- */

float *
clip_first_conv_rows (const ClipModelConfig *config, const gdouble *weights, guint32 out,
                      gboolean narrow, gdouble *offset)
{
  const guint32 k = clip_first_conv_k (narrow);
  float *rows = g_new0 (float, (gsize)out *k);

  for (guint32 n = 0; n < out; n++)
    for (guint32 i = 0; i < 27; i++) {
      const guint32 channel = i / 9, y = i / 3 % 3, x = i % 3;
      const guint32 at =
          narrow ? (x * 3 + y) * CLIP_FIRST_CHANNELS : y * CLIP_FIRST_CHANNELS + x * CLIP_PIXEL_LD;

      rows[(gsize)n * k + at + channel] =
          (float)clip_pixel_weight (config, channel, weights[n * 27 + i], &offset[n]);
    }
  return rows;
}

ClipWindow
clip_first_conv_window (guint32 side, gboolean narrow)
{
  return (ClipWindow){
    .taps_y = 3, .taps_x = narrow ? 3 : 1, .stride = 2, .height = side / 2, .width = side / 2
  };
}

ClipConv
clip_first_conv (const ClipMatrix *input, guint32 side, guint32 batch, gboolean narrow)
{
  const guint32 line = side + 2;

  return (ClipConv){
    .x = { { input->address, batch * line * line, CLIP_FIRST_CHANNELS, CLIP_PIXEL_LD },
           batch,
           line,
           line },
    .window = clip_first_conv_window (side, narrow),
  };
}
