/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** engine/fixture.h: what tests of engines begin with. Each fails the test when it cannot. */
#pragma once

#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

/** fixture_engine: (nullable): NULL, and a skipped test, where there is no device. */
ClipEngine *fixture_engine (const gchar *folder, ClipPrecision precision);

ClipTexts *fixture_texts (ClipEngine *engine, const gchar *prompts, const gchar *negatives,
                          gboolean background);

/** fixture_job: for gray pictures of 64 x 48 pixels; picture @value is loaded. */
ClipJob *fixture_job (ClipEngine *engine, guint8 value);
void fixture_load (ClipJob *job, guint8 value);
/** fixture_picture: the same pixels. */
void fixture_picture (guint8 value, ClipPicture *picture);

G_END_DECLS
