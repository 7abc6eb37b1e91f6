/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclippicture.h"

#include <gst/video/video.h>
#include "gst-clip/element/gstclippicturefile.h"
#include "gst-clip/element/gstclipframe.h"
#include "gst-clip/element/gstclipturn.h"

#define PATIENCE (30 * G_USEC_PER_SEC)
#define POLL     (20 * GST_MSECOND)

/* Decoding --------------------------------------------------------------------- */

typedef struct {
  const gchar *path;
  GstElement *pipeline, *filter, *sink;
  gboolean too_large; /* atomic */
  gchar *orientation; /* nullable: of GST_TAG_IMAGE_ORIENTATION */
} Decoder;

static gboolean
fail (const Decoder *d, const gchar *problem, GError **error)
{
  g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s: %s", d->path, problem);
  return FALSE;
}

/* Notes what the filter behind refuses, before the decoder allocates it. */
static GstPadProbeReturn
note_size (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  Decoder *d = data;
  GstCaps *caps;
  gint width = 0, height = 0;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return GST_PAD_PROBE_OK;
  gst_event_parse_caps (event, &caps);
  gst_structure_get (gst_caps_get_structure (caps, 0), "width", G_TYPE_INT, &width, "height",
                     G_TYPE_INT, &height, NULL);
  if (MAX (width, height) > GST_CLIP_PICTURE_MAX_SIDE)
    g_atomic_int_set (&d->too_large, TRUE);
  return GST_PAD_PROBE_OK;
}

static void
on_pad_added (GstElement *decoder, GstPad *pad, gpointer data)
{
  Decoder *d = data;
  g_autoptr (GstPad) sink = gst_element_get_static_pad (d->filter, "sink");
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);

  if (gst_pad_is_linked (sink)
      || (caps
          && !g_str_has_prefix (gst_structure_get_name (gst_caps_get_structure (caps, 0)),
                                "video/")))
    return;
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, note_size, d, NULL);
  gst_pad_link (pad, sink);
}

static void
on_no_more_pads (GstElement *decoder, gpointer data)
{
  Decoder *d = data;
  g_autoptr (GstPad) sink = gst_element_get_static_pad (d->filter, "sink");

  if (!gst_pad_is_linked (sink))
    gst_element_post_message (
        decoder, gst_message_new_application (GST_OBJECT (decoder),
                                              gst_structure_new_empty ("clip-no-picture")));
}

static GstElement *
add (Decoder *d, const gchar *name)
{
  GstElement *element = gst_element_factory_make (name, NULL);

  if (element)
    gst_bin_add (GST_BIN (d->pipeline), element);
  return element;
}

static gboolean
build (Decoder *d, GError **error)
{
  d->pipeline = gst_pipeline_new (NULL);
  GstElement *source = add (d, "filesrc");
  GstElement *decoder = add (d, "decodebin");

  d->filter = add (d, "capsfilter");
  d->sink = add (d, "fakesink");
  if (!source || !decoder || !d->filter || !d->sink)
    return fail (d,
                 "pictures are decoded by filesrc and decodebin, which are not there: install "
                 "GStreamer's base plugins",
                 error);
  g_autoptr (GstCaps) caps = gst_caps_from_string ("video/x-raw");
  g_autoptr (GstCaps) limits =
      gst_caps_new_simple ("video/x-raw", "width", GST_TYPE_INT_RANGE, 1, GST_CLIP_PICTURE_MAX_SIDE,
                           "height", GST_TYPE_INT_RANGE, 1, GST_CLIP_PICTURE_MAX_SIDE, NULL);
  g_object_set (d->filter, "caps", limits, NULL);
  g_object_set (source, "location", d->path, NULL);
  g_object_set (decoder, "caps", caps, NULL);
  g_object_set (d->sink, "enable-last-sample", TRUE, NULL);
  g_signal_connect (decoder, "pad-added", G_CALLBACK (on_pad_added), d);
  g_signal_connect (decoder, "no-more-pads", G_CALLBACK (on_no_more_pads), d);
  return (gst_element_link (source, decoder) && gst_element_link (d->filter, d->sink))
         || fail (d, "filesrc and decodebin do not fit", error);
}

static void
note_tags (Decoder *d, GstMessage *message)
{
  g_autoptr (GstTagList) tags = NULL;
  gchar *orientation = NULL;

  gst_message_parse_tag (message, &tags);
  if (!gst_tag_list_get_string (tags, GST_TAG_IMAGE_ORIENTATION, &orientation))
    return;
  g_free (d->orientation);
  d->orientation = orientation;
}

static gboolean
fail_by_message (const Decoder *d, GstMessage *message, GError **error)
{
  g_autofree gchar *problem = NULL;
  g_autoptr (GError) cause = NULL;

  if (g_atomic_int_get (&d->too_large))
    return fail (d, GST_CLIP_PICTURE_TOO_LARGE, error);
  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_ERROR)
    return fail (d, "there is no picture in it", error);
  gst_message_parse_error (message, &cause, NULL);
  problem = g_strdup_printf ("not a picture that GStreamer can decode here: %s", cause->message);
  return fail (d, problem, error);
}

/* Until the first picture has arrived. */
static gboolean
wait_for_picture (Decoder *d, const ClipCancel *cancel, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (d->pipeline);
  const gint64 end = g_get_monotonic_time () + PATIENCE;

  while (g_get_monotonic_time () < end) {
    g_autoptr (GstMessage) message =
        gst_bus_timed_pop_filtered (bus, POLL,
                                    GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_ASYNC_DONE
                                        | GST_MESSAGE_TAG | GST_MESSAGE_APPLICATION);
    if (cancel && g_atomic_int_get (cancel)) {
      g_set_error_literal (error, CLIP_ENGINE_ERROR, CLIP_ENGINE_ERROR_CANCELLED, "cancelled");
      return FALSE;
    }
    if (!message)
      continue;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ASYNC_DONE)
      return TRUE;
    if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_TAG)
      return fail_by_message (d, message, error);
    note_tags (d, message);
  }
  return fail (d, "it took longer than half a minute to decode", error);
}

