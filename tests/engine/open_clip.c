/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * open_clip's layout: the forms of open_clip_config.json, names of tensors, which of two layouts in a
 * folder is read. Broken folders: tests/fuzz; values: tests/golden.
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "gst-clip/engine/model_config.h"
#include "gst-clip/engine/tensors.h"

/* Configurations --------------------------------------------------------- */

#define TEXT "\"text_cfg\":{\"vocab_size\":514}"

static gboolean
load (const gchar *json, ClipModelConfig *config, GError **error)
{
  g_autofree gchar *folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "open_clip_config.json", NULL);
  g_autoptr (ClipSource) source = NULL;
  gboolean ok;

  g_assert_true (g_file_set_contents (path, json, -1, NULL));
  source = clip_source_open_folder (folder, NULL);
  ok = clip_model_config_load (source, config, error);
  g_unlink (path);
  g_rmdir (folder);
  return ok;
}

static void
good (const gchar *vision, const gchar *text, const gchar *preprocess, ClipModelConfig *config)
{
  g_autofree gchar *json =
      g_strdup_printf ("{\"model_cfg\":{\"embed_dim\":512,\"vision_cfg\":{%s},\"text_cfg\":{%s}},"
                       "\"preprocess_cfg\":{%s}}",
                       vision, text, preprocess);
  g_autoptr (GError) error = NULL;

  load (json, config, &error);
  g_assert_no_error (error);
}

/* Refused, and the message names @key. */
static void
bad (const gchar *key, const gchar *vision, const gchar *text, const gchar *preprocess)
{
  g_autofree gchar *json =
      g_strdup_printf ("{\"model_cfg\":{\"embed_dim\":512,\"vision_cfg\":{%s},\"text_cfg\":{%s}},"
                       "\"preprocess_cfg\":{%s}}",
                       vision, text, preprocess);
  g_autoptr (GError) error = NULL;
  ClipModelConfig config;

  g_assert_false (load (json, &config, &error));
  g_test_message ("%s", error->message);
  g_assert_true (error->domain == CLIP_MODEL_ERROR);
  g_assert_nonnull (strstr (error->message, key));
  g_assert_nonnull (strstr (error->message, "open_clip_config.json"));
}

/* What suits a model, beside what open_clip reads. */
static void
test_scoring (void)
{
#define SCORING(members) "},\"scoring_cfg\":{" members
  ClipModelConfig c;

  good ("", "", "", &c);
  g_assert_cmpfloat (c.contrast_threshold, ==, 0.0);
  good ("", "", SCORING (""), &c);
  g_assert_cmpfloat (c.contrast_threshold, ==, 0.0);
  good ("", "", SCORING ("\"contrast_threshold\":0.2"), &c);
  g_assert_cmpfloat (c.contrast_threshold, ==, 0.2);
  bad ("contrast_threshold", "", "", SCORING ("\"contrast_threshold\":1.5"));
  bad ("contrast_threshold", "", "", SCORING ("\"contrast_threshold\":\"high\""));
#undef SCORING
}

/* open_clip's defaults. */
static void
test_defaults (void)
{
  ClipModelConfig c;

  good ("", "", "", &c);
  g_assert_true (c.layout == CLIP_LAYOUT_OPEN_CLIP && c.vision_kind == CLIP_TOWER_VIT);
  g_assert_true (c.vision.width == 768 && c.vision.layers == 12 && c.vision.heads == 12);
  g_assert_true (c.vision.mlp == 3072 && c.vision.eps == 1e-5 && !c.vision.layer_scale);
  g_assert_true (c.vision.activation == CLIP_ACTIVATION_GELU && c.vision.projection);
  g_assert_true (c.image_size == 224 && c.patch_size == 16 && c.vision_tokens == 197);
  g_assert_true (c.class_token && c.pre_norm && !c.patch_bias);
  g_assert_true (c.text.width == 512 && c.text.heads == 8 && c.text.layers == 12);
  g_assert_true (c.text.mlp == 2048 && c.context == 77 && c.vocab == 49408 && c.causal);
  g_assert_true (c.eos_token_id == CLIP_EOS_ARGMAX && c.text.pool == CLIP_POOL_TOKEN);
  g_assert_true (c.text.projection && !c.text.projection_bias && c.projection == 512);
  g_assert_true (c.preprocess.crop_rounding == CLIP_CROP_ROUND_HALF_EVEN);
  g_assert_true (c.preprocess.resize == CLIP_RESIZE_SHORTEST_EDGE);
  g_assert_true (c.preprocess.resize_edge == 224 && c.preprocess.crop_size == 224);
  g_assert_true (c.mean[0] == 0.48145466 && c.std[2] == 0.27577711);
}

