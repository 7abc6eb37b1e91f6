/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/source.h: the files of a model by their plain names: a folder, or the embedded model.
 *
 * Files are read with pread, never mapped: one that shrinks while it is read is a GError, not
 * a SIGBUS. Errors are CLIP_MODEL_ERROR (NOT_FOUND, INVALID, IO) and name the file.
 * Thread: a source belongs to one thread at a time; clip_file_read() may be called from any.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _ClipSource ClipSource;
typedef struct _ClipFile ClipFile;

/** clip_source_open_folder: the folder stays the one it was, even if its path changes hands. */
ClipSource *clip_source_open_folder (const gchar *path, GError **error);

/** clip_source_open_embedded: the model linked into the program; NOT_FOUND if there is none. */
ClipSource *clip_source_open_embedded (GError **error);
void clip_source_free (ClipSource *source);

/** clip_source_path: for messages. */
const gchar *clip_source_path (const ClipSource *source);

/** clip_source_has: whether there is anything of this name, readable or not. */
gboolean clip_source_has (const ClipSource *source, const gchar *name);

/** clip_source_open: opens a regular file. @name: plain, without a slash. One that is only a Git LFS pointer
 * or a web page is INVALID. */
ClipFile *clip_source_open (const ClipSource *source, const gchar *name, GError **error);
void clip_file_close (ClipFile *file);

/** clip_file_name: with the folder, for messages. */
const gchar *clip_file_name (const ClipFile *file);

/** clip_file_size: bytes, when it was opened. */
guint64 clip_file_size (const ClipFile *file);

/** clip_file_read: exactly @length bytes from @offset, or an error (IO: also when the file has
 * become shorter). */
gboolean clip_file_read (const ClipFile *file, guint64 offset, gpointer buffer, gsize length,
                         GError **error);

/** clip_source_load: a whole small file. Errors: also one larger than @max bytes.
 * Returns: (transfer full) */
GBytes *clip_source_load (const ClipSource *source, const gchar *name, gsize max, GError **error);

/** clip_source_fingerprint: adds to @sum what was opened, as it was then: see
 * clip_model_fingerprint(). */
void clip_source_fingerprint (const ClipSource *source, GChecksum *sum);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipSource, clip_source_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipFile, clip_file_close)

G_END_DECLS
