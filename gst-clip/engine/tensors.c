/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/tensors.h"

#include <string.h>
#include "gst-clip/engine/json.h"

#define SINGLE "model.safetensors"
#define INDEX  "model.safetensors.index.json"

/* Each shard keeps a file open. */
#define MAX_SHARDS 256

struct _ClipTensors {
  gchar *folder;
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
                 "%s/" INDEX ": \"%.200s\" is not a plain file name", tensors->folder, name);
    return NULL;
  }
  if (g_hash_table_size (tensors->shards) == MAX_SHARDS) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s/" INDEX ": more than %d shards", tensors->folder, MAX_SHARDS);
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
                 "%s/" INDEX ": the shard of \"%.200s\" should be a string", tensors->folder,
                 tensor);
    return FALSE;
  }
  shard = open_shard (tensors, source, name, error);
  if (!shard)
    return FALSE;
  if (!clip_safetensors_lookup (shard, tensor)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: there is no tensor \"%.200s\", though " INDEX " says so",
                 clip_safetensors_file_name (shard), tensor);
    return FALSE;
  }
  g_hash_table_insert (tensors->places, g_strdup (tensor), shard);
  return TRUE;
}

static gboolean
open_shards (ClipTensors *tensors, const ClipSource *source, GError **error)
{
  g_autofree gchar *what = g_build_filename (tensors->folder, INDEX, NULL);
  g_autoptr (GBytes) bytes = clip_source_load (source, INDEX, CLIP_JSON_MAX_BYTES, error);
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

static void
no_weights (const ClipSource *source, GError **error)
{
  gboolean pickled = clip_source_has (source, "pytorch_model.bin")
                     || clip_source_has (source, "pytorch_model.bin.index.json");

  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND,
               "%s: there is no " SINGLE " and no " INDEX "%s", clip_source_path (source),
               pickled ? "; pytorch_model.bin cannot be read, convert it to safetensors" : "");
}

ClipTensors *
clip_tensors_open (const ClipSource *source, GError **error)
{
  g_autoptr (ClipTensors) tensors = g_new0 (ClipTensors, 1);

  tensors->folder = g_strdup (clip_source_path (source));
  tensors->shards = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify)clip_safetensors_free);
  tensors->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (clip_source_has (source, SINGLE)) {
    tensors->single = clip_safetensors_open (source, SINGLE, error);
    return tensors->single ? g_steal_pointer (&tensors) : NULL;
  }
  if (clip_source_has (source, INDEX))
    return open_shards (tensors, source, error) ? g_steal_pointer (&tensors) : NULL;
  no_weights (source, error);
  return NULL;
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

/* The file that has the tensor, or NULL. */
static const ClipSafetensors *
place_of (const ClipTensors *tensors, const gchar *name)
{
  if (!tensors->single)
    return g_hash_table_lookup (tensors->places, name);
  return clip_safetensors_lookup (tensors->single, name) ? tensors->single : NULL;
}

gboolean
clip_tensors_has (const ClipTensors *tensors, const gchar *name)
{
  return place_of (tensors, name) != NULL;
}

static const ClipSafetensors *
require (const ClipTensors *tensors, const gchar *name, GError **error)
{
  const ClipSafetensors *st = place_of (tensors, name);

  if (!st)
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s/%s: there is no tensor \"%.200s\"", tensors->folder,
                 tensors->single ? SINGLE : INDEX, name);
  return st;
}

gboolean
clip_tensors_read (const ClipTensors *tensors, const gchar *name, guint64 first, guint64 count,
                   float *out, GError **error)
{
  const ClipSafetensors *st = require (tensors, name, error);

  return st && clip_safetensors_read (st, name, first, count, out, error);
}

/* What a CLIPModel needs ------------------------------------------------- */

static gboolean
check_tensor (const ClipTensors *tensors, const gchar *name, const guint64 *dims, guint n_dims,
              GError **error)
{
  const ClipSafetensors *st = require (tensors, name, error);
  g_autofree gchar *found = NULL, *expected = NULL;
  const ClipTensor *tensor;

  if (!st)
    return FALSE;
  tensor = clip_safetensors_lookup (st, name);
  if (tensor->dtype == CLIP_DTYPE_OTHER) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: tensor \"%s\" is of dtype %s; F32, F16 and BF16 can be read",
                 clip_safetensors_file_name (st), name, tensor->dtype_name);
    return FALSE;
  }
  if (tensor->n_dims == n_dims && (!n_dims || !memcmp (tensor->dims, dims, n_dims * sizeof *dims)))
    return TRUE;
  found = clip_tensor_shape (tensor->dims, tensor->n_dims);
  expected = clip_tensor_shape (dims, n_dims);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
               "%s: tensor \"%s\" has the shape %s; by config.json it should be %s",
               clip_safetensors_file_name (st), name, found, expected);
  return FALSE;
}

