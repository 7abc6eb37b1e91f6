/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipvalue.h: structure fields that are arrays (GST_TYPE_ARRAY: they print
 * cleanly and can be read from Python with get_array()).
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

static inline void
gst_clip_array_add_string (GValue *array, const gchar *string)
{
  GValue value = G_VALUE_INIT;
  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, string);
  gst_value_array_append_and_take_value (array, &value);
}

static inline void
gst_clip_array_add_double (GValue *array, gdouble number)
{
  GValue value = G_VALUE_INIT;
  g_value_init (&value, G_TYPE_DOUBLE);
  g_value_set_double (&value, number);
  gst_value_array_append_and_take_value (array, &value);
}

static inline void
gst_clip_array_add_uint (GValue *array, guint number)
{
  GValue value = G_VALUE_INIT;
  g_value_init (&value, G_TYPE_UINT);
  g_value_set_uint (&value, number);
  gst_value_array_append_and_take_value (array, &value);
}

static inline void
gst_clip_array_add_uint64 (GValue *array, guint64 number)
{
  GValue value = G_VALUE_INIT;
  g_value_init (&value, G_TYPE_UINT64);
  g_value_set_uint64 (&value, number);
  gst_value_array_append_and_take_value (array, &value);
}

static inline void
gst_clip_array_add_boolean (GValue *array, gboolean truth)
{
  GValue value = G_VALUE_INIT;
  g_value_init (&value, G_TYPE_BOOLEAN);
  g_value_set_boolean (&value, truth);
  gst_value_array_append_and_take_value (array, &value);
}

G_END_DECLS
