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
G_STATIC_ASSERT (RESIZE_SUBGROUPS *RESIZE_BLOCK % (CONVERT_DOWN * CONVERT_PAIR) == 0);

#define MAX_EDGE  32768
#define MAX_CROP  4096
#define MAX_PATCH 255 /* its square fits in RESIZE_PLACE_BITS */
#define MAX_PAR   65536

/* Unrolling more than this many taps takes the compiler longer than anybody waits. */
#define MAX_UNROLLED_TAPS 96
/* Taps that are unrolled in a loop */
#define LOOP_TAPS 8

/* Lanes of a subgroup of the variants for llvmpipe; invocations of a workgroup of the others. */
#define LANES_LLVMPIPE 8
#define LANES          64

/* Of workgroups, llvmpipe */
#define CONVERT_COLUMNS (CONVERT_ACROSS * LANES_LLVMPIPE * CONVERT_PIXELS)
#define CONVERT_ROWS    (CONVERT_DOWN * CONVERT_PAIR)
#define RESIZE_LANES    (RESIZE_SUBGROUPS * RESIZE_BLOCK)

/* Pixels of a strip, llvmpipe: 2 MiB. More come back from memory, much less are many dispatches. */
#define STRIP_WORDS 524288

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
 * What recordings depend on.
 * @width, @height: the frame that is left when what lies above and left of an aligned place, and what
 *   lies below and right of the rectangle, is cut off
 * @left, @top: where in that the rectangle begins: 0 but where a place is not aligned
 */
typedef struct {
  guint32 width, height, left, top;
  guint32 resize, resize_edge;
} Shape;

/*
 * @spec: with the resize that is asked for now
 * @info: of whole frames
 * @shape: all zero: nothing can be loaded
 * @x, @y: the aligned place
 * @movable: there has been a rectangle, and there will be others: buffers have room to spare, tables
 *   are written through their mapping, and few pipelines serve all sizes
 * @staged: the needed bytes of the frame
 * @pixels: a strip of the region as RGB8
 * @rows: the same after the horizontal pass
 * @pixel_stride, @row_stride: their words from row to row, or (llvmpipe) from block to block of
 *   RESIZE_BLOCK rows and columns, see resize.comp
 * @strip: rows that are converted and resized across at a time, in llvmpipe a multiple of
 *   RESIZE_LANES
 * @tables: words: parameters of convert.comp, taps of the horizontal pass, places of patches (rows,
 *   then columns), taps of the vertical pass; the members below are where taps and places begin
 */
struct _ClipPreprocess {
  ClipKernels *kernels;
  ClipPreprocessSpec spec;
  ClipFrameInfo info;
  Shape shape;
  guint32 x, y;
  gboolean movable;
  ClipStaging staging;
  ClipRegion region;
  ClipTaps *across, *down;
  ClipGpuBuffer *staged, *pixels, *rows, *tables;
  guint32 pixel_stride, row_stride, strip;
  gsize across_at, places_at;
};

/* Set-up ------------------------------------------------------------------ */

static gboolean
set_too_large (const ClipFrameInfo *info, guint32 edge, GError **error)
{
  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
               "pictures of %ux%u pixels resized to edge %u are too large to preprocess",
               info->width, info->height, edge);
  return FALSE;
}

static gboolean
check (const ClipPreprocessSpec *spec, const ClipFrameInfo *info, GError **error)
{
  if (!info->width || !info->height || info->width > MAX_EDGE || info->height > MAX_EDGE
      || !info->par_n || !info->par_d || info->par_n > MAX_PAR || info->par_d > MAX_PAR) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                 "frames of %ux%u pixels with an aspect ratio of %u/%u cannot be preprocessed",
                 info->width, info->height, info->par_n, info->par_d);
    return FALSE;
  }
  if (!spec->crop_size || spec->crop_size > MAX_CROP || spec->resize_edge > MAX_EDGE
      || spec->crop_size > spec->resize_edge
      || (!spec->pixels
          && (!spec->patch_size || spec->patch_size > MIN (spec->crop_size, MAX_PATCH)))) {
    g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                 "no preprocessing for edge %u, crop %u and patches of %u: "
                 "patch <= crop <= edge, at most %u, %u and %u",
                 spec->resize_edge, spec->crop_size, spec->patch_size, MAX_PATCH, MAX_CROP,
                 MAX_EDGE);
    return FALSE;
  }
  const guint32 side = spec->pixels ? 0 : spec->crop_size / spec->patch_size;
  if ((guint64)side * side + spec->token_offset > 1u << (32 - RESIZE_PLACE_BITS))
    return set_too_large (info, spec->resize_edge, error);
  return TRUE;
}

