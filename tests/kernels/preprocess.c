/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every pixel format, at odd sizes, through the whole of preprocessing: equal to the reference
 * bit for bit. The planes of a frame end at a page that nobody may touch, or begin behind one.
 */
#include "tests/kernels/check.h"
#include "tests/kernels/reference_preprocess.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* options[1] */
#define BT709       1
#define BT2020      2
#define FULL        (1 << 2)
#define H_COSITED   (1 << 3)
#define V_COSITED   (1 << 4)
#define HALF_EVEN   (1 << 5)
#define BILINEAR    (1 << 6)
#define SQUASH      (1 << 7)
#define UPSIDE_DOWN (1 << 8) /* negative strides */
#define WIDE_ROWS   (1 << 9) /* odd bytes between the rows */
#define GUARD_FIRST (1 << 10)
#define NO_CLASS    (1 << 11) /* token_offset 0 */
#define EXTREME     (1 << 12) /* bytes are 0 or 255 */
#define NO_RGB8     (1 << 13) /* only the patches */
#define PIXELS      (1 << 14) /* a picture with a border instead of patches */

#define LONGEST (1 << 15) /* before SQUASH */

#define ANY (1u << 31) /* everything but the name is drawn at random */

/* options[2]; 0: square pixels */
#define PAR(n, d) ((n) << 16 | (d))

/* options[3]: 0, or 1 + the number of the rectangle that is cut out; the frame is 77x53 */
static const ClipRect rects[] = {
  { 0, 0, 77, 53 },  { 6, 4, 40, 30 }, { 31, 17, 38, 29 }, { 76, 52, 1, 1 },
  { 75, 51, 2, 1 },  { 12, 0, 1, 53 }, { 0, 40, 77, 3 },   { 18, 2, 9, 50 },
  { 61, 3, 16, 47 }, { 5, 5, 3, 3 },   { 24, 24, 8, 8 },   { 36, 10, 24, 24 },
};

#define RECT(Name, FORMAT, rect, flags)                                                            \
  {                                                                                                \
    { 77, 53, 24, 23, 5 }, .tag = Name, .options = { FORMAT, flags, 0, rect }                      \
  }
#define RECTS(Name, FORMAT, flags)                                                                 \
  RECT (Name, FORMAT, 1, flags), RECT (Name, FORMAT, 2, flags), RECT (Name, FORMAT, 3, flags),     \
      RECT (Name, FORMAT, 4, (flags) | SQUASH), RECT (Name, FORMAT, 5, flags),                     \
      RECT (Name, FORMAT, 6, (flags) | LONGEST), RECT (Name, FORMAT, 7, (flags) | LONGEST),        \
      RECT (Name, FORMAT, 8, flags), RECT (Name, FORMAT, 9, (flags) | LONGEST | UPSIDE_DOWN),      \
      RECT (Name, FORMAT, 10, flags), RECT (Name, FORMAT, 11, (flags) | SQUASH),                   \
      RECT (Name, FORMAT, 12, (flags) | WIDE_ROWS)

/* dims: width, height, edge, crop, patch */
#define CASE(Name, FORMAT, W, H, edge, crop, patch, flags)                                         \
  {                                                                                                \
    { W, H, edge, crop, patch }, .tag = Name, .options = { FORMAT, flags }                         \
  }

/* Down to less than half with a remainder of a patch; up; one pixel; nothing to resize. */
#define SIZES(Name, FORMAT, flags)                                                                 \
  CASE (Name, FORMAT, 77, 53, 24, 23, 5, flags),                                                   \
      CASE (Name, FORMAT, 13, 22, 29, 29, 7, (flags) | UPSIDE_DOWN | GUARD_FIRST | BT709),         \
      CASE (Name, FORMAT, 1, 1, 8, 8, 8, (flags) | WIDE_ROWS | FULL),                              \
      CASE (Name, FORMAT, 140, 41, 41, 32, 16, ((flags) ^ (H_COSITED | V_COSITED)) | HALF_EVEN)

