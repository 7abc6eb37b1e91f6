/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is remembered of a device on disk: its pipelines, which tilings are quick. Drivers trust the
 * bytes they are given, so each file gets a header of our own, and nobody but us may have written
 * it. */
#include "gst-clip/gpu/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES (64 * 1024 * 1024)

/* In the byte order of the machine: the file never leaves it. No padding inside. */
typedef struct {
  gchar magic[8];
  guint64 length;    /* of what follows the header */
  guint8 sha256[32]; /* of the file's kind and of what follows */
  guint32 vendor_id, device_id, driver_version, reserved;
  guint8 cache_uuid[VK_UUID_SIZE];
} Header;

static const gchar magic[8] = { 'G', 'S', 'T', 'C', 'L', 'P', 'C', '2' };

G_STATIC_ASSERT (sizeof (Header) == 80);

static void
fill_header (Header *header, const ClipGpuInfo *info, const gchar *kind, gconstpointer data,
             gsize size)
{
  gsize n = sizeof header->sha256;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  memset (header, 0, sizeof *header);
  memcpy (header->magic, magic, sizeof magic);
  header->length = size;
  g_checksum_update (sum, (const guchar *)kind, (gssize)strlen (kind) + 1);
  g_checksum_update (sum, data, (gssize)size);
  g_checksum_get_digest (sum, header->sha256, &n);
  header->vendor_id = info->vendor_id;
  header->device_id = info->device_id;
  header->driver_version = info->driver_version;
  memcpy (header->cache_uuid, info->pipeline_cache_uuid, VK_UUID_SIZE);
}

static gchar *
folder_path (void)
{
  return g_build_filename (g_get_user_cache_dir (), "gst-clip", NULL);
}

static gchar *
file_name (const ClipGpuInfo *info, const gchar *kind)
{
  return g_strdup_printf ("%s-%s.bin", kind, info->uuid);
}

gchar *
clip_gpu_cache_path (const ClipGpuInfo *info, const gchar *kind)
{
  g_autofree gchar *folder = folder_path ();
  g_autofree gchar *name = file_name (info, kind);

  return g_build_filename (folder, name, NULL);
}

/* Whether only the user we run as can have written there. */
static gboolean
is_ours (int fd, mode_t type)
{
  struct stat st;

  return fstat (fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == geteuid ()
         && !(st.st_mode & (S_ISDIR (st.st_mode) ? 077 : 022));
}

static int
open_folder (gboolean create)
{
  g_autofree gchar *folder = folder_path ();
  int fd;

  if (create && g_mkdir_with_parents (g_get_user_cache_dir (), 0700) == 0)
    mkdir (folder, 0700);
  fd = open (folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    g_info ("no cache in %s: %s", folder, g_strerror (errno));
    return -1;
  }
  if (!is_ours (fd, S_IFDIR)) {
    g_info ("no cache in %s: it must be ours and have the mode 0700", folder);
    close (fd);
    return -1;
  }
  return fd;
}

static gboolean
read_all (int fd, gpointer data, gsize size)
{
  for (gsize done = 0; done < size;) {
    ssize_t n = read (fd, (guint8 *)data + done, size - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    done += (gsize)n;
  }
  return TRUE;
}

static gboolean
write_all (int fd, gconstpointer data, gsize size)
{
  for (gsize done = 0; done < size;) {
    ssize_t n = write (fd, (const guint8 *)data + done, size - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    done += (gsize)n;
  }
  return TRUE;
}

static GBytes *
read_checked (int fd, const ClipGpuInfo *info, const gchar *kind)
{
  Header header, expected;
  struct stat st;

  if (!is_ours (fd, S_IFREG) || fstat (fd, &st) < 0 || !read_all (fd, &header, sizeof header)
      || header.length == 0 || header.length > MAX_BYTES
      || (guint64)st.st_size != sizeof header + header.length)
    return NULL;
  g_autofree guint8 *data = g_malloc (header.length);
  if (!read_all (fd, data, header.length))
    return NULL;
  fill_header (&expected, info, kind, data, header.length);
  if (memcmp (&header, &expected, sizeof header) != 0)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&data), header.length);
}

GBytes *
clip_gpu_cache_load (const ClipGpuInfo *info, const gchar *kind)
{
  g_autofree gchar *name = file_name (info, kind);
  GBytes *bytes = NULL;
  int folder = open_folder (FALSE);

  if (folder < 0)
    return NULL;
  /* Not blocking: a FIFO of that name must not stop us. */
  int fd = openat (folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) {
    bytes = read_checked (fd, info, kind);
    if (!bytes)
      g_info ("%s is ignored: damaged, or of another driver", name);
    close (fd);
  }
  close (folder);
  return bytes;
}

gboolean
clip_gpu_cache_store (const ClipGpuInfo *info, const gchar *kind, gconstpointer data, gsize size)
{
  g_autofree gchar *name = file_name (info, kind);
  g_autofree gchar *temporary = NULL;
  gboolean ok = FALSE;
  Header header;
  int fd, folder;

  if (size == 0 || size > MAX_BYTES || (folder = open_folder (TRUE)) < 0)
    return FALSE;
  fill_header (&header, info, kind, data, size);
  temporary = g_strdup_printf ("%s.%d-%08x", name, (int)getpid (), g_random_int ());
  fd = openat (folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ok = write_all (fd, &header, sizeof header) && write_all (fd, data, size);
    ok = close (fd) == 0 && ok;
    /* No fsync(): after a crash the checksum finds what did not reach the disk. */
    ok = ok && renameat (folder, temporary, folder, name) == 0;
    if (!ok)
      unlinkat (folder, temporary, 0);
  }
  if (!ok)
    g_info ("%s could not be saved: %s", name, g_strerror (errno));
  close (folder);
  return ok;
}

GBytes *
clip_gpu_remembered (ClipGpu *gpu, const gchar *kind)
{
  return clip_gpu_cache_load (&gpu->info, kind);
}

gboolean
clip_gpu_remember (ClipGpu *gpu, const gchar *kind, gconstpointer data, gsize size)
{
  return clip_gpu_cache_store (&gpu->info, kind, data, size);
}

/* Forgetting --------------------------------------------------------------- */

typedef struct {
  gchar *name;
  struct timespec written;
} Remembered;

static void
remembered_clear (gpointer data)
{
  g_free (((Remembered *)data)->name);
}

static gint
newest_first (gconstpointer a, gconstpointer b)
{
  const struct timespec *x = &((const Remembered *)a)->written;
  const struct timespec *y = &((const Remembered *)b)->written;

  if (x->tv_sec != y->tv_sec)
    return x->tv_sec > y->tv_sec ? -1 : 1;
  return x->tv_nsec > y->tv_nsec ? -1 : x->tv_nsec < y->tv_nsec;
}

/* Also what a process left that died while it wrote. */
void
clip_gpu_forget_oldest (const gchar *prefix, guint keep)
{
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (Remembered));
  int folder = open_folder (FALSE);
  DIR *list = folder >= 0 ? fdopendir (folder) : NULL;
  struct dirent *entry;
  struct stat st;

  if (!list) {
    if (folder >= 0)
      close (folder);
    return;
  }
  g_array_set_clear_func (files, remembered_clear);
  while ((entry = readdir (list))) {
    if (!g_str_has_prefix (entry->d_name, prefix)
        || fstatat (folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    Remembered file = { g_strdup (entry->d_name), st.st_mtim };
    g_array_append_val (files, file);
  }
  g_array_sort (files, newest_first);
  for (guint i = keep; i < files->len; i++)
    unlinkat (folder, g_array_index (files, Remembered, i).name, 0);
  closedir (list);
}
