/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipfilter.h: the element clipfilter: its instance, shared by the files
 * gstclipfilter.c (class, events, states), gstclipfiltermode.c, gstclipfilterframes.c, gstclipfilterhold.c and
 * gstclipfilterattach.c (streaming), gstclipfilterinstall.c, gstclipfilterprops.c and gstclipfilterprompts.c
 * (properties).
 */
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include "gst-clip/element/gstclipannouncer.h"
#include "gst-clip/element/gstclipencoder.h"
#include "gst-clip/element/gstclipenums.h"
#include "gst-clip/element/gstcliplatency.h"
#include "gst-clip/element/gstcliploader.h"
#include "gst-clip/element/gstclipmessages.h"
#include "gst-clip/element/gstclippacer.h"
#include "gst-clip/element/gstcliprefusals.h"
#include "gst-clip/element/gstclipregions.h"
#include "gst-clip/element/gstclipresult.h"
#include "gst-clip/element/gstcliptracks.h"

G_BEGIN_DECLS

#define GST_TYPE_CLIP_FILTER (gst_clip_filter_get_type ())
G_DECLARE_FINAL_TYPE (GstClipFilter, gst_clip_filter, GST, CLIP_FILTER, GstBaseTransform)

/** GstClipSettings: the values of the properties; guarded by the object lock, but for the prompt
 * fields, which only change under @prompts_lock too. */
typedef struct {
  gchar *model, *device, *share_group;
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
  guint smoothing; /* ms */
  gdouble hysteresis;

  GstClipMode mode;
  GstClipPace pace;
  gdouble skip_still;
  GstClipRegionWishes regions;
  gchar *roi_types; /* what its types were made of */
  GstClipMessages messages;
  gboolean attach_embedding;
  gboolean attach_meta; /* read without a lock too */
} GstClipSettings;

/** GstClipStats: guarded by the object lock; times in ns. */
typedef struct {
  guint64 frames, inferences, still;
  ClipJobTimes last, sum;
} GstClipStats;

/**
 * GstClipPassageKind: what becomes of a frame.
 * @PLAIN: it passes as it is
 * @FORGET: likewise, and results are no longer carried on
 * @CARRY: it gets the results of the last encoded one
 * @ENCODE: it gets its own
 */
typedef enum {
  GST_CLIP_PASSAGE_PLAIN,
  GST_CLIP_PASSAGE_FORGET,
  GST_CLIP_PASSAGE_CARRY,
  GST_CLIP_PASSAGE_ENCODE,
} GstClipPassageKind;

/** GstClipPassage: a frame on its way through the element, where it may be held. */
typedef struct {
  GstClipPassageKind kind;
  GstBuffer *buffer;     /* owned once transform_ip is over */
  GstClipTicket *ticket; /* of ENCODE; NULL where encoding failed */
  GstClipFrameContext context;
  GArray
      *regions; /* of GstClipRegion: all that the buffer has; NULL: the whole frame is looked at */
} GstClipPassage;

/** GstClipAsked: what was asked of a frame; to other questions a still picture has no answer yet. */
typedef struct {
  guint serial; /* of the prompts */
  GstClipScoreParams params;
  ClipFit fit;
} GstClipAsked;

struct _GstClipFilter {
  GstBaseTransform parent;

  GstClipSettings settings;
  GstClipStats stats;
  GstStructure *last_result; /* nullable; object lock */

  GMutex prompts_lock; /* one prompt setter at a time; never held while encoding */
  GstClipRefusals refusals;

  GstClipLoader *loader;   /* for the life of the element; its thread from start to stop */
  GstClipEncoder *encoder; /* likewise */
  GstClipAnnouncer *announcer;

  /* Under the sink pad's stream lock. */
  GstVideoInfo info;
  gboolean warned_no_prompts;
  GstClipPacer pacer;
  guint stretch;          /* see GstClipFrameContext */
  GstClipAsked encoded;   /* of the last frame that was taken; serial 0: none was */
  GstClipPassage passage; /* from transform_ip to generate_output */
  GQueue held;            /* of GstClipPassage *, oldest first */
  GstClipTracks *tracks;  /* for the life of the element */
  gboolean warned_regions, warned_unreadable;
  GPtrArray *carried;   /* nullable: in-step: of GstClipResult: what goes on to the next frames */
  GstFlowReturn pushed; /* of held frames */

  /* Read under the stream lock, written under the object lock too. */
  GstClipMode mode_in_effect; /* AUTO: not decided yet */
  gboolean live;              /* upstream */
  gboolean source_thread;     /* we run in the thread of a GstBaseSrc */

  /* Object lock. */
  GstClockTime earliest_time; /* running time: what is before is late; NONE: nothing is */
  GstClipLatency latency;     /* of in-step */

  gint warned_not_finite; /* atomic */
  gint failed;            /* atomic: an error was posted that ends the stream */
};

/** gst_clip_filter_install_properties: for class_init. */
void gst_clip_filter_install_properties (GObjectClass *klass);
void gst_clip_filter_init_settings (GstClipFilter *self);
void gst_clip_filter_clear_settings (GstClipFilter *self);

GST_ELEMENT_REGISTER_DECLARE (clipfilter);

G_END_DECLS
