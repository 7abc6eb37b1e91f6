/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipresult.h"
#include "gst-clip/element/gstclipvalue.h"

#include <math.h>
#include <string.h>

typedef struct {
  guint index;
  gdouble score, similarity;
  gboolean accepted;
} Entry;

/* A copy of the structure, alone in an array. */
typedef struct {
  GValue array;
  GstStructure *structure; /* the array's */
} Spare;

struct _GstClipResult {
  gatomicrefcount refs;
  ClipPromptSet *prompts; /* owns the labels; not the texts: those hold device memory */
  GstClipFrameContext frame;
  GstStructure *structure; /* with age 0 */
  GArray *accepted;        /* of Entry, best first */
  const gchar **labels;    /* listed ones */
  guint top_k;
  GstBuffer *embedding; /* nullable: of float */

  Spare *spares; /* [@n_spares]: those left */
  gint n_spares; /* atomic: whoever counts it down has the one at its place */
};

static const gchar *
label_of (const GstClipResult *self, const Entry *entry)
{
  return clip_prompt_set_get (self->prompts, entry->index)->label;
}

/* Scores ------------------------------------------------------------------- */

/* Scores grow with similarities. Where they do not, at 0 or 1 or in the last digit, similarities
 * decide: so this is also the order of clip_job_best(). */
static gint
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *x = a, *y = b;

  if (x->score != y->score)
    return x->score > y->score ? -1 : 1;
  if (x->similarity != y->similarity)
    return x->similarity > y->similarity ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

typedef struct {
  const GstClipInference *inference;
  ClipPromptSet *prompts;
  guint n;
  gdouble threshold[2]; /* of labels without their own: texts, pictures */
  gdouble hysteresis;
} Labels;

static Entry
get_entry (const Labels *l, guint index)
{
  const ClipPrompt *prompt = clip_prompt_set_get (l->prompts, index);
  Entry entry = { index, l->inference->scores[index], l->inference->similarities[index], FALSE };

  gdouble threshold = prompt->threshold >= 0.0 ? prompt->threshold : l->threshold[prompt->pictures];
  if (l->inference->accepted && l->inference->accepted[index])
    threshold -= l->hysteresis;
  entry.accepted = entry.score >= threshold;
  return entry;
}

/* Fills inference->scores and @l's thresholds. FALSE when a number is not finite. */
static gboolean
score_labels (Labels *l, const GstClipScoreParams *params)
{
  const GstClipInference *inference = l->inference;
  ClipScoreSet set = {
    .scoring = params->scoring,
    .scale = params->logit_scale,
    .bias = params->logit_bias,
    .contrast_threshold = params->contrast_threshold,
    .prompts = l->prompts,
    .negatives = clip_texts_negatives (inference->texts),
    .similarities = inference->similarities,
    .others = inference->negatives,
  };

  clip_texts_n_negatives (inference->texts, &set.n_background);
  clip_score_set (&set, inference->scores);
  for (guint pictures = 0; pictures < G_N_ELEMENTS (l->threshold); pictures++)
    l->threshold[pictures] =
        params->threshold >= 0.0 ? params->threshold : clip_score_set_threshold (&set, pictures);
  for (guint i = 0; i < l->n; i++)
    if (!isfinite (inference->scores[i]) || !isfinite (inference->similarities[i]))
      return FALSE;
  return TRUE;
}

/* (transfer full): of Entry: the first @n_wanted, best first. */
static GArray *
list_labels (const Labels *l, guint n_wanted)
{
  const GstClipInference *inference = l->inference;
  const guint n_pictures = clip_prompt_set_n_pictures (l->prompts);
  const gboolean mixed = n_pictures > 0 && n_pictures < l->n; /* not comparable */
  const gboolean known = inference->best && inference->n_best >= n_wanted && !mixed;
  const guint n = known ? n_wanted : l->n;
  GArray *entries = g_array_sized_new (FALSE, FALSE, sizeof (Entry), n);

  for (guint i = 0; i < n; i++) {
    Entry entry = get_entry (l, known ? inference->best[i] : i);
    g_array_append_val (entries, entry);
  }
  if (!known)
    g_array_sort (entries, compare_entries);
  return g_array_set_size (entries, n_wanted);
}

/* (transfer full): of Entry: all accepted ones, best first. */
static GArray *
accept_labels (const Labels *l)
{
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (Entry));

  for (guint i = 0; i < l->n; i++) {
    Entry entry = get_entry (l, i);
    if (entry.accepted)
      g_array_append_val (entries, entry);
  }
  g_array_sort (entries, compare_entries);
  return entries;
}

