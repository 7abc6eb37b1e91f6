/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/common/device.h"

ClipEngine *
clip_test_engine (const ClipEngineConfig *config)
{
  g_autoptr (GError) error = NULL;
  ClipEngine *engine = clip_engine_open (config, NULL, NULL, NULL, &error);

  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER)
      || g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE)) {
    g_test_skip (error->message);
    return NULL;
  }
  g_assert_no_error (error);
  return engine;
}

void
clip_test_finish (ClipGpu *gpu, ClipGpuRecording *rec)
{
  g_autoptr (GError) error = NULL;
  guint64 done;

  clip_gpu_recording_end (rec, &error);
  g_assert_no_error (error);
  done = clip_gpu_submit (gpu, &rec, 1, &error);
  g_assert_no_error (error);
  clip_gpu_wait (gpu, done, G_MAXUINT64, &error);
  g_assert_no_error (error);
}
