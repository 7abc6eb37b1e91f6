/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/engine.h: CLIP on one device, without GStreamer. What element/ sees.
 *
 * All users in a process that name the same model, device, precision and group share one
 * ClipEngine: weights once, one queue. Three objects:
 *   ClipEngine  the model on the device (shared, reference counted)
 *   ClipTexts   a prompt set, encoded (immutable, reference counted)
 *   ClipJob     one frame's staging memory, recordings and result; a stream keeps one or more
 */
#pragma once

#include <glib.h>
#include "gst-clip/engine/prompts.h"
#include "gst-clip/kernels/preprocess.h"

G_BEGIN_DECLS

typedef struct _ClipEngine ClipEngine;
typedef struct _ClipTexts ClipTexts;
typedef struct _ClipJob ClipJob;

#define CLIP_ENGINE_ERROR (clip_engine_error_quark ())
GQuark clip_engine_error_quark (void);

/**
 * ClipEngineError: (a lost device is CLIP_GPU_ERROR_DEVICE_LOST, a broken model a
 * CLIP_MODEL_ERROR)
 * @CANCELLED: the ClipCancel was set
 * @NOT_FINITE: the embedding has a value that is not finite; nothing was published
 * @FORKED: used in a process that forked after the engine was made
 * @MEMORY: the weights do not fit; the message has the sizes and names a smaller precision
 */
typedef enum {
  CLIP_ENGINE_ERROR_CANCELLED,
  CLIP_ENGINE_ERROR_NOT_FINITE,
  CLIP_ENGINE_ERROR_FORKED,
  CLIP_ENGINE_ERROR_MEMORY,
} ClipEngineError;

/** ClipPrecision: how weights are stored. @AUTO: fp16 on GPUs that store it; else fp32, or fp16 where that
 * does not fit. */
typedef enum {
  CLIP_PRECISION_AUTO,
  CLIP_PRECISION_FP32,
  CLIP_PRECISION_FP16,
  CLIP_PRECISION_INT8,
} ClipPrecision;

/** ClipCancel: an int that another thread sets to 1 to make a long call return soon. */
typedef gint ClipCancel;

/**
 * ClipProgressFunc: called from the thread of clip_engine_open() or clip_texts_new().
 * @code: "open-device", "load-model", "compile", "encode-prompts"; @text: for a person;
 * @percent: 0..100
 */
typedef void (*ClipProgressFunc) (const gchar *code, const gchar *text, guint percent,
                                  gpointer data);

/** ClipEngineConfig: @caches_texts: keep embeddings of texts on disk; of a shared engine, what who opened
 * it first said. */
typedef struct {
  const gchar *model;  /* nullable: the embedded one; a folder or a name */
  const gchar *device; /* nullable */
  ClipPrecision precision;
  const gchar *group; /* nullable: those with the same one share */
  gboolean caches_texts;
} ClipEngineConfig;

/**
 * clip_engine_open: finds or makes the shared engine: opens the device, reads, packs and
 * uploads the weights, makes the pipelines and runs each tower once (drivers compile at the
 * first run). Blocks; a second caller for the same engine waits for the first.
 * @cancel: (nullable)
 */
ClipEngine *clip_engine_open (const ClipEngineConfig *config, const ClipCancel *cancel,
                              ClipProgressFunc progress, gpointer data, GError **error);
ClipEngine *clip_engine_ref (ClipEngine *engine);
void clip_engine_unref (ClipEngine *engine);

/** clip_engine_retire: the device is lost: clip_engine_open() will not return this one again. */
void clip_engine_retire (ClipEngine *engine);

const gchar *clip_engine_model_name (ClipEngine *engine);
const gchar *clip_engine_device_name (ClipEngine *engine);
/** clip_engine_logit_scale: the model's own, after exp (). */
gdouble clip_engine_logit_scale (ClipEngine *engine);
/** clip_engine_logit_bias: the model's own; 0 for those that have none. */
gdouble clip_engine_logit_bias (ClipEngine *engine);

