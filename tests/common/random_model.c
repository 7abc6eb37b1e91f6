/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/common/random_model_private.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define RESNET(name_, width_, a, b, c, d, image_, projection_, ...)                                \
  {                                                                                                \
    .name = name_, .text = __VA_ARGS__, .image = image_, .context = 77, .projection = projection_, \
    .resnet = {                                                                                    \
      { a, b, c, d },                                                                              \
      width_                                                                                       \
    }                                                                                              \
  }

#define MOBILECLIP(name_, timm_, width_, a, b, c, d)                                               \
  {                                                                                                \
    .name = name_, .text = { 512, 12, 8, 2048 }, .image = 256, .context = 77, .projection = 512,   \
    .fastvit = {                                                                                   \
      timm_,                                                                                       \
      { a, b, c, d },                                                                              \
      width_                                                                                       \
    }                                                                                              \
  }

#define SMALL_MOBILECLIP(name_, merged_)                                                           \
  {                                                                                                \
    .name = name_, .text = { 64, 2, 2, 128 }, .image = 96, .context = 16, .projection = 40,        \
    .fastvit = {                                                                                   \
      "fastvit_mci0",                                                                              \
      { 2, 6, 10, 2 },                                                                             \
      64,                                                                                          \
      merged_                                                                                      \
    }                                                                                              \
  }

const ClipRandomModel clip_random_models[] = {
  { "tiny", { 64, 2, 2, 128 }, { 64, 2, 2, 128 }, 32, 8, 16, 32 },
  { "outliers", { 64, 4, 2, 128 }, { 64, 4, 2, 128 }, 32, 8, 16, 32, TRUE },
  { "wide", { 768, 1, 12, 3072 }, { 512, 1, 8, 2048 }, 224, 32, 77, 512 },
  { "vit-b-32", { 768, 12, 12, 3072 }, { 512, 12, 8, 2048 }, 224, 32, 77, 512 },
  { "vit-b-16", { 768, 12, 12, 3072 }, { 512, 12, 8, 2048 }, 224, 16, 77, 512 },
  { "vit-l-14", { 1024, 24, 16, 4096 }, { 768, 12, 12, 3072 }, 224, 14, 77, 768 },
  { "vit-l-14-336", { 1024, 24, 16, 4096 }, { 768, 12, 12, 3072 }, 336, 14, 77, 768 },
  { "vit-l-14-336-wide", { 1024, 2, 16, 4096 }, { 768, 2, 12, 3072 }, 336, 14, 77, 768 },
  { "vit-h-14-wide", { 1280, 2, 16, 5120 }, { 1024, 2, 16, 4096 }, 224, 14, 77, 1024 },
  { "vit-g-14-wide", { 1408, 2, 16, 6144 }, { 1024, 2, 16, 4096 }, 224, 14, 77, 1024 },
  { "vit-bigg-14-wide", { 1664, 2, 16, 8192 }, { 1280, 2, 20, 5120 }, 224, 14, 77, 1280 },
  { "tiny-heads", { 176, 2, 2, 200 }, { 208, 2, 2, 240 }, 30, 7, 12, 40 },
  { "siglip-tiny", { 72, 2, 2, 148 }, { 48, 2, 3, 96 }, 45, 7, 12, 72, .siglip = TRUE },
  { "siglip-timm", { 192, 12, 3, 768 }, { 48, 2, 3, 96 }, 32, 16, 12, 192, .siglip = TRUE },
  { "siglip-b-16", { 768, 12, 12, 3072 }, { 768, 12, 12, 3072 }, 224, 16, 64, 768, .siglip = TRUE },
  { "siglip-so400m-wide",
    { 1152, 2, 16, 4304 },
    { 1152, 2, 16, 4304 },
    384,
    14,
    64,
    1152,
    .siglip = TRUE },
  { "tiny-rn", .text = { 128, 2, 2, 512 }, .image = 64, .context = 32, .projection = 128,
    .resnet = { { 2, 3, 3, 1 }, 24 } },
  RESNET ("rn50", 64, 3, 4, 6, 3, 224, 1024, { 512, 12, 8, 2048 }),
  RESNET ("rn101", 64, 3, 4, 23, 3, 224, 512, { 512, 12, 8, 2048 }),
  RESNET ("rn50x4", 80, 4, 6, 10, 6, 288, 640, { 640, 12, 10, 2560 }),
  RESNET ("rn50x16", 96, 6, 8, 18, 8, 384, 768, { 768, 12, 12, 3072 }),
  RESNET ("rn50x64", 128, 3, 15, 36, 10, 448, 1024, { 1024, 12, 16, 4096 }),
  RESNET ("rn50-wide", 64, 1, 1, 1, 1, 224, 1024, { 512, 1, 8, 2048 }),
  RESNET ("rn50x4-wide", 80, 1, 1, 1, 1, 288, 640, { 640, 1, 10, 2560 }),
  RESNET ("rn50x16-wide", 96, 1, 1, 1, 1, 384, 768, { 768, 1, 12, 3072 }),
  RESNET ("rn50x64-wide", 128, 1, 1, 1, 1, 448, 1024, { 1024, 1, 16, 4096 }),
  MOBILECLIP ("mobileclip2-s0", "fastvit_mci0", 64, 2, 6, 10, 2),
  MOBILECLIP ("mobileclip2-s2", "fastvit_mci2", 80, 4, 12, 24, 4),
  { "mobileclip2-b",
    { 768, 12, 12, 3072 },
    { 512, 12, 8, 2048 },
    224,
    16,
    77,
    512,
    .mci = "vit_base_mci_224" },
  { "tiny-mci", { 192, 12, 3, 768 }, { 64, 2, 2, 128 }, 80, 16, 16, 40, .mci = "vit_tiny_mci_224" },
  SMALL_MOBILECLIP ("small-mobileclip", FALSE),
  SMALL_MOBILECLIP ("small-mobileclip-merged", TRUE),
  { NULL },
};

