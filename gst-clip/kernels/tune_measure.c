/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timing the candidates of every choice that a model's products ask for. */
#include "gst-clip/kernels/tune_internal.h"

#define BUDGET_US      G_USEC_PER_SEC
#define MAX_CANDIDATES 16

/* Products in a row that are timed together, fewer where these take as long as QUIET_NS: there clocks and
 * submissions are exact enough. Then again, for the best of so many turns, or of two where time is short. */
#define PRODUCTS 8
#define ROUNDS   3
#define QUIET_NS 4000000

/* Candidates may be slower than the fallback. */
#define SLACK 2

typedef struct {
  ClipKernels *kernels; /* which ask now */
  const ClipTuneWatch *watch;
  const gint *cancel;
  gint64 end;
  double ns_of_one; /* multiply-add, in the quickest product so far; 0 before it */
  guint n_begun, n_answered, n_left;
} Tune;

/* A question while its candidates take turns. @first: of this start; @choice: the fallback first; @one: ns of
 * one product of it */
typedef struct {
  const ClipTuneQuestion *question;
  gboolean first;
  ClipTrial *trial;
  guint n, choice[MAX_CANDIDATES];
  ClipGpuRecording *recs[MAX_CANDIDATES];
  guint64 best[MAX_CANDIDATES];
  guint64 one;
  guint products, rounds;
} Race;

static gint64
now (const Tune *t)
{
  return t->watch ? t->watch->now (t->watch->data) : g_get_monotonic_time ();
}

static guint64
left_ns (const Tune *t)
{
  return (guint64)MAX (t->end - now (t), 0) * 1000;
}

static gboolean
cancelled (const Tune *t, GError **error)
{
  if (t->cancel == NULL || g_atomic_int_get (t->cancel) == 0)
    return FALSE;
  g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED, "tuning was cancelled");
  return TRUE;
}

static gboolean
run (const Tune *t, ClipTrial *trial, ClipGpuRecording *rec, guint products, guint64 *ns,
     GError **error)
{
  if (cancelled (t, error))
    return FALSE;
  return t->watch ? t->watch->run (trial, rec, products, ns, t->watch->data, error)
                  : clip_trial_run (trial, rec, ns, error);
}

/* Questions ----------------------------------------------------------------- */

static void
question_clear (gpointer data)
{
  g_free (((ClipTuneQuestion *)data)->key);
}

void
clip_shape_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipTuneShape *s)
{
  const VkDeviceAddress nowhere = 4096;
  const ClipElement operands = kernels->operands;
  const ClipNorm norm = { .gamma = nowhere,
                          .beta = nowhere,
                          .stats = nowhere,
                          .scratch = { nowhere, s->m, s->k, clip_ld (s->k), operands } };
  ClipGemm op = {
    .a = { nowhere, s->m, s->k, clip_ld (s->k), CLIP_ELEMENT_F32 },
    .weights = nowhere,
    .c = { nowhere, s->m, s->n, clip_ld (s->n), CLIP_ELEMENT_F32 },
  };

  if (s->a == CLIP_GEMM_A_HALF)
    op.a.type = operands;
  if (s->a == CLIP_GEMM_A_NORM)
    op.norm = &norm;
  clip_kernel_gemm (kernels, rec, &op);
}

/* What recording @shape asks for. (transfer full): of ClipTuneQuestion */
static GArray *
ask (Tune *t, const ClipTuneShape *shape)
{
  ClipTuning *tuning = t->kernels->tuning;
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (t->kernels->gpu, "survey");

  tuning->asked = g_array_new (FALSE, FALSE, sizeof (ClipTuneQuestion));
  g_array_set_clear_func (tuning->asked, question_clear);
  clip_gpu_recording_begin (rec); /* and never submitted */
  clip_shape_record (t->kernels, rec, shape);
  return g_steal_pointer (&tuning->asked);
}

static gboolean
is_answered (const Tune *t, const ClipTuneQuestion *question)
{
  const gchar *value = clip_tuning_get (t->kernels->tuning, question->key);

  return value && !g_str_equal (value, CLIP_TUNE_LATE);
}

static void
answer (Tune *t, const ClipTuneQuestion *question, const gchar *value)
{
  clip_tuning_set (t->kernels->tuning, question->key, value);
  g_debug ("%s: %s", question->key, value);
}

/* Time has run out over it. A question that had it all has another try, when pipelines come from a cache, and
 * then keeps the fallback, so that others have their turn. */
