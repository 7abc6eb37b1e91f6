/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipenums.h"

/* One function a type; @name is the part that differs. */
#define DEFINE_ENUM(Type, name, ...)                                                               \
  GType name##_get_type (void)                                                                     \
  {                                                                                                \
    static const GEnumValue values[] = { __VA_ARGS__, { 0, NULL, NULL } };                         \
    static gsize type = 0;                                                                         \
    if (g_once_init_enter (&type))                                                                 \
      g_once_init_leave (&type, g_enum_register_static (#Type, values));                           \
    return type;                                                                                   \
  }

DEFINE_ENUM (GstClipMode, gst_clip_mode,
             { GST_CLIP_MODE_AUTO, "latest where the source is live, else in-step", "auto" },
             { GST_CLIP_MODE_IN_STEP, "Every frame waits for its own result", "in-step" },
             { GST_CLIP_MODE_LATEST, "Frames never wait and carry the newest finished result",
               "latest" })

DEFINE_ENUM (GstClipMessages, gst_clip_messages,
             { GST_CLIP_MESSAGES_NONE, "No result messages", "none" },
             { GST_CLIP_MESSAGES_ON_CHANGE, "When the set of accepted labels changes",
               "on-change" },
             { GST_CLIP_MESSAGES_EVERY_RESULT, "Each time a frame was encoded", "every-result" })

DEFINE_ENUM (GstClipRegionMode, gst_clip_region_mode,
             { GST_CLIP_REGION_MODE_FULL_FRAME, "The whole frame", "full-frame" },
             { GST_CLIP_REGION_MODE_ROIS,
               "Each GstVideoRegionOfInterestMeta and GstAnalyticsODMtd of the buffer", "rois" },
             { GST_CLIP_REGION_MODE_BOTH, "The whole frame and these regions", "both" })

DEFINE_ENUM (GstClipCrop, gst_clip_crop, { CLIP_FIT_AUTO, "What the model says", "auto" },
             { CLIP_FIT_CENTER, "The middle is cut out of the longer side", "center" },
             { CLIP_FIT_SQUASH, "The longer side is compressed", "squash" },
             { CLIP_FIT_LETTERBOX, "The shorter side gets black bars", "letterbox" })

DEFINE_ENUM (GstClipScoring, gst_clip_scoring,
             { CLIP_SCORING_AUTO,
               "softmax for two or more prompts, contrast for one; sigmoid for SigLIP", "auto" },
             { CLIP_SCORING_SOFTMAX, "Labels and negative prompts share a probability of 1",
               "softmax" },
             { CLIP_SCORING_CONTRAST, "Each label alone against negative prompts and background",
               "contrast" },
             { CLIP_SCORING_COSINE, "(1 + cosine similarity) / 2", "cosine" },
             { CLIP_SCORING_SIGMOID, "Each label on its own, for SigLIP", "sigmoid" })

DEFINE_ENUM (GstClipPrecision, gst_clip_precision,
             { CLIP_PRECISION_AUTO, "fp16 on GPUs and where fp32 does not fit, else fp32", "auto" },
             { CLIP_PRECISION_FP32, "32-bit floating point", "fp32" },
             { CLIP_PRECISION_FP16, "16-bit floating point: half the memory", "fp16" },
             { CLIP_PRECISION_INT8, "8-bit integers: a quarter of the memory, a little less exact",
               "int8" })

DEFINE_ENUM (GstClipCorner, gst_clip_corner, { GST_CLIP_CORNER_TOP_LEFT, "Top left", "top-left" },
             { GST_CLIP_CORNER_TOP_RIGHT, "Top right", "top-right" },
             { GST_CLIP_CORNER_BOTTOM_LEFT, "Bottom left", "bottom-left" },
             { GST_CLIP_CORNER_BOTTOM_RIGHT, "Bottom right", "bottom-right" })
