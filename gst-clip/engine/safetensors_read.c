/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a tensor's bytes to floats, in chunks: the file is read straight into what is
 * converted, so that a model needs no second copy of itself in memory.
 */
#include <math.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/safetensors.h"

#define CHUNK_BYTES (1 << 20)

static float
float_of_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

float
clip_half_to_float (guint16 half)
{
  guint32 sign = (guint32)(half & 0x8000) << 16;
  guint32 exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;

  if (exponent == 0x1f)
    return float_of_bits (sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) {
    float value = ldexpf ((float)mantissa, -24);
    return sign ? -value : value;
  }
  return float_of_bits (sign | (exponent + 112) << 23 | mantissa << 13);
}

float
clip_bfloat_to_float (guint16 bfloat)
{
  return float_of_bits ((guint32)bfloat << 16);
}

/* @raw: @n numbers, little endian, not aligned */
static void
convert (ClipDtype dtype, const guint8 *raw, gsize n, float *out)
{
  for (gsize i = 0; i < n; i++) {
    guint16 bits;

    memcpy (&bits, raw + 2 * i, sizeof bits);
    bits = GUINT16_FROM_LE (bits);
    out[i] = dtype == CLIP_DTYPE_F16 ? clip_half_to_float (bits) : clip_bfloat_to_float (bits);
  }
}

/* F32 is read into place; this mends the byte order of the others. */
static void
swap_floats (float *values, gsize n)
{
  for (gsize i = 0; G_BYTE_ORDER == G_BIG_ENDIAN && i < n; i++) {
    guint32 bits;

    memcpy (&bits, &values[i], sizeof bits);
    values[i] = float_of_bits (GUINT32_FROM_LE (bits));
  }
}

/* @from: index of out[0] within the tensor */
static gboolean
check_finite (const gchar *file, const gchar *name, const float *values, gsize n, guint64 from,
              GError **error)
{
  for (gsize i = 0; i < n; i++) {
    if (isfinite (values[i]))
      continue;
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: tensor \"%.200s\": the value at index %" G_GUINT64_FORMAT " is %s", file,
                 name, from + i, isnan (values[i]) ? "NaN" : "infinite");
    return FALSE;
  }
  return TRUE;
}

static gboolean
read_chunk (const ClipFile *file, const ClipTensor *tensor, guint64 first, gsize n, guint8 *buffer,
            float *out, GError **error)
{
  guint bytes = tensor->dtype == CLIP_DTYPE_F32 ? 4 : 2;
  gpointer target = bytes == 4 ? (gpointer)out : buffer;

  if (!clip_file_read (file, tensor->begin + first * bytes, target, n * bytes, error))
    return FALSE;
  if (bytes == 4)
    swap_floats (out, n);
  else
    convert (tensor->dtype, buffer, n, out);
  return TRUE;
}

gboolean
clip_tensor_read (const ClipFile *file, const gchar *name, const ClipTensor *tensor, guint64 first,
                  guint64 count, float *out, GError **error)
{
  guint64 rows = tensor->n_dims ? tensor->dims[0] : 1, row = 1, left;
  g_autofree guint8 *buffer = NULL;

  if (tensor->dtype == CLIP_DTYPE_OTHER) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: tensor \"%.200s\" is of dtype %s; F32, F16 and BF16 can be read",
                 clip_file_name (file), name, tensor->dtype_name);
    return FALSE;
  }
  if (first > rows || count > rows - first) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: tensor \"%.200s\" has only %" G_GUINT64_FORMAT " rows", clip_file_name (file),
                 name, rows);
    return FALSE;
  }
  /* No overflow: the whole tensor is within the file. */
  for (guint i = 1; i < tensor->n_dims; i++)
    row *= tensor->dims[i];
  if (tensor->dtype != CLIP_DTYPE_F32)
    buffer = g_malloc (CHUNK_BYTES);
  for (first *= row, left = count * row; left > 0;) {
    gsize n = (gsize)MIN (left, CHUNK_BYTES / sizeof (float));

    if (!read_chunk (file, tensor, first, n, buffer, out, error)
        || !check_finite (clip_file_name (file), name, out, n, first, error))
      return FALSE;
    first += n;
    out += n;
    left -= n;
  }
  return TRUE;
}
