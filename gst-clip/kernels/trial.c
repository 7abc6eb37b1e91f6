/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A product to be timed: its operands are scattered small integers, so that what its candidates make can be
 * compared too. */
#include "gst-clip/kernels/half.h"
#include "gst-clip/kernels/tune_internal.h"

#include <math.h>
#include <string.h>

/* Weights that a loop goes through before it sees the same ones again. */
#define MANY_BYTES (48u << 20)
#define MAX_COPIES 8
#define ALIGN      256

/* Operands repeat after so many bytes: a multiple of 16 that is no distance between anything in them. */
#define NOISE_BYTES (16u * 16381)

#define ONE 0x3f800000 /* 1.0f */

/* What may differ of the sum of c's magnitudes, where rounding may; elsewhere nothing may. */
#define TOLERANCE (1.0 / 16384)

/* Noise --------------------------------------------------------------------- */

static gint32
whole (gsize i, guint32 seed, gint32 range)
{
  return (gint32)(clip_scatter ((guint32)i, 0, seed) % (guint32)(2 * range + 1)) - range;
}

/* Words that are sane as fp32 too, for scales may lie anywhere between int8 weights: the last byte is the top
 * of a number between 0.5 and 2, of either sign. */
static void
fill_bytes (gint8 *to)
{
  for (gsize i = 0; i < NOISE_BYTES; i++)
    to[i] = (gint8)(i % 4 < 3 ? whole (i, 2, 127) : whole (i, 2, 1) < 0 ? -65 : 63);
}

static void
fill_halves (guint16 *to, guint32 seed, gint32 range)
{
  g_autofree guint16 *halves = g_new (guint16, 2 * (gsize)range + 1);

  for (gint32 i = -range; i <= range; i++)
    halves[i + range] = clip_float_to_half ((float)i);
  for (gsize i = 0; i < NOISE_BYTES / sizeof *to; i++)
    to[i] = halves[whole (i, seed, range) + range];
}

/* A device buffer of NOISE_BYTES. @bytes: 4, 2 or 1 a value */
static ClipGpuBuffer *
noise_new (ClipGpu *gpu, gsize bytes, guint32 seed, gint32 range, GError **error)
{
  g_autofree float *values = g_malloc (NOISE_BYTES);
  g_autoptr (ClipGpuBuffer) noise =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, NOISE_BYTES, "noise", error);

  if (bytes == 1)
    fill_bytes ((gint8 *)values);
  else if (bytes == 2)
    fill_halves ((guint16 *)values, seed, range);
  else
    for (gsize i = 0; i < NOISE_BYTES / sizeof *values; i++)
      values[i] = (float)whole (i, seed, range);
  if (noise == NULL || !clip_gpu_buffer_upload (noise, 0, values, NOISE_BYTES, error))
    return NULL;
  return g_steal_pointer (&noise);
}

static void
spread (ClipGpuRecording *rec, const ClipGpuBuffer *noise, const ClipGpuBuffer *to)
{
  for (gsize at = 0; at < to->size; at += NOISE_BYTES)
    clip_gpu_recording_copy (rec, noise, 0, to, at, MIN (NOISE_BYTES, to->size - at));
}

static ClipElement
a_type (const ClipTrial *t)
{
  return t->shape.a == CLIP_GEMM_A_HALF ? t->kernels->operands : CLIP_ELEMENT_F32;
}

static gboolean
fill (ClipTrial *t, GError **error)
{
  static const gsize weight_bytes[] = {
    [CLIP_WEIGHTS_F32] = 4, [CLIP_WEIGHTS_F16] = 2, [CLIP_WEIGHTS_I8] = 1
  };
  ClipGpu *gpu = t->kernels->gpu;
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (gpu, "trial");
  g_autoptr (ClipGpuBuffer) a = noise_new (gpu, clip_element_bytes (a_type (t)), 1, 8, error);
  g_autoptr (ClipGpuBuffer) w =
      a ? noise_new (gpu, weight_bytes[t->kernels->weights], 2, 127, error) : NULL;
  g_autoptr (ClipGpuBuffer) vectors = w ? noise_new (gpu, sizeof (float), 3, 3, error) : NULL;

  if (vectors == NULL)
    return FALSE;
  clip_gpu_recording_begin (rec);
  spread (rec, a, t->a);
  spread (rec, w, t->weights);
  spread (rec, vectors, t->vectors);
  /* a mean and a variance like any other, in whatever order they lie */
  if (t->a_stats)
    clip_gpu_recording_fill (rec, t->a_stats, 0, t->a_stats->size, ONE);
  clip_gpu_recording_barrier (rec);
  return clip_gpu_recording_end (rec, error) && clip_trial_run (t, rec, NULL, error);
}

/* Buffers ------------------------------------------------------------------- */

static gboolean
make (const ClipTrial *t, ClipGpuBuffer **buffer, gsize bytes, GError **error)
{
  if (bytes == 0)
    return TRUE;
  *buffer = clip_gpu_buffer_new (t->kernels->gpu, CLIP_GPU_MEMORY_DEVICE, bytes, "trial", error);
  return *buffer != NULL;
}

