/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening devices: by name, UUID and index, masks, and what is said when it cannot be. */
#include "common.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_no_loader (void)
{
  g_autoptr (GError) error = NULL;
  ClipVk vk = { 0 };

  g_assert_false (clip_vk_open (&vk, "libnot-there.so.1", &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER);
  g_assert_nonnull (strstr (error->message, "libnot-there.so.1 not found: install libvulkan1"));
}

static void
test_not_a_loader (void)
{
  g_autoptr (GError) error = NULL;
  ClipVk vk = { 0 };

  g_assert_false (clip_vk_open (&vk, "libc.so.6", &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER);
  g_assert_nonnull (strstr (error->message, "vkGetInstanceProcAddr"));
}

static void
test_no_driver (void)
{
  if (g_test_subprocess ()) {
    g_autoptr (GError) error = NULL;
    g_setenv ("VK_ICD_FILENAMES", "/nonexistent.json", TRUE);
    g_setenv ("VK_DRIVER_FILES", "/nonexistent.json", TRUE);
    g_unsetenv ("GST_CLIP_DEVICE");
    g_assert_null (clip_gpu_new (NULL, &error));
    if (g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_LOADER))
      return;
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
    g_assert_nonnull (strstr (error->message, "mesa-vulkan-drivers"));
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static void
check_matrix_shapes (const ClipGpuInfo *info)
{
  g_assert_cmpuint (info->n_matrix_shapes, >, 0);
  g_assert_cmpuint (info->n_matrix_shapes, <=, G_N_ELEMENTS (info->matrix_shapes));
  g_assert_cmpuint (info->matrix_subgroup_size, >, 0);
  for (guint i = 0; i < info->n_matrix_shapes; i++) {
    const ClipGpuMatrixShape *s = &info->matrix_shapes[i];

    g_test_message ("matrices of %ux%ux%u, %u lanes", s->m, s->n, s->k, info->matrix_subgroup_size);
    g_assert_true (s->m % 8 == 0 && s->n % 8 == 0 && s->k % 8 == 0);
    g_assert_true (s->m && s->m <= 16 && s->n && s->n <= 16 && s->k && s->k <= 16);
  }
}

static void
test_info (void)
{
  g_autoptr (ClipGpu) gpu = open_gpu ();

  if (!gpu)
    return;
  const ClipGpuInfo *info = clip_gpu_info (gpu);
  g_test_message ("%s (%s), caps 0x%x, subgroup %u", info->name, info->driver, info->caps,
                  info->subgroup_size);
  g_assert_cmpuint (strlen (info->uuid), ==, 32);
  g_assert_cmpuint (info->max_push_bytes, >=, 128);
  g_assert_cmpuint (info->max_workgroup_invocations, >=, 128);
  g_assert_cmpuint (info->heap_bytes, >, 0);
  g_assert_cmpuint (info->subgroup_size, >, 0);
  if (info->caps & CLIP_GPU_CAP_LLVMPIPE_LOOPS)
    g_assert_true (info->caps & CLIP_GPU_CAP_LLVMPIPE);
  if (info->caps & CLIP_GPU_CAP_LLVMPIPE)
    g_assert_cmpuint (info->subgroup_size, ==, 8);
  if (info->caps & CLIP_GPU_CAP_COOPMAT_FAST)
    g_assert_true ((info->caps & CLIP_GPU_CAP_COOPMAT) && !info->is_cpu);
  if (info->caps & CLIP_GPU_CAP_COOPMAT)
    check_matrix_shapes (info);
  g_assert_false (clip_gpu_is_lost (gpu));
  g_assert_cmpuint (clip_gpu_memory_bytes (gpu), ==, 0);
  g_assert_cmpuint (clip_gpu_pipeline_count (gpu), ==, 0);
}

static void
test_by_name (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = open_gpu ();

  if (!gpu)
    return;
  const ClipGpuInfo *info = clip_gpu_info (gpu);
  g_autofree gchar *part = g_ascii_strup (info->name, 5);
  g_autofree gchar *dashed = g_strdup_printf ("%.8s-%s", info->uuid, info->uuid + 8);
  const gchar *good[] = { info->name, part, info->uuid, dashed };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (ClipGpu) other = clip_gpu_new (good[i], &error);
    g_assert_no_error (error);
    if (i >= 2)
      g_assert_cmpstr (clip_gpu_info (other)->uuid, ==, info->uuid);
  }
  /* Index 0 exists, but may be a device that lacks something. */
  g_autoptr (ClipGpu) first = clip_gpu_new ("0", &error);
  if (!first)
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
}

static void
test_bad_names (void)
{
  const gchar *bad[] = { "no such device",
                         "4294967295",
                         "99999999999999999999",
                         "-1",
                         "00000000-0000-0000-0000-00000000000",
                         "%s%n",
                         "\xff\xfe" };
  g_autoptr (ClipGpu) gpu = open_gpu ();

  if (!gpu)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (clip_gpu_new (bad[i], &error));
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
    g_assert_nonnull (strstr (error->message, clip_gpu_info (gpu)->name));
  }
}

static void
test_environment (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = open_gpu ();

  if (!gpu)
    return;
  g_autofree gchar *before = g_strdup (g_getenv ("GST_CLIP_DEVICE"));
  g_setenv ("GST_CLIP_DEVICE", "no such device", TRUE);
  g_assert_null (clip_gpu_new (NULL, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
  g_assert_true (g_str_has_prefix (error->message, "GST_CLIP_DEVICE: "));
  g_clear_error (&error);
  g_autoptr (ClipGpu) named = clip_gpu_new (clip_gpu_info (gpu)->uuid, &error);
  g_assert_no_error (error);
  g_setenv ("GST_CLIP_DEVICE", "", TRUE);
  g_autoptr (ClipGpu) any = clip_gpu_new (NULL, &error);
  g_assert_no_error (error);
  if (before)
    g_setenv ("GST_CLIP_DEVICE", before, TRUE);
  else
    g_unsetenv ("GST_CLIP_DEVICE");
}

static void
test_masks (void)
{
  g_autofree gchar *before = g_strdup (g_getenv ("GST_CLIP_DISABLE"));

  g_setenv ("GST_CLIP_DISABLE", "FP16 , subgroup,nonsense,,llvmpipe,coopmat", TRUE);
  g_autoptr (ClipGpu) gpu = open_gpu ();
  if (before)
    g_setenv ("GST_CLIP_DISABLE", before, TRUE);
  else
    g_unsetenv ("GST_CLIP_DISABLE");
  if (!gpu)
    return;
  g_autoptr (ClipGpu) full = open_gpu ();
  ClipGpuCaps gone = CLIP_GPU_CAP_FP16 | CLIP_GPU_CAP_SUBGROUP | CLIP_GPU_CAP_LLVMPIPE
                     | CLIP_GPU_CAP_LLVMPIPE_LOOPS | CLIP_GPU_CAP_COOPMAT
                     | CLIP_GPU_CAP_COOPMAT_FAST;
  g_assert_cmphex (clip_gpu_info (gpu)->caps, ==, clip_gpu_info (full)->caps & ~gone);
}

/* The barrier-free kernels must not run when llvmpipe has other vectors. */
/* Which version of llvmpipe is said to run loops quickly, and of which nobody knows. */
static void
test_llvmpipe_versions (void)
{
  enum { NO, YES, UNSURE };
  static const struct {
    const gchar *info;
    guint loops;
  } versions[] = {
    { "Mesa 20.3.5 (LLVM 11.0.1)", NO },
    { "Mesa 22.3.6 (LLVM 15.0.6)", NO },
    { "Mesa 25.0.7-2 (LLVM 19.1.7)", NO },
    { "Mesa 25.1.0 (LLVM 20.1.0)", UNSURE },
    { "Mesa 25.3.0-devel (git-1234567890) (LLVM 21.1.0)", UNSURE },
    { "Mesa 26.0.0-rc1 (LLVM 21.1.0)", YES },
    { "Mesa 26.2.6 (LLVM 22.1.0)", YES },
    { "Mesa git (LLVM 22.1.0)", UNSURE },
    { "", UNSURE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (versions); i++) {
    ClipGpuCaps caps, unsure;
    clip_gpu_llvmpipe_caps (versions[i].info, &caps, &unsure);
    g_assert_true (caps & CLIP_GPU_CAP_LLVMPIPE);
    g_assert_cmpint ((caps & CLIP_GPU_CAP_LLVMPIPE_LOOPS) != 0, ==, versions[i].loops == YES);
    g_assert_cmpint ((unsure & CLIP_GPU_CAP_LLVMPIPE_LOOPS) != 0, ==, versions[i].loops == UNSURE);
  }
}

static void
test_vector_width (void)
{
  if (g_test_subprocess ()) {
    g_setenv ("LP_NATIVE_VECTOR_WIDTH", "128", TRUE);
    g_autoptr (ClipGpu) gpu = open_gpu ();
    if (gpu && g_str_has_prefix (clip_gpu_info (gpu)->driver, "llvmpipe")) {
      g_assert_cmpuint (clip_gpu_info (gpu)->subgroup_size, ==, 4);
      g_assert_false (clip_gpu_info (gpu)->caps & CLIP_GPU_CAP_LLVMPIPE);
    }
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* That the layer watches us, so that its silence elsewhere means something. */
static void
test_validation (void)
{
  if (g_test_subprocess ()) {
    g_setenv ("GST_CLIP_VALIDATE", "1", TRUE);
    g_autoptr (ClipGpu) gpu = open_gpu ();
    if (!gpu)
      return;
    const VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO };
    VkBuffer buffer = VK_NULL_HANDLE;
    g_assert_cmpuint (clip_gpu_validation_messages (), ==, 0);
    gpu->vk.CreateBuffer (gpu->device, &info, NULL, &buffer);
    guint n = clip_gpu_validation_messages ();
    gpu->vk.DestroyBuffer (gpu->device, buffer, NULL);
    clip_gpu_free (g_steal_pointer (&gpu));
    exit (n > 0 ? 0 : 1); /* not through run_tests (), which dislikes messages */
  }
  g_test_trap_subprocess (NULL, 0, 0);
  if (g_test_trap_has_passed ())
    return;
  g_test_trap_assert_stderr ("*is not installed*");
  g_test_skip ("the validation layer is not installed");
}

static void
test_fork (void)
{
  g_autoptr (ClipGpu) gpu = open_gpu ();
  int status = 0;

  if (!gpu)
    return;
  pid_t child = fork ();
  if (child == 0) {
    GError *error = NULL;
    ClipGpuBuffer *b = clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, 16, "child", &error);
    gboolean ok = !b && g_error_matches (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED)
                  && strstr (error->message, "fork");
    clip_gpu_free (gpu);
    _exit (ok ? 0 : 1);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/device/no-loader", test_no_loader);
  g_test_add_func ("/gpu/device/not-a-loader", test_not_a_loader);
  g_test_add_func ("/gpu/device/no-driver", test_no_driver);
  g_test_add_func ("/gpu/device/info", test_info);
  g_test_add_func ("/gpu/device/by-name", test_by_name);
  g_test_add_func ("/gpu/device/bad-names", test_bad_names);
  g_test_add_func ("/gpu/device/environment", test_environment);
  g_test_add_func ("/gpu/device/masks", test_masks);
  g_test_add_func ("/gpu/device/llvmpipe-versions", test_llvmpipe_versions);
  g_test_add_func ("/gpu/device/vector-width", test_vector_width);
  g_test_add_func ("/gpu/device/validation", test_validation);
  g_test_add_func ("/gpu/device/fork", test_fork);
  return run_tests ();
}
