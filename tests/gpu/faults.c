/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every call that can fail is made to fail once, at each place where it happens: the error comes
 * back with the right code, nothing leaks, crashes or hangs. Also devices that lack something. */
#include "common.h"

static ClipVk real;
static gint countdown; /* the call that fails; 0 = none does */
static VkResult injected;
static const gchar *failed;

/* The driver's answer, or the injected one. */
#define FAULT(name, parameters, arguments)                                                         \
  static VKAPI_ATTR VkResult VKAPI_CALL fault_##name parameters                                    \
  {                                                                                                \
    if (countdown > 0 && --countdown == 0) {                                                       \
      failed = #name;                                                                              \
      return injected;                                                                             \
    }                                                                                              \
    return real.name arguments;                                                                    \
  }

FAULT (AllocateMemory,
       (VkDevice d, const VkMemoryAllocateInfo *i, const VkAllocationCallbacks *c,
        VkDeviceMemory *r),
       (d, i, c, r))
FAULT (MapMemory,
       (VkDevice d, VkDeviceMemory m, VkDeviceSize o, VkDeviceSize s, VkMemoryMapFlags f, void **r),
       (d, m, o, s, f, r))
FAULT (CreateBuffer,
       (VkDevice d, const VkBufferCreateInfo *i, const VkAllocationCallbacks *c, VkBuffer *r),
       (d, i, c, r))
FAULT (BindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize o), (d, b, m, o))
FAULT (CreateShaderModule,
       (VkDevice d, const VkShaderModuleCreateInfo *i, const VkAllocationCallbacks *c,
        VkShaderModule *r),
       (d, i, c, r))
FAULT (CreatePipelineLayout,
       (VkDevice d, const VkPipelineLayoutCreateInfo *i, const VkAllocationCallbacks *c,
        VkPipelineLayout *r),
       (d, i, c, r))
FAULT (CreateComputePipelines,
       (VkDevice d, VkPipelineCache p, uint32_t n, const VkComputePipelineCreateInfo *i,
        const VkAllocationCallbacks *c, VkPipeline *r),
       (d, p, n, i, c, r))
FAULT (CreateCommandPool,
       (VkDevice d, const VkCommandPoolCreateInfo *i, const VkAllocationCallbacks *c,
        VkCommandPool *r),
       (d, i, c, r))
FAULT (CreateQueryPool,
       (VkDevice d, const VkQueryPoolCreateInfo *i, const VkAllocationCallbacks *c, VkQueryPool *r),
       (d, i, c, r))
FAULT (ResetCommandPool, (VkDevice d, VkCommandPool p, VkCommandPoolResetFlags f), (d, p, f))
FAULT (AllocateCommandBuffers,
       (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *r), (d, i, r))
FAULT (BeginCommandBuffer, (VkCommandBuffer b, const VkCommandBufferBeginInfo *i), (b, i))
FAULT (EndCommandBuffer, (VkCommandBuffer b), (b))
FAULT (QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *s, VkFence f), (q, n, s, f))
FAULT (WaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t))

static void
insert_faults (ClipGpu *gpu)
{
  ClipVk *vk = &gpu->vk;

  real = *vk;
#define USE(name) vk->name = fault_##name
  USE (AllocateMemory);
  USE (MapMemory);
  USE (CreateBuffer);
  USE (BindBufferMemory);
  USE (CreateShaderModule);
  USE (CreatePipelineLayout);
  USE (CreateComputePipelines);
  USE (CreateCommandPool);
  USE (CreateQueryPool);
  USE (ResetCommandPool);
  USE (AllocateCommandBuffers);
  USE (BeginCommandBuffer);
  USE (EndCommandBuffer);
  USE (QueueSubmit);
  USE (WaitSemaphores);
#undef USE
}

