/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipmeta.h"

#define RESULTS "results"

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

  if (gst_meta_get_info (GST_CLIP_LABELS_META))
    return TRUE;
  return gst_meta_register_custom (GST_CLIP_LABELS_META, no_tags, transform, NULL, NULL) != NULL;
}

void
gst_clip_meta_add (GstBuffer *buffer, GstStructure *result)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, GST_CLIP_LABELS_META);
  GValue results = G_VALUE_INIT;
  GValue value = G_VALUE_INIT;

  if (!meta)
    meta = gst_buffer_add_custom_meta (buffer, GST_CLIP_LABELS_META);
  g_return_if_fail (meta != NULL);

  GstStructure *structure = gst_custom_meta_get_structure (meta);
  const GValue *old = gst_structure_get_value (structure, RESULTS);
  g_value_init (&results, GST_TYPE_ARRAY);
  if (old)
    g_value_copy (old, &results);
  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, result);
  gst_value_array_append_and_take_value (&results, &value);
  gst_structure_take_value (structure, RESULTS, &results);
}
