/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recordings and pipelines: results, order, cutting, marks, errors, waits, a lost device. */
#include "common.h"

#define N 1000

typedef struct {
  ClipGpu *gpu;
  ClipGpuBuffer *a, *b;
  ClipGpuRecording *rec;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint32 start[N];

  if (!(f->gpu = open_gpu ()))
    return;
  f->a = clip_gpu_buffer_new (f->gpu, CLIP_GPU_MEMORY_DEVICE, sizeof start, "a", &error);
  g_assert_no_error (error);
  f->b = clip_gpu_buffer_new (f->gpu, CLIP_GPU_MEMORY_DEVICE, sizeof start, "b", &error);
  g_assert_no_error (error);
  for (guint32 i = 0; i < N; i++)
    start[i] = i;
  g_assert_true (clip_gpu_buffer_upload (f->a, 0, start, sizeof start, &error));
  f->rec = clip_gpu_recording_new (f->gpu, "test");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  clip_gpu_recording_free (f->rec);
  clip_gpu_buffer_free (f->a);
  clip_gpu_buffer_free (f->b);
  clip_gpu_free (f->gpu);
}

static ClipGpuPipeline *
square_pipeline (ClipGpu *gpu, guint32 scale)
{
  g_autoptr (GError) error = NULL;
  ClipGpuPipeline *pipeline = clip_gpu_pipeline (gpu, &square_shader, &scale, 1, &error);

  g_assert_no_error (error);
  return pipeline;
}

static void
record_square (Fixture *f, guint32 scale, ClipGpuBuffer *from, ClipGpuBuffer *to, guint64 cost_ns)
{
  const SquareParams params = { from->address, to->address, N, 1 };

  clip_gpu_recording_dispatch (f->rec, square_pipeline (f->gpu, scale), &params, sizeof params,
                               (N + 63) / 64, 1, 1, cost_ns);
}

