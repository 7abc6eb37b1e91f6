/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * demo/demo.h: the parts of clip-demo, an application like any other: it knows
 * clipfilter by its properties and messages only.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* pictures.c ------------------------------------------------------------ */

/** DemoPicture: a picture that GStreamer makes. @source: words as gst-launch takes them, of what
 * comes before clipfilter; @tail: of what comes after the sink, or NULL; @label: the prompt that
 * describes it. */
typedef struct {
  const gchar *source, *tail, *label;
} DemoPicture;

/** DemoChapter: pictures of which each has the labels of all as prompts. @pictures: the last has
 * no source. */
typedef struct {
  const gchar *title;
  const DemoPicture *pictures;
} DemoChapter;

/** demo_chapters: the last has no title. */
extern const DemoChapter demo_chapters[];

/** DemoPhoto: a file name, and which of demo_photo_prompts describes it. */
typedef struct {
  const gchar *file, *label;
} DemoPhoto;

/** demo_photos: the last has no file. */
extern const DemoPhoto demo_photos[];

/** demo_photo_prompts: what the built-in model knows of the world. */
extern const gchar demo_photo_prompts[];

/** demo_chapter_prompts: every label of the chapter, as the `prompts` property takes them.
 * (transfer full) */
gchar *demo_chapter_prompts (const DemoChapter *chapter);

/* play.c ---------------------------------------------------------------- */

/**
 * DemoPlayer: plays one pipeline after the other. The last one stays open until the next
 * has prerolled, so that both share the engine that the first one opened.
 * @label: best accepted label in force, "" for none; @since: from which stream time on
 * @held: label -> ns that it was in force
 * @failed: an error came; @had_result: a result came; @interrupted: SIGINT came
 */
typedef struct {
  GstElement *pipeline, *previous;
  GMainLoop *loop;
  gchar *label;
  guint64 since;
  GHashTable *held;
  gboolean failed;
  gboolean had_result;
  gboolean interrupted;
} DemoPlayer;

void demo_player_init (DemoPlayer *player);
void demo_player_clear (DemoPlayer *player);

/**
 * demo_player_play:
 * @words: (array zero-terminated=1): the pipeline, as gst-launch-1.0 would get it
 *
 * Prints the pipeline, plays it to its end and prints its labels when they change.
 * Returns: FALSE after an error, which was printed, or SIGINT.
 */
gboolean demo_player_play (DemoPlayer *player, const gchar **words);

/** demo_player_label: the label that was in force for longest, "" for none; borrowed. */
const gchar *demo_player_label (DemoPlayer *player);

/** demo_player_about: "model demo on llvmpipe (LLVM 15.0.6, 256 bits)", from the element's
 * statistics; (transfer full) (nullable) */
gchar *demo_player_about (DemoPlayer *player);

/* show.c ---------------------------------------------------------------- */

/** demo_show_init: colours and a progress line only where standard output is a terminal. */
void demo_show_init (void);

/** demo_show_title: of what follows. */
void demo_show_title (const gchar *title);

/** demo_show_prompts: long prompts become the shell variable PROMPTS in the commands that follow;
 * no character of @prompts is special inside double quotes. */
void demo_show_prompts (const gchar *prompts);

/** demo_show_command: a gst-launch-1.0 line that a shell understands. */
void demo_show_command (const gchar **words);

/** demo_show_result: one line a label of a `clipfilter` structure. */
void demo_show_result (const GstStructure *result);

/** demo_show_progress: what the element is busy with. */
void demo_show_progress (GstProgressType type, const gchar *text);

void demo_show_problem (const gchar *kind, const gchar *text, const gchar *detail);
void demo_show_verdict (gboolean right, const gchar *expected, const gchar *got);

G_END_DECLS
