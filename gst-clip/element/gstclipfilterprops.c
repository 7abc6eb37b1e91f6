/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties of clipfilter. The table in docs/elements.md is compared with them by a test. */
#include "gst-clip/element/gstclipfilterprompts.h"

#define DEFAULT_TOP_K   5
#define MAX_LOGIT_SCALE 1000.0
#define MAX_SMOOTHING   (60 * 60 * 1000) /* ms */
#define AUTOMATIC       (-1.0)
#define MAX_RATE        1000.0

enum {
  PROP_0,
  PROP_MODEL,
  PROP_PROMPTS,
  PROP_PROMPT_LIST,
  PROP_PROMPTS_FILE,
  PROP_NEGATIVE_PROMPTS,
  PROP_TEMPLATE,
  PROP_SCORING,
  PROP_THRESHOLD,
  PROP_TOP_K,
  PROP_LOGIT_SCALE,
  PROP_SMOOTHING,
  PROP_HYSTERESIS,
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_SHARE_GROUP,
  PROP_MODE,
  PROP_INTERVAL,
  PROP_MAX_RATE,
  PROP_SKIP_LATE,
  PROP_SKIP_STILL,
  PROP_REGION,
  PROP_ROI_TYPES,
  PROP_MIN_SIZE,
  PROP_RECLASSIFY_INTERVAL,
  PROP_CROP,
  PROP_MESSAGES,
  PROP_ATTACH_META,
  PROP_ATTACH_EMBEDDING,
  PROP_LAST_RESULT,
  PROP_STATS,
};

void
gst_clip_filter_init_settings (GstClipFilter *self)
{
  self->settings = (GstClipSettings){
    .threshold = AUTOMATIC,
    .top_k = DEFAULT_TOP_K,
    .pace = { .interval = 1, .skip_late = TRUE },
    .messages = GST_CLIP_MESSAGES_ON_CHANGE,
    .attach_meta = TRUE,
  };
}

void
gst_clip_filter_clear_settings (GstClipFilter *self)
{
  GstClipSettings *s = &self->settings;

  g_clear_pointer (&s->model, g_free);
  g_clear_pointer (&s->device, g_free);
  g_clear_pointer (&s->share_group, g_free);
  g_clear_pointer (&s->prompts, clip_prompt_set_unref);
  g_clear_pointer (&s->negatives, clip_prompt_set_unref);
  g_clear_pointer (&s->prompts_file, g_free);
  g_clear_pointer (&s->template_text, g_free);
  g_clear_pointer (&s->roi_types, g_free);
  gst_clip_region_wishes_clear (&s->regions);
}

/* Setting ------------------------------------------------------------------------ */

/* Those that make up the prompt set. Returns: FALSE for the others. */
static gboolean
set_prompt_property (GstClipFilter *self, guint id, const GValue *value)
{
  switch (id) {
  case PROP_PROMPTS:
    gst_clip_filter_set_prompts (self, g_value_get_string (value));
    return TRUE;
  case PROP_PROMPT_LIST:
    gst_clip_filter_set_prompt_list (self, g_value_get_boxed (value));
    return TRUE;
  case PROP_PROMPTS_FILE:
    gst_clip_filter_set_prompts_file (self, g_value_get_string (value));
    return TRUE;
  case PROP_NEGATIVE_PROMPTS:
    gst_clip_filter_set_negatives (self, g_value_get_string (value));
    return TRUE;
  case PROP_TEMPLATE:
    gst_clip_filter_set_template (self, g_value_get_string (value));
    return TRUE;
  case PROP_SCORING:
    gst_clip_filter_set_scoring (self, g_value_get_enum (value));
    return TRUE;
  default:
    return FALSE;
  }
}

static void
set_string (gchar **field, const GValue *value)
{
  g_free (*field);
  *field = g_value_dup_string (value);
}

