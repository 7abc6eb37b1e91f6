/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-clipoverlay
 * @title: clipoverlay
 * @short_description: draws the labels of clipfilter
 *
 * Draws what the metadata of a frame says of it: the labels of clipfilter (#GstCustomMeta
 * `GstClipLabels`) or of anybody's #GstAnalyticsClsMtd, with bars for their scores, and boxes of regions.
 *
 * Where downstream takes #GstVideoOverlayComposition, the drawing is attached to the frame and left to
 * the sink; elsewhere it is blended into the picture.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 v4l2src ! clipfilter prompts="a dog;a cat" ! clipoverlay ! autovideosink
 * ]|
 */
#include "gst-clip/element/gstclipoverlay.h"

#include <gst/video/video.h>

#include "gst-clip/element/gstclipenums.h"
#include "gst-clip/element/gstclippainter.h"

GST_DEBUG_CATEGORY_STATIC (gst_clip_overlay_debug);
#define GST_CAT_DEFAULT gst_clip_overlay_debug

#define META               GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION
#define DEFAULT_FONT       "Sans"
#define DEFAULT_MAX_LABELS 5

/* @style: guarded by the object lock; the rest belongs to the streaming thread. */
struct _GstClipOverlay {
  GstBaseTransform parent;

  GstClipStyle style;

  GstClipPainter *painter;
  GstVideoInfo info;
  gboolean attaches; /* downstream draws compositions */
  gboolean blends;   /* we can */
};

G_DEFINE_FINAL_TYPE (GstClipOverlay, gst_clip_overlay, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (
    clipoverlay, "clipoverlay", GST_RANK_NONE, GST_TYPE_CLIP_OVERLAY,
    GST_DEBUG_CATEGORY_INIT (gst_clip_overlay_debug, "clipoverlay", 0, "draws clipfilter's labels"))

enum {
  PROP_0,
  PROP_POSITION,
  PROP_FONT_DESC,
  PROP_THRESHOLD,
  PROP_MAX_LABELS,
  PROP_SHOW_REJECTED,
  PROP_SHOW_BARS,
  PROP_SHOW_SCORES,
  PROP_SHOW_REGIONS,
};

/* Caps -------------------------------------------------------------------------- */

static gboolean
has_composition (const GstCapsFeatures *features)
{
  return !gst_caps_features_is_any (features) && gst_caps_features_contains (features, META);
}

/* (transfer full): @caps with or without the feature, also where it says ANY. */
static GstCaps *
with_feature (const GstCaps *caps, gboolean wanted)
{
  GstCaps *copy = gst_caps_copy (caps);

  for (guint i = 0; i < gst_caps_get_size (copy); i++) {
    GstCapsFeatures *features = gst_caps_get_features (copy, i);

    if (gst_caps_features_is_any (features) || has_composition (features) == wanted)
      continue;
    if (wanted)
      gst_caps_features_add (features, META);
    else
      gst_caps_features_remove (features, META);
  }
  return copy;
}

/* Either side may have the feature without the other. */
static GstCaps *
gst_clip_overlay_transform_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps,
                                 GstCaps *filter)
{
  const gboolean to_src = direction == GST_PAD_SINK;
  GstCaps *result = gst_caps_merge (with_feature (caps, to_src), with_feature (caps, !to_src));

  if (filter) {
    GstCaps *both = gst_caps_intersect_full (filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (result);
    result = both;
  }
  return result;
}

/* Whether who comes next handles the metadata, and does not just let any caps pass. */
static gboolean
downstream_draws (GstBaseTransform *trans, GstCaps *caps)
{
  g_autoptr (GstQuery) query = gst_query_new_allocation (caps, FALSE);

  return gst_pad_peer_query (GST_BASE_TRANSFORM_SRC_PAD (trans), query)
         && gst_query_find_allocation_meta (query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE,
                                            NULL);
}

/* @others: (transfer full) */
static GstCaps *
gst_clip_overlay_fixate_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps,
                              GstCaps *others)
{
  GstCaps *attach = NULL, *blend = NULL;

  if (direction != GST_PAD_SINK)
    return gst_caps_fixate (others);
  for (guint i = 0; i < gst_caps_get_size (others); i++) {
    GstCaps **which = has_composition (gst_caps_get_features (others, i)) ? &attach : &blend;
    if (!*which)
      *which = gst_caps_fixate (gst_caps_copy_nth (others, i));
  }
  gst_caps_unref (others);
  if (attach && blend) {
    if (downstream_draws (trans, attach))
      gst_clear_caps (&blend);
    else
      gst_clear_caps (&attach);
  }
  return attach ? attach : blend ? blend : gst_caps_new_empty ();
}

