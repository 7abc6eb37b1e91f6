/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/batch.h: jobs that wait at the same moment are encoded as one batch.
 *
 * Each engine has one ClipBatcher. Jobs queue in the order of their start; a batch is formed and
 * submitted by the thread that starts a job or that sees one finish: there is no thread and no
 * timer for it. Rules: docs/architecture.md, "Batches".
 */
#pragma once

#include "gst-clip/engine/engine.h"
#include "gst-clip/engine/tower.h"

G_BEGIN_DECLS

/** Most pictures of a batch. On CPU devices more than 8 gain nothing and delay everybody. */
#define CLIP_BATCH_MAX     32
#define CLIP_BATCH_MAX_CPU 8

/** Batches on their way: one that runs and one behind it, so that the device does not wait for the
 * host. More would only keep jobs from gathering. */
#define CLIP_BATCH_FLIGHTS 2

/**
 * ClipHead: what follows a tower: embeddings, L2-normalised.
 * @raw, @normalised: (batch, projection) on the device; @flags: uint[batch], not finite
 * @result: (nullable): all three, mapped: see clip_head_raw() and its siblings
 */
typedef struct {
  ClipGpuBuffer *raw, *normalised, *flags, *result;
  ClipMatrix raw_matrix, normalised_matrix;
} ClipHead;

/** clip_head_init: for @batch rows. @read_back: with @result. */
gboolean clip_head_init (ClipHead *head, ClipEngine *engine, guint32 batch, gboolean read_back,
                         GError **error);
void clip_head_clear (ClipHead *head);
/** clip_head_record: normalises the first @batch rows and copies everything to @result, where there
 * is one. */
void clip_head_record (ClipHead *head, ClipEngine *engine, ClipGpuRecording *rec, guint32 batch);
/** float[projection] of one row of @result; valid after the recording has finished. */
const float *clip_head_raw (const ClipHead *head, guint32 row);
const float *clip_head_normalised (const ClipHead *head, guint32 row);
gboolean clip_head_finite (const ClipHead *head, guint32 row);

/** clip_head_row_bytes: of a mapped buffer for clip_head_record_row(). */
gsize clip_head_row_bytes (const ClipHead *head);
/** clip_head_record_row: copies one row to @to: float[ld] as the tower gave it, float[ld] normalised,
 * uint: whether it is not finite. */
void clip_head_record_row (const ClipHead *head, ClipGpuRecording *rec, guint32 row,
                           const ClipGpuBuffer *to);

/**
 * ClipBatchSet: everything that batches of up to @capacity pictures share. Immutable but for
 * the recordings, which the batcher makes when a size is first used, under its lock.
 * @refs: batcher's lock
 * @serial: no other set of the process has it
 * @activations: the engine's own while they are large enough
 * @patches, @patch_rows: input of @capacity pictures one after the other, see clip_tower_input_new()
 * @towers: [flight][n]: the tower for n pictures and their normalisation; one for each batch on
 *   its way, since a recording keeps its last times
 * @clear: zeroes @activations
 */
typedef struct {
  gint refs;
  guint serial, capacity;
  const ClipActivations *activations;
  ClipActivations *own_activations; /* nullable */
  ClipGpuBuffer *patches;
  ClipMatrix patch_rows;
  ClipHead head;
  ClipGpuRecording *towers[CLIP_BATCH_FLIGHTS][CLIP_BATCH_MAX + 1];
  ClipGpuRecording *clear;
} ClipBatchSet;

/** clip_batch_set_new: allocates, and makes all pipelines that sizes up to @capacity need. Blocks.
 * (transfer full) */
ClipBatchSet *clip_batch_set_new (ClipEngine *engine, guint capacity, GError **error);
/** clip_batch_set_free: waits for its recordings. */
void clip_batch_set_free (ClipBatchSet *set);
/** clip_batch_set_bytes: device memory that clip_batch_set_new() takes for @capacity pictures, about.
 * @one: a set for one */
gsize clip_batch_set_bytes (const ClipBatchSet *one, ClipEngine *engine, guint capacity);
/** clip_batch_set_patches: where preprocessing puts picture @row. */
ClipMatrix clip_batch_set_patches (const ClipBatchSet *set, guint row);
/** clip_batch_set_tower: the recording for @n pictures. (transfer none): NULL with @error. */
ClipGpuRecording *clip_batch_set_tower (ClipBatchSet *set, ClipEngine *engine, guint flight,
                                        guint n, GError **error);