/** clip_engine_contrast_threshold: from which score on contrast accepts a label; 0: the model says nothing. */
gdouble clip_engine_contrast_threshold (ClipEngine *engine);
guint64 clip_engine_memory_bytes (ClipEngine *engine);
/** clip_engine_gpu: for tests (clip_gpu_simulate_loss ()). */
ClipGpu *clip_engine_gpu (ClipEngine *engine);

/* Texts ----------------------------------------------------------------- */

/**
 * ClipScoring: see docs/elements.md for the formulas.
 * AUTO is sigmoid for models that were trained so (SigLIP), else softmax for two or more labels, contrast
 * for one.
 */
typedef enum {
  CLIP_SCORING_AUTO,
  CLIP_SCORING_SOFTMAX,
  CLIP_SCORING_CONTRAST,
  CLIP_SCORING_COSINE,
  CLIP_SCORING_SIGMOID,
} ClipScoring;

/**
 * ClipPicture: what a ClipPictureReader gives: a frame, whose memory is @owner's.
 * @release: called once with @owner when the pixels are no longer needed
 */
typedef struct {
  ClipFrameInfo info;
  ClipFramePlanes planes;
  gpointer owner;
  GDestroyNotify release;
} ClipPicture;

/** ClipPictureReader: from a file to pixels, from the thread of clip_texts_new(). Errors are
 * CLIP_PROMPTS_ERROR_FILE and name the path, or CLIP_ENGINE_ERROR_CANCELLED. */
typedef gboolean (*ClipPictureReader) (const gchar *path, const ClipCancel *cancel,
                                       ClipPicture *picture, GError **error);

/** clip_set_picture_reader: how wordings "image:PATH" are read, in the whole process; without one
 * they are errors. Thread: any. */
void clip_set_picture_reader (ClipPictureReader reader);

/** ClipTextWarning: a wording was too long; @kept is its beginning, which the model sees. */
typedef void (*ClipTextWarning) (const gchar *label, const gchar *text, const gchar *kept,
                                 gpointer data);

/**
 * clip_texts_new: encodes every wording (embeddings are cached per engine by text), averages
 * a label's and uploads them. Wordings that are pictures go through the tower of images, as a frame.
 * @negatives: (nullable): compared against, never shown
 * @background: also encode the built-in background set, which contrast needs
 * @warn: (nullable): called from this thread
 * Thread: any but the streaming thread; blocks.
 */
ClipTexts *clip_texts_new (ClipEngine *engine, ClipPromptSet *prompts, ClipPromptSet *negatives,
                           gboolean background, const ClipCancel *cancel, ClipTextWarning warn,
                           ClipProgressFunc progress, gpointer data, GError **error);
ClipTexts *clip_texts_ref (ClipTexts *texts);
void clip_texts_unref (ClipTexts *texts);
ClipPromptSet *clip_texts_prompts (ClipTexts *texts);
/** clip_texts_negatives: (nullable): those given. */
ClipPromptSet *clip_texts_negatives (ClipTexts *texts);

/* Jobs ------------------------------------------------------------------ */

/** ClipJobTimes: ns; 0 where not measured. @encode: of the whole batch that the frame was in, which had
 * @batch pictures. @total: from start to result, others' work before it included. */
typedef struct {
  guint64 load, preprocess, encode, score, total;
  guint64 batch;
} ClipJobTimes;

/** clip_job_new: staging memory and recordings for frames of @info. Blocks (allocation). */
ClipJob *clip_job_new (ClipEngine *engine, const ClipFrameInfo *info, GError **error);
/** clip_job_new_for_regions: the same for rectangles of such frames, which come in any number: only as much
 * memory as they need. Nothing may be loaded before clip_job_set_view(). */
