/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waits that go wrong: devices that hang and do not say so, slow ones, answers that are errors. */
#include "common.h"

#define PATIENCE_US 200000

static gchar *warning; /* the last one */
static ClipVk real;
static guint64 fake_value;   /* of the timeline */
static guint64 progress;     /* that each look at it sees */
static guint slice_us;       /* how long a wait takes */
static guint waits, in_vain; /* the first ones of them */
static VkResult vain;        /* what those answer */
static guint freed;

static GLogWriterOutput
keep_warning (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n, data);
  for (gsize i = 0; i < n; i++)
    if (g_str_equal (fields[i].key, "MESSAGE")) {
      g_free (warning);
      warning = g_strdup (fields[i].value);
    }
  return G_LOG_WRITER_HANDLED;
}

static void
expect_warning (const gchar *text)
{
  g_assert_nonnull (warning);
  g_assert_nonnull (strstr (warning, text));
  g_clear_pointer (&warning, g_free);
}

static VKAPI_ATTR VkResult VKAPI_CALL
fake_wait (VkDevice d, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
  if (waits++ >= in_vain)
    return real.WaitSemaphores (d, info, timeout);
  g_usleep (slice_us);
  return vain;
}

static VKAPI_ATTR VkResult VKAPI_CALL
fake_counter (VkDevice d, VkSemaphore s, uint64_t *value)
{
  *value = fake_value += progress;
  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
count_pool (VkDevice d, VkCommandPool p, const VkAllocationCallbacks *c)
{
  freed++;
}

static VKAPI_ATTR void VKAPI_CALL
count_memory (VkDevice d, VkDeviceMemory m, const VkAllocationCallbacks *c)
{
  freed++;
}

static VKAPI_ATTR VkResult VKAPI_CALL
count_idle (VkDevice d)
{
  freed++;
  return VK_SUCCESS;
}

/* A device of which the first @n waits answer @result after @us. */
static ClipGpu *
open_odd (guint n, VkResult result, guint us)
{
  ClipGpu *gpu = open_gpu ();

  if (!gpu)
    return NULL;
  real = gpu->vk;
  gpu->vk.WaitSemaphores = fake_wait;
  gpu->vk.GetSemaphoreCounterValue = fake_counter;
  gpu->patience_us = PATIENCE_US;
  fake_value = progress = 0;
  slice_us = us;
  waits = 0;
  in_vain = n;
  vain = result;
  return gpu;
}

static ClipGpuRecording *
submit_fill (ClipGpu *gpu, ClipGpuBuffer *buffer, guint64 *value)
{
  ClipGpuRecording *rec = clip_gpu_recording_new (gpu, "fill");
  g_autoptr (GError) error = NULL;

  clip_gpu_recording_begin (rec);
  clip_gpu_recording_fill (rec, buffer, 0, buffer->size, 7);
  g_assert_true (clip_gpu_recording_end (rec, &error));
  *value = clip_gpu_submit (gpu, &rec, 1, &error);
  g_assert_no_error (error);
  return rec;
}

static ClipGpuBuffer *
new_buffer (ClipGpu *gpu)
{
  g_autoptr (GError) error = NULL;
  const VkResult before = vain;
  const guint n = in_vain;
  ClipGpuBuffer *buffer;

  in_vain = 0;
  buffer = clip_gpu_buffer_new (gpu, CLIP_GPU_MEMORY_DEVICE, 256, "odd", &error);
  g_assert_no_error (error);
  vain = before;
  in_vain = n;
  waits = 0;
  return buffer;
}

/* As if the device had come back, for the end of a test. */
static void
heal (ClipGpu *gpu)
{
  gpu->vk = real;
  g_atomic_int_set (&gpu->hangs, FALSE);
}

/* Nobody waits for ever, everything fails from then on, and nothing is freed that may be in use. */
static void
test_hang (void)
{
  g_autoptr (ClipGpu) gpu = open_odd (G_MAXUINT, VK_TIMEOUT, 10000);
  g_autoptr (GError) error = NULL;
  guint64 value = 0;

  if (!gpu)
    return;
  g_autoptr (ClipGpuBuffer) kept = new_buffer (gpu);
  ClipGpuBuffer *buffer = g_memdup2 (kept, sizeof *kept);
  g_autoptr (ClipGpuRecording) rec = submit_fill (gpu, kept, &value);
  const gint64 start = g_get_monotonic_time ();

  g_assert_false (clip_gpu_wait (gpu, value, G_MAXUINT64, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  g_assert_nonnull (strstr (error->message, "hangs"));
  g_assert_nonnull (strstr (error->message, clip_gpu_info (gpu)->name));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, PATIENCE_US);
  g_assert_true (clip_gpu_is_lost (gpu));
  g_clear_error (&error);
  g_assert_cmpuint (clip_gpu_submit (gpu, &rec, 1, &error), ==, 0);
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);
  g_assert_nonnull (strstr (error->message, "hangs"));

  gpu->vk.FreeMemory = count_memory;
  gpu->vk.DestroyCommandPool = count_pool;
  gpu->vk.DeviceWaitIdle = count_idle;
  freed = waits = 0;
  clip_gpu_drain (gpu, value);
  clip_gpu_buffer_free (buffer);
  g_assert_cmpuint (freed + waits, ==, 0);
  heal (gpu);
}

/* Freeing is not for ever either; and it says what it leaves behind. */
static void
test_hang_while_freeing (void)
{
  g_autoptr (ClipGpu) gpu = open_odd (G_MAXUINT, VK_TIMEOUT, 10000);
  guint64 value = 0;

  if (!gpu)
    return;
  g_autoptr (ClipGpuBuffer) buffer = new_buffer (gpu);
  g_autoptr (ClipGpuRecording) rec = submit_fill (gpu, buffer, &value);

  clip_gpu_drain (gpu, value);
  expect_warning ("does not finish its work");
  g_assert_true (clip_gpu_is_lost (gpu));
  heal (gpu);
}

/* A slow device is none that hangs, as long as anything finishes. */
static void
test_slow (void)
{
  g_autoptr (ClipGpu) gpu = open_odd (60, VK_TIMEOUT, 10000); /* three times as long */
  g_autoptr (GError) error = NULL;
  guint64 value = 0;

  if (!gpu)
    return;
  g_autoptr (ClipGpuBuffer) buffer = new_buffer (gpu);
  g_autoptr (ClipGpuRecording) rec = submit_fill (gpu, buffer, &value);

  progress = 1;
  clip_gpu_wait (gpu, value, G_MAXUINT64, &error);
  g_assert_no_error (error);
  waits = 0;
  clip_gpu_drain (gpu, value);
  g_assert_cmpuint (waits, >, 60);
  g_assert_false (clip_gpu_is_lost (gpu));
}

/* Nor is the device to blame while the process was stopped. */
static void
test_stopped (void)
{
  g_autoptr (ClipGpu) gpu = open_odd (1, VK_TIMEOUT, 3 * PATIENCE_US);
  g_autoptr (GError) error = NULL;
  guint64 value = 0;

  if (!gpu)
    return;
  g_autoptr (ClipGpuBuffer) buffer = new_buffer (gpu);
  g_autoptr (ClipGpuRecording) rec = submit_fill (gpu, buffer, &value);

  clip_gpu_wait (gpu, value, G_MAXUINT64, &error);
  g_assert_no_error (error);
}

/* After an error nothing runs any more: whoever is told may free what was in use. */
static void
test_error (void)
{
  g_autoptr (ClipGpu) gpu = open_odd (3, VK_ERROR_OUT_OF_HOST_MEMORY, 1000);
  g_autoptr (GError) error = NULL;
  guint64 value = 0;

  if (!gpu)
    return;
  g_autoptr (ClipGpuBuffer) buffer = new_buffer (gpu);
  g_autoptr (ClipGpuRecording) rec = submit_fill (gpu, buffer, &value);

  g_assert_false (clip_gpu_wait (gpu, value, G_MAXUINT64, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_OUT_OF_MEMORY);
  g_assert_cmpuint (waits, >, 3); /* the last one said that it has finished */
  g_assert_true (clip_gpu_has_reached (gpu, value));
  g_assert_false (clip_gpu_is_lost (gpu));
}

/* An error that never ends is a hang. */
static void
test_error_for_ever (void)
{
  g_autoptr (ClipGpu) gpu = open_odd (G_MAXUINT, VK_ERROR_OUT_OF_HOST_MEMORY, 1000);
  g_autoptr (GError) error = NULL;
  guint64 value = 0;

  if (!gpu)
    return;
  g_autoptr (ClipGpuBuffer) buffer = new_buffer (gpu);
  g_autoptr (ClipGpuRecording) rec = submit_fill (gpu, buffer, &value);

  g_assert_false (clip_gpu_wait (gpu, value, G_MAXUINT64, &error));
  expect_warning ("does not finish its work");
  g_assert_nonnull (error);
  g_assert_true (clip_gpu_is_lost (gpu));
  heal (gpu);
}

static void
test_environment (void)
{
  static const struct {
    const gchar *text;
    gint64 seconds; /* 0: the default */
  } cases[] = { { "7", 7 }, { "", 0 }, { "soon", 0 }, { "0", 0 }, { "-1", 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const gint64 seconds = cases[i].seconds;

    g_setenv ("GST_CLIP_PATIENCE", cases[i].text, TRUE);
    g_autoptr (ClipGpu) gpu = open_gpu ();
    g_unsetenv ("GST_CLIP_PATIENCE");
    if (!gpu)
      return;
    if (*cases[i].text && seconds == 0)
      expect_warning ("GST_CLIP_PATIENCE");
    g_assert_null (warning);
    g_assert_cmpint (gpu->patience_us, ==,
                     seconds                       ? seconds * G_USEC_PER_SEC
                     : clip_gpu_info (gpu)->is_cpu ? CLIP_GPU_PATIENCE_CPU_US
                                                   : CLIP_GPU_PATIENCE_US);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (keep_warning, NULL, NULL);
  g_test_add_func ("/gpu/hang/wait", test_hang);
  g_test_add_func ("/gpu/hang/freeing", test_hang_while_freeing);
  g_test_add_func ("/gpu/hang/slow", test_slow);
  g_test_add_func ("/gpu/hang/stopped", test_stopped);
  g_test_add_func ("/gpu/hang/error", test_error);
  g_test_add_func ("/gpu/hang/error-for-ever", test_error_for_ever);
  g_test_add_func ("/gpu/hang/environment", test_environment);
  return run_tests ();
}
