/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folders in open_clip's layouts and SigLIP's that are damaged: each ends in a CLIP_MODEL_ERROR or is
 * readable as a whole. What all layouts have in common (the safetensors format, tokenizers, odd files) is in
 * model_folders.c. The seed is fixed.
 */
#include <glib/gstdio.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "tests/common/random_model.h"
#include "tests/common/relayout.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/read_model.h"

#define N_CUT     40
#define N_FLIPPED 150

/** Base: a good folder. @relayout: -1: as the random model is written */
typedef struct {
  const gchar *model;
  gint relayout;
  const gchar *config, *json, *weights;
} Base;

static const Base bases[] = {
  { "siglip-tiny", -1, "config.json", NULL, "model.safetensors" },
  { "tiny", CLIP_RELAYOUT_BUILTIN, "open_clip_config.json",
    "{\"model_cfg\":{\"embed_dim\":32,\"quick_gelu\":true,\"vision_cfg\":{\"image_size\":32,"
    "\"layers\":2,\"width\":64,\"head_width\":32,\"patch_size\":8,\"mlp_ratio\":2.0},"
    "\"text_cfg\":{\"context_length\":16,\"vocab_size\":514,\"width\":64,\"heads\":2,"
    "\"layers\":2,\"mlp_ratio\":2.0}},\"preprocess_cfg\":{\"mean\":[0.5,0.5,0.5],"
    "\"std\":[0.5,0.5,0.5],\"interpolation\":\"bicubic\",\"resize_mode\":\"shortest\"}}",
    "open_clip_model.safetensors" },
  { "tiny", CLIP_RELAYOUT_CUSTOM, "open_clip_config.json",
    "{\"model_cfg\":{\"embed_dim\":32,\"custom_text\":true,\"vision_cfg\":{\"image_size\":32,"
    "\"layers\":2,\"width\":64,\"head_width\":32,\"patch_size\":8,\"mlp_ratio\":2.0,"
    "\"no_ln_pre\":true,\"ls_init_value\":1e-4},\"text_cfg\":{\"context_length\":16,"
    "\"vocab_size\":514,\"width\":64,\"heads\":2,\"layers\":2,\"mlp_ratio\":2.0}}}",
    "open_clip_model.safetensors" },
  { "siglip-timm", CLIP_RELAYOUT_TIMM, "open_clip_config.json",
    "{\"model_cfg\":{\"embed_dim\":192,\"custom_text\":true,\"init_logit_bias\":-10,"
    "\"vision_cfg\":{\"image_size\":32,\"timm_model_name\":\"vit_tiny_patch16_siglip_224\","
    "\"timm_pool\":\"map\",\"timm_proj\":\"none\"},\"text_cfg\":{\"context_length\":12,"
    "\"vocab_size\":514,\"width\":48,\"heads\":3,\"layers\":2,\"mlp_ratio\":2,"
    "\"no_causal_mask\":true,\"proj_bias\":true,\"pool_type\":\"last\",\"pad_id\":1}}}",
    "open_clip_model.safetensors" },
};

typedef struct {
  const Base *base;
  gchar *path;
  FuzzFolder *folder;
  GRand *random;
  guint n_refused;
} Fuzz;

static gboolean
load (Fuzz *fuzz, GError **error)
{
  g_autoptr (ClipModel) model = clip_model_open (fuzz->path, error);

  return model && fuzz_read_model (model, error);
}

static void
refused (Fuzz *fuzz, FuzzFolder *folder, const gchar *name)
{
  g_autoptr (GError) error = NULL;

  fuzz_folder_write (folder, fuzz->path);
  if (load (fuzz, &error))
    g_error ("%s: was accepted", name);
  g_test_message ("%s: %s", name, error->message);
  g_assert_true (error->domain == CLIP_MODEL_ERROR);
  g_assert_nonnull (strstr (error->message, fuzz->path));
  fuzz->n_refused++;
}

