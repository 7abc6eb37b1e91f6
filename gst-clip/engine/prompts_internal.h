/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/prompts_internal.h: how the readers of prompts (string, list, lines and JSON in a file) make a set.
 */
#pragma once

#include "gst-clip/engine/prompts.h"

G_BEGIN_DECLS

/** What a picture begins with; text that begins so has one colon more in the forms that know pictures. */
#define CLIP_PROMPT_PICTURE "image:"

/** ClipPromptEntry: what a set remembers of a label. */
typedef struct {
  ClipPrompt prompt;
  gboolean own_wordings; /* not made by a template: written back, and kept by another template */
} ClipPromptEntry;

struct _ClipPromptSet {
  gatomicrefcount refs;
  guint n_pictures;
  GPtrArray *prompts; /* of ClipPromptEntry */
};

/** ClipPromptForm: how prompts are written: what a label or wording may be, and what advice looks like.
 * @STRING: also lines of a file
 * @LIST: plain texts, no pictures */
typedef enum {
  CLIP_PROMPT_FORM_STRING,
  CLIP_PROMPT_FORM_JSON,
  CLIP_PROMPT_FORM_LIST,
} ClipPromptForm;

/** ClipPromptBuilder: a set in the making; lives on the reader's stack. */
typedef struct {
  ClipPromptForm form;
  gboolean negatives; /* no thresholds */
  GPtrArray *prompts; /* of ClipPromptEntry */
  GHashTable *labels; /* the labels of @prompts, borrowed */
  gchar **templates;  /* at least one, each with one {} */
  gboolean fixed;     /* what these made is not made anew by others */
  gchar *folder;      /* nullable: where relative paths of pictures start */
} ClipPromptBuilder;

/** clip_prompt_builder_init: @template_text as in clip_prompt_set_parse().
 * Returns: FALSE with an error that shows the template; clear () is wanted in both cases. */
gboolean clip_prompt_builder_init (ClipPromptBuilder *builder, ClipPromptForm form,
                                   const gchar *template_text, GError **error);
void clip_prompt_builder_clear (ClipPromptBuilder *builder);

/** clip_prompt_builder_use: other templates from here on, which belong to the prompts: later ones do
 * not replace them. FALSE with an error that shows the template. */
gboolean clip_prompt_builder_use (ClipPromptBuilder *builder, gchar **templates, GError **error);

/**
 * clip_prompt_builder_add: checks and appends one label.
 * @label, @wordings: as written in the builder's form, but for the doubled characters of the string form; no white space
 *   around them
 * @wordings: (nullable): of its own; NULL or empty: the templates make them
 */
gboolean clip_prompt_builder_add (ClipPromptBuilder *builder, const gchar *label, gdouble threshold,
                                  const gchar *const *wordings, GError **error);

/** clip_prompt_builder_end: (transfer full): the set; the builder is empty afterwards. */
ClipPromptSet *clip_prompt_builder_end (ClipPromptBuilder *builder);

/**
 * clip_prompt_parse_item: reads one prompt of the string form and appends it. An empty one is
 * dropped.
 * @text: without its separator, escapes still doubled
 */
gboolean clip_prompt_parse_item (ClipPromptBuilder *builder, const gchar *text, gsize length,
                                 GError **error);

/**
 * clip_prompt_parse_json: reads the JSON form of a prompts file.
 * @file: for errors, which name it, the key and its place
 * @negatives: (out): an initialised builder, too; only its own if *@has_negatives
 */
gboolean clip_prompt_parse_json (const gchar *text, gsize length, const gchar *file,
                                 ClipPromptBuilder *labels, ClipPromptBuilder *negatives,
                                 gboolean *has_negatives, GError **error);

/** clip_prompt_split: cuts @text at single @separator characters; doubled ones become the
 * character itself, other characters stay. (transfer full) */
gchar **clip_prompt_split (const gchar *text, gchar separator);

/** clip_prompt_strip: white space of any script off both ends. (transfer full) */
gchar *clip_prompt_strip (const gchar *text, gsize length);

G_END_DECLS
