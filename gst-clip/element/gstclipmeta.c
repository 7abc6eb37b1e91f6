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

static void
append (const GValue *old, const GValue *more, GValue *both)
{
  g_value_init (both, GST_TYPE_ARRAY);
  g_value_copy (old, both);
  for (guint i = 0; i < gst_value_array_get_size (more); i++)
    gst_value_array_append_value (both, gst_value_array_get_value (more, i));
}

void
gst_clip_meta_add (GstBuffer *buffer, GValue *results)
{
  GstCustomMeta *meta = (GstCustomMeta *)gst_buffer_get_meta (buffer, labels_info->api);
  const GValue *old = NULL;

  if (meta)
    old = gst_structure_id_get_value (gst_custom_meta_get_structure (meta), results_quark);
  else
    meta = (GstCustomMeta *)gst_buffer_add_meta (buffer, labels_info, NULL);
  g_return_if_fail (meta != NULL);
  if (old) {
    GValue both = G_VALUE_INIT;
    append (old, results, &both);
    g_value_unset (results);
    *results = both;
  }
  gst_structure_id_take_value (gst_custom_meta_get_structure (meta), results_quark, results);
}
