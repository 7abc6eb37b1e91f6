/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/splitter.h: the steps by which a normalised text is cut into words, each of which is
 * encoded on its own ("pre_tokenizer" of a tokenizer.json).
 *
 * Thread: steps are added by one, then applied by any.
 */
#pragma once

#include "gst-clip/engine/pattern.h"
#include "gst-clip/engine/traced.h"

G_BEGIN_DECLS

typedef struct _ClipSplitter ClipSplitter;

/** ClipSplitBehaviour: what becomes of what was matched. A match that follows (for PREVIOUS:
 * precedes the next) another match is a word of its own. */
typedef enum {
  CLIP_SPLIT_REMOVED,
  CLIP_SPLIT_ISOLATED,
  CLIP_SPLIT_MERGED_WITH_PREVIOUS,
  CLIP_SPLIT_MERGED_WITH_NEXT,
} ClipSplitBehaviour;

/** ClipPrependScheme: which words get the replacement in front, if they do not begin with it.
 * FIRST: only one that begins where the text begins. */
typedef enum {
  CLIP_PREPEND_ALWAYS,
  CLIP_PREPEND_FIRST,
  CLIP_PREPEND_NEVER,
} ClipPrependScheme;

ClipSplitter *clip_splitter_new (void);
void clip_splitter_free (ClipSplitter *splitter);

/** clip_splitter_add_split: the next step. @pattern: taken over */
void clip_splitter_add_split (ClipSplitter *splitter, ClipPattern *pattern,
                              ClipSplitBehaviour behaviour);

/** clip_splitter_add_metaspace: the next step: blanks become @replacement, which is put in front;
 * @split: and begins a word. */
void clip_splitter_add_metaspace (ClipSplitter *splitter, const gchar *replacement,
                                  ClipPrependScheme scheme, gboolean split);

/**
 * clip_splitter_apply: rewrites @text, with @scratch as second memory.
 * @ends: (out) (element-type gsize): where each word ends; the next begins there
 */
void clip_splitter_apply (const ClipSplitter *splitter, ClipTraced *text, ClipTraced *scratch,
                          GArray *ends);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipSplitter, clip_splitter_free)

G_END_DECLS