static guint16
half_bits (float value)
{
  union {
    float f;
    guint32 u;
  } x = { .f = value };
  guint32 sign = (x.u >> 16) & 0x8000;
  gint exponent = (gint)((x.u >> 23) & 0xff) - 127 + 15;

  /* Small random numbers only: subnormal results become zero, the rest is truncated. */
  return exponent <= 0 ? sign : sign | (guint32)exponent << 10 | (x.u & 0x7fffff) >> 13;
}

/* Uniform in -1..1. */
static float
next_random (guint32 *seed)
{
  *seed = *seed * 1664525u + 1013904223u;
  return (float)(*seed >> 8) / 8388608.0f - 1.0f;
}

static const float residual_outliers[] = { 3e4f, -3e4f, 1e3f, -1e3f };

/* As many up as down: they do not move the mean of a row. */
static float
plant_residual (guint channel, guint width, float value)
{
  return channel < G_N_ELEMENTS (residual_outliers) ? value + residual_outliers[channel] : value;
}

/* What makes the other channels about 1 again behind a normalisation. */
static float
plant_gamma (guint channel, guint width, float value)
{
  float squares = 0.0f;

  for (guint i = 0; i < G_N_ELEMENTS (residual_outliers); i++)
    squares += residual_outliers[i] * residual_outliers[i];
  return value * (channel < G_N_ELEMENTS (residual_outliers) ? 0.1f : sqrtf (squares / width));
}

static float
plant_hidden (guint channel, guint width, float value)
{
  return channel < 2 ? value + (channel ? -100.0f : 100.0f) : value;
}

/* What the large one adds to every row alike must not drown the rest. */
static float
plant_after_hidden (guint channel, guint width, float value)
{
  return channel < 2 ? value * 0.02f : value;
}

/* One tensor of @count values, rows of @width: its entry in the header, or its values around
 * @mean; @plant (nullable) is for models with outliers. */
