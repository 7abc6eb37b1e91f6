/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipannouncer.h: which labels are accepted, since when, and what is to be said about
 * that: in the whole frame, in each tracked region, and in the untracked regions of a kind together
 * (their indices say nothing from one frame to the next).
 *
 * Thread: any. Nothing is locked when a function returns.
 */
#pragma once

#include "gst-clip/element/gstclipenums.h"
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/** Labels of a region disappear when it was not seen for so long (running time): trackers lose
 * sight of things for some frames. */
#define GST_CLIP_ANNOUNCER_PATIENCE GST_SECOND
/** Regions that are remembered; beyond it the one that was seen longest ago disappears. */
#define GST_CLIP_ANNOUNCER_REGIONS 256

typedef struct _GstClipAnnouncer GstClipAnnouncer;

GstClipAnnouncer *gst_clip_announcer_new (void);
void gst_clip_announcer_free (GstClipAnnouncer *announcer);

/** gst_clip_announcer_reset: nothing is accepted; for a new start. */
void gst_clip_announcer_reset (GstClipAnnouncer *announcer);

/** gst_clip_announcer_restamp: running time begins anew (flush, new stream): labels stay
 * accepted, their `since` becomes that of the next result. */
void gst_clip_announcer_restamp (GstClipAnnouncer *announcer);

/**
 * gst_clip_announcer_take: takes note of what was encoded of a frame, and of what is gone.
 * @results: of GstClipResult: all new ones of the frame
 * @frame: their frame
 * Returns: (transfer full): of GstStructure, without a free function: what to post under @messages
 */
GPtrArray *gst_clip_announcer_take (GstClipAnnouncer *announcer, GstClipMessages messages,
                                    GPtrArray *results, const GstClipFrameContext *frame);

/**
 * gst_clip_announcer_see: a frame has these regions, of which perhaps none is encoded: without it
 * those that are encoded seldom would seem to be gone. A frame without regions tells as much.
 * @regions: (nullable) (array length=n_regions)
 * Returns: as gst_clip_announcer_take()
 */
GPtrArray *gst_clip_announcer_see (GstClipAnnouncer *announcer, GstClipMessages messages,
                                   const GstClipRegion *regions, guint n_regions,
                                   const GstClipFrameContext *frame);

/**
 * gst_clip_announcer_empty: there are no prompts any more: all labels disappear, the frame's first, and nothing
 * is accepted.
 * @serial: of the empty set
 * Returns: as gst_clip_announcer_take(); times and places are those of each one's last result
 */
GPtrArray *gst_clip_announcer_empty (GstClipAnnouncer *announcer, GstClipMessages messages,
                                     guint serial);

G_END_DECLS
