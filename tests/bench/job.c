/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-job: one image from its bytes to its scores, as the element runs it: by frame size and by
 * number of prompts; and a row of images, with one or more of them on their way at a time.
 *
 * The vision tower is the architecture's; the text tower is small, so that thousands of prompts are
 * encoded in no time: scoring does not see where embeddings come from.
 */
#include <stdio.h>
#include <string.h>

#include "gst-clip/engine/internal.h"
#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

typedef struct {
  gchar *model, *precision, *prompts, *sizes, *json;
  gint runs, top_k;
} Options;

typedef struct {
  const Options *options;
  ClipEngine *engine;
  BenchReport *report;
  const gchar *model;
} Bench;

/* Stages of one run, ms by the device's clock; load and total by the host's. */
enum { LOAD, PREPROCESS, ENCODE, SCORE, TOTAL, N_STAGES };
typedef struct {
  gdouble ms[N_STAGES][BENCH_MAX_SAMPLES];
} Stages;

static void
common_fields (const Bench *b, const gchar *bench)
{
  bench_line_begin (b->report, bench);
  bench_line_string (b->report, "model", b->model);
  bench_line_string (b->report, "family", b->engine->kernels->family->name);
  bench_line_string (b->report, "precision", bench_precision_name (b->engine->kernels->weights));
}

/* One frame -------------------------------------------------------------- */

typedef struct {
  ClipFrameInfo info;
  guint8 *bytes;
  ClipFramePlanes planes;
} Frame;

static void
frame_init (Frame *f, guint width, guint height)
{
  const gsize luma = (gsize)width * height;

  f->info = (ClipFrameInfo){ .format = CLIP_PIXEL_NV12,
                             .width = width,
                             .height = height,
                             .par_n = 1,
                             .par_d = 1,
                             .matrix = CLIP_MATRIX_BT709,
                             .chroma_site = CLIP_CHROMA_H_COSITED };
  f->bytes = g_malloc (2 * luma);
  f->planes = (ClipFramePlanes){ { f->bytes, f->bytes + luma }, { width, width } };
  for (gsize i = 0; i < 2 * luma; i++)
    f->bytes[i] = (guint8)(i * 2654435761u >> 24);
}

