/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/unicode.h"

#include <stdlib.h>
#include <string.h>
#include "gst-clip/engine/unicode_tables.h"

/* Below this no character is changed by composition, nor joined to the one before it. */
#define FIRST_COMPOSING 0x300

/* Characters that are composed at a time. No script needs more marks on a letter, and GLib
 * takes quadratic time to order them. */
#define MAX_CLUSTER 128

#define REPLACEMENT 0xfffd

static int
compare_range (const void *key, const void *element)
{
  gunichar c = *(const gunichar *)key;
  const ClipUnicodeRange *range = element;

  return c < range->first ? -1 : c > range->last;
}

static gboolean
in_ranges (gunichar c, const ClipUnicodeRange *ranges, gsize n)
{
  return bsearch (&c, ranges, n, sizeof *ranges, compare_range) != NULL;
}

gboolean
clip_unicode_is_letter (gunichar c)
{
  if (c < 0x80)
    return g_ascii_isalpha ((gchar)c);
  return in_ranges (c, clip_unicode_letters, G_N_ELEMENTS (clip_unicode_letters));
}

gboolean
clip_unicode_is_number (gunichar c)
{
  if (c < 0x80)
    return g_ascii_isdigit ((gchar)c);
  return in_ranges (c, clip_unicode_numbers, G_N_ELEMENTS (clip_unicode_numbers));
}

gboolean
clip_unicode_is_space (gunichar c)
{
  return in_ranges (c, clip_unicode_spaces, G_N_ELEMENTS (clip_unicode_spaces));
}

gboolean
clip_unicode_is_cased (gunichar c)
{
  return in_ranges (c, clip_unicode_cased, G_N_ELEMENTS (clip_unicode_cased));
}

gboolean
clip_unicode_is_case_ignorable (gunichar c)
{
  return in_ranges (c, clip_unicode_case_ignorable, G_N_ELEMENTS (clip_unicode_case_ignorable));
}

static int
compare_lower (const void *key, const void *element)
{
  gunichar c = *(const gunichar *)key;
  const ClipUnicodeLower *run = element;

  return c < run->first ? -1 : c > run->last;
}

static gunichar
to_lower (gunichar c)
{
  const ClipUnicodeLower *run;

  if (c < 0x80)
    return (gunichar)(guchar)g_ascii_tolower ((gchar)c);
  run = bsearch (&c, clip_unicode_lower, G_N_ELEMENTS (clip_unicode_lower),
                 sizeof *clip_unicode_lower, compare_lower);
  if (!run || (c - run->first) % run->step != 0)
    return c;
  return (gunichar)((gint64)c + run->delta);
}

guint
clip_unicode_to_lower (gunichar c, gunichar lower[2])
{
  if (c == 0x130) {
    lower[0] = 'i';
    lower[1] = 0x307;
    return 2;
  }
  lower[0] = to_lower (c);
  return 1;
}

static void
append_lower (GArray *chars, gunichar c, gsize offset)
{
  gunichar lower[2];
  guint n = clip_unicode_to_lower (c, lower);

  for (guint i = 0; i < n; i++) {
    ClipChar item = { lower[i], offset };
    g_array_append_val (chars, item);
  }
}

gunichar
clip_unicode_decode (const gchar *text, gsize length, gsize *n_bytes)
{
  gunichar c;

  *n_bytes = 1;
  if ((guchar)*text < 0x80)
    return (guchar)*text;
  /* 6: the longest that the function looks at; its length is signed. */
  c = g_utf8_get_char_validated (text, (gssize)MIN (length, 6));
  if (c == (gunichar)-1 || c == (gunichar)-2)
    return REPLACEMENT;
  *n_bytes = (gsize)g_unichar_to_utf8 (c, NULL);
  return c;
}

/* Whether @c may be joined to what is before it, or change its order. */
static gboolean
is_mark (gunichar c)
{
  return c >= FIRST_COMPOSING
         && in_ranges (c, clip_unicode_marks, G_N_ELEMENTS (clip_unicode_marks));
}

static gboolean
is_changing (gunichar c)
{
  return c >= FIRST_COMPOSING
         && in_ranges (c, clip_unicode_changing, G_N_ELEMENTS (clip_unicode_changing));
}

/* Whether @c has nothing to do with composition, as our tables know it, though GLib may think
 * otherwise of a mark that is newer than they are. NUL: GLib composes C strings. */
static gboolean
stands_alone (gunichar c)
{
  return c == 0 || (c >= FIRST_COMPOSING && g_unichar_combining_class (c) != 0 && !is_mark (c));
}

typedef struct {
  ClipChar chars[MAX_CLUSTER];
  guint n;
} Cluster;

/* Composes a starter and what continues it. If that changes anything, all of the result
 * comes from where the cluster begins. */
static void
flush (Cluster *cluster, GArray *chars)
{
  gchar text[MAX_CLUSTER * 6 + 1];
  g_autofree gchar *composed = NULL;
  gsize n = 0;

  if (cluster->n == 0)
    return;
  for (guint i = 0; i < cluster->n; i++)
    n += (gsize)g_unichar_to_utf8 (cluster->chars[i].c, text + n);
  text[n] = '\0';
  if (cluster->n > 1 || is_changing (cluster->chars[0].c))
    composed = g_utf8_normalize (text, (gssize)n, G_NORMALIZE_NFC);
  if (!composed || g_str_equal (composed, text)) {
    for (guint i = 0; i < cluster->n; i++)
      append_lower (chars, cluster->chars[i].c, cluster->chars[i].offset);
  } else {
    for (const gchar *p = composed; *p; p = g_utf8_next_char (p))
      append_lower (chars, g_utf8_get_char (p), cluster->chars[0].offset);
  }
  cluster->n = 0;
}

void
clip_unicode_fold (const gchar *text, gsize length, gsize offset, GArray *chars)
{
  Cluster cluster = { .n = 0 };
  gsize n_bytes;

  for (gsize at = 0; at < length; at += n_bytes) {
    gunichar c = clip_unicode_decode (text + at, length - at, &n_bytes);

    if (!is_mark (c) || cluster.n == MAX_CLUSTER)
      flush (&cluster, chars);
    if (stands_alone (c))
      append_lower (chars, c, offset + at);
    else
      cluster.chars[cluster.n++] = (ClipChar){ c, offset + at };
  }
  flush (&cluster, chars);
}
