/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of properties in docs/elements.md equals the element's GParamSpecs. */
#include "tests/element/fake_engine.h"
#include "tests/element/stage.h"

#include "gst-clip/element/gstclipfilter.h"

#include <string.h>

#define HEADING "| Property | Type | Default | Range | Changes | Ctl | Meaning |"

enum { NAME, TYPE, DEFAULT, RANGE, CHANGES, CONTROL, MEANING, N_COLUMNS };

static gboolean
is_ours (GParamSpec *spec)
{
  return spec->owner_type == GST_TYPE_CLIP_FILTER;
}

static gchar *
number (gdouble value)
{
  return g_strdup_printf ("%g", value);
}

static gchar *
enum_nicks (GParamSpecEnum *spec)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < spec->enum_class->n_values; i++)
    g_string_append_printf (out, "%s%s", i ? ", " : "", spec->enum_class->values[i].value_nick);
  return g_string_free (out, FALSE);
}

/* What the first columns have to say about @spec. */
static void
describe_value (GParamSpec *spec, gchar **row)
{
  if (G_IS_PARAM_SPEC_STRING (spec)) {
    row[TYPE] = g_strdup ("string");
    row[DEFAULT] = g_strdup (G_PARAM_SPEC_STRING (spec)->default_value ? "?" : "unset");
    row[RANGE] = g_strdup ("");
  } else if (G_IS_PARAM_SPEC_DOUBLE (spec)) {
    GParamSpecDouble *s = G_PARAM_SPEC_DOUBLE (spec);
    row[TYPE] = g_strdup ("double");
    row[DEFAULT] = number (s->default_value);
    row[RANGE] = g_strdup_printf ("%g to %g", s->minimum, s->maximum);
  } else if (G_IS_PARAM_SPEC_UINT (spec)) {
    GParamSpecUInt *s = G_PARAM_SPEC_UINT (spec);
    row[TYPE] = g_strdup ("uint");
    row[DEFAULT] = number (s->default_value);
    row[RANGE] = g_strdup_printf ("%u to %u", s->minimum, s->maximum);
  } else if (G_IS_PARAM_SPEC_BOOLEAN (spec)) {
    row[TYPE] = g_strdup ("boolean");
    row[DEFAULT] = g_strdup (G_PARAM_SPEC_BOOLEAN (spec)->default_value ? "true" : "false");
    row[RANGE] = g_strdup ("");
  } else if (G_IS_PARAM_SPEC_ENUM (spec)) {
    GParamSpecEnum *s = G_PARAM_SPEC_ENUM (spec);
    row[TYPE] = g_strdup ("enum");
    row[DEFAULT] = g_strdup (g_enum_get_value (s->enum_class, s->default_value)->value_nick);
    row[RANGE] = enum_nicks (s);
  } else {
    row[TYPE] = g_strdup (g_type_name (spec->value_type));
    row[DEFAULT] = g_strdup (strcmp (spec->name, "stats") == 0 ? "" : "unset");
    row[RANGE] = g_strdup ("");
  }
}

static gchar **
describe (GParamSpec *spec)
{
  gchar **row = g_new0 (gchar *, N_COLUMNS);

  row[NAME] = g_strdup_printf ("`%s`", spec->name);
  describe_value (spec, row);
  if (!(spec->flags & G_PARAM_WRITABLE))
    row[CHANGES] = g_strdup ("read only");
  else if (spec->flags & GST_PARAM_MUTABLE_PLAYING || !is_ours (spec)) /* not marked there */
    row[CHANGES] = g_strdup ("PLAYING");
  else if (spec->flags & GST_PARAM_MUTABLE_READY)
    row[CHANGES] = g_strdup ("READY");
  else
    row[CHANGES] = g_strdup ("?");
  row[CONTROL] = g_strdup (spec->flags & GST_PARAM_CONTROLLABLE ? "yes" : "no");
  return row;
}

/* The cells of one line, between its bars; "\|" is no bar. NULL when it is no row. */
static gchar **
split_row (const gchar *line)
{
  g_auto (GStrv) parts = g_regex_split_simple ("(?<!\\\\)\\|", line, 0, 0);

  if (!g_str_has_prefix (line, "| `") || g_strv_length (parts) != N_COLUMNS + 2)
    return NULL;
  gchar **cells = g_new0 (gchar *, N_COLUMNS + 1);
  for (guint i = 0; i < N_COLUMNS; i++)
    cells[i] = g_strdup (g_strstrip (parts[i + 1]));
  return cells;
}

static GHashTable *
read_table (void)
{
  GHashTable *rows =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_strfreev);
  g_autofree gchar *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (DOCS "/elements.md", &text, NULL, &error);
  g_assert_no_error (error);
  const gchar *table = strstr (text, HEADING);
  g_assert_nonnull (table);
  g_auto (GStrv) lines = g_strsplit (table, "\n", -1);
  for (guint i = 2; lines[i] && lines[i][0] == '|'; i++) {
    gchar **cells = split_row (lines[i]);
    if (!cells)
      g_error ("not a row: %s", lines[i]);
    g_hash_table_insert (rows, cells[NAME], cells);
  }
  return rows;
}

