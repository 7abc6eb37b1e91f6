/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which tensors a model needs, by the engine's names. */
#include "gst-clip/engine/conv_stem.h"
#include "gst-clip/engine/image_tower.h"
#include "gst-clip/engine/tensors.h"

#include <string.h>

/* @used: names of the files' tensors that are read; @problems: (nullable): what is wrong is noted
 * there, and checking goes on */
typedef struct {
  const ClipTensors *tensors;
  const ClipModelConfig *config;
  GHashTable *used;
  GPtrArray *problems;
} Check;

/* What is wrong: noted if there is where to, or else the caller's error. Returns: whether to go on. */
static gboolean
settle (const Check *check, GError *problem, GError **error)
{
  if (!problem)
    return TRUE;
  if (!check->problems) {
    g_propagate_error (error, problem);
    return FALSE;
  }
  g_ptr_array_add (check->problems, g_strdup (problem->message));
  g_error_free (problem);
  return TRUE;
}

static gboolean
check_tensor (const Check *check, const gchar *prefix, const gchar *name, const guint64 *dims,
              guint n_dims, GError **error)
{
  g_autofree gchar *full = g_strconcat (prefix, name, NULL);
  GError *problem = NULL;

  clip_tensors_check_one (check->tensors, full, dims, n_dims, check->used, &problem);
  return settle (check, problem, error);
}

static gboolean
check_vector (const Check *check, const gchar *prefix, const gchar *name, guint64 n, GError **error)
{
  return check_tensor (check, prefix, name, &n, 1, error);
}

static gboolean
check_matrix (const Check *check, const gchar *prefix, const gchar *name, guint64 rows,
              guint64 columns, GError **error)
{
  const guint64 dims[2] = { rows, columns };

  return check_tensor (check, prefix, name, dims, 2, error);
}

static gboolean
check_norm (const Check *check, const gchar *prefix, const gchar *name, guint64 n, GError **error)
{
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);

  return check_vector (check, prefix, weight, n, error)
         && check_vector (check, prefix, bias, n, error);
}

static gboolean
check_linear (const Check *check, const gchar *prefix, const gchar *name, guint64 rows,
              guint64 columns, gboolean has_bias, GError **error)
{
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);

  return check_matrix (check, prefix, weight, rows, columns, error)
         && (!has_bias || check_vector (check, prefix, bias, rows, error));
}

/* What follows attention's input, in a layer and in an attention pool. Keys have a bias too, which
 * changes nothing (weights.h) and is not read. */
static gboolean
check_block (const Check *check, const gchar *prefix, const ClipTowerConfig *tower, GError **error)
{
  guint64 width = tower->width, mlp = tower->mlp;

  return check_linear (check, prefix, "self_attn.q_proj", width, width, TRUE, error)
         && check_linear (check, prefix, "self_attn.k_proj", width, width, FALSE, error)
         && check_linear (check, prefix, "self_attn.v_proj", width, width, TRUE, error)
         && check_linear (check, prefix, "self_attn.out_proj", width, width, TRUE, error)
         && check_norm (check, prefix, "layer_norm2", width, error)
         && check_linear (check, prefix, "mlp.fc1", mlp, width, TRUE, error)
         && check_linear (check, prefix, "mlp.fc2", width, mlp, TRUE, error);
}

static gboolean
check_layers (const Check *check, const gchar *model, const ClipTowerConfig *tower, GError **error)
{
  for (guint32 i = 0; i < tower->layers; i++) {
    g_autofree gchar *prefix = g_strdup_printf ("%s.encoder.layers.%u.", model, i);

    if (!check_norm (check, prefix, "layer_norm1", tower->width, error)
        || !check_block (check, prefix, tower, error)
        || (tower->layer_scale
            && (!check_vector (check, prefix, "layer_scale1", tower->width, error)
                || !check_vector (check, prefix, "layer_scale2", tower->width, error))))
      return FALSE;
  }
  return TRUE;
}

/* SigLIP's head: a block with a query of its own. */
static gboolean
check_pool (const Check *check, const ClipTowerConfig *tower, GError **error)
{
  static const gchar prefix[] = "vision_model.head.";

  return tower->pool != CLIP_POOL_MAP
         || (check_matrix (check, prefix, "probe", 1, tower->width, error)
             && check_block (check, prefix, tower, error));
}

static gboolean
check_projection (const Check *check, const gchar *name, const ClipTowerConfig *tower,
                  GError **error)
{
  return !tower->projection
         || check_linear (check, "", name, check->config->projection, tower->width,
                          tower->projection_bias, error);
}

static gboolean
has_tensor (gconstpointer data, const gchar *name)
{
  const Check *check = data;

  return clip_tensors_has (check->tensors, name);
}

static gboolean
check_own_tensor (gconstpointer data, const gchar *name, const guint64 *dims, guint n_dims,
                  GError **error)
{
  return check_tensor (data, "", name, dims, n_dims, error);
}