static void
frame_clear (Frame *f)
{
  g_free (f->bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Frame, frame_clear)

/* One job ---------------------------------------------------------------- */

static void
keep_times (const ClipJobTimes *t, guint i, Stages *s)
{
  const guint64 ns[N_STAGES] = { t->load, t->preprocess, t->encode, t->score, t->total };

  for (guint k = 0; k < N_STAGES; k++)
    s->ms[k][i] = ns[k] * 1e-6;
}

static gboolean
run_job (const Bench *b, ClipTexts *texts, guint width, guint height, Stages *stages,
         BenchSamples *samples, GError **error)
{
  g_auto (Frame) frame = { .bytes = NULL };

  frame_init (&frame, width, height);
  g_autoptr (ClipJob) job = clip_job_new (b->engine, &frame.info, error);
  if (!job)
    return FALSE;
  clip_job_rank (job, b->options->top_k);
  samples->n = b->options->runs;
  for (gint i = -1; i < b->options->runs; i++) { /* the first one compiles */
    const guint at = MAX (i, 0);

    samples->runs[at] = bench_begin ();
    clip_job_load (job, &frame.planes);
    if (!clip_job_run (job, texts, NULL, NULL, error))
      return FALSE;
    bench_end (&samples->runs[at]);
    const ClipJobTimes times = clip_job_times (job);
    keep_times (&times, at, stages);
  }
  return TRUE;
}

static ClipTexts *
make_texts (const Bench *b, guint n, GError **error)
{
  g_auto (GStrv) labels = g_new0 (gchar *, n + 1);

  for (guint i = 0; i < n; i++)
    labels[i] = g_strdup_printf ("%u", i);
  g_autoptr (ClipPromptSet) set =
      clip_prompt_set_from_list ((const gchar *const *)labels, NULL, error);
  return set ? clip_texts_new (b->engine, set, NULL, FALSE, NULL, NULL, NULL, NULL, error) : NULL;
}

static BenchSpread
stage (Stages *s, guint k, guint n)
{
  return bench_spread (s->ms[k], n);
}

/* Tables ----------------------------------------------------------------- */

static gboolean
measure_prompts (const Bench *b, guint n, GError **error)
{
  const guint size = clip_model_config (b->engine->model)->image_size;
  g_autoptr (ClipTexts) texts = make_texts (b, n, error);
  g_autofree Stages *s = g_new0 (Stages, 1);
  g_autofree BenchSamples *samples = g_new0 (BenchSamples, 1);

  if (!texts || !run_job (b, texts, size, size, s, samples, error))
    return FALSE;
  const BenchSpread score = stage (s, SCORE, samples->n), encode = stage (s, ENCODE, samples->n);
  const BenchSpread total = stage (s, TOTAL, samples->n);
  bench_print (b->report, "%8u %10.3f %10.3f %10.3f %14.2f %%\n", n, score.median, encode.median,
               total.median, 100 * score.median / encode.median);
  common_fields (b, "prompts");
  bench_line_number (b->report, "prompts", n);
  bench_line_number (b->report, "top_k", b->options->top_k);
  bench_line_spread (b->report, "score_ms", score, 1);
  bench_line_spread (b->report, "encode_ms", encode, 1);
  bench_line_spread (b->report, "total_ms", total, 1);
  bench_line_number (b->report, "score_share", score.median / encode.median);
  bench_line_end (b->report);
  return TRUE;
}

static gboolean
measure_size (const Bench *b, const gchar *size, GError **error)
{
  guint width = 0, height = 0;
  g_autofree Stages *s = g_new0 (Stages, 1);
  g_autofree BenchSamples *samples = g_new0 (BenchSamples, 1);

  if (sscanf (size, "%ux%u", &width, &height) != 2 || width % 2 || height % 2) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "no size of even sides as in 640x480: \"%s\"", size);
    return FALSE;
  }
  g_autoptr (ClipTexts) texts = make_texts (b, 2, error);
  if (!texts || !run_job (b, texts, width, height, s, samples, error))
    return FALSE;
  const BenchSpread load = stage (s, LOAD, samples->n), pre = stage (s, PREPROCESS, samples->n);
  const BenchSpread encode = stage (s, ENCODE, samples->n), total = stage (s, TOTAL, samples->n);
  const BenchSpread cpu = bench_samples_spread (samples, BENCH_CPU);
  bench_print (b->report, "%12s %10.3f %10.3f %10.3f %10.3f %10.3f\n", size, load.median,
               pre.median, encode.median, total.median, 1e3 * cpu.median);
  common_fields (b, "frame");
  bench_line_number (b->report, "width", width);
  bench_line_number (b->report, "height", height);
  bench_line_spread (b->report, "load_ms", load, 1);
  bench_line_spread (b->report, "preprocess_ms", pre, 1);
  bench_line_spread (b->report, "encode_ms", encode, 1);
  bench_line_spread (b->report, "total_ms", total, 1);
  bench_line_spread (b->report, "cpu_ms", cpu, 1e3);
  bench_line_end (b->report);
  return TRUE;
}

/* Frames one after the other through @n jobs: the next one is loaded and started while the device is
 * busy with those before it. */
static gboolean
run_in_flight (const Bench *b, guint n, guint frames, BenchTimes *times, GError **error)
{
  g_autoptr (ClipTexts) texts = make_texts (b, 2, error);
  g_autoptr (GPtrArray) jobs = g_ptr_array_new_with_free_func ((GDestroyNotify)clip_job_free);
  g_auto (Frame) frame = { .bytes = NULL };

  frame_init (&frame, 1920, 1080);
  for (guint j = 0; texts && j < n; j++) {
    ClipJob *job = clip_job_new (b->engine, &frame.info, error);
    if (!job)
      return FALSE;
    g_ptr_array_add (jobs, job);
    clip_job_load (job, &frame.planes);
    if (!clip_job_run (job, texts, NULL, NULL, error)) /* compiles, records */
      return FALSE;
  }
  *times = bench_begin ();
  for (guint i = 0; texts && i < frames + n; i++) {
    ClipJob *job = jobs->pdata[i % n];

    if (i >= n && !clip_job_wait (job, NULL, NULL, error))
      return FALSE;
    if (i >= frames)
      continue;
    clip_job_load (job, &frame.planes);
    if (!clip_job_start (job, texts, error))
      return FALSE;
  }
  bench_end (times);
  return texts != NULL;
}

#define MAX_IN_FLIGHT 3

