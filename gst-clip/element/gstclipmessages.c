/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipmessages.h"
#include "gst-clip/element/gstclipvalue.h"
#include "gst-clip/engine/engine.h"
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

gchar *
gst_clip_message_text (const gchar *text)
{
  return g_utf8_make_valid (text, -1);
}

/* With what it was tried. */
static gchar *
describe_settings (GstElement *element)
{
  g_autofree gchar *model = NULL, *device = NULL, *text = NULL;
  const gchar *by_default = g_getenv ("GST_CLIP_DEVICE");

  g_object_get (element, "model", &model, "device", &device, NULL);
  if (!device && by_default)
    device = g_strdup_printf ("%s (GST_CLIP_DEVICE)", by_default);
  text = g_strdup_printf ("model: %s, device: %s", model ? model : "the built-in one",
                          device ? device : "the best");
  return gst_clip_message_text (text);
}

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
  gst_element_message_full (element, GST_MESSAGE_ERROR, domain, code,
                            gst_clip_message_text (error->message), describe_settings (element),
                            __FILE__, GST_FUNCTION, __LINE__);
}

/* Results ------------------------------------------------------------------ */

void
gst_clip_post_structures (GstElement *element, GPtrArray *structures)
{
  for (guint i = 0; i < structures->len; i++)
    gst_element_post_message (
        element, gst_message_new_element (GST_OBJECT (element), g_ptr_array_index (structures, i)));
  g_ptr_array_unref (structures);
}

/* Progress and prompts ----------------------------------------------------- */

void
gst_clip_post_progress (GstElement *element, GstProgressType type, const gchar *text)
{
  g_autofree gchar *valid = gst_clip_message_text (text);

  gst_element_post_message (
      element, gst_message_new_progress (GST_OBJECT (element), type, PROGRESS_CODE, valid));
}

void
gst_clip_post_prompts (GstElement *element, guint serial, gboolean in_force, guint count,
                       GPtrArray *errors)
{
  GstStructure *s =
      gst_structure_new ("clipfilter-prompts", "serial", G_TYPE_UINT, serial, "in-force",
                         G_TYPE_BOOLEAN, in_force, "count", G_TYPE_UINT, count, NULL);
  GValue array = G_VALUE_INIT;

  g_value_init (&array, GST_TYPE_ARRAY);
  for (guint i = 0; i < errors->len; i++) {
    g_autofree gchar *valid = gst_clip_message_text (g_ptr_array_index (errors, i));

    gst_clip_array_add_string (&array, valid);
  }
  gst_structure_take_value (s, "errors", &array);
  gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), s));
}
