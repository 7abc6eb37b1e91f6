/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GEMM for llvmpipe, the host's part: packing, and cutting a product into dispatches whose sizes
 * and ids the shaders can hold.
 */
#include "gst-clip/kernels/gemm_llvmpipe.h"
#include "gst-clip/kernels/half.h"
#include "gst-clip/kernels/quantise.h"

/* Weights are padded to a multiple of this many k: ClipMatrix has that many columns. */
#define K_STEP CLIP_LD

/* One multiply-add, in nanoseconds, of a device with two slow cores. */
#define COST_NS 0.03

/* Weights ---------------------------------------------------------------- */

static gsize
weight_bytes (ClipWeightType type)
{
  static const gsize sizes[] = {
    [CLIP_WEIGHTS_F32] = 4, [CLIP_WEIGHTS_F16] = 2, [CLIP_WEIGHTS_I8] = 1
  };

  return sizes[type];
}

guint32
clip_llvmpipe_panel_steps (ClipKernels *kernels, guint32 k)
{
  G_STATIC_ASSERT (GEMM_SCALE_STEPS * GEMM_PANEL == GEMM_PANEL * sizeof (float));

  return clip_round_up (k, K_STEP) + (kernels->weights == CLIP_WEIGHTS_I8 ? GEMM_SCALE_STEPS : 0);
}

gsize
clip_llvmpipe_packed_bytes (ClipKernels *kernels, guint32 n, guint32 k)
{
  return (gsize)clip_round_up (n, GEMM_PANEL) * clip_llvmpipe_panel_steps (kernels, k)
         * weight_bytes (kernels->weights);
}

/* Two k together, so that a word is what one lane needs of them: columns c and c + 8 of the
 * first, then of the other. The panel's 16 scales lie behind its weights. */
static void
pack_i8 (guint32 k, guint32 column, const float *from, guint8 *panel)
{
  g_autofree gint8 *values = g_new (gint8, k);
  float *scales = (float *)(panel + clip_round_up (k, K_STEP) * GEMM_PANEL);

  scales[column] = clip_quantise_row (from, k, values);
  for (guint32 i = 0; i < k; i++)
    panel[i / 2 * (2 * GEMM_PANEL) + column % 8 * 4 + i % 2 * 2 + column / 8] = (guint8)values[i];
}

/* [N / 16][K][16] floats; or halves, with columns c and c + 8 next to each other, so that a
 * word of 32 bits is what one lane needs; or as pack_i8() has it. */
void
clip_llvmpipe_pack (ClipKernels *kernels, guint32 n, guint32 k, guint32 first_row, guint32 n_rows,
                    const float *rows, gpointer packed)
{
  const gsize panel = (gsize)clip_llvmpipe_panel_steps (kernels, k) * GEMM_PANEL;

  for (guint32 r = 0; r < n_rows; r++) {
    const guint32 column = (first_row + r) % GEMM_PANEL;
    const gsize first = (first_row + r) / GEMM_PANEL * panel;
    const float *from = rows + (gsize)r * k;

    if (kernels->weights == CLIP_WEIGHTS_I8)
      pack_i8 (k, column, from, (guint8 *)packed + first);
    else if (kernels->weights == CLIP_WEIGHTS_F16)
      for (guint32 i = 0; i < k; i++)
        ((guint16 *)packed)[first + (gsize)i * GEMM_PANEL + column % 8 * 2 + column / 8] =
            clip_float_to_half (from[i]);
    else
      for (guint32 i = 0; i < k; i++)
        ((float *)packed)[first + (gsize)i * GEMM_PANEL + column] = from[i];
  }
}

/* Dispatches ------------------------------------------------------------- */

static guint32
halves (guint32 low, guint32 high)
{
  g_assert (low <= G_MAXUINT16 && high <= G_MAXUINT16);

  return low | high << 16;
}

static guint32
flags_of (const ClipPanelGemm *op)
{
  G_STATIC_ASSERT (CLIP_ACTIVATION_GELU_TANH == CLIP_ACTIVATION_ID_GELU_TANH);
  G_STATIC_ASSERT (CLIP_ACTIVATION_GELU_TANH <= GEMM_ACTIVATION_MASK);

  return op->activation | (op->bias ? GEMM_HAS_BIAS : 0) | (op->residual ? GEMM_HAS_RESIDUAL : 0)
         | (op->lanes_apart ? GEMM_LANES_APART : 0) | (op->relu ? GEMM_RELU : 0);
}

