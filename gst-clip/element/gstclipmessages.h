/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipmessages.h: what goes to the bus. No function here is called with a lock
 * held: a synchronous bus handler may set properties.
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/element/gstclipenums.h"
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

/** gst_clip_post_error: an element error whose domain and code fit @error (CLIP_GPU_ERROR,
 * CLIP_MODEL_ERROR, CLIP_ENGINE_ERROR or another). */
void gst_clip_post_error (GstElement *element, const GError *error);

/** gst_clip_post_progress: @text: for a person. */
void gst_clip_post_progress (GstElement *element, GstProgressType type, const gchar *text);

/** gst_clip_post_prompts: the message `clipfilter-prompts`: set @serial of @count labels is in
 * force, or could not be made (@count 0). @errors: of gchar *, what is wrong with it. */
void gst_clip_post_prompts (GstElement *element, guint serial, guint count, GPtrArray *errors);

/** GstClipAnnouncer: knows the labels that were accepted last, and since when. Thread: any. */
typedef struct _GstClipAnnouncer GstClipAnnouncer;

GstClipAnnouncer *gst_clip_announcer_new (void);
void gst_clip_announcer_free (GstClipAnnouncer *announcer);

/** gst_clip_announcer_reset: nothing is accepted; for a new start. */
void gst_clip_announcer_reset (GstClipAnnouncer *announcer);

/** gst_clip_announcer_restamp: running time begins anew (flush, new stream): labels stay
 * accepted, their `since` becomes that of the next result. */
void gst_clip_announcer_restamp (GstClipAnnouncer *announcer);

/** gst_clip_announcer_take: takes note of @result. Returns: (transfer full) (nullable): the
 * structure to post under @messages; NULL when nothing is to be said. */
GstStructure *gst_clip_announcer_take (GstClipAnnouncer *announcer, GstClipMessages messages,
                                       const GstClipResult *result);

G_END_DECLS
