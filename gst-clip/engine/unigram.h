/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/unigram.h: sentencepiece's unigram model: of all ways to cut a text into pieces of the
 * vocabulary, the one with the highest sum of scores (Viterbi; Kudo 2018, arXiv:1804.10959).
 *
 * A character that is no piece costs 10 more than the worst piece and becomes the unknown piece,
 * or its bytes where the model falls back on bytes; neighbouring unknown ones are one token.
 * Thread: filled and sealed by one, then read by any.
 */
#pragma once

#include "gst-clip/engine/bpe.h"

G_BEGIN_DECLS

typedef struct _ClipUnigram ClipUnigram;

/**
 * ClipPieceKind:
 * @NORMAL: found by its score
 * @USER: always taken where it is found
 * @UNUSED: has an id, is never found
 * @RESERVED: control and unknown pieces: have an id and are not part of any text
 * @BYTE: "<0x41>"
 */
typedef enum {
  CLIP_PIECE_NORMAL,
  CLIP_PIECE_USER,
  CLIP_PIECE_UNUSED,
  CLIP_PIECE_RESERVED,
  CLIP_PIECE_BYTE,
} ClipPieceKind;

/** clip_unigram_new: @single: sums of scores have the precision of a float, as sentencepiece has
 * them; else that of a double, as the tokenizers library has them. */
ClipUnigram *clip_unigram_new (gboolean single);
void clip_unigram_free (ClipUnigram *unigram);

/** clip_unigram_add: the next piece: ids count from 0. @text: not empty; @score: finite */
void clip_unigram_add (ClipUnigram *unigram, const gchar *text, gdouble score, ClipPieceKind kind);

/**
 * clip_unigram_seal: call after the last piece.
 * @unknown: its id
 * @byte_fallback: whether bytes stand for a character that is no piece; needs all 256 byte pieces
 * Returns: FALSE if a piece is there twice, a byte is missing or @unknown is out of range.
 */
gboolean clip_unigram_seal (ClipUnigram *unigram, guint32 unknown, gboolean byte_fallback);

/** clip_unigram_size: pieces; ids are below. */
guint32 clip_unigram_size (const ClipUnigram *unigram);

/** clip_unigram_id: that of the piece, of whatever kind; -1 if there is none. */
gint64 clip_unigram_id (const ClipUnigram *unigram, const gchar *text);

/**
 * clip_unigram_encode: appends the tokens of @text.
 * @text: valid UTF-8
 * @tokens: (element-type ClipBpeToken)
 */
void clip_unigram_encode (const ClipUnigram *unigram, const gchar *text, gsize length,
                          GArray *tokens);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipUnigram, clip_unigram_free)

G_END_DECLS
