/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Published architectures with random weights, in the layouts in which they are published, against a
 * plain forward pass in double. The large ones take minutes and gigabytes: GST_CLIP_TEST_LARGE=1.
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "gst-clip/engine/internal.h"
#include "gst-clip/engine/tensors.h"
#include "tests/common/random_model.h"
#include "tests/common/relayout.h"
#include "tests/engine/reference_tower.h"

#define TOLERANCE 1e-4

/**
 * Case: @name: of the random model
 * @relayout: -1: as it is written; else open_clip's, with @vision_cfg and @text_cfg
 */
typedef struct {
  const gchar *name;
  gint relayout;
  const gchar *model_cfg, *vision_cfg, *text_cfg;
  gboolean large;
} Case;

#define SMALL_VISION                                                                               \
  "\"image_size\":30,\"patch_size\":7,\"width\":176,\"head_width\":88,\"layers\":2,"               \
  "\"mlp_ratio\":1.137"
#define SMALL_TEXT                                                                                 \
  "\"context_length\":12,\"vocab_size\":514,\"width\":208,\"heads\":2,\"layers\":2,"               \
  "\"mlp_ratio\":1.154"

static const Case cases[] = {
  { "tiny", -1 },
  { "tiny-heads", -1 },
  { "siglip-tiny", -1 },
  { "tiny-heads", CLIP_RELAYOUT_BUILTIN, "\"quick_gelu\":true,\"embed_dim\":40", SMALL_VISION,
    SMALL_TEXT },
  /* What open_clip alone can do. */
  { "tiny-heads", CLIP_RELAYOUT_CUSTOM, "\"custom_text\":true,\"embed_dim\":40",
    SMALL_VISION ",\"no_ln_pre\":true,\"ls_init_value\":1e-4,\"norm_kwargs\":{\"eps\":1e-3}",
    SMALL_TEXT ",\"no_causal_mask\":true,\"pool_type\":\"last\",\"pad_id\":7,"
               "\"act_kwargs\":{\"approximate\":\"tanh\"}" },
  { "siglip-timm", CLIP_RELAYOUT_TIMM,
    "\"custom_text\":true,\"embed_dim\":192,\"init_logit_bias\":-10",
    "\"image_size\":32,\"timm_model_name\":\"vit_tiny_patch16_siglip_224\",\"timm_pool\":\"map\","
    "\"timm_proj\":\"none\"",
    "\"context_length\":12,\"vocab_size\":514,\"width\":48,\"heads\":3,\"layers\":2,"
    "\"mlp_ratio\":2,\"no_causal_mask\":true,\"proj_bias\":true,\"pool_type\":\"last\","
    "\"pad_id\":1,\"norm_kwargs\":{\"eps\":1e-6}" },
  { "small-mobileclip", -1 },
  { "tiny-mci", -1 },
  { "vit-b-32", -1, .large = TRUE },
  { "vit-b-16", -1, .large = TRUE },
  { "vit-l-14", -1, .large = TRUE },
  { "siglip-b-16", -1, .large = TRUE },
  { "vit-l-14-336-wide", -1, .large = TRUE },
  { "vit-h-14-wide", CLIP_RELAYOUT_BUILTIN, "\"embed_dim\":1024",
    "\"image_size\":224,\"layers\":2,\"width\":1280,\"head_width\":80,\"patch_size\":14",
    "\"context_length\":77,\"vocab_size\":514,\"width\":1024,\"heads\":16,\"layers\":2", TRUE },
  { "vit-g-14-wide", CLIP_RELAYOUT_BUILTIN, "\"embed_dim\":1024",
    "\"image_size\":224,\"layers\":2,\"width\":1408,\"head_width\":88,\"mlp_ratio\":4.3637,"
    "\"patch_size\":14",
    "\"context_length\":77,\"vocab_size\":514,\"width\":1024,\"heads\":16,\"layers\":2", TRUE },
  { "vit-bigg-14-wide", CLIP_RELAYOUT_BUILTIN, "\"embed_dim\":1280",
    "\"image_size\":224,\"layers\":2,\"width\":1664,\"head_width\":104,\"mlp_ratio\":4.9231,"
    "\"patch_size\":14",
    "\"context_length\":77,\"vocab_size\":514,\"width\":1280,\"heads\":20,\"layers\":2", TRUE },
  { "siglip-so400m-wide", -1, .large = TRUE },
  { "mobileclip2-s0", -1, .large = TRUE },
  { "mobileclip2-s2", -1, .large = TRUE },
  { "mobileclip2-b", -1, .large = TRUE },
};

