/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/tensors.h"

#include <string.h>
#include "gst-clip/engine/json.h"

#define INDEX_SUFFIX ".index.json"

/* Each shard keeps a file open. */
#define MAX_SHARDS 256

/* Rows of a transposed tensor that are read at a time. */
#define ROWS_AT_A_TIME 64

/* Names of the weights by layout, the first that there is counts. */
static const gchar *const hf_names[] = { "model.safetensors", NULL };
static const gchar *const open_clip_names[] = { "open_clip_model.safetensors", "model.safetensors",
                                                NULL };

/* @name: of the single file; the index has it with INDEX_SUFFIX. */
struct _ClipTensors {
  gchar *folder;
  const gchar *name;
  ClipLayout layout;
  ClipSafetensors *single; /* or: */
  GHashTable *shards;      /* file name -> ClipSafetensors* */
  GHashTable *places;      /* tensor -> ClipSafetensors*, borrowed from @shards */
};

static gboolean
is_plain_file_name (const gchar *name)
{
  return *name && !strpbrk (name, "/\\") && !g_str_equal (name, ".") && !strstr (name, "..");
}

static ClipSafetensors *
open_shard (ClipTensors *tensors, const ClipSource *source, const gchar *name, GError **error)
{
  ClipSafetensors *shard = g_hash_table_lookup (tensors->shards, name);

  if (shard)
    return shard;
  if (!is_plain_file_name (name)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s/%s" INDEX_SUFFIX ": \"%.200s\" is not a plain file name", tensors->folder,
                 tensors->name, name);
    return NULL;
  }
  if (g_hash_table_size (tensors->shards) == MAX_SHARDS) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s/%s" INDEX_SUFFIX ": more than %d shards", tensors->folder, tensors->name,
                 MAX_SHARDS);
    return NULL;
  }
  shard = clip_safetensors_open (source, name, error);
  if (shard)
    g_hash_table_insert (tensors->shards, g_strdup (name), shard);
  return shard;
}

static gboolean
add_place (ClipTensors *tensors, const ClipSource *source, const gchar *tensor, JsonNode *node,
           GError **error)
{
  const gchar *name = clip_json_node_string (node);
  ClipSafetensors *shard;

  if (!name) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s/%s" INDEX_SUFFIX ": the shard of \"%.200s\" should be a string",
                 tensors->folder, tensors->name, tensor);
    return FALSE;
  }
  shard = open_shard (tensors, source, name, error);
  if (!shard)
    return FALSE;
  if (!clip_safetensors_lookup (shard, tensor)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: there is no tensor \"%.200s\", though %s" INDEX_SUFFIX " says so",
                 clip_safetensors_file_name (shard), tensor, tensors->name);
    return FALSE;
  }
  g_hash_table_insert (tensors->places, g_strdup (tensor), shard);
  return TRUE;
}

static gboolean
open_shards (ClipTensors *tensors, const ClipSource *source, GError **error)
{
  g_autofree gchar *name = g_strconcat (tensors->name, INDEX_SUFFIX, NULL);
  g_autofree gchar *what = g_build_filename (tensors->folder, name, NULL);
  g_autoptr (GBytes) bytes = clip_source_load (source, name, CLIP_JSON_MAX_BYTES, error);
  g_autoptr (JsonObject) index = NULL;
  JsonObject *map = NULL;
  JsonObjectIter iter;
  const gchar *tensor;
  JsonNode *node;

  if (!bytes)
    return FALSE;
  index = clip_json_load (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), what, error);
  if (!index || !clip_json_get_object (index, what, "weight_map", &map, error))
    return FALSE;
  if (!map) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: no \"weight_map\"", what);
    return FALSE;
  }
  json_object_iter_init (&iter, map);
  while (json_object_iter_next (&iter, &tensor, &node)) {
    if (!add_place (tensors, source, tensor, node, error))
      return FALSE;
  }
  return TRUE;
}

static const gchar *const *
names_of (ClipLayout layout)
{
  return layout == CLIP_LAYOUT_HF ? hf_names : open_clip_names;
}

static gboolean
has_weights (const ClipSource *source, const gchar *name)
{
  g_autofree gchar *index = g_strconcat (name, INDEX_SUFFIX, NULL);

  return clip_source_has (source, name) || clip_source_has (source, index);
}

