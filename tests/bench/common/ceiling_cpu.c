/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A processor's ceilings. This file is compiled with contraction of a * b + c to one operation. */
#include <string.h>

#include "tests/bench/common/ceiling.h"

#define CHAINS 12 /* latency times units of any processor of today, and they fit 16 registers */
#define TRIES  5

typedef float Wide __attribute__ ((vector_size (64)));
typedef float Middle __attribute__ ((vector_size (32)));
typedef float Narrow __attribute__ ((vector_size (16)));

/* Each chain is a variable of its own, for registers, and starts elsewhere, or the compiler would
 * find that they are all the same. */
#define FMA_LOOP(Vector)                                                                           \
  Vector s = (Vector){ 0 } + scale, o = s / 2, x0 = s, x1 = x0 + s, x2 = x1 + s, x3 = x2 + s,      \
         x4 = x3 + s, x5 = x4 + s, x6 = x5 + s, x7 = x6 + s, x8 = x7 + s, x9 = x8 + s,             \
         x10 = x9 + s, x11 = x10 + s;                                                              \
  for (gsize i = 0; i < steps; i++) {                                                              \
    x0 = x0 * s + o, x1 = x1 * s + o, x2 = x2 * s + o, x3 = x3 * s + o;                            \
    x4 = x4 * s + o, x5 = x5 * s + o, x6 = x6 * s + o, x7 = x7 * s + o;                            \
    x8 = x8 * s + o, x9 = x9 * s + o, x10 = x10 * s + o, x11 = x11 * s + o;                        \
  }                                                                                                \
  x0 += x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + x11;                                    \
  return x0[0]

static float
fma_baseline (gsize steps, float scale)
{
  FMA_LOOP (Narrow);
}

#if defined(__x86_64__)
__attribute__ ((target ("avx2,fma"))) static float
fma_avx2 (gsize steps, float scale)
{
  FMA_LOOP (Middle);
}

__attribute__ ((target ("avx512f"))) static float
fma_avx512 (gsize steps, float scale)
{
  FMA_LOOP (Wide);
}
#endif

typedef struct {
  const gchar *name;
  float (*run) (gsize steps, float scale);
  guint lanes;
} Fma;

static Fma
choose_fma (void)
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("avx512f"))
    return (Fma){ "avx512f", fma_avx512, 16 };
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    return (Fma){ "avx2", fma_avx2, 8 };
#endif
  return (Fma){ "baseline", fma_baseline, 4 };
}

const gchar *
bench_cpu_fma_name (void)
{
  return choose_fma ().name;
}

/* Several chains again: one running sum would wait for itself. */
static float
read_memory (const Narrow *x, gsize n)
{
  Narrow sum[8] = { { 0 } };

  for (gsize i = 0; i + 8 <= n; i += 8)
    for (guint j = 0; j < 8; j++)
      sum[j] += x[i + j];
  for (guint j = 1; j < 8; j++)
    sum[0] += sum[j];
  return sum[0][0];
}

typedef struct {
  Fma fma;
  gsize steps;
  const Narrow *memory; /* instead of fma */
  gsize vectors;
  volatile float result;
} Share;

static gpointer
run_share (gpointer data)
{
  Share *s = data;

  s->result = s->memory ? read_memory (s->memory, s->vectors) : s->fma.run (s->steps, 0.5f);
  return NULL;
}

/* Seconds for every thread to do its share, the best try. One thread alone is timed by the
 * process's own clock, which does not count what others take from it. */
static gdouble
run_threads (Share *shares, guint n)
{
  gdouble best = G_MAXDOUBLE;

  for (guint try = 0; try < TRIES; try++) {
    g_autofree GThread **threads = g_new (GThread *, n);
    BenchTimes times = bench_begin ();

    for (guint i = 1; i < n; i++)
      threads[i] = g_thread_new ("ceiling", run_share, &shares[i]);
    run_share (&shares[0]);
    for (guint i = 1; i < n; i++)
      g_thread_join (threads[i]);
    bench_end (&times);
    best = MIN (best, n == 1 ? times.cpu : times.wall);
  }
  return best;
}

gdouble
bench_cpu_fma (guint threads, gboolean quick)
{
  const gsize steps = quick ? 100000 : 10000000;
  const Fma fma = choose_fma ();
  g_autofree Share *shares = g_new0 (Share, threads);

  for (guint i = 0; i < threads; i++)
    shares[i] = (Share){ .fma = fma, .steps = steps };
  return 2.0 * CHAINS * fma.lanes * steps * threads / run_threads (shares, threads);
}

gdouble
bench_cpu_read (guint threads, gboolean quick)
{
  const gsize each = (quick ? 8u : 256u) << 20;
  g_autofree Share *shares = g_new0 (Share, threads);
  gchar *memory = g_aligned_alloc (threads, each, 64);

  memset (memory, 1, each * threads);
  for (guint i = 0; i < threads; i++)
    shares[i] =
        (Share){ .memory = (const Narrow *)(memory + i * each), .vectors = each / sizeof (Narrow) };
  const gdouble rate = each * threads / run_threads (shares, threads);
  g_aligned_free (memory);
  return rate;
}
