/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The prompt set: building it with all checks. */
#include "gst-clip/engine/prompts_internal.h"

#include <string.h>

/* G_DEFINE_QUARK keeps it in a variable that threads write without order. */
GQuark
clip_prompts_error_quark (void)
{
  return g_quark_from_static_string ("clip-prompts-error-quark");
}

#define SHOWN_CHARS 60

static void
prompt_free (gpointer data)
{
  ClipPromptEntry *p = data;
  g_free (p->prompt.label);
  g_strfreev (p->prompt.wordings);
  g_free (p);
}

gchar *
clip_prompt_strip (const gchar *text, gsize length)
{
  const gchar *end = text + length;

  while (text < end && g_unichar_isspace (g_utf8_get_char (text)))
    text = g_utf8_next_char (text);
  while (text < end) {
    const gchar *last = g_utf8_prev_char (end);
    if (!g_unichar_isspace (g_utf8_get_char (last)))
      break;
    end = last;
  }
  return g_strndup (text, end - text);
}

gchar *
clip_prompt_shown (const gchar *text, gsize length)
{
  const gchar *p = text;
  guint chars = 0;

  while (p < text + length && chars < SHOWN_CHARS) {
    p = g_utf8_next_char (p);
    chars++;
  }
  if (p >= text + length)
    return g_strndup (text, length);
  g_autofree gchar *head = g_strndup (text, p - text);
  return g_strconcat (head, "…", NULL);
}

gchar *
clip_prompt_shown_end (const gchar *text, gsize length)
{
  const gchar *p = text + length;
  guint chars = 0;

  while (p > text && chars < SHOWN_CHARS) {
    p = g_utf8_prev_char (p);
    chars++;
  }
  g_autofree gchar *tail = g_strndup (p, text + length - p);
  return g_strconcat (p > text ? "…" : "", tail, NULL);
}

gchar **
clip_prompt_split (const gchar *text, gchar separator)
{
  GPtrArray *parts = g_ptr_array_new ();
  GString *part = g_string_new (NULL);

  for (const gchar *p = text; *p; p++) {
    if (*p == separator && p[1] == separator) {
      g_string_append_c (part, *p++);
    } else if (*p == separator) {
      g_ptr_array_add (parts, g_string_free (part, FALSE));
      part = g_string_new (NULL);
    } else {
      g_string_append_c (part, *p);
    }
  }
  g_ptr_array_add (parts, g_string_free (part, FALSE));
  g_ptr_array_add (parts, NULL);
  return (gchar **)g_ptr_array_free (parts, FALSE);
}

/* Templates ---------------------------------------------------------------- */

static gboolean
check_template (const gchar *template_text, GError **error)
{
  const gchar *hole = strstr (template_text, "{}");

  g_autofree gchar *shown = clip_prompt_shown (template_text, strlen (template_text));
  if (g_str_has_prefix (template_text, CLIP_PROMPT_PICTURE)) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "the template \"%s\" begins with image:, but templates make texts: write pictures "
                 "as wordings, as in \"door=image:/path/of/a/picture\"",
                 shown);
    return FALSE;
  }
  if (hole && !strstr (hole + 2, "{}"))
    return TRUE;
  g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
               "the template \"%s\" has %s {}: write one {} where the label goes, as in \"a photo "
               "of a {}.\"",
               shown, hole ? "more than one" : "no");
  return FALSE;
}

gboolean
clip_prompt_builder_init (ClipPromptBuilder *builder, ClipPromptForm form,
                          const gchar *template_text, GError **error)
{
  builder->form = form;
  builder->negatives = FALSE;
  builder->prompts = g_ptr_array_new_with_free_func (prompt_free);
  builder->labels = g_hash_table_new (g_str_hash, g_str_equal);
  builder->templates = NULL;
  builder->fixed = FALSE;
  builder->folder = NULL;

  if (template_text && !g_utf8_validate (template_text, -1, NULL)) {
    g_set_error_literal (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                         "the template is not valid UTF-8");
    return FALSE;
  }
  g_autoptr (GPtrArray) templates = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) parts = clip_prompt_split (template_text ? template_text : "", '|');
  for (guint i = 0; parts[i]; i++) {
    g_autofree gchar *part = clip_prompt_strip (parts[i], strlen (parts[i]));
    if (!*part)
      continue;
    if (!check_template (part, error))
      return FALSE;
    g_ptr_array_add (templates, g_steal_pointer (&part));
  }
  if (templates->len == 0)
    g_ptr_array_add (templates, g_strdup ("{}"));
  g_ptr_array_add (templates, NULL);
  builder->templates = (gchar **)g_ptr_array_free (g_steal_pointer (&templates), FALSE);
  return TRUE;
}

