/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pictures through preprocessing against pixel_values as published tools compute them: not one
 * float may differ.
 */
#include "gst-clip/kernels/preprocess.h"
#include "tests/common/image.h"
#include "tests/common/npy.h"

/* The order of the first dimension of every pixel_values.npy */
static const gchar *const all_images[] = { "gradient_224x224",
                                           "checker_256x256",
                                           "noise_320x240",
                                           "discs_240x320",
                                           "scene_1920x1080",
                                           "stripes_100x37",
                                           "tall_37x101",
                                           "gray_91x75",
                                           "odd_301x225",
                                           "waves_640x480",
                                           NULL };

typedef struct {
  double mean[3], std[3];
} Norm;

static const Norm norm_clip = { { 0.48145466, 0.4578275, 0.40821073 },
                                { 0.26862954, 0.26130258, 0.27577711 } };
static const Norm norm_half = { { 0.5, 0.5, 0.5 }, { 0.5, 0.5, 0.5 } };

/*
 * @images: in @file; NULL for all_images
 * @except: one that the tool resizes otherwise: from version 13 on, Pillow runs the vertical pass
 *   first when only the height shrinks
 */
typedef struct {
  const gchar *file;
  const gchar *const *images;
  guint edge;
  ClipResizeMode resize;
  ClipCropRounding rounding;
  const Norm *norm;
  const gchar *except;
} Golden;

static const gchar *const stripes[] = { "stripes_100x37", NULL };
static const gchar *const tall_and_gray[] = { "tall_37x101", "gray_91x75", NULL };

static const Golden goldens[] = {
  { "tiny-awk/pixel_values.npy", NULL, 42, CLIP_RESIZE_SHORTEST_EDGE, CLIP_CROP_FLOOR, &norm_clip },
  { "tiny-awk/pixel_values_openai_crop.npy", stripes, 42, CLIP_RESIZE_SHORTEST_EDGE,
    CLIP_CROP_ROUND_HALF_EVEN, &norm_clip },
  { "tiny-short/pixel_values.npy", NULL, 53, CLIP_RESIZE_SHORTEST_EDGE, CLIP_CROP_FLOOR,
    &norm_clip },
  { "tiny-short/pixel_values_openai_crop.npy", tall_and_gray, 53, CLIP_RESIZE_SHORTEST_EDGE,
    CLIP_CROP_ROUND_HALF_EVEN, &norm_clip },
  { "tiny-rn/pixel_values.npy", NULL, 64, CLIP_RESIZE_SHORTEST_EDGE, CLIP_CROP_ROUND_HALF_EVEN,
    &norm_clip },
  { "tiny-hd80-openclip/pixel_values.npy", NULL, 70, CLIP_RESIZE_SQUASH, CLIP_CROP_FLOOR,
    &norm_clip, "tall_37x101" },
  { "tiny-siglip/pixel_values.npy", NULL, 45, CLIP_RESIZE_SQUASH, CLIP_CROP_FLOOR, &norm_half,
    "tall_37x101" },
};

/* Shared by all tests of a run; NULL where there is no device. */
static ClipKernels *kernels;

static ClipTestImage *
load_image (const gchar *relative)
{
  g_autofree gchar *path = clip_test_data (relative);
  g_autoptr (GError) error = NULL;
  ClipTestImage *image;

  g_assert_nonnull (path);
  image = clip_test_image_load (path, &error);
  g_assert_no_error (error);
  return image;
}

/* Returns: uint[crop][crop], 0x00BBGGRR */
static guint32 *
run (const ClipPreprocessSpec *spec, const ClipTestImage *image)
{
  const ClipFrameInfo info = {
    .format = image->channels == 1 ? CLIP_PIXEL_GRAY8 : CLIP_PIXEL_RGB,
    .width = image->width,
    .height = image->height,
    .par_n = 1,
    .par_d = 1,
  };
  const ClipFramePlanes planes = { { image->pixels }, { (gint)(image->width * image->channels) } };
  const guint32 crop = spec->crop_size, patch = spec->patch_size, side = crop / patch;
  const gsize pixel_bytes = sizeof (guint32) * crop * crop;
  const ClipMatrix shape = { 0, side * side, 3 * patch * patch, clip_ld (3 * patch * patch) };
  ClipGpu *gpu = clip_kernels_gpu (kernels);
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPreprocess) pre = clip_preprocess_new (kernels, spec, &info, &error);
  g_assert_no_error (error);
  g_autoptr (ClipGpuBuffer) out = clip_gpu_buffer_new (
      gpu, CLIP_GPU_MEMORY_DEVICE, clip_matrix_bytes (shape.rows, shape.cols), "patches", &error);
  g_assert_no_error (error);
  g_autoptr (ClipGpuBuffer) rgb8 =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_READBACK, pixel_bytes, "pixels", &error);
  g_assert_no_error (error);
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (gpu, "preprocess");
  const ClipMatrix matrix = { out->address, shape.rows, shape.cols, shape.ld };

  clip_preprocess_load (pre, &planes);
  clip_gpu_recording_begin (rec);
  clip_kernel_preprocess (kernels, rec, pre, &matrix, rgb8->address);
  g_assert_true (clip_gpu_recording_end (rec, &error));
  const guint64 value = clip_gpu_submit (gpu, &rec, 1, &error);
  g_assert_no_error (error);
  g_assert_true (clip_gpu_wait (gpu, value, G_MAXUINT64, &error));
  return g_memdup2 (rgb8->map, pixel_bytes);
}

