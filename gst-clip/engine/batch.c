/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which jobs are encoded together, and when. */
#include "gst-clip/engine/internal.h"

#include <unistd.h>

/* A batch on its way. @jobs: NULL where a job has left. @slot: which of the set's recordings */
typedef struct {
  ClipJob *jobs[CLIP_BATCH_MAX];
  guint n, slot;
  ClipBatchSet *set;
  guint64 value; /* that the device reaches when it has run */
} Flight;

struct _ClipBatcher {
  ClipEngine *engine;
  guint limit; /* of the capacity */

  GMutex grow_lock; /* one allocation at a time; taken before the other one */

  GMutex lock; /* guards the rest, and jobs as ClipJob says; never held over a wait */
  GQueue waiting;
  Flight flights[CLIP_BATCH_FLIGHTS]; /* oldest first */
  guint n_flights;
  ClipBatchSet *set;
  guint n_jobs;
  guint64 last_group;
  ClipBatcherHold held;
  GSList *garbage; /* sets that nobody uses any more */
  ClipBatcherStats stats;
};

/* Sets ---------------------------------------------------------------------- */

/* Called with the lock. */
static void
unref_set (ClipBatcher *b, ClipBatchSet *set)
{
  if (--set->refs == 0)
    b->garbage = g_slist_prepend (b->garbage, set);
}

/* Freeing may wait for the device. */
static void
unlock (ClipBatcher *b)
{
  GSList *garbage = g_steal_pointer (&b->garbage);

  g_mutex_unlock (&b->lock);
  g_slist_free_full (garbage, (GDestroyNotify)clip_batch_set_free);
}

ClipBatchSet *
clip_batcher_set (ClipBatcher *b)
{
  ClipBatchSet *set;

  g_mutex_lock (&b->lock);
  set = b->set;
  set->refs++;
  g_mutex_unlock (&b->lock);
  return set;
}

void
clip_batcher_unref_set (ClipBatcher *b, ClipBatchSet *set)
{
  g_mutex_lock (&b->lock);
  unref_set (b, set);
  unlock (b);
}

guint
clip_batch_limit (ClipEngine *e, const ClipBatchSet *one)
{
  const gboolean cpu = clip_gpu_info (e->gpu)->is_cpu;
  const guint64 budget =
      clip_batch_budget (cpu, clip_gpu_memory_bytes (e->gpu), clip_gpu_memory_left (e->gpu));
  guint n = cpu ? CLIP_BATCH_MAX_CPU : CLIP_BATCH_MAX;

  while (n > 1 && clip_batch_set_bytes (one, e, n) > budget)
    n /= 2;
  return n;
}

void
clip_batcher_join (ClipBatcher *b)
{
  g_autoptr (GError) error = NULL;
  ClipBatchSet *set = NULL;
  guint capacity, wanted = 1;

  g_mutex_lock (&b->grow_lock);
  g_mutex_lock (&b->lock);
  b->n_jobs++;
  capacity = b->set->capacity;
  while (wanted < MIN (b->n_jobs, b->limit))
    wanted *= 2;
  g_mutex_unlock (&b->lock);

  if (wanted > capacity) {
    set = clip_batch_set_new (b->engine, wanted, &error);
    if (set == NULL) {
      g_info ("batches stay at %u pictures: %s", capacity, error->message);
      b->limit = capacity;
    }
  }
  g_mutex_lock (&b->lock);
  if (set) {
    unref_set (b, b->set);
    b->set = set;
  }
  unlock (b);
  g_mutex_unlock (&b->grow_lock);
}

/* Submitting: all with the lock ----------------------------------------------------- */

static Flight
take_batch (ClipBatcher *b)
{
  Flight f = { .set = b->set };
  ClipJob *first = b->waiting.head->data;

  if (first->again) {
    f.jobs[f.n++] = first;
    g_queue_unlink (&b->waiting, &first->link);
  } else {
    f.n = clip_batch_choose (&b->waiting, f.jobs, b->set->capacity);
  }
  clip_batch_arrange (f.jobs, f.n, f.set->serial);
  return f;
}

static void
finish_job (ClipJob *job, const GError *error)
{
  job->state = CLIP_JOB_DONE;
  if (error)
    job->error = g_error_copy (error);
}

/* Jobs that cannot be recorded fail alone. */
static void
place_jobs (Flight *f)
{
  for (guint i = 0; i < f->n;) {
    g_autoptr (GError) error = NULL;

    if (clip_job_place (f->jobs[i], f->set, i, &error)) {
      i++;
      continue;
    }
    finish_job (f->jobs[i], error);
    f->jobs[i] = f->jobs[--f->n];
  }
}

