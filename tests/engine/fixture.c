/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/engine/fixture.h"

#include "tests/common/device.h"

#define WIDTH  64
#define HEIGHT 48

ClipEngine *
fixture_engine (const gchar *folder, ClipPrecision precision)
{
  const ClipEngineConfig config = { folder, NULL, precision };

  return clip_test_engine (&config);
}

ClipTexts *
fixture_texts (ClipEngine *engine, const gchar *prompts, const gchar *negatives,
               gboolean background)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_parse (prompts, NULL, &error);
  g_autoptr (ClipPromptSet) not_set = clip_prompt_set_parse (negatives, NULL, NULL);
  ClipTexts *texts =
      clip_texts_new (engine, set, not_set, background, NULL, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return texts;
}

static const ClipFrameInfo info = {
  CLIP_PIXEL_GRAY8, WIDTH, HEIGHT, 1, 1, CLIP_MATRIX_BT601, TRUE
};

void
fixture_picture (guint8 value, ClipPicture *picture)
{
  guint8 *pixels = g_malloc (WIDTH * HEIGHT);

  for (guint i = 0; i < WIDTH * HEIGHT; i++)
    pixels[i] = value + i * (1 + value % 5);
  *picture = (ClipPicture){
    .info = info,
    .planes = { { pixels }, { WIDTH } },
    .owner = pixels,
    .release = g_free,
  };
}

void
fixture_load (ClipJob *job, guint8 value)
{
  ClipPicture picture;

  fixture_picture (value, &picture);
  clip_job_load (job, &picture.planes);
  picture.release (picture.owner);
}

ClipJob *
fixture_job (ClipEngine *engine, guint8 value)
{
  g_autoptr (GError) error = NULL;
  ClipJob *job = clip_job_new (engine, &info, &error);

  g_assert_no_error (error);
  fixture_load (job, value);
  return job;
}
