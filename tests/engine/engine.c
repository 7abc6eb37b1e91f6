/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sharing, cancelling, losing the device, the number of pipelines: on a tiny random model. */
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gst-clip/engine/internal.h"
#include "gst-clip/kernels/internal.h"
#include "tests/common/random_model.h"
#include "tests/engine/fixture.h"

static gchar *folder;

static ClipEngine *
open_engine (GError **error)
{
  ClipEngineConfig config = { folder, NULL, CLIP_PRECISION_AUTO };

  return clip_engine_open (&config, NULL, NULL, NULL, error);
}

static ClipEngine *
need_engine (void)
{
  return fixture_engine (folder, CLIP_PRECISION_AUTO);
}

static void
test_sharing (void)
{
  g_autoptr (ClipEngine) a = need_engine ();
  g_autoptr (ClipEngine) b = NULL;
  const gchar *const groups[] = { "", "doors", "|", "||" }; /* none is like an empty one */
  ClipEngine *seen[G_N_ELEMENTS (groups)];
  guint64 bytes = 0;

  if (a == NULL)
    return;
  bytes = clip_engine_memory_bytes (a);
  b = open_engine (NULL);
  g_assert_true (a == b);
  g_assert_cmpuint (clip_engine_memory_bytes (b), ==, bytes);
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++) {
    const ClipEngineConfig config = { folder, NULL, CLIP_PRECISION_AUTO, groups[i] };
    ClipEngine *c = clip_engine_open (&config, NULL, NULL, NULL, NULL);
    g_autoptr (ClipEngine) d = clip_engine_open (&config, NULL, NULL, NULL, NULL);

    g_assert_nonnull (c);
    g_assert_true (c == d);
    g_assert_true ((c == a) == (i == 0));
    for (guint k = 0; k < i; k++)
      g_assert_true (c != seen[k]);
    seen[i] = c;
  }
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    clip_engine_unref (seen[i]);
}

