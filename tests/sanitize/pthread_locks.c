/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into programs under ThreadSanitizer: GLib's locks, made of pthread's.
 *
 * GLib makes its own from futexes and atomics inside libglib, which is not instrumented: the
 * sanitizer would not see that they order anything, and everything would look like a race. It knows
 * pthread's. The rest is told to it: reference counts, and initialisation that happens once.
 *
 * What a lock's struct is used for is ours: one pointer to the real one, made at the first use,
 * because static ones are never initialised.
 */
#include <errno.h>
#include <glib.h>
#include <pthread.h>

#include <dlfcn.h>
#include <stdlib.h>

#define EXPORT __attribute__ ((visibility ("default")))

void __tsan_acquire (void *address) __attribute__ ((weak));
void __tsan_release (void *address) __attribute__ ((weak));

static void
acquire (gconstpointer address)
{
  if (__tsan_acquire)
    __tsan_acquire ((void *)address);
}

static void
release (gconstpointer address)
{
  if (__tsan_release)
    __tsan_release ((void *)address);
}

static void
check (int error)
{
  if (error != 0)
    abort ();
}

/* Mutexes ------------------------------------------------------------------------ */

static pthread_mutex_t *
mutex_new (int type)
{
  pthread_mutex_t *mutex = malloc (sizeof *mutex);
  pthread_mutexattr_t attr;

  pthread_mutexattr_init (&attr);
  pthread_mutexattr_settype (&attr, type);
  check (pthread_mutex_init (mutex, &attr));
  pthread_mutexattr_destroy (&attr);
  return mutex;
}

static pthread_mutex_t *
mutex_of (gpointer *place, int type)
{
  pthread_mutex_t *mutex = g_atomic_pointer_get (place);

  if (mutex)
    return mutex;
  mutex = mutex_new (type);
  if (g_atomic_pointer_compare_and_exchange (place, NULL, mutex))
    return mutex;
  pthread_mutex_destroy (mutex);
  free (mutex);
  return g_atomic_pointer_get (place);
}

static void
mutex_clear (gpointer *place)
{
  pthread_mutex_t *mutex = *place;

  if (mutex) {
    pthread_mutex_destroy (mutex);
    free (mutex);
  }
  *place = NULL;
}

EXPORT void
g_mutex_init (GMutex *self)
{
  self->p = NULL;
}

EXPORT void
g_mutex_clear (GMutex *self)
{
  mutex_clear (&self->p);
}

EXPORT void
g_mutex_lock (GMutex *self)
{
  check (pthread_mutex_lock (mutex_of (&self->p, PTHREAD_MUTEX_NORMAL)));
}

EXPORT gboolean
g_mutex_trylock (GMutex *self)
{
  return pthread_mutex_trylock (mutex_of (&self->p, PTHREAD_MUTEX_NORMAL)) == 0;
}

EXPORT void
g_mutex_unlock (GMutex *self)
{
  check (pthread_mutex_unlock (mutex_of (&self->p, PTHREAD_MUTEX_NORMAL)));
}

EXPORT void
g_rec_mutex_init (GRecMutex *self)
{
  self->p = NULL;
}

EXPORT void
g_rec_mutex_clear (GRecMutex *self)
{
  mutex_clear (&self->p);
}

EXPORT void
g_rec_mutex_lock (GRecMutex *self)
{
  check (pthread_mutex_lock (mutex_of (&self->p, PTHREAD_MUTEX_RECURSIVE)));
}

EXPORT gboolean
g_rec_mutex_trylock (GRecMutex *self)
{
  return pthread_mutex_trylock (mutex_of (&self->p, PTHREAD_MUTEX_RECURSIVE)) == 0;
}

EXPORT void
g_rec_mutex_unlock (GRecMutex *self)
{
  check (pthread_mutex_unlock (mutex_of (&self->p, PTHREAD_MUTEX_RECURSIVE)));
}

/* Conditions --------------------------------------------------------------------- */

static pthread_cond_t *
cond_of (GCond *self)
{
  pthread_cond_t *cond = g_atomic_pointer_get (&self->p);
  pthread_condattr_t attr;

  if (cond)
    return cond;
  cond = malloc (sizeof *cond);
  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  check (pthread_cond_init (cond, &attr));
  pthread_condattr_destroy (&attr);
  if (g_atomic_pointer_compare_and_exchange (&self->p, NULL, cond))
    return cond;
  pthread_cond_destroy (cond);
  free (cond);
  return g_atomic_pointer_get (&self->p);
}

