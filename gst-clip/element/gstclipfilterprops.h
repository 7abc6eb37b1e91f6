/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipfilterprops.h: the properties of clipfilter: their numbers and defaults, for gstclipfilterprops.c (values)
 * and gstclipfilterinstall.c (names, ranges, texts).
 */
#pragma once

#include "gst-clip/element/gstclipfilter.h"

G_BEGIN_DECLS

#define GST_CLIP_FILTER_TOP_K     5
#define GST_CLIP_FILTER_AUTOMATIC (-1.0) /* threshold */

/** Read-only ones come last. */
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

/** gst_clip_filter_set_property, gst_clip_filter_get_property: GObject's. */
void gst_clip_filter_set_property (GObject *object, guint id, const GValue *value,
                                   GParamSpec *pspec);
void gst_clip_filter_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec);

G_END_DECLS