static guint64
end_and_submit (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (clip_gpu_recording_end (f->rec, &error));
  g_assert_no_error (error);
  guint64 value = clip_gpu_submit (f->gpu, &f->rec, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (value, >, 0);
  return value;
}

static void
run (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (clip_gpu_wait (f->gpu, end_and_submit (f), G_MAXUINT64, &error));
  g_assert_no_error (error);
}

static void
check_b (Fixture *f, guint32 (*expected) (guint32 i))
{
  g_autoptr (GError) error = NULL;
  guint32 out[N];

  g_assert_true (clip_gpu_buffer_download (f->b, 0, out, sizeof out, &error));
  for (guint32 i = 0; i < N; i++)
    g_assert_cmpuint (out[i], ==, expected (i));
}

static guint32
square3 (guint32 i)
{
  return 3 * (i + 1) * (i + 1);
}

static guint32
square_chain (guint32 i)
{
  for (guint k = 0; k < 9; k++)
    i = square3 (i);
  return i;
}

static guint32
filled (guint32 i)
{
  return i == 1 || i == 2 ? 0xdeadbeef : i;
}

static void
test_dispatch (Fixture *f, gconstpointer data)
{
  if (!f->gpu)
    return;
  clip_gpu_recording_begin (f->rec);
  record_square (f, 3, f->a, f->b, 0);
  run (f);
  check_b (f, square3);
}

/* A chain of dispatches, each of which reads what the last one wrote; every one costs enough
 * for a command buffer of its own when @data says so. */
static void
test_order (Fixture *f, gconstpointer data)
{
  guint64 cost_ns = GPOINTER_TO_UINT (data) * G_GUINT64_CONSTANT (1000000);

  if (!f->gpu)
    return;
  clip_gpu_recording_begin (f->rec);
  for (guint k = 0; k < 9; k++) {
    record_square (f, 3, k % 2 ? f->b : f->a, k % 2 ? f->a : f->b, cost_ns);
    clip_gpu_recording_barrier (f->rec);
  }
  g_assert_cmpuint (f->rec->n_used, ==, cost_ns == 0 ? 1 : cost_ns > 20000000 ? 9 : 5);
  run (f);
  check_b (f, square_chain);
}

static PFN_vkQueueSubmit real_submit;
static guint n_groups, group_sizes[8];

static VKAPI_ATTR VkResult VKAPI_CALL
count_groups (VkQueue queue, uint32_t n, const VkSubmitInfo *infos, VkFence fence)
{
  n_groups = n;
  g_assert_cmpuint (n, <=, G_N_ELEMENTS (group_sizes));
  for (guint i = 0; i < n; i++) {
    group_sizes[i] = infos[i].commandBufferCount;
    g_assert_cmpuint (infos[i].signalSemaphoreCount, ==, 1);
  }
  return real_submit (queue, n, infos, fence);
}

/* What costs little goes to the queue together, with one signal; what costs much does not. */
static void
test_groups (Fixture *f, gconstpointer data)
{
  static const struct {
    guint64 ms[6]; /* of dispatches; 0 ends them */
    guint groups[6];
  } cases[] = {
    { { 5, 5, 11, 3, 30, 1 }, { 2, 2, 1, 1 } },
    { { 20, 1 }, { 1, 1 } },
    { { 1, 1, 1, 1, 1, 1 }, { 6 } },
  };

  if (!f->gpu)
    return;
  real_submit = f->gpu->vk.QueueSubmit;
  f->gpu->vk.QueueSubmit = count_groups;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    ClipGpuRecording *recs[6], *kept = f->rec;
    guint n = 0, groups = 0;
    guint64 value;

    for (; n < G_N_ELEMENTS (recs) && cases[i].ms[n]; n++) {
      f->rec = recs[n] = clip_gpu_recording_new (f->gpu, "part");
      clip_gpu_recording_begin (f->rec);
      record_square (f, 3, n % 2 ? f->b : f->a, n % 2 ? f->a : f->b, cases[i].ms[n] * 1000000);
      g_assert_true (clip_gpu_recording_end (f->rec, &error));
    }
    f->rec = kept;
    value = clip_gpu_submit (f->gpu, recs, n, &error);
    g_assert_no_error (error);
    g_assert_true (clip_gpu_wait (f->gpu, value, G_MAXUINT64, &error));
    for (; groups < G_N_ELEMENTS (cases[i].groups) && cases[i].groups[groups]; groups++)
      g_assert_cmpuint (group_sizes[groups], ==, cases[i].groups[groups]);
    g_assert_cmpuint (n_groups, ==, groups);
    while (n > 0)
      clip_gpu_recording_free (recs[--n]);
  }
}

static void
test_copy_fill (Fixture *f, gconstpointer data)
{
  if (!f->gpu)
    return;
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_copy (f->rec, f->a, 0, f->b, 0, N * 4);
  clip_gpu_recording_barrier (f->rec);
  clip_gpu_recording_fill (f->rec, f->b, 4, 8, 0xdeadbeef);
  run (f);
  check_b (f, filled);
}

static guint n_copies, n_barriers;
static PFN_vkCmdCopyBuffer real_copy;
static PFN_vkCmdPipelineBarrier real_barrier;

static VKAPI_ATTR void VKAPI_CALL
count_copies (VkCommandBuffer c, VkBuffer from, VkBuffer to, uint32_t n,
              const VkBufferCopy *regions)
{
  n_copies++;
  real_copy (c, from, to, n, regions);
}

static VKAPI_ATTR void VKAPI_CALL
count_barriers (VkCommandBuffer c, VkPipelineStageFlags from, VkPipelineStageFlags to,
                VkDependencyFlags f, uint32_t n, const VkMemoryBarrier *b, uint32_t n_b,
                const VkBufferMemoryBarrier *bb, uint32_t n_i, const VkImageMemoryBarrier *ib)
{
  n_barriers++;
  real_barrier (c, from, to, f, n, b, n_b, bb, n_i, ib);
}

static guint32
swapped (guint32 i)
{
  return i < N / 2 ? i + N / 2 : i - N / 2;
}

