/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dispatches of the preprocessing. */
#include "gst-clip/kernels/preprocess_internal.h"

#include "clip_spv_convert.h"
#include "clip_spv_convert_llvmpipe.h"
#include "clip_spv_resize.h"
#include "clip_spv_resize_llvmpipe.h"

G_STATIC_ASSERT (RESIZE_PRECISION == CLIP_TAPS_PRECISION);
G_STATIC_ASSERT (RESIZE_START_BITS == CLIP_TAPS_START_BITS);
G_STATIC_ASSERT (RESIZE_SUBGROUPS *RESIZE_BLOCK % (CONVERT_DOWN * CONVERT_PAIR) == 0);

/* Unrolling more than this many taps takes the compiler longer than anybody waits. */
#define MAX_UNROLLED_TAPS 96
/* Taps that are unrolled in a loop */
#define LOOP_TAPS 8

/* Invocations of a workgroup of the variants for GPUs. */
#define LANES 64

/* Rough times on one core of a desktop CPU, for cutting recordings. */
#define CONVERT_NS_PER_PIXEL 10
#define RESIZE_NS_PER_TAP    1
/* Of three channels, in integers, on a GPU. */
#define RESIZE_MACS_PER_TAP 8

static const ClipGpuShader convert_llvmpipe = {
  .name = "convert_llvmpipe",
  .spirv = clip_spv_convert_llvmpipe,
  .spirv_bytes = sizeof (clip_spv_convert_llvmpipe),
  .push_bytes = sizeof (struct ConvertPush),
  .subgroup_size = LANES_LLVMPIPE,
};

static const ClipGpuShader convert = {
  .name = "convert",
  .spirv = clip_spv_convert,
  .spirv_bytes = sizeof (clip_spv_convert),
  .push_bytes = sizeof (struct ConvertPush),
};

static const ClipGpuShader resize_llvmpipe = {
  .name = "resize_llvmpipe",
  .spirv = clip_spv_resize_llvmpipe,
  .spirv_bytes = sizeof (clip_spv_resize_llvmpipe),
  .push_bytes = sizeof (struct ResizePush),
  .subgroup_size = LANES_LLVMPIPE,
};

static const ClipGpuShader resize = {
  .name = "resize",
  .spirv = clip_spv_resize,
  .spirv_bytes = sizeof (clip_spv_resize),
  .push_bytes = sizeof (struct ResizePush),
};

/* @y, @height: of the strip, within the region */
static void
record_convert (ClipKernels *kernels, ClipGpuRecording *rec, ClipPreprocess *pre, guint32 y,
                guint32 height)
{
  const ClipRegion *region = &pre->region;
  const ClipStaging *staging = &pre->staging;
  const gboolean whole = staging->n_planes == 1; /* interleaved: luma and chroma share rows */
  const ClipStagedPlane *luma = &staging->planes[0], *chroma = &staging->planes[whole ? 0 : 1];
  const guint32 width = region->x1 - region->x0;
  const guint32 constants[] = { staging->layout, staging->rows };
  const struct ConvertPush push = {
    .src = pre->staged->address,
    .params = pre->tables->address,
    .dst = pre->pixels->address,
    .plane1 = (guint32)(staging->chroma[0] / 4),
    .plane2 = (guint32)(staging->chroma[1] / 4),
    .stride0 = (guint32)(luma->stride / 4),
    .stride1 = (guint32)(chroma->stride / 4),
    .dst_stride = pre->pixel_stride,
    .groups = clip_divide_up (width, CONVERT_PIXELS),
    .first_pair = y / CONVERT_PAIR,
    .last_row = region->y1 - region->y0 - 1,
    .chroma_row = region->y0 / 2 - chroma->first_row,
    .chroma_last = chroma->n_rows - 1,
    .nibbles = CLIP_NIBBLES_INIT,
  };
  const guint64 pixels = (guint64)width * height;
  const guint64 cost =
      clip_cost (kernels, pixels * CONVERT_NS_PER_PIXEL, 0, 2 * pixels * sizeof (guint32));

  if (kernels->llvmpipe)
    clip_record (kernels, rec, &convert_llvmpipe, constants, G_N_ELEMENTS (constants), &push,
                 clip_divide_up (width, CONVERT_COLUMNS), clip_divide_up (height, CONVERT_ROWS), 1,
                 cost);
  else
    clip_record (kernels, rec, &convert, constants, G_N_ELEMENTS (constants), &push,
                 clip_divide_up (push.groups, LANES), clip_divide_up (height, CONVERT_PAIR), 1,
                 cost);
  clip_gpu_recording_barrier (rec);
}

