/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ResNets with random weights, read as open_clip publishes them, against a reference in C that knows
 * nothing of folding, unfolding and channels side by side: full depth of RN50, and the widths and heads of
 * the larger ones with one block a stage. Two pictures at once.
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "gst-clip/engine/tower.h"
#include "tests/common/random_model.h"

#define TOLERANCE 1e-4
#define BATCH     2

/* The reference ------------------------------------------------------------ */

/* Planes of channels. */
typedef struct {
  gsize channels, side;
  double *v;
} Map;

static Map
map_new (gsize channels, gsize side)
{
  return (Map){ channels, side, g_new0 (double, channels *side *side) };
}

/* Frees @old. */
static Map
replace (Map old, Map fresh)
{
  g_free (old.v);
  return fresh;
}

/* (transfer full): a whole tensor, as the file has it. */
static float *
tensor (const ClipModel *model, const gchar *prefix, const gchar *name, gsize rows, gsize per_row)
{
  g_autofree gchar *full = g_strconcat (prefix, name, NULL);
  float *values = g_new (float, rows *per_row);
  g_autoptr (GError) error = NULL;

  clip_model_read (model, full, 0, rows, values, &error);
  g_assert_no_error (error);
  return values;
}

/* Adds one tap of a filter's channel to a plane. */
static void
add_tap (const Map *x, const double *plane, double w, gssize dy, gssize dx, gsize stride, Map *y,
         double *out)
{
  for (gsize oy = 0; oy < y->side; oy++) {
    const gssize iy = (gssize)(oy * stride) + dy;

    for (gsize ox = 0; iy >= 0 && iy < (gssize)x->side && ox < y->side; ox++) {
      const gssize ix = (gssize)(ox * stride) + dx;

      if (ix >= 0 && ix < (gssize)x->side)
        out[oy * y->side + ox] += w * plane[iy * x->side + ix];
    }
  }
}

static Map
convolve (const ClipModel *model, const gchar *prefix, const gchar *name, Map x, gsize channels,
          gsize taps, gsize stride)
{
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree float *w = tensor (model, prefix, weight, channels, x.channels * taps * taps);
  Map y = map_new (channels, x.side / stride);
  const gsize area = taps * taps;

  for (gsize n = 0; n < channels; n++)
    for (gsize c = 0; c < x.channels; c++)
      for (gsize t = 0; t < area; t++)
        add_tap (&x, x.v + c * x.side * x.side, w[(n * x.channels + c) * area + t],
                 (gssize)(t / taps) - (gssize)(taps / 2), (gssize)(t % taps) - (gssize)(taps / 2),
                 stride, &y, y.v + n * y.side * y.side);
  return y;
}

/* Batch norm in place, and relu. */
static void
normalise (const ClipModel *model, const gchar *prefix, const gchar *name, Map x, gboolean relu)
{
  static const gchar *const parts[] = { ".weight", ".bias", ".running_mean", ".running_var" };
  float *p[4];

  for (guint i = 0; i < 4; i++) {
    g_autofree gchar *full = g_strconcat (name, parts[i], NULL);

    p[i] = tensor (model, prefix, full, x.channels, 1);
  }
  for (gsize i = 0; i < x.channels * x.side * x.side; i++) {
    const gsize c = i / (x.side * x.side);

    x.v[i] = (x.v[i] - p[2][c]) / sqrt (p[3][c] + 1e-5) * p[0][c] + p[1][c];
    if (relu)
      x.v[i] = fmax (x.v[i], 0.0);
  }
  for (guint i = 0; i < 4; i++)
    g_free (p[i]);
}

static Map
conv_norm (const ClipModel *model, const gchar *prefix, const gchar *conv, const gchar *norm, Map x,
           gsize channels, gsize taps, gsize stride, gboolean relu)
{
  Map y = convolve (model, prefix, conv, x, channels, taps, stride);

  normalise (model, prefix, norm, y, relu);
  return y;
}

static Map
pool (Map x)
{
  Map y = map_new (x.channels, x.side / 2);

  for (gsize i = 0; i < y.channels * y.side * y.side; i++) {
    const gsize c = i / (y.side * y.side), at = i % (y.side * y.side);
    const double *from = x.v + (c * x.side + at / y.side * 2) * x.side + at % y.side * 2;

    y.v[i] = (from[0] + from[1] + from[x.side] + from[x.side + 1]) / 4;
  }
  return y;
}

/* Takes @x. */
static Map
block (const ClipModel *model, const gchar *prefix, Map x, gsize planes, gsize stride)
{
  Map y = conv_norm (model, prefix, "conv1", "bn1", x, planes, 1, 1, TRUE);

  y = replace (y, conv_norm (model, prefix, "conv2", "bn2", y, planes, 3, 1, TRUE));
  if (stride > 1) {
    y = replace (y, pool (y));
    x = replace (x, pool (x));
  }
  y = replace (y, conv_norm (model, prefix, "conv3", "bn3", y, 4 * planes, 1, 1, FALSE));
  if (y.channels != x.channels || stride > 1)
    x = replace (
        x, conv_norm (model, prefix, "downsample.0", "downsample.1", x, 4 * planes, 1, 1, FALSE));
  for (gsize i = 0; i < y.channels * y.side * y.side; i++)
    y.v[i] = fmax (y.v[i] + x.v[i], 0.0);
  return replace (x, y);
}

