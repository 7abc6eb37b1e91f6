/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolutional towers with random weights, read as open_clip publishes them, against a reference in C that
 * knows nothing of folding, unfolding and channels side by side: full depth of RN50, and the widths and heads
 * of the larger ones with one block a stage; FastViTs in full depth, with all branches and without. Two
 * pictures at once.
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "gst-clip/engine/tower.h"
#include "tests/common/random_model.h"
#include "tests/engine/reference_map.h"

#define TOLERANCE 1e-4
#define BATCH     2

/* The tower ----------------------------------------------------------------- */

/* The same levels 0 .. 255 as the kernels and as the reference see them; @input has the borders. */
static RefMap
draw (const ClipModelConfig *config, guint32 *seed, float *input)
{
  const gsize side = config->image_size, line = side + 2;
  g_autofree guint8 *rgb = g_new (guint8, 3 * side * side);

  for (gsize i = 0; i < 3 * side * side; i++) {
    const gsize c = i % 3, px = i / 3 % side, py = i / 3 / side;

    rgb[i] = (*seed = *seed * 1664525u + 1013904223u) >> 24;
    input[((py + 1) * line + px + 1) * CLIP_PIXEL_LD + c] = ((float)rgb[i] - 128.0f) / 128.0f;
  }
  return ref_picture (config, rgb);
}

static double *
reference (const ClipModel *model, RefMap x)
{
  return clip_model_config (model)->vision_kind == CLIP_TOWER_FASTVIT ? reference_fastvit (model, x)
                                                                      : reference_resnet (model, x);
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
    want[b] = reference (model, draw (clip_model_config (model), &seed, input + b * picture));
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
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (gpu, "convnet");
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
  g_autofree gchar *folder = g_dir_make_tmp ("gst-clip-convnet-XXXXXX", NULL);
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
  static const gchar *const small[] = { "tiny-rn", "small-mobileclip", "small-mobileclip-merged" };
  /* minutes, and gigabytes */
  static const gchar *const large[] = { "rn50",          "rn101",        "rn50x4-wide",
                                        "rn50x16-wide",  "rn50x64-wide", "mobileclip2-s0",
                                        "mobileclip2-s2" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (small); i++) {
    g_autofree gchar *path = g_strconcat ("/convnet/", small[i], NULL);

    g_test_add_data_func (path, small[i], test_model);
  }
  for (guint i = 0; g_getenv ("GST_CLIP_TEST_LARGE") && i < G_N_ELEMENTS (large); i++) {
    g_autofree gchar *path = g_strconcat ("/convnet/", large[i], NULL);

    g_test_add_data_func (path, large[i], test_model);
  }
  return g_test_run ();
}
