/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The scan in front of json-glib, see json.h. A recursive descent whose depth is bounded,
 * which keeps nothing but the keys of the objects it is in.
 */
#include "gst-clip/engine/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "gst-clip/engine/model.h"

/* No number that a model needs is written with more characters. */
#define MAX_NUMBER_LENGTH 127

typedef struct {
  const gchar *start, *p, *end;
  const gchar *what;
  guint depth;
  guint64 n_values;
  GString *string; /* the last string, unescaped */
  /* Wanted: where the members @keys of the root's member @object are. */
  const gchar *object;
  const gchar *const *keys;
  ClipJsonSpan *spans;
  gboolean inside; /* that object */
} Scan;

static gboolean scan_value (Scan *s, GError **error);

static gboolean
fail (const Scan *s, const gchar *message, GError **error)
{
  guint line = 1;

  for (const gchar *p = s->start; p < s->p; p++)
    line += *p == '\n';
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
               "%s: not usable JSON: %s at byte %" G_GSIZE_FORMAT ", line %u", s->what, message,
               (gsize)(s->p - s->start), line);
  return FALSE;
}

static void
skip_space (Scan *s)
{
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
    s->p++;
}

/* Skips white space, then @c if it comes next. */
static gboolean
accept (Scan *s, gchar c)
{
  skip_space (s);
  if (s->p == s->end || *s->p != c)
    return FALSE;
  s->p++;
  return TRUE;
}

/* Four hexadecimal digits, or -1. */
static gint
scan_hex4 (Scan *s)
{
  gint value = 0;

  if (s->end - s->p < 4)
    return -1;
  for (guint i = 0; i < 4; i++) {
    gint digit = g_ascii_xdigit_value (s->p[i]);
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  s->p += 4;
  return value;
}

/* After "\u". */
static gboolean
scan_unicode_escape (Scan *s, GError **error)
{
  gint unit = scan_hex4 (s), low;

  if (unit < 0)
    return fail (s, "a broken \\u escape", error);
  if (unit == 0)
    return fail (s, "a NUL character in a string", error);
  if (unit < 0xd800 || unit > 0xdfff) {
    g_string_append_unichar (s->string, (gunichar)unit);
    return TRUE;
  }
  if (unit > 0xdbff || s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
    return fail (s, "half of a surrogate pair", error);
  s->p += 2;
  low = scan_hex4 (s);
  if (low < 0xdc00 || low > 0xdfff)
    return fail (s, "half of a surrogate pair", error);
  g_string_append_unichar (s->string,
                           0x10000 + (((gunichar)unit - 0xd800) << 10) + ((gunichar)low - 0xdc00));
  return TRUE;
}

static gboolean
scan_escape (Scan *s, GError **error)
{
  static const gchar from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const gchar *place;

  if (s->p == s->end)
    return fail (s, "the end within a string", error);
  if (*s->p == 'u') {
    s->p++;
    return scan_unicode_escape (s, error);
  }
  place = *s->p ? strchr (from, *s->p) : NULL;
  if (!place)
    return fail (s, "an unknown escape", error);
  g_string_append_c (s->string, to[place - from]);
  s->p++;
  return TRUE;
}

/* After the opening quote. */
static gboolean
scan_string (Scan *s, GError **error)
{
  g_string_truncate (s->string, 0);
  for (;;) {
    const gchar *run = s->p;

    while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (guchar)*s->p >= 0x20)
      s->p++;
    g_string_append_len (s->string, run, s->p - run);
    if (s->p == s->end)
      return fail (s, "the end within a string", error);
    if ((guchar)*s->p < 0x20)
      return fail (s, "a control character in a string", error);
    if (*s->p++ == '"')
      return TRUE;
    if (!scan_escape (s, error))
      return FALSE;
  }
}

static gboolean
scan_digits (Scan *s)
{
  const gchar *first = s->p;

  while (s->p < s->end && g_ascii_isdigit (*s->p))
    s->p++;
  return s->p > first;
}

static gboolean
integer_fits (const gchar *digits, const gchar *end)
{
  guint64 value = 0;

  for (; digits < end; digits++) {
    value = value * 10 + (guint64)(*digits - '0');
    if (value > CLIP_JSON_MAX_INTEGER)
      return FALSE;
  }
  return TRUE;
}

static gboolean
scan_number (Scan *s, GError **error)
{
  const gchar *first = s->p, *digits;
  gchar copy[MAX_NUMBER_LENGTH + 1];
  gboolean integer = TRUE;

  if (*s->p == '-')
    s->p++;
  digits = s->p;
  if (!scan_digits (s) || (*digits == '0' && s->p - digits > 1))
    return fail (s, "an unexpected character", error);
  if (s->p < s->end && *s->p == '.') {
    s->p++;
    integer = FALSE;
    if (!scan_digits (s))
      return fail (s, "a broken number", error);
  }
  if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
    s->p++;
    integer = FALSE;
    if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
      s->p++;
    if (!scan_digits (s))
      return fail (s, "a broken number", error);
  }
  if (s->p - first > MAX_NUMBER_LENGTH)
    return fail (s, "a number of too many digits", error);
  if (integer)
    return integer_fits (digits, s->p) || fail (s, "an integer beyond 2^53", error);
  memcpy (copy, first, (gsize)(s->p - first));
  copy[s->p - first] = '\0';
  return isfinite (g_ascii_strtod (copy, NULL)) || fail (s, "a number out of range", error);
}

