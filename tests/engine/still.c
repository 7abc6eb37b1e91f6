/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much a picture differs from the one that is kept, beside jobs that run meanwhile. */
#include <string.h>

#include "tests/engine/fixture.h"

#define SIDE 64

static ClipJob *
new_job (ClipEngine *engine)
{
  const ClipFrameInfo info = { CLIP_PIXEL_GRAY8, SIDE, SIDE, 1, 1, CLIP_MATRIX_BT601, TRUE };
  g_autoptr (GError) error = NULL;
  ClipJob *job = clip_job_new (engine, &info, &error);

  g_assert_no_error (error);
  return job;
}

/* The upper part @value, the rest @rest. */
static void
load (ClipJob *job, guint8 value, guint8 rest, guint lines)
{
  guint8 pixels[SIDE * SIDE];
  const ClipFramePlanes planes = { { pixels }, { SIDE } };

  memset (pixels, rest, sizeof pixels);
  memset (pixels, value, SIDE * lines);
  clip_job_load (job, &planes);
}

static gdouble
measure (ClipStill *still, ClipJob *job)
{
  g_autoptr (GError) error = NULL;
  gdouble change = -1.0;

  clip_still_measure (still, job, &change, &error);
  g_assert_no_error (error);
  return change;
}

static void
test_change (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (NULL, CLIP_PRECISION_AUTO);
  g_autoptr (ClipStill) still = NULL;
  g_autoptr (GError) error = NULL;

  if (engine == NULL)
    return;
  g_autoptr (ClipJob) job = new_job (engine);
  still = clip_still_new (engine, &error);
  g_assert_no_error (error);

  load (job, 100, 100, 0);
  g_assert_cmpfloat (measure (still, job), ==, 1.0); /* there is none to compare with */
  clip_still_keep (still);
  g_assert_cmpfloat (measure (still, job), ==, 0.0);
  load (job, 151, 151, 0);
  g_assert_cmpfloat_with_epsilon (measure (still, job), 0.2, 1e-6); /* 51 of 255 */
  load (job, 100, 100, 0);                                          /* it was not kept */
  g_assert_cmpfloat (measure (still, job), ==, 0.0);
  load (job, 0, 255, SIDE);
  measure (still, job);
  clip_still_keep (still);
  load (job, 255, 0, SIDE);
  g_assert_cmpfloat_with_epsilon (measure (still, job), 1.0, 1e-6);
  load (job, 255, 0, SIDE / 2); /* half of it, but for the edge */
  g_assert_cmpfloat_with_epsilon (measure (still, job), 0.5, 0.02);
  clip_still_forget (still);
  g_assert_cmpfloat (measure (still, job), ==, 1.0);
}

/* Measuring neither disturbs a job that is on its way, nor what the measured one then encodes. */
static void
test_beside_jobs (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (NULL, CLIP_PRECISION_AUTO);
  g_autoptr (GError) error = NULL;
  float alone[2], beside[2], measured;

  if (engine == NULL)
    return;
  g_autoptr (ClipTexts) texts = fixture_texts (engine, "a circle", NULL, FALSE);
  g_autoptr (ClipJob) first = new_job (engine);
  g_autoptr (ClipJob) second = new_job (engine);
  g_autoptr (ClipStill) still = clip_still_new (engine, &error);
  g_assert_no_error (error);
  load (first, 200, 20, 20);
  load (second, 10, 220, 40);
  g_assert_true (clip_job_run (first, texts, &alone[0], NULL, &error));
  g_assert_true (clip_job_run (second, texts, &alone[1], NULL, &error));

  g_assert_true (clip_job_start (first, texts, &error));
  measured = measure (still, second);
  g_assert_cmpfloat (measured, ==, 1.0);
  g_assert_true (clip_job_start (second, texts, &error));
  g_assert_true (clip_job_wait (first, &beside[0], NULL, &error));
  g_assert_true (clip_job_wait (second, &beside[1], NULL, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpfloat_with_epsilon (alone[i], beside[i], 1e-5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/still/change", test_change);
  g_test_add_func ("/still/beside-jobs", test_beside_jobs);
  return g_test_run ();
}
