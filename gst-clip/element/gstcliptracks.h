/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstcliptracks.h: the last result of each tracked region, and when it was encoded.
 * Thread: one at a time; the streaming thread's.
 */
#pragma once

#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/** Tracked regions that are remembered; beyond it the one that was encoded longest ago goes. */
#define GST_CLIP_TRACKS_MAX 256

typedef struct _GstClipTracks GstClipTracks;

GstClipTracks *gst_clip_tracks_new (void);
void gst_clip_tracks_free (GstClipTracks *tracks);
/** gst_clip_tracks_reset: forgets everything. */
void gst_clip_tracks_reset (GstClipTracks *tracks);

/**
 * gst_clip_tracks_is_due: whether @region of the frame is to be encoded: always, unless it is tracked,
 * was encoded with the texts @serial, and @interval (ns of stream time) has not passed since.
 */
gboolean gst_clip_tracks_is_due (GstClipTracks *tracks, const GstClipRegion *region,
                                 const GstClipFrameContext *frame, guint serial,
                                 GstClockTime interval);

/** gst_clip_tracks_took: @region of the frame is being encoded. */
void gst_clip_tracks_took (GstClipTracks *tracks, const GstClipRegion *region,
                           const GstClipFrameContext *frame, guint serial);

/** gst_clip_tracks_note: @results: of GstClipResult; of any regions */
void gst_clip_tracks_note (GstClipTracks *tracks, GPtrArray *results);

/** gst_clip_tracks_get: (nullable): the last result of that region; borrowed until the next call. */
const GstClipResult *gst_clip_tracks_get (GstClipTracks *tracks, const GstClipRegion *region);

G_END_DECLS