/* A name for a random case */
#define ANYTHING(n, only_all)                                                                      \
  {                                                                                                \
    { n }, .tag = "any", .options = { 0, ANY }, .extra = only_all                                  \
  }
#define TEN(n)                                                                                     \
  ANYTHING (n * 10, TRUE), ANYTHING (n * 10 + 1, TRUE), ANYTHING (n * 10 + 2, TRUE),               \
      ANYTHING (n * 10 + 3, TRUE), ANYTHING (n * 10 + 4, TRUE), ANYTHING (n * 10 + 5, TRUE),       \
      ANYTHING (n * 10 + 6, TRUE), ANYTHING (n * 10 + 7, TRUE), ANYTHING (n * 10 + 8, TRUE),       \
      ANYTHING (n * 10 + 9, TRUE)

static const CheckCase cases[] = {
  SIZES ("rgb", CLIP_PIXEL_RGB, 0),
  SIZES ("bgr", CLIP_PIXEL_BGR, WIDE_ROWS),
  SIZES ("rgbx", CLIP_PIXEL_RGBX, BILINEAR),
  SIZES ("bgrx", CLIP_PIXEL_BGRX, UPSIDE_DOWN),
  SIZES ("xrgb", CLIP_PIXEL_XRGB, SQUASH),
  SIZES ("xbgr", CLIP_PIXEL_XBGR, NO_CLASS),
  SIZES ("gray8", CLIP_PIXEL_GRAY8, GUARD_FIRST),
  SIZES ("i420", CLIP_PIXEL_I420, H_COSITED),
  SIZES ("yv12", CLIP_PIXEL_YV12, EXTREME | FULL),
  SIZES ("nv12", CLIP_PIXEL_NV12, BT709 | H_COSITED),
  SIZES ("nv21", CLIP_PIXEL_NV21, V_COSITED | EXTREME),
  SIZES ("yuy2", CLIP_PIXEL_YUY2, H_COSITED),
  SIZES ("uyvy", CLIP_PIXEL_UYVY, FULL | WIDE_ROWS),
  SIZES ("y42b", CLIP_PIXEL_Y42B, EXTREME),
  SIZES ("y444", CLIP_PIXEL_Y444, BT2020 | EXTREME),
  SIZES ("p010", CLIP_PIXEL_P010_10LE, BT2020 | H_COSITED | V_COSITED),
  SIZES ("i420-10", CLIP_PIXEL_I420_10LE, BT2020),
  SIZES ("i422-10", CLIP_PIXEL_I422_10LE, BT709 | FULL | EXTREME),
  SIZES ("v210", CLIP_PIXEL_V210, H_COSITED),
  /* sizes */
  CASE ("tall", CLIP_PIXEL_RGB, 37, 101, 42, 42, 7, 0),
  CASE ("tall-even", CLIP_PIXEL_RGB, 37, 101, 53, 53, 10, HALF_EVEN),
  CASE ("thin", CLIP_PIXEL_NV12, 2, 301, 8, 8, 2, H_COSITED),
  CASE ("flat", CLIP_PIXEL_I420, 301, 2, 8, 8, 4, V_COSITED),
  CASE ("copy", CLIP_PIXEL_NV12, 64, 64, 64, 64, 32, 0),
  CASE ("centre", CLIP_PIXEL_NV12, 200, 120, 120, 33, 8, 0),
  CASE ("centre", CLIP_PIXEL_V210, 200, 120, 120, 33, 8, H_COSITED),
  CASE ("centre", CLIP_PIXEL_YUY2, 200, 121, 121, 30, 8, 0),
  CASE ("centre", CLIP_PIXEL_I420_10LE, 203, 121, 121, 30, 8, V_COSITED),
  CASE ("squash", CLIP_PIXEL_NV21, 99, 50, 40, 40, 8, SQUASH | BT2020 | FULL),
  { { 72, 57, 32, 32, 8 }, .tag = "par", .options = { CLIP_PIXEL_I420, 0, PAR (16, 11) } },
  { { 57, 72, 32, 32, 8 }, .tag = "par", .options = { CLIP_PIXEL_RGB, 0, PAR (10, 11) } },
  /* more taps than are unrolled */
  CASE ("many-taps", CLIP_PIXEL_GRAY8, 900, 899, 16, 16, 16, 0),
  CASE ("hd", CLIP_PIXEL_NV12, 1920, 1080, 224, 224, 32, BT709 | H_COSITED),
  CASE ("patches", CLIP_PIXEL_NV12, 77, 53, 24, 23, 5, NO_RGB8),
  CASE ("patches", CLIP_PIXEL_RGB, 13, 22, 29, 29, 7, NO_RGB8 | NO_CLASS),
  CASE ("pixels", CLIP_PIXEL_NV12, 77, 53, 24, 23, 5, PIXELS | NO_RGB8),
  CASE ("pixels", CLIP_PIXEL_RGB, 13, 22, 29, 29, 7, PIXELS),
  CASE ("pixels", CLIP_PIXEL_I420, 640, 480, 288, 288, 32, PIXELS | NO_RGB8),
  CASE ("pixels", CLIP_PIXEL_GRAY8, 1, 1, 1, 1, 1, PIXELS | NO_CLASS),
  RECTS ("rect-rgb", CLIP_PIXEL_RGB, 0),
  RECTS ("rect-gray8", CLIP_PIXEL_GRAY8, GUARD_FIRST),
  RECTS ("rect-xbgr", CLIP_PIXEL_XBGR, BILINEAR),
  RECTS ("rect-i420", CLIP_PIXEL_I420, EXTREME),
  RECTS ("rect-nv12", CLIP_PIXEL_NV12, H_COSITED | V_COSITED),
  RECTS ("rect-yuy2", CLIP_PIXEL_YUY2, H_COSITED),
  RECTS ("rect-y42b", CLIP_PIXEL_Y42B, EXTREME | GUARD_FIRST),
  RECTS ("rect-y444", CLIP_PIXEL_Y444, 0),
  RECTS ("rect-p010", CLIP_PIXEL_P010_10LE, BT2020),
  RECTS ("rect-v210", CLIP_PIXEL_V210, H_COSITED),
  CASE ("letterbox", CLIP_PIXEL_RGB, 77, 53, 24, 24, 5, LONGEST),
  CASE ("letterbox", CLIP_PIXEL_NV12, 53, 78, 24, 24, 8, LONGEST | NO_RGB8),
  CASE ("letterbox", CLIP_PIXEL_I420, 300, 1, 24, 24, 8, LONGEST),
  CASE ("letterbox", CLIP_PIXEL_RGB, 1, 300, 24, 24, 8, LONGEST | PIXELS),
  CASE ("letterbox", CLIP_PIXEL_YUY2, 7, 5, 29, 23, 5, LONGEST),
  CASE ("letterbox", CLIP_PIXEL_GRAY8, 900, 700, 16, 16, 16, LONGEST),
  { { 72, 57, 32, 32, 8 },
    .tag = "letterbox",
    .options = { CLIP_PIXEL_RGB, LONGEST, PAR (16, 11) } },
  ANYTHING (1, FALSE),
  ANYTHING (2, FALSE),
  ANYTHING (3, FALSE),
  TEN (1),
  TEN (2),
  TEN (3),
  TEN (4),
  TEN (5),
  TEN (6),
  TEN (7),
  TEN (8),
  TEN (9),
  TEN (10),
  { { 3840, 2160, 224, 224, 32 },
    .tag = "uhd",
    .options = { CLIP_PIXEL_P010_10LE, BT2020 },
    .extra = TRUE },
  { { 1280, 720, 336, 336, 14 }, .tag = "p", .options = { CLIP_PIXEL_YUY2 }, .extra = TRUE },
  { { 640, 480, 224, 224, 16 }, .tag = "vga", .options = { CLIP_PIXEL_BGRX }, .extra = TRUE },
};

