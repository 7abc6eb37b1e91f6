/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an engine has its kernels time: the products that its towers make, for batches that there may be. */
#include "gst-clip/engine/internal.h"
#include "gst-clip/gpu/internal.h"
#include "gst-clip/kernels/tune_internal.h"
#include "tests/common/random_model.h"
#include "tests/engine/fixture.h"

static gchar *folder;

static void
begin_questions (ClipKernels *kernels)
{
  if (!kernels->tuning)
    kernels->tuning = clip_tuning_load (kernels->gpu);
  kernels->tuning->asked = g_array_new (FALSE, FALSE, sizeof (ClipTuneQuestion));
}

/* Keys of questions since begin_questions(). (transfer full) */
static GHashTable *
end_questions (ClipKernels *kernels)
{
  GHashTable *keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GArray) asked = g_steal_pointer (&kernels->tuning->asked);

  for (guint i = 0; i < asked->len; i++)
    g_hash_table_add (keys, g_array_index (asked, ClipTuneQuestion, i).key);
  return keys;
}

/* What both towers ask for when they are recorded, for so many pictures and one text of the first shape. */
static GHashTable *
asked_by_towers (ClipEngine *e, guint batch)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipBatchSet) set = NULL;
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (e->gpu, "towers");
  const guint32 row = 0;
  const ClipTowerRun text = { .batch = 1,
                              .tokens = e->text_shapes[0].tokens,
                              .text_input = e->text_input,
                              .pool_rows = &row,
                              .embeds = e->text_head.raw_matrix };
  ClipTowerRun one = text;

  one.embeds.rows = 1;
  set = clip_batch_set_new (e, batch, &error);
  g_assert_no_error (error);
  begin_questions (e->kernels);
  clip_gpu_recording_begin (rec);
  clip_batch_set_record (set, e, rec, batch, NULL);
  clip_tower_record (e->kernels, rec, e->text, e->activations, &one);
  g_assert_true (clip_gpu_recording_end (rec, &error));
  g_assert_no_error (error);
  return end_questions (e->kernels);
}

static GHashTable *
asked_by_list (ClipEngine *e, guint batch)
{
  g_autoptr (GArray) shapes = clip_engine_products (e, batch);
  g_autoptr (ClipGpuRecording) rec = clip_gpu_recording_new (e->gpu, "list");

  begin_questions (e->kernels);
  clip_gpu_recording_begin (rec);
  for (guint i = 0; i < shapes->len; i++)
    clip_shape_record (e->kernels, rec, &g_array_index (shapes, ClipTuneShape, i));
  return end_questions (e->kernels);
}

/* Of the same kinds and sizes, but for q, k and v of a first layer, before which there is no product that
 * could know about the norm. */
static void
test_same (void)
{
  g_autoptr (ClipEngine) e = fixture_engine (folder, CLIP_PRECISION_FP16);
  GHashTableIter iter;
  gpointer key;
  guint missing = 0;

  if (e == NULL)
    return;
  for (guint batch = 1; batch <= 2; batch++) {
    g_autoptr (GHashTable) towers = asked_by_towers (e, batch), list = asked_by_list (e, batch);

    g_assert_cmpuint (g_hash_table_size (towers), >, 12);
    missing = 0;
    g_hash_table_iter_init (&iter, towers);
    while (g_hash_table_iter_next (&iter, &key, NULL))
      if (!g_hash_table_contains (list, key)) {
        g_test_message ("not listed: %s", (gchar *)key);
        missing++;
      }
    g_assert_cmpuint (missing, ==, 2); /* a tower */
  }
}

static gint64
late (gpointer data)
{
  static gint64 us;

  return us += 10 * G_USEC_PER_SEC;
}

static guint32 most_rows;

static void
gemm_spy (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  most_rows = MAX (most_rows, op->a.rows);
  clip_tune_choice (kernels, "spy", CLIP_GEMM_A_FLOAT, op->a.rows, 1, 1, 2, 0);
}

/* Nothing is asked for a batch that the batcher will not make. */
static void
test_limit (void)
{
  const ClipTuneWatch watch = { late, NULL, NULL };
  g_autoptr (ClipEngine) e = fixture_engine (folder, CLIP_PRECISION_FP16);
  g_autoptr (ClipBatchSet) one = NULL;
  g_autoptr (GError) error = NULL;
  const ClipFamily *family;
  ClipFamily spy;
  guint limit;

  if (e == NULL)
    return;
  family = e->kernels->family;
  spy = *family;
  spy.gemm = gemm_spy;
  begin_questions (e->kernels);
  g_hash_table_unref (end_questions (e->kernels));
  one = clip_batch_set_new (e, 1, &error);
  g_assert_no_error (error);

  e->gpu->info.is_cpu = FALSE;
  for (guint i = 0; i < e->gpu->memory.memoryHeapCount;
       i++) /* nothing is left, however much this machine has */
    e->gpu->memory.memoryHeaps[i].size = clip_gpu_memory_bytes (e->gpu);
  limit = clip_batch_limit (e, one);
  g_assert_cmpuint (limit, >, 1);
  g_assert_cmpuint (limit, <, CLIP_BATCH_MAX);
  e->kernels->family = &spy;
  e->kernels->tuning->watch = &watch;
  g_assert_true (clip_engine_tune (e, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (most_rows, >=, limit * e->vision->tokens);
  g_assert_cmpuint (most_rows, <, 2 * limit * e->vision->tokens);
  e->kernels->family = family;
  e->kernels->tuning->watch = NULL;
  e->gpu->info.is_cpu = TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status = 0;

  g_test_init (&argc, &argv, NULL);
  g_setenv ("XDG_CACHE_HOME", "/nonexistent", TRUE);
  g_setenv ("GST_CLIP_KERNELS", "shared", TRUE);
  folder = g_dir_make_tmp ("gst-clip-products-XXXXXX", &error);
  g_assert_no_error (error);
  clip_random_model_write (clip_random_model_find ("tiny"), folder, 5, &error);
  g_assert_no_error (error);
  g_test_add_func ("/products/same", test_same);
  g_test_add_func ("/products/limit", test_limit);
  status = g_test_run ();
  clip_random_model_remove (folder);
  g_free (folder);
  return status;
}
