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
 * ClipWeightType: how packed weights are stored. Accumulation is fp32 with each; products too,
 * unless the family multiplies in fp16 (see clip_kernels_operands()).
 * @I8: one scale a row of w (output feature), max |w| / 127, and no offset
 */
typedef enum {
  CLIP_WEIGHTS_F32,
  CLIP_WEIGHTS_F16,
  CLIP_WEIGHTS_I8,
} ClipWeightType;

/** ClipElement: what a ClipMatrix holds. F16 stores round to nearest even, clamped to +-65504. */
typedef enum {
  CLIP_ELEMENT_F32,
  CLIP_ELEMENT_F16,
} ClipElement;

/**
 * clip_kernels_new: chooses a variant for every kernel from the table (table.c), best
 * first, whose capability bits @gpu has; GST_CLIP_KERNELS names one of them instead, for tests, where
 * it has such weights. @gpu must outlive the result. Cheap: pipelines
 * are made when first recorded.
 */
ClipKernels *clip_kernels_new (ClipGpu *gpu, ClipWeightType weights, GError **error);
void clip_kernels_free (ClipKernels *kernels);
ClipGpu *clip_kernels_gpu (ClipKernels *kernels);
ClipWeightType clip_kernels_weight_type (ClipKernels *kernels);

/**
 * clip_kernels_operands: the type of matrices that are nothing but operands (`a`) of a GEMM:
 * normalised rows, attention's result, the MLP's hidden rows. The residual stream, patches and
 * embeddings are always fp32.
 */
ClipElement clip_kernels_operands (ClipKernels *kernels);

/**
 * clip_kernels_ends: for a model's first and last product, where int8 costs most and saves least:
 * the same family with fp16 weights (fp32 where the device has no fp16), owned by @kernels. What
 * the two leave for each other fits: operands and ClipGemm's stats. Otherwise @kernels itself.
 */
ClipKernels *clip_kernels_ends (ClipKernels *kernels);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipKernels, clip_kernels_free)

/* Matrices -------------------------------------------------------------- */

/** Row strides are multiples of this many floats, see ClipMatrix. */
#define CLIP_LD 64
/** Heads are padded to a multiple of this many features, see ClipAttention. */
#define CLIP_HEAD_ALIGN 16
/** Extra rows that every activation buffer has behind its last row. */
#define CLIP_PAD_ROWS 16

/**
 * ClipMatrix: (rows, cols) in GPU memory, row-major.
 * @ld: elements from row to row, >= clip_ld (cols)
 * @type: fp32 unless something else is said
 *
 * Contract: columns cols .. ld-1 of every row hold finite values that meet only zero
 * weights; CLIP_PAD_ROWS rows behind the last may be read and written by any kernel.
 * Use clip_matrix_bytes() for the allocation: it is enough for either type.
 */
typedef struct {
  VkDeviceAddress address;
  guint32 rows, cols, ld;
  ClipElement type;
} ClipMatrix;

static inline gsize
clip_element_bytes (ClipElement type)
{
  return type == CLIP_ELEMENT_F16 ? 2 : 4;
}

/** clip_divide_up: how many pieces of @by make @n, the last of which may be short. */
static inline guint32
clip_divide_up (guint32 n, guint32 by)
{
  return (n + by - 1) / by;
}

static inline guint32
clip_round_up (guint32 n, guint32 to)
{
  return clip_divide_up (n, to) * to;
}

static inline guint32
clip_ld (guint32 cols)
{
  return clip_round_up (cols, CLIP_LD);
}

/**
 * clip_stride: the best @ld for matrices that are read by rows: an odd multiple of CLIP_LD. With
 * even ones (4 KiB apart, for 1024 columns) rows that are used together fall into the same few
 * sets of a cache and drive each other out.
 */
static inline guint32
clip_stride (guint32 cols)
{
  return clip_ld (cols) | CLIP_LD;
}

static inline gsize
clip_matrix_bytes (guint32 rows, guint32 cols)
{
  return (gsize)(rows + CLIP_PAD_ROWS) * clip_stride (cols) * sizeof (float);
}

