/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/pictures.h: what convolutional towers need besides matrix products.
 */
#pragma once

#include "gst-clip/kernels/kernels.h"

G_BEGIN_DECLS

/** Channels are counted in units of this many by what copies pixels. */
#define CLIP_CHANNEL_ALIGN 16

/**
 * ClipPictures: @batch pictures of (height, width) pixels whose channels lie side by side: pixel (b, y, x)
 * is row (b * height + y) * width + x of @pixels, fp32. So a product of @pixels is a 1x1 convolution.
 * @border: between the lines lies a pixel, and between the pictures, before the first and behind the last a
 *   line, of zeros: pixel (b, y, x) is row (b * (height + 1) + y + 1) * (width + 1) + x + 1 of
 *   clip_bordered_rows(), and ld is clip_channels (cols). So the lines of a window of 3 x 3 are three pieces
 *   of neighbours. What writes pixels leaves the border alone. Only for clip_kernel_conv()
 */
typedef struct {
  ClipMatrix pixels;
  guint32 batch, height, width;
  gboolean border;
} ClipPictures;

static inline guint32
clip_channels (guint32 cols)
{
  return clip_round_up (cols, CLIP_CHANNEL_ALIGN);
}

/** clip_bordered_rows: pixels of so many pictures with their border. */
static inline gsize
clip_bordered_rows (guint32 batch, guint32 height, guint32 width)
{
  return ((gsize)batch * (height + 1) + 1) * (width + 1) + 1;
}

/**
 * ClipWindow: what a convolution looks at: (taps_y, taps_x) pixels, @stride pixels apart, with @pad
 * pixels of zeros around the picture; (height, width) of them, from line @first on.
 */
typedef struct {
  guint32 taps_y, taps_x, stride, pad;
  guint32 height, width, first;
} ClipWindow;

/** clip_window_cols: columns of a row that clip_kernel_unfold() writes, for so many channels. */
static inline guint32
clip_window_cols (const ClipWindow *window, guint32 channels)
{
  return window->taps_y * window->taps_x * clip_channels (channels);
}

/**
 * clip_kernel_unfold:
 *   rows[(b * window.height + y) * window.width + x, (kx * taps_y + ky) * clip_channels (C) + c]
 *     = x[b, (first + y) * stride + ky - pad, x * stride + kx - pad, c], 0 outside of the picture
 * @x: C columns; those up to clip_channels (C) are copied too. ld a multiple of 4, which may be less
 *   than C: then pixels overlap, and the last one is read past its end
 * @rows: clip_window_cols() columns; those beyond are left alone. Overlaps nothing
 * Taps and channels of a window: 65535 * 256 at most.
 */
void clip_kernel_unfold (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                         const ClipWindow *window, const ClipMatrix *rows);

/** Most taps of a side of ClipGemm's windows. */
#define CLIP_WINDOWS_MAX_TAPS 15

/**
 * ClipWindows: what ClipGemm's a is where it has @windows: the rows that clip_kernel_unfold() would write for all
 * of the pictures, which are read from these instead. a.address and a.ld are those of the pictures' pixels, fp32;
 * a.rows are all windows, a.cols are clip_window_cols().
 * @height, @width: of a picture, up to 65535; @window: all of it (its first is 0)
 */
struct _ClipWindows {
  guint32 height, width;
  ClipWindow window;
};

/**
 * ClipConv: y = act (convolution of x + bias) + residual; with @relu the larger of that and 0
 * @x, @window: as for clip_kernel_unfold(); a window of one pixel with a stride of 1 is a plain product. x
 *   may have a border where clip_conv_bordered() says so, and then activation is none or gelu
 * @weights: (N, clip_conv_k()) packed, columns in the order of clip_kernel_unfold(); where x has a border
 *   line by line: (ky * taps_x + kx) * clip_channels (C) + c
 * @bias: as in ClipGemm
 * @y: N columns; height and width are the window's. With a border where clip_conv_bordered() says so of what
 *   reads it, and then without residual and not @few
 * @residual: (nullable as 0): of as many rows as y, @residual_ld floats apart (0: y's ld); none where x has a border
 * @few: rather few pipelines than speed: for models that take longer to compile than to run
 */
typedef struct {
  ClipPictures x;
  ClipWindow window;
  VkDeviceAddress weights, bias;
  ClipPictures y;
  VkDeviceAddress residual;
  guint32 residual_ld;
  ClipActivation activation;
  gboolean relu, few;
} ClipConv;

/** clip_conv_k: columns of the weights, for x of so many channels. */
guint32 clip_conv_k (const ClipWindow *window, guint32 channels);

/** clip_conv_bordered: whether clip_kernel_conv() would rather have x with a border, for a convolution of
 * @channels; @few as there. Then it needs no scratch memory. */
gboolean clip_conv_bordered (ClipKernels *kernels, const ClipWindow *window, guint32 channels,
                             gboolean few);

/** clip_conv_scratch_bytes: of clip_kernel_conv()'s scratch, for x of @channels, y of @out and so many
 * pictures. May be 0. */
