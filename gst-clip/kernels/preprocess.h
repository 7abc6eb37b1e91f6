/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/preprocess.h: from a video frame's bytes to the encoder's input, on the GPU.
 *
 * Colour conversion by the caps' colorimetry to RGB8, then PIL's resize (horizontal pass
 * first, 22-bit fixed point taps in int32, 8 bits between the passes, bicubic a = -0.5,
 * antialiased), centre crop, and a store in patch order. For RGB with square pixels it is
 * bit-exact with PIL; for YUV it equals PIL's resize of the RGB8 of docs/kernels.md.
 */
#pragma once

#include "gst-clip/kernels/kernels.h"

G_BEGIN_DECLS

/** ClipPixelFormat: memory layouts, named as GStreamer names them. */
typedef enum {
  CLIP_PIXEL_RGB,
  CLIP_PIXEL_BGR,
  CLIP_PIXEL_RGBX,
  CLIP_PIXEL_BGRX,
  CLIP_PIXEL_XRGB,
  CLIP_PIXEL_XBGR, /* and RGBA .. ABGR: alpha is ignored */
  CLIP_PIXEL_GRAY8,
  CLIP_PIXEL_I420,
  CLIP_PIXEL_YV12,
  CLIP_PIXEL_NV12,
  CLIP_PIXEL_NV21,
  CLIP_PIXEL_YUY2,
  CLIP_PIXEL_UYVY,
  CLIP_PIXEL_Y42B,
  CLIP_PIXEL_Y444,
  CLIP_PIXEL_P010_10LE,
  CLIP_PIXEL_I420_10LE,
  CLIP_PIXEL_I422_10LE,
  CLIP_PIXEL_V210,
} ClipPixelFormat;

typedef enum { CLIP_MATRIX_BT601, CLIP_MATRIX_BT709, CLIP_MATRIX_BT2020 } ClipColorMatrix;

/** ClipChromaSite: where a chroma sample sits in its 2x2 (or 2x1) block, bits as GStreamer's. */
typedef enum {
  CLIP_CHROMA_CENTER = 0,
  CLIP_CHROMA_H_COSITED = 1 << 0,
  CLIP_CHROMA_V_COSITED = 1 << 1,
} ClipChromaSite;

/**
 * ClipFrameInfo: everything of a frame but its bytes. Square pixels: par_n = par_d = 1.
 * @full_range: 0..255 luma rather than 16..235. The last three are ignored for RGB.
 */
typedef struct {
  ClipPixelFormat format;
  guint32 width, height;
  guint32 par_n, par_d;
  ClipColorMatrix matrix;
  gboolean full_range;
  ClipChromaSite chroma_site;
} ClipFrameInfo;

/** ClipFramePlanes: where the bytes are, for one frame; borrowed for the length of a call.
 * @data: the first pixel's byte in each plane, planes in the order of memory (GStreamer's: plane 1
 *   of YV12 is V, of I420 U)
 * @stride: bytes from row to row, negative allowed */
typedef struct {
  const guint8 *data[4];
  gint stride[4];
} ClipFramePlanes;

/** ClipRect: pixels [x, x + width) x [y, y + height) of a frame. */
typedef struct {
  guint32 x, y, width, height;
} ClipRect;

/**
 * ClipResizeMode: what becomes as long as resize_edge.
 * @SHORTEST_EDGE: the shorter side; the crop cuts the longer one
 * @SQUASH: both
 * @LONGEST_EDGE: the longer side; where the picture is smaller than the crop, black is added
 */
typedef enum {
  CLIP_RESIZE_SHORTEST_EDGE,
  CLIP_RESIZE_SQUASH,
  CLIP_RESIZE_LONGEST_EDGE,
} ClipResizeMode;
typedef enum { CLIP_CROP_FLOOR, CLIP_CROP_ROUND_HALF_EVEN } ClipCropRounding;
typedef enum { CLIP_FILTER_BICUBIC, CLIP_FILTER_BILINEAR } ClipResizeFilter;

/**
 * ClipPreprocessSpec: what the model wants.
 * @resize_edge: length of the edge that @resize names, after resizing
 * @crop_size: side of the square that is cut out
 * @patch_size: side of a patch; floor (crop_size / patch_size) patches a side, the remainder is cut off
 * @token_offset: row of the first patch in the output (1: row 0 is the class token, left untouched)
 * @pixels: no patches (patch_size and token_offset are ignored) but the picture, with a border of one
 *   pixel around it that is left untouched
 */
