/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/element/fake_engine.h: an engine without a GPU, linked instead of the real one: it makes
 * slow encodings, lost devices and other failures happen when a test wants them.
 *
 * Its picture of a frame, or of a rectangle of one, is the first byte, v. A label that is a number N has the cosine
 * 1 - |v - N| / 128; the label "nan" has none; any other has 0. Texts longer than
 * FAKE_TEXT_BYTES are cut.
 */
#pragma once

#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

#define FAKE_TEXT_BYTES 77
/** Length of an embedding; the first value is v, the others are 0. */
#define FAKE_DIM         4
#define FAKE_LOGIT_SCALE 10.0

/** A call that waits until its gate is open. */
typedef enum {
  FAKE_OPEN,
  FAKE_REGIONS, /* is made ready for regions */
  FAKE_TEXTS,
  FAKE_JOB_NEW,
  FAKE_JOB_RUN,
  FAKE_N_GATES
} FakeGate;

/** fake_reset: gates open, no failures, counters 0. Nothing of an earlier test may be alive. */
void fake_reset (void);

void fake_close (FakeGate gate);
void fake_open (FakeGate gate);

/** fake_fail: the next @times calls behind @gate fail with this error. */
void fake_fail (FakeGate gate, guint times, GQuark domain, gint code);

/** fake_set_message: what failures say. @message: static; "made to fail" after a reset */
void fake_set_message (const gchar *message);

/** fake_set_delay: each call behind @gate takes up to @most_us, by chance. 0 after a reset. */
void fake_set_delay (FakeGate gate, guint most_us);

/** fake_count: calls that passed @gate since the reset. */
guint fake_count (FakeGate gate);

/** fake_wait_inside: blocks until a call stands before the closed @gate. */
void fake_wait_inside (FakeGate gate);

/** fake_is_inside: whether one stands there now. */
gboolean fake_is_inside (FakeGate gate);

/** fake_set_ranking: from now on clip_job_best() knows the best labels, however few there are. It
 * does not after a reset. */
void fake_set_ranking (gboolean on);

/** fake_set_sigmoid: the model is of SigLIP's kind, with a bias of @bias. It is not after a reset. */
void fake_set_sigmoid (gdouble bias);

/** fake_alive: engines, text sets and jobs that were not freed. */
guint fake_alive (void);

/** fake_last_info: what the newest job was made for. */
ClipFrameInfo fake_last_info (void);

/** fake_last_side: that regions may have, see clip_engine_warm_up_regions(); 0 before. */
guint fake_last_side (void);

/** fake_last_fit: of the last clip_job_set_view(). */
ClipFit fake_last_fit (void);

/** fake_last_group: of the engine that was opened last. (transfer full) (nullable) */
gchar *fake_last_group (void);

/** fake_last_wordings: the wordings of the newest text set, joined by "/". (transfer full) */
gchar *fake_last_wordings (void);

G_END_DECLS