/* ViT-g/14 and bigG/14: heads of 88 and 104, widths of the MLP that are no multiple. */
static void
test_large (void)
{
  ClipModelConfig c;

  good ("\"layers\":40,\"width\":1408,\"head_width\":88,\"mlp_ratio\":4.3637,\"patch_size\":14", "",
        "", &c);
  g_assert_true (c.vision.heads == 16 && c.vision.head_dim == 88 && c.vision.mlp == 6144);
  good ("\"layers\":48,\"width\":1664,\"head_width\":104,\"mlp_ratio\":4.9231,\"patch_size\":14",
        "\"width\":1280,\"heads\":20,\"layers\":32", "", &c);
  g_assert_true (c.vision.heads == 16 && c.vision.head_dim == 104 && c.vision.mlp == 8192);
  g_assert_true (c.text.heads == 20 && c.text.head_dim == 64 && c.vision_tokens == 257);
}

static void
test_options (void)
{
  ClipModelConfig c;

  good ("\"image_size\":[64,64],\"patch_size\":[16,16],\"no_ln_pre\":true,\"ls_init_value\":1e-4,"
        "\"patch_dropout\":0.5,\"output_tokens\":true,\"pos_embed_type\":\"sin_cos_2d\","
        "\"final_ln_after_pool\":true,\"pool_type\":\"tok\",\"attentional_pool\":false,"
        "\"act_kwargs\":{\"approximate\":\"tanh\"},\"norm_kwargs\":{\"eps\":1e-6}",
        "\"no_causal_mask\":true,\"pool_type\":\"last\",\"pad_id\":1,\"proj_bias\":true,"
        "\"embed_cls\":false,\"hf_tokenizer_name\":\"x\",\"ls_init_value\":null",
        "\"size\":[64,64],\"mode\":\"RGB\",\"interpolation\":\"bilinear\",\"mean\":0.5,"
        "\"std\":[0.5,0.5,0.25],\"resize_mode\":\"squash\",\"fill_color\":0",
        &c);
  g_assert_true (c.image_size == 64 && c.patch_size == 16 && c.vision_tokens == 17);
  g_assert_true (!c.pre_norm && c.vision.layer_scale && !c.text.layer_scale);
  g_assert_true (c.vision.activation == CLIP_ACTIVATION_GELU_TANH && c.vision.eps == 1e-6);
  g_assert_true (c.text.activation == CLIP_ACTIVATION_GELU && c.text.eps == 1e-5);
  g_assert_true (!c.causal && c.text.pool == CLIP_POOL_LAST && c.pad_token_id == 1);
  g_assert_true (c.text.projection_bias && c.mean[2] == 0.5 && c.std[2] == 0.25);
  g_assert_true (c.preprocess.filter == CLIP_FILTER_BILINEAR);
  g_assert_true (c.preprocess.resize == CLIP_RESIZE_SQUASH);
  good ("", "", "\"resize_mode\":\"longest\",\"fill_color\":0", &c);
  g_assert_true (c.preprocess.resize == CLIP_RESIZE_LONGEST_EDGE);
  good ("", "\"pool_type\":\"eos\",\"eos_id\":7,\"proj_type\":\"none\"", "", &c);
  g_assert_true (c.eos_token_id == 7 && !c.text.projection);
}

