/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/traced.h"

#include "gst-clip/engine/unicode.h"

/* Short texts may get long prefixes. */
#define ROOM_OF_ANY 4096
#define ROOM_TIMES  16
#define MAX_ROOM    (4 * 1024 * 1024)

gsize
clip_traced_room (gsize length)
{
  return MIN (length, MAX_ROOM / ROOM_TIMES) * ROOM_TIMES + ROOM_OF_ANY;
}

ClipTraced *
clip_traced_new (gsize max)
{
  ClipTraced *traced = g_new0 (ClipTraced, 1);

  traced->bytes = g_string_new (NULL);
  traced->origins = g_array_new (FALSE, FALSE, sizeof (gsize));
  traced->max = max;
  return traced;
}

void
clip_traced_free (ClipTraced *traced)
{
  if (!traced)
    return;
  g_string_free (traced->bytes, TRUE);
  g_array_unref (traced->origins);
  g_free (traced);
}

void
clip_traced_clear (ClipTraced *traced)
{
  g_string_truncate (traced->bytes, 0);
  g_array_set_size (traced->origins, 0);
}

void
clip_traced_append (ClipTraced *traced, const gchar *bytes, gsize length, gsize origin)
{
  if (length > traced->max - traced->bytes->len)
    return;
  g_string_append_len (traced->bytes, bytes, (gssize)length);
  for (gsize i = 0; i < length; i++)
    g_array_append_val (traced->origins, origin);
}

void
clip_traced_append_part (ClipTraced *traced, const ClipTraced *other, gsize from, gsize to)
{
  if (from >= to || to - from > traced->max - traced->bytes->len)
    return;
  g_string_append_len (traced->bytes, other->bytes->str + from, (gssize)(to - from));
  g_array_append_vals (traced->origins, &g_array_index (other->origins, gsize, from),
                       (guint)(to - from));
}

void
clip_traced_decode (ClipTraced *traced, const gchar *text, gsize length)
{
  gsize n_bytes;

  clip_traced_clear (traced);
  for (gsize at = 0; at < length; at += n_bytes) {
    gunichar c = clip_unicode_decode (text + at, length - at, &n_bytes);
    gchar utf8[6];

    clip_traced_append (traced, utf8, (gsize)g_unichar_to_utf8 (c, utf8), at);
  }
}

gsize
clip_traced_char (const ClipTraced *traced, gsize at)
{
  gsize n_bytes;

  clip_unicode_decode (traced->bytes->str + at, traced->bytes->len - at, &n_bytes);
  return n_bytes;
}

gsize
clip_traced_origin (const ClipTraced *traced, gsize at, gsize end)
{
  return at < traced->origins->len ? g_array_index (traced->origins, gsize, at) : end;
}
