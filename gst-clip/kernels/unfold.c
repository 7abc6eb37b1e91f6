/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/unfold.h"

#include "clip_spv_unfold.h"
#include "clip_spv_unfold_llvmpipe.h"

/* Invocations of a workgroup; rows of one dispatch. */
#define LANES    64
#define MAX_ROWS 65535

/* Nanoseconds for four channels on a CPU. */
#define COST_NS_CPU 10

static const ClipGpuShader unfold = {
  .name = "unfold",
  .spirv = clip_spv_unfold,
  .spirv_bytes = sizeof (clip_spv_unfold),
  .push_bytes = sizeof (struct UnfoldPush),
};

static const ClipGpuShader unfold_llvmpipe = {
  .name = "unfold_llvmpipe",
  .spirv = clip_spv_unfold_llvmpipe,
  .spirv_bytes = sizeof (clip_spv_unfold_llvmpipe),
  .push_bytes = sizeof (struct UnfoldPush),
  .subgroup_size = 8,
};

/* What the ids of workgroups can spell, and a size that is worth unrolling. */
static gboolean
fits_llvmpipe (ClipKernels *kernels, const ClipWindow *window, guint32 channels)
{
  return kernels->llvmpipe && window->taps_y * window->taps_x <= 9
         && window->width <= 256 * UNFOLD_SUBGROUPS && window->height <= 65536
         && channels <= 256 * CLIP_CHANNEL_ALIGN;
}

static void
record_llvmpipe (ClipKernels *kernels, ClipGpuRecording *rec, const ClipWindow *window,
                 const struct UnfoldPush *push, guint64 cost)
{
  const guint32 constants[] = { push->taps, push->taps_y };

  G_STATIC_ASSERT (CLIP_CHANNEL_ALIGN == 16);

  clip_record (kernels, rec, &unfold_llvmpipe, constants, G_N_ELEMENTS (constants), push,
               clip_divide_up (window->width, UNFOLD_SUBGROUPS), window->height,
               push->channels / CLIP_CHANNEL_ALIGN, cost * COST_NS_CPU);
}

static void
record_generic (ClipKernels *kernels, ClipGpuRecording *rec, guint32 rows, struct UnfoldPush push,
                guint64 cost)
{
  const guint32 vectors = push.taps * push.channels / 4;

  cost = clip_cost (kernels, cost * COST_NS_CPU, 0, 2 * cost * 4 * sizeof (float));
  for (guint32 row = 0; row < rows; row += MAX_ROWS) {
    const guint32 n = MIN (MAX_ROWS, rows - row);

    push.first_row = row;
    clip_record (kernels, rec, &unfold, NULL, 0, &push, clip_divide_up (vectors, LANES), n, 1,
                 cost);
  }
}

void
clip_kernel_unfold (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                    const ClipWindow *window, const ClipMatrix *rows)
{
  const gsize picture = (gsize)x->height * x->width,
              windows = (gsize)window->height * window->width;
  struct UnfoldPush push = {
    .src_ld = x->pixels.ld,
    .dst_ld = rows->ld,
    .height = x->height,
    .width = x->width,
    .out_width = window->width,
    .taps = window->taps_y * window->taps_x,
    .taps_y = window->taps_y,
    .stride = window->stride,
    .first_x = -window->pad,
    .first_y = window->first * window->stride - window->pad,
    .channels = clip_channels (x->pixels.cols),
    .nibbles = CLIP_NIBBLES_INIT,
  };
  const guint64 cost = windows * push.taps * push.channels / 4;

  g_assert (x->pixels.type == CLIP_ELEMENT_F32 && rows->type == CLIP_ELEMENT_F32);
  g_assert (x->pixels.ld % 4 == 0 && rows->ld % 4 == 0);
  g_assert (rows->cols == clip_window_cols (window, x->pixels.cols) && rows->ld >= rows->cols);
  g_assert (rows->rows == x->batch * windows && x->pixels.rows == x->batch * picture);

  for (guint32 b = 0; b < x->batch; b++) {
    push.src = x->pixels.address + b * picture * x->pixels.ld * sizeof (float);
    push.dst = rows->address + b * windows * rows->ld * sizeof (float);
    if (fits_llvmpipe (kernels, window, push.channels))
      record_llvmpipe (kernels, rec, window, &push, cost);
    else
      record_generic (kernels, rec, windows, push, cost);
  }
  clip_gpu_recording_barrier (rec);
}
