/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/common/net.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "gst-clip/engine/fastvit.h"

/* Writes the model to a new folder. Returns: (transfer full) */
static gchar *
write_in (const gchar *parent, const ClipRandomModel *shape, GError **error)
{
  g_autofree gchar *dir = g_build_filename (parent, "gst-clip-bench-XXXXXX", NULL);

  if (!g_mkdtemp (dir)) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", dir,
                 g_strerror (errno));
    return NULL;
  }
  if (clip_random_model_write (shape, dir, 1, error))
    return g_steal_pointer (&dir);
  clip_random_model_remove (dir);
  return NULL;
}

BenchModel *
bench_model_new (const gchar *architecture, gboolean whole, GError **error)
{
  const ClipRandomModel *shape = clip_random_model_find (architecture);
  g_autoptr (BenchModel) m = g_new0 (BenchModel, 1);

  if (!shape) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no architecture \"%s\"",
                 architecture);
    return NULL;
  }
  m->shape = *shape;
  if (!whole)
    m->shape.text = (ClipRandomTower){ 64, 1, 2, 128 };
  m->dir = write_in ("/dev/shm", &m->shape, NULL); /* in memory, where there is room */
  if (!m->dir && !(m->dir = write_in (g_get_tmp_dir (), &m->shape, error)))
    return NULL;
  m->model = clip_model_open (m->dir, error);
  return m->model ? g_steal_pointer (&m) : NULL;
}

void
bench_model_free (BenchModel *m)
{
  if (!m)
    return;
  clip_model_free (m->model);
  if (m->dir)
    clip_random_model_remove (m->dir);
  g_free (m->dir);
  g_free (m);
}

BenchNet *
bench_net_new (ClipKernels *kernels, const BenchModel *model, GError **error)
{
  g_autoptr (BenchNet) net = g_new0 (BenchNet, 1);

  net->kernels = kernels;
  net->shape = &model->shape;
  net->vision = clip_tower_weights_new (kernels, model->model, TRUE, NULL, NULL, error);
  net->weights_bytes = clip_tower_weights_bytes (kernels, clip_model_config (model->model), TRUE);
  return net->vision ? g_steal_pointer (&net) : NULL;
}

static void
clear_batch (BenchNet *net)
{
  g_clear_pointer (&net->rec, clip_gpu_recording_free);
  g_clear_pointer (&net->activations, clip_activations_free);
  g_clear_pointer (&net->patches, clip_gpu_buffer_free);
  g_clear_pointer (&net->embeds, clip_gpu_buffer_free);
}

void
bench_net_free (BenchNet *net)
{
  if (!net)
    return;
  clear_batch (net);
  clip_tower_weights_free (net->vision);
  g_free (net);
}

static gboolean
fill_random (ClipGpuBuffer *buffer, GError **error)
{
  const gsize n = buffer->size / sizeof (float);
  g_autofree float *values = g_new (float, n);

  bench_random (values, n, 1);
  return clip_gpu_buffer_upload (buffer, 0, values, n * sizeof (float), error);
}

static gboolean
make_buffers (BenchNet *net, GError **error)
{
  const ClipTowerWeights *t = net->vision;
  ClipGpu *gpu = clip_kernels_gpu (net->kernels);

  net->activations = clip_activations_new (net->kernels, t, net->batch, NULL, NULL, NULL, 0, error);
  if (!net->activations)
    return FALSE;
  net->patches = clip_tower_input_new (net->kernels, t, net->batch, &net->patch_rows, error);
  if (!net->patches || !fill_random (net->patches, error))
    return FALSE;
  net->embeds = clip_gpu_buffer_new (
      gpu, CLIP_GPU_MEMORY_DEVICE, clip_matrix_bytes (net->batch, t->projection), "embeds", error);
  return net->embeds != NULL;
}

