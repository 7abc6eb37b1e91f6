/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A prompt set in the string form, see prompts_parse.c. */
#include "gst-clip/engine/prompts_internal.h"

#include <string.h>

/* @text: to be read as a text, also where it begins like a picture */
static void
append_doubled (GString *out, const gchar *text, gboolean picture)
{
  /* A space, which the reader drops, or "a" "=" "==b" would read as "a==" "=" "b". */
  if (out->len > 0 && strchr (";|=@", *text))
    g_string_append_c (out, ' ');
  if (!picture && g_str_has_prefix (text, CLIP_PROMPT_PICTURE)) {
    g_string_append (out, CLIP_PROMPT_PICTURE ":");
    text += strlen (CLIP_PROMPT_PICTURE);
  }
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
    const ClipPromptEntry *p = g_ptr_array_index (set->prompts, i);
    if (i > 0)
      g_string_append_c (out, ';');
    append_doubled (out, p->prompt.label, p->prompt.pictures && !p->own_wordings);
    if (p->prompt.threshold >= 0.0)
      append_threshold (out, p->prompt.threshold);
    for (guint w = 0; p->own_wordings && p->prompt.wordings[w]; w++) {
      g_string_append_c (out, w == 0 ? '=' : '|');
      append_doubled (out, p->prompt.wordings[w], p->prompt.pictures);
    }
  }
  return g_string_free (out, FALSE);
}
