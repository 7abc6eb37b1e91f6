/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/kernels/check_internal.h"

#include <time.h>

#define BENCH_MIN_RUNS 5
#define BENCH_US       (200 * 1000)

char check_running[512];

static void
variant_clear (gpointer data)
{
  CheckVariant *variant = data;

  g_free (variant->name);
  clip_kernels_free (variant->kernels);
}

Check *
check_new (ClipGpu *gpu, const CheckOptions *options)
{
  Check *check = g_new0 (Check, 1);

  check->gpu = gpu;
  check->options = *options;
  check->buffers = g_ptr_array_new_with_free_func ((GDestroyNotify)check_buffer_free);
  check->variants = g_array_new (FALSE, FALSE, sizeof (CheckVariant));
  g_array_set_clear_func (check->variants, variant_clear);
  return check;
}

void
check_free (Check *check)
{
  g_array_unref (check->variants);
  g_ptr_array_unref (check->buffers);
  g_free (check->case_name);
  g_free (check);
}

guint
check_ran (Check *check)
{
  return check->n_ran;
}

/* Variants -------------------------------------------------------------- */

static gboolean
is_emulated (const ClipFamily *family)
{
  for (const ClipFamily *const *f = check_emulated_families; *f; f++)
    if (*f == family)
      return TRUE;
  return FALSE;
}

static void
add_variant (Check *check, const gchar *name, ClipKernels *kernels, gboolean on_request)
{
  const CheckVariant variant = {
    .name = g_strdup (name),
    .kernels = kernels,
    .on_request = on_request,
    .foreign = (kernels->family->wants & ~(guint)clip_gpu_info (check->gpu)->caps
                & CLIP_GPU_CAP_LLVMPIPE_LOOPS)
               != 0,
    .emulated = is_emulated (kernels->family),
  };

  g_array_append_val (check->variants, variant);
}

/* The kernels that clip_kernels_new() chooses. Every kernel has them under the name "best";
 * tests of GST_CLIP_DISABLE ask for them, otherwise they would repeat another variant. */
static ClipKernels *
best_kernels (Check *check, ClipWeightType weights)
{
  g_autoptr (GError) error = NULL;
  ClipKernels *kernels = clip_kernels_new (check->gpu, weights, &error);

  if (!kernels)
    g_error ("%s", error->message);
  return kernels;
}

static void
add_rows_variants (Check *check)
{
  static const struct {
    const gchar *name;
    guint needs;
  } rows[] = {
    { "llvmpipe", CLIP_GPU_CAP_LLVMPIPE },
    { "subgroup", CLIP_GPU_CAP_SUBGROUP },
    { "shared", 0 },
  };

  add_variant (check, "best", best_kernels (check, CLIP_WEIGHTS_F32), TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ClipKernels *kernels;

    if (rows[i].needs & ~(guint)clip_gpu_info (check->gpu)->caps)
      continue;
    kernels = best_kernels (check, CLIP_WEIGHTS_F32);
    kernels->llvmpipe = rows[i].needs == CLIP_GPU_CAP_LLVMPIPE;
    kernels->subgroup = rows[i].needs == CLIP_GPU_CAP_SUBGROUP;
    add_variant (check, rows[i].name, kernels, FALSE);
  }
}

/* What a family with fp16 operands asks of them; no llvmpipe: that one has none. */
static void
add_half_rows_variants (Check *check)
{
  const guint caps = clip_gpu_info (check->gpu)->caps;

  for (gboolean subgroup = FALSE; subgroup <= TRUE && (caps & CLIP_GPU_CAP_FP16); subgroup++) {
    ClipKernels *kernels;

    if (subgroup && !(caps & CLIP_GPU_CAP_SUBGROUP))
      continue;
    kernels = best_kernels (check, CLIP_WEIGHTS_F16);
    kernels->operands = CLIP_ELEMENT_F16;
    kernels->subgroup = subgroup;
    add_variant (check, subgroup ? "subgroup-f16" : "shared-f16", kernels, FALSE);
  }
}

static void
add_families (Check *check, const ClipFamily *const *families, ClipWeightType weights,
              const gchar *suffix)
{
  for (const ClipFamily *const *family = families; *family; family++) {
    g_autofree gchar *name = g_strdup_printf ("%s-%s", (*family)->name, suffix);
    ClipKernels *kernels = clip_kernels_new_with_family (check->gpu, weights, *family, NULL);

    if (kernels)
      add_variant (check, name, kernels, FALSE);
  }
}

/* In pieces, as a GPU gets what takes long; pipelines are the same. */
static void
add_pieces (Check *check, const ClipFamily *const *families, ClipWeightType weights,
            const gchar *suffix)
{
  for (const ClipFamily *const *family = families; *family; family++) {
    g_autofree gchar *name = g_strdup_printf ("%s-%s-pieces", (*family)->name, suffix);
    ClipKernels *kernels = NULL;

    if ((*family)->macs_per_ns)
      kernels = clip_kernels_new_with_family (check->gpu, weights, *family, NULL);
    if (!kernels)
      continue;
    kernels->pieces = 5;
    add_variant (check, name, kernels, FALSE);
  }
}

