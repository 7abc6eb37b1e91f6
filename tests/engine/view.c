/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs that encode a part of their frames, and how it is made square. */
#include <math.h>
#include <string.h>
#include "tests/common/random_model.h"
#include "tests/engine/fixture.h"

#define WIDTH  128
#define HEIGHT 96
#define DIM    512 /* more than any model here has */

static gchar *folder;

/* NV12 */
static guint8 frame[WIDTH * HEIGHT * 3 / 2];

static ClipFrameInfo
info_of (guint width, guint height)
{
  return (ClipFrameInfo){ CLIP_PIXEL_NV12, width, height, 1, 1, CLIP_MATRIX_BT601, FALSE };
}

static ClipJob *
new_job (ClipEngine *engine, guint width, guint height)
{
  const ClipFrameInfo info = info_of (width, height);
  g_autoptr (GError) error = NULL;
  ClipJob *job = clip_job_new (engine, &info, &error);

  g_assert_no_error (error);
  return job;
}

static void
load_part (ClipJob *job, guint x, guint y)
{
  const ClipFramePlanes planes = {
    { frame + y * WIDTH + x, frame + WIDTH * HEIGHT + y / 2 * WIDTH + x }, { WIDTH, WIDTH }
  };
  clip_job_load (job, &planes);
}

static void
set_view (ClipJob *job, const ClipRect *rect, ClipFit fit)
{
  g_autoptr (GError) error = NULL;

  clip_job_set_view (job, rect, fit, &error);
  g_assert_no_error (error);
  load_part (job, 0, 0);
}

static void
get_embedding (ClipJob *job, float *embedding)
{
  guint dim;
  const float *from = clip_job_embedding (job, &dim);

  g_assert_cmpuint (dim, <=, DIM);
  memcpy (embedding, from, dim * sizeof (float));
}

static void
run (ClipJob *job, ClipTexts *texts, float *embedding)
{
  g_autoptr (GError) error = NULL;

  clip_job_run (job, texts, NULL, NULL, &error);
  g_assert_no_error (error);
  get_embedding (job, embedding);
}

static double
cosine (const float *a, const float *b)
{
  double sum = 0.0;

  for (guint i = 0; i < DIM; i++)
    sum += (double)a[i] * b[i];
  return sum;
}

/* What is encoded is, bit for bit, what a frame cut out before would be. */
static void
test_cut (void)
{
  static const ClipRect rects[] = {
    { 20, 10, 60, 40 }, { 0, 0, 64, 96 }, { 126, 94, 2, 2 }, { 26, 30, 60, 40 }, { 2, 0, 1, 50 },
  };
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_FP32);
  if (!engine)
    return;
  g_autoptr (ClipTexts) texts = fixture_texts (engine, "a cat", NULL, FALSE);
  g_autoptr (ClipJob) job = new_job (engine, WIDTH, HEIGHT);
  float whole[DIM] = { 0 }, again[DIM] = { 0 };

  load_part (job, 0, 0);
  run (job, texts, whole);
  for (guint i = 0; i < G_N_ELEMENTS (rects); i++)
    for (ClipFit fit = CLIP_FIT_AUTO; fit <= CLIP_FIT_LETTERBOX; fit++) {
      g_autoptr (ClipJob) cut = new_job (engine, rects[i].width, rects[i].height);
      float a[DIM] = { 0 }, b[DIM] = { 0 };

      set_view (job, &rects[i], fit);
      run (job, texts, a);
      clip_job_set_view (cut, NULL, fit, NULL);
      load_part (cut, rects[i].x, rects[i].y);
      run (cut, texts, b);
      g_assert_cmpmem (a, sizeof (a), b, sizeof (b));
      g_assert_cmpfloat (cosine (a, whole), <, 0.99999);
    }
  set_view (job, NULL, CLIP_FIT_AUTO);
  run (job, texts, again);
  g_assert_cmpmem (whole, sizeof (whole), again, sizeof (again));
}

/* The frame is not square: each way sees another picture; the model's own is the centre's. */
static void
test_fits (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_FP32);
  if (!engine)
    return;
  g_autoptr (ClipTexts) texts = fixture_texts (engine, "a cat", NULL, FALSE);
  g_autoptr (ClipJob) job = new_job (engine, WIDTH, HEIGHT);
  float e[4][DIM] = { { 0 } };

  for (ClipFit fit = CLIP_FIT_AUTO; fit <= CLIP_FIT_LETTERBOX; fit++) {
    set_view (job, NULL, fit);
    run (job, texts, e[fit]);
  }
  g_assert_cmpmem (e[CLIP_FIT_AUTO], sizeof (e[0]), e[CLIP_FIT_CENTER], sizeof (e[0]));
  g_assert_cmpfloat (cosine (e[CLIP_FIT_CENTER], e[CLIP_FIT_SQUASH]), <, 0.99999);
  g_assert_cmpfloat (cosine (e[CLIP_FIT_CENTER], e[CLIP_FIT_LETTERBOX]), <, 0.99999);
  g_assert_cmpfloat (cosine (e[CLIP_FIT_SQUASH], e[CLIP_FIT_LETTERBOX]), <, 0.99999);
}