ClipJob *clip_job_new_for_regions (ClipEngine *engine, const ClipFrameInfo *info, GError **error);
/**
 * clip_engine_warm_up_regions: runs what resizes rectangles of all sizes once, so that drivers compile now and
 * not when a frame has the first region of its size. Seconds the first time on a machine, where code is
 * compiled for sizes; else nothing. Blocks; asks between the steps whether it was cancelled.
 * @side: the longest that a rectangle will have
 * @cancel: (nullable)
 */
gboolean clip_engine_warm_up_regions (ClipEngine *engine, guint side, const ClipCancel *cancel,
                                      GError **error);

/** clip_job_free: also while it is running: then the device's work on it is waited for. NULL-safe. */
void clip_job_free (ClipJob *job);

/** clip_job_set_stream: whose frames these are. In one batch each stream has one place before any has
 * two; of one stream's jobs none overtakes another. @stream: only compared; NULL (the default): of a
 * stream of its own. The job must not be running. */
void clip_job_set_stream (ClipJob *job, gconstpointer stream);

/** ClipFit: how what is encoded becomes the model's square. @AUTO: as the model says. @CENTER: the middle
 * of the longer side is cut out. @SQUASH: the longer side is compressed. @LETTERBOX: black fills what the
 * shorter side lacks. */
typedef enum {
  CLIP_FIT_AUTO,
  CLIP_FIT_CENTER,
  CLIP_FIT_SQUASH,
  CLIP_FIT_LETTERBOX,
} ClipFit;

/**
 * clip_job_set_view: what is encoded of the frames that are loaded from now on; all of them as the model
 * says, until it is called. The same as encoding frames that consist of nothing but @rect; see
 * clip_preprocess_set_view().
 * @rect: (nullable): inside the frame and not empty; NULL: all of it
 * Costs microseconds, where rectangles have had the size before or their place is all that changes; the first ones
 * allocate. Errors: too large when resized, memory: then nothing may be loaded before another call has
 * succeeded. The job must not be running.
 */
gboolean clip_job_set_view (ClipJob *job, const ClipRect *rect, ClipFit fit, GError **error);

/** clip_job_load: copies the needed pixels to staging; the only call that reads the frame. The
 * job must not be running. Thread: one at a time per job. */
void clip_job_load (ClipJob *job, const ClipFramePlanes *planes);

/**
 * clip_job_start: lets the device encode the loaded pixels and compare them with @texts, and returns.
 * Each clip_job_start() that succeeds is followed by one clip_job_wait() or clip_job_free(); in between
 * the job is running. Several jobs of an engine may run, from any threads: those that wait at the same
 * moment are encoded as one batch, and the host loads one frame while the device encodes another. Each
 * has its own result and its own errors.
 */
gboolean clip_job_start (ClipJob *job, ClipTexts *texts, GError **error);

/**
 * clip_jobs_start: the same for several at once, such as the regions of one frame: they are in one
 * batch, or in as few as the engine's room for batches allows. All are of the engine of @texts. After
 * an error none is running.
 */
gboolean clip_jobs_start (ClipJob *const *jobs, guint n, ClipTexts *texts, GError **error);

/**
 * clip_job_wait: blocks without any lock until the job has run.
 * @similarities: float[number of labels], cosines; @negative_similarities: see
 *   clip_texts_n_negatives(); either may be NULL
 * After an error the job may be loaded and started again (unless the device is lost).
 */
gboolean clip_job_wait (ClipJob *job, float *similarities, float *negative_similarities,
                        GError **error);

/** clip_job_run: clip_job_start() and clip_job_wait(). */
gboolean clip_job_run (ClipJob *job, ClipTexts *texts, float *similarities,
                       float *negative_similarities, GError **error);

/** Most labels that clip_job_best() knows. */
#define CLIP_RANK_MAX 64

/**
 * clip_job_rank: from the next start on the @top_k best labels are found on the device where that is
 * quicker than sorting: among hundreds of labels. 0 (the default) or more than CLIP_RANK_MAX: never.
 */