gboolean
clip_trial_init (ClipTrial *t, ClipKernels *kernels, const ClipTuneShape *shape, GError **error)
{
  const guint32 m = shape->m, n = shape->n, k = shape->k;
  const gboolean norm = shape->a == CLIP_GEMM_A_NORM, half = shape->a == CLIP_GEMM_A_HALF;

  *t = (ClipTrial){ .kernels = kernels, .shape = *shape };
  t->packed = (clip_gemm_packed_bytes (kernels, n, k) + ALIGN - 1) / ALIGN * ALIGN;
  t->copies = CLAMP (MANY_BYTES / t->packed, 1, MAX_COPIES);
  return make (t, &t->a, clip_matrix_bytes (m, k), error)
         && make (t, &t->weights, t->packed * t->copies, error)
         && make (t, &t->vectors, (clip_ld (n) + 2 * clip_ld (k)) * sizeof (float), error)
         && make (t, &t->c, clip_matrix_bytes (m, n), error)
         && make (t, &t->known, clip_matrix_bytes (m, n), error)
         && make (t, &t->sums, CLIP_DIFFERENCE_SUMS * sizeof (float), error)
         && make (t, &t->a_stats, norm ? clip_gemm_stats_bytes (kernels, m, k) : 0, error)
         && make (t, &t->scratch, norm ? clip_matrix_bytes (m, k) : 0, error)
         && make (t, &t->c_stats, half ? clip_gemm_stats_bytes (kernels, m, n) : 0, error)
         && fill (t, error);
}

void
clip_trial_clear (ClipTrial *t)
{
  ClipGpuBuffer *all[] = { t->a,    t->weights, t->vectors, t->c,      t->known,
                           t->sums, t->a_stats, t->scratch, t->c_stats };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    clip_gpu_buffer_free (all[i]);
  *t = (ClipTrial){ NULL };
}

/* Recording ----------------------------------------------------------------- */

/* a, weights, bias and norm; c is fp32 and nothing is added. @norm: (out): lives as long as the result */
static ClipGemm
plain_product (const ClipTrial *t, const ClipGpuBuffer *c, ClipNorm *norm)
{
  const ClipTuneShape *s = &t->shape;
  const guint32 k_ld = clip_ld (s->k), n_ld = clip_ld (s->n);
  const VkDeviceAddress gamma = t->vectors->address + n_ld * sizeof (float);
  ClipGemm op = {
    .a = { t->a->address, s->m, s->k, k_ld, a_type (t) },
    .weights = t->weights->address,
    .bias = t->vectors->address,
    .c = { c->address, s->m, s->n, n_ld, CLIP_ELEMENT_F32 },
  };

  if (s->a != CLIP_GEMM_A_NORM)
    return op;
  *norm = (ClipNorm){ .gamma = gamma,
                      .beta = gamma + k_ld * sizeof (float),
                      .eps = 1e-5f,
                      .stats = t->a_stats ? t->a_stats->address : 0,
                      .scratch = { t->scratch->address, s->m, s->k, k_ld, t->kernels->operands } };
  op.norm = norm;
  return op;
}

gboolean
clip_trial_record (ClipTrial *t, ClipGpuRecording *rec, guint times, GError **error)
{
  ClipNorm norm;
  ClipGemm op = plain_product (t, t->c, &norm);

  if (t->shape.a == CLIP_GEMM_A_NORM) {
    op.c.type = t->kernels->operands;
  } else {
    op.residual = t->known->address;
    op.residual_ld = op.c.ld;
    op.residual_period = t->shape.m;
    op.stats = t->c_stats ? t->c_stats->address : 0;
  }
  clip_gpu_recording_begin (rec);
  clip_gpu_recording_mark (rec, "trial");
  for (guint i = 0; i < times; i++) {
    op.weights = t->weights->address + i % t->copies * t->packed;
    clip_kernel_gemm (t->kernels, rec, &op);
  }
  return clip_gpu_recording_end (rec, error);
}

gboolean
clip_trial_record_check (ClipTrial *t, ClipGpuRecording *rec, gboolean first, GError **error)
{
  const ClipGpuBuffer *c = first ? t->known : t->c;
  ClipNorm norm;
  const ClipGemm op = plain_product (t, c, &norm);

  clip_gpu_recording_begin (rec);
  /* not what another candidate has left there */
  clip_gpu_recording_fill (rec, t->c, 0, t->c->size, 0);
  clip_gpu_recording_barrier (rec);
  clip_gpu_recording_mark (rec, "trial");
  clip_kernel_gemm (t->kernels, rec, &op);
  clip_gpu_recording_mark (rec, "compare");
  clip_kernel_difference (t->kernels, rec, t->c->address, t->known->address, op.c.rows * op.c.ld,
                          t->sums->address);
  return clip_gpu_recording_end (rec, error);
}

/* Running ------------------------------------------------------------------- */

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

/* Sums of small integers are exact in any order; normalised rows and scales of int8 are not. */
static gboolean
is_exact (const ClipTrial *t)
{
  return t->shape.a != CLIP_GEMM_A_NORM && t->kernels->weights != CLIP_WEIGHTS_I8;
}

gboolean
clip_trial_compare (ClipTrial *t, gboolean first, gboolean *same, GError **error)
{
  float sums[CLIP_DIFFERENCE_SUMS];
  double sum = 0;

  if (!clip_gpu_buffer_download (t->sums, 0, sums, sizeof sums, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (sums); i++)
    sum += sums[i];
  if (first)
    t->magnitude = sum;
  *same = first ? isfinite (sum) && sum > 0
                : sum <= (is_exact (t) ? 0 : TOLERANCE * t->magnitude); /* not a NaN */
  return TRUE;
}