typedef struct {
  ClipResizeMode resize;
  ClipResizeFilter filter;
  guint32 resize_edge;
  guint32 crop_size;
  ClipCropRounding crop_rounding;
  guint32 patch_size;
  guint32 token_offset;
  gboolean pixels;
} ClipPreprocessSpec;

/** Floats from pixel to pixel where there are no patches: the fourth one is left untouched. */
#define CLIP_PIXEL_LD 4

/** clip_preprocess_rows: of what clip_kernel_preprocess() writes. */
static inline guint32
clip_preprocess_rows (const ClipPreprocessSpec *spec)
{
  const guint32 side = spec->pixels ? spec->crop_size + 2 : spec->crop_size / spec->patch_size;

  return side * side + (spec->pixels ? 0 : spec->token_offset);
}

/** ClipPreprocess: taps, staging memory and pipelines for one frame geometry, and for what is cut out
 * of it. */
typedef struct _ClipPreprocess ClipPreprocess;

/**
 * clip_preprocess_new: computes the taps (in double, as PIL does), allocates the staging
 * buffer for exactly the rows and columns that the crop needs and the intermediates. What is
 * preprocessed is the whole frame, as @spec says, until clip_preprocess_set_view().
 * Errors: zero or absurd sizes (frames above 32768, crops above 4096, patches above 255 on a side;
 * a crop larger than the resized edge), memory. Thread: any.
 */
ClipPreprocess *clip_preprocess_new (ClipKernels *kernels, const ClipPreprocessSpec *spec,
                                     const ClipFrameInfo *info, GError **error);
/** clip_preprocess_new_for_rects: the same for rectangles only: nothing may be loaded before
 * clip_preprocess_set_view(), and memory is only taken for what that needs. */
ClipPreprocess *clip_preprocess_new_for_rects (ClipKernels *kernels, const ClipPreprocessSpec *spec,
                                               const ClipFrameInfo *info, GError **error);
void clip_preprocess_free (ClipPreprocess *pre);

/**
 * clip_preprocess_set_view: what is preprocessed from the next load on. The result is that of
 * a frame that consists of nothing but @rect.
 * @rect: (nullable): inside the frame and not empty; NULL: all of it
 * @resize, @resize_edge: in the place of the spec's
 * @stale: (out): recordings made so far are no longer right. Where only the place of @rect has changed,
 *   they are (with YUV: by an even number of pixels where chroma is subsampled; v210: by 6 across).
 * Errors: too large when resized; memory. Then nothing may be loaded or run until another call
 * has succeeded. The caller knows that the GPU is not working on it. Thread: one at a time.
 */
gboolean clip_preprocess_set_view (ClipPreprocess *pre, const ClipRect *rect, ClipResizeMode resize,
                                   guint32 resize_edge, gboolean *stale, GError **error);

/** Most of clip_preprocess_rect_sides(). */
#define CLIP_PREPROCESS_SIDES 6

/**
 * clip_preprocess_rect_sides: the code that resizes rectangles may depend on how much smaller they become.
 * @longest: of their sides
 * @sides: (out) (array fixed-size=6): whoever has run one with each of these widths and one with each of these
 *   heights, with CLIP_RESIZE_SQUASH to spec->crop_size, has made all that rectangles need, but for those
 *   that become much smaller still (24 times, with the bicubic filter)
 * Returns: how many; 0 where one code serves all sizes, that of whole frames
 */
guint clip_preprocess_rect_sides (ClipKernels *kernels, const ClipPreprocessSpec *spec,
                                  guint32 longest, guint32 *sides);

/** clip_preprocess_load: copies the needed pixels of a frame to staging, once; no GPU wait.
 * The caller knows that the GPU is not reading the staging buffer. */
void clip_preprocess_load (ClipPreprocess *pre, const ClipFramePlanes *planes);

/**
 * clip_kernel_preprocess:
 * @out: (token_offset + patches, 3 * patch_size^2): column c * patch_size^2 + y * patch_size + x
 *   holds (v - 128) / 128 of the RGB8 value v: exact in fp32 and fp16; the engine folds the
 *   model's mean and std into the patch weights. With spec.pixels ((crop_size + 2)^2, 3), ld
 *   CLIP_PIXEL_LD: pixel (y, x) is row (y + 1) * (crop_size + 2) + x + 1
 * @rgb8: (nullable as 0): address of crop_size^2 uints 0x00BBGGRR, the same pixels before
 *   patching; for tests and for still-picture detection
 */
void clip_kernel_preprocess (ClipKernels *kernels, ClipGpuRecording *rec, ClipPreprocess *pre,
                             const ClipMatrix *out, VkDeviceAddress rgb8);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipPreprocess, clip_preprocess_free)

G_END_DECLS
