/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The string form: LABEL[@THRESHOLD][=WORDING|WORDING...], separated by ; or newline.
 *
 * Special characters are doubled, not escaped with a backslash: gst-launch and shells eat
 * those. A single special character out of its place is an error, not a literal: whoever
 * writes "dog=a dog@0.4" meant a threshold. */
#include "gst-clip/engine/prompts_internal.h"

#include <math.h>
#include <string.h>

typedef enum { PART_LABEL, PART_THRESHOLD, PART_WORDING } Part;

typedef struct {
  const gchar *text; /* of the whole prompt, for errors */
  gsize length;
  Part part;
  GString *current;
  gchar *label;
  gdouble threshold;
  GPtrArray *wordings;
  gboolean negative;
} Item;

static gboolean
fail_at (const Item *item, GError **error, const gchar *problem)
{
  g_autofree gchar *shown = clip_prompt_shown (item->text, item->length);
  g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX, "the prompt \"%s\" %s", shown,
               problem);
  return FALSE;
}

static gboolean
parse_threshold (Item *item, const gchar *digits, GError **error)
{
  gchar *end = NULL;

  item->threshold = g_ascii_strtod (digits, &end);
  if (digits[strspn (digits, "0123456789.eE+-")] == '\0' && *end == '\0' && end != digits
      && item->threshold >= 0.0 && item->threshold <= 1.0)
    return TRUE;
  return fail_at (item, error,
                  "has a threshold that is not a number from 0 to 1, as in \"dog@0.4\"; "
                  "write @@ for the character @");
}

/* The part that ends here is complete. */
static gboolean
end_part (Item *item, GError **error)
{
  g_autofree gchar *text = clip_prompt_strip (item->current->str, item->current->len);

  g_string_truncate (item->current, 0);
  switch (item->part) {
  case PART_LABEL:
    item->label = g_steal_pointer (&text);
    return TRUE;
  case PART_THRESHOLD:
    return parse_threshold (item, text, error);
  case PART_WORDING:
    if (!*text)
      return fail_at (
          item, error,
          "has an empty wording: leave out the = or | in front of it; write == or || for "
          "the character itself");
    g_ptr_array_add (item->wordings, g_steal_pointer (&text));
    return TRUE;
  }
  g_return_val_if_reached (FALSE);
}

/* A single `@`, `=` or `|`. */
static gboolean
special (Item *item, gchar c, GError **error)
{
  Part next;

  if (c == '@' && item->part == PART_LABEL && item->negative)
    return fail_at (item, error,
                    "has a threshold, but negative prompts are never accepted: leave it out; write "
                    "@@ for the character @");
  if (c == '@' && item->part == PART_LABEL)
    next = PART_THRESHOLD;
  else if (c == '=' && item->part != PART_WORDING)
    next = PART_WORDING;
  else if (c == '|' && item->part == PART_WORDING)
    next = PART_WORDING;
  else if (c == '@')
    return fail_at (item, error,
                    "has an @ in the wrong place: a threshold comes right after the label, as in "
                    "\"dog@0.4=a photo of a dog\"; write @@ for the character @");
  else if (c == '=')
    return fail_at (item, error, "has a second =; write == for the character =");
  else
    return fail_at (item, error,
                    "has a | in its label: wordings come after =, as in \"dog=a dog|a puppy\"; "
                    "write || for the character |");
  if (!end_part (item, error))
    return FALSE;
  item->part = next;
  return TRUE;
}

static gboolean
scan (Item *item, GError **error)
{
  const gchar *end = item->text + item->length;

  for (const gchar *p = item->text; p < end; p++) {
    gboolean doubled = p + 1 < end && p[1] == *p;

    if (strchr (";@=|", *p) && doubled)
      g_string_append_c (item->current, *p++);
    else if (strchr ("@=|", *p)) {
      if (!special (item, *p, error))
        return FALSE;
    } else
      g_string_append_c (item->current, *p);
  }
  return end_part (item, error);
}

static gboolean
add_item (ClipPromptBuilder *builder, Item *item, GError **error)
{
  if (*item->label == '\0') {
    if (item->part == PART_LABEL)
      return TRUE;
    return fail_at (item, error,
                    "has no label: write one in front, as in \"dog=a photo of a dog\"");
  }
  g_ptr_array_add (item->wordings, NULL);
  return clip_prompt_builder_add (builder, item->label, item->threshold,
                                  (const gchar *const *)item->wordings->pdata, error);
}

gboolean
clip_prompt_parse_item (ClipPromptBuilder *builder, const gchar *text, gsize length, GError **error)
{
  Item item = { .text = text, .length = length, .threshold = -1.0, .negative = builder->negatives };

  item.current = g_string_new (NULL);
  item.wordings = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = scan (&item, error) && add_item (builder, &item, error);
  g_string_free (item.current, TRUE);
  g_ptr_array_unref (item.wordings);
  g_free (item.label);
  return ok;
}

/* Length of the prompt at @text: up to a newline or a single `;`. */
static gsize
item_length (const gchar *text)
{
  const gchar *p = text;

  while (*p && *p != '\n' && !(*p == ';' && p[1] != ';'))
    p += *p == ';' ? 2 : 1;
  return p - text;
}

static ClipPromptSet *
parse (const gchar *text, const gchar *template_text, gboolean negatives, GError **error)
{
  ClipPromptBuilder builder;

  if (!clip_prompt_builder_init (&builder, CLIP_PROMPT_FORM_STRING, template_text, error))
    goto fail;
  builder.negatives = negatives;
  if (text && !g_utf8_validate (text, -1, NULL)) {
    g_set_error_literal (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX,
                         "the prompts are not valid UTF-8");
    goto fail;
  }
  for (const gchar *p = text; p && *p;) {
    gsize length = item_length (p);
    if (!clip_prompt_parse_item (&builder, p, length, error))
      goto fail;
    p += length;
    if (*p)
      p++;
  }
  return clip_prompt_builder_end (&builder);

fail:
  clip_prompt_builder_clear (&builder);
  return NULL;
}

ClipPromptSet *
clip_prompt_set_parse (const gchar *text, const gchar *template_text, GError **error)
{
  return parse (text, template_text, FALSE, error);
}

ClipPromptSet *
clip_prompt_set_parse_negatives (const gchar *text, const gchar *template_text, GError **error)
{
  return parse (text, template_text, TRUE, error);
}
