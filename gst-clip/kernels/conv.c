/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolutions: one product, where the family reads windows from the pictures while it multiplies; else products of
 * unfolded rows, strip after strip, so that rows are still in a cache when they are multiplied.
 */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

/* Unfolded rows of a strip: more come back from memory, fewer are many small products. (GPUs have families
 * that unfold nothing.) */
#define STRIP_BYTES (1024 * 1024)

/* Rows of a product: its grid has 65535 tiles of 16 at least. */
#define MAX_ROWS (16 * 65535)

static gboolean
is_plain (const ClipWindow *window)
{
  return window->taps_y * window->taps_x == 1 && window->stride == 1;
}

guint32
clip_conv_k (const ClipWindow *window, guint32 channels)
{
  return is_plain (window) ? channels : clip_window_cols (window, channels);
}

/* Windows of 3 x 3, each with a border of one pixel. */
gboolean
clip_conv_bordered (ClipKernels *kernels, const ClipWindow *window, guint32 channels, gboolean few)
{
  return window->taps_y == 3 && window->taps_x == 3 && window->stride == 1 && window->pad == 1
         && !few && clip_gemm_takes_lines (kernels, window->width)
         && ((gsize)window->width + 1) * clip_channels (channels) <= 1 << 19;
}

/*
 * What is unfolded, and floats from row to row. Where a product takes a batch, columns of windows only: three
 * that follow each other are a window, rows overlap, a line of them is a product, and there is a third to copy.
 */
typedef struct {
  ClipWindow window;
  guint32 ld;
} Unfolded;

static Unfolded
unfolded_windows (const ClipWindow *window, guint32 channels)
{
  return (Unfolded){ *window, clip_stride (clip_conv_k (window, channels)) };
}

static Unfolded
unfolded_columns (const ClipWindow *window, guint32 channels)
{
  Unfolded u = { *window };

  u.window.taps_x = 1;
  u.window.width += window->taps_x - 1;
  u.ld = clip_conv_k (&u.window, channels);
  return u;
}

/* Whether lines are products: not where too many of the rows that are multiplied would be none. */
static gboolean
by_lines (ClipKernels *kernels, const ClipConv *op)
{
  const guint32 tile = clip_gemm_batch_rows (kernels), width = op->window.width;

  return tile && op->window.stride == 1 && op->window.taps_x > 1 && !op->residual && !op->few
         && !op->y.border && clip_round_up (width, tile) <= width * 9 / 8;
}

/* Lines of windows that are unfolded at a time. */
static guint32
strip_lines (const Unfolded *u)
{
  const gsize line = (gsize)u->window.width * u->ld;

  return CLAMP (STRIP_BYTES / sizeof (float) / line, 1, u->window.height);
}

/* Small pictures are unfolded all at once. */
static guint32
strip_batch (const Unfolded *u, guint32 batch)
{
  Unfolded all = *u;

  all.window.height *= batch;
  return strip_lines (&all) == all.window.height ? batch : 1;
}

/* Of the unfolded rows; behind them is what a product in parts needs. */
static gsize
unfolded_bytes (const Unfolded *u, guint32 batch)
{
  const gsize lines = strip_batch (u, batch) * strip_lines (u);

  return (lines * u->window.width + CLIP_PAD_ROWS) * u->ld * sizeof (float);
}

gsize
clip_conv_scratch_bytes (ClipKernels *kernels, const ClipWindow *window, guint32 channels,
                         guint32 out, guint32 batch)
{
  const Unfolded windows = unfolded_windows (window, channels);
  const Unfolded columns = unfolded_columns (window, channels);
  const gsize rows = batch * window->height * window->width;
  gsize bytes = 0;

  if (clip_gemm_reads_windows (kernels))
    return 0; /* nor does such a family take products in parts */
  if (!is_plain (window))
    bytes = MAX (unfolded_bytes (&windows, batch), unfolded_bytes (&columns, batch));
  return bytes + clip_matrix_bytes (rows, out);
}

static gboolean
is_plain_product (const ClipConv *op)
{
  return op->activation == CLIP_ACTIVATION_NONE || op->activation == CLIP_ACTIVATION_GELU;
}

/* The row of @p's pixels at which line @line of picture @b begins. */
static gsize
row_of (const ClipPictures *p, guint32 b, guint32 line)
{
  return p->border ? ((gsize)b * (p->height + 1) + line + 1) * (p->width + 1) + 1
                   : ((gsize)b * p->height + line) * p->width;
}

/* Picture @b of x. */
static VkDeviceAddress
picture_of (const ClipConv *op, guint32 b)
{
  return op->x.pixels.address + row_of (&op->x, b, 0) * op->x.pixels.ld * sizeof (float);
}

/* y's pixels from line @line of picture @b on: as many as @a has rows. */
static ClipGemm
product_of (const ClipConv *op, ClipMatrix a, guint32 b, guint32 line)
{
  const gsize skipped = row_of (&op->y, b, line);
  const guint32 residual_ld = op->residual_ld ? op->residual_ld : op->y.pixels.ld;
  ClipGemm gemm = { .a = a,
                    .weights = op->weights,
                    .bias = op->bias,
                    .c = op->y.pixels,
                    .activation = op->activation,
                    .relu = op->relu,
                    .plain = is_plain_product (op) };

  gemm.c.address += skipped * op->y.pixels.ld * sizeof (float);
  gemm.c.rows = a.rows;
  if (op->residual) {
    gemm.residual = op->residual + skipped * residual_ld * sizeof (float);
    gemm.residual_ld = residual_ld;
    gemm.residual_period = a.rows;
  }
  return gemm;
}

