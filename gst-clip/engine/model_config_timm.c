/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Image towers of timm in open_clip's configurations: what the names of its plain ViTs mean
 * (timm/models/vision_transformer.py, eva.py):
 *
 *   vit_SIZE_patchN_siglip_IMAGE           no class token, attention pool, a bias of the patches
 *   vit_SIZE_patchN_clip[_quickgelu]_IMAGE class token, a norm before the layers
 *   vit_SIZE_mci_IMAGE                     class token without a position, patches of 16 by convolutions
 *   eva_giant_patch14[_clip]_224           class token, a bias of the patches, none of keys
 *
 * and of its FastViTs (fastvit.py), those that MobileCLIP has:
 *
 *   fastvit_mciN                           see fastvit.h
 *
 * and behind a point ".TAG", which says who trained it.
 */
#include <string.h>
#include "gst-clip/engine/fastvit.h"
#include "gst-clip/engine/model_config_private.h"

/* @mlp: 0: four times the width */
typedef struct {
  const gchar *name;
  guint32 width, layers, heads, mlp;
} Size;

static const Size sizes[] = {
  { "tiny", 192, 12, 3, 0 },          { "small", 384, 12, 6, 0 },
  { "medium", 512, 12, 8, 0 },        { "betwixt", 640, 12, 10, 0 },
  { "base", 768, 12, 12, 0 },         { "large", 1024, 24, 16, 0 },
  { "so400m", 1152, 27, 16, 4304 },   { "huge", 1280, 32, 16, 0 },
  { "giant", 1408, 40, 16, 6144 },    { "giantopt", 1536, 40, 16, 0 },
  { "gigantic", 1664, 48, 16, 8192 },
};

typedef enum { FAMILY_NONE, FAMILY_CLIP, FAMILY_SIGLIP, FAMILY_MCI, FAMILY_EVA } Family;

/* What a name says; @image: only to know the activation, the model's size is in the configuration. */
typedef struct {
  const Size *size;
  guint64 patch, image;
  Family family;
  gboolean quick_gelu;
} Name;

static gboolean
parse_number (const gchar *text, guint64 *number)
{
  return g_ascii_string_to_unsigned (text, 10, 1, CLIP_MAX_IMAGE_SIZE, number, NULL);
}

static void
parse_part (const gchar *part, Name *name, gboolean *ok)
{
  if (g_str_equal (part, "clip") && name->family == FAMILY_NONE)
    name->family = FAMILY_CLIP;
  else if (g_str_equal (part, "siglip") && name->family == FAMILY_NONE)
    name->family = FAMILY_SIGLIP;
  else if (g_str_equal (part, "quickgelu") && name->family == FAMILY_CLIP)
    name->quick_gelu = TRUE;
  else if (!parse_number (part, &name->image)
           && !(g_str_equal (part, "clip") && name->family == FAMILY_EVA))
    *ok = FALSE;
}

/* Whether it is a name of the kinds above. */
static gboolean
parse_name (const gchar *text, Name *name)
{
  g_autofree gchar *untagged = g_strndup (text, strcspn (text, "."));
  g_auto (GStrv) parts = g_strsplit (untagged, "_", -1);
  const guint n = g_strv_length (parts);
  gboolean ok = n >= 3;

  if (ok && g_str_equal (parts[2], "mci")) {
    name->family = FAMILY_MCI;
    name->patch = 16;
  } else if (!ok || !g_str_has_prefix (parts[2], "patch")
             || !parse_number (parts[2] + strlen ("patch"), &name->patch)) {
    return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    if (g_str_equal (sizes[i].name, parts[1]))
      name->size = &sizes[i];
  }
  if (g_str_equal (parts[0], "eva") && g_str_equal (parts[1], "giant") && !name->family)
    name->family = FAMILY_EVA;
  else if (!g_str_equal (parts[0], "vit"))
    return FALSE;
  for (guint i = 3; i < n; i++)
    parse_part (parts[i], name, &ok);
  return ok && name->size && name->family != FAMILY_NONE;
}

/* SigLIP's of 2025 were trained with the approximation; timm says so by size. */
static gboolean
has_gelu_tanh (const Name *name)
{
  const gchar *size = name->size->name;

  return name->family == FAMILY_SIGLIP
         && (g_str_equal (size, "giantopt") || (g_str_equal (size, "so400m") && name->patch == 16)
             || (g_str_equal (size, "large") && name->image == 512)
             || (g_str_equal (size, "base") && name->patch == 32));
}

static gboolean
unsupported (const gchar *what, const gchar *key, const gchar *value, const gchar *supported,
             GError **error)
{
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: the \"%s\" \"%.100s\" is unsupported (%s)", what, key, value, supported);
  return FALSE;
}

/* "" where it is null, @value where it is missing. */
static gboolean
get_string_or_null (JsonObject *object, const gchar *what, const gchar *key, const gchar **value,
                    GError **error)
{
  JsonNode *node = json_object_get_member (object, key);

  if (node && JSON_NODE_HOLDS_NULL (node))
    *value = "";
  return clip_json_get_string (object, what, key, value, error);
}

/* open_clip's TimmModel: "linear" is a layer of its own (bias as "timm_proj_bias"), "none" is none, and
 * without a word timm's classifier takes its place. */
