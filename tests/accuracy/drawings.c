/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plain colours, shapes, and what they are together. */
#include "tests/accuracy/accuracy.h"

#include <math.h>

/* Colour and shape that never came together in training: HELD_OUT in scenes.py. */
static const struct {
  const gchar *colour, *shape;
} held_out[] = { { "red", "star" },      { "blue", "triangle" }, { "green", "ring" },
                 { "yellow", "cross" },  { "purple", "square" }, { "orange", "heart" },
                 { "cyan", "diamond" },  { "white", "hexagon" }, { "pink", "rectangle" },
                 { "magenta", "circle" } };

/* What a drawing shows; -1: nothing is said of it. */
typedef struct {
  gint colour, shape, size, side, ground;
} Facts;

typedef struct {
  GRand *rand;
  GArray *facts; /* Facts a picture */
  AccShape shape;
} Drawing;

static const gchar *const sizes[] = { "small", "large" };
static const gchar *const sides[] = { "left", "right" };

static gboolean
is_held_out (const Facts *f)
{
  for (guint i = 0; i < G_N_ELEMENTS (held_out); i++)
    if (g_str_equal (held_out[i].colour, acc_colours[f->colour].name)
        && g_str_equal (held_out[i].shape, acc_shapes[f->shape]))
      return TRUE;
  return FALSE;
}

static gdouble
distance (guint32 a, guint32 b)
{
  gdouble sum = 0;

  for (guint shift = 0; shift < 24; shift += 8)
    sum += pow ((gint)(a >> shift & 255) - (gint)(b >> shift & 255), 2);
  return sqrt (sum);
}

/* A ground that the shape can be told from, of any colour where the facts name none. */
static void
choose_colours (Drawing *d, const Facts *f)
{
  do {
    const gint ground = f->ground >= 0 ? f->ground : g_rand_int_range (d->rand, 0, 13);

    d->shape.front = acc_colour (
        d->rand, &acc_colours[f->colour >= 0 ? f->colour : g_rand_int_range (d->rand, 0, 13)]);
    d->shape.back = acc_colour (d->rand, &acc_colours[ground]);
  } while (distance (d->shape.front, d->shape.back) < 130);
}

/* A shape whose colour, size and place are those of the facts, or any. In the middle square. */
static gboolean
draw (GstVideoFrame *frame, guint i, gpointer data)
{
  Drawing *d = data;
  const Facts *f = &g_array_index (d->facts, Facts, i);
  const gint size = f->size >= 0 ? f->size : g_rand_int_range (d->rand, 0, 2);

  if (i >= d->facts->len)
    return FALSE;
  choose_colours (d, f);
  d->shape.kind = f->shape;
  d->shape.r =
      size ? g_rand_double_range (d->rand, 0.32, 0.42) : g_rand_double_range (d->rand, 0.11, 0.16);
  d->shape.turn = g_rand_double_range (d->rand, -0.12, 0.12);
  const gdouble room = 0.48 - d->shape.r;
  d->shape.x = f->side < 0 ? g_rand_double_range (d->rand, -room, room)
                           : (f->side ? 1 : -1) * g_rand_double_range (d->rand, 0.2, room);
  d->shape.y = g_rand_double_range (d->rand, -room, room);
  acc_draw_shape (frame, &d->shape);
  return TRUE;
}

static gboolean
draw_plain (GstVideoFrame *frame, guint i, gpointer data)
{
  Drawing *d = data;

  if (i >= d->facts->len)
    return FALSE;
  d->shape = (AccShape){ .r = 0.001, .x = 9 };
  d->shape.back = acc_colour (d->rand, &acc_colours[g_array_index (d->facts, Facts, i).colour]);
  acc_draw_shape (frame, &d->shape);
  return TRUE;
}

static gchar *
words (const Facts *f)
{
  GString *text = g_string_new ("a");

  if (f->size >= 0)
    g_string_append_printf (text, " %s", sizes[f->size]);
  if (f->colour >= 0)
    g_string_append_printf (text, " %s", acc_colours[f->colour].name);
  g_string_append_printf (text, " %s", acc_shapes[f->shape]);
  if (f->ground >= 0)
    g_string_append_printf (text, " on a %s background", acc_colours[f->ground].name);
  if (f->side >= 0)
    g_string_append_printf (text, " on the %s", sides[f->side]);
  if (text->str[2] == 'o') /* orange */
    g_string_insert_c (text, 1, 'n');
  return g_string_free (text, FALSE);
}

