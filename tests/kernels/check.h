/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/kernels/check.h: what a kernel's test needs: cases, fills, guarded buffers, comparison.
 *
 * A test is a table of cases and one function. The function fills buffers and computes the
 * reference once, then walks through the variants that the device can run:
 *
 *     while ((kernels = check_next_variant (check))) {
 *       check_poison (y);
 *       clip_kernel_layernorm (kernels, check_record (check), ...);
 *       if (check_execute (check))
 *         check_compare (check, y, &reference, tolerance);
 *     }
 *
 * Everything belongs to the Check and is freed when the case is over.
 */
#pragma once

#include "gst-clip/kernels/internal.h"
#include "tests/kernels/reference.h"

G_BEGIN_DECLS

typedef struct _Check Check;

/**
 * CheckFill: @RANDOM: -1 .. 1. @CONSTANT: one value. @OFFSET: 1000 + random: what a variance by
 * E[x^2] - mean^2 gets wrong. @OUTLIERS: one column in 64 is 300 times larger, as in trained
 * transformers. @HUGE, @TINY: 1e15, 1e-18: squares stay inside fp32, cubes do not.
 */
typedef enum {
  CHECK_FILL_RANDOM,
  CHECK_FILL_ZERO,
  CHECK_FILL_CONSTANT,
  CHECK_FILL_OFFSET,
  CHECK_FILL_OUTLIERS,
  CHECK_FILL_HUGE,
  CHECK_FILL_TINY,
} CheckFill;

/**
 * CheckCase: @dims: sizes, in the kernel's own order; they name the case, with fill and tag.
 * @tag: (nullable): what @options mean, in a word
 * @options: the kernel's own
 * @extra: only under --all
 */
typedef struct {
  guint dims[5];
  CheckFill fill;
  const gchar *tag;
  guint options[4];
  gboolean extra;
} CheckCase;

/**
 * CheckVariants: @ONE: the kernel has one implementation. @ROWS: llvmpipe, subgroup, shared.
 * @ROWS_OPERANDS: these, and those that can write fp16 operands again with them.
 * @MATRIX: every family in fp32, fp16 and int8. @GEMM: and every tiling of those that have any. @CONV: the
 * same, but tilings of cooperative matrices only when --variant names them: they take long to compile on llvmpipe.
 */
typedef enum {
  CHECK_VARIANTS_ONE,
  CHECK_VARIANTS_ROWS,
  CHECK_VARIANTS_ROWS_OPERANDS,
  CHECK_VARIANTS_MATRIX,
  CHECK_VARIANTS_GEMM,
  CHECK_VARIANTS_CONV,
} CheckVariants;

/**
 * CheckKernel: @is_light: (nullable): whether a case also runs with a family that is right on this
 * device but meant for another version of its driver: those can take a minute to compile. Under
 * --all, or when --variant names them, they run every case.
 * @is_small: (nullable): the same for the emulated families (emulated.c), which are slow, and which
 * llvmpipe before Mesa 26 breaks off after 65535 turns of all loops together.
 */
typedef struct {
  const gchar *name;
  CheckVariants variants;
  const CheckCase *cases;
  guint n_cases;
  gboolean (*is_light) (const CheckCase *c);
  gboolean (*is_small) (const CheckCase *c);
  void (*run) (Check *check, const CheckCase *c);
} CheckKernel;

/* One for each tests/kernels/NAME.c, listed in checkkernels.c. */
extern const CheckKernel check_layernorm;
extern const CheckKernel check_difference;
extern const CheckKernel check_l2norm;
extern const CheckKernel check_gemm;
extern const CheckKernel check_attention;
extern const CheckKernel check_preprocess;
extern const CheckKernel check_topk;
extern const CheckKernel check_attend;
extern const CheckKernel check_average;
extern const CheckKernel check_conv;
extern const CheckKernel check_depthwise;
extern const CheckKernel check_excite;
extern const CheckKernel check_unfold;
extern const CheckKernel check_pool;
extern const CheckKernel check_tokens;

/* Variants -------------------------------------------------------------- */

/** check_next_variant: the next one's kernels, or NULL when all have run. A variant for which nothing was
 * recorded has not run. */
ClipKernels *check_next_variant (Check *check);

/** check_record: the recording of this variant; opened at the first call. */
ClipGpuRecording *check_record (Check *check);

