/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstcliprefusals.h: what was wrong with the values of prompt properties that were refused: told when somebody can
 * hear it, and remembered until a good value comes.
 *
 * Thread: any; guarded by the element's object lock, which no caller holds.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/** GstClipRefusalKind: properties of a kind replace each other; OTHER is not remembered. */
typedef enum {
  GST_CLIP_REFUSAL_LABELS,
  GST_CLIP_REFUSAL_NEGATIVES,
  GST_CLIP_REFUSAL_TEMPLATE,
  GST_CLIP_REFUSAL_OTHER,
  GST_CLIP_N_REFUSALS = GST_CLIP_REFUSAL_OTHER,
} GstClipRefusalKind;

/** GstClipRefusals: starts as zeros. */
typedef struct {
  struct {
    const gchar *property;
    gchar *why; /* NULL: nothing was refused since the last good value */
    gboolean told;
  } kinds[GST_CLIP_N_REFUSALS];
} GstClipRefusals;

void gst_clip_refusals_clear (GstClipRefusals *refusals);

/**
 * gst_clip_refusals_note: the outcome of setting @property (a static string).
 * @error: (nullable): why it keeps its old value; NULL forgets what was refused before
 * Returns: whether a message would be heard now; else it is told later
 */
gboolean gst_clip_refusals_note (GstClipRefusals *refusals, GstElement *element,
                                 GstClipRefusalKind kind, const gchar *property,
                                 const GError *error);

/** gst_clip_refusals_say: a warning on the bus, or where that is not @heard in the log. The caller holds no lock. */
void gst_clip_refusals_say (GstElement *element, const gchar *property, const gchar *why,
                            gboolean heard);

/** gst_clip_refusals_tell: posts what nobody could hear when it was noted, once. */
void gst_clip_refusals_tell (GstClipRefusals *refusals, GstElement *element);

/** gst_clip_refusals_dup: "PROPERTY was refused: WHY" of @kind, or NULL. (transfer full) */
gchar *gst_clip_refusals_dup (GstClipRefusals *refusals, GstElement *element,
                              GstClipRefusalKind kind);

G_END_DECLS
