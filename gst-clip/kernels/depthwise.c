/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/depthwise.h"

#include "clip_spv_depthwise.h"
#include "clip_spv_depthwise_llvmpipe.h"

/* Invocations of a workgroup. */
#define LANES 64

/* More taps are not worth unrolling. */
#define MAX_TAPS_LLVMPIPE 7

/* Picoseconds for a tap of four channels on a CPU. */
#define COST_PS_CPU 600
/* Of its multiply-adds, a product makes so many in the time. */
#define COST_MACS 4

static const ClipGpuShader depthwise = {
  .name = "depthwise",
  .spirv = clip_spv_depthwise,
  .spirv_bytes = sizeof (clip_spv_depthwise),
  .push_bytes = sizeof (struct DepthwisePush),
};

static const ClipGpuShader depthwise_llvmpipe = {
  .name = "depthwise_llvmpipe",
  .spirv = clip_spv_depthwise_llvmpipe,
  .spirv_bytes = sizeof (clip_spv_depthwise_llvmpipe),
  .push_bytes = sizeof (struct DepthwisePush),
  .subgroup_size = 8,
};

/* Whole strips, what the ids of workgroups can spell, and a size that is worth unrolling. */
static gboolean
fits_llvmpipe (ClipKernels *kernels, const ClipDepthwise *op, guint32 channels)
{
  return kernels->llvmpipe && op->window.taps_x <= MAX_TAPS_LLVMPIPE && op->window.stride <= 2
         && op->y.width >= DEPTHWISE_STRIP && op->y.width <= 256 * DEPTHWISE_STRIP
         && channels <= 256 * DEPTHWISE_CHANNELS;
}

/* Of the ways to divide a workgroup's subgroups that with the fewest of them; more strips if equal. */
static guint32
choose_split (guint32 strips, guint32 blocks)
{
  guint32 best = 0, least = G_MAXUINT32;

  for (guint32 split = 0; 1u << split <= DEPTHWISE_SUBGROUPS; split++) {
    const guint32 groups = clip_divide_up (strips, 1u << split)
                           * clip_divide_up (blocks, DEPTHWISE_SUBGROUPS >> split);

    if (groups <= least) {
      least = groups;
      best = split;
    }
  }
  return best;
}

static void
record_llvmpipe (ClipKernels *kernels, ClipGpuRecording *rec, const ClipDepthwise *op,
                 const guint32 *constants, const struct DepthwisePush *push, guint64 taps)
{
  const gsize from = (gsize)op->x.height * op->x.width * push->src_ld * sizeof (float);
  const gsize to = (gsize)op->y.height * op->y.width * push->dst_ld * sizeof (float);
  const guint32 strips = clip_divide_up (op->y.width, DEPTHWISE_STRIP);
  const guint32 blocks = push->channels / DEPTHWISE_CHANNELS;
  const guint32 split = choose_split (strips, blocks);
  struct DepthwisePush own = *push;

  own.pad_split |= split << 16;
  for (guint32 b = 0; b < op->x.batch; b++, own.src += from, own.dst += to)
    clip_record (kernels, rec, &depthwise_llvmpipe, constants, 3, &own,
                 clip_divide_up (strips, 1u << split), op->y.height,
                 clip_divide_up (blocks, DEPTHWISE_SUBGROUPS >> split), taps * COST_PS_CPU / 1000);
}

static void
record_generic (ClipKernels *kernels, ClipGpuRecording *rec, const ClipDepthwise *op,
                const guint32 *constants, const struct DepthwisePush *push, guint64 taps)
{
  const guint32 strips = clip_divide_up (op->y.width, DEPTHWISE_STRIP);

  taps *= op->x.batch;
  clip_record (kernels, rec, &depthwise, constants, 3, push,
               clip_divide_up (strips * push->channels / 4, LANES), op->y.height, op->x.batch,
               clip_cost (kernels, taps * 10 * COST_PS_CPU / 1000, taps * COST_MACS, 0));
}

/* Outputs @first .. @first + channels of x - 1 of each pixel. */
static void
record_part (ClipKernels *kernels, ClipGpuRecording *rec, const ClipDepthwise *op, guint32 first)
{
  const ClipWindow *window = &op->window;
  const guint32 constants[] = { window->taps_x, window->stride, op->activation };
  const struct DepthwisePush push = {
    .src = op->x.pixels.address,
    .weights = op->weights + first * sizeof (float),
    .bias = op->bias + first * sizeof (float),
    .dst = op->y.pixels.address + first * sizeof (float),
    .src_ld = op->x.pixels.ld,
    .dst_ld = op->y.pixels.ld,
    .weights_ld = clip_ld (op->y.pixels.cols),
    .size = op->x.width | op->x.height << 16,
    .out_size = op->y.width | op->y.height << 16,
    .channels = clip_channels (op->x.pixels.cols),
    .pad_split = window->pad,
    .nibbles = CLIP_NIBBLES_INIT,
  };
  const guint64 taps =
      (guint64)op->y.height * op->y.width * window->taps_y * window->taps_x * push.channels / 4;

  if (fits_llvmpipe (kernels, op, push.channels))
    record_llvmpipe (kernels, rec, op, constants, &push, taps);
  else
    record_generic (kernels, rec, op, constants, &push, taps);
}

void
clip_kernel_depthwise (ClipKernels *kernels, ClipGpuRecording *rec, const ClipDepthwise *op)
{
  const ClipMatrix *x = &op->x.pixels, *y = &op->y.pixels;
  const ClipWindow *window = &op->window;

  G_STATIC_ASSERT (DEPTHWISE_CHANNELS == CLIP_CHANNEL_ALIGN);
  g_assert (x->type == CLIP_ELEMENT_F32 && y->type == CLIP_ELEMENT_F32);
  g_assert (x->ld % 4 == 0 && y->ld % 4 == 0 && x->ld >= clip_channels (x->cols)
            && y->ld >= clip_channels (y->cols));
  g_assert (y->cols % x->cols == 0 && (y->cols == x->cols || x->cols % CLIP_CHANNEL_ALIGN == 0));
  g_assert (op->y.batch == op->x.batch && op->y.height == window->height
            && op->y.width == window->width && window->first == 0);
  g_assert (window->taps_y == window->taps_x && window->pad <= G_MAXUINT16);
  g_assert (MAX (MAX (op->x.height, op->x.width), MAX (op->y.height, op->y.width)) <= G_MAXUINT16
            && op->x.batch <= G_MAXUINT16);

  for (guint32 first = 0; first < y->cols; first += x->cols)
    record_part (kernels, rec, op, first);
  clip_gpu_recording_barrier (rec);
}