/** check_flops: for --bench: what one execution computes. */
void check_flops (Check *check, double flops);

/**
 * check_execute: submits, waits, then looks at every buffer: guard bands intact, inputs
 * unchanged. Returns: FALSE after a failure that leaves nothing to compare.
 */
gboolean check_execute (Check *check);

/* Buffers --------------------------------------------------------------- */

/**
 * CheckBuffer: GPU memory that the test reads and writes through @data, between two guard
 * bands of NaNs.
 * @fixed_bytes: so many from the start may not change
 */
typedef struct {
  const gchar *name;
  ClipGpuBuffer *gpu;
  gpointer data;
  gsize bytes;
  gsize fixed_bytes;
  gpointer before;
  VkDeviceAddress address;
} CheckBuffer;

/** check_input: filled by the caller before the first check_execute(). */
CheckBuffer *check_input (Check *check, const gchar *name, gsize bytes);
/** check_output: poisoned with NaNs by check_poison(). */
CheckBuffer *check_output (Check *check, const gchar *name, gsize bytes);
void check_poison (CheckBuffer *buffer);

/** CheckMatrix: @v: the floats of @m, rows of m.ld; NULL when @m is fp16, see check_get(). */
typedef struct {
  CheckBuffer *buffer;
  ClipMatrix m;
  float *v;
} CheckMatrix;

/** check_get: a value of either type. */
double check_get (const CheckMatrix *matrix, gsize row, gsize col);

/** check_matrix_in: columns beyond @cols hold finite rubbish, the padding rows NaN. */
CheckMatrix check_matrix_in (Check *check, const gchar *name, guint rows, guint cols,
                             CheckFill fill);
/** check_matrix_half: fp16 numbers next to those of @from, which it is rounded to. */
CheckMatrix check_matrix_half (Check *check, const gchar *name, const CheckMatrix *from);
CheckMatrix check_matrix_out (Check *check, const gchar *name, guint rows, guint cols,
                              ClipElement type);
/** check_vector_in: float[clip_ld (n)], zero beyond n; its address is the buffer's. */
CheckMatrix check_vector_in (Check *check, const gchar *name, guint n, CheckFill fill);

/* Values ---------------------------------------------------------------- */

/** CheckRng: a stream that depends on the seed, the case and @name only. */
typedef struct {
  guint64 state;
} CheckRng;

CheckRng check_rng (Check *check, const gchar *name);
guint64 check_rng_next (CheckRng *rng);
/** check_rng_float: -1 .. 1 */
float check_rng_float (CheckRng *rng);
/** check_fill: @n values, column @i mod @cols; times @gain. */
void check_fill (CheckRng *rng, CheckFill fill, float gain, float *v, gsize n, gsize cols);

/* Comparison ------------------------------------------------------------ */

/** check_roundings: @n units in the last place of fp32, as a relative tolerance. */
static inline double
check_roundings (double n)
{
  return n * 0x1p-24;
}

/**
 * check_compare: |got - want| <= tolerance * scale for every value of @want, and NaN fails.
 * An fp16 matrix may be off by its rounding besides, and holds what is beyond +-65504 as that.
 */
void check_compare (Check *check, const CheckMatrix *got, const RefMatrix *want, double tolerance);

/** check_zero_columns: columns @from .. @to - 1 are all 0. */
void check_zero_columns (Check *check, const CheckMatrix *got, guint from, guint to);

/** check_fail: the case has failed, and why. */
void check_fail (Check *check, const gchar *format, ...) G_GNUC_PRINTF (2, 3);

/* The driver's side ------------------------------------------------------ */

/**
 * CheckOptions: @variant, @case_name: (nullable) glob patterns. @all: also extra cases.
 */
typedef struct {
  const gchar *variant;
  const gchar *case_name;
  guint64 seed;
  gboolean bench;
  gboolean all;
  gboolean list;
} CheckOptions;

Check *check_new (ClipGpu *gpu, const CheckOptions *options);
void check_free (Check *check);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Check, check_free)

/** check_run: all cases of @kernel. Returns: how many (case, variant) pairs failed. */
guint check_run (Check *check, const CheckKernel *kernel);

/** check_running: how to repeat what runs at this moment; for the handler of a crash. */
extern char check_running[512];

/** check_ran: (case, variant) pairs that have run so far. */
guint check_ran (Check *check);

G_END_DECLS