/* y = W x + b */
static double *
linear (const ClipModel *model, const gchar *name, const double *x, gsize n, gsize k)
{
  const gchar *const prefix = "visual.attnpool.";
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);
  g_autofree float *w = tensor (model, prefix, weight, n, k),
                   *b = tensor (model, prefix, bias, n, 1);
  double *y = g_new (double, n);

  for (gsize i = 0; i < n; i++) {
    y[i] = b[i];
    for (gsize j = 0; j < k; j++)
      y[i] += w[i * k + j] * x[j];
  }
  return y;
}

/* Of head h: softmax of q k / 8, times v, into @z. */
static void
attend (const double *q, double *const *k, double *const *v, gsize tokens, gsize h, double *z)
{
  g_autofree double *weights = g_new0 (double, tokens);
  double sum = 0.0, largest = -INFINITY;

  for (gsize t = 0; t < tokens; t++) {
    for (gsize d = 64 * h; d < 64 * h + 64; d++)
      weights[t] += q[d] * k[t][d] / 8;
    largest = fmax (largest, weights[t]);
  }
  for (gsize t = 0; t < tokens; t++)
    sum += weights[t] = exp (weights[t] - largest);
  for (gsize d = 64 * h; d < 64 * h + 64; d++) {
    z[d] = 0.0;
    for (gsize t = 0; t < tokens; t++)
      z[d] += weights[t] / sum * v[t][d];
  }
}

/* The embedding of @x. */
static double *
attention_pool (const ClipModel *model, Map x, gsize projection)
{
  const gsize pixels = x.side * x.side, tokens = pixels + 1, dim = x.channels;
  g_autofree float *positions =
      tensor (model, "visual.attnpool.", "positional_embedding", tokens, dim);
  g_autofree double *rows = g_new0 (double, tokens *dim), *z = g_new (double, dim), *q = NULL;
  g_autoptr (GPtrArray) k = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) v = g_ptr_array_new_with_free_func (g_free);

  for (gsize c = 0; c < dim; c++)
    for (gsize i = 0; i < pixels; i++) {
      rows[(i + 1) * dim + c] = x.v[c * pixels + i] + positions[(i + 1) * dim + c];
      rows[c] += x.v[c * pixels + i] / pixels;
    }
  for (gsize c = 0; c < dim; c++)
    rows[c] += positions[c];
  q = linear (model, "q_proj", rows, dim, dim);
  for (gsize t = 0; t < tokens; t++) {
    g_ptr_array_add (k, linear (model, "k_proj", rows + t * dim, dim, dim));
    g_ptr_array_add (v, linear (model, "v_proj", rows + t * dim, dim, dim));
  }
  for (gsize h = 0; h < dim / 64; h++)
    attend (q, (double **)k->pdata, (double **)v->pdata, tokens, h, z);
  return linear (model, "c_proj", z, projection, dim);
}

/* Takes @x, the normalised picture. */
static double *
reference (const ClipModel *model, const ClipRandomModel *m, Map x)
{
  const gchar *const visual = "visual.";
  const gsize w = m->resnet.width;
  double *embedding;

  x = replace (x, conv_norm (model, visual, "conv1", "bn1", x, w / 2, 3, 2, TRUE));
  x = replace (x, conv_norm (model, visual, "conv2", "bn2", x, w / 2, 3, 1, TRUE));
  x = replace (x, conv_norm (model, visual, "conv3", "bn3", x, w, 3, 1, TRUE));
  x = replace (x, pool (x));
  for (guint stage = 0; stage < 4; stage++)
    for (guint i = 0; i < m->resnet.layers[stage]; i++) {
      g_autofree gchar *prefix = g_strdup_printf ("visual.layer%u.%u.", stage + 1, i);

      x = block (model, prefix, x, w << stage, stage > 0 && i == 0 ? 2 : 1);
    }
  embedding = attention_pool (model, x, m->projection);
  g_free (x.v);
  return embedding;
}

/* The tower ----------------------------------------------------------------- */

/* The same levels 0 .. 255 as the kernels and as the reference see them; @input has the borders. */
static Map
draw (const ClipModelConfig *config, guint32 *seed, float *input)
{
  const gsize side = config->image_size, line = side + 2;
  Map x = map_new (3, side);

  for (gsize i = 0; i < 3 * side * side; i++) {
    const gsize c = i % 3, px = i / 3 % side, py = i / 3 / side;
    const guint level = (*seed = *seed * 1664525u + 1013904223u) >> 24;

    input[((py + 1) * line + px + 1) * CLIP_PIXEL_LD + c] = ((float)level - 128.0f) / 128.0f;
    x.v[(c * side + py) * side + px] = (level / 255.0 - config->mean[c]) / config->std[c];
  }
  return x;
}

