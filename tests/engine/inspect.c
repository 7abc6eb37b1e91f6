/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said of model folders, good and broken ones, and how much work models are. */
#include "gst-clip/engine/inspect.h"

#include <glib/gstdio.h>
#include <string.h>
#include "tests/common/random_model.h"

static gchar *folder;

static void
write_model (void)
{
  g_autoptr (GError) error = NULL;

  clip_random_model_write (clip_random_model_find ("tiny"), folder, 1, &error);
  g_assert_no_error (error);
}

/* The first @from in a file becomes @to, which is as long. */
static void
edit (const gchar *name, const gchar *from, const gchar *to)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autofree gchar *data = NULL;
  gsize size;
  gchar *at;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  at = memmem (data, size, from, strlen (from));
  g_assert_nonnull (at);
  g_assert_cmpuint (strlen (from), ==, strlen (to));
  memcpy (at, to, strlen (to));
  g_assert_true (g_file_set_contents (path, data, (gssize)size, NULL));
}

static gboolean
has_problem (const ClipInspection *inspection, const gchar *part)
{
  for (guint i = 0; i < inspection->problems->len; i++) {
    if (strstr (inspection->problems->pdata[i], part))
      return TRUE;
  }
  return FALSE;
}

static void
test_good (void)
{
  g_autoptr (ClipInspection) inspection = NULL;

  write_model ();
  inspection = clip_inspect (folder);
  g_assert_cmpuint (inspection->problems->len, ==, 0);
  g_assert_true (inspection->have_config);
  g_assert_cmpstr (inspection->path, ==, folder);
  g_assert_true (g_str_has_suffix (inspection->weights, "/model.safetensors"));
  g_assert_cmpuint (inspection->n_files, ==, 1);
  g_assert_cmpstr (inspection->dtypes, ==, "F16");
  g_assert_cmpuint (2 * (inspection->image_parameters + inspection->text_parameters), ==,
                    inspection->weight_bytes);
  g_assert_cmpstr (clip_inspection_family (inspection), ==, "CLIP (ViT)");
  g_assert_nonnull (strstr (inspection->tokenizer, "514 tokens"));
}

/* All of it, not the first alone; messages begin with the file. */
static void
test_broken (void)
{
  g_autoptr (ClipInspection) inspection = NULL;
  g_autofree gchar *merges = g_build_filename (folder, "merges.txt", NULL);

  write_model ();
  edit ("model.safetensors", "\"vision_model.embeddings.class_embedding\"",
        "\"vision_model.embeddings.claas_embedding\"");
  edit ("model.safetensors", "\"text_model.final_layer_norm.bias\"",
        "\"text_model.final_layer_norm.biaz\"");
  edit ("config.json", "\"projection_dim\":32", "\"projection_dim\":33");
  g_assert_cmpint (g_unlink (merges), ==, 0);
  inspection = clip_inspect (folder);
  for (guint i = 0; i < inspection->problems->len; i++)
    g_test_message ("%s", (gchar *)inspection->problems->pdata[i]);
  g_assert_true (has_problem (inspection, "vision_model.embeddings.class_embedding"));
  g_assert_true (has_problem (inspection, "text_model.final_layer_norm.bias"));
  g_assert_true (has_problem (inspection, "\"visual_projection.weight\" has the shape [32, 64]"));
  g_assert_true (has_problem (inspection, "\"text_projection.weight\""));
  g_assert_true (has_problem (inspection, "merges.txt"));
  g_assert_cmpuint (inspection->problems->len, ==, 5);
  g_assert_true (g_str_has_prefix (inspection->problems->pdata[0], "model.safetensors: "));
}

/* Without a configuration what can be read is shown all the same. */
static void
test_no_config (void)
{
  g_autofree gchar *config = g_build_filename (folder, "config.json", NULL);
  g_autoptr (ClipInspection) inspection = NULL;

  write_model ();
  g_assert_cmpint (g_unlink (config), ==, 0);
  inspection = clip_inspect (folder);
  g_assert_false (inspection->have_config);
  g_assert_cmpuint (inspection->problems->len, ==, 1);
  g_assert_true (has_problem (inspection, "config.json"));
  g_assert_cmpuint (inspection->image_parameters, >, 0);
  g_assert_nonnull (inspection->tokenizer);
}

