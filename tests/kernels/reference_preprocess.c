/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/reference_preprocess.h"

#include <math.h>
#include <string.h>

/* Formats ------------------------------------------------------------------- */

static gboolean
is_yuv (ClipPixelFormat format)
{
  return format >= CLIP_PIXEL_I420;
}

static gboolean
is_10_bit (ClipPixelFormat format)
{
  return format >= CLIP_PIXEL_P010_10LE;
}

/* chroma samples for one of luma: width and height as shifts */
static void
subsampling (ClipPixelFormat format, guint *across, guint *down)
{
  *across = format == CLIP_PIXEL_Y444 ? 0 : 1;
  switch (format) {
  case CLIP_PIXEL_I420:
  case CLIP_PIXEL_YV12:
  case CLIP_PIXEL_NV12:
  case CLIP_PIXEL_NV21:
  case CLIP_PIXEL_P010_10LE:
  case CLIP_PIXEL_I420_10LE:
    *down = 1;
    break;
  default:
    *down = 0;
  }
}

guint
ref_planes (const ClipFrameInfo *info, RefPlane planes[3])
{
  const guint32 w = info->width, h = info->height;
  const guint32 half_w = (w + 1) / 2, half_h = (h + 1) / 2;

  planes[0] = (RefPlane){ w, h };
  switch (info->format) {
  case CLIP_PIXEL_RGB:
  case CLIP_PIXEL_BGR:
    planes[0].row_bytes = 3 * w;
    return 1;
  case CLIP_PIXEL_RGBX:
  case CLIP_PIXEL_BGRX:
  case CLIP_PIXEL_XRGB:
  case CLIP_PIXEL_XBGR:
    planes[0].row_bytes = 4 * w;
    return 1;
  case CLIP_PIXEL_GRAY8:
    return 1;
  case CLIP_PIXEL_YUY2:
  case CLIP_PIXEL_UYVY:
    planes[0].row_bytes = 4 * half_w;
    return 1;
  case CLIP_PIXEL_V210:
    planes[0].row_bytes = (w + 5) / 6 * 16;
    return 1;
  case CLIP_PIXEL_NV12:
  case CLIP_PIXEL_NV21:
    planes[1] = (RefPlane){ 2 * half_w, half_h };
    return 2;
  case CLIP_PIXEL_P010_10LE:
    planes[0].row_bytes = 2 * w;
    planes[1] = (RefPlane){ 4 * half_w, half_h };
    return 2;
  case CLIP_PIXEL_I420:
  case CLIP_PIXEL_YV12:
    planes[1] = planes[2] = (RefPlane){ half_w, half_h };
    return 3;
  case CLIP_PIXEL_Y42B:
    planes[1] = planes[2] = (RefPlane){ half_w, h };
    return 3;
  case CLIP_PIXEL_Y444:
    planes[1] = planes[2] = planes[0];
    return 3;
  case CLIP_PIXEL_I420_10LE:
    planes[0].row_bytes = 2 * w;
    planes[1] = planes[2] = (RefPlane){ 2 * half_w, half_h };
    return 3;
  case CLIP_PIXEL_I422_10LE:
    planes[0].row_bytes = 2 * w;
    planes[1] = planes[2] = (RefPlane){ 2 * half_w, h };
    return 3;
  }
  g_assert_not_reached ();
}

static guint
word16 (const guint8 *at)
{
  return at[0] | (guint)at[1] << 8;
}

/* v210: groups of four little-endian words for six pixels, three samples a word:
 * U0 Y0 V0, Y1 U1 Y2, V1 Y3 U2, Y4 V2 Y5 */
static guint
v210_sample (const guint8 *row, guint component, guint32 x)
{
  static const guint8 luma[] = { 1, 3, 5, 7, 9, 11 }, u[] = { 0, 4, 8 }, v[] = { 2, 6, 10 };
  const guint8 *group = row + (component ? x / 3 : x / 6) * 16;
  const guint n = !component ? luma[x % 6] : component == 1 ? u[x % 3] : v[x % 3];
  const guint8 *at = group + n / 3 * 4;

  return (word16 (at) | word16 (at + 2) << 16) >> (10 * (n % 3)) & 1023;
}

