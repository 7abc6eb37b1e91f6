/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/accuracy/accuracy.h"

#include <math.h>
#include <string.h>

enum { DARK, BRIGHT, BLURRED, NOISY, BLOCKS, GOOD };

const gchar *const acc_states[] = { "a dark picture",
                                    "an over-exposed picture",
                                    "a blurred picture",
                                    "a noisy picture",
                                    "a pixelated picture",
                                    "a clear picture",
                                    NULL };

/* The mean of @side x @side around each pixel, or of the block that it is in. */
static void
average (guint8 *pixels, guint width, guint height, guint side, gboolean blocks)
{
  g_autofree guint8 *from = g_memdup2 (pixels, (gsize)width * height * 4);

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++) {
      const gint left = blocks ? (gint)(x / side * side) : (gint)x - (gint)side / 2;
      const gint top = blocks ? (gint)(y / side * side) : (gint)y - (gint)side / 2;
      guint sum[3] = { 0 };

      for (guint k = 0; k < side * side; k++) {
        const guint px = CLAMP (left + (gint)(k % side), 0, (gint)width - 1);
        const guint py = CLAMP (top + (gint)(k / side), 0, (gint)height - 1);

        for (guint i = 0; i < 3; i++)
          sum[i] += from[4 * (py * width + px) + i];
      }
      for (guint i = 0; i < 3; i++)
        pixels[4 * (y * width + x) + i] = sum[i] / (side * side);
    }
}

/* value * gain + lift + noise */
static void
change (guint8 *pixels, gsize count, gdouble gain, gdouble lift, gdouble noise, GRand *rand)
{
  for (gsize i = 0; i < 4 * count; i++) {
    /* Three uniform numbers are near enough to a normal one: of variance 1 here. */
    const gdouble n =
        noise == 0 ? 0
                   : 2 * (g_rand_double (rand) + g_rand_double (rand) + g_rand_double (rand) - 1.5);

    if (i % 4 != 3)
      pixels[i] = CLAMP (pixels[i] * gain + lift + noise * n, 0, 255);
  }
}

void
acc_spoil (guint8 *pixels, guint width, guint height, guint state, GRand *rand)
{
  const gsize count = (gsize)width * height;

  switch (state) {
  case DARK:
    change (pixels, count, g_rand_double_range (rand, 0.07, 0.15), 0, 0, rand);
    break;
  case BRIGHT:
    change (pixels, count, g_rand_double_range (rand, 2.4, 3.2), 70, 0, rand);
    break;
  case BLURRED:
    for (guint i = 0; i < 3; i++)
      average (pixels, width, height, MAX (height / 10, 3) | 1, FALSE);
    break;
  case NOISY:
    change (pixels, count, 1, 0, g_rand_double_range (rand, 45, 60), rand);
    break;
  case BLOCKS:
    average (pixels, width, height, height / 10, TRUE);
    break;
  default:
    break;
  }
}
