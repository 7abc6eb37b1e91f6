/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/models/demo/demo-config.h"
#ifdef CLIP_HAVE_DEMO
#include "gst-clip/models/demo/demo-resource.h"
#endif

#define EMBEDDED_PATH "/gst-clip/models/demo/"

/* Of what a fingerprint is made. */
#define WHOLE_BYTES  (1024 * 1024)
#define BEGIN_BYTES  (64 * 1024)
#define SAMPLE_BYTES 4096
#define SAMPLES      64

/* One of two kinds: @folder is a file descriptor, or @resource is set. */
struct _ClipSource {
  gchar *path;
  GHashTable *opened; /* name -> SHA-256 in hexadecimal digits */
  int folder;
  GResource *resource;
};

/* The same: @fd, or @bytes. */
struct _ClipFile {
  gchar *name;
  guint64 size;
  gint64 changed; /* ns; 0 for bytes */
  int fd;
  GBytes *bytes;
};

static ClipModelError
code_of_errno (int code)
{
  return code == ENOENT || code == ENOTDIR ? CLIP_MODEL_ERROR_NOT_FOUND : CLIP_MODEL_ERROR_IO;
}

static ClipSource *
new_source (const gchar *path)
{
  ClipSource *source = g_new0 (ClipSource, 1);

  source->path = g_strdup (path);
  source->opened = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return source;
}

ClipSource *
clip_source_open_folder (const gchar *path, GError **error)
{
  ClipSource *source;
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0) {
    g_set_error (error, CLIP_MODEL_ERROR, code_of_errno (errno),
                 "cannot open the model folder %s: %s", path, g_strerror (errno));
    return NULL;
  }
  source = new_source (path);
  source->folder = fd;
  return source;
}

ClipSource *
clip_source_open_embedded (GError **error)
{
#ifdef CLIP_HAVE_DEMO
  static gsize registered = 0;
  ClipSource *source = new_source ("(built-in model)");

  if (g_once_init_enter (&registered)) {
    clip_demo_register_resource ();
    g_once_init_leave (&registered, 1);
  }
  source->folder = -1;
  source->resource = g_resource_ref (clip_demo_get_resource ());
  return source;
#else
  g_set_error_literal (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND,
                       "this gst-clip has no built-in model: name one");
  return NULL;
#endif
}

void
clip_source_free (ClipSource *source)
{
  if (!source)
    return;
  if (source->folder >= 0)
    close (source->folder);
  g_clear_pointer (&source->resource, g_resource_unref);
  g_hash_table_unref (source->opened);
  g_free (source->path);
  g_free (source);
}

const gchar *
clip_source_path (const ClipSource *source)
{
  return source->path;
}

gboolean
clip_source_has (const ClipSource *source, const gchar *name)
{
  struct stat info;

  if (source->resource) {
    g_autofree gchar *path = g_strconcat (EMBEDDED_PATH, name, NULL);
    return g_resource_get_info (source->resource, path, 0, NULL, NULL, NULL);
  }
  /* A link that leads nowhere counts: opening it then says what is wrong. */
  return fstatat (source->folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static gboolean
open_resource (const ClipSource *source, const gchar *name, ClipFile *file, GError **error)
{
  g_autofree gchar *path = g_strconcat (EMBEDDED_PATH, name, NULL);

  file->bytes = g_resource_lookup_data (source->resource, path, 0, NULL);
  if (!file->bytes) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND, "%s: there is no such file",
                 file->name);
    return FALSE;
  }
  file->size = g_bytes_get_size (file->bytes);
  return TRUE;
}

static gboolean
open_regular (const ClipSource *source, const gchar *name, ClipFile *file, GError **error)
{
  struct stat info;

  /* O_NONBLOCK: a FIFO must not hang the caller; regular files ignore it. */
  file->fd = openat (source->folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file->fd < 0 || fstat (file->fd, &info) != 0) {
    g_set_error (error, CLIP_MODEL_ERROR, code_of_errno (errno), "%s: %s", file->name,
                 g_strerror (errno));
    return FALSE;
  }
  if (!S_ISREG (info.st_mode)) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: not a regular file",
                 file->name);
    return FALSE;
  }
  file->size = (guint64)info.st_size;
  file->changed = (gint64)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
  return TRUE;
}

/* What downloads leave in the place of a file. No file of a model begins like these. */
static gboolean
check_not_placeholder (const ClipFile *file, GError **error)
{
  static const struct {
    const gchar *begin, *what;
  } placeholders[] = {
    { "version https://git-lfs",
      "a Git LFS pointer, not the file itself: `git lfs pull` or gst-clip-fetch gets that" },
    { "<!DOCTYPE", "a web page, not the file itself: gst-clip-fetch gets that" },
    { "<html", "a web page, not the file itself: gst-clip-fetch gets that" },
    { "<?xml", "a server's answer in XML, not the file itself: gst-clip-fetch gets that" },
  };
  gchar begin[32] = { 0 };

  if (!clip_file_read (file, 0, begin, (gsize)MIN (file->size, sizeof begin - 1), error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (placeholders); i++) {
    if (g_ascii_strncasecmp (begin, placeholders[i].begin, strlen (placeholders[i].begin)) == 0) {
      g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID, "%s: %s", file->name,
                   placeholders[i].what);
      return FALSE;
    }
  }
  return TRUE;
}

