/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/common/relayout.h"

#include <gio/gio.h>
#include <string.h>

/* A file in memory: names, shapes (as in JSON) and 2 bytes a value. */
typedef struct {
  gchar *name, *shape;
  const guint8 *data;
  gsize bytes;
} Source;

typedef struct {
  GHashTable *tensors; /* name -> Source */
  GString *header;
  GByteArray *data;
  ClipRelayout layout;
} Job;

static void
source_free (gpointer data)
{
  Source *source = data;

  g_free (source->name);
  g_free (source->shape);
  g_free (source);
}

/* Reads the header that random_model.c writes; nothing else needs to be understood. */
static GHashTable *
read_sources (const guint8 *file)
{
  GHashTable *tensors = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, source_free);
  guint64 length;
  g_autofree gchar *header = NULL;
  g_autoptr (GRegex) regex =
      g_regex_new ("\"([^\"]+)\":\\{\"dtype\":\"F16\",\"shape\":\\[([0-9,]*)\\],"
                   "\"data_offsets\":\\[([0-9]+),([0-9]+)\\]\\}",
                   0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  memcpy (&length, file, sizeof length);
  length = GUINT64_FROM_LE (length);
  header = g_strndup ((const gchar *)file + 8, length);
  for (g_regex_match (regex, header, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL)) {
    Source *source = g_new0 (Source, 1);
    g_autofree gchar *begin = g_match_info_fetch (match, 3);
    g_autofree gchar *end = g_match_info_fetch (match, 4);
    const guint64 first = g_ascii_strtoull (begin, NULL, 10);

    source->name = g_match_info_fetch (match, 1);
    source->shape = g_match_info_fetch (match, 2);
    source->data = file + 8 + length + first;
    source->bytes = g_ascii_strtoull (end, NULL, 10) - first;
    g_hash_table_insert (tensors, source->name, source);
  }
  return tensors;
}

static const Source *
find (const Job *job, const gchar *prefix, const gchar *name)
{
  g_autofree gchar *full = g_strconcat (prefix, name, NULL);
  const Source *source = g_hash_table_lookup (job->tensors, full);

  if (!source)
    g_error ("%s is missing", full);
  return source;
}

/* Files may mix types: vectors of the custom layout are F32. */
static gboolean
is_wide (const Job *job, const gchar *shape)
{
  return job->layout == CLIP_RELAYOUT_CUSTOM && *shape && !strchr (shape, ',');
}

/* @bytes: of F16 */
static void
begin (Job *job, const gchar *name, const gchar *shape, gsize bytes)
{
  const gboolean wide = is_wide (job, shape);

  g_string_append_printf (job->header,
                          "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%u,%u]}",
                          job->data->len ? "," : "{", name, wide ? "F32" : "F16", shape,
                          job->data->len, (guint)(job->data->len + (wide ? 2 : 1) * bytes));
}

/* Exact: random_model.c writes no subnormals. */
static guint32
widen (guint16 half)
{
  const guint32 sign = (guint32)(half & 0x8000) << 16, rest = half & 0x7fff;

  return rest ? sign | ((rest << 13) + ((127u - 15u) << 23)) : sign;
}

/* @shape: the tensor's, as begin() got it */
static void
append (Job *job, const gchar *shape, const guint8 *data, gsize bytes)
{
  if (!is_wide (job, shape)) {
    g_byte_array_append (job->data, data, (guint)bytes);
    return;
  }
  for (gsize i = 0; i < bytes; i += 2) {
    guint32 wide = GUINT32_TO_LE (widen ((guint16)(data[i] | data[i + 1] << 8)));

    g_byte_array_append (job->data, (const guint8 *)&wide, sizeof wide);
  }
}