gboolean
clip_tensors_present (const ClipSource *source, ClipLayout layout)
{
  return has_weights (source, names_of (layout)[0]);
}

static void
no_weights (const ClipSource *source, ClipLayout layout, GError **error)
{
  static const gchar *const pickles[] = { "pytorch_model.bin", "pytorch_model.bin.index.json",
                                          "open_clip_pytorch_model.bin" };
  const gchar *name = names_of (layout)[0], *pickle = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (pickles) && !pickle; i++) {
    if (clip_source_has (source, pickles[i]))
      pickle = pickles[i];
  }
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND,
               "%s: there is no %s and no %s" INDEX_SUFFIX "%s%s%s", clip_source_path (source),
               name, name, pickle ? "; " : "", pickle ? pickle : "",
               pickle ? " cannot be read, convert it to safetensors" : "");
}

ClipTensors *
clip_tensors_open (const ClipSource *source, ClipLayout layout, GError **error)
{
  g_autoptr (ClipTensors) tensors = g_new0 (ClipTensors, 1);
  const gchar *const *names = names_of (layout);

  tensors->folder = g_strdup (clip_source_path (source));
  tensors->layout = layout;
  tensors->shards = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify)clip_safetensors_free);
  tensors->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (; *names && !has_weights (source, *names);)
    names++;
  tensors->name = *names;
  if (!tensors->name) {
    no_weights (source, layout, error);
    return NULL;
  }
  if (clip_source_has (source, tensors->name)) {
    tensors->single = clip_safetensors_open (source, tensors->name, error);
    return tensors->single ? g_steal_pointer (&tensors) : NULL;
  }
  return open_shards (tensors, source, error) ? g_steal_pointer (&tensors) : NULL;
}

void
clip_tensors_free (ClipTensors *tensors)
{
  if (!tensors)
    return;
  g_hash_table_unref (tensors->places);
  g_hash_table_unref (tensors->shards);
  clip_safetensors_free (tensors->single);
  g_free (tensors->folder);
  g_free (tensors);
}

gchar *
clip_tensors_file (const ClipTensors *tensors)
{
  return g_strdup_printf ("%s/%s%s", tensors->folder, tensors->name,
                          tensors->single ? "" : INDEX_SUFFIX);
}

GList *
clip_tensors_names (const ClipTensors *tensors)
{
  return tensors->single ? clip_safetensors_names (tensors->single)
                         : g_hash_table_get_keys (tensors->places);
}

/* By our names ----------------------------------------------------------- */

/* The file that has the tensor of that name of its own, or NULL. */
static const ClipSafetensors *
file_of (const ClipTensors *tensors, const gchar *name)
{
  if (!tensors->single)
    return g_hash_table_lookup (tensors->places, name);
  return clip_safetensors_lookup (tensors->single, name) ? tensors->single : NULL;
}

const ClipTensor *
clip_tensors_lookup (const ClipTensors *tensors, const gchar *name)
{
  const ClipSafetensors *file = file_of (tensors, name);

  return file ? clip_safetensors_lookup (file, name) : NULL;
}

guint
clip_tensors_n_files (const ClipTensors *tensors)
{
  return tensors->single ? 1 : g_hash_table_size (tensors->shards);
}

static gboolean
is_in_files (gconstpointer tensors, const gchar *name)
{
  return file_of (tensors, name) != NULL;
}

gboolean
clip_tensors_has (const ClipTensors *tensors, const gchar *name)
{
  g_auto (ClipPlace) place = { 0 };

  return clip_layout_find (tensors->layout, name, is_in_files, tensors, &place);
}

/* @place: (out): to be cleared in any case */
static const ClipSafetensors *
require (const ClipTensors *tensors, const gchar *name, ClipPlace *place, GError **error)
{
  g_autofree gchar *file = NULL;

  if (clip_layout_find (tensors->layout, name, is_in_files, tensors, place))
    return file_of (tensors, place->name);
  file = clip_tensors_file (tensors);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
               "%s: there is no tensor \"%.200s\"", file, place->name);
  return NULL;
}

