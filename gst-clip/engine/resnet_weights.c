/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/convnet.h"
#include "gst-clip/engine/resnet.h"

#include <math.h>
#include <string.h>

/* Up to here a picture is encoded sooner than another pipeline is compiled. */
#define NARROW_WIDTH 40

/* Shapes ------------------------------------------------------------------ */

static void
init_block (ClipResnetBlock *b, guint32 in, guint32 planes, guint32 stride)
{
  b->stride = stride;
  b->conv1 = (ClipResnetConv){ in, planes, 1 };
  b->conv2 = (ClipResnetConv){ planes, planes, 3 };
  b->conv3 = (ClipResnetConv){ planes, 4 * planes, 1 };
  if (stride > 1 || in != 4 * planes)
    b->down = (ClipResnetConv){ in, 4 * planes, 1 };
}

static void
init_shapes (ClipResnet *r, const ClipModelConfig *config)
{
  const ClipResnetConfig *c = &config->resnet;
  guint32 in = c->width;

  r->image = config->image_size;
  r->side = config->image_size / CLIP_RESNET_STRIDE;
  r->dim = CLIP_RESNET_STRIDE * c->width;
  r->heads = c->heads;
  r->projection = config->projection;
  r->narrow = c->width <= NARROW_WIDTH;
  r->stem[0] = (ClipResnetConv){ 3, c->width / 2, 3 };
  r->stem[1] = (ClipResnetConv){ c->width / 2, c->width / 2, 3 };
  r->stem[2] = (ClipResnetConv){ c->width / 2, c->width, 3 };
  for (guint stage = 0; stage < 4; stage++)
    r->n_blocks += c->layers[stage];
  r->blocks = g_new0 (ClipResnetBlock, r->n_blocks);
  for (guint stage = 0, n = 0; stage < 4; stage++)
    for (guint i = 0; i < c->layers[stage]; i++, n++) {
      const guint32 planes = c->width << stage;

      init_block (&r->blocks[n], in, planes, stage > 0 && i == 0 ? 2 : 1);
      in = 4 * planes;
    }
  clip_pixels_border (config, r->border);
}

static guint32
conv_k (const ClipResnetConv *c)
{
  const ClipWindow window = { .taps_y = c->taps, .taps_x = c->taps, .stride = 1 };

  return clip_conv_k (&window, c->in);
}

/* Whether @c is made on a picture with a border, of that side. */
static void
choose_border (ClipKernels *kernels, const ClipResnet *r, guint32 side, ClipResnetConv *c)
{
  const ClipWindow window = clip_resnet_window (c, side);

  c->bordered = clip_conv_bordered (kernels, &window, c->in, r->narrow);
}

static void
choose_borders (ClipKernels *kernels, ClipResnet *r)
{
  guint32 side = r->image / 2;

  choose_border (kernels, r, side, &r->stem[1]);
  choose_border (kernels, r, side, &r->stem[2]);
  side /= 2;
  for (guint i = 0; i < r->n_blocks; i++) {
    choose_border (kernels, r, side, &r->blocks[i].conv2);
    side /= r->blocks[i].stride;
  }
}

static gsize
conv_bytes (ClipKernels *kernels, const ClipResnetConv *c, guint32 k)
{
  if (c->out == 0)
    return 0;
  return clip_packer_matrix_bytes (kernels, c->out, k) + clip_packer_vector_bytes (c->out);
}

static gsize
block_bytes (ClipKernels *kernels, const ClipResnetBlock *b)
{
  return conv_bytes (kernels, &b->conv1, conv_k (&b->conv1))
         + conv_bytes (kernels, &b->conv2, conv_k (&b->conv2))
         + conv_bytes (kernels, &b->conv3, conv_k (&b->conv3))
         + conv_bytes (kernels, &b->down, conv_k (&b->down));
}

/* Not in a narrow one: what the folded pool saves is less than its pipelines take. */
static gboolean
pool_folds (ClipKernels *kernels, const ClipResnet *r)
{
  const ClipAttention shape = clip_resnet_pool_shape (r, 1);

  return !r->narrow && clip_pool_scratch_bytes (kernels, &shape) > 0;
}

