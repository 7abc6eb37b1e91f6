/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/convnet.h: what convolutions of images' towers share: batch norms, the order of weights, and the first
 * convolution, which reads the pixels as clip_kernel_preprocess() writes them, with a border of one.
 */
#pragma once

#include "gst-clip/engine/image_tower.h"
#include "gst-clip/kernels/pictures.h"

G_BEGIN_DECLS

/** clip_batch_norm_visit: the tensors that clip_batch_norm_read() reads. */
gboolean clip_batch_norm_visit (const ClipTensorVisitor *visitor, const gchar *name, guint32 n,
                                GError **error);

/**
 * clip_batch_norm_read: what a batch norm does to feature i: x gain[i] + offset[i], where gain is
 * gamma / sqrt (var + 1e-5) and offset is beta - mean gain.
 * @name: of its tensors, without ".weight", ".bias", ".running_mean", ".running_var"
 * @gain, @offset: (out caller-allocates): @n each
 */
gboolean clip_batch_norm_read (const ClipModel *model, const gchar *name, guint32 n, gdouble *gain,
                               gdouble *offset, GError **error);

/**
 * clip_conv_rows: weights of a convolution as rows in the order of clip_kernel_unfold(): column by column of
 * the window, pixels with their channels side by side; or line by line, for pictures with a border.
 * @weights: double[out][in][taps][taps]
 * @k: clip_conv_k() of that
 * Returns: (transfer full): float[out][k], zero for channels that there are not
 */
float *clip_conv_rows (const gdouble *weights, guint32 out, guint32 in, guint32 taps, guint32 k,
                       gboolean by_lines);

/* Pixels ------------------------------------------------------------------ */

/**
 * clip_pixel_weight: folds the pixels' mean and std into a weight @w of channel @c: preprocessing gives
 * u = (v - 128) / 128, the model wants x = (v / 255 - mean_c) / std_c, which is
 * u 128 / (255 std_c) + (128 / 255 - mean_c) / std_c.
 * @offset: (inout): gets the constant part added
 */
static inline gdouble
clip_pixel_weight (const ClipModelConfig *config, guint32 c, gdouble w, gdouble *offset)
{
  *offset += w * (128.0 / 255.0 - config->mean[c]) / config->std[c];
  return w * 128.0 / (255.0 * config->std[c]);
}

/** clip_pixels_border: what the three channels of clip_kernel_preprocess() have where the model, which pads
 * after normalisation, sees zero. */
void clip_pixels_border (const ClipModelConfig *config, float border[3]);

/** clip_pixels_new: @batch pictures of (@side + 2)^2 pixels, all of them border. (transfer full) */
ClipGpuBuffer *clip_pixels_new (ClipKernels *kernels, guint32 side, const float border[3],
                                guint32 batch, ClipMatrix *rows, GError **error);

/* The first convolution: 3 x 3 taps, 2 pixels apart. ------------------------ */

/**
 * Channels of its pixels: 4 of a pixel and those of its three neighbours, which are not copied for it: pixels of
 * the input overlap. So windows of 3 x 1 such pixels hold all that it wants. Where it is @narrow they are of 3 x 3,
 * each for its own 4 channels: more to multiply, but no pipeline of its own.
 */
#define CLIP_FIRST_CHANNELS (4 * CLIP_PIXEL_LD)

/** clip_first_conv_k: columns of its weights. */
static inline guint32
clip_first_conv_k (gboolean narrow)
{
  return (narrow ? 9 : 3) * CLIP_FIRST_CHANNELS;
}

/**
 * clip_first_conv_rows: mean and std of the pixels are folded into the weights by clip_pixel_weight(), which is
 * right on the border too, where u is such that x = 0.
 * @weights: double[out][3][3][3], those of a batch norm included
 * @offset: (inout): double[out]: gets the constant part of each output added
 * Returns: (transfer full): float[out][clip_first_conv_k (narrow)]
 */
float *clip_first_conv_rows (const ClipModelConfig *config, const gdouble *weights, guint32 out,
                             gboolean narrow, gdouble *offset);

/** clip_first_conv_window: for pictures of that side. */
ClipWindow clip_first_conv_window (guint32 side, gboolean narrow);

/** clip_first_conv: its input; the rest (weights, bias, activation, y) is the caller's.
 * @input: @batch pictures as clip_pixels_new() made them */
ClipConv clip_first_conv (const ClipMatrix *input, guint32 side, guint32 batch, gboolean narrow);

G_END_DECLS