static gboolean
can_blend (const GstCaps *caps)
{
  static GstStaticCaps formats =
      GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (GST_VIDEO_OVERLAY_COMPOSITION_BLEND_FORMATS));
  g_autoptr (GstCaps) blendable = gst_static_caps_get (&formats);
  g_autoptr (GstCaps) plain = with_feature (caps, FALSE);

  return gst_caps_can_intersect (plain, blendable);
}

static gboolean
gst_clip_overlay_set_caps (GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstClipOverlay *self = GST_CLIP_OVERLAY (trans);

  if (!gst_video_info_from_caps (&self->info, in))
    return FALSE;
  self->attaches = has_composition (gst_caps_get_features (out, 0));
  self->blends = can_blend (in);
  GST_DEBUG_OBJECT (self, "%s",
                    self->attaches ? "downstream draws"
                    : self->blends ? "blending"
                                   : "nobody can draw on these frames");
  if (!self->attaches && !self->blends)
    GST_ELEMENT_WARNING (self, STREAM, FORMAT,
                         ("Frames of %" GST_PTR_FORMAT
                          " cannot be drawn on and pass as they are. A "
                          "videoconvert in front of clipoverlay helps.",
                          in),
                         (NULL));
  return TRUE;
}

/* Who draws upstream may leave its drawing to us: it is passed on, or blended. Not cropping, which the labels do not
 * follow. */
static gboolean
gst_clip_overlay_propose_allocation (GstBaseTransform *trans, GstQuery *decide, GstQuery *query)
{
  guint index;

  if (!GST_BASE_TRANSFORM_CLASS (gst_clip_overlay_parent_class)
           ->propose_allocation (trans, decide, query))
    return FALSE;
  while (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, &index))
    gst_query_remove_nth_allocation_meta (query, index);
  if (!gst_query_find_allocation_meta (query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL))
    gst_query_add_allocation_meta (query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  return TRUE;
}

/* Frames ------------------------------------------------------------------------- */

static GstClipStyle
copy_style (GstClipOverlay *self)
{
  GST_OBJECT_LOCK (self);
  GstClipStyle style = self->style;
  style.font = g_strdup (style.font);
  GST_OBJECT_UNLOCK (self);
  return style;
}

/* (transfer full) (nullable): what upstream had attached, whose meta is taken off, and ours on top. */
static GstVideoOverlayComposition *
take_composition (GstClipOverlay *self, GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);
  g_autoptr (GPtrArray) seen = gst_clip_seen_read (buffer, GST_VIDEO_INFO_WIDTH (&self->info),
                                                   GST_VIDEO_INFO_HEIGHT (&self->info));
  GstClipStyle style = copy_style (self);
  GstVideoOverlayComposition *ours =
      gst_clip_painter_paint (self->painter, seen, &style, &self->info);

  g_free (style.font);
  if (!meta)
    return ours;
  GstVideoOverlayComposition *both = gst_video_overlay_composition_copy (meta->overlay);
  gst_buffer_remove_video_overlay_composition_meta (buffer, meta);
  if (ours) {
    for (guint i = 0; i < gst_video_overlay_composition_n_rectangles (ours); i++)
      gst_video_overlay_composition_add_rectangle (
          both, gst_video_overlay_composition_get_rectangle (ours, i));
    gst_video_overlay_composition_unref (ours);
  }
  return both;
}