static void
leave (Tune *t, const Race *r)
{
  const gboolean again = clip_tuning_get (t->kernels->tuning, r->question->key) != NULL;

  t->n_left++;
  if (r->first)
    answer (t, r->question, again ? CLIP_TUNE_FALLBACK : CLIP_TUNE_LATE);
}

/* A product that takes @one ns: all that would have to run. */
static guint64
cost (const Race *r, guint64 one, guint products, guint rounds)
{
  return SLACK * one * r->question->n_candidates * (1 + products * rounds);
}

/* How often each candidate runs in the time that is left. FALSE where nothing can be known in it. */
static gboolean
plan (Tune *t, Race *r)
{
  const guint64 left = left_ns (t);

  r->products = CLAMP (QUIET_NS / MAX (r->one, 1), 1, PRODUCTS);
  r->rounds = ROUNDS;
  while (cost (r, r->one, r->products, r->rounds) > left && r->products * r->rounds > 2)
    if (r->products > 1)
      r->products /= 2;
    else
      r->rounds--;
  if (cost (r, r->one, r->products, r->rounds) <= left)
    return TRUE;
  if (cost (r, r->one, 1, 2) > BUDGET_US * 1000)
    answer (t, r->question, CLIP_TUNE_FALLBACK);
  else
    leave (t, r);
  return FALSE;
}

/* Before anything runs: what the quickest product so far says of this one, which may be worse. */
static gboolean
is_hopeless (Tune *t, Race *r, const ClipTuneShape *s)
{
  if (left_ns (t) == 0) {
    t->n_left++;
    return TRUE;
  }
  r->one = (guint64)(t->ns_of_one * s->m * s->n * s->k);
  return t->ns_of_one > 0 && !plan (t, r);
}

/* Candidates ---------------------------------------------------------------- */

/* Records as if the question had been answered. */
static void
force (Tune *t, const Race *r, guint choice)
{
  t->kernels->tuning->forced_key = r->question->key;
  t->kernels->tuning->forced = choice;
}

static gboolean
check (Tune *t, Race *r, ClipGpuRecording *rec, guint choice, guint64 *ns, gboolean *same,
       GError **error)
{
  const gboolean first = r->n == 0;
  gboolean ok;

  force (t, r, choice);
  ok = clip_trial_record_check (r->trial, rec, first, error);
  t->kernels->tuning->forced_key = NULL;
  return ok && run (t, r->trial, rec, 1, ns, error)
         && clip_trial_compare (r->trial, first, same, error);
}

/* The fallback: what a product costs, and what it makes. Twice, if there is time: clocks may have to rise. */
static gboolean
time_one (Tune *t, Race *r, const ClipTuneShape *s, gboolean *same, GError **error)
{
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (t->kernels->gpu, "fallback");
  const double macs = (double)s->m * s->n * s->k;
  guint64 again = 0;

  if (!check (t, r, rec, r->question->fallback, &r->one, same, error))
    return FALSE;
  if (*same && r->one < left_ns (t)) {
    if (!run (t, r->trial, rec, 1, &again, error))
      return FALSE;
    r->one = MIN (r->one, again);
  }
  if (t->ns_of_one == 0 || r->one < t->ns_of_one * macs)
    t->ns_of_one = r->one / macs;
  return TRUE;
}

static gboolean
record (Tune *t, Race *r, guint choice, GError **error)
{
  gboolean ok;

  r->choice[r->n] = choice;
  r->recs[r->n] = clip_gpu_recording_new (t->kernels->gpu, "candidate");
  force (t, r, choice);
  ok = clip_trial_record (r->trial, r->recs[r->n++], r->products, error);
  t->kernels->tuning->forced_key = NULL;
  return ok;
}

