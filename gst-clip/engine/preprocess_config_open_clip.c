/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "preprocess_cfg" of open_clip_config.json: the arguments of open_clip's image transform. */
#include "gst-clip/engine/model_config_private.h"

gboolean
clip_config_check_choice (JsonObject *object, const gchar *what, const gchar *key,
                          const gchar *const *supported, GError **error)
{
  const gchar *value = NULL;
  g_autofree gchar *list = NULL;

  if (!clip_json_get_string (object, what, key, &value, error))
    return FALSE;
  if (!value || g_strv_contains (supported, value))
    return TRUE;
  list = g_strjoinv (", ", (gchar **)supported);
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: the \"%s\" \"%.40s\" is unsupported (%s)", what, key, value, list);
  return FALSE;
}

/* Three numbers, or one for all. */
static gboolean
get_channels (JsonObject *object, const gchar *what, const gchar *key, gdouble *values,
              GError **error)
{
  JsonNode *node = json_object_get_member (object, key);

  if (!node || !clip_json_node_double (node, &values[0]))
    return clip_preprocess_get_triple (object, what, key, values, error);
  values[1] = values[2] = values[0];
  return TRUE;
}

static gboolean
check_std (const gchar *what, const gdouble *mean, const gdouble *std, GError **error)
{
  for (guint i = 0; i < 3; i++) {
    if (!(std[i] >= 1e-6 && std[i] <= 1e6 && mean[i] >= -1e6 && mean[i] <= 1e6)) {
      g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                   "%s: a \"mean\" of %g with a \"std\" of %g", what, mean[i], std[i]);
      return FALSE;
    }
  }
  return TRUE;
}

/* The fill colour counts only here. */
static gboolean
parse_longest (JsonObject *object, const gchar *what, ClipModelConfig *config, GError **error)
{
  guint64 fill = 0;

  config->preprocess.resize = CLIP_RESIZE_LONGEST_EDGE;
  if (!clip_json_get_uint (object, what, "fill_color", 0, 255, &fill, error))
    return FALSE;
  if (fill == 0)
    return TRUE;
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
               "%s: a \"fill_color\" other than 0 is unsupported", what);
  return FALSE;
}

/* "size" is not read: open_clip takes the model's "image_size". The crop is torchvision's, which rounds
 * half to even. */
gboolean
clip_preprocess_config_parse_open_clip (JsonObject *object, const gchar *what,
                                        ClipModelConfig *config, GError **error)
{
  static const gchar *const modes[] = { "RGB", NULL };
  static const gchar *const filters[] = { "bicubic", "bilinear", "random", NULL };
  static const gchar *const resizes[] = { "shortest", "squash", "longest", NULL };
  const gchar *filter = "bicubic", *resize = "shortest";

  clip_preprocess_config_init (config);
  config->preprocess.crop_rounding = CLIP_CROP_ROUND_HALF_EVEN;
  if (!object)
    return TRUE;
  if (!clip_config_check_choice (object, what, "mode", modes, error)
      || !clip_config_check_choice (object, what, "interpolation", filters, error)
      || !clip_config_check_choice (object, what, "resize_mode", resizes, error)
      || !clip_json_get_string (object, what, "interpolation", &filter, error)
      || !clip_json_get_string (object, what, "resize_mode", &resize, error)
      || !get_channels (object, what, "mean", config->mean, error)
      || !get_channels (object, what, "std", config->std, error)
      || !check_std (what, config->mean, config->std, error))
    return FALSE;
  if (g_str_equal (filter, "bilinear"))
    config->preprocess.filter = CLIP_FILTER_BILINEAR;
  if (g_str_equal (resize, "squash"))
    config->preprocess.resize = CLIP_RESIZE_SQUASH;
  if (g_str_equal (resize, "longest"))
    return parse_longest (object, what, config, error);
  return TRUE;
}
