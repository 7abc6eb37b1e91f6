/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/internal.h: the variant table, for kernels/ and its tests only.
 */
#pragma once

#include "gst-clip/kernels/kernels.h"
#include "gst-clip/kernels/pictures.h"

G_BEGIN_DECLS

/**
 * ClipFamily: GEMM and attention that fit together (a family owns the packed layout of
 * weights and of q, k, v). Rows of the table in table.c, best first.
 * @needs: capability bits that it cannot run without
 * @wants: further bits without which it would be slow: clip_kernels_new() passes it over, tests
 *   run it all the same
 * @half_operands: clip_kernels_operands() is F16 where weights are not fp32 and the device stores it
 * @macs_per_ns: (0 on processors): multiply-adds that a slow GPU makes in a ns, for clip_cost(), until one was timed
 * @int8: packs CLIP_WEIGHTS_I8
 * @no_f32: does not pack CLIP_WEIGHTS_F32, and rounds an fp32 `a` to fp16 before it is multiplied
 * @windows: clip_gemm_reads_windows()
 * @n_tilings: for tests and tuning: values of ClipKernels' @tiling
 * @stats_bytes: (nullable): of ClipGemm's stats; a family with this function takes ClipGemm's norm
 *   itself, where that has stats
 * @batch_rows: (nullable): clip_gemm_batch_rows()
 * @takes_lines: (nullable): clip_gemm_takes_lines()
 * @pool_bytes, @pool_tokens, @pool: (nullable, all or none): clip_kernel_pool() and what goes with it
 * @data: (nullable): for the family's own functions
 */
typedef struct {
  const gchar *name;
  guint needs, wants;
  gboolean half_operands, int8, no_f32, windows;
  guint n_tilings;
  guint macs_per_ns;
  gsize (*packed_bytes) (ClipKernels *kernels, guint32 n, guint32 k);
  void (*pack) (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
                const float *rows, gpointer packed);
  void (*gemm) (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op);
  gsize (*stats_bytes) (ClipKernels *kernels, guint32 m, guint32 n);
  guint32 (*batch_rows) (ClipKernels *kernels);
  gboolean (*takes_lines) (ClipKernels *kernels, guint32 width);
  gsize (*scratch_bytes) (ClipKernels *kernels, const ClipAttention *shape);
  void (*qkv) (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op,
               const ClipAttention *shape, VkDeviceAddress scratch);
  void (*attention) (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                     VkDeviceAddress scratch, const ClipMatrix *z);
  gsize (*pool_bytes) (ClipKernels *kernels, const ClipAttention *shape);
  void (*pool_tokens) (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                       const ClipPictures *x, VkDeviceAddress positions, VkDeviceAddress scratch,
                       const ClipMatrix *mean);
  void (*pool) (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                const ClipMatrix *q, VkDeviceAddress keys, VkDeviceAddress values,
                VkDeviceAddress scratch, const ClipMatrix *z);
  gconstpointer data;
} ClipFamily;

extern const ClipFamily clip_family_loop;     /* llvmpipe, Mesa >= 26 */
extern const ClipFamily clip_family_straight; /* llvmpipe before that */
extern const ClipFamily clip_family_shared;   /* any GPU: shared-memory tiles */
extern const ClipFamily clip_family_coopmat;  /* GPUs with matrix units; if compiled */

/** clip_families: NULL-terminated, best first. */
extern const ClipFamily *const clip_families[];

/** ClipTuning: what is remembered of a device, see tune.c. */
typedef struct _ClipTuning ClipTuning;

/**
 * _ClipKernels: @families: the table that @family is from, in which others are looked for
 * @ends: NULL, or what clip_kernels_ends() returns
 * @caps: the device's, and of those that it was unsure of what was measured
 * @tuning: (nullable): none where nothing is ever measured
 * @taps: of preprocessing
 * @tiling: -1, or which of the family's tilings every product gets (for tests)
 * @pieces: 0, or into how many dispatches each product and attention is cut, about (for tests)
 * @macs_per_ns: of products, see clip_cost()
 */
struct _ClipKernels {
  ClipGpu *gpu;
  ClipWeightType weights;
  const ClipFamily *const *families;
  const ClipFamily *family;
  ClipKernels *ends;
  ClipGpuCaps caps;
  ClipTuning *tuning;
  struct _ClipTapsCache *taps;
  ClipElement operands;
  gint tiling;
  guint pieces;
  double macs_per_ns;
  gboolean wide_registers; /* llvmpipe: on a processor with 32 vector registers */
  gboolean llvmpipe;       /* rows kernels: the barrier-free variant */
  gboolean subgroup;       /* rows kernels on GPUs: subgroup reductions */
};

/** clip_family_packs: whether the family has such weights at all. */
gboolean clip_family_packs (const ClipFamily *family, ClipWeightType weights);

/**
 * clip_gemm_normalise: @op as the family takes it: where it does not normalise itself, a layernorm
 * is recorded now and the result reads norm->scratch.
 */
ClipGemm clip_gemm_normalise (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op);

/** clip_kernels_new_from: clip_kernels_new() with another table; for tests. */
ClipKernels *clip_kernels_new_from (ClipGpu *gpu, ClipWeightType weights,
                                    const ClipFamily *const *families, GError **error);

/** clip_kernels_new_with_family: for tests; takes the family whether it is the best or not.
 * Returns: NULL with CLIP_GPU_ERROR_NO_DEVICE when the device lacks what it needs. */
ClipKernels *clip_kernels_new_with_family (ClipGpu *gpu, ClipWeightType weights,
                                           const ClipFamily *family, GError **error);

/* cost.c */

/** clip_cost_init: what is remembered of the device, or else known of the family. After the family was chosen. */
void clip_cost_init (ClipKernels *kernels);

/** clip_cost_learn: a product took so many ns for each multiply-add. The quickest one is remembered, with a reserve
 * for those that are slower. Where there is tuning only. */
void clip_cost_learn (ClipKernels *kernels, double ns_per_mac);

/**
 * clip_cost: the estimated time of a dispatch, ns, for clip_record().
 * @cpu_ns: on a CPU device; on a GPU it is what takes longer of
 * @macs: multiply-adds, of a product that is as good as this family's (more for those that are not), and
 * @bytes: that are read and written
 */
guint64 clip_cost (ClipKernels *kernels, guint64 cpu_ns, guint64 macs, guint64 bytes);

/** clip_cost_pieces: into how many dispatches of like size one of that cost is cut, on GPUs: see CLIP_GPU_CUT_NS. */
guint32 clip_cost_pieces (ClipKernels *kernels, guint64 cost_ns);

/**
 * clip_record: gets the pipeline for @shader and @constants and records one dispatch; a failed
 * pipeline sticks to the recording. Splits no grid: that is the caller's.
 */
void clip_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGpuShader *shader,
                  const guint32 *constants, guint n_constants, gconstpointer push, guint32 x,
                  guint32 y, guint32 z, guint64 cost_ns);

G_END_DECLS
