/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/common/device.h: the device, its variants, and timed runs of recordings.
 */
#pragma once

#include "gst-clip/kernels/internal.h"
#include "tests/bench/common/measure.h"

G_BEGIN_DECLS

/** BenchVariant: kernels as one family makes them for one type of weights. */
typedef struct {
  const ClipFamily *family;
  ClipWeightType weights;
} BenchVariant;

/** bench_precision_name: "fp32", "fp16", "int8". */
const gchar *bench_precision_name (ClipWeightType weights);

/**
 * bench_variants:
 * @families: "best"; "all" that the device can run; "auto" is all on a GPU and best on a CPU,
 *   where the others are slower by orders of magnitude; or one family's name
 * @precisions: comma-separated names
 * Returns: (transfer full): BenchVariant[]; NULL with an error, also when nothing is left.
 */
GArray *bench_variants (ClipGpu *gpu, const gchar *families, const gchar *precisions,
                        GError **error);
ClipKernels *bench_variant_open (ClipGpu *gpu, const BenchVariant *variant, GError **error);

/** bench_run: submits @rec and waits. Its marked stages come together as times->gpu. */
gboolean bench_run (ClipGpu *gpu, ClipGpuRecording *rec, BenchTimes *times, GError **error);

/** bench_seconds: the spread of the clock that counts on @gpu: CPU or the device's. */
BenchSpread bench_seconds (ClipGpu *gpu, const BenchSamples *samples);

/** BenchOther: what a recording is measured in turn with. */
typedef void (*BenchOther) (gpointer data);

/**
 * bench_sample: runs that are not counted (one, or on a GPU for 0.3 s), then up to @n, each followed
 * by @other.
 * @n: 0 for 9, on a GPU 99
 * @seconds: no more runs after that many; 0 for no limit
 * @other: (nullable)
 */
gboolean bench_sample (ClipGpu *gpu, ClipGpuRecording *rec, guint n, gdouble seconds,
                       BenchOther other, gpointer data, BenchSamples *samples, GError **error);

/** bench_random: fills with values uniform in -1..1. */
void bench_random (float *values, gsize n, guint32 seed);

/** bench_buffer_random: device memory of @bytes with random values of @type below 1. */
ClipGpuBuffer *bench_buffer_random (ClipGpu *gpu, ClipElement type, gsize bytes, const gchar *name,
                                    GError **error);

G_END_DECLS