EXPORT void
g_cond_init (GCond *self)
{
  self->p = NULL;
}

EXPORT void
g_cond_clear (GCond *self)
{
  if (self->p) {
    pthread_cond_destroy (self->p);
    free (self->p);
  }
  self->p = NULL;
}

EXPORT void
g_cond_wait (GCond *self, GMutex *mutex)
{
  check (pthread_cond_wait (cond_of (self), mutex_of (&mutex->p, PTHREAD_MUTEX_NORMAL)));
}

EXPORT gboolean
g_cond_wait_until (GCond *self, GMutex *mutex, gint64 end)
{
  const struct timespec t = { end / G_USEC_PER_SEC, end % G_USEC_PER_SEC * 1000 };
  const int error =
      pthread_cond_timedwait (cond_of (self), mutex_of (&mutex->p, PTHREAD_MUTEX_NORMAL), &t);

  if (error != ETIMEDOUT)
    check (error);
  return error == 0;
}

EXPORT void
g_cond_signal (GCond *self)
{
  check (pthread_cond_signal (cond_of (self)));
}

EXPORT void
g_cond_broadcast (GCond *self)
{
  check (pthread_cond_broadcast (cond_of (self)));
}

/* Locks of readers and writers ----------------------------------------------------- */

static pthread_rwlock_t *
rw_lock_of (GRWLock *self)
{
  pthread_rwlock_t *lock = g_atomic_pointer_get (&self->p);

  if (lock)
    return lock;
  lock = malloc (sizeof *lock);
  check (pthread_rwlock_init (lock, NULL));
  if (g_atomic_pointer_compare_and_exchange (&self->p, NULL, lock))
    return lock;
  pthread_rwlock_destroy (lock);
  free (lock);
  return g_atomic_pointer_get (&self->p);
}

EXPORT void
g_rw_lock_init (GRWLock *self)
{
  self->p = NULL;
}

EXPORT void
g_rw_lock_clear (GRWLock *self)
{
  if (self->p) {
    pthread_rwlock_destroy (self->p);
    free (self->p);
  }
  self->p = NULL;
}

EXPORT void
g_rw_lock_writer_lock (GRWLock *self)
{
  check (pthread_rwlock_wrlock (rw_lock_of (self)));
}

EXPORT gboolean
g_rw_lock_writer_trylock (GRWLock *self)
{
  return pthread_rwlock_trywrlock (rw_lock_of (self)) == 0;
}

EXPORT void
g_rw_lock_writer_unlock (GRWLock *self)
{
  check (pthread_rwlock_unlock (rw_lock_of (self)));
}

EXPORT void
g_rw_lock_reader_lock (GRWLock *self)
{
  check (pthread_rwlock_rdlock (rw_lock_of (self)));
}

EXPORT gboolean
g_rw_lock_reader_trylock (GRWLock *self)
{
  return pthread_rwlock_tryrdlock (rw_lock_of (self)) == 0;
}

EXPORT void
g_rw_lock_reader_unlock (GRWLock *self)
{
  check (pthread_rwlock_unlock (rw_lock_of (self)));
}

/* Counts, and what happens once: GLib's own, with a word to the sanitizer ------------- */

#define REAL(name)                                                                                 \
  static __typeof__ (&name) real;                                                                  \
  if (!real)                                                                                       \
  real = (__typeof__ (&name))dlsym (RTLD_NEXT, #name)

#undef g_atomic_ref_count_inc
#undef g_atomic_ref_count_dec
#undef g_once_init_enter
#undef g_once_init_leave

EXPORT gboolean
g_atomic_ref_count_dec (gatomicrefcount *count)
{
  REAL (g_atomic_ref_count_dec);
  release (count);
  const gboolean last = real (count);
  if (last)
    acquire (count);
  return last;
}

EXPORT gboolean
g_once_init_enter (volatile void *place)
{
  REAL (g_once_init_enter);
  const gboolean first = real (place);
  acquire ((gconstpointer)place);
  return first;
}

EXPORT void
g_once_init_leave (volatile void *place, gsize result)
{
  REAL (g_once_init_leave);
  release ((gconstpointer)place);
  real (place, result);
}

/* Its elements are freed by the last user, who knows that from an atomic inside libglib. */
EXPORT void
g_ptr_array_unref (GPtrArray *array)
{
  REAL (g_ptr_array_unref);
  release (array);
  acquire (array);
  real (array);
}
