/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/preprocess_taps.h"

#include <math.h>
#include <string.h>

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

static gboolean
is_black (const Window *window)
{
  return window->end == 0;
}

/* The line o * scale + bias under all windows' first samples. */
static void
fit_starts (ClipTaps *taps, const Window *windows, double scale)
{
  gint64 bias = G_MAXINT32;

  taps->scale = (guint32)(scale * (1 << CLIP_TAPS_START_BITS));
  for (guint32 i = 0; i < taps->n; i++) {
    const gint64 first = (gint64)(taps->shape.lead + windows[i].first - taps->origin)
                         << CLIP_TAPS_START_BITS;
    if (!is_black (&windows[i]))
      bias = MIN (bias, first - (gint64)i * taps->scale);
  }
  /* first can be clamped to 0 for many outputs only at the left edge, where max (0, ) helps */
  taps->bias = (gint32)MAX (bias, G_MININT32);

  guint32 last = 0;
  taps->last = G_MAXUINT32;
  for (guint32 i = 0; i < taps->n; i++)
    if (!is_black (&windows[i]))
      last = MAX (last, clip_taps_start (taps, i));
  taps->last = last;
}

/* [crop_size]; sets first, end and origin. (transfer full) */
static Window *
make_windows (ClipTaps *taps, double scale, double support)
{
  const ClipTapsShape *shape = &taps->shape;
  Window *windows = g_new0 (Window, shape->crop_size);
  guint32 first = G_MAXUINT32, end = 0;

  for (guint32 i = 0; i < shape->crop_size; i++) {
    const gint64 o = (gint64)shape->crop_first + i;

    if (o < 0 || o >= shape->out_size)
      continue;
    windows[i] = shape->in_size == shape->out_size
                     ? (Window){ o + 0.5, (guint32)o, (guint32)o + 1 }
                     : window_of (shape->in_size, (guint32)o, scale, support);
    first = MIN (first, windows[i].first);
    end = MAX (end, windows[i].end);
  }
  g_assert (first < end);
  taps->first = shape->lead + first;
  taps->end = shape->lead + end;
  taps->origin = taps->first & ~(shape->align - 1);
  return windows;
}

static const guint32 few[CLIP_TAPS_FEW] = { 8, 16, 32, 48, 64, 96 };

static guint32
round_count (const ClipTapsShape *shape, guint32 n)
{
  for (guint i = 0; shape->few_counts && i < G_N_ELEMENTS (few); i++)
    if (n <= few[i])
      return few[i];
  return clip_round_up (n, 8);
}

static double
reach (ClipResizeFilter filter)
{
  return filter == CLIP_FILTER_BICUBIC ? 2.0 : 1.0;
}

guint32
clip_taps_few_side (ClipResizeFilter filter, guint32 edge, guint i)
{
  /* windows begin and end between samples, and may start early */
  return edge * (few[i] - 4) / (guint32)(2 * reach (filter));
}

static void
fill_taps (ClipTaps *taps, const Window *windows, double stretch)
{
  const ClipTapsShape *shape = &taps->shape;

  taps->weights = g_new0 (gint32, (gsize)taps->n * taps->n_taps);
  for (guint32 i = 0; i < taps->n; i++) {
    if (is_black (&windows[i]))
      continue;
    const guint32 skip = shape->lead + windows[i].first - taps->origin - clip_taps_start (taps, i);
    gint32 *weights = taps->weights + (gsize)i * taps->n_taps + skip;

    if (shape->in_size == shape->out_size)
      weights[0] = 1 << CLIP_TAPS_PRECISION;
    else
      fill_weights (weights, &windows[i], shape->filter, stretch);
  }
}

ClipTaps *
clip_taps_new (const ClipTapsShape *shape)
{
  const double scale =
      shape->in_size == shape->out_size ? 1.0 : (double)shape->in_size / shape->out_size;
  const double stretch = MAX (scale, 1.0);
  const double support = reach (shape->filter) * stretch;
  ClipTaps *taps = g_new0 (ClipTaps, 1);

  g_atomic_ref_count_init (&taps->refs);
  taps->shape = *shape;
  taps->n = shape->crop_size;
  g_autofree Window *windows = make_windows (taps, scale, support);
  fit_starts (taps, windows, scale);
  for (guint32 i = 0; i < taps->n; i++)
    if (!is_black (&windows[i]))
      taps->n_taps = MAX (taps->n_taps,
                          shape->lead + windows[i].end - taps->origin - clip_taps_start (taps, i));
  taps->n_taps = round_count (shape, taps->n_taps);
  fill_taps (taps, windows, stretch);
  return taps;
}

ClipTaps *
clip_taps_ref (ClipTaps *taps)
{
  g_atomic_ref_count_inc (&taps->refs);
  return taps;
}

void
clip_taps_unref (ClipTaps *taps)
{
  if (!taps || !g_atomic_ref_count_dec (&taps->refs))
    return;
  g_free (taps->weights);
  g_free (taps);
}

guint32
clip_taps_start (const ClipTaps *taps, guint32 o)
{
  const gint32 start = ((gint32)(o * taps->scale) + taps->bias) >> CLIP_TAPS_START_BITS;
  return MIN ((guint32)MAX (start, 0), taps->last);
}

