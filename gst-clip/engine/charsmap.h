/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/charsmap.h: sentencepiece's precompiled_charsmap: which characters become which others,
 * as nmt_nfkc and its like do it.
 *
 * Layout (sentencepiece, src/normalizer.cc): a little-endian uint32 size of a trie; the trie, a
 * double array of darts-clone: units of 32 bits; the replacements, each ended by a NUL. Of the
 * strings in the trie that the text begins with the longest counts.
 * Thread: immutable.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ClipCharsmap ClipCharsmap;

/** clip_charsmap_new: @what: the file, for the message. Errors: CLIP_MODEL_ERROR_INVALID. */
ClipCharsmap *clip_charsmap_new (const guint8 *data, gsize size, const gchar *what, GError **error);
void clip_charsmap_free (ClipCharsmap *map);

/**
 * clip_charsmap_match: @replacement: (out): valid UTF-8, perhaps empty; borrowed from the map
 * Returns: bytes of @text that it replaces, 0 if no rule applies.
 */
gsize clip_charsmap_match (const ClipCharsmap *map, const gchar *text, gsize length,
                           const gchar **replacement);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipCharsmap, clip_charsmap_free)

G_END_DECLS
