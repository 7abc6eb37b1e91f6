/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipsmoother.h"

#include <math.h>

typedef struct {
  gboolean known; /* the rest means something */
  guint stretch, serial;
  ClipScoring scoring;
  guint n_labels, n_others;
  GstClockTimeDiff position;
  GArray *means;    /* of double: labels, then the others; empty while nothing is smoothed */
  GArray *accepted; /* of gboolean */
} Memory;

struct _GstClipSmoother {
  Memory *frame;
  GHashTable *tracks; /* GstClipRegionKey -> Memory */
};

static Memory *
memory_new (void)
{
  Memory *memory = g_new0 (Memory, 1);

  memory->means = g_array_new (FALSE, FALSE, sizeof (gdouble));
  memory->accepted = g_array_new (FALSE, TRUE, sizeof (gboolean));
  return memory;
}

static void
memory_free (gpointer data)
{
  Memory *memory = data;

  g_array_unref (memory->means);
  g_array_unref (memory->accepted);
  g_free (memory);
}

GstClipSmoother *
gst_clip_smoother_new (void)
{
  GstClipSmoother *self = g_new0 (GstClipSmoother, 1);

  self->frame = memory_new ();
  self->tracks = g_hash_table_new_full (gst_clip_region_key_hash, gst_clip_region_key_equal, g_free,
                                        memory_free);
  return self;
}

void
gst_clip_smoother_free (GstClipSmoother *self)
{
  memory_free (self->frame);
  g_hash_table_unref (self->tracks);
  g_free (self);
}

void
gst_clip_smoother_reset (GstClipSmoother *self)
{
  self->frame->known = FALSE;
  g_hash_table_remove_all (self->tracks);
}

guint
gst_clip_smoother_n_tracks (const GstClipSmoother *self)
{
  return g_hash_table_size (self->tracks);
}

/* Finding a memory ------------------------------------------------------------- */

static gboolean
is_forgotten (const Memory *memory, const GstClipFrameContext *frame)
{
  return memory->stretch != frame->stretch
         || (GST_CLOCK_STIME_IS_VALID (frame->position)
             && GST_CLOCK_STIME_IS_VALID (memory->position)
             && frame->position - memory->position > (gint64)GST_CLIP_SMOOTHER_FORGETS);
}

/* Makes room for one more. */
static void
drop_tracks (GstClipSmoother *self, const GstClipFrameContext *frame)
{
  gpointer key, value, oldest_key = NULL;
  const Memory *oldest = NULL;
  GHashTableIter iter;

  g_hash_table_iter_init (&iter, self->tracks);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    const Memory *memory = value;
    if (is_forgotten (memory, frame)) {
      g_hash_table_iter_remove (&iter);
    } else if (!oldest || memory->position < oldest->position) {
      oldest = memory;
      oldest_key = key;
    }
  }
  if (g_hash_table_size (self->tracks) >= GST_CLIP_SMOOTHER_TRACKS)
    g_hash_table_remove (self->tracks, oldest_key);
}

/* (nullable) */
static Memory *
memory_of (GstClipSmoother *self, const GstClipFrameContext *frame)
{
  GstClipRegionKey key = gst_clip_region_key (&frame->region);
  Memory *memory;

  if (frame->region.kind == GST_CLIP_REGION_FRAME)
    return self->frame;
  if (!frame->region.tracked)
    return NULL;
  memory = g_hash_table_lookup (self->tracks, &key);
  if (!memory) {
    drop_tracks (self, frame);
    memory = memory_new ();
    g_hash_table_insert (self->tracks, g_memdup2 (&key, sizeof key), memory);
  } else if (is_forgotten (memory, frame)) {
    memory->known = FALSE;
  }
  return memory;
}

/* Smoothing -------------------------------------------------------------------- */

/* Whether what is remembered has to do with this frame. Where times are unknown, accepted labels
 * are still remembered: their order says enough. */
static gboolean
goes_on (const Memory *memory, const GstClipFrameContext *frame, const GstClipSmootherInput *input)
{
  if (!memory->known || memory->stretch != frame->stretch || memory->serial != input->serial
      || memory->scoring != input->scoring || memory->n_labels != input->n_labels
      || memory->n_others != input->n_others)
    return FALSE;
  return !GST_CLOCK_STIME_IS_VALID (frame->position) || !GST_CLOCK_STIME_IS_VALID (memory->position)
         || frame->position > memory->position;
}

static void
begin_anew (Memory *memory, const GstClipFrameContext *frame, const GstClipSmootherInput *input)
{
  memory->known = TRUE;
  memory->stretch = frame->stretch;
  memory->serial = input->serial;
  memory->scoring = input->scoring;
  memory->n_labels = input->n_labels;
  memory->n_others = input->n_others;
  g_array_set_size (memory->means, 0);
  g_array_set_size (memory->accepted, 0);
  g_array_set_size (memory->accepted, input->n_labels); /* to FALSE */
}

/* How much of the new values goes into the means. 1: all, and nothing of the old ones. */
static gdouble
weight_of_new (const Memory *memory, const GstClipFrameContext *frame, GstClockTime tau)
{
  if (memory->means->len == 0 || !GST_CLOCK_STIME_IS_VALID (frame->position)
      || !GST_CLOCK_STIME_IS_VALID (memory->position))
    return 1.0;
  return -expm1 (-(gdouble)(frame->position - memory->position) / (gdouble)tau);
}

static void
smooth (gdouble *means, float *values, guint n, gdouble weight)
{
  for (guint i = 0; i < n; i++) {
    means[i] = weight < 1.0 ? means[i] + weight * (values[i] - means[i]) : values[i];
    values[i] = (float)means[i];
  }
}

static gboolean
all_finite (const float *values, guint n)
{
  for (guint i = 0; i < n; i++)
    if (!isfinite (values[i]))
      return FALSE;
  return TRUE;
}

gboolean *
gst_clip_smoother_apply (GstClipSmoother *self, GstClockTime tau, const GstClipFrameContext *frame,
                         const GstClipSmootherInput *input)
{
  if (!all_finite (input->similarities, input->n_labels)
      || !all_finite (input->others, input->n_others))
    return NULL;
  Memory *memory = memory_of (self, frame);
  if (!memory)
    return NULL;

  if (!goes_on (memory, frame, input))
    begin_anew (memory, frame, input);
  if (tau > 0) {
    gdouble weight = weight_of_new (memory, frame, tau);
    g_array_set_size (memory->means, input->n_labels + input->n_others);
    gdouble *means = (gdouble *)memory->means->data;
    smooth (means, input->similarities, input->n_labels, weight);
    smooth (means + input->n_labels, input->others, input->n_others, weight);
  } else {
    g_array_set_size (memory->means, 0);
  }
  memory->position = frame->position;
  return (gboolean *)memory->accepted->data;
}
