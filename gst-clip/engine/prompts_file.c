/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompts from a file: one a line. A lone `;` is a plain character here; `;;` still means `;`,
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

/* Not g_file_get_contents(): a FIFO must not block the caller, and the size has a limit. */
static gchar *
load_text (const gchar *path, GError **error)
{
  g_autofree gchar *data = NULL;
  struct stat st;
  gsize got;
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0 || fstat (fd, &st) != 0) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s: %s", path,
                 g_strerror (errno));
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
parse_lines (ClipPromptBuilder *builder, const gchar *text, const gchar *path, GError **error)
{
  guint line = 1;

  if (g_str_has_prefix (text, "\xef\xbb\xbf"))
    text += 3; /* the mark that some editors put first */
  for (;; line++) {
    gsize length = strcspn (text, "\n");
    if (*text != '#' && !clip_prompt_parse_item (builder, text, length, error)) {
      g_prefix_error (error, "%s, line %u: ", path, line);
      return FALSE;
    }
    text += length;
    if (*text++ == '\0')
      return TRUE;
  }
}

ClipPromptSet *
clip_prompt_set_from_file (const gchar *path, const gchar *template_text, GError **error)
{
  ClipPromptBuilder builder;
  g_autofree gchar *text = NULL;

  if (!clip_prompt_builder_init (&builder, template_text, error))
    goto fail;
  text = load_text (path, error);
  if (!text || !parse_lines (&builder, text, path, error))
    goto fail;
  return clip_prompt_builder_end (&builder);

fail:
  clip_prompt_builder_clear (&builder);
  return NULL;
}
