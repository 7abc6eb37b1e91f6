/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same streams in one process and in one each. */
#include "tests/bench/stream_set.h"

#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>

int
streams_child (guint n, guint frames, const gchar *dir)
{
  Streams s = { .n = 0 };
  BenchTimes times = { 0 };
  g_autoptr (GError) error = NULL;
  gchar line[16];

  if (streams_make (&s, n, frames, dir, &error) && streams_preroll (&s, &error)) {
    g_print ("ready\n");
    if (fgets (line, sizeof line, stdin) && streams_play (&s, &times, &error))
      g_print ("%.6f %.6f %.6f %u %u\n", times.cpu, bench_cpu_seconds (), times.wall,
               (guint)s.played, (guint)(s.before + s.played));
  }
  streams_clear (&s);
  if (error)
    g_printerr ("%s\n", error->message);
  return error ? 1 : 0;
}

typedef struct {
  GSubprocess *process;
  GDataInputStream *out;
} Child;

static void
child_free (gpointer data)
{
  Child *c = data;

  if (c->process)
    g_subprocess_force_exit (c->process);
  g_clear_object (&c->out);
  g_clear_object (&c->process);
  g_free (c);
}

static Child *
child_new (const gchar *program, guint n, guint frames, const gchar *dir, GError **error)
{
  Child *c = g_new0 (Child, 1);
  g_autofree gchar *streams = g_strdup_printf ("%u", n);
  g_autofree gchar *count = g_strdup_printf ("%u", frames);
  const gchar *arguments[] = { program, "--child",         streams, "-n",
                               count,   dir ? "-m" : NULL, dir,     NULL };

  c->process = g_subprocess_newv (
      arguments, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, error);
  if (c->process)
    c->out = g_data_input_stream_new (g_subprocess_get_stdout_pipe (c->process));
  return c;
}

static gchar *
read_line (Child *c, GError **error)
{
  gchar *line = g_data_input_stream_read_line (c->out, NULL, NULL, error);

  if (line == NULL && *error == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "a process ended early");
  return line;
}

static gboolean
play_children (GPtrArray *children, StreamProcesses *result, GError **error)
{
  for (guint i = 0; i < children->len; i++) {
    g_autofree gchar *ready = read_line (children->pdata[i], error);

    if (ready == NULL)
      return FALSE;
  }
  for (guint i = 0; i < children->len; i++) {
    Child *c = children->pdata[i];
    GOutputStream *in = g_subprocess_get_stdin_pipe (c->process);

    if (!g_output_stream_write_all (in, "go\n", 3, NULL, NULL, error)
        || !g_output_stream_flush (in, NULL, error))
      return FALSE;
  }
  *result = (StreamProcesses){ 0 };
  for (guint i = 0; i < children->len; i++) {
    g_autofree gchar *line = read_line (children->pdata[i], error);
    gdouble playing = 0, all = 0, wall = 0;
    guint played = 0, frames = 0;

    if (line == NULL)
      return FALSE;
    sscanf (line, "%lf %lf %lf %u %u", &playing, &all, &wall, &played, &frames);
    result->playing += playing;
    result->all += all;
    result->played += played;
    result->frames += frames;
    result->wall = MAX (result->wall, wall);
  }
  return TRUE;
}

gboolean
streams_run_processes (const gchar *program, guint processes, guint n, guint frames,
                       const gchar *dir, StreamProcesses *result, GError **error)
{
  g_autoptr (GPtrArray) children = g_ptr_array_new_with_free_func (child_free);

  for (guint i = 0; i < processes; i++) {
    Child *c = child_new (program, n, frames, dir, error);

    g_ptr_array_add (children, c);
    if (c->process == NULL)
      return FALSE;
  }
  return play_children (children, result, error);
}