static void
test_refused (void)
{
  static const gchar *const vision[][2] = {
    { "pool_type", "\"avg\"" },
    { "attentional_pool", "true" },
    { "attentional_pool", "\"parallel\"" },
    { "pos_embed_type", "\"rope\"" },
    { "qk_norm", "true" },
    { "scale_fc", "true" },
    { "block_type", "\"custom\"" },
    { "input_patchnorm", "true" },
    { "global_average_pool", "true" },
    { "unheard_of", "1" },
    { "timm_model_name", "\"convnext_base\"" },
    { "head_width", "1000" },
    { "mlp_ratio", "0.01" },
    { "image_size", "[224,256]" },
    { "act_kwargs", "{\"inplace\":true}" },
    { "norm_kwargs", "{\"bias\":false}" },
    { "layers", "[1,2,3]" },
    { "layers", "[1,2,3,0]" },
  };
  static const gchar *const text[][2] = {
    { "embed_cls", "true" },          { "hf_model_name", "\"roberta-base\"" },
    { "pool_type", "\"none\"" },      { "proj_type", "\"mlp\"" },
    { "use_pad_mask", "true" },       { "heads", "7" },
    { "scaled_cosine_attn", "true" },
  };
  static const gchar *const preprocess[][2] = {
    { "resize_mode", "\"widest\"" },
    { "fill_color", "1,\"resize_mode\":\"longest\"" },
    { "mode", "\"L\"" },
    { "interpolation", "\"nearest\"" },
    { "mean", "[1,2]" },
    { "std", "0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (vision); i++) {
    g_autofree gchar *entry = g_strdup_printf (
        "%s\"%s\":%s",
        g_str_equal (vision[i][0], "mlp_ratio") ? "\"width\":1,\"head_width\":1," : "",
        vision[i][0], vision[i][1]);
    bad (vision[i][0], entry, "", "");
  }
  for (guint i = 0; i < G_N_ELEMENTS (text); i++) {
    g_autofree gchar *entry = g_strdup_printf ("\"%s\":%s", text[i][0], text[i][1]);
    bad (text[i][0], "", entry, "");
  }
  for (guint i = 0; i < G_N_ELEMENTS (preprocess); i++) {
    g_autofree gchar *entry = g_strdup_printf ("\"%s\":%s", preprocess[i][0], preprocess[i][1]);
    bad (preprocess[i][0], "", "", entry);
  }
}

static void
refused_whole (const gchar *json, const gchar *key)
{
  g_autoptr (GError) error = NULL;
  ClipModelConfig config;

  g_assert_false (load (json, &config, &error));
  g_assert_true (error->domain == CLIP_MODEL_ERROR);
  g_assert_nonnull (strstr (error->message, key));
}

static void
test_whole_file (void)
{
  g_autoptr (GError) error = NULL;
  ClipModelConfig c;

  refused_whole ("{}", "model_cfg");
  refused_whole ("{\"model_cfg\":{\"embed_dim\":8}}", "vision_cfg");
  refused_whole ("{\"model_cfg\":{\"vision_cfg\":{}," TEXT "}}", "embed_dim");
  refused_whole ("{\"model_cfg\":{\"embed_dim\":512,\"vision_cfg\":{}," TEXT
                 ",\"multimodal_cfg\":{\"width\":512}}}",
                 "multimodal_cfg");
  refused_whole ("{\"model_cfg\":{\"embed_dim\":512,\"quick_gelu\":true,\"vision_cfg\":"
                 "{\"act_kwargs\":{\"approximate\":\"tanh\"}}," TEXT "}}",
                 "act_kwargs");
  refused_whole ("{\"model_cfg\":{\"embed_dim\":100,\"vision_cfg\":{},\"text_cfg\":"
                 "{\"proj_type\":\"none\"}}}",
                 "embed_dim");
  load ("{\"model_cfg\":{\"embed_dim\":512,\"quick_gelu\":true,\"custom_text\":true,"
        "\"vision_cfg\":{}," TEXT "}}",
        &c, &error);
  g_assert_no_error (error);
  g_assert_true (c.vision.activation == CLIP_ACTIVATION_QUICK_GELU);
  g_assert_true (c.text.activation == CLIP_ACTIVATION_QUICK_GELU && c.vocab == 514);
}

static void
test_resnet (void)
{
  ClipModelConfig c;

  good ("\"image_size\":288,\"layers\":[4,6,10,6],\"width\":80,\"patch_size\":null", "", "", &c);
  g_assert_true (c.vision_kind == CLIP_TOWER_RESNET && c.resnet.layers[2] == 10);
  g_assert_true (c.resnet.width == 80 && c.resnet.heads == 40 && c.image_size == 288);
  g_assert_true (c.vision.width == 2560 && c.vision_tokens == 82 && c.preprocess.crop_size == 288);
  bad ("image_size", "\"image_size\":100,\"layers\":[1,1,1,1]", "", "");
}

/* timm -------------------------------------------------------------------- */

#define TIMM(name, pool, proj)                                                                     \
  "\"timm_model_name\":\"" name "\",\"timm_pool\":" pool ",\"timm_proj\":" proj

static void
test_timm_siglip (void)
{
  static const struct {
    const gchar *name;
    guint image, width, layers, tokens, mlp;
    ClipActivation activation;
  } cases[] = {
    { "vit_base_patch16_siglip_224", 224, 768, 12, 196, 3072, CLIP_ACTIVATION_GELU },
    { "vit_base_patch16_siglip_512.v2_webli", 512, 768, 12, 1024, 3072, CLIP_ACTIVATION_GELU },
    { "vit_large_patch16_siglip_512", 512, 1024, 24, 1024, 4096, CLIP_ACTIVATION_GELU_TANH },
    { "vit_so400m_patch14_siglip_384", 384, 1152, 27, 729, 4304, CLIP_ACTIVATION_GELU },
    { "vit_so400m_patch16_siglip_256", 256, 1152, 27, 256, 4304, CLIP_ACTIVATION_GELU_TANH },
    { "vit_giantopt_patch16_siglip_256", 256, 1536, 40, 256, 6144, CLIP_ACTIVATION_GELU_TANH },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *json = g_strdup_printf (
        "{\"model_cfg\":{\"embed_dim\":%u,\"init_logit_bias\":-10,\"custom_text\":true,"
        "\"vision_cfg\":{\"image_size\":%u,\"timm_model_name\":\"%s\","
        "\"timm_model_pretrained\":false,\"timm_pool\":\"map\",\"timm_proj\":\"none\"},"
        "\"text_cfg\":{\"context_length\":64,\"vocab_size\":32000,\"no_causal_mask\":true,"
        "\"proj_bias\":true,\"pool_type\":\"last\",\"norm_kwargs\":{\"eps\":1e-6}}},"
        "\"preprocess_cfg\":{\"mean\":[0.5,0.5,0.5],\"std\":[0.5,0.5,0.5],"
        "\"resize_mode\":\"squash\"}}",
        cases[i].width, cases[i].image, cases[i].name);
    g_autoptr (GError) error = NULL;
    ClipModelConfig c;

    load (json, &c, &error);
    g_assert_no_error (error);
    g_assert_true (c.layout == CLIP_LAYOUT_OPEN_CLIP_TIMM && c.sigmoid && !c.causal);
    g_assert_true (c.vision.width == cases[i].width && c.vision.layers == cases[i].layers);
    g_assert_true (c.vision.mlp == cases[i].mlp && c.vision_tokens == cases[i].tokens);
    g_assert_true (c.vision.activation == cases[i].activation && c.vision.eps == 1e-6);
    g_assert_true (c.vision.pool == CLIP_POOL_MAP && !c.vision.projection);
    g_assert_true (!c.class_token && c.patch_bias && !c.pre_norm);
    g_assert_true (c.text.pool == CLIP_POOL_LAST && c.text.projection_bias);
    g_assert_true (c.preprocess.resize == CLIP_RESIZE_SQUASH && c.preprocess.token_offset == 0);
  }
}

static void
test_timm_others (void)
{
  ClipModelConfig c;

  good (TIMM ("eva_giant_patch14_224", "\"token\"", "null"), "", "", &c);
  g_assert_true (c.vision.width == 1408 && c.vision.head_dim == 88 && c.vision.mlp == 6144);
  g_assert_true (c.class_token && c.patch_bias && !c.pre_norm && c.vision.eps == 1e-6);
  g_assert_true (c.vision.projection && c.vision.projection_bias && !c.sigmoid);
  good (TIMM ("vit_base_patch32_clip_quickgelu_224", "\"token\"", "\"linear\""), "", "", &c);
  g_assert_true (c.vision.activation == CLIP_ACTIVATION_QUICK_GELU && c.vision.eps == 1e-5);
  g_assert_true (c.class_token && !c.patch_bias && c.pre_norm && c.vision_tokens == 50);
  g_assert_true (c.vision.projection && !c.vision.projection_bias);

  bad ("timm_model_name", TIMM ("vit_base_patch16_siglip_gap_224", "\"avg\"", "\"none\""), "", "");
  bad ("timm_model_name", TIMM ("vit_base_patch16_reg4_gap_256", "\"avg\"", "\"none\""), "", "");
  bad ("timm_model_name", TIMM ("eva02_base_patch16_clip_224", "\"token\"", "null"), "", "");
  bad ("timm_model_name", TIMM ("vit_pe_core_base_patch16_224", "\"map\"", "\"none\""), "", "");
  bad ("timm_model_name", TIMM ("vit_base_patch16_224", "\"token\"", "\"linear\""), "", "");
  bad ("timm_pool", TIMM ("vit_base_patch16_clip_224", "\"avg\"", "\"linear\""), "", "");
  bad ("timm_proj", TIMM ("vit_base_patch16_clip_224", "\"token\"", "\"mlp\""), "", "");
  bad ("embed_dim", TIMM ("vit_base_patch16_siglip_224", "\"map\"", "\"none\""), "", "");
}

static void
test_timm_mobileclip (void)
{
  ClipModelConfig c;

  good (TIMM ("fastvit_mci2.apple_mclip", "\"avg\"", "null") ",\"image_size\":256",
        "\"no_causal_mask\":true",
        "\"mean\":[0,0,0],\"std\":[1,1,1],\"interpolation\":\"bilinear\"", &c);
  g_assert_true (c.vision_kind == CLIP_TOWER_FASTVIT && c.layout == CLIP_LAYOUT_OPEN_CLIP_TIMM);
  g_assert_true (c.fastvit.layers[2] == 24 && c.fastvit.width == 80 && c.vision.width == 1280);
  g_assert_true (c.vision.projection && c.vision.projection_bias && !c.causal);
  g_assert_true (c.preprocess.pixels && c.preprocess.filter == CLIP_FILTER_BILINEAR);
  good (TIMM ("fastvit_mci0", "\"avg\"", "\"linear\"") ",\"image_size\":[64,64]", "", "", &c);
  g_assert_true (c.fastvit.layers[1] == 6 && c.vision_tokens == 4 && !c.vision.projection_bias);
  good (TIMM ("vit_base_mci_224", "\"token\"", "null"), "", "", &c);
  g_assert_true (c.vision_kind == CLIP_TOWER_VIT && c.conv_stem && c.vision_tokens == 197);
  g_assert_true (c.class_token && !c.patch_bias && !c.pre_norm && c.vision.eps == 1e-6);
  g_assert_true (c.preprocess.patch_size == 4 && c.preprocess.token_offset == 0);

  bad ("image_size", TIMM ("fastvit_mci0", "\"avg\"", "null") ",\"image_size\":250", "", "");
  bad ("timm_pool", TIMM ("fastvit_mci0", "\"map\"", "null"), "", "");
  bad ("timm_pool", TIMM ("vit_base_mci_224", "\"avg\"", "null"), "", "");
  bad ("timm_proj", TIMM ("fastvit_mci0", "\"avg\"", "\"none\""), "", "");
  bad ("timm_model_name", TIMM ("fastvit_mci3", "\"avg\"", "null"), "", "");
  bad ("timm_model_name", TIMM ("fastvit_sa12", "\"avg\"", "null"), "", "");
}

/* Names ------------------------------------------------------------------ */

static gboolean
has_name (gconstpointer names, const gchar *name)
{
  return names == NULL || g_strv_contains (names, name);
}

/* @names: (nullable): what the file has; all */
static void
found (ClipLayout layout, const gchar *const *names, const gchar *ours, const gchar *theirs,
       guint part, guint parts, gboolean transposed)
{
  g_auto (ClipPlace) place = { 0 };

  g_assert_true (clip_layout_find (layout, ours, has_name, names, &place));
  g_assert_cmpstr (place.name, ==, theirs);
  g_assert_true (place.part == part && place.parts == parts && place.transposed == transposed);
}

static void
test_names (void)
{
  static const gchar *const custom[] = { "text.ln_final.bias", "text.text_projection.weight",
                                         NULL };
  static const gchar *const eva[] = { "visual.trunk.blocks.3.attn.q_bias", NULL };
  const ClipLayout hf = CLIP_LAYOUT_HF, oc = CLIP_LAYOUT_OPEN_CLIP,
                   timm = CLIP_LAYOUT_OPEN_CLIP_TIMM;
  g_auto (ClipPlace) missing = { 0 };

  found (hf, NULL, "vision_model.encoder.layers.3.self_attn.q_proj.bias",
         "vision_model.encoder.layers.3.self_attn.q_proj.bias", 0, 1, FALSE);
  found (oc, NULL, "vision_model.encoder.layers.11.self_attn.v_proj.weight",
         "visual.transformer.resblocks.11.attn.in_proj_weight", 2, 3, FALSE);
  found (oc, NULL, "text_model.encoder.layers.0.mlp.fc2.bias",
         "transformer.resblocks.0.mlp.c_proj.bias", 0, 1, FALSE);
  found (oc, NULL, "visual_projection.weight", "visual.proj", 0, 1, TRUE);
  found (oc, NULL, "text_projection.weight", "text_projection", 0, 1, TRUE);
  found (oc, custom, "text_projection.weight", "text.text_projection.weight", 0, 1, FALSE);
  found (oc, custom, "text_model.final_layer_norm.bias", "text.ln_final.bias", 0, 1, FALSE);
  found (oc, NULL, "logit_scale", "logit_scale", 0, 1, FALSE);
  found (oc, NULL, "visual.layer1.0.bn1.running_var", "visual.layer1.0.bn1.running_var", 0, 1,
         FALSE);
  found (timm, NULL, "vision_model.encoder.layers.7.layer_scale2",
         "visual.trunk.blocks.7.ls2.gamma", 0, 1, FALSE);
  found (timm, NULL, "vision_model.head.self_attn.v_proj.bias", "visual.trunk.attn_pool.kv.bias", 1,
         2, FALSE);
  found (timm, eva, "vision_model.encoder.layers.3.self_attn.q_proj.bias",
         "visual.trunk.blocks.3.attn.q_bias", 0, 1, FALSE);
  /* A message should have the name that one would look for. */
  g_assert_false (clip_layout_find (timm, "vision_model.encoder.layers.3.self_attn.out_proj.weight",
                                    has_name, eva, &missing));
  g_assert_cmpstr (missing.name, ==, "visual.trunk.blocks.3.attn.proj.weight");
}

/* Two layouts ------------------------------------------------------------ */

static ClipLayout
layout_of (const gchar *config, const gchar *weights)
{
  static const gchar open_clip[] =
      "{\"model_cfg\":{\"embed_dim\":512,\"vision_cfg\":{},\"text_cfg\":{}}}";
  g_autofree gchar *folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_autofree gchar *a = g_build_filename (folder, "open_clip_config.json", NULL);
  g_autofree gchar *b = g_build_filename (folder, "config.json", NULL);
  g_autofree gchar *c = g_build_filename (folder, weights, NULL);
  g_autoptr (ClipSource) source = NULL;
  g_autoptr (GError) error = NULL;
  ClipModelConfig parsed;

  g_assert_true (g_file_set_contents (a, open_clip, -1, NULL));
  g_assert_true (g_file_set_contents (b, config, -1, NULL));
  g_assert_true (g_file_set_contents (c, "", -1, NULL));
  source = clip_source_open_folder (folder, NULL);
  clip_model_config_load (source, &parsed, &error);
  g_assert_no_error (error);
  g_unlink (a);
  g_unlink (b);
  g_unlink (c);
  g_rmdir (folder);
  return parsed.layout;
}

/* LAION's folders have both, timm's have a config.json of their own. */
static void
test_both_layouts (void)
{
  g_assert_true (layout_of ("{\"model_type\":\"clip\"}", "model.safetensors") == CLIP_LAYOUT_HF);
  g_assert_true (layout_of ("{\"model_type\":\"clip\"}", "model.safetensors.index.json")
                 == CLIP_LAYOUT_HF);
  g_assert_true (layout_of ("{\"model_type\":\"clip\"}", "open_clip_model.safetensors")
                 == CLIP_LAYOUT_OPEN_CLIP);
  g_assert_true (layout_of ("{\"architecture\":\"vit_base\"}", "model.safetensors")
                 == CLIP_LAYOUT_OPEN_CLIP);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/open-clip/defaults", test_defaults);
  g_test_add_func ("/open-clip/scoring", test_scoring);
  g_test_add_func ("/open-clip/large", test_large);
  g_test_add_func ("/open-clip/options", test_options);
  g_test_add_func ("/open-clip/refused", test_refused);
  g_test_add_func ("/open-clip/whole-file", test_whole_file);
  g_test_add_func ("/open-clip/resnet", test_resnet);
  g_test_add_func ("/open-clip/timm-siglip", test_timm_siglip);
  g_test_add_func ("/open-clip/timm-others", test_timm_others);
  g_test_add_func ("/open-clip/timm-mobileclip", test_timm_mobileclip);
  g_test_add_func ("/open-clip/names", test_names);
  g_test_add_func ("/open-clip/both-layouts", test_both_layouts);
  return g_test_run ();
}
