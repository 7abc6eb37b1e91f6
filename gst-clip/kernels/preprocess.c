/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/preprocess_formats.h"
#include "gst-clip/kernels/preprocess_taps.h"

#include <string.h>

#include "shaders/convert.h"
#include "shaders/resize.h"

#include "clip_spv_convert.h"
#include "clip_spv_convert_llvmpipe.h"
#include "clip_spv_resize.h"
#include "clip_spv_resize_llvmpipe.h"

G_STATIC_ASSERT (RESIZE_PRECISION == CLIP_TAPS_PRECISION);
G_STATIC_ASSERT (RESIZE_START_BITS == CLIP_TAPS_START_BITS);

#define MAX_EDGE  32768
#define MAX_CROP  4096
#define MAX_PATCH 255 /* its square fits in RESIZE_PLACE_BITS */
#define MAX_PAR   65536

/* Unrolling more than this many taps takes the compiler longer than anybody waits; the variant
 * with a loop then serves llvmpipe too. */
#define MAX_UNROLLED_TAPS 96

/* Lanes of a workgroup and lines or groups that it covers. */
#define LANES_LLVMPIPE 8
#define LANES          64

/* Rough times on one core of a desktop CPU, for cutting recordings. */
#define CONVERT_NS_PER_PIXEL 10
#define RESIZE_NS_PER_TAP    1

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

/*
 * @staged: the needed bytes of the frame
 * @columns: the region as RGB8, column after column of column_stride words
 * @rows: the same after the horizontal pass, row after row of row_stride words
 * @tables: words: parameters of convert.comp, taps of the horizontal pass, taps of the vertical
 *   one, places of patches (rows, then columns); the members below are where each begins
 */
struct _ClipPreprocess {
  ClipPreprocessSpec spec;
  ClipStaging staging;
  ClipRegion region;
  ClipTaps across, down;
  ClipGpuBuffer *staged, *columns, *rows, *tables;
  guint32 column_stride, row_stride;
  gsize across_at, down_at, places_at;
};

/* Set-up ------------------------------------------------------------------ */

static gboolean
check (const ClipPreprocessSpec *spec, const ClipFrameInfo *info, GError **error)
{
  guint32 width, height;

  if (!info->width || !info->height || info->width > MAX_EDGE || info->height > MAX_EDGE
      || !info->par_n || !info->par_d || info->par_n > MAX_PAR || info->par_d > MAX_PAR) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                 "frames of %ux%u pixels with an aspect ratio of %u/%u cannot be preprocessed",
                 info->width, info->height, info->par_n, info->par_d);
    return FALSE;
  }
  if (!spec->crop_size || spec->crop_size > MAX_CROP || spec->resize_edge > MAX_EDGE
      || spec->crop_size > spec->resize_edge || !spec->patch_size
      || spec->patch_size > MIN (spec->crop_size, MAX_PATCH)) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                 "no preprocessing for edge %u, crop %u and patches of %u: "
                 "patch <= crop <= edge, at most %u, %u and %u",
                 spec->resize_edge, spec->crop_size, spec->patch_size, MAX_PATCH, MAX_CROP,
                 MAX_EDGE);
    return FALSE;
  }
  const guint32 side = spec->crop_size / spec->patch_size;
  if ((guint64)side * side + spec->token_offset > 1u << (32 - RESIZE_PLACE_BITS)
      || !clip_resize_size (spec, info, &width, &height)) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                 "frames of %ux%u pixels resized to edge %u are too large to preprocess",
                 info->width, info->height, spec->resize_edge);
    return FALSE;
  }
  return TRUE;
}

static void
plan (ClipPreprocess *pre, const ClipFrameInfo *info)
{
  const ClipPreprocessSpec *spec = &pre->spec;
  const guint32 crop = spec->crop_size;
  guint32 width = 0, height = 0;

  clip_resize_size (spec, info, &width, &height);
  clip_taps_init (&pre->across, info->width, width,
                  clip_crop_first (spec->crop_rounding, width, crop), crop, spec->filter,
                  CONVERT_PIXELS);
  clip_taps_init (&pre->down, info->height, height,
                  clip_crop_first (spec->crop_rounding, height, crop), crop, spec->filter, 1);
  pre->region = (ClipRegion){
    .x0 = pre->across.origin,
    .x1 = pre->across.end,
    .y0 = pre->down.origin,
    .y1 = pre->down.end,
  };
  clip_staging_plan (&pre->staging, info, &pre->region);
}

/* Where pixel @i of a row or column of pixels goes, in units of @row_step rows and @step
 * columns: see RESIZE_PLACE_BITS. */