/* Fills in what both passes share; @n_lanes: pixels of each line. */
static void
record_resize (ClipPreprocess *pre, ClipGpuRecording *rec, const ClipTaps *taps, guint32 pass,
               guint32 n_lanes, struct ResizePush *push)
{
  ClipKernels *kernels = pre->kernels;
  const gboolean loop = taps->n_taps > MAX_UNROLLED_TAPS;
  const guint32 constants[] = { pass, loop ? LOOP_TAPS : taps->n_taps, loop };
  const guint64 sums = (guint64)taps->n * n_lanes * taps->n_taps;
  const guint64 cost = clip_cost (kernels, sums * RESIZE_NS_PER_TAP, sums * RESIZE_MACS_PER_TAP, 0);

  push->scale = taps->scale;
  push->bias = (guint32)taps->bias;
  push->last = taps->last;
  push->n_taps = taps->n_taps;
  push->n_plane |= taps->n; /* the vertical pass has as many lanes as outputs */
  if (kernels->llvmpipe)
    clip_record (kernels, rec, &resize_llvmpipe, constants, G_N_ELEMENTS (constants), push,
                 clip_divide_up (taps->n, RESIZE_OUTPUTS), clip_divide_up (n_lanes, RESIZE_LANES),
                 1, cost);
  else
    clip_record (kernels, rec, &resize, constants, 1, push, clip_divide_up (taps->n, LANES),
                 n_lanes, 1, cost);
  clip_gpu_recording_barrier (rec);
}

void
clip_kernel_preprocess (ClipKernels *kernels, ClipGpuRecording *rec, ClipPreprocess *pre,
                        const ClipMatrix *out, VkDeviceAddress rgb8)
{
  const ClipPreprocessSpec *spec = &pre->spec;
  const guint32 plane = spec->pixels ? 1 : spec->patch_size * spec->patch_size;
  const guint32 line = spec->crop_size + 2; /* of pixels */
  const guint32 height = pre->region.y1 - pre->region.y0;

  g_assert (out->cols == 3 * plane && out->ld >= out->cols
            && out->rows == clip_preprocess_rows (spec)
            && (!spec->pixels || out->ld == CLIP_PIXEL_LD));

  for (guint32 y = 0; y < height; y += pre->strip) {
    const guint32 rows = MIN (pre->strip, height - y);
    struct ResizePush across = {
      .src = pre->pixels->address,
      .taps = pre->tables->address + pre->across_at * sizeof (guint32),
      .dst = pre->rows->address + (gsize)y * RESIZE_BLOCK * sizeof (guint32),
      .src_line = 1,
      .src_stride = pre->pixel_stride,
      .dst_stride = pre->row_stride,
      .nibbles = CLIP_NIBBLES_INIT,
    };

    record_convert (kernels, rec, pre, y, rows);
    record_resize (pre, rec, pre->across, RESIZE_PASS_PIXELS, rows, &across);
  }

  struct ResizePush down = {
    .src = pre->rows->address,
    .taps = pre->tables->address + pre->places_at * sizeof (guint32),
    .dst = out->address,
    .rgb8 = rgb8,
    .src_line = pre->row_stride,
    .src_stride = kernels->llvmpipe ? pre->row_stride : 1,
    .dst_stride = spec->pixels ? line * out->ld : out->ld,
    .n_plane = plane << 16,
    .nibbles = CLIP_NIBBLES_INIT,
  };
  record_resize (pre, rec, pre->down, rgb8 ? RESIZE_PASS_PATCHES_RGB : RESIZE_PASS_PATCHES,
                 spec->crop_size, &down);
}
