/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check_internal.h"

#include "gst-clip/kernels/half.h"

#include <math.h>
#include <string.h>

#define GUARD_BYTES 4096
#define POISON      0x7fc0dead /* a quiet NaN that nothing computes */

/* Values ---------------------------------------------------------------- */

CheckRng
check_rng (Check *check, const gchar *name)
{
  g_autofree gchar *key = g_strdup_printf ("%s/%s/%s", check->kernel->name, check->case_name, name);

  return (CheckRng){ check->options.seed ^ ((guint64)g_str_hash (key) << 32) };
}

/* splitmix64 */
guint64
check_rng_next (CheckRng *rng)
{
  guint64 z = rng->state += 0x9e3779b97f4a7c15;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

float
check_rng_float (CheckRng *rng)
{
  return (float)(check_rng_next (rng) >> 40) * 0x1p-23f - 1.f;
}

void
check_fill (CheckRng *rng, CheckFill fill, float gain, float *v, gsize n, gsize cols)
{
  const float constant = check_rng_float (rng);
  const gsize outlier = check_rng_next (rng) % 64;

  for (gsize i = 0; i < n; i++) {
    const float x = check_rng_float (rng);

    switch (fill) {
    case CHECK_FILL_RANDOM:
      v[i] = x * gain;
      break;
    case CHECK_FILL_ZERO:
      v[i] = 0.f;
      break;
    case CHECK_FILL_CONSTANT:
      v[i] = constant * gain;
      break;
    case CHECK_FILL_OFFSET:
      v[i] = (1000.f + x) * gain;
      break;
    case CHECK_FILL_OUTLIERS:
      v[i] = x * gain * (i % cols % 64 == outlier ? 300.f : 1.f);
      break;
    case CHECK_FILL_HUGE:
      v[i] = x * gain * 1e15f;
      break;
    case CHECK_FILL_TINY:
      v[i] = x * gain * 1e-18f;
      break;
    }
  }
}

/* Buffers --------------------------------------------------------------- */

static void
poison (gpointer to, gsize bytes)
{
  guint32 *words = to;

  for (gsize i = 0; i < bytes / sizeof (guint32); i++)
    words[i] = POISON;
}

static gboolean
is_poisoned (gconstpointer from, gsize bytes)
{
  const guint32 *words = from;

  for (gsize i = 0; i < bytes / sizeof (guint32); i++)
    if (words[i] != POISON)
      return FALSE;
  return TRUE;
}

static CheckBuffer *
buffer_new (Check *check, const gchar *name, gsize bytes, gsize fixed_bytes)
{
  g_autoptr (GError) error = NULL;
  CheckBuffer *buffer = g_new0 (CheckBuffer, 1);

  g_assert (bytes % sizeof (guint32) == 0);
  buffer->name = name;
  buffer->bytes = bytes;
  buffer->fixed_bytes = fixed_bytes;
  buffer->gpu = clip_gpu_buffer_new (check->gpu, CLIP_GPU_MEMORY_READBACK, bytes + 2 * GUARD_BYTES,
                                     name, &error);
  if (!buffer->gpu)
    g_error ("%s", error->message);
  buffer->data = (guint8 *)buffer->gpu->map + GUARD_BYTES;
  buffer->address = buffer->gpu->address + GUARD_BYTES;
  poison (buffer->gpu->map, bytes + 2 * GUARD_BYTES);
  g_ptr_array_add (check->buffers, buffer);
  return buffer;
}

void
check_buffer_free (CheckBuffer *buffer)
{
  clip_gpu_buffer_free (buffer->gpu);
  g_free (buffer->before);
  g_free (buffer);
}

CheckBuffer *
check_input (Check *check, const gchar *name, gsize bytes)
{
  return buffer_new (check, name, bytes, bytes);
}

CheckBuffer *
check_output (Check *check, const gchar *name, gsize bytes)
{
  return buffer_new (check, name, bytes, 0);
}

void
check_poison (CheckBuffer *buffer)
{
  poison (buffer->data, buffer->bytes);
}

void
check_buffers_snapshot (Check *check)
{
  for (guint i = 0; i < check->buffers->len; i++) {
    CheckBuffer *buffer = g_ptr_array_index (check->buffers, i);

    g_free (buffer->before);
    buffer->before = g_memdup2 (buffer->data, buffer->fixed_bytes);
  }
}

gboolean
check_buffers_verify (Check *check)
{
  gboolean intact = TRUE;

  for (guint i = 0; i < check->buffers->len; i++) {
    CheckBuffer *buffer = g_ptr_array_index (check->buffers, i);
    const guint8 *data = buffer->data;

    if (!is_poisoned (data - GUARD_BYTES, GUARD_BYTES)) {
      check_fail (check, "the guard band before %s was overwritten", buffer->name);
      intact = FALSE;
    }
    if (!is_poisoned (data + buffer->bytes, GUARD_BYTES)) {
      check_fail (check, "the guard band behind %s was overwritten", buffer->name);
      intact = FALSE;
    }
    if (buffer->fixed_bytes && memcmp (data, buffer->before, buffer->fixed_bytes)) {
      check_fail (check, "the input %s was overwritten", buffer->name);
      intact = FALSE;
    }
  }
  return intact;
}

/* Matrices -------------------------------------------------------------- */

double
check_get (const CheckMatrix *matrix, gsize row, gsize col)
{
  const gsize i = row * matrix->m.ld + col;

  if (matrix->m.type == CLIP_ELEMENT_F16)
    return ref_from_f16 (((const guint16 *)matrix->buffer->data)[i]);
  return matrix->v[i];
}

static CheckMatrix
matrix_new (Check *check, const gchar *name, guint rows, guint cols, gboolean fixed)
{
  const guint ld = clip_ld (cols);
  CheckBuffer *buffer = buffer_new (check, name, clip_matrix_bytes (rows, cols),
                                    fixed ? (gsize)rows * ld * sizeof (float) : 0);

  return (CheckMatrix){
    .buffer = buffer,
    .m = { buffer->address, rows, cols, ld },
    .v = buffer->data,
  };
}

CheckMatrix
check_matrix_in (Check *check, const gchar *name, guint rows, guint cols, CheckFill fill)
{
  CheckMatrix matrix = matrix_new (check, name, rows, cols, TRUE);
  CheckRng rng = check_rng (check, name);
  g_autofree float *values = g_new (float, (gsize)rows *cols);

  check_fill (&rng, fill, 1.f, values, (gsize)rows * cols, cols);
  for (gsize row = 0; row < rows; row++) {
    memcpy (matrix.v + row * matrix.m.ld, values + row * cols, cols * sizeof (float));
    for (gsize c = cols; c < matrix.m.ld; c++)
      matrix.v[row * matrix.m.ld + c] = 1e4f * check_rng_float (&rng);
  }
  return matrix;
}

CheckMatrix
check_matrix_half (Check *check, const gchar *name, const CheckMatrix *from)
{
  const gsize n = (gsize)from->m.rows * from->m.ld;
  CheckBuffer *buffer = buffer_new (check, name, clip_matrix_bytes (from->m.rows, from->m.cols),
                                    n * sizeof (guint16));
  guint16 *to = buffer->data;
  CheckMatrix half = { buffer, from->m };

  half.m.address = buffer->address;
  half.m.type = CLIP_ELEMENT_F16;
  for (gsize i = 0; i < n; i++)
    to[i] = clip_float_to_half (from->v[i]);
  return half;
}

CheckMatrix
check_matrix_out (Check *check, const gchar *name, guint rows, guint cols, ClipElement type)
{
  CheckMatrix matrix = matrix_new (check, name, rows, cols, FALSE);

  matrix.m.type = type;
  if (type == CLIP_ELEMENT_F16)
    matrix.v = NULL;
  return matrix;
}

CheckMatrix
check_vector_in (Check *check, const gchar *name, guint n, CheckFill fill)
{
  const guint ld = clip_ld (n);
  CheckBuffer *buffer = check_input (check, name, ld * sizeof (float));
  CheckRng rng = check_rng (check, name);

  memset (buffer->data, 0, buffer->bytes);
  check_fill (&rng, fill, 1.f, buffer->data, n, n);
  return (CheckMatrix){
    .buffer = buffer,
    .m = { buffer->address, 1, n, ld },
    .v = buffer->data,
  };
}

/* Comparison ------------------------------------------------------------ */

/* Half a unit in the last place of fp16, which are 2^-24 apart below 2^-14. */
static double
half_rounding (double x)
{
  return fmax (fabs (x), 0x1p-14) * 0x1p-11;
}

void
check_compare (Check *check, const CheckMatrix *got, const RefMatrix *want, double tolerance)
{
  /* a driver may flush what is too small for a normal float to zero */
  const double floor = 0x1p-120;
  gsize bad = 0;

  for (gsize i = 0; i < want->rows * want->cols; i++) {
    const gsize row = i / want->cols, col = i % want->cols;
    const gboolean half = got->m.type == CLIP_ELEMENT_F16;
    const double wanted = half ? CLAMP (want->value[i], -65504.0, 65504.0) : want->value[i];
    const double value = check_get (got, row, col);
    const double diff = fabs (value - wanted), fp32 = tolerance * want->scale[i] + floor;
    const double limit = fp32 + (half ? half_rounding (fabs (wanted) + fp32) : 0.0);

    if (!(diff <= limit) && !bad++)
      check_fail (check, "%s[%zu,%zu] = %.9g, want %.9g: off by %.3g, allowed %.3g",
                  got->buffer->name, row, col, value, wanted, diff, limit);
    check->worst = MAX (check->worst, diff / limit);
  }
  if (bad > 1)
    g_print ("#   %zu of %zu values of %s are off\n", bad, want->rows * want->cols,
             got->buffer->name);
}

void
check_zero_columns (Check *check, const CheckMatrix *got, guint from, guint to)
{
  for (gsize row = 0; row < got->m.rows; row++)
    for (gsize col = from; col < to; col++)
      if (!(check_get (got, row, col) == 0.0)) {
        check_fail (check, "%s[%zu,%zu] = %g in a column that must be zero", got->buffer->name, row,
                    col, check_get (got, row, col));
        return;
      }
}
