/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/spiece.h: sentencepiece's model files (spiece.model, sentencepiece.model): a protobuf
 * message ModelProto (sentencepiece_model.proto), of which this reads what encoding needs.
 */
#pragma once

#include "gst-clip/engine/normalizer.h"
#include "gst-clip/engine/source.h"
#include "gst-clip/engine/unigram.h"

G_BEGIN_DECLS

/**
 * ClipSpiece:
 * @unigram: sealed
 * @rules: its pointers are owned
 * @unknown: id of the unknown piece
 */
typedef struct {
  ClipUnigram *unigram;
  ClipSpieceRules rules;
  guint32 unknown;
} ClipSpiece;

/** clip_spiece_load: @spiece: zero-filled. Errors: CLIP_MODEL_ERROR, naming the file; another kind
 * of model than unigram is UNSUPPORTED. */
gboolean clip_spiece_load (ClipSpiece *spiece, const ClipSource *source, const gchar *name,
                           GError **error);

/** clip_spiece_clear: frees what is left in it. */
void clip_spiece_clear (ClipSpiece *spiece);

G_END_DECLS
