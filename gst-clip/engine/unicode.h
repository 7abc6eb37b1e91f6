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