/* Another candidate, if it makes the same as the fallback. */
static gboolean
enter (Tune *t, Race *r, guint choice, GError **error)
{
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (t->kernels->gpu, "check");
  g_autoptr (GError) failure = NULL;
  gboolean same = FALSE;
  guint64 ns;

  if (check (t, r, rec, choice, &ns, &same, &failure) && same)
    return record (t, r, choice, error);
  if (failure && !g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  g_warning ("%s: candidate %u of \"%s\" is not used: %s", clip_gpu_info (t->kernels->gpu)->driver,
             choice, r->question->key, failure ? failure->message : "its product is another one");
  return TRUE;
}

static gboolean
enter_all (Tune *t, Race *r, gboolean *in_time, GError **error)
{
  const guint n = MIN (r->question->n_candidates, MAX_CANDIDATES);

  *in_time = TRUE;
  if (!record (t, r, r->question->fallback, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (i == r->question->fallback)
      continue;
    *in_time = left_ns (t) > 0;
    if (!*in_time || !enter (t, r, i, error))
      return !*in_time;
  }
  return TRUE;
}

/* Takes turns, so that a clock that rises or falls meanwhile treats all alike. */
static gboolean
time_candidates (Tune *t, Race *r, gboolean *in_time, GError **error)
{
  for (guint i = 0; i < r->n; i++)
    r->best[i] = G_MAXUINT64;
  for (guint round = 0; round < r->rounds; round++)
    for (guint i = 0; i < r->n; i++) {
      guint64 ns = 0;

      *in_time = round > 0 || left_ns (t) > 0;
      if (left_ns (t) == 0)
        return TRUE;
      if (!run (t, r->trial, r->recs[i], r->products, &ns, error))
        return FALSE;
      r->best[i] = MIN (r->best[i], ns);
    }
  return TRUE;
}

static void
decide (Tune *t, Race *r)
{
  g_autofree gchar *value = NULL;
  guint winner = 0;

  for (guint i = 1; i < r->n; i++)
    if (r->best[i] < r->best[winner])
      winner = i;
  value = g_strdup_printf ("%u", r->choice[winner]);
  answer (t, r->question, value);
  g_debug ("%u of %u candidates, %.1f us", r->n, r->question->n_candidates,
           r->best[winner] / 1e3 / r->products);
  t->n_answered++;
}

static gboolean
hold (Tune *t, Race *r, const ClipTuneShape *shape, GError **error)
{
  gboolean same = FALSE, in_time = FALSE;

  if (!time_one (t, r, shape, &same, error))
    return FALSE;
  if (!same) {
    g_info ("%s: its fallback's product is nothing to compare with", r->question->key);
    return TRUE;
  }
  if (!plan (t, r))
    return TRUE;
  if (!enter_all (t, r, &in_time, error) || (in_time && !time_candidates (t, r, &in_time, error)))
    return FALSE;
  if (in_time)
    decide (t, r);
  else
    leave (t, r);
  return TRUE;
}

/* Shapes -------------------------------------------------------------------- */

static gboolean
measure (Tune *t, ClipTrial *trial, const ClipTuneShape *shape, const ClipTuneQuestion *question,
         GError **error)
{
  Race r = { .question = question, .trial = trial };
  gboolean ok;

  if (is_hopeless (t, &r, shape))
    return TRUE;
  r.first = t->n_begun++ == 0;
  if (trial->c == NULL && !clip_trial_init (trial, t->kernels, shape, error))
    return FALSE;
  ok = hold (t, &r, shape, error);
  for (guint i = 0; i < r.n; i++)
    clip_gpu_recording_free (r.recs[i]);
  return ok;
}

static gboolean
tune_shape (Tune *t, const ClipTuneShape *shape, GError **error)
{
  g_autoptr (GArray) questions = ask (t, shape);
  g_autoptr (GError) failure = NULL;
  g_auto (ClipTrial) trial = { NULL };

  for (guint i = 0; i < questions->len; i++) {
    const ClipTuneQuestion *question = &g_array_index (questions, ClipTuneQuestion, i);

    if (question->n_candidates < 2 || is_answered (t, question))
      continue;
    if (!measure (t, &trial, shape, question, &failure)) {
      t->n_left++;
      break;
    }
  }
  /* Without memory for it, others may have some. */
  if (failure == NULL || g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

gboolean
clip_kernels_tune (ClipKernels *kernels, const ClipTuneShape *shapes, guint n_shapes,
                   const gint *cancel, GError **error)
{
  ClipKernels *ends = clip_kernels_ends (kernels);
  g_autoptr (GError) failure = NULL;
  Tune t = { .kernels = kernels, .cancel = cancel };

  if (kernels->tuning == NULL)
    return TRUE;
  t.watch = kernels->tuning->watch;
  const gint64 start = now (&t);
  t.end = start + BUDGET_US;
  for (guint i = 0; !failure && i < n_shapes; i++) {
    t.kernels = shapes[i].ends ? ends : kernels;
    if (!cancelled (&t, &failure))
      tune_shape (&t, &shapes[i], &failure);
  }
  clip_tuning_store (kernels->tuning, kernels->gpu);
  if (ends != kernels)
    clip_tuning_store (ends->tuning, kernels->gpu);
  if (t.n_answered > 0)
    g_info ("%u products of the \"%s\" kernels timed on %s in %d ms, %u left", t.n_answered,
            kernels->family->name, clip_gpu_info (kernels->gpu)->name,
            (gint)((now (&t) - start) / 1000), t.n_left);
  if (g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED)
      || g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  if (failure)
    g_info ("products are not timed: %s", failure->message);
  return TRUE;
}
