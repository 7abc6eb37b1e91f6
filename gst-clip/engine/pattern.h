/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/pattern.h: what a tokenizer's rules look for: a text as it is, or one character class
 * with a repetition, which is all that published tokenizers of this family need of regular
 * expressions. Matching takes time proportional to what is matched, times the logarithm of the ranges.
 * Thread: immutable.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ClipPattern ClipPattern;

/** clip_pattern_new_text: matches @text, which is not empty. */
ClipPattern *clip_pattern_new_text (const gchar *text);

/**
 * clip_pattern_new_regex: a regular expression of this form: one character, \s, \d, \n and
 * their like, or a class in brackets of those and ranges, perhaps negated; then nothing, "+",
 * "{n}" or "{n,}" (n up to 64). Matching is greedy.
 * Returns: NULL if it is of another form.
 */
ClipPattern *clip_pattern_new_regex (const gchar *regex);

/** clip_pattern_new_python_spaces: \s+ as Python understands it: also U+001C to U+001F. */
ClipPattern *clip_pattern_new_python_spaces (void);
void clip_pattern_free (ClipPattern *pattern);

/** clip_pattern_match: bytes that it matches at the start of @text (valid UTF-8), or 0. */
gsize clip_pattern_match (const ClipPattern *pattern, const gchar *text, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipPattern, clip_pattern_free)

G_END_DECLS
