/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which products a model makes, for the kernels to time. */
#include "gst-clip/engine/internal.h"

/* The products of a tower. @ends: of its layers too: texts, where those of pictures are int8 */
typedef struct {
  GArray *shapes;
  const ClipTowerWeights *tower;
  gboolean ends;
} List;

static void
add (const List *l, ClipGemmA a, guint32 m, guint32 n, guint32 k, gboolean ends)
{
  const ClipTuneShape shape = { a, m, n, k, ends || l->ends };

  for (guint i = 0; i < l->shapes->len; i++) {
    const ClipTuneShape *s = &g_array_index (l->shapes, ClipTuneShape, i);

    if (s->a == a && s->m == m && s->n == n && s->k == k && s->ends == shape.ends)
      return;
  }
  g_array_append_val (l->shapes, shape);
}

/* What follows attention in a layer. */
static void
add_mlp (const List *l, guint32 rows)
{
  const ClipTowerConfig *c = &l->tower->config;

  add (l, CLIP_GEMM_A_NORM, rows, c->mlp, c->width, FALSE);
  add (l, CLIP_GEMM_A_HALF, rows, c->width, c->mlp, FALSE);
  add (l, CLIP_GEMM_A_HALF, rows, c->width, l->tower->attention_width, FALSE);
}

static void
add_layer (const List *l, guint32 rows)
{
  add_mlp (l, rows);
  add (l, CLIP_GEMM_A_NORM, rows, 3 * l->tower->attention_width, l->tower->config.width, FALSE);
}

/* The last layer's, for one token a picture or text, and the projection, which has the last norm where no
 * attention pool does. */
static void
add_pooled (const List *l, guint32 batch)
{
  const ClipTowerConfig *c = &l->tower->config;
  const ClipGemmA a = c->pool == CLIP_POOL_MAP ? CLIP_GEMM_A_FLOAT : CLIP_GEMM_A_NORM;

  add_mlp (l, batch);
  if (c->projection)
    add (l, a, batch, l->tower->projection, c->width, TRUE);
}

static void
add_pictures (const List *l, guint32 batch)
{
  const ClipTowerWeights *v = l->tower;

  add_layer (l, batch * v->tokens);
  if (v->patch_k)
    add (l, CLIP_GEMM_A_FLOAT, batch * v->tokens, v->config.width, v->patch_k, TRUE);
  add_pooled (l, batch);
}

GArray *
clip_engine_products (ClipEngine *e, guint batch)
{
  GArray *shapes = g_array_new (FALSE, FALSE, sizeof (ClipTuneShape));
  const List pictures = { shapes, e->vision, FALSE };
  const List texts = { shapes, e->text, e->text_kernels != e->kernels };

  /* Most important first: time is limited. */
  if (!e->vision->kind)
    add_pictures (&pictures, 1);
  for (guint i = 0; i < CLIP_TEXT_SHAPES; i++) {
    const ClipTextShape *s = &e->text_shapes[i];

    add_layer (&texts, s->batch * s->tokens);
    add_layer (&texts, s->tokens);
    add_pooled (&texts, s->batch);
    add_pooled (&texts, 1);
  }
  for (guint n = 2; n <= batch && !e->vision->kind; n *= 2)
    add_pictures (&pictures, n);
  return shapes;
}

gboolean
clip_engine_tune (ClipEngine *e, const ClipCancel *cancel, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (ClipGpuBuffer) patches = NULL;
  g_autoptr (GArray) shapes = NULL;
  ClipBatchSet one = { .capacity = 1 };

  if (clip_gpu_info (e->gpu)->is_cpu)
    return TRUE;
  patches = clip_tower_input_new (e->kernels, e->vision, 1, &one.patch_rows, error);
  if (patches == NULL)
    return FALSE;
  one.patches = patches;
  shapes = clip_engine_products (e, clip_batch_limit (e, &one));
  if (clip_kernels_tune (e->kernels, (const ClipTuneShape *)shapes->data, shapes->len, cancel,
                         &failure))
    return TRUE;
  if (!clip_cancelled (cancel, error))
    g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}