static guint64
submit (ClipBatcher *b, Flight *f, GError **error)
{
  ClipEngine *e = b->engine;
  ClipGpuRecording *recs[2 * CLIP_BATCH_MAX + 3], *clear = NULL;
  ClipGpuRecording *tower = clip_batch_set_tower (f->set, e, f->slot, f->n, error);
  guint n = 0;

  if (tower == NULL)
    return 0;
  /* In one submission, so that nobody's NaNs come in between. */
  if (f->jobs[0]->again && !(clear = clip_batch_set_clear (f->set, e, error)))
    return 0;
  if (clear)
    recs[n++] = clear;
  for (guint i = 0; i < f->n; i++)
    recs[n++] = f->jobs[i]->load;
  recs[n++] = tower;
  for (guint i = 0; i < f->n; i++)
    recs[n++] = f->jobs[i]->finish;
  if (clear)
    recs[n++] = clear;
  return clip_gpu_submit (e->gpu, recs, n, error);
}

static void
launch (ClipBatcher *b)
{
  Flight f = take_batch (b);
  g_autoptr (GError) error = NULL;

  place_jobs (&f);
  if (f.n == 0)
    return;
  f.slot = b->n_flights > 0 ? 1 - b->flights[0].slot : 0;
  f.value = submit (b, &f, &error);
  for (guint i = 0; i < f.n; i++) {
    f.jobs[i]->state = CLIP_JOB_SUBMITTED;
    f.jobs[i]->batch = b->stats.batches + 1;
    f.jobs[i]->batch_size = f.n;
    if (f.value == 0)
      finish_job (f.jobs[i], error);
  }
  if (f.value == 0)
    return;
  f.set->refs++;
  b->flights[b->n_flights++] = f;
  b->stats.batches++;
  b->stats.jobs += f.n;
  b->stats.largest = MAX (b->stats.largest, f.n);
}

/*
 * An idle device gets at once whatever waits. Behind a batch that runs, another one goes when it is
 * full or has half of all jobs that are on their way: then the device never waits for the host, and
 * streams that always come back fall into two halves that take turns. Everybody else gathers.
 */
static gboolean
is_time (const ClipBatcher *b)
{
  const guint waiting = b->waiting.length;
  const ClipJob *first = waiting > 0 ? b->waiting.head->data : NULL;
  guint all = waiting;

  if (waiting == 0 || b->held == CLIP_BATCHER_HOLD_SUBMIT || b->n_flights == CLIP_BATCH_FLIGHTS)
    return FALSE;
  for (guint f = 0; f < b->n_flights; f++)
    all += b->flights[f].n;
  return b->n_flights == 0 || first->again || waiting >= MIN (b->set->capacity, (all + 1) / 2);
}

/* Called whenever a job was queued or a batch has finished: so while jobs wait some batch is on its
 * way. */
static void
pump (ClipBatcher *b)
{
  while (is_time (b))
    launch (b);
}

/* Finishing: all with the lock -------------------------------------------------------- */

static guint64
encode_time (const Flight *f)
{
  const gchar *stages[2];
  guint64 ns[2];
  guint n = clip_gpu_recording_get_times (f->set->towers[f->slot][f->n], stages, ns, 2);

  for (guint i = 0; i < n; i++)
    if (g_str_equal (stages[i], "encode"))
      return ns[i];
  return 0;
}

static void
land_first (ClipBatcher *b, const GError *error)
{
  Flight *f = &b->flights[0];
  const guint64 ns = error ? 0 : encode_time (f);

  for (guint i = 0; i < f->n; i++)
    if (f->jobs[i]) {
      f->jobs[i]->encode_ns = ns;
      finish_job (f->jobs[i], error);
    }
  unref_set (b, f->set);
  b->n_flights--;
  for (guint i = 0; i < b->n_flights; i++)
    b->flights[i] = b->flights[i + 1];
}

static void
land_finished (ClipBatcher *b)
{
  while (b->n_flights > 0 && b->held != CLIP_BATCHER_HOLD_LAND
         && clip_gpu_has_reached (b->engine->gpu, b->flights[0].value))
    land_first (b, NULL);
}

/* The device is lost. */
static void
fail_all (ClipBatcher *b, const GError *error)
{
  while (b->n_flights > 0)
    land_first (b, error);
  while (b->waiting.length > 0) {
    ClipJob *job = b->waiting.head->data;

    g_queue_unlink (&b->waiting, &job->link);
    finish_job (job, error);
  }
}

