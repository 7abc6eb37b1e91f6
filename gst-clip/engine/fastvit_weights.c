/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A FastViT's tensors: which there are, and their way to the device. */
#include "gst-clip/engine/convnet.h"
#include "gst-clip/engine/fastvit.h"

#include <math.h>
#include <string.h>

/* Names of the projection as the engine has them. */
#define PROJECTION_WEIGHT "visual_projection.weight"
#define PROJECTION_BIAS   "visual_projection.bias"

static const ClipFastvitStep *
step_at (const GArray *steps, guint i)
{
  return &g_array_index (steps, ClipFastvitStep, i);
}

/* Names and shapes ------------------------------------------------------------ */

static gboolean
visit (const ClipTensorVisitor *v, const ClipFastvitStep *s, const gchar *part, const guint64 *dims,
       guint n_dims, GError **error)
{
  g_autofree gchar *full = g_strconcat (s->name, part, NULL);

  return v->func (v->data, full, dims, n_dims, error);
}

static gboolean
visit_squeeze (const ClipTensorVisitor *v, const ClipFastvitStep *s, GError **error)
{
  const guint64 first[4] = { s->inner, s->in, 1, 1 }, second[4] = { s->in, s->inner, 1, 1 };

  return visit (v, s, ".fc1.weight", first, 4, error) && visit (v, s, ".fc1.bias", first, 1, error)
         && visit (v, s, ".fc2.weight", second, 4, error)
         && visit (v, s, ".fc2.bias", second, 1, error);
}

/* The step's name ends with a point. */
static gboolean
visit_attention (const ClipTensorVisitor *v, const ClipFastvitStep *s, GError **error)
{
  g_autofree gchar *norm = g_strconcat (s->name, "norm", NULL);
  const guint64 qkv[2] = { 3 * s->in, s->in }, proj[2] = { s->in, s->in };
  const guint64 scale[3] = { s->in, 1, 1 };

  return clip_batch_norm_visit (v, norm, s->in, error)
         && visit (v, s, "token_mixer.proj.bias", scale, 1, error)
         && visit (v, s, "token_mixer.qkv.weight", qkv, 2, error)
         && visit (v, s, "token_mixer.proj.weight", proj, 2, error)
         && v->func (v->data, s->scale, scale, 3, error);
}

static gboolean
visit_head (const ClipTensorVisitor *v, const ClipFastvitStep *s, gboolean has_bias, GError **error)
{
  const guint64 dims[2] = { s->out, s->in };

  return v->func (v->data, PROJECTION_WEIGHT, dims, 2, error)
         && (!has_bias || v->func (v->data, PROJECTION_BIAS, dims, 1, error));
}

gboolean
clip_fastvit_foreach_tensor (const ClipModelConfig *config, const ClipTensorVisitor *v,
                             GError **error)
{
  g_autoptr (GArray) steps = clip_fastvit_plan (config);

  for (guint i = 0; i < steps->len; i++) {
    const ClipFastvitStep *s = step_at (steps, i);
    const gboolean ok = s->op == CLIP_FASTVIT_SQUEEZE     ? visit_squeeze (v, s, error)
                        : s->op == CLIP_FASTVIT_ATTENTION ? visit_attention (v, s, error)
                        : s->op == CLIP_FASTVIT_HEAD
                            ? visit_head (v, s, config->vision.projection_bias, error)
                            : clip_fastvit_visit_conv (s, v, error);

    if (!ok)
      return FALSE;
  }
  return TRUE;
}

/* Sizes ------------------------------------------------------------------------ */

static gboolean
is_end (const ClipFastvitStep *s)
{
  return s->op == CLIP_FASTVIT_FIRST || s->op == CLIP_FASTVIT_HEAD;
}

static gsize
product_bytes (ClipKernels *kernels, guint32 out, guint32 in)
{
  return clip_packer_matrix_bytes (kernels, out, in) + clip_packer_vector_bytes (out);
}