gboolean
random_tensor (Writer *w, const gchar *prefix, const gchar *name, const gchar *shape, guint64 count,
               guint width, float mean, float spread, Plant plant, GError **error)
{
  guint16 chunk[8192];

  if (w->out == NULL) {
    g_string_append_printf (w->header,
                            "%s\"%s%s\":{\"dtype\":\"F16\",\"shape\":[%s],"
                            "\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}",
                            w->offset ? "," : "{", prefix, name, shape, w->offset,
                            w->offset + 2 * count);
    w->offset += 2 * count;
    return TRUE;
  }
  for (guint64 first = 0; first < count; first += G_N_ELEMENTS (chunk)) {
    guint n = MIN (count - first, G_N_ELEMENTS (chunk));

    for (guint i = 0; i < n; i++) {
      float value = mean + spread * next_random (&w->seed);

      if (plant && w->model->outliers)
        value = plant ((first + i) % width, width, value);
      chunk[i] = half_bits (value);
    }
    if (!g_output_stream_write_all (w->out, chunk, n * sizeof chunk[0], NULL, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
planted_matrix (Writer *w, const gchar *prefix, const gchar *name, guint n, guint k, Plant plant,
                GError **error)
{
  g_autofree gchar *shape = g_strdup_printf ("%u,%u", n, k);

  return random_tensor (w, prefix, name, shape, (guint64)n * k, k, 0.0f, 1.7f / sqrtf (k), plant,
                        error);
}

gboolean
random_matrix (Writer *w, const gchar *prefix, const gchar *name, guint n, guint k, GError **error)
{
  return planted_matrix (w, prefix, name, n, k, NULL, error);
}

gboolean
random_vector (Writer *w, const gchar *prefix, const gchar *name, guint n, float mean, Plant plant,
               GError **error)
{
  g_autofree gchar *shape = g_strdup_printf ("%u", n);

  return random_tensor (w, prefix, name, shape, n, n, mean, 0.05f, plant, error);
}

gboolean
random_norm (Writer *w, const gchar *prefix, const gchar *name, guint n, Plant gamma, Plant beta,
             GError **error)
{
  g_autofree gchar *weight = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias = g_strconcat (name, ".bias", NULL);

  return random_vector (w, prefix, weight, n, 1.0f, gamma, error)
         && random_vector (w, prefix, bias, n, 0.0f, beta, error);
}

gboolean
random_linear (Writer *w, const gchar *prefix, const gchar *name, guint n, guint k, Plant weight,
               Plant bias, GError **error)
{
  g_autofree gchar *weight_name = g_strconcat (name, ".weight", NULL);
  g_autofree gchar *bias_name = g_strconcat (name, ".bias", NULL);

  return planted_matrix (w, prefix, weight_name, n, k, weight, error)
         && random_vector (w, prefix, bias_name, n, 0.0f, bias, error);
}

gboolean
random_layers (Writer *w, const gchar *tower, const ClipRandomTower *t, GError **error)
{
  const guint d = t->width;

  for (guint i = 0; i < t->layers; i++) {
    g_autofree gchar *p = g_strdup_printf ("%s.encoder.layers.%u.", tower, i);

    if (!random_linear (w, p, "self_attn.q_proj", d, d, NULL, NULL, error)
        || !random_linear (w, p, "self_attn.k_proj", d, d, NULL, NULL, error)
        || !random_linear (w, p, "self_attn.v_proj", d, d, NULL, NULL, error)
        || !random_linear (w, p, "self_attn.out_proj", d, d, NULL, NULL, error)
        || !random_linear (w, p, "mlp.fc1", t->mlp, d, NULL, plant_hidden, error)
        || !random_linear (w, p, "mlp.fc2", d, t->mlp, plant_after_hidden, NULL, error)
        || !random_norm (w, p, "layer_norm1", d, plant_gamma, NULL, error)
        || !random_norm (w, p, "layer_norm2", d, plant_gamma, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
all_tensors (Writer *w, const ClipRandomModel *m, GError **error)
{
  const guint side = m->image / m->patch, v = m->vision.width, t = m->text.width;
  g_autofree gchar *patch = g_strdup_printf ("%u,3,%u,%u", v, m->patch, m->patch);
  const guint k = 3 * m->patch * m->patch;

  return random_tensor (w, "", "vision_model.embeddings.patch_embedding.weight", patch,
                        (guint64)v * k, k, 0.0f, 1.7f / sqrtf (k), NULL, error)
         && random_vector (w, "vision_model.embeddings.", "class_embedding", v, 0.0f, NULL, error)
         && random_matrix (w, "vision_model.embeddings.", "position_embedding.weight",
                           side * side + 1, v, error)
         && random_norm (w, "vision_model.", "pre_layrnorm", v, NULL, plant_residual, error)
         && random_layers (w, "vision_model", &m->vision, error)
         && random_norm (w, "vision_model.", "post_layernorm", v, plant_gamma, NULL, error)
         && random_matrix (w, "", "visual_projection.weight", m->projection, v, error)
         && random_matrix (w, "text_model.embeddings.", "token_embedding.weight", RANDOM_VOCAB, t,
                           error)
         && planted_matrix (w, "text_model.embeddings.", "position_embedding.weight", m->context, t,
                            plant_residual, error)
         && random_layers (w, "text_model", &m->text, error)
         && random_norm (w, "text_model.", "final_layer_norm", t, plant_gamma, NULL, error)
         && random_matrix (w, "", "text_projection.weight", m->projection, t, error)
         && random_tensor (w, "", "logit_scale", "", 1, 1, 4.6f, 0.0f, NULL, error);
}

static gboolean
write_tensors (const ClipRandomModel *m, const gchar *dir, guint32 seed, GError **error)
{
  const gboolean open_clip = m->resnet.width > 0 || m->fastvit.width > 0 || m->mci;
  gboolean (*all) (Writer *, const ClipRandomModel *, GError **) =
      m->fastvit.width  ? random_fastvit_tensors
      : m->mci          ? random_mci_tensors
      : m->resnet.width ? random_open_clip_tensors
      : m->siglip       ? random_siglip_tensors
                        : all_tensors;
  g_autofree gchar *path =
      g_build_filename (dir, open_clip ? "open_clip_model.safetensors" : "model.safetensors", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileOutputStream) raw = NULL;
  g_autoptr (GString) header = g_string_new (NULL);
  Writer w = { m, header, NULL, 0, seed };
  guint64 length = 0;

  all (&w, m, NULL);
  g_string_append_c (header, '}');
  length = GUINT64_TO_LE (header->len);
  raw = g_file_replace (file, NULL, FALSE, G_FILE_CREATE_NONE, NULL, error);
  if (raw == NULL)
    return FALSE;
  w.out = G_OUTPUT_STREAM (raw);
  return g_output_stream_write_all (w.out, &length, sizeof length, NULL, NULL, error)
         && g_output_stream_write_all (w.out, header->str, header->len, NULL, NULL, error)
         && all (&w, m, error) && g_output_stream_close (w.out, NULL, error);
}

/* CLIP's printable stand-in for a byte: itself where it is printable, else U+0100 and up. */
static gunichar
byte_char (guint byte)
{
  guint hidden = 0;

  if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255))
    return byte;
  for (guint b = 0; b < byte; b++)
    hidden += b <= 32 || (b >= 127 && b <= 160) || b == 173;
  return 256 + hidden;
}

static gboolean
write_vocabulary (const gchar *dir, GError **error)
{
  g_autofree gchar *vocab = g_build_filename (dir, "vocab.json", NULL);
  g_autofree gchar *merges = g_build_filename (dir, "merges.txt", NULL);
  g_autoptr (GString) json = g_string_new ("{");

  for (guint i = 0; i < 512; i++) {
    gchar utf8[8] = { 0 };
    g_autofree gchar *escaped = NULL;

    g_unichar_to_utf8 (byte_char (i % 256), utf8);
    escaped = utf8[0] == '"' || utf8[0] == '\\' ? g_strdup_printf ("\\%s", utf8) : g_strdup (utf8);
    g_string_append_printf (json, "\"%s%s\":%u,", escaped, i < 256 ? "" : "</w>", i);
  }
  g_string_append_printf (json, "\"<|startoftext|>\":%u,\"<|endoftext|>\":%u}", RANDOM_VOCAB - 2,
                          RANDOM_VOCAB - 1);
  return g_file_set_contents (vocab, json->str, -1, error)
         && g_file_set_contents (merges, "#version: 0.2\n", -1, error);
}

static gboolean
write_configs (const ClipRandomModel *m, const gchar *dir, GError **error)
{
  g_autofree gchar *config = g_build_filename (dir, "config.json", NULL);
  g_autofree gchar *pre = g_build_filename (dir, "preprocessor_config.json", NULL);
  g_autofree gchar *json = g_strdup_printf (
      "{\"model_type\":\"clip\",\"architectures\":[\"CLIPModel\"],\"projection_dim\":%u,"
      "\"text_config\":{\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,"
      "\"num_attention_heads\":%u,\"max_position_embeddings\":%u,\"vocab_size\":%u,"
      "\"hidden_act\":\"quick_gelu\",\"bos_token_id\":%u,\"eos_token_id\":%u},"
      "\"vision_config\":{\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,"
      "\"num_attention_heads\":%u,\"image_size\":%u,\"patch_size\":%u,"
      "\"hidden_act\":\"quick_gelu\"}}\n",
      m->projection, m->text.width, m->text.mlp, m->text.layers, m->text.heads, m->context,
      RANDOM_VOCAB, RANDOM_VOCAB - 2, RANDOM_VOCAB - 1, m->vision.width, m->vision.mlp,
      m->vision.layers, m->vision.heads, m->image, m->patch);
  g_autofree gchar *pre_json = g_strdup_printf (
      "{\"do_resize\":true,\"size\":{\"shortest_edge\":%u},\"do_center_crop\":true,"
      "\"crop_size\":{\"height\":%u,\"width\":%u},\"resample\":3,\"do_normalize\":true,"
      "\"image_mean\":[0.48145466,0.4578275,0.40821073],"
      "\"image_std\":[0.26862954,0.26130258,0.27577711]}\n",
      m->image, m->image, m->image);

  return g_file_set_contents (config, json, -1, error)
         && g_file_set_contents (pre, pre_json, -1, error);
}

const ClipRandomModel *
clip_random_model_find (const gchar *name)
{
  for (const ClipRandomModel *m = clip_random_models; m->name; m++)
    if (g_str_equal (m->name, name))
      return m;
  return NULL;
}

gboolean
clip_random_model_write (const ClipRandomModel *model, const gchar *dir, guint32 seed,
                         GError **error)
{
  if (g_mkdir_with_parents (dir, 0755) != 0) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", dir,
                 g_strerror (errno));
    return FALSE;
  }
  return (model->fastvit.width || model->mci ? random_fastvit_config (model, dir, error)
          : model->resnet.width              ? random_open_clip_config (model, dir, error)
          : model->siglip                    ? random_siglip_config (model, dir, error)
                                             : write_configs (model, dir, error))
         && write_vocabulary (dir, error) && write_tensors (model, dir, seed, error);
}

void
clip_random_model_remove (const gchar *dir)
{
  const gchar *files[] = { "config.json",
                           "preprocessor_config.json",
                           "vocab.json",
                           "merges.txt",
                           "model.safetensors",
                           "open_clip_config.json",
                           "open_clip_model.safetensors" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *path = g_build_filename (dir, files[i], NULL);

    g_unlink (path);
  }
  g_rmdir (dir);
}