/* Those about regions; the object lock is held. Returns: FALSE for the others. */
static gboolean
set_region_property (GstClipSettings *s, guint id, const GValue *value)
{
  switch (id) {
  case PROP_REGION:
    s->regions.mode = g_value_get_enum (value);
    return TRUE;
  case PROP_ROI_TYPES:
    set_string (&s->roi_types, value);
    gst_clip_region_wishes_clear (&s->regions);
    s->regions.types = gst_clip_region_types_parse (s->roi_types);
    return TRUE;
  case PROP_MIN_SIZE:
    s->regions.min_size = g_value_get_uint (value);
    return TRUE;
  case PROP_RECLASSIFY_INTERVAL:
    s->regions.interval = g_value_get_uint (value) * GST_MSECOND;
    return TRUE;
  case PROP_CROP:
    s->regions.fit = g_value_get_enum (value);
    return TRUE;
  default:
    return FALSE;
  }
}

static gboolean
get_region_property (const GstClipSettings *s, guint id, GValue *value)
{
  switch (id) {
  case PROP_REGION:
    g_value_set_enum (value, s->regions.mode);
    return TRUE;
  case PROP_ROI_TYPES:
    g_value_set_string (value, s->roi_types);
    return TRUE;
  case PROP_MIN_SIZE:
    g_value_set_uint (value, s->regions.min_size);
    return TRUE;
  case PROP_RECLASSIFY_INTERVAL:
    g_value_set_uint (value, (guint)(s->regions.interval / GST_MSECOND));
    return TRUE;
  case PROP_CROP:
    g_value_set_enum (value, s->regions.fit);
    return TRUE;
  default:
    return FALSE;
  }
}

static void
gst_clip_filter_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstClipFilter *self = GST_CLIP_FILTER (object);
  GstClipSettings *s = &self->settings;

  if (set_prompt_property (self, id, value))
    return;
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODEL:
    set_string (&s->model, value);
    break;
  case PROP_THRESHOLD:
    s->threshold = g_value_get_double (value);
    break;
  case PROP_TOP_K:
    s->top_k = g_value_get_uint (value);
    break;
  case PROP_LOGIT_SCALE:
    s->logit_scale = g_value_get_double (value);
    break;
  case PROP_SMOOTHING:
    s->smoothing = g_value_get_uint (value);
    break;
  case PROP_HYSTERESIS:
    s->hysteresis = g_value_get_double (value);
    break;
  case PROP_DEVICE:
    set_string (&s->device, value);
    break;
  case PROP_PRECISION:
    s->precision = g_value_get_enum (value);
    break;
  case PROP_SHARE_GROUP:
    set_string (&s->share_group, value);
    break;
  case PROP_MODE:
    s->mode = g_value_get_enum (value);
    break;
  case PROP_INTERVAL:
    s->pace.interval = g_value_get_uint (value);
    break;
  case PROP_MAX_RATE:
    s->pace.max_rate = g_value_get_double (value);
    break;
  case PROP_SKIP_LATE:
    s->pace.skip_late = g_value_get_boolean (value);
    break;
  case PROP_SKIP_STILL:
    s->skip_still = g_value_get_double (value);
    break;
  case PROP_MESSAGES:
    s->messages = g_value_get_enum (value);
    break;
  case PROP_ATTACH_EMBEDDING:
    s->attach_embedding = g_value_get_boolean (value);
    break;
  case PROP_ATTACH_META:
    g_atomic_int_set (&s->attach_meta, g_value_get_boolean (value));
    break;
  default:
    if (!set_region_property (s, id, value))
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  const gboolean regions = s->regions.mode != GST_CLIP_REGION_MODE_FULL_FRAME;
  GST_OBJECT_UNLOCK (self);
  if (id == PROP_REGION)
    gst_clip_loader_set_regions (self->loader, regions);
}

/* Getting ------------------------------------------------------------------------ */

