/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/pattern.h"

#include <string.h>
#include "gst-clip/engine/unicode.h"

typedef struct {
  gunichar first, last;
} Range;

/* @text, or a class: @ranges (in order and apart) and named parts, repeated at least @least and at most @most times. */
struct _ClipPattern {
  gchar *text;
  gsize length;
  GArray *ranges;
  gboolean spaces, numbers, negated;
  guint least, most;
};

/* How often a character is looked at in vain, where a text has shorter runs than a class wants. */
#define MAX_REPEAT 64

static ClipPattern *
new_class (void)
{
  ClipPattern *pattern = g_new0 (ClipPattern, 1);

  pattern->ranges = g_array_new (FALSE, FALSE, sizeof (Range));
  pattern->least = pattern->most = 1;
  return pattern;
}

ClipPattern *
clip_pattern_new_text (const gchar *text)
{
  ClipPattern *pattern = g_new0 (ClipPattern, 1);

  pattern->text = g_strdup (text);
  pattern->length = strlen (text);
  return pattern;
}

ClipPattern *
clip_pattern_new_python_spaces (void)
{
  ClipPattern *pattern = new_class ();
  Range separators = { 0x1c, 0x1f };

  pattern->spaces = TRUE;
  g_array_append_val (pattern->ranges, separators);
  pattern->most = G_MAXUINT;
  return pattern;
}

void
clip_pattern_free (ClipPattern *pattern)
{
  if (!pattern)
    return;
  g_free (pattern->text);
  g_clear_pointer (&pattern->ranges, g_array_unref);
  g_free (pattern);
}

/* Parsing ---------------------------------------------------------------- */

static gunichar
next_char (const gchar **p)
{
  gunichar c = g_utf8_get_char (*p);

  *p = g_utf8_next_char (*p);
  return c;
}

/* After a backslash. @c: (out): the character, where it is one */
static gboolean
parse_escape (const gchar **p, ClipPattern *pattern, gunichar *c)
{
  static const gchar names[] = "nrtfv", values[] = "\n\r\t\f\v";
  const gchar *name;

  if (!**p)
    return FALSE;
  *c = next_char (p);
  if (*c >= 0x80 || !g_ascii_isalnum ((gchar)*c))
    return TRUE;
  name = strchr (names, (gchar)*c);
  if (name)
    *c = (guchar)values[name - names];
  else if (*c == 's')
    pattern->spaces = TRUE;
  else if (*c == 'd')
    pattern->numbers = TRUE;
  else
    return FALSE;
  if (!name)
    *c = 0;
  return TRUE;
}

/* One character of the pattern, or a class with a name, for which @c becomes 0. */
static gboolean
parse_char (const gchar **p, ClipPattern *pattern, gunichar *c)
{
  *c = next_char (p);
  return *c != '\\' || parse_escape (p, pattern, c);
}

static void
add_range (ClipPattern *pattern, gunichar first, gunichar last)
{
  Range range = { first, last };

  g_array_append_val (pattern->ranges, range);
}

/* After the bracket that opens it. */
static gboolean
parse_class (const gchar **p, ClipPattern *pattern)
{
  const gchar *start;

  if (**p == '^') {
    pattern->negated = TRUE;
    ++*p;
  }
  for (start = *p; **p && (**p != ']' || *p == start);) {
    gunichar first, last;

    /* [[:alpha:]], [a&&b]: not ours */
    if (**p == '[' || g_str_has_prefix (*p, "&&") || !parse_char (p, pattern, &first))
      return FALSE;
    last = first;
    if (first != 0 && **p == '-' && (*p)[1] && (*p)[1] != ']') {
      ++*p;
      if (!parse_char (p, pattern, &last) || last < first)
        return FALSE;
    }
    if (first != 0)
      add_range (pattern, first, last);
  }
  if (**p != ']')
    return FALSE;
  ++*p;
  return TRUE;
}

static gboolean
parse_repeat (const gchar *p, ClipPattern *pattern)
{
  gchar *end;
  guint64 n;

  if (!*p)
    return TRUE;
  if (g_str_equal (p, "+")) {
    pattern->most = G_MAXUINT;
    return TRUE;
  }
  if (*p != '{' || !g_ascii_isdigit (p[1]))
    return FALSE;
  n = g_ascii_strtoull (p + 1, &end, 10);
  if (n < 1 || n > MAX_REPEAT)
    return FALSE;
  pattern->least = (guint)n;
  pattern->most = *end == ',' ? G_MAXUINT : (guint)n;
  return g_str_equal (end, "}") || g_str_equal (end, ",}");
}

static gint
compare_ranges (gconstpointer a, gconstpointer b)
{
  const Range *x = a, *y = b;

  return x->first < y->first ? -1 : x->first > y->first;
}

/* A file may name any number of them, in any order. */
static void
sort_ranges (GArray *ranges)
{
  Range *range = (Range *)ranges->data;
  guint n = 0;

  g_array_sort (ranges, compare_ranges);
  for (guint i = 1; i < ranges->len; i++) {
    if (range[i].first <= range[n].last)
      range[n].last = MAX (range[n].last, range[i].last);
    else
      range[++n] = range[i];
  }
  g_array_set_size (ranges, MIN (n + 1, ranges->len));
}

ClipPattern *
clip_pattern_new_regex (const gchar *regex)
{
  g_autoptr (ClipPattern) pattern = new_class ();
  const gchar *p = regex;
  gunichar c;

  if (!*p || strchr ("^$.|()?*+{}", *p))
    return NULL;
  if (*p == '[') {
    p++;
    if (!parse_class (&p, pattern))
      return NULL;
  } else if (!parse_char (&p, pattern, &c)) {
    return NULL;
  } else if (c != 0) {
    add_range (pattern, c, c);
  }
  sort_ranges (pattern->ranges);
  return parse_repeat (p, pattern) ? g_steal_pointer (&pattern) : NULL;
}

/* Matching --------------------------------------------------------------- */

static gboolean
in_ranges (const GArray *ranges, gunichar c)
{
  const Range *range = (const Range *)ranges->data;
  guint from = 0, to = ranges->len; /* the last range that begins no later is among these */

  while (to - from > 1) {
    const guint middle = from + (to - from) / 2;

    if (range[middle].first <= c)
      from = middle;
    else
      to = middle;
  }
  return to > from && c >= range[from].first && c <= range[from].last;
}

static gboolean
in_class (const ClipPattern *pattern, gunichar c)
{
  return ((pattern->spaces && clip_unicode_is_space (c))
          || (pattern->numbers && clip_unicode_is_number (c)) || in_ranges (pattern->ranges, c))
         != pattern->negated;
}

gsize
clip_pattern_match (const ClipPattern *pattern, const gchar *text, gsize length)
{
  gsize at = 0;
  guint n = 0;

  if (pattern->text)
    return pattern->length <= length && memcmp (text, pattern->text, pattern->length) == 0
               ? pattern->length
               : 0;
  while (at < length && n < pattern->most) {
    gsize n_bytes;

    if (!in_class (pattern, clip_unicode_decode (text + at, length - at, &n_bytes)))
      break;
    at += n_bytes;
    n++;
  }
  return n >= pattern->least ? at : 0;
}
