/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of properties in docs/elements.md is compared with these by a test. */
#include "gst-clip/element/gstclipfilterprops.h"

#define MAX_LOGIT_SCALE 1000.0
#define MAX_SMOOTHING   (60 * 60 * 1000) /* ms */
#define MAX_RATE        1000.0

#define FLAGS   (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS)
#define READY   (FLAGS | GST_PARAM_MUTABLE_READY)
#define PLAYING (FLAGS | GST_PARAM_MUTABLE_PLAYING)
#define CONTROL (PLAYING | GST_PARAM_CONTROLLABLE)
#define RESULT  (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)

static void
install_prompt_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_PROMPTS,
      g_param_spec_string (
          "prompts", "Prompts",
          "Labels to look for, separated by semicolons (not commas) or newlines: \"a dog;a cat\". "
          "LABEL[@THRESHOLD][=WORDING|WORDING...]; ;; || == @@ stand for the character itself; a "
          "wording image:PATH is a picture",
          NULL, PLAYING));
  g_object_class_install_property (
      klass, PROP_PROMPT_LIST,
      g_param_spec_boxed (
          "prompt-list", "Prompt list",
          "Labels to look for, one plain text a string (no separators, escapes or pictures); the "
          "last one set of prompts, prompt-list and prompts-file wins",
          G_TYPE_STRV, PLAYING));
  g_object_class_install_property (
      klass, PROP_PROMPTS_FILE,
      g_param_spec_string (
          "prompts-file", "Prompts file",
          "UTF-8 file to read the prompts from now and at each signal `reload`: one prompt a line "
          "(lines that begin with # are comments), or JSON with labels, wordings, templates, "
          "thresholds and negatives",
          NULL, PLAYING));
  g_object_class_install_property (
      klass, PROP_NEGATIVE_PROMPTS,
      g_param_spec_string (
          "negative-prompts", "Negative prompts",
          "What the labels compete with and what is never shown, in the form of prompts, without "
          "thresholds",
          NULL, PLAYING));
  g_object_class_install_property (
      klass, PROP_TEMPLATE,
      g_param_spec_string (
          "template", "Template",
          "Wordings, separated by |, for labels that have none of their own; {} is the label: "
          "\"a photo of a {}.|a picture of a {}.\" (unset: the label itself)",
          NULL, PLAYING));
}

static void
install_score_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_SCORING,
      g_param_spec_enum ("scoring", "Scoring", "How similarities become scores from 0 to 1",
                         GST_TYPE_CLIP_SCORING, CLIP_SCORING_AUTO, PLAYING));
  g_object_class_install_property (
      klass, PROP_THRESHOLD,
      g_param_spec_double (
          "threshold", "Threshold",
          "Score from which on a label is accepted, where it has no threshold of its own "
          "(-1 = what suits the scoring and the model)",
          -1.0, 1.0, GST_CLIP_FILTER_AUTOMATIC, CONTROL));
  g_object_class_install_property (
      klass, PROP_TOP_K,
      g_param_spec_uint ("top-k", "Top k", "Number of labels to report, best first", 1,
                         CLIP_PROMPTS_MAX_LABELS, GST_CLIP_FILTER_TOP_K, CONTROL));
  g_object_class_install_property (
      klass, PROP_LOGIT_SCALE,
      g_param_spec_double (
          "logit-scale", "Logit scale",
          "Factor of similarities before softmax, contrast or sigmoid (0 = the model's own)", 0.0,
          MAX_LOGIT_SCALE, 0.0, CONTROL));
}

static void
install_time_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_SMOOTHING,
      g_param_spec_uint (
          "smoothing", "Smoothing",
          "Time constant in ms of stream time with which similarities follow the picture "
          "(0 = each result is of its own frame alone)",
          0, MAX_SMOOTHING, 0, CONTROL));
  g_object_class_install_property (
      klass, PROP_HYSTERESIS,
      g_param_spec_double (
          "hysteresis", "Hysteresis",
          "How far below its threshold the score of an accepted label may fall before it is no "
          "longer accepted",
          0.0, 1.0, 0.0, CONTROL));
}

static void
install_engine_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_MODEL,
      g_param_spec_string (
          "model", "Model",
          "Folder of a CLIP model, or name of an installed one (unset: the built-in one)", NULL,
          READY));
  g_object_class_install_property (
      klass, PROP_DEVICE,
      g_param_spec_string (
          "device", "Device",
          "Vulkan device: part of its name, UUID or index (unset: GST_CLIP_DEVICE from the "
          "environment, else the best)",
          NULL, READY));
  g_object_class_install_property (
      klass, PROP_PRECISION,
      g_param_spec_enum ("precision", "Precision",
                         "Number format in which the weights are stored; sums are fp32",
                         GST_TYPE_CLIP_PRECISION, CLIP_PRECISION_AUTO, READY));
  g_object_class_install_property (
      klass, PROP_SHARE_GROUP,
      g_param_spec_string (
          "share-group", "Share group",
          "Elements with the same model, device and precision share one engine, if they also name "
          "the same group (unset: a group too)",
          NULL, READY));
  g_object_class_install_property (
      klass, PROP_MODE,
      g_param_spec_enum ("mode", "Mode", "Whether frames wait for their result", GST_TYPE_CLIP_MODE,
                         GST_CLIP_MODE_AUTO, READY));
}

