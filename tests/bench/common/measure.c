/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/common/measure.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static gdouble
seconds (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

gdouble
bench_cpu_seconds (void)
{
  return seconds (CLOCK_PROCESS_CPUTIME_ID);
}

gdouble
bench_wall_seconds (void)
{
  return seconds (CLOCK_MONOTONIC);
}

BenchTimes
bench_begin (void)
{
  return (BenchTimes){ .cpu = bench_cpu_seconds (), .wall = bench_wall_seconds () };
}

void
bench_end (BenchTimes *times)
{
  times->cpu = bench_cpu_seconds () - times->cpu;
  times->wall = bench_wall_seconds () - times->wall;
}

static int
compare (const void *a, const void *b)
{
  const gdouble x = *(const gdouble *)a, y = *(const gdouble *)b;

  return (x > y) - (x < y);
}

BenchSpread
bench_spread (gdouble *values, guint n)
{
  if (n == 0)
    return (BenchSpread){ 0 };
  qsort (values, n, sizeof (*values), compare);
  return (BenchSpread){ n, values[0], (values[(n - 1) / 2] + values[n / 2]) / 2, values[n - 1] };
}

static gdouble
pick (const BenchTimes *times, BenchClock clock)
{
  return clock == BENCH_CPU ? times->cpu : clock == BENCH_WALL ? times->wall : times->gpu;
}

static BenchSpread
spread_of (const BenchTimes *times, guint n, BenchClock clock)
{
  gdouble values[BENCH_MAX_SAMPLES];

  for (guint i = 0; i < n; i++)
    values[i] = pick (&times[i], clock);
  return bench_spread (values, n);
}

BenchSpread
bench_samples_spread (const BenchSamples *samples, BenchClock clock)
{
  return spread_of (samples->runs, samples->n, clock);
}

BenchSpread
bench_samples_other (const BenchSamples *samples, BenchClock clock)
{
  return spread_of (samples->other, samples->n, clock);
}

BenchSpread
bench_samples_ratio (const BenchSamples *samples)
{
  gdouble values[BENCH_MAX_SAMPLES];
  guint n = 0;

  for (guint i = 0; i < samples->n; i++)
    if (samples->other[i].cpu > 0)
      values[n++] = samples->runs[i].cpu / samples->other[i].cpu;
  return bench_spread (values, n);
}

/* A line of /proc/self/status, which counts in KiB; 0 without. */
static guint64
status_bytes (const gchar *name)
{
  g_autofree gchar *text = NULL;
  const gchar *line = NULL;

  if (g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    line = strstr (text, name);
  return line ? g_ascii_strtoull (line + strlen (name), NULL, 10) * 1024 : 0;
}

guint64
bench_resident_bytes (void)
{
  return status_bytes ("\nVmRSS:");
}

guint64
bench_anonymous_bytes (void)
{
  return status_bytes ("\nRssAnon:") + status_bytes ("\nRssShmem:");
}

GArray *
bench_parse_list (const gchar *text, guint min, guint max, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; words[i]; i++) {
    guint64 value;

    if (!g_ascii_string_to_unsigned (g_strstrip (words[i]), 10, min, max, &value, error))
      return NULL;
    g_array_append_vals (numbers, &(guint){ (guint)value }, 1);
  }
  return g_steal_pointer (&numbers);
}

void
bench_set_default (gchar **text, const gchar *value)
{
  if (!*text)
    *text = g_strdup (value);
}
