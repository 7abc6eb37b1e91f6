/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/excite.h"

#include "clip_spv_excite.h"

/* Invocations of a workgroup; pixels of one dispatch. */
#define LANES      64
#define MAX_PIXELS 65535

#define COST_NS 20 /* for four channels of a pixel */

static const ClipGpuShader excite = {
  .name = "excite",
  .spirv = clip_spv_excite,
  .spirv_bytes = sizeof (clip_spv_excite),
  .push_bytes = sizeof (struct ExcitePush),
};

void
clip_kernel_excite (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                    const ClipMatrix *gates, ClipActivation activation, const ClipPictures *y)
{
  const guint32 constants[] = { activation };
  struct ExcitePush push = {
    .x = x->pixels.address,
    .gates = gates->address,
    .y = y->pixels.address,
    .x_ld = x->pixels.ld,
    .gates_ld = gates->ld,
    .y_ld = y->pixels.ld,
    .pixels = x->height * x->width,
    .channels = clip_round_up (x->pixels.cols, 4),
  };

  g_assert (x->pixels.type == CLIP_ELEMENT_F32 && y->pixels.type == CLIP_ELEMENT_F32
            && gates->type == CLIP_ELEMENT_F32);
  g_assert (x->batch == y->batch && x->height == y->height && x->width == y->width);
  g_assert (gates->rows == x->batch && gates->cols == x->pixels.cols
            && y->pixels.cols == x->pixels.cols && x->batch <= 65535);
  g_assert ((push.x_ld | push.y_ld | push.gates_ld) % 4 == 0);

  for (; push.first_pixel < push.pixels; push.first_pixel += MAX_PIXELS) {
    const guint32 n = MIN (MAX_PIXELS, push.pixels - push.first_pixel);
    const guint64 values = (guint64)n * x->batch * push.channels;

    clip_record (kernels, rec, &excite, constants, G_N_ELEMENTS (constants), &push,
                 clip_divide_up (push.channels / 4, LANES), n, x->batch,
                 clip_cost (kernels, values / 4 * COST_NS, 0, 2 * values * sizeof (float)));
  }
  clip_gpu_recording_barrier (rec);
}