/* GEMM ------------------------------------------------------------------ */

/** ClipActivation: quick_gelu is x * sigmoid (1.702 x); gelu is the exact one with erf. */
typedef enum {
  CLIP_ACTIVATION_NONE,
  CLIP_ACTIVATION_QUICK_GELU,
  CLIP_ACTIVATION_GELU,
  CLIP_ACTIVATION_GELU_TANH,
} ClipActivation;

/** ClipWindows: declared in pictures.h. */
typedef struct _ClipWindows ClipWindows;

/** clip_gemm_packed_bytes: size of an (n, k) weight matrix in the chosen variant's layout. */
gsize clip_gemm_packed_bytes (ClipKernels *kernels, guint32 n, guint32 k);

/**
 * clip_gemm_pack:
 * @n, @k: the whole matrix, as in clip_gemm_packed_bytes()
 * @first_row, @n_rows: which rows (output features) @rows holds
 * @rows: float[n_rows][k], row-major
 * @packed: host memory of clip_gemm_packed_bytes(), zero-filled before the first call
 *
 * Packs rows in any order. F16: round to nearest even, clamped to +-65504. I8: see ClipWeightType;
 * scales lie behind the weights.
 */
void clip_gemm_pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
                     const float *rows, gpointer packed);

/**
 * ClipNorm: rows of `a` are normalised before they are multiplied, as by clip_kernel_layernorm().
 * Families that can do it while they load `a`; the others do it before.
 * @gamma, @beta: float[clip_ld (K)], zero beyond K
 * @stats: what the GEMM that made `a` left in its @stats; 0 for none
 * @scratch: (M, K) of type clip_kernels_operands(), overlapping nothing: normalised rows for
 *   families that do it before, or when there are no @stats
 */
typedef struct {
  VkDeviceAddress gamma, beta;
  float eps;
  VkDeviceAddress stats;
  ClipMatrix scratch;
} ClipNorm;

/**
 * ClipLines: rows of a product that are pixels of a picture, line after line.
 * @width: pixels of a line
 * @c_gap: rows of c that are left out behind each line
 * @taps: 1; or row m of a is so many pieces of K / taps floats, which follow each other at @step floats (a
 *   multiple of 16, at most 2^20), and behind each line a row of a is left out. Rows may overlap
 */
typedef struct {
  guint32 width, c_gap, taps, step;
} ClipLines;

/**
 * ClipGemm: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m mod period, n]; with @relu
 * the larger of that and 0
 * @a: (M, K); @weights: (N, K) packed; @c: (M, N), must not overlap @a, weights or residual
 * @bias: float[clip_ld (N)], zero beyond N; 0 for none
 * @residual: address of rows of @residual_ld floats; 0 for none
 * @residual_period: rows after which the residual repeats (a table of positions); M or more
 *   for a plain one
 * @partial: (nullable as 0): memory like c's, overlapping nothing, for families that would rather make
 *   several products of parts of K, which share their pipelines, than one; without activation, norm and
 *   stats
 * @plain: a hint: a product without norm, and without activation but gelu, one of many such of pictures:
 *   some families have pipelines for these
 * @batch: (0 for 1): products with the same weights; a and c of the next one are @a_step and @c_step floats
 *   further, multiples of 16. Rows of a may overlap then: its ld is less than its columns. Without residual,
 *   partial, norm and stats, and only where clip_gemm_batch_rows() is not 0
 * @windows: (nullable): rows of a are not in memory, but windows of pictures, see pictures.h; only where
 *   clip_gemm_reads_windows()
 * @lines: (nullable): of pictures that have a border, as a or as c. With @plain, without residual, partial and
 *   batch, and only where clip_gemm_takes_lines(). c is wide enough for N rounded up to 16
 * @norm: (nullable): layer normalisation of a
 * @stats: clip_gemm_stats_bytes (M, N) for what a following GEMM's @norm needs to know of rows of c;
 *   0 for none
 * a: fp32 with @norm, else either type; c: either type, fp32 with @residual or @stats
 *
 * fp32 accumulation. Columns N .. clip_round_up (N, 16) - 1 of c are written as zero
 * (plus the residual's own padding, of which @relu makes what it does of the rest).
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
  gboolean relu;
  VkDeviceAddress partial;
  gboolean plain;
  guint32 batch, a_step, c_step;
  const ClipWindows *windows;
  const ClipLines *lines;
  const ClipNorm *norm;
  VkDeviceAddress stats;
} ClipGemm;

/** clip_gemm_stats_bytes: of ClipGemm's @stats; 0 when the family has no use for them. */
gsize clip_gemm_stats_bytes (ClipKernels *kernels, guint32 m, guint32 n);

