/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/internal.h: the engine's structs, for engine/ and its tests only.
 */
#pragma once

#include "gst-clip/engine/engine.h"
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tower.h"

G_BEGIN_DECLS

/** Texts are padded to one of these lengths (the last is the model's context): few shapes mean
 * few pipelines, and the causal mask keeps what is behind the end token from mattering. */
#define CLIP_TEXT_SHAPES 3

/**
 * ClipHead: what follows a tower: embeddings, L2-normalised, read back.
 * @raw, @normalised: (batch, projection) on the device; @flags: uint[batch], not finite
 * @result: all three, mapped: see clip_head_raw() and its siblings
 */
typedef struct {
  ClipGpuBuffer *raw, *normalised, *flags, *result;
  ClipMatrix raw_matrix, normalised_matrix;
} ClipHead;

gboolean clip_head_init (ClipHead *head, ClipEngine *engine, guint32 batch, GError **error);
void clip_head_clear (ClipHead *head);
/** clip_head_record: normalises the first @batch rows and copies everything to @result. */
void clip_head_record (ClipHead *head, ClipEngine *engine, ClipGpuRecording *rec, guint32 batch);
/** float[projection] of one row; valid after the recording has finished. */
const float *clip_head_raw (const ClipHead *head, guint32 row);
const float *clip_head_normalised (const ClipHead *head, guint32 row);
gboolean clip_head_finite (const ClipHead *head, guint32 row);

/**
 * ClipEngine: immutable after clip_engine_open() but for what a lock is named for.
 * @users: references; guarded by the registry's lock
 * @running: jobs between start and wait; atomic
 * @text_lock: guards the text_* fields and @cache; held over a GPU wait, so only prompt
 *   workers may take it, never a setter or a streaming thread
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
  gint running;

  GMutex text_lock;
  ClipTextShape text_shapes[CLIP_TEXT_SHAPES];
  ClipGpuRecording *text_rec;
  ClipGpuBuffer *text_input; /* upload */
  ClipHead text_head;
  GHashTable *cache; /* text -> float[projection], L2-normalised */
};

/** clip_engine_check: FALSE with FORKED or DEVICE_LOST when @engine may not be used (any more). */
gboolean clip_engine_check (ClipEngine *engine, GError **error);

/** clip_engine_make: opens a device and loads a model, without registry. Steps of
 * clip_engine_open(). (transfer full) */
ClipEngine *clip_engine_make (const ClipEngineConfig *config, const gchar *model_path,
                              const ClipCancel *cancel, ClipProgressFunc progress, gpointer data,
                              GError **error);
void clip_engine_destroy (ClipEngine *engine);

/** clip_engine_tune: times the candidates for the products of both towers, where there are any and
 * they are not remembered, see clip_kernels_tune(). */
gboolean clip_engine_tune (ClipEngine *engine, const ClipCancel *cancel, GError **error);

/** clip_engine_warm_up: runs everything once, so that drivers compile now (most do so at the
 * first run, not when the pipeline is made) and not on the first frame. Stops soon when
 * cancelled. */
gboolean clip_engine_warm_up (ClipEngine *engine, const ClipCancel *cancel, GError **error);

/** clip_engine_clear_activations: zeroes them after a run that was not finite: their padding
 * columns meet zero weights, and 0 * NaN is not 0. Best effort; errors show at the next run. */
void clip_engine_clear_activations (ClipEngine *engine);

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
  ClipPromptSet *prompts;
  guint n_labels, n_negatives, n_background;
  guint32 rows;
  ClipGpuBuffer *buffer; /* NULL without rows */
};

extern const gchar *const clip_background_texts[];

/** clip_text_resources_init: buffers for the text tower. */
gboolean clip_text_resources_init (ClipEngine *engine, GError **error);
void clip_text_resources_clear (ClipEngine *engine);

/**
 * clip_encode_texts: runs the text tower.
 * @ids: uint32[n][context], of which @n_ids[i] are valid
 * @raw, @normalised: (nullable): float[n][projection]
 * @hidden: (nullable): for tests, n <= the batch of the longest shape: see ClipTowerRun; the
 *   shape is then the model's whole context
 * Errors: CANCELLED, NOT_FINITE, a ClipGpuError, a ClipModelError (token rows are read from
 * the model's file). Caller holds text_lock.
 */
gboolean clip_encode_texts (ClipEngine *engine, guint n, const guint32 *ids, const guint32 *n_ids,
                            const ClipCancel *cancel, float *raw, float *normalised,
                            const ClipGpuBuffer *hidden, GError **error);

/* Jobs ------------------------------------------------------------------ */

/** Up to so many labels sorting them on the host is cheaper than asking the device. */
#define CLIP_RANK_MIN_LABELS 256

/**
 * ClipJobScores: cosines of one embedding with all texts, and which labels are the best.
 * @texts, @top_k: what @rec was recorded for
 * @cosines: (1, rows) on the device; @ranking: scratch memory of topk, then its result
 * @result: cosines, then at @best_at bytes ClipTopk[@n_best], mapped
 * @n_best: 0: not asked for, or the host sorts as well
 */
typedef struct {
  ClipGpuRecording *rec;
  ClipTexts *texts;
  guint top_k, n_best;
  ClipGpuBuffer *cosines, *ranking, *result;
  gsize best_at;
} ClipJobScores;

/** clip_job_scores_record: for the first row of @embedding, normalised; nothing where @rec is that
 * recording already. */
gboolean clip_job_scores_record (ClipJobScores *scores, const ClipMatrix *embedding,
                                 ClipTexts *texts, guint top_k, GError **error);
void clip_job_scores_clear (ClipJobScores *scores);
/** clip_job_scores_read: copies out; NULL for what is not wanted. After the recording has run. */
void clip_job_scores_read (const ClipJobScores *scores, float *similarities,
                           float *negative_similarities);

/** clip_job_scores_warm_up: makes and runs the pipelines that only many labels need. */
gboolean clip_job_scores_warm_up (ClipEngine *engine, GError **error);

struct _ClipJob {
  ClipEngine *engine;
  ClipPreprocess *pre;
  ClipGpuBuffer *patches;
  ClipMatrix patch_rows; /* in @patches, see clip_tower_input_new() */
  ClipHead head;
  ClipGpuRecording *encode;
  ClipJobScores scores;
  guint top_k; /* wanted by clip_job_rank() */
  guint best[CLIP_RANK_MAX];
  ClipJobTimes times;

  guint64 value; /* that the device reaches when it has run; 0: it is not running */
  gint64 started;
  gboolean shared; /* others were running when it was started */
  gboolean scored; /* @scores are part of the run */
};

/** clip_job_record_hidden: for tests: preprocessing and the tower with every layer's output. */
void clip_job_record_hidden (ClipJob *job, ClipGpuRecording *rec, const ClipGpuBuffer *hidden);

/** clip_job_raw_embedding: (array length=projection): before normalisation; for tests. */
const float *clip_job_raw_embedding (ClipJob *job);

G_END_DECLS