/* For the next result. */
static void
remember_accepted (const Labels *l, const GArray *entries)
{
  gboolean *accepted = l->inference->accepted;

  if (!accepted)
    return;
  memset (accepted, 0, l->n * sizeof *accepted);
  for (guint i = 0; i < entries->len; i++)
    accepted[g_array_index (entries, Entry, i).index] = TRUE;
}

/* Structure ---------------------------------------------------------------- */

static void
set_frame_fields (GstStructure *s, const GstClipFrameContext *frame)
{
  gst_structure_set (s, "timestamp", G_TYPE_UINT64, frame->timestamp, "stream-time", G_TYPE_UINT64,
                     frame->stream_time, "running-time", G_TYPE_UINT64, frame->running_time,
                     "duration", G_TYPE_UINT64, frame->duration, NULL);
}

/* The parallel arrays. */
static void
set_label_arrays (GstClipResult *self, GstStructure *s, const GArray *entries)
{
  static const gchar *const names[] = { "labels", "indices", "scores", "similarities", "accepted" };
  GValue arrays[G_N_ELEMENTS (names)] = { G_VALUE_INIT };

  for (guint a = 0; a < G_N_ELEMENTS (names); a++)
    g_value_init (&arrays[a], GST_TYPE_ARRAY);
  for (guint i = 0; i < entries->len; i++) {
    const Entry *entry = &g_array_index (entries, Entry, i);
    gst_clip_array_add_string (&arrays[0], label_of (self, entry));
    gst_clip_array_add_uint (&arrays[1], entry->index);
    gst_clip_array_add_double (&arrays[2], entry->score);
    gst_clip_array_add_double (&arrays[3], entry->similarity);
    gst_clip_array_add_boolean (&arrays[4], entry->accepted);
  }
  for (guint a = 0; a < G_N_ELEMENTS (names); a++)
    gst_structure_take_value (s, names[a], &arrays[a]);
}

static void
set_region_fields (GstStructure *s, const GstClipFrameContext *frame, const GstClipRegion *r)
{
  static const gchar *const kinds[] = { "frame", "roi", "od" };

  gst_structure_set (s, "region", G_TYPE_STRING, kinds[r->kind], "region-index", G_TYPE_UINT,
                     r->index, "region-id", G_TYPE_INT, r->id, "region-type", G_TYPE_STRING,
                     r->type ? g_quark_to_string (r->type) : "", NULL);
  if (r->tracked)
    gst_structure_set (s, "tracking-id", G_TYPE_UINT64, r->tracking_id, NULL);
  gst_structure_set (s, "x", G_TYPE_UINT, r->x, "y", G_TYPE_UINT, r->y, "width", G_TYPE_UINT,
                     r->width, "height", G_TYPE_UINT, r->height, "frame-width", G_TYPE_UINT,
                     frame->width, "frame-height", G_TYPE_UINT, frame->height, NULL);
}

static GstStructure *
build_structure (GstClipResult *self, const gchar *source, const GstClipInference *inference,
                 const GArray *entries)
{
  GstStructure *s = gst_structure_new_empty ("clipfilter");
  const Entry *best = self->accepted->len > 0 ? &g_array_index (self->accepted, Entry, 0) : NULL;

  /* The first field is found quickest; this one is set in each copy. */
  gst_structure_set (s, "age", G_TYPE_UINT64, (guint64)0, NULL);
  set_frame_fields (s, &self->frame);
  gst_structure_set (s, "source", G_TYPE_STRING, source, "model", G_TYPE_STRING, inference->model,
                     "prompts-serial", G_TYPE_UINT, inference->serial, "label", G_TYPE_STRING,
                     best ? label_of (self, best) : "", "score", G_TYPE_DOUBLE,
                     best ? best->score : 0.0, "similarity", G_TYPE_DOUBLE,
                     best ? best->similarity : 0.0, NULL);
  set_label_arrays (self, s, entries);
  set_region_fields (s, &self->frame, &self->frame.region);
  return s;
}

/* Result ------------------------------------------------------------------- */

GstClipResult *
gst_clip_result_new (const gchar *source, const GstClipInference *inference,
                     const GstClipScoreParams *params, const GstClipFrameContext *frame,
                     GError **error)
{
  ClipPromptSet *prompts = clip_texts_prompts (inference->texts);
  Labels labels = {
    .inference = inference,
    .prompts = prompts,
    .n = clip_prompt_set_size (prompts),
    .hysteresis = params->hysteresis,
  };

  if (!score_labels (&labels, params)) {
    g_set_error_literal (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_NOT_FINITE,
                         "a score is not a finite number");
    return NULL;
  }
  g_autoptr (GArray) listed = list_labels (&labels, MIN (labels.n, params->top_k));

  GstClipResult *self = g_new0 (GstClipResult, 1);
  g_atomic_ref_count_init (&self->refs);
  self->prompts = clip_prompt_set_ref (prompts);
  self->frame = *frame;
  self->top_k = params->top_k;
  self->accepted = accept_labels (&labels);
  remember_accepted (&labels, self->accepted);
  self->labels = g_new0 (const gchar *, listed->len + 1);
  for (guint i = 0; i < listed->len; i++)
    self->labels[i] = label_of (self, &g_array_index (listed, Entry, i));
  self->structure = build_structure (self, source, inference, listed);
  if (params->embedding && inference->embedding)
    self->embedding =
        gst_buffer_new_memdup (inference->embedding, inference->embedding_length * sizeof (float));
  return self;
}

