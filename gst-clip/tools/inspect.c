/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gst-clip-inspect: what a model folder holds, what is wrong with it, and with --check whether and
 * how fast it runs. */
#include "gst-clip/engine/inspect.h"

#include <locale.h>
#include <time.h>
#include "gst-clip/engine/engine.h"
#include "gst-clip/gpu/gpu.h"

#define FRAME_WIDTH  640
#define FRAME_HEIGHT 480
#define N_FRAMES     5

#define TRY_HELP "Try 'gst-clip-inspect --help'.\n"

static gboolean check, version;
static gchar *device, *precision;

static const GOptionEntry entries[] = {
  { "check", 'c', 0, G_OPTION_ARG_NONE, &check, "Run both towers; print device, time and memory",
    NULL },
  { "device", 'd', 0, G_OPTION_ARG_STRING, &device,
    "With --check: part of a Vulkan device's name, its UUID or index", "DEVICE" },
  { "precision", 'p', 0, G_OPTION_ARG_STRING, &precision,
    "With --check: auto (the default), fp32, fp16 or int8", "PRECISION" },
  { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
  { NULL },
};

static void G_GNUC_PRINTF (2, 3) line (const gchar *name, const gchar *format, ...)
{
  g_autofree gchar *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_print ("  %-14s %s\n", name, text);
}

/* What it holds ---------------------------------------------------------- */

static void
print_tower (const gchar *name, const ClipTowerConfig *tower, const gchar *rest)
{
  line (name, "transformer of %u layers, width %u, %u head%s of %u, MLP %u; %s", tower->layers,
        tower->width, tower->heads, tower->heads == 1 ? "" : "s", tower->head_dim, tower->mlp,
        rest);
}

static void
print_towers (const ClipModelConfig *c)
{
  g_autofree gchar *image = NULL, *text = NULL;

  switch (c->vision_kind) {
  case CLIP_TOWER_VIT:
    image = g_strdup_printf ("%ux%u pixels in patches of %u%s, %u tokens", c->image_size,
                             c->image_size, c->patch_size,
                             c->conv_stem ? " by three convolutions" : "", c->vision_tokens);
    print_tower ("images", &c->vision, image);
    break;
  case CLIP_TOWER_RESNET:
    line ("images",
          "ResNet of %u, %u, %u and %u blocks, width %u, attention pool of %u heads; "
          "%ux%u pixels",
          c->resnet.layers[0], c->resnet.layers[1], c->resnet.layers[2], c->resnet.layers[3],
          c->resnet.width, c->resnet.heads, c->image_size, c->image_size);
    break;
  case CLIP_TOWER_FASTVIT:
    line ("images", "FastViT of %u, %u, %u and %u blocks, width %u to %u; %ux%u pixels",
          c->fastvit.layers[0], c->fastvit.layers[1], c->fastvit.layers[2], c->fastvit.layers[3],
          c->fastvit.width, 8 * c->fastvit.width, c->image_size, c->image_size);
    break;
  }
  text = g_strdup_printf ("%u tokens%s", c->context, c->causal ? ", causal" : "");
  print_tower ("texts", &c->text, text);
  line ("embeddings", "%u features", c->projection);
}

static void
print_preprocessing (const ClipModelConfig *c)
{
  const ClipPreprocessSpec *spec = &c->preprocess;
  const gchar *filter = spec->filter == CLIP_FILTER_BILINEAR ? "bilinear" : "bicubic";

  if (spec->resize == CLIP_RESIZE_SQUASH)
    line ("preprocessing", "squashed to %ux%u, %s", spec->crop_size, spec->crop_size, filter);
  else
    line ("preprocessing", "shortest edge to %u, %s, %ux%u cut out of the middle",
          spec->resize_edge, filter, spec->crop_size, spec->crop_size);
  line ("", "mean %.4g %.4g %.4g, deviation %.4g %.4g %.4g", c->mean[0], c->mean[1], c->mean[2],
        c->std[0], c->std[1], c->std[2]);
}

static void
print_weights (const ClipInspection *i)
{
  g_autofree gchar *name = g_path_get_basename (i->weights),
                   *size = g_format_size (i->weight_bytes);

  if (i->n_files > 1)
    line ("weights", "%s of %u files, %s, %s", name, i->n_files, i->dtypes, size);
  else
    line ("weights", "%s, %s, %s", name, i->dtypes, size);
  line ("parameters", "%.1f million (images %.1f, texts and the rest %.1f)",
        (i->image_parameters + i->text_parameters) / 1e6, i->image_parameters / 1e6,
        i->text_parameters / 1e6);
}

static void
print_inspection (const ClipInspection *i)
{
  static const gchar *const layouts[] = { "Hugging Face's layout", "open_clip's layout",
                                          "open_clip's layout, image tower of timm" };

  g_print ("%s\n", i->path);
  if (i->have_config) {
    line ("family", "%s, %s", clip_inspection_family (i), layouts[i->config.layout]);
    print_towers (&i->config);
    print_preprocessing (&i->config);
  }
  if (i->tokenizer)
    line ("tokenizer", "%s", i->tokenizer);
  if (i->weights)
    print_weights (i);
  if (i->have_config && i->image_flops > 0)
    line ("GFLOP", "%.3g a frame, %.3g a text", i->image_flops / 1e9, i->text_flops / 1e9);
  for (guint p = 0; p < i->problems->len; p++)
    line (p == 0 ? "problems" : "", "%s", (const gchar *)i->problems->pdata[p]);
}

/* --check ---------------------------------------------------------------- */

static gboolean
parse_precision (ClipPrecision *value)
{
  static const gchar *const names[] = { "auto", "fp32", "fp16", "int8", NULL };

  for (guint i = 0; names[i]; i++) {
    if (!precision || g_str_equal (precision, names[i])) {
      *value = (ClipPrecision)i;
      return TRUE;
    }
  }
  g_printerr ("gst-clip-inspect: no such precision: %s (auto, fp32, fp16, int8)\n" TRY_HELP,
              precision);
  return FALSE;
}

static gdouble
seconds_since (gint64 start)
{
  return (gdouble)(g_get_monotonic_time () - start) * 1e-6;
}

/* The quickest of a few frames, and what it took of the processor, in seconds. */
static gboolean
run_frames (ClipJob *job, ClipTexts *texts, gdouble *best, gdouble *best_cpu, GError **error)
{
  g_autofree guint8 *pixels = g_malloc (3 * FRAME_WIDTH * FRAME_HEIGHT);
  const ClipFramePlanes planes = { .data = { pixels }, .stride = { 3 * FRAME_WIDTH } };
  float similarities[2];

  for (guint i = 0; i < 3 * FRAME_WIDTH * FRAME_HEIGHT; i++)
    pixels[i] = (guint8)((i * 2654435761u) >> 24);
  *best = *best_cpu = G_MAXDOUBLE;
  for (guint i = 0; i < N_FRAMES; i++) {
    gint64 start = g_get_monotonic_time ();
    clock_t cpu = clock ();

    clip_job_load (job, &planes);
    if (!clip_job_run (job, texts, similarities, NULL, error))
      return FALSE;
    *best = MIN (*best, seconds_since (start));
    *best_cpu = MIN (*best_cpu, (gdouble)(clock () - cpu) / CLOCKS_PER_SEC);
  }
  return TRUE;
}

static gboolean
run (const gchar *path, ClipPrecision wanted, GError **error)
{
  static const gchar *const labels[] = { "a photo of a dog", "a photo of a cat", NULL };
  const ClipEngineConfig config = { .model = path, .device = device, .precision = wanted };
  const ClipFrameInfo info = {
    .format = CLIP_PIXEL_RGB, .width = FRAME_WIDTH, .height = FRAME_HEIGHT, .par_n = 1, .par_d = 1
  };
  g_autoptr (ClipEngine) engine = NULL;
  g_autoptr (ClipPromptSet) prompts = NULL;
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autofree gchar *memory = NULL;
  gint64 start = g_get_monotonic_time ();
  gdouble opened, encoded, frame, cpu;

  engine = clip_engine_open (&config, NULL, NULL, NULL, error);
  if (!engine)
    return FALSE;
  opened = seconds_since (start);
  start = g_get_monotonic_time ();
  prompts = clip_prompt_set_from_list (labels, NULL, error);
  if (!prompts)
    return FALSE;
  texts = clip_texts_new (engine, prompts, NULL, FALSE, NULL, NULL, NULL, NULL, error);
  encoded = seconds_since (start);
  job = texts ? clip_job_new (engine, &info, error) : NULL;
  if (!job || !run_frames (job, texts, &frame, &cpu, error))
    return FALSE;
  memory = g_format_size (clip_engine_memory_bytes (engine));
  line ("device", "%s (%s)", clip_engine_device_name (engine),
        clip_gpu_info (clip_engine_gpu (engine))->driver);
  line ("time", "%.2f s to open, %.1f ms for two texts", opened, 1e3 * encoded);
  line ("", "%.1f ms a frame of %dx%d, of which the processor worked %.1f ms", 1e3 * frame,
        FRAME_WIDTH, FRAME_HEIGHT, 1e3 * cpu);
  line ("memory", "%s on the device", memory);
  return TRUE;
}

static gboolean
check_runs (const gchar *path, ClipPrecision wanted)
{
  g_autoptr (GError) error = NULL;

  if (run (path, wanted, &error))
    return TRUE;
  line ("problem", "%s", error->message);
  return FALSE;
}

/* ------------------------------------------------------------------------ */

/* 0, or the exit status for wrong use. */
static int
parse_arguments (int *argc, char ***argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("[MODEL]");
  g_autoptr (GError) error = NULL;

  g_option_context_set_summary (
      context,
      "Prints what a model holds and what is wrong with it. MODEL is a folder or a name, as\n"
      "in clipfilter's property; without it, the built-in model.");
  g_option_context_set_description (
      context, "Exit status: 0 if the model can be used, 1 if not, 2 wrong use.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, argc, argv, &error) && *argc <= 2)
    return 0;
  g_printerr ("gst-clip-inspect: %s\n" TRY_HELP, error ? error->message : "one model at a time");
  return 2;
}

int
main (int argc, char **argv)
{
  g_autoptr (ClipInspection) inspection = NULL;
  ClipPrecision wanted = CLIP_PRECISION_AUTO;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *path = NULL;
  int status;

  setlocale (LC_ALL, "");
  status = parse_arguments (&argc, &argv);
  if (status != 0 || !parse_precision (&wanted))
    return 2;
  if (version) {
    g_print ("gst-clip-inspect %s\n", PACKAGE_VERSION);
    return 0;
  }
  path = argc == 2 ? clip_model_find (argv[1], &error) : NULL;
  if (error) {
    g_printerr ("gst-clip-inspect: %s\n", error->message);
    return 1;
  }
  inspection = clip_inspect (path);
  print_inspection (inspection);
  if (inspection->problems->len > 0)
    return 1;
  return !check || check_runs (path, wanted) ? 0 : 1;
}