static gboolean
is_on (const Flight *f, const ClipJob *job)
{
  for (guint i = 0; i < f->n; i++)
    if (f->jobs[i] == job)
      return TRUE;
  return FALSE;
}

static void
forget_job (ClipBatcher *b, ClipJob *job)
{
  if (job->state == CLIP_JOB_QUEUED)
    g_queue_unlink (&b->waiting, &job->link);
  for (guint f = 0; f < b->n_flights; f++)
    for (guint i = 0; i < b->flights[f].n; i++)
      if (b->flights[f].jobs[i] == job)
        b->flights[f].jobs[i] = NULL;
  job->state = CLIP_JOB_IDLE;
}

/* For jobs ------------------------------------------------------------------------------ */

ClipBatcher *
clip_batcher_new (ClipEngine *engine, GError **error)
{
  ClipBatcher *b = NULL;
  ClipBatchSet *set = clip_batch_set_new (engine, 1, error);

  if (set == NULL)
    return NULL;
  b = g_new0 (ClipBatcher, 1);
  b->engine = engine;
  b->set = set;
  b->limit = clip_batch_limit (engine, set);
  g_queue_init (&b->waiting);
  g_mutex_init (&b->grow_lock);
  g_mutex_init (&b->lock);
  return b;
}

void
clip_batcher_free (ClipBatcher *b)
{
  if (b == NULL)
    return;
  g_mutex_lock (&b->lock);
  while (b->n_flights > 0) /* whose jobs have left */
    land_first (b, NULL);
  unref_set (b, b->set);
  unlock (b);
  g_mutex_clear (&b->grow_lock);
  g_mutex_clear (&b->lock);
  g_free (b);
}

void
clip_batcher_leave (ClipBatcher *b, ClipJob *job)
{
  if (b->engine->pid != getpid ()) /* forked: another thread may have held the lock */
    return;
  g_mutex_lock (&b->lock);
  forget_job (b, job);
  b->n_jobs--;
  land_finished (b);
  pump (b);
  unlock (b);
}

void
clip_batcher_start (ClipBatcher *b, ClipJob *const *jobs, guint n)
{
  g_mutex_lock (&b->lock);
  land_finished (b);
  for (guint i = 0; i < n; i++) {
    ClipJob *job = jobs[i];

    if (i % b->set->capacity == 0)
      b->last_group++;
    job->group = n > 1 ? b->last_group : 0;
    job->again = FALSE;
    job->state = CLIP_JOB_QUEUED;
    g_queue_push_tail_link (&b->waiting, &job->link);
  }
  pump (b);
  unlock (b);
}

/* Returns with the lock. Who is queued waits for the batch before its own: nobody else might see it
 * finish. */
static void
wait_done (ClipBatcher *b, ClipJob *job)
{
  while (job->state != CLIP_JOB_DONE) {
    const gboolean second = b->n_flights > 1 && is_on (&b->flights[1], job);
    const guint64 value = b->flights[second].value;
    g_autoptr (GError) error = NULL;

    unlock (b);
    clip_gpu_wait (b->engine->gpu, value, G_MAXUINT64, &error);
    g_mutex_lock (&b->lock);
    if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST)) {
      fail_all (b, error);
    } else if (error && job->state != CLIP_JOB_DONE) {
      forget_job (b, job);
      finish_job (job, error);
    }
    land_finished (b);
    pump (b);
  }
}

gboolean
clip_batcher_wait (ClipBatcher *b, ClipJob *job, GError **error)
{
  GError *failure = NULL;

  g_mutex_lock (&b->lock);
  wait_done (b, job);
  if (job->error == NULL && !clip_job_finite (job)) {
    job->again = TRUE;
    job->group = 0;
    job->state = CLIP_JOB_QUEUED;
    g_queue_push_head_link (&b->waiting, &job->link);
    b->stats.again++;
    pump (b);
    wait_done (b, job);
  }
  job->state = CLIP_JOB_IDLE;
  failure = g_steal_pointer (&job->error);
  unlock (b);
  if (failure)
    g_propagate_error (error, failure);
  return failure == NULL;
}

ClipBatcherStats
clip_batcher_stats (ClipBatcher *b)
{
  ClipBatcherStats stats;

  g_mutex_lock (&b->lock);
  stats = b->stats;
  stats.capacity = b->set->capacity;
  stats.waiting = b->waiting.length;
  stats.flights = b->n_flights;
  g_mutex_unlock (&b->lock);
  return stats;
}

void
clip_batcher_hold (ClipBatcher *b, ClipBatcherHold what)
{
  g_mutex_lock (&b->lock);
  b->held = what;
  pump (b);
  unlock (b);
}