/* NAME.weight of @rows x @cols; a vector if @cols is 0; and NAME.bias if @bias. */
static gboolean
check_linear (const ClipTensors *tensors, const gchar *prefix, const gchar *name, guint64 rows,
              guint64 cols, gboolean bias, GError **error)
{
  const guint64 dims[2] = { rows, cols };
  g_autofree gchar *weight_name = g_strconcat (prefix, name, ".weight", NULL);
  g_autofree gchar *bias_name = g_strconcat (prefix, name, ".bias", NULL);

  return check_tensor (tensors, weight_name, dims, cols ? 2 : 1, error)
         && (!bias || check_tensor (tensors, bias_name, dims, 1, error));
}

static gboolean
check_layer (const ClipTensors *tensors, const gchar *prefix, const ClipTowerConfig *tower,
             GError **error)
{
  guint64 width = tower->width, mlp = tower->mlp;

  return check_linear (tensors, prefix, "layer_norm1", width, 0, TRUE, error)
         && check_linear (tensors, prefix, "self_attn.q_proj", width, width, TRUE, error)
         && check_linear (tensors, prefix, "self_attn.k_proj", width, width, TRUE, error)
         && check_linear (tensors, prefix, "self_attn.v_proj", width, width, TRUE, error)
         && check_linear (tensors, prefix, "self_attn.out_proj", width, width, TRUE, error)
         && check_linear (tensors, prefix, "layer_norm2", width, 0, TRUE, error)
         && check_linear (tensors, prefix, "mlp.fc1", mlp, width, TRUE, error)
         && check_linear (tensors, prefix, "mlp.fc2", width, mlp, TRUE, error);
}

static gboolean
check_layers (const ClipTensors *tensors, const gchar *model, const ClipTowerConfig *tower,
              GError **error)
{
  for (guint32 i = 0; i < tower->layers; i++) {
    g_autofree gchar *prefix = g_strdup_printf ("%s.encoder.layers.%u.", model, i);
    if (!check_layer (tensors, prefix, tower, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_vision (const ClipTensors *tensors, const ClipModelConfig *config, GError **error)
{
  guint64 width = config->vision.width;
  const guint64 patch[4] = { width, 3, config->patch_size, config->patch_size };

  return check_tensor (tensors, "vision_model.embeddings.class_embedding", &width, 1, error)
         && check_tensor (tensors, "vision_model.embeddings.patch_embedding.weight", patch, 4,
                          error)
         && check_linear (tensors, "vision_model.", "embeddings.position_embedding",
                          config->vision_tokens, width, FALSE, error)
         && check_linear (tensors, "vision_model.", "pre_layrnorm", width, 0, TRUE, error)
         && check_layers (tensors, "vision_model", &config->vision, error)
         && check_linear (tensors, "vision_model.", "post_layernorm", width, 0, TRUE, error)
         && check_linear (tensors, "", "visual_projection", config->projection, width, FALSE,
                          error);
}

static gboolean
check_text (const ClipTensors *tensors, const ClipModelConfig *config, GError **error)
{
  guint64 width = config->text.width;

  return check_linear (tensors, "text_model.", "embeddings.token_embedding", config->vocab, width,
                       FALSE, error)
         && check_linear (tensors, "text_model.", "embeddings.position_embedding", config->context,
                          width, FALSE, error)
         && check_layers (tensors, "text_model", &config->text, error)
         && check_linear (tensors, "text_model.", "final_layer_norm", width, 0, TRUE, error)
         && check_linear (tensors, "", "text_projection", config->projection, width, FALSE, error);
}

gboolean
clip_tensors_check (const ClipTensors *tensors, const ClipModelConfig *config, GError **error)
{
  return check_tensor (tensors, "logit_scale", NULL, 0, error)
         && check_vision (tensors, config, error) && check_text (tensors, config, error);
}