gsize clip_conv_scratch_bytes (ClipKernels *kernels, const ClipWindow *window, guint32 channels,
                               guint32 out, guint32 batch);

/** clip_kernel_conv: @scratch: zero-filled memory of clip_conv_scratch_bytes(), in which nothing but
 * clip_kernel_conv() has written since. */
void clip_kernel_conv (ClipKernels *kernels, ClipGpuRecording *rec, const ClipConv *op,
                       VkDeviceAddress scratch);

/**
 * ClipDepthwise: a convolution of each channel by itself:
 *   y[b, oy, ox, c] = act (bias[c] + sum_{ky, kx} weights[ky * taps_x + kx, c]
 *                          x[b, oy * stride + ky - pad, ox * stride + kx - pad, c mod C])
 * @x: C columns; those up to clip_channels (C) are looked at too
 * @window: as many taps down as across; all of it (its @first is 0)
 * @weights: float[taps_y * taps_x][clip_ld (N)]; @bias: float[clip_ld (N)]; both zero beyond N
 * @y: N columns, C times a whole number, and then C is a multiple of CLIP_CHANNEL_ALIGN; height and width
 *   are the window's. Columns up to clip_channels (N) are written
 * Sides up to 65535. x and y overlap nowhere.
 */
typedef struct {
  ClipPictures x;
  ClipWindow window;
  VkDeviceAddress weights, bias;
  ClipPictures y;
  ClipActivation activation;
} ClipDepthwise;

void clip_kernel_depthwise (ClipKernels *kernels, ClipGpuRecording *rec, const ClipDepthwise *op);

/**
 * clip_kernel_excite: y[b, i, c] = act (x[b, i, c] sigmoid (gates[b, c]))
 * @x, @y: C columns, of the same size; y may be x
 * @gates: (batch, C)
 */
void clip_kernel_excite (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                         const ClipMatrix *gates, ClipActivation activation, const ClipPictures *y);

/**
 * clip_kernel_average: y[b, y, x, c] = the mean of x[b, size * y + i, size * x + j, c] for i, j < size
 * @y: height and width are those of @x over @size, rounded down; all of clip_channels (C) are written
 */
void clip_kernel_average (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                          guint32 size, const ClipPictures *y);

/**
 * clip_kernel_tokens: what an attention pool attends to: for each picture a row with the mean of its
 * pixels, then a row for each pixel; a table of positions is added.
 * @x: C columns
 * @positions: float[height * width + 1][clip_ld (C)]
 * @y: (batch * (height * width + 1), C)
 */
void clip_kernel_tokens (ClipKernels *kernels, ClipGpuRecording *rec, const ClipPictures *x,
                         VkDeviceAddress positions, const ClipMatrix *y);

/**
 * clip_kernel_attend: attention with one query a sequence:
 *   z[b,h] = sum_t softmax_t (q[b,h] k[b,t,h]) v[b,t,h]
 * @shape: not causal; head_dim a multiple of 4, at most 128
 * @q, @z: (batch, heads * head_dim); 1/sqrt(d) is in q
 * @kv: (batch * tokens, 2 * heads * head_dim): keys of all heads, then values
 * All fp32; z overlaps nothing.
 */
void clip_kernel_attend (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                         const ClipMatrix *q, const ClipMatrix *kv, const ClipMatrix *z);

/**
 * clip_kernel_pool: clip_kernel_attend() to tokens x without making their keys and values:
 *   z[b,h] = values_h sum_t softmax_t (u[b,h] x[b,t]) x[b,t],   u[b,h] = keys_hT q[b,h]
 * @shape: not causal; x is as wide as all heads together, D
 * @q, @z: (batch, D); 1/sqrt(d) is in q
 * @keys: (heads * D, head_dim) packed: row h D + c is column c of the weights of keys of head h
 * @values: (D, D) packed
 * @scratch: zero-filled memory of clip_pool_scratch_bytes(), in which nothing but clip_kernel_pool_tokens() and
 *   this have written since, the first for the same pictures
 */
void clip_kernel_pool (ClipKernels *kernels, ClipGpuRecording *rec, const ClipAttention *shape,
                       const ClipMatrix *q, VkDeviceAddress keys, VkDeviceAddress values,
                       VkDeviceAddress scratch, const ClipMatrix *z);

/** clip_kernel_pool_tokens: clip_kernel_tokens() of @x, for clip_kernel_pool(); @mean: (batch, D): the first
 * token of each picture. */
void clip_kernel_pool_tokens (ClipKernels *kernels, ClipGpuRecording *rec,
                              const ClipAttention *shape, const ClipPictures *x,
                              VkDeviceAddress positions, VkDeviceAddress scratch,
                              const ClipMatrix *mean);

/** clip_pool_scratch_bytes: 0 where the family has no clip_kernel_pool() for such heads. */
gsize clip_pool_scratch_bytes (ClipKernels *kernels, const ClipAttention *shape);

G_END_DECLS
