/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preprocessor_config.json, in the forms that its format has had: "size" is a number (the
 * shortest edge), {"shortest_edge"} or {"height", "width"} (the picture is squashed);
 * "crop_size" a number or {"height", "width"}.
 */
#include "gst-clip/engine/conv_stem.h"
#include <math.h>
#include "gst-clip/engine/model_config_private.h"

#define NAME "preprocessor_config.json"

/* Newer folders may have only this, with the same object inside. */
#define NEW_NAME "processor_config.json"

#define MAX_EDGE 4096

/* PIL's numbers of its filters. */
#define PIL_BILINEAR 2
#define PIL_BICUBIC  3

typedef struct {
  JsonObject *object;
  const gchar *what;
  ClipModelConfig *config;
} Parse;

static gboolean
unsupported (const Parse *parse, const gchar *message, GError **error)
{
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED, "%s: %s", parse->what,
               message);
  return FALSE;
}

/* A square given as {"height", "width"}. */
static gboolean
parse_square (const Parse *parse, JsonObject *square, guint64 *edge, GError **error)
{
  guint64 height = 0, width = 0;

  if (!clip_json_get_uint (square, parse->what, "height", 1, MAX_EDGE, &height, error)
      || !clip_json_get_uint (square, parse->what, "width", 1, MAX_EDGE, &width, error))
    return FALSE;
  if (height == 0 || height != width)
    return unsupported (parse, "a size that is not a square is unsupported", error);
  *edge = height;
  return TRUE;
}

/* The object of @key, or NULL with @edge set where it is a number. */
static gboolean
get_size (const Parse *parse, const gchar *key, JsonObject **object, guint64 *edge, GError **error)
{
  JsonNode *node = json_object_get_member (parse->object, key);

  *object = NULL;
  if (node && JSON_NODE_HOLDS_OBJECT (node)) {
    *object = json_node_get_object (node);
    return TRUE;
  }
  return clip_json_get_uint (parse->object, parse->what, key, 1, MAX_EDGE, edge, error);
}

static gboolean
parse_size (const Parse *parse, GError **error)
{
  ClipPreprocessSpec *spec = &parse->config->preprocess;
  guint64 edge = spec->resize_edge;
  JsonObject *size;

  if (!get_size (parse, "size", &size, &edge, error))
    return FALSE;
  if (size && json_object_has_member (size, "shortest_edge")) {
    if (json_object_has_member (size, "longest_edge"))
      return unsupported (parse, "\"longest_edge\" is unsupported", error);
    if (!clip_json_get_uint (size, parse->what, "shortest_edge", 1, MAX_EDGE, &edge, error))
      return FALSE;
  } else if (size) {
    if (!parse_square (parse, size, &edge, error))
      return FALSE;
    spec->resize = CLIP_RESIZE_SQUASH;
  }
  spec->resize_edge = (guint32)edge;
  return TRUE;
}

static gboolean
parse_crop (const Parse *parse, GError **error)
{
  ClipPreprocessSpec *spec = &parse->config->preprocess;
  guint64 edge = spec->crop_size;
  /* SiglipImageProcessor does not know of a crop. */
  gboolean crop = !parse->config->sigmoid;
  JsonObject *size;

  if (!clip_json_get_bool (parse->object, parse->what, "do_center_crop", &crop, error))
    return FALSE;
  if (!crop) {
    if (spec->resize != CLIP_RESIZE_SQUASH)
      return unsupported (
          parse, "\"do_center_crop\" false is unsupported without a square \"size\"", error);
    edge = spec->resize_edge;
  } else if (!get_size (parse, "crop_size", &size, &edge, error)
             || (size && !parse_square (parse, size, &edge, error))) {
    return FALSE;
  }
  spec->crop_size = (guint32)edge;
  return TRUE;
}

static gboolean
check_sizes (const Parse *parse, GError **error)
{
  const ClipPreprocessSpec *spec = &parse->config->preprocess;

  if (spec->crop_size != parse->config->image_size) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: images are cropped to %u pixels, but the \"image_size\" in config.json is %u",
                 parse->what, spec->crop_size, parse->config->image_size);
    return FALSE;
  }
  if (spec->resize_edge < spec->crop_size) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: a resize to %u pixels before a crop to %u is unsupported", parse->what,
                 spec->resize_edge, spec->crop_size);
    return FALSE;
  }
  return TRUE;
}

static gboolean
parse_resize (const Parse *parse, GError **error)
{
  gboolean resize = TRUE;
  guint64 filter = PIL_BICUBIC;

  if (!clip_json_get_bool (parse->object, parse->what, "do_resize", &resize, error)
      || !clip_json_get_uint (parse->object, parse->what, "resample", 0, 100, &filter, error))
    return FALSE;
  if (!resize)
    return unsupported (parse, "\"do_resize\" false is unsupported", error);
  if (filter != PIL_BICUBIC && filter != PIL_BILINEAR)
    return unsupported (parse, "\"resample\" is neither 3 (bicubic) nor 2 (bilinear)", error);
  parse->config->preprocess.filter =
      filter == PIL_BICUBIC ? CLIP_FILTER_BICUBIC : CLIP_FILTER_BILINEAR;
  return parse_size (parse, error) && parse_crop (parse, error) && check_sizes (parse, error);
}

