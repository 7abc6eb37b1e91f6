/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipregion.h: the part of a frame that a result is about.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  GST_CLIP_REGION_FRAME, /* all of it */
  GST_CLIP_REGION_ROI,   /* a GstVideoRegionOfInterestMeta */
  GST_CLIP_REGION_OD,    /* a GstAnalyticsODMtd */
} GstClipRegionKind;

/**
 * GstClipRegion: as in the fields of the structure `clipfilter`, see docs/elements.md.
 * @index: place of the meta among all of its kind on the buffer
 * @id: the meta's own id, which need not be unique; -1 for the frame
 * @type: what the detector calls it; 0 for the frame and where it says nothing
 * @tracked: @tracking_id stays the same from frame to frame
 * @x, @y, @width, @height: pixels of the frame, inside it
 */
typedef struct {
  GstClipRegionKind kind;
  guint index;
  gint id;
  GQuark type;
  gboolean tracked;
  guint64 tracking_id;
  guint x, y, width, height;
} GstClipRegion;

/** Most regions of a frame that are looked at. */
#define GST_CLIP_REGIONS_MAX 64

/** GstClipRegionKey: what is the same region from frame to frame: the whole frame, a tracked one;
 * untracked ones of a kind share one key. */
typedef struct {
  GstClipRegionKind kind;
  gboolean tracked;
  guint64 tracking_id; /* 0 unless tracked */
} GstClipRegionKey;

static inline GstClipRegionKey
gst_clip_region_key (const GstClipRegion *region)
{
  return (GstClipRegionKey){ region->kind, region->tracked,
                             region->tracked ? region->tracking_id : 0 };
}

/** gst_clip_region_at: @regions: of GstClipRegion */
static inline const GstClipRegion *
gst_clip_region_at (const GArray *regions, guint i)
{
  return &g_array_index (regions, GstClipRegion, i);
}

/** gst_clip_region_key_hash, gst_clip_region_key_equal: for a GHashTable. */
static inline guint
gst_clip_region_key_hash (gconstpointer data)
{
  const GstClipRegionKey *key = data;
  return (guint)(key->tracking_id ^ key->tracking_id >> 32) * 8 + key->kind * 2 + key->tracked;
}

static inline gboolean
gst_clip_region_key_equal (gconstpointer a, gconstpointer b)
{
  const GstClipRegionKey *x = a, *y = b;
  return x->kind == y->kind && x->tracked == y->tracked && x->tracking_id == y->tracking_id;
}

G_END_DECLS
