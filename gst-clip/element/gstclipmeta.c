/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipmeta.h"

#define RESULTS "results"

/* Looked up once: by name it costs a frame that only passes several microseconds. */
static const GstMetaInfo *labels_info; /* set before the first buffer, by registering */
static GQuark results_quark;

static gboolean
transform (GstBuffer *to, GstCustomMeta *meta, GstBuffer *from, GQuark type, gpointer data,
           gpointer user_data)
{
  if (!GST_META_TRANSFORM_IS_COPY (type))
    return FALSE;
  const GValue *results = gst_structure_get_value (gst_custom_meta_get_structure (meta), RESULTS);
  GstCustomMeta *copy = gst_buffer_add_custom_meta (to, GST_CLIP_LABELS_META);
  if (copy && results)
    gst_structure_set_value (gst_custom_meta_get_structure (copy), RESULTS, results);
  return copy != NULL;
}

gboolean
gst_clip_meta_register (void)
{
  static const gchar *no_tags[] = { NULL };

  results_quark = g_quark_from_static_string (RESULTS);
  labels_info = gst_meta_get_info (GST_CLIP_LABELS_META);
  if (!labels_info)
    labels_info = gst_meta_register_custom (GST_CLIP_LABELS_META, no_tags, transform, NULL, NULL);
  return labels_info != NULL;
}

void
gst_clip_meta_add (GstBuffer *buffer, GstStructure *result)
{
  GstCustomMeta *meta = (GstCustomMeta *)gst_buffer_get_meta (buffer, labels_info->api);
  GValue results = G_VALUE_INIT;
  GValue value = G_VALUE_INIT;

  if (!meta)
    meta = (GstCustomMeta *)gst_buffer_add_meta (buffer, labels_info, NULL);
  g_return_if_fail (meta != NULL);

  GstStructure *structure = gst_custom_meta_get_structure (meta);
  const GValue *old = gst_structure_id_get_value (structure, results_quark);
  g_value_init (&results, GST_TYPE_ARRAY);
  if (old)
    g_value_copy (old, &results);
  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, result);
  gst_value_array_append_and_take_value (&results, &value);
  gst_structure_id_take_value (structure, results_quark, &results);
}