static gboolean
parse_projection (JsonObject *object, const gchar *what, ClipTowerConfig *tower, GError **error)
{
  const gchar *projection = "linear";

  if (!get_string_or_null (object, what, "timm_proj", &projection, error)
      || !clip_json_get_bool (object, what, "timm_proj_bias", &tower->projection_bias, error))
    return FALSE;
  if (*projection && !g_str_equal (projection, "linear") && !g_str_equal (projection, "none"))
    return unsupported (what, "timm_proj", projection, "linear, none", error);
  tower->projection = !g_str_equal (projection, "none");
  if (!*projection)
    tower->projection_bias = TRUE;
  return TRUE;
}

static gboolean
check_pool (JsonObject *object, const gchar *what, const Name *name, GError **error)
{
  const gchar *own = name->family == FAMILY_SIGLIP ? "map" : "token", *pool = "avg";

  if (!get_string_or_null (object, what, "timm_pool", &pool, error))
    return FALSE;
  if (*pool && !g_str_equal (pool, own))
    return unsupported (what, "timm_pool", pool, own, error);
  return TRUE;
}

/* FastViTs ---------------------------------------------------------------- */

static const struct {
  const gchar *name;
  ClipFastvitConfig config;
} fastvits[] = {
  { "fastvit_mci0", { { 2, 6, 10, 2 }, 64 } },
  { "fastvit_mci1", { { 4, 12, 20, 4 }, 64 } },
  { "fastvit_mci2", { { 4, 12, 24, 4 }, 80 } },
};

/* Whether it is the name of one, which @config gets. */
static gboolean
find_fastvit (const gchar *text, ClipFastvitConfig *config)
{
  g_autofree gchar *untagged = g_strndup (text, strcspn (text, "."));

  for (guint i = 0; i < G_N_ELEMENTS (fastvits); i++)
    if (g_str_equal (fastvits[i].name, untagged)) {
      *config = fastvits[i].config;
      return TRUE;
    }
  return FALSE;
}

static gboolean
parse_fastvit (JsonObject *object, const gchar *what, guint64 image, ClipModelConfig *config,
               GError **error)
{
  const guint32 width = 16 * config->fastvit.width, side = image / CLIP_FASTVIT_STRIDE;
  const guint32 *layers = config->fastvit.layers;
  const gchar *pool = "avg";

  config->vision_kind = CLIP_TOWER_FASTVIT;
  config->image_size = (guint32)image;
  config->vision_tokens = side * side;
  if (image % CLIP_FASTVIT_STRIDE != 0) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: the \"image_size\" %u of a FastViT is unsupported (multiples of %u)", what,
                 (guint)image, CLIP_FASTVIT_STRIDE);
    return FALSE;
  }
  if (!get_string_or_null (object, what, "timm_pool", &pool, error)
      || !parse_projection (object, what, &config->vision, error))
    return FALSE;
  if (*pool && !g_str_equal (pool, "avg"))
    return unsupported (what, "timm_pool", pool, "avg", error);
  if (!config->vision.projection)
    return unsupported (what, "timm_proj", "none", "null or linear for a FastViT", error);
  return clip_tower_config_set (&config->vision, what, width,
                                layers[0] + layers[1] + layers[2] + layers[3],
                                width / CLIP_FASTVIT_HEAD_DIM, 0, error);
}

gboolean
clip_model_config_parse_timm (JsonObject *object, const gchar *what, const gchar *text,
                              guint64 image, ClipModelConfig *config, GError **error)
{
  ClipTowerConfig *tower = &config->vision;
  Name name = { 0 };

  if (find_fastvit (text, &config->fastvit))
    return parse_fastvit (object, what, image, config, error);
  if (!parse_name (text, &name))
    return unsupported (what, "timm_model_name", text,
                        "vit_SIZE_patchN_siglip_N, vit_SIZE_patchN_clip_N, vit_SIZE_mci_N, "
                        "eva_giant_patch14_224, fastvit_mci0, mci1, mci2",
                        error);
  config->vision_kind = CLIP_TOWER_VIT;
  config->class_token = name.family != FAMILY_SIGLIP;
  config->pre_norm = name.family == FAMILY_CLIP;
  config->conv_stem = name.family == FAMILY_MCI;
  config->patch_bias = !config->pre_norm && !config->conv_stem;
  tower->eps = name.family == FAMILY_CLIP ? 1e-5 : 1e-6;
  tower->pool = name.family == FAMILY_SIGLIP ? CLIP_POOL_MAP : CLIP_POOL_TOKEN;
  tower->activation = name.quick_gelu         ? CLIP_ACTIVATION_QUICK_GELU
                      : has_gelu_tanh (&name) ? CLIP_ACTIVATION_GELU_TANH
                                              : CLIP_ACTIVATION_GELU;
  return check_pool (object, what, &name, error) && parse_projection (object, what, tower, error)
         && clip_tower_config_set (tower, what, name.size->width, name.size->layers,
                                   name.size->heads,
                                   name.size->mlp ? name.size->mlp : 4 * name.size->width, error)
         && clip_model_config_set_image (config, what, image, name.patch, error);
}
