/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/prefixes.h: a set of strings that finds those which a text begins with.
 *
 * A sorted array: strings with a common beginning are neighbours, so that each further byte of
 * the text narrows a range. Thread: filled and sealed by one, then read by any.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ClipPrefixes ClipPrefixes;

ClipPrefixes *clip_prefixes_new (void);
void clip_prefixes_free (ClipPrefixes *prefixes);

/** clip_prefixes_add: @text: copied, not empty. @value: what finding it gives */
void clip_prefixes_add (ClipPrefixes *prefixes, const gchar *text, gsize length, guint32 value);

/** clip_prefixes_seal: sorts; call once, after the last and before the first search. Of equal
 * strings the one added first stays. Returns: how many strings there are. */
guint clip_prefixes_seal (ClipPrefixes *prefixes);

/** ClipPrefixWalk: where a search stands. Zero-fill it first. */
typedef struct {
  guint low, high, depth;
} ClipPrefixWalk;

/**
 * clip_prefixes_step: takes one byte of the text.
 * @value: (out): that of the string which is complete with this byte, or -1
 * Returns: FALSE if no string begins like this; the search is over then.
 */
gboolean clip_prefixes_step (const ClipPrefixes *prefixes, ClipPrefixWalk *walk, guchar byte,
                             gint64 *value);

/** clip_prefixes_longest: the length of the longest string that @text begins with, 0 if there is
 * none. @value: (out) (optional) */
gsize clip_prefixes_longest (const ClipPrefixes *prefixes, const gchar *text, gsize length,
                             guint32 *value);

/** clip_prefixes_find: the value of the string that is all of @text, or -1. */
gint64 clip_prefixes_find (const ClipPrefixes *prefixes, const gchar *text, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipPrefixes, clip_prefixes_free)

G_END_DECLS
