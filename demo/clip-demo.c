/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * clip-demo: labels test patterns, colours, shapes and photographs, or a file, a stream or a camera.
 *
 * Every pipeline is printed before it is played, as a line for a terminal.
 */
#include "demo/demo.h"

#include <locale.h>

/* With a model of photographs and no prompts given. */
#define PHOTO_PROMPTS "a person;a dog;a cat;a car;a street;a landscape;food;a screen with text"

static gchar *model, *device, *photos;
static gboolean no_window;
static gchar **arguments;

static const GOptionEntry options[] = {
  { "model", 0, 0, G_OPTION_ARG_FILENAME, &model,
    "a model: its folder, or the name of an installed one", "MODEL" },
  { "device", 0, 0, G_OPTION_ARG_STRING, &device, "part of a Vulkan device's name", "NAME" },
  { "photos", 0, 0, G_OPTION_ARG_FILENAME, &photos,
    "folder with the photographs that the demo knows", "DIR" },
  { "no-window", 0, 0, G_OPTION_ARG_NONE, &no_window, "do not show the video", NULL },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, "[SOURCE [PROMPTS]]" },
  { NULL },
};

static void G_GNUC_PRINTF (2, 3) add (GPtrArray *words, const gchar *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (words, g_strdup_vprintf (format, args));
  va_end (args);
}

static void
add_clipfilter (GPtrArray *words, const gchar *prompts)
{
  add (words, "clipfilter");
  if (model)
    add (words, "model=%s", model);
  if (device)
    add (words, "device=%s", device);
  add (words, "prompts=%s", prompts);
  add (words, "!");
}

/* What came of it so far. */
typedef struct {
  DemoPlayer *player;
  guint n, right;
} Score;

static void
add_words (GPtrArray *words, const gchar *text)
{
  g_auto (GStrv) parts = g_strsplit (text, " ", -1);

  for (guint i = 0; parts[i]; i++)
    add (words, "%s", parts[i]);
}

/* @words: what comes before clipfilter, consumed. Returns: FALSE when it could not be played. */
static gboolean
play_one (Score *score, GPtrArray *words, const gchar *tail, const gchar *prompts,
          const gchar *label)
{
  g_autoptr (GPtrArray) all = words;
  gboolean is_right;

  add (all, "!");
  add_clipfilter (all, prompts);
  add (all, "fakesink");
  if (tail)
    add_words (all, tail);
  g_ptr_array_add (all, NULL);
  if (!demo_player_play (score->player, (const gchar **)all->pdata))
    return FALSE;
  is_right = g_str_equal (demo_player_label (score->player), label);
  demo_show_verdict (is_right, label, demo_player_label (score->player));
  score->right += is_right;
  score->n++;
  return TRUE;
}

static gboolean
play_chapter (Score *score, const DemoChapter *chapter)
{
  g_autofree gchar *prompts = demo_chapter_prompts (chapter);

  demo_show_title (chapter->title);
  demo_show_prompts (prompts);
  for (const DemoPicture *p = chapter->pictures; p->source; p++) {
    GPtrArray *words = g_ptr_array_new_with_free_func (g_free);

    add_words (words, p->source);
    if (!play_one (score, words, p->tail, prompts, p->label))
      return FALSE;
  }
  return TRUE;
}

static gboolean
have_element (const gchar *name)
{
  g_autoptr (GstElementFactory) factory = gst_element_factory_find (name);

  return factory != NULL;
}

/* Those that are in the folder. */
static gboolean
play_photos (Score *score)
{
  if (!have_element ("jpegdec") || !have_element ("pngdec") || !have_element ("imagefreeze")) {
    g_print ("\nPhotographs need the plugins \"jpeg\", \"png\" and \"imagefreeze\" of "
             "gst-plugins-good.\n");
    return TRUE;
  }
  demo_show_title ("Photographs");
  demo_show_prompts (demo_photo_prompts);
  for (const DemoPhoto *p = demo_photos; p->file; p++) {
    g_autofree gchar *path = g_build_filename (photos, p->file, NULL);
    GPtrArray *words;

    if (!g_file_test (path, G_FILE_TEST_EXISTS))
      continue;
    words = g_ptr_array_new_with_free_func (g_free);
    add (words, "filesrc");
    add (words, "location=%s", path);
    add_words (words, "! decodebin ! videoconvert ! imagefreeze num-buffers=5");
    if (!play_one (score, words, NULL, demo_photo_prompts, p->label))
      return FALSE;
  }
  return TRUE;
}

