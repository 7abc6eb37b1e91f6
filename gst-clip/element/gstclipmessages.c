/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipmessages.h"
#include "gst-clip/element/gstclipvalue.h"
#include "gst-clip/engine/model.h"

/* Code of all progress messages: loading is one operation with steps. */
#define PROGRESS_CODE "clip-load"

/* Errors ------------------------------------------------------------------- */

static const struct {
  GQuark (*domain) (void);
  gint code;
  GQuark (*gst_domain) (void);
  gint gst_code;
} error_map[] = {
  { clip_gpu_error_quark, CLIP_GPU_ERROR_LOADER, gst_library_error_quark, GST_LIBRARY_ERROR_INIT },
  { clip_gpu_error_quark, CLIP_GPU_ERROR_NO_DEVICE, gst_resource_error_quark,
    GST_RESOURCE_ERROR_NOT_FOUND },
  { clip_gpu_error_quark, CLIP_GPU_ERROR_OUT_OF_MEMORY, gst_resource_error_quark,
    GST_RESOURCE_ERROR_NO_SPACE_LEFT },
  { clip_gpu_error_quark, CLIP_GPU_ERROR_DEVICE_LOST, gst_resource_error_quark,
    GST_RESOURCE_ERROR_FAILED },
  { clip_model_error_quark, CLIP_MODEL_ERROR_NOT_FOUND, gst_resource_error_quark,
    GST_RESOURCE_ERROR_NOT_FOUND },
  { clip_model_error_quark, CLIP_MODEL_ERROR_INVALID, gst_resource_error_quark,
    GST_RESOURCE_ERROR_OPEN_READ },
  { clip_model_error_quark, CLIP_MODEL_ERROR_UNSUPPORTED, gst_resource_error_quark,
    GST_RESOURCE_ERROR_OPEN_READ },
  { clip_model_error_quark, CLIP_MODEL_ERROR_IO, gst_resource_error_quark,
    GST_RESOURCE_ERROR_READ },
  { clip_engine_error_quark, CLIP_ENGINE_ERROR_MEMORY, gst_resource_error_quark,
    GST_RESOURCE_ERROR_NO_SPACE_LEFT },
};

void
gst_clip_post_error (GstElement *element, const GError *error)
{
  GQuark domain = GST_LIBRARY_ERROR;
  gint code = GST_LIBRARY_ERROR_FAILED;

  for (guint i = 0; i < G_N_ELEMENTS (error_map); i++) {
    if (g_error_matches (error, error_map[i].domain (), error_map[i].code)) {
      domain = error_map[i].gst_domain ();
      code = error_map[i].gst_code;
    }
  }
  gst_element_message_full (
      element, GST_MESSAGE_ERROR, domain, code, g_strdup (error->message),
      g_strdup_printf ("%s, code %d", g_quark_to_string (error->domain), error->code), __FILE__,
      GST_FUNCTION, __LINE__);
}

/* Progress and prompts ----------------------------------------------------- */

void
gst_clip_post_progress (GstElement *element, GstProgressType type, const gchar *text)
{
  gst_element_post_message (
      element, gst_message_new_progress (GST_OBJECT (element), type, PROGRESS_CODE, text));
}

void
gst_clip_post_prompts (GstElement *element, guint serial, guint count, GPtrArray *errors)
{
  GstStructure *s = gst_structure_new ("clipfilter-prompts", "serial", G_TYPE_UINT, serial, "count",
                                       G_TYPE_UINT, count, NULL);
  GValue array = G_VALUE_INIT;

  g_value_init (&array, GST_TYPE_ARRAY);
  for (guint i = 0; i < errors->len; i++)
    gst_clip_array_add_string (&array, g_ptr_array_index (errors, i));
  gst_structure_take_value (s, "errors", &array);
  gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), s));
}

/* Announcer ---------------------------------------------------------------- */

struct _GstClipAnnouncer {
  GMutex lock;
  GHashTable *since; /* accepted label -> guint64 *, running time */
  GPtrArray *order;  /* the keys of @since, borrowed, best first */
};

GstClipAnnouncer *
gst_clip_announcer_new (void)
{
  GstClipAnnouncer *self = g_new0 (GstClipAnnouncer, 1);

  g_mutex_init (&self->lock);
  self->since = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->order = g_ptr_array_new ();
  return self;
}

