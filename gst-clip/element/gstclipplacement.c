/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipplacement.h"

/* Pixels are whole: what shares less than one only touches. */
static gboolean
overlap (const GstClipBox *a, const GstClipBox *b)
{
  return a->x + a->width >= b->x + 1 && b->x + b->width >= a->x + 1 && a->y + a->height >= b->y + 1
         && b->y + b->height >= a->y + 1;
}

static gboolean
is_free (const GstClipBox *panel, const GArray *taken)
{
  for (guint i = 0; i < taken->len; i++)
    if (overlap (panel, &g_array_index (taken, GstClipBox, i)))
      return FALSE;
  return TRUE;
}

void
gst_clip_place_beside (GstClipBox *panel, const GstClipBox *region, gdouble frame_width,
                       gdouble frame_height, const GArray *taken)
{
  /* Inside, the bottom goes before the top: that of a person or a face says more. */
  const gdouble places[] = {
    region->y - panel->height,
    region->y + region->height,
    region->y + region->height - panel->height,
    region->y,
  };
  gdouble fallback = 0;
  gboolean fits = FALSE;

  panel->x = MAX (MIN (region->x, frame_width - panel->width), 0);
  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    if (places[i] < 0 || places[i] + panel->height > frame_height)
      continue;
    panel->y = places[i];
    if (is_free (panel, taken))
      return;
    if (!fits)
      fallback = places[i];
    fits = TRUE;
  }
  panel->y = fallback;
}