/* A bit of everything. */
static gboolean
use_gpu (ClipGpu *gpu, GError **error)
{
  const guint32 input[4] = { 1, 2, 3, 4 }, scale = 2;
  guint32 output[4];
  g_autoptr (ClipGpuBuffer) a =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, sizeof input, "a", error);
  if (!a || !clip_gpu_buffer_upload (a, 0, input, sizeof input, error))
    return FALSE;
  g_autoptr (ClipGpuBuffer) b =
      clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_READBACK, sizeof output, "b", error);
  if (!b)
    return FALSE;
  ClipGpuPipeline *pipeline = clip_gpu_pipeline (gpu, &square_shader, &scale, 1, error);
  if (!pipeline)
    return FALSE;

  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (gpu, "faults");
  const SquareParams params = { a->address, b->address, 4, 0 };
  clip_gpu_recording_begin (rec);
  for (guint i = 0; i < 2; i++)
    clip_gpu_recording_dispatch (rec, pipeline, &params, sizeof params, 1, 1, 1, 30000000);
  ClipGpuRecording *recs[] = { rec };
  guint64 value = clip_gpu_recording_end (rec, error) ? clip_gpu_submit (gpu, recs, 1, error) : 0;
  if (!value || !clip_gpu_wait (gpu, value, G_MAXUINT64, error)
      || !clip_gpu_buffer_download (b, 0, output, sizeof output, error))
    return FALSE;
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (output[i], ==, 2 * input[i] * input[i]);
  return TRUE;
}

/* Lets call @n fail. Returns: whether there was such a call. */
static gboolean
fail_call (gint n, VkResult result, ClipGpuError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = open_gpu ();

  if (!gpu)
    return FALSE;
  insert_faults (gpu);
  countdown = n;
  injected = result;
  failed = NULL;
  gboolean ok = use_gpu (gpu, &error);
  gboolean reached = failed != NULL;
  if (reached) {
    g_test_message ("%s, call %d: %s", failed, n, error ? error->message : "no error");
    /* Waits in order to free or to record anew try again, and have nobody to tell. */
    if (!ok || !g_str_equal (failed, "WaitSemaphores")) {
      g_assert_false (ok);
      g_assert_error (error, CLIP_GPU_ERROR, (gint)code);
    }
    g_assert_cmpint (clip_gpu_is_lost (gpu), ==, result == VK_ERROR_DEVICE_LOST);
  } else {
    countdown = 0;
    g_assert_no_error (error);
  }

  /* It works again, unless the device is lost. */
  g_clear_error (&error);
  ok = use_gpu (gpu, &error);
  if (reached && result == VK_ERROR_DEVICE_LOST)
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  else
    g_assert_no_error (error);
  clip_gpu_memory_clear (gpu);
  g_assert_cmpuint (clip_gpu_memory_bytes (gpu), ==, 0);
  return reached;
}

static void
fail_each (VkResult result, ClipGpuError code, gint at_least)
{
  g_autofree gchar *before = g_strdup (g_getenv ("GST_CLIP_DISABLE"));
  g_autoptr (ClipGpu) gpu = open_gpu ();
  gint n = 1;

  if (!gpu)
    return;
  g_setenv ("GST_CLIP_DISABLE", "mapping", TRUE); /* so that transfers are staged */
  while (fail_call (n, result, code))
    n++;
  if (before)
    g_setenv ("GST_CLIP_DISABLE", before, TRUE);
  else
    g_unsetenv ("GST_CLIP_DISABLE");
  g_assert_cmpint (n, >, at_least);
}

static void
test_out_of_memory (void)
{
  fail_each (VK_ERROR_OUT_OF_DEVICE_MEMORY, CLIP_GPU_ERROR_OUT_OF_MEMORY, 30);
}

static void
test_lost (void)
{
  fail_each (VK_ERROR_DEVICE_LOST, CLIP_GPU_ERROR_DEVICE_LOST, 30);
}

static void
test_unknown (void)
{
  fail_each ((VkResult)-1234, CLIP_GPU_ERROR_FAILED, 30);
}

/* Devices ---------------------------------------------------------------- */

static gboolean no_address, no_timeline, no_queue, old_version;