/* NumPy's order: the level times 1/255 in double, rounded to float; then all in float */
static float
normalise (guint32 level, const Norm *norm, guint c)
{
  const float scaled = (float)(level * (1.0 / 255.0));

  return (scaled - (float)norm->mean[c]) / (float)norm->std[c];
}

/* @want: float[3][crop][crop] */
static void
compare (const guint32 *pixels, const float *want, guint crop, const Norm *norm, const gchar *name)
{
  const gsize n = (gsize)crop * crop;
  gsize bad = 0;

  for (guint c = 0; c < 3; c++)
    for (gsize i = 0; i < n; i++) {
      const float got = normalise (pixels[i] >> (8 * c) & 255, norm, c);
      if (!(got == want[c * n + i]) && !bad++)
        g_test_message ("%s: channel %u of (%zu, %zu) is %.9g, want %.9g", name, c, i % crop,
                        i / crop, got, want[c * n + i]);
    }
  if (bad) {
    g_test_message ("%s: %zu of %zu values differ", name, bad, 3 * n);
    g_test_fail ();
  }
}

static gboolean
can_run (const gchar *picture)
{
  g_autofree gchar *data = clip_test_data ("goldens");

  if (!data)
    g_test_skip ("no test data (GST_CLIP_TESTDATA)");
  else if (!kernels)
    g_test_skip ("no Vulkan device");
  else if (!clip_test_image_supported (picture))
    g_test_skip ("built without the library that reads these pictures");
  else
    return TRUE;
  return FALSE;
}

static void
test_golden (gconstpointer data)
{
  const Golden *golden = data;
  const gchar *const *images = golden->images ? golden->images : all_images;
  const guint edge = golden->edge;
  const ClipPreprocessSpec spec = {
    .resize = golden->resize,
    .resize_edge = edge,
    .crop_size = edge,
    .crop_rounding = golden->rounding,
    .patch_size = edge / 4,
  };
  g_autoptr (GError) error = NULL;

  if (!can_run (".png"))
    return;
  g_autofree gchar *values = g_build_filename ("goldens", "values", golden->file, NULL);
  g_autofree gchar *path = clip_test_data (values);
  g_assert_nonnull (path);
  g_autoptr (ClipTestNpy) want = clip_test_npy_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (want->shape[0], ==, g_strv_length ((gchar **)images));
  g_assert_cmpuint (want->n_items, ==, want->shape[0] * 3 * edge * edge);
  g_assert_true (want->kind == 'f' && want->item_bytes == 4);

  for (guint i = 0; images[i]; i++) {
    g_autofree gchar *file = g_strdup_printf ("goldens/images/%s.png", images[i]);
    g_autoptr (ClipTestImage) image = load_image (file);
    g_autoptr (ClipTestImage) rgb = clip_test_image_to_rgb (image);
    const float *expected = want->f32 + (gsize)i * 3 * edge * edge;

    if (g_strcmp0 (images[i], golden->except) == 0)
      continue;
    g_autofree guint32 *pixels = run (&spec, rgb);
    compare (pixels, expected, edge, golden->norm, images[i]);
    if (image->channels == 1) {
      g_autofree guint32 *from_gray = run (&spec, image);
      compare (from_gray, expected, edge, golden->norm, "gray");
    }
  }
}

/* A photograph, and what another project's CLIP preprocessing makes of it */
static void
test_photograph (void)
{
  const ClipPreprocessSpec spec = { .resize_edge = 224, .crop_size = 224, .patch_size = 32 };
  g_autofree gchar *path = clip_test_data ("data/reference/franz_kafka_clip224_expected.npy");
  g_autoptr (GError) error = NULL;

  if (!can_run (".jpg"))
    return;
  if (!path) {
    g_test_skip ("no photograph among the test data");
    return;
  }
  g_autoptr (ClipTestNpy) want = clip_test_npy_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (want->n_items, ==, 3 * 224 * 224);
  g_autoptr (ClipTestImage) image = load_image ("data/images/franz-kafka.jpg");
  g_autofree guint32 *pixels = run (&spec, image);
  compare (pixels, want->f32, 224, &norm_clip, "franz-kafka");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, &error);

  if (gpu)
    kernels = clip_kernels_new (gpu, CLIP_WEIGHTS_F32, &error);
  for (guint i = 0; i < G_N_ELEMENTS (goldens); i++) {
    g_autofree gchar *name = g_strdup_printf ("/preprocess/%s", goldens[i].file);
    g_test_add_data_func (name, &goldens[i], test_golden);
  }
  g_test_add_func ("/preprocess/photograph", test_photograph);
  const int result = g_test_run ();
  clip_kernels_free (kernels);
  return result;
}
