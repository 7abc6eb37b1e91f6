/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* videotestsrc: which of all the patterns' names fits best. */
#include "tests/accuracy/accuracy.h"

/* @moving: what there is to see is now and then outside of the middle square, which is all that the
 * model gets; the frames without it are not counted. @tall: the smallest frame, in lines, in which
 * nothing of the pattern is left at 64 pixels (0: always something). */
typedef struct {
  const gchar *pattern, *options, *prompt;
  gboolean moving;
  gint tall;
} Pattern;

static const Pattern patterns[] = {
  { "smpte", "", "colour bars" },
  { "smpte75", "", "colour bars" },
  { "smpte100", "", "colour bars" },
  { "smpte-rp-219", "", "colour bars" },
  { "snow", "", "snow" },
  { "black", "", "a black screen" },
  { "white", "", "a white screen" },
  { "red", "", "red" },
  { "green", "", "green" },
  { "blue", "", "blue" },
  { "checkers-8", "", "a checkerboard", .tall = 720 },
  { "circular", "", "circles" },
  { "zone-plate", "kx2=20 ky2=20 kt=1", "a zone plate" },
  { "chroma-zone-plate", "kx2=20 ky2=20 kt=1", "a zone plate" },
  { "gamut", "", "gamut" },
  { "ball", "", "a bouncing ball", .moving = TRUE },
  { "bar", "horizontal-speed=11", "a white bar", .moving = TRUE },
  { "pinwheel", "", "a pinwheel" },
  { "spokes", "", "spokes" },
  { "gradient", "", "a gradient" },
  { "colors", "", "a colour palette" },
};

static const gchar *const prompts[] = {
  "colour bars",
  "snow",
  "a black screen",
  "a white screen",
  "red",
  "green",
  "blue",
  "a checkerboard",
  "circles",
  "a zone plate",
  "gamut",
  "a bouncing ball",
  "a white bar",
  "a pinwheel",
  "spokes",
  "a gradient",
  "a colour palette",
  NULL,
};

static const struct {
  gint width, height;
} sizes[] = { { 320, 240 }, { 1280, 720 }, { 1920, 1080 } };

static const gchar *const formats[] = { "I420", "NV12", "YUY2", "RGBA" };

/* Whether anything bright is in the middle square: luma, or red. */
static gboolean
is_there (const GstVideoFrame *frame, gpointer data)
{
  const gint width = GST_VIDEO_FRAME_WIDTH (frame), height = GST_VIDEO_FRAME_HEIGHT (frame);
  const gint step = GST_VIDEO_FRAME_COMP_PSTRIDE (frame, 0), margin = (width - height) / 2;
  const Pattern *p = data;

  for (gint y = 0; p->moving && y < height; y++) {
    const guint8 *row =
        (guint8 *)GST_VIDEO_FRAME_COMP_DATA (frame, 0) + y * GST_VIDEO_FRAME_COMP_STRIDE (frame, 0);

    for (gint x = margin; x < width - margin; x++)
      if (row[x * step] > 128)
        return TRUE;
  }
  return !p->moving;
}

typedef struct {
  guint right, total, hidden;
} Count;

static gboolean
measure (const Pattern *p, guint size, const gchar *format, guint frames, Count *count,
         GError **error)
{
  g_autofree gchar *source = g_strdup_printf (
      "videotestsrc pattern=%s %s num-buffers=%u ! video/x-raw,format=%s,width=%d,height=%d",
      p->pattern, p->options, p->moving ? 4 * frames : frames, format, sizes[size].width,
      sizes[size].height);
  const AccPlay play = {
    .source = source, .prompts = prompts, .watch = is_there, .data = (gpointer)p
  };
  g_autoptr (GPtrArray) results = acc_play (&play, error);

  for (guint i = 0; results && i < results->len; i++) {
    const AccResult *r = results->pdata[i];

    if (!r->shown) {
      count->hidden++;
      continue;
    }
    count->total++;
    count->right += g_str_equal (prompts[r->best], p->prompt);
    if (i == 0 && !g_str_equal (prompts[r->best], p->prompt))
      acc_note ("%s, %s %dx%d: %s", p->pattern, format, sizes[size].width, sizes[size].height,
                prompts[r->best]);
  }
  return results != NULL;
}

gboolean
acc_patterns (const AccOptions *o, GError **error)
{
  const guint n_sizes = o->quick ? 1 : G_N_ELEMENTS (sizes);
  Count all = { 0 };

  for (guint s = 0; s < n_sizes; s++) {
    Count count = { 0 };
    g_autofree gchar *what = NULL;

    for (guint p = 0; p < G_N_ELEMENTS (patterns); p++) {
      if (patterns[p].tall && sizes[s].height >= patterns[p].tall)
        continue;
      for (guint f = o->quick ? p % 4 : 0; f < (o->quick ? p % 4 + 1 : G_N_ELEMENTS (formats)); f++)
        if (!measure (&patterns[p], s, formats[f], o->quick ? 3 : 8, &count, error))
          return FALSE;
    }
    what = g_strdup_printf ("test patterns at %dx%d, %u prompts", sizes[s].width, sizes[s].height,
                            g_strv_length ((GStrv)prompts));
    acc_report (what, count.right, count.total, ACC_LEAST (0.95, 0.92));
    all.hidden += count.hidden;
  }
  if (all.hidden)
    acc_note ("%u frames more have nothing in the middle square", all.hidden);
  return TRUE;
}
