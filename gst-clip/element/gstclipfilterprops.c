/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipfilterprops.h"

#include "gst-clip/element/gstclipfilterprompts.h"

GST_DEBUG_CATEGORY_EXTERN (gst_clip_debug);
#define GST_CAT_DEFAULT gst_clip_debug

void
gst_clip_filter_init_settings (GstClipFilter *self)
{
  self->settings = (GstClipSettings){
    .threshold = GST_CLIP_FILTER_AUTOMATIC,
    .top_k = GST_CLIP_FILTER_TOP_K,
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

/* What is read at the start reads back as if it was in use already. */
static void
warn_if_late (GstClipFilter *self, guint id, const GValue *value, GParamSpec *pspec)
{
  GValue old = G_VALUE_INIT;

  GST_OBJECT_LOCK (self);
  const gboolean late = GST_STATE (self) >= GST_STATE_PAUSED
                        && (id != PROP_MODE || self->mode_in_effect != GST_CLIP_MODE_AUTO);
  GST_OBJECT_UNLOCK (self);
  if (!late || !(pspec->flags & GST_PARAM_MUTABLE_READY))
    return;
  g_value_init (&old, pspec->value_type);
  gst_clip_filter_get_property (G_OBJECT (self), id, &old, pspec);
  if (g_param_values_cmp (pspec, &old, value) != 0)
    GST_WARNING_OBJECT (self, "the new value of %s takes effect at the next start", pspec->name);
  g_value_unset (&old);
}

void
gst_clip_filter_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstClipFilter *self = GST_CLIP_FILTER (object);
  GstClipSettings *s = &self->settings;

  if (set_prompt_property (self, id, value))
    return;
  warn_if_late (self, id, value, pspec);
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

void
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
