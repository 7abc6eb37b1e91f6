/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/preprocess_formats.h"

#include <math.h>
#include <string.h>

#include "shaders/convert.h"

G_STATIC_ASSERT (CLIP_CONVERT_PARAMS == CONVERT_PARAMS);

#define ALIGN 16

/* @unit_bytes, @unit_pixels: a unit, see ClipStagedPlane, and how many pixels wide it is.
 * @half_rows: one row for two rows of pixels */
typedef struct {
  guint8 unit_bytes, unit_pixels;
  gboolean half_rows;
} PlaneFormat;

/* @shift: convert.comp's; RGB: R, G, B; YUV: luma and the two chroma components
 * @chroma: the planes with U and V (the same one when they are interleaved) */
typedef struct {
  guint32 layout;
  guint depth;
  guint n_planes;
  PlaneFormat planes[3];
  guint8 shift[3];
  guint8 chroma[2];
} Format;

#define Y8                                                                                         \
  {                                                                                                \
    1, 1, FALSE                                                                                    \
  }
#define Y16                                                                                        \
  {                                                                                                \
    2, 1, FALSE                                                                                    \
  }
#define C8_22                                                                                      \
  {                                                                                                \
    1, 2, TRUE                                                                                     \
  } /* one component, half width and height */
#define C8_21                                                                                      \
  {                                                                                                \
    1, 2, FALSE                                                                                    \
  } /* half width */
#define C16_22                                                                                     \
  {                                                                                                \
    2, 2, TRUE                                                                                     \
  }
#define C16_21                                                                                     \
  {                                                                                                \
    2, 2, FALSE                                                                                    \
  }
#define UV8                                                                                        \
  {                                                                                                \
    2, 2, TRUE                                                                                     \
  } /* both components */
#define UV16                                                                                       \
  {                                                                                                \
    4, 2, TRUE                                                                                     \
  }

static const Format formats[] = {
  [CLIP_PIXEL_RGB] = { CONVERT_RGB24, 8, 1, { { 3, 1 } }, { 0, 8, 16 } },
  [CLIP_PIXEL_BGR] = { CONVERT_RGB24, 8, 1, { { 3, 1 } }, { 16, 8, 0 } },
  [CLIP_PIXEL_RGBX] = { CONVERT_RGB32, 8, 1, { { 4, 1 } }, { 0, 8, 16 } },
  [CLIP_PIXEL_BGRX] = { CONVERT_RGB32, 8, 1, { { 4, 1 } }, { 16, 8, 0 } },
  [CLIP_PIXEL_XRGB] = { CONVERT_RGB32, 8, 1, { { 4, 1 } }, { 8, 16, 24 } },
  [CLIP_PIXEL_XBGR] = { CONVERT_RGB32, 8, 1, { { 4, 1 } }, { 24, 16, 8 } },
  [CLIP_PIXEL_GRAY8] = { CONVERT_GRAY, 8, 1, { Y8 } },
  [CLIP_PIXEL_I420] = { CONVERT_PLANAR, 8, 3, { Y8, C8_22, C8_22 }, { 0 }, { 1, 2 } },
  [CLIP_PIXEL_YV12] = { CONVERT_PLANAR, 8, 3, { Y8, C8_22, C8_22 }, { 0 }, { 2, 1 } },
  [CLIP_PIXEL_NV12] = { CONVERT_PAIRS, 8, 2, { Y8, UV8 }, { 0, 0, 8 }, { 1, 1 } },
  [CLIP_PIXEL_NV21] = { CONVERT_PAIRS, 8, 2, { Y8, UV8 }, { 0, 8, 0 }, { 1, 1 } },
  [CLIP_PIXEL_YUY2] = { CONVERT_PACKED, 8, 1, { { 4, 2 } }, { 0, 8, 24 } },
  [CLIP_PIXEL_UYVY] = { CONVERT_PACKED, 8, 1, { { 4, 2 } }, { 8, 0, 16 } },
  [CLIP_PIXEL_Y42B] = { CONVERT_PLANAR, 8, 3, { Y8, C8_21, C8_21 }, { 0 }, { 1, 2 } },
  [CLIP_PIXEL_Y444] = { CONVERT_FULL, 8, 3, { Y8, Y8, Y8 }, { 0 }, { 1, 2 } },
  [CLIP_PIXEL_P010_10LE] = { CONVERT_PAIRS_16, 10, 2, { Y16, UV16 }, { 6, 6, 22 }, { 1, 1 } },
  [CLIP_PIXEL_I420_10LE] = { CONVERT_PLANAR_16, 10, 3, { Y16, C16_22, C16_22 }, { 0 }, { 1, 2 } },
  [CLIP_PIXEL_I422_10LE] = { CONVERT_PLANAR_16, 10, 3, { Y16, C16_21, C16_21 }, { 0 }, { 1, 2 } },
  [CLIP_PIXEL_V210] = { CONVERT_V210, 10, 1, { { 16, 6 } } },
};

