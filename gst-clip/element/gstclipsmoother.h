/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipsmoother.h: what is remembered of a region from one encoded frame to the next:
 * its similarities, for `smoothing`, and which labels were accepted, for `hysteresis`.
 *
 * With s the similarities of a frame, T its stream time and T' that of the encoded frame before it:
 *
 *     m = m' + (1 - exp (-(T - T') / tau)) (s - m')          m = s for the first one
 *
 * which is what a low-pass filter of one pole gives for an input that holds s from T' to T, so that
 * the answer to a change depends on time alone and not on the frame rate. Playing backwards, T runs
 * backwards as well.
 *
 * One memory for the whole frame and one for each tracked region; none for the others, whose
 * index says nothing about the next frame. A memory starts anew with another stretch of the stream,
 * where time stands still, runs against the direction of playback or is unknown, with another set of
 * texts or another scoring, and where a tracked region was not seen for GST_CLIP_SMOOTHER_FORGETS.
 *
 * Thread: one at a time.
 */
#pragma once

#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/** A tracked region that was not encoded for so long (stream time) is taken for another one. */
#define GST_CLIP_SMOOTHER_FORGETS (30 * GST_SECOND)
/** Tracked regions that are remembered; beyond it the one that was seen longest ago goes. */
#define GST_CLIP_SMOOTHER_TRACKS 256

typedef struct _GstClipSmoother GstClipSmoother;

GstClipSmoother *gst_clip_smoother_new (void);
void gst_clip_smoother_free (GstClipSmoother *smoother);

/** gst_clip_smoother_reset: forgets everything. */
void gst_clip_smoother_reset (GstClipSmoother *smoother);

/** GstClipSmootherInput: @serial, @scoring: a memory is only good for these;
 * @n_labels, @n_others: lengths of the arrays. */
typedef struct {
  guint serial;
  ClipScoring scoring;
  guint n_labels, n_others;
  float *similarities, *others;
} GstClipSmootherInput;

/**
 * gst_clip_smoother_apply: replaces the similarities by smoothed ones.
 * @tau: ns; 0: they stay as they are
 * Returns: (nullable) (array length=n_labels): whether each label was accepted by the last result of
 *   this region; the caller writes there which ones are now. NULL where nothing is remembered: an
 *   untracked region, or a value that is not finite. Valid until the next call.
 */
gboolean *gst_clip_smoother_apply (GstClipSmoother *smoother, GstClockTime tau,
                                   const GstClipFrameContext *frame,
                                   const GstClipSmootherInput *input);

/** gst_clip_smoother_n_tracks: tracked regions that are remembered; for tests. */
guint gst_clip_smoother_n_tracks (const GstClipSmoother *smoother);

G_END_DECLS