static void
add_matrix_variants (Check *check, ClipWeightType weights)
{
  static const gchar *const suffixes[] = {
    [CLIP_WEIGHTS_F32] = "f32", [CLIP_WEIGHTS_F16] = "f16", [CLIP_WEIGHTS_I8] = "i8"
  };
  const gchar *suffix = suffixes[weights];
  g_autofree gchar *best = g_strconcat ("best-", suffix, NULL);

  if (weights == CLIP_WEIGHTS_F16 && !(clip_gpu_info (check->gpu)->caps & CLIP_GPU_CAP_FP16))
    return;
  add_variant (check, best, best_kernels (check, weights), TRUE);
  add_families (check, clip_families, weights, suffix);
  if (weights != CLIP_WEIGHTS_I8)
    add_pieces (check, clip_families, weights, suffix);
  /* of no interest where there are real ones */
  if (!(clip_gpu_info (check->gpu)->caps & CLIP_GPU_CAP_COOPMAT_FAST))
    add_families (check, check_emulated_families, weights, suffix);
  if (!(clip_gpu_info (check->gpu)->caps & CLIP_GPU_CAP_COOPMAT_FAST))
    add_pieces (check, check_emulated_families, weights, suffix);
}

/* The engine is only given what suits a product; all of them must be right for all. */
static void
add_tiling_variants (Check *check, const ClipFamily *family, gboolean on_request)
{
  const ClipWeightType weights = family->no_f32 ? CLIP_WEIGHTS_F16 : CLIP_WEIGHTS_F32;

  for (guint i = 0; i < family->n_tilings; i++) {
    g_autofree gchar *name = g_strdup_printf ("%s-tiling%u", family->name, i);
    ClipKernels *kernels = clip_kernels_new_with_family (check->gpu, weights, family, NULL);

    if (!kernels)
      return;
    kernels->tiling = i;
    add_variant (check, name, kernels, on_request);
  }
}

static void
make_variants (Check *check)
{
  g_array_set_size (check->variants, 0);
  switch (check->kernel->variants) {
  case CHECK_VARIANTS_ONE:
    add_variant (check, "best", best_kernels (check, CLIP_WEIGHTS_F32), FALSE);
    break;
  case CHECK_VARIANTS_ROWS:
    add_rows_variants (check);
    break;
  case CHECK_VARIANTS_ROWS_OPERANDS:
    add_rows_variants (check);
    add_half_rows_variants (check);
    break;
  case CHECK_VARIANTS_MATRIX:
  case CHECK_VARIANTS_GEMM:
  case CHECK_VARIANTS_CONV:
    add_matrix_variants (check, CLIP_WEIGHTS_F32);
    add_matrix_variants (check, CLIP_WEIGHTS_F16);
    add_matrix_variants (check, CLIP_WEIGHTS_I8);
    if (check->kernel->variants != CHECK_VARIANTS_MATRIX)
      for (const ClipFamily *const *family = clip_families; *family; family++)
        add_tiling_variants (check, *family,
                             (*family)->no_f32 && check->kernel->variants == CHECK_VARIANTS_CONV);
    if (check->kernel->variants != CHECK_VARIANTS_MATRIX)
      for (const ClipFamily *const *family = check_emulated_families; *family; family++)
        add_tiling_variants (check, *family, TRUE);
    break;
  }
}

static gboolean
is_wanted (Check *check, const CheckVariant *variant)
{
  const gchar *pattern = check->options.variant;

  if (pattern)
    return g_pattern_match_simple (pattern, variant->name);
  if (variant->on_request)
    return FALSE;
  if (variant->foreign && check->kernel->is_light && !check->options.all)
    return check->kernel->is_light (check->c);
  /* They take minutes, and subgroups of another size say nothing about them. */
  if (variant->emulated && !check->options.all)
    return !g_getenv ("LP_NATIVE_VECTOR_WIDTH")
           && (!check->kernel->is_small || check->kernel->is_small (check->c));
  return TRUE;
}

/* Execution ------------------------------------------------------------- */

/* Whoever reads a failure, or sees a crash, can run exactly that again. */
static void
note_command (Check *check, const gchar *variant)
{
  static const gchar *const names[] = { "GST_CLIP_DISABLE", "GST_CLIP_DEVICE", "GST_CLIP_VALIDATE",
                                        "LP_NATIVE_VECTOR_WIDTH" };

  g_autoptr (GString) command = g_string_new ("#   reproduce:");

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_getenv (names[i]))
      g_string_append_printf (command, " %s=%s", names[i], g_getenv (names[i]));
  g_string_append_printf (
      command, " checkkernels --kernel %s --variant %s --case %s --seed %" G_GUINT64_FORMAT "%s\n",
      check->kernel->name, variant, check->case_name, check->options.seed,
      check->c->extra ? " --all" : "");
  g_strlcpy (check_running, command->str, sizeof (check_running));
}

