/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "gst-clip/engine/engine.h"

/* Largest of the logits, so that exp () never overflows. */
static gdouble
max_logit (gdouble scale, const float *cosines, guint n, gdouble start)
{
  gdouble max = start;

  for (guint i = 0; i < n; i++)
    max = MAX (max, scale * cosines[i]);
  return max;
}

static gdouble
sum_exp (gdouble scale, const float *cosines, guint n, gdouble max)
{
  gdouble sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += exp (scale * cosines[i] - max);
  return sum;
}

static void
score_softmax (gdouble scale, const float *sims, guint n, const float *negatives, guint n_negatives,
               gdouble *scores)
{
  gdouble max = max_logit (scale, sims, n, -G_MAXDOUBLE);
  gdouble sum = 0.0;

  max = max_logit (scale, negatives, n_negatives, max);
  for (guint i = 0; i < n; i++)
    sum += scores[i] = exp (scale * sims[i] - max);
  sum += sum_exp (scale, negatives, n_negatives, max);
  for (guint i = 0; i < n; i++)
    scores[i] /= sum;
}

/* Softmax of each label alone against everything that it is not. */
static void
score_contrast (gdouble scale, const float *sims, guint n, const float *others, guint n_others,
                gdouble *scores)
{
  gdouble others_max = max_logit (scale, others, n_others, -G_MAXDOUBLE);
  /* Once for all labels; for those above all others it is scaled down. */
  gdouble others_sum = sum_exp (scale, others, n_others, others_max);

  for (guint i = 0; i < n; i++) {
    gdouble logit = scale * sims[i];

    if (logit > others_max) {
      scores[i] = 1.0 / (1.0 + others_sum * exp (others_max - logit));
    } else {
      gdouble own = exp (logit - others_max);
      scores[i] = own / (own + others_sum);
    }
  }
}

void
clip_score (ClipScoring scoring, gdouble scale, gdouble bias, const float *similarities, guint n,
            const float *negatives, guint n_negatives, guint n_background, gdouble *scores)
{
  if (scoring == CLIP_SCORING_AUTO)
    scoring = n == 1 ? CLIP_SCORING_CONTRAST : CLIP_SCORING_SOFTMAX;

  switch (scoring) {
  case CLIP_SCORING_CONTRAST:
    score_contrast (scale, similarities, n, negatives, n_negatives + n_background, scores);
    break;
  case CLIP_SCORING_COSINE:
    for (guint i = 0; i < n; i++)
      scores[i] = CLAMP ((1.0 + similarities[i]) / 2.0, 0.0, 1.0);
    break;
  case CLIP_SCORING_SIGMOID:
    for (guint i = 0; i < n; i++)
      scores[i] = 1.0 / (1.0 + exp (-scale * similarities[i] - bias));
    break;
  default:
    score_softmax (scale, similarities, n, negatives, n_negatives, scores);
    break;
  }
}

gdouble
clip_scoring_default_threshold (ClipScoring scoring, guint n_labels)
{
  switch (scoring) {
  case CLIP_SCORING_COSINE:
    /* A cosine of 0.25: what OpenAI's models give a caption that fits. */
    return 0.625;
  case CLIP_SCORING_SIGMOID:
    /* SigLIP saw thousands of wrong texts for each right one: what fits gets 0.1 to 0.5 (0.32 for the
     * caption of transformers' example), what does not 0.0001. */
    return 0.1;
  default:
    return 0.5;
  }
}
