/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/unicode.h: what the tokenizer needs to know of characters.
 *
 * Classes and lower-casing come from unicode_tables.h, so that token ids do not depend on
 * GLib's version or on the locale. The composed form (NFC) is GLib's. Thread: any.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** clip_unicode_is_letter, _number, _space: the classes \p{L}, \p{N} and \s. */
gboolean clip_unicode_is_letter (gunichar c);
gboolean clip_unicode_is_number (gunichar c);
gboolean clip_unicode_is_space (gunichar c);

/** clip_unicode_is_cased, _is_case_ignorable: Unicode's properties Cased and Case_Ignorable. */
gboolean clip_unicode_is_cased (gunichar c);
gboolean clip_unicode_is_case_ignorable (gunichar c);

/** clip_unicode_to_lower: in lower case: one character, of U+0130 two. Returns: how many. */
guint clip_unicode_to_lower (gunichar c, gunichar lower[2]);

/** clip_unicode_decode: the character at @text; U+FFFD for a byte that is not UTF-8.
 * @length: at least 1
 * @n_bytes: (out): how many it takes */
gunichar clip_unicode_decode (const gchar *text, gsize length, gsize *n_bytes);

/** ClipChar: a character and the byte of the original text where it comes from. */
typedef struct {
  gunichar c;
  gsize offset;
} ClipChar;

/**
 * clip_unicode_fold: appends the characters of a text, composed (NFC) and in lower case.
 * @text, @length: bytes; those that are not UTF-8 become U+FFFD each; NUL is a character
 * @offset: of @text[0] in the original text
 * @chars: (element-type ClipChar)
 * Takes time proportional to @length.
 */
void clip_unicode_fold (const gchar *text, gsize length, gsize offset, GArray *chars);

G_END_DECLS
