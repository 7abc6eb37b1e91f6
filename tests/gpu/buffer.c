/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers: zeroed, aligned, padded; transfers mapped and staged; running out of memory. */
#include "common.h"

/* The device with its memory mapped where that is possible, or never. */
static ClipGpu *
open_with (gboolean mapped)
{
  g_autofree gchar *before = g_strdup (g_getenv ("GST_CLIP_DISABLE"));

  if (!mapped)
    g_setenv ("GST_CLIP_DISABLE", "mapping", TRUE);
  ClipGpu *gpu = open_gpu ();
  if (before)
    g_setenv ("GST_CLIP_DISABLE", before, TRUE);
  else
    g_unsetenv ("GST_CLIP_DISABLE");
  return gpu;
}

static void
check_zero (ClipGpu *gpu, ClipGpuMemory memory, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpuBuffer) b = clip_gpu_buffer_new (gpu, memory, size, "zeroed", &error);

  g_assert_no_error (error);
  g_assert_cmpuint (b->size, ==, size);
  g_assert_cmpuint (b->allocated, >=, size + 65536);
  g_assert_cmpuint (b->address % 256, ==, 0);
  if (memory != CLIP_GPU_MEMORY_DEVICE)
    g_assert_nonnull (b->map);
  /* The padding is read through a description of the buffer that includes it. */
  ClipGpuBuffer all = *b;
  all.size += 65536;
  g_autofree guint8 *data = g_malloc (all.size);
  memset (data, 0xaa, all.size);
  g_assert_true (clip_gpu_buffer_download (&all, 0, data, all.size, &error));
  g_assert_no_error (error);
  for (gsize i = 0; i < all.size; i++)
    g_assert_cmpuint (data[i], ==, 0);
  /* The next buffer is likely to get this memory. */
  memset (data, 0xff, size);
  g_assert_true (clip_gpu_buffer_upload (b, 0, data, size, &error));
}

static void
test_zero (gconstpointer mapped)
{
  const gsize sizes[] = { 1, 255, 256, 257, 4096, 1000003 };
  g_autoptr (ClipGpu) gpu = open_with (GPOINTER_TO_INT (mapped));

  if (!gpu)
    return;
  for (guint m = CLIP_GPU_MEMORY_DEVICE; m <= CLIP_GPU_MEMORY_READBACK; m++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      for (guint repeat = 0; repeat < 2; repeat++)
        check_zero (gpu, m, sizes[i]);
}

static void
test_transfers (gconstpointer mapped)
{
  const gsize size = 20 * 1024 * 1024 + 7; /* more than two staging buffers */
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = open_with (GPOINTER_TO_INT (mapped));

  if (!gpu)
    return;
  g_autoptr (ClipGpuBuffer) b =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, size, "transfers", &error);
  g_assert_no_error (error);
  if (!GPOINTER_TO_INT (mapped))
    g_assert_null (b->map);
  g_autofree guint32 *in = g_malloc0 (size + 4);
  g_autofree guint8 *out = g_malloc0 (size);
  for (gsize i = 0; i <= size / 4; i++)
    in[i] = (guint32)i * 2654435761u;
  g_assert_true (clip_gpu_buffer_upload (b, 0, in, size, &error));
  g_assert_true (clip_gpu_buffer_download (b, 0, out, size, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (in, size, out, size);

  /* Odd offsets and sizes; the last byte; nothing at all. */
  const guint8 bytes[] = { 1, 2, 3, 4, 5 };
  g_assert_true (clip_gpu_buffer_upload (b, 3, bytes, sizeof bytes, &error));
  g_assert_true (clip_gpu_buffer_upload (b, size - 1, bytes, 1, &error));
  g_assert_true (clip_gpu_buffer_upload (b, size, bytes, 0, &error));
  g_assert_true (clip_gpu_buffer_download (b, 0, out, size, &error));
  g_assert_no_error (error);
  memcpy ((guint8 *)in + 3, bytes, sizeof bytes);
  ((guint8 *)in)[size - 1] = 1;
  g_assert_cmpmem (in, size, out, size);
}

static void
test_accounting (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = open_gpu ();

  if (!gpu)
    return;
  ClipGpuBuffer *a = clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, 1000, "a", &error);
  ClipGpuBuffer *b = clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_UPLOAD, 5000, "b", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (clip_gpu_memory_bytes (gpu), ==, a->allocated + b->allocated);
  clip_gpu_buffer_free (a);
  clip_gpu_buffer_free (b);
  clip_gpu_buffer_free (NULL);
  g_assert_cmpuint (clip_gpu_memory_bytes (gpu), ==, 0);
}

static void
test_too_large (void)
{
  g_autoptr (ClipGpu) gpu = open_gpu ();

  if (!gpu)
    return;
  guint64 heap = clip_gpu_info (gpu)->heap_bytes;
  const gsize sizes[] = {
    heap, heap + 1, heap - 1000, G_MAXSIZE, G_MAXSIZE - 65536, G_MAXSIZE / 2
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (
        clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, sizes[i], "huge thing", &error));
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
    g_assert_nonnull (strstr (error->message, "huge thing"));
    g_assert_nonnull (strstr (error->message, "iB"));
  }
  g_assert_cmpuint (clip_gpu_memory_bytes (gpu), ==, 0);
}

