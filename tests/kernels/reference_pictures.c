/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/reference.h"

#include <math.h>

/* Row of pixel (y, x) of picture b, or -1 outside. */
static gssize
pixel_row (const ClipPictures *shape, guint b, gssize y, gssize x)
{
  if (y < 0 || x < 0 || y >= shape->height || x >= shape->width)
    return -1;
  return ((gssize)b * shape->height + y) * shape->width + x;
}

static void
put (RefMatrix *m, gsize row, gsize col, double value, double scale)
{
  m->value[row * m->cols + col] = value;
  m->scale[row * m->cols + col] = scale;
}

void
ref_unfold (const float *x, gsize ld, const ClipPictures *shape, const ClipWindow *window,
            RefMatrix *rows)
{
  const gsize channels = clip_channels (shape->pixels.cols);
  const gsize windows = (gsize)window->height * window->width;

  for (gsize row = 0; row < rows->rows; row++)
    for (gsize col = 0; col < rows->cols; col++) {
      const gsize at = row % windows, tap = col / channels;
      const gssize from = pixel_row (
          shape, row / windows,
          (gssize)((window->first + at / window->width) * window->stride + tap / window->taps_x)
              - window->pad,
          (gssize)(at % window->width * window->stride + tap % window->taps_x) - window->pad);

      put (rows, row, col, from < 0 ? 0.0 : x[from * ld + col % channels], 0.0);
    }
}

void
ref_average (const float *x, gsize ld, const ClipPictures *shape, guint size, RefMatrix *y)
{
  const gsize height = shape->height / size, width = shape->width / size;

  for (gsize row = 0; row < y->rows; row++)
    for (gsize col = 0; col < y->cols; col++) {
      const gsize b = row / (height * width), at = row % (height * width);
      double sum = 0.0, scale = 0.0;

      for (guint t = 0; t < size * size; t++) {
        const gssize from =
            pixel_row (shape, b, at / width * size + t / size, at % width * size + t % size);

        sum += x[from * ld + col];
        scale += fabs (x[from * ld + col]);
      }
      put (y, row, col, sum / (size * size), scale / (size * size));
    }
}

void
ref_tokens (const float *x, gsize ld, const ClipPictures *shape, const float *positions,
            gsize positions_ld, RefMatrix *y)
{
  const gsize rows = (gsize)shape->height * shape->width;

  for (gsize row = 0; row < y->rows; row++)
    for (gsize col = 0; col < y->cols; col++) {
      const gsize token = row % (rows + 1), first = row / (rows + 1) * rows;
      const double position = positions[token * positions_ld + col];
      double sum = 0.0, scale = 0.0;

      for (gsize r = token ? token - 1 : 0; r < (token ? token : rows); r++) {
        sum += x[(first + r) * ld + col];
        scale += fabs (x[(first + r) * ld + col]);
      }
      if (!token) {
        sum /= rows;
        scale /= rows;
      }
      put (y, row, col, sum + position, scale + fabs (position));
    }
}
