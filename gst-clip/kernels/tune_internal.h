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
  guint n_candidates;
} ClipTuneQuestion;

/**
 * _ClipTuning: @choices: key -> value, both text
 * @changed: there is something to store
 * @asked: (nullable): while clip_kernels_tune() looks what is asked: ClipTuneQuestion
 * @forced_key, @forced: while it measures: the answer to this one question
 */
struct _ClipTuning {
  GHashTable *choices;
  gboolean changed;
  GArray *asked;
  const gchar *forced_key;
  guint forced;
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

/* trial.c */

/**
 * ClipTrial: one product, to be checked or timed.
 * @integers: a, w and bias are small ones, so that sums are exact in any order and type
 */
typedef struct {
  ClipKernels *kernels;
  guint32 m, n, k;
  gsize packed;
  guint copies; /* of the weights, so that a loop does not find them all in a cache */
  gboolean integers;
  ClipGpuBuffer *a, *weights, *bias, *c;
} ClipTrial;

/** clip_trial_init: makes the buffers; with @integers also fills them. Clear it also after FALSE. */
gboolean clip_trial_init (ClipTrial *trial, ClipKernels *kernels, guint32 m, guint32 n, guint32 k,
                          gboolean integers, GError **error);
void clip_trial_clear (ClipTrial *trial);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ClipTrial, clip_trial_clear)

/** clip_trial_record: the product, @times times in a row. */
gboolean clip_trial_record (ClipTrial *trial, ClipGpuRecording *rec, guint times, GError **error);

/** clip_trial_run: submits @rec and waits. @ns: (out) (optional): how long it took, by the device's
 * clock where it has one. */
gboolean clip_trial_run (ClipTrial *trial, ClipGpuRecording *rec, guint64 *ns, GError **error);

/** clip_trial_compare: whether c is right, exactly, in a few of its rows. */
gboolean clip_trial_compare (ClipTrial *trial, gboolean *right, GError **error);

G_END_DECLS
