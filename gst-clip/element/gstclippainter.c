/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclippainter.h"

#include <math.h>
#include <string.h>
#include <pango/pangocairo.h>

#include "gst-clip/element/gstclipplacement.h"

/* Of a font's size. */
#define LINE        1.35
#define PADDING     0.5
#define BAR_LENGTH  5.0
#define BAR_HEIGHT  0.55
#define MAX_TEXT    0.5 /* of the frame's width */
#define LINES_FRAME 26  /* lines of text that a frame is high, where the font has no size */
#define MIN_SIZE    9.0 /* pixels: smaller is not legible */

struct _GstClipPainter {
  gchar *drawn; /* what @composition shows, in words */
  GstVideoOverlayComposition *composition;
};

/* One frame's drawing. Lengths are in units of square pixels: @aspect of them make a column. */
typedef struct {
  const GstClipStyle *style;
  const GstVideoInfo *info;
  gdouble aspect;
  gdouble width, height; /* of the frame */
  PangoFontDescription *font;
  gdouble size; /* of the font */
  PangoContext *context;
  GArray *panels; /* of GstClipBox: where labels were drawn */
  GstVideoOverlayComposition *composition;
} Drawing;

typedef struct {
  PangoLayout *text, *score;
  const GstClipSeenLabel *label; /* NULL: a heading */
} Line;

/* Surfaces ---------------------------------------------------------------------- */

/* A rectangle of the frame to draw on, in the memory of a GstBuffer. */
typedef struct {
  GstBuffer *buffer;
  GstMapInfo map;
  cairo_surface_t *surface;
  cairo_t *cr;
  gint x, y;
  gint columns, rows;
} Sheet;

/* At (@x, @y), in square pixels of the frame; what would stick out of the frame is cut off. FALSE where
 * nothing is left. */
static gboolean
open_sheet (Sheet *s, const Drawing *d, gdouble x, gdouble y, gdouble width, gdouble height)
{
  const gint left = floor (x / d->aspect), right = ceil ((x + width) / d->aspect);
  const gint top = floor (y), bottom = ceil (y + height);

  s->x = MAX (left, 0);
  s->y = MAX (top, 0);
  s->columns = MAX (MIN (right, GST_VIDEO_INFO_WIDTH (d->info)) - s->x, 0);
  s->rows = MAX (MIN (bottom, GST_VIDEO_INFO_HEIGHT (d->info)) - s->y, 0);
  if (s->columns == 0 || s->rows == 0)
    return FALSE;
  s->buffer = gst_buffer_new_allocate (NULL, (gsize)s->columns * s->rows * 4, NULL);
  if (!s->buffer || !gst_buffer_map (s->buffer, &s->map, GST_MAP_READWRITE)) {
    gst_clear_buffer (&s->buffer);
    return FALSE;
  }
  memset (s->map.data, 0, s->map.size);
  s->surface = cairo_image_surface_create_for_data (s->map.data, CAIRO_FORMAT_ARGB32, s->columns,
                                                    s->rows, s->columns * 4);
  s->cr = cairo_create (s->surface);
  cairo_scale (s->cr, 1.0 / d->aspect, 1.0);
  cairo_translate (s->cr, (left - s->x) * d->aspect, top - s->y);
  return TRUE;
}