/* Several pieces are one command, and one barrier is enough for what goes to different places. */
static void
test_apart (Fixture *f, gconstpointer data)
{
  const ClipGpuRegion halves[] = { { 0, N / 2 * 4, N / 2 * 4 }, { N / 2 * 4, 0, N / 2 * 4 } };
  const ClipGpuRegion outside[] = { { 0, 0, 4 }, { 4, N * 4, 4 } };

  if (!f->gpu)
    return;
  real_copy = f->gpu->vk.CmdCopyBuffer;
  real_barrier = f->gpu->vk.CmdPipelineBarrier;
  f->gpu->vk.CmdCopyBuffer = count_copies;
  f->gpu->vk.CmdPipelineBarrier = count_barriers;
  n_copies = 0;
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_copy_regions (f->rec, f->a, f->b, halves, G_N_ELEMENTS (halves));
  g_assert_cmpuint (n_copies, ==, 1);
  run (f);
  check_b (f, swapped);

  clip_gpu_recording_begin (f->rec);
  n_barriers = 0;
  clip_gpu_recording_apart (f->rec, TRUE);
  for (guint i = 0; i < 2; i++) {
    clip_gpu_recording_copy_regions (f->rec, f->a, f->b, &halves[i], 1);
    clip_gpu_recording_barrier (f->rec);
  }
  g_assert_cmpuint (n_barriers, ==, 0);
  clip_gpu_recording_apart (f->rec, FALSE);
  g_assert_cmpuint (n_barriers, ==, 1);
  run (f);
  check_b (f, swapped);

  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_copy_regions (f->rec, f->a, f->b, outside, G_N_ELEMENTS (outside));
  g_assert_false (clip_gpu_recording_end (f->rec, NULL));
}

/* Submitted many times over without waiting, then recorded anew. */
static void
test_resubmit (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint64 last = 0;

  if (!f->gpu)
    return;
  for (guint round = 0; round < 3; round++) {
    clip_gpu_recording_begin (f->rec);
    clip_gpu_recording_mark (f->rec, "square");
    record_square (f, 3, f->a, f->b, 0);
    last = end_and_submit (f);
    for (guint k = 0; k < 20; k++) {
      guint64 value = clip_gpu_submit (f->gpu, &f->rec, 1, &error);
      g_assert_cmpuint (value, >, last);
      last = value;
    }
  }
  g_assert_true (clip_gpu_wait (f->gpu, last, G_MAXUINT64, &error));
  check_b (f, square3);
}

static void
test_marks (Fixture *f, gconstpointer data)
{
  const gchar *stages[8] = { NULL };
  guint64 ns[8];
  guint n;

  if (!f->gpu)
    return;
  g_assert_cmpuint (clip_gpu_recording_get_times (f->rec, stages, ns, 8), ==, 0);
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_mark (f->rec, "first");
  record_square (f, 1, f->a, f->b, 30000000);
  clip_gpu_recording_mark (f->rec, "second");
  record_square (f, 1, f->a, f->b, 30000000);
  run (f);
  n = clip_gpu_recording_get_times (f->rec, stages, ns, 8);
  if (clip_gpu_info (f->gpu)->timestamp_period_ns > 0) {
    g_assert_cmpuint (n, ==, 2);
    g_assert_cmpstr (stages[0], ==, "first");
    g_assert_cmpstr (stages[1], ==, "second");
  } else {
    g_assert_cmpuint (n, ==, 1);
    g_assert_cmpstr (stages[0], ==, "total");
  }
  for (guint i = 0; i < n; i++) {
    g_test_message ("%s: %" G_GUINT64_FORMAT " ns", stages[i], ns[i]);
    g_assert_cmpuint (ns[i], >, 0);
    g_assert_cmpuint (ns[i], <, G_GUINT64_CONSTANT (10000000000));
  }
  clip_gpu_recording_begin (f->rec);
  for (guint i = 0; i < 65; i++)
    clip_gpu_recording_mark (f->rec, "many");
  g_assert_false (clip_gpu_recording_end (f->rec, NULL));
}

