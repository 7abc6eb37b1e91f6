/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-preprocess: from a frame's bytes to patches, by frame size: the copy to staging memory and
 * the device's part, each by itself. The first run is shown too: it compiles, or finds what an
 * earlier one compiled. With --regions, the sizes are those of a rectangle in the middle of a frame, and
 * what it costs to aim at another size is shown too.
 */
#include <stdio.h>

#include "gst-clip/kernels/preprocess.h"
#include "tests/bench/common/device.h"
#include "tests/bench/common/report.h"

#define EDGE  224
#define PATCH 32

/* --regions: pixels around the rectangle, and how many sizes are aimed at */
#define AROUND 32
#define SIZES  64

typedef struct {
  gchar *sizes, *json;
  gint runs;
  gboolean regions;
} Options;

/* One frame size. */
typedef struct {
  ClipPreprocess *pre;
  ClipGpuBuffer *out;
  ClipMatrix patches;
  ClipGpuRecording *rec;
} Stage;

static void
stage_clear (Stage *s)
{
  clip_gpu_recording_free (s->rec);
  clip_gpu_buffer_free (s->out);
  clip_preprocess_free (s->pre);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Stage, stage_clear)

static gboolean
stage_record (Stage *s, ClipKernels *kernels, GError **error)
{
  clip_gpu_recording_begin (s->rec);
  clip_gpu_recording_mark (s->rec, "preprocess");
  clip_kernel_preprocess (kernels, s->rec, s->pre, &s->patches, 0);
  return clip_gpu_recording_end (s->rec, error);
}

static gboolean
stage_aim (Stage *s, ClipKernels *kernels, guint width, guint height, GError **error)
{
  const ClipRect rect = { AROUND, AROUND, width, height };
  gboolean stale;

  return clip_preprocess_set_view (s->pre, &rect, CLIP_RESIZE_SHORTEST_EDGE, EDGE, &stale, error)
         && (!stale || stage_record (s, kernels, error));
}

static gboolean
stage_init (Stage *s, ClipKernels *kernels, guint width, guint height, gboolean region,
            GError **error)
{
  const ClipPreprocessSpec spec = { .resize_edge = EDGE, .crop_size = EDGE, .patch_size = PATCH };
  const ClipFrameInfo info = { .format = CLIP_PIXEL_NV12,
                               .width = width + (region ? 2 * AROUND : 0),
                               .height = height + (region ? 2 * AROUND : 0),
                               .par_n = 1,
                               .par_d = 1,
                               .matrix = CLIP_MATRIX_BT709,
                               .chroma_site = CLIP_CHROMA_H_COSITED };
  const guint side = EDGE / PATCH, cols = 3 * PATCH * PATCH;
  ClipGpu *gpu = clip_kernels_gpu (kernels);

  if (!(s->pre = clip_preprocess_new (kernels, &spec, &info, error)))
    return FALSE;
  s->out = clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, clip_matrix_bytes (side * side, cols),
                                "patches", error);
  if (!s->out)
    return FALSE;
  s->patches = (ClipMatrix){ s->out->address, side * side, cols, clip_ld (cols) };
  s->rec = clip_gpu_recording_new (gpu, "preprocess");
  return region ? stage_aim (s, kernels, width, height, error) : stage_record (s, kernels, error);
}

/* Mean of SIZES sizes, in seconds: taps, tables and a recording; @again: with taps that are known. */
static gboolean
measure_aim (BenchReport *r, Stage *s, ClipKernels *kernels, guint width, guint height,
             GError **error)
{
  gdouble seconds[2];

  for (guint pass = 0; pass < 2; pass++) {
    BenchTimes t = bench_begin ();
    for (guint i = 0; i < SIZES; i++)
      if (!stage_aim (s, kernels, MAX (width, 2 * SIZES) - i, MAX (height, 2 * SIZES) - i, error))
        return FALSE;
    bench_end (&t);
    seconds[pass] = t.wall / SIZES;
  }
  bench_print (r, "%11s %.1f us for a new size, %.1f us for one that is known\n",
               "aiming:", 1e6 * seconds[0], 1e6 * seconds[1]);
  bench_line_begin (r, "preprocess-aim");
  bench_line_number (r, "width", width);
  bench_line_number (r, "height", height);
  bench_line_number (r, "new_us", 1e6 * seconds[0]);
  bench_line_number (r, "known_us", 1e6 * seconds[1]);
  bench_line_end (r);
  return TRUE;
}

typedef struct {
  ClipPreprocess *pre;
  const ClipFramePlanes *planes;
} Load;

/* A BenchOther */
static void
load (gpointer data)
{
  const Load *l = data;

  clip_preprocess_load (l->pre, l->planes);
}

