/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/inspect.h"

#include <string.h>
#include "gst-clip/engine/model_config.h"
#include "gst-clip/engine/tensors.h"
#include "gst-clip/engine/tokenizer.h"

/* A tensor of a model of another size is wrong in hundreds of places. */
#define MAX_PROBLEMS 25

static void
note (ClipInspection *inspection, GError *error)
{
  if (!error)
    return;
  g_ptr_array_add (inspection->problems, g_strdup (error->message));
  g_error_free (error);
}

/* Whoever reads this knows the folder: messages begin with the file. */
static void
drop_path (ClipInspection *inspection)
{
  gsize n = strlen (inspection->path);

  for (guint i = 0; i < inspection->problems->len; i++) {
    gchar *message = inspection->problems->pdata[i];
    const gchar *rest = message;

    if (g_str_has_prefix (message, inspection->path) && message[n] == '/')
      rest += n + 1;
    else if (g_str_has_prefix (message, inspection->path) && g_str_has_prefix (message + n, ": "))
      rest += n + 2;
    inspection->problems->pdata[i] = g_utf8_make_valid (rest, -1);
    g_free (message);
  }
}

/* Weights ---------------------------------------------------------------- */

typedef struct {
  const gchar *name;
  guint n;
} Count;

static void
count_dtype (GArray *counts, const gchar *name)
{
  Count one = { name, 1 };

  for (guint i = 0; i < counts->len; i++) {
    Count *count = &g_array_index (counts, Count, i);

    if (g_str_equal (count->name, name)) {
      count->n++;
      return;
    }
  }
  g_array_append_val (counts, one);
}

static gint
most_first (gconstpointer a, gconstpointer b)
{
  const Count *x = a, *y = b;

  return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp (x->name, y->name);
}

static gchar *
dtypes_to_text (GArray *counts)
{
  GString *text = g_string_new (NULL);

  g_array_sort (counts, most_first);
  if (counts->len == 1)
    g_string_append (text, g_array_index (counts, Count, 0).name);
  for (guint i = 0; counts->len > 1 && i < counts->len; i++) {
    const Count *count = &g_array_index (counts, Count, i);
    g_string_append_printf (text, "%s%s (%u tensor%s)", i ? ", " : "", count->name, count->n,
                            count->n == 1 ? "" : "s");
  }
  return g_string_free (text, FALSE);
}

static gboolean
is_of_images (const gchar *name)
{
  return g_str_has_prefix (name, "visual.") || g_str_has_prefix (name, "vision_model.")
         || g_str_has_prefix (name, "visual_projection.");
}

static void
measure_weights (ClipInspection *inspection, const ClipTensors *tensors)
{
  g_autoptr (GArray) counts = g_array_new (FALSE, FALSE, sizeof (Count));
  g_autoptr (GList) names = clip_tensors_names (tensors);

  inspection->n_files = clip_tensors_n_files (tensors);
  for (GList *l = names; l; l = l->next) {
    const ClipTensor *tensor = clip_tensors_lookup (tensors, l->data);
    guint64 n = 1;

    inspection->weight_bytes += tensor->end - tensor->begin;
    if (tensor->dtype == CLIP_DTYPE_OTHER)
      continue;
    for (guint i = 0; i < tensor->n_dims; i++)
      n *= tensor->dims[i];
    count_dtype (counts, tensor->dtype_name);
    if (is_of_images (l->data))
      inspection->image_parameters += n;
    else
      inspection->text_parameters += n;
  }
  inspection->dtypes = dtypes_to_text (counts);
}

