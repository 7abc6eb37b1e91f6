/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clip-accuracy: how good the built-in model, or another, is in its own world. The figures of
 * gst-clip/models/demo/README.md are its output.
 */
#include "tests/accuracy/accuracy.h"

#include <locale.h>
#include <string.h>

static const struct {
  const gchar *name, *about;
  gboolean (*measure) (const AccOptions *o, GError **error);
} parts[] = {
  { "cifar", "the test pictures of CIFAR-10", acc_cifar },
  { "photos", "photographs at their real sizes", acc_photographs },
  { "patterns", "videotestsrc", acc_patterns },
  { "drawings", "plain colours and shapes", acc_drawings },
  { "none", "none of these", acc_none },
  { "bad", "dark, over-exposed, blurred, noisy pictures", acc_bad_pictures },
};

static AccOptions options;
static gchar *model, *table, *cifar, *data;
static gchar **chosen;

static const GOptionEntry entries[] = {
  { "model", 'm', 0, G_OPTION_ARG_FILENAME, &model,
    "folder of a model, or name of an installed one (default: the built-in one)", "MODEL" },
  { "cifar", 'c', 0, G_OPTION_ARG_FILENAME, &cifar, "folder with test/CLASS/NNNN.jpg", "DIR" },
  { "data", 'd', 0, G_OPTION_ARG_FILENAME, &data, "folder with labels.tsv (path, tab, label)",
    "DIR" },
  { "quick", 'q', 0, G_OPTION_ARG_NONE, &options.quick, "some of the pictures", NULL },
  { "table", 't', 0, G_OPTION_ARG_FILENAME, &table, "write the figures as a table in Markdown",
    "FILE" },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen, NULL, "[PART...]" },
  { NULL }
};

static gboolean
is_chosen (const gchar *name)
{
  return !chosen || g_strv_contains ((const gchar *const *)chosen, name);
}

/* Returns: FALSE with @error where a part has another name than any of ours. */
static gboolean
check_parts (GError **error)
{
  for (guint i = 0; chosen && chosen[i]; i++) {
    guint k = 0;

    while (k < G_N_ELEMENTS (parts) && !g_str_equal (parts[k].name, chosen[i]))
      k++;
    if (k < G_N_ELEMENTS (parts))
      continue;
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "there is no part \"%s\"; see --help", chosen[i]);
    return FALSE;
  }
  return TRUE;
}

static gboolean
run (GError **error)
{
  if (!check_parts (error) || !acc_open_report (table, error) || !acc_open (model, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (is_chosen (parts[i].name) && !parts[i].measure (&options, error))
      return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- how often clipfilter is right");
  g_autoptr (GString) about = g_string_new ("Parts:");
  g_autoptr (GError) error = NULL;
  gboolean ok;

  setlocale (LC_CTYPE, ""); /* GLib's help has characters that are not ASCII */
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    g_string_append_printf (about, "\n  %-9s %s", parts[i].name, parts[i].about);
  g_option_context_set_summary (context, about->str);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  ok = g_option_context_parse (context, &argc, &argv, &error);
  options.cifar = cifar;
  options.data = data;
  ok = ok && run (&error);
  acc_close ();
  if (!ok) {
    g_printerr ("clip-accuracy: %s\n", error->message);
    return 2;
  }
  if (!acc_finish ()) {
    g_printerr ("clip-accuracy: %s: the table could not be written\n", table);
    return 2;
  }
  return acc_figures () == 0 ? 77 : acc_failures () ? 1 : 0;
}
