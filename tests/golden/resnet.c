/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ResNet stage by stage, against the activations of openai/CLIP's own model.
 */
#include "gst-clip/engine/resnet.h"
#include "tests/golden/golden.h"

#include <math.h>

#include "tests/common/device.h"

#define TOLERANCE 1e-5

static const ClipGolden golden = { "tiny-rn", "tiny-rn" };

/* What is behind each of ClipImageRun's stages. */
static const gchar *const stages[CLIP_RESNET_STAGES] = {
  "act_conv1.npy",  "act_relu3.npy",  "act_avgpool.npy", "act_layer1.npy",
  "act_layer2.npy", "act_layer3.npy", "act_layer4.npy",
};

/* The first golden is from before the batch norm and the relu that we have in the convolution. */
static void
finish_first (const ClipModel *model, double *values, gsize channels, gsize pixels)
{
  static const gchar *const names[] = { "weight", "bias", "running_mean", "running_var" };
  g_autofree float *norm = g_new (float, 4 * channels);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 4; i++) {
    g_autofree gchar *name = g_strconcat ("visual.bn1.", names[i], NULL);

    clip_model_read (model, name, 0, channels, norm + i * channels, &error);
    g_assert_no_error (error);
  }
  for (gsize i = 0; i < channels * pixels; i++) {
    const float *n = norm + i / pixels;
    const double x = (values[i] - n[2 * channels]) / sqrt (n[3 * channels] + 1e-5);

    values[i] = fmax (x * n[0] + n[channels], 0.0);
  }
}

/* Channels in planes, of the first picture: (1, channels, height, width). */
static void
check_stage (ClipEngine *engine, guint stage, ClipGpuBuffer *buffer)
{
  g_autoptr (ClipTestNpy) npy = golden_npy (&golden, stages[stage]);
  const gsize channels = npy->shape[1], pixels = npy->shape[2] * npy->shape[3];
  const gsize ld = clip_stride (channels), bytes = pixels * ld * sizeof (float);
  g_autofree double *want = g_new (double, channels *pixels);
  g_autofree float *got = g_malloc (bytes);
  g_autoptr (GError) error = NULL;
  double difference = 0.0, length = 0.0;

  clip_gpu_buffer_download (buffer, 0, got, bytes, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < channels * pixels; i++)
    want[i] = clip_test_npy_get (npy, i);
  if (stage == 0)
    finish_first (engine->model, want, channels, pixels);
  for (gsize i = 0; i < channels * pixels; i++) {
    const double d = got[i % pixels * ld + i / pixels] - want[i];

    difference += d * d;
    length += want[i] * want[i];
  }
  g_assert_cmpfloat (length, >, 0.0);
  golden_assert_within (sqrt (difference / length), TOLERANCE, "%s", stages[stage]);
}

static void
run (ClipEngine *engine, ClipJob *job, ClipGpuBuffer *const *buffers)
{
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (engine->gpu, "stages");
  ClipBatchSet *set = clip_batcher_set (engine->batcher);
  const ClipMatrix pixels = clip_batch_set_patches (set, 0);
  ClipImageRun images = { 1, pixels, set->head.raw_matrix, buffers };

  images.embeds.rows = 1;

  clip_gpu_recording_begin (rec);
  clip_kernel_preprocess (engine->kernels, rec, job->pre, &pixels, 0);
  engine->vision->kind->record (engine->kernels, rec, engine->vision->own, engine->activations->own,
                                &images);
  clip_test_finish (engine->gpu, rec);
  clip_batcher_unref_set (engine->batcher, set);
}

static void
test_stages (void)
{
  g_autoptr (ClipEngine) engine = golden_engine (&golden, CLIP_PRECISION_FP32);
  ClipGpuBuffer *buffers[CLIP_RESNET_STAGES];
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) images = NULL;

  if (engine == NULL)
    return;
  images = golden_strings (&golden, "images");
  job = golden_job (engine, images[0]);
  for (guint i = 0; i < CLIP_RESNET_STAGES; i++) {
    g_autoptr (ClipTestNpy) npy = golden_npy (&golden, stages[i]);

    buffers[i] = clip_gpu_buffer_new (
        engine->gpu, CLIP_GPU_MEMORY_DEVICE,
        clip_matrix_bytes (npy->shape[2] * npy->shape[3], npy->shape[1]), stages[i], &error);
    g_assert_no_error (error);
  }
  run (engine, job, buffers);
  for (guint i = 0; i < CLIP_RESNET_STAGES; i++) {
    check_stage (engine, i, buffers[i]);
    clip_gpu_buffer_free (buffers[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/golden/tiny-rn/stages", test_stages);
  return g_test_run ();
}
