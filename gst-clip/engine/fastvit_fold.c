/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolutions that are trained as several branches side by side, as one (Ding et al., RepVGG: Making
 * VGG-style ConvNets Great Again, 2021; Vasu et al., MobileOne, 2023): a sum of convolutions of the same input
 * is a convolution, one of fewer taps has zeros around it, and a batch norm of the input, or the input itself,
 * is one of a single tap with a diagonal matrix.
 */
#include "gst-clip/engine/convnet.h"
#include "gst-clip/engine/fastvit.h"

/* CONV: NAME.weight and NAME.bias; NORMED: NAME.conv.weight and the batch norm NAME.bn; NORM: the batch norm
 * NAME of the input; INPUT: the input */
typedef enum { CONV, NORMED, NORM, INPUT } BranchKind;

/* @taps: 0: the step's. @factor: of the branch; @scaled: LayerScale's too */
typedef struct {
  BranchKind kind;
  const gchar *name;
  guint32 taps;
  gint factor;
  gboolean scaled;
} Branch;

#define END                                                                                        \
  {                                                                                                \
    CONV, NULL, 0, 0                                                                               \
  }

/* timm's MobileOneBlock, ReparamLargeKernelConv, RepMixer (x + scale (mixer (x) - norm (x))) and
 * RepConditionalPosEnc. */
static const Branch forms[][6] = {
  [CLIP_FASTVIT_PLAIN] = { { CONV, "", 0, 1, TRUE }, END },
  [CLIP_FASTVIT_NORMED] = { { NORMED, "", 0, 1 }, END },
  [CLIP_FASTVIT_MOBILE_ONE] = { { NORMED, ".conv_kxk.0", 0, 1 },
                                { NORMED, ".conv_scale", 1, 1 },
                                { NORM, ".identity", 1, 1 },
                                END },
  [CLIP_FASTVIT_LARGE_KERNEL] = { { NORMED, ".large_conv", 0, 1 },
                                  { NORMED, ".small_conv", 3, 1 },
                                  END },
  [CLIP_FASTVIT_REP_MIXER] = { { NORMED, ".mixer.conv_kxk.0", 0, 1, TRUE },
                               { NORMED, ".mixer.conv_scale", 1, 1, TRUE },
                               { NORM, ".mixer.identity", 1, 1, TRUE },
                               { NORM, ".norm.identity", 1, -1, TRUE },
                               { INPUT, "", 1, 1 },
                               END },
  [CLIP_FASTVIT_POSITIONS] = { { CONV, ".pos_enc", 0, 1 }, { INPUT, "", 1, 1 }, END },
};

/* What timm's reparameterize() leaves of those with branches. */
static const Branch merged[] = { { CONV, ".reparam_conv", 0, 1 }, END };

static const Branch *
branches_of (const ClipFastvitStep *step, gboolean (*has) (gconstpointer data, const gchar *name),
             gconstpointer data)
{
  g_autofree gchar *name = g_strconcat (step->name, ".reparam_conv.weight", NULL);

  return has (data, name) ? merged : forms[step->form];
}

/* A convolution of one tap has no second one, and an input of another shape than the output is not added. */
static gboolean
exists (const ClipFastvitStep *step, const Branch *branch)
{
  if (branch->kind == NORM)
    return step->in == step->out && step->stride == 1;
  return branch->taps != 1 || branch->kind != NORMED || step->taps > 1;
}

static guint32
group_inputs (const ClipFastvitStep *step)
{
  return step->op == CLIP_FASTVIT_DEPTHWISE ? 1 : step->in;
}

/* Names and shapes ------------------------------------------------------------ */

static gboolean
visit (const ClipTensorVisitor *v, const ClipFastvitStep *step, const gchar *branch,
       const gchar *part, const guint64 *dims, guint n_dims, GError **error)
{
  g_autofree gchar *full = g_strconcat (step->name, branch, part, NULL);

  return v->func (v->data, full, dims, n_dims, error);
}

static gboolean
visit_norm (const ClipTensorVisitor *v, const ClipFastvitStep *step, const gchar *branch,
            const gchar *norm, GError **error)
{
  g_autofree gchar *name = g_strconcat (step->name, branch, norm, NULL);

  return clip_batch_norm_visit (v, name, step->out, error);
}

static gboolean
visit_branch (const ClipTensorVisitor *v, const ClipFastvitStep *step, const Branch *b,
              GError **error)
{
  const guint32 taps = b->taps ? b->taps : step->taps;
  const guint64 dims[4] = { step->out, group_inputs (step), taps, taps };

  switch (b->kind) {
  case CONV:
    return visit (v, step, b->name, ".weight", dims, 4, error)
           && visit (v, step, b->name, ".bias", dims, 1, error);
  case NORMED:
    return visit (v, step, b->name, ".conv.weight", dims, 4, error)
           && visit_norm (v, step, b->name, ".bn", error);
  case NORM:
    return visit_norm (v, step, b->name, "", error);
  case INPUT:
    return TRUE;
  }
  g_assert_not_reached ();
}

