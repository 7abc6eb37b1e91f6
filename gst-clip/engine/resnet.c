/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/convnet.h"
#include "gst-clip/engine/resnet.h"

/**
 * Activations: @p: the block's input and output; @a, @b: between its convolutions; @bordered: pictures with a
 * border, see bordered_at(); @columns: scratch memory of convolutions; @tokens, @kv: of the attention pool; where it
 * folds, @kv is its scratch memory
 */
typedef struct {
  ClipGpuBuffer *p[2], *a, *b, *bordered, *columns, *tokens, *kv;
} Activations;

typedef struct {
  ClipKernels *kernels;
  ClipGpuRecording *rec;
  const ClipResnet *resnet;
  const Activations *a;
  const ClipImageRun *run;
} Walk;

/* Bytes of @batch pictures with a border for @c; 0 where it reads none. */
static gsize
bordered_bytes (guint32 batch, guint32 side, const ClipResnetConv *c)
{
  const gsize rows = clip_bordered_rows (batch, side, side) + CLIP_PAD_ROWS;
  const gsize bytes = rows * clip_channels (c->in) * sizeof (float);

  return c->bordered ? (bytes + 255) / 256 * 256 : 0; /* as aligned as any row */
}

/*
 * Where the pictures of place @which begin, in bytes: two of the stem and one for each block, or all of them.
 * Blocks that follow each other with pictures of one size share them; another size would write on the border,
 * which has to stay zero.
 */
static gsize
bordered_at (const ClipResnet *r, guint32 batch, guint which)
{
  guint32 side = r->image / 2;
  gsize at[2] = { 0, bordered_bytes (batch, side, &r->stem[1]) };
  gsize here = at[1], next = here + bordered_bytes (batch, side, &r->stem[2]);

  if (which < 2)
    return at[which];
  side /= 2;
  for (guint i = 0; i < r->n_blocks && i + 2 <= which; i++) {
    const ClipResnetBlock *b = &r->blocks[i], *last = i ? b - 1 : NULL;

    if (!last || last->stride > 1 || last->conv2.in != b->conv2.in) {
      here = next;
      next = here + bordered_bytes (batch, side, &b->conv2);
    }
    side /= b->stride;
  }
  return which == r->n_blocks + 2 ? next : here;
}

static ClipPictures
pictures (const Walk *w, const ClipGpuBuffer *buffer, guint32 side, guint32 channels)
{
  const guint32 batch = w->run->batch;

  return (ClipPictures){ clip_activation_matrix (buffer, batch * side * side, channels), batch,
                         side, side };
}

/* Pictures with a border, of the convolution @c of the @which-th place for such. */
static ClipPictures
bordered_pictures (const Walk *w, guint which, guint32 side, const ClipResnetConv *c)
{
  const guint32 batch = w->run->batch;
  const gsize at = bordered_at (w->resnet, batch, which);
  const ClipMatrix pixels = { w->a->bordered->address + at, clip_bordered_rows (batch, side, side),
                              c->in, clip_channels (c->in) };

  return (ClipPictures){ pixels, batch, side, side, TRUE };
}

/* What @c reads: pictures with a border where it is made on such, else in @plain. */
static ClipPictures
input_of (const Walk *w, const ClipResnetConv *c, guint which, guint32 side,
          const ClipGpuBuffer *plain)
{
  return c->bordered ? bordered_pictures (w, which, side, c) : pictures (w, plain, side, c->in);
}

/* relu (conv (x) + @residual) -> @y; without relu for what is added later. */
static ClipPictures
conv (const Walk *w, const ClipResnetConv *c, ClipPictures x, ClipPictures y,
      const ClipPictures *residual, gboolean relu)
{
  const ClipConv op = { .x = x,
                        .window = clip_resnet_window (c, x.height),
                        .weights = c->weights,
                        .bias = c->bias,
                        .y = y,
                        .residual = residual ? residual->pixels.address : 0,
                        .relu = relu,
                        .few = w->resnet->narrow };

  clip_kernel_conv (w->kernels, w->rec, &op, w->a->columns->address);
  return y;
}

static ClipPictures
average (const Walk *w, ClipPictures x, guint32 size, const ClipGpuBuffer *to)
{
  const ClipPictures y = pictures (w, to, x.height / size, x.pixels.cols);

  clip_kernel_average (w->kernels, w->rec, &x, size, &y);
  return y;
}