/* @rows: windows of pictures b .. b + batch - 1, from line @line on; picture by picture, where lines of y lie
 * apart. */
static void
record_windows (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op, guint32 b,
                guint32 batch, guint32 line, const ClipMatrix *rows, VkDeviceAddress partial)
{
  const ClipLines lines = { .width = op->y.width, .c_gap = 1, .taps = 1 };
  const guint32 together = op->y.border ? 1 : batch, n = rows->rows / batch * together;

  for (guint32 i = 0; i < batch; i += together) {
    const gsize skipped = (gsize)i * n * rows->ld * sizeof (float);
    const ClipMatrix a = { rows->address + skipped, n, rows->cols, rows->ld };
    ClipGemm gemm = product_of (op, a, b + i, line);

    gemm.lines = op->y.border ? &lines : NULL;
    gemm.partial = op->few && !op->activation ? partial : 0;
    clip_kernel_gemm (kernels, rec, &gemm);
  }
}

/* From the pictures themselves, as many at once as a product may have. */
static void
record_implicit (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op)
{
  const ClipWindows windows = { op->x.height, op->x.width, op->window };
  const guint32 rows = op->window.height * op->window.width;
  const guint32 batch = CLAMP (MAX_ROWS / rows, 1, op->x.batch);

  g_assert (!op->y.border);

  for (guint32 b = 0; b < op->x.batch; b += batch) {
    const ClipMatrix a = { picture_of (op, b), MIN (batch, op->x.batch - b) * rows,
                           clip_window_cols (&op->window, op->x.pixels.cols), op->x.pixels.ld };
    ClipGemm gemm = product_of (op, a, b, 0);

    gemm.windows = &windows;
    clip_kernel_gemm (kernels, rec, &gemm);
  }
}

/* @columns: @lines lines of unfolded_columns(), from @line of picture @b on. */
static void
record_lines (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op, guint32 b,
              guint32 line, const ClipMatrix *columns, guint32 lines)
{
  const guint32 width = op->window.width;
  const ClipMatrix windows = { columns->address, width, op->window.taps_x * columns->cols,
                               columns->ld };
  ClipGemm gemm = product_of (op, windows, b, line);

  gemm.batch = lines;
  gemm.a_step = columns->rows / lines * columns->ld;
  gemm.c_step = width * gemm.c.ld;
  clip_kernel_gemm (kernels, rec, &gemm);
}

/* Nothing is unfolded: windows of x as it is, picture by picture. */
static void
record_bordered (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op)
{
  const guint32 height = op->x.height, width = op->x.width, ld = op->x.pixels.ld;
  const ClipLines lines = {
    .width = width, .c_gap = op->y.border, .taps = op->window.taps_y, .step = (width + 1) * ld
  };

  g_assert (op->x.pixels.ld == clip_channels (op->x.pixels.cols) && !op->residual);

  for (guint32 b = 0; b < op->x.batch; b++) {
    /* the first window begins one line up and one pixel to the left of the first pixel */
    const ClipMatrix windows = { picture_of (op, b) - (width + 2) * ld * sizeof (float),
                                 height * width, clip_window_cols (&op->window, ld), ld };
    ClipGemm gemm = product_of (op, windows, b, 0);

    gemm.lines = &lines;
    clip_kernel_gemm (kernels, rec, &gemm);
  }
}

/* Lines of pictures b .. b + batch - 1. */
static void
record_strip (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op, const Unfolded *u,
              guint32 b, guint32 batch, VkDeviceAddress scratch, VkDeviceAddress partial)
{
  const guint32 channels = op->x.pixels.cols, lines = batch * u->window.height;
  const ClipMatrix rows = { scratch, lines * u->window.width,
                            clip_window_cols (&u->window, channels), u->ld };
  ClipPictures x = op->x;

  x.batch = batch;
  x.pixels.rows = batch * x.height * x.width;
  x.pixels.address = picture_of (op, b);
  clip_kernel_unfold (kernels, rec, &x, &u->window, &rows);
  if (u->window.taps_x < op->window.taps_x)
    record_lines (kernels, rec, op, b, u->window.first, &rows, lines);
  else
    record_windows (kernels, rec, op, b, batch, u->window.first, &rows, partial);
}

static void
record_unfolded (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op,
                 VkDeviceAddress scratch)
{
  const ClipWindow *window = &op->window;
  const guint32 channels = op->x.pixels.cols;
  const Unfolded all = by_lines (kernels, op) ? unfolded_columns (window, channels)
                                              : unfolded_windows (window, channels);
  const guint32 lines = strip_lines (&all), batch = strip_batch (&all, op->x.batch);
  const VkDeviceAddress partial = scratch + unfolded_bytes (&all, op->x.batch);

  for (guint32 b = 0; b < op->x.batch; b += batch)
    for (guint32 y = 0; y < window->height; y += lines) {
      Unfolded strip = all;

      strip.window.first = y;
      strip.window.height = MIN (lines, window->height - y);
      record_strip (kernels, rec, op, &strip, b, batch, scratch, partial);
    }
}

void
clip_kernel_conv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op,
                  VkDeviceAddress scratch)
{
  const ClipWindow *window = &op->window;

  g_assert (op->y.batch == op->x.batch && op->y.height == window->height
            && op->y.width == window->width && window->first == 0);

  if (op->x.border)
    record_bordered (kernels, rec, op);
  else if (is_plain (window))
    record_windows (kernels, rec, op, 0, op->x.batch, 0, &op->x.pixels, scratch);
  else if (clip_gemm_reads_windows (kernels))
    record_implicit (kernels, rec, op);
  else
    record_unfolded (kernels, rec, op, scratch);
}
