/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstcliprefusals.h"

#include "gst-clip/element/gstclipmessages.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

void
gst_clip_refusals_clear (GstClipRefusals *self)
{
  for (guint i = 0; i < GST_CLIP_N_REFUSALS; i++)
    g_clear_pointer (&self->kinds[i].why, g_free);
}

/* Messages end at the bus of the outermost bin, if it has one: a pipeline's drops them while it is
 * stopped. */
static gboolean
is_heard (GstElement *element)
{
  GstObject *top = gst_object_ref (GST_OBJECT (element)), *parent;

  while ((parent = gst_object_get_parent (top))) {
    gst_object_unref (top);
    top = parent;
  }
  g_autoptr (GstBus) bus = GST_IS_ELEMENT (top) ? gst_element_get_bus (GST_ELEMENT (top)) : NULL;
  gst_object_unref (top);
  return bus && !GST_OBJECT_FLAG_IS_SET (bus, GST_BUS_FLUSHING);
}

gboolean
gst_clip_refusals_note (GstClipRefusals *self, GstElement *element, GstClipRefusalKind kind,
                        const gchar *property, const GError *error)
{
  const gboolean heard = is_heard (element);

  if (kind == GST_CLIP_REFUSAL_OTHER)
    return heard;
  GST_OBJECT_LOCK (element);
  g_free (self->kinds[kind].why);
  self->kinds[kind].property = property;
  self->kinds[kind].why = error ? gst_clip_message_text (error->message) : NULL;
  self->kinds[kind].told = heard;
  GST_OBJECT_UNLOCK (element);
  return heard;
}

void
gst_clip_refusals_say (GstElement *element, const gchar *property, const gchar *why, gboolean heard)
{
  g_autofree gchar *valid = gst_clip_message_text (why);

  if (heard)
    GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS,
                         ("%s keeps its old value: %s", property, valid), (NULL));
  else
    g_warning ("%s: %s keeps its old value: %s", GST_OBJECT_NAME (element), property, valid);
}

void
gst_clip_refusals_tell (GstClipRefusals *self, GstElement *element)
{
  const gboolean heard = is_heard (element);

  for (guint i = 0; heard && i < GST_CLIP_N_REFUSALS; i++) {
    g_autofree gchar *why = NULL;

    GST_OBJECT_LOCK (element);
    const gchar *property = self->kinds[i].property;
    if (!self->kinds[i].told)
      why = g_strdup (self->kinds[i].why);
    self->kinds[i].told = TRUE;
    GST_OBJECT_UNLOCK (element);
    if (why)
      gst_clip_refusals_say (element, property, why, TRUE);
  }
}

gchar *
gst_clip_refusals_dup (GstClipRefusals *self, GstElement *element, GstClipRefusalKind kind)
{
  GST_OBJECT_LOCK (element);
  gchar *text = self->kinds[kind].why ? g_strdup_printf (
                    "`%s` was refused: %s", self->kinds[kind].property, self->kinds[kind].why)
                                      : NULL;
  GST_OBJECT_UNLOCK (element);
  return text;
}
