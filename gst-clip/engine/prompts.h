/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/prompts.h: the prompt syntax: labels, thresholds, wordings.
 *
 * No GPU, no GStreamer. A ClipPromptSet is immutable after it was made, reference counted
 * and may be read from any thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define CLIP_PROMPTS_ERROR (clip_prompts_error_quark ())
GQuark clip_prompts_error_quark (void);
typedef enum {
  CLIP_PROMPTS_ERROR_SYNTAX,
  CLIP_PROMPTS_ERROR_LIMIT,
  CLIP_PROMPTS_ERROR_FILE,
} ClipPromptsError;

/** At most this many labels a set (quarks of attached labels never die), wordings a label,
 * bytes a wording. */
#define CLIP_PROMPTS_MAX_LABELS   10000
#define CLIP_PROMPTS_MAX_WORDINGS 256
#define CLIP_PROMPTS_MAX_BYTES    4096

/**
 * ClipPrompt: one label.
 * @label: valid UTF-8, what is shown and attached; unique within its set
 * @threshold: 0..1, or -1: the element's
 * @wordings: NULL-terminated, at least one; their L2-normalised text embeddings are averaged
 *   and normalised again. Already wrapped by the templates where the prompt had no wording of
 *   its own.
 * @pictures: each wording is a picture, "image:PATH"; else all are texts, whatever they look like
 */
typedef struct {
  gchar *label;
  gdouble threshold;
  gchar **wordings;
  gboolean pictures;
} ClipPrompt;

/** clip_prompt_picture_path: PATH of a wording of a prompt with pictures. Borrowed. */
const gchar *clip_prompt_picture_path (const gchar *wording);

typedef struct _ClipPromptSet ClipPromptSet;

/**
 * clip_prompt_set_parse:
 * @text: (nullable): the string form: labels separated by `;` or newline; `;;` `||` `==` `@@`
 *   stand for the character itself; `LABEL[@THRESHOLD][=WORDING|WORDING...]`; `image:PATH` is a picture, `image::` the
 *   beginning of a text. White space around each part is dropped, empty prompts too.
 * @template_text: (nullable): `|`-separated templates with one `{}` each; NULL: "{}"
 * Returns: (transfer full): possibly of 0 labels; NULL with an error that shows the prompt and
 * says what to do (a threshold outside 0..1, a template without {}, a label given twice, ...).
 */
ClipPromptSet *clip_prompt_set_parse (const gchar *text, const gchar *template_text,
                                      GError **error);

/** clip_prompt_set_parse_negatives: the same, and thresholds are refused. */
ClipPromptSet *clip_prompt_set_parse_negatives (const gchar *text, const gchar *template_text,
                                                GError **error);

/** clip_prompt_set_from_list: @list: (nullable) (array zero-terminated=1): one plain label a
 * string, no separators, no escapes, no pictures; an empty string is an error (the indices would shift). */
ClipPromptSet *clip_prompt_set_from_list (const gchar *const *list, const gchar *template_text,
                                          GError **error);

/**
 * clip_prompt_set_from_file: UTF-8, a regular file of at most 64 MiB: one prompt a line in the
 * string form (a lone `;` is a plain character; lines whose first character is # are comments), at least one, or, where
 * the first character is a brace or bracket or the name ends in ".json", the JSON form of docs/elements.md.
 * Relative paths of pictures start at the file's folder.
 * @negatives: (out) (transfer full) (nullable): NULL where the file says nothing about them
 * Errors name the file and the line, or the key.
 */
ClipPromptSet *clip_prompt_set_from_file (const gchar *path, const gchar *template_text,
                                          ClipPromptSet **negatives, GError **error);

/** clip_prompt_path_hint: what an error adds about a @path that cannot be opened; static, may be empty. */
const gchar *clip_prompt_path_hint (const gchar *path);

ClipPromptSet *clip_prompt_set_ref (ClipPromptSet *set);
void clip_prompt_set_unref (ClipPromptSet *set);
guint clip_prompt_set_size (const ClipPromptSet *set);
/** clip_prompt_set_n_pictures: labels whose wordings are pictures. */
guint clip_prompt_set_n_pictures (const ClipPromptSet *set);
const ClipPrompt *clip_prompt_set_get (const ClipPromptSet *set, guint index);

/** clip_prompt_set_rewrap: the same labels with other templates; wordings that a prompt has of its
 * own stay. @template_text: (nullable): as in clip_prompt_set_parse() */
ClipPromptSet *clip_prompt_set_rewrap (const ClipPromptSet *set, const gchar *template_text,
                                       GError **error);

/** clip_prompt_set_to_string: the string form, with the special characters doubled and without
 * wordings that a template made; parsing it with the same template gives the same set.
 * (transfer full) */
gchar *clip_prompt_set_to_string (const ClipPromptSet *set);

/** clip_prompt_set_to_list: the labels. (transfer full) */
gchar **clip_prompt_set_to_list (const ClipPromptSet *set);

/** clip_prompt_shown, clip_prompt_shown_end: the beginning or the end of @text, valid UTF-8, no longer than fits a
 * message. (transfer full) */
gchar *clip_prompt_shown (const gchar *text, gsize length);
gchar *clip_prompt_shown_end (const gchar *text, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipPromptSet, clip_prompt_set_unref)

G_END_DECLS
