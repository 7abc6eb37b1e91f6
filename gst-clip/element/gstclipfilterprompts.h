/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipfilterprompts.h: the properties that make up a prompt set.
 *
 * Setters parse at once, store, and hand the set to the loader; they never wait for the
 * engine. What cannot be parsed leaves the old value, with a warning on the bus (where there is none yet, in the
 * log, and on the bus from READY to PAUSED). Thread: any.
 */
#pragma once

#include "gst-clip/element/gstclipfilter.h"

G_BEGIN_DECLS

/** These three replace the labels; the last one wins. */
void gst_clip_filter_set_prompts (GstClipFilter *self, const gchar *text);
void gst_clip_filter_set_prompt_list (GstClipFilter *self, const gchar *const *list);
/** @path: NULL drops the prompts if they came from a file. */
void gst_clip_filter_set_prompts_file (GstClipFilter *self, const gchar *path);
/** The action signal `reload`: reads the file again. Returns: FALSE, after the warning, where the old
 * set stays. */
gboolean gst_clip_filter_reload (GstClipFilter *self);

void gst_clip_filter_set_negatives (GstClipFilter *self, const gchar *text);
/** Wraps the labels and negatives that are set anew. */
void gst_clip_filter_set_template (GstClipFilter *self, const gchar *template_text);
/** Not a text, but contrast needs more of them. */
void gst_clip_filter_set_scoring (GstClipFilter *self, ClipScoring scoring);

/** (transfer full) (nullable): NULL for no labels. */
gchar *gst_clip_filter_dup_prompts (GstClipFilter *self);
gchar **gst_clip_filter_dup_prompt_list (GstClipFilter *self);
gchar *gst_clip_filter_dup_negatives (GstClipFilter *self);

G_END_DECLS