static gboolean
is_scaled (const ClipFastvitStep *step, const Branch *branches)
{
  return step->scale && branches[0].scaled;
}

gboolean
clip_fastvit_visit_conv (const ClipFastvitStep *step, const ClipTensorVisitor *visitor,
                         GError **error)
{
  const Branch *branches = branches_of (step, visitor->has, visitor->data);
  const guint64 scale[3] = { step->out, 1, 1 };

  for (const Branch *b = branches; b->name; b++)
    if (exists (step, b) && !visit_branch (visitor, step, b, error))
      return FALSE;
  return !is_scaled (step, branches) || visitor->func (visitor->data, step->scale, scale, 3, error);
}

/* Folding --------------------------------------------------------------------- */

/* @scale: (nullable): LayerScale's factors; @weights, @bias: sums of all branches so far */
typedef struct {
  const ClipModel *model;
  const ClipFastvitStep *step;
  float *scale;
  gdouble *weights, *bias;
} Fold;

static gdouble
factor_of (const Fold *f, const Branch *b, guint32 out)
{
  return b->scaled && f->scale ? b->factor * (gdouble)f->scale[out] : b->factor;
}

/* Adds @weights (nullable: a diagonal matrix of ones), float[out][inputs][taps][taps], in the middle of the
 * taps: times gain, and the offset. */
static void
accumulate (const Fold *f, const Branch *b, const float *weights, guint32 taps, const gdouble *gain,
            const gdouble *offset)
{
  const ClipFastvitStep *s = f->step;
  const guint32 inputs = group_inputs (s), border = (s->taps - taps) / 2, area = taps * taps;

  for (guint32 n = 0; n < s->out; n++) {
    const gdouble factor = factor_of (f, b, n);

    f->bias[n] += factor * offset[n];
    for (guint32 i = 0; i < inputs; i++)
      for (guint32 t = 0; t < area; t++) {
        const gsize at = (gsize)n * inputs + i;
        const gsize to = (at * s->taps + t / taps + border) * s->taps + t % taps + border;
        const gdouble one = inputs == 1 || i == n ? 1.0 : 0.0;

        f->weights[to] += factor * gain[n] * (weights ? weights[at * area + t] : one);
      }
  }
}

static gboolean
add_branch (const Fold *f, const Branch *b, GError **error)
{
  const ClipFastvitStep *s = f->step;
  const guint32 taps = b->taps ? b->taps : s->taps;
  const gsize per_row = (gsize)group_inputs (s) * taps * taps;
  g_autofree gchar *name = g_strconcat (s->name, b->name, NULL);
  g_autofree gchar *weight =
      g_strconcat (name, b->kind == NORMED ? ".conv.weight" : ".weight", NULL);
  g_autofree gchar *rest = g_strconcat (name,
                                        b->kind == NORMED ? ".bn"
                                        : b->kind == CONV ? ".bias"
                                                          : "",
                                        NULL);
  g_autofree gdouble *gain = g_new (gdouble, s->out), *offset = g_new0 (gdouble, s->out);
  g_autofree float *weights = NULL, *bias = NULL;

  for (guint32 i = 0; i < s->out; i++)
    gain[i] = 1.0;
  if (b->kind == CONV || b->kind == NORMED) {
    weights = clip_weights_read (f->model, weight, s->out, per_row, error);
    if (weights == NULL)
      return FALSE;
  }
  if (b->kind == CONV) {
    bias = clip_weights_read (f->model, rest, s->out, 1, error);
    if (bias == NULL)
      return FALSE;
    for (guint32 i = 0; i < s->out; i++)
      offset[i] = bias[i];
  } else if (b->kind != INPUT
             && !clip_batch_norm_read (f->model, rest, s->out, gain, offset, error)) {
    return FALSE;
  }
  accumulate (f, b, weights, taps, gain, offset);
  return TRUE;
}

static gboolean
has_tensor (gconstpointer model, const gchar *name)
{
  return clip_model_has (model, name);
}

gboolean
clip_fastvit_fold (const ClipModel *model, const ClipFastvitStep *step, gdouble **weights,
                   gdouble **bias, GError **error)
{
  const Branch *branches = branches_of (step, has_tensor, model);
  const gsize n = (gsize)step->out * group_inputs (step) * step->taps * step->taps;
  g_autofree gdouble *w = g_new0 (gdouble, n), *b = g_new0 (gdouble, step->out);
  g_autofree float *scale = NULL;
  Fold fold = { model, step, NULL, w, b };

  if (is_scaled (step, branches)) {
    scale = fold.scale = clip_weights_read (model, step->scale, step->out, 1, error);
    if (scale == NULL)
      return FALSE;
  }
  for (const Branch *branch = branches; branch->name; branch++)
    if (exists (step, branch) && !add_branch (&fold, branch, error))
      return FALSE;
  *weights = g_steal_pointer (&w);
  *bias = g_steal_pointer (&b);
  return TRUE;
}
