/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs that are encoded together: who with whom, and that each gets what it gets alone. */
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gst-clip/engine/internal.h"
#include "gst-clip/gpu/internal.h"
#include "gst-clip/kernels/internal.h"
#include "tests/common/random_model.h"
#include "tests/engine/fixture.h"

#define TOLERANCE  1e-4f
#define MAX_JOBS   24
#define MAX_LABELS 4

static gchar *folder;

static const gchar *const prompts[] = { "a;b", "c;d;e;f", "b;f;a", "g" };

typedef struct {
  ClipEngine *engine;
  guint n;
  ClipJob *jobs[MAX_JOBS];
  ClipTexts *texts[MAX_JOBS];
  float alone[MAX_JOBS][MAX_LABELS];
} Fixture;

static guint
labels (const Fixture *f, guint i)
{
  return clip_prompt_set_size (clip_texts_prompts (f->texts[i]));
}

/* Jobs with pictures and prompts of their own, and what each says when it runs alone. */
static gboolean
fixture_init (Fixture *f, guint n)
{
  g_autoptr (GError) error = NULL;

  *f = (Fixture){ .engine = fixture_engine (folder, CLIP_PRECISION_AUTO), .n = n };
  if (f->engine == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    f->jobs[i] = fixture_job (f->engine, i * 11);
    f->texts[i] = fixture_texts (f->engine, prompts[i % G_N_ELEMENTS (prompts)], NULL, FALSE);
    clip_job_run (f->jobs[i], f->texts[i], f->alone[i], NULL, &error);
    g_assert_no_error (error);
  }
  return TRUE;
}