static gsize
step_bytes (ClipKernels *kernels, const ClipFastvitStep *s)
{
  switch (s->op) {
  case CLIP_FASTVIT_FIRST:
    return product_bytes (clip_kernels_ends (kernels), s->out, clip_first_conv_k (FALSE));
  case CLIP_FASTVIT_DEPTHWISE:
    return clip_packer_rows_bytes (s->taps * s->taps, s->out) + clip_packer_vector_bytes (s->out);
  case CLIP_FASTVIT_POINTWISE:
    return product_bytes (kernels, s->out, s->in);
  case CLIP_FASTVIT_SQUEEZE:
    return product_bytes (kernels, s->inner, s->in) + product_bytes (kernels, s->in, s->inner);
  case CLIP_FASTVIT_ATTENTION:
    return product_bytes (kernels, 3 * s->in, s->in) + product_bytes (kernels, s->in, s->in);
  case CLIP_FASTVIT_HEAD:
    return product_bytes (clip_kernels_ends (kernels), s->out, s->in);
  }
  g_assert_not_reached ();
}

static gsize
sum_bytes (ClipKernels *kernels, const GArray *steps, gboolean ends)
{
  gsize bytes = 0;

  for (guint i = 0; i < steps->len; i++)
    if (is_end (step_at (steps, i)) == ends)
      bytes += step_bytes (kernels, step_at (steps, i));
  return bytes;
}

guint64
clip_fastvit_bytes (ClipKernels *kernels, const ClipModelConfig *config)
{
  g_autoptr (GArray) steps = clip_fastvit_plan (config);

  return sum_bytes (kernels, steps, FALSE) + sum_bytes (kernels, steps, TRUE);
}

/* Loading ------------------------------------------------------------------------ */

typedef struct {
  ClipKernels *kernels;
  const ClipModel *model;
  ClipPacker packer, ends;
} Loader;

static ClipPacker *
packer_of (Loader *l, const ClipFastvitStep *s)
{
  return is_end (s) ? &l->ends : &l->packer;
}

/* The tensor NAME PART of a step. (transfer full) */
static float *
read_part (const Loader *l, const ClipFastvitStep *s, const gchar *part, guint64 rows,
           guint64 per_row, GError **error)
{
  g_autofree gchar *full = g_strconcat (s->name, part, NULL);

  return clip_weights_read (l->model, full, rows, per_row, error);
}

/* The step's @which-th product and its bias. */
static gboolean
place_product (Loader *l, ClipFastvitStep *s, guint which, const float *rows, guint32 n, guint32 k,
               const gdouble *bias, GError **error)
{
  g_autofree float *values = g_new (float, n);

  for (guint32 i = 0; i < n; i++)
    values[i] = (float)bias[i];
  s->weights[which] = clip_packer_matrix (packer_of (l, s), rows, n, k, error);
  if (s->weights[which] == 0)
    return FALSE;
  s->bias[which] = clip_packer_vector (packer_of (l, s), values, n, error);
  return s->bias[which] != 0;
}

/* A row a tap. */
static gboolean
place_depthwise (Loader *l, ClipFastvitStep *s, const gdouble *weights, const gdouble *bias,
                 GError **error)
{
  const guint32 area = s->taps * s->taps;
  g_autofree float *rows = g_new (float, (gsize)area * s->out), *values = g_new (float, s->out);

  for (guint32 n = 0; n < s->out; n++) {
    const guint32 to = clip_fastvit_channel (n, s->out, s->multiple);

    values[to] = (float)bias[n];
    for (guint32 t = 0; t < area; t++)
      rows[(gsize)t * s->out + to] = (float)weights[(gsize)n * area + t];
  }
  s->weights[0] = clip_packer_rows (&l->packer, rows, area, s->out, error);
  if (s->weights[0] == 0)
    return FALSE;
  s->bias[0] = clip_packer_vector (&l->packer, values, s->out, error);
  return s->bias[0] != 0;
}

/* (rows, cols) of the file as float, columns where the pictures have them. (transfer full) */
static float *
order_columns (const ClipFastvitStep *s, const gdouble *weights, guint32 rows, guint32 cols)
{
  float *ordered = g_new (float, (gsize)rows *cols);

  for (guint32 n = 0; n < rows; n++)
    for (guint32 i = 0; i < cols; i++)
      ordered[(gsize)n * cols + clip_fastvit_channel (i, cols, s->multiple)] =
          (float)weights[(gsize)n * cols + i];
  return ordered;
}