/* Of keys and values. */
static gsize
kv_bytes (ClipKernels *kernels, const ClipResnet *r)
{
  if (pool_folds (kernels, r))
    return clip_packer_matrix_bytes (kernels, r->heads * r->dim, r->dim / r->heads)
           + clip_packer_matrix_bytes (kernels, r->dim, r->dim);
  return clip_packer_matrix_bytes (kernels, 2 * r->dim, r->dim);
}

static gsize
middle_bytes (ClipKernels *kernels, const ClipResnet *r)
{
  return conv_bytes (kernels, &r->stem[1], conv_k (&r->stem[1]))
         + conv_bytes (kernels, &r->stem[2], conv_k (&r->stem[2]))
         + clip_packer_rows_bytes (r->side * r->side + 1, r->dim)
         + clip_packer_matrix_bytes (kernels, r->dim, r->dim) + clip_packer_vector_bytes (r->dim)
         + kv_bytes (kernels, r);
}

static gsize
ends_bytes (ClipKernels *kernels, const ClipResnet *r)
{
  ClipKernels *ends = clip_kernels_ends (kernels);

  return conv_bytes (ends, &r->stem[0], clip_first_conv_k (r->narrow))
         + clip_packer_matrix_bytes (ends, r->projection, r->dim)
         + clip_packer_vector_bytes (r->projection);
}

guint64
clip_resnet_bytes (ClipKernels *kernels, const ClipModelConfig *config)
{
  g_autoptr (ClipResnet) r = g_new0 (ClipResnet, 1);
  guint64 bytes = 0;

  init_shapes (r, config);
  bytes = ends_bytes (kernels, r) + middle_bytes (kernels, r);
  for (guint i = 0; i < r->n_blocks; i++)
    bytes += block_bytes (kernels, &r->blocks[i]);
  return bytes;
}

/* Tensors ----------------------------------------------------------------- */

static gboolean
visit (const ClipTensorVisitor *v, const gchar *prefix, const gchar *name, const guint64 *dims,
       guint n_dims, GError **error)
{
  g_autofree gchar *full = g_strconcat (prefix, name, NULL);

  return v->func (v->data, full, dims, n_dims, error);
}

/* A convolution without bias, and the batch norm behind it. */
static gboolean
visit_conv (const ClipTensorVisitor *v, const gchar *prefix, const gchar *conv, const gchar *norm,
            const ClipResnetConv *c, GError **error)
{
  const guint64 dims[4] = { c->out, c->in, c->taps, c->taps };
  g_autofree gchar *weight = g_strconcat (conv, ".weight", NULL);
  g_autofree gchar *name = g_strconcat (prefix, norm, NULL);

  return visit (v, prefix, weight, dims, 4, error)
         && clip_batch_norm_visit (v, name, c->out, error);
}

static gboolean
visit_block (const ClipTensorVisitor *v, const gchar *prefix, const ClipResnetBlock *b,
             GError **error)
{
  return visit_conv (v, prefix, "conv1", "bn1", &b->conv1, error)
         && visit_conv (v, prefix, "conv2", "bn2", &b->conv2, error)
         && visit_conv (v, prefix, "conv3", "bn3", &b->conv3, error)
         && (b->down.out == 0
             || visit_conv (v, prefix, "downsample.0", "downsample.1", &b->down, error));
}

static gboolean
visit_pool (const ClipTensorVisitor *v, const ClipResnet *r, GError **error)
{
  const gchar *const prefix = "visual.attnpool.";
  const guint64 positions[2] = { r->side * r->side + 1, r->dim };
  const guint64 square[2] = { r->dim, r->dim }, out[2] = { r->projection, r->dim };

  return visit (v, prefix, "positional_embedding", positions, 2, error)
         && visit (v, prefix, "q_proj.weight", square, 2, error)
         && visit (v, prefix, "q_proj.bias", square, 1, error)
         && visit (v, prefix, "k_proj.weight", square, 2, error)
         && visit (v, prefix, "k_proj.bias", square, 1, error)
         && visit (v, prefix, "v_proj.weight", square, 2, error)
         && visit (v, prefix, "v_proj.bias", square, 1, error)
         && visit (v, prefix, "c_proj.weight", out, 2, error)
         && visit (v, prefix, "c_proj.bias", out, 1, error);
}

