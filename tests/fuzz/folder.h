/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/fuzz/folder.h: a model folder in memory that can be damaged and written to disk.
 * Wrong use (a text to replace that is not there) aborts: a case that damages nothing would
 * test nothing.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** FuzzFolder: name -> GByteArray*. */
typedef GHashTable FuzzFolder;

/** fuzz_folder_read: all files of a folder. */
FuzzFolder *fuzz_folder_read (const gchar *path);

/** fuzz_folder_write: makes @path if need be and removes what was in it before. */
void fuzz_folder_write (FuzzFolder *folder, const gchar *path);

/** fuzz_folder_copy: deep. */
FuzzFolder *fuzz_folder_copy (FuzzFolder *folder);

/** fuzz_folder_get: the bytes of a file, to be changed in place. */
GByteArray *fuzz_folder_get (FuzzFolder *folder, const gchar *name);

/** fuzz_folder_set: adds or replaces a file. */
void fuzz_folder_set (FuzzFolder *folder, const gchar *name, const void *data, gsize size);

/** fuzz_replace: the first @from in a text file becomes @to. */
void fuzz_replace (FuzzFolder *folder, const gchar *name, const gchar *from, const gchar *to);

/** fuzz_replace_header: the same in the JSON of a safetensors file; the length is mended. */
void fuzz_replace_header (FuzzFolder *folder, const gchar *name, const gchar *from,
                          const gchar *to);

/** fuzz_header: the JSON of a safetensors file. (transfer full) */
gchar *fuzz_header (FuzzFolder *folder, const gchar *name);

/** fuzz_shard: model.safetensors becomes two shards and an index. */
void fuzz_shard (FuzzFolder *folder);

/** fuzz_remove_tree: deletes a folder and the files in it. */
void fuzz_remove_tree (const gchar *path);

G_END_DECLS
