/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"

#include "shaders/score.h"

#include "clip_spv_score.h"

static const ClipGpuShader score_shader = {
  .name = "score",
  .spirv = clip_spv_score,
  .spirv_bytes = sizeof (clip_spv_score),
  .push_bytes = sizeof (struct ScorePush),
};

void
clip_kernel_score (ClipKernels *kernels, ClipGpuRecording *rec, const ClipMatrix *e,
                   const ClipMatrix *t, const ClipMatrix *s)
{
  const struct ScorePush push = {
    .e = e->address,
    .t = t->address,
    .s = s->address,
    .prompts = t->rows,
    .cols = e->cols,
    .e_ld = e->ld,
    .t_ld = t->ld,
    .s_ld = s->ld,
  };

  g_assert (e->cols == t->cols && s->rows == e->rows && s->cols == t->rows);
  g_assert (e->rows > 0 && e->rows <= 65535 && t->rows > 0 && t->rows <= 65535);

  clip_record (kernels, rec, &score_shader, NULL, 0, &push, (t->rows + 63) / 64, e->rows, 1,
               (guint64)e->rows * t->rows * e->cols * 5);
  clip_gpu_recording_barrier (rec);
}
