/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/layout.h"

#include <string.h>

#define HF      (1u << CLIP_LAYOUT_HF)
#define BUILTIN (1u << CLIP_LAYOUT_OPEN_CLIP)
#define TIMM    (1u << CLIP_LAYOUT_OPEN_CLIP_TIMM)

/* In names: '#' stands for a number, '*' for "weight" or "bias". */
typedef struct {
  const gchar *ours, *theirs;
  guint part, parts;
  gboolean transposed;
  guint ones;
} Row;

/* Tensors of ours that begin with @ours: @rows say how they go on. A text tower's names may all
 * begin with "text." (open_clip's custom_text). */
typedef struct {
  guint layouts;
  const gchar *ours, *theirs;
  const Row *rows;
  gboolean text;
} Group;

static const Row resblock[] = {
  { "layer_norm1.*", "ln_1.*" },
  { "layer_norm2.*", "ln_2.*" },
  { "self_attn.q_proj.*", "attn.in_proj_*", 0, 3 },
  { "self_attn.k_proj.*", "attn.in_proj_*", 1, 3 },
  { "self_attn.v_proj.*", "attn.in_proj_*", 2, 3 },
  { "self_attn.out_proj.*", "attn.out_proj.*" },
  { "mlp.fc1.*", "mlp.c_fc.*" },
  { "mlp.fc2.*", "mlp.c_proj.*" },
  { "layer_scale1", "ls_1.gamma" },
  { "layer_scale2", "ls_2.gamma" },
  { NULL },
};

/* EVA's attention has no bias for keys, and those of queries and values apart. */
static const Row timm_block[] = {
  { "layer_norm1.*", "norm1.*" },
  { "layer_norm2.*", "norm2.*" },
  { "self_attn.q_proj.*", "attn.qkv.*", 0, 3 },
  { "self_attn.k_proj.*", "attn.qkv.*", 1, 3 },
  { "self_attn.v_proj.*", "attn.qkv.*", 2, 3 },
  { "self_attn.q_proj.bias", "attn.q_bias" },
  { "self_attn.v_proj.bias", "attn.v_bias" },
  { "self_attn.out_proj.*", "attn.proj.*" },
  { "mlp.fc1.*", "mlp.fc1.*" },
  { "mlp.fc2.*", "mlp.fc2.*" },
  { "layer_scale1", "ls1.gamma" },
  { "layer_scale2", "ls2.gamma" },
  { NULL },
};

static const Row hf_pool[] = {
  { "probe", "probe", .ones = 1 },
  { "self_attn.q_proj.*", "attention.in_proj_*", 0, 3 },
  { "self_attn.k_proj.*", "attention.in_proj_*", 1, 3 },
  { "self_attn.v_proj.*", "attention.in_proj_*", 2, 3 },
  { "self_attn.out_proj.*", "attention.out_proj.*" },
  { "layer_norm2.*", "layernorm.*" },
  { "mlp.fc1.*", "mlp.fc1.*" },
  { "mlp.fc2.*", "mlp.fc2.*" },
  { NULL },
};

static const Row timm_pool[] = {
  { "probe", "latent", .ones = 1 },
  { "self_attn.q_proj.*", "q.*" },
  { "self_attn.k_proj.*", "kv.*", 0, 2 },
  { "self_attn.v_proj.*", "kv.*", 1, 2 },
  { "self_attn.out_proj.*", "proj.*" },
  { "layer_norm2.*", "norm.*" },
  { "mlp.fc1.*", "mlp.fc1.*" },
  { "mlp.fc2.*", "mlp.fc2.*" },
  { NULL },
};

static const Row builtin_vision[] = {
  { "vision_model.embeddings.class_embedding", "visual.class_embedding" },
  { "vision_model.embeddings.patch_embedding.*", "visual.conv1.*" },
  { "vision_model.embeddings.position_embedding.weight", "visual.positional_embedding" },
  { "vision_model.pre_layrnorm.*", "visual.ln_pre.*" },
  { "vision_model.post_layernorm.*", "visual.ln_post.*" },
  { "visual_projection.weight", "visual.proj", .transposed = TRUE },
  { NULL },
};

static const Row timm_vision[] = {
  { "vision_model.embeddings.class_embedding", "visual.trunk.cls_token", .ones = 2 },
  { "vision_model.embeddings.patch_embedding.*", "visual.trunk.patch_embed.proj.*" },
  { "vision_model.embeddings.position_embedding.weight", "visual.trunk.pos_embed", .ones = 1 },
  { "vision_model.pre_layrnorm.*", "visual.trunk.norm_pre.*" },
  { "vision_model.post_layernorm.*", "visual.trunk.norm.*" },
  { "vision_model.post_layernorm.*", "visual.trunk.fc_norm.*" },
  { "visual_projection.*", "visual.head.proj.*" },
  { "visual_projection.*", "visual.trunk.head.*" },
  { "visual_projection.*", "visual.trunk.head.fc.*" },
  { NULL },
};