static void
inspect_weights (ClipInspection *inspection, const ClipSource *source)
{
  ClipLayout layout = CLIP_LAYOUT_HF;
  g_autoptr (ClipTensors) tensors = NULL;
  GError *error = NULL;

  if (inspection->have_config)
    layout = inspection->config.layout;
  else if (!clip_tensors_present (source, CLIP_LAYOUT_HF)
           && clip_tensors_present (source, CLIP_LAYOUT_OPEN_CLIP))
    layout = CLIP_LAYOUT_OPEN_CLIP;
  tensors = clip_tensors_open (source, layout, &error);
  note (inspection, error);
  if (!tensors)
    return;
  inspection->weights = clip_tensors_file (tensors);
  measure_weights (inspection, tensors);
  if (inspection->have_config)
    clip_tensors_find_problems (tensors, &inspection->config, inspection->problems);
}

/* ------------------------------------------------------------------------ */

static void
inspect_config (ClipInspection *inspection, const ClipSource *source)
{
  GError *error = NULL;

  inspection->have_config = clip_model_config_load (source, &inspection->config, &error);
  note (inspection, error);
  if (!inspection->have_config)
    return;
  inspection->image_flops = clip_image_flops (&inspection->config);
  inspection->text_flops = clip_text_flops (&inspection->config);
}

static void
inspect_tokenizer (ClipInspection *inspection, const ClipSource *source)
{
  const ClipModelConfig *config = &inspection->config;
  g_autoptr (ClipTokenizer) tokenizer = NULL;
  GError *error = NULL;

  tokenizer =
      clip_tokenizer_open (source, inspection->have_config ? config->vocab : G_MAXUINT32,
                           inspection->have_config && config->layout != CLIP_LAYOUT_HF, &error);
  note (inspection, error);
  if (tokenizer)
    inspection->tokenizer = clip_tokenizer_describe (tokenizer);
}

/* What the parts cannot see: opening all of it. */
static void
inspect_whole (ClipInspection *inspection, const gchar *path)
{
  g_autoptr (ClipModel) model = NULL;
  GError *error = NULL;

  if (inspection->problems->len > 0)
    return;
  model = clip_model_open (path, &error);
  note (inspection, error);
}

static void
shorten (GPtrArray *problems)
{
  guint more = problems->len > MAX_PROBLEMS ? problems->len - MAX_PROBLEMS : 0;

  if (more == 0)
    return;
  g_ptr_array_set_size (problems, MAX_PROBLEMS);
  g_ptr_array_add (problems, g_strdup_printf ("and %u more", more));
}

ClipInspection *
clip_inspect (const gchar *path)
{
  ClipInspection *inspection = g_new0 (ClipInspection, 1);
  g_autoptr (ClipSource) source = NULL;
  GError *error = NULL;

  inspection->problems = g_ptr_array_new_with_free_func (g_free);
  source = path ? clip_source_open_folder (path, &error) : clip_source_open_embedded (&error);
  note (inspection, error);
  inspection->path = g_strdup (source ? clip_source_path (source) : path);
  if (!source)
    return inspection;
  inspect_config (inspection, source);
  inspect_weights (inspection, source);
  inspect_tokenizer (inspection, source);
  inspect_whole (inspection, path);
  drop_path (inspection);
  shorten (inspection->problems);
  return inspection;
}

void
clip_inspection_free (ClipInspection *inspection)
{
  if (!inspection)
    return;
  g_free (inspection->path);
  g_free (inspection->weights);
  g_free (inspection->dtypes);
  g_free (inspection->tokenizer);
  g_ptr_array_unref (inspection->problems);
  g_free (inspection);
}

const gchar *
clip_inspection_family (const ClipInspection *inspection)
{
  const ClipModelConfig *config = &inspection->config;

  switch (config->vision_kind) {
  case CLIP_TOWER_VIT:
    return config->conv_stem                      ? "MobileCLIP (ViT)"
           : config->vision.pool == CLIP_POOL_MAP ? "SigLIP"
                                                  : "CLIP (ViT)";
  case CLIP_TOWER_RESNET:
    return "CLIP (ResNet)";
  case CLIP_TOWER_FASTVIT:
    return "MobileCLIP (FastViT)";
  }
  return "CLIP";
}