static void
keep_stage (const Walk *w, guint stage, const ClipGpuBuffer *buffer, ClipPictures p)
{
  if (w->run->stages == NULL)
    return;
  clip_gpu_recording_copy (w->rec, buffer, 0, w->run->stages[stage], 0,
                           (gsize)p.pixels.rows * p.pixels.ld * sizeof (float));
  clip_gpu_recording_barrier (w->rec);
}

static ClipPictures
record_first (const Walk *w)
{
  const ClipResnet *r = w->resnet;
  ClipConv op = clip_first_conv (&w->run->input, r->image, w->run->batch, r->narrow);

  op.weights = r->stem[0].weights;
  op.bias = r->stem[0].bias;
  op.y = input_of (w, &r->stem[1], 0, r->image / 2, w->a->a);
  op.relu = TRUE;
  op.few = r->narrow;
  clip_kernel_conv (clip_kernels_ends (w->kernels), w->rec, &op, w->a->columns->address);
  return op.y;
}

/* -> p[0] */
static ClipPictures
record_stem (const Walk *w)
{
  const ClipResnet *r = w->resnet;
  ClipPictures x = record_first (w);

  if (!x.border)
    keep_stage (w, 0, w->a->a, x);
  x = conv (w, &r->stem[1], x, input_of (w, &r->stem[2], 1, x.height, w->a->b), NULL, TRUE);
  x = conv (w, &r->stem[2], x, pictures (w, w->a->a, x.height, r->stem[2].out), NULL, TRUE);
  keep_stage (w, 1, w->a->a, x);
  x = average (w, x, 2, w->a->p[0]);
  keep_stage (w, 2, w->a->p[0], x);
  return x;
}

/*
 * p[*at] -> p[*at]. The input is free once it was brought to the output's shape, so that the output can
 * take its place; where it is added as it is, the output goes to the other one.
 */
static ClipPictures
record_block (const Walk *w, guint block, ClipPictures x, guint *at)
{
  const ClipResnetBlock *b = &w->resnet->blocks[block];
  const guint32 side = x.height, after = side / b->stride;
  ClipGpuBuffer *a = w->a->a, *other = w->a->b;
  ClipPictures y, added = x;

  y = conv (w, &b->conv1, x, input_of (w, &b->conv2, block + 2, side, a), NULL, TRUE);
  y = conv (w, &b->conv2, y, pictures (w, other, side, b->conv2.out), NULL, TRUE);
  if (b->stride > 1) {
    y = average (w, y, b->stride, a);
    added = average (w, x, b->stride, other);
  }
  if (b->down.out)
    added = conv (w, &b->down, added, pictures (w, w->a->p[!*at], after, b->down.out), NULL, FALSE);
  else
    *at = !*at;
  return conv (w, &b->conv3, y, pictures (w, w->a->p[*at], after, b->conv3.out), &added, TRUE);
}

/* Last block of a stage: the next one halves the picture, or there is none. */
static gboolean
ends_stage (const ClipResnet *r, guint block)
{
  return block + 1 == r->n_blocks || r->blocks[block + 1].stride > 1;
}

/* rows weights + bias -> @c: rows as a picture of one line. */
static void
linear (const Walk *w, ClipKernels *kernels, ClipMatrix rows, VkDeviceAddress weights,
        VkDeviceAddress bias, ClipMatrix c)
{
  const ClipConv op = { .x = { rows, 1, 1, rows.rows },
                        .window = { 1, 1, 1, 0, 1, rows.rows },
                        .weights = weights,
                        .bias = bias,
                        .y = { c, 1, 1, rows.rows },
                        .few = w->resnet->narrow };

  clip_kernel_conv (kernels, w->rec, &op, w->a->columns->address);
}

/* Attention of the mean to all pixels, of which there are keys and values. */
static void
record_attention (const Walk *w, ClipPictures x, const ClipMatrix *q, const ClipMatrix *mean)
{
  const ClipResnet *r = w->resnet;
  const guint32 batch = w->run->batch;
  const ClipAttention shape = clip_resnet_pool_shape (r, batch);
  const guint32 rows = batch * shape.tokens;
  const ClipMatrix t = clip_activation_matrix (w->a->tokens, rows, r->dim);
  const ClipMatrix kv = clip_activation_matrix (w->a->kv, rows, 2 * r->dim);
  const gsize bytes = t.ld * sizeof (float);
  g_autofree ClipGpuRegion *means = g_new (ClipGpuRegion, batch);

  clip_kernel_tokens (w->kernels, w->rec, &x, r->positions, &t);
  for (guint32 b = 0; b < batch; b++)
    means[b] = (ClipGpuRegion){ b * shape.tokens * bytes, b * bytes, bytes };
  clip_gpu_recording_copy_regions (w->rec, w->a->tokens, w->a->a, means, batch);
  clip_gpu_recording_barrier (w->rec);
  linear (w, w->kernels, *mean, r->q_weights, r->q_bias, *q);
  linear (w, w->kernels, t, r->kv_weights, 0, kv);
  clip_kernel_attend (w->kernels, w->rec, &shape, q, &kv, mean);
}

