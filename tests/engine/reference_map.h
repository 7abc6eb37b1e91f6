/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/engine/reference_map.h: pictures as planes of channels in double, and what convolutional towers do
 * with them, written as the papers have it: nothing is folded, nothing lies side by side.
 */
#pragma once

#include "gst-clip/engine/model.h"

G_BEGIN_DECLS

/** RefMap: @v: double[channels][side][side] */
typedef struct {
  gsize channels, side;
  double *v;
} RefMap;

RefMap ref_map_new (gsize channels, gsize side);
/** ref_map_replace: frees @old, returns @fresh. */
RefMap ref_map_replace (RefMap old, RefMap fresh);

/** ref_picture: @rgb: of image_size, rows of 3 bytes a pixel; normalised */
RefMap ref_picture (const ClipModelConfig *config, const guint8 *rgb);

/** ref_tensor: (transfer full): the whole tensor PREFIX NAME, as the file has it. */
float *ref_tensor (const ClipModel *model, const gchar *prefix, const gchar *name, gsize rows,
                   gsize per_row);

/**
 * ref_convolve: the convolution PREFIX NAME, with a bias where there is a tensor for it. Zeros are around the
 * picture where @taps is odd.
 * @groups: channels of x, and of the result, are in so many groups
 */
RefMap ref_convolve (const ClipModel *model, const gchar *prefix, const gchar *name, RefMap x,
                     gsize channels, gsize taps, gsize stride, gsize groups);

/** ref_batch_norm: PREFIX NAME, in place. */
void ref_batch_norm (const ClipModel *model, const gchar *prefix, const gchar *name, RefMap x);

/** ref_linear: y = W x + b. @bias: (nullable): the tensors' names. (transfer full) */
double *ref_linear (const ClipModel *model, const gchar *weight, const gchar *bias, const double *x,
                    gsize n, gsize k);

/** ref_mean: of each channel. (transfer full): double[channels] */
double *ref_mean (RefMap x);

/** reference_resnet, reference_fastvit: embedding of a normalised picture, which is taken.
 * (transfer full): double[projection] */
double *reference_resnet (const ClipModel *model, RefMap x);
double *reference_fastvit (const ClipModel *model, RefMap x);

G_END_DECLS