static void
install_pace_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_INTERVAL,
      g_param_spec_uint ("interval", "Interval",
                         "Frames from one that is encoded to the next (1 = encode each); those "
                         "between carry the last result",
                         1, G_MAXUINT, 1, CONTROL));
  g_object_class_install_property (
      klass, PROP_MAX_RATE,
      g_param_spec_double ("max-rate", "Maximum rate",
                           "Encode at most so many frames per second of stream time (0 = no limit)",
                           0.0, MAX_RATE, 0.0, CONTROL));
  g_object_class_install_property (
      klass, PROP_SKIP_LATE,
      g_param_spec_boolean (
          "skip-late", "Skip late",
          "in-step: pass frames on without encoding them while downstream says that they are late",
          TRUE, CONTROL));
  g_object_class_install_property (
      klass, PROP_SKIP_STILL,
      g_param_spec_double (
          "skip-still", "Skip still",
          "Do not encode a picture that differs by less than this from the last one that was "
          "encoded: mean difference of pixel values, 1 is black to white (0 = off); only with "
          "region=full-frame",
          0.0, 1.0, 0.0, CONTROL));
}

static void
install_region_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_REGION,
      g_param_spec_enum ("region", "Region", "What of a frame is encoded",
                         GST_TYPE_CLIP_REGION_MODE, GST_CLIP_REGION_MODE_FULL_FRAME, PLAYING));
  g_object_class_install_property (
      klass, PROP_ROI_TYPES,
      g_param_spec_string ("roi-types", "ROI types",
                           "Encode only regions that are called so, separated by ; (unset: all)",
                           NULL, PLAYING));
  g_object_class_install_property (
      klass, PROP_MIN_SIZE,
      g_param_spec_uint (
          "min-size", "Minimum size",
          "Encode only regions whose shorter side has at least so many pixels (0 = all)", 0,
          G_MAXINT, 0, CONTROL));
  g_object_class_install_property (
      klass, PROP_RECLASSIFY_INTERVAL,
      g_param_spec_uint ("reclassify-interval", "Reclassify interval",
                         "Milliseconds of stream time for which a tracked region keeps its result "
                         "before it is encoded again (0 = it is encoded with each frame that is)",
                         0, G_MAXINT, 0, CONTROL));
  g_object_class_install_property (
      klass, PROP_CROP,
      g_param_spec_enum ("crop", "Crop",
                         "How a frame or region becomes the square that the model sees",
                         GST_TYPE_CLIP_CROP, CLIP_FIT_AUTO, PLAYING));
}

static void
install_output_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_MESSAGES,
      g_param_spec_enum ("messages", "Messages", "When to post a result on the bus",
                         GST_TYPE_CLIP_MESSAGES, GST_CLIP_MESSAGES_ON_CHANGE, PLAYING));
  g_object_class_install_property (
      klass, PROP_ATTACH_META,
      g_param_spec_boolean (
          "attach-meta", "Attach meta",
          "Attach results to the buffers (GstClipLabels; GstAnalyticsClsMtd where available)", TRUE,
          CONTROL));
  g_object_class_install_property (
      klass, PROP_ATTACH_EMBEDDING,
      g_param_spec_boolean (
          "attach-embedding", "Attach embedding",
          "Attach the L2-normalised embedding of the frame or region with the results, too", FALSE,
          CONTROL));
  g_object_class_install_property (
      klass, PROP_LAST_RESULT,
      g_param_spec_boxed ("last-result", "Last result",
                          "The newest result, as messages=every-result posts it: without appeared, "
                          "disappeared and since (changes are not notified)",
                          GST_TYPE_STRUCTURE, RESULT));
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "Frames, inferences, mode in effect, last and mean time of each stage in ns, device, "
          "model, bytes of GPU memory",
          GST_TYPE_STRUCTURE, RESULT));
}

void
gst_clip_filter_install_properties (GObjectClass *klass)
{
  klass->set_property = gst_clip_filter_set_property;
  klass->get_property = gst_clip_filter_get_property;
  install_prompt_properties (klass);
  install_score_properties (klass);
  install_time_properties (klass);
  install_engine_properties (klass);
  install_pace_properties (klass);
  install_region_properties (klass);
  install_output_properties (klass);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_SCORING, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_PRECISION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_MESSAGES, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_REGION_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_CROP, 0);
}
