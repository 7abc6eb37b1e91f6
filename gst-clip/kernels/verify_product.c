/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A product whose result is known, so that what a driver compiles wrongly is not used. */
#include "gst-clip/kernels/tune_internal.h"

#define N         64
#define CHECKED   8     /* rows */
#define LARGEST_K 16384 /* for which sums stay below 2^24 */

typedef struct {
  ClipKernels *kernels;
  guint32 m, k;
  ClipGpuBuffer *a, *weights, *bias, *c;
} Product;

static void
product_clear (Product *p)
{
  clip_gpu_buffer_free (p->a);
  clip_gpu_buffer_free (p->weights);
  clip_gpu_buffer_free (p->bias);
  clip_gpu_buffer_free (p->c);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Product, product_clear)

/* Values of a, w and bias: -8 .. 8, -127 .. 127, -100 .. 100. The first weight of each row is 127, so that an
 * int8 scale is 1. */
static gint32
a_value (guint32 m, guint32 k)
{
  return (gint32)clip_scatter (m, k, 1) % 17 - 8;
}

static gint32
w_value (guint32 n, guint32 k)
{
  return k ? (gint32)clip_scatter (n, k, 2) % 255 - 127 : 127;
}

static gint32
bias_value (guint32 n)
{
  return (gint32)clip_scatter (n, 0, 3) % 201 - 100;
}

static gboolean
fill_rows (Product *p, GError **error)
{
  const guint32 ld = clip_ld (p->k);
  g_autofree float *a = g_new0 (float, (gsize)p->m *ld);
  float bias[N];

  for (guint32 m = 0; m < p->m; m++)
    for (guint32 k = 0; k < p->k; k++)
      a[(gsize)m * ld + k] = (float)a_value (m, k);
  for (guint32 n = 0; n < N; n++)
    bias[n] = (float)bias_value (n);
  return clip_gpu_buffer_upload (p->a, 0, a, (gsize)p->m * ld * sizeof (float), error)
         && clip_gpu_buffer_upload (p->bias, 0, bias, sizeof bias, error);
}

static gboolean
fill_weights (Product *p, gsize bytes, GError **error)
{
  g_autofree float *row = g_new (float, p->k);
  g_autofree gpointer packed = g_malloc0 (bytes);

  for (guint32 n = 0; n < N; n++) {
    for (guint32 k = 0; k < p->k; k++)
      row[k] = (float)w_value (n, k);
    clip_gemm_pack (p->kernels, N, p->k, n, 1, row, packed);
  }
  return clip_gpu_buffer_upload (p->weights, 0, packed, bytes, error);
}

static ClipGpuBuffer *
device_buffer (const Product *p, gsize bytes, GError **error)
{
  return clip_gpu_buffer_new (p->kernels->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "verify", error);
}

static gboolean
make (Product *p, GError **error)
{
  const gsize packed = clip_gemm_packed_bytes (p->kernels, N, p->k);

  return (p->a = device_buffer (p, clip_matrix_bytes (p->m, p->k), error))
         && (p->weights = device_buffer (p, packed, error))
         && (p->bias = device_buffer (p, clip_ld (N) * sizeof (float), error))
         && (p->c = device_buffer (p, clip_matrix_bytes (p->m, N), error)) && fill_rows (p, error)
         && fill_weights (p, packed, error);
}

static gboolean
run (const Product *p, GError **error)
{
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (p->kernels->gpu, "verify");
  const ClipGemm op = {
    .a = { p->a->address, p->m, p->k, clip_ld (p->k), CLIP_ELEMENT_F32 },
    .weights = p->weights->address,
    .bias = p->bias->address,
    .c = { p->c->address, p->m, N, clip_ld (N), CLIP_ELEMENT_F32 },
  };
  guint64 value;

  clip_gpu_recording_begin (rec);
  clip_kernel_gemm (p->kernels, rec, &op);
  return clip_gpu_recording_end (rec, error)
         && (value = clip_gpu_submit (p->kernels->gpu, &rec, 1, error))
         && clip_gpu_wait (p->kernels->gpu, value, G_MAXUINT64, error);
}

static gint32
expected (const Product *p, guint32 m, guint32 n)
{
  gint32 sum = bias_value (n);

  for (guint32 k = 0; k < p->k; k++)
    sum += a_value (m, k) * w_value (n, k);
  return sum;
}

static gboolean
compare (const Product *p, gboolean *right, GError **error)
{
  const guint32 step = MAX (p->m / CHECKED, 1);
  float row[N];

  *right = TRUE;
  /* From the last one, which is where tiles are cut off. */
  for (guint32 i = 0; i < CHECKED && i * step < p->m; i++) {
    const guint32 m = p->m - 1 - i * step;

    if (!clip_gpu_buffer_download (p->c, (gsize)m * clip_ld (N) * sizeof (float), row, sizeof row,
                                   error))
      return FALSE;
    for (guint32 n = 0; n < N; n++)
      *right &= row[n] == (float)expected (p, m, n);
  }
  return TRUE;
}

gboolean
clip_verify_product (ClipKernels *kernels, guint32 m, guint32 k, gboolean *right, GError **error)
{
  g_auto (Product) p = { .kernels = kernels, .m = m, .k = MIN (k, LARGEST_K) };

  return make (&p, error) && run (&p, error) && compare (&p, right, error);
}
