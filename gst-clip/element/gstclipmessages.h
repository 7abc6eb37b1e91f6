/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipmessages.h: what goes to the bus. No function here is called with a lock
 * held: a synchronous bus handler may set properties.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/** gst_clip_message_text: @text as a message may have it: names of files need not be UTF-8, and bytes that are not
 * become U+FFFD. (transfer full) */
gchar *gst_clip_message_text (const gchar *text);

/** gst_clip_post_error: an error of a clipfilter whose domain and code fit @error (CLIP_GPU_ERROR,
 * CLIP_MODEL_ERROR, CLIP_ENGINE_ERROR or another), with the model and device that are set as its details. */
void gst_clip_post_error (GstElement *element, const GError *error);

/** gst_clip_post_structures: @structures: (transfer full): of GstStructure, (transfer full): an
 * element message each. */
void gst_clip_post_structures (GstElement *element, GPtrArray *structures);

/** gst_clip_post_progress: @text: for a person. */
void gst_clip_post_progress (GstElement *element, GstProgressType type, const gchar *text);

/** gst_clip_post_prompts: the message `clipfilter-prompts`: set @serial of @count labels is in
 * force, or could not be made (@count 0). @errors: of gchar *, what is wrong with it. */
void gst_clip_post_prompts (GstElement *element, guint serial, gboolean in_force, guint count,
                            GPtrArray *errors);

G_END_DECLS