/* Several one below the other: NAME of @theirs; @n of @ours. The first dimension is that of all. */
static void
put (Job *job, const gchar *theirs_prefix, const gchar *theirs, const gchar *ours_prefix,
     const gchar *const *ours, guint n)
{
  const Source *first = find (job, ours_prefix, ours[0]);
  const gchar *rest = strchr (first->shape, ',');
  g_autofree gchar *name = g_strconcat (theirs_prefix, theirs, NULL);
  g_autofree gchar *shape = g_strdup_printf (
      "%" G_GUINT64_FORMAT "%s", n * g_ascii_strtoull (first->shape, NULL, 10), rest ? rest : "");

  begin (job, name, *first->shape ? shape : "", n * first->bytes);
  for (guint i = 0; i < n; i++)
    append (job, *first->shape ? shape : "", find (job, ours_prefix, ours[i])->data, first->bytes);
}

static void
one (Job *job, const gchar *theirs_prefix, const gchar *theirs, const gchar *ours_prefix,
     const gchar *ours)
{
  put (job, theirs_prefix, theirs, ours_prefix, &ours, 1);
}

/* With another shape, or transposed. */
static void
shaped (Job *job, const gchar *theirs, const gchar *ours, const gchar *ones)
{
  const Source *source = find (job, "", ours);
  g_autofree gchar *shape = g_strconcat (ones, source->shape, NULL);

  begin (job, theirs, shape, source->bytes);
  g_byte_array_append (job->data, source->data, source->bytes);
}

