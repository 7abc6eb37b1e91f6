/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/tokenizer.h: text to token ids, as the tokenizer that was published with a model gives
 * them (no HTML unescaping, no ftfy). Which one a folder has its files say:
 *
 * - CLIP: tokenizer.json whose BPE has the suffix </w>, or vocab.json and merges.txt. Equal to
 *   Hugging Face's CLIPTokenizer: text is composed (NFC) and lower-cased, split into words, and
 *   each word is encoded (engine/bpe.h).
 * - SigLIP: spiece.model. Equal to Hugging Face's SiglipTokenizer: lower case, no punctuation,
 *   then sentencepiece (engine/unigram.h).
 * - any other tokenizer.json with a Unigram model, or with BPE on characters (Gemma's, of
 *   SigLIP 2), by its own rules, and those of the class that tokenizer_config.json or
 *   open_clip_config.json names.
 *
 * Special tokens are recognised in the text as it is.
 * Thread: immutable after opening, may be used from any thread.
 */
#pragma once

#include "gst-clip/engine/source.h"

G_BEGIN_DECLS

typedef struct _ClipTokenizer ClipTokenizer;

/**
 * clip_tokenizer_open: reads the tokenizer, and the special tokens that special_tokens_map.json
 * and tokenizer_config.json name.
 * @vocab: rows of the model's table of tokens; G_MAXUINT32 if there is none
 * @open_clip: whether open_clip_config.json is the model's configuration
 * Errors: CLIP_MODEL_ERROR, naming the file; also an id that the table has no row for.
 */
ClipTokenizer *clip_tokenizer_open (const ClipSource *source, guint32 vocab, gboolean open_clip,
                                    GError **error);
void clip_tokenizer_free (ClipTokenizer *tokenizer);

/** clip_tokenizer_max_id: the highest id that can come out. */
guint32 clip_tokenizer_max_id (const ClipTokenizer *tokenizer);

/** clip_tokenizer_pads: whether texts are padded to the context, and the model sees it. */
gboolean clip_tokenizer_pads (const ClipTokenizer *tokenizer);

/** clip_tokenizer_describe: for people: "BPE on bytes (CLIP), 49408 tokens". (transfer full) */
gchar *clip_tokenizer_describe (const ClipTokenizer *tokenizer);

/**
 * clip_tokenizer_encode: see clip_model_tokenize() for the rest.
 * @context: room in @ids, at least 2. If the tokenizer pads, all of @ids is filled.
 * Returns: number of ids without padding.
 */
guint32 clip_tokenizer_encode (const ClipTokenizer *tokenizer, const gchar *text, gssize length,
                               guint32 context, guint32 *ids, guint32 *n_dropped, gsize *cut_at);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTokenizer, clip_tokenizer_free)

G_END_DECLS