static gboolean
load_conv (Loader *l, ClipFastvitStep *s, GError **error)
{
  g_autofree gdouble *weights = NULL, *bias = NULL;
  g_autofree float *rows = NULL;

  if (!clip_fastvit_fold (l->model, s, &weights, &bias, error))
    return FALSE;
  if (s->op == CLIP_FASTVIT_DEPTHWISE)
    return place_depthwise (l, s, weights, bias, error);
  if (s->op == CLIP_FASTVIT_POINTWISE) {
    rows = order_columns (s, weights, s->out, s->in);
    return place_product (l, s, 0, rows, s->out, s->in, bias, error);
  }
  rows = clip_first_conv_rows (clip_model_config (l->model), weights, s->out, FALSE, bias);
  return place_product (l, s, 0, rows, s->out, clip_first_conv_k (FALSE), bias, error);
}

/* As doubles. (transfer full) */
static gdouble *
widen (const float *values, gsize n)
{
  gdouble *wide = g_new (gdouble, n);

  for (gsize i = 0; i < n; i++)
    wide[i] = values[i];
  return wide;
}

static gboolean
load_squeeze (Loader *l, ClipFastvitStep *s, GError **error)
{
  const guint32 n = s->in, inner = s->inner;
  g_autofree float *w1 = read_part (l, s, ".fc1.weight", inner, n, error);
  g_autofree float *b1 = w1 ? read_part (l, s, ".fc1.bias", inner, 1, error) : NULL;
  g_autofree float *w2 = b1 ? read_part (l, s, ".fc2.weight", n, inner, error) : NULL;
  g_autofree float *b2 = w2 ? read_part (l, s, ".fc2.bias", n, 1, error) : NULL;
  g_autofree gdouble *first = NULL, *first_bias = NULL, *second_bias = NULL;
  g_autofree float *columns = NULL, *rows = NULL;

  if (b2 == NULL)
    return FALSE;
  first = widen (w1, (gsize)inner * n);
  first_bias = widen (b1, inner);
  columns = order_columns (s, first, inner, n);
  rows = g_new (float, (gsize)n *inner);
  second_bias = g_new (gdouble, n);
  for (guint32 i = 0; i < n; i++) {
    const guint32 to = clip_fastvit_channel (i, n, s->multiple);

    second_bias[to] = b2[i];
    memcpy (rows + (gsize)to * inner, w2 + (gsize)i * inner, inner * sizeof (float));
  }
  return place_product (l, s, 0, columns, inner, n, first_bias, error)
         && place_product (l, s, 1, rows, n, inner, second_bias, error);
}

/*
 * q, k and v of x gain + offset: gain goes into the columns of W, W offset into biases. That of keys changes
 * nothing, that of values goes on to the output, since the weights of a query sum to one; so does LayerScale.
 */
typedef struct {
  float *qkv, *proj, *proj_bias, *scale;
  gdouble *gain, *offset;
} Attention;

static void
attention_clear (Attention *a)
{
  g_free (a->qkv);
  g_free (a->proj);
  g_free (a->proj_bias);
  g_free (a->scale);
  g_free (a->gain);
  g_free (a->offset);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Attention, attention_clear)

static gboolean
read_attention (const Loader *l, const ClipFastvitStep *s, Attention *a, GError **error)
{
  const guint32 n = s->in;
  g_autofree gchar *norm = g_strconcat (s->name, "norm", NULL);

  a->gain = g_new (gdouble, n);
  a->offset = g_new (gdouble, n);
  return (a->qkv = read_part (l, s, "token_mixer.qkv.weight", 3 * n, n, error))
         && (a->proj = read_part (l, s, "token_mixer.proj.weight", n, n, error))
         && (a->proj_bias = read_part (l, s, "token_mixer.proj.bias", n, 1, error))
         && (a->scale = clip_weights_read (l->model, s->scale, n, 1, error))
         && clip_batch_norm_read (l->model, norm, n, a->gain, a->offset, error);
}

/* Multiplies the columns of W_q, W_k and W_v. Returns: (transfer full): double[3 n], what the offset makes. */
static gdouble *
fold_qkv (Attention *a, guint32 n)
{
  gdouble *bias = g_new0 (gdouble, 3 * n);

  for (guint32 r = 0; r < 3 * n; r++) {
    const gdouble factor = r < n ? 1.0 / sqrt (CLIP_FASTVIT_HEAD_DIM) : 1.0;
    float *row = a->qkv + (gsize)r * n;

    for (guint32 i = 0; i < n; i++) {
      bias[r] += factor * row[i] * a->offset[i];
      row[i] = (float)(factor * row[i] * a->gain[i]);
    }
  }
  return bias;
}

