/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "None of these": scoring=contrast, each of the ten class prompts against the background set. */
#include "tests/accuracy/accuracy.h"

#include <string.h>

/* What the model's card says. */
#define THRESHOLD 0.06

static const gdouble thresholds[] = { 0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9 };

/* Scores of one kind, sorted into the thresholds that they reach. */
typedef struct {
  const gchar *what;
  guint total, reached[G_N_ELEMENTS (thresholds)], at_card;
} Scores;

static void
add (Scores *s, gdouble score)
{
  s->total++;
  s->at_card += score >= THRESHOLD;
  for (guint i = 0; i < G_N_ELEMENTS (thresholds); i++)
    s->reached[i] += score >= thresholds[i];
}

static void
report (const Scores *s, gboolean inside, gdouble goal, gdouble bound)
{
  GString *line = g_string_new (inside ? "missed at" : "accepted at");

  for (guint i = 0; i < G_N_ELEMENTS (thresholds) && s->total; i++)
    g_string_append_printf (line, "  %.2f: %.1f %%", thresholds[i],
                            100.0 * (inside ? s->total - s->reached[i] : s->reached[i]) / s->total);
  if (s->total)
    acc_report (s->what, inside ? s->total - s->at_card : s->at_card, s->total,
                ACC_MOST (goal, bound));
  else
    acc_skip (s->what, "no pictures");
  if (s->total)
    acc_note ("%s", line->str);
  g_string_free (line, TRUE);
}

/* Plays @source. @class: what it shows, -1: none of the ten. Adds the score of the right prompt to
 * @inside, each of the others to @wrong (nullable), and where there is no right one the best. */
static gboolean
measure (const gchar *source, gint class, Scores *inside, Scores *wrong, Scores *outside,
         GError **error)
{
  g_auto (GStrv) prompts = acc_class_prompts ();
  const AccPlay play = { .source = source,
                         .options = "scoring=contrast",
                         .prompts = (const gchar *const *)prompts };
  g_autoptr (GPtrArray) results = acc_play (&play, error);

  for (guint i = 0; results && i < results->len; i++) {
    const AccResult *r = results->pdata[i];

    if (class < 0)
      add (outside, r->scores[r->best]);
    for (gint k = 0; class >= 0 && acc_classes[k]; k++)
      if (k == class)
        add (inside, r->scores[k]);
      else if (wrong)
        add (wrong, r->scores[k]);
  }
  return results != NULL;
}

static gboolean
photographs (const AccOptions *o, Scores *inside, Scores *outside, GError **error)
{
  g_autoptr (GPtrArray) photos = acc_list_photos (o);

  for (guint i = 0; photos && i < photos->len; i++) {
    const AccPhoto *photo = photos->pdata[i];
    g_autofree gchar *source = acc_photo_source (photo->path);

    if (o->quick && i % 3)
      continue;
    if (!measure (source, photo->class, inside, NULL, outside, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
patterns (Scores *outside, GError **error)
{
  static const gchar *const names[] = { "smpte",  "snow",     "black",    "white",
                                        "red",    "circular", "pinwheel", "gradient",
                                        "colors", "ball",     "spokes",   "checkers-8" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree gchar *source = g_strdup_printf (
        "videotestsrc pattern=%s num-buffers=2 ! video/x-raw,width=320,height=240", names[i]);

    if (!measure (source, -1, NULL, NULL, outside, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
acc_none (const AccOptions *o, GError **error)
{
  Scores seen = { "contrast: misses, CIFAR-10 test pictures, their own class" };
  Scores wrong = { "contrast: false acceptances, each of the other nine classes" };
  Scores photo = { "contrast: misses, photographs of the ten classes" };
  Scores other = { "contrast: false acceptances, photographs of other things" };
  Scores drawn = { "contrast: false acceptances, test patterns" };

  for (guint c = 0; acc_classes[c]; c++) {
    g_autofree gchar *source = acc_cifar_source (o, c, o->quick ? 5 : 100);

    if (source && !measure (source, c, &seen, &wrong, NULL, error))
      return FALSE;
  }
  if (!photographs (o, &photo, &other, error) || !patterns (&drawn, error))
    return FALSE;
  report (&seen, TRUE, 0.15, 0.25);
  report (&wrong, FALSE, 0.1, 0.1);
  report (&photo, TRUE, 0.15, 1.0);
  report (&other, FALSE, 0.1, 0.25);
  report (&drawn, FALSE, 0.1, 0.1);
  return TRUE;
}
