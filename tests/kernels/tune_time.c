/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Measuring takes no more than its second, on devices of any speed, by a clock of this file. */
#include "tests/kernels/families.h"

#define M 40
#define N 64
#define K 64

#define N_CANDIDATES 4
#define FALLBACK     0

/* A device with a clock of its own: a product takes @product us, of candidates that are not the fallback
 * @others; making a candidate's pipeline @compile. @runs: so far; at @cancel_at, 0 for never, somebody cancels.
 * @latest: begin of the last run */
typedef struct {
  gint64 now, product, others, compile, latest;
  guint runs, cancel_at;
  gint cancel;
  GHashTable *choices; /* recording -> candidate */
  gboolean made[N_CANDIDATES];
} Device;

static Device device;

static gint64
device_now (gpointer data)
{
  return device.now;
}

static gboolean
device_run (ClipTrial *trial, ClipGpuRecording *rec, guint products, guint64 *ns, gpointer data,
            GError **error)
{
  const guint choice = GPOINTER_TO_UINT (g_hash_table_lookup (device.choices, rec));
  const gint64 us = products * (choice == FALLBACK ? device.product : device.others);

  device.latest = device.now;
  device.now += us;
  *ns = (guint64)us * 1000;
  if (++device.runs == device.cancel_at)
    device.cancel = 1;
  return clip_trial_run (trial, rec, NULL, error);
}

static const ClipTuneWatch watch = { device_now, device_run, NULL };

static void
gemm_timed (ClipKernels *kernels, ClipGpuRecording *rec, const ClipGemm *op)
{
  const guint choice = clip_tune_choice (kernels, "work", clip_gemm_a (op), op->a.rows, op->c.cols,
                                         op->a.cols, N_CANDIDATES, FALLBACK);

  if (!device.made[choice])
    device.now += device.compile;
  device.made[choice] = TRUE;
  g_hash_table_insert (device.choices, rec, GUINT_TO_POINTER (choice));
  clip_family_shared.gemm (kernels, rec, op);
}

#define N_SHAPES 12

/* Another process with such a device: products of nearly the same size. */
static void
start (Device like)
{
  const ClipFamily timed = family ("timed", gemm_timed);
  g_autoptr (ClipKernels) kernels = kernels_of (&timed);
  g_autoptr (GError) error = NULL;
  ClipTuneShape shapes[N_SHAPES];

  device = like;
  device.choices = g_hash_table_new (NULL, NULL);
  kernels->tuning->watch = &watch;
  kernels->tiling = 0; /* asks nothing of its own */
  for (guint i = 0; i < N_SHAPES; i++)
    shapes[i] = (ClipTuneShape){ CLIP_GEMM_A_FLOAT, M + i, N, K };
  g_assert_cmpint (clip_kernels_tune (kernels, shapes, N_SHAPES, &device.cancel, &error), ==,
                   !device.cancel);
  if (device.cancel)
    g_assert_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_CANCELLED);
  else
    g_assert_no_error (error);
  g_hash_table_unref (device.choices);
}

/* How many of the shapes have this answer; NULL: any number. */
static guint
count (const gchar *answer)
{
  ClipTuning *tuning = clip_tuning_load (gpu);
  guint n = 0;

  for (guint i = 0; i < N_SHAPES; i++) {
    g_autofree gchar *key =
        g_strdup_printf ("timed f32 work float %ux%ux%u of %u", M + i, N, K, N_CANDIDATES);
    const gchar *value = clip_tuning_get (tuning, key);

    n += value && (answer ? g_str_equal (value, answer) : g_ascii_isdigit (*value));
  }
  clip_tuning_free (tuning);
  return n;
}

#define SECOND 1000000

/* As many products as it takes to know that they are too slow, and never again. */
static void
test_slow_device (void)
{
  if (!need_gpu ())
    return;
  start ((Device){ .product = 300000, .others = 600000 });
  g_assert_cmpuint (device.runs, <=, 2);
  g_assert_cmpuint (count ("-"), ==, N_SHAPES);
  start ((Device){ .product = 300000, .others = 600000 });
  g_assert_cmpuint (device.runs, ==, 0);
  forget ();
}

/* Each start takes a second at most and gets further. */
static void
test_in_turns (void)
{
  guint before = 0, starts = 0;

  if (!need_gpu ())
    return;
  for (; before < N_SHAPES && starts < 2 * N_SHAPES; starts++) {
    start ((Device){ .product = 15000, .others = 14000 });
    g_assert_cmpint (device.now, <=, SECOND);
    g_assert_cmpuint (count (NULL), >, before);
    before = count (NULL);
  }
  g_assert_cmpuint (starts, >, 2);
  g_assert_cmpuint (count ("0"), <, N_SHAPES); /* the others are quicker */
  forget ();

  /* A quick device has time for all, and for repetition. */
  start ((Device){ .product = 50, .others = 49 });
  g_assert_cmpuint (count (NULL), ==, N_SHAPES);
  g_assert_cmpint (device.now, <=, SECOND / 2);
  g_assert_cmpuint (device.runs, >=, N_SHAPES * N_CANDIDATES * 3);
  forget ();
}

/* Candidates that are much slower than the fallback promised. */
static void
test_slow_candidates (void)
{
  if (!need_gpu ())
    return;
  start ((Device){ .product = 15000, .others = 400000 });
  g_assert_cmpint (device.latest, <, SECOND);
  g_assert_cmpuint (count (NULL), ==, 0);
  g_assert_cmpuint (count ("?"), ==, 1);
  start ((Device){ .product = 15000, .others = 400000 });
  g_assert_cmpint (device.latest, <, SECOND);
  g_assert_cmpuint (count ("-"), ==, 1); /* which others need not wait for any more */
  start ((Device){ .product = 15000, .others = 400000 });
  g_assert_cmpuint (count ("-"), ==, 1);
  g_assert_cmpuint (count ("?"), ==, 1);
  forget ();
}

/* Making pipelines takes all of the time; when they come from a cache, it is enough. */
static void
test_slow_compiler (void)
{
  if (!need_gpu ())
    return;
  start ((Device){ .product = 50, .others = 40, .compile = SECOND / 2 });
  g_assert_cmpint (device.now, <, SECOND + SECOND / 2);
  g_assert_cmpuint (count (NULL), ==, 0);
  g_assert_cmpuint (count ("?"), ==, 1);
  g_assert_cmpuint (count ("-"), ==, 0);
  start ((Device){ .product = 50, .others = 40 });
  g_assert_cmpuint (count (NULL), ==, N_SHAPES);
  forget ();
}

static void
test_cancelled (void)
{
  if (!need_gpu ())
    return;
  for (guint at = 1; at < 12; at++) {
    start ((Device){ .product = 50, .others = 40, .cancel_at = at });
    g_assert_cmpuint (device.runs, ==, at);
    g_assert_cmpuint (count (NULL), ==, 0);
  }
  forget ();
}

static void
add_tests (void)
{
  g_test_add_func ("/tune-time/slow-device", test_slow_device);
  g_test_add_func ("/tune-time/in-turns", test_in_turns);
  g_test_add_func ("/tune-time/slow-candidates", test_slow_candidates);
  g_test_add_func ("/tune-time/slow-compiler", test_slow_compiler);
  g_test_add_func ("/tune-time/cancelled", test_cancelled);
}

int
main (int argc, char **argv)
{
  return run_tests (&argc, &argv, add_tests);
}
