/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** bench/stream_set.h: pipelines that run in step and share an engine; for bench-streams. */
#pragma once

#include <gst/gst.h>

#include "tests/bench/common/measure.h"

G_BEGIN_DECLS

#define STREAMS_MAX 64

/**
 * Streams: each plays @frames of noise, so that no frame is like the one before.
 * @before: of all, encoded before the clock started; @played: and since
 */
typedef struct {
  GstElement *pipelines[STREAMS_MAX];
  guint n, frames;
  guint64 before, played;
} Streams;

/** streams_make: @dir: of the model; NULL: the embedded one. After an error streams_clear() too. */
gboolean streams_make (Streams *s, guint n, guint frames, const gchar *dir, GError **error);
void streams_clear (Streams *s);

/** streams_preroll: opens the engine; each pipeline's first frames are encoded, as many as the element
 * takes in advance. */
gboolean streams_preroll (Streams *s, GError **error);
/** streams_play: the rest of the frames, to their end. @times: (out) */
gboolean streams_play (Streams *s, BenchTimes *times, GError **error);

/** streams_batch: frames that were encoded at once, on average; streams_memory: bytes on the device. */
gdouble streams_batch (const Streams *s);
guint64 streams_memory (const Streams *s);

/**
 * streams_child: what a process that compares is: opens, says so, waits for a line on standard input,
 * plays, prints CPU seconds of the playing and of everything. Returns: exit status.
 */
int streams_child (guint n, guint frames, const gchar *dir);

/** StreamProcesses: of processes together: CPU seconds while they played, and from their start on; wall
 * while they played; frames that were played, and all. */
typedef struct {
  gdouble playing, all, wall;
  guint64 played, frames;
} StreamProcesses;

/** streams_run_processes: of @n streams each, all at once. @program: this one's file */
gboolean streams_run_processes (const gchar *program, guint processes, guint n, guint frames,
                                const gchar *dir, StreamProcesses *result, GError **error);

G_END_DECLS