/* One pass. (transfer full) */
static ClipTaps *
get_taps (ClipPreprocess *pre, guint32 in_size, guint32 out_size, guint32 lead, guint32 align)
{
  const ClipPreprocessSpec *spec = &pre->spec;
  const ClipTapsShape shape = {
    .in_size = in_size,
    .out_size = out_size,
    .lead = lead,
    .crop_first = clip_crop_first (spec->crop_rounding, out_size, spec->crop_size),
    .crop_size = spec->crop_size,
    .align = align,
    .filter = spec->filter,
    .few_counts = pre->movable,
  };

  return clip_taps_cache_get (pre->kernels->taps, &shape);
}

/* From @shape to taps and staging */
static gboolean
plan (ClipPreprocess *pre, const Shape *shape, GError **error)
{
  ClipFrameInfo part = pre->info, picture = pre->info;
  guint32 width = 0, height = 0;

  part.width = shape->width;
  part.height = shape->height;
  picture.width = shape->width - shape->left;
  picture.height = shape->height - shape->top;
  if (!clip_resize_size (&pre->spec, &picture, &width, &height))
    return set_too_large (&picture, pre->spec.resize_edge, error);

  g_clear_pointer (&pre->across, clip_taps_unref);
  g_clear_pointer (&pre->down, clip_taps_unref);
  pre->across = get_taps (pre, picture.width, width, shape->left, CLIP_REGION_ALIGN_X);
  pre->down = get_taps (pre, picture.height, height, shape->top, CLIP_REGION_ALIGN_Y);
  pre->region = (ClipRegion){
    .x0 = pre->across->origin,
    .x1 = pre->across->end,
    .y0 = pre->down->origin,
    .y1 = pre->down->end,
  };
  clip_staging_plan (&pre->staging, &part, &pre->region);
  /* the shaders count its bytes with 32 bits */
  if (pre->staging.bytes <= G_MAXUINT32)
    return TRUE;
  return set_too_large (&picture, pre->spec.resize_edge, error);
}

/* At least @size bytes; what is there may be enough. */
static gboolean
need_buffer (ClipPreprocess *pre, ClipGpuBuffer **buffer, ClipGpuMemory memory, gsize size,
             const gchar *name, GError **error)
{
  if (*buffer && (*buffer)->size >= size)
    return TRUE;
  g_clear_pointer (buffer, clip_gpu_buffer_free);
  if (pre->movable)
    size = (gsize)1 << g_bit_storage (size - 1);
  *buffer = clip_gpu_buffer_new (pre->kernels->gpu, memory, size, name, error);
  return *buffer != NULL;
}

/* Where pixel @i of a row or column of pixels goes, in units of @row_step rows and @step
 * columns: see RESIZE_PLACE_BITS. */
static guint32
place (const ClipPreprocessSpec *spec, guint32 i, guint32 row0, guint32 row_step, guint32 step)
{
  if (spec->pixels)
    return (i + 1) * row_step << RESIZE_PLACE_BITS | (i + 1) * step;

  const guint32 patch = i / spec->patch_size, rest = i % spec->patch_size;

  if (patch >= spec->crop_size / spec->patch_size)
    return RESIZE_NO_PLACE;
  return (row0 + patch * row_step) << RESIZE_PLACE_BITS | rest * step;
}

/* (array length=*n) (transfer full) */
static guint32 *
fill_tables (ClipPreprocess *pre, gsize *n)
{
  const ClipPreprocessSpec *spec = &pre->spec;
  const gsize crop = spec->crop_size;
  const gsize n_across = crop * pre->across->n_taps, n_down = crop * pre->down->n_taps;
  const guint32 side = spec->pixels ? 1 : spec->crop_size / spec->patch_size;

  pre->across_at = CONVERT_PARAMS;
  pre->places_at = pre->across_at + n_across;
  *n = pre->places_at + 2 * crop + n_down;

  guint32 *words = g_new0 (guint32, *n);
  guint32 *places = words + pre->places_at;
  memcpy (words, pre->staging.params, sizeof (pre->staging.params));
  memcpy (words + pre->across_at, pre->across->weights, n_across * sizeof (guint32));
  for (guint32 i = 0; i < crop; i++) {
    places[i] = place (spec, i, spec->token_offset, side, spec->pixels ? 0 : spec->patch_size);
    places[crop + i] = place (spec, i, 0, !spec->pixels, spec->pixels ? CLIP_PIXEL_LD : 1);
  }
  memcpy (places + 2 * crop, pre->down->weights, n_down * sizeof (guint32));
  return words;
}