static void
test_no_timestamps (Fixture *f, gconstpointer data)
{
  g_autofree gchar *before = g_strdup (g_getenv ("GST_CLIP_DISABLE"));

  if (!f->gpu)
    return;
  tear_down (f, NULL);
  g_setenv ("GST_CLIP_DISABLE", "timestamps", TRUE);
  set_up (f, NULL);
  if (before)
    g_setenv ("GST_CLIP_DISABLE", before, TRUE);
  else
    g_unsetenv ("GST_CLIP_DISABLE");
  g_assert_true (clip_gpu_info (f->gpu)->timestamp_period_ns == 0);
  test_marks (f, NULL);
}

static guint64 fake_ticks[3];

static VKAPI_ATTR VkResult VKAPI_CALL
fake_queries (VkDevice device, VkQueryPool pool, uint32_t first, uint32_t n, size_t size,
              void *data, VkDeviceSize stride, VkQueryResultFlags flags)
{
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (fake_ticks));
  memcpy (data, fake_ticks, sizeof fake_ticks);
  return VK_SUCCESS;
}

/* A counter of 36 bits, as Intel has, starts again between two marks. */
static void
test_few_bits (Fixture *f, gconstpointer data)
{
  const gchar *stages[8] = { NULL };
  guint64 ns[8];

  if (!f->gpu || clip_gpu_info (f->gpu)->timestamp_period_ns == 0)
    return;
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_mark (f->rec, "first");
  record_square (f, 1, f->a, f->b, 0);
  clip_gpu_recording_mark (f->rec, "second");
  record_square (f, 1, f->a, f->b, 0);
  run (f);
  f->gpu->vk.GetQueryPoolResults = fake_queries;
  f->gpu->timestamp_mask = (G_GUINT64_CONSTANT (1) << 36) - 1;
  f->gpu->info.timestamp_period_ns = 52.0;
  fake_ticks[0] = (G_GUINT64_CONSTANT (1) << 36) - 1000;
  fake_ticks[1] = 500;
  fake_ticks[2] = 700;
  g_assert_cmpuint (clip_gpu_recording_get_times (f->rec, stages, ns, 8), ==, 2);
  g_assert_cmpuint (ns[0], ==, 1500 * 52);
  g_assert_cmpuint (ns[1], ==, 200 * 52);
  /* what no driver should say has no sense, but no undefined behaviour either */
  f->gpu->timestamp_mask = G_MAXUINT64;
  g_assert_cmpuint (clip_gpu_ticks_ns (f->gpu, 10, 9), ==, G_MAXUINT64);
}

static void
expect_sticky (Fixture *f, const gchar *text)
{
  g_autoptr (GError) error = NULL, again = NULL;

  /* What comes later changes nothing. */
  clip_gpu_recording_fill (f->rec, f->b, 1, 1, 0);
  g_assert_false (clip_gpu_recording_end (f->rec, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, text));
  g_assert_cmpuint (clip_gpu_submit (f->gpu, &f->rec, 1, &again), ==, 0);
  g_assert_error (again, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED);
}

static void
test_sticky (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint8 push[64] = { 0 };

  if (!f->gpu)
    return;
  g_assert_cmpuint (clip_gpu_submit (f->gpu, &f->rec, 1, &error), ==, 0);
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED);

  ClipGpuPipeline *pipeline = square_pipeline (f->gpu, 1);
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_dispatch (f->rec, pipeline, push, 64, 1, 1, 1, 0);
  expect_sticky (f, "push constants");
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_dispatch (f->rec, pipeline, push, sizeof (SquareParams), 65536, 1, 1, 0);
  expect_sticky (f, "65536");
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_dispatch (f->rec, NULL, NULL, 0, 1, 1, 1, 0);
  expect_sticky (f, "without a pipeline");
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_copy (f->rec, f->a, 4, f->b, 0, N * 4);
  expect_sticky (f, "not inside");
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_fill (f->rec, f->a, 2, 4, 0);
  expect_sticky (f, "multiple of 4");
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_fail (f->rec, g_error_new (CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED, "mine"));
  clip_gpu_recording_fail (f->rec, g_error_new (CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED, "later"));
  expect_sticky (f, "mine");

  /* begin() heals it. */
  clip_gpu_recording_begin (f->rec);
  record_square (f, 3, f->a, f->b, 0);
  run (f);
  check_b (f, square3);
}

