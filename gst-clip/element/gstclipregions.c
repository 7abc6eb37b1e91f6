/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipregions.h"

#include <string.h>

#include "gst-clip/element/gstclipanalytics.h"
#include "gst-clip/element/gstclipvalue.h"

/* The parameter of a region of interest in which DL Streamer's tracker writes its number. */
#define TRACKING_PARAM "object_id"

void
gst_clip_region_wishes_clear (GstClipRegionWishes *wishes)
{
  g_clear_pointer (&wishes->types, g_array_unref);
}

GArray *
gst_clip_region_types_parse (const gchar *text)
{
  g_auto (GStrv) names = g_strsplit (text ? text : "", ";", -1);
  g_autoptr (GArray) types = g_array_new (FALSE, FALSE, sizeof (GQuark));

  for (guint i = 0; names[i]; i++) {
    const gchar *name = g_strstrip (names[i]);
    const GQuark quark = g_quark_from_string (name);
    if (*name)
      g_array_append_val (types, quark);
  }
  return types->len > 0 ? g_steal_pointer (&types) : NULL;
}

/* Finding ------------------------------------------------------------------ */

gboolean
gst_clip_regions_clip (GstClipRegion *region, const gint64 box[4], const GstClipFrameContext *frame)
{
  const gint64 x0 = MAX (box[0], 0), y0 = MAX (box[1], 0);
  const gint64 x1 = MIN (box[0] + box[2], (gint64)frame->width);
  const gint64 y1 = MIN (box[1] + box[3], (gint64)frame->height);

  if (box[2] <= 0 || box[3] <= 0 || x0 >= x1 || y0 >= y1)
    return FALSE;
  region->x = (guint)x0;
  region->y = (guint)y0;
  region->width = (guint)(x1 - x0);
  region->height = (guint)(y1 - y0);
  return TRUE;
}

static void
add_if_wished (GArray *regions, const GstClipRegionWishes *wishes, const GstClipRegion *region)
{
  gboolean named = wishes->types == NULL;

  for (guint i = 0; !named && i < wishes->types->len; i++)
    named = region->type == g_array_index (wishes->types, GQuark, i);
  if (named && MIN (region->width, region->height) >= wishes->min_size)
    g_array_append_val (regions, *region);
}

static void
note_tracking (GstClipRegion *region, GstVideoRegionOfInterestMeta *meta)
{
  const GstStructure *s = gst_video_region_of_interest_meta_get_param (meta, TRACKING_PARAM);
  gint id;

  if (s && gst_structure_get_int (s, "id", &id)) {
    region->tracked = TRUE;
    region->tracking_id = (guint64)id;
  }
}

static void
find_rois (GArray *regions, GstBuffer *buffer, const GstClipRegionWishes *wishes,
           const GstClipFrameContext *frame)
{
  gpointer state = NULL;
  GstMeta *meta;

  for (guint i = 0; (meta = gst_buffer_iterate_meta_filtered (
                         buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
       i++) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;
    GstClipRegion region = {
      .kind = GST_CLIP_REGION_ROI, .index = i, .id = roi->id, .type = roi->roi_type
    };
    /* x and y are unsigned, and hold what detectors give */
    const gint64 box[] = { (gint)roi->x, (gint)roi->y, roi->w, roi->h };

    note_tracking (&region, roi);
    if (gst_clip_regions_clip (&region, box, frame))
      add_if_wished (regions, wishes, &region);
  }
}

GArray *
gst_clip_regions_find (GstBuffer *buffer, const GstClipRegionWishes *wishes,
                       const GstClipFrameContext *frame, gboolean *too_many)
{
  GArray *regions = g_array_new (FALSE, FALSE, sizeof (GstClipRegion));
  g_autoptr (GArray) ods = g_array_new (FALSE, FALSE, sizeof (GstClipRegion));
  guint most = GST_CLIP_REGIONS_MAX;

  *too_many = FALSE;
  if (wishes->mode != GST_CLIP_REGION_MODE_ROIS) {
    g_array_append_val (regions, frame->region);
    most++;
  }
  if (wishes->mode == GST_CLIP_REGION_MODE_FULL_FRAME)
    return regions;
  find_rois (regions, buffer, wishes, frame);
  gst_clip_analytics_find (buffer, frame, ods);
  for (guint i = 0; i < ods->len; i++)
    add_if_wished (regions, wishes, &g_array_index (ods, GstClipRegion, i));
  *too_many = regions->len > most;
  if (*too_many)
    g_array_set_size (regions, most);
  return regions;
}

/* Attaching ---------------------------------------------------------------- */

/* (nullable) */
static GstVideoRegionOfInterestMeta *
get_roi (GstBuffer *buffer, guint index)
{
  gpointer state = NULL;
  GstMeta *meta;

  for (guint i = 0; (meta = gst_buffer_iterate_meta_filtered (
                         buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
       i++)
    if (i == index)
      return (GstVideoRegionOfInterestMeta *)meta;
  return NULL;
}

/* DL Streamer's names for what it has too: label, confidence, model_name. */
static void
attach_to_roi (GstVideoRegionOfInterestMeta *roi, const GstClipResult *result)
{
  const guint n = MIN (gst_clip_result_n_accepted (result), gst_clip_result_top_k (result));
  GValue labels = G_VALUE_INIT, scores = G_VALUE_INIT;
  gdouble best = 0.0, score;

  if (n == 0)
    return;
  g_value_init (&labels, GST_TYPE_ARRAY);
  g_value_init (&scores, GST_TYPE_ARRAY);
  for (guint i = 0; i < n; i++) {
    gst_clip_array_add_string (&labels, gst_clip_result_accepted (result, i, &score));
    gst_clip_array_add_double (&scores, score);
    best = i == 0 ? score : best;
  }
  GstStructure *s =
      gst_structure_new ("classification", "label", G_TYPE_STRING,
                         gst_clip_result_accepted (result, 0, NULL), "confidence", G_TYPE_DOUBLE,
                         best, "model_name", G_TYPE_STRING, gst_clip_result_model (result),
                         "source", G_TYPE_STRING, gst_clip_result_source (result), NULL);
  gst_structure_take_value (s, "labels", &labels);
  gst_structure_take_value (s, "scores", &scores);
  gst_video_region_of_interest_meta_add_param (roi, s);
}

void
gst_clip_regions_attach (GstBuffer *buffer, const GstClipRegion *region,
                         const GstClipResult *result)
{
  if (region->kind != GST_CLIP_REGION_ROI) {
    gst_clip_analytics_add (buffer, region, result);
    return;
  }
  GstVideoRegionOfInterestMeta *roi = get_roi (buffer, region->index);
  if (roi)
    attach_to_roi (roi, result);
}
