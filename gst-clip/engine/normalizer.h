/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/normalizer.h: the steps by which a text is rewritten before it is cut into tokens.
 *
 * Thread: steps are added by one, then applied by any.
 */
#pragma once

#include "gst-clip/engine/charsmap.h"
#include "gst-clip/engine/pattern.h"
#include "gst-clip/engine/prefixes.h"
#include "gst-clip/engine/traced.h"

G_BEGIN_DECLS

typedef struct _ClipNormalizer ClipNormalizer;

ClipNormalizer *clip_normalizer_new (void);
void clip_normalizer_free (ClipNormalizer *normalizer);

/** clip_normalizer_add_*: the next step. Pointers that are not const are taken over. */

/**
 * ..._lowercase:
 * @final_sigma: by Unicode's rule for whole texts, as Python has it (the capital sigma becomes
 *   another letter at the end of a word); else each character on its own
 * @keep: (nullable): strings that stay; borrowed
 */
void clip_normalizer_add_lowercase (ClipNormalizer *normalizer, gboolean final_sigma,
                                    const ClipPrefixes *keep);
/** ..._replace: each match by @content. */
void clip_normalizer_add_replace (ClipNormalizer *normalizer, ClipPattern *pattern,
                                  const gchar *content);
/** ..._strip: what @pattern matches, from the beginning and the end. */
void clip_normalizer_add_strip (ClipNormalizer *normalizer, ClipPattern *pattern, gboolean left,
                                gboolean right);
/** ..._prepend: @content in front of a text that is not empty. */
void clip_normalizer_add_prepend (ClipNormalizer *normalizer, const gchar *content);
/** ..._charsmap: by the table alone. */
void clip_normalizer_add_charsmap (ClipNormalizer *normalizer, ClipCharsmap *map);

/**
 * ClipSpieceRules: sentencepiece's own normaliser (NormalizerSpec of its sentencepiece_model.proto).
 * @map: (nullable)
 * @verbatim: (nullable): user-defined pieces, which stay as they are
 */
typedef struct {
  ClipCharsmap *map;
  ClipPrefixes *verbatim;
  gboolean dummy_prefix, dummy_suffix, remove_extra_spaces, escape_spaces;
} ClipSpieceRules;
void clip_normalizer_add_spiece (ClipNormalizer *normalizer, const ClipSpieceRules *rules);

/** clip_normalizer_add_canonical: what SigLIP does to a text besides lower case: no ASCII
 * punctuation, white space in single blanks and none at the ends. */
void clip_normalizer_add_canonical (ClipNormalizer *normalizer);

/** clip_normalizer_apply: rewrites @text, with @scratch as second memory. Returns: bytes that the steps have
 * written in all. */
gsize clip_normalizer_apply (const ClipNormalizer *normalizer, ClipTraced *text,
                             ClipTraced *scratch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipNormalizer, clip_normalizer_free)

G_END_DECLS
