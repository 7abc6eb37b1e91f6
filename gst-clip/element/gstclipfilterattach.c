/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipfilterattach.h"

#include "gst-clip/element/gstclipanalytics.h"
#include "gst-clip/element/gstclipmeta.h"

static GstClockTime
age_of (const GstClipResult *result, const GstClipFrameContext *now)
{
  const GstClipFrameContext *then = gst_clip_result_frame (result);

  if (GST_CLOCK_TIME_IS_VALID (now->running_time) && GST_CLOCK_TIME_IS_VALID (then->running_time)
      && now->running_time > then->running_time)
    return now->running_time - then->running_time;
  return 0;
}

static void
append_structure (GValue *array, GstStructure *structure)
{
  GValue value = G_VALUE_INIT;

  if (!G_IS_VALUE (array))
    g_value_init (array, GST_TYPE_ARRAY);
  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, structure);
  gst_value_array_append_and_take_value (array, &value);
}

/* (nullable): that of @region among those of one frame */
static const GstClipResult *
result_of (GPtrArray *results, const GstClipRegion *region)
{
  for (guint i = 0; i < results->len; i++) {
    const GstClipRegion *r = &gst_clip_result_frame (g_ptr_array_index (results, i))->region;

    if (r->kind == region->kind && (r->kind == GST_CLIP_REGION_FRAME || r->index == region->index))
      return g_ptr_array_index (results, i);
  }
  return NULL;
}

static gboolean
has_untracked (const GArray *regions, GstClipRegionKind kind)
{
  for (guint i = 0; i < regions->len; i++)
    if (gst_clip_region_at (regions, i)->kind == kind && !gst_clip_region_at (regions, i)->tracked)
      return TRUE;
  return FALSE;
}

/* Untracked regions of an earlier frame can be compared with none of this one: their results are told
 * while there are any, but attached to none. */
static void
carry_untracked (const GArray *regions, GPtrArray *results, const GstClipFrameContext *now,
                 GValue *array)
{
  for (guint i = 0; i < results->len; i++) {
    const GstClipResult *result = g_ptr_array_index (results, i);
    const GstClipRegion *r = &gst_clip_result_frame (result)->region;

    if (r->kind != GST_CLIP_REGION_FRAME && !r->tracked && has_untracked (regions, r->kind))
      append_structure (array, gst_clip_result_structure_for (result, r, age_of (result, now)));
  }
}

/* @regions: of this frame; @results: (nullable): of this frame, or (@own FALSE) of an earlier one */
static void
attach_to_regions (GstClipFilter *self, GstBuffer *buffer, const GArray *regions,
                   GPtrArray *results, gboolean own, const GstClipFrameContext *now)
{
  GValue array = G_VALUE_INIT;

  for (guint i = 0; i < regions->len; i++) {
    const GstClipRegion *region = gst_clip_region_at (regions, i);
    const GstClipResult *result = NULL;

    if (results && (own || region->kind == GST_CLIP_REGION_FRAME))
      result = result_of (results, region);
    if (!result)
      result = gst_clip_tracks_get (self->tracks, region);
    if (!result)
      continue;
    append_structure (&array, gst_clip_result_structure_for (result, region, age_of (result, now)));
    gst_clip_regions_attach (buffer, region, result);
  }
  if (results && !own)
    carry_untracked (regions, results, now, &array);
  if (G_IS_VALUE (&array))
    gst_clip_meta_add (buffer, &array);
}

void
gst_clip_filter_attach (GstClipFilter *self, GstBuffer *buffer, const GArray *regions,
                        GPtrArray *results, gboolean own, const GstClipFrameContext *now)
{
  GValue array;

  if (!g_atomic_int_get (&self->settings.attach_meta))
    return;
  if (regions) {
    attach_to_regions (self, buffer, regions, results, own, now);
    return;
  }
  GstClipResult *result = results ? g_ptr_array_index (results, 0) : NULL;
  if (!result || gst_clip_result_frame (result)->region.kind != GST_CLIP_REGION_FRAME)
    return;
  gst_clip_result_array (result, age_of (result, now), &array);
  gst_clip_meta_add (buffer, &array);
  gst_clip_analytics_add (buffer, &gst_clip_result_frame (result)->region, result);
}
