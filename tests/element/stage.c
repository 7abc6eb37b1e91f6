/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/element/stage.h"
#include "tests/element/fake_engine.h"

#include "gst-clip/element/gstclipfilter.h"
#include "gst-clip/element/gstclipmeta.h"

#include <string.h>

#define PATIENCE (20 * GST_SECOND)

void
stage_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  gst_init (argc, argv);
  g_assert_true (gst_clip_meta_register ());
  g_assert_true (GST_ELEMENT_REGISTER (clipfilter, NULL));
}

Stage *
stage_new (const gchar *properties)
{
  Stage *stage = g_new0 (Stage, 1);
  g_auto (GStrv) pairs = g_strsplit (properties, ", ", -1);

  fake_reset ();
  stage->bus = gst_bus_new ();
  stage->filter = gst_element_factory_make ("clipfilter", "filter");
  for (guint i = 0; pairs[i]; i++) {
    gchar *value = strchr (pairs[i], '=');
    g_assert_nonnull (value);
    *value++ = '\0';
    gst_util_set_object_arg (G_OBJECT (stage->filter), pairs[i], value);
  }
  gst_element_set_bus (stage->filter, stage->bus);
  gst_object_ref_sink (stage->filter);
  return stage;
}

void
stage_play (Stage *stage)
{
  stage->harness = gst_harness_new_with_element (stage->filter, "sink", "src");
  gst_harness_set_src_caps_str (stage->harness, STAGE_CAPS);
}

void
stage_play_file (Stage *stage)
{
  stage->harness = gst_harness_new_with_element (stage->filter, "sink", "src");
  gst_harness_set_live (stage->harness, FALSE);
  gst_harness_set_src_caps_str (stage->harness, STAGE_CAPS);
}

Stage *
stage_new_playing (const gchar *properties)
{
  Stage *stage = stage_new (properties);
  stage_play (stage);
  return stage;
}

void
stage_free (Stage *stage)
{
  gst_bus_set_flushing (stage->bus, TRUE);
  if (stage->harness)
    gst_harness_teardown (stage->harness);
  gst_object_unref (stage->filter);
  gst_object_unref (stage->bus);
  g_free (stage);
  g_assert_cmpuint (fake_alive (), ==, 0);
}

GstBuffer *
stage_frame (Stage *stage, guint8 value)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16 * 16, NULL);

  gst_buffer_memset (buffer, 0, value, 16 * 16);
  GST_BUFFER_PTS (buffer) = stage->pts;
  GST_BUFFER_DURATION (buffer) = STAGE_FRAME;
  stage->pts += STAGE_FRAME;
  return buffer;
}

GstBuffer *
stage_push (Stage *stage, guint8 value)
{
  g_assert_cmpint (gst_harness_push (stage->harness, stage_frame (stage, value)), ==, GST_FLOW_OK);
  return gst_harness_pull (stage->harness);
}

const GstStructure *
stage_result (GstBuffer *buffer, guint index)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, "GstClipLabels");

  if (!meta)
    return NULL;
  const GValue *results = gst_structure_get_value (gst_custom_meta_get_structure (meta), "results");
  if (index >= gst_value_array_get_size (results))
    return NULL;
  return gst_value_get_structure (gst_value_array_get_value (results, index));
}

gchar *
stage_label (GstBuffer *buffer)
{
  const GstStructure *result = stage_result (buffer, 0);
  return g_strdup (result ? gst_structure_get_string (result, "label") : "none");
}

gchar *
stage_push_label (Stage *stage, guint8 value)
{
  g_autoptr (GstBuffer) buffer = stage_push (stage, value);
  return stage_label (buffer);
}

void
stage_check (Stage *stage, guint8 value, const gchar *want, guint frames_old)
{
  g_autoptr (GstBuffer) out = stage_push (stage, value);
  g_autofree gchar *label = stage_label (out);
  guint64 age = 0, timestamp = 0;

  g_assert_cmpstr (label, ==, want);
  if (g_str_equal (want, "none"))
    return;
  gst_structure_get (stage_result (out, 0), "age", G_TYPE_UINT64, &age, "timestamp", G_TYPE_UINT64,
                     &timestamp, NULL);
  g_assert_cmpuint (age, ==, frames_old * STAGE_FRAME);
  g_assert_cmpuint (timestamp, ==, GST_BUFFER_PTS (out) - age);
}

static gboolean
matches (GstMessage *message, GstMessageType type, const gchar *name)
{
  return GST_MESSAGE_TYPE (message) == type
         && (!name || gst_structure_has_name (gst_message_get_structure (message), name));
}

GstMessage *
stage_message (Stage *stage, GstMessageType type, const gchar *name)
{
  for (;;) {
    GstMessage *message = gst_bus_timed_pop (stage->bus, PATIENCE);
    if (!message)
      g_error ("no %s message %s", gst_message_type_get_name (type), name ? name : "");
    if (matches (message, type, name))
      return message;
    gst_message_unref (message);
  }
}

guint
stage_count (Stage *stage, GstMessageType type, const gchar *name)
{
  guint count = 0;

  for (;;) {
    g_autoptr (GstMessage) message = gst_bus_pop (stage->bus);
    if (!message)
      return count;
    count += matches (message, type, name);
  }
}

void
stage_wait_prompts (Stage *stage, guint serial)
{
  guint got = 0;

  while (got != serial) {
    g_autoptr (GstMessage) message =
        stage_message (stage, GST_MESSAGE_ELEMENT, "clipfilter-prompts");
    gst_structure_get_uint (gst_message_get_structure (message), "serial", &got);
  }
}

void
stage_expect (Stage *stage, GstMessageType type, GQuark domain, gint code, const gchar *part)
{
  g_autoptr (GstMessage) message = stage_message (stage, type, NULL);
  g_autoptr (GError) error = NULL;

  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  if (domain)
    g_assert_error (error, domain, code);
  if (!strstr (error->message, part))
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

gchar *
stage_strings (const GstStructure *structure, const gchar *field)
{
  const GValue *array = gst_structure_get_value (structure, field);
  GString *out = g_string_new (NULL);

  g_assert_nonnull (array);
  g_assert_true (GST_VALUE_HOLDS_ARRAY (array));
  for (guint i = 0; i < gst_value_array_get_size (array); i++)
    g_string_append_printf (out, "%s%s", i ? "/" : "",
                            g_value_get_string (gst_value_array_get_value (array, i)));
  return g_string_free (out, FALSE);
}
