/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/prefixes.h"

#include <string.h>

typedef struct {
  gsize offset; /* in @bytes */
  guint32 length, value, order;
} Entry;

struct _ClipPrefixes {
  GString *bytes;
  GArray *entries;
};

ClipPrefixes *
clip_prefixes_new (void)
{
  ClipPrefixes *prefixes = g_new0 (ClipPrefixes, 1);

  prefixes->bytes = g_string_new (NULL);
  prefixes->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  return prefixes;
}

void
clip_prefixes_free (ClipPrefixes *prefixes)
{
  if (!prefixes)
    return;
  g_string_free (prefixes->bytes, TRUE);
  g_array_unref (prefixes->entries);
  g_free (prefixes);
}

void
clip_prefixes_add (ClipPrefixes *prefixes, const gchar *text, gsize length, guint32 value)
{
  Entry entry = { prefixes->bytes->len, (guint32)length, value, prefixes->entries->len };

  g_string_append_len (prefixes->bytes, text, (gssize)length);
  g_array_append_val (prefixes->entries, entry);
}

static gint
compare_bytes (const gchar *bytes, const Entry *a, const Entry *b)
{
  gint order = memcmp (bytes + a->offset, bytes + b->offset, MIN (a->length, b->length));

  if (order == 0 && a->length != b->length)
    order = a->length < b->length ? -1 : 1;
  return order;
}

static gint
compare_entries (gconstpointer a, gconstpointer b, gpointer bytes)
{
  const Entry *x = a, *y = b;
  gint order = compare_bytes (bytes, x, y);

  if (order == 0)
    order = x->order < y->order ? -1 : x->order > y->order;
  return order;
}

guint
clip_prefixes_seal (ClipPrefixes *prefixes)
{
  Entry *entries = (Entry *)prefixes->entries->data;
  guint n = 0;

  g_array_sort_with_data (prefixes->entries, compare_entries, prefixes->bytes->str);
  for (guint i = 0; i < prefixes->entries->len; i++) {
    if (n == 0 || compare_bytes (prefixes->bytes->str, &entries[n - 1], &entries[i]) != 0)
      entries[n++] = entries[i];
  }
  g_array_set_size (prefixes->entries, n);
  return n;
}

/* The byte of an entry at @depth, as a number; -1 if it ends there. */
static gint
byte_at (const ClipPrefixes *prefixes, guint index, guint depth)
{
  const Entry *entry = &g_array_index (prefixes->entries, Entry, index);

  return depth < entry->length ? (guchar)prefixes->bytes->str[entry->offset + depth] : -1;
}

/* The first entry in [low, high) whose byte at @depth is at least @byte. */
static guint
lower_bound (const ClipPrefixes *prefixes, guint low, guint high, guint depth, gint byte)
{
  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (byte_at (prefixes, middle, depth) < byte)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

gboolean
clip_prefixes_step (const ClipPrefixes *prefixes, ClipPrefixWalk *walk, guchar byte, gint64 *value)
{
  *value = -1;
  if (walk->depth == 0)
    walk->high = prefixes->entries->len;
  walk->low = lower_bound (prefixes, walk->low, walk->high, walk->depth, byte);
  if (walk->low < walk->high && byte_at (prefixes, walk->low, walk->depth) == byte)
    walk->high = lower_bound (prefixes, walk->low, walk->high, walk->depth, byte + 1);
  else
    walk->high = walk->low;
  walk->depth++;
  if (walk->low == walk->high)
    return FALSE;
  if (byte_at (prefixes, walk->low, walk->depth) == -1)
    *value = g_array_index (prefixes->entries, Entry, walk->low).value;
  return TRUE;
}

gsize
clip_prefixes_longest (const ClipPrefixes *prefixes, const gchar *text, gsize length,
                       guint32 *value)
{
  ClipPrefixWalk walk = { 0 };
  gsize longest = 0;
  gint64 found;

  for (gsize i = 0; i < length && clip_prefixes_step (prefixes, &walk, (guchar)text[i], &found);
       i++) {
    if (found < 0)
      continue;
    longest = i + 1;
    if (value)
      *value = (guint32)found;
  }
  return longest;
}

gint64
clip_prefixes_find (const ClipPrefixes *prefixes, const gchar *text, gsize length)
{
  ClipPrefixWalk walk = { 0 };
  gint64 value = -1;

  for (gsize i = 0; i < length; i++) {
    if (!clip_prefixes_step (prefixes, &walk, (guchar)text[i], &value))
      return -1;
  }
  return value;
}