GstClipResult *
gst_clip_result_ref (GstClipResult *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
gst_clip_result_unref (GstClipResult *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  for (gint i = 0; i < self->n_spares; i++)
    g_value_unset (&self->spares[i].array);
  g_free (self->spares);
  gst_structure_free (self->structure);
  gst_clear_buffer (&self->embedding);
  g_array_unref (self->accepted);
  g_free (self->labels);
  clip_prompt_set_unref (self->prompts);
  g_free (self);
}

const GstClipFrameContext *
gst_clip_result_frame (const GstClipResult *self)
{
  return &self->frame;
}

static gboolean
set_age (GQuark field, GValue *value, gpointer age)
{
  g_value_set_uint64 (value, *(guint64 *)age);
  return FALSE; /* it is the first field: no further */
}

GstStructure *
gst_clip_result_structure (const GstClipResult *self, GstClockTime age)
{
  GstStructure *copy = gst_structure_copy (self->structure);

  gst_structure_map_in_place (copy, set_age, &age);
  return copy;
}

/* With what only buffers carry. (transfer full) */
static GstStructure *
copy_for_buffer (const GstClipResult *self)
{
  GstStructure *copy = gst_structure_copy (self->structure);

  if (self->embedding)
    gst_structure_set (copy, "embedding", GST_TYPE_BUFFER, self->embedding, "embedding-length",
                       G_TYPE_UINT, (guint)(gst_buffer_get_size (self->embedding) / sizeof (float)),
                       NULL);
  return copy;
}

GstStructure *
gst_clip_result_structure_for (const GstClipResult *self, const GstClipRegion *region,
                               GstClockTime age)
{
  GstStructure *copy = copy_for_buffer (self);

  gst_structure_map_in_place (copy, set_age, &age);
  set_region_fields (copy, &self->frame, region);
  return copy;
}

GstBuffer *
gst_clip_result_embedding (const GstClipResult *self)
{
  return self->embedding;
}

const gchar *
gst_clip_result_source (const GstClipResult *self)
{
  return gst_structure_get_string (self->structure, "source");
}

const gchar *
gst_clip_result_model (const GstClipResult *self)
{
  return gst_structure_get_string (self->structure, "model");
}

static Spare
make_spare (const GstClipResult *self)
{
  Spare spare = { G_VALUE_INIT, copy_for_buffer (self) };
  GValue value = G_VALUE_INIT;

  g_value_init (&spare.array, GST_TYPE_ARRAY);
  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, spare.structure);
  gst_value_array_append_and_take_value (&spare.array, &value);
  return spare;
}

void
gst_clip_result_prepare (GstClipResult *self, guint n)
{
  g_return_if_fail (self->spares == NULL);
  self->spares = g_new (Spare, n);
  for (guint i = 0; i < n; i++)
    self->spares[i] = make_spare (self);
  g_atomic_int_set (&self->n_spares, n);
}

void
gst_clip_result_array (GstClipResult *self, GstClockTime age, GValue *array)
{
  gint left = g_atomic_int_get (&self->n_spares);

  while (left > 0 && !g_atomic_int_compare_and_exchange (&self->n_spares, left, left - 1))
    left = g_atomic_int_get (&self->n_spares);
  Spare spare = left > 0 ? self->spares[left - 1] : make_spare (self);
  gst_structure_map_in_place (spare.structure, set_age, &age);
  *array = spare.array;
}

const gchar *const *
gst_clip_result_labels (const GstClipResult *self)
{
  return self->labels;
}

guint
gst_clip_result_top_k (const GstClipResult *self)
{
  return self->top_k;
}

guint
gst_clip_result_n_accepted (const GstClipResult *self)
{
  return self->accepted->len;
}

const gchar *
gst_clip_result_accepted (const GstClipResult *self, guint index, gdouble *score)
{
  const Entry *entry = &g_array_index (self->accepted, Entry, index);

  if (score)
    *score = entry->score;
  return label_of (self, entry);
}