/* The value of the member whose key was read last. */
static gboolean
scan_member (Scan *s, GError **error)
{
  gboolean enters = s->object && s->depth == 1 && g_str_equal (s->string->str, s->object);
  ClipJsonSpan *span = NULL;

  for (guint i = 0; s->inside && s->depth == 2 && s->keys[i] && !span; i++) {
    if (g_str_equal (s->string->str, s->keys[i]))
      span = &s->spans[i];
  }
  if (enters)
    s->inside = TRUE;
  skip_space (s);
  if (span)
    span->begin = s->p;
  if (!scan_value (s, error))
    return FALSE;
  if (span)
    span->end = s->p;
  if (enters)
    s->inside = FALSE;
  return TRUE;
}

static gboolean
scan_members (Scan *s, GHashTable *keys, GError **error)
{
  if (accept (s, '}'))
    return TRUE;
  do {
    if (!accept (s, '"'))
      return fail (s, "a key was expected", error);
    if (!scan_string (s, error))
      return FALSE;
    if (!g_hash_table_add (keys, g_strdup (s->string->str))) {
      g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                   "%s: not usable JSON: \"%.200s\" is given twice", s->what, s->string->str);
      return FALSE;
    }
    if (!accept (s, ':'))
      return fail (s, "a ':' was expected", error);
    if (!scan_member (s, error))
      return FALSE;
  } while (accept (s, ','));
  return accept (s, '}') || fail (s, "a ',' or '}' was expected", error);
}

static gboolean
scan_object (Scan *s, GError **error)
{
  g_autoptr (GHashTable) keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  return scan_members (s, keys, error);
}

static gboolean
scan_array (Scan *s, GError **error)
{
  if (accept (s, ']'))
    return TRUE;
  do {
    if (!scan_value (s, error))
      return FALSE;
  } while (accept (s, ','));
  return accept (s, ']') || fail (s, "a ',' or ']' was expected", error);
}

static gboolean
scan_nested (Scan *s, gboolean (*scan) (Scan *, GError **), GError **error)
{
  gboolean ok;

  if (s->depth == CLIP_JSON_MAX_DEPTH)
    return fail (s, "nesting too deep", error);
  s->depth++;
  ok = scan (s, error);
  s->depth--;
  return ok;
}

static gboolean
scan_word (Scan *s, GError **error)
{
  static const gchar *const words[] = { "true", "false", "null" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    gsize length = strlen (words[i]);
    if ((gsize)(s->end - s->p) >= length && memcmp (s->p, words[i], length) == 0) {
      s->p += length;
      return TRUE;
    }
  }
  return fail (s, "an unexpected character", error);
}

static gboolean
scan_value (Scan *s, GError **error)
{
  if (++s->n_values > CLIP_JSON_MAX_VALUES)
    return fail (s, "too many values", error);
  if (accept (s, '{'))
    return scan_nested (s, scan_object, error);
  if (accept (s, '['))
    return scan_nested (s, scan_array, error);
  if (accept (s, '"'))
    return scan_string (s, error);
  if (s->p == s->end)
    return fail (s, "the end where a value was expected", error);
  if (*s->p == '-' || g_ascii_isdigit (*s->p))
    return scan_number (s, error);
  return scan_word (s, error);
}

static gboolean
scan_text (Scan *s, GError **error)
{
  const gchar *valid_end;
  gboolean ok;

  if (!g_utf8_validate_len (s->start, (gsize)(s->end - s->start), &valid_end)) {
    s->p = valid_end;
    return fail (s, "text that is not UTF-8", error);
  }
  s->string = g_string_new (NULL);
  ok = scan_value (s, error);
  if (ok) {
    skip_space (s);
    if (s->p != s->end)
      ok = fail (s, "more text after the value", error);
  }
  g_string_free (s->string, TRUE);
  return ok;
}