/* Folders ------------------------------------------------------------------ */

static void
remove_folder (const gchar *folder)
{
  g_autofree gchar *config = g_build_filename (folder, "open_clip_config.json", NULL);

  g_unlink (config);
  clip_random_model_remove (folder);
}

static void
write_open_clip_config (const Case *c, const gchar *folder)
{
  g_autofree gchar *path = g_build_filename (folder, "open_clip_config.json", NULL);
  g_autofree gchar *json = g_strdup_printf (
      "{\"model_cfg\":{%s,\"vision_cfg\":{%s},\"text_cfg\":{%s}},\"preprocess_cfg\":{%s}}",
      c->model_cfg, c->vision_cfg, c->text_cfg,
      c->relayout == CLIP_RELAYOUT_TIMM ? "\"mean\":0.5,\"std\":0.5,\"resize_mode\":\"squash\""
                                        : "\"interpolation\":\"bicubic\"");

  g_assert_true (g_file_set_contents (path, json, -1, NULL));
}

/* (transfer full) */
static gchar *
make_folder (const Case *c)
{
  gchar *folder = g_dir_make_tmp ("gst-clip-architecture-XXXXXX", NULL), *other = NULL;
  g_autoptr (GError) error = NULL;

  clip_random_model_write (clip_random_model_find (c->name), folder, 11, &error);
  g_assert_no_error (error);
  if (c->relayout < 0)
    return folder;
  other = g_dir_make_tmp ("gst-clip-architecture-XXXXXX", NULL);
  clip_relayout_tensors (folder, other, (ClipRelayout)c->relayout, &error);
  g_assert_no_error (error);
  clip_relayout_tokenizer (folder, other, &error);
  g_assert_no_error (error);
  write_open_clip_config (c, other);
  clip_random_model_remove (folder);
  g_free (folder);
  return other;
}

/* Values ------------------------------------------------------------------- */

static void
compare (const float *got, const gdouble *want, guint n, const gchar *what)
{
  gdouble difference = 0.0, norm = 0.0;

  for (guint i = 0; i < n; i++) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  g_test_message ("%s: %.3g", what, sqrt (difference / norm));
  g_assert_true (norm > 0.0 && sqrt (difference / norm) <= TOLERANCE);
}

/* Of the model's own size, so that nothing is resized. */
static void
check_image (ClipEngine *engine)
{
  const ClipModelConfig *c = clip_model_config (engine->model);
  const guint32 size = c->image_size;
  const ClipFrameInfo info = { CLIP_PIXEL_RGB, size, size, 1, 1, .full_range = TRUE };
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  g_autofree guint8 *rgb = g_malloc ((gsize)size * size * 3);
  const gchar *const words[] = { "a", NULL };
  g_autoptr (ClipPromptSet) word = clip_prompt_set_from_list (words, NULL, NULL);
  g_autoptr (ClipTexts) texts = NULL;
  g_autoptr (ClipJob) job = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree gdouble *want = NULL;

  for (gsize i = 0; i < (gsize)size * size * 3; i++)
    rgb[i] = (guint8)g_rand_int (random);
  texts = clip_texts_new (engine, word, NULL, FALSE, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  job = clip_job_new (engine, &info, &error);
  g_assert_no_error (error);
  clip_job_load (job, &(ClipFramePlanes){ { rgb }, { 3 * (gint)size } });
  clip_job_run (job, texts, NULL, NULL, &error);
  g_assert_no_error (error);
  want = reference_image (engine->model, rgb);
  compare (clip_job_raw_embedding (job), want, c->projection, "image");
}

static void
check_texts (ClipEngine *engine)
{
  static const gchar *const texts[] = { "a cat", "",
                                        "the quick brown fox jumps over the lazy dog" };
  const ClipModelConfig *c = clip_model_config (engine->model);
  g_autofree guint32 *ids = g_new0 (guint32, G_N_ELEMENTS (texts) * c->context);
  g_autofree float *raw = g_new (float, G_N_ELEMENTS (texts) * c->projection);
  guint32 n_ids[G_N_ELEMENTS (texts)];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    n_ids[i] = clip_model_tokenize (engine->model, texts[i], -1, ids + i * c->context, NULL, NULL);
  clip_encode_texts (engine, G_N_ELEMENTS (texts), ids, n_ids, NULL, raw, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree gdouble *want = reference_text (engine->model, ids + i * c->context, n_ids[i]);

    compare (raw + i * c->projection, want, c->projection, texts[i]);
  }
}

static void
test_values (gconstpointer data)
{
  const Case *c = data;
  g_autofree gchar *folder = NULL;
  g_autoptr (ClipEngine) engine = NULL;
  g_autoptr (GError) error = NULL;
  ClipEngineConfig config = { NULL, NULL, CLIP_PRECISION_FP32 };

  if (c->large && !g_getenv ("GST_CLIP_TEST_LARGE")) {
    g_test_skip ("takes long: GST_CLIP_TEST_LARGE=1");
    return;
  }
  folder = make_folder (c);
  config.model = folder;
  engine = clip_engine_open (&config, NULL, NULL, NULL, &error);
  remove_folder (folder);
  if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER)
      || g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE)) {
    g_test_skip (error->message);
    return;
  }
  g_assert_no_error (error);
  check_image (engine);
  check_texts (engine);
}

