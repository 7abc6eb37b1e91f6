/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which products a model makes, for the kernels to time. */
#include "gst-clip/engine/internal.h"
#include "gst-clip/kernels/tune.h"

static void
add (GArray *shapes, guint32 m, guint32 n, guint32 k)
{
  const ClipTuneShape shape = { m, n, k };

  for (guint i = 0; i < shapes->len; i++) {
    const ClipTuneShape *s = &g_array_index (shapes, ClipTuneShape, i);

    if (s->m == m && s->n == n && s->k == k)
      return;
  }
  g_array_append_val (shapes, shape);
}

/* A layer's products for so many rows. */
static void
add_layer (GArray *shapes, const ClipTowerWeights *t, guint32 rows)
{
  add (shapes, rows, t->config.mlp, t->config.width);
  add (shapes, rows, t->config.width, t->config.mlp);
  add (shapes, rows, 3 * t->attention_width, t->config.width);
  add (shapes, rows, t->config.width, t->attention_width);
}

/* What follows attention in the last layer, for one token a picture or text. */
static void
add_pooled (GArray *shapes, const ClipTowerWeights *t, guint32 batch)
{
  add (shapes, batch, t->config.mlp, t->config.width);
  add (shapes, batch, t->config.width, t->config.mlp);
  add (shapes, batch, t->config.width, t->attention_width);
  add (shapes, batch, t->projection, t->config.width);
}

gboolean
clip_engine_tune (ClipEngine *e, const ClipCancel *cancel, GError **error)
{
  g_autoptr (GArray) shapes = g_array_new (FALSE, FALSE, sizeof (ClipTuneShape));
  const ClipTowerWeights *v = e->vision;
  g_autoptr (GError) failure = NULL;

  /* Most important first: time is limited. (int8 has other kernels for patches and projection; those
   * keep their fallback.) */
  if (!v->kind) {
    add_layer (shapes, v, v->tokens);
    if (v->patch_k)
      add (shapes, v->tokens, v->config.width, v->patch_k);
    add_pooled (shapes, v, 1);
  }
  for (guint i = 0; i < CLIP_TEXT_SHAPES; i++) {
    add_layer (shapes, e->text, e->text_shapes[i].batch * e->text_shapes[i].tokens);
    add_layer (shapes, e->text, e->text_shapes[i].tokens);
  }
  for (guint n = 2; n <= CLIP_BATCH_MAX && !v->kind; n *= 2) {
    add_layer (shapes, v, n * v->tokens);
    if (v->patch_k)
      add (shapes, n * v->tokens, v->config.width, v->patch_k);
    add_pooled (shapes, v, n);
  }
  if (clip_kernels_tune (e->kernels, (const ClipTuneShape *)shapes->data, shapes->len, cancel,
                         &failure))
    return TRUE;
  if (!clip_cancelled (cancel, error))
    g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}