/* Sample (x, y) of component 0 Y, 1 U, 2 V, counted in that component's own samples */
static guint
yuv_sample (ClipPixelFormat format, const ClipFramePlanes *planes, guint component, guint32 x,
            guint32 y)
{
  const guint8 *row[3];

  for (guint i = 0; i < 3; i++)
    row[i] = planes->data[i] + (gssize)y * planes->stride[i];
  switch (format) {
  case CLIP_PIXEL_I420:
  case CLIP_PIXEL_Y42B:
  case CLIP_PIXEL_Y444:
    return row[component][x];
  case CLIP_PIXEL_YV12:
    return row[(3 - component) % 3][x];
  case CLIP_PIXEL_NV12:
    return component ? row[1][2 * x + component - 1] : row[0][x];
  case CLIP_PIXEL_NV21:
    return component ? row[1][2 * x + 2 - component] : row[0][x];
  case CLIP_PIXEL_YUY2:
    return component ? row[0][4 * x + 2 * component - 1] : row[0][2 * x];
  case CLIP_PIXEL_UYVY:
    return component ? row[0][4 * x + 2 * component - 2] : row[0][2 * x + 1];
  case CLIP_PIXEL_P010_10LE:
    return (component ? word16 (row[1] + 4 * x + 2 * (component - 1)) : word16 (row[0] + 2 * x))
           >> 6;
  case CLIP_PIXEL_I420_10LE:
  case CLIP_PIXEL_I422_10LE:
    return word16 (row[component] + 2 * x) & 1023;
  case CLIP_PIXEL_V210:
    return v210_sample (row[0], component, x);
  default:
    g_assert_not_reached ();
  }
}

static void
rgb_pixel (ClipPixelFormat format, const guint8 *row, guint32 x, guint8 *rgb)
{
  static const guint8 offsets[][4] = {
    [CLIP_PIXEL_RGB] = { 0, 1, 2, 3 },   [CLIP_PIXEL_BGR] = { 2, 1, 0, 3 },
    [CLIP_PIXEL_RGBX] = { 0, 1, 2, 4 },  [CLIP_PIXEL_BGRX] = { 2, 1, 0, 4 },
    [CLIP_PIXEL_XRGB] = { 1, 2, 3, 4 },  [CLIP_PIXEL_XBGR] = { 3, 2, 1, 4 },
    [CLIP_PIXEL_GRAY8] = { 0, 0, 0, 1 },
  };

  for (guint c = 0; c < 3; c++)
    rgb[c] = row[x * offsets[format][3] + offsets[format][c]];
}

/* Chroma ---------------------------------------------------------------------- */

/* The two samples on either side of pixel @at, and the quarters that the second one counts. */
static void
neighbours (guint32 at, gboolean subsampled, gboolean cosited, guint32 n, guint32 near[2],
            guint *quarters)
{
  gint64 first = at, second = at;

  *quarters = 0;
  if (subsampled) {
    /* four times the pixel's position, in samples */
    const gint64 position = cosited ? 2 * (gint64)at : 2 * (gint64)at - 1;
    first = position >> 2;
    second = first + 1;
    *quarters = (guint)(position - 4 * first);
  }
  near[0] = (guint32)CLAMP (first, 0, (gint64)n - 1);
  near[1] = (guint32)CLAMP (second, 0, (gint64)n - 1);
}

/* In sixteenths */
static guint
chroma_at (const ClipFrameInfo *info, const ClipFramePlanes *planes, guint component, guint32 x,
           guint32 y)
{
  guint across, down, part_x, part_y, sum = 0;
  guint32 xs[2], ys[2];

  subsampling (info->format, &across, &down);
  neighbours (x, across, info->chroma_site & CLIP_CHROMA_H_COSITED,
              across ? (info->width + 1) / 2 : info->width, xs, &part_x);
  neighbours (y, down, info->chroma_site & CLIP_CHROMA_V_COSITED,
              down ? (info->height + 1) / 2 : info->height, ys, &part_y);
  for (guint j = 0; j < 2; j++)
    for (guint i = 0; i < 2; i++)
      sum += (i ? part_x : 4 - part_x) * (j ? part_y : 4 - part_y)
             * yuv_sample (info->format, planes, component, xs[i], ys[j]);
  return sum;
}

/* Colour ------------------------------------------------------------------------ */

/* RGB (0 .. 255) = gain * (Y, U, V - offset), in levels of the samples */
typedef struct {
  double gain[3][3];
  double offset[3];
} Matrix;

static Matrix
matrix_for (const ClipFrameInfo *info)
{
  const double kr = info->matrix == CLIP_MATRIX_BT601   ? 0.299
                    : info->matrix == CLIP_MATRIX_BT709 ? 0.2126
                                                        : 0.2627;
  const double kb = info->matrix == CLIP_MATRIX_BT601   ? 0.114
                    : info->matrix == CLIP_MATRIX_BT709 ? 0.0722
                                                        : 0.0593;
  const double kg = 1 - kr - kb;
  const double unit = is_10_bit (info->format) ? 4 : 1;
  const double y = 255 / (info->full_range ? 256 * unit - 1 : 219 * unit);
  const double c = 255 / (info->full_range ? 256 * unit - 1 : 224 * unit);

  return (Matrix){
    .gain = { { y, 0, c * 2 * (1 - kr) },
              { y, -c * 2 * (1 - kb) * kb / kg, -c * 2 * (1 - kr) * kr / kg },
              { y, c * 2 * (1 - kb), 0 } },
    .offset = { info->full_range ? 0 : 16 * unit, 128 * unit, 128 * unit },
  };
}