static void
report (BenchReport *r, guint width, guint height, gdouble first, const BenchSamples *s)
{
  const BenchSpread copy = bench_samples_other (s, BENCH_CPU);
  const BenchSpread cpu = bench_samples_spread (s, BENCH_CPU);
  const BenchSpread wall = bench_samples_spread (s, BENCH_WALL);
  const BenchSpread device = bench_samples_spread (s, BENCH_GPU);
  g_autofree gchar *size = g_strdup_printf ("%ux%u", width, height);

  bench_print (r, "%11s %7.0f %7u %8.2f %8.2f %8.2f %8.2f %8.2f %8.2f\n", size, 1e3 * first, s->n,
               1e3 * copy.median, 1e3 * cpu.min, 1e3 * cpu.median, 1e3 * cpu.max, 1e3 * wall.median,
               1e3 * device.median);
  bench_line_begin (r, "preprocess");
  bench_line_number (r, "width", width);
  bench_line_number (r, "height", height);
  bench_line_string (r, "format", "NV12");
  bench_line_number (r, "runs", s->n);
  bench_line_number (r, "first_ms", 1e3 * first);
  bench_line_spread (r, "copy_cpu_ms", copy, 1e3);
  bench_line_spread (r, "cpu_ms", cpu, 1e3);
  bench_line_spread (r, "wall_ms", wall, 1e3);
  bench_line_spread (r, "device_ms", device, 1e3);
  bench_line_end (r);
}

static gboolean
measure (BenchReport *r, ClipKernels *kernels, const Options *o, const gchar *text, GError **error)
{
  guint width = 0, height = 0;
  g_auto (Stage) stage = { NULL };
  BenchTimes first = bench_begin (), unused;
  BenchSamples samples;

  if (sscanf (text, "%ux%u", &width, &height) != 2 || width % 2 || height % 2) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "no size of even sides as in 640x480: \"%s\"", text);
    return FALSE;
  }
  ClipGpu *gpu = clip_kernels_gpu (kernels);
  if (!stage_init (&stage, kernels, width, height, o->regions, error)
      || !bench_run (gpu, stage.rec, &unused, error))
    return FALSE;
  bench_end (&first);

  const gint stride = (gint)width + (o->regions ? 2 * AROUND : 0);
  const gsize luma = (gsize)stride * (height + (o->regions ? 2 * AROUND : 0));
  g_autofree guint8 *frame = g_malloc (2 * luma);
  const ClipFramePlanes planes = { { frame, frame + luma }, { stride, stride } };
  Load l = { stage.pre, &planes };
  for (gsize i = 0; i < 2 * luma; i++)
    frame[i] = (guint8)(i * 2654435761u >> 24);
  if (!bench_sample (gpu, stage.rec, o->runs, 0, load, &l, &samples, error))
    return FALSE;
  report (r, width, height, first.wall, &samples);
  return !o->regions || measure_aim (r, &stage, kernels, width, height, error);
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, error);
  g_autoptr (ClipKernels) kernels = gpu ? clip_kernels_new (gpu, CLIP_WEIGHTS_F32, error) : NULL;
  g_autoptr (BenchReport) r =
      kernels ? bench_report_new (o->json, clip_gpu_info (gpu), error) : NULL;
  g_auto (GStrv) sizes = g_strsplit (o->sizes, ",", -1);

  if (!r)
    return FALSE;
  bench_print_device (r);
  bench_print (
      r,
      "\nNV12 frames to %u x %u pixels in patches of %u, ms. CPU: of the process, all "
      "threads; copy: to staging\nmemory, apart from the rest; device: the device's clock; "
      "first: wall, with pipelines that may have to be compiled.\n"
      "%36s %8s %17s %8s %8s\n%11s %7s %7s %8s %8s %8s %8s %8s %8s\n",
      EDGE, EDGE, PATCH, "copy,", "CPU,", "", "wall,", "device,", "frame", "first", "runs", "CPU",
      "least", "median", "most", "median", "median");
  for (guint i = 0; sizes[i]; i++)
    if (!measure (r, kernels, o, sizes[i], error))
      return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options o = { .runs = 99 };
  const GOptionEntry entries[] = {
    { "sizes", 0, 0, G_OPTION_ARG_STRING, &o.sizes,
      "default 320x240,640x480,1280x720,1920x1080,3840x2160", "SIZES" },
    { "runs", 'n', 0, G_OPTION_ARG_INT, &o.runs, "default 99", "N" },
    { "regions", 'r', 0, G_OPTION_ARG_NONE, &o.regions, "of a part of a frame", NULL },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &o.json, "append JSON lines; - is stdout", "FILE" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  if (o.runs < 1 || o.runs > BENCH_MAX_SAMPLES) {
    g_printerr ("runs must be in 1..%d\n", BENCH_MAX_SAMPLES);
    return 2;
  }
  bench_set_default (&o.sizes, "320x240,640x480,1280x720,1920x1080,3840x2160");
  if (run (&o, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