static void
close_sheet (Sheet *s, Drawing *d)
{
  GstVideoOverlayRectangle *rectangle;

  cairo_destroy (s->cr);
  cairo_surface_finish (s->surface);
  cairo_surface_destroy (s->surface);
  gst_buffer_unmap (s->buffer, &s->map);
  gst_buffer_add_video_meta (s->buffer, GST_VIDEO_FRAME_FLAG_NONE,
                             GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, s->columns, s->rows);
  rectangle =
      gst_video_overlay_rectangle_new_raw (s->buffer, s->x, s->y, s->columns, s->rows,
                                           GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  if (d->composition)
    gst_video_overlay_composition_add_rectangle (d->composition, rectangle);
  else
    d->composition = gst_video_overlay_composition_new (rectangle);
  gst_video_overlay_rectangle_unref (rectangle);
  gst_buffer_unref (s->buffer);
}

/* Text --------------------------------------------------------------------------- */

static gdouble
text_width (PangoLayout *layout)
{
  gint width;

  pango_layout_get_size (layout, &width, NULL);
  return (gdouble)width / PANGO_SCALE;
}

/* @max_width: wider text is cut off; 0: never. (transfer full) */
static PangoLayout *
make_text (const Drawing *d, const gchar *text, gdouble max_width)
{
  PangoLayout *layout = pango_layout_new (d->context);

  pango_layout_set_font_description (layout, d->font);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_text (layout, text, -1);
  if (max_width > 0 && text_width (layout) > max_width) {
    pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_width (layout, max_width * PANGO_SCALE);
  }
  return layout;
}

/* With its middle at @middle. */
static void
show_text (cairo_t *cr, PangoLayout *layout, gdouble x, gdouble middle, gdouble grey)
{
  gint height;

  pango_layout_get_size (layout, NULL, &height);
  cairo_set_source_rgb (cr, grey, grey, grey);
  cairo_move_to (cr, x, middle - (gdouble)height / PANGO_SCALE / 2.0);
  pango_cairo_show_layout (cr, layout);
}

static void
clear_line (gpointer data)
{
  Line *line = data;

  g_object_unref (line->text);
  g_clear_object (&line->score);
}

static gboolean
is_shown (const GstClipStyle *style, const GstClipSeenLabel *label)
{
  return label->score >= style->threshold && (label->accepted || style->rejected);
}

/* Appends the lines of @seen to @lines. @heading: (nullable) */
static void
add_lines (const Drawing *d, GArray *lines, const GstClipSeen *seen, const gchar *heading)
{
  guint n = 0;

  for (guint i = 0; i < seen->labels->len && n < d->style->max_labels; i++) {
    const GstClipSeenLabel *label = &g_array_index (seen->labels, GstClipSeenLabel, i);
    Line line = { NULL, NULL, label };
    g_autofree gchar *number = g_strdup_printf ("%.2f", label->score);

    if (!is_shown (d->style, label))
      continue;
    if (n++ == 0 && heading) {
      Line first = { make_text (d, heading, d->width * MAX_TEXT), NULL, NULL };
      g_array_append_val (lines, first);
    }
    line.text = make_text (d, label->text, d->width * MAX_TEXT);
    line.score = d->style->scores ? make_text (d, number, 0) : NULL;
    g_array_append_val (lines, line);
  }
}

/* Panels ------------------------------------------------------------------------- */

/* Columns of a panel: text, bar, number, with gaps in between. */
typedef struct {
  gdouble text, bar, score, width, height;
} Columns;

static Columns
measure (const Drawing *d, const GArray *lines)
{
  Columns c = { 0 };
  const gdouble gap = d->size * PADDING;

  for (guint i = 0; i < lines->len; i++) {
    const Line *line = &g_array_index (lines, Line, i);
    c.text = MAX (c.text, text_width (line->text));
    if (line->score)
      c.score = MAX (c.score, text_width (line->score));
  }
  c.bar = d->style->bars ? MIN (d->size * BAR_LENGTH, d->width * 0.2) : 0;
  c.width = c.text + (c.bar > 0 ? c.bar + gap : 0) + (c.score > 0 ? c.score + gap : 0) + 2 * gap;
  c.height = lines->len * d->size * LINE + gap;
  return c;
}

static void
round_rectangle (cairo_t *cr, gdouble x, gdouble y, gdouble width, gdouble height, gdouble radius)
{
  const gdouble r = MIN (radius, MIN (width, height) / 2);

  cairo_new_sub_path (cr);
  cairo_arc (cr, x + width - r, y + r, r, -G_PI_2, 0);
  cairo_arc (cr, x + width - r, y + height - r, r, 0, G_PI_2);
  cairo_arc (cr, x + r, y + height - r, r, G_PI_2, G_PI);
  cairo_arc (cr, x + r, y + r, r, G_PI, 3 * G_PI_2);
  cairo_close_path (cr);
}

static void
draw_bar (const Drawing *d, cairo_t *cr, const Line *line, gdouble x, gdouble middle,
          gdouble length)
{
  const gdouble height = d->size * BAR_HEIGHT, top = middle - height / 2;
  const gdouble filled = line->label->score * length;

  round_rectangle (cr, x, top, length, height, height / 4);
  cairo_set_source_rgba (cr, 1, 1, 1, 0.22);
  cairo_fill (cr);
  if (filled < 1.0)
    return;
  round_rectangle (cr, x, top, filled, height, height / 4);
  if (line->label->accepted)
    cairo_set_source_rgb (cr, 0.30, 0.85, 0.39);
  else
    cairo_set_source_rgb (cr, 0.62, 0.62, 0.62);
  cairo_fill (cr);
}

/* The panel has its own dark ground: legible on any picture. */
static void
draw_panel (Drawing *d, const GArray *lines, const Columns *c, gdouble x, gdouble y)
{
  const gdouble gap = d->size * PADDING;
  const GstClipBox panel = { x, y, c->width, c->height };
  Sheet sheet;

  if (!open_sheet (&sheet, d, x, y, c->width, c->height))
    return;
  g_array_append_val (d->panels, panel);
  round_rectangle (sheet.cr, 0, 0, c->width, c->height, gap);
  cairo_set_source_rgba (sheet.cr, 0, 0, 0, 0.75);
  cairo_fill (sheet.cr);
  for (guint i = 0; i < lines->len; i++) {
    const Line *line = &g_array_index (lines, Line, i);
    const gdouble middle = gap / 2 + (i + 0.5) * d->size * LINE;
    const gdouble grey = !line->label ? 0.85 : line->label->accepted ? 1.0 : 0.75;

    show_text (sheet.cr, line->text, gap, middle, grey);
    if (!line->label)
      continue;
    if (c->bar > 0)
      draw_bar (d, sheet.cr, line, 2 * gap + c->text, middle, c->bar);
    if (line->score)
      show_text (sheet.cr, line->score, c->width - gap - text_width (line->score), middle, grey);
  }
  close_sheet (&sheet, d);
}

static gboolean
more_than_one_source (GPtrArray *all)
{
  for (guint i = 1; i < all->len; i++) {
    const GstClipSeen *a = all->pdata[0], *b = all->pdata[i];
    if (g_strcmp0 (a->source, b->source) != 0)
      return TRUE;
  }
  return FALSE;
}

/* What is said of whole frames, in the corner. */
static void
draw_frame_labels (Drawing *d, GPtrArray *all)
{
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));
  const gboolean headings = more_than_one_source (all);
  const gdouble margin = d->size * PADDING;
  const GstClipCorner corner = d->style->corner;

  g_array_set_clear_func (lines, clear_line);
  for (guint i = 0; i < all->len; i++) {
    const GstClipSeen *seen = all->pdata[i];
    if (seen->whole)
      add_lines (d, lines, seen, headings ? seen->source : NULL);
  }
  if (lines->len == 0)
    return;
  Columns c = measure (d, lines);
  const gboolean right =
      corner == GST_CLIP_CORNER_TOP_RIGHT || corner == GST_CLIP_CORNER_BOTTOM_RIGHT;
  const gboolean bottom =
      corner == GST_CLIP_CORNER_BOTTOM_LEFT || corner == GST_CLIP_CORNER_BOTTOM_RIGHT;
  draw_panel (d, lines, &c, right ? d->width - margin - c.width : margin,
              bottom ? d->height - margin - c.height : margin);
}