/* "visual.layer2.0." of the block with that number. */
static gchar *
block_prefix (const ClipResnetConfig *config, guint block)
{
  guint stage = 0;

  while (block >= config->layers[stage])
    block -= config->layers[stage++];
  return g_strdup_printf ("visual.layer%u.%u.", stage + 1, block);
}

gboolean
clip_resnet_foreach_tensor (const ClipModelConfig *config, const ClipTensorVisitor *v,
                            GError **error)
{
  g_autoptr (ClipResnet) r = g_new0 (ClipResnet, 1);

  init_shapes (r, config);
  if (!visit_conv (v, "visual.", "conv1", "bn1", &r->stem[0], error)
      || !visit_conv (v, "visual.", "conv2", "bn2", &r->stem[1], error)
      || !visit_conv (v, "visual.", "conv3", "bn3", &r->stem[2], error))
    return FALSE;
  for (guint i = 0; i < r->n_blocks; i++) {
    g_autofree gchar *prefix = block_prefix (&config->resnet, i);

    if (!visit_block (v, prefix, &r->blocks[i], error))
      return FALSE;
  }
  return visit_pool (v, r, error);
}

/* Reading ----------------------------------------------------------------- */

typedef struct {
  ClipKernels *kernels;
  const ClipModel *model;
  ClipResnet *resnet;
  ClipPacker packer;
} Loader;

/* The whole tensor PREFIX NAME PART. (transfer full) */
static float *
read_tensor (const Loader *l, const gchar *prefix, const gchar *name, const gchar *part,
             guint64 rows, guint64 per_row, GError **error)
{
  g_autofree gchar *full = g_strconcat (prefix, name, part, NULL);

  return clip_weights_read (l->model, full, rows, per_row, error);
}

/* A convolution's weights, times the gain of the batch norm behind it, whose offset is the bias. (transfer full) */
static gdouble *
read_conv (const Loader *l, const gchar *prefix, const gchar *conv, const gchar *norm,
           const ClipResnetConv *c, gdouble *offset, GError **error)
{
  const gsize per_row = (gsize)c->in * c->taps * c->taps;
  g_autofree gchar *name = g_strconcat (prefix, norm, NULL);
  g_autofree float *weights = read_tensor (l, prefix, conv, ".weight", c->out, per_row, error);
  g_autofree gdouble *gain = g_new (gdouble, c->out), *scaled = g_new (gdouble, c->out * per_row);

  if (weights == NULL || !clip_batch_norm_read (l->model, name, c->out, gain, offset, error))
    return NULL;
  for (gsize i = 0; i < c->out * per_row; i++)
    scaled[i] = gain[i / per_row] * weights[i];
  return g_steal_pointer (&scaled);
}

static gboolean
place_conv (Loader *l, const float *rows, guint32 k, const gdouble *offset, ClipResnetConv *c,
            GError **error)
{
  g_autofree float *bias = g_new (float, c->out);

  for (guint32 i = 0; i < c->out; i++)
    bias[i] = (float)offset[i];
  c->weights = clip_packer_matrix (&l->packer, rows, c->out, k, error);
  if (c->weights == 0)
    return FALSE;
  c->bias = clip_packer_vector (&l->packer, bias, c->out, error);
  return c->bias != 0;
}

static gboolean
load_conv (Loader *l, const gchar *prefix, const gchar *conv, const gchar *norm, ClipResnetConv *c,
           GError **error)
{
  g_autofree gdouble *offset = g_new (gdouble, c->out);
  g_autofree gdouble *weights = read_conv (l, prefix, conv, norm, c, offset, error);
  g_autofree float *rows = NULL;

  if (weights == NULL)
    return FALSE;
  rows = clip_conv_rows (weights, c->out, c->in, c->taps, conv_k (c), c->bordered);
  return place_conv (l, rows, conv_k (c), offset, c, error);
}

