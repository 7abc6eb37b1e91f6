/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstcliprequest.h: a set of prompts that is wanted, and how the engine makes texts of it; and what both that and
 * opening the engine tell of their progress.
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

/** GstClipRequest: clear with gst_clip_request_clear(). */
typedef struct {
  ClipPromptSet *prompts, *negatives; /* nullable */
  ClipScoring scoring;
  guint serial;
} GstClipRequest;

/** gst_clip_request_set: into an empty one; references both sets. */
void gst_clip_request_set (GstClipRequest *request, ClipPromptSet *prompts,
                           ClipPromptSet *negatives, ClipScoring scoring, guint serial);
/** gst_clip_request_copy: likewise, from @other. */
void gst_clip_request_copy (GstClipRequest *request, const GstClipRequest *other);
void gst_clip_request_clear (GstClipRequest *request);

/** gst_clip_request_scoring: what AUTO is for these prompts; where it is another one for texts than for pictures, it stays
 * AUTO, which clip_score_set() knows. There are prompts. */
ClipScoring gst_clip_request_scoring (const GstClipRequest *request, ClipEngine *engine);

/** gst_clip_request_warn_sigmoid: a warning from @element where sigmoids are asked for and the model has none. Returns:
 * whether that is so. */
gboolean gst_clip_request_warn_sigmoid (const GstClipRequest *request, ClipEngine *engine,
                                        GstElement *element);

/** GstClipProgress: data of gst_clip_progress_post(). @element: (nullable): NULL: nothing is posted */
typedef struct {
  GstElement *element;
  gchar *code;
  gint64 posted; /* monotonic time in us */
} GstClipProgress;

/** gst_clip_progress_post: a ClipProgressFunc: posts a message, of one step not too many. */
void gst_clip_progress_post (const gchar *code, const gchar *text, guint percent, gpointer data);
void gst_clip_progress_clear (GstClipProgress *progress);

/** gst_clip_progress_complete: the last message. @model: (nullable): as the property has it */
void gst_clip_progress_complete (GstElement *element, const gchar *model, ClipEngine *engine);

/**
 * gst_clip_request_encode: blocks. Of prompts that are not empty.
 * @element: (nullable): posts progress; NULL: none
 * @errors: (element-type utf8): texts that are too long are added
 * Returns: (transfer full) (nullable)
 */
ClipTexts *gst_clip_request_encode (const GstClipRequest *request, ClipEngine *engine,
                                    const ClipCancel *cancel, GstElement *element,
                                    GPtrArray *errors, GError **error);

/** gst_clip_request_warn: one warning from @element for all @errors; none where there are none. */
void gst_clip_request_warn (GstElement *element, GPtrArray *errors);

G_END_DECLS