static VKAPI_ATTR void VKAPI_CALL
fake_budget (VkPhysicalDevice d, VkPhysicalDeviceMemoryProperties2 *properties)
{
  VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = properties->pNext;

  g_assert_cmpint (budget->sType, ==,
                   VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
  for (guint i = 0; i < VK_MAX_MEMORY_HEAPS; i++) {
    budget->heapBudget[i] = 5000;
    budget->heapUsage[i] = 2000;
  }
}

/* What others have taken counts too, where the driver tells. */
static void
test_left (void)
{
  g_autoptr (ClipGpu) gpu = open_gpu ();
  g_autoptr (GError) error = NULL;

  if (!gpu)
    return;
  const gboolean is_cpu = gpu->info.is_cpu;
  const gboolean has_budget = gpu->memory_budget;
  g_autoptr (ClipGpuBuffer) a =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, 12345, "a", &error);
  g_assert_no_error (error);

  gpu->memory_budget = FALSE;
  g_assert_cmpuint (clip_gpu_memory_left (gpu), ==,
                    gpu->info.heap_bytes - clip_gpu_memory_bytes (gpu));
  gpu->vk.GetPhysicalDeviceMemoryProperties2 = fake_budget;
  gpu->memory_budget = TRUE;
  gpu->info.is_cpu = FALSE;
  g_assert_cmpuint (clip_gpu_memory_left (gpu), ==, 3000);
  g_assert_null (
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, gpu->info.heap_bytes, "b", &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  g_assert_nonnull (strstr (error->message, "about 2.9"));
  gpu->info.is_cpu = TRUE;
  g_assert_cmpuint (clip_gpu_memory_left (gpu), ==,
                    gpu->info.heap_bytes - clip_gpu_memory_bytes (gpu));
  gpu->info.is_cpu = is_cpu;
  gpu->memory_budget = has_budget;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/gpu/buffer/zero/mapped", GINT_TO_POINTER (TRUE), test_zero);
  g_test_add_data_func ("/gpu/buffer/zero/staged", GINT_TO_POINTER (FALSE), test_zero);
  g_test_add_data_func ("/gpu/buffer/transfers/mapped", GINT_TO_POINTER (TRUE), test_transfers);
  g_test_add_data_func ("/gpu/buffer/transfers/staged", GINT_TO_POINTER (FALSE), test_transfers);
  g_test_add_func ("/gpu/buffer/accounting", test_accounting);
  g_test_add_func ("/gpu/buffer/too-large", test_too_large);
  g_test_add_func ("/gpu/buffer/left", test_left);
  return run_tests ();
}
