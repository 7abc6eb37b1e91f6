/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * element/gstclipenums.h: the enumerated properties.
 */
#pragma once

#include <gst/gst.h>
#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

/**
 * GstClipMode:
 * @GST_CLIP_MODE_AUTO: latest where upstream is live, else in-step
 * @GST_CLIP_MODE_IN_STEP: every frame waits for its own result
 * @GST_CLIP_MODE_LATEST: frames never wait; they carry the newest finished result
 */
typedef enum {
  GST_CLIP_MODE_AUTO,
  GST_CLIP_MODE_IN_STEP,
  GST_CLIP_MODE_LATEST,
} GstClipMode;

/**
 * GstClipMessages:
 * @GST_CLIP_MESSAGES_NONE: no result messages
 * @GST_CLIP_MESSAGES_ON_CHANGE: when the set of accepted labels changes
 * @GST_CLIP_MESSAGES_EVERY_RESULT: each time a frame was encoded
 */
typedef enum {
  GST_CLIP_MESSAGES_NONE,
  GST_CLIP_MESSAGES_ON_CHANGE,
  GST_CLIP_MESSAGES_EVERY_RESULT,
} GstClipMessages;

/**
 * GstClipRegionMode:
 * @GST_CLIP_REGION_MODE_FULL_FRAME: the whole frame
 * @GST_CLIP_REGION_MODE_ROIS: the regions that others have marked on it
 * @GST_CLIP_REGION_MODE_BOTH: all of these
 */
typedef enum {
  GST_CLIP_REGION_MODE_FULL_FRAME,
  GST_CLIP_REGION_MODE_ROIS,
  GST_CLIP_REGION_MODE_BOTH,
} GstClipRegionMode;

/** GstClipCorner: where clipoverlay puts the labels of whole frames. */
typedef enum {
  GST_CLIP_CORNER_TOP_LEFT,
  GST_CLIP_CORNER_TOP_RIGHT,
  GST_CLIP_CORNER_BOTTOM_LEFT,
  GST_CLIP_CORNER_BOTTOM_RIGHT,
} GstClipCorner;

#define GST_TYPE_CLIP_CORNER (gst_clip_corner_get_type ())
GType gst_clip_corner_get_type (void);
#define GST_TYPE_CLIP_MODE (gst_clip_mode_get_type ())
GType gst_clip_mode_get_type (void);
#define GST_TYPE_CLIP_MESSAGES (gst_clip_messages_get_type ())
GType gst_clip_messages_get_type (void);
#define GST_TYPE_CLIP_REGION_MODE (gst_clip_region_mode_get_type ())
GType gst_clip_region_mode_get_type (void);
/** The engine's ClipFit, ClipScoring and ClipPrecision as GEnums. */
#define GST_TYPE_CLIP_CROP (gst_clip_crop_get_type ())
GType gst_clip_crop_get_type (void);
#define GST_TYPE_CLIP_SCORING (gst_clip_scoring_get_type ())
GType gst_clip_scoring_get_type (void);
#define GST_TYPE_CLIP_PRECISION (gst_clip_precision_get_type ())
GType gst_clip_precision_get_type (void);

G_END_DECLS