/* Sizes -------------------------------------------------------------------- */

/* Outputs beyond the picture are counted by the line of fit_starts() too: it stays within 32 bits. */
static gboolean
line_fits (guint32 in_size, guint64 out_size, guint32 crop)
{
  return (guint64)in_size * MAX (crop, out_size) < out_size << (31 - CLIP_TAPS_START_BITS);
}

/* open_clip's ResizeKeepRatio with longest = 1; sides as in clip_resize_size() */
static void
fit_longest (guint32 edge, guint64 shown_w, guint64 shown_h, guint64 *w, guint64 *h)
{
  const double ratio = (double)MAX (shown_w, shown_h) / edge;

  *w = (guint64)MAX (nearbyint ((double)shown_w / ratio), 1.0);
  *h = (guint64)MAX (nearbyint ((double)shown_h / ratio), 1.0);
}

gboolean
clip_resize_size (const ClipPreprocessSpec *spec, const ClipFrameInfo *info, guint32 *width,
                  guint32 *height)
{
  /* sides 32768 at most, aspect ratios 2^16: the products stay below 2^63 */
  const guint64 shown_w = (guint64)info->width * info->par_n;
  const guint64 shown_h = (guint64)info->height * info->par_d;
  guint64 w = spec->resize_edge, h = spec->resize_edge;

  if (spec->resize == CLIP_RESIZE_LONGEST_EDGE)
    fit_longest (spec->resize_edge, shown_w, shown_h, &w, &h);
  else if (spec->resize == CLIP_RESIZE_SHORTEST_EDGE && shown_w <= shown_h)
    h = (guint64)((double)spec->resize_edge * (double)shown_h / (double)shown_w);
  else if (spec->resize == CLIP_RESIZE_SHORTEST_EDGE)
    w = (guint64)((double)spec->resize_edge * (double)shown_w / (double)shown_h);

  if (MAX (w, h) > MAX_RESIZED_EDGE
      || (spec->resize != CLIP_RESIZE_LONGEST_EDGE && MIN (w, h) < spec->crop_size)
      || !line_fits (info->width, w, spec->crop_size)
      || !line_fits (info->height, h, spec->crop_size))
    return FALSE;
  *width = (guint32)w;
  *height = (guint32)h;
  return TRUE;
}

gint32
clip_crop_first (ClipCropRounding rounding, guint32 size, guint32 crop)
{
  if (size < crop)
    return -(gint32)((crop - size) / 2);
  const guint32 rest = size - crop, half = rest / 2;

  if (rounding == CLIP_CROP_ROUND_HALF_EVEN && rest % 2)
    return half + half % 2;
  return half;
}

/* Cache -------------------------------------------------------------------- */

/* Weights; what is beyond is computed again */
#define CACHE_BYTES (4u << 20)

struct _ClipTapsCache {
  GMutex lock;      /* the rest; not held while taps are computed */
  GHashTable *taps; /* a ClipTapsShape of the value -> ClipTaps */
  gsize bytes;
};

static guint
shape_hash (gconstpointer shape)
{
  const guint32 *words = shape;
  guint hash = 0;

  for (gsize i = 0; i < sizeof (ClipTapsShape) / sizeof (guint32); i++)
    hash = (hash ^ words[i]) * 16777619u;
  return hash;
}

static gboolean
shape_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (ClipTapsShape)) == 0;
}

ClipTapsCache *
clip_taps_cache_new (void)
{
  ClipTapsCache *cache = g_new0 (ClipTapsCache, 1);

  g_mutex_init (&cache->lock);
  cache->taps =
      g_hash_table_new_full (shape_hash, shape_equal, NULL, (GDestroyNotify)clip_taps_unref);
  return cache;
}

void
clip_taps_cache_free (ClipTapsCache *cache)
{
  if (!cache)
    return;
  g_hash_table_unref (cache->taps);
  g_mutex_clear (&cache->lock);
  g_free (cache);
}

/* (transfer full) (nullable) */
static ClipTaps *
cache_find (ClipTapsCache *cache, const ClipTapsShape *shape)
{
  g_mutex_lock (&cache->lock);
  ClipTaps *taps = g_hash_table_lookup (cache->taps, shape);
  if (taps)
    clip_taps_ref (taps);
  g_mutex_unlock (&cache->lock);
  return taps;
}

ClipTaps *
clip_taps_cache_get (ClipTapsCache *cache, const ClipTapsShape *shape)
{
  ClipTaps *taps = cache_find (cache, shape);

  if (taps)
    return taps;
  taps = clip_taps_new (shape);
  g_mutex_lock (&cache->lock);
  cache->bytes += (gsize)taps->n * taps->n_taps * sizeof (gint32);
  if (cache->bytes > CACHE_BYTES) {
    g_hash_table_remove_all (cache->taps);
    cache->bytes = (gsize)taps->n * taps->n_taps * sizeof (gint32);
  }
  g_hash_table_replace (cache->taps, &taps->shape, clip_taps_ref (taps));
  g_mutex_unlock (&cache->lock);
  return taps;
}
