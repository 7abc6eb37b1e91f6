/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/kernels.h: every compute kernel's typed entry point.
 *
 * kernels/ is the only place that knows grids, push constants, packed layouts and
 * variants; engine/ above it knows only shapes. A `clip_kernel_*` function records
 * dispatches into a ClipGpuRecording and ends with a barrier, so that calls in a row
 * are calls in order. Failures stick to the recording.
 * Formulas, layouts and variants: docs/kernels.md.
 */
#pragma once

#include "gst-clip/gpu/gpu.h"

G_BEGIN_DECLS

typedef struct _ClipKernels ClipKernels;

/**
 * ClipWeightType: how packed weights are stored. Arithmetic, activations and
 * accumulation are fp32 either way.
 */
typedef enum {
  CLIP_WEIGHTS_F32,
  CLIP_WEIGHTS_F16,
} ClipWeightType;

/**
 * clip_kernels_new: chooses a variant for every kernel from the table (table.c), best
 * first, whose capability bits @gpu has. @gpu must outlive the result. Cheap: pipelines
 * are made when first recorded.
 */
ClipKernels *clip_kernels_new (ClipGpu *gpu, ClipWeightType weights, GError **error);
void clip_kernels_free (ClipKernels *kernels);
ClipGpu *clip_kernels_gpu (ClipKernels *kernels);
ClipWeightType clip_kernels_weight_type (ClipKernels *kernels);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipKernels, clip_kernels_free)

/* Matrices -------------------------------------------------------------- */

/** Row strides are multiples of this many floats, see ClipMatrix. */
#define CLIP_LD 64
/** Heads are padded to a multiple of this many features, see ClipAttention. */
#define CLIP_HEAD_ALIGN 16
/** Extra rows that every activation buffer has behind its last row. */
#define CLIP_PAD_ROWS 16

/**
 * ClipMatrix: fp32 (rows, cols) in GPU memory, row-major.
 * @ld: floats from row to row, >= clip_ld (cols)
 *
 * Contract: columns cols .. ld-1 of every row hold finite values that meet only zero
 * weights; CLIP_PAD_ROWS rows behind the last may be read and written by any kernel.
 * Use clip_matrix_bytes() for the allocation.
 */
typedef struct {
  VkDeviceAddress address;
  guint32 rows, cols, ld;
} ClipMatrix;

static inline guint32
clip_round_up (guint32 n, guint32 to)
{
  return (n + to - 1) / to * to;
}

static inline guint32
clip_ld (guint32 cols)
{
  return clip_round_up (cols, CLIP_LD);
}

static inline gsize
clip_matrix_bytes (guint32 rows, guint32 cols)
{
  return (gsize)(rows + CLIP_PAD_ROWS) * clip_ld (cols) * sizeof (float);
}

/* GEMM ------------------------------------------------------------------ */

/** ClipActivation: quick_gelu is x * sigmoid (1.702 x); gelu is the exact one with erf. */
typedef enum {
  CLIP_ACTIVATION_NONE,
  CLIP_ACTIVATION_QUICK_GELU,
  CLIP_ACTIVATION_GELU,
  CLIP_ACTIVATION_GELU_TANH,
} ClipActivation;

/** clip_gemm_packed_bytes: size of an (n, k) weight matrix in the chosen variant's layout. */
gsize clip_gemm_packed_bytes (ClipKernels *kernels, guint32 n, guint32 k);

/**
 * clip_gemm_pack:
 * @n, @k: the whole matrix, as in clip_gemm_packed_bytes()
 * @first_row, @n_rows: which rows (output features) @rows holds
 * @rows: float[n_rows][k], row-major
 * @packed: host memory of clip_gemm_packed_bytes(), zero-filled before the first call
 *
 * Packs rows in any order. F16: round to nearest even, clamped to +-65504.
 */
void clip_gemm_pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
                     const float *rows, gpointer packed);

/**
 * ClipGemm: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m mod period, n]
 * @a: (M, K); @weights: (N, K) packed; @c: (M, N), must not overlap @a, weights or residual
 * @bias: float[clip_ld (N)], zero beyond N; 0 for none
 * @residual: address of rows of @residual_ld floats; 0 for none
 * @residual_period: rows after which the residual repeats (a table of positions); M or more
 *   for a plain one
 *
 * fp32 accumulation. Columns N .. clip_round_up (N, 16) - 1 of c are written as zero
 * (plus the residual's own padding).
 */
typedef struct {
  ClipMatrix a;
  VkDeviceAddress weights;
  VkDeviceAddress bias;
  ClipMatrix c;
  VkDeviceAddress residual;
  guint32 residual_ld;
  guint32 residual_period;
  ClipActivation activation;
} ClipGemm;

void clip_kernel_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op);

/* Attention ------------------------------------------------------------- */

/**
 * ClipAttention: softmax (q kT [+ causal mask]) v for every sequence and head.
 * @batch sequences of @tokens rows; @heads heads of @head_dim features, where head_dim is
 * a multiple of CLIP_HEAD_ALIGN: the engine pads real head sizes (18 -> 32) with zero
 * weights. 1/sqrt(d) is folded into W_q by the engine.
 * @causal: token t attends to 0 .. t only
 */
typedef struct {
  guint32 batch, tokens, heads, head_dim;
  gboolean causal;
} ClipAttention;

/** clip_attention_scratch_bytes: for q, k, v in the variant's own layouts and for scores. */
gsize clip_attention_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape);

/**
 * clip_kernel_qkv: a GEMM whose N = 3 * heads * head_dim features (q of all heads, then k, then v)
 * go to @scratch in the layout that clip_kernel_attention() of the same variant reads.
 * @op: c, residual and activation are ignored; a has batch * tokens rows
 */
void clip_kernel_qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
                      const ClipAttention *shape, VkDeviceAddress scratch);

/** clip_kernel_attention: @z: (batch * tokens, heads * head_dim). */
void clip_kernel_attention (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                            VkDeviceAddress scratch, const ClipMatrix *z);

/* Rows ------------------------------------------------------------------ */

/**
 * clip_kernel_layernorm: y[r,c] = (x[r,c] - mean_r) / sqrt (var_r + eps) * gamma[c] + beta[c]
 * @x, @y: (R, C); may not overlap. @gamma, @beta: float[clip_ld (C)], zero beyond C.
 * Mean and variance in fp32, two passes (no E[x^2] - mean^2). Columns beyond C of y become 0.
 */
void clip_kernel_layernorm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipMatrix *x,
                            VkDeviceAddress gamma, VkDeviceAddress beta, float eps,
                            const ClipMatrix *y);

/**
 * clip_kernel_l2norm: y[r] = x[r] / max (|x[r]|, 1e-12); flags[r] (uint) = 1 if x[r] has a
 * value that is not finite, else 0.
 */
void clip_kernel_l2norm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipMatrix *x,
                         const ClipMatrix *y, VkDeviceAddress flags);

/**
 * clip_kernel_score: s[b,p] = sum_c e[b,c] t[p,c], the cosines of L2-normalised rows.
 * @e: (B, C); @t: (P, C), P up to 65535; @s: (B, P) with ld >= P
 */
void clip_kernel_score (ClipKernels *kernels, ClipGpuRecording *rec, const ClipMatrix *e,
                        const ClipMatrix *t, const ClipMatrix *s);

G_END_DECLS
