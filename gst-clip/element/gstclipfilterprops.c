/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties of clipfilter. Prompt setters parse at once and return; what cannot be parsed
 * leaves the property as it was. The table in docs/elements.md is compared with this file by
 * a test. */
#include "gst-clip/element/gstclipfilter.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

#define DEFAULT_TOP_K   5
#define MAX_LOGIT_SCALE 1000.0
#define AUTOMATIC       (-1.0)

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
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_MODE,
  PROP_MESSAGES,
  PROP_ATTACH_META,
  PROP_LAST_RESULT,
  PROP_STATS,
};

void
gst_clip_filter_init_settings (GstClipFilter *self)
{
  self->settings = (GstClipSettings){
    .threshold = AUTOMATIC,
    .top_k = DEFAULT_TOP_K,
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
  g_clear_pointer (&s->prompts, clip_prompt_set_unref);
  g_clear_pointer (&s->negatives, clip_prompt_set_unref);
  g_clear_pointer (&s->prompts_file, g_free);
  g_clear_pointer (&s->template_text, g_free);
}

/* Prompts: with the prompts lock held, which alone lets the prompt fields be read ----- */

static void
request_texts (GstClipFilter *self)
{
  const GstClipSettings *s = &self->settings;
  gst_clip_loader_request (self->loader, s->prompts, s->negatives, s->scoring, s->serial);
}

/* @property keeps its old value. Before there is a bus only the log is left. */
static void
refuse (GstClipFilter *self, const gchar *property, const GError *error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (GST_ELEMENT (self));

  if (bus)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("%s keeps its old value: %s", property, error->message), (NULL));
  else
    g_warning ("%s: %s keeps its old value: %s", GST_OBJECT_NAME (self), property, error->message);
}

/* @set, @file: (transfer full); @set is NULL when @error says why. */
static void
take_prompts (GstClipFilter *self, const gchar *property, ClipPromptSet *set, gchar *file,
              GError *error)
{
  if (!set) {
    refuse (self, property, error);
    g_error_free (error);
    g_free (file);
    return;
  }
  GST_OBJECT_LOCK (self);
  ClipPromptSet *old = self->settings.prompts;
  g_free (self->settings.prompts_file);
  self->settings.prompts = set;
  self->settings.prompts_file = file;
  self->settings.serial++;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, clip_prompt_set_unref);
  request_texts (self);
}

static void
set_prompts (GstClipFilter *self, const gchar *text)
{
  GError *error = NULL;
  ClipPromptSet *set = clip_prompt_set_parse (text, self->settings.template_text, &error);
  take_prompts (self, "prompts", set, NULL, error);
}

static void
set_prompt_list (GstClipFilter *self, const gchar *const *list)
{
  GError *error = NULL;
  ClipPromptSet *set = clip_prompt_set_from_list (list, self->settings.template_text, &error);
  take_prompts (self, "prompt-list", set, NULL, error);
}

static void
set_prompts_file (GstClipFilter *self, const gchar *path)
{
  GError *error = NULL;
  ClipPromptSet *set;

  if (path)
    set = clip_prompt_set_from_file (path, self->settings.template_text, &error);
  else if (self->settings.prompts_file)
    set = clip_prompt_set_parse (NULL, NULL, &error);
  else
    return; /* the prompts came from elsewhere and stay */
  take_prompts (self, "prompts-file", set, g_strdup (path), error);
}

/* A change beside the labels makes a new set of those, if there are any. */
static void
renew_set (GstClipFilter *self)
{
  if (!self->settings.prompts)
    return;
  GST_OBJECT_LOCK (self);
  self->settings.serial++;
  GST_OBJECT_UNLOCK (self);
  request_texts (self);
}

static void
set_negatives (GstClipFilter *self, const gchar *text)
{
  g_autoptr (GError) error = NULL;
  ClipPromptSet *set = clip_prompt_set_parse (text, self->settings.template_text, &error);

  if (!set) {
    refuse (self, "negative-prompts", error);
    return;
  }
  GST_OBJECT_LOCK (self);
  ClipPromptSet *old = self->settings.negatives;
  self->settings.negatives = set;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, clip_prompt_set_unref);
  renew_set (self);
}

/* (transfer full): NULL for a set that is not there, and on error. */
static ClipPromptSet *
rewrap (const ClipPromptSet *set, const gchar *template_text, GError **error)
{
  return set ? clip_prompt_set_rewrap (set, template_text, error) : NULL;
}

static void
set_template (GstClipFilter *self, const gchar *template_text)
{
  GstClipSettings *s = &self->settings;
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) checked = clip_prompt_set_parse (NULL, template_text, &error);
  g_autoptr (ClipPromptSet) prompts = checked ? rewrap (s->prompts, template_text, &error) : NULL;
  g_autoptr (ClipPromptSet) negatives = error ? NULL : rewrap (s->negatives, template_text, &error);

  if (error) {
    refuse (self, "template", error);
    return;
  }
  GST_OBJECT_LOCK (self);
  g_free (s->template_text);
  s->template_text = g_strdup (template_text);
  /* The old sets are freed with the variables. */
  ClipPromptSet *old_prompts = s->prompts, *old_negatives = s->negatives;
  s->prompts = g_steal_pointer (&prompts);
  s->negatives = g_steal_pointer (&negatives);
  prompts = old_prompts;
  negatives = old_negatives;
  GST_OBJECT_UNLOCK (self);
  renew_set (self);
}

