/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipanalytics.h"

#include <gst/analytics/analytics.h>

#include "gst-clip/element/gstclipregions.h"

/* Finding ------------------------------------------------------------------ */

static gboolean
is_related (GstAnalyticsRelationMeta *meta, guint a, guint b)
{
  return gst_analytics_relation_meta_get_relation (meta, a, b) != GST_ANALYTICS_REL_TYPE_NONE
         || gst_analytics_relation_meta_get_relation (meta, b, a) != GST_ANALYTICS_REL_TYPE_NONE;
}

static void
note_tracking (GstClipRegion *region, GstAnalyticsRelationMeta *meta, guint od)
{
  GstAnalyticsTrackingMtd tracking;
  GstClockTime first, last;
  gpointer state = NULL;
  gboolean lost;

  while (!region->tracked
         && gst_analytics_relation_meta_iterate (
             meta, &state, gst_analytics_tracking_mtd_get_mtd_type (), &tracking))
    if (is_related (meta, od, tracking.id))
      region->tracked = gst_analytics_tracking_mtd_get_info (&tracking, &region->tracking_id,
                                                             &first, &last, &lost);
}

void
gst_clip_analytics_find (GstBuffer *buffer, const GstClipFrameContext *frame, GArray *regions)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  gpointer state = NULL;
  GstAnalyticsODMtd od;

  for (guint i = 0; meta
                    && gst_analytics_relation_meta_iterate (
                        meta, &state, gst_analytics_od_mtd_get_mtd_type (), &od);
       i++) {
    GstClipRegion region = { .kind = GST_CLIP_REGION_OD,
                             .index = i,
                             .id = (gint)od.id,
                             .type = gst_analytics_od_mtd_get_obj_type (&od) };
    gint x, y, w, h;
    gfloat confidence;

    if (!gst_analytics_od_mtd_get_location (&od, &x, &y, &w, &h, &confidence)
        || !gst_clip_regions_clip (&region, (gint64[]){ x, y, w, h }, frame))
      continue;
    note_tracking (&region, meta, od.id);
    g_array_append_val (regions, region);
  }
}

/* Attaching ---------------------------------------------------------------- */

/* Upstream's overlay looks for RELATE_TO, DL Streamer for CONTAIN. */
static void
relate (GstAnalyticsRelationMeta *meta, const GstClipRegion *region, guint id)
{
  if (region->kind == GST_CLIP_REGION_OD)
    gst_analytics_relation_meta_set_relation (
        meta, GST_ANALYTICS_REL_TYPE_CONTAIN | GST_ANALYTICS_REL_TYPE_RELATE_TO, (guint)region->id,
        id);
}

static void
add_labels (GstBuffer *buffer, const GstClipRegion *region, const GstClipResult *result)
{
  guint n = MIN (gst_clip_result_n_accepted (result), gst_clip_result_top_k (result));

  if (n == 0)
    return;
  g_autofree gfloat *scores = g_new (gfloat, n);
  g_autofree GQuark *labels = g_new (GQuark, n);
  for (guint i = 0; i < n; i++) {
    gdouble score;
    /* Quarks never die: only labels that are really attached become one. */
    labels[i] = g_quark_from_string (gst_clip_result_accepted (result, i, &score));
    scores[i] = score;
  }
  GstAnalyticsClsMtd mtd;
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  if (meta && gst_analytics_relation_meta_add_cls_mtd (meta, n, scores, labels, &mtd))
    relate (meta, region, mtd.id);
  else
    GST_WARNING ("cannot attach %u labels as a GstAnalyticsClsMtd", n);
}

#if GST_CHECK_VERSION(1, 26, 0)
static void
add_embedding (GstBuffer *buffer, const GstClipRegion *region, GstBuffer *embedding)
{
  const GQuark id = g_quark_from_static_string (GST_CLIP_TENSOR_ID);
  gsize length = gst_buffer_get_size (embedding) / sizeof (gfloat);

  /* of the whole buffer only: it says nothing about regions */
  if (region->kind == GST_CLIP_REGION_FRAME) {
    GstTensor **tensors = g_new (GstTensor *, 1);
    tensors[0] =
        gst_tensor_new_simple (id, GST_TENSOR_DATA_TYPE_FLOAT32, gst_buffer_ref (embedding),
                               GST_TENSOR_DIM_ORDER_ROW_MAJOR, 1, &length);
    gst_tensor_meta_set (gst_buffer_add_tensor_meta (buffer), 1, tensors);
  }
#if GST_CHECK_VERSION(1, 28, 0)
  GstAnalyticsTensorMtd mtd;
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  if (meta
      && gst_analytics_relation_meta_add_tensor_mtd_simple (
          meta, id, GST_TENSOR_DATA_TYPE_FLOAT32, gst_buffer_ref (embedding),
          GST_TENSOR_DIM_ORDER_ROW_MAJOR, 1, &length, &mtd))
    relate (meta, region, mtd.id);
  else
    GST_WARNING ("cannot attach an embedding as a GstAnalyticsTensorMtd");
#endif
}
#endif

void
gst_clip_analytics_add (GstBuffer *buffer, const GstClipRegion *region, const GstClipResult *result)
{
  add_labels (buffer, region, result);
#if GST_CHECK_VERSION(1, 26, 0)
  if (gst_clip_result_embedding (result))
    add_embedding (buffer, region, gst_clip_result_embedding (result));
#endif
}
