/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/tokenizer_private.h: shared by the tokenizer*.c files only.
 *
 * tokenizer.c is the frame around two kinds: tokenizer_words.c, which is CLIP's, and
 * tokenizer_sentences.c, which has no words of its own: normaliser, splitter, then a unigram model
 * or BPE on characters. tokenizer_clip.c, tokenizer_json.c and tokenizer_spiece.c read their files.
 */
#pragma once

#include "gst-clip/engine/bpe.h"
#include "gst-clip/engine/json.h"
#include "gst-clip/engine/normalizer.h"
#include "gst-clip/engine/splitter.h"
#include "gst-clip/engine/tokenizer.h"
#include "gst-clip/engine/unigram.h"

G_BEGIN_DECLS

/** ClipSpecial: a token that is found in the text before it is folded. @strip_left, @strip_right:
 * white space beside it belongs to it */
typedef struct {
  gchar *text;
  guint32 id;
  gboolean strip_left, strip_right;
} ClipSpecial;

/** ClipSpecials: some of them. @prefixes: the value is an index of @list */
typedef struct {
  GArray *list;
  ClipPrefixes *prefixes;
} ClipSpecials;

/** A folder may name at most this many. */
#define CLIP_MAX_SPECIALS 8192

/**
 * ClipTokenizer:
 * @open_clip: open_clip_config.json is the model's configuration
 * @specials: found in the text as it is
 * @late_specials: (sentences) found in the normalised text
 * @start_id, @end_id: framing a text; -1: none
 * @pad_id: fills the context; -1: nothing does
 * @end_once: no end token behind one that the text ends with
 * @before, @after: (nullable): (sentences) normalisers of the whole text and of what is between
 *   special tokens
 * @lead: (nullable): what @after puts in front of each part, @n_lead: how many tokens it makes,
 *   which are dropped
 */
struct _ClipTokenizer {
  gboolean sentences, open_clip;
  ClipBpe *bpe;
  ClipUnigram *unigram;
  ClipSpecials specials, late_specials;
  gint64 start_id, end_id, pad_id;
  gboolean end_once;
  guint32 max_id;
  ClipNormalizer *before, *after;
  ClipSplitter *splitter;
  const gchar *lead;
  guint n_lead;
};

/** ClipEncoding: a text on its way: ids go to @ids until @room is used up, then they are only
 * counted. */
typedef struct {
  const ClipTokenizer *tokenizer;
  guint32 *ids;
  guint32 n_ids, room, n_dropped;
  gsize cut_at;
  GArray *tokens; /* ClipBpeToken: of a word */
  ClipBpeScratch scratch;
} ClipEncoding;

/** clip_encoding_emit: @offset: where in the text the token begins */
void clip_encoding_emit (ClipEncoding *enc, guint32 id, gsize offset);

/** clip_encode_words, clip_encode_sentences: a whole text by the rules of one kind. */
void clip_encode_words (ClipEncoding *enc, const gchar *text, gsize length);
void clip_encode_sentences (ClipEncoding *enc, const gchar *text, gsize length);

/** clip_sentence_count: how many tokens @text makes, without special ones. */
guint clip_sentence_count (const ClipTokenizer *tokenizer, const gchar *text);

/* Specials --------------------------------------------------------------- */

void clip_specials_init (ClipSpecials *specials);
void clip_specials_clear (ClipSpecials *specials);

/** clip_specials_add: nothing if it is there already. Errors: too many of them. */
gboolean clip_specials_add (ClipSpecials *specials, const ClipSpecial *special, GError **error);

/** clip_specials_match: the longest that @text begins with. @n_bytes: (out) */
const ClipSpecial *clip_specials_match (const ClipSpecials *specials, const gchar *text,
                                        gsize length, gsize *n_bytes);

/* Files ------------------------------------------------------------------ */

/**
 * ClipTokenNames: what special_tokens_map.json and tokenizer_config.json say. NULL, or empty,
 * where they say nothing.
 * @lower: 1, 0; -1: not said
 */
