/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/tokenizer.h: CLIP's tokenizer: text to token ids, equal to Hugging Face's
 * CLIPTokenizer (no HTML unescaping, no ftfy).
 *
 * Special tokens are recognised in the text as it is; what is between them is composed (NFC)
 * and lower-cased, split into words, and each word is encoded (engine/bpe.h).
 * Thread: immutable after opening, may be used from any thread.
 */
#pragma once

#include "gst-clip/engine/source.h"

G_BEGIN_DECLS

typedef struct _ClipTokenizer ClipTokenizer;

/**
 * clip_tokenizer_open: reads tokenizer.json, or vocab.json and merges.txt, and the special
 * tokens that special_tokens_map.json and tokenizer_config.json name.
 * Errors: CLIP_MODEL_ERROR, naming the file.
 */
ClipTokenizer *clip_tokenizer_open (const ClipSource *source, GError **error);
void clip_tokenizer_free (ClipTokenizer *tokenizer);

/** clip_tokenizer_max_id: the highest id that can come out. */
guint32 clip_tokenizer_max_id (const ClipTokenizer *tokenizer);

/**
 * clip_tokenizer_encode: see clip_model_tokenize() for the rest.
 * @context: room in @ids, at least 2
 */
guint32 clip_tokenizer_encode (const ClipTokenizer *tokenizer, const gchar *text, gssize length,
                               guint32 context, guint32 *ids, guint32 *n_dropped, gsize *cut_at);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTokenizer, clip_tokenizer_free)

G_END_DECLS