/** clip_gemm_batch_rows: that are multiplied together: what ClipGemm's @batch is made of should be a multiple
 * of it, or nearly; 0 where the family takes no batch. */
guint32 clip_gemm_batch_rows (ClipKernels *kernels);

/** clip_gemm_reads_windows: whether the family takes ClipGemm's @windows. */
gboolean clip_gemm_reads_windows (ClipKernels *kernels);

/** clip_gemm_takes_lines: whether ClipGemm's @lines may be given, of that width. */
gboolean clip_gemm_takes_lines (ClipKernels *kernels, guint32 width);

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
 * @op: c, residual, activation and stats are ignored; a has batch * tokens rows
 */
void clip_kernel_qkv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
                      const ClipAttention *shape, VkDeviceAddress scratch);

/** clip_kernel_attention: @z: (batch * tokens, heads * head_dim) of type clip_kernels_operands(). */
void clip_kernel_attention (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                            VkDeviceAddress scratch, const ClipMatrix *z);

/* Rows ------------------------------------------------------------------ */

/**
 * clip_kernel_layernorm: y[r,c] = (x[r,c] - mean_r) / sqrt (var_r + eps) * gamma[c] + beta[c]
 * @x, @y: (R, C); may not overlap. @gamma, @beta: float[clip_ld (C)], zero beyond C.
 * Mean and variance in fp32, two passes (no E[x^2] - mean^2). Columns beyond C of y become 0.
 * @x: fp32; @y: fp32 or clip_kernels_operands()
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

/* Pictures that stand still ----------------------------------------------- */

/** Parts that clip_kernel_difference() gives. */
#define CLIP_DIFFERENCE_SUMS 64

/**
 * clip_kernel_difference: sums[g] is a part of the sum of |a[i] - b[i]| over i < @n; the host adds
 * all float[CLIP_DIFFERENCE_SUMS].
 * @a, @b: float[n]
 */
void clip_kernel_difference (ClipKernels *kernels, ClipGpuRecording *rec, VkDeviceAddress a,
                             VkDeviceAddress b, guint32 n, VkDeviceAddress sums);

/* Ranking --------------------------------------------------------------- */

/** Most values that clip_kernel_topk() chooses from. */
#define CLIP_TOPK_MAX_N 131072

/** ClipTopk: @value: bit by bit what was read. */
typedef struct {
  guint32 index;
  float value;
} ClipTopk;

/** clip_topk_scratch_bytes: for clip_kernel_topk() of @n values. */
gsize clip_topk_scratch_bytes (guint32 n);

/**
 * clip_kernel_topk: the @k best of @n values, best first: the largest, of equal ones (-0 equals 0)
 * that with the lowest index; numbers before NaNs.
 * @values: float[n]; 1 <= n <= CLIP_TOPK_MAX_N
 * @k: 1 .. n; time grows with it
 * @scratch: clip_topk_scratch_bytes (n)
 * @best: ClipTopk[k]; the three overlap nowhere
 */
void clip_kernel_topk (ClipKernels *kernels, ClipGpuRecording *rec, VkDeviceAddress values,
                       guint32 n, guint32 k, VkDeviceAddress scratch, VkDeviceAddress best);

G_END_DECLS