static gboolean
record (BenchNet *net, GError **error)
{
  const ClipTowerWeights *t = net->vision;
  g_autofree guint32 *pool_rows = g_new (guint32, net->batch);
  const ClipTowerRun run = {
    .batch = net->batch,
    .tokens = t->tokens,
    .patches = net->patch_rows,
    .pool_rows = pool_rows,
    .embeds = { net->embeds->address, net->batch, t->projection, clip_ld (t->projection) },
  };

  for (guint i = 0; i < net->batch; i++)
    pool_rows[i] = i * t->tokens;
  net->rec = clip_gpu_recording_new (clip_kernels_gpu (net->kernels), "encoder");
  clip_gpu_recording_begin (net->rec);
  clip_gpu_recording_mark (net->rec, "encode");
  clip_tower_record (net->kernels, net->rec, t, net->activations, &run);
  return clip_gpu_recording_end (net->rec, error);
}

/* Times of a tower that makes nonsense mean nothing. */
static gboolean
check (BenchNet *net, GError **error)
{
  const gsize n = (gsize)net->batch * clip_ld (net->vision->projection);
  g_autofree float *values = g_new (float, n);
  BenchTimes unused;
  gdouble sum = 0;

  if (!bench_run (clip_kernels_gpu (net->kernels), net->rec, &unused, error)
      || !clip_gpu_buffer_download (net->embeds, 0, values, n * sizeof (float), error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    sum += fabs (values[i]);
  if (isfinite (sum) && sum > 0)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
               "the encoder's embeddings are not finite, or zero");
  return FALSE;
}

gboolean
bench_net_set_batch (BenchNet *net, guint batch, GError **error)
{
  clear_batch (net);
  net->batch = batch;
  return make_buffers (net, error) && record (net, error) && check (net, error);
}

static gboolean
add_conv (const ClipRandomConv *c, gpointer data)
{
  gdouble *sum = data;

  *sum += (gdouble)c->side * c->side * c->out * c->in * c->taps * c->taps;
  return TRUE;
}

/* One query in the attention pool. */
static gdouble
resnet_flops (const ClipRandomModel *m)
{
  const gdouble d = 32 * m->resnet.width, side = m->image / 32, tokens = side * side + 1;
  gdouble sum = 2 * tokens * d * d + 2 * tokens * d + d * d + m->projection * d;

  clip_random_resnet_convs (m, add_conv, &sum);
  return 2 * sum;
}

ClipModelConfig
bench_fastvit_config (const ClipRandomModel *m)
{
  ClipModelConfig config = { .image_size = m->image, .projection = m->projection };

  config.vision_kind = CLIP_TOWER_FASTVIT;
  config.fastvit.width = m->fastvit.width;
  memcpy (config.fastvit.layers, m->fastvit.layers, sizeof config.fastvit.layers);
  return config;
}

gdouble
bench_net_flops (const ClipRandomModel *m, guint batch)
{
  if (m->fastvit.width) {
    const ClipModelConfig config = bench_fastvit_config (m);

    return batch * clip_fastvit_flops (&config);
  }
  if (m->resnet.width)
    return batch * resnet_flops (m);

  const gdouble d = m->vision.width, mlp = m->vision.mlp, layers = m->vision.layers;
  const guint side = m->image / m->patch;
  const gdouble tokens = side * side + 1.0;
  const gdouble a_token = d * d + 2 * d * mlp; /* behind attention */
  const gdouble all = layers * (3 * d * d * tokens + 2 * tokens * tokens * d);
  const gdouble ends = (tokens - 1) * 3 * m->patch * m->patch * d + d * m->projection;

  return 2 * batch * (all + a_token * ((layers - 1) * tokens + 1) + ends);
}

gdouble
bench_net_bytes (const BenchNet *net)
{
  const ClipRandomTower *v = &net->shape->vision;
  const gdouble each = clip_kernels_operands (net->kernels) == CLIP_ELEMENT_F16 ? 44 : 88;

  if (net->batch == 1)
    return net->weights_bytes;
  return net->weights_bytes + each * net->batch * net->vision->tokens * v->width * v->layers;
}