void
gst_clip_announcer_free (GstClipAnnouncer *self)
{
  g_ptr_array_unref (self->order);
  g_hash_table_unref (self->since);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_clip_announcer_reset (GstClipAnnouncer *self)
{
  g_mutex_lock (&self->lock);
  g_ptr_array_set_size (self->order, 0);
  g_hash_table_remove_all (self->since);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_announcer_restamp (GstClipAnnouncer *self)
{
  GHashTableIter iter;
  gpointer since;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->since);
  while (g_hash_table_iter_next (&iter, NULL, &since))
    *(guint64 *)since = GST_CLOCK_TIME_NONE;
  g_mutex_unlock (&self->lock);
}

/* Appends the labels of @result that were not accepted before; those that stay keep their
 * time. */
static guint
note_appeared (GstClipAnnouncer *self, GHashTable *now, GPtrArray *order,
               const GstClipResult *result, GValue *appeared)
{
  guint64 running_time = gst_clip_result_frame (result)->running_time;
  guint n = gst_clip_result_n_accepted (result);
  guint n_new = 0;

  for (guint i = 0; i < n; i++) {
    gchar *label = g_strdup (gst_clip_result_accepted (result, i, NULL));
    const guint64 *old = g_hash_table_lookup (self->since, label);
    guint64 *since = g_new (guint64, 1);
    *since = old && *old != GST_CLOCK_TIME_NONE ? *old : running_time;
    if (!old) {
      gst_clip_array_add_string (appeared, label);
      n_new++;
    }
    g_ptr_array_add (order, label);
    g_hash_table_insert (now, label, since);
  }
  return n_new;
}

static guint
note_disappeared (GstClipAnnouncer *self, GHashTable *now, GValue *disappeared)
{
  guint n_gone = 0;

  for (guint i = 0; i < self->order->len; i++) {
    const gchar *label = g_ptr_array_index (self->order, i);
    if (g_hash_table_contains (now, label))
      continue;
    gst_clip_array_add_string (disappeared, label);
    n_gone++;
  }
  return n_gone;
}

/* Parallel to `labels`; GST_CLOCK_TIME_NONE for those not accepted. */
static void
fill_since (GHashTable *now, const GstClipResult *result, GValue *array)
{
  const gchar *const *labels = gst_clip_result_labels (result);

  for (guint i = 0; labels[i]; i++) {
    const guint64 *since = g_hash_table_lookup (now, labels[i]);
    gst_clip_array_add_uint64 (array, since ? *since : GST_CLOCK_TIME_NONE);
  }
}

GstStructure *
gst_clip_announcer_take (GstClipAnnouncer *self, GstClipMessages messages,
                         const GstClipResult *result)
{
  GHashTable *now = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GPtrArray *order = g_ptr_array_new ();
  GValue appeared = G_VALUE_INIT, disappeared = G_VALUE_INIT, since = G_VALUE_INIT;
  GstStructure *structure = NULL;

  g_value_init (&appeared, GST_TYPE_ARRAY);
  g_value_init (&disappeared, GST_TYPE_ARRAY);
  g_value_init (&since, GST_TYPE_ARRAY);

  g_mutex_lock (&self->lock);
  guint n_changes = note_appeared (self, now, order, result, &appeared);
  n_changes += note_disappeared (self, now, &disappeared);
  g_ptr_array_unref (self->order);
  g_hash_table_unref (self->since);
  self->order = order;
  self->since = now;
  if (messages == GST_CLIP_MESSAGES_ON_CHANGE && n_changes > 0)
    fill_since (now, result, &since);
  g_mutex_unlock (&self->lock);

  if (messages == GST_CLIP_MESSAGES_EVERY_RESULT
      || (messages == GST_CLIP_MESSAGES_ON_CHANGE && n_changes > 0))
    structure = gst_clip_result_structure (result, 0);
  if (structure && messages == GST_CLIP_MESSAGES_ON_CHANGE) {
    gst_structure_take_value (structure, "appeared", &appeared);
    gst_structure_take_value (structure, "disappeared", &disappeared);
    gst_structure_take_value (structure, "since", &since);
  } else {
    g_value_unset (&appeared);
    g_value_unset (&disappeared);
    g_value_unset (&since);
  }
  return structure;
}
