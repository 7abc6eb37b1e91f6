/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/common/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

struct _BenchReport {
  FILE *json; /* nullable */
  FILE *text;
  GString *context; /* what every line has */
  GString *line;
  gchar *title;
};

static void
append_string (GString *json, const gchar *key, const gchar *value)
{
  g_string_append_printf (json, ",\"%s\":\"", key);
  for (const guchar *c = (const guchar *)value; *c; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_printf (json, "\\%c", *c);
    else if (*c < 0x20)
      g_string_append_printf (json, "\\u%04x", *c);
    else
      g_string_append_c (json, (gchar)*c);
  }
  g_string_append_c (json, '"');
}

static void
append_value (GString *json, gdouble value)
{
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];

  if (isfinite (value))
    g_string_append (json, g_ascii_formatd (text, sizeof text, "%.6g", value));
  else
    g_string_append (json, "null");
}

/* The processor's name as the kernel knows it, else the architecture. (transfer full) */
static gchar *
cpu_name (const struct utsname *os)
{
  g_autofree gchar *text = NULL;
  const gchar *name = NULL;

  if (g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    name = strstr (text, "model name");
  name = name ? strchr (name, ':') : NULL;
  if (!name)
    return g_strdup (os->machine);
  return g_strstrip (g_strndup (name + 1, strcspn (name + 1, "\n")));
}

static void
fill_context (BenchReport *r, const ClipGpuInfo *device)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree gchar *time = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  struct utsname os;
  uname (&os);
  g_autofree gchar *cpu = cpu_name (&os);
  g_autofree gchar *release = g_strconcat (os.sysname, " ", os.release, NULL);

  append_string (r->context, "time", time);
  append_string (r->context, "version", BENCH_VERSION);
  append_string (r->context, "cpu", cpu);
  g_string_append_printf (r->context, ",\"threads\":%u", g_get_num_processors ());
  append_string (r->context, "os", release);
  if (device) {
    append_string (r->context, "device", device->name);
    append_string (r->context, "driver", device->driver);
    append_string (r->context, "device_type", device->is_cpu ? "cpu" : "gpu");
    r->title = g_strdup_printf ("%s, %s; %s, %u threads", device->name, device->driver, cpu,
                                g_get_num_processors ());
  } else {
    r->title = g_strdup_printf ("%s, %u threads", cpu, g_get_num_processors ());
  }
}

BenchReport *
bench_report_new (const gchar *path, const ClipGpuInfo *device, GError **error)
{
  g_autoptr (BenchReport) r = g_new0 (BenchReport, 1);

  r->text = stdout;
  if (path && strcmp (path, "-") == 0) {
    r->json = stdout;
    r->text = stderr;
  } else if (path && !(r->json = fopen (path, "a"))) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", path,
                 g_strerror (errno));
    return NULL;
  }
  r->context = g_string_new (NULL);
  r->line = g_string_new (NULL);
  fill_context (r, device);
  return g_steal_pointer (&r);
}

void
bench_report_free (BenchReport *r)
{
  if (!r)
    return;
  if (r->json && r->json != stdout)
    fclose (r->json);
  if (r->context)
    g_string_free (r->context, TRUE);
  if (r->line)
    g_string_free (r->line, TRUE);
  g_free (r->title);
  g_free (r);
}

void
bench_print (BenchReport *r, const gchar *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  vfprintf (r->text, format, arguments);
  va_end (arguments);
  fflush (r->text);
}

void
bench_print_device (BenchReport *r)
{
  bench_print (r, "%s\n", r->title);
}

void
bench_line_begin (BenchReport *r, const gchar *bench)
{
  g_string_printf (r->line, "{\"bench\":\"%s\"%s", bench, r->context->str);
}

void
bench_line_string (BenchReport *r, const gchar *key, const gchar *value)
{
  append_string (r->line, key, value);
}

void
bench_line_number (BenchReport *r, const gchar *key, gdouble value)
{
  g_string_append_printf (r->line, ",\"%s\":", key);
  append_value (r->line, value);
}

void
bench_line_spread (BenchReport *r, const gchar *key, BenchSpread spread, gdouble unit)
{
  const gdouble values[] = { spread.min, spread.median, spread.max };

  if (spread.n == 0)
    return;
  g_string_append_printf (r->line, ",\"%s\":", key);
  for (guint i = 0; i < 3; i++) {
    g_string_append_c (r->line, i ? ',' : '[');
    append_value (r->line, values[i] * unit);
  }
  g_string_append_c (r->line, ']');
}

void
bench_line_end (BenchReport *r)
{
  if (!r->json)
    return;
  fprintf (r->json, "%s}\n", r->line->str);
  fflush (r->json);
}