/* Rows of ours are columns of the file's. */
static gboolean
read_transposed (const ClipSafetensors *st, const gchar *name, const ClipTensor *tensor,
                 guint64 first, guint64 count, float *out, GError **error)
{
  const guint64 columns = tensor->dims[0], rows = tensor->dims[1];
  g_autofree float *chunk = g_try_new (float, MAX (ROWS_AT_A_TIME * rows, 1));

  if (chunk == NULL || first > rows || count > rows - first) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: tensor \"%.200s\" cannot be read: %s", clip_safetensors_file_name (st), name,
                 chunk ? "it has fewer columns" : "there is no memory for it");
    return FALSE;
  }
  for (guint64 at = 0; at < columns; at += ROWS_AT_A_TIME) {
    const guint64 n = MIN (ROWS_AT_A_TIME, columns - at);

    if (!clip_tensor_read (clip_safetensors_file (st), name, tensor, at, n, chunk, error))
      return FALSE;
    for (guint64 row = 0; row < count; row++)
      for (guint64 i = 0; i < n; i++)
        out[row * columns + at + i] = chunk[i * rows + first + row];
  }
  return TRUE;
}

/* The file's tensor without the dimensions of 1 in front; FALSE if they are others. */
static gboolean
drop_ones (const ClipTensor *tensor, guint ones, ClipTensor *dropped)
{
  *dropped = *tensor;
  if (tensor->n_dims < ones)
    return FALSE;
  for (guint i = 0; i < ones; i++) {
    if (tensor->dims[i] != 1)
      return FALSE;
  }
  dropped->n_dims -= ones;
  memmove (dropped->dims, dropped->dims + ones, dropped->n_dims * sizeof dropped->dims[0]);
  return TRUE;
}

gboolean
clip_tensors_read (const ClipTensors *tensors, const gchar *name, guint64 first, guint64 count,
                   float *out, GError **error)
{
  g_auto (ClipPlace) place = { 0 };
  const ClipSafetensors *st = require (tensors, name, &place, error);
  ClipTensor tensor;

  if (!st)
    return FALSE;
  if (!drop_ones (clip_safetensors_lookup (st, place.name), place.ones, &tensor)
      || (place.transposed && tensor.n_dims != 2)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: tensor \"%.200s\" has the wrong number of dimensions",
                 clip_safetensors_file_name (st), place.name);
    return FALSE;
  }
  if (place.transposed)
    return read_transposed (st, place.name, &tensor, first, count, out, error);
  if (tensor.n_dims > 0)
    first += place.part * (tensor.dims[0] / place.parts);
  return clip_tensor_read (clip_safetensors_file (st), place.name, &tensor, first, count, out,
                           error);
}

/* Checking --------------------------------------------------------------- */

/* Our shape as the file should have it. Returns: number of dimensions. */
static guint
file_dims (const ClipPlace *place, const guint64 *ours, guint n_ours, guint64 *dims)
{
  for (guint i = 0; i < place->ones; i++)
    dims[i] = 1;
  for (guint i = 0; i < n_ours; i++)
    dims[place->ones + i] = place->transposed ? ours[n_ours - 1 - i] : ours[i];
  if (n_ours > 0)
    dims[place->ones] *= place->parts;
  return place->ones + n_ours;
}

gboolean
clip_tensors_check_one (const ClipTensors *tensors, const gchar *name, const guint64 *dims,
                        guint n_dims, GHashTable *used, GError **error)
{
  g_auto (ClipPlace) place = { 0 };
  const ClipSafetensors *st = require (tensors, name, &place, error);
  g_autofree gchar *found = NULL, *expected = NULL;
  guint64 wanted[CLIP_TENSOR_MAX_DIMS];
  guint n_wanted = file_dims (&place, dims, n_dims, wanted);
  const ClipTensor *tensor;

  if (!st)
    return FALSE;
  if (used)
    g_hash_table_add (used, g_strdup (place.name));
  tensor = clip_safetensors_lookup (st, place.name);
  if (tensor->dtype == CLIP_DTYPE_OTHER) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: tensor \"%s\" is of dtype %s; F32, F16 and BF16 can be read",
                 clip_safetensors_file_name (st), place.name, tensor->dtype_name);
    return FALSE;
  }
  if (tensor->n_dims == n_wanted
      && (n_wanted == 0 || memcmp (tensor->dims, wanted, n_wanted * sizeof *wanted) == 0))
    return TRUE;
  found = clip_tensor_shape (tensor->dims, tensor->n_dims);
  expected = clip_tensor_shape (wanted, n_wanted);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
               "%s: tensor \"%s\" has the shape %s; by the configuration it should be %s",
               clip_safetensors_file_name (st), place.name, found, expected);
  return FALSE;
}