static void
test_texts (void)
{
  g_autoptr (ClipEngine) engine = need_engine ();
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (GError) error = NULL;
  float sims[3], others[64], first = 0.0f;
  guint n_background = 0;

  if (engine == NULL)
    return;
  texts = fixture_texts (engine, "a dog;a cat;both=a dog|a cat", "a tree", TRUE);
  g_assert_cmpuint (clip_texts_n_negatives (texts, &n_background), ==, 1);
  g_assert_cmpuint (n_background, >, 4);
  job = fixture_job (engine, 3);
  clip_job_run (job, texts, sims, others, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    g_assert_true (fabsf (sims[i]) <= 1.00001f);
  /* The mean of two wordings lies between them, pulled outwards by its normalisation. */
  g_assert_cmpfloat (sims[2] * (sims[0] + sims[1]), >=, 0.0f);
  first = sims[0];

  /* The same again, and after other texts: nothing is left over. */
  g_clear_pointer (&texts, clip_texts_unref);
  texts = fixture_texts (engine, "a house", NULL, FALSE);
  clip_job_run (job, texts, sims, NULL, &error);
  g_assert_no_error (error);
  g_clear_pointer (&texts, clip_texts_unref);
  texts = fixture_texts (engine, "a dog", NULL, FALSE);
  clip_job_run (job, texts, sims, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (sims[0], ==, first);
}

static void
count_warning (const gchar *label, const gchar *text, const gchar *kept, gpointer data)
{
  guint *count = data;

  g_assert_cmpstr (label, ==, "long");
  g_assert_true (g_str_has_prefix (text, kept));
  g_assert_cmpuint (strlen (kept), <, strlen (text));
  (*count)++;
}

static void
test_long_text (void)
{
  g_autoptr (ClipEngine) engine = need_engine ();
  g_autoptr (ClipPromptSet) set = NULL;
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (GError) error = NULL;
  guint warnings = 0;

  if (engine == NULL)
    return;
  set = clip_prompt_set_parse ("long=a wording that is longer than the context of this model", NULL,
                               &error);
  texts = clip_texts_new (engine, set, NULL, FALSE, NULL, count_warning, NULL, &warnings, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (warnings, ==, 1);
  /* Also when its embedding is known already. */
  g_clear_pointer (&texts, clip_texts_unref);
  texts = clip_texts_new (engine, set, NULL, FALSE, NULL, count_warning, NULL, &warnings, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (warnings, ==, 2);
}

/* "text 0" and so on; every seventh says the same as the one before it. */
static ClipTexts *
make_many_texts (ClipEngine *engine, guint n, const gchar *negatives)
{
  g_autoptr (GString) prompts = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (prompts, "%sl%u=text %u", i ? ";" : "", i, i % 7 == 6 ? i - 1 : i);
  return fixture_texts (engine, prompts->str, negatives, TRUE);
}

typedef struct {
  gdouble score;
  float similarity;
  guint index;
} Label;

static int
compare_labels (const void *a, const void *b)
{
  const Label *x = a, *y = b;

  if (x->score != y->score)
    return x->score > y->score ? -1 : 1;
  if (x->similarity != y->similarity)
    return x->similarity > y->similarity ? -1 : 1;
  return x->index < y->index ? -1 : 1;
}

/* Whatever the scoring: sorted by scores on the host, the same labels come out. */
static void
compare_best (const guint *best, guint n_best, const float *sims, guint n, const float *others,
              guint n_negatives, guint n_background)
{
  const ClipScoring scorings[] = { CLIP_SCORING_SOFTMAX, CLIP_SCORING_CONTRAST, CLIP_SCORING_COSINE,
                                   CLIP_SCORING_SIGMOID };
  const gdouble scales[] = { 1e-6, 1.0, 100.0, 1000.0 };
  g_autofree gdouble *scores = g_new (gdouble, n);
  g_autofree Label *labels = g_new (Label, n);

  for (guint s = 0; s < G_N_ELEMENTS (scorings) * G_N_ELEMENTS (scales); s++) {
    clip_score (scorings[s % 4], scales[s / 4], -1.0, sims, n, others, n_negatives, n_background,
                scores);
    for (guint i = 0; i < n; i++)
      labels[i] = (Label){ scores[i], sims[i], i };
    qsort (labels, n, sizeof *labels, compare_labels);
    for (guint i = 0; i < n_best; i++)
      g_assert_cmpuint (best[i], ==, labels[i].index);
  }
}

static void
check_ranking (ClipEngine *engine, ClipJob *job, guint n, guint top_k, guint expected)
{
  g_autoptr (ClipTexts) texts = make_many_texts (engine, n, "text 3;no text");
  g_autofree float *sims = g_new (float, n);
  float others[64];
  guint n_best = 99, n_background = 0;
  guint n_negatives = clip_texts_n_negatives (texts, &n_background);
  g_autoptr (GError) error = NULL;

  clip_job_rank (job, top_k);
  clip_job_run (job, texts, sims, others, &error);
  g_assert_no_error (error);
  const guint *best = clip_job_best (job, &n_best);
  g_assert_cmpuint (n_best, ==, expected);
  g_assert_true ((best != NULL) == (expected > 0));
  compare_best (best, n_best, sims, n, others, n_negatives, n_background);
}

static void
test_ranking (void)
{
  g_autoptr (ClipEngine) engine = need_engine ();
  g_autoptr (ClipJob) job = NULL;

  if (engine == NULL)
    return;
  job = fixture_job (engine, 9);
  check_ranking (engine, job, CLIP_RANK_MIN_LABELS, 5, 0); /* too few */
  check_ranking (engine, job, CLIP_RANK_MIN_LABELS + 1, 5, 5);
  check_ranking (engine, job, 1000, 5, 5);
  check_ranking (engine, job, 1000, CLIP_RANK_MAX, CLIP_RANK_MAX);
  check_ranking (engine, job, 1000, CLIP_RANK_MAX + 1, 0);
  check_ranking (engine, job, 300, 1, 1);
  check_ranking (engine, job, 300, 0, 0);
}

#define N_JOBS   3
#define N_FRAMES 12

/* Frames through several jobs at once, which differ in prompts too, give what they give alone. */
static void
test_in_flight (void)
{
  g_autoptr (ClipEngine) engine = need_engine ();
  ClipJob *jobs[N_JOBS];
  ClipTexts *texts[N_JOBS];
  float alone[N_FRAMES][4], sims[4];
  g_autoptr (GError) error = NULL;

  if (engine == NULL)
    return;
  for (guint j = 0; j < N_JOBS; j++) {
    jobs[j] = fixture_job (engine, j);
    texts[j] = fixture_texts (engine, j == 0 ? "a;b" : j == 1 ? "c;d;e;f" : "b;f;a", NULL, FALSE);
  }
  for (guint f = 0; f < N_FRAMES; f++) {
    fixture_load (jobs[f % N_JOBS], f * 20);
    clip_job_run (jobs[f % N_JOBS], texts[f % N_JOBS], alone[f], NULL, &error);
    g_assert_no_error (error);
    g_assert_true (f == 0 || alone[f][0] != alone[f - 1][0]);
  }

  for (guint f = 0; f < N_FRAMES + N_JOBS; f++) {
    const guint j = f % N_JOBS;

    if (f >= N_JOBS) {
      clip_job_wait (jobs[j], sims, NULL, &error);
      g_assert_no_error (error);
      for (guint i = 0; i < clip_prompt_set_size (clip_texts_prompts (texts[j])); i++)
        g_assert_cmpfloat (sims[i], ==, alone[f - N_JOBS][i]);
      g_assert_cmpuint (clip_job_times (jobs[j]).total, >, 0);
    }
    if (f < N_FRAMES) {
      fixture_load (jobs[j], f * 20);
      clip_job_start (jobs[j], texts[j], &error);
      g_assert_no_error (error);
    }
  }

  /* Waited for in another order, or not at all. */
  for (guint j = 0; j < N_JOBS; j++) {
    fixture_load (jobs[j], j * 20);
    g_assert_true (clip_job_start (jobs[j], texts[j], NULL));
  }
  clip_job_wait (jobs[2], sims, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (sims[0], ==, alone[2][0]);
  clip_job_wait (jobs[0], sims, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (sims[0], ==, alone[0][0]);
  for (guint j = 0; j < N_JOBS; j++) {
    clip_texts_unref (texts[j]);
    clip_job_free (jobs[j]);
  }
  g_assert_cmpint (clip_batcher_stats (engine->batcher).flights, ==, 0);
}

static void
poison_activations (ClipEngine *engine)
{
  const ClipActivations *a = engine->activations;
  const ClipGpuBuffer *all[] = { a->x, a->x2, a->y, a->z, a->h };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    ClipGpuBuffer buffer = *all[i];
    g_autofree guint8 *nans = g_malloc (buffer.size);

    memset (nans, 0xff, buffer.size);
    g_assert_true (clip_gpu_buffer_upload (&buffer, 0, nans, buffer.size, NULL));
  }
}

/* What something left behind is cleared away before anybody is blamed for it. */
static void
test_not_finite (void)
{
  /* no width is a multiple of 64: rows have padding */
  const ClipRandomModel narrow = { "narrow", { 48, 2, 3, 80 }, { 48, 2, 3, 80 }, 32, 8, 16, 24 };
  g_autofree gchar *dir = g_dir_make_tmp ("gst-clip-engine-XXXXXX", NULL);
  ClipEngineConfig config = { dir, NULL, CLIP_PRECISION_FP32 };
  g_autoptr (ClipEngine) probe = need_engine ();
  g_autoptr (ClipEngine) engine = NULL;
  g_autoptr (ClipJob) first = NULL;
  g_autoptr (ClipJob) second = NULL;
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (GError) error = NULL;
  float alone[2], sims[1] = { 0.0f };

  if (probe == NULL)
    return;
  clip_random_model_write (&narrow, dir, 5, &error);
  g_assert_no_error (error);
  engine = clip_engine_open (&config, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  texts = fixture_texts (engine, "a", NULL, FALSE);
  first = fixture_job (engine, 9);
  second = fixture_job (engine, 40);
  g_assert_true (clip_job_run (first, texts, &alone[0], NULL, NULL));
  g_assert_true (clip_job_run (second, texts, &alone[1], NULL, NULL));

  poison_activations (engine);
  g_assert_true (clip_job_start (first, texts, NULL));
  g_assert_true (clip_job_start (second, texts, NULL));
  clip_job_wait (first, sims, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (sims[0], ==, alone[0]);
  clip_job_wait (second, sims, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (sims[0], ==, alone[1]);

  poison_activations (engine);
  g_clear_pointer (&texts, clip_texts_unref);
  texts = fixture_texts (engine, "a", NULL, FALSE); /* known */
  g_clear_pointer (&texts, clip_texts_unref);
  texts = fixture_texts (engine, "b", NULL, FALSE);
  clip_random_model_remove (dir);
}

static gpointer
run_frames (gpointer data)
{
  ClipEngine *engine = data;
  g_autoptr (ClipTexts) texts = fixture_texts (engine, "a", NULL, FALSE);
  g_autoptr (ClipJob) one = fixture_job (engine, 1);
  g_autoptr (ClipJob) two = fixture_job (engine, 2);
  float want[2], sims;

  g_assert_true (clip_job_run (one, texts, &want[0], NULL, NULL));
  g_assert_true (clip_job_run (two, texts, &want[1], NULL, NULL));
  for (guint i = 0; i < 10; i++) {
    g_assert_true (clip_job_start (one, texts, NULL));
    g_assert_true (clip_job_start (two, texts, NULL));
    g_assert_true (clip_job_wait (one, &sims, NULL, NULL));
    g_assert_cmpfloat (sims, ==, want[0]);
    g_assert_true (clip_job_wait (two, &sims, NULL, NULL));
    g_assert_cmpfloat (sims, ==, want[1]);
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (ClipEngine) engine = need_engine ();
  GThread *threads[3];

  if (engine == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("frames", run_frames, engine);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static void
test_cancel (void)
{
  ClipEngineConfig config = { folder, NULL, CLIP_PRECISION_FP16 };
  ClipCancel cancel = 1;
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipEngine) probe = need_engine ();

  if (probe == NULL)
    return;
  g_assert_null (clip_engine_open (&config, &cancel, NULL, NULL, &error));
  g_assert_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED);
}

static void
test_lost (void)
{
  ClipEngine *engine = need_engine ();
  g_autoptr (ClipEngine) again = NULL;
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (ClipJob) running = NULL;
  g_autoptr (GError) error = NULL;

  if (engine == NULL)
    return;
  texts = fixture_texts (engine, "a dog", NULL, FALSE);
  job = fixture_job (engine, 9);
  running = fixture_job (engine, 10);
  g_assert_true (clip_job_start (job, texts, NULL));
  g_assert_true (clip_job_start (running, texts, NULL));
  clip_gpu_simulate_loss (clip_engine_gpu (engine));
  g_assert_false (clip_job_wait (job, NULL, NULL, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  g_clear_error (&error);
  g_assert_false (clip_job_start (job, texts, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  g_clear_pointer (&running, clip_job_free); /* not waited for */
  clip_engine_retire (engine);

  again = need_engine ();
  g_assert_true (again != engine);
  g_clear_pointer (&job, clip_job_free);
  g_clear_pointer (&texts, clip_texts_unref);
  clip_engine_unref (engine);
  g_clear_error (&error);
  texts = fixture_texts (again, "a dog", NULL, FALSE);
  job = fixture_job (again, 9);
  clip_job_run (job, texts, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
test_fork (void)
{
  g_autoptr (ClipEngine) engine = need_engine ();
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  int status = 0;
  pid_t child = 0;

  if (engine == NULL)
    return;
  texts = fixture_texts (engine, "a dog", NULL, FALSE);
  job = fixture_job (engine, 9);
  child = fork ();
  if (child == 0) {
    g_autoptr (GError) error = NULL;

    _exit (!clip_job_run (job, texts, NULL, NULL, &error)
                   && g_error_matches (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_FORKED)
               ? 0
               : 1);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

/* In a child of the process that is opening the engine; SIGALRM ends it if it waits for that. */
static void
open_in_child (const gchar *code, const gchar *text, guint percent, gpointer data)
{
  const ClipEngineConfig *config = data;
  int status = 0;
  pid_t child = 0;

  if (!g_str_equal (code, "open-device") || percent > 0)
    return;
  child = fork ();
  if (child == 0) {
    g_autofree gchar *path = g_build_filename (config->model, "config.json", NULL);
    g_autoptr (GError) error = NULL;

    alarm (30);
    g_unlink (path); /* no device is needed to fail */
    _exit (!clip_engine_open (config, NULL, NULL, NULL, &error)
                   && g_error_matches (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND)
               ? 0
               : 1);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

static void
test_fork_while_opening (void)
{
  g_autofree gchar *dir = g_dir_make_tmp ("gst-clip-engine-XXXXXX", NULL);
  ClipEngineConfig config = { dir, NULL, CLIP_PRECISION_AUTO };
  g_autoptr (ClipEngine) probe = need_engine ();
  g_autoptr (ClipEngine) engine = NULL;
  g_autoptr (GError) error = NULL;

  if (probe == NULL)
    return;
  clip_random_model_write (clip_random_model_find ("tiny"), dir, 5, &error);
  g_assert_no_error (error);
  engine = clip_engine_open (&config, NULL, open_in_child, &config, &error);
  g_assert_no_error (error);
  clip_random_model_remove (dir);
}

/* Sixteen streams take less than 1.1 times the memory of one, and their frames. */
static void
check_memory (ClipEngine *engine)
{
  ClipJob *jobs[16];
  guint64 one = 0, all = 0, frame = 0;

  for (guint i = 0; i < 16; i++) {
    const guint64 before = clip_engine_memory_bytes (engine);

    jobs[i] = fixture_job (engine, i);
    all = clip_engine_memory_bytes (engine);
    frame = all - before; /* nothing else grows for the last ones */
    one = i == 0 ? all : one;
  }
  g_test_message ("%.1f MB for one, %.1f for 16 with 15 more frames of %.2f; batches of %u",
                  one / 1e6, all / 1e6, frame / 1e6, clip_batcher_stats (engine->batcher).capacity);
  g_assert_cmpuint (all - 15 * frame, <, one + one / 10);
  for (guint i = 0; i < 16; i++)
    clip_job_free (jobs[i]);
}

/*
 * On CPU devices each pipeline costs a second or more of compiling: a published model (here
 * ViT-B/32 with fewer layers) takes at most 14, a small ResNet at most 15, and nothing is made twice.
 */
static void
test_pipelines (gconstpointer name)
{
  g_autoptr (ClipEngine) probe = need_engine ();
  g_autofree gchar *wide = g_dir_make_tmp ("gst-clip-engine-XXXXXX", NULL);
  ClipEngineConfig config = { wide, NULL, CLIP_PRECISION_FP32 };
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipEngine) engine = NULL;
  guint counts[2] = { 0, 0 };

  if (probe == NULL)
    return;
  clip_random_model_write (clip_random_model_find (name), wide, 5, &error);
  g_assert_no_error (error);
  engine = clip_engine_open (&config, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_test_message ("%u pipelines", clip_gpu_pipeline_count (engine->gpu));
  if (clip_gpu_info (engine->gpu)->is_cpu)
    g_assert_cmpuint (clip_gpu_pipeline_count (engine->gpu), <=,
                      g_str_equal (name, "wide") ? 14 : 15);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (ClipTexts) texts = fixture_texts (engine, i ? "a dog" : "a cat", NULL, FALSE);
    g_autoptr (ClipJob) job = fixture_job (engine, 9);

    clip_job_run (job, texts, NULL, NULL, &error);
    g_assert_no_error (error);
    counts[i] = clip_gpu_pipeline_count (engine->gpu);
  }
  g_assert_cmpuint (counts[1], ==, counts[0]);
  check_memory (engine);
  clip_random_model_remove (wide);
}

/* Pictures that a file holds the number of. */
static guint n_read;

static gboolean
read_number (const gchar *path, const ClipCancel *cancel, ClipPicture *picture, GError **error)
{
  g_autofree gchar *text = NULL;

  n_read++;
  if (!g_file_get_contents (path, &text, NULL, NULL) || !g_ascii_isdigit (*text)) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s: no picture", path);
    return FALSE;
  }
  fixture_picture (g_ascii_strtoull (text, NULL, 10), picture);
  return TRUE;
}

static void
expect_refused (ClipEngine *engine, const gchar *prompts, const gchar *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_parse (prompts, NULL, NULL);

  g_assert_null (clip_texts_new (engine, set, NULL, FALSE, NULL, NULL, NULL, NULL, &error));
  g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "the picture of \"p\": "));
  g_assert_nonnull (strstr (error->message, part));
}

/* A reference picture is encoded as a frame is: the same pixels have a cosine of 1. */
static void
test_pictures (void)
{
  g_autoptr (ClipEngine) engine = need_engine ();
  g_autofree gchar *folder = g_dir_make_tmp ("clip-pictures-XXXXXX", NULL);
  g_autofree gchar *three = g_build_filename (folder, "3", NULL);
  g_autofree gchar *four = g_build_filename (folder, "4", NULL);
  g_autofree gchar *prompts =
      g_strdup_printf ("p=image:%s;text;q=image:%s;both=image:%s|image:%s;same=image::%s", three,
                       four, three, four, three);
  g_autofree gchar *negatives = g_strdup_printf ("n;m=image:%s", three);
  g_autofree gchar *only = g_strdup_printf ("p=image:%s", three);
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (GError) error = NULL;
  float sims[5], others[2];

  if (engine == NULL)
    return;
  g_assert_true (g_file_set_contents (three, "3", -1, NULL));
  g_assert_true (g_file_set_contents (four, "4", -1, NULL));
  expect_refused (engine, only, "no reader");
  clip_set_picture_reader (read_number);
  expect_refused (engine, "p=image:/nonexistent/x.png", "/nonexistent/x.png: No such file");
  g_assert_cmpuint (n_read, ==, 0);

  texts = fixture_texts (engine, prompts, negatives, FALSE);
  g_assert_cmpuint (n_read, ==, 2); /* each once */
  job = fixture_job (engine, 3);
  clip_job_run (job, texts, sims, others, &error);
  g_assert_no_error (error);
  g_assert_true (fabsf (sims[0] - 1.0f) < 1e-5);
  g_assert_true (fabsf (others[1] - 1.0f) < 1e-5);
  g_assert_true (sims[2] < 0.9999f);
  g_assert_true (sims[4] < 0.9f); /* the text that looks like the picture */
  /* The mean of both, normalised, is as near to the one as to the other. */
  g_assert_true (fabsf (sims[3] - sqrtf ((1.0f + sims[2]) / 2.0f)) < 1e-5);

  /* Known pictures are not read again, until the file is another one. */
  g_clear_pointer (&texts, clip_texts_unref);
  texts = fixture_texts (engine, only, NULL, FALSE);
  g_assert_cmpuint (n_read, ==, 2);
  g_assert_true (g_file_set_contents (three, "4 ", -1, NULL));
  g_clear_pointer (&texts, clip_texts_unref);
  texts = fixture_texts (engine, only, NULL, FALSE);
  g_assert_cmpuint (n_read, ==, 3);
  clip_job_run (job, texts, sims + 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (fabsf (sims[1] - sims[2]) < 1e-6);
  g_assert_true (g_file_set_contents (three, "no picture", -1, NULL));
  expect_refused (engine, only, ": no picture");
  clip_set_picture_reader (NULL);
  g_remove (three);
  g_remove (four);
  g_remove (folder);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status = 0;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gst-clip-engine-XXXXXX", &error);
  g_assert_no_error (error);
  clip_random_model_write (clip_random_model_find ("tiny"), folder, 5, &error);
  g_assert_no_error (error);
  g_test_add_func ("/engine/sharing", test_sharing);
  g_test_add_func ("/engine/texts", test_texts);
  g_test_add_func ("/engine/long-text", test_long_text);
  g_test_add_func ("/engine/ranking", test_ranking);
  g_test_add_func ("/engine/in-flight", test_in_flight);
  g_test_add_func ("/engine/not-finite", test_not_finite);
  g_test_add_func ("/engine/threads", test_threads);
  g_test_add_func ("/engine/cancel", test_cancel);
  g_test_add_func ("/engine/lost", test_lost);
  g_test_add_func ("/engine/fork", test_fork);
  g_test_add_func ("/engine/fork-while-opening", test_fork_while_opening);
  g_test_add_func ("/engine/pictures", test_pictures);
  g_test_add_data_func ("/engine/pipelines/vit", "wide", test_pipelines);
  g_test_add_data_func ("/engine/pipelines/resnet", "tiny-rn", test_pipelines);
  status = g_test_run ();
  clip_random_model_remove (folder);
  g_free (folder);
  return status;
}