/* All regions of a frame at once, and frames in which they move and grow. */
static void
test_together (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_FP32);
  if (!engine)
    return;
  g_autoptr (ClipTexts) texts = fixture_texts (engine, "a cat", NULL, FALSE);
  g_autoptr (ClipJob) alone = new_job (engine, WIDTH, HEIGHT);
  ClipJob *jobs[12];

  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++) {
    const ClipFrameInfo info = info_of (WIDTH, HEIGHT);
    jobs[i] = clip_job_new_for_regions (engine, &info, NULL);
    g_assert_nonnull (jobs[i]);
  }
  for (guint round = 0; round < 3; round++) {
    g_autoptr (GError) error = NULL;
    ClipRect rects[G_N_ELEMENTS (jobs)];

    for (guint i = 0; i < G_N_ELEMENTS (jobs); i++) {
      rects[i] = (ClipRect){ 5 * i + 3 * round, 7 * i % 50 + round, 9 + 3 * i + round, 40 - i };
      set_view (jobs[i], &rects[i], CLIP_FIT_AUTO);
    }
    clip_jobs_start (jobs, G_N_ELEMENTS (jobs), texts, &error);
    g_assert_no_error (error);
    for (guint i = 0; i < G_N_ELEMENTS (jobs); i++) {
      float a[DIM] = { 0 }, b[DIM] = { 0 };

      clip_job_wait (jobs[i], NULL, NULL, &error);
      g_assert_no_error (error);
      get_embedding (jobs[i], a);
      set_view (alone, &rects[i], CLIP_FIT_AUTO);
      run (alone, texts, b);
      g_assert_cmpfloat (cosine (a, b), >, 1.0 - 1e-6);
    }
  }
  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++)
    clip_job_free (jobs[i]);
}

#define EDGE 32 /* of the model */
#define SIDE 1000

/* After it regions of any size need no code that is not there. */
static void
test_warm_up (void)
{
  g_autoptr (ClipEngine) engine = fixture_engine (folder, CLIP_PRECISION_FP32);
  if (!engine)
    return;
  g_autoptr (ClipTexts) texts = fixture_texts (engine, "a cat", NULL, FALSE);
  g_autoptr (ClipJob) whole = new_job (engine, SIDE, SIDE); /* the format */
  const ClipFrameInfo info = info_of (SIDE, SIDE);
  const ClipFramePlanes planes = { { frame, frame } }; /* each row the same */
  g_autoptr (GError) error = NULL;
  ClipCancel cancel = 1;

  g_assert_false (clip_engine_warm_up_regions (engine, SIDE, &cancel, &error));
  g_assert_error (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED);
  g_clear_error (&error);
  clip_engine_warm_up_regions (engine, SIDE, NULL, &error);
  g_assert_no_error (error);

  const guint pipelines = clip_gpu_pipeline_count (clip_engine_gpu (engine));
  g_autoptr (ClipJob) job = clip_job_new_for_regions (engine, &info, &error);
  g_assert_no_error (error);
  for (ClipFit fit = CLIP_FIT_AUTO; fit <= CLIP_FIT_LETTERBOX; fit++)
    for (guint side = 5; side < 24 * EDGE; side = side * 5 / 4) {
      const ClipRect rects[] = { { 0, 0, side, 12 }, { 3, 4, 12, side }, { 2, 2, side, side } };
      for (guint i = 0; i < G_N_ELEMENTS (rects); i++) {
        float e[DIM];
        clip_job_set_view (job, &rects[i], fit, &error);
        g_assert_no_error (error);
        clip_job_load (job, &planes);
        run (job, texts, e);
      }
    }
  g_assert_cmpuint (clip_gpu_pipeline_count (clip_engine_gpu (engine)), ==, pipelines);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  int status = 0;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gst-clip-view-XXXXXX", &error);
  g_assert_no_error (error);
  clip_random_model_write (clip_random_model_find ("tiny"), folder, 5, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (frame); i++)
    frame[i] = (guint8)(i % WIDTH * 2 + g_rand_int_range (rand, 0, 20) + i / WIDTH % 7 * 20);
  g_test_add_func ("/view/cut", test_cut);
  g_test_add_func ("/view/fits", test_fits);
  g_test_add_func ("/view/together", test_together);
  g_test_add_func ("/view/warm-up", test_warm_up);
  status = g_test_run ();
  clip_random_model_remove (folder);
  g_free (folder);
  return status;
}