static VKAPI_ATTR void VKAPI_CALL
poor_features (VkPhysicalDevice d, VkPhysicalDeviceFeatures2 *features)
{
  real.GetPhysicalDeviceFeatures2 (d, features);
  for (VkBaseOutStructure *s = features->pNext; s; s = s->pNext) {
    VkPhysicalDeviceVulkan12Features *f12 = (gpointer)s;
    if (s->sType != VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES)
      continue;
    f12->bufferDeviceAddress &= !no_address;
    f12->timelineSemaphore &= !no_timeline;
  }
}

static VKAPI_ATTR void VKAPI_CALL
poor_properties (VkPhysicalDevice d, VkPhysicalDeviceProperties *properties)
{
  real.GetPhysicalDeviceProperties (d, properties);
  if (old_version)
    properties->apiVersion = VK_API_VERSION_1_1;
}

static VKAPI_ATTR void VKAPI_CALL
poor_families (VkPhysicalDevice d, uint32_t *n, VkQueueFamilyProperties *families)
{
  real.GetPhysicalDeviceQueueFamilyProperties (d, n, families);
  for (uint32_t i = 0; families && no_queue && i < *n; i++)
    families[i].queueFlags = VK_QUEUE_GRAPHICS_BIT;
}

static VKAPI_ATTR VkResult VKAPI_CALL
no_devices (VkInstance instance, uint32_t *n, VkPhysicalDevice *devices)
{
  *n = 0;
  return VK_SUCCESS;
}

/* The same device many times over. */
static VKAPI_ATTR VkResult VKAPI_CALL
many_devices (VkInstance instance, uint32_t *n, VkPhysicalDevice *devices)
{
  uint32_t one = 1;

  real.EnumeratePhysicalDevices (instance, &one, devices);
  for (uint32_t i = 1; i < *n; i++)
    devices[i] = devices[0];
  return VK_INCOMPLETE;
}

static void
expect_refused (ClipGpu *gpu, const gchar *text)
{
  g_autoptr (GError) error = NULL;
  ClipGpuCandidate chosen = { 0 };

  g_assert_false (clip_gpu_choose (gpu, NULL, &chosen, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
  g_assert_nonnull (strstr (error->message, text));
  g_assert_nonnull (strstr (error->message, "mesa-vulkan-drivers"));
  g_clear_error (&error);
  g_assert_false (clip_gpu_choose (gpu, "0", &chosen, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_NO_DEVICE);
}

static void
test_poor_devices (void)
{
  g_autoptr (ClipGpu) gpu = open_gpu ();
  ClipGpuCandidate chosen = { 0 };

  if (!gpu)
    return;
  real = gpu->vk;
  gpu->vk.GetPhysicalDeviceFeatures2 = poor_features;
  gpu->vk.GetPhysicalDeviceProperties = poor_properties;
  gpu->vk.GetPhysicalDeviceQueueFamilyProperties = poor_families;
  g_assert_true (clip_gpu_choose (gpu, NULL, &chosen, NULL));
  clip_gpu_candidate_clear (&chosen);
  no_address = TRUE;
  expect_refused (gpu, " lacks bufferDeviceAddress");
  no_timeline = no_queue = TRUE;
  expect_refused (gpu, " lacks bufferDeviceAddress, timelineSemaphore, a compute queue");
  old_version = TRUE;
  expect_refused (gpu, " lacks Vulkan 1.2");
  gpu->vk = real;
  gpu->vk.EnumeratePhysicalDevices = no_devices;
  expect_refused (gpu, "there is no Vulkan device");
  gpu->vk.EnumeratePhysicalDevices = many_devices;
  g_assert_true (clip_gpu_choose (gpu, "31", &chosen, NULL));
  clip_gpu_candidate_clear (&chosen);
  gpu->vk = real;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/faults/out-of-memory", test_out_of_memory);
  g_test_add_func ("/gpu/faults/lost", test_lost);
  g_test_add_func ("/gpu/faults/unknown", test_unknown);
  g_test_add_func ("/gpu/faults/poor-devices", test_poor_devices);
  return run_tests ();
}