/* Steps that do not fit in the push constants are taken by the host: one product a dispatch. */
static gboolean
steps_fit (const ClipPanelGemm *op)
{
  return MAX (MAX (op->a_step, op->w_step), op->c_step) / 16 <= G_MAXUINT16;
}

typedef struct {
  VkDeviceAddress address;
  guint32 ld;
} Beside;

/*
 * What the epilogue reads at each place that it stores to: the residual; without one c itself, whose
 * values do not count, where it has rows: lines that are not in the cache when they are stored to hold
 * up all stores behind them (7 %). @residual_at, @c_at: in floats; @other: readable.
 */
static Beside
rows_beside (const ClipPanelGemm *op, gsize residual_at, gsize c_at, VkDeviceAddress other)
{
  const gboolean c_has_rows = op->c_16_rows == 16 * op->c_row && op->c_panel == GEMM_PANEL
                              && !op->lanes_apart && op->c_row / 4 <= G_MAXUINT16;

  if (op->residual)
    return (Beside){ op->residual + residual_at * sizeof (float), op->residual_ld };
  if (c_has_rows)
    return (Beside){ op->c + c_at * sizeof (float), op->c_row };
  return (Beside){ other, 0 };
}

/* Rows of a and of c that are left out in front of @row, where lines of a picture lie apart. */
static gsize
left_out (const ClipPanelGemm *op, guint32 row, gboolean of_c)
{
  const ClipLines *lines = op->lines;

  return lines ? (gsize)(row / lines->width) * (of_c ? lines->c_gap : lines->taps > 1) : 0;
}

static guint32
line_factor (guint32 width)
{
  return ((1u << GEMM_LINE_SHIFT) + width - 1) / width;
}

/* The part of @op that starts at @row, panel y and product z; of lines, with a line. */
static struct GemmLlvmpipePush
make_push (const ClipPanelGemm *op, guint32 row, guint32 y, guint32 z)
{
  const guint32 column = y * GEMM_PANEL;
  const gsize a_row = row + left_out (op, row, FALSE), c_row = row + left_out (op, row, TRUE);
  const gsize a = (gsize)z * op->a_step + a_row * op->a_ld + op->k_first;
  const gsize w = (gsize)z * op->w_step + ((gsize)y * op->w_panel + op->k_first) * GEMM_PANEL;
  const gsize c = (gsize)z * op->c_step + c_row / 16 * op->c_16_rows + c_row % 16 * op->c_row
                  + (gsize)y * op->c_panel;
  const gboolean fit = steps_fit (op);
  const guint32 w_words = op->w_step * weight_bytes (op->type) / sizeof (float);
  const guint32 a_last = MIN (op->a_rows - row, GEMM_MAX_ROWS) - 1;
  const guint32 c_last = MIN (op->c_rows - row, GEMM_MAX_ROWS) - 1;
  const VkDeviceAddress weights = op->w + w * weight_bytes (op->type);
  const ClipLines *lines = op->lines;
  const Beside beside = rows_beside (op, (gsize)row * op->residual_ld + column, c, weights);

  g_assert (row % 16 == 0 || op->c_16_rows == 16 * op->c_row);
  g_assert (row < op->a_rows && row < op->c_rows);

  return (struct GemmLlvmpipePush){
    .a = op->a + a * sizeof (float),
    .w = weights,
    .bias = op->bias ? op->bias + column * sizeof (float) : weights,
    .residual = beside.address,
    .c = op->c + c * sizeof (float),
    .ld = halves (op->a_ld / 4, beside.ld / 4),
    .c_row = halves (op->c_row / 16, op->c_16_rows / 256),
    .panel = halves ((lines && lines->taps > 1 ? lines->step : op->c_panel) / 16, op->w_panel),
    .last_row = a_last | c_last << 12 | flags_of (op) << 24,
    .step = op->c_step == 0 ? halves (lines ? line_factor (lines->width) : 0, op->k_first)
            : fit           ? halves (op->a_step / 16, w_words / 16)
                            : 0,
    .c_step = halves (lines ? lines->c_gap
                      : fit ? op->c_step / 16
                            : 0,
                      op->k.chunks),
    .nibbles = CLIP_NIBBLES_INIT,
  };
}

