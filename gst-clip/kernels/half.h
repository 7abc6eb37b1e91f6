/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/half.h: fp32 to fp16 on the host, for packing weights.
 */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/**
 * clip_float_to_half: the bits of the fp16 number nearest to @x: ties to even, subnormals
 * included, clamped to +-65504. @x is not NaN.
 */
static inline guint16
clip_float_to_half (float x)
{
  guint32 bits, sign, magnitude;

  memcpy (&bits, &x, sizeof (bits));
  sign = bits >> 16 & 0x8000;
  magnitude = bits & 0x7fffffff;

  if (magnitude >= 0x477fe000) /* 65504 */
    return sign | 0x7bff;
  if (magnitude < 0x38800000) { /* below 2^-14: in units of 2^-24; the addition rounds */
    const float shifted = (magnitude ? x < 0 ? -x : x : 0.f) + 0.5f;

    memcpy (&bits, &shifted, sizeof (bits));
    return sign | (bits - 0x3f000000);
  }
  magnitude += 0xfff + (magnitude >> 13 & 1);
  magnitude = (magnitude - 0x38000000) >> 13;
  return sign | MIN (magnitude, 0x7bff);
}

G_END_DECLS