/* A model of another size is wrong in many places, of which not all are listed. */
static void
test_many (void)
{
  g_autoptr (ClipInspection) inspection = NULL;

  write_model ();
  edit ("config.json", "\"hidden_size\":64", "\"hidden_size\":96");
  inspection = clip_inspect (folder);
  g_assert_cmpuint (inspection->problems->len, ==, 26);
  g_assert_true (g_str_has_prefix (inspection->problems->pdata[25], "and "));
}

static void
test_no_folder (void)
{
  g_autoptr (ClipInspection) inspection = clip_inspect ("/nowhere/at/all");

  g_assert_cmpuint (inspection->problems->len, ==, 1);
  g_assert_cmpstr (inspection->path, ==, "/nowhere/at/all");
}

/* Work ------------------------------------------------------------------- */

static ClipModelConfig
vit (guint32 width, guint32 layers, guint32 image, guint32 patch, guint32 text_width,
     guint32 projection)
{
  const guint32 side = image / patch;
  ClipModelConfig config = { .image_size = image, .patch_size = patch, .context = 77 };

  config.vision =
      (ClipTowerConfig){ .width = width, .layers = layers, .mlp = 4 * width, .projection = TRUE };
  config.text = (ClipTowerConfig){
    .width = text_width, .layers = 12, .mlp = 4 * text_width, .projection = TRUE
  };
  config.vision_tokens = side * side + 1;
  config.projection = projection;
  return config;
}

static ClipModelConfig
resnet (guint32 a, guint32 b, guint32 c, guint32 d, guint32 width, guint32 image,
        guint32 projection)
{
  ClipModelConfig config = { .image_size = image, .vision_kind = CLIP_TOWER_RESNET };

  config.resnet = (ClipResnetConfig){ { a, b, c, d }, width, width / 2 };
  config.projection = projection;
  return config;
}

#define NEAR(value, expected)                                                                      \
  g_assert_cmpfloat_with_epsilon ((value)*1e-9, expected, 0.01 * (expected))

/* Figures of docs/model_profile.csv of open_clip, which count as we do. */
static void
test_flops (void)
{
  ClipModelConfig b32 = vit (768, 12, 224, 32, 512, 512), l14 = vit (1024, 24, 224, 14, 768, 768);
  ClipModelConfig rn50 = resnet (3, 4, 6, 3, 64, 224, 1024);
  ClipModelConfig rn50x4 = resnet (4, 6, 10, 6, 80, 288, 640);
  ClipModelConfig siglip = vit (768, 12, 224, 16, 768, 768);

  NEAR (clip_image_flops (&b32), 8.82);
  NEAR (clip_text_flops (&b32), 5.96);
  NEAR (clip_image_flops (&l14), 162.03);
  NEAR (clip_text_flops (&l14), 13.3);
  NEAR (clip_image_flops (&rn50), 12.22);
  NEAR (clip_image_flops (&rn50x4), 42.56);
  siglip.vision_tokens--;
  siglip.vision.pool = CLIP_POOL_MAP;
  siglip.vision.projection = FALSE;
  siglip.context = 64;
  NEAR (clip_image_flops (&siglip), 35.42);
  NEAR (clip_text_flops (&siglip), 11.02);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_test_add_func ("/engine/inspect/good", test_good);
  g_test_add_func ("/engine/inspect/broken", test_broken);
  g_test_add_func ("/engine/inspect/no-config", test_no_config);
  g_test_add_func ("/engine/inspect/many", test_many);
  g_test_add_func ("/engine/inspect/no-folder", test_no_folder);
  g_test_add_func ("/engine/inspect/flops", test_flops);
  result = g_test_run ();
  write_model ();
  clip_random_model_remove (folder);
  g_free (folder);
  return result;
}
