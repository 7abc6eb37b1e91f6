/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/preprocess_taps.h"

#include <math.h>

#define MAX_RESIZED_EDGE (1u << 24)

static double
bicubic (double x)
{
  const double a = -0.5;

  x = fabs (x);
  if (x < 1.0)
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0)
    return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

static double
triangle (double x)
{
  x = fabs (x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/* The window of one output, in source samples. */
typedef struct {
  double center;
  guint32 first, end;
} Window;

/* PIL's order of operations: each step is rounded to double, and a window's edge hangs on it. */
static Window
window_of (guint32 in_size, guint32 o, double scale, double support)
{
  const double center = (o + 0.5) * scale;
  const double first = center - support + 0.5, end = center + support + 0.5;

  return (Window){
    .center = center,
    .first = first > 0.0 ? (guint32)first : 0,
    .end = end < in_size ? (guint32)end : in_size,
  };
}

static gint32
to_fixed (double weight)
{
  const double scaled = weight * (1 << CLIP_TAPS_PRECISION);
  return (gint32)(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

static void
fill_weights (gint32 *weights, const Window *window, ClipResizeFilter filter, double stretch)
{
  const guint32 n = window->end - window->first;
  double (*kernel) (double) = filter == CLIP_FILTER_BICUBIC ? bicubic : triangle;
  g_autofree double *w = g_new (double, n);
  double sum = 0.0;

  for (guint32 i = 0; i < n; i++) {
    w[i] = kernel (((double)(i + window->first) - window->center + 0.5) * (1.0 / stretch));
    sum += w[i];
  }
  for (guint32 i = 0; i < n; i++)
    weights[i] = to_fixed (sum != 0.0 ? w[i] / sum : w[i]);
}

/* The line o * scale + bias under all windows' first samples. */
static void
fit_starts (ClipTaps *taps, const Window *windows, double scale)
{
  gint64 bias = G_MAXINT32;

  taps->scale = (guint32)(scale * (1 << CLIP_TAPS_START_BITS));
  for (guint32 i = 0; i < taps->n; i++) {
    const gint64 first = (gint64)(windows[i].first - taps->origin) << CLIP_TAPS_START_BITS;
    bias = MIN (bias, first - (gint64)i * taps->scale);
  }
  /* first can be clamped to 0 for many outputs only at the left edge, where max (0, ) helps */
  taps->bias = (gint32)MAX (bias, G_MININT32);
}

void
clip_taps_init (ClipTaps *taps, guint32 in_size, guint32 out_size, guint32 crop_first,
                guint32 crop_size, ClipResizeFilter filter, guint32 align)
{
  const gboolean copy = in_size == out_size;
  const double scale = copy ? 1.0 : (double)in_size / out_size;
  const double stretch = MAX (scale, 1.0);
  const double support = (filter == CLIP_FILTER_BICUBIC ? 2.0 : 1.0) * stretch;
  g_autofree Window *windows = g_new (Window, crop_size);

  g_assert (crop_size > 0 && (guint64)crop_first + crop_size <= out_size);

  *taps = (ClipTaps){ .n = crop_size, .first = G_MAXUINT32 };
  for (guint32 i = 0; i < crop_size; i++) {
    const guint32 o = crop_first + i;
    windows[i] = copy ? (Window){ o + 0.5, o, o + 1 } : window_of (in_size, o, scale, support);
    taps->first = MIN (taps->first, windows[i].first);
    taps->end = MAX (taps->end, windows[i].end);
  }
  taps->origin = taps->first & ~(align - 1);
  fit_starts (taps, windows, scale);

  for (guint32 i = 0; i < crop_size; i++)
    taps->n_taps = MAX (taps->n_taps, windows[i].end - taps->origin - clip_taps_start (taps, i));
  taps->n_taps = clip_round_up (taps->n_taps, 8);

  taps->weights = g_new0 (gint32, (gsize)crop_size * taps->n_taps);
  for (guint32 i = 0; i < crop_size; i++) {
    const guint32 skip = windows[i].first - taps->origin - clip_taps_start (taps, i);
    gint32 *weights = taps->weights + (gsize)i * taps->n_taps + skip;

    if (copy)
      weights[0] = 1 << CLIP_TAPS_PRECISION;
    else
      fill_weights (weights, &windows[i], filter, stretch);
  }
}

void
clip_taps_clear (ClipTaps *taps)
{
  g_clear_pointer (&taps->weights, g_free);
}

guint32
clip_taps_start (const ClipTaps *taps, guint32 o)
{
  const gint32 start = ((gint32)(o * taps->scale) + taps->bias) >> CLIP_TAPS_START_BITS;
  return (guint32)MAX (start, 0);
}

gboolean
clip_resize_size (const ClipPreprocessSpec *spec, const ClipFrameInfo *info, guint32 *width,
                  guint32 *height)
{
  guint64 w = spec->resize_edge, h = spec->resize_edge;

  if (spec->resize == CLIP_RESIZE_SHORTEST_EDGE) {
    /* sides 32768 at most, aspect ratios 2^31: the products stay below 2^63 */
    const guint64 shown_w = (guint64)info->width * info->par_n;
    const guint64 shown_h = (guint64)info->height * info->par_d;

    if (shown_w <= shown_h)
      h = (guint64)((double)spec->resize_edge * (double)shown_h / (double)shown_w);
    else
      w = (guint64)((double)spec->resize_edge * (double)shown_w / (double)shown_h);
  }
  if (MAX (w, h) > MAX_RESIZED_EDGE || MIN (w, h) < spec->crop_size)
    return FALSE;
  *width = (guint32)w;
  *height = (guint32)h;
  return TRUE;
}

guint32
clip_crop_first (ClipCropRounding rounding, guint32 size, guint32 crop)
{
  const guint32 rest = size - crop, half = rest / 2;

  if (rounding == CLIP_CROP_ROUND_HALF_EVEN && rest % 2)
    return half + half % 2;
  return half;
}
