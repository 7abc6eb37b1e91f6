/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstcliptracks.h"

typedef struct {
  GstClockTimeDiff position; /* of the frame that was taken last */
  guint stretch, serial;
  guint64 count; /* grows with each one that is taken */
  GstClipResult *result;
} Track;

struct _GstClipTracks {
  GHashTable *tracks; /* GstClipRegionKey * -> Track * */
  guint64 count;
};

static void
track_free (gpointer data)
{
  Track *track = data;

  g_clear_pointer (&track->result, gst_clip_result_unref);
  g_free (track);
}

GstClipTracks *
gst_clip_tracks_new (void)
{
  GstClipTracks *self = g_new0 (GstClipTracks, 1);

  self->tracks = g_hash_table_new_full (gst_clip_region_key_hash, gst_clip_region_key_equal, g_free,
                                        track_free);
  return self;
}

void
gst_clip_tracks_free (GstClipTracks *self)
{
  g_hash_table_unref (self->tracks);
  g_free (self);
}

void
gst_clip_tracks_reset (GstClipTracks *self)
{
  g_hash_table_remove_all (self->tracks);
}

/* (nullable) */
static Track *
find (GstClipTracks *self, const GstClipRegion *region)
{
  const GstClipRegionKey key = gst_clip_region_key (region);

  return region->tracked ? g_hash_table_lookup (self->tracks, &key) : NULL;
}

gboolean
gst_clip_tracks_is_due (GstClipTracks *self, const GstClipRegion *region,
                        const GstClipFrameContext *frame, guint serial, GstClockTime interval)
{
  const Track *track = find (self, region);

  if (!track || track->serial != serial || track->stretch != frame->stretch
      || track->position == GST_CLOCK_STIME_NONE || frame->position == GST_CLOCK_STIME_NONE
      || frame->position < track->position)
    return TRUE;
  return (GstClockTime)(frame->position - track->position) >= interval;
}

static void
forget_oldest (GstClipTracks *self)
{
  const GstClipRegionKey *key, *oldest = NULL;
  guint64 least = G_MAXUINT64;
  GHashTableIter iter;
  gpointer k, v;

  g_hash_table_iter_init (&iter, self->tracks);
  while (g_hash_table_iter_next (&iter, &k, &v)) {
    const Track *track = v;
    key = k;
    if (track->count >= least)
      continue;
    least = track->count;
    oldest = key;
  }
  if (oldest)
    g_hash_table_remove (self->tracks, oldest);
}

void
gst_clip_tracks_took (GstClipTracks *self, const GstClipRegion *region,
                      const GstClipFrameContext *frame, guint serial)
{
  const GstClipRegionKey key = gst_clip_region_key (region);
  Track *track = find (self, region);

  if (!region->tracked)
    return;
  if (!track) {
    if (g_hash_table_size (self->tracks) >= GST_CLIP_TRACKS_MAX)
      forget_oldest (self);
    track = g_new0 (Track, 1);
    g_hash_table_insert (self->tracks, g_memdup2 (&key, sizeof key), track);
  }
  track->position = frame->position;
  track->stretch = frame->stretch;
  track->serial = serial;
  track->count = self->count++;
}

void
gst_clip_tracks_note (GstClipTracks *self, GPtrArray *results)
{
  for (guint i = 0; i < results->len; i++) {
    GstClipResult *result = g_ptr_array_index (results, i);
    Track *track = find (self, &gst_clip_result_frame (result)->region);

    if (!track || track->result == result)
      continue;
    g_clear_pointer (&track->result, gst_clip_result_unref);
    track->result = gst_clip_result_ref (result);
  }
}

const GstClipResult *
gst_clip_tracks_get (GstClipTracks *self, const GstClipRegion *region)
{
  const Track *track = find (self, region);

  return track ? track->result : NULL;
}
