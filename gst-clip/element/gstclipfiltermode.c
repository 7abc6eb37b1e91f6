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

/* (transfer full) (nullable): a pad on the other side of @pad's element. */
static GstPad *
inner_pad (GstPad *pad)
{
  GstIterator *links = gst_pad_iterate_internal_links (pad);
  GValue value = G_VALUE_INIT;
  GstPad *inner = NULL;

  if (!links)
    return NULL;
  if (gst_iterator_next (links, &value) == GST_ITERATOR_OK) {
    inner = g_value_dup_object (&value);
    g_value_unset (&value);
  }
  gst_iterator_free (links);
  return inner;
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

  while (pad && !has_task (pad)) {
    g_autoptr (GstPad) sink = inner_pad (pad);
    if (sink && has_task (sink))
      return FALSE; /* whoever pulls from there pushes to us */
    g_clear_object (&pad);
    pad = sink ? gst_pad_get_peer (sink) : NULL;
  }
  g_autoptr (GstElement) element = pad ? gst_pad_get_parent_element (pad) : NULL;
  return element && GST_IS_BASE_SRC (element);
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