gboolean
clip_prompt_builder_use (ClipPromptBuilder *builder, gchar **templates, GError **error)
{
  for (guint i = 0; templates[i]; i++)
    if (!check_template (templates[i], error))
      return FALSE;
  g_strfreev (builder->templates);
  builder->templates = g_strdupv (templates);
  builder->fixed = TRUE;
  return TRUE;
}

static gchar *
fill_template (const gchar *template_text, const gchar *label)
{
  const gchar *hole = strstr (template_text, "{}");
  g_autofree gchar *before = g_strndup (template_text, hole - template_text);
  return g_strconcat (before, label, hole + 2, NULL);
}

/* Builder ------------------------------------------------------------------ */

void
clip_prompt_builder_clear (ClipPromptBuilder *builder)
{
  g_clear_pointer (&builder->prompts, g_ptr_array_unref);
  g_clear_pointer (&builder->labels, g_hash_table_unref);
  g_clear_pointer (&builder->templates, g_strfreev);
  g_clear_pointer (&builder->folder, g_free);
}

/* What to write instead of a label that is given twice, in the form that it was written in. */
static gchar *
advice_for_twice (ClipPromptForm form, const gchar *shown)
{
  switch (form) {
  case CLIP_PROMPT_FORM_LIST:
    return g_strdup ("leave one of them out");
  case CLIP_PROMPT_FORM_JSON:
    return g_strdup_printf ("write one of them, with its wordings as in {\"label\": \"%s\", "
                            "\"wordings\": [\"first wording\", \"second wording\"]}",
                            shown);
  default:
    return g_strdup_printf ("write one of them, with its wordings as in \"%s=first wording|second "
                            "wording\"",
                            shown);
  }
}

static gboolean
check_label (ClipPromptBuilder *builder, const gchar *label, GError **error)
{
  g_autofree gchar *shown = clip_prompt_shown (label, strlen (label));

  if (builder->prompts->len >= CLIP_PROMPTS_MAX_LABELS)
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_LIMIT,
                 "more than %d prompts: \"%s\" is one too many", CLIP_PROMPTS_MAX_LABELS, shown);
  else if (strlen (label) > CLIP_PROMPTS_MAX_BYTES)
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_LIMIT,
                 "the label \"%s\" is longer than %d bytes", shown, CLIP_PROMPTS_MAX_BYTES);
  else if (strpbrk (label, "\n\r"))
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "the label \"%s\" has a line break in it: use a space", shown);
  else if (g_hash_table_contains (builder->labels, label)) {
    g_autofree gchar *advice = advice_for_twice (builder->form, shown);
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "the label \"%s\" is given twice: %s", shown, advice);
  } else
    return TRUE;
  return FALSE;
}

static gboolean
check_wordings (const gchar *label, gchar **wordings, GError **error)
{
  g_autofree gchar *shown = clip_prompt_shown (label, strlen (label));

  if (g_strv_length (wordings) > CLIP_PROMPTS_MAX_WORDINGS) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_LIMIT,
                 "the prompt \"%s\" has more than %d wordings", shown, CLIP_PROMPTS_MAX_WORDINGS);
    return FALSE;
  }
  for (guint i = 0; wordings[i]; i++) {
    if (strlen (wordings[i]) <= CLIP_PROMPTS_MAX_BYTES)
      continue;
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_LIMIT,
                 "a wording of the prompt \"%s\" is longer than %d bytes", shown,
                 CLIP_PROMPTS_MAX_BYTES);
    return FALSE;
  }
  return TRUE;
}

const gchar *
clip_prompt_picture_path (const gchar *wording)
{
  return wording + strlen (CLIP_PROMPT_PICTURE);
}

