/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What dispatches cost, about: none should be too long for a watchdog, no submission shorter than need be. */
#include "gst-clip/kernels/tune_internal.h"

/* Of any dispatch with its barrier. */
#define DISPATCH_NS 5000

/* A GPU's memory: for so many multiply-adds a byte, which is more than GPUs have; but no less than the slowest. */
#define MACS_PER_BYTE      50
#define LEAST_BYTES_PER_NS 8

/* Products of another shape may be slower than the quickest one. */
#define RESERVE 2

/* Nothing is that quick: a clock that went wrong. */
#define MOST_MACS_PER_NS 1000000

#define SLOW_MACS_PER_NS 50

static gchar *
rate_key (const ClipKernels *kernels)
{
  return g_strdup_printf ("%s %d rate", kernels->family->name, kernels->weights);
}

/* 0: nothing */
static guint64
remembered (const ClipKernels *kernels)
{
  g_autofree gchar *key = rate_key (kernels);
  const gchar *value = kernels->tuning ? clip_tuning_get (kernels->tuning, key) : NULL;
  guint64 rate = 0;

  if (value == NULL || !g_ascii_string_to_unsigned (value, 10, 1, MOST_MACS_PER_NS, &rate, NULL))
    return 0;
  return rate;
}

void
clip_cost_init (ClipKernels *kernels)
{
  const guint64 rate = remembered (kernels);
  const guint known = kernels->family->macs_per_ns;

  kernels->macs_per_ns = rate ? (double)rate / RESERVE : known ? known : SLOW_MACS_PER_NS;
}

void
clip_cost_learn (ClipKernels *kernels, double ns_per_mac)
{
  g_autofree gchar *key = NULL, *value = NULL;
  double rate;

  if (kernels->tuning == NULL || !(ns_per_mac * MOST_MACS_PER_NS > 1.0))
    return;
  rate = MAX (1.0 / ns_per_mac, 1.0);
  if (rate < (double)(remembered (kernels) + 1))
    return;
  key = rate_key (kernels);
  value = g_strdup_printf ("%" G_GUINT64_FORMAT, (guint64)rate);
  clip_tuning_set (kernels->tuning, key, value);
  clip_cost_init (kernels);
}

guint64
clip_cost (ClipKernels *kernels, guint64 cpu_ns, guint64 macs, guint64 bytes)
{
  const double bytes_per_ns = MAX (kernels->macs_per_ns / MACS_PER_BYTE, LEAST_BYTES_PER_NS);
  double ns;

  if (clip_gpu_info (kernels->gpu)->is_cpu)
    return cpu_ns;
  ns = MAX (macs / kernels->macs_per_ns, bytes / bytes_per_ns);
  return DISPATCH_NS + (guint64)ns;
}

guint32
clip_cost_pieces (ClipKernels *kernels, guint64 cost_ns)
{
  if (kernels->pieces)
    return kernels->pieces;
  if (clip_gpu_info (kernels->gpu)->is_cpu)
    return 1;
  return (guint32)CLAMP (cost_ns / CLIP_GPU_CUT_NS + 1, 1, G_MAXUINT16);
}
