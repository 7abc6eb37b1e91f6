/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/internal.h: the engine's structs, for engine/ and its tests only.
 */
#pragma once

#include "gst-clip/engine/batch.h"
#include "gst-clip/engine/engine.h"
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tower.h"
#include "gst-clip/kernels/tune.h"

G_BEGIN_DECLS

/** Texts are padded to one of these lengths (the last is the model's context): few shapes mean
 * few pipelines, and the causal mask keeps what is behind the end token from mattering. */
#define CLIP_TEXT_SHAPES 3

/**
 * ClipEngine: immutable after clip_engine_open() but for what a lock is named for.
 * @users: references; guarded by the registry's lock
 * @text_lock: guards @cache and @text_turns; never held over a wait
 * @text_turns: of GList: whose turn it is and who waits for it, see clip_text_turn_begin(). The turn guards the
 *   other text_* fields, @unsaved_texts and @n_texts_on_disk.
 */
struct _ClipEngine {
  gchar *key;
  gint users;
  gboolean retired;
  pid_t pid;

  ClipGpu *gpu;
  ClipKernels *kernels;
  ClipKernels
      *text_kernels; /* fp16 with int8: a text is encoded once, and costs int8 most; owned by
                               * @kernels */
  ClipKernels *score_kernels; /* fp32: similarities keep their digits with any precision */
  ClipModel *model;
  ClipTowerWeights *vision, *text;
  ClipActivations *activations;
  ClipBatcher *batcher; /* from clip_engine_warm_up() on: what it records needs to be tuned */

  GMutex text_lock;
  GQueue text_turns;
  GCond text_turn_ended;
  ClipTextShape text_shapes[CLIP_TEXT_SHAPES];
  ClipGpuRecording *text_rec;
  ClipGpuBuffer *text_input; /* upload */
  ClipHead text_head;
  GHashTable *cache;         /* text -> ClipTextRow */
  gboolean caches_texts;     /* on disk, see text_cache.h; the next two are for that */
  GHashTable *unsaved_texts; /* text -> ClipTextRow */
  guint n_texts_on_disk;     /* as far as we know */
};

/** clip_engine_check: FALSE with FORKED or DEVICE_LOST when @engine may not be used (any more). */
gboolean clip_engine_check (ClipEngine *engine, GError **error);

/** clip_engine_make: opens a device and loads a model, without registry. Steps of
 * clip_engine_open(). (transfer full) */
ClipEngine *clip_engine_make (const ClipEngineConfig *config, const gchar *model_path,
                              const ClipCancel *cancel, ClipProgressFunc progress, gpointer data,
                              GError **error);
void clip_engine_destroy (ClipEngine *engine);

/** ClipEngineReport: whom clip_engine_make() tells how far it is, and who may stop it. */
typedef struct {
  ClipProgressFunc progress; /* nullable */
  gpointer data;
  const ClipCancel *cancel; /* nullable */
} ClipEngineReport;

void clip_engine_report (const ClipEngineReport *report, const gchar *code, const gchar *text,
                         guint percent);

/** clip_precision_types: the types of weights that @precision may mean on such a device, best first: two at
 * most. Returns: how many. */
guint clip_precision_types (const ClipGpuInfo *info, ClipPrecision precision,
                            ClipWeightType *types);

/** clip_engine_load: kernels, weights, activations and what texts need, on @engine's device, of its model: in
 * the first type of weights that fits and whose kernels are right. */
gboolean clip_engine_load (ClipEngine *engine, ClipPrecision precision,
                           const ClipEngineReport *report, GError **error);
void clip_engine_unload (ClipEngine *engine);

/** clip_engine_products: what both towers multiply, for batches of up to @batch pictures, most important first.
 * (element-type ClipTuneShape) (transfer full) */
GArray *clip_engine_products (ClipEngine *engine, guint batch);

/** clip_engine_tune: times the candidates for the products of both towers, where there are any and
 * they are not remembered, see clip_kernels_tune(). */
gboolean clip_engine_tune (ClipEngine *engine, const ClipCancel *cancel, GError **error);

/** clip_engine_warm_up: runs everything once, so that drivers compile now (most do so at the
 * first run, not when the pipeline is made) and not on the first frame. Stops soon when
 * cancelled. */
gboolean clip_engine_warm_up (ClipEngine *engine, const ClipCancel *cancel, GError **error);

/** clip_cancelled: TRUE and @error set when @cancel (nullable) was set. */
gboolean clip_cancelled (const ClipCancel *cancel, GError **error);

/* Texts ----------------------------------------------------------------- */

/**
 * ClipTexts: the weights of the GEMM that scores: @rows embeddings of labels, then given negatives,
 * then the background set, as @score_kernels packs them. Immutable after clip_texts_new().
 */
struct _ClipTexts {
  gint refs;
  ClipEngine *engine;
  ClipPromptSet *prompts, *negatives; /* negatives: nullable */
  guint n_labels, n_negatives, n_background;
  guint32 rows;
  ClipGpuBuffer *buffer; /* NULL without rows */
};

extern const gchar *const clip_background_texts[];

/**
 * ClipTextRow: an embedding, L2-normalised. Immutable; counted by g_atomic_rc_box_acquire().
 * @kept: bytes of the text that the model sees; G_MAXSIZE: all
 */
typedef struct {
  gsize kept;
  float values[];
} ClipTextRow;

/** clip_text_row_new: a copy of @values, float[@dim]. (transfer full) */
ClipTextRow *clip_text_row_new (const float *values, guint32 dim, gsize kept);

