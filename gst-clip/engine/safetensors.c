/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/safetensors.h"

#include "gst-clip/engine/json.h"
#include "gst-clip/engine/model.h"

struct _ClipSafetensors {
  ClipFile *file;
  GHashTable *tensors; /* gchar* -> ClipTensor* */
};

static const struct {
  const gchar *name;
  ClipDtype dtype;
  guint bytes;
} dtypes[] = {
  { "F32", CLIP_DTYPE_F32, 4 },       { "F16", CLIP_DTYPE_F16, 2 },
  { "BF16", CLIP_DTYPE_BF16, 2 },     { "F64", CLIP_DTYPE_OTHER, 8 },
  { "I64", CLIP_DTYPE_OTHER, 8 },     { "U64", CLIP_DTYPE_OTHER, 8 },
  { "I32", CLIP_DTYPE_OTHER, 4 },     { "U32", CLIP_DTYPE_OTHER, 4 },
  { "I16", CLIP_DTYPE_OTHER, 2 },     { "U16", CLIP_DTYPE_OTHER, 2 },
  { "I8", CLIP_DTYPE_OTHER, 1 },      { "U8", CLIP_DTYPE_OTHER, 1 },
  { "BOOL", CLIP_DTYPE_OTHER, 1 },    { "F8_E4M3", CLIP_DTYPE_OTHER, 1 },
  { "F8_E5M2", CLIP_DTYPE_OTHER, 1 },
};

/* Where in which file a message is about. */
typedef struct {
  const gchar *file, *tensor;
} Place;

static gboolean G_GNUC_PRINTF (3, 4)
    invalid (const Place *place, GError **error, const gchar *format, ...)
{
  g_autofree gchar *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: tensor \"%.200s\": %s",
               place->file, place->tensor, what);
  return FALSE;
}

gchar *
clip_tensor_shape (const guint64 *dims, guint n_dims)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i ? ", " : "", dims[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

/* The header: one tensor ------------------------------------------------- */

/* @element: (out): bytes of one number */
static gboolean
parse_dtype (JsonObject *object, const Place *place, ClipTensor *tensor, guint *element,
             GError **error)
{
  JsonNode *node = json_object_get_member (object, "dtype");
  const gchar *name = node ? clip_json_node_string (node) : NULL;

  if (!name)
    return invalid (place, error, "no \"dtype\"");
  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    if (g_str_equal (name, dtypes[i].name)) {
      tensor->dtype = dtypes[i].dtype;
      tensor->dtype_name = dtypes[i].name;
      *element = dtypes[i].bytes;
      return TRUE;
    }
  }
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: tensor \"%.200s\" has the unknown dtype \"%.40s\"", place->file, place->tensor,
               name);
  return FALSE;
}

/* @bytes: what one number takes on entry, the whole tensor on return */
static gboolean
parse_shape (JsonObject *object, const Place *place, ClipTensor *tensor, guint64 *bytes,
             GError **error)
{
  JsonNode *node = json_object_get_member (object, "shape");
  JsonArray *shape;

  if (!node || !JSON_NODE_HOLDS_ARRAY (node))
    return invalid (place, error, "no \"shape\"");
  shape = json_node_get_array (node);
  tensor->n_dims = json_array_get_length (shape);
  if (tensor->n_dims > CLIP_TENSOR_MAX_DIMS)
    return invalid (place, error, "%u dimensions, more than %d", tensor->n_dims,
                    CLIP_TENSOR_MAX_DIMS);
  for (guint i = 0; i < tensor->n_dims; i++) {
    if (!clip_json_node_uint (json_array_get_element (shape, i), &tensor->dims[i]))
      return invalid (place, error, "the shape has something that is not a size");
    if (!g_uint64_checked_mul (bytes, *bytes, tensor->dims[i]))
      return invalid (place, error, "a shape that is too large");
  }
  return TRUE;
}

/* @data: where the bytes start in the file; @available: how many there are */
static gboolean
parse_offsets (JsonObject *object, const Place *place, guint64 data, guint64 available,
               ClipTensor *tensor, guint64 bytes, GError **error)
{
  JsonNode *node = json_object_get_member (object, "data_offsets");
  JsonArray *offsets = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint64 begin, end;

  if (!offsets || json_array_get_length (offsets) != 2
      || !clip_json_node_uint (json_array_get_element (offsets, 0), &begin)
      || !clip_json_node_uint (json_array_get_element (offsets, 1), &end))
    return invalid (place, error, "\"data_offsets\" should be two offsets");
  if (begin > end)
    return invalid (place, error, "it ends before it begins");
  if (end > available)
    return invalid (place, error,
                    "it reaches to byte %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                    ": the file is incomplete or broken",
                    end, available);
  if (end - begin != bytes) {
    g_autofree gchar *shape = clip_tensor_shape (tensor->dims, tensor->n_dims);
    return invalid (place, error,
                    "%" G_GUINT64_FORMAT " bytes, but %s of %s takes %" G_GUINT64_FORMAT,
                    end - begin, tensor->dtype_name, shape, bytes);
  }
  tensor->begin = data + begin;
  tensor->end = data + end;
  return TRUE;
}

static ClipTensor *
parse_tensor (JsonNode *node, const Place *place, guint64 data, guint64 available, GError **error)
{
  g_autofree ClipTensor *tensor = g_new0 (ClipTensor, 1);
  JsonObject *object;
  guint64 bytes;
  guint element = 0;

  if (!JSON_NODE_HOLDS_OBJECT (node)) {
    invalid (place, error, "an object was expected");
    return NULL;
  }
  object = json_node_get_object (node);
  if (!parse_dtype (object, place, tensor, &element, error))
    return NULL;
  bytes = element;
  if (!parse_shape (object, place, tensor, &bytes, error)
      || !parse_offsets (object, place, data, available, tensor, bytes, error))
    return NULL;
  return g_steal_pointer (&tensor);
}

