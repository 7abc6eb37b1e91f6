/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompt sets that several elements want of one engine at a time: none waits for another's large one, and
 * none loses what another has encoded or pushed out. */
#include <string.h>

#include "gst-clip/engine/internal.h"
#include "tests/common/random_model.h"
#include "tests/engine/fixture.h"

#define PATIENCE (120 * G_TIME_SPAN_SECOND)
#define N_LARGE  300

static gchar *folder;

/* One call of clip_texts_new(). @meanwhile: (nullable): done whole, in a thread of its own, when this one has
 * encoded its first texts. */
typedef struct Task Task;
struct Task {
  ClipEngine *engine;
  ClipPromptSet *set;
  Task *meanwhile;
  ClipCancel cancel;
  guint progressed, warned;
  gboolean cancel_when_warned;
  ClipTexts *texts;
  GError *error;
  gboolean done; /* atomic */
};

static gpointer run (gpointer data);

static void
run_meanwhile (Task *task)
{
  const gint64 until = g_get_monotonic_time () + PATIENCE;
  GThread *thread = g_thread_new ("meanwhile", run, task);

  while (!g_atomic_int_get (&task->done) && g_get_monotonic_time () < until)
    g_usleep (1000);
  if (!g_atomic_int_get (&task->done))
    g_error ("a small set waits for a large one");
  g_thread_join (thread);
}

static void
on_progress (const gchar *code, const gchar *text, guint percent, gpointer data)
{
  Task *task = data;

  g_assert_cmpuint (percent, <=, 100);
  if (task->progressed++ == 0 && task->meanwhile)
    run_meanwhile (task->meanwhile);
}

static void
on_warning (const gchar *label, const gchar *text, const gchar *kept, gpointer data)
{
  Task *task = data;

  task->warned++;
  if (task->cancel_when_warned)
    task->cancel = 1;
}

static gpointer
run (gpointer data)
{
  Task *task = data;

  task->texts = clip_texts_new (task->engine, task->set, NULL, FALSE, &task->cancel, on_warning,
                                on_progress, task, &task->error);
  g_atomic_int_set (&task->done, TRUE);
  return NULL;
}

static void
clear (Task *task)
{
  g_clear_pointer (&task->texts, clip_texts_unref);
  g_clear_pointer (&task->set, clip_prompt_set_unref);
  g_clear_error (&task->error);
}

/* "WORD FIRST" and so on, @n of them. */
static ClipPromptSet *
make_set (const gchar *word, guint first, guint n)
{
  g_autoptr (GStrvBuilder) list = g_strv_builder_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) labels = NULL;

  for (guint i = first; i < first + n; i++) {
    g_autofree gchar *label = g_strdup_printf ("%s %u", word, i);
    g_strv_builder_add (list, label);
  }
  labels = g_strv_builder_end (list);
  ClipPromptSet *set = clip_prompt_set_from_list ((const gchar *const *)labels, NULL, &error);
  g_assert_no_error (error);
  return set;
}

/* A large set is under way: a small one is whole before it. What both want is encoded once. */
static void
test_meanwhile (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_AUTO);
  const guint half = N_LARGE / 2;

  if (engine == NULL)
    return;
  Task small = { engine, make_set ("one", half, N_LARGE - half + 3) };
  Task large = { engine, make_set ("one", 0, N_LARGE), &small };
  run (&large);
  g_assert_no_error (large.error);
  g_assert_no_error (small.error);
  /* turns of 64: 0 to 63, then 64 to 127, then what is left up to the half */
  g_assert_cmpuint (large.progressed, ==, 3);
  g_assert_cmpuint (small.progressed, ==, 3);
  clear (&large);
  clear (&small);
}

static guint
n_turns (ClipEngine *engine)
{
  g_mutex_lock (&engine->text_lock);
  const guint n = engine->text_turns.length;
  g_mutex_unlock (&engine->text_lock);
  return n;
}