/* Draws BATCH pictures into @buffer and computes their embeddings. */
static void
fill (const ClipModel *model, const ClipRandomModel *m, ClipGpuBuffer *buffer, double **want)
{
  const gsize picture = (gsize)(m->image + 2) * (m->image + 2) * CLIP_PIXEL_LD;
  const gsize bytes = BATCH * picture * sizeof (float);
  g_autofree float *input = g_malloc (bytes);
  g_autoptr (GError) error = NULL;
  guint32 seed = 11;

  clip_gpu_buffer_download (buffer, 0, input, bytes, &error);
  g_assert_no_error (error);
  for (guint b = 0; b < BATCH; b++)
    want[b] = reference (model, m, draw (clip_model_config (model), &seed, input + b * picture));
  clip_gpu_buffer_upload (buffer, 0, input, bytes, &error);
  g_assert_no_error (error);
}

static void
compare (const float *got, const double *want, gsize n)
{
  double difference = 0.0, length = 0.0;

  for (gsize i = 0; i < n; i++) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    length += want[i] * want[i];
  }
  g_test_message ("relative difference %.3g", sqrt (difference / length));
  g_assert_cmpfloat (length, >, 0.0);
  g_assert_true (sqrt (difference / length) <= TOLERANCE);
}

static void
check (ClipKernels *kernels, const ClipModel *model, const ClipRandomModel *m)
{
  ClipGpu *gpu = clip_kernels_gpu (kernels);
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipTowerWeights) tower =
      clip_tower_weights_new (kernels, model, TRUE, NULL, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (ClipActivations) activations =
      clip_activations_new (kernels, tower, BATCH, NULL, NULL, NULL, 0, &error);
  g_assert_no_error (error);
  ClipTowerRun run = { .batch = BATCH, .tokens = tower->tokens };
  g_autoptr (ClipGpuBuffer) input =
      clip_tower_input_new (kernels, tower, BATCH, &run.patches, &error);
  g_assert_no_error (error);
  const guint32 ld = clip_ld (m->projection);
  g_autoptr (ClipGpuBuffer) embeds = clip_gpu_buffer_new (
      gpu, CLIP_GPU_MEMORY_DEVICE, clip_matrix_bytes (BATCH, m->projection), "embeds", &error);
  g_assert_no_error (error);
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (gpu, "resnet");
  g_autofree float *got = g_new (float, BATCH *ld);
  double *want[BATCH];

  run.embeds = (ClipMatrix){ embeds->address, BATCH, m->projection, ld };
  fill (model, m, input, want);
  clip_gpu_recording_begin (rec);
  clip_tower_record (kernels, rec, tower, activations, &run);
  clip_gpu_recording_end (rec, &error);
  g_assert_no_error (error);
  clip_gpu_wait (gpu, clip_gpu_submit (gpu, &rec, 1, &error), G_MAXUINT64, &error);
  g_assert_no_error (error);
  clip_gpu_buffer_download (embeds, 0, got, BATCH * ld * sizeof (float), &error);
  g_assert_no_error (error);
  for (guint b = 0; b < BATCH; b++) {
    compare (got + b * ld, want[b], m->projection);
    g_free (want[b]);
  }
}

static void
test_model (gconstpointer name)
{
  ClipRandomModel m = *clip_random_model_find (name);
  g_autofree gchar *folder = g_dir_make_tmp ("gst-clip-resnet-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, &error);

  if (gpu == NULL) {
    g_test_skip (error->message);
    g_rmdir (folder);
    return;
  }
  m.text = (ClipRandomTower){ 64, 1, 1, 64 }; /* not looked at */
  clip_random_model_write (&m, folder, 5, &error);
  g_assert_no_error (error);
  g_autoptr (ClipModel) model = clip_model_open (folder, &error);
  g_assert_no_error (error);
  g_autoptr (ClipKernels) kernels = clip_kernels_new (gpu, CLIP_WEIGHTS_F32, &error);
  g_assert_no_error (error);
  check (kernels, model, &m);
  clip_random_model_remove (folder);
}

int
main (int argc, char **argv)
{
  /* minutes, and gigabytes */
  static const gchar *const large[] = { "rn50", "rn101", "rn50x4-wide", "rn50x16-wide",
                                        "rn50x64-wide" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/resnet/tiny-rn", "tiny-rn", test_model);
  for (guint i = 0; g_getenv ("GST_CLIP_TEST_LARGE") && i < G_N_ELEMENTS (large); i++) {
    g_autofree gchar *path = g_strconcat ("/resnet/", large[i], NULL);

    g_test_add_data_func (path, large[i], test_model);
  }
  return g_test_run ();
}