static void
stats_add_stage (GstStructure *stats, const gchar *stage, guint64 last, guint64 sum, guint64 n)
{
  g_autofree gchar *last_name = g_strconcat (stage, "-last", NULL);
  g_autofree gchar *mean_name = g_strconcat (stage, "-mean", NULL);
  gst_structure_set (stats, last_name, G_TYPE_UINT64, last, mean_name, G_TYPE_UINT64,
                     n > 0 ? sum / n : 0, NULL);
}

static GstStructure *
get_stats (GstClipFilter *self)
{
  GstClipTexts texts;

  GST_OBJECT_LOCK (self);
  GstClipStats stats = self->stats;
  GstClipMode mode = self->mode_in_effect;
  GST_OBJECT_UNLOCK (self);
  gst_clip_loader_get (self->loader, &texts);

  ClipEngine *engine = texts.engine;
  GstStructure *s = gst_structure_new (
      "clipfilter-stats", "frames", G_TYPE_UINT64, stats.frames, "inferences", G_TYPE_UINT64,
      stats.inferences, "still", G_TYPE_UINT64, stats.still, "mode", G_TYPE_STRING,
      mode == GST_CLIP_MODE_IN_STEP  ? "in-step"
      : mode == GST_CLIP_MODE_LATEST ? "latest"
                                     : "",
      "device", G_TYPE_STRING, engine ? clip_engine_device_name (engine) : "", "model",
      G_TYPE_STRING, engine ? clip_engine_model_name (engine) : "", "gpu-memory", G_TYPE_UINT64,
      engine ? clip_engine_memory_bytes (engine) : 0, NULL);
  gst_clip_texts_clear (&texts);

  const ClipJobTimes *last = &stats.last, *sum = &stats.sum;
  gst_structure_set (s, "batch-last", G_TYPE_UINT64, last->batch, "batch-mean", G_TYPE_DOUBLE,
                     (gdouble)sum->batch / MAX (stats.inferences, 1), NULL);
  stats_add_stage (s, "load", last->load, sum->load, stats.inferences);
  stats_add_stage (s, "preprocess", last->preprocess, sum->preprocess, stats.inferences);
  stats_add_stage (s, "encode", last->encode, sum->encode, stats.inferences);
  stats_add_stage (s, "score", last->score, sum->score, stats.inferences);
  stats_add_stage (s, "total", last->total, sum->total, stats.inferences);
  return s;
}

/* Those that are built when asked for, without the object lock. Returns: FALSE for the others. */
static gboolean
get_built_property (GstClipFilter *self, guint id, GValue *value)
{
  switch (id) {
  case PROP_PROMPTS:
    g_value_take_string (value, gst_clip_filter_dup_prompts (self));
    return TRUE;
  case PROP_PROMPT_LIST:
    g_value_take_boxed (value, gst_clip_filter_dup_prompt_list (self));
    return TRUE;
  case PROP_NEGATIVE_PROMPTS:
    g_value_take_string (value, gst_clip_filter_dup_negatives (self));
    return TRUE;
  case PROP_STATS:
    g_value_take_boxed (value, get_stats (self));
    return TRUE;
  default:
    return FALSE;
  }
}

