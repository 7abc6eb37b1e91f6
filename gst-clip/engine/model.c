/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/model.h"

#include <math.h>
#include "gst-clip/engine/model_config.h"
#include "gst-clip/engine/tensors.h"
#include "gst-clip/engine/tokenizer.h"

#define DEMO_NAME "demo"

struct _ClipModel {
  gchar *name;
  ClipSource *source;
  ClipModelConfig config;
  ClipTensors *tensors;
  ClipTokenizer *tokenizer;
};

/* G_DEFINE_QUARK keeps it in a variable that threads write without order. */
GQuark
clip_model_error_quark (void)
{
  return g_quark_from_static_string ("clip-model-error-quark");
}

static gboolean
read_logits (ClipModel *model, GError **error)
{
  float value;

  if (!clip_tensors_read (model->tensors, "logit_scale", 0, 1, &value, error))
    return FALSE;
  model->config.logit_scale = exp ((gdouble)value);
  if (!(model->config.logit_scale <= 1e6)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: tensor \"logit_scale\" is %g, whose exponential is too large",
                 clip_source_path (model->source), value);
    return FALSE;
  }
  if (!model->config.sigmoid)
    return TRUE;
  if (!clip_tensors_read (model->tensors, "logit_bias", 0, 1, &value, error))
    return FALSE;
  model->config.logit_bias = value;
  return TRUE;
}

/* The tokenizer's files know best what texts are filled up with; where they do not say, the
 * configuration does. */
static gboolean
check_padding (const ClipModel *model, GError **error)
{
  const ClipModelConfig *config = &model->config;

  if (!clip_model_pads (model) || clip_tokenizer_pads (model->tokenizer)
      || (config->pad_token_id >= 0 && config->pad_token_id < config->vocab))
    return TRUE;
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
               "%s: texts are to be filled up with the token %" G_GINT64_FORMAT
               ", which is none of the %u in %s",
               clip_source_path (model->source), config->pad_token_id, config->vocab, config->file);
  return FALSE;
}

static gboolean
load (ClipModel *model, GError **error)
{
  if (!clip_model_config_load (model->source, &model->config, error))
    return FALSE;
  model->tensors = clip_tensors_open (model->source, model->config.layout, error);
  if (!model->tensors || !clip_tensors_check (model->tensors, &model->config, error))
    return FALSE;
  if (!read_logits (model, error))
    return FALSE;
  model->tokenizer = clip_tokenizer_open (model->source, model->config.vocab,
                                          model->config.layout != CLIP_LAYOUT_HF, error);
  return model->tokenizer && check_padding (model, error);
}

/* A message may have a path that is not UTF-8, or a name from a file that was cut within a
 * character. */
static void
mend_message (GError **error)
{
  if (error && !g_utf8_validate ((*error)->message, -1, NULL)) {
    gchar *valid = g_utf8_make_valid ((*error)->message, -1);
    g_free ((*error)->message);
    (*error)->message = valid;
  }
}

ClipModel *
clip_model_open (const gchar *path, GError **error)
{
  g_autoptr (ClipModel) model = g_new0 (ClipModel, 1);

  if (path) {
    g_autofree gchar *canonical = g_canonicalize_filename (path, NULL);
    g_autofree gchar *name = g_path_get_basename (canonical);
    model->name = g_filename_display_name (name);
    model->source = clip_source_open_folder (path, error);
  } else {
    model->name = g_strdup (DEMO_NAME);
    model->source = clip_source_open_embedded (error);
  }
  if (!model->source || !load (model, error)) {
    mend_message (error);
    return NULL;
  }
  return g_steal_pointer (&model);
}

void
clip_model_free (ClipModel *model)
{
  if (!model)
    return;
  clip_tokenizer_free (model->tokenizer);
  clip_tensors_free (model->tensors);
  clip_source_free (model->source);
  g_free (model->name);
  g_free (model);
}

void
clip_model_fingerprint (const ClipModel *model, GChecksum *sum)
{
  clip_source_fingerprint (model->source, sum);
}

const ClipModelConfig *
clip_model_config (const ClipModel *model)
{
  return &model->config;
}

const gchar *
clip_model_name (const ClipModel *model)
{
  return model->name;
}

gboolean
clip_model_read (const ClipModel *model, const gchar *tensor, guint64 first, guint64 count,
                 float *out, GError **error)
{
  if (clip_tensors_read (model->tensors, tensor, first, count, out, error))
    return TRUE;
  mend_message (error);
  return FALSE;
}

gboolean
clip_model_has (const ClipModel *model, const gchar *tensor)
{
  return clip_tensors_has (model->tensors, tensor);
}

guint32
clip_model_tokenize (const ClipModel *model, const gchar *text, gssize length, guint32 *ids,
                     guint32 *n_dropped, gsize *cut_at)
{
  const ClipModelConfig *config = &model->config;
  guint32 n = clip_tokenizer_encode (model->tokenizer, text, length, config->context, ids,
                                     n_dropped, cut_at);

  if (clip_model_pads (model) && !clip_tokenizer_pads (model->tokenizer)) {
    for (guint32 i = n; i < config->context; i++)
      ids[i] = (guint32)config->pad_token_id;
  }
  return n;
}

gchar *
clip_model_tokenizer (const ClipModel *model)
{
  return clip_tokenizer_describe (model->tokenizer);
}

guint32
clip_model_eos_index (const ClipModel *model, const guint32 *ids, guint32 n_ids)
{
  gint64 eos = model->config.eos_token_id;
  guint32 best = 0;

  for (guint32 i = 0; i < n_ids; i++) {
    if (eos != CLIP_EOS_ARGMAX && ids[i] == eos)
      return i;
    if (eos == CLIP_EOS_ARGMAX && ids[i] > ids[best])
      best = i;
  }
  return best;
}

guint32
clip_model_pool_index (const ClipModel *model, const guint32 *ids, guint32 n_ids)
{
  switch (model->config.text.pool) {
  case CLIP_POOL_FIRST:
    return 0;
  case CLIP_POOL_LAST:
    return model->config.context - 1;
  default:
    return clip_model_eos_index (model, ids, n_ids);
  }
}

gboolean
clip_model_pads (const ClipModel *model)
{
  return !model->config.causal || model->config.text.pool == CLIP_POOL_LAST;
}
