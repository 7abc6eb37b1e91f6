/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scores of a set in which pictures and texts may be. Cosines between pictures and cosines between a
 * picture and a text lie in ranges that hardly overlap (the modality gap: Liang et al., "Mind the
 * Gap", 2022), so that labels only compete with those of their own kind. */
#include "gst-clip/engine/engine.h"

#include <string.h>

/* A cosine of 0.8: between two pictures of the same thing rather than of the same sort of thing. */
#define PICTURE_THRESHOLD 0.9

static guint
count (const ClipPromptSet *set, gboolean pictures)
{
  const guint n_pictures = set ? clip_prompt_set_n_pictures (set) : 0;

  return pictures ? n_pictures : set ? clip_prompt_set_size (set) - n_pictures : 0;
}

/* Pictures have no background set to contrast with, and sigmoid was learnt between pictures and
 * texts. */
static ClipScoring
resolve (ClipScoring scoring, gboolean pictures, guint n_labels, guint n_negatives)
{
  if (scoring == CLIP_SCORING_AUTO && n_labels == 1)
    scoring = CLIP_SCORING_CONTRAST;
  if (pictures
      && (scoring == CLIP_SCORING_SIGMOID
          || (scoring == CLIP_SCORING_CONTRAST && n_negatives == 0)))
    return CLIP_SCORING_COSINE;
  return scoring;
}

/* Those of one kind, in their order. Returns: how many. */
static guint
pick (const ClipPromptSet *set, gboolean pictures, const float *values, float *out)
{
  guint n = 0;

  for (guint i = 0; set && i < clip_prompt_set_size (set); i++)
    if (clip_prompt_set_get (set, i)->pictures == pictures)
      out[n++] = values[i];
  return n;
}

static void
score_kind (const ClipScoreSet *s, gboolean pictures, gdouble *scores)
{
  const guint n = count (s->prompts, pictures);
  const guint n_negatives = count (s->negatives, pictures);
  const guint n_all_negatives = s->negatives ? clip_prompt_set_size (s->negatives) : 0;
  const guint n_background = pictures ? 0 : s->n_background;
  g_autofree float *own = g_new (float, n + 1);
  g_autofree float *others = g_new (float, n_negatives + n_background + 1);
  g_autofree gdouble *result = g_new (gdouble, n + 1);
  guint next = 0;

  pick (s->prompts, pictures, s->similarities, own);
  pick (s->negatives, pictures, s->others, others);
  if (n_background > 0)
    memcpy (others + n_negatives, s->others + n_all_negatives, n_background * sizeof *others);
  clip_score (resolve (s->scoring, pictures, n, n_negatives), s->scale, s->bias, own, n, others,
              n_negatives, n_background, result);
  for (guint i = 0; i < clip_prompt_set_size (s->prompts); i++)
    if (clip_prompt_set_get (s->prompts, i)->pictures == pictures)
      scores[i] = result[next++];
}

void
clip_score_set (const ClipScoreSet *s, gdouble *scores)
{
  if (count (s->prompts, TRUE) == 0 && count (s->negatives, TRUE) == 0) {
    clip_score (s->scoring, s->scale, s->bias, s->similarities, clip_prompt_set_size (s->prompts),
                s->others, count (s->negatives, FALSE), s->n_background, scores);
    return;
  }
  if (count (s->prompts, FALSE) > 0)
    score_kind (s, FALSE, scores);
  if (count (s->prompts, TRUE) > 0)
    score_kind (s, TRUE, scores);
}

gdouble
clip_score_set_threshold (const ClipScoreSet *s, gboolean pictures)
{
  const guint n = count (s->prompts, pictures);
  const ClipScoring scoring = resolve (s->scoring, pictures, n, count (s->negatives, pictures));

  if (pictures && scoring == CLIP_SCORING_COSINE)
    return PICTURE_THRESHOLD;
  if (!pictures && scoring == CLIP_SCORING_CONTRAST && s->contrast_threshold > 0.0)
    return s->contrast_threshold;
  return clip_scoring_default_threshold (scoring, n);
}
