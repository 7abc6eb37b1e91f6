/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scores from cosines: formulas, limits, hostile values. */
#include <math.h>

#include "gst-clip/engine/engine.h"

#define assert_near(a, b) g_assert_true (fabs ((a) - (b)) <= 1e-12)

static void
test_softmax (void)
{
  const float sims[] = { 0.30f, 0.20f, 0.25f };
  gdouble scores[3], sum = 0.0, want = 0.0;

  clip_score (CLIP_SCORING_SOFTMAX, 100.0, 0.0, sims, 3, NULL, 0, 0, scores);
  for (guint i = 0; i < 3; i++)
    sum += scores[i];
  assert_near (sum, 1.0);
  want =
      1.0 / (1.0 + exp (100.0 * ((gdouble)0.20f - 0.30f)) + exp (100.0 * ((gdouble)0.25f - 0.30f)));
  assert_near (scores[0], want);
  clip_score (CLIP_SCORING_AUTO, 100.0, 0.0, sims, 3, NULL, 0, 0, scores);
  assert_near (scores[0], want);
}

static void
test_negatives (void)
{
  const float sims[] = { 0.2f, 0.2f };
  const float negatives[] = { 0.2f, 0.2f };
  gdouble scores[2];

  clip_score (CLIP_SCORING_SOFTMAX, 50.0, 0.0, sims, 2, negatives, 2, 0, scores);
  assert_near (scores[0], 0.25);
  /* The background set is not part of softmax. */
  clip_score (CLIP_SCORING_SOFTMAX, 50.0, 0.0, sims, 2, negatives, 0, 2, scores);
  assert_near (scores[0], 0.5);
}

static void
test_contrast (void)
{
  const float both[] = { 0.9f, 0.9f }, none[] = { -0.9f, -0.9f };
  const float others[] = { 0.1f, 0.0f, -0.1f };
  gdouble scores[2];

  /* Labels do not push each other down. */
  clip_score (CLIP_SCORING_CONTRAST, 100.0, 0.0, both, 2, others, 1, 2, scores);
  g_assert_cmpfloat (scores[0], >, 0.999);
  g_assert_cmpfloat (scores[1], >, 0.999);
  /* And "none of these" is an answer. */
  clip_score (CLIP_SCORING_CONTRAST, 100.0, 0.0, none, 2, others, 1, 2, scores);
  g_assert_cmpfloat (scores[0], <, 1e-6);
  /* One label: softmax would always say 1. */
  clip_score (CLIP_SCORING_AUTO, 100.0, 0.0, none, 1, others, 1, 2, scores);
  g_assert_cmpfloat (scores[0], <, 1e-6);
}

static void
test_limits (void)
{
  const float sims[] = { 1.0f, -1.0f };
  gdouble scores[2];
  const ClipScoring all[] = { CLIP_SCORING_SOFTMAX, CLIP_SCORING_CONTRAST, CLIP_SCORING_COSINE,
                              CLIP_SCORING_SIGMOID };

  /* A scale that overflows exp () must not reach the result. */
  for (guint s = 0; s < G_N_ELEMENTS (all); s++) {
    clip_score (all[s], 1e6, 0.0, sims, 2, sims, 1, 1, scores);
    for (guint i = 0; i < 2; i++) {
      g_assert_true (isfinite (scores[i]));
      g_assert_cmpfloat (scores[i], >=, 0.0);
      g_assert_cmpfloat (scores[i], <=, 1.0);
    }
    g_assert_cmpfloat (scores[0], >, scores[1]);
  }
}

/* google/siglip-base-patch16-224 on two cats: 31.9 % for the right caption. */
static void
test_sigmoid (void)
{
  const float sims[] = { 0.1024f, 0.0208f };
  const gdouble scale = 117.3308, bias = -12.9324;
  gdouble scores[2];

  clip_score (CLIP_SCORING_SIGMOID, scale, bias, sims, 2, NULL, 0, 0, scores);
  for (guint i = 0; i < 2; i++)
    assert_near (scores[i], 1.0 / (1.0 + exp (-(scale * sims[i] + bias))));
  g_assert_cmpfloat (scores[0], >, clip_scoring_default_threshold (CLIP_SCORING_SIGMOID, 2));
  g_assert_cmpfloat (scores[1], <, 1e-3);
}

