/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether frames wait for their results, and whether they may be held meanwhile. */
#include "gst-clip/element/gstclipfilterframes.h"

#include <gst/base/gstbasesrc.h>

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

static gboolean
upstream_is_live (GstClipFilter *self)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  return live;
}

/* The thread of @pad: its own, or FALSE. */
static gboolean
has_task (GstPad *pad)
{
  GST_OBJECT_LOCK (pad);
  gboolean has = GST_PAD_TASK (pad) != NULL;
  GST_OBJECT_UNLOCK (pad);
  return has;
}

static gboolean is_pushed_by_source (GstPad *pad);

/* @sink: of the element that pushes to us. A pad that pulls has a thread, which pushes to us then. */
static gboolean
comes_from_source (GstPad *sink)
{
  g_autoptr (GstPad) peer = has_task (sink) ? NULL : gst_pad_get_peer (sink);

  return peer && is_pushed_by_source (peer);
}

/* Whether @pad, or one that some of its data come through (there are several before concat or funnel), is pushed from by
 * the thread of a GstBaseSrc. */
static gboolean
is_pushed_by_source (GstPad *pad)
{
  g_autoptr (GstElement) element = gst_pad_get_parent_element (pad);
  GstIterator *links = has_task (pad) ? NULL : gst_pad_iterate_internal_links (pad);
  GValue value = G_VALUE_INIT;
  gboolean found = element && GST_IS_BASE_SRC (element);

  while (links && !found && gst_iterator_next (links, &value) == GST_ITERATOR_OK) {
    found = comes_from_source (g_value_get_object (&value));
    g_value_unset (&value);
  }
  g_clear_pointer (&links, gst_iterator_free);
  return found;
}

/*
 * A GstBaseSrc pushes caps and segments with its `live` lock held, which it needs to be paused. If a
 * held frame were pushed then, and a sink that is paused already did not let it pass, the state
 * could not change any more. A queue in between has a thread without such a lock.
 */
static gboolean
runs_in_source_thread (GstClipFilter *self)
{
  g_autoptr (GstPad) pad = gst_pad_get_peer (GST_BASE_TRANSFORM_SINK_PAD (self));

  return pad && is_pushed_by_source (pad);
}

void
gst_clip_filter_decide_mode (GstClipFilter *self)
{
  if (self->mode_in_effect != GST_CLIP_MODE_AUTO)
    return;
  gboolean live = upstream_is_live (self);
  gboolean source_thread = runs_in_source_thread (self);

  GST_OBJECT_LOCK (self);
  self->live = live;
  self->source_thread = source_thread;
  self->mode_in_effect = self->settings.mode;
  if (self->mode_in_effect == GST_CLIP_MODE_AUTO)
    self->mode_in_effect = live ? GST_CLIP_MODE_LATEST : GST_CLIP_MODE_IN_STEP;
  GST_OBJECT_UNLOCK (self);
  GST_INFO_OBJECT (self, "mode %s, the source is %slive",
                   self->mode_in_effect == GST_CLIP_MODE_LATEST ? "latest" : "in-step",
                   live ? "" : "not ");
}

gboolean
gst_clip_filter_may_hold (GstClipFilter *self)
{
  return self->mode_in_effect == GST_CLIP_MODE_IN_STEP && !self->live && !self->source_thread
         && GST_VIDEO_INFO_FPS_N (&self->info) > 0;
}