typedef struct {
  gchar *start, *end, *unknown, *pad, *tokenizer_class;
  GPtrArray *others;
  gint lower;
} ClipTokenNames;

gboolean clip_token_names_load (ClipTokenNames *names, const ClipSource *source, GError **error);
void clip_token_names_clear (ClipTokenNames *names);

/** clip_tokenizer_invalid: sets CLIP_MODEL_ERROR_INVALID, "@what: ...". Returns: FALSE. */
gboolean clip_tokenizer_invalid (const gchar *what, GError **error, const gchar *format, ...)
    G_GNUC_PRINTF (3, 4);

/** clip_tokenizer_load_file: a JSON file. @what: (out): its path, for messages, also on error */
JsonObject *clip_tokenizer_load_file (const ClipSource *source, const gchar *name, gchar **what,
                                      GError **error);

/** clip_bpe_load_vocab, _merges: values of a JSON file, checked as JSON. @what: the file */
gboolean clip_bpe_load_vocab (ClipBpe *bpe, ClipJsonSpan vocab, const gchar *what, GError **error);
gboolean clip_bpe_load_merges (ClipBpe *bpe, ClipJsonSpan merges, const gchar *what,
                               GError **error);

/** clip_bpe_load_merge_lines: merges.txt. */
gboolean clip_bpe_load_merge_lines (ClipBpe *bpe, const ClipSource *source, const gchar *name,
                                    GError **error);

/** clip_added_tokens: "added_tokens" of a tokenizer.json, one after the other.
 * @take: called for each; @normalized: it is found in the normalised text */
typedef gboolean (*ClipAddedToken) (const ClipSpecial *token, gboolean normalized, gpointer data,
                                    GError **error);
gboolean clip_added_tokens (JsonObject *root, const gchar *what, ClipAddedToken take, gpointer data,
                            GError **error);

/**
 * ClipTokenizerFile: tokenizer.json.
 * @bytes: where @vocab and @merges point to
 * @root: without "vocab" and "merges" of "model"
 */
typedef struct {
  GBytes *bytes;
  gchar *what;
  JsonObject *root;
  ClipJsonSpan vocab, merges;
} ClipTokenizerFile;

gboolean clip_tokenizer_file_load (ClipTokenizerFile *file, const ClipSource *source,
                                   GError **error);
void clip_tokenizer_file_clear (ClipTokenizerFile *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ClipTokenizerFile, clip_tokenizer_file_clear)

/**
 * Loaders: fill an empty tokenizer.
 * @file: tokenizer.json; NULL (CLIP): vocab.json and merges.txt instead
 * @vocab: rows of the model's table: added tokens beyond have none and are left out
 */
gboolean clip_tokenizer_load_clip (ClipTokenizer *tokenizer, const ClipSource *source,
                                   const ClipTokenizerFile *file, GError **error);
gboolean clip_tokenizer_load_json (ClipTokenizer *tokenizer, const ClipSource *source,
                                   const ClipTokenizerFile *file, guint32 vocab, GError **error);
gboolean clip_tokenizer_load_spiece (ClipTokenizer *tokenizer, const ClipSource *source,
                                     const gchar *name, GError **error);

/** clip_tokenizer_add_cleaning: adds to @before what open_clip_config.json asks for, where it is
 * the model's configuration. @done: (out): whether it is */
gboolean clip_tokenizer_add_cleaning (ClipTokenizer *tokenizer, const ClipSource *source,
                                      gboolean *done, GError **error);

/** clip_normalizer_load, clip_splitter_load: "normalizer" and "pre_tokenizer" of a tokenizer.json
 * add their steps. Errors: kinds and options that are not ours (UNSUPPORTED). */
gboolean clip_normalizer_load (ClipNormalizer *normalizer, JsonObject *object, const gchar *what,
                               GError **error);
gboolean clip_splitter_load (ClipSplitter *splitter, JsonObject *object, const gchar *what,
                             GError **error);

G_END_DECLS