/* The projection is a matrix of the transformer's, or with a bias a layer (proj_bias). */
static const Row builtin_text[] = {
  { "text_model.embeddings.token_embedding.weight", "token_embedding.weight" },
  { "text_model.embeddings.position_embedding.weight", "positional_embedding" },
  { "text_model.final_layer_norm.*", "ln_final.*" },
  { "text_projection.weight", "text_projection", .transposed = TRUE },
  { "text_projection.*", "text_projection.*" },
  { NULL },
};

static const Row hf_ends[] = {
  { "text_projection.*", "text_projection.*" },
  { "text_projection.*", "text_model.head.*" },
  { NULL },
};

static const Group groups[] = {
  { BUILTIN, "vision_model.encoder.layers.#.", "visual.transformer.resblocks.#.", resblock },
  { TIMM, "vision_model.encoder.layers.#.", "visual.trunk.blocks.#.", timm_block },
  { BUILTIN | TIMM, "text_model.encoder.layers.#.", "transformer.resblocks.#.", resblock, TRUE },
  { HF, "vision_model.head.", "vision_model.head.", hf_pool },
  { TIMM, "vision_model.head.", "visual.trunk.attn_pool.", timm_pool },
  { BUILTIN, "", "", builtin_vision },
  { TIMM, "", "", timm_vision },
  { BUILTIN | TIMM, "", "", builtin_text, TRUE },
  { HF, "", "", hf_ends },
};

/* What '#' and '*' stood for; borrowed from the name. */
typedef struct {
  const gchar *number, *suffix;
  gsize n_digits;
} Blanks;

/* Whether @name begins with @pattern; *rest is what follows. */
static gboolean
match (const gchar *pattern, const gchar *name, Blanks *blanks, const gchar **rest)
{
  for (; *pattern; pattern++) {
    if (*pattern == '#') {
      blanks->number = name;
      blanks->n_digits = strspn (name, "0123456789");
      name += blanks->n_digits;
      if (blanks->n_digits == 0)
        return FALSE;
    } else if (*pattern == '*') {
      blanks->suffix = name;
      if (!g_str_equal (name, "weight") && !g_str_equal (name, "bias"))
        return FALSE;
      name += strlen (name);
    } else if (*pattern != *name++) {
      return FALSE;
    }
  }
  *rest = name;
  return TRUE;
}

static void
append (GString *name, const gchar *pattern, const Blanks *blanks)
{
  for (; *pattern; pattern++) {
    if (*pattern == '#')
      g_string_append_len (name, blanks->number, blanks->n_digits);
    else if (*pattern == '*')
      g_string_append (name, blanks->suffix);
    else
      g_string_append_c (name, *pattern);
  }
}

/* A search: the first name that there is, or else the first one. */
typedef struct {
  ClipLayoutHas has;
  gconstpointer data;
  ClipPlace *place;
} Search;

/* TRUE when the file has it. */
static gboolean
offer (const Search *search, const Row *row, const gchar *name)
{
  gboolean there = search->has (search->data, name);

  if (!there && search->place->name)
    return FALSE;
  g_free (search->place->name);
  *search->place = (ClipPlace){ g_strdup (name), row ? row->part : 0, row ? MAX (row->parts, 1) : 1,
                                row && row->transposed, row ? row->ones : 0 };
  return there;
}

static gboolean
offer_row (const Search *search, const Group *group, const Row *row, const Blanks *blanks)
{
  g_autoptr (GString) name = g_string_new (group->text ? "text." : NULL);

  append (name, group->theirs, blanks);
  append (name, row->theirs, blanks);
  return (group->text && offer (search, row, name->str + strlen ("text.")))
         || offer (search, row, name->str);
}

gboolean
clip_layout_find (ClipLayout layout, const gchar *tensor, ClipLayoutHas has, gconstpointer data,
                  ClipPlace *place)
{
  const Search search = { has, data, place };

  *place = (ClipPlace){ 0 };
  for (guint g = 0; g < G_N_ELEMENTS (groups); g++) {
    Blanks blanks = { NULL, "", 0 };
    const gchar *rest, *end;

    if (!(groups[g].layouts & 1u << layout) || !match (groups[g].ours, tensor, &blanks, &rest))
      continue;
    for (const Row *row = groups[g].rows; row->ours; row++) {
      if (match (row->ours, rest, &blanks, &end) && *end == '\0'
          && offer_row (&search, &groups[g], row, &blanks))
        return TRUE;
    }
  }
  return place->name == NULL && offer (&search, NULL, tensor);
}

void
clip_place_clear (ClipPlace *place)
{
  g_clear_pointer (&place->name, g_free);
}
