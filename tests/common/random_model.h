/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/common/random_model.h: CLIP folders with seeded random weights, in the published
 * layout, for tests and benchmarks that need a size and not a meaning.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** ClipRandomTower: as in a config.json. */
typedef struct {
  guint width, layers, heads, mlp;
} ClipRandomTower;

/** ClipRandomResnet: blocks of the four stages, channels of the first one. */
typedef struct {
  guint layers[4], width;
} ClipRandomResnet;

/** ClipRandomFastvit: @name: timm's; blocks of the four stages, channels of the first one; @merged: as timm's
 * reparameterize() leaves it, without branches. */
typedef struct {
  const gchar *name;
  guint layers[4], width;
  gboolean merged;
} ClipRandomFastvit;

/**
 * ClipRandomModel: one architecture.
 * @resnet, @fastvit: where its width is not 0: the images' tower, in place of @vision and @patch; the folder
 *   is open_clip's then
 * @mci: (nullable): timm's name of a transformer with a convolutional stem; the folder is open_clip's then
 * @siglip: a SiglipModel; @projection is then the width of @vision
 * @outliers: with what trained models have and random ones do not: a few channels of the residual
 *   stream at +-1e3 and +-3e4, whose gammas are small while the others' are as large as it takes to see
 *   them, and inputs of the GELU of +-100
 */
typedef struct {
  const gchar *name;
  ClipRandomTower vision, text;
  guint image, patch, context, projection;
  gboolean outliers;
  ClipRandomResnet resnet;
  gboolean siglip;
  ClipRandomFastvit fastvit;
  const gchar *mci;
} ClipRandomModel;

/** clip_random_models: terminated by a NULL name: tiny, outliers (as large), wide (ViT-B/32
 * with one layer in each tower), vit-b-32, vit-b-16, vit-l-14, vit-l-14-336; with the first and the last
 * layer only vit-l-14-336-wide, vit-h-14-wide, vit-g-14-wide, vit-bigg-14-wide; tiny-heads (of 88 and
 * 104 features); siglip-tiny, siglip-timm (timm's vit_tiny), siglip-b-16, siglip-so400m-wide (as -wide above); tiny-rn (what the embedded
 * model is like), rn50, rn101, rn50x4, rn50x16, rn50x64, and rn50-wide, -x4-wide, ... with one block a
 * stage; mobileclip2-s0, mobileclip2-s2; small-mobileclip (the tower of S0 for small pictures, small texts),
 * small-mobileclip-merged; mobileclip2-b, tiny-mci (timm's vit_tiny with MobileCLIP-B's stem). */
extern const ClipRandomModel clip_random_models[];

const ClipRandomModel *clip_random_model_find (const gchar *name);

/**
 * clip_random_model_write:
 * @dir: is made; existing files are replaced
 *
 * config.json, preprocessor_config.json, vocab.json and merges.txt (bytes only) and an F16
 * model.safetensors; or, for a ResNet or a FastViT, open_clip_config.json and open_clip_model.safetensors. Values are uniform with the variance that keeps activations near 1.
 */
gboolean clip_random_model_write (const ClipRandomModel *model, const gchar *dir, guint32 seed,
                                  GError **error);

/** ClipRandomConv: @name: "visual.layer1.0.conv1"; @norm: of its batch norm; @side: of its output */
typedef struct {
  const gchar *name, *norm;
  guint out, in, taps, side;
} ClipRandomConv;

/** clip_random_resnet_convs: calls @func for each convolution of a ResNet, in order, until it returns
 * FALSE. */
gboolean clip_random_resnet_convs (const ClipRandomModel *model,
                                   gboolean (*func) (const ClipRandomConv *conv, gpointer data),
                                   gpointer data);

/** clip_random_model_remove: the folder and the files that clip_random_model_write() made. */
void clip_random_model_remove (const gchar *dir);

G_END_DECLS