static void
finish_variant (Check *check)
{
  const CheckVariant *variant = &g_array_index (check->variants, CheckVariant, check->current - 1);

  if (check->recording == NULL && !check->failed)
    return; /* the test has passed it over */
  g_clear_pointer (&check->recording, clip_gpu_recording_free);
  check->n_ran++;
  if (check->failed) {
    check->n_failed++;
    g_print ("not ok %s %s %s\n", check->kernel->name, check->case_name, variant->name);
    g_print ("%s", check_running);
  } else {
    g_print ("ok %s %s %s: error %.2g of tolerance, %.2f s\n", check->kernel->name,
             check->case_name, variant->name, check->worst, check->seconds);
  }
}

ClipKernels *
check_next_variant (Check *check)
{
  if (check->current)
    finish_variant (check);
  while (check->current < check->variants->len) {
    const CheckVariant *variant = &g_array_index (check->variants, CheckVariant, check->current++);

    if (is_wanted (check, variant)) {
      note_command (check, variant->name);
      check->failed = FALSE;
      check->worst = 0.0;
      return variant->kernels;
    }
  }
  check->current = 0;
  return NULL;
}

ClipGpuRecording *
check_record (Check *check)
{
  if (!check->recording) {
    check->started = g_get_monotonic_time ();
    check->recording = clip_gpu_recording_new (check->gpu, check->kernel->name);
    clip_gpu_recording_begin (check->recording);
  }
  return check->recording;
}

void
check_flops (Check *check, double flops)
{
  check->flops = flops;
}

void
check_fail (Check *check, const gchar *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_print ("#   %s\n", message);
  check->failed = TRUE;
}

static gboolean
submit_and_wait (Check *check, GError **error)
{
  const guint64 value = clip_gpu_submit (check->gpu, &check->recording, 1, error);

  return value && clip_gpu_wait (check->gpu, value, G_MAXUINT64, error);
}

/* Wall time is the best run's; CPU time, of the driver's threads too, is the mean and means
 * something on a busy machine. */
static gboolean
bench (Check *check, GError **error)
{
  const gint64 end = g_get_monotonic_time () + BENCH_US;
  const clock_t cpu_start = clock ();
  gint64 best = G_MAXINT64;
  guint runs = 0;

  for (; runs < BENCH_MIN_RUNS || g_get_monotonic_time () < end; runs++) {
    const gint64 start = g_get_monotonic_time ();

    if (!submit_and_wait (check, error))
      return FALSE;
    best = MIN (best, g_get_monotonic_time () - start);
  }
  g_print ("#   best %.3f ms, %.2f GFLOP/s; %.3f ms of CPU\n", best / 1e3,
           check->flops / (best * 1e3), 1e3 * (clock () - cpu_start) / CLOCKS_PER_SEC / runs);
  return TRUE;
}

gboolean
check_execute (Check *check)
{
  g_autoptr (GError) error = NULL;

  check_buffers_snapshot (check);
  if (!clip_gpu_recording_end (check_record (check), &error) || !submit_and_wait (check, &error)
      || (check->options.bench && !bench (check, &error))) {
    check_fail (check, "%s", error->message);
    return FALSE;
  }
  check->seconds = (g_get_monotonic_time () - check->started) / 1e6;
  return check_buffers_verify (check);
}

/* Cases ----------------------------------------------------------------- */

static gchar *
make_case_name (const CheckCase *c)
{
  static const gchar *const fills[] = { "random",   "zero", "constant", "offset",
                                        "outliers", "huge", "tiny" };
  GString *name = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (c->dims) && c->dims[i]; i++)
    g_string_append_printf (name, "%s%u", i ? "x" : "", c->dims[i]);
  g_string_append_printf (name, "-%s", fills[c->fill]);
  if (c->tag)
    g_string_append_printf (name, "-%s", c->tag);
  return g_string_free (name, FALSE);
}

static void
list (Check *check)
{
  g_print ("%s %s", check->kernel->name, check->case_name);
  for (guint i = 0; i < check->variants->len; i++)
    g_print (" %s", g_array_index (check->variants, CheckVariant, i).name);
  g_print ("%s\n", check->c->extra ? " (only with --all)" : "");
}

guint
check_run (Check *check, const CheckKernel *kernel)
{
  const guint failed_before = check->n_failed;

  check->kernel = kernel;
  make_variants (check);
  for (guint i = 0; i < kernel->n_cases; i++) {
    const CheckOptions *options = &check->options;

    check->c = &kernel->cases[i];
    g_free (check->case_name);
    check->case_name = make_case_name (check->c);
    if (options->case_name && !g_pattern_match_simple (options->case_name, check->case_name))
      continue;
    if (options->list) {
      list (check);
    } else if (!check->c->extra || options->all) {
      check->flops = 0.0;
      kernel->run (check, check->c);
      g_ptr_array_set_size (check->buffers, 0);
    }
  }
  g_array_set_size (check->variants, 0);
  return check->n_failed - failed_before;
}