/* In turns: a machine that is busy with other things is it for all of them. */
static gboolean
measure_in_flight (const Bench *b, GError **error)
{
  BenchSamples samples[MAX_IN_FLIGHT] = { 0 };
  const guint frames = 6;
  const gint runs = MIN (b->options->runs, 5);

  for (gint run = 0; run < runs; run++)
    for (guint n = 1; n <= MAX_IN_FLIGHT; n++)
      if (!run_in_flight (b, n, frames, &samples[n - 1].runs[samples[n - 1].n++], error))
        return FALSE;
  bench_print (b->report,
               "\nms a frame (median) by jobs in flight, 1920x1080 NV12\n%8s %10s %10s\n", "jobs",
               "wall", "CPU");
  for (guint n = 1; n <= MAX_IN_FLIGHT; n++) {
    const BenchSpread wall = bench_samples_spread (&samples[n - 1], BENCH_WALL);
    const BenchSpread cpu = bench_samples_spread (&samples[n - 1], BENCH_CPU);

    bench_print (b->report, "%8u %10.3f %10.3f\n", n, 1e3 * wall.median / frames,
                 1e3 * cpu.median / frames);
    common_fields (b, "in-flight");
    bench_line_number (b->report, "jobs", n);
    bench_line_number (b->report, "frames", frames);
    bench_line_spread (b->report, "wall_ms", wall, 1e3 / frames);
    bench_line_spread (b->report, "cpu_ms", cpu, 1e3 / frames);
    bench_line_end (b->report);
  }
  return TRUE;
}

static gboolean
measure_all (const Bench *b, GError **error)
{
  g_autoptr (GArray) prompts = bench_parse_list (b->options->prompts, 1, 60000, error);
  g_auto (GStrv) sizes = g_strsplit (b->options->sizes, ",", -1);

  if (!prompts)
    return FALSE;
  bench_print (b->report,
               "\n%s, %s: one frame by number of prompts, ms by the device's clock, medians of %d "
               "runs\n%8s %10s %10s %10s %16s\n",
               b->model, b->options->precision, b->options->runs, "prompts", "scoring", "encoder",
               "all", "scoring/encoder");
  for (guint i = 0; i < prompts->len; i++)
    if (!measure_prompts (b, g_array_index (prompts, guint, i), error))
      return FALSE;
  bench_print (
      b->report,
      "\nThe same by frame size, NV12, 2 prompts. Copy: to staging memory, by the CPU. all: "
      "from the\nsubmission to the result. CPU: of the process, copy included.\n"
      "%12s %10s %10s %10s %10s %10s\n",
      "frame", "copy", "preprocess", "encoder", "all", "CPU");
  for (guint i = 0; sizes[i]; i++)
    if (!measure_size (b, sizes[i], error))
      return FALSE;
  return measure_in_flight (b, error);
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (BenchModel) model = bench_model_new (o->model, FALSE, error);

  if (!model)
    return FALSE;
  const ClipEngineConfig config = { model->dir, NULL,
                                    strcmp (o->precision, "fp16") ? CLIP_PRECISION_FP32
                                                                  : CLIP_PRECISION_FP16 };
  g_autoptr (ClipEngine) engine = clip_engine_open (&config, NULL, NULL, NULL, error);
  g_autoptr (BenchReport) r =
      engine ? bench_report_new (o->json, clip_gpu_info (engine->gpu), error) : NULL;
  if (!r)
    return FALSE;

  const Bench b = { o, engine, r, o->model };
  bench_print_device (r);
  return measure_all (&b, error);
}

int
main (int argc, char **argv)
{
  Options o = { .runs = 9, .top_k = 5 };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model, "architecture (default vit-b-32)", "NAME" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &o.precision, "fp32 (default) or fp16", "NAME" },
    { "prompts", 0, 0, G_OPTION_ARG_STRING, &o.prompts, "default 1,10,100,1000,10000", "NUMBERS" },
    { "sizes", 0, 0, G_OPTION_ARG_STRING, &o.sizes,
      "default 320x240,640x480,1280x720,1920x1080,3840x2160", "SIZES" },
    { "runs", 'n', 0, G_OPTION_ARG_INT, &o.runs, "default 9", "N" },
    { "top-k", 'k', 0, G_OPTION_ARG_INT, &o.top_k, "best labels to find (default 5, 0: none)",
      "N" },
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
  bench_set_default (&o.model, "vit-b-32");
  bench_set_default (&o.precision, "fp32");
  bench_set_default (&o.prompts, "1,10,100,1000,10000");
  bench_set_default (&o.sizes, "320x240,640x480,1280x720,1920x1080,3840x2160");
  if (o.runs < 1 || o.runs > BENCH_MAX_SAMPLES) {
    g_printerr ("runs must be in 1..%d\n", BENCH_MAX_SAMPLES);
    return 2;
  }
  if (run (&o, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