/* Boxes -------------------------------------------------------------------------- */

static void
draw_edge (Drawing *d, gdouble x, gdouble y, gdouble width, gdouble height)
{
  Sheet sheet;

  if (!open_sheet (&sheet, d, x, y, width, height))
    return;
  cairo_set_source_rgb (sheet.cr, 0.30, 0.85, 0.39);
  cairo_paint (sheet.cr);
  close_sheet (&sheet, d);
}

/* What of a region is in the frame. FALSE where nothing is. */
static gboolean
find_box (const Drawing *d, const GstClipSeen *seen, GstClipBox *box)
{
  if (seen->whole)
    return FALSE;
  box->x = CLAMP (seen->x, 0, 1) * d->width;
  box->y = CLAMP (seen->y, 0, 1) * d->height;
  box->width = CLAMP (seen->x + seen->width, 0, 1) * d->width - box->x;
  box->height = CLAMP (seen->y + seen->height, 0, 1) * d->height - box->y;
  return box->width >= 1 && box->height >= 1;
}

/* Four edges, not one rectangle: most of that would be nothing. */
static void
draw_box (Drawing *d, const GstClipBox *box)
{
  const gdouble line = MAX (2.0, d->height / 300.0);

  draw_edge (d, box->x, box->y, box->width, line);
  draw_edge (d, box->x, box->y + box->height - line, box->width, line);
  draw_edge (d, box->x, box->y, line, box->height);
  draw_edge (d, box->x + box->width - line, box->y, line, box->height);
}

static void
draw_boxes (Drawing *d, GPtrArray *all)
{
  GstClipBox box;

  for (guint i = 0; i < all->len; i++)
    if (find_box (d, all->pdata[i], &box))
      draw_box (d, &box);
}

static void
draw_region_labels (Drawing *d, const GstClipSeen *seen, const GstClipBox *box)
{
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));

  g_array_set_clear_func (lines, clear_line);
  add_lines (d, lines, seen, NULL);
  if (lines->len == 0)
    return;
  Columns c = measure (d, lines);
  GstClipBox panel = { .width = c.width, .height = c.height };
  gst_clip_place_beside (&panel, box, d->width, d->height, d->panels);
  draw_panel (d, lines, &c, panel.x, panel.y);
}

