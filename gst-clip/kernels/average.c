/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/average.h"

#include "clip_spv_average.h"
#include "clip_spv_average_llvmpipe.h"

/* Invocations of a workgroup; rows of one dispatch. */
#define LANES    64
#define MAX_ROWS 65535

/* Nanoseconds for four channels of a pixel that is read on a CPU. */
#define COST_NS 8

static const ClipGpuShader average = {
  .name = "average",
  .spirv = clip_spv_average,
  .spirv_bytes = sizeof (clip_spv_average),
  .push_bytes = sizeof (struct AveragePush),
};

static const ClipGpuShader average_llvmpipe = {
  .name = "average_llvmpipe",
  .spirv = clip_spv_average_llvmpipe,
  .spirv_bytes = sizeof (clip_spv_average_llvmpipe),
  .push_bytes = sizeof (struct AveragePush),
  .subgroup_size = 8,
};

/* What the ids of workgroups can spell. */
static gboolean
fits_llvmpipe (ClipKernels *kernels, guint32 size, const ClipPictures *y)
{
  return kernels->llvmpipe && size == 2 && y->width <= 256 * AVERAGE_SUBGROUPS
         && y->height <= 65535;
}

static void
record_picture (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *y,
                struct AveragePush push)
{
  const guint32 lines = MAX_ROWS / y->width; /* whole ones, so that rows begin a line */
  const VkDeviceAddress src = push.src, dst = push.dst;

  for (guint32 line = 0; line < y->height; line += lines) {
    const guint32 n = MIN (lines, y->height - line) * y->width;
    const guint64 values = (guint64)n * push.size * push.size * push.channels;

    push.src = src + (guint64)line * push.size * push.width * push.src_ld * sizeof (float);
    push.dst = dst + (guint64)line * y->width * push.dst_ld * sizeof (float);
    clip_record (kernels, rec, &average, NULL, 0, &push, clip_divide_up (push.channels / 4, LANES),
                 n, 1, clip_cost (kernels, values / 4 * COST_NS, 0, 2 * values * sizeof (float)));
  }
}

static void
record_llvmpipe (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *y,
                 const struct AveragePush *push)
{
  clip_record (kernels, rec, &average_llvmpipe, NULL, 0, push,
               clip_divide_up (y->width, AVERAGE_SUBGROUPS), y->height,
               push->channels / AVERAGE_CHANNELS,
               (guint64)y->height * y->width * push->channels * COST_NS);
}

void
clip_kernel_average (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                     guint32 size, const ClipPictures *y)
{
  const gsize from = (gsize)x->height * x->width, to = (gsize)y->height * y->width;
  struct AveragePush push = {
    .src_ld = x->pixels.ld,
    .dst_ld = y->pixels.ld,
    .width = x->width,
    .out_width = y->width,
    .size = size,
    .channels = clip_channels (x->pixels.cols),
    .nibbles = CLIP_NIBBLES_INIT,
  };

  G_STATIC_ASSERT (AVERAGE_CHANNELS == CLIP_CHANNEL_ALIGN);
  g_assert (x->pixels.type == CLIP_ELEMENT_F32 && y->pixels.type == CLIP_ELEMENT_F32);
  g_assert (size > 0 && y->height == x->height / size && y->width == x->width / size);
  g_assert (y->width > 0 && y->width <= MAX_ROWS && y->height > 0 && x->batch == y->batch);
  g_assert (x->pixels.cols == y->pixels.cols && x->pixels.ld % 4 == 0 && y->pixels.ld % 4 == 0);
  g_assert (MIN (x->pixels.ld, y->pixels.ld) >= push.channels);

  for (guint32 b = 0; b < x->batch; b++) {
    push.src = x->pixels.address + b * from * push.src_ld * sizeof (float);
    push.dst = y->pixels.address + b * to * push.dst_ld * sizeof (float);
    if (fits_llvmpipe (kernels, size, y))
      record_llvmpipe (kernels, rec, y, &push);
    else
      record_picture (kernels, rec, y, push);
  }
  clip_gpu_recording_barrier (rec);
}
