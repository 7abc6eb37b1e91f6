/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstcliprequest.h"

#include "gst-clip/element/gstclipmessages.h"

#include <string.h>

/* Progress within a step is posted this often. */
#define PROGRESS_PERIOD (G_USEC_PER_SEC / 2)

void
gst_clip_request_clear (GstClipRequest *request)
{
  g_clear_pointer (&request->prompts, clip_prompt_set_unref);
  g_clear_pointer (&request->negatives, clip_prompt_set_unref);
}

void
gst_clip_request_set (GstClipRequest *request, ClipPromptSet *prompts, ClipPromptSet *negatives,
                      ClipScoring scoring, guint serial)
{
  request->prompts = prompts ? clip_prompt_set_ref (prompts) : NULL;
  request->negatives = negatives ? clip_prompt_set_ref (negatives) : NULL;
  request->scoring = scoring;
  request->serial = serial;
}

void
gst_clip_request_copy (GstClipRequest *request, const GstClipRequest *other)
{
  gst_clip_request_set (request, other->prompts, other->negatives, other->scoring, other->serial);
}

ClipScoring
gst_clip_request_scoring (const GstClipRequest *request, ClipEngine *engine)
{
  ClipScoring scoring =
      clip_engine_scoring (engine, request->scoring, clip_prompt_set_size (request->prompts));

  if (request->scoring == CLIP_SCORING_AUTO && scoring != CLIP_SCORING_SIGMOID
      && clip_prompt_set_n_pictures (request->prompts) > 0)
    return CLIP_SCORING_AUTO;
  return scoring;
}

gboolean
gst_clip_request_warn_sigmoid (const GstClipRequest *request, ClipEngine *engine,
                               GstElement *element)
{
  if (request->scoring != CLIP_SCORING_SIGMOID
      || clip_engine_scoring (engine, CLIP_SCORING_AUTO, 1) == CLIP_SCORING_SIGMOID)
    return FALSE;
  GST_ELEMENT_WARNING (
      element, RESOURCE, SETTINGS,
      ("scoring=sigmoid is for SigLIP's models: with %s all scores are about 1. Use "
       "auto, or contrast if labels shall be independent",
       clip_engine_model_name (engine)),
      (NULL));
  return TRUE;
}

/* Contrast compares texts with the background set; softmax and the others do not need it encoded. */
static gboolean
needs_background (const GstClipRequest *request)
{
  const guint n_texts =
      clip_prompt_set_size (request->prompts) - clip_prompt_set_n_pictures (request->prompts);

  return (request->scoring == CLIP_SCORING_CONTRAST && n_texts > 0)
         || (request->scoring == CLIP_SCORING_AUTO && n_texts == 1);
}

/* Progress ----------------------------------------------------------------- */

void
gst_clip_progress_post (const gchar *code, const gchar *text, guint percent, gpointer data)
{
  GstClipProgress *progress = data;
  gint64 now = g_get_monotonic_time ();

  if (!progress->element)
    return;
  if (g_strcmp0 (code, progress->code) == 0 && now < progress->posted + PROGRESS_PERIOD)
    return;
  g_free (progress->code);
  progress->code = g_strdup (code);
  progress->posted = now;
  g_autofree gchar *line =
      percent > 0 && percent < 100 ? g_strdup_printf ("%s (%u%%)", text, percent) : g_strdup (text);
  gst_clip_post_progress (progress->element, GST_PROGRESS_TYPE_CONTINUE, line);
}

void
gst_clip_progress_complete (GstElement *element, const gchar *model, ClipEngine *engine)
{
  const gboolean built_in = !model || !*model;
  g_autofree gchar *text = g_strdup_printf (
      "%s%s is ready on %s", built_in ? "The built-in model" : "Model ",
      built_in ? "" : clip_engine_model_name (engine), clip_engine_device_name (engine));

  gst_clip_post_progress (element, GST_PROGRESS_TYPE_COMPLETE, text);
}

void
gst_clip_progress_clear (GstClipProgress *progress)
{
  g_clear_pointer (&progress->code, g_free);
}

/* Encoding ----------------------------------------------------------------- */

/* What the engine's callbacks need. */
typedef struct {
  GstClipProgress progress;
  GPtrArray *errors; /* of gchar * */
} Encoding;

static void
on_progress (const gchar *code, const gchar *text, guint percent, gpointer data)
{
  Encoding *encoding = data;

  gst_clip_progress_post (code, text, percent, &encoding->progress);
}

static void
on_text_cut (const gchar *label, const gchar *text, const gchar *kept, gpointer data)
{
  Encoding *encoding = data;
  const gchar *cut = text + strlen (kept);

  while (cut > text && (*cut & 0xc0) == 0x80) /* inside a character */
    cut--;
  g_autofree gchar *shown_label = clip_prompt_shown (label, strlen (label));
  g_autofree gchar *shown_kept = clip_prompt_shown_end (text, cut - text);
  g_autofree gchar *shown_cut = clip_prompt_shown (cut, strlen (cut));
  g_ptr_array_add (
      encoding->errors,
      g_strdup_printf ("the prompt \"%s\" is too long for the model, which only sees \"%s\" and "
                       "not \"%s\": shorten it",
                       shown_label, shown_kept, shown_cut));
}

ClipTexts *
gst_clip_request_encode (const GstClipRequest *request, ClipEngine *engine,
                         const ClipCancel *cancel, GstElement *element, GPtrArray *errors,
                         GError **error)
{
  Encoding encoding = { { .element = element }, errors };
  ClipTexts *texts =
      clip_texts_new (engine, request->prompts, request->negatives, needs_background (request),
                      cancel, on_text_cut, on_progress, &encoding, error);

  gst_clip_progress_clear (&encoding.progress);
  return texts;
}

void
gst_clip_request_warn (GstElement *element, GPtrArray *errors)
{
  g_autofree gchar *first =
      errors->len > 0 ? gst_clip_message_text (g_ptr_array_index (errors, 0)) : NULL;

  if (errors->len == 1)
    GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS, ("%s", first), (NULL));
  else if (errors->len > 1)
    GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS, ("%s (and %u more)", first, errors->len - 1),
                         (NULL));
}