/* Every key that has a number gets values that it must not have. */
static void
test_numbers (Fuzz *fuzz)
{
  static const gchar *const values[] = { "-1", "9007199254740992", "\"2\"", "[]", "true", "0.5" };
  GByteArray *bytes = fuzz_folder_get (fuzz->folder, fuzz->base->config);
  g_autofree gchar *json = g_strndup ((const gchar *)bytes->data, bytes->len);
  g_autoptr (GRegex) number = g_regex_new ("\"(\\w+)\":([0-9]+)[,}]", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  for (g_regex_match (number, json, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL)) {
    g_autofree gchar *key = g_match_info_fetch (match, 1), *value = g_match_info_fetch (match, 2);
    gint begin, end;

    g_match_info_fetch_pos (match, 2, &begin, &end);
    for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
      g_autoptr (GHashTable) folder = fuzz_folder_copy (fuzz->folder);
      g_autofree gchar *text = g_strdup_printf ("%.*s%s%s", begin, json, values[i], json + end);
      g_autofree gchar *name = g_strdup_printf ("\"%s\" %s", key, values[i]);

      /* A resampling filter and a ratio may be fractions or anything, a first value does not matter. */
      if (g_str_equal (key, "mlp_ratio") || g_str_equal (key, "resample")
          || g_str_equal (key, "pad_token_id"))
        continue;
      fuzz_folder_set (folder, fuzz->base->config, text, strlen (text));
      refused (fuzz, folder, name);
    }
  }
}

/* Every tensor once under another name, and once with another shape. */
static void
test_tensors (Fuzz *fuzz)
{
  g_autofree gchar *header = fuzz_header (fuzz->folder, fuzz->base->weights);
  g_autoptr (GRegex) tensor =
      g_regex_new ("\"([^\"]+)\":\\{\"dtype\":\"(F[0-9]+)\",\"shape\":\\[([0-9,]*)\\]", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  guint n = 0;

  for (g_regex_match (tensor, header, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL), n++) {
    g_autofree gchar *name = g_match_info_fetch (match, 1);
    g_autofree gchar *dtype = g_match_info_fetch (match, 2), *shape = g_match_info_fetch (match, 3);
    g_autofree gchar *all = g_match_info_fetch (match, 0);
    g_autofree gchar *quoted = g_strdup_printf ("\"%s\"", name);
    g_autofree gchar *renamed = g_strdup_printf ("\"%s_\"", name);
    g_autofree gchar *reshaped = g_strdup_printf ("\"%s\":{\"dtype\":\"%s\",\"shape\":[%s%s]", name,
                                                  dtype, shape, *shape ? ",1" : "1,1");
    g_autoptr (GHashTable) other_name = fuzz_folder_copy (fuzz->folder);
    g_autoptr (GHashTable) other_shape = fuzz_folder_copy (fuzz->folder);

    /* A bias of keys has no effect and is not read. Those of timm's twelve layers are all alike. */
    if (g_str_has_suffix (name, "k_proj.bias")
        || (fuzz->base->relayout == CLIP_RELAYOUT_TIMM && n % 9 != 0))
      continue;
    fuzz_replace_header (other_name, fuzz->base->weights, quoted, renamed);
    refused (fuzz, other_name, renamed);
    fuzz_replace_header (other_shape, fuzz->base->weights, all, reshaped);
    refused (fuzz, other_shape, reshaped);
  }
  g_assert_cmpuint (n, >, 40);
}

/* A tensor too many in a tower: what it is for, nobody knows. */
static void
test_leftover (Fuzz *fuzz)
{
  static const gchar *const names[] = { "visual.transformer.resblocks.0.attn.q_norm.weight",
                                        "transformer.resblocks.7.ln_1.weight", "visual.extra" };

  if (fuzz->base->relayout != CLIP_RELAYOUT_BUILTIN)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GHashTable) folder = fuzz_folder_copy (fuzz->folder);
    GByteArray *bytes = fuzz_folder_get (folder, fuzz->base->weights);
    g_autofree gchar *header = fuzz_header (folder, fuzz->base->weights);
    const guint end = bytes->len - 8 - (guint)strlen (header);
    g_autofree gchar *entry =
        g_strdup_printf ("{\"%s\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[%u,%u]},",
                         names[i], end, end + 4);

    g_byte_array_append (bytes, (const guint8 *)"\0\0\0\0", 4);
    fuzz_replace_header (folder, fuzz->base->weights, "{", entry);
    refused (fuzz, folder, names[i]);
  }
}