static void
draw_labels_of_regions (Drawing *d, GPtrArray *all)
{
  GstClipBox box;

  for (guint i = 0; i < all->len; i++)
    if (find_box (d, all->pdata[i], &box))
      draw_region_labels (d, all->pdata[i], &box);
}

/* All ----------------------------------------------------------------------------- */

/* In words, to see whether the picture would be the same. Scores as they are drawn: bars move by
 * single pixels. */
static gchar *
describe (GPtrArray *all, const GstClipStyle *style, const GstVideoInfo *info)
{
  GString *s = g_string_new (NULL);

  g_string_append_printf (s, "%dx%d %d/%d %s %d %f %d%d%d%d %u", GST_VIDEO_INFO_WIDTH (info),
                          GST_VIDEO_INFO_HEIGHT (info), GST_VIDEO_INFO_PAR_N (info),
                          GST_VIDEO_INFO_PAR_D (info), style->font, style->corner, style->threshold,
                          style->rejected, style->bars, style->scores, style->regions,
                          style->max_labels);
  for (guint i = 0; i < all->len; i++) {
    const GstClipSeen *seen = all->pdata[i];
    g_string_append_printf (s, "\n%s %d %.4f %.4f %.4f %.4f", seen->source ? seen->source : "",
                            seen->whole, seen->x, seen->y, seen->width, seen->height);
    for (guint j = 0; j < seen->labels->len; j++) {
      const GstClipSeenLabel *label = &g_array_index (seen->labels, GstClipSeenLabel, j);
      g_string_append_printf (s, "\n%s\t%.2f %d %d", label->text, label->score, label->accepted,
                              label->score >= style->threshold);
    }
  }
  return g_string_free (s, FALSE);
}

static void
set_font (Drawing *d)
{
  d->font = pango_font_description_from_string (d->style->font);
  if (pango_font_description_get_size (d->font) == 0) {
    d->size = MAX (d->height / LINES_FRAME, MIN_SIZE);
    pango_font_description_set_absolute_size (d->font, d->size * PANGO_SCALE);
    return;
  }
  d->size = (gdouble)pango_font_description_get_size (d->font) / PANGO_SCALE;
  if (!pango_font_description_get_size_is_absolute (d->font))
    d->size *= pango_cairo_font_map_get_resolution (
                   PANGO_CAIRO_FONT_MAP (pango_cairo_font_map_get_default ()))
               / 72.0;
}

/* (transfer full) (nullable) */
static GstVideoOverlayComposition *
draw (GPtrArray *all, const GstClipStyle *style, const GstVideoInfo *info)
{
  Drawing d = { style, info };
  const gint par_n = MAX (GST_VIDEO_INFO_PAR_N (info), 1);

  d.aspect = (gdouble)par_n / MAX (GST_VIDEO_INFO_PAR_D (info), 1);
  d.width = GST_VIDEO_INFO_WIDTH (info) * d.aspect;
  d.height = GST_VIDEO_INFO_HEIGHT (info);
  d.context = pango_font_map_create_context (pango_cairo_font_map_get_default ());
  set_font (&d);
  d.panels = g_array_new (FALSE, FALSE, sizeof (GstClipBox));
  /* Boxes lie under all labels; who has one place only is placed first. */
  if (style->regions)
    draw_boxes (&d, all);
  draw_frame_labels (&d, all);
  if (style->regions)
    draw_labels_of_regions (&d, all);
  g_array_unref (d.panels);
  pango_font_description_free (d.font);
  g_object_unref (d.context);
  return d.composition;
}

GstClipPainter *
gst_clip_painter_new (void)
{
  return g_new0 (GstClipPainter, 1);
}

void
gst_clip_painter_free (GstClipPainter *self)
{
  g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
  g_free (self->drawn);
  g_free (self);
}

GstVideoOverlayComposition *
gst_clip_painter_paint (GstClipPainter *self, GPtrArray *all, const GstClipStyle *style,
                        const GstVideoInfo *info)
{
  g_autofree gchar *wanted = describe (all, style, info);

  if (g_strcmp0 (wanted, self->drawn) != 0) {
    g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
    g_free (self->drawn);
    self->drawn = g_steal_pointer (&wanted);
    self->composition = draw (all, style, info);
  }
  return self->composition ? gst_video_overlay_composition_ref (self->composition) : NULL;
}
