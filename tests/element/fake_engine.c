/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/element/fake_engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* G_DEFINE_QUARK keeps it in a variable that threads write without order. */
GQuark
clip_engine_error_quark (void)
{
  return g_quark_from_static_string ("clip-engine-error-quark");
}

/* How often a closed gate looks whether the call was cancelled. */
#define POLL_US 1000

typedef struct {
  gboolean closed;
  guint inside, passed, failures, delay;
  GQuark domain;
  gint code;
} Gate;

static struct {
  GMutex lock;
  GCond cond;
  Gate gates[FAKE_N_GATES];
  gint alive;
  gint ranking;
  gint sigmoid; /* in thousandths */
  ClipFrameInfo last_info;
  ClipFit last_fit;
  guint last_side;
  const gchar *message;
  gchar *last_wordings, *last_group;
} fake;

struct _ClipEngine {
  gint refs;
  gboolean retired;
};

struct _ClipTexts {
  gint refs;
  ClipPromptSet *prompts, *negatives;
  guint n_background;
};

struct _ClipJob {
  guint8 pixel;
  gboolean blind; /* made for regions, and no view yet */
  ClipRect rect;
  float embedding[FAKE_DIM];
  guint top_k;
  ClipTexts *started;   /* NULL: not running */
  GArray *similarities; /* of the last run */
  guint best[CLIP_RANK_MAX];
};

/* Control -------------------------------------------------------------------- */

void
fake_reset (void)
{
  g_mutex_lock (&fake.lock);
  g_assert_cmpint (fake.alive, ==, 0);
  memset (fake.gates, 0, sizeof fake.gates);
  fake.ranking = FALSE;
  fake.sigmoid = 0;
  fake.last_side = 0;
  fake.message = NULL;
  g_clear_pointer (&fake.last_wordings, g_free);
  g_clear_pointer (&fake.last_group, g_free);
  g_mutex_unlock (&fake.lock);
}

static void
set_closed (FakeGate gate, gboolean closed)
{
  g_mutex_lock (&fake.lock);
  fake.gates[gate].closed = closed;
  g_cond_broadcast (&fake.cond);
  g_mutex_unlock (&fake.lock);
}

void
fake_close (FakeGate gate)
{
  set_closed (gate, TRUE);
}

void
fake_open (FakeGate gate)
{
  set_closed (gate, FALSE);
}

void
fake_fail (FakeGate gate, guint times, GQuark domain, gint code)
{
  g_mutex_lock (&fake.lock);
  fake.gates[gate].failures = times;
  fake.gates[gate].domain = domain;
  fake.gates[gate].code = code;
  g_mutex_unlock (&fake.lock);
}

void
fake_set_message (const gchar *message)
{
  g_mutex_lock (&fake.lock);
  fake.message = message;
  g_mutex_unlock (&fake.lock);
}

void
fake_set_delay (FakeGate gate, guint most_us)
{
  g_mutex_lock (&fake.lock);
  fake.gates[gate].delay = most_us;
  g_mutex_unlock (&fake.lock);
}

guint
fake_count (FakeGate gate)
{
  g_mutex_lock (&fake.lock);
  guint passed = fake.gates[gate].passed;
  g_mutex_unlock (&fake.lock);
  return passed;
}

void
fake_wait_inside (FakeGate gate)
{
  g_mutex_lock (&fake.lock);
  while (fake.gates[gate].inside == 0)
    g_cond_wait (&fake.cond, &fake.lock);
  g_mutex_unlock (&fake.lock);
}

gboolean
fake_is_inside (FakeGate gate)
{
  g_mutex_lock (&fake.lock);
  gboolean inside = fake.gates[gate].inside > 0;
  g_mutex_unlock (&fake.lock);
  return inside;
}

void
fake_set_ranking (gboolean on)
{
  g_atomic_int_set (&fake.ranking, on);
}

void
fake_set_sigmoid (gdouble bias)
{
  g_atomic_int_set (&fake.sigmoid, (gint)(1000 * bias));
}

guint
fake_alive (void)
{
  return g_atomic_int_get (&fake.alive);
}

ClipFrameInfo
fake_last_info (void)
{
  g_mutex_lock (&fake.lock);
  ClipFrameInfo info = fake.last_info;
  g_mutex_unlock (&fake.lock);
  return info;
}

guint
fake_last_side (void)
{
  g_mutex_lock (&fake.lock);
  guint side = fake.last_side;
  g_mutex_unlock (&fake.lock);
  return side;
}

gchar *
fake_last_group (void)
{
  g_mutex_lock (&fake.lock);
  gchar *group = g_strdup (fake.last_group);
  g_mutex_unlock (&fake.lock);
  return group;
}