/**
 * clip_text_turn_begin: waits until it is the caller's turn to run the texts' tower, which is held over GPU waits:
 * only threads that encode prompts may want it, never a setter or a streaming thread. First come, first served. A
 * large set takes many turns, so that a small one that comes meanwhile goes between two of them.
 * @turn: the caller's, zeroed, until clip_text_turn_end()
 * Errors: CANCELLED: then it is not the caller's turn.
 */
gboolean clip_text_turn_begin (ClipEngine *engine, GList *turn, const ClipCancel *cancel,
                               GError **error);
void clip_text_turn_end (ClipEngine *engine);

/** clip_text_resources_init: buffers for the text tower. */
gboolean clip_text_resources_init (ClipEngine *engine, GError **error);
void clip_text_resources_clear (ClipEngine *engine);

/**
 * clip_encode_texts: runs the text tower.
 * @ids: uint32[n][context], of which @n_ids[i] are valid, or all if clip_model_pads()
 * @raw, @normalised: (nullable): float[n][projection]
 * @hidden: (nullable): for tests, n <= the batch of the longest shape: see ClipTowerRun; the
 *   shape is then the model's whole context
 * Errors: CANCELLED, NOT_FINITE, a ClipGpuError, a ClipModelError (token rows are read from
 * the model's file). It is the caller's turn.
 */
gboolean clip_encode_texts (ClipEngine *engine, guint n, const guint32 *ids, const guint32 *n_ids,
                            const ClipCancel *cancel, float *raw, float *normalised,
                            const ClipGpuBuffer *hidden, GError **error);

/* Jobs ------------------------------------------------------------------ */

/** Up to so many labels sorting them on the host is cheaper than asking the device. */
#define CLIP_RANK_MIN_LABELS 256

/**
 * ClipJobScores: cosines of one embedding with all texts, and which labels are the best.
 * @texts, @top_k: what the buffers were made for
 * @cosines: (1, rows) on the device; @ranking: scratch memory of topk, then its result
 * @result: cosines, then at @best_at bytes ClipTopk[@n_best], mapped
 * @n_best: 0: not asked for, or the host sorts as well
 */
typedef struct {
  ClipTexts *texts;
  guint top_k, n_best;
  ClipGpuBuffer *cosines, *ranking, *result;
  gsize best_at;
} ClipJobScores;

/** clip_job_scores_fit: makes the buffers; nothing where they are for @texts and @top_k already. The
 * device uses none of them. */
gboolean clip_job_scores_fit (ClipJobScores *scores, ClipTexts *texts, guint top_k, GError **error);
/** clip_job_scores_record: for the first row of @embedding, normalised. */
void clip_job_scores_record (ClipJobScores *scores, ClipGpuRecording *rec,
                             const ClipMatrix *embedding);
void clip_job_scores_clear (ClipJobScores *scores);
/** clip_job_scores_read: copies out; NULL for what is not wanted. After the recording has run. */
void clip_job_scores_read (const ClipJobScores *scores, float *similarities,
                           float *negative_similarities);

/** clip_job_scores_warm_up: makes and runs the pipelines that only many labels need. */
gboolean clip_job_scores_warm_up (ClipEngine *engine, GError **error);

/** ClipJobPlace: what a recording of a job was made for: row of the batch set with that serial. */
typedef struct {
  guint serial, row;
} ClipJobPlace;

/**
 * ClipJob:
 * @load: preprocessing into a row of the batch's patches; @finish: its row of the embeddings to
 *   @embedding, and scores. Both are recorded again when the job gets another place.
 * @embedding: see clip_head_record_row()
 * The second part belongs to the batcher and is guarded by its lock, but for an idle job.
 */
struct _ClipJob {
  ClipEngine *engine;
  ClipPreprocess *pre;
  ClipGpuRecording *load, *finish;
  ClipGpuBuffer *embedding;
  guint32 dim, ld;
  ClipJobScores scores;
  guint top_k; /* wanted by clip_job_rank() */
  guint best[CLIP_RANK_MAX];
  ClipJobTimes times;
  gint64 started;
  gboolean running; /* between start and wait */
  gboolean scored;  /* @scores are part of the run */
  gconstpointer stream;

  ClipJobPlace load_place, finish_place;
  GList link; /* of the queue */
  enum {
    CLIP_JOB_IDLE,
    CLIP_JOB_QUEUED,
    CLIP_JOB_SUBMITTED,
    CLIP_JOB_DONE,
  } state;
  guint64 group;  /* jobs that were started together; 0: alone */
  gboolean again; /* a second run, alone and on cleared activations */
  guint64 encode_ns;
  guint64 batch; /* number of its last batch, from 1 */
  guint batch_size;
  GError *error;
};

/** clip_job_place: records what of the job is not yet recorded for @row of @set. The job does not
 * run. Makes pipelines only where a job is placed for the first time, or with other texts. */
gboolean clip_job_place (ClipJob *job, const ClipBatchSet *set, guint row, GError **error);

/** clip_job_finite: whether the embedding of the last run is. */
gboolean clip_job_finite (const ClipJob *job);

/** clip_job_record_hidden: for tests: preprocessing and the tower with every layer's output. */
void clip_job_record_hidden (ClipJob *job, ClipGpuRecording *rec, const ClipGpuBuffer *hidden);

/** clip_job_raw_embedding: (array length=projection): before normalisation; for tests. */
const float *clip_job_raw_embedding (ClipJob *job);

G_END_DECLS
