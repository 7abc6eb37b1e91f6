/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shapes by their inequalities. No line of this is shared with the drawings of the training. */
#include "tests/accuracy/accuracy.h"

#include <math.h>

#define SAMPLES 4 /* a side of a pixel */

const gchar *const acc_shapes[] = { "circle", "square", "rectangle", "triangle", "diamond", "star",
                                    "ring",   "cross",  "heart",     "hexagon",  NULL };

const AccColour acc_colours[] = {
  { "red", { 200, 0, 0 }, { 255, 25, 25 } },
  { "orange", { 240, 120, 0 }, { 255, 150, 10 } },
  { "yellow", { 235, 220, 0 }, { 255, 250, 40 } },
  { "green", { 0, 140, 10 }, { 30, 220, 50 } },
  { "cyan", { 0, 210, 220 }, { 40, 250, 255 } },
  { "blue", { 0, 20, 190 }, { 30, 60, 255 } },
  { "purple", { 100, 20, 150 }, { 125, 50, 190 } },
  { "magenta", { 230, 0, 230 }, { 255, 30, 255 } },
  { "pink", { 250, 150, 180 }, { 255, 185, 205 } },
  { "brown", { 95, 50, 15 }, { 130, 70, 30 } },
  { "black", { 0, 0, 0 }, { 12, 12, 12 } },
  { "gray", { 110, 110, 110 }, { 145, 145, 145 } },
  { "white", { 245, 245, 245 }, { 255, 255, 255 } },
  { NULL, { 0 }, { 0 } },
};

guint32
acc_colour (GRand *rand, const AccColour *colour)
{
  const gdouble along = g_rand_double (rand); /* one number, so that grays stay gray */
  guint32 rgb = 0;

  for (guint i = 0; i < 3; i++)
    rgb = rgb << 8 | (guint)(colour->low[i] + along * (colour->high[i] - colour->low[i]) + 0.5);
  return rgb;
}

/* Whether (@x, @y) is in the polygon of @n corners at the radii @r[0], @r[1], @r[0], ... */
static gboolean
in_star (gdouble x, gdouble y, guint n, const gdouble r[2], gdouble start)
{
  gboolean inside = FALSE;

  for (guint i = 0; i < n; i++) {
    const gdouble a = start + 2 * G_PI * i / n, b = start + 2 * G_PI * (i + 1) / n;
    const gdouble ax = r[i % 2] * cos (a), ay = r[i % 2] * sin (a);
    const gdouble bx = r[(i + 1) % 2] * cos (b), by = r[(i + 1) % 2] * sin (b);

    /* Crossings of a ray to the right. */
    if ((ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax)
      inside = !inside;
  }
  return inside;
}

/* (@x, @y) in units of the shape's size, y downwards. */
static gboolean
inside (guint kind, gdouble x, gdouble y)
{
  static const gdouble regular[2] = { 1, 1 }, points[2] = { 1, 0.42 };
  const gdouble ax = fabs (x), ay = fabs (y);

  switch (kind) {
  case 0: /* circle */
    return hypot (x, y) < 1;
  case 1: /* square */
    return MAX (ax, ay) < 0.85;
  case 2: /* rectangle */
    return ax < 1 && ay < 0.48;
  case 3: /* triangle */
    return in_star (x, y, 3, regular, -G_PI / 2);
  case 4: /* diamond */
    return 1.25 * ax + ay < 1;
  case 5: /* star */
    return in_star (x, y, 10, points, -G_PI / 2);
  case 6: /* ring */
    return hypot (x, y) < 1 && hypot (x, y) > 0.62;
  case 7: /* cross */
    return MAX (ax, ay) < 1 && MIN (ax, ay) < 0.28;
  case 8: /* heart: a square on its tip and two half discs */
    y -= 0.1;
    return (ax + ay < 0.88) || hypot (ax - 0.44, y + 0.44) < 0.622;
  default: /* hexagon */
    return in_star (x, y, 6, regular, 0);
  }
}

static guint
covered (const AccShape *shape, gdouble px, gdouble py, gdouble height)
{
  const gdouble c = cos (shape->turn), s = sin (shape->turn);
  guint n = 0;

  for (guint i = 0; i < SAMPLES * SAMPLES; i++) {
    const gdouble x = (px + (i % SAMPLES + 0.5) / SAMPLES) / height - shape->x;
    const gdouble y = (py + (i / SAMPLES + 0.5) / SAMPLES) / height - shape->y;

    n += inside (shape->kind, (c * x + s * y) / shape->r, (c * y - s * x) / shape->r);
  }
  return n;
}

void
acc_draw_shape (GstVideoFrame *frame, const AccShape *shape)
{
  const gint width = GST_VIDEO_FRAME_WIDTH (frame), height = GST_VIDEO_FRAME_HEIGHT (frame);

  for (gint y = 0; y < height; y++) {
    guint8 *row = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (frame, 0)
                  + y * GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);

    for (gint x = 0; x < width; x++) {
      const guint n = covered (shape, x - width / 2.0, y - height / 2.0, height);

      for (guint i = 0; i < 3; i++) {
        const guint shift = 16 - 8 * i, all = SAMPLES * SAMPLES;
        const guint front = shape->front >> shift & 255, back = shape->back >> shift & 255;

        row[4 * x + i] = (front * n + back * (all - n) + all / 2) / all;
      }
      row[4 * x + 3] = 255;
    }
  }
}
