/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipfilterprompts.h"

/* The prompts lock lets one setter at a time read and change the prompt fields. They are written
 * under the object lock too, for those who only read. */

static void
begin (GstClipFilter *self)
{
  g_mutex_lock (&self->prompts_lock);
}

/* @error: (transfer full) (nullable): why @property keeps its old value; told without any lock,
 * because a synchronous bus handler may set a property. */
static void
end (GstClipFilter *self, GstClipRefusalKind kind, const gchar *property, GError *error)
{
  const gboolean heard =
      gst_clip_refusals_note (&self->refusals, GST_ELEMENT (self), kind, property, error);

  g_mutex_unlock (&self->prompts_lock);
  if (error)
    gst_clip_refusals_say (GST_ELEMENT (self), property, error->message, heard);
  g_clear_error (&error);
}

/* Between begin() and end() ------------------------------------------------------ */

static void
request_texts (GstClipFilter *self)
{
  const GstClipSettings *s = &self->settings;
  gst_clip_loader_request (self->loader, s->prompts, s->negatives, s->scoring, s->serial);
}

/* @file: (nullable); it may be the present value */
static void
set_file (GstClipFilter *self, const gchar *file)
{
  gchar *old = self->settings.prompts_file;

  self->settings.prompts_file = g_strdup (file);
  g_free (old);
}

/* @set: (transfer full) (nullable): NULL changes nothing; @file: (nullable) */
static void
take_prompts (GstClipFilter *self, ClipPromptSet *set, const gchar *file)
{
  if (!set)
    return;
  GST_OBJECT_LOCK (self);
  ClipPromptSet *old = self->settings.prompts;
  set_file (self, file);
  self->settings.prompts = set;
  self->settings.serial++;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, clip_prompt_set_unref);
  request_texts (self);
}

/* Labels, and negatives if the file speaks of them, are one set: they change together. */
static gboolean
read_file (GstClipFilter *self, const gchar *path, GError **error)
{
  ClipPromptSet *negatives = NULL;
  ClipPromptSet *set =
      clip_prompt_set_from_file (path, self->settings.template_text, &negatives, error);

  if (!set)
    return FALSE;
  if (negatives) {
    GST_OBJECT_LOCK (self);
    ClipPromptSet *old = self->settings.negatives;
    self->settings.negatives = negatives;
    GST_OBJECT_UNLOCK (self);
    g_clear_pointer (&old, clip_prompt_set_unref);
  }
  take_prompts (self, set, path);
  return TRUE;
}

/* A change beside the labels makes a new set of those, if there are any. */
static void
renew_set (GstClipFilter *self)
{
  if (!self->settings.prompts)
    return;
  GST_OBJECT_LOCK (self);
  self->settings.serial++;
  GST_OBJECT_UNLOCK (self);
  request_texts (self);
}

/* (transfer full): NULL for a set that is not there, and on error. */
static ClipPromptSet *
rewrap (const ClipPromptSet *set, const gchar *template_text, GError **error)
{
  return set ? clip_prompt_set_rewrap (set, template_text, error) : NULL;
}

static void
change_template (GstClipFilter *self, const gchar *template_text, GError **error)
{
  GstClipSettings *s = &self->settings;
  g_autoptr (GError) problem = NULL;
  g_autoptr (ClipPromptSet) checked = clip_prompt_set_parse (NULL, template_text, &problem);
  g_autoptr (ClipPromptSet) prompts = problem ? NULL : rewrap (s->prompts, template_text, &problem);
  g_autoptr (ClipPromptSet) negatives =
      problem ? NULL : rewrap (s->negatives, template_text, &problem);

  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return;
  }
  GST_OBJECT_LOCK (self);
  ClipPromptSet *old_prompts = s->prompts, *old_negatives = s->negatives;
  s->prompts = g_steal_pointer (&prompts);
  s->negatives = g_steal_pointer (&negatives);
  g_free (s->template_text);
  s->template_text = g_strdup (template_text);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old_prompts, clip_prompt_set_unref);
  g_clear_pointer (&old_negatives, clip_prompt_set_unref);
  renew_set (self);
}

/* Setters ------------------------------------------------------------------------ */