gchar *
fake_last_wordings (void)
{
  g_mutex_lock (&fake.lock);
  gchar *wordings = g_strdup (fake.last_wordings);
  g_mutex_unlock (&fake.lock);
  return wordings;
}

static gboolean
pass (FakeGate number, const ClipCancel *cancel, GError **error)
{
  Gate *gate = &fake.gates[number];
  gboolean ok = TRUE;

  g_mutex_lock (&fake.lock);
  gate->inside++;
  g_cond_broadcast (&fake.cond);
  if (gate->delay > 0) {
    guint delay = g_random_int_range (0, gate->delay);
    g_mutex_unlock (&fake.lock);
    g_usleep (delay);
    g_mutex_lock (&fake.lock);
  }
  while (gate->closed && !(cancel && g_atomic_int_get (cancel)))
    g_cond_wait_until (&fake.cond, &fake.lock, g_get_monotonic_time () + POLL_US);
  gate->inside--;
  gate->passed++;
  if (cancel && g_atomic_int_get (cancel)) {
    g_set_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED, "cancelled");
    ok = FALSE;
  } else if (gate->failures > 0) {
    gate->failures--;
    g_set_error (error, gate->domain, gate->code, "%s",
                 fake.message ? fake.message : "made to fail");
    ok = FALSE;
  }
  g_mutex_unlock (&fake.lock);
  return ok;
}

/* Engine --------------------------------------------------------------------- */

ClipEngine *
clip_engine_open (const ClipEngineConfig *config, const ClipCancel *cancel,
                  ClipProgressFunc progress, gpointer data, GError **error)
{
  progress ("open-device", "Opening a device", 0, data);
  if (!pass (FAKE_OPEN, cancel, error))
    return NULL;
  progress ("load-model", "Loading a model", 50, data);
  g_mutex_lock (&fake.lock);
  g_free (fake.last_group);
  fake.last_group = g_strdup (config->group);
  g_mutex_unlock (&fake.lock);
  ClipEngine *engine = g_new0 (ClipEngine, 1);
  engine->refs = 1;
  g_atomic_int_inc (&fake.alive);
  return engine;
}

ClipEngine *
clip_engine_ref (ClipEngine *engine)
{
  g_atomic_int_inc (&engine->refs);
  return engine;
}

void
clip_engine_unref (ClipEngine *engine)
{
  if (!g_atomic_int_dec_and_test (&engine->refs))
    return;
  g_atomic_int_add (&fake.alive, -1);
  g_free (engine);
}

void
clip_engine_retire (ClipEngine *engine)
{
  engine->retired = TRUE;
}

const gchar *
clip_engine_model_name (ClipEngine *engine)
{
  return "fake-model";
}

const gchar *
clip_engine_device_name (ClipEngine *engine)
{
  return "fake-device";
}

gdouble
clip_engine_logit_scale (ClipEngine *engine)
{
  return FAKE_LOGIT_SCALE;
}

gdouble
clip_engine_logit_bias (ClipEngine *engine)
{
  return g_atomic_int_get (&fake.sigmoid) / 1000.0;
}

gdouble
clip_engine_contrast_threshold (ClipEngine *engine)
{
  return 0.0;
}

ClipScoring
clip_engine_scoring (ClipEngine *engine, ClipScoring scoring, guint n_labels)
{
  if (scoring != CLIP_SCORING_AUTO)
    return scoring;
  if (g_atomic_int_get (&fake.sigmoid))
    return CLIP_SCORING_SIGMOID;
  return n_labels == 1 ? CLIP_SCORING_CONTRAST : CLIP_SCORING_SOFTMAX;
}

guint64
clip_engine_memory_bytes (ClipEngine *engine)
{
  return 12345;
}

void
clip_set_picture_reader (ClipPictureReader reader)
{
  g_assert_nonnull (reader);
}

gboolean
clip_engine_warm_up_regions (ClipEngine *engine, guint side, const ClipCancel *cancel,
                             GError **error)
{
  g_mutex_lock (&fake.lock);
  fake.last_side = side;
  g_mutex_unlock (&fake.lock);
  return pass (FAKE_REGIONS, cancel, error);
}

/* Texts ---------------------------------------------------------------------- */

static void
check_wordings (const ClipPrompt *prompt, GString *all, ClipTextWarning warn, gpointer data)
{
  for (guint i = 0; prompt->wordings[i]; i++) {
    const gchar *text = prompt->wordings[i];
    g_string_append_printf (all, "%s%s", all->len ? "/" : "", text);
    if (strlen (text) > FAKE_TEXT_BYTES && warn) {
      g_autofree gchar *kept = g_strndup (text, FAKE_TEXT_BYTES);
      warn (prompt->label, text, kept, data);
    }
  }
}