static GstFlowReturn
gst_clip_overlay_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstClipOverlay *self = GST_CLIP_OVERLAY (trans);
  const GstSegment *segment = &trans->segment;
  const GstClockTime time =
      segment->format == GST_FORMAT_TIME
          ? gst_segment_to_stream_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
          : GST_CLOCK_TIME_NONE;
  GstVideoFrame frame;

  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_object_sync_values (GST_OBJECT (self), time);
  if ((!self->attaches && !self->blends) || GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP)
      || gst_buffer_get_size (buffer) == 0)
    return GST_FLOW_OK;

  g_autoptr (GstVideoOverlayComposition) composition = take_composition (self, buffer);
  if (!composition)
    return GST_FLOW_OK;
  if (self->attaches) {
    gst_buffer_add_video_overlay_composition_meta (buffer, composition);
    return GST_FLOW_OK;
  }
  if (!gst_video_frame_map (&frame, &self->info, buffer, GST_MAP_READWRITE)) {
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("A frame cannot be drawn on"), (NULL));
    return GST_FLOW_OK;
  }
  if (!gst_video_overlay_composition_blend (composition, &frame))
    GST_WARNING_OBJECT (self, "blending failed");
  gst_video_frame_unmap (&frame);
  return GST_FLOW_OK;
}

/* Properties --------------------------------------------------------------------- */

static void
gst_clip_overlay_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstClipOverlay *self = GST_CLIP_OVERLAY (object);
  GstClipStyle *style = &self->style;

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_POSITION:
    style->corner = g_value_get_enum (value);
    break;
  case PROP_FONT_DESC:
    g_free (style->font);
    style->font = g_strdup (g_value_get_string (value) ? g_value_get_string (value) : DEFAULT_FONT);
    break;
  case PROP_THRESHOLD:
    style->threshold = g_value_get_double (value);
    break;
  case PROP_MAX_LABELS:
    style->max_labels = g_value_get_uint (value);
    break;
  case PROP_SHOW_REJECTED:
    style->rejected = g_value_get_boolean (value);
    break;
  case PROP_SHOW_BARS:
    style->bars = g_value_get_boolean (value);
    break;
  case PROP_SHOW_SCORES:
    style->scores = g_value_get_boolean (value);
    break;
  case PROP_SHOW_REGIONS:
    style->regions = g_value_get_boolean (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_clip_overlay_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  GstClipOverlay *self = GST_CLIP_OVERLAY (object);
  const GstClipStyle *style = &self->style;

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_POSITION:
    g_value_set_enum (value, style->corner);
    break;
  case PROP_FONT_DESC:
    g_value_set_string (value, style->font);
    break;
  case PROP_THRESHOLD:
    g_value_set_double (value, style->threshold);
    break;
  case PROP_MAX_LABELS:
    g_value_set_uint (value, style->max_labels);
    break;
  case PROP_SHOW_REJECTED:
    g_value_set_boolean (value, style->rejected);
    break;
  case PROP_SHOW_BARS:
    g_value_set_boolean (value, style->bars);
    break;
  case PROP_SHOW_SCORES:
    g_value_set_boolean (value, style->scores);
    break;
  case PROP_SHOW_REGIONS:
    g_value_set_boolean (value, style->regions);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* Class -------------------------------------------------------------------------- */

static void
gst_clip_overlay_finalize (GObject *object)
{
  GstClipOverlay *self = GST_CLIP_OVERLAY (object);

  gst_clip_painter_free (self->painter);
  g_free (self->style.font);
  G_OBJECT_CLASS (gst_clip_overlay_parent_class)->finalize (object);
}

static void
gst_clip_overlay_init (GstClipOverlay *self)
{
  self->style = (GstClipStyle){
    .font = g_strdup (DEFAULT_FONT),
    .rejected = TRUE,
    .bars = TRUE,
    .scores = TRUE,
    .regions = TRUE,
    .max_labels = DEFAULT_MAX_LABELS,
  };
  self->painter = gst_clip_painter_new ();
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_gap_aware (GST_BASE_TRANSFORM (self), TRUE);
}

static void
install_boolean (GObjectClass *klass, guint id, const gchar *name, const gchar *nick,
                 const gchar *blurb)
{
  g_object_class_install_property (klass, id,
                                   g_param_spec_boolean (name, nick, blurb, TRUE,
                                                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS
                                                             | GST_PARAM_CONTROLLABLE
                                                             | GST_PARAM_MUTABLE_PLAYING));
}

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  klass->set_property = gst_clip_overlay_set_property;
  klass->get_property = gst_clip_overlay_get_property;
  g_object_class_install_property (
      klass, PROP_POSITION,
      g_param_spec_enum ("position", "Position", "Corner for the labels of whole frames",
                         GST_TYPE_CLIP_CORNER, GST_CLIP_CORNER_TOP_LEFT, flags));
  g_object_class_install_property (
      klass, PROP_FONT_DESC,
      g_param_spec_string (
          "font-desc", "Font",
          "Pango description of the font; without a size that of the frame decides", DEFAULT_FONT,
          flags));
  g_object_class_install_property (
      klass, PROP_THRESHOLD,
      g_param_spec_double ("threshold", "Threshold", "Labels with lower scores are not drawn", 0.0,
                           1.0, 0.0, flags | GST_PARAM_CONTROLLABLE));
  g_object_class_install_property (
      klass, PROP_MAX_LABELS,
      g_param_spec_uint ("max-labels", "Labels", "Most labels to draw for a frame or region", 1,
                         100, DEFAULT_MAX_LABELS, flags | GST_PARAM_CONTROLLABLE));
  install_boolean (klass, PROP_SHOW_REJECTED, "show-rejected", "Rejected labels",
                   "Draw labels that did not reach their threshold too, dimmed");
  install_boolean (klass, PROP_SHOW_BARS, "show-bars", "Bars", "Draw scores as bars");
  install_boolean (klass, PROP_SHOW_SCORES, "show-scores", "Scores", "Draw scores as numbers");
  install_boolean (klass, PROP_SHOW_REGIONS, "show-regions", "Regions",
                   "Draw boxes of regions with their labels");
}

