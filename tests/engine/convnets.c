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
#include "tests/engine/reference_tower.h"

#define TOLERANCE 1e-4
#define BATCH     2

/* The tower ----------------------------------------------------------------- */

/* Where a channel of a pixel is in the tower's input: in patches of 4 for a stem of convolutions, else in a
 * picture with a border. */
static gsize
place (const ClipModelConfig *config, gsize y, gsize x, gsize c)
{
  const gsize side = config->image_size;

  return config->conv_stem
             ? (y / 4 * (side / 4) + x / 4) * clip_stride (48) + c * 16 + y % 4 * 4 + x % 4
             : ((y + 1) * (side + 2) + x + 1) * CLIP_PIXEL_LD + c;
}

/* The same levels 0 .. 255 as the kernels and as the reference see them. (transfer full): of the reference */
static double *
draw (const ClipModel *model, guint32 *seed, float *input)
{
  const ClipModelConfig *config = clip_model_config (model);
  const gsize side = config->image_size;
  g_autofree guint8 *rgb = g_new (guint8, 3 * side * side);

  for (gsize i = 0; i < 3 * side * side; i++) {
    rgb[i] = (*seed = *seed * 1664525u + 1013904223u) >> 24;
    input[place (config, i / 3 / side, i / 3 % side, i % 3)] = ((float)rgb[i] - 128.0f) / 128.0f;
  }
  return config->vision_kind == CLIP_TOWER_RESNET
             ? reference_resnet (model, ref_picture (config, rgb))
             : reference_image (model, rgb);
}

/* Draws BATCH pictures into @buffer and computes their embeddings. */
static void
fill (const ClipModel *model, const ClipMatrix *rows, ClipGpuBuffer *buffer, double **want)
{
  const gsize picture = (gsize)rows->rows / BATCH * rows->ld;
  const gsize bytes = BATCH * picture * sizeof (float);
  g_autofree float *input = g_malloc (bytes);
  g_autoptr (GError) error = NULL;
  guint32 seed = 11;

  clip_gpu_buffer_download (buffer, 0, input, bytes, &error);
  g_assert_no_error (error);
  for (guint b = 0; b < BATCH; b++)
    want[b] = draw (model, &seed, input + b * picture);
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
  const guint32 pool_rows[BATCH] = { 0, tower->tokens };
  ClipTowerRun run = { .batch = BATCH, .tokens = tower->tokens, .pool_rows = pool_rows };
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
  fill (model, &run.patches, input, want);
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

/* The folder of a small MobileCLIP in whose file a tensor has another name is refused, by that name. */
static void
refused (const gchar *name, const gchar *other, const gchar *part)
{
  g_autofree gchar *folder = g_dir_make_tmp ("gst-clip-convnet-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "open_clip_model.safetensors", NULL);
  g_autofree gchar *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gchar *at = NULL;
  gsize size = 0;

  clip_random_model_write (clip_random_model_find ("small-mobileclip"), folder, 5, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  at = g_strstr_len (bytes + 8, (gssize)GUINT64_FROM_LE (*(const guint64 *)bytes), name);
  g_assert_nonnull (at);
  memcpy (at, other, strlen (other));
  g_assert_true (g_file_set_contents (path, bytes, (gssize)size, NULL));
  g_assert_null (clip_model_open (folder, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, part));
  clip_random_model_remove (folder);
}

static void
test_refused (void)
{
  /* a branch that is missing; one that nobody asks for */
  refused ("stem.1.conv_scale.conv.weight", "stem.1.conv_scalX", "stem.1.conv_scale.conv.weight");
  refused ("stages.2.blocks.7.mlp.fc2.bias", "stages.2.blocks.X", "stages.2.blocks.7.mlp.fc2.bias");
  refused ("text.ln_final.weight", "text.ln_finaX", "ln_final.weight");
}

int
main (int argc, char **argv)
{
  static const gchar *const small[] = { "tiny-rn", "small-mobileclip", "small-mobileclip-merged",
                                        "tiny-mci" };
  /* minutes, and gigabytes */
  static const gchar *const large[] = { "rn50",           "rn101",        "rn50x4-wide",
                                        "rn50x16-wide",   "rn50x64-wide", "mobileclip2-s0",
                                        "mobileclip2-s2", "mobileclip2-b" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/convnet/refused", test_refused);
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