/** clip_batch_set_record: the tower for @n pictures, into any recording. @hidden: see ClipTowerRun */
void clip_batch_set_record (const ClipBatchSet *set, ClipEngine *engine, ClipGpuRecording *rec,
                            guint n, const ClipGpuBuffer *hidden);
/** clip_batch_set_clear: the recording that zeroes activations. (transfer none): NULL with @error. */
ClipGpuRecording *clip_batch_set_clear (ClipBatchSet *set, ClipEngine *engine, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipBatchSet, clip_batch_set_free)

/* The batcher ------------------------------------------------------------- */

typedef struct _ClipBatcher ClipBatcher;

/** ClipBatcherStats: since the engine was opened. @again: jobs that were run a second time, see
 * clip_batcher_wait(); they count as batches too. */
typedef struct {
  guint64 jobs, batches, again;
  guint largest, capacity, waiting, flights;
} ClipBatcherStats;

/** clip_batch_limit: the most pictures that a batch may have: the largest power of two whose memory is within
 * the budget. @one: of a set for one at least the patches */
guint clip_batch_limit (ClipEngine *engine, const ClipBatchSet *one);

/** clip_batcher_new: for batches of one; they grow with the number of jobs. */
ClipBatcher *clip_batcher_new (ClipEngine *engine, GError **error);
/** clip_batcher_free: no job is left. NULL-safe. */
void clip_batcher_free (ClipBatcher *batcher);

/** clip_batcher_join: there is one job more: makes room for larger batches, as far as the budget for
 * memory allows; without memory for it the old room stays. Blocks (allocation). */
void clip_batcher_join (ClipBatcher *batcher);
/** clip_batcher_leave: @job goes, whether it waits, runs or neither. Nobody else notices. Does not
 * wait for the device. */
void clip_batcher_leave (ClipBatcher *batcher, ClipJob *job);

/** clip_batcher_set: the set that batches are made for now; clip_batcher_unref_set() it. */
ClipBatchSet *clip_batcher_set (ClipBatcher *batcher);
void clip_batcher_unref_set (ClipBatcher *batcher, ClipBatchSet *set);

/** clip_batcher_start: queues @jobs, which are idle, in one batch as far as it has room for them,
 * and submits what can be. Errors come out of clip_batcher_wait(). */
void clip_batcher_start (ClipBatcher *batcher, ClipJob *const *jobs, guint n);

/**
 * clip_batcher_wait: until @job has run; without a lock. It is idle then.
 *
 * An embedding that is not finite may only be inherited: activations are shared, and attention meets
 * what lies behind a picture's last row with zero weights, but 0 * NaN is not 0. Such a job is run again,
 * alone and on cleared activations, and what comes out then is its own: NOT_FINITE.
 */
gboolean clip_batcher_wait (ClipBatcher *batcher, ClipJob *job, GError **error);

/** clip_batch_budget: bytes that batches may take of the device's memory. @used: what the engine has without;
 * @left: see clip_gpu_memory_left() */
guint64 clip_batch_budget (gboolean is_cpu, guint64 used, guint64 left);

/** clip_batch_choose: takes out of @waiting at most @places jobs for a batch: first the oldest of each
 * stream, then, where there is still room, their next ones. Who does not fit is not overtaken: it is the
 * first one in the next batch. Returns: how many are in @jobs. */
guint clip_batch_choose (GQueue *waiting, ClipJob **jobs, guint places);

/** clip_batch_arrange: puts who has been in the same row of set @serial before there again: nothing of it
 * is recorded anew. */
void clip_batch_arrange (ClipJob **jobs, guint n, guint serial);

ClipBatcherStats clip_batcher_stats (ClipBatcher *batcher);

/** ClipBatcherHold: @SUBMIT: nothing is submitted, so that jobs gather; @LAND: nothing is seen to have
 * finished, as on a slow device. */
typedef enum {
  CLIP_BATCHER_HOLD_NOTHING,
  CLIP_BATCHER_HOLD_SUBMIT,
  CLIP_BATCHER_HOLD_LAND,
} ClipBatcherHold;

/** clip_batcher_hold: for tests, until the next call. Nobody may wait meanwhile. */
void clip_batcher_hold (ClipBatcher *batcher, ClipBatcherHold what);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipBatcher, clip_batcher_free)

G_END_DECLS