void
gst_clip_filter_set_prompts (GstClipFilter *self, const gchar *text)
{
  GError *error = NULL;

  begin (self);
  take_prompts (self, clip_prompt_set_parse (text, self->settings.template_text, &error), NULL);
  end (self, GST_CLIP_REFUSAL_LABELS, "prompts", error);
}

void
gst_clip_filter_set_prompt_list (GstClipFilter *self, const gchar *const *list)
{
  GError *error = NULL;

  begin (self);
  take_prompts (self, clip_prompt_set_from_list (list, self->settings.template_text, &error), NULL);
  end (self, GST_CLIP_REFUSAL_LABELS, "prompt-list", error);
}

void
gst_clip_filter_set_prompts_file (GstClipFilter *self, const gchar *path)
{
  GError *error = NULL;

  begin (self);
  if (path)
    read_file (self, path, &error);
  else if (self->settings.prompts_file)
    take_prompts (self, clip_prompt_set_parse (NULL, self->settings.template_text, &error), NULL);
  end (self, GST_CLIP_REFUSAL_LABELS, "prompts-file", error);
}

gboolean
gst_clip_filter_reload (GstClipFilter *self)
{
  GError *error = NULL;

  begin (self);
  gboolean ok = self->settings.prompts_file != NULL;
  if (ok)
    ok = read_file (self, self->settings.prompts_file, &error);
  else
    g_set_error_literal (&error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE,
                         "there is nothing to reload: the prompts are not from a file");
  end (self, ok ? GST_CLIP_REFUSAL_LABELS : GST_CLIP_REFUSAL_OTHER, "prompts-file", error);
  return ok;
}

void
gst_clip_filter_set_negatives (GstClipFilter *self, const gchar *text)
{
  GError *error = NULL;

  begin (self);
  ClipPromptSet *set = clip_prompt_set_parse_negatives (text, self->settings.template_text, &error);
  if (set) {
    GST_OBJECT_LOCK (self);
    ClipPromptSet *old = self->settings.negatives;
    self->settings.negatives = set;
    GST_OBJECT_UNLOCK (self);
    g_clear_pointer (&old, clip_prompt_set_unref);
    renew_set (self);
  }
  end (self, GST_CLIP_REFUSAL_NEGATIVES, "negative-prompts", error);
}

void
gst_clip_filter_set_template (GstClipFilter *self, const gchar *template_text)
{
  GError *error = NULL;

  begin (self);
  change_template (self, template_text, &error);
  end (self, GST_CLIP_REFUSAL_TEMPLATE, "template", error);
}

void
gst_clip_filter_set_scoring (GstClipFilter *self, ClipScoring scoring)
{
  begin (self);
  GST_OBJECT_LOCK (self);
  self->settings.scoring = scoring;
  GST_OBJECT_UNLOCK (self);
  request_texts (self);
  end (self, GST_CLIP_REFUSAL_OTHER, "scoring", NULL);
}

/* Getters ------------------------------------------------------------------------ */

/* (transfer full) (nullable): NULL also for a set without labels. */
static ClipPromptSet *
ref_set (GstClipFilter *self, ClipPromptSet *const *set)
{
  GST_OBJECT_LOCK (self);
  gboolean has_labels = *set && clip_prompt_set_size (*set) > 0;
  ClipPromptSet *ref = has_labels ? clip_prompt_set_ref (*set) : NULL;
  GST_OBJECT_UNLOCK (self);
  return ref;
}

gchar *
gst_clip_filter_dup_prompts (GstClipFilter *self)
{
  g_autoptr (ClipPromptSet) set = ref_set (self, &self->settings.prompts);
  return set ? clip_prompt_set_to_string (set) : NULL;
}

gchar **
gst_clip_filter_dup_prompt_list (GstClipFilter *self)
{
  g_autoptr (ClipPromptSet) set = ref_set (self, &self->settings.prompts);
  return set ? clip_prompt_set_to_list (set) : NULL;
}

gchar *
gst_clip_filter_dup_negatives (GstClipFilter *self)
{
  g_autoptr (ClipPromptSet) set = ref_set (self, &self->settings.negatives);
  return set ? clip_prompt_set_to_string (set) : NULL;
}
