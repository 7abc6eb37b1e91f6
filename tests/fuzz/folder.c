/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/folder.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define SINGLE "model.safetensors"

static FuzzFolder *
folder_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                (GDestroyNotify)g_byte_array_unref);
}

FuzzFolder *
fuzz_folder_read (const gchar *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  FuzzFolder *folder = folder_new ();
  const gchar *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *file = g_build_filename (path, name, NULL);
    g_autofree gchar *data = NULL;
    gsize size;

    g_assert_true (g_file_get_contents (file, &data, &size, NULL));
    fuzz_folder_set (folder, name, data, size);
  }
  return folder;
}

void
fuzz_remove_tree (const gchar *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *file = g_build_filename (path, name, NULL);
    if (g_remove (file) != 0)
      fuzz_remove_tree (file);
  }
  g_rmdir (path);
}

void
fuzz_folder_write (FuzzFolder *folder, const gchar *path)
{
  GHashTableIter iter;
  gpointer name, bytes;

  fuzz_remove_tree (path);
  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  g_hash_table_iter_init (&iter, folder);
  while (g_hash_table_iter_next (&iter, &name, &bytes)) {
    g_autofree gchar *file = g_build_filename (path, name, NULL);
    const GByteArray *array = bytes;
    FILE *out = g_fopen (file, "wb");

    g_assert_nonnull (out);
    g_assert_cmpuint (fwrite (array->data, 1, array->len, out), ==, array->len);
    fclose (out);
  }
}

FuzzFolder *
fuzz_folder_copy (FuzzFolder *folder)
{
  FuzzFolder *copy = folder_new ();
  GHashTableIter iter;
  gpointer name, bytes;

  g_hash_table_iter_init (&iter, folder);
  while (g_hash_table_iter_next (&iter, &name, &bytes))
    fuzz_folder_set (copy, name, ((GByteArray *)bytes)->data, ((GByteArray *)bytes)->len);
  return copy;
}

GByteArray *
fuzz_folder_get (FuzzFolder *folder, const gchar *name)
{
  GByteArray *bytes = g_hash_table_lookup (folder, name);

  g_assert_nonnull (bytes);
  return bytes;
}

void
fuzz_folder_set (FuzzFolder *folder, const gchar *name, const void *data, gsize size)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, data, (guint)size);
  g_hash_table_replace (folder, g_strdup (name), bytes);
}

static GString *
replaced (const gchar *text, const gchar *from, const gchar *to)
{
  const gchar *place = strstr (text, from);
  GString *out = g_string_new_len (text, place - text);

  if (!place)
    g_error ("there is no %s to be replaced", from);
  g_string_append (out, to);
  g_string_append (out, place + strlen (from));
  return out;
}

void
fuzz_replace (FuzzFolder *folder, const gchar *name, const gchar *from, const gchar *to)
{
  GByteArray *bytes = fuzz_folder_get (folder, name);
  g_autofree gchar *text = g_strndup ((const gchar *)bytes->data, bytes->len);
  GString *out = replaced (text, from, to);

  fuzz_folder_set (folder, name, out->str, out->len);
  g_string_free (out, TRUE);
}

static guint64
header_length (const GByteArray *bytes)
{
  guint64 length;

  memcpy (&length, bytes->data, sizeof length);
  length = GUINT64_FROM_LE (length);
  g_assert_cmpuint (8 + length, <=, bytes->len);
  return length;
}

gchar *
fuzz_header (FuzzFolder *folder, const gchar *name)
{
  GByteArray *bytes = fuzz_folder_get (folder, name);

  return g_strndup ((const gchar *)bytes->data + 8, header_length (bytes));
}

static void
set_safetensors (FuzzFolder *folder, const gchar *name, const gchar *header, const guint8 *data,
                 gsize size)
{
  guint64 length = GUINT64_TO_LE ((guint64)strlen (header));
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *)&length, sizeof length);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (bytes, data, (guint)size);
  fuzz_folder_set (folder, name, bytes->data, bytes->len);
}

void
fuzz_replace_header (FuzzFolder *folder, const gchar *name, const gchar *from, const gchar *to)
{
  g_autoptr (GByteArray) old = g_byte_array_ref (fuzz_folder_get (folder, name));
  g_autofree gchar *header = fuzz_header (folder, name);
  GString *out = replaced (header, from, to);
  gsize data = 8 + header_length (old);

  set_safetensors (folder, name, out->str, old->data + data, old->len - data);
  g_string_free (out, TRUE);
}

/* Sharding --------------------------------------------------------------- */

typedef struct {
  GString *header;
  GByteArray *data;
} Shard;

static void
shard_add (Shard *shard, const gchar *name, JsonObject *tensor, const guint8 *data)
{
  g_autoptr (JsonNode) shape = json_node_copy (json_object_get_member (tensor, "shape"));
  g_autofree gchar *dims = json_to_string (shape, FALSE);
  JsonArray *offsets = json_object_get_array_member (tensor, "data_offsets");
  guint64 begin = (guint64)json_array_get_int_element (offsets, 0);
  guint64 end = (guint64)json_array_get_int_element (offsets, 1);

  g_string_append_printf (
      shard->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%u,%u]}",
      shard->header->len > 1 ? "," : "", name, json_object_get_string_member (tensor, "dtype"),
      dims, shard->data->len, (guint)(shard->data->len + end - begin));
  g_byte_array_append (shard->data, data + begin, (guint)(end - begin));
}

void
fuzz_shard (FuzzFolder *folder)
{
  static const gchar *const names[] = { "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors" };
  g_autoptr (GByteArray) bytes = g_byte_array_ref (fuzz_folder_get (folder, SINGLE));
  g_autofree gchar *text = fuzz_header (folder, SINGLE);
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  JsonObject *header = json_node_get_object (node);
  g_autoptr (GList) members = json_object_get_members (header);
  Shard shards[2];
  GString *index = g_string_new ("{\"metadata\":{},\"weight_map\":{");
  guint i = 0;

  for (guint s = 0; s < 2; s++)
    shards[s] = (Shard){ g_string_new ("{"), g_byte_array_new () };
  for (GList *l = members; l; l = l->next, i++) {
    guint s = i % 2;
    shard_add (&shards[s], l->data, json_object_get_object_member (header, l->data),
               bytes->data + 8 + header_length (bytes));
    g_string_append_printf (index, "%s\"%s\":\"%s\"", i ? "," : "", (gchar *)l->data, names[s]);
  }
  g_string_append (index, "}}");
  fuzz_folder_set (folder, "model.safetensors.index.json", index->str, index->len);
  g_string_free (index, TRUE);
  for (guint s = 0; s < 2; s++) {
    g_string_append_c (shards[s].header, '}');
    set_safetensors (folder, names[s], shards[s].header->str, shards[s].data->data,
                     shards[s].data->len);
    g_string_free (shards[s].header, TRUE);
    g_byte_array_unref (shards[s].data);
  }
  g_hash_table_remove (folder, SINGLE);
}
