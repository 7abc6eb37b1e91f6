/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipfilter.h: the element clipfilter: its instance, shared by the files
 * gstclipfilter.c (class and streaming), gstclipfilterprops.c and gstclipfilterprompts.c
 * (properties).
 */
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include "gst-clip/element/gstclipencoder.h"
#include "gst-clip/element/gstclipenums.h"
#include "gst-clip/element/gstcliploader.h"
#include "gst-clip/element/gstclipmessages.h"
#include "gst-clip/element/gstclipresult.h"

G_BEGIN_DECLS

#define GST_TYPE_CLIP_FILTER (gst_clip_filter_get_type ())
G_DECLARE_FINAL_TYPE (GstClipFilter, gst_clip_filter, GST, CLIP_FILTER, GstBaseTransform)

/** GstClipSettings: the values of the properties; guarded by the object lock, but for the prompt
 * fields, which only change under @prompts_lock too. */
typedef struct {
  gchar *model, *device;
  ClipPrecision precision;

  ClipPromptSet *prompts;   /* NULL until set */
  ClipPromptSet *negatives; /* NULL until set */
  gchar *prompts_file;      /* where @prompts came from; NULL when not from a file */
  gchar *template_text;
  guint serial; /* of @prompts and @negatives */

  ClipScoring scoring;
  gdouble threshold;
  guint top_k;
  gdouble logit_scale;

  GstClipMode mode;
  GstClipMessages messages;
  gboolean attach_meta;
} GstClipSettings;

/** GstClipStats: guarded by the object lock; times in ns. */
typedef struct {
  guint64 frames, inferences;
  ClipJobTimes last, sum;
} GstClipStats;

struct _GstClipFilter {
  GstBaseTransform parent;

  GstClipSettings settings;
  GstClipStats stats;
  GstStructure *last_result; /* nullable; object lock */

  GMutex prompts_lock; /* one prompt setter at a time; never held while encoding */

  GstClipLoader *loader;   /* for the life of the element; its thread from start to stop */
  GstClipEncoder *encoder; /* likewise */
  GstClipAnnouncer *announcer;

  /* Streaming thread only. */
  GstVideoInfo info;
  gboolean warned_no_prompts;
  GstClipMode mode_in_effect; /* AUTO: not decided yet; written under the object lock */

  gint warned_not_finite; /* atomic */
  gint failed;            /* atomic: an error was posted that ends the stream */
};

/** gst_clip_filter_install_properties: for class_init. */
void gst_clip_filter_install_properties (GObjectClass *klass);
void gst_clip_filter_init_settings (GstClipFilter *self);
void gst_clip_filter_clear_settings (GstClipFilter *self);

GST_ELEMENT_REGISTER_DECLARE (clipfilter);

G_END_DECLS
