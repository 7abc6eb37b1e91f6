/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/element/temporal.h"

#include "gst-clip/element/gstclipvalue.h"

GstClipFrameContext
temporal_frame (GstClockTime time)
{
  return (GstClipFrameContext){
    .timestamp = time,
    .stream_time = time,
    .running_time = time,
    .duration = GST_MSECOND,
    .position = time,
    .width = 640,
    .height = 480,
    .region = { .kind = GST_CLIP_REGION_FRAME, .id = -1, .width = 640, .height = 480 },
  };
}

GstClipFrameContext
temporal_track (GstClockTime time, guint64 tracking_id)
{
  GstClipFrameContext frame = temporal_frame (time);

  frame.region = (GstClipRegion){
    .kind = GST_CLIP_REGION_ROI,
    .tracked = TRUE,
    .tracking_id = tracking_id,
    .width = 32,
    .height = 32,
  };
  return frame;
}

GstClipFrameContext
temporal_untracked (GstClockTime time, guint index)
{
  GstClipFrameContext frame = temporal_track (time, 0);

  frame.region.tracked = FALSE;
  frame.region.index = index;
  return frame;
}

static void
ignore_progress (const gchar *code, const gchar *text, guint percent, gpointer data)
{
}

TemporalTexts
temporal_texts_new (const gchar *prompts)
{
  const ClipEngineConfig config = { NULL };
  g_autoptr (ClipPromptSet) set = clip_prompt_set_parse (prompts, NULL, NULL);
  TemporalTexts texts = { clip_engine_open (&config, NULL, ignore_progress, NULL, NULL) };

  texts.texts = clip_texts_new (texts.engine, set, NULL, FALSE, NULL, NULL, NULL, NULL, NULL);
  return texts;
}

void
temporal_texts_free (TemporalTexts *texts)
{
  clip_texts_unref (texts->texts);
  clip_engine_unref (texts->engine);
}

GstClipResult *
temporal_result (const TemporalTexts *texts, const GstClipFrameContext *frame,
                 const float *similarities, gdouble hysteresis, gboolean *accepted)
{
  gdouble scores[16];
  g_autoptr (GError) error = NULL;
  const GstClipScoreParams params = {
    .scoring = CLIP_SCORING_COSINE,
    .logit_scale = 1.0,
    .threshold = 0.5,
    .hysteresis = hysteresis,
    .top_k = 5,
  };
  const GstClipInference inference = {
    .texts = texts->texts,
    .serial = 1,
    .model = "fake-model",
    .similarities = similarities,
    .accepted = accepted,
    .scores = scores,
  };

  GstClipResult *result = gst_clip_result_new ("filter", &inference, &params, frame, &error);
  g_assert_no_error (error);
  return result;
}

gchar *
temporal_accepted (const GstClipResult *result)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < gst_clip_result_n_accepted (result); i++)
    g_string_append_printf (out, "%s%s", i ? "/" : "", gst_clip_result_accepted (result, i, NULL));
  return g_string_free (out, FALSE);
}
