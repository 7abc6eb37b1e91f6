/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/charsmap.h"

#include <string.h>
#include "gst-clip/engine/model.h"

/* The longest that Unicode's compatibility forms have is 33 bytes. */
#define MAX_REPLACEMENT 1024

struct _ClipCharsmap {
  guint32 *units;
  gsize n_units;
  gchar *texts; /* ends with a NUL */
  gsize n_bytes;
};

/* darts-clone: bit 31 marks a value, bit 8 that one follows at the offset, bit 9 that the offset
 * counts in 256s. The label of a value has bit 31 and so equals no byte. */
static gboolean
has_leaf (guint32 unit)
{
  return (unit >> 8) & 1;
}

static guint32
offset_of (guint32 unit)
{
  return (unit >> 10) << ((unit & (1U << 9)) >> 6);
}

static guint32
label_of (guint32 unit)
{
  return unit & ((1U << 31) | 0xff);
}

/* Each replacement is UTF-8 and short, so that a text grows by a known factor at most. */
static gboolean
check_texts (const ClipCharsmap *map)
{
  for (gsize at = 0; at < map->n_bytes;) {
    gsize length = strlen (map->texts + at);

    if (length > MAX_REPLACEMENT || !g_utf8_validate (map->texts + at, (gssize)length, NULL))
      return FALSE;
    at += length + 1;
  }
  return TRUE;
}

ClipCharsmap *
clip_charsmap_new (const guint8 *data, gsize size, const gchar *what, GError **error)
{
  g_autoptr (ClipCharsmap) map = g_new0 (ClipCharsmap, 1);
  guint32 trie = 0;

  if (size >= 4) {
    memcpy (&trie, data, 4);
    trie = GUINT32_FROM_LE (trie);
  }
  if (size < 8 || trie > size - 4 || trie < 4 || trie % 4 != 0 || trie == size - 4
      || data[size - 1] != 0)
    goto invalid;
  map->n_units = trie / 4;
  map->units = g_new (guint32, map->n_units);
  memcpy (map->units, data + 4, trie);
  for (gsize i = 0; i < map->n_units; i++)
    map->units[i] = GUINT32_FROM_LE (map->units[i]);
  map->n_bytes = size - 4 - trie;
  map->texts = g_memdup2 (data + 4 + trie, map->n_bytes);
  if (check_texts (map))
    return g_steal_pointer (&map);
invalid:
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
               "%s: the table of characters (precompiled_charsmap) is broken", what);
  return NULL;
}

void
clip_charsmap_free (ClipCharsmap *map)
{
  if (!map)
    return;
  g_free (map->units);
  g_free (map->texts);
  g_free (map);
}

/* The text at @offset, or NULL where there is none, or one that begins within a character. */
static const gchar *
text_at (const ClipCharsmap *map, gsize offset)
{
  if (offset >= map->n_bytes || ((guchar)map->texts[offset] & 0xc0) == 0x80)
    return NULL;
  return map->texts + offset;
}

gsize
clip_charsmap_match (const ClipCharsmap *map, const gchar *text, gsize length,
                     const gchar **replacement)
{
  gsize node = offset_of (map->units[0]), longest = 0;

  for (gsize i = 0; i < length; i++) {
    const gchar *found = NULL;
    guint32 unit;

    node ^= (guchar)text[i];
    if (node >= map->n_units)
      break;
    unit = map->units[node];
    if (label_of (unit) != (guchar)text[i])
      break;
    node ^= offset_of (unit);
    if (node >= map->n_units)
      break;
    if (has_leaf (unit))
      found = text_at (map, map->units[node] & ~(1U << 31));
    if (found) {
      longest = i + 1;
      *replacement = found;
    }
  }
  return longest;
}