static void
gst_clip_filter_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstClipFilter *self = GST_CLIP_FILTER (object);
  const GstClipSettings *s = &self->settings;

  if (get_built_property (self, id, value))
    return;
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODEL:
    g_value_set_string (value, s->model);
    break;
  case PROP_PROMPTS_FILE:
    g_value_set_string (value, s->prompts_file);
    break;
  case PROP_TEMPLATE:
    g_value_set_string (value, s->template_text);
    break;
  case PROP_SCORING:
    g_value_set_enum (value, s->scoring);
    break;
  case PROP_THRESHOLD:
    g_value_set_double (value, s->threshold);
    break;
  case PROP_TOP_K:
    g_value_set_uint (value, s->top_k);
    break;
  case PROP_LOGIT_SCALE:
    g_value_set_double (value, s->logit_scale);
    break;
  case PROP_SMOOTHING:
    g_value_set_uint (value, s->smoothing);
    break;
  case PROP_HYSTERESIS:
    g_value_set_double (value, s->hysteresis);
    break;
  case PROP_DEVICE:
    g_value_set_string (value, s->device);
    break;
  case PROP_PRECISION:
    g_value_set_enum (value, s->precision);
    break;
  case PROP_SHARE_GROUP:
    g_value_set_string (value, s->share_group);
    break;
  case PROP_MODE:
    g_value_set_enum (value, s->mode);
    break;
  case PROP_INTERVAL:
    g_value_set_uint (value, s->pace.interval);
    break;
  case PROP_MAX_RATE:
    g_value_set_double (value, s->pace.max_rate);
    break;
  case PROP_SKIP_LATE:
    g_value_set_boolean (value, s->pace.skip_late);
    break;
  case PROP_SKIP_STILL:
    g_value_set_double (value, s->skip_still);
    break;
  case PROP_MESSAGES:
    g_value_set_enum (value, s->messages);
    break;
  case PROP_ATTACH_EMBEDDING:
    g_value_set_boolean (value, s->attach_embedding);
    break;
  case PROP_ATTACH_META:
    g_value_set_boolean (value, s->attach_meta);
    break;
  case PROP_LAST_RESULT:
    g_value_set_boxed (value, self->last_result);
    break;
  default:
    if (!get_region_property (s, id, value))
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* Installing --------------------------------------------------------------------- */

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
          "Labels to look for, separated by ; or newline: \"a dog;a cat\". "
          "LABEL[@THRESHOLD][=WORDING|WORDING...]; ;; || == @@ stand for the character itself",
          NULL, PLAYING));
  g_object_class_install_property (
      klass, PROP_PROMPT_LIST,
      g_param_spec_boxed (
          "prompt-list", "Prompt list",
          "Labels to look for, one plain label a string (no separators, no escapes); the last "
          "one set of prompts, prompt-list and prompts-file wins",
          G_TYPE_STRV, PLAYING));
  g_object_class_install_property (
      klass, PROP_PROMPTS_FILE,
      g_param_spec_string (
          "prompts-file", "Prompts file",
          "UTF-8 file to read the prompts from now and at each signal `reload`: one prompt a line "
          "(lines that start with # are comments), or JSON with labels, wordings, templates, "
          "thresholds and negatives",
          NULL, PLAYING));
  g_object_class_install_property (
      klass, PROP_NEGATIVE_PROMPTS,
      g_param_spec_string (
          "negative-prompts", "Negative prompts",
          "What the labels compete with and what is never shown, in the form of prompts", NULL,
          PLAYING));
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
          "(-1 = the default of the scoring)",
          -1.0, 1.0, AUTOMATIC, CONTROL));
  g_object_class_install_property (
      klass, PROP_TOP_K,
      g_param_spec_uint ("top-k", "Top k", "Number of labels to report, best first", 1,
                         CLIP_PROMPTS_MAX_LABELS, DEFAULT_TOP_K, CONTROL));
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
          "Folder of a CLIP model, or name of an installed one (unset: the built-in demo model)",
          NULL, READY));
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
                         "Encode every n-th frame; those between carry the last result", 1,
                         G_MAXUINT, 1, CONTROL));
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
      g_param_spec_uint ("min-size", "Minimum size",
                         "Encode only regions whose shorter side has so many pixels", 0, G_MAXINT,
                         0, CONTROL));
  g_object_class_install_property (
      klass, PROP_RECLASSIFY_INTERVAL,
      g_param_spec_uint ("reclassify-interval", "Reclassify interval",
                         "Milliseconds of stream time for which a tracked region keeps its result",
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
                          "The newest result, as posted on the bus (changes are not notified)",
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
