/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/common/measure.h: clocks, samples and what is made of them.
 *
 * Machines are shared and noisy. On a CPU device the time that counts is process CPU seconds,
 * all threads together; whatever is compared is measured in turn, pair by pair, and compared
 * within the pair. On a GPU the time that counts is the device's own, by timestamps.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BENCH_MAX_SAMPLES 999

/** BenchTimes: seconds; @gpu is 0 where nothing was submitted. */
typedef struct {
  gdouble cpu, wall, gpu;
} BenchTimes;

/** BenchSpread: of @n values; all 0 without any. */
typedef struct {
  guint n;
  gdouble min, median, max;
} BenchSpread;

/** BenchClock: which of a BenchTimes. */
typedef enum { BENCH_CPU, BENCH_WALL, BENCH_GPU } BenchClock;

/** BenchSamples: runs of one thing, and of the other that was measured in turn with it. */
typedef struct {
  guint n;
  BenchTimes runs[BENCH_MAX_SAMPLES], other[BENCH_MAX_SAMPLES];
} BenchSamples;

gdouble bench_cpu_seconds (void);  /* of this process, all threads */
gdouble bench_wall_seconds (void); /* monotonic */

/** bench_begin, bench_end: cpu and wall of what lies between them. */
BenchTimes bench_begin (void);
void bench_end (BenchTimes *times);

/** bench_spread: sorts @values. */
BenchSpread bench_spread (gdouble *values, guint n);
BenchSpread bench_samples_spread (const BenchSamples *samples, BenchClock clock);
BenchSpread bench_samples_other (const BenchSamples *samples, BenchClock clock);
/** bench_samples_ratio: CPU seconds of a run over those of its partner. */
BenchSpread bench_samples_ratio (const BenchSamples *samples);

/** bench_resident_bytes: of this process; 0 where /proc does not tell. */
guint64 bench_resident_bytes (void);
/** bench_anonymous_bytes: the part of it that no file backs: what other processes cannot share. */
guint64 bench_anonymous_bytes (void);

/** bench_parse_list: "1,2,4" to numbers from @min to @max.
 * Returns: (transfer full): guint[]; NULL with an error. */
GArray *bench_parse_list (const gchar *text, guint min, guint max, GError **error);

/** bench_set_default: of an option that was not given. */
void bench_set_default (gchar **text, const gchar *value);

G_END_DECLS
