/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipseen.h"

#include "gst-clip/element/gstclipmeta.h"

#ifdef HAVE_ANALYTICS
#include <gst/analytics/analytics.h>
#endif

static GstClipSeen *
seen_new (const gchar *source)
{
  GstClipSeen *seen = g_new0 (GstClipSeen, 1);

  seen->source = g_strdup (source);
  seen->whole = TRUE;
  seen->labels = g_array_new (FALSE, FALSE, sizeof (GstClipSeenLabel));
  return seen;
}

static void
seen_free (gpointer data)
{
  GstClipSeen *seen = data;

  for (guint i = 0; i < seen->labels->len; i++)
    g_free ((gchar *)g_array_index (seen->labels, GstClipSeenLabel, i).text);
  g_array_unref (seen->labels);
  g_free (seen->source);
  g_free (seen);
}

static void
add_label (GstClipSeen *seen, const gchar *text, gdouble score, gboolean accepted)
{
  GstClipSeenLabel label = { g_utf8_make_valid (text ? text : "", -1), CLAMP (score, 0.0, 1.0),
                             accepted };
  g_array_append_val (seen->labels, label);
}

/* @x ...: in units of which @frame_width and @frame_height make a frame. FALSE for no area. */
static gboolean
set_rectangle (GstClipSeen *seen, gdouble x, gdouble y, gdouble width, gdouble height,
               gdouble frame_width, gdouble frame_height)
{
  if (!(width > 0 && height > 0 && frame_width > 0 && frame_height > 0))
    return FALSE;
  seen->whole = FALSE;
  seen->x = x / frame_width;
  seen->y = y / frame_height;
  seen->width = width / frame_width;
  seen->height = height / frame_height;
  return TRUE;
}

/* GstClipLabels ---------------------------------------------------------------- */

/* NULL when there is no such array, or of other values. */
static const GValue *
array_of (const GstStructure *result, const gchar *field, GType type, guint n)
{
  const GValue *array = gst_structure_get_value (result, field);

  if (!array || !GST_VALUE_HOLDS_ARRAY (array) || gst_value_array_get_size (array) < n)
    return NULL;
  for (guint i = 0; i < n; i++)
    if (!G_VALUE_HOLDS (gst_value_array_get_value (array, i), type))
      return NULL;
  return array;
}

static gboolean
read_labels (GstClipSeen *seen, const GstStructure *result)
{
  const GValue *labels = array_of (result, "labels", G_TYPE_STRING, 0);
  const guint n = labels ? gst_value_array_get_size (labels) : 0;
  const GValue *scores = array_of (result, "scores", G_TYPE_DOUBLE, n);
  const GValue *accepted = array_of (result, "accepted", G_TYPE_BOOLEAN, n);

  if (!array_of (result, "labels", G_TYPE_STRING, n) || !scores || !accepted)
    return FALSE;
  for (guint i = 0; i < n; i++)
    add_label (seen, g_value_get_string (gst_value_array_get_value (labels, i)),
               g_value_get_double (gst_value_array_get_value (scores, i)),
               g_value_get_boolean (gst_value_array_get_value (accepted, i)));
  return TRUE;
}

static gboolean
read_region (GstClipSeen *seen, const GstStructure *result)
{
  guint x, y, width, height, frame_width, frame_height;

  if (g_strcmp0 (gst_structure_get_string (result, "region"), "frame") == 0)
    return TRUE;
  return gst_structure_get (result, "x", G_TYPE_UINT, &x, "y", G_TYPE_UINT, &y, "width",
                            G_TYPE_UINT, &width, "height", G_TYPE_UINT, &height, "frame-width",
                            G_TYPE_UINT, &frame_width, "frame-height", G_TYPE_UINT, &frame_height,
                            NULL)
         && set_rectangle (seen, x, y, width, height, frame_width, frame_height);
}

static void
read_results (GPtrArray *all, const GValue *results)
{
  for (guint i = 0; i < gst_value_array_get_size (results); i++) {
    const GValue *value = gst_value_array_get_value (results, i);
    const GstStructure *result =
        GST_VALUE_HOLDS_STRUCTURE (value) ? gst_value_get_structure (value) : NULL;
    if (!result)
      continue;
    GstClipSeen *seen = seen_new (gst_structure_get_string (result, "source"));
    if (read_region (seen, result) && read_labels (seen, result))
      g_ptr_array_add (all, seen);
    else
      seen_free (seen);
  }
}

/* Analytics ---------------------------------------------------------------------- */

#ifdef HAVE_ANALYTICS
/* The rectangle of the object that the classification is about, if it is about one. */
static void
read_object (GstClipSeen *seen, GstAnalyticsRelationMeta *meta, guint cls_id, guint width,
             guint height)
{
  GstAnalyticsODMtd object;
  gpointer state = NULL;
  gint x, y, w, h;
  gfloat confidence;

  while (gst_analytics_relation_meta_iterate (meta, &state, gst_analytics_od_mtd_get_mtd_type (),
                                              &object)) {
    if (gst_analytics_relation_meta_get_relation (meta, object.id, cls_id)
        == GST_ANALYTICS_REL_TYPE_NONE)
      continue;
    if (gst_analytics_od_mtd_get_location (&object, &x, &y, &w, &h, &confidence))
      set_rectangle (seen, x, y, w, h, width, height);
    return;
  }
}

static void
read_analytics (GPtrArray *all, GstBuffer *buffer, guint width, guint height)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd cls;
  gpointer state = NULL;

  while (meta
         && gst_analytics_relation_meta_iterate (meta, &state,
                                                 gst_analytics_cls_mtd_get_mtd_type (), &cls)) {
    GstClipSeen *seen = seen_new (NULL);

    for (gsize i = 0; i < gst_analytics_cls_mtd_get_length (&cls); i++)
      add_label (seen, g_quark_to_string (gst_analytics_cls_mtd_get_quark (&cls, i)),
                 gst_analytics_cls_mtd_get_level (&cls, i), TRUE);
    read_object (seen, meta, cls.id, width, height);
    g_ptr_array_add (all, seen);
  }
}
#else
static void
read_analytics (GPtrArray *all, GstBuffer *buffer, guint width, guint height)
{
}
#endif

GPtrArray *
gst_clip_seen_read (GstBuffer *buffer, guint frame_width, guint frame_height)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (seen_free);
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, GST_CLIP_LABELS_META);
  const GValue *results =
      meta ? gst_structure_get_value (gst_custom_meta_get_structure (meta), "results") : NULL;

  if (results && GST_VALUE_HOLDS_ARRAY (results))
    read_results (all, results);
  else
    read_analytics (all, buffer, frame_width, frame_height);
  return all;
}
