/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/conv_stem.h"

#include "gst-clip/engine/convnet.h"

#define PREFIX "visual.trunk.patch_embed.backbone."

/* Shapes --------------------------------------------------------------------- */

typedef struct {
  guint32 out, in, taps;
} Conv;

static Conv
conv_of (guint32 width, guint which)
{
  const Conv convs[] = { { width / 4, 3, CLIP_CONV_STEM_PATCH },
                         { width / 4, width / 4, 2 },
                         { width, width / 4, 2 } };

  return convs[which];
}

/* The second and the third, on pictures of so many pixels a side. */
static ClipWindow
window_of (guint32 side)
{
  return (
      ClipWindow){ .taps_y = 2, .taps_x = 2, .stride = 2, .height = side / 2, .width = side / 2 };
}

/* Columns of weights: of the first, patches as they are preprocessed. */
static guint32
columns (guint32 width, guint which)
{
  const Conv c = conv_of (width, which);
  const ClipWindow window = window_of (2);

  return which == 0 ? c.in * c.taps * c.taps : clip_window_cols (&window, c.in);
}

gboolean
clip_conv_stem_foreach_tensor (const ClipModelConfig *config, const ClipTensorVisitor *v,
                               GError **error)
{
  for (guint i = 0; i < 3; i++) {
    const Conv c = conv_of (config->vision.width, i);
    const guint64 dims[4] = { c.out, c.in, c.taps, c.taps };
    g_autofree gchar *weight = g_strdup_printf (PREFIX "%u.conv.weight", i);
    g_autofree gchar *bias = g_strdup_printf (PREFIX "%u.conv.bias", i);
    g_autofree gchar *norm = g_strdup_printf (PREFIX "%u.bn", i);

    if (!v->func (v->data, weight, dims, 4, error)
        || !(i < 2 ? clip_batch_norm_visit (v, norm, c.out, error)
                   : v->func (v->data, bias, dims, 1, error)))
      return FALSE;
  }
  return TRUE;
}

/* Loading ---------------------------------------------------------------------- */

gsize
clip_conv_stem_bytes (ClipKernels *kernels, const ClipModelConfig *config)
{
  ClipKernels *ends = clip_kernels_ends (kernels);
  const guint32 width = config->vision.width;
  gsize bytes = 2 * clip_packer_vector_bytes (width / 4);

  for (guint i = 0; i < 3; i++)
    bytes += clip_packer_matrix_bytes (ends, conv_of (width, i).out, columns (width, i));
  return bytes;
}

/* The @which-th convolution's weights and offsets, its batch norm (if any) folded. (transfer full) */
static gdouble *
read_conv (const ClipModel *model, guint which, const Conv *c, gdouble *offset, GError **error)
{
  const gsize per_row = (gsize)c->in * c->taps * c->taps;
  g_autofree gchar *weight = g_strdup_printf (PREFIX "%u.conv.weight", which);
  g_autofree gchar *bias = g_strdup_printf (PREFIX "%u.conv.bias", which);
  g_autofree gchar *norm = g_strdup_printf (PREFIX "%u.bn", which);
  g_autofree float *w = clip_weights_read (model, weight, c->out, per_row, error);
  g_autofree gdouble *folded = g_new (gdouble, c->out * per_row), *gain = g_new (gdouble, c->out);
  g_autofree float *b = NULL;

  if (w == NULL)
    return NULL;
  if (which < 2 && !clip_batch_norm_read (model, norm, c->out, gain, offset, error))
    return NULL;
  if (which == 2 && !(b = clip_weights_read (model, bias, c->out, 1, error)))
    return NULL;
  for (guint32 i = 0; b && i < c->out; i++) {
    gain[i] = 1.0;
    offset[i] = b[i];
  }
  for (gsize i = 0; i < c->out * per_row; i++)
    folded[i] = gain[i / per_row] * w[i];
  return g_steal_pointer (&folded);
}

/* Patches are rows already. (transfer full) */
static float *
first_rows (const ClipModelConfig *config, const Conv *c, const gdouble *weights, gdouble *offset)
{
  const guint32 area = c->taps * c->taps, k = c->in * area;
  float *rows = g_new (float, (gsize)c->out *k);

  for (guint32 i = 0; i < c->out * k; i++)
    rows[i] = (float)clip_pixel_weight (config, i % k / area, weights[i], &offset[i / k]);
  return rows;
}

