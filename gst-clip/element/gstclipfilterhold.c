/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that were begun: held while the device works, completed, pushed in order. */
#include "gst-clip/element/gstclipfilterframes.h"

#include "gst-clip/element/gstclipfilterattach.h"

static GstBaseTransformClass *
parent_of (GstBaseTransform *trans)
{
  return g_type_class_peek_parent (GST_BASE_TRANSFORM_GET_CLASS (trans));
}

/* Completing -------------------------------------------------------------------- */

static void
note_latency (GstClipFilter *self, GstClockTime time)
{
  GST_OBJECT_LOCK (self);
  gboolean changed = self->live && gst_clip_latency_note (&self->latency, time);
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

/* Waits for the frame's own results, which are carried on from here. */
static GstFlowReturn
collect (GstClipFilter *self, GstClipPassage *passage)
{
  GPtrArray *results = NULL;
  GstClockTime time = 0;

  if (passage->ticket) {
    GstFlowReturn ret = gst_clip_encoder_collect (self->encoder, g_steal_pointer (&passage->ticket),
                                                  &results, &time);
    if (ret != GST_FLOW_OK)
      return ret;
    gst_clip_pacer_note_cost (&self->pacer, time);
    note_latency (self, time);
  }
  g_clear_pointer (&self->carried, g_ptr_array_unref);
  self->carried = results;
  if (results)
    gst_clip_tracks_note (self->tracks, results);
  return GST_FLOW_OK;
}

/* @passage: (transfer full). *@buffer is NULL unless the frame may go on. */
static GstFlowReturn
complete (GstClipFilter *self, GstClipPassage *passage, GstBuffer **buffer)
{
  GstFlowReturn ret = GST_FLOW_OK;

  *buffer = g_steal_pointer (&passage->buffer);
  if (passage->kind == GST_CLIP_PASSAGE_FORGET)
    g_clear_pointer (&self->carried, g_ptr_array_unref);
  if (passage->kind == GST_CLIP_PASSAGE_ENCODE)
    ret = collect (self, passage);
  if (ret == GST_FLOW_OK && g_atomic_int_get (&self->failed))
    ret = GST_FLOW_ERROR;
  if (ret != GST_FLOW_OK)
    gst_clear_buffer (buffer);
  else if (passage->kind >= GST_CLIP_PASSAGE_CARRY)
    gst_clip_filter_attach (self, *buffer, passage->regions, self->carried,
                            passage->kind == GST_CLIP_PASSAGE_ENCODE, &passage->context);
  g_clear_pointer (&passage->regions, g_array_unref);
  return ret;
}

/* Holding ----------------------------------------------------------------------- */

static void
clear_passage (GstClipPassage *passage)
{
  gst_clear_buffer (&passage->buffer);
  g_clear_pointer (&passage->ticket, gst_clip_encoder_forget);
  g_clear_pointer (&passage->regions, g_array_unref);
}

static void
free_passage (gpointer data)
{
  clear_passage (data);
  g_free (data);
}

/* Returns: TRUE when the first held frame need not be waited for. */
static gboolean
first_is_settled (GstClipFilter *self)
{
  const GstClipPassage *first = g_queue_peek_head (&self->held);

  return first && (!first->ticket || gst_clip_encoder_is_settled (self->encoder, first->ticket));
}

static GstFlowReturn
complete_first (GstClipFilter *self, GstBuffer **buffer)
{
  GstClipPassage *first = g_queue_pop_head (&self->held);
  GstFlowReturn ret = complete (self, first, buffer);

  free_passage (first);
  return ret;
}

GstFlowReturn
gst_clip_filter_submit_input_buffer (GstBaseTransform *trans, gboolean discont, GstBuffer *input)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);

  /* The base class marks the next buffer that it pushes, which must be this one; and new caps
   * must not overtake held frames. */
  if (GST_BUFFER_IS_DISCONT (input) || gst_pad_needs_reconfigure (trans->srcpad))
    gst_clip_filter_drain (self);
  if (self->pushed != GST_FLOW_OK) {
    const GstFlowReturn pushed = self->pushed;
    if (pushed == GST_FLOW_NOT_LINKED) /* told once: the pad may be linked again without a flush */
      self->pushed = GST_FLOW_OK;
    gst_buffer_unref (input);
    return pushed;
  }
  return parent_of (trans)->submit_input_buffer (trans, discont, input);
}

GstFlowReturn
gst_clip_filter_generate_output (GstBaseTransform *trans, GstBuffer **output)
{
  GstClipFilter *self = GST_CLIP_FILTER (trans);
  GstFlowReturn ret = parent_of (trans)->generate_output (trans, output);

  if (ret != GST_FLOW_OK) {
    clear_passage (&self->passage);
    return ret;
  }
  if (*output) {
    self->passage.buffer = g_steal_pointer (output);
    if (!gst_clip_filter_may_hold (self))
      return complete (self, &self->passage, output);
    g_queue_push_tail (&self->held, g_memdup2 (&self->passage, sizeof self->passage));
    self->passage = (GstClipPassage){ 0 };
  }
  if (self->held.length > GST_CLIP_FILTER_HELD || first_is_settled (self))
    return complete_first (self, output);
  return GST_FLOW_OK;
}

/* What the chain function would have been told by downstream, it is told the next time. */
static void
push_first (GstClipFilter *self)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstBuffer *buffer = NULL;

  self->pushed = complete_first (self, &buffer);
  if (self->pushed == GST_FLOW_OK)
    self->pushed = gst_pad_push (trans->srcpad, buffer);
  if (self->pushed != GST_FLOW_OK)
    g_queue_clear_full (&self->held, free_passage);
}

void
gst_clip_filter_drain (GstClipFilter *self)
{
  while (self->held.length > 0)
    push_first (self);
}

gboolean
gst_clip_filter_release (GstClipFilter *self)
{
  GstPad *sink = GST_BASE_TRANSFORM_SINK_PAD (self);

  GST_OBJECT_LOCK (self);
  gboolean never_holds = self->live || self->source_thread;
  GST_OBJECT_UNLOCK (self);
  if (never_holds)
    return FALSE;
  /* It may be waiting for us, so that we must not wait for it. */
  if (!g_rec_mutex_trylock (GST_PAD_GET_STREAM_LOCK (sink)))
    return TRUE;
  while (first_is_settled (self))
    push_first (self);
  g_rec_mutex_unlock (GST_PAD_GET_STREAM_LOCK (sink));
  return FALSE;
}

void
gst_clip_filter_forget (GstClipFilter *self)
{
  g_queue_clear_full (&self->held, free_passage);
  clear_passage (&self->passage);
  g_clear_pointer (&self->carried, g_ptr_array_unref);
  gst_clip_pacer_reset (&self->pacer);
  gst_clip_tracks_reset (self->tracks);
  self->encoded.serial = 0;
  self->stretch++;
}