static gboolean
make_tables (ClipPreprocess *pre, GError **error)
{
  gsize n = 0;
  g_autofree guint32 *words = fill_tables (pre, &n);
  const gsize bytes = n * sizeof (guint32);

  if (!need_buffer (pre, &pre->tables,
                    pre->movable ? CLIP_GPU_MEMORY_UPLOAD : CLIP_GPU_MEMORY_DEVICE, bytes,
                    "preprocessing tables", error))
    return FALSE;
  return clip_gpu_buffer_upload (pre->tables, 0, words, bytes, error);
}

static guint32
blocks (guint32 n, guint32 size)
{
  return (n + size - 1) / size;
}

/* Lines that are read when there are @lines and one output more than there is. */
static guint32
lines_read (const ClipTaps *taps, guint32 lines)
{
  return lines + taps->n_taps + (taps->scale >> CLIP_TAPS_START_BITS) + 1;
}

/* llvmpipe: whole workgroups, and the converted frame in strips. @pixels, @rows: (out): words */
static void
plan_blocks (ClipPreprocess *pre, gsize *pixels, gsize *rows)
{
  const guint32 width = pre->region.x1 - pre->region.x0, height = pre->region.y1 - pre->region.y0;
  const guint32 columns = lines_read (pre->across, clip_round_up (width, CONVERT_COLUMNS));
  const guint32 lines = lines_read (pre->down, clip_round_up (height, RESIZE_LANES));
  const guint32 lanes = clip_round_up (pre->spec.crop_size, RESIZE_LANES);

  pre->pixel_stride = columns * RESIZE_BLOCK;
  pre->row_stride = lines * RESIZE_BLOCK;
  pre->strip = MAX (STRIP_WORDS / columns / RESIZE_LANES, 1) * RESIZE_LANES;
  pre->strip = MIN (pre->strip, clip_round_up (height, RESIZE_LANES));
  *pixels = (gsize)columns * pre->strip;
  *rows = (gsize)lines * lanes;
}

static void
plan_rows (ClipPreprocess *pre, gsize *pixels, gsize *rows)
{
  const guint32 width = pre->region.x1 - pre->region.x0, height = pre->region.y1 - pre->region.y0;

  pre->pixel_stride = clip_round_up (width + pre->across->n_taps, CONVERT_PIXELS);
  pre->row_stride = pre->spec.crop_size;
  pre->strip = height;
  *pixels = (gsize)pre->pixel_stride * height;
  *rows = (gsize)pre->row_stride * lines_read (pre->down, height);
}

static gboolean
make_buffers (ClipPreprocess *pre, GError **error)
{
  gsize pixels, rows;

  if (pre->kernels->llvmpipe)
    plan_blocks (pre, &pixels, &rows);
  else
    plan_rows (pre, &pixels, &rows);
  return need_buffer (pre, &pre->staged, CLIP_GPU_MEMORY_UPLOAD, pre->staging.bytes, "staged frame",
                      error)
         && need_buffer (pre, &pre->pixels, CLIP_GPU_MEMORY_DEVICE, pixels * sizeof (guint32),
                         "converted frame", error)
         && need_buffer (pre, &pre->rows, CLIP_GPU_MEMORY_DEVICE, rows * sizeof (guint32),
                         "frame between the resizes", error);
}

ClipPreprocess *
clip_preprocess_new_for_rects (ClipKernels *kernels, const ClipPreprocessSpec *spec,
                               const ClipFrameInfo *info, GError **error)
{
  if (!check (spec, info, error))
    return NULL;

  ClipPreprocess *pre = g_new0 (ClipPreprocess, 1);
  pre->kernels = kernels;
  pre->spec = *spec;
  pre->info = *info;
  pre->movable = TRUE;
  return pre;
}

ClipPreprocess *
clip_preprocess_new (ClipKernels *kernels, const ClipPreprocessSpec *spec,
                     const ClipFrameInfo *info, GError **error)
{
  g_autoptr (ClipPreprocess) pre = clip_preprocess_new_for_rects (kernels, spec, info, error);
  gboolean stale;

  if (!pre)
    return NULL;
  pre->movable = FALSE;
  if (!clip_preprocess_set_view (pre, NULL, spec->resize, spec->resize_edge, &stale, error))
    return NULL;
  return g_steal_pointer (&pre);
}