static void
fixture_clear (Fixture *f)
{
  for (guint i = 0; i < f->n; i++) {
    clip_job_free (f->jobs[i]);
    clip_texts_unref (f->texts[i]);
  }
  if (f->engine) {
    g_assert_cmpuint (clip_batcher_stats (f->engine->batcher).waiting, ==, 0);
    clip_engine_unref (f->engine);
  }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

static guint
capacity (const Fixture *f)
{
  return clip_batcher_stats (f->engine->batcher).capacity;
}

static void
hold (const Fixture *f, ClipBatcherHold what)
{
  clip_batcher_hold (f->engine->batcher, what);
}

static void
start (const Fixture *f, guint i)
{
  g_autoptr (GError) error = NULL;

  clip_job_start (f->jobs[i], f->texts[i], &error);
  g_assert_no_error (error);
}

/* Waits, and compares with what came out alone. */
static void
check (const Fixture *f, guint i)
{
  float sims[MAX_LABELS];
  g_autoptr (GError) error = NULL;

  clip_job_wait (f->jobs[i], sims, NULL, &error);
  g_assert_no_error (error);
  for (guint k = 0; k < labels (f, i); k++)
    g_assert_cmpfloat_with_epsilon (sims[k], f->alone[i][k], TOLERANCE);
}

/* The comparison means nothing if all pictures look the same to the model. */
static void
test_distinct (void)
{
  g_auto (Fixture) f;

  if (!fixture_init (&f, 5))
    return;
  g_assert_cmpfloat (fabsf (f.alone[0][0] - f.alone[4][0]), >, 10 * TOLERANCE);
  g_assert_cmpfloat (fabsf (f.alone[0][0] - f.alone[2][2]), >, 10 * TOLERANCE);
}

/* Every number of jobs, as one batch. */
static void
run_sizes (Fixture *f)
{
  const guint n = capacity (f);
  const guint pipelines = clip_gpu_pipeline_count (f->engine->gpu);

  for (guint size = 1; size <= n; size++)
    for (guint round = 0; round < 2; round++) {
      hold (f, CLIP_BATCHER_HOLD_SUBMIT);
      for (guint i = 0; i < size; i++)
        start (f, (i + round) % f->n);
      hold (f, CLIP_BATCHER_HOLD_NOTHING);
      for (guint i = 0; i < size; i++) {
        check (f, (i + round) % f->n);
        g_assert_cmpuint (f->jobs[(i + round) % f->n]->batch_size, ==, size);
      }
    }
  g_assert_cmpuint (clip_gpu_pipeline_count (f->engine->gpu), ==, pipelines);
}

static void
test_sizes (void)
{
  g_auto (Fixture) f;

  if (!fixture_init (&f, CLIP_BATCH_MAX_CPU))
    return;
  g_assert_cmpuint (capacity (&f), ==, CLIP_BATCH_MAX_CPU);
  run_sizes (&f);
}

/* On a GPU all sizes are ready before frames come, and five pictures are run as five. */
static void
test_sizes_gpu (void)
{
  const guint n = 5, all = CLIP_BATCH_MAX_CPU;
  g_autoptr (GError) error = NULL;
  g_auto (Fixture) f;
  ClipGpuInfo *info;
  ClipBatchSet *set, *own;
  guint64 before;

  if (!fixture_init (&f, all))
    return;
  info = (ClipGpuInfo *)clip_gpu_info (f.engine->gpu);
  const gboolean is_cpu = info->is_cpu;
  info->is_cpu = FALSE;
  own = clip_batch_set_new (f.engine, all, &error);
  g_assert_no_error (error);
  for (guint size = 1; size <= all; size++)
    g_assert_nonnull (own->towers[0][size]);
  clip_batch_set_free (own);

  set = clip_batcher_set (f.engine->batcher);
  hold (&f, CLIP_BATCHER_HOLD_SUBMIT);
  for (guint i = 0; i < n; i++)
    start (&f, i);
  before = f.engine->gpu->last_value;
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  for (guint i = 0; i < n; i++)
    check (&f, i);
  g_assert_nonnull (set->towers[0][n]);
  g_assert_cmpuint (set->towers[0][n]->value, >, before);
  clip_batcher_unref_set (f.engine->batcher, set);
  info->is_cpu = is_cpu;
}

/* A large GPU has room for large batches, of a small model too; a processor's memory is others'. */
static void
test_budget (void)
{
  const guint64 mib = 1 << 20, gib = 1 << 30;

  g_assert_cmpuint (clip_batch_budget (TRUE, 120 * mib, 64 * gib), ==, 10 * mib);
  g_assert_cmpuint (clip_batch_budget (TRUE, mib, 64 * gib), ==, mib);
  g_assert_cmpuint (clip_batch_budget (FALSE, 120 * mib, 136 * gib), ==, 17 * gib);
  g_assert_cmpuint (clip_batch_budget (FALSE, 120 * mib, 8 * mib), ==, 10 * mib);
}

/* Nobody waits for company: what finds the device idle goes alone. */
static void
test_no_waiting (void)
{
  g_auto (Fixture) f;

  if (!fixture_init (&f, 3))
    return;
  start (&f, 0);
  g_assert_cmpint (f.jobs[0]->state, ==, CLIP_JOB_SUBMITTED);
  check (&f, 0);
  g_assert_cmpuint (f.jobs[0]->batch_size, ==, 1);
}

/* Each stream has a place before any has two, and none overtakes itself. */
static void
test_fair (void)
{
  g_auto (Fixture) f;
  guint64 first = 0;

  if (!fixture_init (&f, 16))
    return;
  g_assert_cmpuint (capacity (&f), ==, 8);
  /* 0 to 9 are one greedy stream's, 10 to 15 come after it. */
  for (guint i = 0; i < 10; i++)
    clip_job_set_stream (f.jobs[i], &f);
  hold (&f, CLIP_BATCHER_HOLD_SUBMIT);
  for (guint i = 0; i < f.n; i++)
    start (&f, i);
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  for (guint i = 0; i < f.n; i++)
    check (&f, i);

  first = f.jobs[0]->batch;
  for (guint i = 0; i < 16; i++) /* two of its, one of each other */
    g_assert_cmpuint (f.jobs[i]->batch, ==, i < 2 || i >= 10 ? first : first + 1);
}

/* Regions of a frame: started together, encoded together. */
static void
test_together (void)
{
  g_auto (Fixture) f;
  g_autoptr (GError) error = NULL;
  guint64 first = 0;

  if (!fixture_init (&f, 20))
    return;
  for (guint i = 3; i < 20; i++)
    clip_job_set_stream (f.jobs[i], &f);
  hold (&f, CLIP_BATCHER_HOLD_SUBMIT);
  for (guint i = 0; i < 3; i++)
    start (&f, i);
  for (guint i = 3; i < 20; i++)
    f.texts[i] = (clip_texts_unref (f.texts[i]), clip_texts_ref (f.texts[1]));
  clip_jobs_start (f.jobs + 3, 6, f.texts[1], &error); /* no room beside those three */
  g_assert_no_error (error);
  clip_jobs_start (f.jobs + 9, 11, f.texts[1], &error); /* more than one batch holds */
  g_assert_no_error (error);
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  for (guint i = 0; i < 20; i++)
    g_assert_true (clip_job_wait (f.jobs[i], NULL, NULL, NULL));

  first = f.jobs[0]->batch;
  for (guint i = 0; i < 20; i++)
    g_assert_cmpuint (f.jobs[i]->batch, ==, first + (i < 3 ? 0 : i < 9 ? 1 : i < 17 ? 2 : 3));
}

/* On a device that is slower than the host: one runs, one is behind it, the others gather. Behind a
 * batch the next one waits for half of all that are on their way. */
static void
test_gather (void)
{
  g_auto (Fixture) f;

  if (!fixture_init (&f, 8))
    return;
  hold (&f, CLIP_BATCHER_HOLD_LAND);
  for (guint i = 0; i < 7; i++) {
    start (&f, i);
    g_assert_cmpint (f.jobs[i]->state, ==, i < 2 ? CLIP_JOB_SUBMITTED : CLIP_JOB_QUEUED);
  }
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  for (guint i = 0; i < 7; i++) {
    check (&f, i);
    g_assert_cmpuint (f.jobs[i]->batch_size, ==, i < 2 ? 1 : 5);
  }

  hold (&f, CLIP_BATCHER_HOLD_SUBMIT);
  for (guint i = 0; i < 3; i++)
    start (&f, i);
  hold (&f, CLIP_BATCHER_HOLD_LAND); /* submits those three as one */
  for (guint i = 3; i < 8; i++) {
    start (&f, i); /* the third of these is half of all */
    g_assert_cmpint (f.jobs[3]->state, ==, i < 5 ? CLIP_JOB_QUEUED : CLIP_JOB_SUBMITTED);
  }
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  for (guint i = 0; i < 8; i++) {
    check (&f, i);
    g_assert_cmpuint (f.jobs[i]->batch_size, ==, i < 6 ? 3 : 2);
  }
}

/* Weights that only a picture of one gray survives, since they meet zeros there. */
static void
overflow_patch_weights (ClipEngine *e)
{
  const ClipTowerWeights *t = e->vision;
  ClipGpuBuffer buffer = *t->buffer;
  const gsize at = t->patch_weights - buffer.address;
  const gsize n =
      clip_gemm_packed_bytes (clip_kernels_ends (e->kernels), t->config.width, t->patch_k)
      / sizeof (float);
  g_autofree float *w = g_new (float, n);

  g_assert_true (clip_gpu_buffer_download (&buffer, at, w, n * sizeof (float), NULL));
  for (gsize i = 0; i < n; i++)
    w[i] = w[i] == 0.0f ? 0.0f : copysignf (3e38f, w[i]);
  g_assert_true (clip_gpu_buffer_upload (&buffer, at, w, n * sizeof (float), NULL));
}

static void
load_gray (ClipJob *job)
{
  guint8 pixels[64 * 48];

  memset (pixels, 128, sizeof pixels);
  clip_job_load (job, &(ClipFramePlanes){ { pixels }, { 64 } });
}

/* One frame that is not finite spoils none of its batch, and none after it. */
static void
test_not_finite (void)
{
  /* no width is a multiple of 64: rows have padding */
  const ClipRandomModel narrow = { "narrow", { 48, 2, 3, 80 }, { 48, 2, 3, 80 }, 32, 8, 16, 24 };
  g_autofree gchar *dir = g_dir_make_tmp ("gst-clip-batch-XXXXXX", NULL);
  g_autoptr (ClipEngine) engine = NULL;
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (GError) error = NULL;
  ClipJob *jobs[6];
  float alone = 0.0f, sims = 0.0f;

  clip_random_model_write (&narrow, dir, 5, &error);
  g_assert_no_error (error);
  engine = fixture_engine (dir, CLIP_PRECISION_FP32);
  clip_random_model_remove (dir);
  if (engine == NULL)
    return;
  texts = fixture_texts (engine, "a", NULL, FALSE);
  overflow_patch_weights (engine);
  for (guint i = 0; i < 6; i++) {
    jobs[i] = fixture_job (engine, i);
    if (i != 2)
      load_gray (jobs[i]);
  }
  g_assert_true (clip_job_run (jobs[0], texts, &alone, NULL, NULL));
  for (guint round = 0; round < 3; round++) {
    clip_batcher_hold (engine->batcher, CLIP_BATCHER_HOLD_SUBMIT);
    for (guint i = 0; i < 6; i++)
      g_assert_true (clip_job_start (jobs[i], texts, NULL));
    clip_batcher_hold (engine->batcher, CLIP_BATCHER_HOLD_NOTHING);
    for (guint i = 0; i < 6; i++) {
      const gboolean ok = clip_job_wait (jobs[i], &sims, NULL, &error);

      if (i == 2) {
        g_assert_false (ok);
        g_assert_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE);
        g_clear_error (&error);
      } else {
        g_assert_no_error (error);
        g_assert_cmpfloat_with_epsilon (sims, alone, TOLERANCE);
      }
    }
  }
  g_assert_cmpuint (clip_batcher_stats (engine->batcher).again, >=, 3);
  for (guint i = 0; i < 6; i++)
    clip_job_free (jobs[i]);
}