static gboolean
load_first (Loader *l, GError **error)
{
  const gboolean narrow = l->resnet->narrow;
  ClipResnetConv *c = &l->resnet->stem[0];
  g_autofree gdouble *offset = g_new (gdouble, c->out);
  g_autofree gdouble *weights = read_conv (l, "visual.", "conv1", "bn1", c, offset, error);
  g_autofree float *rows = NULL;

  if (weights == NULL)
    return FALSE;
  rows = clip_first_conv_rows (clip_model_config (l->model), weights, c->out, narrow, offset);
  return place_conv (l, rows, clip_first_conv_k (narrow), offset, c, error);
}

/* Of queries; 1 / sqrt (features of a head) is in them. */
static gboolean
load_q (Loader *l, GError **error)
{
  const gchar *const prefix = "visual.attnpool.";
  ClipResnet *r = l->resnet;
  const gdouble scale = 1.0 / sqrt (r->dim / r->heads);
  g_autofree float *rows = read_tensor (l, prefix, "q_proj", ".weight", r->dim, r->dim, error);
  g_autofree float *bias =
      rows ? read_tensor (l, prefix, "q_proj", ".bias", r->dim, 1, error) : NULL;

  if (bias == NULL)
    return FALSE;
  for (gsize i = 0; i < (gsize)r->dim * r->dim; i++)
    rows[i] = (float)(scale * rows[i]);
  for (guint32 i = 0; i < r->dim; i++)
    bias[i] = (float)(scale * bias[i]);
  r->q_weights = clip_packer_matrix (&l->packer, rows, r->dim, r->dim, error);
  if (r->q_weights == 0)
    return FALSE;
  r->q_bias = clip_packer_vector (&l->packer, bias, r->dim, error);
  return r->q_bias != 0;
}

/* Row h dim + c is column c of rows head_dim h .. of @k. (transfer full) */
static float *
columns_of_heads (const ClipResnet *r, const float *k)
{
  const gsize dim = r->dim, head_dim = dim / r->heads;
  float *rows = g_new (float, dim *dim);

  for (gsize i = 0; i < dim * dim; i++)
    rows[(i / dim / head_dim * dim + i % dim) * head_dim + i / dim % head_dim] = k[i];
  return rows;
}

static gboolean
place_folded (Loader *l, const float *k, const float *v, GError **error)
{
  ClipResnet *r = l->resnet;
  g_autofree float *columns = columns_of_heads (r, k);

  r->keys = clip_packer_matrix (&l->packer, columns, r->heads * r->dim, r->dim / r->heads, error);
  r->values = r->keys ? clip_packer_matrix (&l->packer, v, r->dim, r->dim, error) : 0;
  return r->values != 0;
}

/* Of keys, then of values, whose biases are dropped and moved on. */
static gboolean
load_kv (Loader *l, GError **error)
{
  const gchar *const prefix = "visual.attnpool.";
  ClipResnet *r = l->resnet;
  const gsize n = (gsize)r->dim * r->dim;
  g_autofree float *k = read_tensor (l, prefix, "k_proj", ".weight", r->dim, r->dim, error);
  g_autofree float *v =
      k ? read_tensor (l, prefix, "v_proj", ".weight", r->dim, r->dim, error) : NULL;
  g_autofree float *joint = NULL;

  if (v == NULL)
    return FALSE;
  if (r->folds)
    return place_folded (l, k, v, error);
  joint = g_new (float, 2 * n);
  memcpy (joint, k, n * sizeof (float));
  memcpy (joint + n, v, n * sizeof (float));
  r->kv_weights = clip_packer_matrix (&l->packer, joint, 2 * r->dim, r->dim, error);
  return r->kv_weights != 0;
}