static void
set_scoring (GstClipFilter *self, ClipScoring scoring)
{
  GST_OBJECT_LOCK (self);
  self->settings.scoring = scoring;
  GST_OBJECT_UNLOCK (self);
  request_texts (self); /* contrast needs the background set */
}

static gboolean
set_prompt_property (GstClipFilter *self, guint id, const GValue *value)
{
  gboolean known = TRUE;

  g_mutex_lock (&self->prompts_lock);
  switch (id) {
  case PROP_PROMPTS:
    set_prompts (self, g_value_get_string (value));
    break;
  case PROP_PROMPT_LIST:
    set_prompt_list (self, g_value_get_boxed (value));
    break;
  case PROP_PROMPTS_FILE:
    set_prompts_file (self, g_value_get_string (value));
    break;
  case PROP_NEGATIVE_PROMPTS:
    set_negatives (self, g_value_get_string (value));
    break;
  case PROP_TEMPLATE:
    set_template (self, g_value_get_string (value));
    break;
  case PROP_SCORING:
    set_scoring (self, g_value_get_enum (value));
    break;
  default:
    known = FALSE;
    break;
  }
  g_mutex_unlock (&self->prompts_lock);
  return known;
}

/* Setting ------------------------------------------------------------------------ */

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
    g_free (s->model);
    s->model = g_value_dup_string (value);
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
  case PROP_DEVICE:
    g_free (s->device);
    s->device = g_value_dup_string (value);
    break;
  case PROP_PRECISION:
    s->precision = g_value_get_enum (value);
    break;
  case PROP_MODE:
    s->mode = g_value_get_enum (value);
    break;
  case PROP_MESSAGES:
    s->messages = g_value_get_enum (value);
    break;
  case PROP_ATTACH_META:
    s->attach_meta = g_value_get_boolean (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* Getting ------------------------------------------------------------------------ */

static gchar *
set_to_string (const ClipPromptSet *set)
{
  return set && clip_prompt_set_size (set) > 0 ? clip_prompt_set_to_string (set) : NULL;
}

static gchar **
set_to_list (const ClipPromptSet *set)
{
  return set && clip_prompt_set_size (set) > 0 ? clip_prompt_set_to_list (set) : NULL;
}

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
      stats.inferences, "mode", G_TYPE_STRING,
      mode == GST_CLIP_MODE_IN_STEP  ? "in-step"
      : mode == GST_CLIP_MODE_LATEST ? "latest"
                                     : "",
      "device", G_TYPE_STRING, engine ? clip_engine_device_name (engine) : "", "model",
      G_TYPE_STRING, engine ? clip_engine_model_name (engine) : "", "gpu-memory", G_TYPE_UINT64,
      engine ? clip_engine_memory_bytes (engine) : 0, NULL);
  gst_clip_texts_clear (&texts);

  const ClipJobTimes *last = &stats.last, *sum = &stats.sum;
  stats_add_stage (s, "load", last->load, sum->load, stats.inferences);
  stats_add_stage (s, "preprocess", last->preprocess, sum->preprocess, stats.inferences);
  stats_add_stage (s, "encode", last->encode, sum->encode, stats.inferences);
  stats_add_stage (s, "score", last->score, sum->score, stats.inferences);
  stats_add_stage (s, "total", last->total, sum->total, stats.inferences);
  return s;
}

static void
gst_clip_filter_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstClipFilter *self = GST_CLIP_FILTER (object);
  const GstClipSettings *s = &self->settings;

  if (id == PROP_STATS) {
    g_value_take_boxed (value, get_stats (self));
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODEL:
    g_value_set_string (value, s->model);
    break;
  case PROP_PROMPTS:
    g_value_take_string (value, set_to_string (s->prompts));
    break;
  case PROP_PROMPT_LIST:
    g_value_take_boxed (value, set_to_list (s->prompts));
    break;
  case PROP_PROMPTS_FILE:
    g_value_set_string (value, s->prompts_file);
    break;
  case PROP_NEGATIVE_PROMPTS:
    g_value_take_string (value, set_to_string (s->negatives));
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
  case PROP_DEVICE:
    g_value_set_string (value, s->device);
    break;
  case PROP_PRECISION:
    g_value_set_enum (value, s->precision);
    break;
  case PROP_MODE:
    g_value_set_enum (value, s->mode);
    break;
  case PROP_MESSAGES:
    g_value_set_enum (value, s->messages);
    break;
  case PROP_ATTACH_META:
    g_value_set_boolean (value, s->attach_meta);
    break;
  case PROP_LAST_RESULT:
    g_value_set_boxed (value, self->last_result);
    break;
  default:
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
          "UTF-8 text file to read the prompts from now, one a line; lines that start with # are "
          "comments",
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
      g_param_spec_enum ("precision", "Precision", "Number format of weights and activations",
                         GST_TYPE_CLIP_PRECISION, CLIP_PRECISION_AUTO, READY));
  g_object_class_install_property (
      klass, PROP_MODE,
      g_param_spec_enum ("mode", "Mode", "Whether frames wait for their result", GST_TYPE_CLIP_MODE,
                         GST_CLIP_MODE_AUTO, READY));
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
  install_engine_properties (klass);
  install_output_properties (klass);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_SCORING, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_PRECISION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_MESSAGES, 0);
}
