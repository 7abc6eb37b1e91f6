/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/common/ceiling.h: what this machine can do at best, measured and not looked up.
 *
 * CPU devices: a C loop of multiply-adds in the widest registers, and one that reads memory, both
 * in one thread: they bound what comes out of one CPU second. GPUs: two small shaders; the peak of
 * a precision is the better of the multiply-add shader and a large product through the best
 * family, which is the only one of them that sees matrix units.
 */
#pragma once

#include "tests/bench/common/device.h"

G_BEGIN_DECLS

/** BenchCeiling: a second: of a CPU, or of the device.
 * @flops: by ClipWeightType; @bytes: read; @how: for a caption */
typedef struct {
  gdouble flops[3], bytes;
  const gchar *how;
} BenchCeiling;

/** bench_ceiling_measure: takes half a second on a CPU. @quick: tiny sizes, for tests. */
gboolean bench_ceiling_measure (ClipGpu *gpu, gboolean quick, BenchCeiling *ceiling,
                                GError **error);

/** bench_ceiling_limit: seconds that this work takes at least: the longer of its two. */
gdouble bench_ceiling_limit (const BenchCeiling *ceiling, ClipWeightType weights, gdouble flops,
                             gdouble bytes);

/** bench_cpu_fma, bench_cpu_read: operations and bytes a second in @threads threads at once, the
 * best of a few tries: of CPU time in one thread, of wall time in several. */
gdouble bench_cpu_fma (guint threads, gboolean quick);
gdouble bench_cpu_read (guint threads, gboolean quick);
/** bench_cpu_fma_name: the registers it uses: "avx512f", "avx2", "baseline". */
const gchar *bench_cpu_fma_name (void);

/** bench_gpu_fma, bench_gpu_read, bench_gpu_dispatch: by shaders: operations a second, bytes a
 * second, and seconds for a dispatch of one workgroup with its barrier. 0 with an error. */
gdouble bench_gpu_fma (ClipGpu *gpu, gboolean quick, GError **error);
gdouble bench_gpu_read (ClipGpu *gpu, gboolean quick, GError **error);
gdouble bench_gpu_dispatch (ClipGpu *gpu, gboolean quick, GError **error);

/** bench_gemm_rate: of a product of @size x @size matrices, operations a second of the clock that
 * counts; @family (out) is the best one's name. 0 with an error. */
gdouble bench_gemm_rate (ClipGpu *gpu, ClipWeightType weights, guint size, const gchar **family,
                         GError **error);

G_END_DECLS
