/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What clip-demo prints. On a terminal, progress is one line that the next output replaces.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "demo/demo.h"

#define BAR_CELLS 20

static gboolean terminal, colours, blocks;
static GHashTable *told;       /* progress texts: each once where there is no terminal */
static gchar *shell_prompts;   /* what the shell's $PROMPTS stands for, or NULL */
static gboolean progress_line; /* the cursor is at the end of one */

void
demo_show_init (void)
{
  terminal = isatty (STDOUT_FILENO);
  colours = terminal && !g_getenv ("NO_COLOR") && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
  setlocale (LC_CTYPE, "");
  blocks = terminal && g_get_charset (NULL);
  told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  setvbuf (stdout, NULL, _IOLBF, 0);
}

static const gchar *
style (const gchar *escape)
{
  return colours ? escape : "";
}

#define PLAIN style ("\033[0m")
#define DIM   style ("\033[2m")
#define BOLD  style ("\033[1m")
#define GREEN style ("\033[32m")
#define RED   style ("\033[31m")

static void
clear_progress (void)
{
  if (progress_line)
    g_print ("\r\033[K");
  progress_line = FALSE;
}

/* Double quotes read best; what a shell would expand inside them gets single ones. */
static gchar *
shell_word (const gchar *word)
{
  const gchar *safe = "!%+,-./:=@_";
  const gchar *equals = strchr (word, '=');
  gboolean plain = TRUE;

  for (const gchar *c = word; *c; c++)
    plain = plain && (g_ascii_isalnum (*c) || strchr (safe, *c));
  if (plain)
    return g_strdup (word);
  if (!equals || strpbrk (equals, "\"$`\\!"))
    return g_shell_quote (word);
  return g_strdup_printf ("%.*s=\"%s\"", (int)(equals - word), word, equals + 1);
}

void
demo_show_title (const gchar *title)
{
  clear_progress ();
  g_print ("\n%s%s%s\n", BOLD, title, PLAIN);
}

void
demo_show_prompts (const gchar *prompts)
{
  g_free (shell_prompts);
  shell_prompts = g_strdup_printf ("prompts=%s", prompts);
  g_print ("PROMPTS=\"%s\"\n", prompts);
}

void
demo_show_command (const gchar **words)
{
  GString *line = g_string_new ("gst-launch-1.0 -m");

  for (; *words; words++) {
    g_autofree gchar *word = g_strcmp0 (*words, shell_prompts) == 0
                                 ? g_strdup ("prompts=\"$PROMPTS\"")
                                 : shell_word (*words);

    g_string_append_printf (line, " %s", word);
  }
  clear_progress ();
  g_print ("\n%s%s%s\n", BOLD, line->str, PLAIN);
  g_string_free (line, TRUE);
}

/* Eighths of a cell where they can be shown, whole ones elsewhere. */
static gchar *
bar (gdouble score)
{
  static const gchar *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
  GString *cells = g_string_new (NULL);
  gint filled = (gint)(CLAMP (score, 0.0, 1.0) * BAR_CELLS * 8 + 0.5);
  gint n = 0;

  for (; n < filled / 8; n++)
    g_string_append (cells, blocks ? "█" : "#");
  if (blocks && filled % 8) {
    g_string_append (cells, eighths[filled % 8]);
    n++;
  }
  for (; n < BAR_CELLS; n++)
    g_string_append (cells, blocks ? " " : ".");
  return g_string_free (cells, FALSE);
}

static void
show_label (const gchar *when, const gchar *label, gdouble score, gboolean accepted)
{
  g_autofree gchar *cells = bar (score);

  if (accepted)
    g_print ("%9s  %s%s%s  %.2f  %s\n", when, GREEN, cells, PLAIN, score, label);
  else
    g_print ("%9s  %s%s  %.2f  none of these (nearest: %s)%s\n", when, DIM, cells, score, label,
             PLAIN);
}

void
demo_show_result (const GstStructure *result)
{
  const GValue *labels = gst_structure_get_value (result, "labels");
  const GValue *scores = gst_structure_get_value (result, "scores");
  const GValue *accepted = gst_structure_get_value (result, "accepted");
  g_autofree gchar *when = NULL;
  guint64 time = GST_CLOCK_TIME_NONE;
  guint n = labels ? gst_value_array_get_size (labels) : 0;

  gst_structure_get_uint64 (result, "stream-time", &time);
  when = GST_CLOCK_TIME_IS_VALID (time) ? g_strdup_printf ("%.2f s", time / (gdouble)GST_SECOND)
                                        : g_strdup ("");
  clear_progress ();
  for (guint i = 0; i < n; i++) {
    gboolean is_accepted = g_value_get_boolean (gst_value_array_get_value (accepted, i));

    if (!is_accepted && i > 0)
      break;
    show_label (i == 0 ? when : "", g_value_get_string (gst_value_array_get_value (labels, i)),
                g_value_get_double (gst_value_array_get_value (scores, i)), is_accepted);
  }
}

void
demo_show_progress (GstProgressType type, const gchar *text)
{
  clear_progress ();
  if (type == GST_PROGRESS_TYPE_START || type == GST_PROGRESS_TYPE_CONTINUE) {
    if (terminal) {
      g_print ("%s  %s ...%s", DIM, text, PLAIN);
      fflush (stdout);
      progress_line = TRUE;
    } else if (type == GST_PROGRESS_TYPE_START && g_hash_table_add (told, g_strdup (text))) {
      g_print ("  (%s)\n", text);
    }
  }
}

void
demo_show_problem (const gchar *kind, const gchar *text, const gchar *detail)
{
  clear_progress ();
  g_printerr ("%s%s: %s%s\n", RED, kind, text, PLAIN);
  if (detail)
    g_printerr ("%s  %s%s\n", DIM, detail, PLAIN);
}

void
demo_show_verdict (gboolean right, const gchar *expected, const gchar *got)
{
  if (right)
    g_print ("%9s  %sright%s\n", "", GREEN, PLAIN);
  else
    g_print ("%9s  %swrong: %s, not %s%s\n", "", RED, expected, *got ? got : "none of these",
             PLAIN);
}