gboolean
clip_preprocess_get_triple (JsonObject *object, const gchar *what, const gchar *key,
                            gdouble *values, GError **error)
{
  JsonArray *array = NULL;

  if (!clip_json_get_array (object, what, key, &array, error))
    return FALSE;
  if (!array)
    return TRUE;
  for (guint i = 0; i < 3; i++) {
    if (json_array_get_length (array) != 3
        || !clip_json_node_double (json_array_get_element (array, i), &values[i])
        || !(fabs (values[i]) <= 1e6)) {
      g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                   "%s: \"%s\" should be three numbers", what, key);
      return FALSE;
    }
  }
  return TRUE;
}

/* Mean and standard deviation, for pixel values in 0..1 whatever they are scaled by. */
static gboolean
parse_normalize (const Parse *parse, GError **error)
{
  gdouble *mean = parse->config->mean, *std = parse->config->std;
  gdouble factor = 1.0 / 255.0, scale;
  gboolean normalize = TRUE, rescale = TRUE;

  if (!clip_json_get_bool (parse->object, parse->what, "do_normalize", &normalize, error)
      || !clip_json_get_bool (parse->object, parse->what, "do_rescale", &rescale, error)
      || !clip_json_get_double (parse->object, parse->what, "rescale_factor", 1e-6, 1e6, &factor,
                                error)
      || !clip_preprocess_get_triple (parse->object, parse->what, "image_mean", mean, error)
      || !clip_preprocess_get_triple (parse->object, parse->what, "image_std", std, error))
    return FALSE;
  scale = rescale ? 255.0 * factor : 255.0;
  for (guint i = 0; i < 3; i++) {
    if (!normalize) {
      mean[i] = 0.0;
      std[i] = 1.0;
    }
    if (!(std[i] >= 1e-6)) {
      g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                   "%s: \"image_std\" has %g, which is too small", parse->what, std[i]);
      return FALSE;
    }
    /* 1/255 is not written exactly; do not let that into the last digits. */
    if (fabs (scale - 1.0) > 1e-9) {
      mean[i] /= scale;
      std[i] /= scale;
    }
  }
  return TRUE;
}

/* @root: (out): the file that was read, NULL where there is none; @object: within it */
static gboolean
find_object (const ClipSource *source, JsonObject **root, JsonObject **object, gchar **what,
             GError **error)
{
  const gchar *name = clip_source_has (source, NAME) ? NAME : NEW_NAME;
  g_autoptr (GBytes) bytes = NULL;

  *root = *object = NULL;
  *what = g_build_filename (clip_source_path (source), name, NULL);
  if (!clip_source_has (source, name))
    return TRUE;
  bytes = clip_source_load (source, name, CLIP_JSON_MAX_BYTES, error);
  if (!bytes)
    return FALSE;
  *root = clip_json_load (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), *what, error);
  if (!*root)
    return FALSE;
  *object = *root;
  if (g_str_equal (name, NAME))
    return TRUE;
  *object = NULL;
  return clip_json_get_object (*root, *what, "image_processor", object, error);
}

void
clip_preprocess_config_init (ClipModelConfig *config)
{
  static const gdouble mean[3] = { 0.48145466, 0.4578275, 0.40821073 };
  static const gdouble std[3] = { 0.26862954, 0.26130258, 0.27577711 };
  const gboolean siglip = config->layout == CLIP_LAYOUT_HF && config->sigmoid;

  for (guint i = 0; i < 3; i++) {
    config->mean[i] = siglip ? 0.5 : mean[i];
    config->std[i] = siglip ? 0.5 : std[i];
  }
  config->preprocess = (ClipPreprocessSpec){
    .resize = siglip ? CLIP_RESIZE_SQUASH : CLIP_RESIZE_SHORTEST_EDGE,
    .filter = CLIP_FILTER_BICUBIC,
    .resize_edge = config->image_size,
    .crop_size = config->image_size,
    .crop_rounding = CLIP_CROP_FLOOR,
    .patch_size = config->conv_stem ? CLIP_CONV_STEM_PATCH : config->patch_size,
    .token_offset = config->class_token && !config->conv_stem ? 1 : 0,
    .pixels = config->vision_kind != CLIP_TOWER_VIT,
  };
}

gboolean
clip_preprocess_config_load (const ClipSource *source, ClipModelConfig *config, GError **error)
{
  g_autoptr (JsonObject) root = NULL;
  g_autofree gchar *what = NULL;
  Parse parse = { .config = config };

  clip_preprocess_config_init (config);
  if (!find_object (source, &root, &parse.object, &what, error))
    return FALSE;
  parse.what = what;
  if (!parse.object)
    return TRUE;
  /* What the file does not say are the defaults of transformers' processors, whatever the model's size. */
  config->preprocess.resize_edge = config->preprocess.crop_size = 224;
  return parse_resize (&parse, error) && parse_normalize (&parse, error);
}
