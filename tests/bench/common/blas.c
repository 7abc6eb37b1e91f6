/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/common/blas.h"

#include <unistd.h>

#include "gst-clip/engine/fastvit.h"
#include "tests/bench/common/device.h"
#include "tests/bench/common/net.h"

#ifdef HAVE_OPENBLAS
#include <cblas.h>

const gchar *
blas_name (void)
{
  static gchar text[128];
  g_auto (GStrv) words = g_strsplit (openblas_get_config (), " ", 3); /* OpenBLAS 0.3.21 ... */

  g_snprintf (text, sizeof text, "OpenBLAS %s, %s kernels", words[1] ? words[1] : "",
              openblas_get_corename ());
  return text;
}

static void
multiply (guint m, guint n, guint k, const float *a, const float *w, float *c)
{
  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, a, k, w, k, 0.0f, c, n);
}
#else
const gchar *
blas_name (void)
{
  return NULL;
}

static void
multiply (guint m, guint n, guint k, const float *a, const float *w, float *c)
{
}
#endif

typedef struct {
  guint m, n, k;
  float *w;
} Blas;

void
blas_choose (char **argv)
{
  if (!blas_name () || g_getenv ("OPENBLAS_NUM_THREADS"))
    return;
  g_setenv ("OPENBLAS_NUM_THREADS", "1", TRUE);
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    g_setenv ("OPENBLAS_CORETYPE", "Haswell", FALSE);
#endif
  execv ("/proc/self/exe", argv);
}

static void
add (BlasNet *net, guint m, guint n, guint k)
{
  Blas g = { m, n, k, g_new (float, (gsize)n *k) };

  bench_random (g.w, (gsize)n * k, 7);
  g_array_append_val (net->gemms, g);
}

/* Room for the widest matrices. A is random: zeros would be easy on a processor's power. */
static BlasNet
finish (BlasNet net)
{
  gsize a = 0, c = 0;

  for (guint i = 0; i < net.gemms->len; i++) {
    const Blas *g = &g_array_index (net.gemms, Blas, i);

    a = MAX (a, (gsize)g->m * g->k);
    c = MAX (c, (gsize)g->m * g->n);
  }
  net.a = g_new (float, a);
  net.c = g_new0 (float, c);
  bench_random (net.a, a, 3);
  return net;
}

typedef struct {
  BlasNet *net;
  guint batch;
} Convs;

static gboolean
add_conv (const ClipRandomConv *c, gpointer data)
{
  const Convs *convs = data;

  add (convs->net, convs->batch * c->side * c->side, c->out, c->in * c->taps * c->taps);
  return TRUE;
}

/* The products of unfolded pictures. In the attention pool there is one query. */
static void
add_resnet (BlasNet *net, const ClipRandomModel *m, guint batch)
{
  const guint d = 32 * m->resnet.width, side = m->image / 32;
  Convs convs = { net, batch };

  clip_random_resnet_convs (m, add_conv, &convs);
  add (net, batch * (side * side + 1), 2 * d, d);
  add (net, batch, d, d);
  add (net, batch, m->projection, d);
}

/* The first convolution, unfolded, and all products with weights: no depthwise ones. */
static void
add_fastvit (BlasNet *net, const ClipRandomModel *m, guint batch)
{
  const ClipModelConfig config = bench_fastvit_config (m);
  g_autoptr (GArray) steps = clip_fastvit_plan (&config);

  for (guint i = 0; i < steps->len; i++) {
    const ClipFastvitStep *s = &g_array_index (steps, ClipFastvitStep, i);
    const guint rows = batch * s->side * s->side;

    if (s->op == CLIP_FASTVIT_FIRST || s->op == CLIP_FASTVIT_POINTWISE)
      add (net, rows, s->out, s->in * s->taps * s->taps);
    if (s->op == CLIP_FASTVIT_ATTENTION) {
      add (net, rows, 3 * s->in, s->in);
      add (net, rows, s->in, s->in);
    }
  }
  add (net, batch, m->projection, 16 * m->fastvit.width);
}

BlasNet
blas_net_new (const ClipRandomModel *m, guint batch)
{
  BlasNet net = { g_array_new (FALSE, FALSE, sizeof (Blas)), NULL, NULL };

  if (m->fastvit.width) {
    add_fastvit (&net, m, batch);
    return finish (net);
  }
  if (m->resnet.width) {
    add_resnet (&net, m, batch);
    return finish (net);
  }

  const guint d = m->vision.width, mlp = m->vision.mlp, side = m->image / m->patch;
  const guint rows = batch * (side * side + 1);

  add (&net, rows, d, 3 * m->patch * m->patch);
  for (guint i = 0; i < m->vision.layers; i++) {
    const guint left = i + 1 < m->vision.layers ? rows : batch;

    add (&net, rows, 3 * d, d);
    add (&net, left, d, d);
    add (&net, left, mlp, d);
    add (&net, left, d, mlp);
  }
  add (&net, batch, m->projection, d);
  return finish (net);
}

BlasNet
blas_net_new_product (guint m, guint n, guint k, guint copies)
{
  BlasNet net = { g_array_new (FALSE, FALSE, sizeof (Blas)), NULL, NULL };

  for (guint i = 0; i < copies; i++)
    add (&net, m, n, k);
  return finish (net);
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
blas_net_run (gpointer data)
{
  const BlasNet *net = data;

  for (guint i = 0; i < net->gemms->len; i++) {
    const Blas *g = &g_array_index (net->gemms, Blas, i);

    multiply (g->m, g->n, g->k, net->a, g->w, net->c);
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