void
clip_format_align (ClipPixelFormat format, guint32 *x, guint32 *y)
{
  const Format *f = &formats[format];

  for (guint i = 0; i < f->n_planes; i++) {
    *x -= *x % f->planes[i].unit_pixels;
    *y -= *y % (f->planes[i].half_rows ? 2 : 1);
  }
}

ClipFramePlanes
clip_format_offset (ClipPixelFormat format, const ClipFramePlanes *planes, guint32 x, guint32 y)
{
  const Format *f = &formats[format];
  ClipFramePlanes out = *planes;

  for (guint i = 0; i < f->n_planes; i++) {
    const PlaneFormat *plane = &f->planes[i];

    out.data[i] += (gssize)(y / (plane->half_rows ? 2 : 1)) * planes->stride[i]
                   + x / plane->unit_pixels * plane->unit_bytes;
  }
  return out;
}

/* One more chroma sample on either side serves the interpolation; where the frame ends, the
 * outermost one is repeated, so that the shader need not look. */
static void
plan_half_width (ClipStagedPlane *plane, const ClipFrameInfo *info, const ClipRegion *region)
{
  const guint32 first = region->x0 / 2, end = (region->x1 + 1) / 2 + 1;
  const guint32 width = (info->width + 1) / 2;

  plane->repeat_left = first == 0;
  plane->repeat_right = end > width;
  plane->first_unit = first - (plane->repeat_left ? 0 : 1);
  plane->n_units = MIN (end, width) - plane->first_unit;
  /* the region's first sample is aligned, what precedes it is not */
  plane->lead = ALIGN - (plane->repeat_left ? 0 : plane->unit_bytes);
}

