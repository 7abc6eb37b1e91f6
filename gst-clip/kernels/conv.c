/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolutions: a product of unfolded rows, strip after strip, so that rows are still in a cache when
 * they are multiplied.
 */
#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

/* Unfolded rows of a strip: more come back from memory, fewer are many small products. */
#define STRIP_BYTES_CPU (1024 * 1024)
#define STRIP_BYTES     (64 * 1024 * 1024)

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

/* Lines of windows that are unfolded at a time. */
static guint32
strip_lines (ClipKernels *kernels, const ClipWindow *window, guint32 channels)
{
  const gsize bytes = clip_gpu_info (kernels->gpu)->is_cpu ? STRIP_BYTES_CPU : STRIP_BYTES;
  const gsize line = (gsize)window->width * clip_stride (clip_conv_k (window, channels));

  return CLAMP (bytes / sizeof (float) / line, 1, window->height);
}

/* Small pictures are unfolded all at once. */
static guint32
strip_batch (ClipKernels *kernels, const ClipWindow *window, guint32 channels, guint32 batch)
{
  ClipWindow all = *window;

  all.height *= batch;
  return strip_lines (kernels, &all, channels) == all.height ? batch : 1;
}

/* Of the unfolded rows; behind them is what a product in parts needs. */
static gsize
columns_bytes (ClipKernels *kernels, const ClipWindow *window, guint32 channels, guint32 batch)
{
  const guint32 lines = strip_lines (kernels, window, channels);

  if (is_plain (window))
    return 0;
  return clip_matrix_bytes (strip_batch (kernels, window, channels, batch) * lines * window->width,
                            clip_conv_k (window, channels));
}

gsize
clip_conv_scratch_bytes (ClipKernels *kernels, const ClipWindow *window, guint32 channels,
                         guint32 out, guint32 batch)
{
  return columns_bytes (kernels, window, channels, batch)
         + clip_matrix_bytes (batch * window->height * window->width, out);
}

static gboolean
is_plain_product (const ClipConv *op)
{
  return op->activation == CLIP_ACTIVATION_NONE || op->activation == CLIP_ACTIVATION_GELU;
}

/* Rows @first .. @first + @n - 1 of y. */
static void
record_product (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op, ClipMatrix a,
                gsize first, guint32 n, VkDeviceAddress partial)
{
  const gsize skipped = first * op->y.pixels.ld * sizeof (float);
  ClipGemm gemm = { .a = a,
                    .weights = op->weights,
                    .bias = op->bias,
                    .c = op->y.pixels,
                    .activation = op->activation,
                    .relu = op->relu,
                    .plain = is_plain_product (op),
                    .partial = op->few && !op->activation ? partial : 0 };

  gemm.c.address += skipped;
  gemm.c.rows = n;
  if (op->residual) {
    gemm.residual = op->residual + skipped;
    gemm.residual_ld = op->y.pixels.ld;
    gemm.residual_period = n;
  }
  clip_kernel_gemm (kernels, rec, &gemm);
}

/* Lines y .. y + window.height - 1 of windows of pictures b .. b + batch - 1. */
static void
record_strip (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op, guint32 b,
              guint32 batch, guint32 y, guint32 lines, VkDeviceAddress scratch)
{
  const guint32 k = clip_conv_k (&op->window, op->x.pixels.cols),
                n = batch * lines * op->window.width;
  const gsize picture = (gsize)op->x.height * op->x.width;
  const ClipMatrix rows = { scratch, n, k, clip_stride (k) };
  ClipPictures x = op->x;
  ClipWindow window = op->window;

  x.batch = batch;
  x.pixels.rows = batch * picture;
  x.pixels.address += b * picture * x.pixels.ld * sizeof (float);
  window.first = y;
  window.height = lines;
  clip_kernel_unfold (kernels, rec, &x, &window, &rows);
  record_product (kernels, rec, op, rows, ((gsize)b * op->window.height + y) * op->window.width, n,
                  scratch + columns_bytes (kernels, &op->window, op->x.pixels.cols, op->x.batch));
}

void
clip_kernel_conv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op,
                  VkDeviceAddress scratch)
{
  const ClipWindow *window = &op->window;
  const guint32 channels = op->x.pixels.cols;
  const guint32 lines = strip_lines (kernels, window, channels);
  const guint32 batch = strip_batch (kernels, window, channels, op->x.batch);

  g_assert (op->y.batch == op->x.batch && op->y.height == window->height
            && op->y.width == window->width && window->first == 0);

  if (is_plain (window)) {
    record_product (kernels, rec, op, op->x.pixels, 0, op->x.pixels.rows, scratch);
    return;
  }
  for (guint32 b = 0; b < op->x.batch; b += batch)
    for (guint32 y = 0; y < window->height; y += lines)
      record_strip (kernels, rec, op, b, batch, y, MIN (lines, window->height - y), scratch);
}