gboolean
clip_json_check (const gchar *text, gsize length, const gchar *what, GError **error)
{
  Scan s = { .start = text, .p = text, .end = text + length, .what = what };

  return scan_text (&s, error);
}

static gint
first_first (gconstpointer a, gconstpointer b)
{
  const ClipJsonSpan *x = a, *y = b;

  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* The text with null in the place of each span. */
static GString *
cut_out (const gchar *text, gsize length, const ClipJsonSpan *spans, guint n)
{
  g_autofree ClipJsonSpan *sorted = g_memdup2 (spans, n * sizeof *spans);
  GString *rest = g_string_new (NULL);
  const gchar *p = text;

  qsort (sorted, n, sizeof *sorted, first_first);
  for (guint i = 0; i < n; i++) {
    if (!sorted[i].begin)
      continue;
    g_string_append_len (rest, p, sorted[i].begin - p);
    g_string_append (rest, "null");
    p = sorted[i].end;
  }
  return g_string_append_len (rest, p, text + length - p);
}

JsonObject *
clip_json_load_without (const gchar *text, gsize length, const gchar *what, const gchar *object,
                        const gchar *const *keys, ClipJsonSpan *spans, GError **error)
{
  Scan s = { .start = text, .p = text, .end = text + length, .what = what };
  guint n = g_strv_length ((gchar **)keys);
  JsonObject *root;
  GString *rest;

  memset (spans, 0, n * sizeof *spans);
  s.object = object;
  s.keys = keys;
  s.spans = spans;
  if (!scan_text (&s, error))
    return NULL;
  rest = cut_out (text, length, spans, n);
  root = clip_json_load (rest->str, rest->len, what, error);
  g_string_free (rest, TRUE);
  return root;
}

/* Reading what was checked ----------------------------------------------- */

void
clip_json_reader_init (ClipJsonReader *reader, ClipJsonSpan span)
{
  *reader = (ClipJsonReader){ .p = span.begin, .end = span.end, .string = g_string_new (NULL) };
}

void
clip_json_reader_clear (ClipJsonReader *reader)
{
  if (reader->string)
    g_string_free (reader->string, TRUE);
  reader->string = NULL;
}

static ClipJsonToken
read_string (ClipJsonReader *reader)
{
  Scan s = { .p = reader->p, .end = reader->end, .string = reader->string };
  gboolean ok = scan_string (&s, NULL);

  g_assert (ok);
  skip_space (&s);
  reader->p = s.p;
  return s.p < s.end && *s.p == ':' ? CLIP_JSON_KEY : CLIP_JSON_STRING;
}

ClipJsonToken
clip_json_reader_next (ClipJsonReader *reader)
{
  static const gchar signs[] = "{}[]";
  const gchar *sign;

  while (reader->p < reader->end && strchr (" \t\r\n,:", *reader->p))
    reader->p++;
  if (reader->p == reader->end)
    return CLIP_JSON_END;
  reader->token.begin = reader->p;
  sign = strchr (signs, *reader->p);
  if (sign) {
    reader->p++;
    return CLIP_JSON_BEGIN_OBJECT + (ClipJsonToken)(sign - signs);
  }
  if (*reader->p == '"') {
    reader->p++;
    return read_string (reader);
  }
  while (reader->p < reader->end && !strchr (" \t\r\n,:}]", *reader->p))
    reader->p++;
  reader->token.end = reader->p;
  return g_ascii_isalpha (*reader->token.begin) ? CLIP_JSON_WORD : CLIP_JSON_NUMBER;
}

gboolean
clip_json_reader_uint (const ClipJsonReader *reader, guint64 *value)
{
  *value = 0;
  for (const gchar *p = reader->token.begin; p < reader->token.end; p++) {
    if (!g_ascii_isdigit (*p))
      return FALSE;
    *value = *value * 10 + (guint64)(*p - '0');
  }
  return TRUE;
}

gdouble
clip_json_reader_double (const ClipJsonReader *reader)
{
  gchar copy[MAX_NUMBER_LENGTH + 1];
  gsize n = (gsize)(reader->token.end - reader->token.begin);

  g_assert (n < sizeof copy);
  memcpy (copy, reader->token.begin, n);
  copy[n] = '\0';
  return g_ascii_strtod (copy, NULL);
}