/* Each of @all @each times, @all as prompts. Counts those that @only wants. */
static gboolean
measure (const gchar *what, GArray *all, AccDraw how, guint each, gboolean held, AccLimit limit,
         GError **error)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2026);
  g_autoptr (GArray) facts = g_array_new (FALSE, FALSE, sizeof (Facts));
  g_autoptr (GPtrArray) prompts = g_ptr_array_new_with_free_func (g_free);
  Drawing drawing = { .rand = rand, .facts = facts };
  guint right = 0;

  for (guint i = 0; i < all->len; i++) {
    const Facts *f = &g_array_index (all, Facts, i);

    g_ptr_array_add (prompts, how == draw ? words (f) : g_strdup (acc_colours[f->colour].name));
    for (guint k = 0; k < each && (!held || is_held_out (f)); k++)
      g_array_append_val (facts, *f);
  }
  g_ptr_array_add (prompts, NULL);
  const AccPlay play = { .prompts = (const gchar *const *)prompts->pdata,
                         .draw = how,
                         .data = &drawing,
                         .width = 160,
                         .height = 120 };
  g_autoptr (GPtrArray) results = acc_play (&play, error);
  for (guint i = 0; results && i < results->len; i++) {
    const guint best = ((AccResult *)results->pdata[i])->best;

    right +=
        memcmp (&g_array_index (all, Facts, best), &g_array_index (facts, Facts, i), sizeof (Facts))
        == 0;
  }
  if (results)
    acc_report (what, right, results->len, limit);
  return results != NULL;
}

static GArray *
combine (gint colours, gint shapes)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Facts));

  for (gint c = colours ? 0 : -1; c < colours; c++)
    for (gint s = 0; s < shapes; s++) {
      const Facts f = { c, s, -1, -1, -1 };

      /* Black and gray shapes are left to the grounds. */
      if (shapes == 1 || c < 0
          || (!g_str_equal (acc_colours[c].name, "black")
              && !g_str_equal (acc_colours[c].name, "gray")))
        g_array_append_val (all, f);
    }
  return all;
}

/* Size, colour, shape, ground and side at once, half of the pairs held out of the training. */
static GArray *
combine_all (void)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Facts));

  for (guint i = 0; i < 32; i++) {
    static const gint colours[] = { 0, 5 }, grounds[] = { 12, 2 }, shapes[] = { 5, 3 };
    const Facts f = { colours[i & 1], shapes[i >> 1 & 1], i >> 2 & 1, i >> 3 & 1, grounds[i >> 4] };

    g_array_append_val (all, f);
  }
  return all;
}

gboolean
acc_drawings (const AccOptions *o, GError **error)
{
  const guint each = o->quick ? 2 : 20;
  g_autoptr (GArray) plain = combine (13, 1);
  g_autoptr (GArray) shapes = combine (0, 10);
  g_autoptr (GArray) pairs = combine (13, 10);
  g_autoptr (GArray) whole = combine_all ();

  return measure ("13 plain colours", plain, draw_plain, each, FALSE, ACC_LEAST (0.95, 0.9), error)
         && measure ("10 shapes of any colour, size and place", shapes, draw, 2 * each, FALSE,
                     ACC_LEAST (0.95, 0.9), error)
         && (o->quick
             || measure ("110 coloured shapes (a red circle, ...)", pairs, draw, 4, FALSE,
                         ACC_LEAST (0.95, 0.92), error))
         && measure ("the same, on pairs held out of training", pairs, draw, each, TRUE,
                     ACC_LEAST (0.9, o->quick ? 0.7 : 0.88), error)
         && (o->quick
             || measure ("32 of size, colour, shape, ground and side at once", whole, draw, 10,
                         FALSE, ACC_LEAST (0, 0.9), error));
}