static gboolean
load_conv (ClipPacker *packer, const ClipModel *model, ClipConvStem *s, guint which,
           gdouble *last_offset, GError **error)
{
  const Conv c = conv_of (s->width, which);
  const guint32 k = columns (s->width, which);
  g_autofree gdouble *offset = g_new0 (gdouble, c.out);
  g_autofree gdouble *weights = read_conv (model, which, &c, offset, error);
  g_autofree float *rows = NULL, *bias = NULL;

  if (weights == NULL)
    return FALSE;
  rows = which == 0 ? first_rows (clip_model_config (model), &c, weights, offset)
                    : clip_conv_rows (weights, c.out, c.in, c.taps, k, FALSE);
  s->weights[which] = clip_packer_matrix (packer, rows, c.out, k, error);
  if (s->weights[which] == 0)
    return FALSE;
  if (which == 2) {
    for (guint32 i = 0; i < c.out; i++)
      last_offset[i] += offset[i];
    return TRUE;
  }
  bias = g_new (float, c.out);
  for (guint32 i = 0; i < c.out; i++)
    bias[i] = (float)offset[i];
  s->bias[which] = clip_packer_vector (packer, bias, c.out, error);
  return s->bias[which] != 0;
}

ClipConvStem *
clip_conv_stem_new (ClipKernels *kernels, const ClipModel *model, gdouble *offset, GError **error)
{
  const ClipModelConfig *config = clip_model_config (model);
  g_autoptr (ClipConvStem) s = g_new0 (ClipConvStem, 1);
  ClipPacker packer;

  s->side = config->image_size / CLIP_CONV_STEM_PATCH;
  s->width = config->vision.width;
  s->buffer = clip_packer_open (&packer, clip_kernels_ends (kernels),
                                clip_conv_stem_bytes (kernels, config), "stem", error);
  if (s->buffer == NULL)
    return NULL;
  for (guint i = 0; i < 3; i++)
    if (!load_conv (&packer, model, s, i, offset, error))
      return NULL;
  return g_steal_pointer (&s);
}

void
clip_conv_stem_free (ClipConvStem *stem)
{
  if (stem == NULL)
    return;
  clip_gpu_buffer_free (stem->buffer);
  g_free (stem);
}

/* Running ----------------------------------------------------------------------- */

void
clip_conv_stem_scratch (ClipKernels *kernels, const ClipConvStem *s, guint32 batch, gsize bytes[3])
{
  const guint32 channels = s->width / 4, half = s->side / 2;
  ClipKernels *ends = clip_kernels_ends (kernels);
  const ClipWindow second = window_of (s->side), third = window_of (half);

  bytes[0] = clip_matrix_bytes (batch * s->side * s->side, channels);
  bytes[1] = clip_matrix_bytes (batch * half * half, channels);
  bytes[2] = MAX (clip_conv_scratch_bytes (ends, &second, channels, channels, batch),
                  clip_conv_scratch_bytes (ends, &third, channels, s->width, 1));
}

static ClipPictures
pictures (const ClipConvStem *s, const ClipConvStemRun *run, guint which, guint32 side)
{
  const guint32 rows = run->batch * side * side;

  return (ClipPictures){ clip_activation_matrix (run->scratch[which], rows, s->width / 4),
                         run->batch, side, side };
}

/* The third convolution, picture by picture, since a row of each is the class token's. */
static void
record_last (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConvStem *s,
             const ClipConvStemRun *run, const ClipPictures *x)
{
  const ClipWindow window = window_of (x->height);
  const guint32 n = window.height * window.width, pixels = x->height * x->width;
  ClipConv op = {
    .x = { x->pixels, 1, x->height, x->width },
    .window = window,
    .weights = s->weights[2],
    .y = { { 0, n, run->x.cols, run->x.ld }, 1, window.height, window.width },
    .residual = run->positions + run->positions_ld * sizeof (float),
    .residual_ld = run->positions_ld,
  };

  op.x.pixels.rows = pixels;
  /* unfolded rows, where there are any, are the same memory for all of them */
  clip_gpu_recording_apart (rec, clip_gemm_reads_windows (kernels));
  for (guint32 b = 0; b < run->batch; b++) {
    const gsize from = (gsize)b * pixels * x->pixels.ld, to = (gsize)(b * (n + 1) + 1) * run->x.ld;

    op.x.pixels.address = x->pixels.address + from * sizeof (float);
    op.y.pixels.address = run->x.address + to * sizeof (float);
    clip_kernel_conv (kernels, rec, &op, run->scratch[2]->address);
  }
  clip_gpu_recording_apart (rec, FALSE);
}

void
clip_conv_stem_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConvStem *s,
                       const ClipConvStemRun *run)
{
  ClipKernels *ends = clip_kernels_ends (kernels);
  const ClipPictures a = pictures (s, run, 0, s->side), b = pictures (s, run, 1, s->side / 2);
  const ClipGemm first = { .a = run->patches,
                           .weights = s->weights[0],
                           .bias = s->bias[0],
                           .c = a.pixels,
                           .activation = CLIP_ACTIVATION_GELU,
                           .plain = TRUE };
  const ClipConv second = { .x = a,
                            .window = window_of (s->side),
                            .weights = s->weights[1],
                            .bias = s->bias[1],
                            .y = b,
                            .activation = CLIP_ACTIVATION_GELU };

  clip_kernel_gemm (ends, rec, &first);
  clip_kernel_conv (ends, rec, &second, run->scratch[2]->address);
  record_last (ends, rec, s, run, &b);
}