/* The same without keys and values. */
static void
record_folded (const Walk *w, ClipPictures x, const ClipMatrix *q, const ClipMatrix *mean)
{
  const ClipResnet *r = w->resnet;
  const ClipAttention shape = clip_resnet_pool_shape (r, w->run->batch);
  const VkDeviceAddress scratch = w->a->kv->address;

  clip_kernel_pool_tokens (w->kernels, w->rec, &shape, &x, r->positions, scratch, mean);
  linear (w, w->kernels, *mean, r->q_weights, r->q_bias, *q);
  clip_kernel_pool (w->kernels, w->rec, &shape, q, r->keys, r->values, scratch, mean);
}

/* Attention of the mean to all pixels, and the projection. There is one query a picture. */
static void
record_pool (const Walk *w, ClipPictures x)
{
  const ClipResnet *r = w->resnet;
  const guint32 batch = w->run->batch;
  const ClipMatrix mean = clip_activation_matrix (w->a->a, batch, r->dim),
                   q = clip_activation_matrix (w->a->b, batch, r->dim);

  if (r->folds)
    record_folded (w, x, &q, &mean);
  else
    record_attention (w, x, &q, &mean);
  linear (w, clip_kernels_ends (w->kernels), mean, r->projection_weights, r->projection_bias,
          w->run->embeds);
}

static void
record (ClipKernels *kernels, ClipGpuRecording *rec, gconstpointer weights,
        gconstpointer activations, const ClipImageRun *run)
{
  const ClipResnet *resnet = weights;
  const Activations *a = activations;
  const Walk w = { kernels, rec, resnet, a, run };
  ClipPictures x = record_stem (&w);
  guint at = 0, stage = 3;

  for (guint i = 0; i < resnet->n_blocks; i++) {
    x = record_block (&w, i, x, &at);
    if (ends_stage (resnet, i))
      keep_stage (&w, stage++, a->p[at], x);
  }
  record_pool (&w, x);
}

static ClipGpuBuffer *
input_new (ClipKernels *kernels, gconstpointer weights, guint32 batch, ClipMatrix *rows,
           GError **error)
{
  const ClipResnet *r = weights;

  return clip_pixels_new (kernels, r->image, r->border, batch, rows, error);
}

/* Activations ------------------------------------------------------------- */

/* Bytes of the largest things of each kind. */
typedef struct {
  gsize p, between, columns;
} Need;

static void
need_picture (gsize *bytes, guint32 batch, guint32 side, guint32 channels)
{
  *bytes = MAX (*bytes, clip_matrix_bytes (batch * side * side, channels));
}

static void
need_columns (ClipKernels *kernels, Need *need, guint32 batch, const ClipWindow *window,
              guint32 channels, guint32 out)
{
  need->columns =
      MAX (need->columns, clip_conv_scratch_bytes (kernels, window, channels, out, batch));
}

/* Everything of a convolution of pictures of that size, but what it reads. */
static void
need_conv (ClipKernels *kernels, Need *need, guint32 batch, guint32 side, const ClipResnetConv *c)
{
  const ClipWindow window = clip_resnet_window (c, side);

  if (c->out && !c->bordered)
    need_columns (kernels, need, batch, &window, c->in, c->out);
}

static void
need_block (ClipKernels *kernels, Need *need, guint32 batch, guint32 side, const ClipResnetBlock *b)
{
  const guint32 after = side / b->stride;

  need_conv (kernels, need, batch, side, &b->conv1);
  need_conv (kernels, need, batch, side, &b->conv2);
  need_conv (kernels, need, batch, after, &b->conv3);
  need_conv (kernels, need, batch, after, &b->down);
  need_picture (&need->between, batch, side, b->conv2.out);
  need_picture (&need->between, batch, after, b->conv1.in);
  need_picture (&need->p, batch, after, b->conv3.out);
}