ClipTexts *
clip_texts_new (ClipEngine *engine, ClipPromptSet *prompts, ClipPromptSet *negatives,
                gboolean background, const ClipCancel *cancel, ClipTextWarning warn,
                ClipProgressFunc progress, gpointer data, GError **error)
{
  g_autoptr (GString) all = g_string_new (NULL);

  g_assert_false (engine->retired);
  if (progress)
    progress ("encode-prompts", "Encoding the prompts", 0, data);
  if (!pass (FAKE_TEXTS, cancel, error))
    return NULL;
  for (guint i = 0; i < clip_prompt_set_size (prompts); i++)
    check_wordings (clip_prompt_set_get (prompts, i), all, warn, data);
  for (guint i = 0; negatives && i < clip_prompt_set_size (negatives); i++)
    check_wordings (clip_prompt_set_get (negatives, i), all, NULL, NULL);

  g_mutex_lock (&fake.lock);
  g_free (fake.last_wordings);
  fake.last_wordings = g_strdup (all->str);
  g_mutex_unlock (&fake.lock);

  ClipTexts *texts = g_new0 (ClipTexts, 1);
  texts->refs = 1;
  texts->prompts = clip_prompt_set_ref (prompts);
  texts->negatives = negatives ? clip_prompt_set_ref (negatives) : NULL;
  texts->n_background = background ? 2 : 0;
  g_atomic_int_inc (&fake.alive);
  return texts;
}

ClipTexts *
clip_texts_ref (ClipTexts *texts)
{
  g_atomic_int_inc (&texts->refs);
  return texts;
}

void
clip_texts_unref (ClipTexts *texts)
{
  if (!g_atomic_int_dec_and_test (&texts->refs))
    return;
  clip_prompt_set_unref (texts->prompts);
  g_clear_pointer (&texts->negatives, clip_prompt_set_unref);
  g_atomic_int_add (&fake.alive, -1);
  g_free (texts);
}

ClipPromptSet *
clip_texts_prompts (ClipTexts *texts)
{
  return texts->prompts;
}

ClipPromptSet *
clip_texts_negatives (ClipTexts *texts)
{
  return texts->negatives;
}

guint
clip_texts_n_negatives (ClipTexts *texts, guint *n_background)
{
  if (n_background)
    *n_background = texts->n_background;
  return texts->negatives ? clip_prompt_set_size (texts->negatives) : 0;
}

/* Jobs ----------------------------------------------------------------------- */

ClipJob *
clip_job_new (ClipEngine *engine, const ClipFrameInfo *info, GError **error)
{
  if (!pass (FAKE_JOB_NEW, NULL, error))
    return NULL;
  g_mutex_lock (&fake.lock);
  fake.last_info = *info;
  g_mutex_unlock (&fake.lock);
  g_atomic_int_inc (&fake.alive);
  ClipJob *job = g_new0 (ClipJob, 1);
  job->similarities = g_array_new (FALSE, FALSE, sizeof (float));
  return job;
}

void
clip_job_free (ClipJob *job)
{
  if (!job)
    return;
  g_atomic_int_add (&fake.alive, -1);
  g_clear_pointer (&job->started, clip_texts_unref);
  g_array_unref (job->similarities);
  g_free (job);
}

ClipJob *
clip_job_new_for_regions (ClipEngine *engine, const ClipFrameInfo *info, GError **error)
{
  ClipJob *job = clip_job_new (engine, info, error);

  if (job)
    job->blind = TRUE;
  return job;
}

gboolean
clip_job_set_view (ClipJob *job, const ClipRect *rect, ClipFit fit, GError **error)
{
  const ClipRect whole = { 0, 0, 1, 1 };

  g_assert_null (job->started);
  job->rect = rect ? *rect : whole;
  job->blind = FALSE;
  g_assert_true (job->rect.width > 0 && job->rect.height > 0);
  g_mutex_lock (&fake.lock);
  g_assert_true (!rect
                 || (rect->x + rect->width <= fake.last_info.width
                     && rect->y + rect->height <= fake.last_info.height));
  fake.last_fit = fit;
  g_mutex_unlock (&fake.lock);
  return TRUE;
}

ClipFit
fake_last_fit (void)
{
  g_mutex_lock (&fake.lock);
  const ClipFit fit = fake.last_fit;
  g_mutex_unlock (&fake.lock);
  return fit;
}