/* Who waits for another's turn to end can be stopped; what is known needs no turn. */
static void
test_cancel_waiting (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_AUTO);
  GList turn = { NULL };

  if (engine == NULL)
    return;
  Task first = { engine, make_set ("two", 0, 3) };
  Task known = { engine, make_set ("two", 1, 2) };
  Task waiting = { engine, make_set ("two", 2, 3) };
  run (&first);
  g_assert_no_error (first.error);

  g_assert_true (clip_text_turn_begin (engine, &turn, NULL, NULL));
  run (&known);
  g_assert_no_error (known.error);
  GThread *thread = g_thread_new ("waiting", run, &waiting);
  while (n_turns (engine) < 2)
    g_usleep (1000);
  g_assert_false (g_atomic_int_get (&waiting.done));
  g_atomic_int_set (&waiting.cancel, 1);
  g_thread_join (thread);
  g_assert_error (waiting.error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED);
  g_assert_cmpuint (n_turns (engine), ==, 1);
  clip_text_turn_end (engine);

  g_clear_error (&waiting.error);
  waiting.cancel = 0;
  run (&waiting);
  g_assert_no_error (waiting.error);
  clear (&first);
  clear (&known);
  clear (&waiting);
}

/* Millions of wordings take minutes to be cut into tokens: that can be stopped too. */
static void
test_cancel_tokens (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_AUTO);

  if (engine == NULL)
    return;
  Task task = { engine, make_set ("words that are more than the context of this model has room for",
                                  0, 200) };
  task.cancel_when_warned = TRUE;
  run (&task);
  g_assert_error (task.error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED);
  g_assert_cmpuint (task.warned, ==, 1);
  g_assert_cmpuint (task.progressed, ==, 0);
  clear (&task);
}

static void
get_similarities (ClipEngine *engine, ClipTexts *texts, float *similarities)
{
  g_autoptr (ClipJob) job = fixture_job (engine, 9);
  g_autoptr (GError) error = NULL;

  clip_job_run (job, texts, similarities, NULL, &error);
  g_assert_no_error (error);
}

/* What a set has found stays its own when another one makes room in the cache. */
static void
test_room (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_AUTO);
  float alone[100], together[100];

  if (engine == NULL)
    return;
  const guint32 dim = clip_model_config (engine->model)->projection;
  g_autofree float *zeros = g_new0 (float, dim);
  Task before = { engine, make_set ("three", 0, 100) };
  run (&before);
  g_assert_no_error (before.error);
  get_similarities (engine, before.texts, alone);
  clear (&before);

  /* 20 texts known, 80 to be encoded, and far too many in the cache after the first of those */
  g_mutex_lock (&engine->text_lock);
  for (guint i = 20; i < 100; i++) {
    g_autofree gchar *label = g_strdup_printf ("three %u", i);
    g_assert_true (g_hash_table_remove (engine->cache, label));
  }
  for (guint i = 0; i < 19950; i++)
    g_hash_table_insert (engine->cache, g_strdup_printf ("x %u", i),
                         clip_text_row_new (zeros, dim, G_MAXSIZE));
  g_mutex_unlock (&engine->text_lock);
  Task other = { engine, make_set ("four", 0, 1) };
  Task task = { engine, make_set ("three", 0, 100), &other };
  run (&task);
  g_assert_no_error (task.error);
  g_assert_no_error (other.error);
  g_assert_cmpuint (task.progressed, ==, 2);
  get_similarities (engine, task.texts, together);
  for (guint i = 0; i < 100; i++)
    g_assert_cmpfloat (together[i], ==, alone[i]);
  g_assert_cmpuint (g_hash_table_size (engine->cache), <, 200);
  clear (&task);
  clear (&other);
}

int
main (int argc, char **argv)
{
  int status = 0;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gst-clip-texts-XXXXXX", NULL);
  clip_random_model_write (clip_random_model_find ("tiny"), folder, 5, NULL);
  g_test_add_func ("/texts/meanwhile", test_meanwhile);
  g_test_add_func ("/texts/cancel-waiting", test_cancel_waiting);
  g_test_add_func ("/texts/cancel-tokens", test_cancel_tokens);
  g_test_add_func ("/texts/room", test_room);
  status = g_test_run ();
  clip_random_model_remove (folder);
  g_free (folder);
  return status;
}