static gboolean
check_vit (const Check *check, GError **error)
{
  static const gchar prefix[] = "vision_model.";
  const ClipModelConfig *config = check->config;
  const guint64 width = config->vision.width;
  const ClipTensorVisitor stem = { has_tensor, check_own_tensor, check };
  const guint64 patch[4] = { width, 3, config->patch_size, config->patch_size };

  return (!config->class_token
          || check_vector (check, prefix, "embeddings.class_embedding", width, error))
         && (config->conv_stem ? clip_conv_stem_foreach_tensor (config, &stem, error)
                               : check_tensor (check, prefix, "embeddings.patch_embedding.weight",
                                               patch, 4, error))
         && (!config->patch_bias
             || check_vector (check, prefix, "embeddings.patch_embedding.bias", width, error))
         && check_matrix (check, prefix, "embeddings.position_embedding.weight",
                          config->vision_tokens - (config->conv_stem ? 1 : 0), width, error)
         && (!config->pre_norm || check_norm (check, prefix, "pre_layrnorm", width, error))
         && check_layers (check, "vision_model", &config->vision, error)
         && check_norm (check, prefix, "post_layernorm", width, error)
         && check_pool (check, &config->vision, error)
         && check_projection (check, "visual_projection", &config->vision, error);
}

static gboolean
check_vision (const Check *check, GError **error)
{
  const ClipImageTower *kind = clip_image_tower_of (check->config->vision_kind);
  const ClipTensorVisitor visitor = { has_tensor, check_own_tensor, check };

  return kind ? kind->foreach_tensor (check->config, &visitor, error) : check_vit (check, error);
}

static gboolean
check_text (const Check *check, GError **error)
{
  static const gchar prefix[] = "text_model.";
  const ClipModelConfig *config = check->config;
  const guint64 width = config->text.width;

  return check_matrix (check, prefix, "embeddings.token_embedding.weight", config->vocab, width,
                       error)
         && check_matrix (check, prefix, "embeddings.position_embedding.weight", config->context,
                          width, error)
         && check_layers (check, "text_model", &config->text, error)
         && check_norm (check, prefix, "final_layer_norm", width, error)
         && check_projection (check, "text_projection", &config->text, error);
}

/* One number, with or without a dimension (open_clip's nonscalar_logit_scale; SigLIP). */
static gboolean
check_number (const Check *check, const gchar *name, GError **error)
{
  const guint64 one = 1;
  GError *problem = NULL;

  if (!clip_tensors_check_one (check->tensors, name, NULL, 0, check->used, NULL))
    clip_tensors_check_one (check->tensors, name, &one, 1, check->used, &problem);
  return settle (check, problem, error);
}

/* Buffers that are computed, and a bias that is not read. */
static gboolean
has_no_effect (const gchar *name)
{
  static const gchar *const suffixes[] = { ".attn_mask", ".num_batches_tracked", ".position_ids",
                                           ".k_bias" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    if (g_str_has_suffix (name, suffixes[i]))
      return TRUE;
  }
  return FALSE;
}

/* Nothing of a tower may be left over: what it is for, nobody would have computed. */
static gboolean
check_leftovers (const Check *check, GError **error)
{
  static const gchar *const towers[] = { "visual.", "text.", "transformer." };
  g_autoptr (GList) names = clip_tensors_names (check->tensors);

  for (GList *l = names; l; l = l->next) {
    const gchar *name = l->data;

    for (guint i = 0; i < G_N_ELEMENTS (towers); i++) {
      if (g_str_has_prefix (name, towers[i]) && !has_no_effect (name)
          && !g_hash_table_contains (check->used, name)) {
        g_autofree gchar *file = clip_tensors_file (check->tensors);

        if (!settle (check,
                     g_error_new (CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                                  "%s: there is a tensor \"%.200s\", of which a model of this "
                                  "configuration makes no use: an unsupported kind of tower",
                                  file, name),
                     error))
          return FALSE;
      }
    }
  }
  return TRUE;
}

static gboolean
check_all (const ClipTensors *tensors, const ClipModelConfig *config, GPtrArray *problems,
           GError **error)
{
  g_autoptr (GHashTable) used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const Check check = { tensors, config, used, problems };

  return check_number (&check, "logit_scale", error)
         && (!config->sigmoid || check_number (&check, "logit_bias", error))
         && check_vision (&check, error) && check_text (&check, error)
         && (config->layout == CLIP_LAYOUT_HF || check_leftovers (&check, error));
}

gboolean
clip_tensors_check (const ClipTensors *tensors, const ClipModelConfig *config, GError **error)
{
  return check_all (tensors, config, NULL, error);
}

void
clip_tensors_find_problems (const ClipTensors *tensors, const ClipModelConfig *config,
                            GPtrArray *problems)
{
  check_all (tensors, config, problems, NULL);
}
