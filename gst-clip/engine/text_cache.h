/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/text_cache.h: embeddings of texts on disk, so that thousands of prompts are paid for once:
 * in the folder of the pipeline cache and by its rules (see clip_gpu_remembered()): own header, checksum,
 * owner and mode checked, replaced atomically. A file is good for one model (its fingerprint), one
 * precision of the text tower, one device and driver, and one version of this program. Texts are there as
 * SHA-256 only. Whatever cannot be read or written is encoded as if there were no cache.
 *
 * Layout, in the machine's byte order: Head, then n rows of SHA-256 of the text and float[dim].
 *
 * Thread: it is the caller's turn (clip_text_turn_begin()), or nobody else has the engine.
 */
#pragma once

#include "gst-clip/engine/internal.h"

G_BEGIN_DECLS

/** CLIP_TEXT_CACHE_VERSION: +1 whenever the embedding of a text changes: tokenizer, tower, pooling. */
#define CLIP_TEXT_CACHE_VERSION 1

/** Files that are kept (of 64 MiB at most); beyond it those written longest ago go. */
#define CLIP_TEXT_CACHE_FILES 4

/** clip_text_cache_load: looks for each of @n @texts. Stops when cancelled.
 * @rows: (out) (array length=n) (element-type ClipTextRow) (transfer full): NULL where it is not on disk; a whole
 *   row else: who asks knows what of the text is kept */
void clip_text_cache_load (ClipEngine *engine, const gchar *const *texts, guint n,
                           const ClipCancel *cancel, ClipTextRow **rows);

/** clip_text_cache_note: @text was encoded: for the next store. @row: (transfer none) */
void clip_text_cache_note (ClipEngine *engine, const gchar *text, ClipTextRow *row);

/** clip_text_cache_store: writes what was noted, with what is there; where that is little beside
 * it, only if @now. */
void clip_text_cache_store (ClipEngine *engine, gboolean now);

/** clip_text_cache_kind: for tests: the file's kind, see clip_gpu_remembered(). (transfer full) */
gchar *clip_text_cache_kind (ClipEngine *engine);

G_END_DECLS
