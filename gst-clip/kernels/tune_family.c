/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which family is the quicker one, where the driver's version does not tell. */
#include "gst-clip/kernels/tune_internal.h"

#define KEY "family"

/*
 * Four chunks of the family "straight", which is what it is slow with where loops are fast: with one
 * it would win everywhere. The family "loop" runs with the short iterations that it has where it is
 * only tested: long ones can take a driver that is slow with them most of a minute to compile, and
 * the difference is large enough to be seen all the same.
 */
#define M      50
#define N      768
#define K      256
#define ROUNDS 5

/* The shortest of a few runs, ns; G_MAXUINT64 when it does not run. */
static guint64
time_family (ClipKernels *like, const ClipFamily *family)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipKernels) kernels =
      clip_kernels_new_with_family (like->gpu, like->weights, family, &error);
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (like->gpu, "family");
  const ClipTuneShape shape = { CLIP_GEMM_A_FLOAT, M, N, K, FALSE };
  g_auto (ClipTrial) trial = { NULL };
  guint64 best = G_MAXUINT64, ns = 0;

  if (kernels && clip_trial_init (&trial, kernels, &shape, &error)
      && clip_trial_record (&trial, rec, 1, &error)) {
    for (guint i = 0; i < ROUNDS && clip_trial_run (&trial, rec, &ns, &error); i++)
      best = i == 0 ? G_MAXUINT64 : MIN (best, ns);
  }
  if (error == NULL)
    return best;
  g_info ("the \"%s\" kernels are not timed: %s", family->name, error->message);
  return G_MAXUINT64;
}

const ClipFamily *
clip_tune_family (ClipKernels *kernels, const ClipFamily *maybe, const ClipFamily *otherwise)
{
  ClipTuning *tuning = clip_tuning_load (kernels->gpu);
  const gchar *name = clip_tuning_get (tuning, KEY);
  const ClipFamily *family = NULL;

  if (name && g_str_equal (name, maybe->name))
    family = maybe;
  else if (name && g_str_equal (name, otherwise->name))
    family = otherwise;
  clip_tuning_free (tuning);
  if (family)
    return family;

  const guint64 ns[] = { time_family (kernels, otherwise), time_family (kernels, maybe) };
  family = ns[1] < ns[0] ? maybe : otherwise;
  g_info ("%s: the \"%s\" kernels take %.3f ms, the \"%s\" kernels %.3f ms",
          clip_gpu_info (kernels->gpu)->driver, otherwise->name, ns[0] / 1e6, maybe->name,
          ns[1] / 1e6);
  if (ns[0] != G_MAXUINT64 && ns[1] != G_MAXUINT64)
    clip_tune_remember_family (kernels->gpu, family);
  return family;
}

void
clip_tune_remember_family (ClipGpu *gpu, const ClipFamily *family)
{
  ClipTuning *tuning = clip_tuning_load (gpu);

  clip_tuning_set (tuning, KEY, family->name);
  clip_tuning_store (tuning, gpu);
  clip_tuning_free (tuning);
}