/* The first byte of what is looked at, in GRAY8 */
void
clip_job_load (ClipJob *job, const ClipFramePlanes *planes)
{
  g_assert_false (job->blind);
  job->pixel = planes->data[0][(gssize)job->rect.y * planes->stride[0] + job->rect.x];
}

static float
similarity (const ClipPrompt *prompt, guint8 pixel)
{
  gchar *end;
  gdouble number = g_ascii_strtod (prompt->label, &end);

  if (strcmp (prompt->label, "nan") == 0)
    return NAN;
  return *end || end == prompt->label ? 0.0 : 1.0 - fabs (pixel - number) / 128.0;
}

gboolean
clip_job_start (ClipJob *job, ClipTexts *texts, GError **error)
{
  g_assert_null (job->started);
  job->started = clip_texts_ref (texts);
  return TRUE;
}

gboolean
clip_jobs_start (ClipJob *const *jobs, guint n, ClipTexts *texts, GError **error)
{
  for (guint i = 0; i < n; i++)
    clip_job_start (jobs[i], texts, error);
  return TRUE;
}

static void
fill_similarities (ClipJob *job, ClipTexts *texts, float *similarities, float *negatives)
{
  guint n = 0;

  for (guint i = 0; i < clip_prompt_set_size (texts->prompts); i++)
    similarities[i] = similarity (clip_prompt_set_get (texts->prompts, i), job->pixel);
  for (; texts->negatives && n < clip_prompt_set_size (texts->negatives); n++)
    negatives[n] = similarity (clip_prompt_set_get (texts->negatives, n), job->pixel);
  for (guint i = 0; i < texts->n_background; i++)
    negatives[n + i] = 0.5;
  g_array_set_size (job->similarities, 0);
  g_array_append_vals (job->similarities, similarities, clip_prompt_set_size (texts->prompts));
}

gboolean
clip_job_wait (ClipJob *job, float *similarities, float *negative_similarities, GError **error)
{
  ClipTexts *texts = g_steal_pointer (&job->started);

  g_assert_nonnull (texts);
  gboolean ok = pass (FAKE_JOB_RUN, NULL, error);
  if (ok)
    fill_similarities (job, texts, similarities, negative_similarities);
  clip_texts_unref (texts);
  return ok;
}

const float *
clip_job_embedding (ClipJob *job, guint *dim)
{
  job->embedding[0] = job->pixel;
  *dim = FAKE_DIM;
  return job->embedding;
}

void
clip_job_set_stream (ClipJob *job, gconstpointer stream)
{
}

void
clip_job_rank (ClipJob *job, guint top_k)
{
  job->top_k = top_k;
}

/* The best so far, k times: simple, and stable where similarities are equal. */
const guint *
clip_job_best (ClipJob *job, guint *n)
{
  g_autoptr (GArray) left = g_array_copy (job->similarities);

  *n = 0;
  if (!g_atomic_int_get (&fake.ranking) || job->top_k == 0 || job->top_k > CLIP_RANK_MAX)
    return NULL;
  for (*n = 0; *n < MIN (job->top_k, left->len); ++*n) {
    guint best = 0;
    for (guint i = 1; i < left->len; i++)
      if (g_array_index (left, float, i) > g_array_index (left, float, best))
        best = i;
    g_array_index (left, float, best) = -G_MAXFLOAT;
    job->best[*n] = best;
  }
  return job->best;
}

/* Pictures that stand still -------------------------------------------------- */

struct _ClipStill {
  gint kept; /* -1: none */
  guint8 newest;
};

ClipStill *
clip_still_new (ClipEngine *engine, GError **error)
{
  ClipStill *still = g_new0 (ClipStill, 1);

  still->kept = -1;
  g_atomic_int_inc (&fake.alive);
  return still;
}

void
clip_still_free (ClipStill *still)
{
  if (!still)
    return;
  g_atomic_int_add (&fake.alive, -1);
  g_free (still);
}

gboolean
clip_still_measure (ClipStill *still, ClipJob *job, gdouble *change, GError **error)
{
  still->newest = job->pixel;
  *change = still->kept < 0 ? 1.0 : ABS (still->kept - job->pixel) / 255.0;
  return TRUE;
}

void
clip_still_keep (ClipStill *still)
{
  still->kept = still->newest;
}

void
clip_still_forget (ClipStill *still)
{
  still->kept = -1;
}

ClipJobTimes
clip_job_times (ClipJob *job)
{
  return (ClipJobTimes){ .load = 1, .preprocess = 2, .encode = 3, .score = 4, .total = 10 };
}
