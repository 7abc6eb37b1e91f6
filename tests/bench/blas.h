/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/blas.h: the GEMMs of an image encoder through OpenBLAS, the yardstick on CPUs.
 */
#pragma once

#include "tests/common/random_model.h"

G_BEGIN_DECLS

typedef struct {
  GArray *gemms;
  float *a, *c;
} BlasNet;

/** blas_net_new: what the encoder of @model multiplies for @batch images: for the pooled tokens
 * only behind the last attention. */
BlasNet blas_net_new (const ClipRandomModel *model, gint batch);
gdouble blas_net_flops (const BlasNet *net);
/** blas_net_run: each once, one after the other. */
void blas_net_run (const BlasNet *net);
void blas_net_clear (BlasNet *net);

G_END_DECLS