static void
transposed (Job *job, const gchar *theirs_prefix, const gchar *theirs, const gchar *ours)
{
  const Source *source = find (job, "", ours);
  const guint64 rows = g_ascii_strtoull (source->shape, NULL, 10);
  const guint64 columns = g_ascii_strtoull (strchr (source->shape, ',') + 1, NULL, 10);
  g_autofree gchar *name = g_strconcat (theirs_prefix, theirs, NULL);
  g_autofree gchar *shape =
      g_strdup_printf ("%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT, columns, rows);

  begin (job, name, shape, source->bytes);
  for (guint64 c = 0; c < columns; c++)
    for (guint64 r = 0; r < rows; r++)
      g_byte_array_append (job->data, source->data + 2 * (r * columns + c), 2);
}

/* weight and bias */
static void
both (Job *job, const gchar *theirs_prefix, const gchar *theirs, const gchar *ours_prefix,
      const gchar *ours)
{
  static const gchar *const ends[] = { ".weight", ".bias" };

  for (guint i = 0; i < 2; i++) {
    g_autofree gchar *a = g_strconcat (theirs, ends[i], NULL);
    g_autofree gchar *b = g_strconcat (ours, ends[i], NULL);

    one (job, theirs_prefix, a, ours_prefix, b);
  }
}

static const gchar *const weights[] = { "self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                        "self_attn.v_proj.weight" };
static const gchar *const biases[] = { "self_attn.q_proj.bias", "self_attn.k_proj.bias",
                                       "self_attn.v_proj.bias" };

/* LayerScale's factors, which a CLIPModel has not, are other vectors of their size. */
static void
resblock (Job *job, const gchar *theirs, const gchar *ours)
{
  if (job->layout == CLIP_RELAYOUT_CUSTOM && g_str_has_prefix (theirs, "visual.")) {
    one (job, theirs, "ls_1.gamma", ours, "layer_norm2.weight");
    one (job, theirs, "ls_2.gamma", ours, "self_attn.out_proj.bias");
  }
  both (job, theirs, "ln_1", ours, "layer_norm1");
  both (job, theirs, "ln_2", ours, "layer_norm2");
  put (job, theirs, "attn.in_proj_weight", ours, weights, 3);
  put (job, theirs, "attn.in_proj_bias", ours, biases, 3);
  both (job, theirs, "attn.out_proj", ours, "self_attn.out_proj");
  both (job, theirs, "mlp.c_fc", ours, "mlp.fc1");
  both (job, theirs, "mlp.c_proj", ours, "mlp.fc2");
}

static void
timm_block (Job *job, const gchar *theirs, const gchar *ours)
{
  both (job, theirs, "norm1", ours, "layer_norm1");
  both (job, theirs, "norm2", ours, "layer_norm2");
  put (job, theirs, "attn.qkv.weight", ours, weights, 3);
  if (job->layout == CLIP_RELAYOUT_EVA) {
    one (job, theirs, "attn.q_bias", ours, biases[0]);
    one (job, theirs, "attn.v_bias", ours, biases[2]);
  } else {
    put (job, theirs, "attn.qkv.bias", ours, biases, 3);
  }
  both (job, theirs, "attn.proj", ours, "self_attn.out_proj");
  both (job, theirs, "mlp.fc1", ours, "mlp.fc1");
  both (job, theirs, "mlp.fc2", ours, "mlp.fc2");
}

/* All layers that there are. */
static void
layers (Job *job, const gchar *theirs, const gchar *ours,
        void (*layer) (Job *job, const gchar *theirs, const gchar *ours))
{
  for (guint i = 0;; i++) {
    g_autofree gchar *a = g_strdup_printf ("%s%u.", theirs, i);
    g_autofree gchar *b = g_strdup_printf ("%s.encoder.layers.%u.", ours, i);
    g_autofree gchar *probe = g_strconcat (b, weights[0], NULL);

    if (!g_hash_table_contains (job->tensors, probe))
      return;
    layer (job, a, b);
  }
}

static void
builtin_vision (Job *job)
{
  static const gchar from[] = "vision_model.", to[] = "visual.";

  one (job, to, "class_embedding", from, "embeddings.class_embedding");
  one (job, to, "conv1.weight", from, "embeddings.patch_embedding.weight");
  one (job, to, "positional_embedding", from, "embeddings.position_embedding.weight");
  if (job->layout != CLIP_RELAYOUT_CUSTOM)
    both (job, to, "ln_pre", from, "pre_layrnorm");
  layers (job, "visual.transformer.resblocks.", "vision_model", resblock);
  both (job, to, "ln_post", from, "post_layernorm");
  transposed (job, to, "proj", "visual_projection.weight");
}

/* The joint matrix of the pool's query, keys and values in two parts. */
static void
split_pool (Job *job, const gchar *end)
{
  g_autofree gchar *ours = g_strconcat ("vision_model.head.attention.in_proj_", end, NULL);
  const Source *joint = find (job, "", ours);
  const gchar *rest = strchr (joint->shape, ',');
  const guint64 width = g_ascii_strtoull (joint->shape, NULL, 10) / 3;
  g_autofree gchar *q = g_strconcat ("visual.trunk.attn_pool.q.", end, NULL);
  g_autofree gchar *kv = g_strconcat ("visual.trunk.attn_pool.kv.", end, NULL);
  g_autofree gchar *q_shape = g_strdup_printf ("%u%s", (guint)width, rest ? rest : "");
  g_autofree gchar *kv_shape = g_strdup_printf ("%u%s", (guint)(2 * width), rest ? rest : "");

  begin (job, q, q_shape, joint->bytes / 3);
  g_byte_array_append (job->data, joint->data, joint->bytes / 3);
  begin (job, kv, kv_shape, joint->bytes / 3 * 2);
  g_byte_array_append (job->data, joint->data + joint->bytes / 3, joint->bytes / 3 * 2);
}

static void
timm_siglip (Job *job)
{
  static const gchar to[] = "visual.trunk.", pool[] = "visual.trunk.attn_pool.";
  static const gchar head[] = "vision_model.head.";

  both (job, to, "patch_embed.proj", "vision_model.embeddings.", "patch_embedding");
  shaped (job, "visual.trunk.pos_embed", "vision_model.embeddings.position_embedding.weight", "1,");
  layers (job, "visual.trunk.blocks.", "vision_model", timm_block);
  both (job, to, "norm", "vision_model.", "post_layernorm");
  one (job, pool, "latent", head, "probe");
  split_pool (job, "weight");
  split_pool (job, "bias");
  both (job, pool, "proj", head, "attention.out_proj");
  both (job, pool, "norm", head, "layernorm");
  both (job, pool, "mlp.fc1", head, "mlp.fc1");
  both (job, pool, "mlp.fc2", head, "mlp.fc2");
  one (job, "", "logit_bias", "", "logit_bias");
}

/* Of a CLIPModel: a bias of the patches and one of the projection that are in the file for others: those
 * of the last norm, which have the right sizes. */
static void
timm_eva (Job *job)
{
  static const gchar to[] = "visual.trunk.", from[] = "vision_model.";

  shaped (job, "visual.trunk.cls_token", "vision_model.embeddings.class_embedding", "1,1,");
  one (job, to, "patch_embed.proj.weight", from, "embeddings.patch_embedding.weight");
  one (job, to, "patch_embed.proj.bias", from, "post_layernorm.bias");
  shaped (job, "visual.trunk.pos_embed", "vision_model.embeddings.position_embedding.weight", "1,");
  layers (job, "visual.trunk.blocks.", "vision_model", timm_block);
  both (job, to, "norm", from, "post_layernorm");
  one (job, to, "head.weight", "", "visual_projection.weight");
  one (job, to, "head.bias", "text_model.", "final_layer_norm.bias");
}

static void
text (Job *job)
{
  const gboolean custom = job->layout == CLIP_RELAYOUT_CUSTOM || job->layout == CLIP_RELAYOUT_TIMM;
  const gchar *to = custom ? "text." : "";
  g_autofree gchar *blocks = g_strconcat (to, "transformer.resblocks.", NULL);

  one (job, to, "token_embedding.weight", "text_model.", "embeddings.token_embedding.weight");
  one (job, to, "positional_embedding", "text_model.", "embeddings.position_embedding.weight");
  layers (job, blocks, "text_model", resblock);
  both (job, to, "ln_final", "text_model.", "final_layer_norm");
  if (job->layout == CLIP_RELAYOUT_TIMM)
    both (job, to, "text_projection", "text_model.", "head");
  else
    transposed (job, to, "text_projection", "text_projection.weight");
  one (job, "", "logit_scale", "", "logit_scale");
}

static gboolean
write_file (Job *job, const gchar *path, GError **error)
{
  const guint64 length = GUINT64_TO_LE (job->header->len + 1);
  g_autoptr (GByteArray) file = g_byte_array_new ();

  g_string_append_c (job->header, '}');
  g_byte_array_append (file, (const guint8 *)&length, sizeof length);
  g_byte_array_append (file, (const guint8 *)job->header->str, job->header->len);
  g_byte_array_append (file, job->data->data, job->data->len);
  return g_file_set_contents (path, (const gchar *)file->data, file->len, error);
}

gboolean
clip_relayout_tensors (const gchar *from, const gchar *to, ClipRelayout layout, GError **error)
{
  g_autofree gchar *source = g_build_filename (from, "model.safetensors", NULL);
  g_autofree gchar *target = g_build_filename (to, "open_clip_model.safetensors", NULL);
  g_autofree gchar *bytes = NULL;
  g_autoptr (GHashTable) tensors = NULL;
  g_autoptr (GByteArray) data = g_byte_array_new ();
  g_autoptr (GString) header = g_string_new (NULL);
  Job job = { NULL, header, data, layout };

  if (!g_file_get_contents (source, &bytes, NULL, error))
    return FALSE;
  job.tensors = tensors = read_sources ((const guint8 *)bytes);
  if (layout == CLIP_RELAYOUT_TIMM)
    timm_siglip (&job);
  else if (layout == CLIP_RELAYOUT_EVA)
    timm_eva (&job);
  else
    builtin_vision (&job);
  text (&job);
  return write_file (&job, target, error);
}

gboolean
clip_relayout_tokenizer (const gchar *from, const gchar *to, GError **error)
{
  static const gchar *const files[] = { "vocab.json", "merges.txt" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *a = g_build_filename (from, files[i], NULL);
    g_autofree gchar *b = g_build_filename (to, files[i], NULL);
    g_autofree gchar *bytes = NULL;
    gsize length;

    if (!g_file_get_contents (a, &bytes, &length, error)
        || !g_file_set_contents (b, bytes, (gssize)length, error))
      return FALSE;
  }
  return TRUE;
}