static void
test_bad_subgroup (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ClipGpuShader shader = square_shader;
  const guint32 one = 1;

  if (!f->gpu)
    return;
  shader.name = "square_4096";
  shader.subgroup_size = 4096;
  g_assert_null (clip_gpu_pipeline (f->gpu, &shader, &one, 1, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "square_4096"));
  g_clear_error (&error);
  shader.name = "square_native";
  shader.subgroup_size = clip_gpu_info (f->gpu)->subgroup_size;
  g_assert_nonnull (clip_gpu_pipeline (f->gpu, &shader, &one, 1, &error));
  g_assert_no_error (error);
}

static gpointer
make_pipelines (gpointer data)
{
  Fixture *f = data;
  GPtrArray *made = g_ptr_array_new ();

  for (guint32 i = 0; i < 6; i++)
    g_ptr_array_add (made, square_pipeline (f->gpu, 100 + i));
  return made;
}

static void
test_pipelines_once (Fixture *f, gconstpointer data)
{
  GThread *threads[4];
  GPtrArray *made[4];

  if (!f->gpu)
    return;
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("pipelines", make_pipelines, f);
  for (guint i = 0; i < 4; i++)
    made[i] = g_thread_join (threads[i]);
  for (guint i = 0; i < 4; i++) {
    for (guint k = 0; k < 6; k++)
      g_assert_true (made[i]->pdata[k] == made[0]->pdata[k]);
  }
  for (guint i = 0; i < 4; i++)
    g_ptr_array_unref (made[i]);
  g_assert_cmpuint (clip_gpu_pipeline_count (f->gpu), ==, 6);
}

/* Each thread has its own recordings and buffers; all share the queue. */
static gpointer
work (gpointer data)
{
  Fixture *shared = data;
  Fixture f = { shared->gpu, shared->a };
  g_autoptr (GError) error = NULL;

  f.b = clip_gpu_buffer_new (f.gpu, CLIP_GPU_MEMORY_DEVICE, N * 4, "thread", &error);
  g_assert_no_error (error);
  f.rec = clip_gpu_recording_new (f.gpu, "thread");
  for (guint i = 0; i < 50; i++) {
    clip_gpu_recording_begin (f.rec);
    clip_gpu_recording_fill (f.rec, f.b, 0, N * 4, 0);
    clip_gpu_recording_barrier (f.rec);
    record_square (&f, 3, f.a, f.b, i % 3 * 15000000);
    run (&f);
    check_b (&f, square3);
  }
  clip_gpu_recording_free (f.rec);
  clip_gpu_buffer_free (f.b);
  return NULL;
}

static void
test_threads (Fixture *f, gconstpointer data)
{
  GThread *threads[2];

  if (!f->gpu)
    return;
  for (guint i = 0; i < 2; i++)
    threads[i] = g_thread_new ("work", work, f);
  for (guint i = 0; i < 2; i++)
    g_thread_join (threads[i]);
}

static gpointer
wait_unreachable (gpointer data)
{
  Fixture *f = data;
  GError *error = NULL;

  g_assert_false (clip_gpu_wait (f->gpu, 1000000, G_MAXUINT64, &error));
  return error;
}

