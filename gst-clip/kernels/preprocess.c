/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which taps, tables and buffers a frame and a rectangle need. */
#include "gst-clip/kernels/preprocess_internal.h"

#include <string.h>

#define MAX_EDGE  32768
#define MAX_CROP  4096
#define MAX_PATCH 255 /* its square fits in RESIZE_PLACE_BITS */
#define MAX_PAR   65536

/* Pixels of a strip, llvmpipe: 2 MiB. More come back from memory, much less are many dispatches. */
#define STRIP_WORDS 524288

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
plan (ClipPreprocess *pre, const ClipPreprocessShape *shape, GError **error)
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

/* On GPUs tap after tap, as invocations side by side have outputs side by side; on llvmpipe output after output. */
static void
copy_across (const ClipPreprocess *pre, guint32 *to)
{
  const guint32 n = pre->spec.crop_size, taps = pre->across->n_taps;

  for (guint32 o = 0; o < n; o++)
    for (guint32 t = 0; t < taps; t++)
      to[pre->kernels->llvmpipe ? o * taps + t : t * n + o] =
          (guint32)pre->across->weights[o * taps + t];
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
  copy_across (pre, words + pre->across_at);
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
  const ClipPreprocessShape shape = {
    r->x - x + r->width, r->y - y + r->height, r->x - x, r->y - y, resize, resize_edge
  };

  pre->x = x;
  pre->y = y;
  *stale = memcmp (&shape, &pre->shape, sizeof (shape)) != 0;
  if (!*stale)
    return TRUE;
  if (rect && !pre->movable) {
    g_clear_pointer (&pre->tables, clip_gpu_buffer_free); /* elsewhere from now on */
    pre->movable = TRUE;
  }
  pre->shape = (ClipPreprocessShape){ 0 };
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
