/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties that a control source drives, and that the tools know the enumerated ones. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>
#include <math.h>

#define N_FRAMES 50
#define END      (N_FRAMES * STAGE_FRAME)

/* @property goes from @from to @to in a line, from the first frame to END. */
static void
ramp (Stage *stage, const gchar *property, gdouble from, gdouble to)
{
  GstControlSource *source = gst_interpolation_control_source_new ();
  GstTimedValueControlSource *timed = GST_TIMED_VALUE_CONTROL_SOURCE (source);

  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, NULL);
  g_assert_true (gst_timed_value_control_source_set (timed, 0, from));
  g_assert_true (gst_timed_value_control_source_set (timed, END, to));
  g_assert_true (gst_object_add_control_binding (
      GST_OBJECT (stage->filter),
      gst_direct_control_binding_new_absolute (GST_OBJECT (stage->filter), property, source)));
  gst_object_unref (source);
}

static gboolean
accepts (Stage *stage, guint8 value)
{
  g_autofree gchar *label = stage_push_label (stage, value);
  return *label != '\0';
}

static gdouble
similarity (GstBuffer *buffer)
{
  const GValue *array = gst_structure_get_value (stage_result (buffer, 0), "similarities");
  return g_value_get_double (gst_value_array_get_value (array, 0));
}

/* A score of 0.75, thresholds from 0.5 to 1. */
static void
test_threshold (void)
{
  Stage *stage = stage_new ("mode=in-step, scoring=cosine, prompts=0");

  ramp (stage, "threshold", 0.5, 1.0);
  stage_play (stage);
  for (guint i = 0; i < N_FRAMES; i++)
    g_assert_cmpint (accepts (stage, 64), ==, 0.5 + 0.5 * i / N_FRAMES <= 0.75);
  stage_free (stage);
}

/* One frame of a score of 1, then one of 0.75, for thresholds of 0.8 and a hysteresis that shrinks. */
static void
test_hysteresis (void)
{
  Stage *stage = stage_new ("mode=in-step, scoring=cosine, threshold=0.8, prompts=0");

  ramp (stage, "hysteresis", 0.1, 0.0);
  stage_play (stage);
  g_assert_true (accepts (stage, 0));
  for (guint i = 1; i < N_FRAMES; i++)
    g_assert_cmpint (accepts (stage, 64), ==, 0.1 - 0.1 * i / N_FRAMES >= 0.05);
  stage_free (stage);
}

/* The time constant of each frame is that of its stream time. */
static void
test_smoothing (void)
{
  Stage *stage = stage_new ("mode=in-step, scoring=cosine, prompts=0");
  gdouble want = 1.0;

  ramp (stage, "smoothing", 1000.0, 0.0);
  stage_play (stage);
  gst_buffer_unref (stage_push (stage, 0));
  for (guint i = 1; i < N_FRAMES; i++) {
    const guint8 pixel = i % 2 ? 128 : 0;
    const gdouble tau = floor (1000.0 - 1000.0 * i / N_FRAMES + 0.5);
    g_autoptr (GstBuffer) buffer = stage_push (stage, pixel);
    want += (1.0 - exp (-40.0 / tau)) * (1.0 - pixel / 128.0 - want);
    g_assert_cmpfloat_with_epsilon (similarity (buffer), want, 1e-6);
  }
  stage_free (stage);
}

/* Scalars that a frame reads may all be driven. */
static void
test_controllable (void)
{
  static const gchar *const names[] = { "threshold", "top-k",      "logit-scale",
                                        "smoothing", "hysteresis", "interval",
                                        "max-rate",  "skip-late",  "attach-meta" };
  Stage *stage = stage_new ("mode=in-step");

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (stage->filter), names[i]);
    g_test_message ("%s", names[i]);
    g_assert_nonnull (spec);
    g_assert_true (spec->flags & GST_PARAM_CONTROLLABLE);
    g_assert_true (spec->flags & GST_PARAM_MUTABLE_PLAYING);
  }
  stage_free (stage);
}

/* Documentation tools only list types that are marked. */
static void
test_plugin_api (void)
{
  Stage *stage = stage_new ("mode=in-step");
  guint n, n_enums = 0;
  g_autofree GParamSpec **specs =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (stage->filter), &n);

  for (guint i = 0; i < n; i++) {
    if (!G_TYPE_IS_ENUM (specs[i]->value_type) && !G_TYPE_IS_FLAGS (specs[i]->value_type))
      continue;
    g_test_message ("%s", specs[i]->name);
    g_assert_true (gst_type_is_plugin_api (specs[i]->value_type, NULL));
    n_enums++;
  }
  g_assert_cmpuint (n_enums, >=, 4);
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/control/threshold", test_threshold);
  g_test_add_func ("/control/hysteresis", test_hysteresis);
  g_test_add_func ("/control/smoothing", test_smoothing);
  g_test_add_func ("/control/controllable", test_controllable);
  g_test_add_func ("/control/plugin-api", test_plugin_api);
  return g_test_run ();
}
