/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompts from a file: JSON, or one a line. There a lone `;` is a plain character; `;;` still means `;`,
 * so that a line may be moved between a file and the string form. */
#include "gst-clip/engine/prompts_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES (64u << 20)

static gboolean
read_all (int fd, gchar *data, gsize size, gsize *got)
{
  *got = 0;
  while (*got < size) {
    gssize n = read (fd, data + *got, size - *got);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    if (n == 0)
      break; /* it shrank meanwhile */
    *got += n;
  }
  return TRUE;
}

const gchar *
clip_prompt_path_hint (const gchar *path)
{
  return *path == '~' || strstr (path, "/~/") ? "; ~ is the shell's: write the whole path" : "";
}

/* Not g_file_get_contents(): a FIFO must not block the caller, and the size has a limit. */
static gchar *
load_text (const gchar *path, GError **error)
{
  g_autofree gchar *data = NULL;
  struct stat st;
  gsize got;
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0 || fstat (fd, &st) != 0) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s: %s%s", path,
                 g_strerror (errno), clip_prompt_path_hint (path));
  } else if (!S_ISREG (st.st_mode)) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s is not a file", path);
  } else if (st.st_size > MAX_FILE_BYTES) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_LIMIT, "%s is larger than %u MiB",
                 path, MAX_FILE_BYTES >> 20);
  } else {
    data = g_malloc0 (st.st_size + 1);
    if (!read_all (fd, data, st.st_size, &got)) {
      g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s: %s", path,
                   g_strerror (errno));
      g_clear_pointer (&data, g_free);
    } else if (!g_utf8_validate_len (data, got, NULL)) {
      g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s is not UTF-8 text",
                   path);
      g_clear_pointer (&data, g_free);
    }
  }
  if (fd >= 0)
    close (fd);
  return g_steal_pointer (&data);
}

static gboolean
parse_line (ClipPromptBuilder *builder, const gchar *line, gsize length, GError **error)
{
  g_autofree gchar *stripped = clip_prompt_strip (line, length);

  return *stripped == '#' || clip_prompt_parse_item (builder, stripped, strlen (stripped), error);
}

/* A file without prompts is an editor's or a script's mistake, more likely than a wish to have none. */
static gboolean
parse_lines (ClipPromptBuilder *builder, const gchar *text, const gchar *path, GError **error)
{
  for (guint line = 1;; line++) {
    gsize length = strcspn (text, "\n");
    if (!parse_line (builder, text, length, error)) {
      g_prefix_error (error, "%s, line %u: ", path, line);
      return FALSE;
    }
    text += length;
    if (*text++ == '\0')
      break;
  }
  if (builder->prompts->len > 0)
    return TRUE;
  g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE,
               "%s: there is no prompt in it: write one a line, or {\"labels\": []} for none",
               path);
  return FALSE;
}

static gboolean
is_json (const gchar *text, const gchar *path)
{
  const gchar first = text[strspn (text, " \t\r\n")];

  return g_str_has_suffix (path, ".json") || first == '{' || first == '[';
}

ClipPromptSet *
clip_prompt_set_from_file (const gchar *path, const gchar *template_text, ClipPromptSet **negatives,
                           GError **error)
{
  ClipPromptBuilder labels = { 0 }, others = { 0 };
  gboolean ok, has_negatives = FALSE;
  g_autofree gchar *text = NULL;

  *negatives = NULL;
  if (!clip_prompt_builder_init (&labels, CLIP_PROMPT_FORM_STRING, template_text, error)
      || !clip_prompt_builder_init (&others, CLIP_PROMPT_FORM_JSON, template_text, error))
    goto fail;
  labels.folder = g_path_get_dirname (path);
  others.folder = g_strdup (labels.folder);
  text = load_text (path, error);
  if (!text)
    goto fail;
  /* After the mark that some editors put first. */
  const gchar *start = text + (g_str_has_prefix (text, "\xef\xbb\xbf") ? 3 : 0);
  const gboolean json = is_json (start, path);
  if (json)
    labels.form = CLIP_PROMPT_FORM_JSON;
  if (json)
    ok = clip_prompt_parse_json (start, strlen (start), path, &labels, &others, &has_negatives,
                                 error);
  else
    ok = parse_lines (&labels, start, path, error);
  if (!ok)
    goto fail;
  if (has_negatives)
    *negatives = clip_prompt_builder_end (&others);
  else
    clip_prompt_builder_clear (&others);
  return clip_prompt_builder_end (&labels);

fail:
  clip_prompt_builder_clear (&labels);
  clip_prompt_builder_clear (&others);
  return NULL;
}