/* The header as a whole -------------------------------------------------- */

static gboolean
check_metadata (JsonNode *node, const gchar *file, GError **error)
{
  JsonObjectIter iter;
  JsonNode *value;
  gboolean strings = JSON_NODE_HOLDS_OBJECT (node);

  if (strings) {
    json_object_iter_init (&iter, json_node_get_object (node));
    while (strings && json_object_iter_next (&iter, NULL, &value))
      strings = clip_json_node_string (value) != NULL;
  }
  if (!strings)
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: \"__metadata__\" should hold strings", file);
  return strings;
}

typedef struct {
  const gchar *name;
  const ClipTensor *tensor;
} Entry;

static gint
by_offset (gconstpointer a, gconstpointer b)
{
  const ClipTensor *x = ((const Entry *)a)->tensor, *y = ((const Entry *)b)->tensor;

  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

/* The format wants the tensors to cover all bytes, each once. */
static gboolean
check_coverage (const ClipSafetensors *st, guint64 data, GError **error)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  guint64 covered = data;
  GHashTableIter iter;
  gpointer name, tensor;

  g_hash_table_iter_init (&iter, st->tensors);
  while (g_hash_table_iter_next (&iter, &name, &tensor)) {
    Entry entry = { name, tensor };
    g_array_append_val (entries, entry);
  }
  g_array_sort (entries, by_offset);
  for (guint i = 0; i < entries->len; i++) {
    const Entry *entry = &g_array_index (entries, Entry, i);
    Place place = { clip_file_name (st->file), entry->name };

    if (entry->tensor->begin < covered)
      return invalid (&place, error, "its bytes overlap with another's");
    if (entry->tensor->begin > covered)
      return invalid (&place, error, "there is a gap before its bytes");
    covered = entry->tensor->end;
  }
  if (covered != clip_file_size (st->file)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: bytes that belong to no tensor after byte %" G_GUINT64_FORMAT,
                 clip_file_name (st->file), covered);
    return FALSE;
  }
  return TRUE;
}

static gboolean
parse_header (ClipSafetensors *st, JsonObject *header, guint64 data, GError **error)
{
  guint64 available = clip_file_size (st->file) - data;
  JsonObjectIter iter;
  const gchar *name;
  JsonNode *node;

  json_object_iter_init (&iter, header);
  while (json_object_iter_next (&iter, &name, &node)) {
    Place place = { clip_file_name (st->file), name };
    ClipTensor *tensor;

    if (g_str_equal (name, "__metadata__")) {
      if (!check_metadata (node, place.file, error))
        return FALSE;
      continue;
    }
    tensor = parse_tensor (node, &place, data, available, error);
    if (!tensor)
      return FALSE;
    g_hash_table_insert (st->tensors, g_strdup (name), tensor);
  }
  return check_coverage (st, data, error);
}

static gboolean
read_header (ClipSafetensors *st, GError **error)
{
  const gchar *name = clip_file_name (st->file);
  g_autoptr (JsonObject) header = NULL;
  g_autofree gchar *text = NULL;
  guint64 length;

  if (!clip_file_read (st->file, 0, &length, sizeof length, error))
    return FALSE;
  length = GUINT64_FROM_LE (length);
  if (length > CLIP_SAFETENSORS_MAX_HEADER || length > clip_file_size (st->file) - sizeof length) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: not a safetensors file, or an incomplete one: a header of %" G_GUINT64_FORMAT
                 " bytes",
                 name, length);
    return FALSE;
  }
  text = g_malloc (length + 1);
  if (!clip_file_read (st->file, sizeof length, text, (gsize)length, error))
    return FALSE;
  header = clip_json_load (text, (gsize)length, name, error);
  return header && parse_header (st, header, sizeof length + length, error);
}

ClipSafetensors *
clip_safetensors_open (const ClipSource *source, const gchar *name, GError **error)
{
  g_autoptr (ClipSafetensors) st = g_new0 (ClipSafetensors, 1);

  st->tensors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  st->file = clip_source_open (source, name, error);
  if (!st->file || !read_header (st, error))
    return NULL;
  return g_steal_pointer (&st);
}

void
clip_safetensors_free (ClipSafetensors *st)
{
  if (!st)
    return;
  g_clear_pointer (&st->file, clip_file_close);
  g_hash_table_unref (st->tensors);
  g_free (st);
}

const ClipTensor *
clip_safetensors_lookup (const ClipSafetensors *st, const gchar *name)
{
  return g_hash_table_lookup (st->tensors, name);
}

GList *
clip_safetensors_names (const ClipSafetensors *st)
{
  return g_hash_table_get_keys (st->tensors);
}

const ClipFile *
clip_safetensors_file (const ClipSafetensors *st)
{
  return st->file;
}

const gchar *
clip_safetensors_file_name (const ClipSafetensors *st)
{
  return clip_file_name (st->file);
}

gboolean
clip_safetensors_read (const ClipSafetensors *st, const gchar *name, guint64 first, guint64 count,
                       float *out, GError **error)
{
  const ClipTensor *tensor = clip_safetensors_lookup (st, name);

  if (!tensor) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: there is no tensor \"%.200s\"", clip_file_name (st->file), name);
    return FALSE;
  }
  return clip_tensor_read (st->file, name, tensor, first, count, out, error);
}