/* Rows of a that stay in the last-level cache while all panels pass. Fewer, for the second-level one,
 * cost more than they gain: all weights pass again for each block. */
#define BLOCK_BYTES (4 * 1024 * 1024)

/* Row tiles after which a line ends too, so that a dispatch may begin there. */
static guint32
line_tiles (const ClipPanelGemm *op, guint32 tile_rows)
{
  guint32 n = 1;

  while (op->lines && n * tile_rows % op->lines->width)
    n++;
  return n;
}

/*
 * Row tiles of one dispatch. Workgroups run row tile by row tile, panel after panel, so what is
 * read again and again is a panel of w and all rows of a dispatch.
 */
static guint32
block_tiles (const ClipPanelGemm *op, guint32 tile_rows, guint32 max_tiles)
{
  const gboolean windows = op->lines && op->lines->taps > 1; /* that overlap */
  const guint32 row_bytes = (windows ? op->a_ld : op->k.chunk * op->k.chunks) * sizeof (float);
  const guint32 tiles = clip_divide_up (op->rows, tile_rows);
  const guint32 fit = MAX (BLOCK_BYTES / row_bytes / tile_rows, 1);
  const guint32 blocks = clip_divide_up (tiles, fit), each = clip_divide_up (tiles, blocks);
  /* where rows are not evenly spaced, blocks begin at multiples of 16 */
  const gboolean even = op->c_16_rows == 16 * op->c_row;
  const guint32 unit = even ? line_tiles (op, tile_rows) : 16;

  return MIN (clip_round_up (each, unit), max_tiles / unit * unit);
}

static void
record_product (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPanelGemm *op, guint32 z,
                guint32 depth)
{
  const ClipGemmKernel *kernel = clip_gemm_kernel (kernels);
  const guint32 rows = kernel->tile_rows (kernels, op->rows),
                tiles = clip_divide_up (op->rows, rows);
  const guint32 constants[] = { op->k.chunk,
                                op->k.chunks,
                                op->activation,
                                op->c_step != 0,
                                rows,
                                op->plain,
                                op->lines ? op->lines->taps : 1,
                                op->few };
  const guint32 most = op->plain ? kernel->plain_row_tiles : kernel->row_tiles;
  const guint32 block = block_tiles (op, rows, MIN (most, GEMM_MAX_ROWS / rows / 16 * 16));

  for (guint32 x = 0; x < tiles; x += block)
    for (guint32 y = 0; y < op->panels; y += kernel->panels) {
      const guint32 width = MIN (block, tiles - x);
      const guint32 height = MIN (kernel->panels, op->panels - y);
      struct GemmLlvmpipePush push = make_push (op, x * rows, y, z);
      const double work =
          (double)width * height * depth * rows * GEMM_PANEL * op->k.chunk * op->k.chunks;

      kernel->record (kernels, rec, op->type, constants, &push, width, height, depth,
                      work * COST_NS);
    }
}

/* A model file decides how large K is, so this is no assertion. */
static gboolean
k_fits (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPanelGemm *op)
{
  if (op->k.chunks <= clip_gemm_kernel (kernels)->max_chunks (kernels)
      && op->w_panel <= G_MAXUINT16)
    return TRUE;
  clip_gpu_recording_fail (
      rec, g_error_new (CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                        "a matrix product over %u columns is too large for the \"%s\" kernels",
                        op->k.chunk * op->k.chunks, kernels->family->name));
  return FALSE;
}

void
clip_panel_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPanelGemm *op)
{
  const guint32 depth = steps_fit (op) ? clip_gemm_kernel (kernels)->batch : 1;

  if (!k_fits (kernels, rec, op))
    return;
  for (guint32 z = 0; z < op->batch; z += depth)
    record_product (kernels, rec, op, z, MIN (depth, op->batch - z));
}

