/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/accuracy: how often clipfilter is right, measured through the element.
 *
 * Pictures are drawn, made by videotestsrc or read from files, played through
 * `clipfilter mode=in-step messages=every-result`, and the messages are counted.
 */
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* play.c ---------------------------------------------------------------- */

/** AccResult: one message. @best: the prompt with the highest score, by its place; @scores: by
 * place; @shown: what AccPlay.watch said of the frame, else TRUE. */
typedef struct {
  guint best;
  gdouble *scores;
  gboolean shown;
} AccResult;

/** AccDraw: fills picture @i (RGBA, mapped for writing); FALSE after the last one. In the
 * streaming thread. */
typedef gboolean (*AccDraw) (GstVideoFrame *frame, guint i, gpointer data);

/** AccWatch: whether the frame shows what it should. In the streaming thread. */
typedef gboolean (*AccWatch) (const GstVideoFrame *frame, gpointer data);

/**
 * AccPlay: what to play.
 * @source: elements as gst-launch takes them, without the last "!"; NULL: @draw
 * @options: properties of clipfilter, as gst-launch takes them, or NULL
 * @prompts: labels, nothing in them is special
 * @width, @height: of the pictures that @draw makes
 */
typedef struct {
  const gchar *source;
  const gchar *options;
  const gchar *const *prompts;
  AccDraw draw;
  AccWatch watch;
  gpointer data;
  guint width, height;
} AccPlay;

/** acc_open: opens @model (NULL: the embedded one) and keeps it open, so that the pipelines that
 * follow share it, until acc_close(). Returns: FALSE with @error. */
gboolean acc_open (const gchar *model, GError **error);
void acc_close (void);

/** acc_play: to the end of the stream. Returns: (transfer full) (element-type AccResult) (nullable):
 * a result a frame, in order; NULL with @error. */
GPtrArray *acc_play (const AccPlay *play, GError **error);

/* draw.c ---------------------------------------------------------------- */

/** AccShape: a shape on a ground. @kind: place in acc_shapes; @x, @y: middle, and @r: size, all in
 * parts of the height, the middle of the picture at 0; @turn: radians. Colours are 0xRRGGBB. */
typedef struct {
  guint kind;
  gdouble x, y, r, turn;
  guint32 front, back;
} AccShape;

/** acc_shapes: "circle", ... NULL-terminated. */
extern const gchar *const acc_shapes[];

/** acc_draw_shape: 16 samples a pixel. @frame: RGBA. */
void acc_draw_shape (GstVideoFrame *frame, const AccShape *shape);

/** AccColour: a name and a range of RGB that anybody would call so. */
typedef struct {
  const gchar *name;
  guint8 low[3], high[3];
} AccColour;

/** acc_colours: ends with a NULL name. */
extern const AccColour acc_colours[];

/** acc_colour: a colour of this name, 0xRRGGBB. */
guint32 acc_colour (GRand *rand, const AccColour *colour);

/* spoil.c --------------------------------------------------------------- */

/** acc_states: prompts for bad pictures, "a dark picture", ... the last is of a good one;
 * NULL-terminated. */
extern const gchar *const acc_states[];

/** acc_spoil: @pixels: RGBA of @width x @height, no padding; made bad in place, as
 * acc_states[@state] says. */
void acc_spoil (guint8 *pixels, guint width, guint height, guint state, GRand *rand);

/* report.c -------------------------------------------------------------- */

/** acc_open_report: @path: where Markdown rows go as well, NULL: nowhere. */
gboolean acc_open_report (const gchar *path, GError **error);

/** AccLimit: of a share. @goal: what a good model reaches; @bound: what the embedded model has
 * reached, less what few pictures scatter: beyond it something broke. @at_most: both are limits
 * from above. A goal of 0: none. */
typedef struct {
  gdouble goal, bound;
  gboolean at_most;
} AccLimit;

#define ACC_LEAST(goal, bound) ((AccLimit){ (goal), (bound), FALSE })
#define ACC_MOST(goal, bound)  ((AccLimit){ (goal), (bound), TRUE })

/** acc_report: one figure: @right of @total. */
void acc_report (const gchar *what, guint right, guint total, AccLimit limit);

/** acc_skip: a part that cannot be measured here, and why. */
void acc_skip (const gchar *what, const gchar *why);

/** acc_note: a detail that only people read. */
void acc_note (const gchar *format, ...) G_GNUC_PRINTF (1, 2);

/** acc_failures: figures beyond their bound; acc_figures: all. acc_finish: prints how many reached
 * their goals. Returns: FALSE where the table could not be written. */
guint acc_failures (void);
guint acc_figures (void);
gboolean acc_finish (void);

/* The parts. Each measures, reports, and returns FALSE with @error only when nothing could be
 * played. @quick: fewer pictures. ---------------------------------------- */

typedef struct {
  const gchar *cifar; /* folder with test/CLASS/NNNN.jpg, or NULL */
  const gchar *data;  /* folder with labels.tsv, or NULL */
  gboolean quick;
} AccOptions;

gboolean acc_patterns (const AccOptions *o, GError **error);
gboolean acc_drawings (const AccOptions *o, GError **error);
gboolean acc_cifar (const AccOptions *o, GError **error);
gboolean acc_photographs (const AccOptions *o, GError **error);
gboolean acc_none (const AccOptions *o, GError **error);
gboolean acc_bad_pictures (const AccOptions *o, GError **error);

/* photos.c, also for none.c and bad.c ------------------------------------ */

/** acc_classes: the ten of CIFAR-10, as its folders are named; NULL-terminated. */
extern const gchar *const acc_classes[];

/** acc_class_prompts: "a photo of a {class}" for each. (transfer full) */
GStrv acc_class_prompts (void);

/** AccPhoto: a picture of labels.tsv. @path: whole; @class: place in acc_classes, -1: none of them. */
typedef struct {
  gchar *path;
  gchar *label;
  gint class;
} AccPhoto;

/** acc_list_photos: of labels.tsv, without those of 32x32; pictures that show several classes are
 * left out. (transfer full) (element-type AccPhoto) (nullable) */
GPtrArray *acc_list_photos (const AccOptions *o);

/** acc_photo_source: elements that read one file. (transfer full) */
gchar *acc_photo_source (const gchar *path);

/** acc_cifar_source: elements that read the @count first test pictures of a class (0: all);
 * (transfer full) (nullable): NULL: there are none. */
gchar *acc_cifar_source (const AccOptions *o, guint class, guint count);

G_END_DECLS
