/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/common/blas.h: the same products through OpenBLAS, the yardstick on CPUs. Where it was not
 * there at build time everything works, without the comparison.
 */
#pragma once

#include "tests/common/random_model.h"

G_BEGIN_DECLS

/** BlasNet: products C (m, n) = A (m, k) W (n, k)^T, each with weights of its own. */
typedef struct {
  GArray *gemms;
  float *a, *c;
} BlasNet;

/** blas_name: "OpenBLAS 0.3.21, Haswell kernels"; NULL without it. */
const gchar *blas_name (void);

/** blas_choose: OpenBLAS chooses its kernels when it is loaded, and takes the slowest on
 * processors that it does not know. Starts the program again with one thread and, where they
 * run, AVX2 kernels: an opponent must be at its best. To be called first in main(). */
void blas_choose (char **argv);

/** blas_net_new: what the encoder of @model multiplies for @batch images: for the pooled tokens
 * only behind the last attention. */
BlasNet blas_net_new (const ClipRandomModel *model, guint batch);
/** blas_net_new_product: one product, @copies times with different weights. */
BlasNet blas_net_new_product (guint m, guint n, guint k, guint copies);
gdouble blas_net_flops (const BlasNet *net);
/** blas_net_run: each once, one after the other; nothing without OpenBLAS. A BenchOther. */
void blas_net_run (gpointer net);
void blas_net_clear (BlasNet *net);

G_END_DECLS