/* Names -------------------------------------------------------------------- */

/* Every tensor of ours is the same, whatever it is called. */
static void
compare_tensor (const ClipTensors *a, const ClipTensors *b, const gchar *name, guint64 rows,
                guint64 per_row)
{
  g_autofree float *x = g_new (float, rows *per_row), *y = g_new (float, rows *per_row);
  const guint64 half = rows / 2;
  g_autoptr (GError) error = NULL;

  clip_tensors_read (a, name, 0, rows, x, &error);
  g_assert_no_error (error);
  clip_tensors_read (b, name, 0, half, y, &error);
  g_assert_no_error (error);
  clip_tensors_read (b, name, half, rows - half, y + half * per_row, &error);
  g_assert_no_error (error);
  if (memcmp (x, y, rows * per_row * sizeof *x) != 0)
    g_error ("%s differs", name);
}

static void
compare_block (const ClipTensors *a, const ClipTensors *b, const gchar *prefix,
               const ClipRandomTower *t)
{
  const struct {
    const gchar *name;
    guint64 rows, per_row;
  } parts[] = {
    { "self_attn.q_proj.weight", t->width, t->width },
    { "self_attn.q_proj.bias", t->width, 1 },
    { "self_attn.k_proj.weight", t->width, t->width },
    { "self_attn.v_proj.bias", t->width, 1 },
    { "self_attn.v_proj.weight", t->width, t->width },
    { "self_attn.out_proj.bias", t->width, 1 },
    { "self_attn.out_proj.weight", t->width, t->width },
    { "layer_norm2.weight", t->width, 1 },
    { "mlp.fc1.weight", t->mlp, t->width },
    { "mlp.fc1.bias", t->mlp, 1 },
    { "mlp.fc2.weight", t->width, t->mlp },
    { "mlp.fc2.bias", t->width, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree gchar *name = g_strconcat (prefix, parts[i].name, NULL);

    compare_tensor (a, b, name, parts[i].rows, parts[i].per_row);
  }
}

static void
compare_all (const ClipTensors *a, const ClipTensors *b, const ClipRandomModel *m)
{
  const guint side = m->image / m->patch, v = m->vision.width, t = m->text.width;

  for (guint i = 0; i < m->vision.layers; i++) {
    g_autofree gchar *prefix = g_strdup_printf ("vision_model.encoder.layers.%u.", i);
    compare_block (a, b, prefix, &m->vision);
  }
  for (guint i = 0; i < m->text.layers; i++) {
    g_autofree gchar *prefix = g_strdup_printf ("text_model.encoder.layers.%u.", i);
    compare_block (a, b, prefix, &m->text);
  }
  if (m->siglip) {
    compare_block (a, b, "vision_model.head.", &m->vision);
    compare_tensor (a, b, "vision_model.head.probe", 1, v);
    compare_tensor (a, b, "text_projection.bias", m->projection, 1);
  } else {
    compare_tensor (a, b, "vision_model.embeddings.class_embedding", v, 1);
    compare_tensor (a, b, "visual_projection.weight", m->projection, v);
  }
  compare_tensor (a, b, "text_projection.weight", m->projection, t);
  compare_tensor (a, b, "vision_model.embeddings.position_embedding.weight",
                  side * side + !m->siglip, v);
  compare_tensor (a, b, "vision_model.embeddings.patch_embedding.weight", v,
                  3 * m->patch * m->patch);
  compare_tensor (a, b, "vision_model.post_layernorm.bias", v, 1);
  compare_tensor (a, b, "text_model.embeddings.token_embedding.weight", 514, t);
  compare_tensor (a, b, "text_model.embeddings.position_embedding.weight", m->context, t);
  compare_tensor (a, b, "text_model.final_layer_norm.weight", t, 1);
}

/* Two shards: both are the whole file, and the index says which tensor is in which. */
static void
shard (const gchar *folder)
{
  static const gchar *const shards[] = { "open_clip_model-00001-of-00002.safetensors",
                                         "open_clip_model-00002-of-00002.safetensors" };
  g_autofree gchar *whole = g_build_filename (folder, "open_clip_model.safetensors", NULL);
  g_autofree gchar *index = g_strconcat (whole, ".index.json", NULL);
  g_autofree gchar *bytes = NULL, *header = NULL;
  g_autoptr (GString) map = g_string_new ("{\"weight_map\":{");
  g_autoptr (GRegex) regex = g_regex_new ("\"([^\"]+)\":\\{\"dtype\"", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (whole, &bytes, &size, NULL));
  header = g_strndup (bytes + 8, GUINT64_FROM_LE (*(const guint64 *)bytes));
  for (guint i = 0; i < 2; i++) {
    g_autofree gchar *path = g_build_filename (folder, shards[i], NULL);

    g_assert_true (g_file_set_contents (path, bytes, (gssize)size, NULL));
  }
  g_regex_match (regex, header, 0, &match);
  for (guint n = 0; g_match_info_matches (match); g_match_info_next (match, NULL), n++) {
    g_autofree gchar *name = g_match_info_fetch (match, 1);

    g_string_append_printf (map, "%s\"%s\":\"%s\"", n ? "," : "", name, shards[n % 2]);
  }
  g_string_append (map, "}}");
  g_assert_true (g_file_set_contents (index, map->str, -1, NULL));
  g_unlink (whole);
}

static void
unshard (const gchar *folder)
{
  static const gchar *const files[] = { "open_clip_model-00001-of-00002.safetensors",
                                        "open_clip_model-00002-of-00002.safetensors",
                                        "open_clip_model.safetensors.index.json" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *path = g_build_filename (folder, files[i], NULL);

    g_unlink (path);
  }
}

/* All tensors of the model are the same in another layout. */
static void
check_names (const gchar *model, ClipRelayout relayout, ClipLayout layout, gboolean sharded)
{
  const ClipRandomModel *m = clip_random_model_find (model);
  g_autofree gchar *from = g_dir_make_tmp ("gst-clip-names-XXXXXX", NULL);
  g_autofree gchar *to = g_dir_make_tmp ("gst-clip-names-XXXXXX", NULL);
  g_autoptr (ClipSource) from_source = clip_source_open_folder (from, NULL);
  g_autoptr (ClipSource) to_source = clip_source_open_folder (to, NULL);
  g_autoptr (ClipTensors) a = NULL, b = NULL;
  g_autoptr (GError) error = NULL;

  clip_random_model_write (m, from, 5, &error);
  g_assert_no_error (error);
  clip_relayout_tensors (from, to, relayout, &error);
  g_assert_no_error (error);
  if (sharded)
    shard (to);
  a = clip_tensors_open (from_source, CLIP_LAYOUT_HF, &error);
  g_assert_no_error (error);
  b = clip_tensors_open (to_source, layout, &error);
  g_assert_no_error (error);
  compare_all (a, b, m);
  if (sharded)
    unshard (to);
  clip_random_model_remove (from);
  clip_random_model_remove (to);
}

static void
test_names (void)
{
  check_names ("tiny-heads", CLIP_RELAYOUT_BUILTIN, CLIP_LAYOUT_OPEN_CLIP, FALSE);
  check_names ("tiny-heads", CLIP_RELAYOUT_CUSTOM, CLIP_LAYOUT_OPEN_CLIP, FALSE);
  check_names ("tiny-heads", CLIP_RELAYOUT_EVA, CLIP_LAYOUT_OPEN_CLIP_TIMM, FALSE);
  check_names ("siglip-tiny", CLIP_RELAYOUT_TIMM, CLIP_LAYOUT_OPEN_CLIP_TIMM, FALSE);
}

static void
test_sharded (void)
{
  check_names ("tiny-heads", CLIP_RELAYOUT_CUSTOM, CLIP_LAYOUT_OPEN_CLIP, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/architectures/names", test_names);
  g_test_add_func ("/architectures/sharded", test_sharded);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    static const gchar *const layouts[] = { "open-clip", "custom-text", "timm", "eva" };
    g_autofree gchar *path =
        g_strdup_printf ("/architectures/%s/%s", cases[i].name,
                         cases[i].relayout < 0 ? "hugging-face" : layouts[cases[i].relayout]);

    g_test_add_data_func (path, &cases[i], test_values);
  }
  return g_test_run ();
}
