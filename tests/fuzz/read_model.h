/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** tests/fuzz/read_model.h: reads every weight of a model, as the engine would. */
#pragma once

#include "gst-clip/engine/model.h"

G_BEGIN_DECLS

/** fuzz_read_model: all tensors that a ViT of this configuration needs, in pieces. */
gboolean fuzz_read_model (const ClipModel *model, GError **error);

G_END_DECLS
