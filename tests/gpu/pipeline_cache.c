/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pipeline cache on disk: what it gives back, and all that it must not believe. */
#include "common.h"

#include <sys/stat.h>
#include <unistd.h>

static const ClipGpuInfo some_info = {
  .uuid = "00112233445566778899aabbccddeeff",
  .vendor_id = 0x1234,
  .device_id = 0x5678,
  .driver_version = 42,
  .pipeline_cache_uuid = { 1, 2, 3 },
};

static const gchar content[] = "what a driver wrote";

static gchar *
folder_path (void)
{
  return g_build_filename (g_get_user_cache_dir (), "gst-clip", NULL);
}

static void
store (void)
{
  g_assert_true (clip_gpu_cache_store (&some_info, CLIP_GPU_PIPELINES, content, sizeof content));
}

static void
expect (gboolean found)
{
  g_autoptr (GBytes) bytes = clip_gpu_cache_load (&some_info, CLIP_GPU_PIPELINES);

  g_assert_cmpint (bytes != NULL, ==, found);
  if (bytes)
    g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), content,
                     sizeof content);
}

static void
test_round_trip (void)
{
  g_autofree gchar *folder = folder_path ();
  g_autofree gchar *path = clip_gpu_cache_path (&some_info, CLIP_GPU_PIPELINES);
  struct stat st;

  expect (FALSE);
  store ();
  expect (TRUE);
  store ();
  expect (TRUE);
  g_assert_cmpint (stat (folder, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
}

static void
test_damaged (void)
{
  g_autofree gchar *path = clip_gpu_cache_path (&some_info, CLIP_GPU_PIPELINES);
  g_autofree gchar *data = NULL;
  gsize size;

  store ();
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  for (gsize i = 0; i < size; i++) {
    data[i] ^= 0x10;
    g_assert_true (g_file_set_contents (path, data, (gssize)size, NULL));
    expect (FALSE);
    data[i] ^= 0x10;
  }
  for (gsize n = 0; n < size; n++) {
    g_assert_true (g_file_set_contents (path, data, (gssize)n, NULL));
    expect (FALSE);
  }
  g_autofree gchar *longer = g_malloc0 (size + 1);
  memcpy (longer, data, size);
  g_assert_true (g_file_set_contents (path, longer, (gssize)size + 1, NULL));
  expect (FALSE);
  g_assert_true (g_file_set_contents (path, data, (gssize)size, NULL));
  expect (TRUE);
}

static void
test_other_driver (void)
{
  ClipGpuInfo other;

  store ();
#define DIFFERENT(field)                                                                           \
  other = some_info;                                                                               \
  other.field++;                                                                                   \
  g_assert_null (clip_gpu_cache_load (&other, CLIP_GPU_PIPELINES))
  DIFFERENT (vendor_id);
  DIFFERENT (device_id);
  DIFFERENT (driver_version);
  DIFFERENT (pipeline_cache_uuid[0]);
  DIFFERENT (pipeline_cache_uuid[15]);
#undef DIFFERENT
  expect (TRUE);
}

/* A good file of another kind. */
static void
test_other_kind (void)
{
  g_autofree gchar *path = clip_gpu_cache_path (&some_info, CLIP_GPU_PIPELINES);
  g_autofree gchar *other = clip_gpu_cache_path (&some_info, "choices");
  g_autoptr (GBytes) bytes = NULL;

  store ();
  g_assert_null (clip_gpu_cache_load (&some_info, "choices"));
  g_assert_true (clip_gpu_cache_store (&some_info, "choices", "other", 5));
  bytes = clip_gpu_cache_load (&some_info, "choices");
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "other", 5);
  expect (TRUE);
  g_assert_cmpint (rename (other, path), ==, 0);
  expect (FALSE);
  store ();
  expect (TRUE);
}

static void
test_permissions (void)
{
  g_autofree gchar *folder = folder_path ();
  g_autofree gchar *path = clip_gpu_cache_path (&some_info, CLIP_GPU_PIPELINES);

  store ();
  g_assert_cmpint (chmod (folder, 0755), ==, 0);
  expect (FALSE);
  g_assert_false (clip_gpu_cache_store (&some_info, CLIP_GPU_PIPELINES, content, sizeof content));
  g_assert_cmpint (chmod (folder, 0700), ==, 0);
  expect (TRUE);
  g_assert_cmpint (chmod (path, 0620), ==, 0);
  expect (FALSE);
  g_assert_cmpint (chmod (path, 0602), ==, 0);
  expect (FALSE);
  store (); /* replaces it */
  expect (TRUE);
}

static void
test_foreign_owner (void)
{
  g_autofree gchar *folder = folder_path ();
  g_autofree gchar *path = clip_gpu_cache_path (&some_info, CLIP_GPU_PIPELINES);

  if (geteuid () != 0) {
    g_test_skip ("only root can give a file to somebody else");
    return;
  }
  store ();
  g_assert_cmpint (chown (path, 65534, 65534), ==, 0);
  expect (FALSE);
  store ();
  expect (TRUE);
  g_assert_cmpint (chown (folder, 65534, 65534), ==, 0);
  expect (FALSE);
  g_assert_false (clip_gpu_cache_store (&some_info, CLIP_GPU_PIPELINES, content, sizeof content));
  g_assert_cmpint (chown (folder, 0, 0), ==, 0);
  expect (TRUE);
}

static void
test_not_files (void)
{
  g_autofree gchar *folder = folder_path ();
  g_autofree gchar *moved = g_strconcat (folder, ".moved", NULL);
  g_autofree gchar *path = clip_gpu_cache_path (&some_info, CLIP_GPU_PIPELINES);
  g_autofree gchar *target = g_strconcat (path, ".target", NULL);

  store ();
  /* A link to a good file, a FIFO, a directory. */
  g_assert_cmpint (rename (path, target), ==, 0);
  g_assert_cmpint (symlink (target, path), ==, 0);
  expect (FALSE);
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect (FALSE);
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  expect (FALSE);
  g_assert_false (clip_gpu_cache_store (&some_info, CLIP_GPU_PIPELINES, content, sizeof content));
  g_assert_cmpint (rmdir (path), ==, 0);
  g_assert_cmpint (rename (target, path), ==, 0);
  expect (TRUE);

  /* The folder as a link. */
  g_assert_cmpint (rename (folder, moved), ==, 0);
  g_assert_cmpint (symlink (moved, folder), ==, 0);
  expect (FALSE);
  g_assert_false (clip_gpu_cache_store (&some_info, CLIP_GPU_PIPELINES, content, sizeof content));
  g_assert_cmpint (unlink (folder), ==, 0);
  g_assert_cmpint (rename (moved, folder), ==, 0);
  expect (TRUE);
}

static void
make_one_pipeline (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = open_gpu ();
  const guint32 scale = 7;

  if (!gpu)
    return;
  g_autofree gchar *path = clip_gpu_cache_path (clip_gpu_info (gpu), CLIP_GPU_PIPELINES);
  g_assert_nonnull (clip_gpu_pipeline (gpu, &square_shader, &scale, 1, &error));
  g_assert_no_error (error);
  clip_gpu_save_cache (gpu);
  g_autoptr (GBytes) saved = clip_gpu_cache_load (clip_gpu_info (gpu), CLIP_GPU_PIPELINES);
  g_assert_nonnull (saved);
  g_test_message ("%" G_GSIZE_FORMAT " bytes", g_bytes_get_size (saved));
  /* Nothing new: not written again, not even at the end. */
  g_assert_cmpint (unlink (path), ==, 0);
  clip_gpu_save_cache (gpu);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  /* Something new: written at the end. */
  const guint32 other = 8;
  g_assert_nonnull (clip_gpu_pipeline (gpu, &square_shader, &other, 1, &error));
  clip_gpu_free (g_steal_pointer (&gpu));
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_driver (void)
{
  make_one_pipeline (); /* cold */
  make_one_pipeline (); /* warm */
}

/* The whole device with a cache directory that cannot be had. */
static void
test_unwritable (void)
{
  if (g_test_subprocess ()) {
    const guint32 scale = 7;
    g_setenv ("XDG_CACHE_HOME", "/proc/nowhere", TRUE);
    g_autoptr (ClipGpu) gpu = open_gpu ();
    if (gpu)
      g_assert_nonnull (clip_gpu_pipeline (gpu, &square_shader, &scale, 1, NULL));
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/pipeline-cache/round-trip", test_round_trip);
  g_test_add_func ("/gpu/pipeline-cache/damaged", test_damaged);
  g_test_add_func ("/gpu/pipeline-cache/other-driver", test_other_driver);
  g_test_add_func ("/gpu/pipeline-cache/other-kind", test_other_kind);
  g_test_add_func ("/gpu/pipeline-cache/permissions", test_permissions);
  g_test_add_func ("/gpu/pipeline-cache/foreign-owner", test_foreign_owner);
  g_test_add_func ("/gpu/pipeline-cache/not-files", test_not_files);
  g_test_add_func ("/gpu/pipeline-cache/driver", test_driver);
  g_test_add_func ("/gpu/pipeline-cache/unwritable", test_unwritable);
  return run_tests ();
}
