/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/traced.h: a text that is being rewritten, of which each byte remembers where in the
 * original it comes from, so that a warning can show what of a prompt was cut.
 * Thread: one at a time.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** ClipTraced: @origins: (element-type gsize): for each byte the offset in the original text of
 * the character it comes from. @bytes is valid UTF-8, in which NUL is a character. It does not grow beyond
 * @max, whatever a file's rules say: what would be more is dropped. */
typedef struct {
  GString *bytes;
  GArray *origins;
  gsize max;
} ClipTraced;

/** clip_traced_room: what a text of @length bytes may become. Unicode's compatibility forms are at most
 * eleven times as long. */
gsize clip_traced_room (gsize length);

/** clip_traced_new: empty. @max: see clip_traced_room() */
ClipTraced *clip_traced_new (gsize max);
void clip_traced_free (ClipTraced *traced);
void clip_traced_clear (ClipTraced *traced);

/** clip_traced_append: @length bytes that all come from @origin. */
void clip_traced_append (ClipTraced *traced, const gchar *bytes, gsize length, gsize origin);

/** clip_traced_append_part: bytes @from to @to (exclusive) of another, with their origins. */
void clip_traced_append_part (ClipTraced *traced, const ClipTraced *other, gsize from, gsize to);

/** clip_traced_decode: replaces what is there by @text, @length bytes; each byte that is not
 * UTF-8 becomes U+FFFD. */
void clip_traced_decode (ClipTraced *traced, const gchar *text, gsize length);

/** clip_traced_char: length of the character at @at, in bytes. @at: less than the length */
gsize clip_traced_char (const ClipTraced *traced, gsize at);

/** clip_traced_origin: of the byte @at; @end behind the last one. */
gsize clip_traced_origin (const ClipTraced *traced, gsize at, gsize end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTraced, clip_traced_free)

G_END_DECLS