static guint32
place (const ClipPreprocessSpec *spec, guint32 i, guint32 row0, guint32 row_step, guint32 step)
{
  const guint32 patch = i / spec->patch_size, rest = i % spec->patch_size;

  if (patch >= spec->crop_size / spec->patch_size)
    return RESIZE_NO_PLACE;
  return (row0 + patch * row_step) << RESIZE_PLACE_BITS | rest * step;
}

static gboolean
make_tables (ClipPreprocess *pre, ClipGpu *gpu, GError **error)
{
  const ClipPreprocessSpec *spec = &pre->spec;
  const gsize crop = spec->crop_size;
  const gsize n_across = crop * pre->across.n_taps, n_down = crop * pre->down.n_taps;
  const guint32 side = spec->crop_size / spec->patch_size;

  pre->across_at = CONVERT_PARAMS;
  pre->down_at = pre->across_at + n_across;
  pre->places_at = pre->down_at + n_down;

  const gsize n = pre->places_at + 2 * crop;
  g_autofree guint32 *words = g_new0 (guint32, n);
  memcpy (words, pre->staging.params, sizeof (pre->staging.params));
  memcpy (words + pre->across_at, pre->across.weights, n_across * sizeof (guint32));
  memcpy (words + pre->down_at, pre->down.weights, n_down * sizeof (guint32));
  for (guint32 i = 0; i < crop; i++) {
    words[pre->places_at + i] = place (spec, i, spec->token_offset, side, spec->patch_size);
    words[pre->places_at + crop + i] = place (spec, i, 0, 1, 1);
  }

  pre->tables = clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, n * sizeof (guint32),
                                     "preprocessing tables", error);
  return pre->tables && clip_gpu_buffer_upload (pre->tables, 0, words, n * sizeof (guint32), error);
}

/* A multiple of 64 bytes but of no larger power of two: neighbouring lines then fall into
 * different cache sets. */
static guint32
line_stride (guint32 words)
{
  return clip_round_up (words, 16) | 16;
}

/* The variants for llvmpipe write whole workgroups; all read n_taps lines from a start on. */
static gboolean
make_buffers (ClipPreprocess *pre, ClipGpu *gpu, GError **error)
{
  const guint32 block = LANES_LLVMPIPE * RESIZE_VECTORS;
  const guint32 width = pre->region.x1 - pre->region.x0, height = pre->region.y1 - pre->region.y0;
  const gsize n_columns =
      clip_round_up (width, LANES_LLVMPIPE * CONVERT_PIXELS) + pre->across.n_taps;
  const gsize n_rows = clip_round_up (height, block) + pre->down.n_taps;
  const gsize crop = pre->spec.crop_size;

  pre->column_stride = line_stride (clip_round_up (height, block));
  pre->row_stride = line_stride (clip_round_up (pre->spec.crop_size, block));
  /* columns also takes the pixels that nobody asked for, see clip_kernel_preprocess() */
  const gsize columns = MAX (n_columns * pre->column_stride, crop * crop);

  pre->staged =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_UPLOAD, pre->staging.bytes, "staged frame", error);
  if (!pre->staged)
    return FALSE;
  pre->columns = clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, columns * sizeof (guint32),
                                      "converted frame", error);
  if (!pre->columns)
    return FALSE;
  pre->rows =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, n_rows * pre->row_stride * sizeof (guint32),
                           "frame between the resizes", error);
  return pre->rows != NULL;
}

ClipPreprocess *
clip_preprocess_new (ClipKernels *kernels, const ClipPreprocessSpec *spec,
                     const ClipFrameInfo *info, GError **error)
{
  if (!check (spec, info, error))
    return NULL;

  g_autoptr (ClipPreprocess) pre = g_new0 (ClipPreprocess, 1);
  pre->spec = *spec;
  plan (pre, info);
  if (!make_tables (pre, kernels->gpu, error) || !make_buffers (pre, kernels->gpu, error))
    return NULL;
  return g_steal_pointer (&pre);
}

void
clip_preprocess_free (ClipPreprocess *pre)
{
  if (!pre)
    return;
  clip_gpu_buffer_free (pre->staged);
  clip_gpu_buffer_free (pre->columns);
  clip_gpu_buffer_free (pre->rows);
  clip_gpu_buffer_free (pre->tables);
  clip_taps_clear (&pre->across);
  clip_taps_clear (&pre->down);
  g_free (pre);
}

/* Each frame --------------------------------------------------------------- */

void
clip_preprocess_load (ClipPreprocess *pre, const ClipFramePlanes *planes)
{
  clip_staging_copy (&pre->staging, planes, pre->staged->map);
}

/* Recording ---------------------------------------------------------------- */

