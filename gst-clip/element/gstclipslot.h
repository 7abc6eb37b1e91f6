/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipslot.h: the encoder's inside, for gstclipencoder.c (its thread, its life), gstclipencoderfeed.c (what
 * the streaming thread calls) and gstclipslot.c (what a slot does with the engine).
 *
 * Each function is called by the slot's owner, without the encoder's lock unless said otherwise.
 */
#pragma once

#include "gst-clip/element/gstclipencoder.h"
#include "gst-clip/element/gstclipsmoother.h"

G_BEGIN_DECLS

/* A frame on its way: the slot that encodes it and whoever has its ticket hold one each. */
struct _GstClipTicket {
  gatomicrefcount refs;
  gboolean wanted; /* somebody will collect it */
  GstClipFrame frame;
  guint epoch;
  gint64 started;    /* monotonic us */
  GstClockTime took; /* encoder lock until settled; so are the next ones */
  gboolean settled;
  GPtrArray *results; /* NULL: none */
};

/* Whoever moves a slot out of SLOT_IDLE owns it until the next state. */
typedef enum {
  SLOT_IDLE,
  SLOT_PREPARING, /* the thread makes the job */
  SLOT_LOADING,   /* the streaming thread copies pixels */
  SLOT_LOADED,    /* the thread may start it */
  SLOT_STARTED,   /* the device works; the thread may wait for it */
  SLOT_RUNNING,   /* the thread has it */
} GstClipSlotState;

typedef struct {
  GstClipSlotState state; /* encoder lock; the rest is the owner's */
  ClipJob *job;           /* of whole frames */
  GPtrArray *more;        /* of ClipJob: for regions; NULL where none were needed */
  ClipJob *used[GST_CLIP_REGIONS_MAX + 1]; /* those of this frame, in the order of its regions */
  guint n_used;
  ClipEngine *engine;
  guint info_count;
  GstClipTicket *ticket;
} GstClipSlot;

struct _GstClipEncoder {
  GstElement *element;
  GstClipEncoderFuncs funcs;
  gpointer data;
  GThread *thread; /* made with the first frame; streaming thread and stop only */

  GMutex lock; /* guards the next ones; not held while the engine works */
  GCond cond;
  gboolean stopping, flushing;
  GstClipSlot slots[GST_CLIP_ENCODER_DEPTH]; /* used in turn */
  guint oldest, busy;                        /* slots in use */
  ClipFrameInfo info;
  guint info_count; /* 0: no info yet */
  guint epoch;      /* +1 for each discard */
  guint expected;   /* prompts: results of older ones are not told */
  gboolean telling; /* results are being told */
  GPtrArray *newest;
  guint n_wanted;            /* how often the newest were asked for since they came */
  ClipEngine *wanted_engine; /* nullable: the thread shall make jobs for it */
  guint wanted_more;         /* and so many for regions */
  gint64 settle_at;          /* monotonic us when `settled` is to be called; 0: not */
  gint64 settle_pause;       /* us until it is called again */

  gboolean forget_still; /* the picture that is kept has no results (any more) */

  ClipStill *still; /* nullable; of whoever starts jobs: the streaming thread, or ours in latest */
  ClipEngine *still_engine;
  GArray *similarities, *negatives; /* of float; the thread's */
  GArray *scores;                   /* of double; likewise */
  GstClipSmoother *smoother;        /* likewise */
};

void gst_clip_ticket_unref (GstClipTicket *ticket);

/** gst_clip_encoder_need_thread: starts it with the first frame. Thread: streaming. */
void gst_clip_encoder_need_thread (GstClipEncoder *self);
/** gst_clip_encoder_take_slot: the next one in turn, in @state. Fewer than the depth are busy; the lock is held. */
GstClipSlot *gst_clip_encoder_take_slot (GstClipEncoder *self, GstClipSlotState state);

/** gst_clip_frame_count_more: how many jobs @frame needs besides the one of whole frames. */
guint gst_clip_frame_count_more (const GstClipFrame *frame);

/** gst_clip_slot_fits: the slot's jobs are of @engine and the current caps, with @more for regions.
 * The lock is held. */
gboolean gst_clip_slot_fits (GstClipEncoder *self, const GstClipSlot *slot, ClipEngine *engine,
                             guint more);
/** gst_clip_slot_prepare: makes what does not fit. FALSE after `failed` was called. */
gboolean gst_clip_slot_prepare (GstClipEncoder *self, GstClipSlot *slot, ClipEngine *engine,
                                guint more);
/** gst_clip_slot_drop: frees the jobs; waits for those that were started. */
void gst_clip_slot_drop (GstClipSlot *slot);

/** gst_clip_slot_aim: which job sees which region of @frame. Regions that are too narrow to be resized
 * are left out, here and in @frame. */
void gst_clip_slot_aim (GstClipEncoder *self, GstClipSlot *slot, GstClipFrame *frame);
/** gst_clip_slot_start: starts the jobs of the loaded frame, together. */
gboolean gst_clip_slot_start (GstClipSlot *slot, GError **error);
/** gst_clip_slot_wait: (transfer full) (nullable): array of GstClipResult, one a region of the frame but for
 * those that failed; @error: why the first of these did. Blocks. */
GPtrArray *gst_clip_slot_wait (GstClipEncoder *self, GstClipSlot *slot, GError **error);
/** gst_clip_slot_fail: tells of @error; with a lost device all idle jobs go. */
void gst_clip_slot_fail (GstClipEncoder *self, GstClipSlot *slot, const GError *error);

/** gst_clip_slot_is_still: the loaded frame is so much like the last encoded one that it need not be; if
 * not, it is the one to compare with. What fails here fails again where the frame is encoded, and is
 * told there. */
gboolean gst_clip_slot_is_still (GstClipEncoder *self, GstClipSlot *slot);
/** gst_clip_encoder_drop_still: forgets the picture to compare with, and its memory. */
void gst_clip_encoder_drop_still (GstClipEncoder *self);

G_END_DECLS
