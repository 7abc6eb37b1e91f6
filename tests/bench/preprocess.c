/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-preprocess: from a frame's bytes to patches, in process CPU milliseconds.
 *
 * Of a warm engine: the copy to staging and the GPU's part (on a CPU device: all threads), each the
 * least and the median of many runs. The first run is printed too: it compiles.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gst-clip/kernels/preprocess.h"

#define MAX_RUNS 999
#define EDGE     224
#define PATCH    32

typedef struct {
  gint width, height, runs;
} Options;

typedef struct {
  ClipGpu *gpu;
  ClipKernels *kernels;
  ClipPreprocess *pre;
  ClipGpuBuffer *out;
  ClipGpuRecording *rec;
} Bench;

static gdouble
cpu_ms (void)
{
  struct timespec t;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return 1e3 * t.tv_sec + 1e-6 * t.tv_nsec;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const gdouble x = *(const gdouble *)a, y = *(const gdouble *)b;

  return (x > y) - (x < y);
}

static void
print (const gchar *what, gdouble *ms, gint n)
{
  qsort (ms, n, sizeof (*ms), compare);
  g_print ("%s, CPU ms: least %.2f, median %.2f\n", what, ms[0], ms[n / 2]);
}

static gboolean
make (Bench *b, const ClipFrameInfo *info, GError **error)
{
  const ClipPreprocessSpec spec = { .resize_edge = EDGE, .crop_size = EDGE, .patch_size = PATCH };
  const guint side = EDGE / PATCH, cols = 3 * PATCH * PATCH;

  if (!(b->gpu = clip_gpu_new (NULL, error))
      || !(b->kernels = clip_kernels_new (b->gpu, CLIP_WEIGHTS_F32, error))
      || !(b->pre = clip_preprocess_new (b->kernels, &spec, info, error)))
    return FALSE;
  b->out = clip_gpu_buffer_new (b->gpu, CLIP_GPU_MEMORY_DEVICE,
                                clip_matrix_bytes (side * side, cols), "patches", error);
  if (!b->out)
    return FALSE;
  const ClipMatrix patches = { b->out->address, side * side, cols, clip_ld (cols) };

  b->rec = clip_gpu_recording_new (b->gpu, "preprocess");
  clip_gpu_recording_begin (b->rec);
  clip_kernel_preprocess (b->kernels, b->rec, b->pre, &patches, 0);
  return clip_gpu_recording_end (b->rec, error);
}

static gboolean
run_once (Bench *b, gdouble *ms, GError **error)
{
  const gdouble start = cpu_ms ();
  const guint64 value = clip_gpu_submit (b->gpu, &b->rec, 1, error);

  if (!value || !clip_gpu_wait (b->gpu, value, G_MAXUINT64, error))
    return FALSE;
  *ms = cpu_ms () - start;
  return TRUE;
}

static gboolean
measure (Bench *b, const ClipFrameInfo *info, gint runs, GError **error)
{
  const gsize luma = (gsize)info->width * info->height, bytes = luma * 2;
  g_autofree guint8 *frame = g_malloc (bytes);
  const gint stride = (gint)info->width;
  const ClipFramePlanes planes = { { frame, frame + luma }, { stride, stride } };
  g_autofree gdouble *load = g_new (gdouble, runs), *run = g_new (gdouble, runs);
  gdouble first;

  for (gsize i = 0; i < bytes; i++)
    frame[i] = (guint8)(i * 2654435761u >> 24);

  const gdouble start = cpu_ms ();
  if (!make (b, info, error) || !run_once (b, &first, error))
    return FALSE;
  g_print ("%s, %s\nfirst run, CPU ms: %.0f\n", clip_gpu_info (b->gpu)->name,
           clip_gpu_info (b->gpu)->driver, cpu_ms () - start);
  for (gint i = 0; i < runs; i++) {
    const gdouble before = cpu_ms ();
    clip_preprocess_load (b->pre, &planes);
    load[i] = cpu_ms () - before;
    if (!run_once (b, &run[i], error))
      return FALSE;
  }
  print ("copy to staging", load, runs);
  print ("preprocessing", run, runs);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options o = { 1920, 1080, 99 };
  const GOptionEntry entries[] = {
    { "width", 'w', 0, G_OPTION_ARG_INT, &o.width, "of the NV12 frame (default 1920)", "PIXELS" },
    { "height", 'h', 0, G_OPTION_ARG_INT, &o.height, "(default 1080)", "PIXELS" },
    { "runs", 'n', 0, G_OPTION_ARG_INT, &o.runs, "default 99", "N" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  Bench b = { 0 };

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  if (o.width < 2 || o.height < 2 || o.width % 2 || o.height % 2 || o.runs < 1
      || o.runs > MAX_RUNS) {
    g_printerr ("sides must be even, runs in 1..%d\n", MAX_RUNS);
    return 2;
  }
  const ClipFrameInfo info = {
    .format = CLIP_PIXEL_NV12,
    .width = o.width,
    .height = o.height,
    .par_n = 1,
    .par_d = 1,
    .matrix = CLIP_MATRIX_BT709,
    .chroma_site = CLIP_CHROMA_H_COSITED,
  };
  const gboolean ok = measure (&b, &info, o.runs, &error);
  if (!ok)
    g_printerr ("%s\n", error->message);
  clip_gpu_recording_free (b.rec);
  clip_gpu_buffer_free (b.out);
  clip_preprocess_free (b.pre);
  clip_kernels_free (b.kernels);
  clip_gpu_free (b.gpu);
  return ok ? 0 : 1;
}