static gboolean
load_attention (Loader *l, ClipFastvitStep *s, GError **error)
{
  const guint32 n = s->in;
  g_auto (Attention) a = { NULL };
  g_autofree gdouble *bias = NULL, *out_bias = g_new (gdouble, n);

  if (!read_attention (l, s, &a, error))
    return FALSE;
  bias = fold_qkv (&a, n);
  for (guint32 r = 0; r < n; r++) {
    float *row = a.proj + (gsize)r * n;
    gdouble sum = a.proj_bias[r];

    for (guint32 i = 0; i < n; i++) {
      sum += row[i] * bias[2 * n + i];
      row[i] = (float)((gdouble)a.scale[r] * row[i]);
    }
    out_bias[r] = a.scale[r] * sum;
  }
  memset (bias + n, 0, 2 * n * sizeof *bias);
  return place_product (l, s, 0, a.qkv, 3 * n, n, bias, error)
         && place_product (l, s, 1, a.proj, n, n, out_bias, error);
}

static gboolean
load_head (Loader *l, ClipFastvitStep *s, GError **error)
{
  const gboolean has_bias = clip_model_config (l->model)->vision.projection_bias;
  g_autofree float *weights = clip_weights_read (l->model, PROJECTION_WEIGHT, s->out, s->in, error);
  g_autofree float *bias = NULL, *rows = NULL;
  g_autofree gdouble *wide = NULL, *wide_bias = NULL;

  if (weights == NULL)
    return FALSE;
  if (has_bias && !(bias = clip_weights_read (l->model, PROJECTION_BIAS, s->out, 1, error)))
    return FALSE;
  wide = widen (weights, (gsize)s->out * s->in);
  wide_bias = bias ? widen (bias, s->out) : g_new0 (gdouble, s->out);
  rows = order_columns (s, wide, s->out, s->in);
  return place_product (l, s, 0, rows, s->out, s->in, wide_bias, error);
}

static gboolean
load_step (Loader *l, ClipFastvitStep *s, GError **error)
{
  switch (s->op) {
  case CLIP_FASTVIT_SQUEEZE:
    return load_squeeze (l, s, error);
  case CLIP_FASTVIT_ATTENTION:
    return load_attention (l, s, error);
  case CLIP_FASTVIT_HEAD:
    return load_head (l, s, error);
  default:
    return load_conv (l, s, error);
  }
}

static gboolean
load_steps (Loader *l, const ClipFastvit *f, ClipWeightsProgress progress, gpointer data,
            GError **error)
{
  const ClipModelConfig *config = clip_model_config (l->model);
  guint done = 0;

  for (guint i = 0; i < f->steps->len; i++) {
    ClipFastvitStep *s = &g_array_index (f->steps, ClipFastvitStep, i);

    if (!load_step (l, s, error)
        || (s->ends_block
            && !clip_weights_go_on (progress, ++done, config->vision.layers, data, error)))
      return FALSE;
  }
  return TRUE;
}

gpointer
clip_fastvit_new (ClipKernels *kernels, const ClipModel *model, ClipWeightsProgress progress,
                  gpointer data, GError **error)
{
  const ClipModelConfig *config = clip_model_config (model);
  g_autoptr (ClipFastvit) f = g_new0 (ClipFastvit, 1);
  Loader l = { kernels, model, { NULL }, { NULL } };

  f->image = config->image_size;
  f->projection = config->projection;
  clip_pixels_border (config, f->border);
  f->steps = clip_fastvit_plan (config);
  f->buffer = clip_packer_open (&l.packer, kernels, sum_bytes (kernels, f->steps, FALSE),
                                "images' tower", error);
  if (f->buffer == NULL)
    return NULL;
  f->ends =
      clip_packer_open (&l.ends, clip_kernels_ends (kernels), sum_bytes (kernels, f->steps, TRUE),
                        "ends of the images' tower", error);
  if (f->ends == NULL || !load_steps (&l, f, progress, data, error))
    return NULL;
  return g_steal_pointer (&f);
}

void
clip_fastvit_free (gpointer fastvit)
{
  ClipFastvit *f = fastvit;

  if (f == NULL)
    return;
  g_clear_pointer (&f->steps, g_array_unref);
  clip_gpu_buffer_free (f->buffer);
  clip_gpu_buffer_free (f->ends);
  g_free (f);
}
