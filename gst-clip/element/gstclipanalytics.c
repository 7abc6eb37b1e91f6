/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipanalytics.h"

#include <gst/analytics/analytics.h>

void
gst_clip_analytics_add (GstBuffer *buffer, const GstClipResult *result)
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
  if (!meta || !gst_analytics_relation_meta_add_cls_mtd (meta, n, scores, labels, &mtd))
    GST_WARNING ("cannot attach %u labels as a GstAnalyticsClsMtd", n);
}
