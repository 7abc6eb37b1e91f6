/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipresult.h: from cosine similarities to the structure that applications read.
 *
 * A GstClipResult is immutable after gst_clip_result_new() and reference counted.
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/element/gstclipregion.h"
#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

/** GstClipFrameContext: what a result remembers of the frame that was encoded; times in ns,
 * GST_CLOCK_TIME_NONE where unknown. @width, @height: of the frame; @region: of it.
 * @position: stream time in the direction of playback (negated where it runs backwards);
 *   GST_CLOCK_STIME_NONE where unknown
 * @stretch: another number after a flush, a new stream, new caps or another segment */
typedef struct {
  GstClockTime timestamp, stream_time, running_time, duration;
  GstClockTimeDiff position;
  guint stretch;
  guint width, height;
  GstClipRegion region;
} GstClipFrameContext;

/**
 * GstClipScoreParams: how similarities become scores and labels.
 * @logit_scale: the one to use, never 0; @logit_bias, @contrast_threshold: the model's
 * @threshold: 0..1; below 0: the scoring's own
 * @smoothing: time constant in ns; 0: none
 * @hysteresis: how far below its threshold an accepted label stays accepted
 * @top_k: at least 1
 * @embedding: results keep their embedding
 */
typedef struct {
  ClipScoring scoring;
  gdouble logit_scale, logit_bias, contrast_threshold;
  gdouble threshold;
  GstClockTime smoothing;
  gdouble hysteresis;
  guint top_k;
  gboolean embedding;
} GstClipScoreParams;

/**
 * GstClipInference: what clip_job_run() gave; borrowed for the length of a call.
 * @best: (nullable): what clip_job_best() gave: saves sorting all labels; of these similarities
 * @accepted: (nullable) (inout): one a label: whether the last result of this region accepted it;
 *   gst_clip_result_new() replaces that by what it accepts
 * @scores: room for one a label
 * @embedding: (nullable) (array length=embedding_length): L2-normalised
 */
typedef struct {
  ClipTexts *texts;
  guint serial;
  const gchar *model;
  const float *similarities; /* one a label */
  const float *negatives;    /* those given, then the background */
  const guint *best;
  guint n_best;
  gboolean *accepted;
  gdouble *scores;
  const float *embedding;
  guint embedding_length;
} GstClipInference;

typedef struct _GstClipResult GstClipResult;

/**
 * gst_clip_result_new: scores, sorts and thresholds. Of equal scores the larger similarity comes
 * first, of equal ones of these the lower index.
 * @source: name of the element
 * Returns: (transfer full): NULL with CLIP_ENGINE_ERROR_NOT_FINITE when a similarity or a score
 * is not finite.
 */
GstClipResult *gst_clip_result_new (const gchar *source, const GstClipInference *inference,
                                    const GstClipScoreParams *params,
                                    const GstClipFrameContext *frame, GError **error);
GstClipResult *gst_clip_result_ref (GstClipResult *result);
void gst_clip_result_unref (GstClipResult *result);

const GstClipFrameContext *gst_clip_result_frame (const GstClipResult *result);

/** gst_clip_result_structure: the structure `clipfilter` of docs/elements.md. @age: ns between
 * the encoded frame and the buffer that carries the result. (transfer full) */
GstStructure *gst_clip_result_structure (const GstClipResult *result, GstClockTime age);

/** gst_clip_result_structure_for: the same for a buffer on which the region is (@region): its place and
 * ids there. (transfer full) */
GstStructure *gst_clip_result_structure_for (const GstClipResult *result,
                                             const GstClipRegion *region, GstClockTime age);

/** gst_clip_result_embedding: (nullable): float32 in the machine's byte order, see
 * GstClipScoreParams. Borrowed. It is a field of structures for buffers, not of those for messages. */
GstBuffer *gst_clip_result_embedding (const GstClipResult *result);

/** Borrowed: names of the element and of the model. */
const gchar *gst_clip_result_source (const GstClipResult *result);
const gchar *gst_clip_result_model (const GstClipResult *result);

/** gst_clip_result_prepare: makes what the next @n calls of gst_clip_result_array() give, which are
 * quick then. Before anybody else has @result. */
void gst_clip_result_prepare (GstClipResult *result, guint n);

/** gst_clip_result_array: @array: (out): GST_TYPE_ARRAY of that structure alone. */
void gst_clip_result_array (GstClipResult *result, GstClockTime age, GValue *array);

/** gst_clip_result_labels: those that the structure lists; NULL-terminated, borrowed. */
const gchar *const *gst_clip_result_labels (const GstClipResult *result);

/** gst_clip_result_top_k: how many labels may be listed or attached. */
guint gst_clip_result_top_k (const GstClipResult *result);

/** gst_clip_result_n_accepted: all accepted labels, also beyond top-k. */
guint gst_clip_result_n_accepted (const GstClipResult *result);
/** gst_clip_result_accepted: @index: 0 is the best. @score: (out) (optional). Borrowed. */
const gchar *gst_clip_result_accepted (const GstClipResult *result, guint index, gdouble *score);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstClipResult, gst_clip_result_unref)

G_END_DECLS
