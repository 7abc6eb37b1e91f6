/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * checkkernels: every variant of every kernel that this device can run, against the C reference.
 * Exits with 77 where there is no device. docs/testing.md has the whole story.
 */
#include "tests/kernels/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SKIP     77
#define MAX_PIPELINES 155

static const CheckKernel *const kernels[] = {
  &check_gemm,      &check_attention,  &check_layernorm, &check_l2norm,
  &check_attend,    &check_average,    &check_conv,      &check_unfold,
  &check_tokens,    &check_preprocess, &check_topk,      &check_difference,
  &check_depthwise, &check_excite,     &check_pool,      NULL,
};

typedef struct {
  gchar *kernel;
  gchar *variant;
  gchar *case_name;
  gint64 seed;
  gboolean bench, all, list;
} Arguments;

static void
arguments_clear (Arguments *arguments)
{
  g_free (arguments->kernel);
  g_free (arguments->variant);
  g_free (arguments->case_name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arguments, arguments_clear)

static gboolean
parse (Arguments *arguments, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "kernel", 'k', 0, G_OPTION_ARG_STRING, &arguments->kernel, "only this kernel", "NAME" },
    { "variant", 0, 0, G_OPTION_ARG_STRING, &arguments->variant,
      "only these variants; also those that do not run by themselves (best*)", "GLOB" },
    { "case", 'c', 0, G_OPTION_ARG_STRING, &arguments->case_name, "only these cases", "GLOB" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &arguments->seed, "other random values", "N" },
    { "bench", 0, 0, G_OPTION_ARG_NONE, &arguments->bench, "time each run", NULL },
    { "all", 0, 0, G_OPTION_ARG_NONE, &arguments->all, "the full cross product", NULL },
    { "list", 0, 0, G_OPTION_ARG_NONE, &arguments->list, "kernels, cases and variants", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "Checks every kernel against the reference in C.");
  g_option_context_add_main_entries (context, entries, NULL);
  return g_option_context_parse (context, argc, argv, error);
}

/* Generated code can crash, also in the driver's own threads. */
static void
on_crash (int number)
{
  static const char text[] = "not ok: crashed\n";

  if (write (STDOUT_FILENO, text, sizeof (text) - 1) < 0
      || write (STDOUT_FILENO, check_running, strlen (check_running)) < 0)
    _exit (EXIT_FAILURE);
  signal (number, SIG_DFL);
  raise (number);
}

static ClipGpu *
open_device (int *exit_code)
{
  g_autoptr (GError) error = NULL;
  ClipGpu *gpu = clip_gpu_new (NULL, &error);

  if (gpu) {
    g_print ("# %s, %s, capabilities 0x%x\n", clip_gpu_info (gpu)->name,
             clip_gpu_info (gpu)->driver, clip_gpu_info (gpu)->caps);
    return gpu;
  }
  g_print ("# no Vulkan device: %s\n", error->message);
  *exit_code = EXIT_SKIP;
  return NULL;
}

static guint
run_kernels (Check *check, const gchar *only, guint *n_matching)
{
  guint failed = 0;

  for (guint i = 0; kernels[i]; i++)
    if (!only || !strcmp (only, kernels[i]->name)) {
      ++*n_matching;
      failed += check_run (check, kernels[i]);
    }
  return failed;
}

/* What no single case can see. */
static gboolean
whole_run_is_good (ClipGpu *gpu, Check *check, const Arguments *arguments)
{
  const guint pipelines = clip_gpu_pipeline_count (gpu);
  const guint messages = clip_gpu_validation_messages ();

  g_print ("# %u runs, %u pipelines, %u validation messages\n", check_ran (check), pipelines,
           messages);
  if (!check_ran (check) && !arguments->list) {
    g_print ("not ok: nothing matches\n");
    return FALSE;
  }
  if (clip_gpu_info (gpu)->is_cpu && pipelines > MAX_PIPELINES && !arguments->all) {
    g_print ("not ok: more than %u pipelines: mark cases as extra\n", MAX_PIPELINES);
    return FALSE;
  }
  if (messages)
    g_print ("not ok: validation messages\n");
  return messages == 0;
}

int
main (int argc, char **argv)
{
  g_auto (Arguments) arguments = { .seed = 1 };
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = NULL;
  g_autoptr (Check) check = NULL;
  guint failed, n_matching = 0;
  int exit_code = EXIT_FAILURE;

  if (!parse (&arguments, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return EXIT_FAILURE;
  }
  setvbuf (stdout, NULL, _IOLBF, 0);
  signal (SIGSEGV, on_crash);
  signal (SIGFPE, on_crash);
  signal (SIGILL, on_crash);

  gpu = open_device (&exit_code);
  if (!gpu)
    return exit_code;
  check = check_new (gpu, &(CheckOptions){
                              .variant = arguments.variant,
                              .case_name = arguments.case_name,
                              .seed = (guint64)arguments.seed,
                              .bench = arguments.bench,
                              .all = arguments.all,
                              .list = arguments.list,
                          });
  failed = run_kernels (check, arguments.kernel, &n_matching);
  if (!n_matching) {
    g_printerr ("no kernel is named \"%s\"\n", arguments.kernel);
    return EXIT_FAILURE;
  }
  if (failed)
    g_print ("not ok: %u of %u runs failed\n", failed, check_ran (check));
  return whole_run_is_good (gpu, check, &arguments) && !failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
