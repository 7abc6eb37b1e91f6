/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/blas.h"

#include <cblas.h>

/* One GEMM of the network, C (m, n) = A (m, k) W (n, k)^T, with weights of its own. */
typedef struct {
  gint m, n, k;
  float *w;
} Blas;

static void
blas_add (BlasNet *net, gint m, gint n, gint k)
{
  Blas g = { m, n, k, g_new (float, (gsize)n *k) };
  guint32 seed = 7;

  for (gsize i = 0; i < (gsize)n * k; i++)
    g.w[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f;
  g_array_append_val (net->gemms, g);
}

BlasNet
blas_net_new (const ClipRandomModel *m, gint batch)
{
  BlasNet net = { g_array_new (FALSE, FALSE, sizeof (Blas)), NULL, NULL };
  const gint d = m->vision.width, mlp = m->vision.mlp, side = m->image / m->patch;
  const gint rows = batch * (side * side + 1);

  blas_add (&net, rows, d, 3 * m->patch * m->patch);
  for (guint i = 0; i < m->vision.layers; i++) {
    const gint left = i + 1 < m->vision.layers ? rows : batch;

    blas_add (&net, rows, 3 * d, d);
    blas_add (&net, left, d, d);
    blas_add (&net, left, mlp, d);
    blas_add (&net, left, d, mlp);
  }
  blas_add (&net, batch, m->projection, d);
  net.a = g_new0 (float, (gsize)rows *MAX (mlp, (gint)(3 * m->patch * m->patch)));
  net.c = g_new0 (float, (gsize)rows *MAX (mlp, 3 * d));
  return net;
}

gdouble
blas_net_flops (const BlasNet *net)
{
  gdouble flops = 0.0;

  for (guint i = 0; i < net->gemms->len; i++) {
    const Blas *g = &g_array_index (net->gemms, Blas, i);

    flops += 2.0 * g->m * g->n * g->k;
  }
  return flops;
}

void
blas_net_run (const BlasNet *net)
{
  for (guint i = 0; i < net->gemms->len; i++) {
    const Blas *g = &g_array_index (net->gemms, Blas, i);

    cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, g->m, g->n, g->k, 1.0f, net->a, g->k,
                 g->w, g->k, 0.0f, net->c, g->n);
  }
}

void
blas_net_clear (BlasNet *net)
{
  for (guint i = 0; i < net->gemms->len; i++)
    g_free (g_array_index (net->gemms, Blas, i).w);
  g_array_unref (net->gemms);
  g_free (net->a);
  g_free (net->c);
}