/* What a product in memory's order is, whole. */
static ClipPanelGemm
panel_gemm (ClipKernels *kernels, const ClipGemm *op, guint32 first, guint32 rows)
{
  const guint32 k = clip_round_up (op->a.cols, K_STEP);
  const guint32 least = clip_round_up (op->a.cols, GEMM_PANEL); /* that have to be multiplied */
  const guint32 taps = op->lines ? op->lines->taps : 1;
  ClipChunks chunks = clip_gemm_kernel (kernels)->chunks (kernels, op->plain ? least / taps : k,
                                                          op->activation, op->plain);

  chunks.chunks *= taps;
  return (ClipPanelGemm){
    .a = op->a.address + (gsize)first * op->a.ld * sizeof (float),
    .w = op->weights,
    .bias = op->bias,
    .residual = op->residual,
    .c = op->c.address + (gsize)first * op->c.ld * sizeof (float),
    .rows = rows,
    .panels = clip_divide_up (op->c.cols, GEMM_PANEL),
    .batch = MAX (op->batch, 1),
    .k = chunks,
    .a_rows = rows,
    .a_ld = op->a.ld,
    .w_panel = clip_llvmpipe_panel_steps (kernels, k),
    .residual_ld = op->residual_ld,
    .c_rows = rows,
    .c_row = op->c.ld,
    .c_16_rows = op->c.ld * 16,
    .c_panel = GEMM_PANEL,
    .a_step = op->a_step,
    .c_step = op->c_step,
    .activation = op->activation,
    .relu = op->relu,
    .plain = op->plain,
    .lines = op->lines,
    .type = kernels->weights,
  };
}

/* The rows of @op from @first on, up to the end of the residual's period. */
static void
record_period (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op, guint32 first,
               guint32 rows)
{
  const ClipPanelGemm whole = panel_gemm (kernels, op, first, rows);

  clip_panel_gemm (kernels, rec, &whole);
}

/* Parts that @kernel makes of a product over k. */
static guint
count_slices (ClipKernels *kernels, guint32 k)
{
  guint n = 0;

  for (; k > 0; n++) {
    const ClipChunks slice = clip_gemm_kernel (kernels)->slice (kernels, k);

    k -= slice.chunk * slice.chunks;
  }
  return n;
}

/*
 * Part after part: the sum so far is the next one's residual. It goes to c and to the other memory in
 * turn, because they may not be the same, and ends in c.
 */
static void
record_slices (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  const guint32 k = clip_round_up (op->a.cols, K_STEP), rows = op->a.rows;
  const guint n = count_slices (kernels, k);
  ClipPanelGemm part = panel_gemm (kernels, op, 0, rows);

  part.plain = part.few = TRUE;
  for (guint i = 0; i < n; i++) {
    const gboolean last = i + 1 == n;

    part.k = clip_gemm_kernel (kernels)->slice (kernels, k - part.k_first);
    part.c = (n - 1 - i) % 2 ? op->partial : op->c.address;
    part.relu = op->relu && last;
    clip_panel_gemm (kernels, rec, &part);
    clip_gpu_recording_barrier (rec);
    part.k_first += part.k.chunk * part.k.chunks;
    part.bias = 0;
    part.residual = part.c;
    part.residual_ld = op->c.ld;
  }
}

guint32
clip_llvmpipe_batch_rows (ClipKernels *kernels)
{
  return clip_gemm_kernel (kernels)->tile_rows (kernels, G_MAXUINT32);
}

/* A dispatch has whole lines and whole tiles, and its rows over the width are what the shader makes of them:
 * row * (factor * width - 2^shift) < 2^shift, which is the error of row * factor / 2^shift in 1 / width. */
gboolean
clip_llvmpipe_takes_lines (ClipKernels *kernels, guint32 width)
{
  const ClipGemmKernel *kernel = clip_gemm_kernel (kernels);
  const guint32 rows = kernel->plain_row_tiles * kernel->tile_rows (kernels, G_MAXUINT32);
  const ClipPanelGemm op = { .lines = &(ClipLines){ .width = width } };

  if (width == 0 || line_factor (width) > G_MAXUINT16)
    return FALSE;
  return line_tiles (&op, kernel->tile_rows (kernels, G_MAXUINT32)) <= kernel->plain_row_tiles
         && (guint64)rows * (line_factor (width) * width - (1u << GEMM_LINE_SHIFT))
                < 1u << GEMM_LINE_SHIFT;
}

void
clip_llvmpipe_gemm (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  const guint32 period = op->residual ? MIN (op->residual_period, op->a.rows) : op->a.rows;

  if (op->partial && clip_gemm_kernel (kernels)->slice && period == op->a.rows) {
    record_slices (kernels, rec, op);
    return;
  }
  for (guint32 first = 0; first < op->a.rows; first += period)
    record_period (kernels, rec, op, first, MIN (period, op->a.rows - first));
  clip_gpu_recording_barrier (rec);
}