void
clip_preprocess_free (ClipPreprocess *pre)
{
  if (!pre)
    return;
  clip_gpu_buffer_free (pre->staged);
  clip_gpu_buffer_free (pre->pixels);
  clip_gpu_buffer_free (pre->rows);
  clip_gpu_buffer_free (pre->tables);
  clip_taps_unref (pre->across);
  clip_taps_unref (pre->down);
  g_free (pre);
}

/* What is cut out ---------------------------------------------------------- */

gboolean
clip_preprocess_set_view (ClipPreprocess *pre, const ClipRect *rect, ClipResizeMode resize,
                          guint32 resize_edge, gboolean *stale, GError **error)
{
  const ClipRect whole = { 0, 0, pre->info.width, pre->info.height };
  const ClipRect *r = rect ? rect : &whole;
  guint32 x = r->x, y = r->y;

  g_assert (r->width > 0 && r->height > 0 && (guint64)r->x + r->width <= whole.width
            && (guint64)r->y + r->height <= whole.height);
  g_assert (resize_edge >= pre->spec.crop_size);
  clip_format_align (pre->info.format, &x, &y);
  const Shape shape = { r->x - x + r->width, r->y - y + r->height, r->x - x, r->y - y, resize,
                        resize_edge };

  pre->x = x;
  pre->y = y;
  *stale = memcmp (&shape, &pre->shape, sizeof (shape)) != 0;
  if (!*stale)
    return TRUE;
  if (rect && !pre->movable) {
    g_clear_pointer (&pre->tables, clip_gpu_buffer_free); /* elsewhere from now on */
    pre->movable = TRUE;
  }
  pre->shape = (Shape){ 0 };
  pre->spec.resize = resize;
  pre->spec.resize_edge = resize_edge;
  if (!plan (pre, &shape, error) || !make_tables (pre, error) || !make_buffers (pre, error))
    return FALSE;
  pre->shape = shape;
  return TRUE;
}

guint
clip_preprocess_rect_sides (ClipKernels *kernels, const ClipPreprocessSpec *spec, guint32 longest,
                            guint32 *sides)
{
  guint n = 0;

  G_STATIC_ASSERT (CLIP_PREPROCESS_SIDES == CLIP_TAPS_FEW);
  for (guint i = 0; kernels->llvmpipe && i < CLIP_TAPS_FEW; i++) {
    const guint32 side = clip_taps_few_side (spec->filter, spec->crop_size, i);

    if (side > MAX_EDGE)
      break;
    sides[n++] = side;
    if (side >= longest)
      break;
  }
  return n;
}

/* Each frame --------------------------------------------------------------- */

void
clip_preprocess_load (ClipPreprocess *pre, const ClipFramePlanes *planes)
{
  const ClipFramePlanes part = clip_format_offset (pre->info.format, planes, pre->x, pre->y);

  g_assert (pre->shape.width > 0);
  clip_staging_copy (&pre->staging, &part, pre->staged->map);
}

/* Recording ---------------------------------------------------------------- */

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
    .groups = blocks (width, CONVERT_PIXELS),
    .first_pair = y / CONVERT_PAIR,
    .last_row = region->y1 - region->y0 - 1,
    .chroma_row = region->y0 / 2 - chroma->first_row,
    .chroma_last = chroma->n_rows - 1,
    .nibbles = CLIP_NIBBLES_INIT,
  };
  const guint64 cost = (guint64)width * height * CONVERT_NS_PER_PIXEL;

  if (kernels->llvmpipe)
    clip_record (kernels, rec, &convert_llvmpipe, constants, G_N_ELEMENTS (constants), &push,
                 blocks (width, CONVERT_COLUMNS), blocks (height, CONVERT_ROWS), 1, cost);
  else
    clip_record (kernels, rec, &convert, constants, G_N_ELEMENTS (constants), &push,
                 blocks (push.groups, LANES), blocks (height, CONVERT_PAIR), 1, cost);
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
  const guint64 cost = (guint64)taps->n * n_lanes * taps->n_taps * RESIZE_NS_PER_TAP;

  push->scale = taps->scale;
  push->bias = (guint32)taps->bias;
  push->last = taps->last;
  push->n_taps = taps->n_taps;
  push->n_plane |= taps->n; /* the vertical pass has as many lanes as outputs */
  if (kernels->llvmpipe)
    clip_record (kernels, rec, &resize_llvmpipe, constants, G_N_ELEMENTS (constants), push,
                 blocks (taps->n, RESIZE_OUTPUTS), blocks (n_lanes, RESIZE_LANES), 1, cost);
  else
    clip_record (kernels, rec, &resize, constants, 1, push, blocks (taps->n, LANES), n_lanes, 1,
                 cost);
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