/* Whoever leaves, waiting or on its way, is not missed. */
static void
test_leave (void)
{
  g_auto (Fixture) f;

  if (!fixture_init (&f, 8))
    return;
  hold (&f, CLIP_BATCHER_HOLD_SUBMIT);
  for (guint i = 0; i < f.n; i++)
    start (&f, i);
  g_clear_pointer (&f.jobs[0], clip_job_free);
  g_clear_pointer (&f.jobs[5], clip_job_free);
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  g_clear_pointer (&f.jobs[1], clip_job_free);
  g_clear_pointer (&f.jobs[7], clip_job_free);
  check (&f, 6);
  for (guint i = 2; i < 5; i++)
    check (&f, i);
  g_assert_cmpuint (f.jobs[2]->batch_size, ==, 6);

  /* A batch that nobody waits for does not hold up the next ones. */
  for (guint i = 2; i < 5; i++)
    start (&f, i);
  g_clear_pointer (&f.jobs[2], clip_job_free);
  g_clear_pointer (&f.jobs[3], clip_job_free);
  g_clear_pointer (&f.jobs[4], clip_job_free);
  for (guint round = 0; round < 3; round++) {
    start (&f, 6);
    check (&f, 6);
  }
}

/* More jobs come while others run: room grows under them. */
static void
test_growth (void)
{
  g_auto (Fixture) f = { 0 };
  guint n = 0;

  f.engine = fixture_engine (folder, CLIP_PRECISION_FP32); /* no other test's */
  for (; f.engine && n < 12; n++) {
    f.jobs[n] = fixture_job (f.engine, n * 11);
    f.texts[n] = fixture_texts (f.engine, prompts[n % 4], NULL, FALSE);
    f.n = n + 1;
    clip_job_run (f.jobs[n], f.texts[n], f.alone[n], NULL, NULL);
    g_assert_cmpuint (capacity (&f), >=, MIN (f.n, 8));
    g_assert_cmpuint (capacity (&f), <, 2 * f.n);
    for (guint i = 0; i <= n; i++)
      start (&f, i);
    if (n + 1 < 12) /* with those on their way */
      clip_job_free (fixture_job (f.engine, 1));
    for (guint i = 0; i <= n; i++)
      check (&f, i);
  }
}

