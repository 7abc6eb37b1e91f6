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
 * Thread: the caller holds the engine's text_lock.
 */
#pragma once

#include "gst-clip/engine/internal.h"

G_BEGIN_DECLS

/** CLIP_TEXT_CACHE_VERSION: +1 whenever the embedding of a text changes: tokenizer, tower, pooling. */
#define CLIP_TEXT_CACHE_VERSION 1

/** Files that are kept (of 64 MiB at most); beyond it those written longest ago go. */
#define CLIP_TEXT_CACHE_FILES 4

/** clip_text_cache_load: puts those of @texts that are on disk into the engine's cache. Returns: how
 * many. */
guint clip_text_cache_load (ClipEngine *engine, const GPtrArray *texts);

/** clip_text_cache_note: @text was encoded and is in the engine's cache: for the next store. */
void clip_text_cache_note (ClipEngine *engine, const gchar *text);

/** clip_text_cache_store: writes what was noted, with what is there; where that is little beside
 * it, only if @now. */
void clip_text_cache_store (ClipEngine *engine, gboolean now);

/** clip_text_cache_kind: for tests: the file's kind, see clip_gpu_remembered(). (transfer full) */
gchar *clip_text_cache_kind (ClipEngine *engine);

G_END_DECLS
