/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/bpe.h: byte-pair encoding of one word, on bytes, as CLIP does it, or on characters, as
 * Gemma does it.
 *
 * A word's bytes are its first symbols, the last with "</w>" behind it; then the pair of
 * neighbours with the lowest rank is joined, leftmost first, until no pair is in the list.
 * In the vocabulary a byte is written as a printable character: itself where it is one in
 * Latin-1, else U+0100 and on. Or the first symbols are a word's characters, and the bytes,
 * written as "<0x41>", of those that the vocabulary has not.
 * Thread: filled by one, then read by any.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ClipBpe ClipBpe;

/** Limits that whoever fills one keeps to: tokens, merges, bytes of one token. */
#define CLIP_BPE_MAX_TOKENS      1000000
#define CLIP_BPE_MAX_MERGES      1000000
#define CLIP_BPE_MAX_TOKEN_BYTES 1024

/** ClipBpeToken: @end: where it ends in the word, bytes. */
typedef struct {
  guint32 id;
  gsize end;
} ClipBpeToken;

ClipBpe *clip_bpe_new (void);
void clip_bpe_free (ClipBpe *bpe);

/** clip_bpe_add_token: @text: as written in the vocabulary; of two with one text the last stays. */
void clip_bpe_add_token (ClipBpe *bpe, const gchar *text, guint32 id);

/** clip_bpe_add_merge: the next merge in order of rank, after all tokens. FALSE if the two parts
 * or what they make are not in the vocabulary. */
gboolean clip_bpe_add_merge (ClipBpe *bpe, const gchar *left, const gchar *right);

/** clip_bpe_seal: call after the last token and before the first word. @unknown: id for a byte
 * that the vocabulary lacks, -1 to drop it */
void clip_bpe_seal (ClipBpe *bpe, gint64 unknown);

/**
 * clip_bpe_seal_characters: the same, for words that are made of characters.
 * @unknown: id for a character that has no bytes in the vocabulary either, -1 to drop it;
 *   neighbouring ones are one token if @fuse
 */
void clip_bpe_seal_characters (ClipBpe *bpe, gint64 unknown, gboolean byte_fallback, gboolean fuse);

/** clip_bpe_token_id: -1 if there is none. */
gint64 clip_bpe_token_id (const ClipBpe *bpe, const gchar *text);

/** clip_bpe_max_id: the highest id of the vocabulary; 0 for an empty one. */
guint32 clip_bpe_max_id (const ClipBpe *bpe);

/** ClipBpeScratch: memory that clip_bpe_encode() uses again from word to word. Zero-fill it first. */
typedef struct {
  GArray *symbols, *queue;
} ClipBpeScratch;
void clip_bpe_scratch_clear (ClipBpeScratch *scratch);

/**
 * clip_bpe_encode: appends the tokens of a word.
 * @tokens: (element-type ClipBpeToken)
 * Takes n log n steps for n bytes.
 */
void clip_bpe_encode (const ClipBpe *bpe, ClipBpeScratch *scratch, const gchar *word, gsize length,
                      GArray *tokens);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipBpe, clip_bpe_free)

G_END_DECLS
