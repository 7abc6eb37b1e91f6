/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timing the candidates of every choice that a model's products ask for. */
#include "gst-clip/kernels/tune_internal.h"

#define BUDGET_US      G_USEC_PER_SEC
#define MAX_CANDIDATES 16
#define PRODUCTS       8 /* in a row */
#define ROUNDS         4 /* the first one warms up */

typedef struct {
  ClipKernels *kernels;
  const gint *cancel;
  gint64 end; /* no question is begun after it */
  guint n_answered, n_left;
} Tune;

static void
question_clear (gpointer data)
{
  g_free (((ClipTuneQuestion *)data)->key);
}

/* What recording @shape asks for. (transfer full): of ClipTuneQuestion */
static GArray *
ask (Tune *t, const ClipTuneShape *shape)
{
  ClipTuning *tuning = t->kernels->tuning;
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (t->kernels->gpu, "survey");
  /* never submitted */
  const VkDeviceAddress nowhere = 4096;
  const ClipGemm op = {
    .a = { nowhere, shape->m, shape->k, clip_ld (shape->k), CLIP_ELEMENT_F32 },
    .weights = nowhere,
    .c = { nowhere, shape->m, shape->n, clip_ld (shape->n), CLIP_ELEMENT_F32 },
  };

  tuning->asked = g_array_new (FALSE, FALSE, sizeof (ClipTuneQuestion));
  g_array_set_clear_func (tuning->asked, question_clear);
  clip_gpu_recording_begin (rec);
  clip_kernel_gemm (t->kernels, rec, &op);
  return g_steal_pointer (&tuning->asked);
}

static gboolean
cancelled (const Tune *t, GError **error)
{
  if (t->cancel == NULL || g_atomic_int_get (t->cancel) == 0)
    return FALSE;
  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED, "tuning was cancelled");
  return TRUE;
}

/* Takes turns, so that a clock that rises or falls meanwhile treats all alike. */
static gboolean
time_candidates (Tune *t, ClipTrial *trial, ClipGpuRecording **recs, guint n, guint64 *best,
                 GError **error)
{
  for (guint round = 0; round < ROUNDS; round++)
    for (guint i = 0; i < n; i++) {
      guint64 ns = 0;

      if (cancelled (t, error) || !clip_trial_run (trial, recs[i], &ns, error))
        return FALSE;
      best[i] = round == 0 ? G_MAXUINT64 : MIN (best[i], ns);
    }
  return TRUE;
}

static gboolean
measure (Tune *t, ClipTrial *trial, const ClipTuneQuestion *question, GError **error)
{
  ClipTuning *tuning = t->kernels->tuning;
  const guint n = MIN (question->n_candidates, MAX_CANDIDATES);
  ClipGpuRecording *recs[MAX_CANDIDATES] = { NULL };
  guint64 best[MAX_CANDIDATES];
  gboolean ok = TRUE;
  guint choice = 0;

  tuning->forced_key = question->key;
  for (guint i = 0; ok && i < n; i++) {
    tuning->forced = i;
    recs[i] = clip_gpu_recording_new (t->kernels->gpu, "candidate");
    ok = !cancelled (t, error) && clip_trial_record (trial, recs[i], PRODUCTS, error);
  }
  tuning->forced_key = NULL;
  ok = ok && time_candidates (t, trial, recs, n, best, error);
  for (guint i = 0; i < n; i++)
    clip_gpu_recording_free (recs[i]);
  if (!ok)
    return FALSE;

  for (guint i = 1; i < n; i++)
    if (best[i] < best[choice])
      choice = i;
  g_autofree gchar *value = g_strdup_printf ("%u", choice);
  clip_tuning_set (tuning, question->key, value);
  g_debug ("%s: %u, %.1f us", question->key, choice, best[choice] / 1e3 / PRODUCTS);
  t->n_answered++;
  return TRUE;
}

static gboolean
tune_shape (Tune *t, const ClipTuneShape *shape, GError **error)
{
  g_autoptr (GArray) questions = ask (t, shape);
  g_auto (ClipTrial) trial = { NULL };

  for (guint i = 0; i < questions->len; i++) {
    const ClipTuneQuestion *question = &g_array_index (questions, ClipTuneQuestion, i);

    if (question->n_candidates < 2 || clip_tuning_get (t->kernels->tuning, question->key))
      continue;
    if (t->n_answered > 0 && g_get_monotonic_time () > t->end) {
      t->n_left++;
      continue;
    }
    if (trial.c == NULL
        && !clip_trial_init (&trial, t->kernels, shape->m, shape->n, shape->k, FALSE, error))
      return FALSE;
    if (!measure (t, &trial, question, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
clip_kernels_tune (ClipKernels *kernels, const ClipTuneShape *shapes, guint n_shapes,
                   const gint *cancel, GError **error)
{
  const gint64 start = g_get_monotonic_time ();
  Tune t = { kernels, cancel, start + BUDGET_US, 0, 0 };
  g_autoptr (GError) failure = NULL;

  if (kernels->tuning == NULL)
    return TRUE;
  for (guint i = 0; !failure && i < n_shapes; i++)
    if (!cancelled (&t, &failure))
      tune_shape (&t, &shapes[i], &failure);
  clip_tuning_store (kernels->tuning, kernels->gpu);
  if (t.n_answered > 0)
    g_info ("%u products of the \"%s\" kernels timed on %s in %d ms, %u left", t.n_answered,
            kernels->family->name, clip_gpu_info (kernels->gpu)->name,
            (gint)((g_get_monotonic_time () - start) / 1000), t.n_left);
  if (g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED)
      || g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  if (failure)
    g_info ("products are not timed: %s", failure->message);
  return TRUE;
}