static void
test_timeout (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!f->gpu)
    return;
  g_assert_false (clip_gpu_wait (f->gpu, 1000000, 120000000, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_TIMEOUT);
  g_clear_error (&error);
  g_assert_false (clip_gpu_wait (f->gpu, 1000000, 0, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_TIMEOUT);
}

/* A waiter in another thread wakes up, every later call fails at once, freeing does not hang. */
static void
test_lost (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint32 word = 0, one = 1;

  if (!f->gpu)
    return;
  clip_gpu_recording_begin (f->rec);
  record_square (f, 3, f->a, f->b, 0);
  guint64 value = end_and_submit (f);
  GThread *waiter = g_thread_new ("waiter", wait_unreachable, f);
  g_usleep (100000);
  clip_gpu_simulate_loss (f->gpu);
  g_assert_true (clip_gpu_is_lost (f->gpu));
  error = g_thread_join (waiter);
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST);

#define EXPECT_LOST(call)                                                                          \
  g_clear_error (&error);                                                                          \
  g_assert_false (call);                                                                           \
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_DEVICE_LOST)

  EXPECT_LOST (clip_gpu_wait (f->gpu, value, G_MAXUINT64, &error));
  EXPECT_LOST (clip_gpu_submit (f->gpu, &f->rec, 1, &error));
  EXPECT_LOST (clip_gpu_buffer_upload (f->a, 0, &word, 4, &error));
  EXPECT_LOST (clip_gpu_buffer_download (f->a, 0, &word, 4, &error));
  EXPECT_LOST (clip_gpu_buffer_new (f->gpu, CLIP_GPU_MEMORY_DEVICE, 4, "x", &error));
  EXPECT_LOST (clip_gpu_pipeline (f->gpu, &square_shader, &one, 1, &error));
  clip_gpu_recording_begin (f->rec);
  clip_gpu_recording_fill (f->rec, f->a, 0, 4, 0);
  EXPECT_LOST (clip_gpu_recording_end (f->rec, &error));
}

#define ADD(name, data, func)                                                                      \
  g_test_add ("/gpu/recording/" name, Fixture, GUINT_TO_POINTER (data), set_up, func, tear_down)

static void
test_steps (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gint cancel = 0;
  guint32 got[N];

  if (!f->gpu)
    return;
  clip_gpu_recording_set_steps (f->rec, &cancel);
  clip_gpu_recording_begin (f->rec);
  record_square (f, 3, f->a, f->b, 0);
  clip_gpu_recording_barrier (f->rec);
  record_square (f, 3, f->b, f->a, 0);
  g_assert_cmpuint (f->rec->n_used, ==, 2);
  g_assert_true (clip_gpu_recording_end (f->rec, &error));
  g_assert_true (clip_gpu_run_steps (f->rec, &error));
  g_assert_no_error (error);
  check_b (f, square3);
  g_assert_true (clip_gpu_buffer_download (f->a, 0, got, sizeof got, &error));
  for (guint32 i = 0; i < N; i++)
    g_assert_cmpuint (got[i], ==, square3 (square3 (i)));

  /* Cancelled before running: nothing more is submitted; while recording: nothing is recorded. */
  cancel = 1;
  g_assert_false (clip_gpu_run_steps (f->rec, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED);
  g_clear_error (&error);
  clip_gpu_recording_begin (f->rec);
  g_assert_true (clip_gpu_recording_failed (f->rec));
  g_assert_false (clip_gpu_recording_end (f->rec, &error));
  g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("dispatch", 0, test_dispatch);
  ADD ("order", 0, test_order);
  ADD ("order/cut-in-pairs", 10, test_order);
  ADD ("order/cut-each", 25, test_order);
  ADD ("groups", 0, test_groups);
  ADD ("copy-fill", 0, test_copy_fill);
  ADD ("apart", 0, test_apart);
  ADD ("resubmit", 0, test_resubmit);
  ADD ("marks", 0, test_marks);
  ADD ("no-timestamps", 0, test_no_timestamps);
  ADD ("few-timestamp-bits", 0, test_few_bits);
  ADD ("sticky", 0, test_sticky);
  ADD ("bad-subgroup", 0, test_bad_subgroup);
  ADD ("pipelines-once", 0, test_pipelines_once);
  ADD ("threads", 0, test_threads);
  ADD ("timeout", 0, test_timeout);
  ADD ("lost", 0, test_lost);
  ADD ("steps", 0, test_steps);
  return run_tests ();
}
