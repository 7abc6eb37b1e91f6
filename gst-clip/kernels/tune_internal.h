/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/tune_internal.h: what the files that measure share.
 */
#pragma once

#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/tune.h"

G_BEGIN_DECLS

/* tune.c */

/** ClipTuneQuestion: a call of clip_tune_choice(). */
typedef struct {
  gchar *key;
  guint n_candidates, fallback;
} ClipTuneQuestion;

/** What is remembered in the place of an answer: @FALLBACK: the family's own guess, for good; @LATE: that
 * too for now: time ran out although there was nothing before it. */
#define CLIP_TUNE_FALLBACK "-"
#define CLIP_TUNE_LATE     "?"

typedef struct _ClipTrial ClipTrial;

/**
 * ClipTuneWatch: for tests: another clock, and what runs take by it.
 * @now: us
 * @run: (products: how many of the trial's product are in rec): clip_trial_run()
 */
typedef struct {
  gint64 (*now) (gpointer data);
  gboolean (*run) (ClipTrial *trial, ClipGpuRecording *rec, guint products, guint64 *ns,
                   gpointer data, GError **error);
  gpointer data;
} ClipTuneWatch;

/**
 * _ClipTuning: @choices: key -> value, both text
 * @changed: there is something to store
 * @asked: (nullable): while clip_kernels_tune() looks what is asked: ClipTuneQuestion
 * @forced_key, @forced: while it measures: the answer to this one question
 * @watch: (nullable)
 */
struct _ClipTuning {
  GHashTable *choices;
  gboolean changed;
  GArray *asked;
  const gchar *forced_key;
  guint forced;
  const ClipTuneWatch *watch;
};

/** clip_tuning_load: what is remembered for @gpu; empty when nothing is. (transfer full) */
ClipTuning *clip_tuning_load (ClipGpu *gpu);
void clip_tuning_free (ClipTuning *tuning);

/** clip_tuning_get: (nullable): borrowed. */
const gchar *clip_tuning_get (const ClipTuning *tuning, const gchar *key);
void clip_tuning_set (ClipTuning *tuning, const gchar *key, const gchar *value);

/** clip_tuning_store: writes what has changed, beside what other processes wrote meanwhile. */
void clip_tuning_store (ClipTuning *tuning, ClipGpu *gpu);

/* tune_family.c */

/**
 * clip_tune_family: which of two families is the quicker one on a device that is unsure of its
 * capabilities: the remembered one, or the one that wins now.
 * @maybe: quick only with the capabilities that the device is unsure of; @otherwise: without
 * @kernels: those of either, without tuning
 */
const ClipFamily *clip_tune_family (ClipKernels *kernels, const ClipFamily *maybe,
                                    const ClipFamily *otherwise);

/** clip_tune_remember_family: the one to take from now on where clip_tune_family() is asked. */
void clip_tune_remember_family (ClipGpu *gpu, const ClipFamily *family);

/* tune_measure.c */

/** clip_shape_record: the product, of operands that do not exist: not to be submitted. */
void clip_shape_record (ClipKernels *kernels, ClipGpuRecording *rec, const ClipTuneShape *shape);

/* trial.c */

/** clip_scatter: a number without a pattern that a wrong stride would not disturb. */
static inline guint32
clip_scatter (guint32 row, guint32 column, guint32 seed)
{
  guint32 x = row * 2654435761u + column * 2246822519u + seed * 3266489917u;

  x ^= x >> 15;
  x *= 2654435769u;
  return x >> 8;
}

/**
 * ClipTrial: one product, to be timed; its operands are small integers.
 * @packed, @copies: bytes of the weights, of which there are so many that a loop does not find them all in a
 *   cache
 * @vectors: bias, gamma, beta; @known: c of the first candidate, and the residual
 * @a_stats, @c_stats, @scratch: (nullable)
 * @magnitude: sum of |c| of the first candidate
 */
struct _ClipTrial {
  ClipKernels *kernels;
  ClipTuneShape shape;
  gsize packed;
  guint copies;
  ClipGpuBuffer *a, *weights, *vectors, *c, *known, *sums;
  ClipGpuBuffer *a_stats, *scratch, *c_stats;
  double magnitude;
};

/** clip_trial_init: makes the buffers. Clear it also after FALSE. */
gboolean clip_trial_init (ClipTrial *trial, ClipKernels *kernels, const ClipTuneShape *shape,
                          GError **error);
void clip_trial_clear (ClipTrial *trial);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ClipTrial, clip_trial_clear)

/** clip_trial_record: the product with all that the model adds to it, @times times in a row. */
gboolean clip_trial_record (ClipTrial *trial, ClipGpuRecording *rec, guint times, GError **error);

/** clip_trial_record_check: the product alone, once, for clip_trial_compare(); the @first one is what others
 * are compared with. */
gboolean clip_trial_record_check (ClipTrial *trial, ClipGpuRecording *rec, gboolean first,
                                  GError **error);

/** clip_trial_run: submits @rec and waits. @ns: (out) (optional): how long it took, by the device's
 * clock where it has one. */
gboolean clip_trial_run (ClipTrial *trial, ClipGpuRecording *rec, guint64 *ns, GError **error);

/** clip_trial_compare: @same: (out): whether what ran last is what the @first one made; of the first one,
 * whether that is anything. */
gboolean clip_trial_compare (ClipTrial *trial, gboolean first, gboolean *same, GError **error);

/* verify_product.c */

/** clip_verify_product: one product of small integers with k columns and a few rows of weights, compared with
 * the same in C. @right: (out) */
gboolean clip_verify_product (ClipKernels *kernels, guint32 m, guint32 k, gboolean *right,
                              GError **error);

G_END_DECLS
