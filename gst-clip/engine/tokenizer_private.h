/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** engine/tokenizer_private.h: shared by tokenizer.c and tokenizer_files.c only. */
#pragma once

#include "gst-clip/engine/bpe.h"
#include "gst-clip/engine/tokenizer.h"

G_BEGIN_DECLS

/** ClipSpecial: a token that is found in the text before it is folded. */
typedef struct {
  gchar *text;
  gsize length;
  guint32 id;
} ClipSpecial;

/** A folder may name at most this many. */
#define CLIP_MAX_SPECIALS 256

/**
 * ClipTokenizer:
 * @specials: ClipSpecial, longest first
 * @special_starts: bytes that one of them begins with
 */
struct _ClipTokenizer {
  ClipBpe *bpe;
  GArray *specials;
  gboolean special_starts[256];
  guint32 start_id, end_id, max_id;
};

/** clip_tokenizer_load: fills an empty tokenizer. */
gboolean clip_tokenizer_load (ClipTokenizer *tokenizer, const ClipSource *source, GError **error);

G_END_DECLS