void
ref_convert (const ClipFrameInfo *info, const ClipFramePlanes *planes, guint8 *rgb)
{
  const Matrix matrix = matrix_for (info);
  gint64 gain[3][3];

  for (guint c = 0; c < 3; c++)
    for (guint i = 0; i < 3; i++)
      gain[c][i] = lrint (matrix.gain[c][i] / 16 * (1 << 20));

  for (guint32 y = 0; y < info->height; y++)
    for (guint32 x = 0; x < info->width; x++, rgb += 3) {
      if (!is_yuv (info->format)) {
        rgb_pixel (info->format, planes->data[0] + (gssize)y * planes->stride[0], x, rgb);
        continue;
      }
      gint64 yuv[3] = { 16 * yuv_sample (info->format, planes, 0, x, y),
                        chroma_at (info, planes, 1, x, y), chroma_at (info, planes, 2, x, y) };
      for (guint i = 0; i < 3; i++)
        yuv[i] -= 16 * (gint64)matrix.offset[i];
      for (guint c = 0; c < 3; c++) {
        const gint64 sum = gain[c][0] * yuv[0] + gain[c][1] * yuv[1] + gain[c][2] * yuv[2];
        const gint64 level = (sum + (1 << 19)) >> 20;
        rgb[c] = (guint8)CLAMP (level, 0, 255);
      }
    }
}

void
ref_convert_double (const ClipFrameInfo *info, const ClipFramePlanes *planes, double *rgb)
{
  const Matrix matrix = matrix_for (info);

  for (guint32 y = 0; y < info->height; y++)
    for (guint32 x = 0; x < info->width; x++, rgb += 3) {
      double yuv[3] = { yuv_sample (info->format, planes, 0, x, y),
                        chroma_at (info, planes, 1, x, y) / 16.0,
                        chroma_at (info, planes, 2, x, y) / 16.0 };
      for (guint c = 0; c < 3; c++) {
        double level = 0;
        for (guint i = 0; i < 3; i++)
          level += matrix.gain[c][i] * (yuv[i] - matrix.offset[i]);
        rgb[c] = CLAMP (level, 0, 255);
      }
    }
}

/* Resize -------------------------------------------------------------------------- */