/* A picture as it is written in forms that know pictures; "image::" is the text "image:". */
static gboolean
is_picture (ClipPromptForm form, const gchar *text)
{
  return form != CLIP_PROMPT_FORM_LIST && g_str_has_prefix (text, CLIP_PROMPT_PICTURE)
         && !g_str_has_prefix (text, CLIP_PROMPT_PICTURE ":");
}

/* The text that @text is written for. */
static gchar *
read_text (ClipPromptForm form, const gchar *text)
{
  if (form == CLIP_PROMPT_FORM_LIST || !g_str_has_prefix (text, CLIP_PROMPT_PICTURE ":"))
    return g_strdup (text);
  return g_strconcat (CLIP_PROMPT_PICTURE, text + strlen (CLIP_PROMPT_PICTURE ":"), NULL);
}

/* Embeddings of pictures and of texts lie apart: a mean of both would be near neither. */
static gboolean
check_pictures (const ClipPromptBuilder *builder, const gchar *label, const gchar *const *wordings,
                gboolean *pictures, GError **error)
{
  g_autofree gchar *shown = clip_prompt_shown (label, strlen (label));
  guint n = 0;

  for (guint i = 0; wordings[i]; i++) {
    if (!is_picture (builder->form, wordings[i]))
      continue;
    n++;
    if (*clip_prompt_picture_path (wordings[i]))
      continue;
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "the prompt \"%s\" has an image: without a path: write image:/path/of/a/picture",
                 shown);
    return FALSE;
  }
  *pictures = n > 0;
  if (n == 0 || n == g_strv_length ((gchar **)wordings))
    return TRUE;
  g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
               "the prompt \"%s\" has pictures and texts as wordings, which cannot be averaged: "
               "make two labels of them",
               shown);
  return FALSE;
}

/* What the templates make of @label. (transfer full) */
static gchar **
make_wordings (const ClipPromptBuilder *builder, const gchar *label)
{
  guint n = g_strv_length (builder->templates);
  gchar **wordings = g_new0 (gchar *, n + 1);

  for (guint i = 0; i < n; i++)
    wordings[i] = fill_template (builder->templates[i], label);
  return wordings;
}

/* A picture with its whole path. *@changed: it was not whole. (transfer full) */
static gchar *
read_picture (const ClipPromptBuilder *builder, const gchar *picture, gboolean *changed)
{
  const gchar *path = clip_prompt_picture_path (picture);

  if (!builder->folder || g_path_is_absolute (path))
    return g_strdup (picture);
  g_autofree gchar *whole = g_build_filename (builder->folder, path, NULL);
  *changed = TRUE;
  return g_strconcat (CLIP_PROMPT_PICTURE, whole, NULL);
}

/* @written: pictures or texts. (transfer full) */
static gchar **
read_wordings (const ClipPromptBuilder *builder, const gchar *const *written, gboolean pictures,
               gboolean *changed)
{
  guint n = g_strv_length ((gchar **)written);
  gchar **wordings = g_new0 (gchar *, n + 1);

  for (guint i = 0; i < n; i++)
    wordings[i] = pictures ? read_picture (builder, written[i], changed)
                           : read_text (builder->form, written[i]);
  return wordings;
}

/* @prompt: its strings are taken, and freed on failure */
static gboolean
append (ClipPromptBuilder *builder, const ClipPrompt *prompt, gboolean own_wordings, GError **error)
{
  ClipPromptEntry *entry = g_new0 (ClipPromptEntry, 1);

  entry->prompt = *prompt;
  entry->own_wordings = own_wordings;
  if (!check_label (builder, prompt->label, error)
      || !check_wordings (prompt->label, prompt->wordings, error)) {
    prompt_free (entry);
    return FALSE;
  }
  g_ptr_array_add (builder->prompts, entry);
  g_hash_table_add (builder->labels, entry->prompt.label);
  return TRUE;
}

gboolean
clip_prompt_builder_add (ClipPromptBuilder *builder, const gchar *label, gdouble threshold,
                         const gchar *const *wordings, GError **error)
{
  const gchar *const itself[] = { label, NULL };
  gboolean own = wordings && wordings[0];
  const gchar *const *written = own ? wordings : itself;
  ClipPrompt prompt = { .threshold = threshold };

  if (!check_pictures (builder, label, written, &prompt.pictures, error))
    return FALSE;
  prompt.label = prompt.pictures && !own ? g_strdup (label) : read_text (builder->form, label);
  if (own || prompt.pictures)
    prompt.wordings = read_wordings (builder, written, prompt.pictures, &own);
  else
    prompt.wordings = make_wordings (builder, prompt.label);
  return append (builder, &prompt, own || (builder->fixed && !prompt.pictures), error);
}

