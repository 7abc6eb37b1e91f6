/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two threads count together; planted-race.sh looks at what ThreadSanitizer says.
 *   mutex, rec, rw, object   behind one of the locks that we use: nothing
 *   cond                     handed over: nothing
 *   once                     made by whoever comes first: nothing
 *   count, array             used, then freed by the last user: nothing
 *   race                     without a lock: a race in planted_race()
 */
#include <gst/gst.h>
#include <string.h>

#define TURNS 1000

static struct {
  const gchar *mode;
  GMutex mutex;
  GRecMutex rec;
  GRWLock rw;
  GCond cond;
  GstObject *object;
  gint turn;
  guint count;
} shared;

__attribute__ ((noinline)) static void
planted_race (void)
{
  shared.count++;
}

static gboolean
is (const gchar *mode)
{
  return g_str_equal (shared.mode, mode);
}

static void
enter (void)
{
  if (is ("mutex"))
    g_mutex_lock (&shared.mutex);
  else if (is ("rec"))
    g_rec_mutex_lock (&shared.rec);
  else if (is ("rw"))
    g_rw_lock_writer_lock (&shared.rw);
  else if (is ("object"))
    GST_OBJECT_LOCK (shared.object);
}

static void
leave (void)
{
  if (is ("mutex"))
    g_mutex_unlock (&shared.mutex);
  else if (is ("rec"))
    g_rec_mutex_unlock (&shared.rec);
  else if (is ("rw"))
    g_rw_lock_writer_unlock (&shared.rw);
  else if (is ("object"))
    GST_OBJECT_UNLOCK (shared.object);
}

static void
take_turns (gint mine)
{
  for (guint i = 0; i < TURNS; i++) {
    g_mutex_lock (&shared.mutex);
    while (shared.turn != mine)
      g_cond_wait_until (&shared.cond, &shared.mutex, g_get_monotonic_time () + G_USEC_PER_SEC);
    g_mutex_unlock (&shared.mutex);
    planted_race (); /* alone, until the turn is given away */
    g_mutex_lock (&shared.mutex);
    shared.turn = !mine;
    g_cond_broadcast (&shared.cond);
    g_mutex_unlock (&shared.mutex);
  }
}

static void
make_once (void)
{
  static gsize made = 0;

  if (g_once_init_enter (&made)) {
    planted_race ();
    g_once_init_leave (&made, 1);
  }
  g_assert_cmpuint (shared.count, ==, 1);
}

typedef struct {
  gatomicrefcount refs;
  guint value;
} Counted;

static void
use_and_unref (Counted *counted)
{
  g_assert_cmpuint (counted->value, ==, 7);
  if (g_atomic_ref_count_dec (&counted->refs)) {
    counted->value = 0;
    g_free (counted);
  }
}

static gpointer counted;
static GPtrArray *array;

static void
free_element (gpointer element)
{
  *(guint *)element = 0;
  g_free (element);
}

static void
use_and_unref_array (void)
{
  g_assert_cmpuint (*(guint *)g_ptr_array_index (array, 0), ==, 7);
  g_ptr_array_unref (array);
}

static gpointer
work (gpointer data)
{
  if (is ("cond")) {
    take_turns (GPOINTER_TO_INT (data));
  } else if (is ("once")) {
    make_once ();
  } else if (is ("count")) {
    use_and_unref (counted);
  } else if (is ("array")) {
    use_and_unref_array ();
  } else {
    for (guint i = 0; i < TURNS; i++) {
      enter ();
      planted_race ();
      leave ();
    }
  }
  return NULL;
}

int
main (int argc, char **argv)
{
  gst_init (NULL, NULL);
  shared.mode = argc > 1 ? argv[1] : "mutex";
  shared.object = GST_OBJECT (gst_object_ref_sink (gst_bin_new (NULL)));
  Counted *c = counted = g_new0 (Counted, 1);
  g_atomic_ref_count_init (&c->refs);
  g_atomic_ref_count_inc (&c->refs);
  c->value = 7;
  array = g_ptr_array_new_with_free_func (free_element);
  g_ptr_array_add (array, g_memdup2 (&c->value, sizeof c->value));
  if (is ("array"))
    g_ptr_array_ref (array);

  GThread *other = g_thread_new ("other", work, GINT_TO_POINTER (1));
  work (GINT_TO_POINTER (0));
  g_thread_join (other);
  if (!is ("count"))
    g_free (c);
  if (!is ("array"))
    g_ptr_array_unref (array);
  gst_object_unref (shared.object);
  return 0;
}
