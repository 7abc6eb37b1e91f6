/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-memory: what an engine takes, both towers at their full size: seconds to open it, device
 * memory by kind, and what the process grows by. One engine a process: memory that was given back
 * would be counted for the next one.
 */
#include <string.h>

#include "gst-clip/engine/internal.h"
#include "tests/bench/common/net.h"
#include "tests/bench/common/report.h"

typedef struct {
  gchar *model, *precision, *json;
} Options;

/* Bytes; @other: tables, frames, texts, results. */
typedef struct {
  guint64 all, weights, activations, other, resident_before, resident, anonymous;
} Memory;

static Memory
memory_of (ClipEngine *e, guint64 resident_before)
{
  const ClipModelConfig *config = clip_model_config (e->model);
  const ClipActivations *a = e->activations;
  const ClipGpuBuffer *buffers[] = { a->x, a->x2, a->y, a->z, a->h, a->scratch, a->stats };
  Memory m = { .all = clip_engine_memory_bytes (e),
               .weights = clip_tower_weights_bytes (e->kernels, config, TRUE)
                          + clip_tower_weights_bytes (e->text_kernels, config, FALSE),
               .resident_before = resident_before,
               .resident = bench_resident_bytes (),
               .anonymous = bench_anonymous_bytes () };

  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    m.activations += buffers[i] ? buffers[i]->allocated : 0;
  m.other = m.all - m.weights - m.activations;
  return m;
}

static void
report (BenchReport *r, const Options *o, const ClipEngine *e, gdouble open_s, const Memory *m)
{
  bench_print (r,
               "\nAn engine with both towers, MB (10^6 bytes); opened with the caches as they are, "
               "the model's file in memory.\nAnonymous: the part that no file backs (a driver's "
               "libraries are files).\n"
               "%33s%39s %30s\n%-14s %-9s %7s %8s %8s %12s %8s %9s %9s %10s\n",
               "", "device memory", "process, resident", "model", "precision", "open, s", "all",
               "weights", "activations", "other", "before", "after", "anonymous");
  bench_print (r, "%-14s %-9s %7.2f %8.1f %8.1f %12.1f %8.1f %9.1f %9.1f %10.1f\n", o->model,
               o->precision, open_s, m->all / 1e6, m->weights / 1e6, m->activations / 1e6,
               m->other / 1e6, m->resident_before / 1e6, m->resident / 1e6, m->anonymous / 1e6);
  if (clip_gpu_info (e->gpu)->is_cpu)
    bench_print (r, "Device memory is the process's own here.\n");
  bench_line_begin (r, "memory");
  bench_line_string (r, "model", o->model);
  bench_line_string (r, "family", e->kernels->family->name);
  bench_line_string (r, "precision", bench_precision_name (e->kernels->weights));
  bench_line_number (r, "open_s", open_s);
  bench_line_number (r, "device_bytes", m->all);
  bench_line_number (r, "weights_bytes", m->weights);
  bench_line_number (r, "activations_bytes", m->activations);
  bench_line_number (r, "other_bytes", m->other);
  bench_line_number (r, "resident_before_bytes", m->resident_before);
  bench_line_number (r, "resident_bytes", m->resident);
  bench_line_number (r, "anonymous_bytes", m->anonymous);
  bench_line_end (r);
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (BenchModel) model = bench_model_new (o->model, TRUE, error);
  const guint64 before = bench_resident_bytes ();
  const gdouble start = bench_wall_seconds ();

  if (!model)
    return FALSE;
  const ClipEngineConfig config = { model->dir, NULL,
                                    strcmp (o->precision, "fp16") ? CLIP_PRECISION_FP32
                                                                  : CLIP_PRECISION_FP16 };
  g_autoptr (ClipEngine) engine = clip_engine_open (&config, NULL, NULL, NULL, error);
  const gdouble open_s = bench_wall_seconds () - start;
  g_autoptr (BenchReport) r =
      engine ? bench_report_new (o->json, clip_gpu_info (engine->gpu), error) : NULL;
  if (!r)
    return FALSE;
  const Memory memory = memory_of (engine, before);
  bench_print_device (r);
  report (r, o, engine, open_s, &memory);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options o = { NULL };
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_STRING, &o.model, "architecture (default vit-b-32)", "NAME" },
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &o.precision, "fp32 (default) or fp16", "NAME" },
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
  if (run (&o, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
