/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The prompt set: building it with all checks, and writing it back. */
#include "gst-clip/engine/prompts_internal.h"

#include <string.h>

/* G_DEFINE_QUARK keeps it in a variable that threads write without order. */
GQuark
clip_prompts_error_quark (void)
{
  return g_quark_from_static_string ("clip-prompts-error-quark");
}

#define SHOWN_CHARS    60
#define PICTURE_PREFIX "image:"

/* What a set remembers of a label beyond its public part. */
typedef struct {
  ClipPrompt prompt;
  gboolean own_wordings; /* not made by a template: written back, and kept by another template */
} Prompt;

struct _ClipPromptSet {
  gatomicrefcount refs;
  guint n_pictures;
  GPtrArray *prompts;
};

static void
prompt_free (gpointer data)
{
  Prompt *p = data;
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

  if (hole && !strstr (hole + 2, "{}"))
    return TRUE;
  g_autofree gchar *shown = clip_prompt_shown (template_text, strlen (template_text));
  g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
               "the template \"%s\" has %s {}: write one {} where the label goes, as in \"a photo "
               "of a {}.\"",
               shown, hole ? "more than one" : "no");
  return FALSE;
}

gboolean
clip_prompt_builder_init (ClipPromptBuilder *builder, const gchar *template_text, GError **error)
{
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
  else if (g_hash_table_contains (builder->labels, label))
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                 "the label \"%s\" is given twice: write one of them, with its wordings as in "
                 "\"%s=first wording|second wording\"",
                 shown, shown);
  else
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
  return g_str_has_prefix (wording, PICTURE_PREFIX) ? wording + strlen (PICTURE_PREFIX) : NULL;
}

/* Embeddings of pictures and of texts lie apart: a mean of both would be near neither. */
static gboolean
check_pictures (const gchar *label, gchar **wordings, gboolean *pictures, GError **error)
{
  g_autofree gchar *shown = clip_prompt_shown (label, strlen (label));
  guint n = 0;

  for (guint i = 0; wordings[i]; i++) {
    const gchar *path = clip_prompt_picture_path (wordings[i]);
    if (path && !*path) {
      g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                   "the prompt \"%s\" has an image: without a path: write image:/path/of/a/picture",
                   shown);
      return FALSE;
    }
    n += path != NULL;
  }
  *pictures = n > 0;
  if (n == 0 || n == g_strv_length (wordings))
    return TRUE;
  g_set_error (
      error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
      "the prompt \"%s\" has pictures and texts as wordings, which cannot be averaged: make "
      "two labels of them",
      shown);
  return FALSE;
}

/* Those of the templates; of a label that is a picture itself just that. */
static gchar **
make_wordings (const ClipPromptBuilder *builder, const gchar *label)
{
  const gboolean picture = clip_prompt_picture_path (label) != NULL;
  guint n = picture ? 1 : g_strv_length (builder->templates);
  gchar **wordings = g_new0 (gchar *, n + 1);

  for (guint i = 0; i < n; i++)
    wordings[i] = picture ? g_strdup (label) : fill_template (builder->templates[i], label);
  return wordings;
}

/* Returns: TRUE when a path was completed. */
static gboolean
complete_paths (const ClipPromptBuilder *builder, gchar **wordings)
{
  gboolean changed = FALSE;

  for (guint i = 0; builder->folder && wordings[i]; i++) {
    const gchar *path = clip_prompt_picture_path (wordings[i]);
    if (!path || !*path || g_path_is_absolute (path))
      continue;
    g_autofree gchar *whole = g_build_filename (builder->folder, path, NULL);
    g_free (wordings[i]);
    wordings[i] = g_strconcat (PICTURE_PREFIX, whole, NULL);
    changed = TRUE;
  }
  return changed;
}

gboolean
clip_prompt_builder_add (ClipPromptBuilder *builder, const gchar *label, gdouble threshold,
                         const gchar *const *wordings, GError **error)
{
  g_auto (GStrv) own = NULL;
  gboolean has_own = wordings && wordings[0], pictures = FALSE;

  if (!check_label (builder, label, error))
    return FALSE;
  own = has_own ? g_strdupv ((gchar **)wordings) : make_wordings (builder, label);
  if (complete_paths (builder, own))
    has_own = TRUE; /* to be read back so, and to stay so */
  if (!check_wordings (label, own, error) || !check_pictures (label, own, &pictures, error))
    return FALSE;

  Prompt *p = g_new0 (Prompt, 1);
  p->prompt.label = g_strdup (label);
  p->prompt.threshold = threshold;
  p->prompt.wordings = g_steal_pointer (&own);
  p->prompt.pictures = pictures;
  p->own_wordings = has_own || (builder->fixed && !pictures);
  g_ptr_array_add (builder->prompts, p);
  g_hash_table_add (builder->labels, p->prompt.label);
  return TRUE;
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

  if (!clip_prompt_builder_init (&builder, template_text, error))
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

  if (!clip_prompt_builder_init (&builder, template_text, error))
    goto fail;
  for (guint i = 0; i < set->prompts->len; i++) {
    const Prompt *p = g_ptr_array_index (set->prompts, i);
    const gchar *const *own = p->own_wordings ? (const gchar *const *)p->prompt.wordings : NULL;
    if (!clip_prompt_builder_add (&builder, p->prompt.label, p->prompt.threshold, own, error))
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
  return &((const Prompt *)g_ptr_array_index (set->prompts, index))->prompt;
}

gchar **
clip_prompt_set_to_list (const ClipPromptSet *set)
{
  gchar **list = g_new0 (gchar *, set->prompts->len + 1);

  for (guint i = 0; i < set->prompts->len; i++)
    list[i] = g_strdup (clip_prompt_set_get (set, i)->label);
  return list;
}

static void
append_doubled (GString *out, const gchar *text)
{
  /* A space, which the reader drops, or "a" "=" "==b" would read as "a==" "=" "b". */
  if (out->len > 0 && strchr (";|=@", *text))
    g_string_append_c (out, ' ');
  for (const gchar *p = text; *p; p++) {
    if (strchr (";|=@", *p))
      g_string_append_c (out, *p);
    g_string_append_c (out, *p);
  }
}

/* The shortest decimal that reads back as the same double. */
static void
append_threshold (GString *out, gdouble threshold)
{
  gchar digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (digits, sizeof digits, "%.15g", threshold);
  if (g_ascii_strtod (digits, NULL) != threshold)
    g_ascii_dtostr (digits, sizeof digits, threshold);
  g_string_append_printf (out, "@%s", digits);
}

gchar *
clip_prompt_set_to_string (const ClipPromptSet *set)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < set->prompts->len; i++) {
    const Prompt *p = g_ptr_array_index (set->prompts, i);
    if (i > 0)
      g_string_append_c (out, ';');
    append_doubled (out, p->prompt.label);
    if (p->prompt.threshold >= 0.0)
      append_threshold (out, p->prompt.threshold);
    for (guint w = 0; p->own_wordings && p->prompt.wordings[w]; w++) {
      g_string_append_c (out, w == 0 ? '=' : '|');
      append_doubled (out, p->prompt.wordings[w]);
    }
  }
  return g_string_free (out, FALSE);
}
