/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/picture_prompts.h: wordings that are pictures (`image:PATH`). How files become pixels is the
 * business of whoever uses the engine, see clip_set_picture_reader().
 */
#pragma once

#include "gst-clip/engine/engine.h"

G_BEGIN_DECLS

/**
 * clip_picture_prompts_encode: reads and encodes the pictures of both sets that the engine's cache does not
 * know: by path, size and time of change of the file.
 * @negatives: (nullable)
 * Returns: (transfer full): wording -> float[projection], L2-normalised; NULL with an error that names
 * label and path. Blocks; it is not the caller's turn (clip_text_turn_begin()).
 */
GHashTable *clip_picture_prompts_encode (ClipEngine *engine, const ClipPromptSet *prompts,
                                         const ClipPromptSet *negatives, const ClipCancel *cancel,
                                         GError **error);

G_END_DECLS