/* FALSE where the file cannot be read. */
static gboolean
add_part (const ClipFile *file, GChecksum *sum, guint64 offset, gsize length)
{
  g_autofree guint8 *part = g_malloc (length + 1);

  if (!clip_file_read (file, offset, part, length, NULL))
    return FALSE;
  g_checksum_update (sum, part, (gssize)length);
  return TRUE;
}

static gboolean
add_content (const ClipFile *file, GChecksum *sum)
{
  if (file->size <= WHOLE_BYTES)
    return add_part (file, sum, 0, (gsize)file->size);
  if (!add_part (file, sum, 0, BEGIN_BYTES))
    return FALSE;
  for (guint i = 0; i < SAMPLES; i++) {
    const guint64 last = file->size - SAMPLE_BYTES;
    if (!add_part (file, sum, last / (SAMPLES - 1) * i, SAMPLE_BYTES))
      return FALSE;
  }
  return TRUE;
}

/* What cannot be read now is told when it is wanted. */
static void
note_opened (const ClipSource *source, const gchar *name, const ClipFile *file)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  const guint64 numbers[] = { file->size, (guint64)file->changed };

  g_checksum_update (sum, (const guchar *)numbers, sizeof numbers);
  if (add_content (file, sum))
    g_hash_table_replace (source->opened, g_strdup (name), g_strdup (g_checksum_get_string (sum)));
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

void
clip_source_fingerprint (const ClipSource *source, GChecksum *sum)
{
  g_autoptr (GList) names = g_hash_table_get_keys (source->opened);

  names = g_list_sort (names, compare_names);
  for (GList *l = names; l; l = l->next) {
    const gchar *digits = g_hash_table_lookup (source->opened, l->data);
    g_checksum_update (sum, l->data, (gssize)strlen (l->data) + 1);
    g_checksum_update (sum, (const guchar *)digits, (gssize)strlen (digits));
  }
}

ClipFile *
clip_source_open (const ClipSource *source, const gchar *name, GError **error)
{
  g_autoptr (ClipFile) file = g_new0 (ClipFile, 1);
  gboolean ok;

  g_assert (!strchr (name, '/'));
  file->fd = -1;
  file->name = g_build_filename (source->path, name, NULL);
  if (source->resource)
    ok = open_resource (source, name, file, error);
  else
    ok = open_regular (source, name, file, error) && check_not_placeholder (file, error);
  if (ok)
    note_opened (source, name, file);
  return ok ? g_steal_pointer (&file) : NULL;
}

void
clip_file_close (ClipFile *file)
{
  if (!file)
    return;
  if (file->fd >= 0)
    close (file->fd);
  g_clear_pointer (&file->bytes, g_bytes_unref);
  g_free (file->name);
  g_free (file);
}

const gchar *
clip_file_name (const ClipFile *file)
{
  return file->name;
}

guint64
clip_file_size (const ClipFile *file)
{
  return file->size;
}

static gboolean
read_failed (const ClipFile *file, const gchar *why, GError **error)
{
  g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_IO, "%s: %s", file->name, why);
  return FALSE;
}

gboolean
clip_file_read (const ClipFile *file, guint64 offset, gpointer buffer, gsize length, GError **error)
{
  guint8 *out = buffer;

  if (offset > file->size || length > file->size - offset)
    return read_failed (file, "the file is too short", error);
  if (file->bytes) {
    memcpy (out, (const guint8 *)g_bytes_get_data (file->bytes, NULL) + offset, length);
    return TRUE;
  }
  while (length > 0) {
    ssize_t n = pread (file->fd, out, length, (off_t)offset);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return read_failed (file, g_strerror (errno), error);
    if (n == 0)
      return read_failed (file, "the file shrank while it was read", error);
    out += n;
    offset += (guint64)n;
    length -= (gsize)n;
  }
  return TRUE;
}

GBytes *
clip_source_load (const ClipSource *source, const gchar *name, gsize max, GError **error)
{
  g_autoptr (ClipFile) file = clip_source_open (source, name, error);
  g_autofree gchar *data = NULL;

  if (!file)
    return NULL;
  if (file->bytes && file->size <= max)
    return g_bytes_ref (file->bytes);
  if (file->size > max) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID,
                 "%s: %" G_GUINT64_FORMAT " bytes, more than the %" G_GSIZE_FORMAT
                 " that are accepted",
                 file->name, file->size, max);
    return NULL;
  }
  data = g_malloc (MAX (file->size, 1));
  if (!clip_file_read (file, 0, data, (gsize)file->size, error))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&data), (gsize)file->size);
}