static void
plan_plane (ClipStagedPlane *plane, const PlaneFormat *format, const ClipFrameInfo *info,
            const ClipRegion *region)
{
  plane->unit_bytes = format->unit_bytes;
  if (format->unit_pixels == 1) {
    plane->first_unit = region->x0;
    plane->n_units = region->x1 - region->x0;
  } else if (format->unit_pixels == 2) {
    plan_half_width (plane, info, region);
  } else { /* v210: convert.comp clamps, only the neighbours must be there */
    const guint32 end = MIN (region->x1 + 2, info->width);
    plane->first_unit = (MAX (region->x0, 2) - 2) / format->unit_pixels;
    plane->n_units = (end + format->unit_pixels - 1) / format->unit_pixels - plane->first_unit;
  }

  plane->first_row = region->y0;
  plane->n_rows = region->y1 - region->y0;
  if (format->half_rows) {
    const gboolean cosited = (info->chroma_site & CLIP_CHROMA_V_COSITED) != 0;
    const guint32 first = region->y0 / 2, last = (region->y1 - 1) / 2;
    const gboolean above = !cosited && first > 0 && region->y0 % 2 == 0;
    const gboolean below = region->y1 % 2 == 0 && last + 1 < (info->height + 1) / 2;

    plane->first_row = first - (above ? 1 : 0);
    plane->n_rows = last + 1 + (below ? 1 : 0) - plane->first_row;
  }

  const gsize bytes = plane->lead + (gsize)(plane->n_units + 1) * plane->unit_bytes;
  plane->stride = (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static guint32
to_matrix (double sixteenths)
{
  return (guint32)(gint32)floor (sixteenths / 16.0 * (1 << CONVERT_FRACTION) + 0.5);
}

/* docs/kernels.md, "Preprocessing" */
static void
plan_matrix (guint32 *params, const ClipFrameInfo *info, guint depth)
{
  static const double weights[][2] = {
    [CLIP_MATRIX_BT601] = { 0.299, 0.114 },
    [CLIP_MATRIX_BT709] = { 0.2126, 0.0722 },
    [CLIP_MATRIX_BT2020] = { 0.2627, 0.0593 },
  };
  const double kr = weights[info->matrix][0], kb = weights[info->matrix][1], kg = 1.0 - kr - kb;
  const guint up = 1u << (depth - 8);
  const double full = 255.0 / (256 * up - 1);
  const double luma = info->full_range ? full : 255.0 / (219 * up);
  const double chroma = info->full_range ? full : 255.0 / (224 * up);
  const guint32 zero = info->full_range ? 0 : 16 * 16 * up, center = 16 * 128 * up;
  const guint32 half = 1u << (CONVERT_FRACTION - 1);

  params[CONVERT_PARAM_LUMA] = to_matrix (luma);
  params[CONVERT_PARAM_RV] = to_matrix (chroma * 2.0 * (1.0 - kr));
  params[CONVERT_PARAM_GU] = to_matrix (chroma * -2.0 * (1.0 - kb) * kb / kg);
  params[CONVERT_PARAM_GV] = to_matrix (chroma * -2.0 * (1.0 - kr) * kr / kg);
  params[CONVERT_PARAM_BU] = to_matrix (chroma * 2.0 * (1.0 - kb));
  /* modulo 2^32, as in the shader */
  const guint32 base = half - zero * params[CONVERT_PARAM_LUMA];
  params[CONVERT_PARAM_R0] = base - center * params[CONVERT_PARAM_RV];
  params[CONVERT_PARAM_G0] = base - center * (params[CONVERT_PARAM_GU] + params[CONVERT_PARAM_GV]);
  params[CONVERT_PARAM_B0] = base - center * params[CONVERT_PARAM_BU];
}

static void
plan_params (ClipStaging *staging, const Format *format, const ClipFrameInfo *info,
             const ClipRegion *region)
{
  const gboolean h_cosited = (info->chroma_site & CLIP_CHROMA_H_COSITED) != 0;
  guint32 *params = staging->params;

  for (guint i = 0; i < 3; i++)
    params[CONVERT_PARAM_SHIFT + i] = format->shift[i];
  params[CONVERT_PARAM_H_EVEN] = h_cosited ? 0 : 1;
  params[CONVERT_PARAM_H_ODD] = h_cosited ? 2 : 1;
  params[CONVERT_PARAM_V210_ZERO] = staging->planes[0].first_unit * 12;
  params[CONVERT_PARAM_V210_X] = region->x0;
  params[CONVERT_PARAM_V210_LAST] = (info->width + 1) / 2 - 1;
  plan_matrix (params, info, format->depth);
}

void
clip_staging_plan (ClipStaging *staging, const ClipFrameInfo *info, const ClipRegion *region)
{
  const Format *format = &formats[info->format];

  g_assert ((guint)info->format < G_N_ELEMENTS (formats));
  g_assert (region->x0 % CLIP_REGION_ALIGN_X == 0 && region->x0 < region->x1
            && region->x1 <= info->width);
  g_assert (region->y0 % CLIP_REGION_ALIGN_Y == 0 && region->y0 < region->y1
            && region->y1 <= info->height);

  *staging = (ClipStaging){ .n_planes = format->n_planes, .layout = format->layout };
  for (guint i = 0; i < format->n_planes; i++) {
    ClipStagedPlane *plane = &staging->planes[i];

    plan_plane (plane, &format->planes[i], info, region);
    plane->offset = staging->bytes;
    staging->bytes += plane->stride * plane->n_rows;
    if (format->planes[i].half_rows)
      staging->rows =
          info->chroma_site & CLIP_CHROMA_V_COSITED ? CONVERT_ROWS_COSITED : CONVERT_ROWS_CENTER;
  }
  for (guint i = 0; i < 2; i++) {
    const guint plane = format->chroma[i];
    const gboolean half_width = format->planes[plane].unit_pixels == 2;
    staging->chroma[i] = staging->planes[plane].offset + (half_width ? ALIGN : 0);
  }
  plan_params (staging, format, info, region);
}

void
clip_staging_copy (const ClipStaging *staging, const ClipFramePlanes *planes, guint8 *to)
{
  for (guint i = 0; i < staging->n_planes; i++) {
    const ClipStagedPlane *plane = &staging->planes[i];
    const gsize unit = plane->unit_bytes, bytes = plane->n_units * unit;

    for (guint32 row = 0; row < plane->n_rows; row++) {
      const guint8 *from = planes->data[i] + (gssize)(plane->first_row + row) * planes->stride[i]
                           + plane->first_unit * unit;
      guint8 *dst = to + plane->offset + row * plane->stride + plane->lead;

      memcpy (dst, from, bytes);
      if (plane->repeat_left)
        memcpy (dst - unit, from, unit);
      if (plane->repeat_right)
        memcpy (dst + bytes, from + bytes - unit, unit);
    }
  }
}
