/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/tune_internal.h"

#include <string.h>

/* Weights that a loop goes through before it sees the same ones again. */
#define MANY_BYTES  (48u << 20)
#define MAX_COPIES  8
#define COPY_ALIGN  256
#define CHECKED     8          /* rows */
#define LARGEST_K   16384      /* for which sums stay below 2^24 */
#define ANY_PATTERN 0x2c002c00 /* as fp32 and as fp16: small positive numbers */

/* Values of a, w and bias: -8 .. 8, -127 .. 127, -100 .. 100, without a pattern that a wrong
 * stride would not disturb. The first weight of each row is 127, so that an int8 scale is 1. */
static gint32
scatter (guint32 row, guint32 column, guint32 seed)
{
  guint32 x = row * 2654435761u + column * 2246822519u + seed;

  x ^= x >> 15;
  x *= 2654435769u;
  return (gint32)(x >> 8);
}

static gint32
a_value (guint32 m, guint32 k)
{
  return scatter (m, k, 1) % 17 - 8;
}

static gint32
w_value (guint32 n, guint32 k)
{
  return k ? scatter (n, k, 2) % 255 - 127 : 127;
}

static gint32
bias_value (guint32 n)
{
  return scatter (n, 0, 3) % 201 - 100;
}

static gboolean
fill_rows (ClipTrial *t, GError **error)
{
  const guint32 ld = clip_ld (t->k);
  g_autofree float *a = g_new0 (float, (gsize)t->m *ld);
  g_autofree float *bias = g_new0 (float, clip_ld (t->n));

  for (guint32 m = 0; m < t->m; m++)
    for (guint32 k = 0; k < t->k; k++)
      a[(gsize)m * ld + k] = (float)a_value (m, k);
  for (guint32 n = 0; n < t->n; n++)
    bias[n] = (float)bias_value (n);
  return clip_gpu_buffer_upload (t->a, 0, a, (gsize)t->m * ld * sizeof (float), error)
         && clip_gpu_buffer_upload (t->bias, 0, bias, clip_ld (t->n) * sizeof (float), error);
}

static gboolean
fill_weights (ClipTrial *t, GError **error)
{
  g_autofree float *row = g_new (float, t->k);
  g_autofree gpointer packed = g_malloc0 (t->packed);

  for (guint32 n = 0; n < t->n; n++) {
    for (guint32 k = 0; k < t->k; k++)
      row[k] = (float)w_value (n, k);
    clip_gemm_pack (t->kernels, t->n, t->k, n, 1, row, packed);
  }
  return clip_gpu_buffer_upload (t->weights, 0, packed, t->packed, error);
}

/* Nothing that any device would be slow with. */
static gboolean
fill_anything (ClipTrial *t, GError **error)
{
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (t->kernels->gpu, "trial");

  clip_gpu_recording_begin (rec);
  clip_gpu_recording_fill (rec, t->a, 0, t->a->size / 4 * 4, ANY_PATTERN);
  clip_gpu_recording_fill (rec, t->weights, 0, t->weights->size / 4 * 4, ANY_PATTERN);
  clip_gpu_recording_barrier (rec);
  return clip_gpu_recording_end (rec, error) && clip_trial_run (t, rec, NULL, error);
}

static ClipGpuBuffer *
device_buffer (const ClipTrial *t, gsize bytes, GError **error)
{
  return clip_gpu_buffer_new (t->kernels->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "trial", error);
}

gboolean
clip_trial_init (ClipTrial *t, ClipKernels *kernels, guint32 m, guint32 n, guint32 k,
                 gboolean integers, GError **error)
{
  *t = (ClipTrial){ .kernels = kernels, .m = m, .n = n, .k = k, .integers = integers, .copies = 1 };
  if (integers)
    t->k = MIN (k, LARGEST_K);
  t->packed = clip_gemm_packed_bytes (kernels, n, t->k);
  if (!integers) {
    t->packed = (t->packed + COPY_ALIGN - 1) / COPY_ALIGN * COPY_ALIGN;
    t->copies = CLAMP (MANY_BYTES / t->packed, 1, MAX_COPIES);
  }
  return (t->a = device_buffer (t, clip_matrix_bytes (m, t->k), error))
         && (t->weights = device_buffer (t, t->packed * t->copies, error))
         && (t->bias = device_buffer (t, clip_ld (n) * sizeof (float), error))
         && (t->c = device_buffer (t, clip_matrix_bytes (m, n), error))
         && (integers ? fill_rows (t, error) && fill_weights (t, error) : fill_anything (t, error));
}

void
clip_trial_clear (ClipTrial *t)
{
  clip_gpu_buffer_free (t->a);
  clip_gpu_buffer_free (t->weights);
  clip_gpu_buffer_free (t->bias);
  clip_gpu_buffer_free (t->c);
}

gboolean
clip_trial_record (ClipTrial *t, ClipGpuRecording *rec, guint times, GError **error)
{
  clip_gpu_recording_begin (rec);
  clip_gpu_recording_mark (rec, "trial");
  for (guint i = 0; i < times; i++) {
    const ClipGemm op = {
      .a = { t->a->address, t->m, t->k, clip_ld (t->k), CLIP_ELEMENT_F32 },
      .weights = t->weights->address + i % t->copies * t->packed,
      .bias = t->bias->address,
      .c = { t->c->address, t->m, t->n, clip_ld (t->n), CLIP_ELEMENT_F32 },
    };

    clip_kernel_gemm (t->kernels, rec, &op);
  }
  return clip_gpu_recording_end (rec, error);
}

gboolean
clip_trial_run (ClipTrial *t, ClipGpuRecording *rec, guint64 *ns, GError **error)
{
  const gint64 start = g_get_monotonic_time ();
  const guint64 value = clip_gpu_submit (t->kernels->gpu, &rec, 1, error);
  const gchar *stage;

  if (!value || !clip_gpu_wait (t->kernels->gpu, value, G_MAXUINT64, error))
    return FALSE;
  if (ns && !clip_gpu_recording_get_times (rec, &stage, ns, 1))
    *ns = (guint64)(g_get_monotonic_time () - start) * 1000;
  return TRUE;
}

static gint32
expected (const ClipTrial *t, guint32 m, guint32 n)
{
  gint32 sum = bias_value (n);

  for (guint32 k = 0; k < t->k; k++)
    sum += a_value (m, k) * w_value (n, k);
  return sum;
}

gboolean
clip_trial_compare (ClipTrial *t, gboolean *right, GError **error)
{
  const guint32 ld = clip_ld (t->n), step = MAX (t->m / CHECKED, 1);
  g_autofree float *row = g_new (float, ld);

  g_assert (t->integers);
  *right = TRUE;
  /* From the last one, which is where tiles are cut off. */
  for (guint32 i = 0; i < CHECKED && i * step < t->m; i++) {
    const guint32 m = t->m - 1 - i * step;

    if (!clip_gpu_buffer_download (t->c, (gsize)m * ld * sizeof (float), row, ld * sizeof (float),
                                   error))
      return FALSE;
    for (guint32 n = 0; n < t->n; n++)
      *right &= row[n] == (float)expected (t, m, n);
  }
  return TRUE;
}