/* b_c + W_c b_v: the weights of a query sum to one. */
static gboolean
load_projection (Loader *l, GError **error)
{
  const gchar *const prefix = "visual.attnpool.";
  ClipResnet *r = l->resnet;
  g_autofree float *rows =
      read_tensor (l, prefix, "c_proj", ".weight", r->projection, r->dim, error);
  g_autofree float *bias =
      rows ? read_tensor (l, prefix, "c_proj", ".bias", r->projection, 1, error) : NULL;
  g_autofree float *v_bias =
      bias ? read_tensor (l, prefix, "v_proj", ".bias", r->dim, 1, error) : NULL;

  if (v_bias == NULL)
    return FALSE;
  for (guint32 n = 0; n < r->projection; n++) {
    gdouble sum = bias[n];

    for (guint32 i = 0; i < r->dim; i++)
      sum += (gdouble)rows[(gsize)n * r->dim + i] * v_bias[i];
    bias[n] = (float)sum;
  }
  r->projection_weights = clip_packer_matrix (&l->packer, rows, r->projection, r->dim, error);
  if (r->projection_weights == 0)
    return FALSE;
  r->projection_bias = clip_packer_vector (&l->packer, bias, r->projection, error);
  return r->projection_bias != 0;
}

/* Loading ----------------------------------------------------------------- */

static gboolean
load_ends (Loader *l, GError **error)
{
  ClipResnet *r = l->resnet;

  r->ends = clip_packer_open (&l->packer, clip_kernels_ends (l->kernels),
                              ends_bytes (l->kernels, r), "ends of the images' tower", error);
  return r->ends && load_first (l, error) && load_projection (l, error);
}

static gboolean
load_middle (Loader *l, GError **error)
{
  ClipResnet *r = l->resnet;
  const guint32 tokens = r->side * r->side + 1;
  g_autofree float *positions = NULL;

  r->buffer = clip_packer_open (&l->packer, l->kernels, middle_bytes (l->kernels, r),
                                "stem and attention pool", error);
  if (!r->buffer || !load_conv (l, "visual.", "conv2", "bn2", &r->stem[1], error)
      || !load_conv (l, "visual.", "conv3", "bn3", &r->stem[2], error) || !load_q (l, error)
      || !load_kv (l, error))
    return FALSE;
  positions =
      read_tensor (l, "visual.attnpool.", "positional_embedding", "", tokens, r->dim, error);
  r->positions = positions ? clip_packer_rows (&l->packer, positions, tokens, r->dim, error) : 0;
  return r->positions != 0;
}

static gboolean
load_block (Loader *l, guint block, GError **error)
{
  g_autofree gchar *prefix = block_prefix (&clip_model_config (l->model)->resnet, block);
  ClipResnetBlock *b = &l->resnet->blocks[block];

  b->buffer = clip_packer_open (&l->packer, l->kernels, block_bytes (l->kernels, b), prefix, error);
  return b->buffer && load_conv (l, prefix, "conv1", "bn1", &b->conv1, error)
         && load_conv (l, prefix, "conv2", "bn2", &b->conv2, error)
         && load_conv (l, prefix, "conv3", "bn3", &b->conv3, error)
         && (b->down.out == 0
             || load_conv (l, prefix, "downsample.0", "downsample.1", &b->down, error));
}

gpointer
clip_resnet_new (ClipKernels *kernels, const ClipModel *model, ClipWeightsProgress progress,
                 gpointer data, GError **error)
{
  g_autoptr (ClipResnet) r = g_new0 (ClipResnet, 1);
  Loader l = { kernels, model, r, { NULL } };

  init_shapes (r, clip_model_config (model));
  choose_borders (kernels, r);
  r->folds = pool_folds (kernels, r);
  if (!load_ends (&l, error) || !load_middle (&l, error))
    return NULL;
  for (guint i = 0; i < r->n_blocks; i++)
    if (!load_block (&l, i, error)
        || !clip_weights_go_on (progress, i + 1, r->n_blocks, data, error))
      return NULL;
  return g_steal_pointer (&r);
}

void
clip_resnet_free (gpointer resnet)
{
  ClipResnet *r = resnet;

  if (r == NULL)
    return;
  for (guint i = 0; r->blocks && i < r->n_blocks; i++)
    clip_gpu_buffer_free (r->blocks[i].buffer);
  g_free (r->blocks);
  clip_gpu_buffer_free (r->buffer);
  clip_gpu_buffer_free (r->ends);
  g_free (r);
}
