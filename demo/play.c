/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pipeline from its words to its end, as any application would play it.
 */
#include <glib-unix.h>
#include <signal.h>
#include <string.h>

#include "demo/demo.h"

static gboolean
on_interrupt (gpointer data)
{
  DemoPlayer *player = data;

  player->interrupted = TRUE;
  g_main_loop_quit (player->loop);
  return G_SOURCE_CONTINUE;
}

void
demo_player_init (DemoPlayer *player)
{
  *player = (DemoPlayer){ .loop = g_main_loop_new (NULL, FALSE) };
  player->held = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_unix_signal_add (SIGINT, on_interrupt, player);
}

static void
stop (GstElement *pipeline)
{
  if (!pipeline)
    return;
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

void
demo_player_clear (DemoPlayer *player)
{
  stop (g_steal_pointer (&player->previous));
  stop (g_steal_pointer (&player->pipeline));
  g_clear_pointer (&player->loop, g_main_loop_unref);
  g_clear_pointer (&player->held, g_hash_table_unref);
  g_clear_pointer (&player->label, g_free);
}

/* (transfer full) (nullable) */
static GstElement *
find_clipfilter (GstElement *pipeline)
{
  g_autoptr (GstIterator) filters =
      gst_bin_iterate_all_by_element_factory_name (GST_BIN (pipeline), "clipfilter");
  g_auto (GValue) item = G_VALUE_INIT;

  if (gst_iterator_next (filters, &item) != GST_ITERATOR_OK)
    return NULL;
  return g_value_dup_object (&item);
}

/* Until @time, the label in force was held. */
static void
hold_until (DemoPlayer *player, guint64 time)
{
  guint64 *held = g_hash_table_lookup (player->held, player->label);

  if (!GST_CLOCK_TIME_IS_VALID (time))
    return;
  if (!held) {
    held = g_new0 (guint64, 1);
    g_hash_table_insert (player->held, g_strdup (player->label), held);
  }
  *held += time - MIN (time, player->since);
  player->since = time;
}

static void
take_result (DemoPlayer *player, const GstStructure *result)
{
  guint64 time = 0;

  gst_structure_get_uint64 (result, "stream-time", &time);
  hold_until (player, time);
  g_free (player->label);
  player->label = g_strdup (gst_structure_get_string (result, "label"));
  player->had_result = TRUE;
  demo_show_result (result);
}

static void
take_problem (GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *detail = NULL;
  const gchar *reason;
  gboolean is_error = GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;

  if (is_error)
    gst_message_parse_error (message, &error, &detail);
  else
    gst_message_parse_warning (message, &error, &detail);
  /* The first line is where in the source it was raised. */
  reason = detail ? strchr (detail, '\n') : NULL;
  demo_show_problem (is_error ? "error" : "warning", error->message, reason ? reason + 1 : NULL);
}

static void
take_progress (GstMessage *message)
{
  g_autofree gchar *text = NULL;
  GstProgressType type;

  gst_message_parse_progress (message, &type, NULL, &text);
  demo_show_progress (type, text);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  DemoPlayer *player = data;

  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ELEMENT:
    if (gst_message_has_name (message, "clipfilter"))
      take_result (player, gst_message_get_structure (message));
    break;
  case GST_MESSAGE_PROGRESS:
    take_progress (message);
    break;
  case GST_MESSAGE_ASYNC_DONE:
    /* This pipeline holds the engine now. */
    stop (g_steal_pointer (&player->previous));
    break;
  case GST_MESSAGE_WARNING:
    take_problem (message);
    break;
  case GST_MESSAGE_ERROR:
    take_problem (message);
    player->failed = TRUE;
    g_main_loop_quit (player->loop);
    break;
  case GST_MESSAGE_EOS:
    g_main_loop_quit (player->loop);
    break;
  default:
    break;
  }
  return G_SOURCE_CONTINUE;
}

/* Messages come when accepted labels change: the last result says how long they stayed, and what
 * was nearest where none was ever accepted. */
static void
take_last_result (DemoPlayer *player)
{
  g_autoptr (GstElement) filter = find_clipfilter (player->pipeline);
  g_autoptr (GstStructure) result = NULL;
  guint64 time = 0, duration = 0;

  if (filter)
    g_object_get (filter, "last-result", &result, NULL);
  if (!result)
    return;
  if (!player->had_result)
    take_result (player, result);
  gst_structure_get_uint64 (result, "stream-time", &time);
  gst_structure_get_uint64 (result, "duration", &duration);
  hold_until (player, time + duration);
}

const gchar *
demo_player_label (DemoPlayer *player)
{
  const gchar *best = "";
  guint64 longest = 0;
  GHashTableIter iter;
  gpointer label, held;

  g_hash_table_iter_init (&iter, player->held);
  while (g_hash_table_iter_next (&iter, &label, &held)) {
    if (*(guint64 *)held > longest) {
      longest = *(guint64 *)held;
      best = label;
    }
  }
  return best;
}

gboolean
demo_player_play (DemoPlayer *player, const gchar **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstBus) bus = NULL;
  guint watch, interrupt;

  player->failed = player->had_result = FALSE;
  player->previous = g_steal_pointer (&player->pipeline);
  g_hash_table_remove_all (player->held);
  g_free (player->label);
  player->label = g_strdup ("");
  player->since = 0;
  demo_show_command (words);
  player->pipeline = gst_parse_launchv (words, &error);
  if (!player->pipeline || error) {
    demo_show_problem ("error", error->message, NULL);
    return FALSE;
  }
  bus = gst_element_get_bus (player->pipeline);
  watch = gst_bus_add_watch (bus, on_message, player);
  interrupt = g_unix_signal_add (SIGINT, on_interrupt, player);
  /* A state change that fails has put its error on the bus. */
  gst_element_set_state (player->pipeline, GST_STATE_PLAYING);
  g_main_loop_run (player->loop);
  g_source_remove (interrupt);
  g_source_remove (watch);
  stop (g_steal_pointer (&player->previous));
  if (!player->failed)
    take_last_result (player);
  return !player->failed && !player->interrupted;
}

gchar *
demo_player_about (DemoPlayer *player)
{
  g_autoptr (GstElement) filter = player->pipeline ? find_clipfilter (player->pipeline) : NULL;
  g_autoptr (GstStructure) stats = NULL;
  g_autofree gchar *model = NULL;

  if (!filter)
    return NULL;
  g_object_get (filter, "stats", &stats, "model", &model, NULL);
  if (!stats || !gst_structure_has_field (stats, "device"))
    return NULL;
  return g_strdup_printf ("%s%s on %s", model ? "model " : "the built-in model",
                          model ? gst_structure_get_string (stats, "model") : "",
                          gst_structure_get_string (stats, "device"));
}