ClipPromptSet *
clip_prompt_builder_end (ClipPromptBuilder *builder)
{
  ClipPromptSet *set = g_new0 (ClipPromptSet, 1);

  g_atomic_ref_count_init (&set->refs);
  set->prompts = g_steal_pointer (&builder->prompts);
  for (guint i = 0; i < set->prompts->len; i++)
    set->n_pictures += clip_prompt_set_get (set, i)->pictures;
  clip_prompt_builder_clear (builder);
  return set;
}

/* Sets --------------------------------------------------------------------- */

static gboolean
add_plain (ClipPromptBuilder *builder, const gchar *text, guint index, GError **error)
{
  if (!g_utf8_validate (text, -1, NULL)) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "prompt %u of the list is not valid UTF-8", index);
    return FALSE;
  }
  g_autofree gchar *label = clip_prompt_strip (text, strlen (text));
  if (!*label) {
    /* Dropping it would shift the indices that the application knows. */
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "prompt %u of the list is empty: leave it out", index);
    return FALSE;
  }
  return clip_prompt_builder_add (builder, label, -1.0, NULL, error);
}

ClipPromptSet *
clip_prompt_set_from_list (const gchar *const *list, const gchar *template_text, GError **error)
{
  ClipPromptBuilder builder;

  if (!clip_prompt_builder_init (&builder, CLIP_PROMPT_FORM_LIST, template_text, error))
    goto fail;
  for (guint i = 0; list && list[i]; i++)
    if (!add_plain (&builder, list[i], i, error))
      goto fail;
  return clip_prompt_builder_end (&builder);

fail:
  clip_prompt_builder_clear (&builder);
  return NULL;
}

ClipPromptSet *
clip_prompt_set_rewrap (const ClipPromptSet *set, const gchar *template_text, GError **error)
{
  ClipPromptBuilder builder;

  if (!clip_prompt_builder_init (&builder, CLIP_PROMPT_FORM_LIST, template_text, error))
    goto fail;
  for (guint i = 0; i < set->prompts->len; i++) {
    const ClipPromptEntry *p = g_ptr_array_index (set->prompts, i);
    ClipPrompt prompt = p->prompt;

    prompt.label = g_strdup (p->prompt.label);
    prompt.wordings = p->own_wordings || p->prompt.pictures
                          ? g_strdupv (p->prompt.wordings)
                          : make_wordings (&builder, p->prompt.label);
    if (!append (&builder, &prompt, p->own_wordings, error))
      goto fail;
  }
  return clip_prompt_builder_end (&builder);

fail:
  clip_prompt_builder_clear (&builder);
  return NULL;
}

ClipPromptSet *
clip_prompt_set_ref (ClipPromptSet *set)
{
  g_atomic_ref_count_inc (&set->refs);
  return set;
}

void
clip_prompt_set_unref (ClipPromptSet *set)
{
  if (!g_atomic_ref_count_dec (&set->refs))
    return;
  g_ptr_array_unref (set->prompts);
  g_free (set);
}

guint
clip_prompt_set_size (const ClipPromptSet *set)
{
  return set->prompts->len;
}

guint
clip_prompt_set_n_pictures (const ClipPromptSet *set)
{
  return set->n_pictures;
}

const ClipPrompt *
clip_prompt_set_get (const ClipPromptSet *set, guint index)
{
  g_return_val_if_fail (index < set->prompts->len, NULL);
  return &((const ClipPromptEntry *)g_ptr_array_index (set->prompts, index))->prompt;
}

gchar **
clip_prompt_set_to_list (const ClipPromptSet *set)
{
  gchar **list = g_new0 (gchar *, set->prompts->len + 1);

  for (guint i = 0; i < set->prompts->len; i++)
    list[i] = g_strdup (clip_prompt_set_get (set, i)->label);
  return list;
}
