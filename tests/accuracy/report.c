/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/accuracy/accuracy.h"

#include <errno.h>
#include <stdio.h>

static FILE *table;
static guint figures, failures, goals, reached;

gboolean
acc_open_report (const gchar *path, GError **error)
{
  if (!path)
    return TRUE;
  table = fopen (path, "w");
  if (table) {
    fputs ("| what | share | of | goal |\n| --- | --- | --- | --- |\n", table);
    return TRUE;
  }
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", path,
               g_strerror (errno));
  return FALSE;
}

static gboolean
keeps (gdouble share, gdouble limit, gboolean at_most)
{
  return at_most ? share <= limit : share >= limit;
}

void
acc_report (const gchar *what, guint right, guint total, AccLimit limit)
{
  const gdouble share = total ? (gdouble)right / total : 0;
  const gboolean ok = total > 0 && keeps (share, limit.bound, limit.at_most);
  const gboolean good = total > 0 && keeps (share, limit.goal, limit.at_most);
  g_autofree gchar *goal =
      limit.goal == 0 ? g_strdup ("")
                      : g_strdup_printf ("%s %.0f %%", limit.at_most ? "at most" : "at least",
                                         100 * limit.goal);

  figures++;
  failures += !ok;
  goals += limit.goal != 0;
  reached += limit.goal != 0 && good;
  g_print ("%-66s %5.1f %%  of %5u  %s%s%s\n", what, 100 * share, total, goal,
           good || limit.goal == 0 ? "" : ", not yet", ok ? "" : "  WORSE THAN IT WAS");
  if (table)
    fprintf (table, "| %s | %.1f %% | %u | %s |\n", what, 100 * share, total, goal);
}

void
acc_skip (const gchar *what, const gchar *why)
{
  g_print ("%-66s skipped: %s\n", what, why);
}

void
acc_note (const gchar *format, ...)
{
  va_list args;

  va_start (args, format);
  g_autofree gchar *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_print ("    %s\n", text);
}

guint
acc_failures (void)
{
  return failures;
}

guint
acc_figures (void)
{
  return figures;
}

gboolean
acc_finish (void)
{
  g_print ("%u of %u goals reached, %u figures worse than they were\n", reached, goals, failures);
  return !table || fclose (table) == 0;
}
