/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipmeta.h: GstClipLabels, the custom meta that carries results on a buffer.
 *
 * One a buffer; its structure has the field `results`, a GST_TYPE_ARRAY of structures as
 * gst_clip_result_structure() makes them. It has no tags and no coordinates that a
 * transformation could make wrong, so that it survives the most elements.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_CLIP_LABELS_META "GstClipLabels"

/** gst_clip_meta_register: once a process; for plugin_init. */
gboolean gst_clip_meta_register (void);

/**
 * gst_clip_meta_add: appends results to the buffer's meta, which is made where missing.
 * @buffer: writable
 * @results: (transfer full): GST_TYPE_ARRAY of GST_TYPE_STRUCTURE
 */
void gst_clip_meta_add (GstBuffer *buffer, GValue *results);

G_END_DECLS