static void
add_template (GstElementClass *klass, const gchar *name, GstPadDirection direction)
{
  /* Any memory: where it is not the system's, downstream has to draw. */
  g_autoptr (GstCaps) caps = gst_caps_from_string (GST_VIDEO_CAPS_MAKE (
      GST_VIDEO_OVERLAY_COMPOSITION_BLEND_FORMATS) ";"
                                                   " " GST_VIDEO_CAPS_MAKE_WITH_FEATURES (
                                                       "ANY", GST_VIDEO_FORMATS_ALL));

  gst_element_class_add_pad_template (klass,
                                      gst_pad_template_new (name, direction, GST_PAD_ALWAYS, caps));
}

static void
gst_clip_overlay_class_init (GstClipOverlayClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);

  object_class->finalize = gst_clip_overlay_finalize;
  install_properties (object_class);
  gst_type_mark_as_plugin_api (GST_TYPE_CLIP_CORNER, 0);

  gst_element_class_set_static_metadata (element_class, "CLIP label overlay", "Filter/Editor/Video",
                                         "Draws labels, scores and regions of clipfilter",
                                         "The gst-clip authors");
  add_template (element_class, "sink", GST_PAD_SINK);
  add_template (element_class, "src", GST_PAD_SRC);
  trans_class->passthrough_on_same_caps = FALSE;
  trans_class->transform_caps = gst_clip_overlay_transform_caps;
  trans_class->fixate_caps = gst_clip_overlay_fixate_caps;
  trans_class->set_caps = gst_clip_overlay_set_caps;
  trans_class->propose_allocation = gst_clip_overlay_propose_allocation;
  trans_class->transform_ip = gst_clip_overlay_transform_ip;
}
