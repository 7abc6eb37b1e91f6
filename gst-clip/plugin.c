/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plugin: registers elements and the meta. Nothing here or in a class_init touches Vulkan:
 * a driver that crashes must not do so in the registry scanner. */
#include "gst-clip/element/gstclipfilter.h"
#include "gst-clip/element/gstclipmeta.h"
#ifdef HAVE_OVERLAY
#include "gst-clip/element/gstclipoverlay.h"
#endif

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean done = gst_clip_meta_register () && GST_ELEMENT_REGISTER (clipfilter, plugin);

#ifdef HAVE_OVERLAY
  done = done && GST_ELEMENT_REGISTER (clipoverlay, plugin);
#endif
  return done;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, clip,
                   "CLIP zero-shot labels for video, in Vulkan compute shaders", plugin_init,
                   PACKAGE_VERSION, "LGPL", "gst-clip", GST_PACKAGE_ORIGIN)
