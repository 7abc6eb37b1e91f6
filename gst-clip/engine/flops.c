/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much work a model is. */
#include "gst-clip/engine/fastvit.h"
#include "gst-clip/engine/inspect.h"

/* A product of (m, k) by (k, n). */
static gdouble
product (gdouble m, gdouble n, gdouble k)
{
  return 2 * m * n * k;
}

/* @tokens rows through one block: q, k, v and the output; scores and their sums; the MLP. */
static gdouble
block (const ClipTowerConfig *tower, gdouble tokens)
{
  return 4 * product (tokens, tower->width, tower->width)
         + 2 * product (tokens, tokens, tower->width)
         + 2 * product (tokens, tower->mlp, tower->width);
}

/* One query against all tokens, then a block's rest for one row. */
static gdouble
attention_pool (const ClipTowerConfig *tower, gdouble tokens)
{
  return 2 * product (tokens, tower->width, tower->width)
         + 2 * product (1, tower->width, tower->width) + 2 * product (1, tokens, tower->width)
         + 2 * product (1, tower->mlp, tower->width);
}

static gdouble
transformer (const ClipTowerConfig *tower, gdouble tokens, guint32 projection)
{
  gdouble flops = tower->layers * block (tower, tokens);

  if (tower->pool == CLIP_POOL_MAP)
    flops += attention_pool (tower, tokens);
  if (tower->projection)
    flops += product (1, projection, tower->width);
  return flops;
}

/* A convolution of @taps x @taps that gives @side x @side pixels. */
static gdouble
convolution (gdouble side, gdouble out, gdouble in, gdouble taps)
{
  return product (side * side, out, in * taps * taps);
}

/* Three convolutions (conv_stem.h), the last of which gives @side x @side pixels. */
static gdouble
stem (gdouble side, gdouble width)
{
  return convolution (4 * side, width / 4, 3, 4) + convolution (2 * side, width / 4, width / 4, 2)
         + convolution (side, width, width / 4, 2);
}

/* A ModifiedResNet (resnet.h): the stem at half the size, then four stages, of which all but the first
 * halve it again behind the second convolution of their first block. */
static gdouble
resnet (const ClipModelConfig *config)
{
  const gdouble width = config->resnet.width, dim = 32 * width;
  gdouble side = config->image_size / 2.0, in = width, tokens;
  gdouble flops = convolution (side, width / 2, 3, 3) + convolution (side, width / 2, width / 2, 3)
                  + convolution (side, width, width / 2, 3);

  side /= 2;
  for (guint stage = 0; stage < 4; stage++) {
    gdouble planes = width * (1 << stage);

    for (guint i = 0; i < config->resnet.layers[stage]; i++) {
      gdouble after = i == 0 && stage > 0 ? side / 2 : side;

      flops += convolution (side, planes, in, 1) + convolution (side, planes, planes, 3)
               + convolution (after, 4 * planes, planes, 1);
      if (i == 0)
        flops += convolution (after, 4 * planes, in, 1);
      side = after;
      in = 4 * planes;
    }
  }
  tokens = side * side + 1;
  return flops + 3 * product (tokens, dim, dim) + 2 * product (tokens, tokens, dim)
         + product (tokens, config->projection, dim);
}

gdouble
clip_image_flops (const ClipModelConfig *config)
{
  gdouble side;

  switch (config->vision_kind) {
  case CLIP_TOWER_VIT:
    side = config->image_size / config->patch_size;
    return (config->conv_stem ? stem (side, config->vision.width)
                              : convolution (side, config->vision.width, 3, config->patch_size))
           + transformer (&config->vision, config->vision_tokens, config->projection);
  case CLIP_TOWER_RESNET:
    return resnet (config);
  case CLIP_TOWER_FASTVIT:
    return clip_fastvit_flops (config);
  }
  return 0;
}

gdouble
clip_text_flops (const ClipModelConfig *config)
{
  return transformer (&config->text, config->context, config->projection);
}