/* (transfer full) (nullable) */
static GstSample *
decode (Decoder *d, const ClipCancel *cancel, GError **error)
{
  GstSample *sample = NULL;

  if (build (d, error)) {
    gst_element_set_state (d->pipeline, GST_STATE_PAUSED);
    if (wait_for_picture (d, cancel, error)) {
      g_object_get (d->sink, "last-sample", &sample, NULL);
      if (!sample)
        fail (d, "there is no picture in it", error);
    }
  }
  gst_element_set_state (d->pipeline, GST_STATE_NULL);
  gst_object_unref (d->pipeline);
  return sample;
}

/* Pixels ----------------------------------------------------------------------- */

/* Owner of a ClipPicture's memory. */
typedef struct {
  GstVideoFrame frame;
  GstBuffer *buffer;
} Pixels;

static void
pixels_free (gpointer data)
{
  Pixels *pixels = data;

  gst_video_frame_unmap (&pixels->frame);
  gst_buffer_unref (pixels->buffer);
  g_free (pixels);
}

/* @buffer: (transfer full). FALSE when it cannot be mapped or its format not be read. */
static gboolean
give (GstBuffer *buffer, const GstVideoInfo *info, ClipPicture *picture)
{
  Pixels *pixels = g_new0 (Pixels, 1);

  pixels->buffer = buffer;
  if (!gst_clip_frame_info_from_video (info, &picture->info)
      || !gst_video_frame_map (&pixels->frame, info, buffer, GST_MAP_READ)) {
    gst_buffer_unref (buffer);
    g_free (pixels);
    return FALSE;
  }
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (&pixels->frame); i++) {
    picture->planes.data[i] = GST_VIDEO_FRAME_PLANE_DATA (&pixels->frame, i);
    picture->planes.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (&pixels->frame, i);
  }
  picture->owner = pixels;
  picture->release = pixels_free;
  return TRUE;
}

/* (transfer full) (nullable): @rgb: (out) */
static GstBuffer *
to_rgb (GstBuffer *buffer, const GstVideoInfo *info, GstVideoInfo *rgb)
{
  GstVideoConverter *converter;
  GstVideoFrame in, out;
  GstBuffer *result;

  gst_video_info_set_format (rgb, GST_VIDEO_FORMAT_RGB, info->width, info->height);
  rgb->par_n = info->par_n;
  rgb->par_d = info->par_d;
  converter = gst_video_converter_new (info, rgb, NULL);
  if (!converter)
    return NULL;
  result = gst_buffer_new_allocate (NULL, rgb->size, NULL);
  gboolean mapped = gst_video_frame_map (&in, info, buffer, GST_MAP_READ);
  if (mapped && gst_video_frame_map (&out, rgb, result, GST_MAP_WRITE)) {
    gst_video_converter_frame (converter, &in, &out);
    gst_video_frame_unmap (&out);
  } else {
    gst_clear_buffer (&result);
  }
  if (mapped)
    gst_video_frame_unmap (&in);
  gst_video_converter_free (converter);
  return result;
}

/* As RGB and upright. (transfer full) (nullable): @upright: (out) */
static GstBuffer *
make_upright (GstBuffer *buffer, const GstVideoInfo *info, GstVideoOrientationMethod turn,
              GstVideoInfo *upright)
{
  GstVideoInfo rgb;
  GstBuffer *plain = to_rgb (buffer, info, &rgb);

  if (!plain || turn == GST_VIDEO_ORIENTATION_IDENTITY) {
    *upright = rgb;
    return plain;
  }
  GstBuffer *turned = gst_clip_turn (plain, &rgb, turn, upright);
  gst_buffer_unref (plain);
  return turned;
}

static gboolean
use_sample (const Decoder *d, GstSample *sample, ClipPicture *picture, GError **error)
{
  GstVideoOrientationMethod turn = GST_VIDEO_ORIENTATION_IDENTITY;
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstCaps *caps = gst_sample_get_caps (sample);
  GstVideoInfo info, upright;

  if (!buffer || !caps || !gst_video_info_from_caps (&info, caps))
    return fail (d, "there is no picture in it", error);
  if (d->orientation) {
    g_autoptr (GstTagList) tags =
        gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, d->orientation, NULL);
    gst_video_orientation_from_tag (tags, &turn);
  }
  if (turn == GST_VIDEO_ORIENTATION_IDENTITY
      && gst_clip_frame_info_from_video (&info, &picture->info)) {
    upright = info;
    gst_buffer_ref (buffer);
  } else {
    buffer = make_upright (buffer, &info, turn, &upright);
  }
  return (buffer && give (buffer, &upright, picture))
         || fail (d, "its pixels cannot be read", error);
}

gboolean
gst_clip_picture_read (const gchar *path, const ClipCancel *cancel, ClipPicture *picture,
                       GError **error)
{
  Decoder d = { .path = path };
  g_autoptr (GstSample) sample = NULL;
  gboolean ok = FALSE;

  if (!gst_clip_picture_file_check (path, &d.orientation, error))
    return FALSE;
  sample = decode (&d, cancel, error);
  if (sample)
    ok = use_sample (&d, sample, picture, error);
  g_free (d.orientation);
  return ok;
}