static void
test_lost (void)
{
  g_auto (Fixture) f;

  if (!fixture_init (&f, 6))
    return;
  for (guint i = 0; i < 3; i++)
    start (&f, i);
  hold (&f, CLIP_BATCHER_HOLD_SUBMIT);
  for (guint i = 3; i < 6; i++)
    start (&f, i);
  clip_gpu_simulate_loss (f.engine->gpu);
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  for (guint i = 0; i < 6; i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (clip_job_wait (f.jobs[i], NULL, NULL, &error));
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
    g_clear_error (&error);
    g_assert_false (clip_job_start (f.jobs[i], f.texts[i], &error));
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  }
  clip_engine_retire (f.engine);
}

static PFN_vkWaitSemaphores real_wait;
static gint waits;

/* The first one fails. */
static VKAPI_ATTR VkResult VKAPI_CALL
failing_wait (VkDevice d, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
  if (timeout > 0 && g_atomic_int_add (&waits, 1) == 0)
    return VK_ERROR_OUT_OF_HOST_MEMORY;
  return real_wait (d, info, timeout);
}

/* A job that ends with an error does not run on: it may get other buffers, and other pixels. */
static void
test_failed_wait (void)
{
  g_auto (Fixture) f;
  g_autoptr (GError) error = NULL;

  if (!fixture_init (&f, 2))
    return;
  ClipGpu *gpu = f.engine->gpu;
  real_wait = gpu->vk.WaitSemaphores;
  waits = 0;
  hold (&f, CLIP_BATCHER_HOLD_LAND);
  start (&f, 0);
  gpu->vk.WaitSemaphores = failing_wait;
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  g_assert_false (clip_job_wait (f.jobs[0], NULL, NULL, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  g_assert_cmpint (waits, >, 1);
  gpu->vk.WaitSemaphores = real_wait;
  for (guint i = 0; i < 2; i++) {
    start (&f, i);
    check (&f, i);
  }
}

/* A child may free what it inherited. */
static void
test_fork (void)
{
  g_auto (Fixture) f;
  int status = 0;
  pid_t child = 0;

  if (!fixture_init (&f, 2))
    return;
  hold (&f, CLIP_BATCHER_HOLD_SUBMIT);
  start (&f, 0);
  child = fork ();
  if (child == 0) {
    clip_job_free (f.jobs[0]);
    clip_job_free (f.jobs[1]);
    _exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  hold (&f, CLIP_BATCHER_HOLD_NOTHING);
  check (&f, 0);
}

/* Threads ----------------------------------------------------------------- */

#define N_THREADS 6
#define N_ROUNDS  60

typedef struct {
  ClipEngine *engine;
  guint index;
} Stream;

/* One of the things that a stream does: a frame, several at once, one that is given up. */
static void
one_round (const Stream *s, GRand *rand, ClipJob **jobs, const float *alone)
{
  const guint n = g_rand_int_range (rand, 1, 4);
  g_autoptr (ClipTexts) texts = fixture_texts (s->engine, prompts[s->index % 4], NULL, FALSE);
  g_autoptr (GError) error = NULL;
  float sims[MAX_LABELS];

  if (g_rand_int_range (rand, 0, 2)) {
    clip_jobs_start (jobs, n, texts, &error);
    g_assert_no_error (error);
  } else {
    for (guint i = 0; i < n; i++)
      g_assert_true (clip_job_start (jobs[i], texts, NULL));
  }
  if (g_rand_int_range (rand, 0, 8) == 0) {
    clip_job_free (jobs[0]);
    jobs[0] = fixture_job (s->engine, s->index);
    clip_job_set_stream (jobs[0], s);
    g_assert_true (clip_job_start (jobs[0], texts, NULL));
  }
  for (guint i = n; i-- > 0;) {
    clip_job_wait (jobs[i], sims, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat_with_epsilon (sims[0], alone[0], TOLERANCE);
  }
}

static gpointer
run_stream (gpointer data)
{
  const Stream *s = data;
  GRand *rand = g_rand_new_with_seed (s->index);
  g_autoptr (ClipTexts) texts = fixture_texts (s->engine, prompts[s->index % 4], NULL, FALSE);
  ClipJob *jobs[3];
  float alone[MAX_LABELS];

  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++) {
    jobs[i] = fixture_job (s->engine, s->index);
    clip_job_set_stream (jobs[i], s);
  }
  g_assert_true (clip_job_run (jobs[0], texts, alone, NULL, NULL));
  for (guint round = 0; round < N_ROUNDS; round++)
    one_round (s, rand, jobs, alone);
  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++)
    clip_job_free (jobs[i]);
  g_rand_free (rand);
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_AUTO);
  Stream streams[N_THREADS];
  GThread *threads[N_THREADS];

  if (engine == NULL)
    return;
  for (guint i = 0; i < N_THREADS; i++) {
    streams[i] = (Stream){ engine, i };
    threads[i] = g_thread_new ("stream", run_stream, &streams[i]);
  }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  const ClipBatcherStats stats = clip_batcher_stats (engine->batcher);
  g_test_message ("%u jobs in %u batches, the largest %u", (guint)stats.jobs, (guint)stats.batches,
                  stats.largest);
  g_assert_cmpuint (stats.largest, >, 1);
  g_assert_cmpuint (stats.waiting, ==, 0);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status = 0;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gst-clip-batch-XXXXXX", &error);
  g_assert_no_error (error);
  clip_random_model_write (clip_random_model_find ("tiny"), folder, 5, &error);
  g_assert_no_error (error);
  g_test_add_func ("/batch/distinct", test_distinct);
  g_test_add_func ("/batch/sizes", test_sizes);
  g_test_add_func ("/batch/sizes-gpu", test_sizes_gpu);
  g_test_add_func ("/batch/budget", test_budget);
  g_test_add_func ("/batch/no-waiting", test_no_waiting);
  g_test_add_func ("/batch/fair", test_fair);
  g_test_add_func ("/batch/together", test_together);
  g_test_add_func ("/batch/gather", test_gather);
  g_test_add_func ("/batch/not-finite", test_not_finite);
  g_test_add_func ("/batch/leave", test_leave);
  g_test_add_func ("/batch/growth", test_growth);
  g_test_add_func ("/batch/lost", test_lost);
  g_test_add_func ("/batch/failed-wait", test_failed_wait);
  g_test_add_func ("/batch/fork", test_fork);
  g_test_add_func ("/batch/threads", test_threads);
  status = g_test_run ();
  clip_random_model_remove (folder);
  g_free (folder);
  return status;
}
