/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was measured, and its file: lines of "key=value". */
#include "gst-clip/kernels/tune_internal.h"

#include <string.h>

#define KIND      "choices"
#define FIRST     "gst-clip choices 2" /* another number when keys mean something else */
#define MAX_LINES 10000

static const gchar *const weight_names[] = {
  [CLIP_WEIGHTS_F32] = "f32",
  [CLIP_WEIGHTS_F16] = "f16",
  [CLIP_WEIGHTS_I8] = "i8",
};

static const gchar *const a_names[] = {
  [CLIP_GEMM_A_FLOAT] = "float",
  [CLIP_GEMM_A_HALF] = "half",
  [CLIP_GEMM_A_NORM] = "norm",
  [CLIP_GEMM_A_WINDOWS] = "windows",
};

/* File ------------------------------------------------------------------- */

static void
parse (GHashTable *choices, GBytes *bytes)
{
  gsize size = 0;
  const gchar *data = g_bytes_get_data (bytes, &size);
  g_autofree gchar *text = g_strndup (data, size);
  g_auto (GStrv) lines = g_strsplit (text, "\n", MAX_LINES);

  if (!lines[0] || !g_str_equal (lines[0], FIRST))
    return;
  for (gchar **line = lines + 1; *line; line++) {
    gchar *value = strchr (*line, '=');

    if (value == NULL)
      continue;
    *value++ = '\0';
    g_hash_table_replace (choices, g_strdup (*line), g_strdup (value));
  }
}

static GHashTable *
load (ClipGpu *gpu)
{
  GHashTable *choices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GBytes) bytes = clip_gpu_remembered (gpu, KIND);

  if (bytes)
    parse (choices, bytes);
  return choices;
}

ClipTuning *
clip_tuning_load (ClipGpu *gpu)
{
  ClipTuning *tuning = g_new0 (ClipTuning, 1);

  tuning->choices = load (gpu);
  return tuning;
}

void
clip_tuning_free (ClipTuning *tuning)
{
  if (!tuning)
    return;
  g_hash_table_unref (tuning->choices);
  g_clear_pointer (&tuning->asked, g_array_unref);
  g_free (tuning);
}

void
clip_tuning_store (ClipTuning *tuning, ClipGpu *gpu)
{
  g_autoptr (GHashTable) all = NULL;
  g_autoptr (GString) text = g_string_new (FIRST);
  GHashTableIter iter;
  gpointer key, value;

  if (!tuning->changed)
    return;
  all = load (gpu);
  g_hash_table_iter_init (&iter, tuning->choices);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_replace (all, g_strdup (key), g_strdup (value));
  g_hash_table_iter_init (&iter, all);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_string_append_printf (text, "\n%s=%s", (gchar *)key, (gchar *)value);
  clip_gpu_remember (gpu, KIND, text->str, text->len);
  tuning->changed = FALSE;
}

const gchar *
clip_tuning_get (const ClipTuning *tuning, const gchar *key)
{
  return g_hash_table_lookup (tuning->choices, key);
}

void
clip_tuning_set (ClipTuning *tuning, const gchar *key, const gchar *value)
{
  g_hash_table_replace (tuning->choices, g_strdup (key), g_strdup (value));
  tuning->changed = TRUE;
}

/* Choices ---------------------------------------------------------------- */

static void
note_question (ClipTuning *tuning, const gchar *key, guint n_candidates, guint fallback)
{
  const ClipTuneQuestion question = { g_strdup (key), n_candidates, fallback };

  for (guint i = 0; i < tuning->asked->len; i++)
    if (g_str_equal (g_array_index (tuning->asked, ClipTuneQuestion, i).key, key)) {
      g_free (question.key);
      return;
    }
  g_array_append_val (tuning->asked, question);
}

/*
 * What is remembered of the same product of more rows, but not twice as many: of batches those of a power of
 * two are timed, and what is best for the next larger one of them suits those before it.
 * @before, @after: of the key, around the rows
 */
static const gchar *
of_more_rows (const ClipTuning *tuning, const gchar *before, const gchar *after, guint32 m)
{
  const gchar *found = NULL;
  gchar *rest = NULL;
  guint64 least = 2 * (guint64)m;
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, tuning->choices);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    if (!g_str_has_prefix (key, before))
      continue;
    const guint64 rows = g_ascii_strtoull ((const gchar *)key + strlen (before), &rest, 10);

    if (rows > m && rows < least && g_str_equal (rest, after)) {
      least = rows;
      found = value;
    }
  }
  return found;
}

guint
clip_tune_choice (ClipKernels *kernels, const gchar *what, ClipGemmA a, guint32 m, guint32 n,
                  guint32 k, guint n_candidates, guint fallback)
{
  ClipTuning *tuning = kernels->tuning;
  g_autofree gchar *before = NULL, *after = NULL, *key = NULL;
  const gchar *value = NULL;
  guint64 choice = fallback;

  if (tuning == NULL)
    return fallback;
  before = g_strdup_printf ("%s %s %s %s ", kernels->family->name, weight_names[kernels->weights],
                            what, a_names[a]);
  after = g_strdup_printf ("x%ux%u of %u", n, k, n_candidates);
  key = g_strdup_printf ("%s%u%s", before, m, after);
  if (tuning->asked)
    note_question (tuning, key, n_candidates, fallback);
  if (tuning->forced_key && g_str_equal (tuning->forced_key, key))
    return MIN (tuning->forced, n_candidates - 1);
  value = clip_tuning_get (tuning, key); /* CLIP_TUNE_FALLBACK and _LATE are no numbers */
  if (value == NULL)
    value = of_more_rows (tuning, before, after, m);
  if (value && !g_ascii_string_to_unsigned (value, 10, 0, n_candidates - 1, &choice, NULL))
    choice = fallback;
  return (guint)choice;
}
