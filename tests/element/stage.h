/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/element/stage.h: a clipfilter in a harness, with a bus to listen to. Frames are 16x16
 * GRAY8 at 25 fps, of one value each.
 */
#pragma once

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

#define STAGE_FRAME (40 * GST_MSECOND)
#define STAGE_CAPS  "video/x-raw,format=GRAY8,width=16,height=16,framerate=25/1"

typedef struct {
  GstHarness *harness; /* NULL until playing */
  GstElement *filter;
  GstBus *bus;
  GstClockTime pts; /* of the next frame */
} Stage;

/** stage_init: gst, the element and the meta, and what an unexpected end of a test would leave. */
void stage_init (int *argc, char ***argv);

/** stage_new: an element that is not playing yet; the fake engine is reset.
 * @properties: "mode=in-step, prompts=1;2" */
Stage *stage_new (const gchar *properties);
/** stage_play: puts it into a harness, plays it, sets the caps. */
void stage_play (Stage *stage);
/** stage_play_file: likewise, and upstream is not live. */
void stage_play_file (Stage *stage);
/** stage_new_playing: stage_new() and stage_play(). */
Stage *stage_new_playing (const gchar *properties);
/** stage_free: also checks that everything of the engine was freed. */
void stage_free (Stage *stage);

/** stage_frame: (transfer full): the next frame, not pushed. */
GstBuffer *stage_frame (Stage *stage, guint8 value);

/** stage_push: pushes a frame and takes it out again. (transfer full) */
GstBuffer *stage_push (Stage *stage, guint8 value);

/** stage_label: the first result's `label` on @buffer, "none" without meta. (transfer full) */
gchar *stage_label (GstBuffer *buffer);

/** stage_push_label: both. (transfer full) */
gchar *stage_push_label (Stage *stage, guint8 value);

/** stage_check: pushes a frame, which must come out with @label (or "none"), of a frame that is so many @frames_old. */
void stage_check (Stage *stage, guint8 value, const gchar *label, guint frames_old);

/** stage_result: result @index on @buffer; NULL where there is none. Borrowed. */
const GstStructure *stage_result (GstBuffer *buffer, guint index);

/** stage_message: waits for the next message of this type (and for an element message: of
 * this name); those before it are dropped. (transfer full) */
GstMessage *stage_message (Stage *stage, GstMessageType type, const gchar *name);

/** stage_count: takes all messages off the bus; how many were like this. */
guint stage_count (Stage *stage, GstMessageType type, const gchar *name);

/** stage_wait_prompts: until the set with this serial is announced. */
void stage_wait_prompts (Stage *stage, guint serial);

/** stage_expect: waits for a warning or error whose text has @part in it. @domain 0: any. */
void stage_expect (Stage *stage, GstMessageType type, GQuark domain, gint code, const gchar *part);

/** stage_strings: an array field of strings, joined by "/". (transfer full) */
gchar *stage_strings (const GstStructure *structure, const gchar *field);

G_END_DECLS
