/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/gemm_llvmpipe.h: what the families "straight" and "loop" share: the layout of weights,
 * and everything that leads to a GemmLlvmpipePush. Layouts are drawn in docs/kernels.md.
 */
#pragma once

#include "gst-clip/kernels/internal.h"

#include "shaders/gemm_llvmpipe.h"

G_BEGIN_DECLS

/**
 * ClipChunks: K as CHUNKS times CHUNK steps that a shader unrolls.
 */
typedef struct {
  guint32 chunk, chunks;
} ClipChunks;

/**
 * ClipPanelGemm: @batch products of (rows, K) and (K, panels * GEMM_PANEL).
 * @a_rows, @c_rows: rows beyond are computed from the last row of a, stored to the last of c
 * @a_ld, @residual_ld: floats from row to row
 * @w_panel: values of k from panel to panel of w: clip_llvmpipe_panel_steps() of packed weights
 * @c_row, @c_16_rows, @c_panel: floats from row to row within 16 rows, from 16 rows to the next,
 *   from panel to panel: multiples of 16, 256 and 16
 * @lanes_apart: neighbouring columns of c are 16 floats apart, rows (within 16) neighbours
 * @a_step, @w_step, @c_step: floats from product to product, multiples of 16; c_step 0 where there
 *   is only one
 * @type: of w
 * @k_first: of a's columns and of w's steps: a part of a product; 0 where batch is not 1
 * @plain: no activation; c has neighbouring columns
 * @few: with @plain: rather few pipelines than speed
 * @lines: as in ClipGemm, with @plain and no batch; @k then is a multiple of its taps in chunks
 */
typedef struct {
  VkDeviceAddress a, w, bias, residual, c;
  guint32 rows, panels, batch;
  ClipChunks k;
  guint32 a_rows, a_ld, w_panel, residual_ld;
  guint32 c_rows, c_row, c_16_rows, c_panel;
  gboolean lanes_apart;
  guint32 a_step, w_step, c_step;
  ClipActivation activation;
  gboolean relu;
  ClipWeightType type;
  guint32 k_first;
  gboolean plain, few;
  const ClipLines *lines;
} ClipPanelGemm;

/**
 * ClipGemmKernel: what differs between the two shaders.
 * @row_tiles, @panels, @batch: the largest grid; row_tiles is a multiple of 16
 * @plain_row_tiles: of plain products
 * @max_chunks: that the device has room for
 * @chunks: for k exactly, a multiple of 16; of weights a multiple of CLIP_LD
 * @key_chunks: for at least @tokens
 * @tile_rows: of the tiles of a product of @rows
 * @slice: (nullable): the first part of the products that a product over so many k is made as
 * @record: one dispatch; @constants: CHUNK, CHUNKS, the activation, BATCHED, ROWS, ClipPanelGemm's plain, LINES,
 *   ClipPanelGemm's few
 */
typedef struct {
  guint32 row_tiles, plain_row_tiles, panels, batch;
  guint32 (*max_chunks) (ClipKernels *kernels);
  ClipChunks (*chunks) (ClipKernels *kernels, guint32 k, ClipActivation activation, gboolean plain);
  ClipChunks (*key_chunks) (ClipKernels *kernels, guint32 tokens);
  ClipChunks (*slice) (ClipKernels *kernels, guint32 k);
  guint32 (*tile_rows) (ClipKernels *kernels, guint32 rows);
  void (*record) (ClipKernels *kernels, ClipGpuRecording *rec, ClipWeightType weights,
                  const guint32 *constants, const struct GemmLlvmpipePush *push, guint32 x,
                  guint32 y, guint32 z, guint64 cost_ns);
} ClipGemmKernel;

/** clip_gemm_kernel: which of the two @kernels' family has. */
static inline const ClipGemmKernel *
clip_gemm_kernel (ClipKernels *kernels)
{
  return kernels->family->data;
}

/** clip_llvmpipe_key_chunks: the key_chunks of shaders that take any chunk up to 128. */
ClipChunks clip_llvmpipe_key_chunks (ClipKernels *kernels, guint32 tokens);

/** clip_panel_gemm: records all dispatches of @op; no barrier. A K that is too large sticks to
 * the recording as an error. */
void clip_panel_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPanelGemm *op);

/** clip_llvmpipe_panel_steps: k rounded up, and what scales take behind it, in values of k. */
guint32 clip_llvmpipe_panel_steps (ClipKernels *kernels, guint32 k);

/** clip_llvmpipe_*: ClipFamily's functions; its @data is a ClipGemmKernel. */
gsize clip_llvmpipe_packed_bytes (ClipKernels *kernels, guint32 n, guint32 k);
void clip_llvmpipe_pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row,
                         guint32 n_rows, const float *rows, gpointer packed);
guint32 clip_llvmpipe_batch_rows (ClipKernels *kernels);
gboolean clip_llvmpipe_takes_lines (ClipKernels *kernels, guint32 width);
void clip_llvmpipe_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op);
gsize clip_llvmpipe_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape);
void clip_llvmpipe_qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
                        const ClipAttention *shape, VkDeviceAddress scratch);
void clip_llvmpipe_attention (ClipKernels *kernels, ClipGpuRecording *rec,
                              const ClipAttention *shape, VkDeviceAddress scratch,
                              const ClipMatrix *z);
gsize clip_llvmpipe_pool_bytes (ClipKernels *kernels, const ClipAttention *shape);
void clip_llvmpipe_pool_tokens (ClipKernels *kernels, ClipGpuRecording *rec,
                                const ClipAttention *shape, const ClipPictures *x,
                                VkDeviceAddress positions, VkDeviceAddress scratch,
                                const ClipMatrix *mean);
void clip_llvmpipe_pool (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                         const ClipMatrix *q, VkDeviceAddress keys, VkDeviceAddress values,
                         VkDeviceAddress scratch, const ClipMatrix *z);

/** clip_llvmpipe_softmax: records the softmax of the first @tokens of @blocks * 32 columns, in place, for
 * @rows rows of each of @matrices that follow each other; the other columns become 0. With @causal row t takes
 * columns up to t. Ends with a barrier. */
void clip_llvmpipe_softmax (ClipKernels *kernels, ClipGpuRecording *rec, VkDeviceAddress scores,
                            guint32 blocks, guint32 matrices, guint32 rows, guint32 tokens,
                            gboolean causal);

G_END_DECLS