/* Frames ---------------------------------------------------------------------- */

/* A plane in memory of its own: @map holds an untouchable page, the plane, another such page. */
typedef struct {
  guint8 *map;
  gsize map_bytes;
} GuardedPlane;

typedef struct {
  GuardedPlane guarded[3];
  guint n_planes;
  ClipFramePlanes planes;
} Frame;

static guint8 *
guarded_new (GuardedPlane *plane, gsize bytes, gboolean at_start)
{
  const gsize page = (gsize)sysconf (_SC_PAGESIZE);
  const gsize inside = (bytes + page - 1) / page * page;

  plane->map_bytes = inside + 2 * page;
  plane->map = mmap (NULL, plane->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert (plane->map != MAP_FAILED);
  g_assert (!mprotect (plane->map + page, inside, PROT_READ | PROT_WRITE));
  return plane->map + page + (at_start ? 0 : inside - bytes);
}

static void
frame_clear (Frame *frame)
{
  for (guint i = 0; i < frame->n_planes; i++)
    munmap (frame->guarded[i].map, frame->guarded[i].map_bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Frame, frame_clear)

static void
frame_init (Frame *frame, Check *check, const ClipFrameInfo *info, guint flags)
{
  RefPlane planes[3];
  CheckRng rng = check_rng (check, "frame");

  frame->n_planes = ref_planes (info, planes);
  for (guint i = 0; i < frame->n_planes; i++) {
    const gsize rows = planes[i].rows;
    const gsize stride = planes[i].row_bytes + (flags & WIDE_ROWS ? 13 + 4 * i : 0);
    /* the last row ends where its pixels end */
    const gsize bytes = (rows - 1) * stride + planes[i].row_bytes;
    guint8 *data = guarded_new (&frame->guarded[i], bytes, flags & GUARD_FIRST);

    for (gsize n = 0; n < bytes; n++) {
      const guint64 random = check_rng_next (&rng);
      data[n] = flags & EXTREME ? (random & 1 ? 255 : 0) : (guint8)random;
    }
    frame->planes.data[i] = flags & UPSIDE_DOWN ? data + (rows - 1) * stride : data;
    frame->planes.stride[i] = flags & UPSIDE_DOWN ? -(gint)stride : (gint)stride;
  }
}

/* The check ---------------------------------------------------------------------- */

static ClipFrameInfo
frame_info (const CheckCase *c)
{
  const guint flags = c->options[1];
  const guint par = c->options[2] ? c->options[2] : PAR (1, 1);

  return (ClipFrameInfo){
    .format = c->options[0],
    .width = c->dims[0],
    .height = c->dims[1],
    .par_n = par >> 16,
    .par_d = par & 0xffff,
    .matrix = flags & BT2020  ? CLIP_MATRIX_BT2020
              : flags & BT709 ? CLIP_MATRIX_BT709
                              : CLIP_MATRIX_BT601,
    .full_range = (flags & FULL) != 0,
    .chroma_site = (flags & H_COSITED ? CLIP_CHROMA_H_COSITED : 0)
                   | (flags & V_COSITED ? CLIP_CHROMA_V_COSITED : 0),
  };
}

static ClipPreprocessSpec
preprocess_spec (const CheckCase *c)
{
  const guint flags = c->options[1];

  return (ClipPreprocessSpec){
    .resize = flags & LONGEST  ? CLIP_RESIZE_LONGEST_EDGE
              : flags & SQUASH ? CLIP_RESIZE_SQUASH
                               : CLIP_RESIZE_SHORTEST_EDGE,
    .filter = flags & BILINEAR ? CLIP_FILTER_BILINEAR : CLIP_FILTER_BICUBIC,
    .resize_edge = c->dims[2],
    .crop_size = c->dims[3],
    .crop_rounding = flags & HALF_EVEN ? CLIP_CROP_ROUND_HALF_EVEN : CLIP_CROP_FLOOR,
    .patch_size = c->dims[4],
    .token_offset = flags & NO_CLASS ? 0 : 1,
    .pixels = (flags & PIXELS) != 0,
  };
}

static guint
draw (CheckRng *rng, guint first, guint last)
{
  return first + check_rng_next (rng) % (last - first + 1);
}

/* FALSE: all of the frame */
static gboolean
case_rect (Check *check, const CheckCase *named, const CheckCase *c, ClipRect *rect)
{
  CheckRng rng = check_rng (check, "rect");

  if (!(named->options[1] & ANY) && c->options[3])
    *rect = rects[c->options[3] - 1];
  if (!(named->options[1] & ANY) || draw (&rng, 0, 2) == 0)
    return c->options[3] > 0;
  rect->x = draw (&rng, 0, c->dims[0] - 1);
  rect->y = draw (&rng, 0, c->dims[1] - 1);
  rect->width = draw (&rng, 1, c->dims[0] - rect->x);
  rect->height = draw (&rng, 1, c->dims[1] - rect->y);
  return TRUE;
}

/* The case that an ANY case stands for */
static CheckCase
draw_case (Check *check)
{
  CheckRng rng = check_rng (check, "case");
  CheckCase c = { { 0 } };
  const guint crop = draw (&rng, 4, 80);

  c.dims[0] = draw (&rng, 1, 1 << draw (&rng, 1, 9));
  c.dims[1] = draw (&rng, 1, 1 << draw (&rng, 1, 9));
  c.dims[2] = crop + draw (&rng, 0, 20);
  c.dims[3] = crop;
  c.dims[4] = draw (&rng, 1, crop);
  c.options[0] = draw (&rng, 0, CLIP_PIXEL_V210);
  c.options[1] = draw (&rng, 0, LONGEST * 2 - 1);
  c.options[2] = draw (&rng, 0, 3) ? 0 : PAR (draw (&rng, 1, 5), draw (&rng, 1, 5));
  return c;
}

/* The integers of the reference against the definition of the colour space */
static gboolean
formula_is_close (const ClipFrameInfo *info, const ClipFramePlanes *planes)
{
  const gsize n = (gsize)info->width * info->height * 3;
  g_autofree guint8 *rgb = g_malloc (n);
  g_autofree double *exact = g_new (double, n);

  if (info->format < CLIP_PIXEL_I420)
    return TRUE;
  ref_convert (info, planes, rgb);
  ref_convert_double (info, planes, exact);
  for (gsize i = 0; i < n; i++)
    if (!(fabs (rgb[i] - exact[i]) <= 0.52))
      return FALSE;
  return TRUE;
}

static void
compare_pixels (Check *check, const guint32 *got, const guint8 *want, guint crop)
{
  guint bad = 0;

  for (gsize i = 0; i < (gsize)crop * crop; i++) {
    const guint32 pixel =
        want[3 * i] | (guint32)want[3 * i + 1] << 8 | (guint32)want[3 * i + 2] << 16;
    if (got[i] != pixel && !bad++)
      check_fail (check, "pixel (%zu, %zu) is %06x (BGR), want %06x", i % crop, i / crop, got[i],
                  pixel);
  }
  if (bad > 1)
    check_fail (check, "%u of %u pixels differ", bad, crop * crop);
}

/* Every float of the patches; and nothing written before, behind or between them. */
static void
compare_patches (Check *check, const CheckMatrix *got, const guint8 *want,
                 const ClipPreprocessSpec *spec, guint32 untouched)
{
  const gsize patch = spec->patch_size, side = spec->crop_size / spec->patch_size;

  for (gsize row = 0; row < got->m.rows; row++)
    for (gsize col = 0; col < got->m.ld; col++) {
      const float *value = &got->v[row * got->m.ld + col];
      guint32 bits;

      if (row < spec->token_offset || col >= got->m.cols) {
        memcpy (&bits, value, sizeof (bits));
        if (bits != untouched) {
          check_fail (check, "row %zu, column %zu was written", row, col);
          return;
        }
        continue;
      }
      const gsize n = row - spec->token_offset, c = col / (patch * patch),
                  in = col % (patch * patch);
      const gsize y = n / side * patch + in / patch, x = n % side * patch + in % patch;
      const float expected = ((float)want[(y * spec->crop_size + x) * 3 + c] - 128.f) / 128.f;
      if (!(*value == expected)) {
        check_fail (check, "patch %zu, channel %zu, (%zu, %zu): %g, want %g", n, c, in % patch,
                    in / patch, *value, expected);
        return;
      }
    }
}

/* Every pixel; and nothing written on the border or between the pixels. */
static void
compare_picture (Check *check, const CheckMatrix *got, const guint8 *want, gsize crop,
                 guint32 untouched)
{
  for (gsize i = 0; i < got->m.rows * got->m.ld; i++) {
    const gsize y = i / got->m.ld / (crop + 2), x = i / got->m.ld % (crop + 2), c = i % got->m.ld;
    guint32 bits;

    if (y >= 1 && y <= crop && x >= 1 && x <= crop && c < 3) {
      const float expected = ((float)want[((y - 1) * crop + x - 1) * 3 + c] - 128.f) / 128.f;
      if (got->v[i] == expected)
        continue;
      check_fail (check, "(%zu, %zu), channel %zu: %g, want %g", y, x, c, got->v[i], expected);
      return;
    }
    memcpy (&bits, &got->v[i], sizeof (bits));
    if (bits != untouched) {
      check_fail (check, "(%zu, %zu), channel %zu was written", y, x, c);
      return;
    }
  }
}

/* What cannot work is an error, not a crash and not gigabytes of memory. */
static void
check_refusals (Check *check, ClipKernels *kernels)
{
  static const ClipPreprocessSpec good_spec = {
    .resize_edge = 32, .crop_size = 32, .patch_size = 8, .token_offset = 1
  };
  static const ClipFrameInfo good_info = {
    .format = CLIP_PIXEL_I420, .width = 64, .height = 48, .par_n = 1, .par_d = 1
  };
  static const struct {
    gsize offset; /* of a guint32 in the spec or in the info */
    gboolean in_info;
    guint32 value;
  } bad[] = {
    { G_STRUCT_OFFSET (ClipPreprocessSpec, resize_edge), FALSE, 0 },
    { G_STRUCT_OFFSET (ClipPreprocessSpec, resize_edge), FALSE, 31 }, /* less than the crop */
    { G_STRUCT_OFFSET (ClipPreprocessSpec, resize_edge), FALSE, G_MAXUINT32 },
    { G_STRUCT_OFFSET (ClipPreprocessSpec, crop_size), FALSE, 0 },
    { G_STRUCT_OFFSET (ClipPreprocessSpec, crop_size), FALSE, 33 },
    { G_STRUCT_OFFSET (ClipPreprocessSpec, patch_size), FALSE, 0 },
    { G_STRUCT_OFFSET (ClipPreprocessSpec, patch_size), FALSE, 33 },
    { G_STRUCT_OFFSET (ClipPreprocessSpec, token_offset), FALSE, G_MAXUINT32 },
    { G_STRUCT_OFFSET (ClipFrameInfo, width), TRUE, 0 },
    { G_STRUCT_OFFSET (ClipFrameInfo, width), TRUE, 32769 },
    { G_STRUCT_OFFSET (ClipFrameInfo, height), TRUE, 0 },
    { G_STRUCT_OFFSET (ClipFrameInfo, height), TRUE, G_MAXUINT32 },
    { G_STRUCT_OFFSET (ClipFrameInfo, par_n), TRUE, 0 },
    { G_STRUCT_OFFSET (ClipFrameInfo, par_d), TRUE, 0 },
    { G_STRUCT_OFFSET (ClipFrameInfo, par_n), TRUE, G_MAXUINT32 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    ClipPreprocessSpec spec = good_spec;
    ClipFrameInfo info = good_info;
    g_autoptr (GError) error = NULL;

    G_STRUCT_MEMBER (guint32, bad[i].in_info ? (gpointer)&info : (gpointer)&spec, bad[i].offset) =
        bad[i].value;
    g_autoptr (ClipPreprocess) pre = clip_preprocess_new (kernels, &spec, &info, &error);
    if (pre || !error)
      check_fail (check, "bad parameters %u were taken", i);
  }
}

/* The view changes from the whole frame to another rectangle of the same size, if there is one, for which
 * everything is recorded, and from there to @rect, which needs no other recording. */
static gboolean
aim (Check *check, ClipPreprocess *pre, const ClipPreprocessSpec *spec, const ClipFrameInfo *info,
     const ClipRect *rect, ClipGpuRecording *rec, const ClipMatrix *out, VkDeviceAddress rgb8,
     ClipKernels *kernels)
{
  /* a multiple of every group of pixels */
  const guint32 by_x = rect->x >= 6 ? rect->x / 6 * 6 : 0, by_y = rect->y & ~1u;
  const ClipRect near = { rect->x - by_x, rect->y - by_y, rect->width, rect->height };
  const gboolean is_whole = rect->width == info->width && rect->height == info->height;
  g_autoptr (GError) error = NULL;
  gboolean stale;

  if (!clip_preprocess_set_view (pre, &near, spec->resize, spec->resize_edge, &stale, &error)) {
    check_fail (check, "%s", error->message);
    return FALSE;
  }
  if (stale == is_whole)
    check_fail (check, "a new size needs a new recording, the old one does not");
  clip_kernel_preprocess (kernels, rec, pre, out, rgb8);
  if (!clip_preprocess_set_view (pre, rect, spec->resize, spec->resize_edge, &stale, &error)) {
    check_fail (check, "%s", error->message);
    return FALSE;
  }
  if (stale)
    check_fail (check, "another place needs a new recording");
  return TRUE;
}

static void
run (Check *check, const CheckCase *named)
{
  const CheckCase drawn = draw_case (check), *c = named->options[1] & ANY ? &drawn : named;
  const ClipFrameInfo info = frame_info (c);
  const ClipPreprocessSpec spec = preprocess_spec (c);
  const gboolean rgb8 = !(c->options[1] & NO_RGB8);
  ClipRect rect;
  const gboolean is_part = case_rect (check, named, c, &rect);
  CheckMatrix out =
      check_matrix_out (check, "patches", clip_preprocess_rows (&spec),
                        spec.pixels ? 3 : 3 * spec.patch_size * spec.patch_size, CLIP_ELEMENT_F32);
  CheckBuffer *pixels = check_output (check, "rgb8", spec.crop_size * spec.crop_size * 4);
  g_auto (Frame) frame = { 0 };
  ClipKernels *kernels;

  if (spec.pixels)
    out.m.ld = CLIP_PIXEL_LD;
  frame_init (&frame, check, &info, c->options[1]);
  g_autofree guint8 *want = ref_preprocess (&spec, &info, &frame.planes, is_part ? &rect : NULL);
  const gboolean close = formula_is_close (&info, &frame.planes);

  while ((kernels = check_next_variant (check))) {
    g_autoptr (GError) error = NULL;
    g_autoptr (ClipPreprocess) pre = clip_preprocess_new (kernels, &spec, &info, &error);
    guint32 untouched;

    check_refusals (check, kernels);
    if (!pre) {
      check_fail (check, "%s", error->message);
      continue;
    }
    if (!close)
      check_fail (check, "the reference is more than rounding away from floating point");
    check_poison (out.buffer);
    check_poison (pixels);
    memcpy (&untouched, out.v, sizeof (untouched));
    ClipGpuRecording *rec = check_record (check);
    const VkDeviceAddress to = rgb8 ? pixels->address : 0;
    if (!is_part)
      clip_kernel_preprocess (kernels, rec, pre, &out.m, to);
    else if (!aim (check, pre, &spec, &info, &rect, rec, &out.m, to, kernels))
      continue;
    clip_preprocess_load (pre, &frame.planes);
    if (!check_execute (check))
      continue;
    if (rgb8)
      compare_pixels (check, pixels->data, want, spec.crop_size);
    if (spec.pixels)
      compare_picture (check, &out, want, spec.crop_size, untouched);
    else
      compare_patches (check, &out, want, &spec, untouched);
  }
}

const CheckKernel check_preprocess = {
  .name = "preprocess",
  .variants = CHECK_VARIANTS_ROWS,
  .cases = cases,
  .n_cases = G_N_ELEMENTS (cases),
  .run = run,
};