void clip_job_rank (ClipJob *job, guint top_k);
/**
 * clip_job_best: (array length=*n) (nullable): indices of the labels with the largest similarities
 * of the last run, best first; of equal ones the lower index. *n is min (top_k, number of labels).
 * NULL where they were not found, see clip_job_rank(): the caller sorts. Owned by the job.
 */
const guint *clip_job_best (ClipJob *job, guint *n);
/** clip_job_embedding: (array length=*dim): L2-normalised, of the last run; owned by the job. */
const float *clip_job_embedding (ClipJob *job, guint *dim);
ClipJobTimes clip_job_times (ClipJob *job);

/* Pictures that stand still ----------------------------------------------- */

/** ClipStill: keeps one picture, as it was preprocessed, to compare others with. Thread: one at a
 * time. */
typedef struct _ClipStill ClipStill;

/** clip_still_new: memory for two pictures. Blocks (allocation). */
ClipStill *clip_still_new (ClipEngine *engine, GError **error);
void clip_still_free (ClipStill *still);

/**
 * clip_still_measure: preprocesses the pixels that are loaded into @job, and compares. Waits for the
 * device, which does first what others have started.
 * @job: of the same engine, not running
 * @change: (out): mean absolute difference of pixel values, 0 (the same) to 1 (black and white); 1 when
 *   no picture is kept
 */
gboolean clip_still_measure (ClipStill *still, ClipJob *job, gdouble *change, GError **error);

/** clip_still_keep: the picture that was measured last is compared with from now on. */
void clip_still_keep (ClipStill *still);
/** clip_still_forget: none is. */
void clip_still_forget (ClipStill *still);

/** clip_texts_n_negatives: number of negatives given, then of the background set (0 unless asked). */
guint clip_texts_n_negatives (ClipTexts *texts, guint *n_background);

/**
 * clip_score: from cosines to scores in 0..1, in double.
 * @scoring: AUTO is resolved by the number of labels
 * @scale, @bias: of logits; the bias is for sigmoid only
 * @negatives: float[n_negatives + n_background], as clip_job_run() gives them
 * @scores: (out): double[n]
 *
 * softmax: over labels and given negatives; contrast: each label alone against given
 * negatives and background; cosine: (1 + cos) / 2 clamped to 0..1; sigmoid:
 * 1 / (1 + exp (-scale cos - bias)).
 */
void clip_score (ClipScoring scoring, gdouble scale, gdouble bias, const float *similarities,
                 guint n, const float *negatives, guint n_negatives, guint n_background,
                 gdouble *scores);

/** clip_engine_scoring: what AUTO means for the model and so many labels; others as they are. */
ClipScoring clip_engine_scoring (ClipEngine *engine, ClipScoring scoring, guint n_labels);

/**
 * ClipScoreSet: similarities of a set in which some labels or negatives may be pictures.
 * @negatives: (nullable)
 * @contrast_threshold: the model's, clip_engine_contrast_threshold()
 * @similarities: one a label; @others: of the negatives, then of the background set
 */
typedef struct {
  ClipScoring scoring;
  gdouble scale, bias, contrast_threshold;
  const ClipPromptSet *prompts, *negatives;
  guint n_background;
  const float *similarities, *others;
} ClipScoreSet;

/**
 * clip_score_set: clip_score() of the texts against texts and of the pictures against pictures, each
 * kind as if it were alone; but a picture is scored as cosine where sigmoid is asked for, and where
 * contrast is but no negative is a picture.
 * @scores: (out): double[number of labels]
 */
void clip_score_set (const ClipScoreSet *set, gdouble *scores);

/** clip_score_set_threshold: the model's own for texts in contrast, if it has one; else as
 * clip_scoring_default_threshold(), of one kind of label. */
gdouble clip_score_set_threshold (const ClipScoreSet *set, gboolean pictures);

/** clip_scoring_default_threshold: used where the threshold property is -1. */
gdouble clip_scoring_default_threshold (ClipScoring scoring, guint n_labels);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipEngine, clip_engine_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTexts, clip_texts_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipJob, clip_job_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipStill, clip_still_free)

G_END_DECLS
