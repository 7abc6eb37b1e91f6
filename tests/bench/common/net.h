/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/common/net.h: an image encoder of one architecture, with random weights, for one variant
 * and any batch. Engine jobs have one image and the best variant: this goes below them.
 */
#pragma once

#include "gst-clip/engine/tower.h"
#include "tests/bench/common/device.h"
#include "tests/common/random_model.h"

G_BEGIN_DECLS

/**
 * BenchModel: a model with random weights, in memory where there is /dev/shm.
 * @shape: the vision tower's are the architecture's; the text tower is small unless the model is
 *   whole: most benchmarks do not measure it
 */
typedef struct {
  ClipRandomModel shape;
  gchar *dir;
  ClipModel *model;
} BenchModel;

/** bench_model_new: @architecture: a name of clip_random_models; @whole: with its own text tower. */
BenchModel *bench_model_new (const gchar *architecture, gboolean whole, GError **error);
void bench_model_free (BenchModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchModel, bench_model_free)

typedef struct {
  ClipKernels *kernels;
  const ClipRandomModel *shape;
  ClipTowerWeights *vision;
  guint64 weights_bytes;
  guint batch;
  ClipActivations *activations;
  ClipGpuBuffer *patches, *embeds;
  ClipMatrix patch_rows;
  ClipGpuRecording *rec;
} BenchNet;

/** bench_net_new: loads the vision tower. @kernels and @model must outlive it. */
BenchNet *bench_net_new (ClipKernels *kernels, const BenchModel *model, GError **error);
void bench_net_free (BenchNet *net);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchNet, bench_net_free)

/** bench_net_set_batch: makes activations, random patches and net->rec: the whole tower for @batch
 * images; runs it once and fails when an embedding is not finite. */
gboolean bench_net_set_batch (BenchNet *net, guint batch, GError **error);

/** bench_net_flops: of products and attention: what the encoder has to do, pooled tokens only
 * behind the last attention. */
gdouble bench_net_flops (const ClipRandomModel *shape, guint batch);

/** bench_net_bytes: what memory has to deliver at least: the weights, and in batches, which no cache
 * holds, activations: 44 bytes a token, feature and layer with operands of two bytes, else 88 (of a
 * ResNet the weights only). */
gdouble bench_net_bytes (const BenchNet *net);

/** bench_fastvit_config: of a random model with such a tower, as far as its plan needs it. */
ClipModelConfig bench_fastvit_config (const ClipRandomModel *model);

G_END_DECLS
