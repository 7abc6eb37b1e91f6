/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/element/temporal.h: made-up frames, regions and results, for what is remembered from one
 * frame to the next.
 */
#pragma once

#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/** temporal_frame: of the whole frame, playing forwards. */
GstClipFrameContext temporal_frame (GstClockTime time);

/** temporal_track: of a region of interest that is tracked. */
GstClipFrameContext temporal_track (GstClockTime time, guint64 tracking_id);

/** temporal_untracked: of one that is not. */
GstClipFrameContext temporal_untracked (GstClockTime time, guint index);

/** TemporalTexts: a prompt set of the fake engine; free with temporal_texts_free(). */
typedef struct {
  ClipEngine *engine;
  ClipTexts *texts;
} TemporalTexts;

/** temporal_texts_new: @prompts: as for the property. */
TemporalTexts temporal_texts_new (const gchar *prompts);
void temporal_texts_free (TemporalTexts *texts);

/**
 * temporal_result: scored as cosine with a threshold of 0.5: a label is accepted from a
 * similarity of 0 on.
 * @similarities: float[number of labels]
 * @accepted: (nullable) (inout): as in GstClipInference
 */
GstClipResult *temporal_result (const TemporalTexts *texts, const GstClipFrameContext *frame,
                                const float *similarities, gdouble hysteresis, gboolean *accepted);

/** temporal_accepted: the labels, best first, joined by "/". (transfer full) */
gchar *temporal_accepted (const GstClipResult *result);

G_END_DECLS