static Need
resnet_need (ClipKernels *kernels, const ClipResnet *r, guint32 batch)
{
  const ClipWindow first = clip_first_conv_window (r->image, r->narrow),
                   pool = { 1, 1, 1, 0, 1, r->side * r->side + 1 };
  guint32 side = r->image / 2;
  Need need = { 0 };

  need_columns (kernels, &need, batch, &first, CLIP_FIRST_CHANNELS, r->stem[0].out);
  for (guint i = 0; i < G_N_ELEMENTS (r->stem); i++) {
    need_picture (&need.between, batch, side, r->stem[i].out);
    if (i > 0)
      need_conv (kernels, &need, batch, side, &r->stem[i]);
  }
  side /= 2;
  need_picture (&need.p, batch, side, r->stem[2].out);
  for (guint i = 0; i < r->n_blocks; i++) {
    need_block (kernels, &need, batch, side, &r->blocks[i]);
    side /= r->blocks[i].stride;
  }
  need_columns (kernels, &need, batch, &pool, r->dim, 2 * r->dim);
  need_columns (kernels, &need, batch, &pool, r->dim, r->projection);
  need_picture (&need.between, batch, 1, r->dim);
  return need;
}

/* Tokens of the attention pool. */
static gsize
tokens_bytes (const ClipResnet *r, guint32 batch)
{
  const ClipAttention shape = clip_resnet_pool_shape (r, batch);

  return r->folds ? 0 : clip_matrix_bytes (batch * shape.tokens, r->dim);
}

/* What becomes of them. */
static gsize
kv_bytes (ClipKernels *kernels, const ClipResnet *r, guint32 batch)
{
  const ClipAttention shape = clip_resnet_pool_shape (r, batch);

  return r->folds ? clip_pool_scratch_bytes (kernels, &shape)
                  : clip_matrix_bytes (batch * shape.tokens, 2 * r->dim);
}

static gsize
activations_bytes (ClipKernels *kernels, gconstpointer weights, guint32 batch)
{
  const ClipResnet *r = weights;
  const Need need = resnet_need (kernels, r, batch);

  return 2 * need.p + 2 * need.between + bordered_at (r, batch, r->n_blocks + 2) + need.columns
         + tokens_bytes (r, batch) + kv_bytes (kernels, r, batch);
}

static void
activations_free (gpointer activations)
{
  Activations *a = activations;

  if (a == NULL)
    return;
  clip_gpu_buffer_free (a->p[0]);
  clip_gpu_buffer_free (a->p[1]);
  clip_gpu_buffer_free (a->a);
  clip_gpu_buffer_free (a->b);
  clip_gpu_buffer_free (a->bordered);
  clip_gpu_buffer_free (a->columns);
  clip_gpu_buffer_free (a->tokens);
  clip_gpu_buffer_free (a->kv);
  g_free (a);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Activations, activations_free)

static gpointer
activations_new (ClipKernels *kernels, gconstpointer weights, guint32 batch, GError **error)
{
  const ClipResnet *r = weights;
  g_autoptr (Activations) a = g_new0 (Activations, 1);
  const Need need = resnet_need (kernels, r, batch);

  if (!clip_activation_make (kernels, &a->p[0], need.p, "pictures", error)
      || !clip_activation_make (kernels, &a->p[1], need.p, "pictures", error)
      || !clip_activation_make (kernels, &a->a, need.between, "pictures between convolutions",
                                error)
      || !clip_activation_make (kernels, &a->b, need.between, "pictures between convolutions",
                                error)
      || !clip_activation_make (kernels, &a->bordered, bordered_at (r, batch, r->n_blocks + 2),
                                "pictures with borders", error)
      || !clip_activation_make (kernels, &a->columns, need.columns, "unfolded pictures", error)
      || !clip_activation_make (kernels, &a->tokens, tokens_bytes (r, batch), "tokens", error)
      || !clip_activation_make (kernels, &a->kv, kv_bytes (kernels, r, batch), "keys and values",
                                error))
    return NULL;
  return g_steal_pointer (&a);
}

static void
activations_clear (gconstpointer activations, ClipGpuRecording *rec)
{
  const Activations *a = activations;
  const ClipGpuBuffer *all[] = { a->p[0],     a->p[1],    a->a,      a->b,
                                 a->bordered, a->columns, a->tokens, a->kv };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    clip_activation_clear (rec, all[i]);
}

const ClipImageTower clip_image_tower_resnet = {
  .bytes = clip_resnet_bytes,
  .weights_new = clip_resnet_new,
  .weights_free = clip_resnet_free,
  .foreach_tensor = clip_resnet_foreach_tensor,
  .input_new = input_new,
  .activations_new = activations_new,
  .activations_bytes = activations_bytes,
  .activations_clear = activations_clear,
  .activations_free = activations_free,
  .record = record,
};
