/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/quantise.h: rows of weights to int8 on the host.
 */
#pragma once

#include <glib.h>
#include <math.h>

G_BEGIN_DECLS

/**
 * clip_quantise_row: row[i] is about out[i] times the scale that is returned, max |row| / 127: the
 * nearest of -127 .. 127, ties to even. A row of zeros has the scale 0, one with a value that is
 * not finite the scale NaN, so that it is seen in the result.
 */
static inline float
clip_quantise_row (const float *row, guint32 n, gint8 *out)
{
  float max = 0.f;

  for (guint32 i = 0; i < n; i++) {
    if (!isfinite (row[i])) {
      for (guint32 k = 0; k < n; k++)
        out[k] = 0;
      return NAN;
    }
    max = fmaxf (max, fabsf (row[i]));
  }
  for (guint32 i = 0; i < n; i++)
    out[i] = max > 0.f ? (gint8)lrint (row[i] * (127.0 / max)) : 0;
  return max / 127.f;
}

G_END_DECLS
