/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/accuracy/accuracy.h"

#include <errno.h>
#include <stdio.h>

static FILE *table;
static guint failures, figures;

gboolean
acc_open_report (const gchar *path, GError **error)
{
  if (!path)
    return TRUE;
  table = fopen (path, "w");
  if (table) {
    fputs ("| what | right | of | wanted |\n| --- | --- | --- | --- |\n", table);
    return TRUE;
  }
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", path,
               g_strerror (errno));
  return FALSE;
}

void
acc_report (const gchar *what, guint right, guint total, gdouble least)
{
  const gdouble share = total ? (gdouble)right / total : 0;
  const gboolean ok = total > 0 && (least >= 0 ? share >= least : share <= -least);
  g_autofree gchar *wanted =
      least == 0
          ? g_strdup ("")
          : g_strdup_printf ("%s %.0f %%", least > 0 ? "at least" : "at most", 100 * ABS (least));

  figures++;
  failures += !ok;
  g_print ("%-66s %5.1f %%  of %5u  %s%s\n", what, 100 * share, total, wanted,
           ok ? "" : "  MISSED");
  if (table)
    fprintf (table, "| %s | %.1f %% | %u | %s |\n", what, 100 * share, total, wanted);
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
  if (table && fflush (table))
    g_printerr ("the table could not be written\n");
  return figures;
}
