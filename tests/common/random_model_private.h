/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/common/random_model_private.h: what the writers of random models share.
 */
#pragma once

#include <gio/gio.h>

#include "tests/common/random_model.h"

G_BEGIN_DECLS

/* 256 bytes, 256 bytes at the end of a word, start and end of text. */
#define RANDOM_VOCAB 514

/* Where outliers go: a channel's value, from what it would be. */
typedef float (*Plant) (guint channel, guint width, float value);

typedef struct {
  const ClipRandomModel *model;
  GString *header;    /* JSON */
  GOutputStream *out; /* NULL while the header is being made */
  guint64 offset;
  guint32 seed;
} Writer;

/**
 * random_tensor: one tensor of @count values, rows of @width: its entry in the header, or its values
 * around @mean; @plant (nullable) is for models with outliers. The others below are tensors of usual
 * shapes: NAME, or NAME.weight and NAME.bias.
 */
gboolean random_tensor (Writer *w, const gchar *prefix, const gchar *name, const gchar *shape,
                        guint64 count, guint width, float mean, float spread, Plant plant,
                        GError **error);
gboolean random_matrix (Writer *w, const gchar *prefix, const gchar *name, guint n, guint k,
                        GError **error);
gboolean random_vector (Writer *w, const gchar *prefix, const gchar *name, guint n, float mean,
                        Plant plant, GError **error);
gboolean random_norm (Writer *w, const gchar *prefix, const gchar *name, guint n, Plant gamma,
                      Plant beta, GError **error);
gboolean random_linear (Writer *w, const gchar *prefix, const gchar *name, guint n, guint k,
                        Plant weight, Plant bias, GError **error);

/** random_layers: TOWER.encoder.layers.N */
gboolean random_layers (Writer *w, const gchar *tower, const ClipRandomTower *t, GError **error);

/** random_siglip_*: a SiglipModel. */
gboolean random_siglip_tensors (Writer *w, const ClipRandomModel *m, GError **error);
gboolean random_siglip_config (const ClipRandomModel *m, const gchar *dir, GError **error);

/** random_open_clip_text: tensors of texts, and the logit scale; @prefix: "text.", or "" */
gboolean random_open_clip_text (Writer *w, const ClipRandomModel *m, const gchar *prefix,
                                GError **error);

/** random_fastvit_*: MobileCLIP, as open_clip publishes it. */
gboolean random_fastvit_tensors (Writer *w, const ClipRandomModel *m, GError **error);
gboolean random_mci_tensors (Writer *w, const ClipRandomModel *m, GError **error);
gboolean random_fastvit_config (const ClipRandomModel *m, const gchar *dir, GError **error);

/** random_open_clip_*: a model with a ResNet, as open_clip publishes it. */
gboolean random_open_clip_tensors (Writer *w, const ClipRandomModel *m, GError **error);
gboolean random_open_clip_config (const ClipRandomModel *m, const gchar *dir, GError **error);

G_END_DECLS