static guint32
blocks (guint32 n, guint32 size)
{
  return (n + size - 1) / size;
}

static void
record_convert (ClipKernels *kernels, ClipGpuRecording *rec, ClipPreprocess *pre)
{
  const ClipRegion *region = &pre->region;
  const ClipStaging *staging = &pre->staging;
  const gboolean whole = staging->n_planes == 1; /* interleaved: luma and chroma share rows */
  const ClipStagedPlane *luma = &staging->planes[0], *chroma = &staging->planes[whole ? 0 : 1];
  const guint32 height = region->y1 - region->y0;
  const guint32 constants[] = { staging->layout, staging->rows };
  const struct ConvertPush push = {
    .src = pre->staged->address,
    .params = pre->tables->address,
    .dst = pre->columns->address,
    .plane1 = (guint32)(staging->chroma[0] / 4),
    .plane2 = (guint32)(staging->chroma[1] / 4),
    .stride0 = (guint32)(luma->stride / 4),
    .stride1 = (guint32)(chroma->stride / 4),
    .dst_stride = pre->column_stride,
    .groups = blocks (region->x1 - region->x0, CONVERT_PIXELS),
    .row0 = region->y0,
    .chroma_row0 = chroma->first_row,
    .chroma_row1 = chroma->first_row + chroma->n_rows - 1,
    .nibbles = CLIP_NIBBLES_INIT,
  };

  clip_record (kernels, rec, kernels->llvmpipe ? &convert_llvmpipe : &convert, constants,
               G_N_ELEMENTS (constants), &push, height,
               blocks (push.groups, kernels->llvmpipe ? LANES_LLVMPIPE : LANES), 1,
               (guint64)height * (region->x1 - region->x0) * CONVERT_NS_PER_PIXEL);
  clip_gpu_recording_barrier (rec);
}

/* Fills in what both passes share; @n_lanes: columns of the lines that are filtered across. */
static void
record_resize (ClipKernels *kernels, ClipGpuRecording *rec, const ClipTaps *taps, guint32 pass,
               struct ResizePush *push)
{
  const gboolean unrolled = kernels->llvmpipe && taps->n_taps <= MAX_UNROLLED_TAPS;
  const guint32 constants[] = { pass, taps->n_taps };
  const guint32 block = unrolled ? LANES_LLVMPIPE * RESIZE_VECTORS : LANES;

  push->scale = taps->scale;
  push->bias = (guint32)taps->bias;
  push->n_taps = taps->n_taps;
  clip_record (kernels, rec, unrolled ? &resize_llvmpipe : &resize, constants, unrolled ? 2 : 1,
               push, taps->n, blocks (push->n_lanes, block), 1,
               (guint64)taps->n * push->n_lanes * taps->n_taps * RESIZE_NS_PER_TAP);
  clip_gpu_recording_barrier (rec);
}

void
clip_kernel_preprocess (ClipKernels *kernels, ClipGpuRecording *rec, ClipPreprocess *pre,
                        const ClipMatrix *out, VkDeviceAddress rgb8)
{
  const ClipPreprocessSpec *spec = &pre->spec;
  const guint32 plane = spec->patch_size * spec->patch_size;
  const guint32 side = spec->crop_size / spec->patch_size;

  g_assert (out->cols == 3 * plane && out->ld >= out->cols
            && out->rows == spec->token_offset + side * side);

  record_convert (kernels, rec, pre);

  struct ResizePush across = {
    .src = pre->columns->address,
    .taps = pre->tables->address + pre->across_at * sizeof (guint32),
    .dst = pre->rows->address,
    .rgb8 = pre->columns->address, /* not written */
    .src_stride = pre->column_stride,
    .dst_stride = pre->row_stride,
    .n_lanes = pre->region.y1 - pre->region.y0,
    .nibbles = CLIP_NIBBLES_INIT,
  };
  record_resize (kernels, rec, &pre->across, RESIZE_PASS_PIXELS, &across);

  struct ResizePush down = {
    .src = pre->rows->address,
    .taps = pre->tables->address + pre->down_at * sizeof (guint32),
    .dst = out->address,
    /* the shader has no branch for "nobody wants it": the columns are free again */
    .rgb8 = rgb8 ? rgb8 : pre->columns->address,
    .src_stride = pre->row_stride,
    .dst_stride = out->ld,
    .n_lanes = spec->crop_size,
    .places = (guint32)(pre->places_at - pre->down_at),
    .plane = plane,
    .nibbles = CLIP_NIBBLES_INIT,
  };
  record_resize (kernels, rec, &pre->down, RESIZE_PASS_PATCHES, &down);
}