static double
filter_at (ClipResizeFilter filter, double x)
{
  x = fabs (x);
  if (filter == CLIP_FILTER_BILINEAR)
    return x < 1 ? 1 - x : 0;
  if (x < 1)
    return ((-0.5 + 2) * x - (-0.5 + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/* One line of @n pixels, @step bytes apart, to @to_n pixels, @to_step bytes apart. */
static void
resize_line (const guint8 *from, guint32 n, gsize step, guint8 *to, guint32 to_n, gsize to_step,
             ClipResizeFilter filter)
{
  const double scale = (double)n / to_n, stretch = scale < 1 ? 1 : scale;
  const double support = (filter == CLIP_FILTER_BICUBIC ? 2 : 1) * stretch;
  g_autofree double *weight = g_new (double, n);

  for (guint32 o = 0; o < to_n; o++) {
    const double center = (o + 0.5) * scale;
    const int first = MAX ((int)(center - support + 0.5), 0);
    const int end = MIN ((int)(center + support + 0.5), (int)n);
    double total = 0;
    gint32 sum[3] = { 1 << 21, 1 << 21, 1 << 21 };

    for (int i = first; i < end; i++)
      total += weight[i] = filter_at (filter, (i - center + 0.5) * (1 / stretch));
    for (int i = first; i < end; i++) {
      const double w = weight[i] / total * (1 << 22);
      const gint32 fixed = (gint32)(w < 0 ? w - 0.5 : w + 0.5);
      for (guint c = 0; c < 3; c++)
        sum[c] += fixed * from[i * step + c];
    }
    for (guint c = 0; c < 3; c++)
      to[o * to_step + c] = (guint8)CLAMP (sum[c] >> 22, 0, 255);
  }
}

guint8 *
ref_resize (const guint8 *rgb, guint32 width, guint32 height, guint32 to_width, guint32 to_height,
            ClipResizeFilter filter)
{
  g_autofree guint8 *rows = g_malloc ((gsize)to_width * height * 3);
  guint8 *out = g_malloc ((gsize)to_width * to_height * 3);

  if (to_width == width)
    memcpy (rows, rgb, (gsize)width * height * 3);
  else
    for (gsize y = 0; y < height; y++)
      resize_line (rgb + y * width * 3, width, 3, rows + y * to_width * 3, to_width, 3, filter);
  if (to_height == height)
    memcpy (out, rows, (gsize)to_width * height * 3);
  else
    for (gsize x = 0; x < to_width; x++)
      resize_line (rows + x * 3, height, (gsize)to_width * 3, out + x * 3, to_height,
                   (gsize)to_width * 3, filter);
  return out;
}

/* Cutting ------------------------------------------------------------------------- */

/* What is right of and below (x, y), which is the first pixel of a group */
static ClipFramePlanes
planes_from (const ClipFrameInfo *info, const ClipFramePlanes *planes, guint32 x, guint32 y)
{
  const ClipFrameInfo before = { .format = info->format, .width = x, .height = y };
  ClipFramePlanes out = *planes;
  RefPlane skipped[3];

  for (guint i = 0, n = ref_planes (&before, skipped); i < n; i++)
    out.data[i] += (gssize)skipped[i].rows * planes->stride[i] + skipped[i].row_bytes;
  return out;
}

/* uint8[rect->height][rect->width][3] */
static guint8 *
cut (const ClipFrameInfo *info, const ClipFramePlanes *planes, const ClipRect *rect)
{
  guint across, down;

  subsampling (info->format, &across, &down);
  const guint group_x = info->format == CLIP_PIXEL_V210        ? 6
                        : is_yuv (info->format) && across == 1 ? 2
                                                               : 1;
  const guint group_y = is_yuv (info->format) && down == 1 ? 2 : 1;
  const guint32 left = rect->x % group_x, top = rect->y % group_y;
  const ClipFramePlanes part = planes_from (info, planes, rect->x - left, rect->y - top);
  ClipFrameInfo part_info = *info;
  part_info.width = left + rect->width;
  part_info.height = top + rect->height;

  g_autofree guint8 *rgb = g_malloc ((gsize)part_info.width * part_info.height * 3);
  guint8 *out = g_malloc ((gsize)rect->width * rect->height * 3);
  ref_convert (&part_info, &part, rgb);
  for (gsize y = 0; y < rect->height; y++)
    memcpy (out + y * rect->width * 3, rgb + ((y + top) * part_info.width + left) * 3,
            (gsize)rect->width * 3);
  return out;
}

static void
resized_sides (const ClipPreprocessSpec *spec, const ClipFrameInfo *info, const ClipRect *rect,
               guint32 *w, guint32 *h)
{
  const guint64 shown_w = (guint64)rect->width * info->par_n;
  const guint64 shown_h = (guint64)rect->height * info->par_d;
  const guint32 edge = spec->resize_edge;

  *w = *h = edge;
  if (spec->resize == CLIP_RESIZE_SHORTEST_EDGE && shown_w < shown_h) {
    *h = (guint32)(edge * shown_h / shown_w);
  } else if (spec->resize == CLIP_RESIZE_SHORTEST_EDGE) {
    *w = (guint32)(edge * shown_w / shown_h);
  } else if (spec->resize == CLIP_RESIZE_LONGEST_EDGE) {
    const double ratio = (double)MAX (shown_w, shown_h) / edge;
    *w = (guint32)MAX (rint (shown_w / ratio), 1);
    *h = (guint32)MAX (rint (shown_h / ratio), 1);
  }
}

/* Where output @i of @crop is in a side of @n; negative or n and above: black */
static gint64
source_of (const ClipPreprocessSpec *spec, guint32 n, gint64 i)
{
  const gint64 crop = spec->crop_size;
  const double mid = (n - (double)crop) / 2.0;

  if (n < crop)
    return i - (crop - n) / 2;
  return i
         + (gint64)(spec->crop_rounding == CLIP_CROP_ROUND_HALF_EVEN ? nearbyint (mid)
                                                                     : floor (mid));
}

guint8 *
ref_preprocess (const ClipPreprocessSpec *spec, const ClipFrameInfo *info,
                const ClipFramePlanes *planes, const ClipRect *rect)
{
  const ClipRect whole = { 0, 0, info->width, info->height };
  const gsize crop = spec->crop_size;
  guint32 w, h;

  if (!rect)
    rect = &whole;
  resized_sides (spec, info, rect, &w, &h);
  g_autofree guint8 *rgb = cut (info, planes, rect);
  g_autofree guint8 *resized = ref_resize (rgb, rect->width, rect->height, w, h, spec->filter);
  guint8 *out = g_malloc0 (crop * crop * 3);
  for (gsize y = 0; y < crop; y++)
    for (gsize x = 0; x < crop; x++) {
      const gint64 from_y = source_of (spec, h, y), from_x = source_of (spec, w, x);
      if (from_y >= 0 && from_y < h && from_x >= 0 && from_x < w)
        memcpy (out + (y * crop + x) * 3, resized + (from_y * w + from_x) * 3, 3);
    }
  return out;
}
