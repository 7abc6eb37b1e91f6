/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/attention_shared.h"
#include "gst-clip/kernels/pieces.h"

#include "shaders/attention_shared.h"

#include "clip_spv_attention_shared_f16.h"
#include "clip_spv_attention_shared_f32.h"

/* As in the shader: groups of lanes, each with ROWS queries. */
#define LANES  8
#define GROUPS 16

#define MAX_SHARED_BYTES 16384 /* what every device has */

/* Of its multiply-adds, a product makes so many in the time. */
#define COST_MACS 2

static const ClipGpuShader shaders[] = {
  [CLIP_ELEMENT_F32] = {
    .name = "attention_shared_f32",
    .spirv = clip_spv_attention_shared_f32,
    .spirv_bytes = sizeof (clip_spv_attention_shared_f32),
    .push_bytes = sizeof (struct AttentionSharedPush),
  },
  [CLIP_ELEMENT_F16] = {
    .name = "attention_shared_f16",
    .spirv = clip_spv_attention_shared_f16,
    .spirv_bytes = sizeof (clip_spv_attention_shared_f16),
    .push_bytes = sizeof (struct AttentionSharedPush),
  },
};

static gsize
plane_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  return (gsize)shape->batch * shape->tokens * shape->heads * shape->head_dim
         * clip_element_bytes (kernels->operands);
}

gsize
clip_attention_shared_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape)
{
  return 3 * plane_bytes (kernels, shape);
}

static guint32
shared_bytes (guint32 head_dim, guint32 rows, guint32 keys)
{
  const guint32 queries = GROUPS * rows;

  return ((queries + keys) * (head_dim + 4) + queries * (keys + 1 + LANES)) * sizeof (float);
}

/* The largest tile of keys that fits: 16 for heads of 64, 8 for heads of 128. Devices with more
 * memory keep more workgroups resident instead, and all of them run what the tests run. */
static guint32
choose_keys (guint32 head_dim, guint32 rows)
{
  guint32 keys = 32;

  while (keys > LANES && shared_bytes (head_dim, rows, keys) > MAX_SHARED_BYTES)
    keys -= LANES;
  g_assert (shared_bytes (head_dim, rows, keys) <= MAX_SHARED_BYTES);
  return keys;
}

void
clip_attention_shared (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                       VkDeviceAddress scratch, const ClipMatrix *z)
{
  const guint32 rows = shape->head_dim <= 64 ? 2 : 1, queries = GROUPS * rows;
  const guint32 constants[] = { shape->head_dim, rows, choose_keys (shape->head_dim, rows) };
  const struct AttentionSharedPush push = {
    .q = scratch,
    .k = scratch + plane_bytes (kernels, shape),
    .v = scratch + 2 * plane_bytes (kernels, shape),
    .z = z->address,
    .tokens = shape->tokens,
    .ld = shape->heads * shape->head_dim,
    .z_ld = z->ld,
    .causal = shape->causal,
  };
  const gsize bytes = clip_element_bytes (kernels->operands);
  const guint64 work =
      (guint64)shape->batch * shape->heads * shape->tokens * shape->tokens * shape->head_dim * 2;
  const guint64 cost =
      clip_cost (kernels, work * 10, work * COST_MACS, 3 * plane_bytes (kernels, shape));
  const ClipAttentionPieces pieces = clip_attention_pieces (kernels, shape, cost);

  g_assert (shape->head_dim % CLIP_HEAD_ALIGN == 0 && shape->head_dim <= 128);
  g_assert (shape->tokens > 0 && z->rows == shape->batch * shape->tokens);
  g_assert (z->ld >= shape->heads * shape->head_dim);

  for (guint32 s = 0; s < shape->batch; s += pieces.sequences)
    for (guint32 h = 0; h < shape->heads; h += pieces.heads) {
      const guint32 y = MIN (pieces.heads, shape->heads - h);
      const guint32 z_size = MIN (pieces.sequences, shape->batch - s);
      struct AttentionSharedPush piece = push;

      CLIP_ATTENTION_FROM (&piece, shape, s, h, bytes);
      clip_record (kernels, rec, &shaders[kernels->operands], constants, G_N_ELEMENTS (constants),
                   &piece, clip_divide_up (shape->tokens, queries), y, z_size,
                   cost * y * z_size / (shape->heads * shape->batch));
    }
  clip_gpu_recording_barrier (rec);
}