static void
test_cut (Fuzz *fuzz)
{
  for (guint i = 0; i < N_CUT; i++) {
    const gchar *file = i % 2 ? fuzz->base->config : fuzz->base->weights;
    g_autoptr (GHashTable) folder = fuzz_folder_copy (fuzz->folder);
    GByteArray *bytes = fuzz_folder_get (folder, file);
    /* A line feed after the last brace may go. */
    guint size = (guint)g_rand_int_range (fuzz->random, 0, (gint)bytes->len - 1);
    g_autofree gchar *name = g_strdup_printf ("%s cut to %u bytes", file, size);

    g_byte_array_set_size (bytes, size);
    refused (fuzz, folder, name);
  }
}

static void
test_flipped (Fuzz *fuzz)
{
  const gchar *rounds = g_getenv ("GST_CLIP_FUZZ_ROUNDS");
  guint64 n_rounds = rounds ? g_ascii_strtoull (rounds, NULL, 10) : N_FLIPPED;
  guint n_loaded = 0;

  for (guint64 i = 0; i < n_rounds; i++) {
    g_autoptr (GHashTable) folder = fuzz_folder_copy (fuzz->folder);
    GByteArray *bytes = fuzz_folder_get (folder, i % 2 ? fuzz->base->config : fuzz->base->weights);
    const gint limit = (gint)MIN (bytes->len, 12000);
    g_autoptr (GError) error = NULL;

    for (guint n = (guint)g_rand_int_range (fuzz->random, 1, 4); n > 0; n--)
      bytes->data[g_rand_int_range (fuzz->random, 0, limit)] ^=
          (guint8)(1 << g_rand_int_range (fuzz->random, 0, 8));
    fuzz_folder_write (folder, fuzz->path);
    if (load (fuzz, &error))
      n_loaded++;
    else
      g_assert_true (error->domain == CLIP_MODEL_ERROR);
  }
  g_test_message ("%u of %" G_GUINT64_FORMAT " folders with random bytes could be loaded", n_loaded,
                  n_rounds);
}

static FuzzFolder *
make_folder (const Base *base, const gchar *root)
{
  g_autofree gchar *from = g_build_filename (root, "from", NULL);
  g_autofree gchar *to = g_build_filename (root, "to", NULL);
  g_autoptr (GError) error = NULL;
  FuzzFolder *folder = NULL;

  clip_random_model_write (clip_random_model_find (base->model), from, 1, &error);
  g_assert_no_error (error);
  if (base->relayout < 0) {
    folder = fuzz_folder_read (from);
  } else {
    g_assert_cmpint (g_mkdir (to, 0700), ==, 0);
    clip_relayout_tensors (from, to, (ClipRelayout)base->relayout, &error);
    g_assert_no_error (error);
    clip_relayout_tokenizer (from, to, &error);
    g_assert_no_error (error);
    folder = fuzz_folder_read (to);
    fuzz_folder_set (folder, base->config, base->json, strlen (base->json));
    clip_random_model_remove (to);
  }
  clip_random_model_remove (from);
  return folder;
}

static void
test_base (gconstpointer data)
{
  g_autofree gchar *root = g_dir_make_tmp ("gst-clip-fuzz-XXXXXX", NULL);
  Fuzz fuzz = { data, g_build_filename (root, "model", NULL) };
  g_autoptr (GError) error = NULL;

  fuzz.random = g_rand_new_with_seed (20251125);
  fuzz.folder = make_folder (fuzz.base, root);
  fuzz_folder_write (fuzz.folder, fuzz.path);
  load (&fuzz, &error);
  g_assert_no_error (error);

  test_numbers (&fuzz);
  test_tensors (&fuzz);
  test_leftover (&fuzz);
  test_cut (&fuzz);
  g_test_message ("%u folders were refused", fuzz.n_refused);
  test_flipped (&fuzz);

  fuzz_remove_tree (fuzz.path);
  g_rmdir (root);
  g_hash_table_unref (fuzz.folder);
  g_rand_free (fuzz.random);
  g_free (fuzz.path);
}

int
main (int argc, char **argv)
{
  static const gchar *const names[] = { "siglip", "open-clip", "custom-text", "timm" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (bases); i++) {
    g_autofree gchar *path = g_strdup_printf ("/fuzz/model-layouts/%s", names[i]);

    g_test_add_data_func (path, &bases[i], test_base);
  }
  return g_test_run ();
}