/* Scores of @scoring for the labels "a;p=image:/1;b;q=image:/2" and given negatives. */
static void
score_mixed (ClipScoring scoring, const gchar *negatives, const float *others, guint n_background,
             gdouble *scores, gdouble *thresholds)
{
  static const float sims[] = { 0.2f, 0.9f, 0.3f, 0.8f };
  g_autoptr (ClipPromptSet) labels =
      clip_prompt_set_parse ("a;p=image:/1;b;q=image:/2", NULL, NULL);
  g_autoptr (ClipPromptSet) not_these = clip_prompt_set_parse (negatives, NULL, NULL);
  const ClipScoreSet set = {
    .scoring = scoring,
    .scale = 10.0,
    .prompts = labels,
    .negatives = not_these,
    .n_background = n_background,
    .similarities = sims,
    .others = others,
  };

  clip_score_set (&set, scores);
  for (guint i = 0; i < 2; i++)
    thresholds[i] = clip_score_set_threshold (&set, i);
}

/* Pictures compete with pictures and texts with texts. */
static void
test_pictures (void)
{
  const float none[] = { 0.1f, 0.0f }, both[] = { 0.25f, 0.7f, 0.1f, 0.0f };
  gdouble scores[4], thresholds[2];

  score_mixed (CLIP_SCORING_AUTO, "", none, 0, scores, thresholds);
  assert_near (scores[0], 1.0 / (1.0 + exp (10.0 * ((gdouble)0.3f - 0.2f))));
  assert_near (scores[1], 1.0 / (1.0 + exp (10.0 * ((gdouble)0.8f - 0.9f))));
  assert_near (scores[0] + scores[2], 1.0);
  assert_near (scores[1] + scores[3], 1.0);
  g_assert_cmpfloat (thresholds[0], ==, 0.5);
  g_assert_cmpfloat (thresholds[1], ==, 0.5);

  /* A negative of each kind, and a background of two texts. */
  score_mixed (CLIP_SCORING_CONTRAST, "n;m=image:/3", both, 2, scores, thresholds);
  assert_near (scores[3], 1.0 / (1.0 + exp (10.0 * ((gdouble)0.7f - 0.8f))));
  assert_near (scores[0],
               exp (10.0 * 0.2f)
                   / (exp (10.0 * 0.2f) + exp (10.0 * 0.25f) + exp (10.0 * 0.1f) + exp (0.0)));
  g_assert_cmpfloat (thresholds[1], ==, 0.5);

  /* Without a picture among the negatives there is nothing to contrast pictures with. */
  score_mixed (CLIP_SCORING_CONTRAST, "n", both, 0, scores, thresholds);
  assert_near (scores[1], (1.0 + 0.9f) / 2.0);
  g_assert_cmpfloat (thresholds[0], ==, 0.5);
  g_assert_cmpfloat (thresholds[1], ==, 0.9);
  score_mixed (CLIP_SCORING_SIGMOID, "m=image:/3", both, 0, scores, thresholds);
  assert_near (scores[3], (1.0 + 0.8f) / 2.0);
  g_assert_cmpfloat (thresholds[1], ==, 0.9);
  score_mixed (CLIP_SCORING_COSINE, "", none, 0, scores, thresholds);
  assert_near (scores[2], (1.0 + 0.3f) / 2.0);
  g_assert_cmpfloat (thresholds[0], ==, 0.625);
}

/* What the model's folder says of contrast is for texts, and for contrast. */
static void
test_threshold (void)
{
  g_autoptr (ClipPromptSet) one = clip_prompt_set_parse ("a", NULL, NULL);
  g_autoptr (ClipPromptSet) two = clip_prompt_set_parse ("a;b", NULL, NULL);
  g_autoptr (ClipPromptSet) none = clip_prompt_set_parse ("", NULL, NULL);
  ClipScoreSet set = { .prompts = one, .negatives = none, .n_background = 2 };

  g_assert_cmpfloat (clip_score_set_threshold (&set, FALSE), ==, 0.5);
  set.contrast_threshold = 0.2;
  g_assert_cmpfloat (clip_score_set_threshold (&set, FALSE), ==, 0.2); /* AUTO, one label */
  g_assert_cmpfloat (clip_score_set_threshold (&set, TRUE), !=, 0.2);
  set.prompts = two;
  g_assert_cmpfloat (clip_score_set_threshold (&set, FALSE), ==, 0.5); /* softmax */
  set.scoring = CLIP_SCORING_CONTRAST;
  g_assert_cmpfloat (clip_score_set_threshold (&set, FALSE), ==, 0.2);
  set.scoring = CLIP_SCORING_COSINE;
  g_assert_cmpfloat (clip_score_set_threshold (&set, FALSE), ==, 0.625);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/score/softmax", test_softmax);
  g_test_add_func ("/score/negatives", test_negatives);
  g_test_add_func ("/score/contrast", test_contrast);
  g_test_add_func ("/score/sigmoid", test_sigmoid);
  g_test_add_func ("/score/limits", test_limits);
  g_test_add_func ("/score/pictures", test_pictures);
  g_test_add_func ("/score/threshold", test_threshold);
  return g_test_run ();
}