/* Returns: whether at least 80 % were right; the rest is for the eye. */
static gboolean
play_all (DemoPlayer *player)
{
  Score score = { .player = player };
  g_autofree gchar *about = NULL;

  for (const DemoChapter *c = demo_chapters; c->title; c++)
    if (!play_chapter (&score, c))
      return FALSE;
  if (photos && !play_photos (&score))
    return FALSE;
  about = demo_player_about (player);
  g_print ("\n%u of %u right%s%s\n", score.right, score.n, about ? ", " : "", about ? about : "");
  return score.right * 10 >= score.n * 8;
}

/* Returns: FALSE when there is no such file. */
static gboolean
add_source (GPtrArray *words, const gchar *source, GError **error)
{
  g_autofree gchar *uri = NULL;

  if (g_str_has_prefix (source, "/dev/video")) {
    add (words, "v4l2src");
    add (words, "device=%s", source);
  } else {
    if (!gst_uri_is_valid (source)) {
      if (!g_file_test (source, G_FILE_TEST_EXISTS)) {
        g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s: no such file", source);
        return FALSE;
      }
      uri = gst_filename_to_uri (source, error);
      if (!uri)
        return FALSE;
    }
    add (words, "uridecodebin");
    add (words, "uri=%s", uri ? uri : source);
  }
  add (words, "!");
  add (words, "videoconvert");
  add (words, "!");
  return TRUE;
}

static gboolean
play_source (DemoPlayer *player, const gchar *source, const gchar *prompts)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *about = NULL;
  gboolean window = !no_window && (g_getenv ("DISPLAY") || g_getenv ("WAYLAND_DISPLAY"));

  if (!add_source (words, source, &error)) {
    demo_show_problem ("error", error->message, NULL);
    return FALSE;
  }
  if (!model)
    g_print (
        "The built-in model knows ten kinds of animals and vehicles, test patterns, colours and "
        "shapes; --model MODEL names one that knows more (docs/models.md).\n");
  add_clipfilter (words, prompts ? prompts : model ? PHOTO_PROMPTS : demo_photo_prompts);
  if (window) {
    add (words, "videoconvert");
    add (words, "!");
  }
  add (words, window ? "autovideosink" : "fakesink");
  g_ptr_array_add (words, NULL);
  if (!demo_player_play (player, (const gchar **)words->pdata) && !player->interrupted)
    return FALSE;
  about = demo_player_about (player);
  g_print ("\nend%s%s\n", about ? ", " : "", about ? about : "");
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  DemoPlayer player;
  gboolean ok;

  setlocale (LC_CTYPE, ""); /* GLib's help has characters that are not ASCII */
  g_option_context_set_summary (context, "Labels test patterns, colours, shapes and photographs, "
                                         "or SOURCE (a file, a URI or /dev/videoN)\n"
                                         "with PROMPTS (\"a dog;a cat\"). Exits with 1 after an "
                                         "error or when fewer than 80 % are right.");
  g_option_context_add_main_entries (context, options, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("clip-demo: %s; see --help\n", error->message);
    return 2;
  }
  if (arguments && g_strv_length (arguments) > 2) {
    g_printerr ("clip-demo: one source and its prompts, please, not %s too\n", arguments[2]);
    return 2;
  }
  demo_show_init ();
  demo_player_init (&player);
  if (g_getenv ("GST_PLUGIN_PATH"))
    g_print ("To run these yourself:\nexport GST_PLUGIN_PATH=%s\n", g_getenv ("GST_PLUGIN_PATH"));
  ok = arguments ? play_source (&player, arguments[0], arguments[1]) : play_all (&player);
  demo_player_clear (&player);
  g_strfreev (arguments);
  return ok ? 0 : 1;
}