static void
test_table (void)
{
  g_autoptr (GHashTable) rows = read_table ();
  g_autoptr (GTypeClass) klass = g_type_class_ref (GST_TYPE_CLIP_FILTER);
  guint n, n_rows = 0;
  g_autofree GParamSpec **specs = g_object_class_list_properties (G_OBJECT_CLASS (klass), &n);

  for (guint i = 0; i < n; i++) {
    if (!is_ours (specs[i]) && specs[i]->owner_type != GST_TYPE_BASE_TRANSFORM)
      continue;
    gchar **want = describe (specs[i]);
    gchar **row = g_hash_table_lookup (rows, want[NAME]);
    if (!row)
      g_error ("docs/elements.md has no row %s", want[NAME]);
    for (guint c = 0; c <= CONTROL; c++)
      if (g_strcmp0 (row[c], want[c]) != 0)
        g_error ("docs/elements.md, %s: \"%s\", but the element has \"%s\"", want[NAME], row[c],
                 want[c]);
    g_assert_cmpstr (row[MEANING], !=, "");
    for (guint c = 0; c < N_COLUMNS; c++)
      g_free (want[c]);
    g_free (want);
    n_rows++;
  }
  g_assert_cmpuint (n_rows, ==, g_hash_table_size (rows));
  g_assert_cmpuint (n_rows, >, 10);
}

/* The defaults are also what a new element says. */
static void
test_defaults (void)
{
  Stage *stage = stage_new ("attach-meta=true");
  guint n;
  g_autofree GParamSpec **specs =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (stage->filter), &n);

  for (guint i = 0; i < n; i++) {
    if (!is_ours (specs[i]) || strcmp (specs[i]->name, "stats") == 0)
      continue;
    GValue value = G_VALUE_INIT;
    g_value_init (&value, specs[i]->value_type);
    g_object_get_property (G_OBJECT (stage->filter), specs[i]->name, &value);
    g_test_message ("%s", specs[i]->name);
    g_assert_true (g_param_value_defaults (specs[i], &value));
    g_value_unset (&value);
  }
  stage_free (stage);
}

/* What is set is read back. */
static void
test_round_trip (void)
{
  static const struct {
    const gchar *name, *value;
  } values[] = {
    { "model", "some/model" },  { "negative-prompts", "a;b" },  { "template", "a {}" },
    { "scoring", "contrast" },  { "threshold", "0.25" },        { "top-k", "7" },
    { "logit-scale", "12.5" },  { "device", "lavapipe" },       { "precision", "fp16" },
    { "mode", "latest" },       { "messages", "every-result" }, { "attach-meta", "false" },
    { "precision", "int8" },    { "smoothing", "500" },         { "hysteresis", "0.125" },
    { "share-group", "doors" },
  };
  Stage *stage = stage_new ("prompts=x");

  for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
    GValue value = G_VALUE_INIT;
    GParamSpec *spec =
        g_object_class_find_property (G_OBJECT_GET_CLASS (stage->filter), values[i].name);
    gst_util_set_object_arg (G_OBJECT (stage->filter), values[i].name, values[i].value);
    g_value_init (&value, spec->value_type);
    g_object_get_property (G_OBJECT (stage->filter), values[i].name, &value);
    g_autofree gchar *text = G_IS_PARAM_SPEC_ENUM (spec)
                                 ? g_strdup (g_enum_get_value (G_PARAM_SPEC_ENUM (spec)->enum_class,
                                                               g_value_get_enum (&value))
                                                 ->value_nick)
                             : G_VALUE_HOLDS_STRING (&value) ? g_value_dup_string (&value)
                                                             : gst_value_serialize (&value);
    g_assert_cmpstr (text, ==, values[i].value);
    g_value_unset (&value);
  }
  stage_free (stage);
}

static void
test_share_group (void)
{
  Stage *stage = stage_new ("prompts=1;2, share-group=doors");

  stage_play (stage);
  stage_wait_prompts (stage, 1);
  g_autofree gchar *group = fake_last_group ();
  g_assert_cmpstr (group, ==, "doors");
  stage_free (stage);
}

static void
note_late (GstDebugCategory *category, GstDebugLevel level, const gchar *file,
           const gchar *function, gint line, GObject *object, GstDebugMessage *message,
           gpointer data)
{
  if (level == GST_LEVEL_WARNING
      && strstr (gst_debug_message_get (message), "takes effect at the next start"))
    g_string_append_printf (data, "%s;", gst_debug_message_get (message));
}

/* What is read at the start and set later is logged, unless it stays the same. */
static void
test_late (void)
{
  Stage *stage = stage_new ("prompts=a, device=x, mode=in-step");
  g_autoptr (GString) logged = g_string_new (NULL);

  gst_debug_set_active (TRUE);
  gst_debug_set_threshold_for_name ("clipfilter", GST_LEVEL_WARNING);
  gst_debug_add_log_function (note_late, logged, NULL);
  g_object_set (stage->filter, "device", "y", "share-group", "a", "mode", 2, NULL);
  stage_play (stage);
  g_object_set (stage->filter, "mode", 1, "device", "y", "threshold", 0.5, NULL);
  gst_buffer_unref (stage_push (stage, 0));
  g_assert_cmpstr (logged->str, ==, "");
  g_object_set (stage->filter, "device", "z", "mode", 2, NULL);
  g_assert_cmpstr (logged->str, ==,
                   "the new value of device takes effect at the next start;"
                   "the new value of mode takes effect at the next start;");
  g_string_truncate (logged, 0);
  gst_element_set_state (stage->filter, GST_STATE_READY);
  g_object_set (stage->filter, "device", "x", "mode", 0, "model", "m", NULL);
  g_assert_cmpstr (logged->str, ==, "");
  gst_debug_remove_log_function (note_late);
  stage_free (stage);
}

int
main (int argc, char **argv)
{
  stage_init (&argc, &argv);
  g_test_add_func ("/properties/table", test_table);
  g_test_add_func ("/properties/defaults", test_defaults);
  g_test_add_func ("/properties/round-trip", test_round_trip);
  g_test_add_func ("/properties/share-group", test_share_group);
  g_test_add_func ("/properties/late", test_late);
  return g_test_run ();
}
